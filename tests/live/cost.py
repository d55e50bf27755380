#!/usr/bin/env python3
"""What watching costs the host: sessions a second and CPU time a session, see README.md.

Postfix's smtp-source sends to its smtp-sink in network namespaces while nothing, the agent, or
tcpdump watches; the ways take turns within each round. Prints a table of medians with their
spread. Exit code 0: within the limits; 1: over one; 77: this cannot run here.
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import os
import pathlib
import signal
import statistics
import time

import sandbox
import servers
import stage
import watching

GATEWAY, SENDER = "203.0.113.25", "192.0.2.10"
RATE = 5000  # sessions a second, for which the agent's share of a processor is told
LIMIT_OF_TCPDUMP = 1.10  # CPU time a session of the whole machine, beside tcpdump
LIMIT_OF_CORE = 0.02  # user space of the agent at RATE
_TICK = os.sysconf("SC_CLK_TCK")


def machine_busy():
    """Seconds for which any processor of this machine was not idle, since it started."""
    with open("/proc/stat", encoding="ascii") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    idle, waiting, stolen = fields[3], fields[4], fields[7]
    return time.monotonic() * os.cpu_count() - (idle + waiting + stolen) / _TICK


class Nothing:
    """Nobody watches."""
    name, pid = "nobody", None

    def end(self):
        pass


class Agent(watching.Agent):
    def __init__(self, options, host, name, *flags):
        super().__init__(options.agent, host, name, options.output, *flags)
        if self.refused is not None:
            raise RuntimeError(f"{name}: {self.refused}")

    def end(self):
        code, _ = super().end()
        if code != 0:
            raise RuntimeError(f"{self.name} failed")
        lost = watching.lost_by(self.report())
        if lost:
            print(f"  {self.name} lost {lost}", flush=True)


class Tcpdump:
    name = "tcpdump"

    def __init__(self, options, host):
        said = options.output / "tcpdump.log"
        self._process = host.start("tcpdump", "-i", "eth0", "-s", "256", "-B", "16384", "-Z",
                                   "root", "-w", "/dev/null", "tcp port 25",
                                   stderr=open(said, "wb"))
        servers.wait_for(lambda: b"listening" in said.read_bytes(), "tcpdump to begin", 30)
        self.pid = self._process.pid

    def end(self):
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)


def own_seconds(pid):
    """CPU time of all threads of a process: (all of it, that in user space), in seconds."""
    if pid is None:
        return 0.0, 0.0
    tasks = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    ran = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return ran, int(fields[11]) / _TICK


class Round:
    """What one way cost for `sessions` sessions."""

    def __init__(self, watcher, sender, sessions, null_part):
        time.sleep(0.3)  # whatever its start has to do is done
        busy, own = machine_busy(), own_seconds(watcher.pid)
        start = time.monotonic()
        loads = ((["-f", "ann@sender.example"], sessions - int(sessions * null_part)),
                 (["-f", "", "-N"], int(sessions * null_part)))
        for flags, count in loads:
            if count == 0:
                continue
            source = sender.start("smtp-source", "-s", "8", "-l", "4000", "-m", count, *flags,
                                  "-t", "user@ours.example", f"{GATEWAY}:25")
            if source.wait(300) != 0:
                raise RuntimeError("smtp-source failed")
        self.rate = sessions / (time.monotonic() - start)
        time.sleep(0.2)  # what was batched is read
        ran, user = own_seconds(watcher.pid)
        self.machine = (machine_busy() - busy) / sessions
        self.own = (ran - own[0]) / sessions
        self.own_user = (user - own[1]) / sessions


def spread(values, scale=1.0, digits=0):
    ordered = sorted(value * scale for value in values)
    return (f"{statistics.median(ordered):.{digits}f} "
            f"({ordered[len(ordered) // 4]:.{digits}f} to "
            f"{ordered[len(ordered) * 3 // 4]:.{digits}f})")


def inside(options):
    sandbox.close_in(options.tree, {GATEWAY: "mx.ours.example"}, options.output)
    gateway = sandbox.Host("gateway", GATEWAY)
    sender = sandbox.Host("sender", SENDER)
    gateway.start("smtp-sink", "-u", "postfix", f"{GATEWAY}:25", "256")
    servers.wait_for(lambda: sender.reaches(GATEWAY, 25), "smtp-sink", 30)
    ways = {
        "nobody": lambda: Nothing(),
        "bpf": lambda: Agent(options, gateway, "bpf", "--source", "bpf"),
        "pcap": lambda: Agent(options, gateway, "pcap", "--source", "pcap"),
        "tcpdump": lambda: Tcpdump(options, gateway)}
    rounds = {name: [] for name in ways}
    names = list(ways)
    for number in range(options.rounds + 1):
        for name in names[number % len(names):] + names[:number % len(names)]:
            watcher = ways[name]()
            one = Round(watcher, sender, options.sessions, options.null_senders)
            watcher.end()
            if number > 0:  # the first one warms up
                rounds[name].append(one)
    return show(options, rounds)


def show(options, rounds):
    print(f"{options.rounds} rounds of {options.sessions} sessions each, median (quartiles); "
          f"{options.null_senders:.0%} null senders")
    print(f"{'watched by':<10} {'sessions/s':>24} {'CPU us/session, machine':>26} "
          f"{'beside tcpdump':>22} {'its process':>22} {'in user space':>14}")
    beside = {}
    for name, all_of in rounds.items():
        ratios = [one.machine / other.machine for one, other in zip(all_of, rounds["tcpdump"])]
        beside[name] = statistics.median(ratios)
        user = statistics.fmean(one.own_user for one in all_of)
        print(f"{name:<10} {spread([one.rate for one in all_of]):>24} "
              f"{spread([one.machine for one in all_of], 1e6):>26} {spread(ratios, 1, 3):>22} "
              f"{spread([one.own for one in all_of], 1e6, 2):>22} {user * 1e6:>14.2f}")
    of_core = statistics.median(one.own for one in rounds["bpf"]) * RATE
    print(f"bpf beside tcpdump: {beside['bpf']:.3f} (limit {LIMIT_OF_TCPDUMP}); the agent at "
          f"{RATE} sessions/s: {of_core:.1%} of a processor, kernel and user space together "
          f"(limit of user space {LIMIT_OF_CORE:.0%})")
    user = statistics.fmean(one.own_user for one in rounds["bpf"]) * RATE
    return int(beside["bpf"] > LIMIT_OF_TCPDUMP or user > LIMIT_OF_CORE)


def add_arguments(parser):
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sessions", type=int, default=10000)
    parser.add_argument("--null-senders", type=float, default=0.0, help="part of all sessions")


if __name__ == "__main__":
    stage.enter("cost", inside, __doc__, add_arguments)
