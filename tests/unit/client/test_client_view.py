"""The reports of several nodes, merged."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elect.client.client_view import FORGOTTEN_MAX, ClientView
from elect.core.configuration import Configuration, Member
from elect.leader import Leader
from elect.observing.observer_messages import LeaderReport, MembersReport

E = "default"
LEASE_NS = 1_000


def view_of(*links: str) -> ClientView:
    """A view with a link to each node, of the same name, which has reported all of them as members."""
    view = ClientView()
    view.watch(E)
    for link in links:
        view.open_link(link, link)
        view.receive_members(link, members(*links))
    return view


def members(*node_ids: str, version: int = 1) -> MembersReport:
    listed = tuple(Member(node_id=node_id) for node_id in sorted(node_ids))
    return MembersReport(configuration=Configuration(members=listed, version=version))


def report(term: int, leader: str = "", **more: object) -> LeaderReport:
    return LeaderReport(**{"election": E, "term": term, "leader_id": leader, **more})


def known(leader: Leader | None) -> tuple[str, int] | None:
    return None if leader is None else (leader.node_id, leader.term)


def test_the_highest_term_wins():
    view = view_of("a", "b", "c")
    view.receive_leader("a", report(5, "a"), 0)
    view.receive_leader("b", report(6, "b"), 1)
    view.receive_leader("c", report(5, "a"), 2)
    assert known(view.leader(E)) == ("b", 6)


def test_a_node_that_knows_none_does_not_hide_one_that_does():
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a"), 0)
    view.receive_leader("b", report(5), 1)
    assert known(view.leader(E)) == ("a", 5)
    view.receive_leader("a", report(5), 2)
    assert view.leader(E) is None


def test_none_of_a_higher_term_ends_a_leader():
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a"), 0)
    view.receive_leader("b", report(6), 1)
    assert view.leader(E) is None


def test_a_leader_stays_when_its_link_ends_until_all_are_lost():
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a"), 0)
    view.receive_leader("b", report(4, "c"), 0)
    view.end_link("a")
    assert known(view.leader(E)) == ("a", 5)
    assert view.forget_leaders()
    assert not view.forget_leaders()
    assert view.leader(E) is None
    view.receive_leader("b", report(4, "c"), 1)
    assert view.leader(E) is None


def test_a_second_leader_of_a_term_is_ignored():
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a"), 0)
    view.receive_leader("b", report(5, "b", lease_ns=LEASE_NS), 1)
    assert known(view.leader(E)) == ("a", 5)
    assert view.ready(E, 2) is None


def test_ready_is_the_leader_itself_on_a_lease():
    view = view_of("a", "b")
    view.receive_leader("b", report(5, "a"), 0)
    assert view.ready(E, 0) is None
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 100)
    assert view.ready(E, 100) == ("a", view.leader(E))
    assert view.ready(E, 100 + LEASE_NS - 1) is not None
    assert view.ready(E, 100 + LEASE_NS) is None


def test_ready_ends_with_the_link_and_with_a_higher_term():
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 0)
    view.receive_leader("b", report(6), 1)
    assert view.ready(E, 2) is None
    view = view_of("a")
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 0)
    view.end_link("a")
    assert view.ready(E, 2) is None


def test_doubt_lasts_until_the_next_report():
    view = view_of("a")
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 0)
    view.doubt(E, 1)
    assert view.ready(E, 2) is None
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 2)
    assert view.ready(E, 2) is not None


def test_a_leader_that_is_no_member_is_not_ready():
    view = view_of("a", "b")
    view.receive_members("a", members("b"))
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 0)
    assert view.ready(E, 0) is None


@pytest.mark.parametrize("text", ["a:7101\nnone", "\x1b[2J", "0.0.0.0:7101", "a"])
def test_a_text_that_is_no_address_is_not_shown(text):
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a", address=text, lease_ns=LEASE_NS), 0)
    assert view.leader(E).address is None
    assert view.ready(E, 0)[1].address is None
    view.receive_leader("b", report(5, "a", address="a:7101"), 1)
    assert view.leader(E).address == "a:7101"


def test_as_of_is_the_time_of_the_youngest_knowledge():
    view = view_of("a", "b")
    second = 1_000_000_000
    view.receive_leader("a", report(5, "a", age_ns=3 * second), 10 * second)
    assert view.leader(E).as_of == 7
    view.receive_leader("b", report(5, "a", age_ns=second), 9 * second)
    assert view.leader(E).as_of == 8


def test_another_age_alone_is_no_change():
    view = view_of("a")
    view.receive_leader("a", report(5, "a"), 0)
    changes = view.change(E)[0]
    view.receive_leader("a", report(5, "a", age_ns=7), 9)
    assert view.change(E)[0] == changes
    view.receive_leader("a", report(5, "a", metadata={"http": "x"}), 9)
    assert view.change(E)[0] == changes + 1


def test_an_older_list_of_members_does_not_replace_a_newer_one():
    view = view_of("a", "b")
    view.receive_members("a", members("a", "b", "c", version=3))
    view.receive_members("b", members("a", version=2))
    assert view.members == ("a", members("a", "b", "c", version=3))


def test_reports_of_other_elections_and_ended_links_are_dropped():
    view = view_of("a")
    assert not view.receive_leader("a", LeaderReport(election="other", term=9), 0)
    assert not view.receive_leader("gone", report(9, "gone"), 0)
    assert view.elections == (E,)
    assert view.leader(E) is None


def test_links_are_kept_for_each_election_that_is_in_use():
    view = view_of("a", "b", "c")
    view.watch("other")
    for link in "bc":
        view.receive_leader(link, replace(report(5, "b"), election="other"), 0)
    view.receive_leader("a", report(5, "a", lease_ns=LEASE_NS), 0)
    assert view.worth_keeping("abc", 1, [E]) == {"a"}
    assert view.worth_keeping("abc", 1, [E, "other"]) == {"a", "c"}
    assert view.is_covered("ac", [E, "other"])
    assert not view.is_covered("a", [E, "other"])
    view.receive_leader("b", replace(report(5, "b", lease_ns=LEASE_NS), election="other"), 0)
    assert view.worth_keeping("abc", 1, [E, "other"]) == {"a", "b"}


def test_the_last_link_is_kept_where_no_node_knows_a_leader():
    view = view_of("a", "b")
    assert view.worth_keeping("ab", 1, [E]) == {"b"}


def test_a_circle_is_named():
    view = view_of("a", "b", "c")
    view.receive_leader("a", report(5, "b"), 0)
    view.receive_leader("b", report(5, "c"), 0)
    assert view.loop(E) == ()
    view.receive_leader("c", report(5, "b"), 0)
    assert view.loop(E) in (("b", "c", "b"), ("c", "b", "c"))


def test_a_term_outlasts_its_election_and_its_process():
    view = view_of("a", "b")
    view.receive_leader("a", report(5, "a"), 0)
    view.watch("other")
    view.forget(E)
    for again in (view, ClientView(view.terms)):
        again.watch(E)
        again.open_link("b", "b")
        again.receive_leader("b", report(4, "b"), 1)
        assert again.leader(E) is None
        again.receive_leader("b", report(5, "b"), 1)
        assert again.leader(E) is None
        again.receive_leader("b", report(6, "b"), 1)
        assert known(again.leader(E)) == ("b", 6)
        again.forget(E)
        assert again.terms[E] == (6, "b")


def test_terms_of_forgotten_elections_are_bounded():
    view = view_of("a")
    for place in range(FORGOTTEN_MAX + 10):
        view.watch(f"e{place}")
        view.receive_leader("a", replace(report(1, "a"), election=f"e{place}"), 0)
        view.forget(f"e{place}")
    assert len(view.terms) == FORGOTTEN_MAX + 1
    assert "e9" not in view.terms
    assert "e10" in view.terms


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from("abc")),
        st.tuples(st.just("end"), st.sampled_from("abc")),
        st.tuples(st.just("lost"), st.just("")),
        st.tuples(st.just("forget"), st.just("")),
        st.tuples(st.just("report"), st.sampled_from("abc"), st.integers(0, 4), st.sampled_from(["", "a", "b", "c"])),
    )
)


@given(STEPS)
def test_no_reports_lead_back_to_a_lower_term(steps):
    """A term has one leader, the first one named. A report of the highest term is seen at once, also one of none."""
    view, seen_term, highest = view_of(), 0, 0
    named, said, open_links = dict[int, str](), dict[str, LeaderReport](), set[str]()
    for kind, link, *rest in steps:
        if kind == "open":
            view.open_link(link, link)
            open_links.add(link)
        elif kind == "end":
            view.end_link(link)
            open_links.discard(link)
            said.pop(link, None)
        elif kind == "lost":
            view.forget_leaders()
        elif kind == "forget":  # others were in use meanwhile
            view.forget(E)
            view.watch(E)
            said.clear()
        elif link in open_links:
            term, leader = rest[0], rest[1] if rest[0] else ""
            said[link] = report(term, leader)
            view.receive_leader(link, said[link], 0)
            highest = max(highest, term)
            if term == highest:
                first = named.setdefault(term, leader) if leader else named.get(term)
                is_named = any(each.term == term and each.leader_id == first for each in said.values())
                assert known(view.leader(E)) == ((first, term) if first and is_named else None)
        seen = view.leader(E)
        if seen is not None:
            assert seen.term >= seen_term
            assert named[seen.term] == seen.node_id
            seen_term = seen.term
