"""The contract of an election with its application, for a node's election and for the fake one."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elect import Config, LeadershipLost, LeadershipTimeout, LossReason, Node, NotLeader
from elect.api.election import Election
from elect.bridge.leadership import Leadership
from elect.storage.store import MemoryStore
from elect.testing.fake.fake_election import FakeElection
from tests.nodes import DEADLINE_S, eventually


class Ground:
    """An election with the two commands that both kinds understand."""

    def __init__(self, election: Election, close: Callable[[], object]) -> None:
        self.election = election
        self.close = close

    def grant(self) -> Leadership:
        self.election.resume()
        if isinstance(self.election, FakeElection):
            return self.election.elect()
        return eventually(lambda: self.election.leadership)

    def take(self) -> None:
        self.election.pause()


@pytest.fixture(params=["node", "fake"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    if request.param == "fake":
        with FakeElection() as election:
            election.pause()
            yield Ground(election, election.close)
    else:
        config = Config(node="a", cluster="test", listen="127.0.0.1:0", data_dir=tmp_path)
        with Node(config, store=MemoryStore()) as node:
            election = node.election("contract")
            election.pause()
            yield Ground(election, node.stop)


class Heard:
    """The events that a subscriber received, in order."""

    def __init__(self, election: Election) -> None:
        self.said: list[tuple[str, int]] = []
        election.subscribe(
            on_elected=lambda leadership: self.said.append(("elected", leadership.token)),
            on_lost=lambda leadership: self.said.append(("lost", leadership.token)),
        )

    def wait(self, count: int) -> list[tuple[str, int]]:
        eventually(lambda: len(self.said) >= count)
        return self.said


def test_nobody_leads_who_is_paused(ground):
    assert not ground.election.is_leader
    assert ground.election.leadership is None
    with pytest.raises(LeadershipTimeout), ground.election.lead(timeout=0):
        pass


def test_elected_and_lost_alternate_and_tokens_rise(ground):
    heard = Heard(ground.election)
    for count in range(3):
        ground.grant()
        heard.wait(2 * count + 1)
        ground.take()
        said = heard.wait(2 * count + 2)
    assert [what for what, _ in said] == ["elected", "lost"] * 3
    tokens = [token for what, token in said if what == "elected"]
    assert tokens == sorted(set(tokens))


def test_a_leadership_that_is_taken_says_so_and_why(ground):
    leadership = ground.grant()
    assert leadership.valid()
    assert leadership.remaining() > 0
    ground.take()
    assert leadership.lost.wait(DEADLINE_S)
    assert (leadership.reason, leadership.valid(), leadership.remaining()) == (LossReason.PAUSED, False, 0)
    with pytest.raises(LeadershipLost):
        leadership.check()


def test_a_block_that_leads_resigns_at_its_end(ground):
    token = ground.grant().token
    with ground.election.lead(timeout=DEADLINE_S) as leadership:
        assert leadership.token == token
        assert ground.election.is_leader
    assert leadership.reason is LossReason.RESIGNED
    assert not ground.election.is_leader


def test_a_block_that_loses_leadership_raises_at_its_end(ground):
    ground.grant()
    with pytest.raises(LeadershipLost) as lost, ground.election.lead(timeout=DEADLINE_S) as leadership:
        ground.take()
        assert leadership.lost.wait(DEADLINE_S)
    assert lost.value.token == leadership.token


def test_a_subscriber_that_raises_in_on_elected_resigns(ground):
    told: list[Leadership] = []
    lost: list[Leadership] = []

    def refuse(leadership: Leadership) -> None:
        told.append(leadership)
        raise ArithmeticError

    ground.election.subscribe(on_elected=refuse, on_lost=lost.append)
    ground.election.resume()
    if isinstance(ground.election, FakeElection):
        ground.election.elect()
    assert eventually(lambda: lost)[0] is told[0]
    assert told[0].reason is LossReason.WORK_FAILED


def test_work_runs_while_the_node_leads(ground):
    tokens: list[int] = []

    def work(leadership: Leadership) -> None:
        tokens.append(leadership.token)
        leadership.lost.wait(DEADLINE_S)

    ground.election.run(work)
    leadership = ground.grant()
    assert eventually(lambda: tokens) == [leadership.token]
    ground.take()
    assert leadership.lost.wait(DEADLINE_S)


def test_resigning_ends_leadership_and_without_it_raises(ground):
    leadership = ground.grant()
    ground.election.resign(timeout=DEADLINE_S)
    assert leadership.reason is LossReason.RESIGNED
    ground.take()
    with pytest.raises(NotLeader):
        ground.election.resign()


def test_a_named_successor_has_to_be_another_voter(ground):
    ground.grant()
    with pytest.raises(ValueError, match="to is 'z'"):
        ground.election.resign(to="z")


def test_a_required_job_runs_only_while_the_node_leads(ground):
    job = ground.election.required(lambda: "done")
    assert job() is None
    ground.grant()
    assert job() == "done"
    with pytest.raises(NotLeader):
        ground.take()
        ground.election.required(otherwise="raise")(lambda: "done")()


def test_waiting_for_a_leader_ends_when_one_is_known(ground):
    with pytest.raises(LeadershipTimeout):
        ground.election.wait_for_leader(timeout=0)
    token = ground.grant().token
    leader = ground.election.wait_for_leader(timeout=DEADLINE_S)
    assert (leader.node_id, leader.term) == ("a", token)


def test_watch_yields_the_latest_leader_until_the_node_ends(ground):
    seen: list[str | None] = []

    def watch() -> None:
        seen.extend(None if leader is None else leader.node_id for leader in ground.election.watch())

    watcher = threading.Thread(target=watch)
    watcher.start()
    ground.grant()
    eventually(lambda: ground.election.leader is not None)
    ground.close()
    watcher.join(DEADLINE_S)
    assert not watcher.is_alive()


def test_a_block_inside_a_block_is_an_error(ground):
    """A thread that leads is told so, with a timeout and without one; its block goes on."""
    ground.grant()
    with ground.election.lead(timeout=DEADLINE_S) as leadership:
        for timeout in (None, 0, DEADLINE_S):
            with pytest.raises(RuntimeError, match="this thread leads it already"), ground.election.lead(timeout):
                pass
        assert leadership.valid()
        leadership.resign()
        with pytest.raises(RuntimeError, match="this thread leads it already"), ground.election.lead():
            pass


def test_a_block_of_another_thread_lacks_the_first(ground):
    """One block at a time: another thread waits for its turn, at most for its timeout."""
    waited: list[type[BaseException]] = []

    def wait() -> None:
        with pytest.raises(LeadershipTimeout) as timeout, ground.election.lead(timeout=0.01):
            pass
        waited.append(timeout.type)

    ground.grant()
    with ground.election.lead(timeout=DEADLINE_S):
        other = threading.Thread(target=wait)
        other.start()
        other.join(DEADLINE_S)
    assert waited == [LeadershipTimeout]


def test_a_block_inside_the_work_of_a_run_is_an_error(ground):
    """Work that would wait for itself is told so, also after its run was told to stop."""
    granted, raised = threading.Event(), []

    def work(leadership: Leadership) -> None:
        assert granted.wait(DEADLINE_S)
        for stop in (lambda: None, run.stop):
            stop()
            with pytest.raises(RuntimeError) as error, ground.election.lead():
                pass
            raised.append(str(error.value))

    run = ground.election.run(work, on_return="keep")
    ground.grant()
    granted.set()
    eventually(lambda: len(raised) == 2)
    assert all("this thread leads it already" in each for each in raised)


def test_a_block_beside_a_run_is_an_error(ground):
    """A run takes every leadership: a block of another thread would wait for ever."""
    run = ground.election.run(lambda leadership: leadership.lost.wait(DEADLINE_S))
    with pytest.raises(RuntimeError, match=r"a run\(\) uses each leadership"), ground.election.lead():
        pass
    run.stop()
    with pytest.raises(LeadershipTimeout), ground.election.lead(timeout=0):
        pass


def test_a_run_ends_the_wait_of_a_block(ground):
    """A block that waits when a run begins is told that its turn will not come."""
    raised: list[str] = []

    def wait() -> None:
        with pytest.raises(RuntimeError) as error, ground.election.lead():
            pass
        raised.append(str(error.value))

    waiter = threading.Thread(target=wait)
    waiter.start()
    eventually(lambda: ground.election.candidacy._holds)
    ground.election.run(lambda leadership: leadership.lost.wait(DEADLINE_S))
    waiter.join(DEADLINE_S)
    assert ["a run() uses each leadership" in each for each in raised] == [True]


def test_a_second_run_is_an_error_until_the_first_is_stopped(ground):
    """Only one run at a time; a stopped one makes room, also while its work ends."""
    begun, end = threading.Event(), threading.Event()

    def work(leadership: Leadership) -> None:
        begun.set()
        end.wait(DEADLINE_S)

    run = ground.election.run(work)
    ground.grant()
    assert begun.wait(DEADLINE_S)
    with pytest.raises(RuntimeError, match=r"a run\(\) uses each leadership"):
        ground.election.run(work)
    run.stop()
    tokens: list[int] = []
    ground.election.run(lambda leadership: tokens.append(leadership.token), on_return="keep")
    eventually(lambda: not ground.election.is_leader)
    assert not tokens
    end.set()
    ground.grant()
    eventually(lambda: tokens)
