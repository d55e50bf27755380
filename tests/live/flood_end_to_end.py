#!/usr/bin/env python3
"""From the first bounce of a flood to the call that a postmaster gets, and to the one that says
that it is over: see README.md.

Exit code 0: all was right and in time; 1: it was not; 77: this cannot run here (with
BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import hmac
import pathlib
import re
import time

import flood_monitoring
import flood_world
import sandbox
import servers
import stage
import watching
from flood_monitoring import Monitoring, seconds_of
from flood_world import FORGED, INNOCENTS
from world import OURS

DASHBOARDS = pathlib.Path(__file__).resolve().parent.parent.parent / "dashboards"
ALERT, PATH = "BackscatterFlood", "/backscatter"
RATE = 20  # bounces a second
LIMIT = 30  # seconds from the first bounce to the webhook
_TEXT = re.compile(r"joe_job against ([0-9a-f]{16})(?:@\S+)? of (\S+): (\d+) a minute,"
                   r" (\d+) in all since [-\d]+ [:\d]+ \+0000 UTC, from (\d+) sources in (\d+)"
                   r" networks\. Confidence: (strong|medium)\.")


class Stages:
    """When what came to pass: each is asked until it has."""

    def __init__(self):
        self.times = {}

    def wait(self, asked, seconds):
        """`asked`: name to a function that returns the time, or None while it has not come."""
        end = time.monotonic() + seconds
        while any(name not in self.times for name in asked):
            for name, ask in asked.items():
                if name not in self.times and (at := ask()) is not None:
                    self.times[name] = at
            if time.monotonic() > end:
                missing = [name for name in asked if name not in self.times]
                raise TimeoutError(f"waited {seconds} s in vain for: {', '.join(missing)}")
            time.sleep(0.1)

    def tell(self, names, start):
        for name in names:
            print(f"  {self.times[name] - start:7.1f} s  {name}", flush=True)


def logged(agent, message):
    """When the agent wrote the first such line about a joe job."""
    line = re.search(rf'^time=(\S+) level=\w+ msg={message} kind=joe_job .*$', agent.log(),
                     re.MULTILINE)
    return seconds_of(line.group(1)) if line else None


def scraped(monitoring):
    told = monitoring.query('timestamp(backscatter_flood_active{kind="joe_job"} > 0)')
    return min((value for _, value in told), default=None)


def time_of(call):
    return call[0] if call else None


def check_text(body, label, bounces_a_second):
    """What is wrong with what the webhook got."""
    if body["groupLabels"] != {"alertname": ALERT, "domain": OURS}:
        yield f"grouped by {body['groupLabels']}"
    if len(body["alerts"]) != 1:
        yield f"{len(body['alerts'])} alerts instead of one"
    alert = body["alerts"][0]
    labels, notes = alert["labels"], alert["annotations"]
    if set(labels) != {"alertname", "severity", "kind", "domain", "target"}:
        yield f"labels {labels}"
    if (labels["severity"], labels["kind"]) != ("warning", "joe_job"):
        yield f"a flood of {labels}"
    said = _TEXT.fullmatch(notes["description"])
    if not said:
        yield f"it says: {notes['description']}"
        return
    target, domain, a_minute, _, sources, networks, _ = said.groups()
    if (target, domain) != (label, OURS) or labels["target"] != label:
        yield f"it names {target} of {domain}, and {labels['target']}, instead of {label}"
    # Of a young flood it is what the last scrape told, over the time until the text was written.
    if not 0.3 < int(a_minute) / (60 * bounces_a_second) < 1.5:
        yield f"{a_minute} a minute, where {bounces_a_second:.1f} a second came"
    if not 12 <= int(sources) == int(networks) <= len(INNOCENTS):
        yield f"{sources} sources in {networks} networks"
    if not notes["runbook_url"].endswith("/RUNBOOK.md#" + ALERT.lower()):
        yield f"runbook: {notes['runbook_url']}"
    if f"\n## {ALERT}\n" not in (DASHBOARDS / "RUNBOOK.md").read_text():
        yield "the runbook has no such entry"


def play(options):
    """Yields what is wrong."""
    there = flood_world.World()
    there.start()
    agent = watching.Agent(options.agent, there.ours, "agent", options.output,
                           "--web.listen-address", flood_monitoring.AGENT)
    if agent.refused:
        raise RuntimeError(agent.refused)
    changes = flood_monitoring.ASKED | ({} if options.as_shipped else flood_monitoring.SHORTER)
    monitoring = Monitoring(there.ours, DASHBOARDS, changes)
    monitoring.start()
    there.write_to_friends()
    print("a quiet world is up", flush=True)

    stages = Stages()
    flood = flood_world.Flood(there, RATE)
    flood.start()
    begin = {"the first bounce is at the gateway": lambda: min(there.witness.bounces(), default=None),
             "the agent raises the flood": lambda: logged(agent, "flood"),
             "Prometheus has scraped it": lambda: scraped(monitoring),
             "the alert fires": lambda: monitoring.firing(ALERT),
             "the webhook is called": lambda: time_of(monitoring.call(PATH, "firing"))}
    stages.wait(begin, 4 * LIMIT)
    time.sleep(2)
    bounces = there.witness.bounces()
    a_second = (len(bounces) - 1) / (bounces[-1] - bounces[0])
    flood.stop()
    first = bounces[0]
    stages.tell(begin, first)
    print(f"{flood.sent} mails sent; {a_second:.1f} bounces a second", flush=True)
    if flood.failed:
        yield f"the spammer failed: {flood.failed}"
    if a_second < 0.75 * RATE:
        yield f"only {a_second:.1f} bounces a second"
    took = stages.times["the webhook is called"] - first
    if took >= LIMIT:
        yield f"the webhook was called after {took:.1f} s"
    _, body = monitoring.call(PATH, "firing")
    print(f"  {body['alerts'][0]['annotations']['description']}", flush=True)
    yield from check_text(body, label_of(options.output / "agent.label.key"), a_second)

    servers.wait_for(lambda: not any(one.queued() for one in there.innocents),
                     "the last bounces", 60)
    last = there.witness.bounces()[-1]
    end = {"the agent ends the flood": lambda: logged(agent, '"flood over"'),
           "the webhook tells the end": lambda: time_of(monitoring.call(PATH, "resolved"))}
    stages.wait(end, 900 if options.as_shipped else 420)
    print("from the last bounce:")
    stages.tell(end, last)
    others = {alert["labels"]["alertname"] for _, _, body in monitoring.calls
              for alert in body["alerts"]} - {ALERT}
    if others:
        yield f"alerts that nobody wanted: {others}"
    if stages.times["the agent ends the flood"] < last:
        yield "the flood ended before its last bounce"
    code, _ = agent.end()
    if code != 0:
        yield f"the agent left with {code}"
    lost = watching.lost_by(agent.report())
    if any(lost.values()):
        yield f"the agent lost {lost}"


def label_of(key_file):
    """What stands for the forged user in labels: a keyed hash."""
    return hmac.new(key_file.read_bytes().rstrip(b"\r\n"), FORGED.encode(), "sha256").hexdigest()[:16]


def inside(options):
    sandbox.close_in(options.tree, flood_world.NAMES, options.output)
    try:
        wrong = list(play(options))
    finally:
        sandbox.keep(options.output)
    for line in wrong:
        print("WRONG:", line)
    print(f"{len(wrong)} wrong; kept in {options.output}")
    return 1 if wrong else 0


def add_arguments(parser):
    parser.add_argument("--as-shipped", action="store_true",
                        help="the end too with the times of dashboards/: minutes more")


if __name__ == "__main__":
    stage.enter("flood", inside, __doc__, add_arguments, flood_monitoring.PROGRAMS)
