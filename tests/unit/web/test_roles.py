import pytest

from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_leader_answers_every_probing_method_with_the_token_while_the_lease_holds(method):
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
    assert "name one election" in str(answer.json["error"])
