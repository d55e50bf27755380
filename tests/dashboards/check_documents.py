#!/usr/bin/env python3
"""The runbook has an entry for each alert and for nothing else, links lead somewhere, and each
metric that rules, dashboards and documents name is one of METRICS.md, with the labels it has."""

import re

import grafana
import tools

FOLDER = tools.ROOT / "dashboards"
RUNBOOK = FOLDER / "RUNBOOK.md"
METRICS = tools.ROOT / "METRICS.md"
ANSWERS = ("**Look at**", "**Do**", "**Harmless when**")
PACKED = "file:///usr/share/doc/backscatterd/dashboards/RUNBOOK.md"
ALERT = re.compile(r"- alert: (\w+)\n(.*?)(?=\n\s*- (?:alert|record|name):|\Z)", re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)
OURS = {"job", "instance", "le"}  # labels that Prometheus adds
METRIC = re.compile(r"(?<![\w:])(?:backscatter|process)_[a-z0-9_]+(?![\w:])")
SELECTOR = re.compile(r"(?<![\w:])((?:backscatter|process)_[a-z0-9_]+)\{([^}]*)\}")


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def check_runbook(failures):
    rules = tools.RULES.read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    text = RUNBOOK.read_text()
    entries = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", text, re.MULTILINE))
    failures.expect(set(entries) == alerts, f"entries {set(entries) ^ alerts} of RUNBOOK.md")
    for name, entry in entries.items():
        for answer in ANSWERS:
            if name == "BackscatterSamplingLow" and answer == "**Look at**":
                continue  # its only number is in the alert
            failures.expect(answer in entry, f"RUNBOOK.md: {name} has no {answer}")
    for name, rule in ALERT.findall(rules):
        link = f"runbook_url: {PACKED}#{anchor(name)}\n"
        failures.expect(link in rule + "\n", f"runbook_url of {name}")
        for needed in "severity:", "summary:", "description:", "keep_firing_for:":
            failures.expect(needed in rule, f"{name} has no {needed}")


def check_links(failures):
    for path in sorted(FOLDER.rglob("*.md")):
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if "://" in target:
                continue
            name, _, part = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            failures.expect(file.exists(), f"{path.name} links {target}")
            if part and file.suffix == ".md" and file.exists():
                headings = {anchor(one) for one in HEADING.findall(file.read_text())}
                failures.expect(part in headings, f"{path.name} links {target}")


def known_metrics():
    """Labels by name."""
    known = {}
    for name, kind, labels in ROW.findall(METRICS.read_text()):
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        known |= {name + end: set(re.findall(r"`(\w+)`", labels)) for end in ends}
    return known


def check_metrics(failures):
    known = known_metrics()
    failures.expect(len(known) > 40, f"METRICS.md: only {len(known)} metrics could be read")
    board = grafana.load()
    queries = [target["expr"] for panel in grafana.panels(board) for target in panel["targets"]]
    queries += [one["query"]["query"] for one in board["templating"]["list"]
                if one["type"] == "query"]
    texts = {path.name: path.read_text() for path in (tools.RULES, RUNBOOK, FOLDER / "README.md")}
    texts["overview.json"] = "\n".join(queries)
    for where, text in texts.items():
        names = set(METRIC.findall(text))
        failures.expect(names or where == "README.md", f"{where} names no metric")
        for name in sorted(names):
            failures.expect(name in known, f"{where}: METRICS.md has no {name}")
        for name, matchers in SELECTOR.findall(text):
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
                failures.expect(label in known.get(name, set()) | OURS,
                                f"{where}: {name} has no label {label}")


def main():
    tools.arguments()
    failures = tools.Failures()
    check_runbook(failures)
    check_links(failures)
    if failures.found:
        failures.end()
    if not METRICS.exists():
        tools.skip("no METRICS.md to hold names against")
    check_metrics(failures)
    failures.end()


if __name__ == "__main__":
    main()
