"""A second site over HTTP."""

import json

import pytest

from elect.core.changes import ChangeRefusal, ChangeRefused
from elect.core.configuration import NO_MEMBERS
from elect.core.promotion import PromotionRefusal, PromotionRefused
from elect.errors import LeadershipTimeout, NotLeader, Stopped
from elect.mirror.mirror_errors import MirrorBootstrapping
from elect.sites.site_values import MirrorUnavailable, PromotionNotDone, PromotionResult
from tests.unit.web.client import Answer, ask
from tests.unit.web.fake_node import FakeNode

TOKEN = "0123456789abcdef"


def post(node: FakeNode, path: str, **fields: object) -> Answer:
    return ask(node, "POST", path, json.dumps(fields).encode())


def test_mirror_shows_the_cluster_and_its_mirror():
    node = FakeNode()
    assert ask(node, "GET", "/mirror").json == {
        "node": "a",
        "cluster_state": "active",
        "successor": None,
        "promotion_floor": None,
        "mirror": None,
        "mirrors": [],
    }
    node.content["mirror"] = {"state": "following", "error": ""}
    node.configuration = NO_MEMBERS
    assert [ask(node, "GET", path).json["cluster_state"] for path in ("/mirror", "/readyz")] == [None, None]
    assert ask(node, "GET", "/mirror").json["mirror"] == {"state": "following", "error": ""}
    assert ask(node, "GET", "/readyz").json["mirror"] == "following"


def test_promote_and_seal_take_their_fields():
    node = FakeNode()
    assert post(node, "/promote").json["not_sealed"] == "nobody answers"
    assert post(node, "/promote", force=True, timeout=5).json["floor"] == 3_000_000
    assert (node.promotions, node.timeouts) == ([False, True], [30.0, 5.0])
    assert post(node, "/seal", successor="b:1").json["successor"] == "b:1"
    assert node.members.changes == [("seal", "b:1", 10.0)]


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/promote", {"force": 1}),
        ("/promote", {"timeout": 61}),
        ("/promote", {"successor": "b"}),
        ("/seal", {"successor": 7}),
        ("/seal", {"force": True}),
    ],
)
def test_bad_fields_change_nothing(path, fields):
    node = FakeNode()
    assert post(node, path, **fields).status == 400
    assert (node.promotions, node.members.changes) == ([], [])


@pytest.mark.parametrize(
    ("failure", "status", "refusal"),
    [
        (MirrorBootstrapping(), 409, "bootstrapping"),
        (MirrorUnavailable("disk"), 409, "no_mirror"),
        (PromotionRefused(PromotionRefusal.NEVER_STANDBY, "no"), 409, "never_standby"),
        (PromotionNotDone(PromotionResult(), 3.0), 504, "timeout"),
        (Stopped("a", "stopped"), 503, None),
    ],
)
def test_a_promotion_that_fails_says_why(failure, status, refusal):
    node = FakeNode()
    node.failure = failure
    answer = post(node, "/promote")
    assert (answer.status, answer.json.get("refusal")) == (status, refusal)
    assert answer.json["error"] == str(failure)


@pytest.mark.parametrize(
    ("failure", "status", "refusal"),
    [
        (ChangeRefused(ChangeRefusal.STANDBY, "it stands by"), 409, "standby"),
        (NotLeader("default", None), 421, "not_leader"),
        (LeadershipTimeout("default", "the seal", 3.0), 504, "timeout"),
        (ValueError("successor is too long"), 400, None),
        (Stopped("a", "stopping"), 503, "timeout"),
    ],
)
def test_a_seal_that_fails_says_why(failure, status, refusal):
    node = FakeNode()
    node.members.failure = failure
    answer = post(node, "/seal")
    assert (answer.status, answer.json.get("refusal")) == (status, refusal)


def test_a_seal_that_is_cut_off_may_be_made():
    node = FakeNode()
    node.members.failure = Stopped("a", "stopping")
    assert "may be made all the same" in post(node, "/seal").json["error"]


@pytest.mark.parametrize("path", ["/promote", "/seal"])
def test_another_machine_needs_the_operator_token(path):
    node = FakeNode(TOKEN)
    assert ask(node, "POST", path, remote="10.0.0.7").status == 401
    assert ask(node, "POST", path, remote="10.0.0.7", AUTHORIZATION="Bearer wrong").status == 403
    assert ask(node, "GET", path).status == 405
    assert (node.promotions, node.members.changes) == ([], [])
    assert ask(node, "POST", path, remote="10.0.0.7", AUTHORIZATION=f"Bearer {TOKEN}").status == 200
