#!/usr/bin/env python3
"""Real mail servers write to each other, and three agents watch: see README.md.

Postfix, Exim and OpenSMTPD of ours and of others exchange mail; by each way of capturing the report
of `backscatterd run` must equal that of `backscatterd replay` of what tcpdump wrote, and no body of
ordinary mail may be anywhere in the agent's memory. Exit code 0: so it was; 1: it was not; 77: this
cannot run here (with BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import json
import time

import exchange
import memory
import sandbox
import stage
import watching

ATTEMPTS = (1, 2, 6)
_RINGS = ("anon_inode:bpf-map", "socket:")  # their names among the maps of a process


def _rows(path):
    return [json.loads(line) for line in open(path)]


def _timeless(rows):
    """Transactions as texts without what tells when they were seen, sorted."""
    return sorted(json.dumps({key: value for key, value in row.items()
                              if key not in ("start", "end")}) for row in rows)


class Watch:
    """tcpdump and an agent for each way of capturing, side by side on the gateway."""

    def __init__(self, options, host, name):
        self._agent = options.agent
        self._output = options.output
        self._name = name
        self.capture = stage.Capture(host, options.output / f"{name}.pcap")
        self.agents, self.skipped = watching.by_all_ways(
            options.agent, host, options.output, lambda way: f"{name}-{way}",
            lambda way: ("--transactions", self._rows_of(way)))

    def _rows_of(self, way):
        return self._output / f"{self._name}-{way}.jsonl"

    def bodies(self):
        """What is wrong with the bodies in the memory of the agents, which have seen all by now."""
        time.sleep(1)
        for way, agent in self.agents.items():
            found = memory.find(agent.pid, (exchange.MARKER, exchange.CONTROL))
            if found[exchange.MARKER]:
                yield (f"{way}: bodies of ordinary mail are in memory, "
                       f"{', '.join(sorted(found[exchange.MARKER]))}")
            if not any(name.startswith(_RINGS) for name in found[exchange.CONTROL]):
                yield (f"{way}: no bounce is in the ring, so the search shows nothing: "
                       f"{found[exchange.CONTROL]}")

    def end(self):
        """Ends all. Returns (reports by way, that of the replay and its rows, what is wrong)."""
        wrong = []
        for way, agent in self.agents.items():
            code, took = agent.end()
            if code != 0:
                wrong.append(f"{way}: ended with {code}")
            if took >= 3:
                wrong.append(f"{way}: it took {took:.1f} s to end")
        try:
            self.capture.end()
        except RuntimeError as lost:
            raise watching.Lost(str(lost)) from None
        reports = {way: agent.report() for way, agent in self.agents.items()}
        lost = {way: lost for way, report in reports.items() if (lost := watching.lost_by(report))}
        if lost:
            raise watching.Lost(f"run lost {lost}")
        rows = self._rows_of("replay")
        replayed = watching.replay(self._agent, self.capture.path, "--transactions", rows)
        return reports, replayed, _rows(rows), wrong

    def differences(self, way, report, replayed, transactions):
        yield from watching.differences(report, replayed)
        if way == "pcap":  # what it leaves out behind a body counts as part of it
            return
        lived, again = _timeless(_rows(self._rows_of(way))), _timeless(transactions)
        for one, other in zip(lived, again):
            if one != other:
                yield f"transactions: live {one}, replay {other}"
                return


def _exchange(options, world, part):
    watch = Watch(options, world.gateway, "exchange")
    start = time.monotonic()
    world.exchange(threads=6 // part)
    world.talk()
    world.talk_by_tls()
    world.wait()
    took = time.monotonic() - start
    wrong = list(watch.bodies())
    reports, replayed, transactions, more = watch.end()
    wrong += more + exchange.missing(transactions, replayed)
    for way, report in reports.items():
        wrong += [f"{way}: {line}"
                  for line in watch.differences(way, report, replayed, transactions)]
    print(f"{replayed['transactions']['total']} transactions in {replayed['sessions']['total']} "
          f"sessions, {replayed['sessions']['encrypted']} encrypted, in {took:.1f} s, by "
          f"{', '.join(reports)}: {'equal' if not wrong else 'WRONG'}", flush=True)
    return wrong, watch.skipped


def _glued(options, world, part):
    """Mails in one segment: a packet socket keeps a prefix of it, and says what it left behind."""
    del part
    watch = Watch(options, world.gateway, "glued")
    world.glue()
    wrong = []
    time.sleep(1)
    reports, replayed, transactions, more = watch.end()
    wrong += more
    if replayed["transactions"]["total"] != 8:
        wrong.append(f"glued: the replay has {replayed['transactions']}")
    for way, report in reports.items():
        behind = report["losses"].get("kernel.behind_cut_bytes", 0)
        if way != "pcap":
            wrong += [f"glued, {way}: {line}"
                      for line in watch.differences(way, report, replayed, transactions)]
            wrong += [f"glued, {way}: {behind} bytes behind a cut"] if behind else []
        elif behind == 0:
            wrong.append(f"glued, {way}: {report['transactions']}, and nothing is counted as lost")
        print(f"glued, {way}: {report['transactions']['total']} transactions, {behind} bytes "
              "behind a cut", flush=True)
    return wrong, {}


def inside(options):
    start = time.monotonic()
    sandbox.close_in(options.tree, exchange.NAMES, options.output)
    world = exchange.Exchange()
    try:
        world.start()
        print(f"servers up in {time.monotonic() - start:.1f} s", flush=True)
        wrong, skipped = [], {}
        for act in (_glued, _exchange):
            said = watching.without_loss(act.__name__[1:], ATTEMPTS,
                                         lambda part: act(options, world, part))
            wrong += said[0]
            skipped |= said[1]
    except watching.Lost as lost:
        wrong = [str(lost)]
    finally:
        sandbox.keep(options.output)
    for way, why in skipped.items():
        print(f"skipped: {way}: {why}", flush=True)
    for line in wrong:
        print(f"  {line}", flush=True)
    if len(skipped) == len(watching.WAYS):
        return stage.skip("no way of capturing works here")
    return 1 if wrong else 0


if __name__ == "__main__":
    stage.enter("real_servers", inside, __doc__, programs=("usr/sbin/smtpd",))
