#!/usr/bin/env python3
"""The rules of grafana/dashboard-linter (named as there) on the committed dashboard, and ours: a
text for no data on each panel, a unit for each column, panels that do not lie on one another."""

import json
import re

import grafana
import tools

# Of those of grafana-data, what is used here.
UNITS = {"none", "short", "s", "cpm", "pps", "percentunit", "dateTimeFromNow", "dateTimeAsLocal"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SELECTOR = re.compile(r"\b((?:backscatter|process)_\w+|up)\b(\{[^}]*\})?(\[[^\]]*\])?")


def check_templates(dashboard, failures):
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    expect = failures.expect
    expect(list(variables) == ["datasource", "job", "instance", "domain"], f"{list(variables)}")
    source = variables["datasource"]
    expect((source["type"], source["query"], source["label"]) ==
           ("datasource", "prometheus", "Data source"), "template-datasource-rule")
    for name, everything in ("job", ".+"), ("instance", ".+"), ("domain", ".*"):
        one, rule = variables[name], f"template-{name}-rule"
        expect(one["type"] == "query" and one["datasource"] == DATASOURCE, rule)
        expect(one["label"] == name.title(), f"{rule}: label")
        expect(one["multi"] and one["includeAll"], f"{rule}: multi")
        expect(one["allValue"] == everything, f"{rule}: allValue")
        expect(re.fullmatch(r"label_values\(.+, \w+\)", one["query"]["query"]),
               "template-label-promql-rule")
        expect(one["refresh"] == 2, "template-on-time-change-reload")


def units(panel):
    yield panel["fieldConfig"]["defaults"].get("unit")
    for override in panel["fieldConfig"].get("overrides", []):
        yield from (one["value"] for one in override["properties"] if one["id"] == "unit")


def check_panel(panel, failures):
    where = panel.get("title", f"panel {panel.get('id')}")

    def expect(right, rule):
        failures.expect(right, f"{where}: {rule}")

    expect(panel.get("title") and panel.get("description"), "panel-title-description-rule")
    expect(panel.get("datasource") == DATASOURCE, "panel-datasource-rule")
    expect(all(unit in UNITS for unit in units(panel)), "panel-units-rule")
    expect(panel["fieldConfig"]["defaults"].get("noValue"), "no text for no data")
    expect(panel.get("targets"), "panel-no-targets-rule")
    if panel["type"] == "table":
        count = len(panel["fieldConfig"]["overrides"])
        expect(count == len(panel["targets"]), "a unit for each column")
    for target in panel.get("targets", []):
        expect(target["datasource"] == DATASOURCE, "panel-datasource-rule: target")
        check_query(target["expr"], expect)


def check_query(expr, expect):
    found = list(SELECTOR.finditer(expr))
    expect(found, f"no series in {expr}")
    for one in found:
        name, matchers, span = one.groups()
        expect('job=~"$job"' in (matchers or ""), f"target-job-rule: {name}")
        expect('instance=~"$instance"' in (matchers or ""), f"target-instance-rule: {name}")
        before = re.search(r"(\w+)\($", expr[:one.start()])
        function = before.group(1) if before else ""
        if name.endswith(("_total", "_bucket")):
            expect(span and function in ("rate", "irate", "increase"),
                   f"target-counter-agg-rule: {name}")
        if function in ("rate", "irate", "deriv"):
            expect(span == "[$__rate_interval]", f"target-rate-interval-rule: {name}")


def check_layout(dashboard, failures):
    taken = {}
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        failures.expect(place["x"] + place["w"] <= 24, f"{panel['title']} is too wide")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                failures.expect(other == panel["title"], f"{panel['title']} lies on {other}")
    numbers = [panel["id"] for panel in dashboard["panels"]]
    failures.expect(len(set(numbers)) == len(numbers), "two panels with one id")


def check_promql(dashboard, args, failures):
    """target-promql-rule, by promtool: each query as a recording rule."""
    rules = [{"record": f"query:{panel['id']}:{target['refId']}",
              "expr": grafana.filled_in(target["expr"])}
             for panel in grafana.panels(dashboard) for target in panel["targets"]]
    path = tools.fresh_folder(args.output / "queries") / "queries.json"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    code, text = tools.run(tools.tool("promtool", args.servers), "check", "rules", path)
    print(text)
    failures.expect(code == 0, "target-promql-rule")


def main():
    args = tools.arguments()
    failures = tools.Failures()
    dashboard = grafana.load()
    failures.expect(dashboard["editable"] is False, "uneditable-dashboard-rule")
    check_templates(dashboard, failures)
    panels = list(grafana.panels(dashboard))
    failures.expect(len(panels) > 20, f"only {len(panels)} panels")
    for panel in panels:
        check_panel(panel, failures)
    check_layout(dashboard, failures)
    if not failures.found:
        check_promql(dashboard, args, failures)
    failures.end()


if __name__ == "__main__":
    main()
