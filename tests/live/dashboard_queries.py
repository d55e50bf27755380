#!/usr/bin/env python3
"""Each query of the Grafana dashboard, on Debian's Prometheus, in a real flood: see README.md.

`backscatterd run` watches a gateway in a network namespace, Prometheus on it scrapes the agent each
second with the shipped rules, clients send what they are told. Then each query of each panel must
return data, and the numbers that were sent; so must the alerts. Exit code 0: all did; 1: some did
not; 77: this cannot run here (with BACKSCATTER_LIVE=required that is a failure).
"""

import sys
sys.dont_write_bytecode = True  # the source tree stays as it is

import json
import pathlib
import subprocess
import time
import urllib.parse
import urllib.request

import dashboard_traffic as traffic
import sandbox
import servers
import stage
import watching

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "dashboards"))
import grafana  # noqa: E402

AGENT = "127.0.0.1:19025"
RATE_INTERVAL = 20  # s
PROMETHEUS = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: backscatterd
    static_configs: [{{targets: [{agent}]}}]
"""


class Prometheus:
    def __init__(self, host, output):
        self._host = host
        config = output / "prometheus.yml"
        rules = ROOT / "dashboards" / "rules" / "backscatter.rules.yml"
        config.write_text(PROMETHEUS.format(agent=AGENT, rules=rules))
        host.start("prometheus", f"--config.file={config}", "--web.listen-address=127.0.0.1:9090",
                   f"--storage.tsdb.path={output / 'tsdb'}",
                   stdout=open(output / "prometheus.log", "wb"))
        servers.wait_for(lambda: self.value("sum_over_time(up[10s])") >= 3, "three scrapes", 60)

    def _get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with self._host.entered():
            with urllib.request.urlopen(f"http://127.0.0.1:9090/api/v1/{path}?{query}") as reply:
                return json.load(reply)["data"]

    def ask(self, expr, at=None):
        """(labels, value) of each series."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        return [(one["metric"], float(one["value"][1]))
                for one in self._get("query", query=expr, **when)["result"]]

    def value(self, expr):
        try:
            found = self.ask(expr)
        except OSError:
            return 0
        return found[0][1] if found else 0

    def alerts(self):
        return [one["labels"] for one in self._get("alerts")["alerts"] if one["state"] == "firing"]


def near(expected, share=0.15):
    """Rates and increases are extrapolated to the ends of their range."""
    return lambda value: abs(value - expected) <= share * expected


def estimated(expected):
    """By a sketch."""
    return near(expected, 0.07)


def exactly(expected):
    return lambda value: value == expected


def any_number(_):
    return True


def positive(value):
    return value > 0


# What must be there: by the title of the panel and the query's letter, a list of (labels, whether
# its value is right). More series are allowed.
def expected(sent, target):
    a_minute = 60 * traffic.FLOOD_A_SECOND
    flood = {"kind": "joe_job", "domain": traffic.DOMAIN, "target": target}
    emission = {"kind": "own_emission"}
    victim = {"domain": traffic.DOMAIN, "target": target}
    ours = {"domain": traffic.DOMAIN}

    def of_floods(joe_job, own_emission):
        return [(flood, joe_job), (emission, own_emission)]

    def around(moment):
        return lambda value: abs(value / 1000 - moment) < 2

    count, sources = sent["flood"], len(traffic.SOURCES)
    return {
        "Floods now": {"A": [({}, exactly(2))]},
        "Since": {"A": [({}, around(min(sent["flood_start"], sent["emission_start"])))]},
        "RCPTs in floods": {"A": [({}, exactly(count + sent["emitted"]))]},
        "Sources of the largest": {"A": [({}, exactly(sources))]},
        "Time to detect (95 %)": {"A": [({}, lambda value: 0 < value < 5)]},
        "Floods that are on": {
            "A": of_floods(around(sent["flood_start"]), around(sent["emission_start"])),
            "B": of_floods(exactly(count), exactly(sent["emitted"])),
            "C": of_floods(near(a_minute), any_number),
            "D": of_floods(lambda value: count / 2 <= value <= count, positive),
            "E": of_floods(exactly(sources), exactly(1)),
            "F": of_floods(exactly(sources), exactly(1)),
            "G": of_floods(exactly(3), exactly(3))},
        "Floods over time": {"A": of_floods(near(a_minute), any_number)},
        "By verdict": {"A": [({"verdict": "backscatter"}, near(a_minute)),
                             ({"verdict": "callout_probe"}, positive),
                             ({"verdict": "null_rejected_rcpt"}, positive)]},
        "Did we cause it?": {"A": [({"solicited": "false"}, near(a_minute)),
                                   ({"solicited": "true"}, any_number),
                                   ({"solicited": "unknown"}, positive)]},
        "Accepted and refused": {
            "A": [({"reply": "accepted"}, near(a_minute, 0.3)), ({"reply": "refused"}, positive)],
            "B": [({"reply": "accepted"}, exactly(0))]},
        "By domain": {"A": [(ours, near(a_minute, 0.4))]},
        "Top targets": {"A": [(victim, near(count))], "B": [(victim, estimated(sources))],
                        "C": [(victim, estimated(sources))]},
        "Top source networks": {
            "A": [({"network": f"{traffic.WORLD}/32"}, near(sent["from_world"], 0.2))],
            "B": [({"network": f"{traffic.WORLD}/32"}, any_number)]},
        "Distinct sources by domain": {"A": [(ours, estimated(sources + 1))]},
        "Distinct sources by target": {"A": [(victim, estimated(sources))]},
        "In the last hour": {"A": [({}, near(sent["emitted"], 0.2))]},
        "What we send with a null sender": {
            "A": [({"cause": "accept_then_bounce"}, any_number),
                  ({"cause": "own_user"}, exactly(0))]},
        "Sessions that come in, by visibility": {
            "A": [({"visibility": "plain"}, lambda value: value > a_minute),
                  ({"visibility": "encrypted"}, positive)]},
        "Sessions seen in part": {"A": [({}, exactly(0))], "B": [({}, exactly(0))],
                                  "C": [({}, any_number)]},  # the overlong line may be one
        "Coverage of what we send": {"A": [({}, exactly(1))]},
        "Sampling": {"A": [({}, exactly(1))]},
        "Packets": {"A": [({}, lambda value: value > 10 * traffic.FLOOD_A_SECOND)]},
        "Losses": {"A": [({"stage": "smtp", "reason": "line_bytes_dropped"}, positive)]},
    }


def wrong_queries(prometheus, at, started, wanted):
    """Lines that say which query returned what it should not."""
    panels = list(grafana.panels(grafana.load()))
    titles = {panel["title"] for panel in panels}
    if titles != set(wanted):
        yield f"panels and expectations differ: {titles ^ set(wanted)}"
    for panel in panels:
        for query in panel["targets"]:
            where = f"{panel['title']}, query {query['refId']}"
            expr = grafana.filled_in(query["expr"], rate_interval=f"{RATE_INTERVAL}s",
                                     range_=f"{int(at - started)}s")
            found = prometheus.ask(expr, at)
            print(f"{where}: " + ", ".join(
                f"{labels} {value:.3f}" for labels, value in found[:4]), flush=True)
            rows = wanted.get(panel["title"], {}).get(query["refId"])
            if not found or not rows:
                yield f"{where}: {len(found)} series, {rows and len(rows)} expectations; {expr}"
                continue
            for labels, right in rows:
                values = [value for have, value in found if labels.items() <= have.items()]
                if not values or not all(map(right, values)):
                    yield f"{where}: {labels} is {values or found}; {expr}"


def wrong_alerts(prometheus, target):
    wanted = [{"alertname": "BackscatterEmission", "severity": "warning", "kind": "own_emission"},
              {"alertname": "BackscatterFlood", "severity": "warning", "kind": "joe_job",
               "domain": traffic.DOMAIN, "target": target}]
    firing = sorted(prometheus.alerts(), key=lambda one: one["alertname"])
    if firing != wanted:
        yield f"firing are {firing}, not {wanted}"


def address_behind(target, options):
    """What `lookup` says on the gateway, of the addresses in a file."""
    users = options.output / "users"
    users.write_text(f"{traffic.ANN}\n{traffic.VICTIM}\n")
    done = subprocess.run(
        [options.agent, "lookup", target, users, "--config.file", "/dev/null", "--set",
         f"labels.key_file={options.output / 'agent.label.key'}", "--set", "labels.names_file="],
        capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


def inside(options):
    output = options.output
    sandbox.close_in(options.tree, {traffic.GATEWAY: "mx.ours.example"}, output)
    hosts = traffic.Hosts()
    agent = watching.Agent(options.agent, hosts.gateway, "agent", output,
                           "--web.listen-address", AGENT, "--set", "local.domains=[ours.example]",
                           "--set", "detection.source_prefix.v4=32", "--set", "labels.top_k=100")
    if agent.refused is not None:
        return stage.skip(f"no way of capturing works here: {agent.refused}")
    prometheus = Prometheus(hosts.gateway, output)
    started = time.time()
    sent = hosts.play()
    time.sleep(2.5)  # the agent's tick, a scrape, an evaluation
    at = time.time()

    (labels, _), = prometheus.ask('backscatter_flood_active{kind="joe_job"}')
    target = labels["target"]
    wrong = list(wrong_queries(prometheus, at, started, expected(sent, target)))
    wrong += wrong_alerts(prometheus, target)
    if address_behind(target, options) != traffic.VICTIM:
        wrong.append(f"{target} is {address_behind(target, options)}")
    code, _ = agent.end()
    if code != 0:
        wrong.append(f"run ended with {code}")
    for line in wrong:
        print(f"WRONG: {line}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    stage.enter("dashboard", inside, __doc__, programs=("usr/bin/prometheus",))
