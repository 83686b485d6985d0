import re

import pytest

from elect.cli import main
from elect.cli.commands import show_elections
from elect.cli.overview.cluster_overview import FLAPS_MIN, TROUBLED, WATCHED_S, ClusterOverview, Condition
from elect.cli.overview.overview_table import lines
from elect.cli.terminal import Colors
from elect.web import application
from elect.web.server import HttpServer
from tests.unit.web.fake_node import FakeNode
from wire.protocol.address import Address

PLAIN, COLOURED = Colors(is_coloured=False), Colors(is_coloured=True)


def election(name, leader, node, term=1, why=None, code="x"):
    """One election in the status of a node."""
    reason = None if why is None else {"code": code, "text": why}
    return {
        "name": name,
        "leader": leader,
        "leader_term": term,
        "is_leader": leader == node,
        "why_no_leader": reason,
    }


def status(node, *elections, **more):
    return {
        "node": node,
        "peers": [{"is_supported": True}, {"is_supported": False}],
        "elections": list(elections),
        **more,
    }


def looked(now_s, *statuses, overview=None):
    overview = overview or ClusterOverview()
    overview.note({f"{each['node']}:1": each for each in statuses}, now_s)
    return overview


def conditions(overview):
    return {each.name: each.condition for each in overview.elections}


def test_elections_in_trouble_are_first():
    a = status(
        "a", election("steady", "a", "a"), election("two", "a", "a"), election("none", None, "a", why="no quorum")
    )
    b = status("b", election("steady", "a", "b"), election("two", "b", "b"), election("none", None, "b", why="alone"))
    overview = looked(0.0, a, b)
    assert [(each.name, each.condition) for each in overview.elections] == [
        ("two", Condition.DOUBLED),
        ("none", Condition.LEADERLESS),
        ("steady", Condition.STEADY),
    ]
    assert (overview.elections[0].leaders, overview.elections[1].why) == (("a", "b"), "a: no quorum")


def test_a_hand_over_between_two_answers_is_not_two_leaders():
    """The nodes answer one after the other. One that still says so at the next look is a second leader."""
    former = status("a", election("e", "a", "a", term=5))
    b = status("b", election("e", "b", "b", term=6))
    overview = looked(0.0, former, b)
    assert [(each.condition, each.leaders) for each in overview.elections] == [(Condition.STEADY, ("b",))]
    assert overview.is_unsure
    again = status("a", election("e", "a", "a", term=7))
    assert conditions(looked(1.0, again, b, overview=overview)) == {"e": Condition.CHANGED}
    looked(2.0, again, b, overview=overview)
    assert [(each.condition, each.leaders) for each in overview.elections] == [(Condition.DOUBLED, ("a", "b"))]
    assert not overview.is_unsure
    done = status("b", election("e", "a", "b", term=7))
    assert conditions(looked(3.0, again, done, overview=overview)) == {"e": Condition.CHANGED}


def test_a_leader_that_was_not_asked_is_known_from_the_others():
    """One that was asked, and does not say that it leads, is none."""
    b = status("b", election("e", "a", "b", term=7))
    assert (conditions(looked(0.0, b)), looked(0.0, b).elections[0].leaders) == ({"e": Condition.STEADY}, ("(a)",))
    assert conditions(looked(0.0, b, {"node": "a"})) == {"e": Condition.STEADY}
    assert conditions(looked(0.0, b, status("a", election("e", None, "a")))) == {"e": Condition.LEADERLESS}


@pytest.mark.parametrize("code", ["standby", "sealed", "not_standing"])
def test_a_cluster_that_elects_nobody_is_in_no_trouble(code):
    """As long as all nodes say so: a promotion that one node has not heard of is not done."""
    a, b = (status(node, election("e", None, node, why="it waits", code=code)) for node in "ab")
    assert conditions(looked(0.0, a, b)) == {"e": Condition.INACTIVE}
    assert Condition.INACTIVE not in TROUBLED
    promoted = status("b", election("e", None, "b", why="no quorum"))
    assert conditions(looked(0.0, a, promoted)) == {"e": Condition.LEADERLESS}
    assert conditions(looked(0.0, a, status("b", election("e", "a", "b")))) == {"e": Condition.LEADERLESS}


@pytest.mark.parametrize(
    ("codes", "condition"),
    [
        (("not_standing", "not_voter"), Condition.INACTIVE),
        (("not_voter", "not_voter"), Condition.LEADERLESS),
        (("not_standing", "no_quorum"), Condition.LEADERLESS),
        (("not_standing", "paused"), Condition.LEADERLESS),
    ],
)
def test_an_election_without_candidates_needs_no_leader(codes, condition):
    """A program that was changed uses another name now. One candidate is enough for a fault."""
    a, b = (status(node, election("e", None, node, why="x", code=code)) for node, code in zip("ab", codes, strict=True))
    assert conditions(looked(0.0, a, b)) == {"e": condition}


def test_an_election_may_have_a_candidate_that_does_not_answer():
    """A node that only votes says that it is no candidate, also when all others are gone."""
    election_of_others = election("e", None, "a", why="it is no candidate", code="not_standing")
    a = {**status("a", election_of_others), "peers": [{"node": "b", "is_supported": False}]}
    assert conditions(looked(0.0, a)) == {"e": Condition.LEADERLESS}
    assert conditions(looked(0.0, a, {"node": "b"})) == {"e": Condition.LEADERLESS}
    assert conditions(looked(0.0, a, status("b"))) == {"e": Condition.INACTIVE}


def test_an_election_whose_leader_changes_all_the_time_flaps():
    overview = ClusterOverview()
    for term in range(FLAPS_MIN + 1):
        leader = "ab"[term % 2]
        looked(
            term,
            status("a", election("e", leader, "a", term)),
            status("b", election("e", leader, "b", term)),
            overview=overview,
        )
        expected = Condition.STEADY if term == 0 else Condition.CHANGED if term < FLAPS_MIN else Condition.FLAPPING
        assert conditions(overview) == {"e": expected}
    assert (overview.elections[0].changes, overview.nodes[1].troubled) == (FLAPS_MIN, 1)
    calm = status("b", election("e", "b", "b", FLAPS_MIN))
    assert conditions(looked(FLAPS_MIN + WATCHED_S + 1, calm, overview=overview)) == {"e": Condition.STEADY}


def test_nodes_are_summed_up_with_what_is_wrong():
    a = status("a", election("e", "a", "a"), election("f", None, "a"), is_paused=True, is_storing=False)
    overview = looked(0.0, a)
    overview.note({"h:1": "does not answer: timed out", "a:1": a}, 1.0)
    silent, paused = overview.nodes
    assert (silent.node, silent.note) == ("h:1", "does not answer: timed out")
    assert (paused.leads, paused.unled, paused.elections, paused.peers) == (1, 1, 2, "1/2")
    assert paused.note == "paused; data_dir fails"


@pytest.mark.parametrize("content", [{}, {"elections": 3, "peers": None}, {"elections": [3, {}], "node": []}])
def test_what_another_version_says_breaks_nothing(content):
    overview = ClusterOverview()
    overview.note({"h:1": content}, 0.0)
    assert list(lines(overview, rows_max=None, width=None, colors=PLAIN))


def test_ten_thousand_elections_fit_the_terminal():
    """The worst are seen, the others are counted; a colour never stands alone."""
    names = [f"job-{number:05}" for number in range(10_000)]
    a = status("a", *(election(name, None if name == "job-07777" else "a", "a") for name in names))
    overview = looked(0.0, a)
    picture = list(lines(overview, rows_max=20, width=60, colors=COLOURED))
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in picture]
    assert plain == list(lines(overview, rows_max=20, width=60, colors=PLAIN))
    assert len(plain) <= 20
    assert max(map(len, plain)) <= 60
    assert plain[0] == "10,000 elections, 1 no leader, 9,999 steady"
    assert next(line for line in plain if line.startswith("job")).split()[:3] == ["job-07777", "no", "leader"]
    assert plain[-1] == "and 9,987 more, 0 of them in trouble"


def test_the_command_shows_one_look_in_a_pipe(capsys):
    """Its exit code says that an election is in trouble, or that a node is silent."""
    node = FakeNode()
    node.content = status("a", election("e", "a", "a"))
    server = HttpServer(Address("127.0.0.1", 0), application(node))
    server.start()
    try:
        assert main(["top", str(server.address)]) == 0
        assert main(["top", str(server.address), "127.0.0.1:1"]) == 1
        node.content = status("a", election("e", None, "a", why="no quorum"))
        assert main(["top", str(server.address), "--looks", "2", "--interval", "0.1"]) == 1
    finally:
        assert server.stop(5.0)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert shown.count("1 elections, 1 no leader") == 2
    assert "127.0.0.1:1" in shown


@pytest.mark.parametrize("arguments", [(), ("--looks", "1"), ("--looks", "2")])
def test_the_command_tells_two_leaders_in_a_pipe(capsys, arguments):
    """Two leaders have two terms, as a hand-over has: one more look tells which it is."""
    nodes = {"a": FakeNode(), "b": FakeNode()}
    nodes["a"].content = status("a", election("e", "a", "a", term=5))
    nodes["b"].content = status("b", election("e", "b", "b", term=6))
    servers = [HttpServer(Address("127.0.0.1", 0), application(node)) for node in nodes.values()]
    for server in servers:
        server.start()
    try:
        addresses = [str(server.address) for server in servers]
        assert main(["top", *addresses, "--interval", "0.1", *arguments]) == 1
    finally:
        assert all(server.stop(5.0) for server in servers)
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].startswith("e") and "two leaders" in shown
    assert "1 elections, 1 two leaders" in shown


def test_the_command_tells_a_hand_over_in_a_pipe(capsys, monkeypatch):
    """The former leader says that it leads no longer, at the next look."""
    leads = status("b", election("e", "b", "b", term=6))
    looks = [[status("a", election("e", "a", "a", term=5)), leads], [status("a", election("e", "b", "a", 6)), leads]]
    monkeypatch.setattr(show_elections, "_ask_all", lambda addresses: dict(zip("ab", looks.pop(0), strict=True)))
    assert main(["top", "a:1", "b:1", "--interval", "0.1"]) == 0
    assert not looks
    assert capsys.readouterr().out.count("1 elections, 1 steady") == 1
