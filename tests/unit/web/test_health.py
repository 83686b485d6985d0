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
    assert ask(node, "GET", "/readyz").json == {"node": "a", "has_quorum": True, "leader": "b"}
    assert ask(node, "GET", "/readyz").status == 200
    node.content["has_quorum"] = False
    assert ask(node, "GET", "/readyz").status == 503


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
