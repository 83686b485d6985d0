"""The members of a simulated cluster change: nodes join, are removed, lose their disks and come back."""

import pytest

from elect.core.changes import AddMember, ChangeRefusal, ChangeRefused, DemoteMember, PromoteMember, RemoveMember
from elect.core.configuration import MemberKind
from elect.testing import Options, Simulation, changing, simulate


def started(**options: object) -> Simulation:
    simulation = Simulation(Options(seed=1, **options))
    simulation.run(2)
    return simulation


def follower(simulation: Simulation) -> str:
    """Return a voter that does not lead."""
    return next(node_id for node_id in simulation.members().voters if node_id != simulation.leader())


def test_a_new_node_joins_and_gets_a_vote():
    simulation = started(elections=("default", "jobs"))
    simulation.add_node("d")
    simulation.run(1)
    assert simulation.members().voters == ("a", "b", "c")
    simulation.run(5)
    assert simulation.members().voters == ("a", "b", "c", "d")
    simulation.settle()


@pytest.mark.parametrize("kind", [MemberKind.WITNESS, MemberKind.OBSERVER])
def test_a_node_joins_as_another_kind_and_never_leads(kind: MemberKind):
    simulation = started()
    simulation.add_node("d", kind=kind)
    simulation.set_standing("d", priority=5)
    simulation.run(6)
    member = simulation.members().member("d")
    assert member is not None
    assert (member.kind, member.is_voter) == (kind, kind is MemberKind.WITNESS)
    simulation.crash(simulation.leader() or "")
    simulation.run(4)
    assert simulation.leader() not in ("d", None)


def test_a_removed_node_leads_nothing_and_is_not_missed():
    simulation = started()
    removed = follower(simulation)
    simulation.change(RemoveMember(node_id=removed))
    simulation.run(3)
    assert removed not in simulation.members().node_ids
    simulation.settle()
    simulation.crash(simulation.leader() or "")
    simulation.run(3)
    assert simulation.leader() is None  # one of two voters is no majority


def test_a_leader_refuses_to_take_its_own_vote():
    simulation = started()
    leader = simulation.leader() or ""
    with pytest.raises(ChangeRefused) as refused:
        simulation.change(DemoteMember(node_id=leader))
    assert refused.value.refusal is ChangeRefusal.LEADER
    assert leader in simulation.members().voters


def test_a_wiped_voter_votes_again_under_its_next_store():
    simulation = started()
    wiped = follower(simulation)
    simulation._world.hosts[wiped].wipe(kind=MemberKind.VOTER)
    simulation.run(2)
    simulation.restart(wiped)
    simulation.run(8)
    member = simulation.members().member(wiped)
    assert member is not None and member.is_voter
    assert member.store_id == simulation._process(wiped).store_id
    simulation.settle()


def test_a_process_with_another_store_has_another_name():
    """Checkers tell processes apart by their names, and a wiped node counts its starts from the first again."""
    simulation = started()
    wiped = follower(simulation)
    before = str(simulation._process(wiped))
    simulation._world.hosts[wiped].wipe(kind=MemberKind.VOTER)
    simulation.restart(wiped)
    after = simulation._process(wiped)
    assert after.incarnation == 1
    assert str(after) != before


def test_a_leadership_given_up_in_a_stall_can_still_change():
    """The application gave its lease up, and the orchestrator thread first puts its term on the configuration."""
    simulation = started()
    process = simulation._process(simulation.leader() or "")
    simulation.stall(process.node_id, 0.2)
    simulation.change(RemoveMember(node_id=follower(simulation)))
    process.table.give_up("default", process.table.claims["default"].term)
    simulation.run(0.3)
    assert simulation.members().term == 1


def test_one_voter_at_a_time():
    simulation = started(nodes=5)
    first, second = [node_id for node_id in simulation.members().voters if node_id != simulation.leader()][:2]
    simulation.change(RemoveMember(node_id=first))
    with pytest.raises(ChangeRefused) as refused:
        simulation.change(RemoveMember(node_id=second))
    assert refused.value.refusal is ChangeRefusal.IN_PROGRESS
    simulation.run(3)
    simulation.change(RemoveMember(node_id=second))
    simulation.run(3)
    assert len(simulation.members().voters) == 3


def test_a_learner_that_lags_gets_no_vote():
    simulation = started(learner_lag_max=10)
    simulation.set_standing(simulation.leader() or "", offset=100)
    simulation.add_node("d")
    simulation.run(8)
    assert "d" not in simulation.members().voters
    with pytest.raises(ChangeRefused) as refused:
        simulation.change(PromoteMember(node_id="d"))
    assert refused.value.refusal is ChangeRefusal.NOT_READY
    simulation.set_standing("d", offset=90)
    simulation.run(4)
    assert "d" in simulation.members().voters


def test_without_a_leader_nobody_is_asked():
    simulation = Simulation(Options(seed=1))
    with pytest.raises(LookupError, match="no node leads default"):
        simulation.change(AddMember(node_id="d"))


@pytest.mark.parametrize(
    ("change", "error"), [(None, TypeError), ("d", TypeError), (AddMember(node_id="d"), ValueError)]
)
def test_a_change_that_cannot_be_asked_for_is_named(change, error):
    """A member that no node is would end the run later, in a checker."""
    simulation = started()
    with pytest.raises(error, match=r"^change "):
        simulation.change(change)
    simulation.run(1)
    assert simulation.members().node_ids == ("a", "b", "c")


def test_the_id_of_a_new_node_is_new():
    simulation = started()
    with pytest.raises(ValueError, match="node_id is 'a', which a node has"):
        simulation.add_node("a")


def test_the_last_voter_is_not_taken_away():
    """Every other machine is gone, so no other node knows it as a member."""
    simulation = Simulation(changing(407285571, 3))
    simulation.run(30)
    assert simulation.members().voters == ("d",)
    simulation.settle()


def test_a_seed_repeats_the_changes():
    texts = []
    for _ in range(2):
        simulation = Simulation(changing(2, 3))
        simulation.run(10)
        texts.append(simulation.transcript)
    assert texts[0] == texts[1]
    written: list[str] = []
    simulate(seed=2, nodes=3, seconds=10, write=written.append, is_changing=True)
    assert written[0].startswith(texts[0])


@pytest.mark.long
def test_a_dismissed_node_that_comes_back_is_counted_anew():
    """In this world a node is dismissed, loses its disk, and is added again while its former support was published."""
    assert simulate(seed=7427, nodes=5, seconds=28.0, is_changing=True, write=lambda _: None) == 0
