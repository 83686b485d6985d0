import json

import pytest

from elect.core.configuration import Configuration
from elect.errors import Forked, LeadershipTimeout, NotLeader, Stopped
from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode


def post(node, path, **fields):
    return ask(node, "POST", path, json.dumps(fields).encode())


def test_resign_gives_up_and_says_which_token():
    node = FakeNode()
    node.lead(7)
    answer = ask(node, "POST", "/resign")
    assert (answer.status, answer.json["resigned"]) == (200, 7)
    assert node.elections["default"].resignations == [(None, 10.0)]


def test_transfer_names_the_successor_and_the_time():
    node = FakeNode()
    node.lead(7, "jobs")
    assert post(node, "/transfer", to="b", election="jobs", timeout=2).status == 200
    assert post(node, "/transfer?election=jobs", to="c").status == 200
    assert node.elections["jobs"].resignations == [("b", 2.0), ("c", 10.0)]


def test_resign_by_another_is_a_conflict_that_names_the_leader():
    node = FakeNode()
    node.follow("b", 7)
    answer = ask(node, "POST", "/resign")
    assert answer.status == 409
    assert "b leads in term 7" in str(answer.json["error"])
    assert post(node, "/resign", election="unknown").status == 409
    assert set(node.elections) == {"default"}


@pytest.mark.parametrize(
    ("failure", "status"), [(NotLeader("default"), 409), (LeadershipTimeout("default", "the resignation", 1), 504)]
)
def test_what_resign_raises_is_answered(failure, status):
    node = FakeNode()
    node.lead(7)
    node.elections["default"].failure = failure
    answer = ask(node, "POST", "/resign")
    assert (answer.status, answer.json["error"]) == (status, str(failure))


@pytest.mark.parametrize(
    "fields", [{}, {"to": "a"}, {"to": "z"}, {"to": 3}, {"to": "b", "timeout": -1}, {"to": "b", "timeout": 1e999},
               {"to": "b", "timeout": True}, {"to": "b", "election": ""}, {"to": "b", "election": 3}]
)  # fmt: skip
def test_a_transfer_that_makes_no_sense_is_refused(fields):
    node = FakeNode()
    node.lead(7)
    assert post(node, "/transfer", **fields).status == 400
    assert not node.elections["default"].resignations


def test_a_transfer_without_another_voter_says_so():
    node = FakeNode()
    node.lead(7)
    node.configuration = Configuration.initial("a")
    error = post(node, "/transfer", to="zz").json["error"]
    assert error == '"to" must name another voter: node a knows of no other voter'


def test_pause_and_resume():
    node = FakeNode()
    assert ask(node, "POST", "/pause").json == {"node": "a", "is_paused": True}
    assert node.is_paused
    assert ask(node, "POST", "/resume").json == {"node": "a", "is_paused": False}
    assert not node.is_paused


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("/resign", {"electoin": "jobs"}, "/resign has no field electoin"),
        ("/transfer", {"to": "b", "electon": "jobs", "a": 1}, "/transfer has no field a, electon"),
        ("/resign?elction=jobs", {}, "/resign has no field elction in its query"),
        ("/resign?timeout=1", {}, "/resign has no field timeout in its query"),
        ("/resign?election=default&%ff=1", {}, "the query has too many fields, or is not in UTF-8"),
        ("/pause", {"election": "jobs"}, "/pause has no field election"),
        ("/resume?election=jobs", {}, "/resume has no field election in its query"),
        ("/members?election=jobs", {"change": "remove", "member": "b"}, "/members has no field election in its query"),
        ("/seal?to=b", {}, "/seal has no field to in its query"),
        ("/promote", {"forced": True}, "/promote has no field forced"),
    ],
)
def test_an_unknown_field_changes_nothing(path, fields, named):
    """A misspelt name of an election would otherwise resign another one, and a pause would concern all of them."""
    node = FakeNode()
    node.lead(7)
    answer = post(node, path, **fields)
    assert (answer.status, answer.json["error"]) == (400, named)
    assert not (node.is_paused or node.timeouts or node.elections["default"].resignations)


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 4000, b"null"])
def test_a_body_that_is_no_object_is_refused(body):
    node = FakeNode()
    assert ask(node, "POST", "/pause", body).status == 400
    assert not node.is_paused


def test_a_body_is_bounded_and_says_its_length():
    node = FakeNode()
    assert ask(node, "POST", "/pause", b"{" + b" " * 4096).status == 413
    assert ask(node, "POST", "/pause", b"{}", TRANSFER_ENCODING="chunked").status == 411
    assert not node.is_paused


@pytest.mark.parametrize("path", ["/pause", "/resume"])
def test_a_pause_waits_no_longer_than_it_is_told_to(path):
    node = FakeNode()
    assert ask(node, "POST", path).status == 200
    assert post(node, path, timeout=2).status == 200
    assert node.timeouts == [10.0, 2.0]
    for timeout in ("2", True, -1, 1e999, None, 61):
        assert post(node, path, timeout=timeout).status == 400
    node.failure = LeadershipTimeout("", "the pause", 2)
    answer = post(node, path, timeout=2)
    assert (answer.status, answer.json["error"]) == (504, "the pause did not come within 2 s")


@pytest.mark.parametrize("failure", [Stopped("a", "new"), Stopped("a"), Forked("a")])
def test_a_node_that_does_not_run_answers_in_which_state_it_is(failure):
    node = FakeNode()
    node.failure = failure
    answer = ask(node, "POST", "/pause")
    assert (answer.status, answer.json["error"]) == (503, str(failure))
