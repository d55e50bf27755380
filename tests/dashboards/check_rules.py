#!/usr/bin/env python3
"""The rules are valid, do what rules/*.test.yml say, and each alert is tested both ways."""

import re

import tools

CONFIG = tools.ROOT / "dashboards" / "prometheus" / "prometheus.yml"
TESTS = sorted((tools.ROOT / "tests" / "dashboards" / "rules").glob("*.test.yml"))


def alert_names():
    return sorted(set(re.findall(r"- alert: (\w+)", tools.RULES.read_text())))


def main():
    args = tools.arguments()
    promtool = tools.tool("promtool", args.servers)
    failures = tools.Failures()
    for command in (["check", "rules", tools.RULES], ["check", "config", CONFIG],
                    ["test", "rules", *TESTS]):
        code, text = tools.run(promtool, *command)
        print(text)
        failures.expect(code == 0, f"promtool {command[0]} {command[1]}")

    tests = "".join(path.read_text() for path in TESTS)
    for name in alert_names():
        asked = re.findall(rf"alertname: {name}\b,?\s+exp_alerts:(.*)", tests)
        failures.expect(any(one.strip(" }") == "[]" for one in asked),
                        f"no test says when {name} does not fire")
        failures.expect(any(one.strip(" }") != "[]" for one in asked),
                        f"no test says when {name} fires")
    failures.expect(len(alert_names()) == 14, f"{len(alert_names())} alerts, not 14")
    failures.end()


if __name__ == "__main__":
    main()
