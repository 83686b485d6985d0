"""The members after each change, and the changes that the members do not allow."""

import pytest

from elect.core.changes import (
    AddMember,
    ChangeRefusal,
    ChangeRefused,
    DemoteMember,
    NameCluster,
    PromoteMember,
    RemoveMember,
    ReplaceMember,
    changed,
)
from elect.core.configuration import MEMBERS_MAX, Configuration, Member, MemberKind
from tests.unit.core.member_desk import learner, members, store

OBSERVER = Member(node_id="d", kind=MemberKind.OBSERVER, is_voter=False, store_id=store("d"))
WITNESS = Member(node_id="d", kind=MemberKind.WITNESS)


def at(node_id: str, address: str, *, is_voter: bool = True, store_id: bytes | None = None) -> Member:
    """A member with an address."""
    return Member(node_id=node_id, address=address, is_voter=is_voter, store_id=store_id)


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        (members("ac"), AddMember(node_id="b", store_id=store("b")), members("ac", learner("b", store("b")))),
        (members("ac"), AddMember(node_id="d", kind=MemberKind.OBSERVER, store_id=store("d")), members("ac", OBSERVER)),
        (members("abc"), RemoveMember(node_id="b"), members("ac")),
        (members("ac", learner("b")), PromoteMember(node_id="b"), members("abc")),
        (members("a", OBSERVER), PromoteMember(node_id="d"), members("a", Member(node_id="d", store_id=store("d")))),
        (members("ad"), PromoteMember(node_id="d", kind=MemberKind.WITNESS), members("a", WITNESS)),
        (
            members("a", Member(node_id="d", store_id=store("d"))),
            DemoteMember(node_id="d"),
            members("a", OBSERVER),
        ),
        (members("abc"), ReplaceMember(node_id="b"), members("ac", learner("b"))),
        (
            members("ab"),
            ReplaceMember(node_id="b", store_id=store("x"), address="h:1"),
            members("a", Member(node_id="b", is_voter=False, store_id=store("x"), address="h:1")),
        ),
        # An address that is given is a later one than the configuration has.
        (members("a", at("b", "h:1")), AddMember(node_id="b", address="h:2"), members("a", at("b", "h:2"))),
        (
            members("a", learner("b", store("b"))),
            AddMember(node_id="b", store_id=store("b"), address="h:1"),
            members("a", at("b", "h:1", is_voter=False, store_id=store("b"))),
        ),
        (
            members("a", at("b", "h:1", is_voter=False)),
            ReplaceMember(node_id="b", address="h:2"),
            members("a", at("b", "h:2", is_voter=False)),
        ),
        (
            members("a"),
            NameCluster(cluster_id=store("i")),
            Configuration(members=members("a").members, proposed_cluster_id=store("i")),
        ),
        (
            Configuration(members=members("a").members, proposed_cluster_id=store("i")),
            NameCluster(cluster_id=store("j")),
            Configuration(members=members("a").members, cluster_id=store("i")),
        ),
    ],
)
def test_each_change_makes_these_members(before, change, after):
    assert changed(before, change) == after


@pytest.mark.parametrize(
    ("before", "change"),
    [
        (members("ab"), AddMember(node_id="b")),
        (members("a", at("b", "h:1")), AddMember(node_id="b", address="h:1")),
        (members("a", at("b", "h:1")), AddMember(node_id="b")),
        (members("ab"), PromoteMember(node_id="b")),
        (members("a", OBSERVER), DemoteMember(node_id="d")),
        (members("a", learner("b")), ReplaceMember(node_id="b")),
        (members("a", at("b", "h:1", is_voter=False)), ReplaceMember(node_id="b")),
        (Configuration(members=members("a").members, cluster_id=store("i")), NameCluster(cluster_id=store("i"))),
    ],
)
def test_a_change_in_force_changes_nothing(before, change):
    assert changed(before, change) == before


@pytest.mark.parametrize(
    ("before", "change", "refusal", "text"),
    [
        (members("a", learner("b", store("b"))), AddMember(node_id="b", store_id=store("x")), "id_in_use", "replace"),
        (members("a", OBSERVER), AddMember(node_id="d", store_id=store("d")), "id_in_use", "kind observer and store"),
        (members("ab"), RemoveMember(node_id="x"), "not_member", "the members are a, b"),
        (members("a", learner("b")), RemoveMember(node_id="a"), "last_voter", "make another member a voter"),
        (members("a", learner("b")), DemoteMember(node_id="a"), "last_voter", "'a' is the last voter"),
        (members("a", learner("b")), ReplaceMember(node_id="a"), "last_voter", "'a' is the last voter"),
        (
            Configuration.initial(f"n{number:02}" for number in range(MEMBERS_MAX)),
            AddMember(node_id="x"),
            "too_many",
            "there are 64 members",
        ),
        (
            Configuration(members=members("a").members, cluster_id=store("i")),
            NameCluster(cluster_id=store("j")),
            "other_cluster",
            store("i").hex(),
        ),
    ],
)
def test_the_members_do_not_allow_these(before, change, refusal, text):
    with pytest.raises(ChangeRefused, match=text) as caught:
        changed(before, change)
    assert caught.value.refusal is ChangeRefusal(refusal)


def test_nobody_is_promoted_to_an_observer():
    with pytest.raises(ValueError, match="demote makes an observer"):
        changed(members("ab"), PromoteMember(node_id="b", kind=MemberKind.OBSERVER))
