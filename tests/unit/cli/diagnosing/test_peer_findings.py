"""Each cause that lies in the running node or in a peer is given, and found."""

import pytest

from elect.cli.diagnosing.peer_facts import ClusterFacts, PeerFacts
from elect.cli.diagnosing.peer_findings import judge_cluster
from elect.cli.reachability import faults_in
from elect.config.config import Config
from elect.config.shown_settings import settings_of
from elect.monitoring.clock_comparison import ClockDrift
from tests.nodes import configs

ADDRESS = "127.0.0.1:7102"


@pytest.fixture
def config(tmp_path) -> Config:
    return configs(tmp_path, "abc")["a"]


def found(config, facts):
    """The findings that are not ok: severity, subject and measurement."""
    findings = judge_cluster(config, facts)
    return [(str(each.severity), each.subject, each.measured) for each in findings if each.severity != "ok"]


def found_of(config, **facts):
    return found(config, ClusterFacts(peers={"b": PeerFacts(address=ADDRESS, **facts)}))


def found_in(config, **status):
    return found(config, ClusterFacts(peers={}, status=status))


def test_a_good_peer_and_node_are_no_finding(config):
    drift = ClockDrift(least=-0.3, most=0.004)
    assert found_of(config, is_direct=True, drift=drift, settings=settings_of(config)) == []
    good = {"voters": ["a", "b", "c"], "settings": settings_of(config), "is_storing": True, "doubled": {}}
    assert found_in(config, **good, elections=[{"name": "default", "leader": "a", "why_no_leader": None}]) == []
    assert found_in(config) == []


def test_a_peer_that_does_not_agree_is_an_error(config):
    text = "answers, but does not agree: this is cluster 'other', not 'test'"
    assert found_of(config, fault=text) == [("error", "peer b", f"{ADDRESS} {text}")]


@pytest.mark.parametrize(
    ("trust_close", "severities"), [("auto", ["warning"]), (True, ["error"]), (False, [])], ids=str
)
def test_a_proxy_costs_what_the_setting_says(tmp_path, trust_close, severities):
    config = configs(tmp_path, "abc", trust_close=trust_close)["a"]
    assert [severity for severity, *_ in found_of(config, is_direct=False)] == severities


@pytest.mark.parametrize(
    ("least", "most", "severity"),
    [(0.02, 0.03, "error"), (-0.03, -0.02, "error"), (0.007, 0.008, "warning"), (0.001, 0.5, None)],
)
def test_a_clock_that_drifts_is_found(config, least, most, severity):
    findings = found_of(config, drift=ClockDrift(least=least, most=most))
    assert [each[:2] for each in findings] == ([(severity, "clock of b")] if severity else [])


@pytest.mark.parametrize(
    ("name", "value", "severity"),
    [
        ("support_duration", "3s", "warning"),
        ("heartbeat_interval", "1s", "warning"),
        ("clock_drift", "0.05", "warning"),
        ("failback", "never", "warning"),
        ("elect", "9.9", "warning"),
        ("python", "3.9.1", "notice"),
    ],
)
def test_settings_that_differ_are_found(config, name, value, severity):
    own = settings_of(config)
    said = f"{name} is {value}; this node has {own[name]}"
    assert found_of(config, settings=own | {name: value}) == [(severity, "peer b", said)]
    [(_, subject, running)] = found_in(config, settings=own | {name: value})
    assert (subject, running) == ("this node", f"{name} is {value}; this file or program has {own[name]}")


@pytest.mark.parametrize(
    ("status", "severity", "part"),
    [
        ({"is_storing": False}, "error", "cannot write to data_dir"),
        ({"is_healthy": False}, "error", "health callable"),
        ({"doubled": {"a": "two processes use the id a"}}, "error", "two processes"),
        ({"voters": ["a", "b", "d"]}, "notice", "the file lists a b c; the voters are a b d"),
        ({"elections": [{"name": "default", "why_no_leader": {"text": "x"}}]}, "warning", "knows no leader"),
    ],
)
def test_what_the_running_node_says_of_itself_is_found(config, status, severity, part):
    [finding] = found_in(config, **status)
    assert (finding[0], finding[1]) == (severity, "this node")
    assert part in finding[2]


@pytest.mark.parametrize(("state", "expected"), [("standby", []), ("sealed", ["notice"])])
def test_a_cluster_that_elects_nobody_is_no_warning(config, state, expected):
    text = f"this cluster is {state}"
    elections = [{"name": "default", "why_no_leader": {"code": state, "text": text}}]
    findings = list(judge_cluster(config, ClusterFacts(peers={}, status={"elections": elections})))
    assert [(each.severity, each.why) for each in findings if each.severity != "ok"] == [
        (each, text) for each in expected
    ]
    assert len(findings) == 1


@pytest.mark.parametrize(
    ("state", "mirror", "measured"),
    [
        ("standby", None, "its cluster stands by, and this node has no mirror"),
        ("standby", {"state": "following"}, None),
        ("standby", {"state": "degraded", "error": None, "last_error": "it is behind"}, "degraded; it is behind"),
        ("standby", {"state": "disconnected", "error": "refused", "last_error": "late"}, "disconnected; refused"),
        ("active", None, None),
        ("active", {"state": "promoted"}, None),
        ("sealed", None, None),
    ],
)
def test_a_standby_node_that_does_not_follow_is_found(config, state, mirror, measured):
    """The site cannot be promoted through it, or only without the latest terms."""
    findings = found_in(config, membership={"state": state}, mirror=mirror)
    assert [each[:2] for each in findings] == ([] if measured is None else [("warning", "this node")])
    assert measured is None or measured in findings[0][2]


@pytest.mark.parametrize(("state", "has_fault"), [("sealed", False), ("active", True), ("standby", True)])
def test_an_open_link_is_enough_in_a_sealed_cluster(config, state, has_fault):
    """The nodes of one support nobody; those of any other do."""
    peer = {"node": "b", "is_supported": False, "is_accepted": True}
    status = {"membership": {"state": state}, "peers": [peer]}
    assert bool(faults_in(config, status, ["b"])["b"]) is has_fault
    peer["is_accepted"] = False
    assert "does not reach this node" in faults_in(config, status, ["b"])["b"]


@pytest.mark.parametrize(
    ("status", "limit"),
    [
        (None, 1_024),
        ({}, 1_024),
        ({"descriptors_max": 256}, 256),
        ({"descriptors_max": 4_096}, 4_096),
        ({"descriptors_max": None}, None),
    ],
)
def test_the_descriptors_of_a_running_node_count(status, limit):
    """Not those of the shell in which the doctor runs, as long as the node says its own."""
    assert ClusterFacts(peers={}, status=status).descriptors_max(own=1_024) == limit


def test_a_node_that_cannot_be_asked_is_noticed(config):
    facts = ClusterFacts(peers={}, unasked="it runs without [http] listen")
    assert found(config, facts) == [("notice", "this node", "it runs without [http] listen, so it cannot be asked")]
