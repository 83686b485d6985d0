import pytest

from elect.leader import Leader
from elect.web.elections import ElectionList
from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeElection, FakeNode


def node_with(**leaders):
    node = FakeNode()
    node.elections = {
        name: FakeElection(leader=None if leader is None else Leader(node_id=leader, term=1))
        for name, leader in leaders.items()
    }
    return node


def names(answer):
    return [row["name"] for row in answer.json["elections"]]


class MeetingList(ElectionList):
    """A list that another thread reads just when this one has noted the names, with one election more."""

    is_met = False

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "_names" and value and not self.is_met:
            self.__dict__["is_met"] = True
            self._node.elections["c"] = FakeElection()
            self._read()


def test_two_that_read_at_once_each_get_a_list():
    assert MeetingList(node_with(a="a", b=None)).first(9) == ["b", "a"]


def test_elections_without_a_leader_come_first():
    answer = ask(node_with(d="a", b="b", c=None, a=None), "GET", "/elections")
    assert names(answer) == ["a", "c", "b", "d"]
    assert {name: answer.json[name] for name in ("total", "leaderless", "led", "matched")} == {
        "total": 4,
        "leaderless": 2,
        "led": 1,
        "matched": 4,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("search=JOB", ["jobs-2", "jobs-1"]),
        ("search=b", ["jobs-2", "jobs-1", "rent"]),  # a part of two names, and the leader of one
        ("search=c", []),
        ("leaderless=1", ["jobs-2"]),
        ("offset=1&limit=1", ["jobs-1"]),
        ("offset=9", []),
        ("limit=0", []),
    ],
)
def test_a_part_of_the_list_is_asked_for(query, found):
    node = node_with(**{"jobs-1": "a", "jobs-2": None, "rent": "b"})
    assert names(ask(node, "GET", f"/elections?{query}")) == found


@pytest.mark.parametrize(
    "query",
    [
        "limit=201",
        "limit=-1",
        "offset=x",
        "offset=1e3",
        "leaderless=2",
        "limit=1&limit=2",
        "search=%ff",
        "search=" + "a" * 65,
    ],
)
def test_a_query_is_bounded(query):
    assert ask(node_with(a="a"), "GET", f"/elections?{query}").status == 400
