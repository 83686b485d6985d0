"""The configuration: its name, its order, and the members that it refuses."""

from dataclasses import replace
from hashlib import blake2b

import pytest

from elect.core.configuration import ClusterState, Configuration, Member, MemberKind

STORE = bytes(16)


def test_configurations_are_named_by_what_they_hold():
    first = Configuration.initial("abc")
    assert first.id == Configuration.initial("cab").id
    others = [
        Configuration.initial("abd"),
        replace(first, term=1),
        replace(first, version=1),
        replace(first, floor=1),
        replace(first, cluster_id=bytes(16)),
        replace(first, proposed_cluster_id=bytes(16)),
        replace(first, members=(*first.members[:2], Member(node_id="c", is_voter=False))),
        replace(first, members=(*first.members[:2], Member(node_id="c", kind=MemberKind.WITNESS))),
        replace(first, members=(*first.members[:2], Member(node_id="c", store_id=STORE))),
    ]
    assert len({each.id.digest for each in [first, *others]}) == 1 + len(others)


def test_an_address_is_no_part_of_the_name():
    moved = Configuration(members=(Member(node_id="a", address="10.0.0.1:7101"), Member(node_id="b")))
    assert moved.id == Configuration.initial("ab").id


def test_the_state_of_the_cluster_is_part_of_the_digest():
    first = Configuration.initial("abc")
    others = (
        first,
        Configuration.initial("abc", is_standby=True),
        replace(first, state=ClusterState.SEALED),
        replace(first, state=ClusterState.SEALED, successor="b:1"),
        replace(first, promotion_floor=1_000_000),
    )
    assert len({each.id.digest for each in others}) == len(others)
    assert first.id.digest == blake2b(b"(0, 0, ('a', 'b', 'c'), 0)", digest_size=8).digest()


def test_only_voters_count():
    learner, observer = (
        Member(node_id="b", is_voter=False),
        Member(node_id="c", kind=MemberKind.OBSERVER, is_voter=False),
    )
    configuration = Configuration(members=(Member(node_id="a"), learner, observer))
    assert (configuration.voters, configuration.node_ids, configuration.quorum) == (("a",), ("a", "b", "c"), 1)
    assert (learner.is_learner, observer.is_learner) == (True, False)
    assert configuration.member("b") is learner
    assert configuration.member("d") is None


def test_the_order_is_by_term_then_version():
    first = Configuration.initial("abc")
    assert replace(first, term=2).is_newer_than(replace(first, term=1, version=9))
    assert replace(first, version=1).is_newer_than(first)
    assert not first.is_newer_than(Configuration.initial("abd"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Configuration(members=(Member(node_id="b"), Member(node_id="a"))), "not sorted"),
        (lambda: Configuration(members=(Member(node_id="a"), Member(node_id="a"))), "twice"),
        (lambda: Configuration.initial(f"n{number:03}" for number in range(65)), "65 elements; 64"),
        (lambda: Configuration(cluster_id=b"short"), "5 bytes; 16"),
        (lambda: Configuration(proposed_cluster_id=b"short"), "5 bytes; 16"),
        (lambda: Configuration(term=-1), "term is -1"),
        (lambda: Configuration(promotion_floor=-1), "promotion_floor is -1"),
        (lambda: Configuration(successor="a" * 1001), "1001 characters; 1,000"),
        (lambda: Configuration(successor="a\n"), "printable ASCII"),
        (lambda: Member(node_id=""), "0 characters"),
        (lambda: Member(node_id="a", kind=MemberKind.OBSERVER), "observer has no vote"),
        (lambda: Member(node_id="a", store_id=b"short"), "5 bytes; 16"),
        (lambda: Member(node_id="a", address=""), "0 characters"),
    ],
)
def test_a_wrong_configuration_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
