import json

import pytest

from elect.core.changes import ChangeRefusal, ChangeRefused
from elect.errors import LeadershipTimeout, NotLeader, Stopped
from elect.leader import Leader
from tests.unit.web.client import Answer, ask
from tests.unit.web.fake_node import FakeNode


def post(node: FakeNode, **fields: object) -> Answer:
    return ask(node, "POST", "/members", json.dumps(fields).encode())


def test_the_members_are_listed_with_their_health():
    content = ask(FakeNode(), "GET", "/members").json
    assert (content["node"], content["has_quorum"], content["version"]) == ("a", True, 0)
    assert [(each["node"], each["state"], each.get("last_heard")) for each in content["members"]] == [
        ("a", "voter", None),
        ("b", "voter", 0.25),
        ("c", "voter", 0.25),
    ]


@pytest.mark.parametrize(
    ("fields", "call"),
    [
        ({"change": "add", "member": "d"}, ("add", "d", None, "voter", 10.0)),
        ({"change": "add", "member": "d", "address": "h:1", "kind": "witness"}, ("add", "d", "h:1", "witness", 10.0)),
        ({"change": "remove", "member": "c", "timeout": 2}, ("remove", "c", False, 2.0)),
        ({"change": "remove", "member": "c", "force": True}, ("remove", "c", True, 10.0)),
        ({"change": "promote", "member": "d"}, ("promote", "d", None, 10.0)),
        ({"change": "promote", "member": "d", "kind": "voter"}, ("promote", "d", "voter", 10.0)),
        ({"change": "demote", "member": "c"}, ("demote", "c", 10.0)),
        ({"change": "replace", "member": "c", "force": True, "address": None}, ("replace", "c", None, True, 10.0)),
    ],
)
def test_a_change_is_passed_to_the_node(fields, call):
    node = FakeNode()
    answer = post(node, **fields)
    assert (answer.status, node.members.changes) == (200, [call])
    expected = {"node": "a", "change": fields["change"], "member": fields["member"], "term": 7, "version": 1}
    assert answer.json | expected == answer.json


@pytest.mark.parametrize(
    "fields",
    [{}, {"change": "list"}, {"change": 3, "member": "d"}, {"change": "add", "member": 3},
     {"change": "add", "member": "d", "force": True}, {"change": "remove", "member": "c", "froce": True},
     {"change": "remove", "member": "c", "force": "yes"}, {"change": "remove", "member": "c", "timeout": -1},
     {"change": "add", "member": "d", "address": 7101}],
)  # fmt: skip
def test_a_change_that_makes_no_sense_is_refused(fields):
    node = FakeNode()
    assert post(node, **fields).status == 400
    assert not node.members.changes


@pytest.mark.parametrize("refusal", [each for each in ChangeRefusal if each is not ChangeRefusal.NOT_LEADER])
def test_a_refusal_has_its_code_and_its_reason(refusal):
    node = FakeNode()
    node.members.failure = ChangeRefused(refusal, "because")
    answer = post(node, change="remove", member="c")
    status = 404 if refusal is ChangeRefusal.NOT_MEMBER else 409
    assert (answer.status, answer.json) == (status, {"error": "because", "refusal": refusal.value})


def test_a_node_that_does_not_lead_names_the_leader():
    node = FakeNode()
    node.members.failure = NotLeader("default", Leader(node_id="b", term=7, address="127.0.0.1:7102"))
    answer = post(node, change="demote", member="c")
    assert (answer.status, answer.json["refusal"]) == (421, "not_leader")
    assert answer.json["leader"] == {"node": "b", "address": "127.0.0.1:7102", "term": 7}
    node.members.failure = NotLeader("default")
    assert post(node, change="demote", member="c").json["leader"] is None


def test_a_change_that_comes_late_says_so():
    node = FakeNode()
    node.members.failure = LeadershipTimeout("", "the removal of c", 2)
    answer = post(node, change="remove", member="c")
    assert (answer.status, answer.json["refusal"]) == (504, "timeout")
    assert "the removal of c did not come within 2 s" in answer.json["error"]


def test_a_value_that_the_node_refuses_is_a_bad_request():
    node = FakeNode()
    node.members.failure = ValueError("kind is 'x'")
    assert (post(node, change="add", member="d").status, node.members.changes) == (
        400,
        [("add", "d", None, "voter", 10.0)],
    )
    node.members.failure = Stopped("a")
    assert post(node, change="add", member="d").status == 503


def test_only_an_operator_may_change_the_members():
    node = FakeNode()
    body = json.dumps({"change": "remove", "member": "c"}).encode()
    assert ask(node, "POST", "/members", body, remote="10.0.0.9").status == 401
    assert ask(node, "GET", "/members", remote="10.0.0.9").status == 200
    assert not node.members.changes
