#!/usr/bin/env python3
"""`backscatterd run` under pressure: see README.md.

An agent that is stopped for ten seconds, a ring of 64 KiB, 200,000 half-open connections, an
interface that goes away and comes back, 1,000 sessions that are open at a reload. Each time it must
live on, keep to its memory, count what it lost, and count rightly what comes afterwards. Exit code
0: so it was; 1: it was not; 77: this cannot run here (with BACKSCATTER_LIVE=required that is a
failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import random
import resource
import signal
import socket
import struct
import time

import sandbox
import servers
import stage
import watching

GATEWAY, SENDER = "203.0.113.25", "192.0.2.10"
FLOOD = "198.18.0.0/15"  # RFC 2544; behind the sender, who drops what comes back
MIB = 1 << 20
# What memory.max does not hold: the program, its threads, and the report.
PROGRAM = 24 * MIB
AFTERWARDS = 40  # mails
PAUSES = (0.1, 0.5, 2)  # seconds between four of them; longer where the host is busy


class Stand:
    """A gateway with a server that takes everything, a sender, and what went wrong so far."""

    def __init__(self, options):
        self._options = options
        self.gateway = sandbox.Host("gateway", GATEWAY)
        self.sender = sandbox.Host("sender", SENDER)
        self.wrong = []
        self.skipped = {}
        self.gateway.start("smtp-sink", "-u", "postfix", "-m", "4000", f"{GATEWAY}:25", "1024")
        servers.wait_for(lambda: self.sender.reaches(GATEWAY, 25), "smtp-sink", 30)

    def agents(self, name, ring=MIB, memory=64 * MIB, **options):
        """One for each way of capturing, side by side."""
        agents, refused = watching.by_all_ways(
            self._options.agent, self.gateway, self._options.output, lambda way: f"{name}-{way}",
            lambda way: ("--set", f"memory.max={memory}", "--set", f"bpf.ring_bytes={ring}"),
            **options)
        self.skipped |= refused
        # A ring of the kernel is mapped twice, one behind the other.
        cap = memory + PROGRAM + 2 * ring
        return [Pressed(way, agent, cap, self) for way, agent in agents.items()]

    def configuration(self):
        return self._options.output / "backscatterd.yaml"

    def send(self, count, at_once=4):
        """Mail from nobody, one a connection."""
        source = self.sender.start("smtp-source", "-s", at_once, "-l", "3000", "-m", count,
                                   "-f", "", "-t", "user@ours.example", f"{GATEWAY}:25")
        if source.wait(120) != 0:
            raise RuntimeError("smtp-source failed: " +
                               (self.sender.directory / "output").read_text()[-500:])

    def expect(self, agent, is_right, what):
        if not is_right:
            self.wrong.append(f"{agent.way}: {what}")


class Counts:
    """What a report has counted. Sessions that were reset are in it some seconds later, or at the
    end."""

    def __init__(self, report):
        self.sessions = report["sessions"]["total"]
        self.mail = (report["transactions"]["total"], report["transactions"]["accepted"],
                     report["recipients"])
        self.losses = watching.lost_by(report)

    def since(self, other):
        return tuple(a - b for a, b in zip(self.mail, other.mail))

    def lost(self):
        """Packets, or records of them."""
        return sum(count for key, count in self.losses.items() if "bytes" not in key)

    def __str__(self):
        return ("{} transactions, {} accepted, {} recipients".format(*self.mail) +
                f", lost {self.losses or 'nothing'}")


class Pressed:
    """An agent under pressure."""

    def __init__(self, way, agent, cap, stand):
        self.way, self.agent = way, agent
        self._cap, self._stand = cap, stand

    def counts(self):
        return Counts(self.agent.report_now())

    def lives(self):
        """Whether it does, and keeps to its memory."""
        if not self.agent.alive():
            self._stand.expect(self, False, "it is dead: " + self.agent.log()[-1000:])
            return False
        most = self.agent.most_memory()
        self._stand.expect(self, most <= self._cap,
                           f"{most >> 20} MiB of memory, {self._cap >> 20} are the cap")
        return True

    def wait_for_interfaces(self, of="", without=None, or_said=None):
        """Until the last line about interfaces names `of` and not `without`."""
        def so():
            log = self.agent.log()
            line = log.rpartition("interfaces=")[2].partition("\n")[0]
            return (of in line and (without is None or without not in line)) or (
                or_said is not None and or_said in log)
        try:
            servers.wait_for(so, "", 10)
        except TimeoutError:
            self._stand.expect(self, False, f"interfaces with {of}, without {without}:\n"
                               f"{self.agent.log()[-1500:]}")

    def end(self):
        code, took = self.agent.end()
        self._stand.expect(self, code == 0, f"ended with {code}")
        self._stand.expect(self, took < 3, f"it took {took:.1f} s to end")


def settled(agents):
    """The counts of each agent that lives, once they no longer change; [(agent, counts)]."""
    agents = [each for each in agents if each.lives()]
    last, since = [], time.monotonic()
    while time.monotonic() - since < 1.5:
        now = [each.counts() for each in agents]
        if [str(each) for each in now] != [str(each) for each in last]:
            last, since = now, time.monotonic()
        time.sleep(0.3)
    return list(zip(agents, last))


def examine(stand, agents, sent, what):
    """What is not counted of `sent` mails is counted as lost; and of those that are sent now
    nothing is lost. Ends the agents. Returns what settled() said before."""
    before = settled(agents)
    for each, then in before:
        print(f"{each.way}: {sent} mails {what}: {then}, {each.agent.most_memory() >> 20} MiB",
              flush=True)
        stand.expect(each, max(then.mail) <= sent, f"{then}, but {sent} were sent")
        stand.expect(each, then.mail == (sent,) * 3 or then.lost() > 0,
                     f"{then}, of {sent}, and nothing is lost")
    for pause in PAUSES:
        then = [counts for _, counts in settled(agents)]
        for _ in range(AFTERWARDS // 4):  # so slowly that the least ring is enough
            stand.send(4, at_once=1)
            time.sleep(pause)
        sent += AFTERWARDS
        now = settled(agents)
        if all(counts.losses == old.losses for (_, counts), old in zip(now, then)):
            break
        print(f"lost again, with {pause} s between four mails: the host is busy", flush=True)
    for (each, counts), old in zip(now, then):
        stand.expect(each, _all_counted(counts, old), f"afterwards {counts}, before {old}")
        stand.expect(each, counts.losses == old.losses,
                     f"afterwards it still lost: {counts.losses}, before {old.losses}")
        each.end()
        # No session of smtp-source has fewer than ten segments that reach the agent.
        missing = sent - each.agent.report()["sessions"]["total"]
        stand.expect(each, 0 <= 10 * missing <= counts.lost(),
                     f"{missing} sessions are missing, and {counts.lost()} packets are lost")
    return before


def _all_counted(counts, before):
    """Whether AFTERWARDS mails are counted since, and nothing else.

    A session whose end was lost before is open still, and settled when its port comes again: its
    mail, without an answer to the body, then comes on top.
    """
    transactions, accepted, recipients = counts.since(before)
    late = transactions - AFTERWARDS
    return (accepted == AFTERWARDS and 0 <= late <= before.lost() and
            0 <= recipients - AFTERWARDS <= before.lost())


# ---- what is done to it --------------------------------------------------------------------------


def stopped(stand):
    """Ten seconds without the agent: the ring is large enough, and all is counted."""
    def play(part):
        _nothing_lost(_stop(stand, "stopped", 1000 // part, ring=16 * MIB, memory=256 * MIB))

    watching.without_loss("stopped", (1, 4), play)


def _nothing_lost(examined):
    lost = {each.way: counts.losses for each, counts in examined if counts.losses}
    if lost:
        raise watching.Lost(f"lost {lost}")


def stopped_with_a_small_ring(stand):
    """Ten seconds without the agent: the ring is not, and what is lost is counted."""
    for each, counts in _stop(stand, "stopped-small", 4000, ring=64 << 10):
        stand.expect(each, counts.lost() > 0, "nothing was lost, so nothing was shown")


def _stop(stand, name, count, **options):
    agents = stand.agents(name, **options)
    for each in agents:
        each.agent.signal(signal.SIGSTOP)
    start = time.monotonic()
    stand.send(count)
    time.sleep(max(0.0, 10 - (time.monotonic() - start)))
    for each in agents:
        each.agent.signal(signal.SIGCONT)
    return examine(stand, agents, count, "while it was stopped")


def small_ring(stand):
    """The least ring that can be had, at full speed."""
    agents = stand.agents("small-ring", ring=64 << 10)
    stand.send(5000, at_once=16)
    examine(stand, agents, 5000, "at full speed")


def _syn(source, port, number):
    """A TCP header that opens a connection to the gateway, with its checksum."""
    words = (port, 25, number >> 16, number & 0xffff, 0, 0, 0x5002, 64240, 0)
    pseudo = struct.unpack("!4H", source + socket.inet_aton(GATEWAY))
    total = sum(words) + sum(pseudo) + socket.IPPROTO_TCP + 20
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return struct.pack("!HHIIHHHH", port, 25, number, 0, 0x5002, 64240, ~total & 0xffff, 0)


def _flood(stand, count):
    """So many connections that nobody goes on with; each from an address of its own."""
    base = struct.unpack("!I", socket.inet_aton(FLOOD.partition("/")[0]))[0]
    numbers = random.Random(25)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0)
    there = socket.inet_aton(GATEWAY)
    with stand.sender.entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for i in range(count):
        source = struct.pack("!I", base + 1 + i % 131000)
        frame = ip + source + there + _syn(source, 1024 + i // 131000, numbers.getrandbits(32))
        raw.sendto(frame, (GATEWAY, 0))
    raw.close()


def half_open(stand):
    """200,000 connections that stay half open, and mail among them."""
    stand.gateway.ip("route", "replace", FLOOD, "via", SENDER, "dev", "eth0", "onlink")
    stand.sender.ip("route", "replace", FLOOD, "dev", "lo")  # and no further
    agents = stand.agents("half-open")
    for _ in range(10):
        _flood(stand, 20_000)
        stand.send(20)
    for each, counts in examine(stand, agents, 200, "among 200,000 half-open connections"):
        seen = int(each.agent.log().rpartition(" packets=")[2].split()[0])
        stand.expect(each, seen + counts.lost() >= 200_000, f"it has seen {seen} packets only")


def interface(stand):
    """It goes away and comes back. An agent that watches all of them takes it up; one with a list
    does so, or says that it must be started again."""
    for name, interfaces in (("all-interfaces", ()), ("listed", ("eth0", "lo"))):
        agents = stand.agents(name, interfaces=interfaces)
        stand.send(10)
        settled(agents)
        stand.gateway.unplug()
        for each in agents:
            each.wait_for_interfaces(without="eth0")
        stand.gateway.plug_in()
        for each in agents:
            each.wait_for_interfaces(of="eth0", or_said="needs a restart" if interfaces else None)
        for each in agents:
            if "needs a restart" in each.agent.log():
                print(f"{each.way}: {name}: says that eth0 needs a restart", flush=True)
                each.end()
        examine(stand, [each for each in agents if each.agent.alive()], 10, f"before, {name}")


def reload(stand):
    """1,000 sessions are open while the configuration is read again; all of them are counted, and
    by the new one."""
    watching.without_loss("reload", (1, 4), lambda part: _reload(stand, 1000 // part))


def _reload(stand, count):
    path = stand.configuration()
    path.write_text("local:\n  networks: [203.0.113.0/24]\n")
    agents = stand.agents("reload", settings=("--config.file", path), ring=4 << 20)
    talks = []
    for number in range(count):
        talk = stand.sender.connect(GATEWAY, 25)
        talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        talks.append(talk)
        _hear(talk, "220")
        user = f"{'User' if number % 2 else 'user'}{number % 100 // 2}"
        for line in ("EHLO client.example", "MAIL FROM:<>", f"RCPT TO:<{user}@ours.example>"):
            talk.sendall(line.encode() + b"\r\n")
            _hear(talk, "250")
    path.write_text("local:\n  networks: [203.0.113.0/24]\ntargets:\n  fold_case: true\n")
    for each in agents:
        each.agent.signal(signal.SIGHUP)
    for each in agents:
        servers.wait_for(lambda each=each: "configuration reloaded" in each.agent.log(),
                         f"{each.way} to reload", 20, detail=each.agent.log)
    for talk in talks:
        talk.sendall(b"DATA\r\n")
        _hear(talk, "354")
        talk.sendall(b"Subject: x\r\n\r\nx\r\n.\r\n")
        _hear(talk, "250")
        talk.sendall(b"QUIT\r\n")
        _hear(talk, "221")
        talk.close()
    examined = examine(stand, agents, count, "whose sessions were open at a reload")
    _nothing_lost(examined)
    for each, _ in examined:
        report = each.agent.report()
        stand.expect(each, report["sessions"]["mid_stream"] == 0 and
                     report["sessions"]["with_gaps"] == 0, f"sessions: {report['sessions']}")
        targets = len(report["targets"]) - 1  # and that of the mail afterwards
        stand.expect(each, targets == 50, f"{targets} targets instead of 50 that are folded")


def _hear(talk, code):
    said = b""
    while not (said.endswith(b"\r\n") and said.splitlines()[-1][3:4] == b" "):
        got = talk.recv(4096)
        if not got:
            raise RuntimeError(f"closed: {said!r}")
        said += got
    if not said.startswith(code.encode()):
        raise RuntimeError(f"expected {code}, heard {said!r}")


_ACTS = {act.__name__: act for act in (stopped, stopped_with_a_small_ring, small_ring, half_open,
                                       interface, reload)}


def inside(options):
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, max(
        8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    sandbox.close_in(options.tree, {GATEWAY: "mx.ours.example"}, options.output)
    stand = Stand(options)
    for name in options.act or _ACTS:
        start = time.monotonic()
        before = len(stand.wrong)
        try:
            _ACTS[name](stand)
        except watching.Lost as lost:
            stand.wrong.append(str(lost))
        print(f"{name}: {'right' if len(stand.wrong) == before else 'WRONG'}, "
              f"{time.monotonic() - start:.0f} s", flush=True)
    for way, why in stand.skipped.items():
        print(f"skipped: {way}: {why}", flush=True)
    for line in stand.wrong:
        print(f"  {line}", flush=True)
    if len(stand.skipped) == len(watching.WAYS):
        return stage.skip("no way of capturing works here")
    return 1 if stand.wrong else 0


if __name__ == "__main__":
    stage.enter(lambda options: "-".join(["pressure", *(options.act or ())]), inside, __doc__,
                lambda parser: parser.add_argument("--act", action="append", choices=_ACTS))
