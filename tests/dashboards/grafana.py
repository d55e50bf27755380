"""The committed dashboard as tests read it: its panels, its queries with variables filled in."""

import json

import tools

DASHBOARD = tools.ROOT / "dashboards" / "grafana" / "overview.json"


def load():
    return json.loads(DASHBOARD.read_text())


def panels(dashboard):
    """All but the rows' headings."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def filled_in(expr, rate_interval="1m", range_="5m", job=".+", instance=".+", domain=".*"):
    """The query that Grafana would send."""
    for name, value in (("$__rate_interval", rate_interval), ("$__range", range_), ("$job", job),
                        ("$instance", instance), ("$domain", domain)):
        expr = expr.replace(name, value)
    if "$" in expr:
        raise ValueError(f"an unknown variable in {expr}")
    return expr
