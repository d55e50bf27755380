"""`backscatterd run` on a host of the sandbox; what its report has in common with a replay's."""

import json
import pathlib
import signal
import subprocess
import time

import servers

SETTINGS = ("--config.file", "/dev/null", "--set", "local.networks=[203.0.113.0/24]",
            "--set", "sent.min_history=0s")
WAYS = {"pcap": ("--source", "pcap"),
        "bpf-tcx": ("--source", "bpf", "--set", "bpf.attach=tcx"),
        "bpf-clsact": ("--source", "bpf", "--set", "bpf.attach=clsact")}
NO_RIGHTS = {"0000000000000000"}
_COMPARED = ("sessions", "transactions", "recipients", "verdicts", "targets", "sources", "domains",
             "emitted")
_LOST = ("source.", "kernel.ring", "queue.")


class Lost(Exception):
    """Packets, by the agent or by tcpdump: there is nothing to compare."""


class Agent:
    """`backscatterd run`; refused: why it could not begin, or None.

    Several may run on one host, so that each serves on a port that is free; `flags` may say
    otherwise.
    """

    def __init__(self, agent, host, name, output, *flags, settings=SETTINGS,
                 interfaces=("eth0",)):
        self.name = name
        self._report = output / f"{name}.json"
        self._log = output / f"{name}.log"
        named = [part for interface in interfaces for part in ("--interface", interface)]
        # nsenter becomes the agent: the process is the same.
        if not any("--web.listen-address" in str(flag) for flag in flags):
            flags += ("--web.listen-address", "127.0.0.1:0")
        self._process = host.start(agent, "run", *settings, *flags, *named, "--set", "sent.file=",
                                   "--set", "detection.file=", "--set", "labels.names_file=",
                                   "--set", f"labels.key_file={output / name}.label.key",
                                   "--report", self._report, stderr=open(self._log, "wb"))
        servers.wait_for(lambda: "msg=capturing" in self.log() or not self.alive(),
                         f"{name} to begin", 30)
        self.refused = None if self.alive() else self.log().strip()

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        return self._log.read_text(errors="replace")

    def alive(self):
        return self._process.poll() is None

    def rights(self):
        """Effective capabilities of each of its threads."""
        tasks = pathlib.Path(f"/proc/{self.pid}/task").iterdir()
        return {line.split()[1] for task in tasks
                for line in (task / "status").read_text().splitlines()
                if line.startswith("CapEff:")}

    def most_memory(self):
        """Bytes that were resident at the most (VmHWM)."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmHWM")

    def signal(self, number):
        self._process.send_signal(number)

    def report_now(self):
        """The report of this moment, as SIGUSR1 makes it."""
        self._report.unlink(missing_ok=True)
        self.signal(signal.SIGUSR1)
        servers.wait_for(self._report.exists, "the report", 20)
        return self.report()

    def report(self):
        return json.loads(self._report.read_text())

    def end(self):
        """SIGTERM. Returns (exit code, how long it took)."""
        start = time.monotonic()
        self.signal(signal.SIGTERM)
        code = self._process.wait(30)
        return code, time.monotonic() - start


def by_all_ways(agent, host, output, name_of, flags_of=lambda way: (), **options):
    """An agent for each way of capturing, side by side. Returns (agents, refusals), by way."""
    started = {way: Agent(agent, host, name_of(way), output, *WAYS[way], *flags_of(way), **options)
               for way in WAYS}
    return ({way: one for way, one in started.items() if not one.refused},
            {way: one.refused for way, one in started.items() if one.refused})


def replay(agent, capture, *flags):
    """The report that `backscatterd replay` makes of it."""
    done = subprocess.run([agent, "replay", *SETTINGS, "--format", "json", *flags, capture],
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"replay left with {done.returncode}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def lost_by(report):
    """What the agent says that it lost on the way from the wire, by kind."""
    return {key: count for key, count in report["losses"].items() if key.startswith(_LOST)}


def _comparable(report):
    """What both must agree on, without what tells when something was seen."""
    kept = {key: report[key] for key in _COMPARED}
    for rows in (kept["targets"], kept["sources"]):
        for row in rows:
            row.pop("first", None)
            row.pop("last", None)
    return kept


def differences(lived, replayed):
    """Lines that say in what the report of a live run is another than that of a replay."""
    live, again = _comparable(lived), _comparable(replayed)
    for key in _COMPARED:
        if live[key] == again[key]:
            continue
        if not isinstance(live[key], list):
            yield f"{key}: live {live[key]}, replay {again[key]}"
            continue
        first = next(((a, b) for a, b in zip(live[key], again[key]) if a != b), "one is longer")
        yield f"{key}: {len(live[key])} and {len(again[key])} rows, first difference {first}"


def without_loss(what, attempts, play):
    """`play(part)` with each of `attempts` until one raises no Lost. Returns what it returns.

    Where the host is too busy to take every packet nothing can be equal: then it is tried again
    with less. What was lost is counted; a run that loses the least load has failed.
    """
    for part in attempts:
        try:
            return play(part)
        except Lost as lost:
            said = f"{what}, a part of 1/{part}: {lost}"
            print(said, flush=True)
    raise Lost(said)
