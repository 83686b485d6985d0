"""The random id of a cluster: a leader proposes one, and it counts when a quorum has it."""

from dataclasses import replace

import pytest

from elect.core.changes import ChangeRefusal, ChangeRefused, NameCluster
from tests.unit.core.member_desk import MemberDesk, store
from tests.unit.core.test_changing import leader

FIRST, SECOND = NameCluster(cluster_id=store("i")), NameCluster(cluster_id=store("j"))


def ids(desk: MemberDesk) -> tuple[bytes | None, bytes | None]:
    return desk.own.cluster_id, desk.own.proposed_cluster_id


def proposed() -> MemberDesk:
    """The leader has proposed an id, and has it on disk."""
    desk = leader()
    desk.change(FIRST)
    desk.written()
    assert ids(desk) == (None, store("i"))
    return desk


def test_an_id_is_proposed_at_once_and_counts_when_settled():
    desk = proposed()
    with pytest.raises(ChangeRefused) as caught:
        desk.change(FIRST)
    assert caught.value.refusal is ChangeRefusal.IN_PROGRESS
    desk.settle()
    desk.change(FIRST)
    assert ids(desk) == (store("i"), None)


def test_a_later_leader_keeps_what_was_proposed():
    desk = leader()
    desk.install(replace(desk.own, version=3, proposed_cluster_id=store("i")))
    desk.change(SECOND)
    desk.written()
    assert (desk.own.term, ids(desk)) == (1, (None, store("i")))
    desk.settle()
    assert ids(desk) == (store("i"), None)


def test_a_newer_configuration_with_another_proposal_wins():
    desk = proposed()
    later = replace(desk.own, term=9, proposed_cluster_id=store("j"))
    desk.install(later)
    assert desk.own == later


def test_a_newer_configuration_that_still_proposes_the_id_wins():
    desk = leader()
    desk.install(replace(desk.own, term=2, version=2, cluster_id=store("i")))
    later = replace(desk.own, term=3, cluster_id=None, proposed_cluster_id=store("i"))
    desk.install(replace(later, proposed_cluster_id=store("j")))
    assert desk.own.term == 2
    desk.install(later)
    assert desk.own == later
