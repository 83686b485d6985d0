"""The rules and the dashboard that the package has for Prometheus and Grafana name metrics that nodes expose."""

import json
import re
from pathlib import Path

import pytest

import elect.monitoring
from elect.monitoring.member_metrics import SiteSample, site_metrics
from elect.monitoring.metrics import Metrics
from tests.documents import TEXTS
from wire.link_metrics import WireMetrics

FOLDER = Path(elect.monitoring.__file__).parent
RULES = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
WIDTH = 24


def unknown(text: str) -> set[str]:
    """The names of metrics in a text that no node exposes."""
    registry = Metrics().registry
    WireMetrics(registry)
    site = site_metrics(SiteSample(state="", states=(), lag=0.0, revision=0, snapshots=0, links=0))
    known = {family.name + suffix for family in (*registry.collect(), *site) for suffix in SUFFIXES[family.type]}
    return set(re.findall(r"\b(?:elect|wire)_\w+", text)) - known


@pytest.mark.parametrize("text", [RULES, *(target["expr"] for panel in PANELS for target in panel["targets"])])
def test_metrics_in_rules_and_queries_exist(text):
    assert unknown(text) == set()


def test_an_unknown_metric_is_found():
    assert unknown("rate(elect_failovers_total[5m]) > elect_term") == {"elect_failovers_total"}


def test_each_rule_says_what_happened_and_what_to_do():
    names = re.findall(r"- alert: (\w+)", RULES)
    assert len(names) == len(set(names)) > 0
    for part in ("severity", "summary", "description", "runbook"):
        assert len(re.findall(rf"^ +{part}: ", RULES, re.MULTILINE)) == len(names)


def test_the_text_lists_all_rules_with_their_severity():
    rules = re.findall(r"- alert: (\w+).+?severity: (\w+)", RULES, re.DOTALL)
    assert re.findall(r"^\| `(Elect\w+)` .* (\w+) \|$", TEXTS["elect/cli/OPERATIONS.md"], re.MULTILINE) == rules


def test_panels_have_a_text_and_the_variables():
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all('{cluster=~"$cluster", instance=~"$instance"' in target["expr"] for target in panel["targets"])


def test_panels_do_not_overlap():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        taken |= cells
