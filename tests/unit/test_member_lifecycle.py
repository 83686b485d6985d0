"""The phases of a node as a member, and which may follow which."""

import threading

import pytest

from elect.bridge.member_lifecycle import LifecycleCell, refusal
from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.events import Objection
from elect.monitoring.member_phase import REMOVED_REMEDY, MemberLifecycle, MemberPhase
from wire.common import log

OWN, OTHER = bytes(16), bytes([1]) * 16
VOTER = Configuration.initial("ab")


def with_own(**fields: object) -> Configuration:
    return Configuration(members=(Member(**{"node_id": "a", **fields}),), version=1)


@pytest.fixture
def cell() -> LifecycleCell:
    cell = LifecycleCell("a")
    cell.accept()
    return cell


@pytest.mark.parametrize(
    ("configuration", "phase"),
    [
        (Configuration(), MemberPhase.STARTING),
        (VOTER, MemberPhase.READY),
        (with_own(store_id=OWN), MemberPhase.READY),
        (with_own(store_id=OTHER), MemberPhase.REMOVED),
        (with_own(is_voter=False), MemberPhase.JOINING),
        (with_own(is_voter=False, kind=MemberKind.WITNESS), MemberPhase.JOINING),
        (with_own(is_voter=False, kind=MemberKind.OBSERVER), MemberPhase.READY),
        (with_own(kind=MemberKind.WITNESS), MemberPhase.READY),
        (Configuration.initial("b"), MemberPhase.REMOVED),
    ],
)
def test_the_configuration_decides_on_the_phase(cell, configuration, phase):
    cell.install(configuration, OWN)
    assert cell.value.phase is phase


def test_each_change_is_logged_and_watched_once(cell, caplog):
    caplog.set_level("INFO")
    seen: list[str] = []
    cell.watch(lambda value: seen.append(str(value)))
    for attempt in (1, 1, 2):
        cell.enter(MemberPhase.JOINING, attempt=attempt)
        log.forget_held()
    cell.install(with_own(is_voter=False), OWN)
    cell.install(VOTER, OWN)
    cell.enter(MemberPhase.FAILED, reason="no token")
    assert seen == ["joining(1)", "joining(2)", "ready", "failed(no token)"]
    said = ["* node a is joining(1)", "* node a is joining(2)", "* node a is ready", "! node a has failed: no token"]
    assert [record.getMessage() for record in caplog.records] == said


def test_the_log_of_a_removed_node_says_what_to_do(cell, caplog):
    caplog.set_level("INFO")
    cell.install(Configuration.initial("b"), OWN)
    log.forget_held()
    assert [record.getMessage() for record in caplog.records] == [f"* node a is removed: {REMOVED_REMEDY}"]


def test_a_watcher_that_raises_is_logged_and_the_others_hear(cell, caplog):
    seen: list[str] = []

    def raising(_value: MemberLifecycle) -> None:
        raise SystemExit("watcher")

    cell.watch(raising)
    cell.watch(lambda value: seen.append(str(value)))
    cell.install(VOTER, OWN)
    cell.enter(MemberPhase.FAILED, reason="no disk")
    assert seen == ["ready", "failed(no disk)"]
    log.forget_held()
    assert "a watcher of the lifecycle of node a raised" in [record.getMessage() for record in caplog.records]


def test_a_watcher_may_wait_for_a_thread_that_changes_the_phase(cell):
    seen: list[str] = []

    def watcher(value: MemberLifecycle) -> None:
        seen.append(str(value))
        if value.phase is MemberPhase.READY:
            failing = threading.Thread(target=cell.enter, args=(MemberPhase.FAILED,), daemon=True)
            failing.start()
            failing.join(10)
            assert not failing.is_alive()
            assert seen == ["ready"]

    cell.watch(watcher)
    cell.install(VOTER, OWN)
    assert seen == ["ready", "failed"]


def test_ctrl_c_in_a_watcher_reaches_the_caller(cell):
    seen: list[str] = []

    def watcher(value: MemberLifecycle) -> None:
        seen.append(str(value))
        if value.phase is MemberPhase.READY:
            raise KeyboardInterrupt

    cell.watch(watcher)
    with pytest.raises(KeyboardInterrupt):
        cell.install(VOTER, OWN)
    cell.enter(MemberPhase.LEAVING)
    assert seen == ["ready", "leaving"]


def test_a_failure_is_final(cell):
    cell.enter(MemberPhase.FAILED, reason="refused")
    cell.install(VOTER, OWN)
    assert not cell.enter(MemberPhase.LEAVING)
    assert cell.value == MemberLifecycle(phase=MemberPhase.FAILED, reason="refused")


def test_a_node_that_leaves_is_not_ready_again(cell):
    cell.enter(MemberPhase.LEAVING)
    cell.install(VOTER, OWN)
    assert cell.value.phase is MemberPhase.LEAVING
    cell.install(Configuration.initial("b"), OWN)
    assert cell.value.phase is MemberPhase.REMOVED


def test_a_removed_node_can_be_added_again(cell):
    cell.install(Configuration.initial("b"), OWN)
    cell.install(with_own(is_voter=False), OWN)
    assert cell.value.phase is MemberPhase.JOINING
    cell.install(VOTER, OWN)
    assert cell.value.phase is MemberPhase.READY


def test_a_node_beside_other_voters_is_ready_when_one_accepts_it():
    cell = LifecycleCell("a")
    cell.install(VOTER, OWN)
    assert cell.value.phase is MemberPhase.STARTING
    cell.accept()
    assert cell.value.phase is MemberPhase.READY


def test_a_node_alone_is_ready_at_once():
    cell = LifecycleCell("a")
    cell.install(with_own(), OWN)
    assert cell.value.phase is MemberPhase.READY


def test_a_refused_node_is_never_ready_in_between():
    cell, seen = LifecycleCell("a"), []
    cell.watch(lambda value: seen.append(str(value)))
    cell.install(VOTER, OWN)
    cell.refuse("b knows another data directory under its id")
    cell.accept()
    cell.install(VOTER, OWN)
    assert seen == ["refused(b knows another data directory under its id)"]
    cell.refuse("")
    assert seen[1:] == ["ready"]


def test_a_node_without_a_part_is_not_refused(cell):
    for configuration, phase in (
        (Configuration.initial("b"), MemberPhase.REMOVED),
        (with_own(is_voter=False), MemberPhase.JOINING),
    ):
        cell.install(configuration, OWN)
        cell.refuse("b does not have it in its list of voters")
        assert cell.value.phase is phase


@pytest.mark.parametrize("objection", list(Objection))
def test_each_objection_of_a_voter_or_a_stranger_counts(objection):
    assert refusal({"b": None}, VOTER) == ""
    assert refusal({"b": objection}, VOTER).startswith("b ")
    assert refusal({"z": objection}, VOTER).startswith("z ")
    observer = Configuration(members=(Member(node_id="a"), Member(node_id="b", is_voter=False)))
    assert refusal({"b": objection}, observer) == ""
