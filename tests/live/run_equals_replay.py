#!/usr/bin/env python3
"""The report of a live run equals that of a replay of the same packets: see README.md.

Postfix's smtp-source sends to its smtp-sink in network namespaces; `backscatterd run` watches by
each way of capturing, tcpdump writes the same packets beside it, and `backscatterd replay` reads
what it wrote. Exit code 0: all were equal; 1: some were not; 77: this cannot run here (with
BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import argparse
import json
import os
import pathlib
import signal
import subprocess
import time

import sandbox
import servers
import verdicts

_INSIDE = "BACKSCATTER_LIVE_INSIDE"
_SKIPPED = 77
GATEWAY, SENDER = "203.0.113.25", "192.0.2.10"
SETTINGS = ["--config.file", "/dev/null", "--set", "local.networks=[203.0.113.0/24]",
            "--set", "sent.min_history=0s"]
WAYS = {"pcap": ("--source", "pcap"),
        "bpf-tcx": ("--source", "bpf", "--set", "bpf.attach=tcx"),
        "bpf-clsact": ("--source", "bpf", "--set", "bpf.attach=clsact")}
# What is sent: flags of smtp-source, and the part of all messages.
LOADS = ((["-f", "", "-N", "-t", "user@ours.example"], 0.5),
         (["-f", "ann@sender.example", "-t", "user@ours.example"], 0.3),
         (["-f", "", "-N", "-r", "3", "-t", "team@ours.example"], 0.1),
         (["-f", "ann@sender.example", "-d", "-t", "user@ours.example"], 0.1))
# Where the host is too busy to take every packet, nothing can be equal: then it is tried again with
# less. What was lost is counted; a run that loses the least load has failed.
ATTEMPTS = (1, 4, 16)
COMPARED = ("sessions", "transactions", "recipients", "verdicts", "targets", "sources", "domains",
            "emitted")


def comparable(report):
    """What both must agree on, without what tells when something was seen."""
    kept = {key: report[key] for key in COMPARED}
    for rows in (kept["targets"], kept["sources"]):
        for row in rows:
            row.pop("first", None)
            row.pop("last", None)
    return kept


def differences(live, replayed):
    for key in COMPARED:
        if live[key] == replayed[key]:
            continue
        if not isinstance(live[key], list):
            yield f"{key}: live {live[key]}, replay {replayed[key]}"
            continue
        pairs = zip(live[key], replayed[key])
        first = next(((a, b) for a, b in pairs if a != b), "one is longer")
        yield f"{key}: {len(live[key])} and {len(replayed[key])} rows, first difference {first}"


class Live:
    """`backscatterd run` on the gateway; refused: why it could not begin, or None."""

    def __init__(self, agent, host, way, output):
        self.report = output / f"{way}.json"
        self._log = output / f"{way}.log"
        self._process = host.start(
            agent, "run", *SETTINGS, *WAYS[way], "--interface", "eth0", "--set", "sent.file=",
            "--report", self.report, stderr=open(self._log, "wb"))
        servers.wait_for(lambda: b"msg=capturing" in self._log.read_bytes() or
                         self._process.poll() is not None, "the agent to begin", 30)
        self.refused = None if self._process.poll() is None else self._log.read_text().strip()

    def rights(self):
        """Effective capabilities of each of its threads."""
        # nsenter becomes the agent: the process is the same.
        tasks = pathlib.Path(f"/proc/{self._process.pid}/task").iterdir()
        return {line.split()[1] for task in tasks
                for line in (task / "status").read_text().splitlines()
                if line.startswith("CapEff:")}

    def end(self):
        start = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        return code, time.monotonic() - start


class Lost(Exception):
    """Packets, by the agent or by tcpdump: there is nothing to compare."""


def play(agent, way, messages, gateway, sender, output):
    """One way of capturing. Returns (what is wrong, why it was skipped); raises Lost."""
    packets = output / f"{way}-{messages}.pcap"
    capture = verdicts.Capture(gateway, packets)
    live = Live(agent, gateway, way, output)
    if live.refused is not None:
        capture.end()
        return [], live.refused
    rights = live.rights()
    start = time.monotonic()
    for flags, part in LOADS:
        source = sender.start("smtp-source", "-s", "8", "-l", "4000", "-m",
                              max(1, int(messages * part)), *flags, f"{GATEWAY}:25")
        if source.wait(300) != 0:
            raise RuntimeError("smtp-source failed: " + (sender.directory / "output").read_text())
    took = time.monotonic() - start
    time.sleep(1)
    code, end_took = live.end()
    try:
        capture.end()
    except RuntimeError as lost:
        raise Lost(str(lost)) from None
    replay = subprocess.run([agent, "replay", *SETTINGS, "--format", "json", packets],
                            capture_output=True, check=True)
    lived = json.loads(live.report.read_text())
    lost = {key: n for key, n in lived["losses"].items() if key.startswith(("source.", "kernel.ring",
                                                                            "queue."))}
    if lost:
        raise Lost(f"run lost {lost}")
    wrong = list(differences(comparable(lived), comparable(json.loads(replay.stdout))))
    if code != 0:
        wrong.append(f"run ended with {code}")
    if end_took >= 3:
        wrong.append(f"it took {end_took:.1f} s to end")
    if way != "bpf-clsact" and rights != {"0000000000000000"}:
        wrong.append(f"it kept capabilities with a list of interfaces: {rights}")
    print(f"{way}: {lived['sessions']['total']} sessions in {took:.1f} s, "
          f"{lived['transactions']['null_sender_recipients']} null-sender recipients, "
          f"ended in {end_took:.2f} s: " + ("equal" if not wrong else "NOT EQUAL"), flush=True)
    return wrong, None


def play_without_loss(agent, way, messages, gateway, sender, output):
    for part in ATTEMPTS:
        try:
            return play(agent, way, messages // part, gateway, sender, output)
        except Lost as lost:
            said = f"{way}: {messages // part} messages: {lost}"
            print(said, flush=True)
    return [said], None


def inside(options):
    output = pathlib.Path(options.output) / "run_equals_replay"
    output.mkdir(parents=True, exist_ok=True)
    sandbox.close_in(pathlib.Path(options.servers) / "tree", {GATEWAY: "mx.ours.example"}, output)
    gateway = sandbox.Host("gateway", GATEWAY)
    sender = sandbox.Host("sender", SENDER)
    gateway.start("smtp-sink", "-u", "postfix", f"{GATEWAY}:25", "256")
    def answers():
        try:
            sender.connect(GATEWAY, 25).close()
            return True
        except OSError:
            return False
    servers.wait_for(answers, "smtp-sink", 30)
    failed, ran = False, 0
    for way in WAYS:
        wrong, skipped = play_without_loss(options.agent, way, options.messages, gateway, sender,
                                           output)
        ran += skipped is None
        if skipped is not None:
            print(f"skipped: {way}: {skipped}", flush=True)
        for line in wrong:
            print(f"  {line}", flush=True)
        failed = failed or bool(wrong)
    if failed:
        return 1
    return 0 if ran else _SKIPPED


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--agent", required=True)
    parser.add_argument("--servers", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--messages", type=int, default=4000)
    options = parser.parse_args()
    if os.environ.get(_INSIDE):
        return inside(options)
    why = verdicts.obstacle(pathlib.Path(options.servers) / "tree")
    if why is not None:
        print(f"skipped: {why}")
        return 1 if os.environ.get("BACKSCATTER_LIVE") == "required" else _SKIPPED
    environment = dict(os.environ, **{_INSIDE: "1"})
    return subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
                           "--mount-proc", sys.executable, *sys.argv],
                          env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
