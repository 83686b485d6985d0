"""What a member answers to a node that asks to join."""

from dataclasses import replace

import pytest

from elect.core.changes import AddMember, ChangeRefusal, ChangeRefused, RemoveMember, ReplaceMember
from elect.core.configuration import Configuration, Member, MemberKind
from elect.joining.join_handler import MemberView, conclude, decide, decide_change, explain
from elect.joining.join_messages import (
    TEXT_LENGTH_MAX,
    Changed,
    ChangeRequest,
    Join,
    Joined,
    NotNow,
    Redirect,
    Rejected,
    Unformed,
)

STORE, OTHER = b"d" * 16, b"x" * 16
CLUSTER = b"c" * 16
JOIN = Join(node_id="d", store_id=STORE, address="10.0.0.4:1", kind=MemberKind.WITNESS)
LEADER = MemberView(
    node_id="a",
    configuration=Configuration(members=(Member(node_id="a"), Member(node_id="b")), version=3, cluster_id=CLUSTER),
    is_leading=True,
    leader_id="a",
    leader_address="10.0.0.1:1",
    term=7,
)


def member(**changes: object) -> Member:
    return replace(Member(node_id="d", kind=MemberKind.WITNESS, address="10.0.0.4:1"), **changes)  # type: ignore[arg-type]


def view(added: Member, **changes: object) -> MemberView:
    """The view of a leader that has this member."""
    configuration = Configuration(members=(*LEADER.configuration.members, added), version=4, cluster_id=CLUSTER)
    return replace(LEADER, configuration=configuration, **changes)  # type: ignore[arg-type]


def test_a_node_without_a_cluster_knows_of_none():
    assert decide(MemberView(node_id="a", configuration=Configuration()), JOIN) == Unformed()


def test_the_leader_adds_a_newcomer_with_its_store_and_address():
    added = AddMember(node_id="d", kind=MemberKind.WITNESS, store_id=STORE, address="10.0.0.4:1")
    assert decide(LEADER, JOIN) == added


def test_another_member_names_the_leader():
    follower = replace(LEADER, node_id="b", is_leading=False)
    assert decide(follower, JOIN) == Redirect(leader_id="a", address="10.0.0.1:1", term=7)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leader_id": None}, "node a knows no leader now"),
        ({"leader_id": "a"}, "node a knows no leader now"),
        ({"leader_id": "d"}, "node a still follows d itself"),
        ({"leader_id": "b", "leader_address": None}, "node a follows b, and does not know its address"),
        ({"leader_id": "b", "leader_address": "h" * 400}, "node a follows b, and does not know its address"),
    ],
)
def test_without_a_leader_to_name_the_answer_is_not_now(changes: dict[str, object], reason: str):
    assert decide(replace(LEADER, is_leading=False, **changes), JOIN) == NotNow(reason=reason)  # type: ignore[arg-type]


def test_the_id_of_a_leader_elsewhere_is_in_use():
    """The leader may be no seed of the node that asks."""
    follower = replace(LEADER, is_leading=False, leader_id="d", heard=frozenset("d"))
    text = "node d leads at 10.0.0.1:1, and is not the one at 10.0.0.4:1"
    assert decide(follower, JOIN) == Rejected(code="id_in_use", text=text)
    for passing in (replace(follower, heard=frozenset()), replace(follower, leader_address="10.0.0.4:01")):
        assert isinstance(decide(passing, JOIN), NotNow)


def test_a_removed_node_adds_nobody():
    removed = replace(LEADER, node_id="z", is_leading=False)
    assert decide(removed, JOIN) == NotNow(reason="node z was removed from its cluster")


@pytest.mark.parametrize("is_leading", [True, False])
def test_a_node_of_another_cluster_is_rejected_by_every_member(is_leading: bool):
    answer = decide(replace(LEADER, is_leading=is_leading), replace(JOIN, cluster_id=OTHER))
    assert isinstance(answer, Rejected)
    assert answer.code == "other_cluster"
    assert isinstance(decide(LEADER, replace(JOIN, cluster_id=CLUSTER)), AddMember)
    unnamed = replace(LEADER, configuration=replace(LEADER.configuration, cluster_id=None))
    assert isinstance(decide(unnamed, replace(JOIN, cluster_id=OTHER)), AddMember)


@pytest.mark.parametrize(("is_voter", "store_id"), [(True, STORE), (False, STORE), (False, None)])
@pytest.mark.parametrize("address", ["10.0.0.4:1", "10.0.0.5:1", None])
def test_a_retry_asks_for_what_is_in_force(is_voter: bool, store_id: bytes | None, address: str | None):
    """The address comes from the node, which may have been added without one."""
    known = member(is_voter=is_voter, store_id=store_id, address=address)
    again = AddMember(node_id="d", kind=MemberKind.WITNESS, store_id=store_id, address="10.0.0.4:1")
    for heard in (frozenset[str](), frozenset("d")):
        assert decide(view(known, heard=heard), JOIN) == again


def test_a_store_that_was_met_counts_where_none_is_given():
    known = view(member(), stores={"d": OTHER})
    assert decide(known, JOIN) == ReplaceMember(node_id="d", store_id=STORE, address="10.0.0.4:1")
    assert isinstance(decide(view(member(), stores={"d": STORE}), JOIN), AddMember)
    assert isinstance(decide(view(member(store_id=STORE), stores={"d": OTHER}), JOIN), AddMember)


@pytest.mark.parametrize("address", ["10.0.0.4:1", "10.0.0.4:01"])
@pytest.mark.parametrize("is_voter", [True, False])
def test_a_wiped_node_at_its_place_is_replaced(address: str, is_voter: bool):
    wiped = view(member(store_id=OTHER, address=address, is_voter=is_voter))
    assert decide(wiped, JOIN) == ReplaceMember(node_id="d", store_id=STORE, address="10.0.0.4:1")


def test_a_voter_without_a_known_store_is_replaced():
    """The node that asks has no votes, and other members may know its former store."""
    assert decide(view(member()), JOIN) == ReplaceMember(node_id="d", store_id=STORE, address="10.0.0.4:1")
    answer = decide(view(member(address="10.0.0.5:1")), JOIN)
    text = "node d is a voter at 10.0.0.5:1, and the one at 10.0.0.4:1 has no votes"
    assert answer == Rejected(code="amnesia", text=text)


@pytest.mark.parametrize(("store_id", "stores"), [(OTHER, {}), (None, {"d": OTHER}), (None, {})])
def test_a_voter_at_an_unknown_place_is_no_other_one(store_id: bytes | None, stores: dict[str, bytes]):
    answer = decide(view(member(store_id=store_id, address=None), stores=stores), JOIN)
    assert isinstance(answer, Rejected)
    assert answer.code == "amnesia"
    assert "at an unknown address" in answer.text
    at_its_place = view(member(store_id=store_id, address=None), stores=stores, addresses={"d": "10.0.0.4:1"})
    assert isinstance(decide(at_its_place, JOIN), ReplaceMember)
    heard = replace(view(member(store_id=OTHER, address=None)), heard=frozenset("d"))
    assert isinstance(decide(heard, JOIN), NotNow)


def test_a_wiped_node_waits_until_its_former_process_is_silent():
    wiped = view(member(store_id=OTHER), heard=frozenset("d"))
    assert isinstance(decide(wiped, JOIN), NotNow)


def test_a_wiped_node_at_another_address_is_an_amnesiac():
    answer = decide(view(member(store_id=OTHER, address="10.0.0.5:1")), JOIN)
    text = "node d was at 10.0.0.5:1 with another store than the one at 10.0.0.4:1"
    assert answer == Rejected(code="amnesia", text=text)


def test_a_replaced_node_may_come_from_another_address():
    """The members met its former store, and the replacement names no store."""
    replaced = view(member(is_voter=False), stores={"d": OTHER}, addresses={"d": "10.0.0.5:1"})
    assert decide(replaced, JOIN) == ReplaceMember(node_id="d", store_id=STORE, address="10.0.0.4:1")
    answer = decide(replace(replaced, heard=frozenset("d")), JOIN)
    assert isinstance(answer, Rejected)
    assert answer.code == "id_in_use"


def test_an_id_that_runs_at_another_address_is_in_use():
    answer = decide(view(member(store_id=OTHER, address="10.0.0.5:1"), heard=frozenset("d")), JOIN)
    text = "node d runs at 10.0.0.5:1 with another store than the one at 10.0.0.4:1"
    assert answer == Rejected(code="id_in_use", text=text)


def test_the_address_that_a_node_showed_last_counts():
    moved = view(member(store_id=OTHER), addresses={"d": "10.0.0.6:1"})
    answer = decide(moved, JOIN)
    assert isinstance(answer, Rejected)
    assert "10.0.0.6:1" in answer.text


@pytest.mark.parametrize("address", ["nowhere", "0.0.0.0:7101", "[::]:7101", "10.0.0.4:0"])
def test_an_address_that_nobody_can_dial_is_rejected(address: str):
    text = f"the address {address!r} is none that can be dialed; set advertise"
    assert decide(LEADER, replace(JOIN, address=address)) == Rejected(code="rejected", text=text)


def test_the_answer_has_the_configuration_of_a_quorum():
    configuration = view(member()).configuration
    assert conclude(JOIN, configuration) == Joined(configuration=configuration)
    assert conclude(JOIN, LEADER.configuration) == NotNow(reason="node d was removed again")


@pytest.mark.parametrize("refusal", list(ChangeRefusal))
def test_a_refused_change_can_be_tried_again(refusal: ChangeRefusal):
    answer = explain(JOIN, ChangeRefused(refusal, "because " * 100))
    assert isinstance(answer, NotNow)
    assert len(answer.reason) == TEXT_LENGTH_MAX


@pytest.mark.parametrize(
    "known", [None, member(store_id=OTHER), member(), member(store_id=OTHER, address="10.0.0.5:1")]
)
def test_a_newcomer_with_a_bad_token_is_not_authorized(known: Member | None):
    asked = LEADER if known is None else view(known)
    assert decide(asked, JOIN, "no token") == Rejected(code="not_authorized", text="no token")
    assert isinstance(decide(replace(asked, is_leading=False), JOIN, "no token"), NotNow), "the leader judges"


def test_a_member_with_its_own_store_needs_no_token():
    for known in (view(member(store_id=STORE)), view(member(), stores={"d": STORE})):
        assert isinstance(decide(known, JOIN, "no token"), AddMember)


OBSERVER, WITNESS, VOTER = MemberKind.OBSERVER, MemberKind.WITNESS, MemberKind.VOTER


@pytest.mark.parametrize(
    ("given", "own", "is_let_in"),
    [
        (VOTER, WITNESS, False),
        (VOTER, OBSERVER, False),
        (WITNESS, OBSERVER, False),
        (WITNESS, VOTER, True),
        (OBSERVER, VOTER, True),
        (OBSERVER, WITNESS, True),
        (OBSERVER, OBSERVER, True),
    ],
)
@pytest.mark.parametrize("store_id", [OTHER, None])
def test_nobody_joins_to_do_more_than_its_settings_say(
    given: MemberKind, own: MemberKind, is_let_in: bool, store_id: bytes | None
):
    answer = decide(view(member(kind=given, is_voter=False, store_id=store_id)), replace(JOIN, kind=own))
    if is_let_in:
        assert isinstance(answer, AddMember | ReplaceMember)
        assert not isinstance(answer, AddMember) or answer.kind is given
        return
    text = (
        f'the members have d as {given}, and its settings say kind = {own}; set kind = "{given}" there, or run'
        f" `elect members remove` for it, after which it joins as {own}"
    )
    assert answer == Rejected(code="rejected", text=text)


def test_a_member_that_an_operator_promoted_is_let_in():
    """The answer to its first request was lost, so it asks again with the kind in its settings."""
    promoted = member(kind=VOTER, is_voter=False)
    for known in (view(replace(promoted, store_id=STORE)), view(promoted, stores={"d": STORE})):
        answer = decide(known, replace(JOIN, kind=OBSERVER))
        assert isinstance(answer, AddMember)
        assert answer.kind is VOTER


CHANGE = ChangeRequest(change=RemoveMember(node_id="b"))


def test_a_member_may_ask_for_a_change():
    assert decide_change(LEADER, "b", STORE, CHANGE) == CHANGE.change
    follower = replace(LEADER, node_id="b", is_leading=False)
    assert decide_change(follower, "b", STORE, CHANGE) == Redirect(leader_id="a", address="10.0.0.1:1", term=7)
    assert decide_change(MemberView(node_id="a", configuration=Configuration()), "b", STORE, CHANGE) == Unformed()


@pytest.mark.parametrize(("known", "stores"), [(member(store_id=OTHER), {}), (member(), {"d": OTHER})])
def test_only_a_member_with_its_store_may_ask(known: Member, stores: dict[str, bytes]):
    for answer in (
        decide_change(view(known, stores=stores), "d", STORE, CHANGE),
        decide_change(LEADER, "z", STORE, CHANGE),
    ):
        assert isinstance(answer, Rejected)
        assert answer.code == "not_member"
    assert decide_change(view(known, stores=stores), "d", OTHER, CHANGE) == CHANGE.change


@pytest.mark.parametrize("refusal", list(ChangeRefusal))
def test_a_change_that_is_refused_for_good_is_rejected(refusal: ChangeRefusal):
    answer = explain(CHANGE, ChangeRefused(refusal, "because"))
    if refusal in (ChangeRefusal.IN_PROGRESS, ChangeRefusal.NOT_READY, ChangeRefusal.NOT_LEADER):
        assert answer == NotNow(reason="because", code=refusal.value)
    else:
        assert answer == Rejected(code=refusal.value, text="because")


def test_the_answer_to_a_change_is_what_a_quorum_installed():
    assert conclude(CHANGE, LEADER.configuration) == Changed(configuration=LEADER.configuration)
