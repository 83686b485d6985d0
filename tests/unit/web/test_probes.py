from dataclasses import replace

import pytest

from elect.core.configuration import ClusterState, Configuration
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase
from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode


def test_healthz_is_about_threads_and_lag():
    node = FakeNode()
    answer = ask(node, "GET", "/healthz")
    assert (answer.status, answer.json) == (200, {"node": "a", "is_alive": True, "loop_lag_seconds": 0.001})
    node.loop_lag_ns = node.config.support_duration_ns
    assert ask(node, "GET", "/healthz").status == 503
    node.loop_lag_ns, node.is_alive = 0, False
    assert ask(node, "GET", "/healthz").status == 503


def test_readyz_wants_a_quorum_and_a_leader():
    node = FakeNode()
    assert ask(node, "GET", "/readyz").status == 503
    node.follow("b", 2)
    assert ask(node, "GET", "/readyz").json == {
        "node": "a",
        "lifecycle": "ready",
        "has_quorum": True,
        "cluster_state": "active",
        "leader": "b",
    }
    assert ask(node, "GET", "/readyz").status == 200
    node.content["has_quorum"] = False
    assert ask(node, "GET", "/readyz").status == 503


def test_readyz_wants_a_member_that_takes_its_part():
    node = FakeNode()
    node.follow("b", 2)
    node.lifecycle = MemberLifecycle(phase=MemberPhase.JOINING, attempt=2)
    answer = ask(node, "GET", "/readyz")
    assert (answer.status, answer.json["lifecycle"]) == (503, "joining(2)")


@pytest.mark.parametrize(("state", "status"), [("standby", 200), ("sealed", 503), ("active", 503)])
def test_readyz_wants_no_leader_of_a_standby_cluster(state, status):
    """The source leads meanwhile; of a sealed cluster the successor is the one to ask."""
    node = FakeNode()
    node.configuration = replace(Configuration.initial("abc"), state=ClusterState(state))
    answer = ask(node, "GET", "/readyz")
    assert (answer.status, answer.json["cluster_state"], answer.json["leader"]) == (status, state, None)
    node.content["has_quorum"] = False
    assert ask(node, "GET", "/readyz").status == 503


def test_readyz_answers_while_the_orchestrator_does_not():
    node = FakeNode()
    node.follow("b", 2)
    node.content["has_quorum"], node.configuration = False, None
    answer = ask(node, "GET", "/readyz")
    assert (answer.status, answer.json["cluster_state"]) == (503, None)


def test_status_is_the_nodes_own_json():
    node = FakeNode()
    node.content["elections"] = [{"name": "Δ"}]
    answer = ask(node, "GET", "/status")
    assert (answer.status, answer.json) == (200, node.content)
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_metrics_come_in_the_format_that_is_asked_for():
    node = FakeNode()
    plain = ask(node, "GET", "/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain")
    assert b"elect_inbox_depth 3.0" in plain.body
    open_metrics = ask(node, "GET", "/metrics", ACCEPT="application/openmetrics-text; version=1.0.0")
    assert open_metrics.headers["Content-Type"].startswith("application/openmetrics-text")
    assert open_metrics.body.endswith(b"# EOF\n")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_leader_answers_each_method_with_the_token(method):
    node = FakeNode()
    node.lead(7)
    answer = ask(node, method, "/leader")
    assert (answer.status, answer.headers["X-Elect-Token"]) == (200, "7")
    assert ask(node, method, "/replica").status == 503


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_follower_is_a_replica_and_shows_no_token(method):
    node = FakeNode()
    node.follow("b", 7)
    answer = ask(node, method, "/leader")
    assert answer.status == 503
    assert "X-Elect-Token" not in answer.headers
    assert ask(node, method, "/replica").status == 200


def test_the_lease_is_asked_for_at_each_request():
    node = FakeNode()
    node.lead(7)
    assert ask(node, "GET", "/leader").status == 200
    node.elections["default"].leadership = None
    assert ask(node, "GET", "/leader").status == 503


def test_a_node_that_is_elected_meanwhile_names_itself():
    node = FakeNode()
    node.lead(7)
    node.elections["default"].leader = None
    shown = ask(node, "GET", "/leader").json
    assert (shown["is_leader"], shown["leader"]) == (True, "a")


def test_a_body_names_node_token_and_leader_and_head_has_none():
    node = FakeNode()
    node.follow("b", 7)
    shown = ask(node, "GET", "/leader").json
    assert shown == {"election": "default", "node": "a", "is_leader": False, "token": None, "leader": "b"}
    assert ask(node, "HEAD", "/leader").body == b""


def test_another_election_is_asked_for_by_name_and_never_made():
    node = FakeNode()
    node.lead(3, "jobs")
    assert ask(node, "GET", "/leader?election=jobs").headers["X-Elect-Token"] == "3"
    assert ask(node, "GET", "/leader").status == 503
    assert ask(node, "GET", "/leader?election=unknown").status == 503
    assert ask(node, "GET", "/replica?election=unknown").status == 503
    assert set(node.elections) == {"default", "jobs"}


def test_a_dead_node_is_no_replica_either():
    node = FakeNode()
    node.is_alive = False
    assert ask(node, "GET", "/replica").status == 503


@pytest.mark.parametrize(
    "query", ["election=", "election=a&election=b", "election=%0a", "election=" + "x" * 65, "election=%ff"]
)
def test_a_name_that_is_none_is_refused(query):
    answer = ask(FakeNode(), "GET", f"/leader?{query}")
    assert answer.status == 400
    assert "election must be one name" in str(answer.json["error"])
