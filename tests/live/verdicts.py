#!/usr/bin/env python3
"""Real mail servers, real backscatter, and what the agent says of it: see README.md.

Exit code 0: every verdict was right; 1: some were not; 77: this cannot run here (with
BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import sandbox
import scenario
import score
import servers
import truth
import world

_INSIDE = "BACKSCATTER_LIVE_INSIDE"
_SKIPPED = 77
_NAMESPACES = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# What the sandbox needs of the kernel, tried before it is built.
_TRIAL = """\
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /run
mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr
ip link add name br0 type bridge
ip netns add other
ip link add name one type veth peer name two netns other
"""


def obstacle(tree):
    """Why this cannot run here; None where it can."""
    if os.geteuid() != 0:
        return "not root: mail servers in network namespaces need it"
    missing = [program for program in ("unshare", "nsenter", "mount") if not shutil.which(program)]
    if missing:
        return f"not installed: {' '.join(missing)}"
    if not (tree.parent / "complete").exists():
        return f"no mail servers in {tree.parent}: ./dev test fetches them"
    tried = subprocess.run([*_NAMESPACES, "sh", "-ec", _TRIAL, "trial", tree],
                           capture_output=True, text=True, check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode != 0 else None


class Capture:
    """All TCP on the wire of the gateways."""

    def __init__(self, host, path):
        self._said = path.with_suffix(".log")
        self._tcpdump = host.start("tcpdump", "-i", "eth0", "-U", "-s", "0", "-B", "16384",
                                   "-Z", "root", "-w", path, "tcp",
                                   stdout=open(self._said, "wb"))
        servers.wait_for(path.exists, "tcpdump to begin", 30)

    def end(self):
        self._tcpdump.send_signal(signal.SIGINT)
        self._tcpdump.wait(30)
        said = self._said.read_text()
        if "\n0 packets dropped by kernel" not in said:
            raise RuntimeError(f"the capture lost packets: {said}")


def play(output):
    """Plays the scenario. Returns its truth; the capture and the logs are in `output` then."""
    start = time.monotonic()
    acts = scenario.Scenario()
    try:
        capture = Capture(acts.world.ours, output / "gateway.pcap")
        acts.world.start()
        print(f"servers up in {time.monotonic() - start:.1f} s", flush=True)
        acts.run()
        servers.wait_for(lambda: not truth.Truth(acts).missing(), "all answers", 120,
                         detail=lambda: "\n".join(truth.Truth(acts).missing()))
        time.sleep(1)  # for what nobody planned, and for the last packets
        capture.end()
    finally:
        sandbox.keep(output)
    print(f"all traffic over in {time.monotonic() - start:.1f} s", flush=True)
    return truth.Truth(acts).facts


def run_inside(agent, tree, output):
    """All that happens behind the walls. Returns the exit code."""
    sandbox.close_in(tree, world.NAMES, output)
    facts = play(output)
    with open(output / "truth.jsonl", "w") as file:
        file.writelines(json.dumps(vars(fact)) + "\n" for fact in facts)
    report, transactions = score.replay(agent, output / "gateway.pcap", output)
    scored = score.Score(facts, transactions)
    wrong = scored.wrong + score.check_emitted(facts, report)
    print(scored.text())
    for line in wrong:
        print("WRONG:", line)
    print(f"{len(transactions)} transactions, {len(wrong)} wrong; kept in {output}")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agent", type=pathlib.Path, required=True)
    parser.add_argument("--servers", type=pathlib.Path, required=True,
                        help="folder that fetch_mail_servers filled")
    parser.add_argument("--output", type=pathlib.Path, required=True,
                        help="its folder `run` gets the capture, the logs and the truth")
    arguments = parser.parse_args()
    tree = arguments.servers.absolute() / "tree"
    output = arguments.output.absolute() / "run"
    if os.environ.get(_INSIDE):
        return run_inside(arguments.agent.absolute(), tree, output)
    reason = obstacle(tree)
    if reason:
        required = os.environ.get("BACKSCATTER_LIVE") == "required"
        print(f"{'cannot run' if required else 'skipped'}: {reason}")
        return 1 if required else _SKIPPED
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    os.environ[_INSIDE] = "1"
    command = [*_NAMESPACES, sys.executable, *sys.argv]
    os.execvp(command[0], command)


if __name__ == "__main__":
    sys.exit(main())
