from dataclasses import replace

import pytest

from elect.core.configuration import ClusterState, Configuration, Member, MemberKind
from elect.monitoring.membership_changes import changes_between

VOTER = Member(node_id="b")
STORED = Member(node_id="b", store_id=bytes(16))
LEARNER = Member(node_id="b", is_voter=False)
OBSERVER = Member(node_id="b", kind=MemberKind.OBSERVER, is_voter=False)
WITNESS = Member(node_id="b", kind=MemberKind.WITNESS)


def between(before: Member | None, after: Member | None) -> list[str]:
    """The changes of member b, beside a member a that stays."""
    first, second = (
        Configuration(members=(Member(node_id="a"), *([] if member is None else [member])))
        for member in (before, after)
    )
    found = list(changes_between(first, second))
    assert all((each.node_id, each.member) == ("b", after) for each in found)
    return [each.change.value for each in found]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (None, LEARNER, ["add"]),
        (None, OBSERVER, ["add"]),
        (VOTER, None, ["remove"]),
        (OBSERVER, None, ["remove"]),
        (LEARNER, VOTER, ["promote"]),
        (OBSERVER, WITNESS, ["promote"]),
        (VOTER, WITNESS, ["promote"]),
        (VOTER, OBSERVER, ["demote"]),
        (LEARNER, OBSERVER, ["demote"]),
        (VOTER, LEARNER, ["replace"]),
        (STORED, replace(STORED, is_voter=False, store_id=bytes(15) + b"x"), ["replace"]),
        (replace(STORED, is_voter=False), replace(LEARNER, store_id=None), ["replace"]),
        (LEARNER, replace(STORED, is_voter=False), []),
        (VOTER, STORED, []),
        (VOTER, replace(VOTER, address="h:1"), []),
        (OBSERVER, OBSERVER, []),
    ],
)
def test_the_change_of_a_member(before, after, changes):
    assert between(before, after) == changes


def test_several_members_change_in_the_order_of_their_ids():
    before, after = Configuration.initial("acd"), Configuration.initial("bcde")
    found = [(each.change.value, each.node_id) for each in changes_between(before, after)]
    assert found == [("remove", "a"), ("add", "b"), ("add", "e")]


def test_a_cluster_gets_its_id_once():
    before = Configuration.initial("a")
    named = replace(before, cluster_id=bytes(16))
    assert [(each.change.value, each.node_id) for each in changes_between(before, named)] == [("name", None)]
    assert not list(changes_between(named, named))


def test_a_cluster_is_sealed_and_made_active():
    standby, active = Configuration.initial("a", is_standby=True), Configuration.initial("a")
    sealed = replace(active, state=ClusterState.SEALED)
    steps = [(standby, active, "activate"), (active, sealed, "seal"), (sealed, active, "activate")]
    for before, after, change in steps:
        assert [(each.change.value, each.node_id) for each in changes_between(before, after)] == [(change, None)]
    assert [each.change.value for each in changes_between(Configuration(), standby)] == ["add"]


def test_a_node_that_joins_sees_no_naming():
    named = replace(Configuration.initial("ab"), cluster_id=bytes(16))
    assert [each.change.value for each in changes_between(Configuration(), named)] == ["add", "add"]
