"""The commands of a FakeElection, and the fixtures that bring one."""

import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from elect import Forked, LeadershipLost, LeadershipTimeout, LossReason, NotLeader, Stopped
from elect.bridge.leadership import Leadership
from elect.leader import Profile
from elect.testing.fake.fake_context import FakeContext
from elect.testing.fake.fake_election import FakeElection
from elect.testing.manual.manual_cluster import ManualCluster
from tests.fault.test_fork import in_child
from tests.nodes import DEADLINE_S, eventually

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def election():
    with FakeElection("jobs") as fake:
        yield fake


def test_nobody_leads_until_told_to(election):
    assert not election.is_leader
    assert election.leader is None


def test_a_candidate_that_withdraws_is_elected_or_waited_for(election):
    """The block ends while the command reads its outcome, or withdraws before it begins."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread = threading.Thread(target=_lead_briefly, args=(election, 200))
        thread.start()
        while thread.is_alive():
            with suppress(LeadershipTimeout):
                assert election.elect(timeout=0.05).token > 0
    finally:
        sys.setswitchinterval(interval)
    thread.join()


def _lead_briefly(election: FakeElection, times: int) -> None:
    for _ in range(times):
        with election.lead():
            pass


def _heard(election: FakeElection) -> list[tuple[str, int]]:
    """Return the list of the later events of a subscriber, with tokens and terms."""
    heard: list[tuple[str, int]] = []
    election.subscribe(
        on_elected=lambda leadership: heard.append(("elected", leadership.token)),
        on_lost=lambda leadership: heard.append(("lost", leadership.token)),
        on_leader=lambda leader: heard.append(("leader" if leader else "nobody", leader.term if leader else 0)),
    )
    return heard


def test_a_command_returns_when_callbacks_have_heard(election):
    heard = _heard(election)
    election.elect(7)
    election.lose()
    election.follow("b")
    assert heard == [("elected", 7), ("leader", 7), ("lost", 7), ("nobody", 0), ("leader", 8)]


@pytest.mark.parametrize("is_before", [True, False])
def test_a_subscriber_hears_in_one_order_whenever_it_came(election, is_before):
    heard = _heard(election) if is_before else []
    election._callbacks.flush(5)
    election.elect(7)
    if not is_before:
        heard = _heard(election)
        election._callbacks.flush(5)
    assert heard == [("elected", 7), ("leader", 7)]


def test_time_stands_still_so_that_a_lease_ends_on_command_only(election):
    leadership = election.elect()
    remaining = leadership.remaining()
    threading.Event().wait(0.01)
    assert leadership.remaining() == remaining


def test_a_renewed_lease_is_a_new_leadership_with_the_same_token(election):
    before = election.elect()
    election.lapse()
    assert before.reason is LossReason.LEASE_LAPSED
    after = election.elect()
    assert after is not before
    assert after.token == before.token


@pytest.mark.parametrize("reason", [LossReason.LEASE_LAPSED, LossReason.UNHEALTHY, LossReason.NO_LEASE])
def test_after_any_loss_the_next_token_is_higher(election, reason):
    leadership = election.elect()
    election.lose(reason)
    assert leadership.reason is reason
    assert election.leader is None
    assert election.elect().token > leadership.token


def test_a_node_that_gives_up_again_and_again_is_elected_at_once(election):
    """A commanded election has no rest, which would need time to pass."""
    for _ in range(10):
        election.elect()
        election.resign(timeout=5)
    begun = election._fake.clock()
    election.elect()
    assert election._fake.clock() - begun <= election._fake.config.heartbeat_interval_ns


def test_losing_what_is_not_led_is_nothing(election):
    election.lose()
    election.lapse()
    assert not election.is_leader


def test_tokens_are_given_or_the_next_ones_and_only_rise(election):
    assert election.elect(41).token == 41
    election.lose()
    with pytest.raises(ValueError, match=r"token is 41; 42 to \d+ is allowed"):
        election.elect(41)
    assert election.elect().token == 42


@pytest.mark.parametrize("token", [3, 7, 9])
@pytest.mark.parametrize("is_lapsed", [False, True])
def test_a_token_is_for_a_new_term_only(election, token, is_lapsed):
    election.elect(7)
    if is_lapsed:
        election.lapse()
    with pytest.raises(ValueError, match=f"token is {token}, but a leads in term 7; lose first, or give no token"):
        election.elect(token)
    assert election.elect().token == 7
    election.lose()
    assert election.elect().token == 8


def test_a_token_is_for_the_term_after_a_resignation(election):
    """The callback has not returned, so the core still resigns."""
    returns = threading.Event()
    election.subscribe(on_lost=lambda leadership: returns.wait(DEADLINE_S))
    election.elect(7)
    with pytest.raises(LeadershipTimeout):
        election.resign(timeout=0)
    returns_soon = threading.Timer(0.05, returns.set)
    returns_soon.start()
    assert election.elect(9).token == 9
    returns_soon.join()


def test_another_leader_comes_after_the_loss_with_its_profile(election):
    leadership = election.elect()
    election.follow("b", address="10.0.0.2:7101", metadata={"zone": "x"})
    assert leadership.reason is LossReason.LEASE_LAPSED
    leader = election.leader
    assert (leader.node_id, leader.address, leader.metadata) == ("b", "10.0.0.2:7101", {"zone": "x"})
    assert leader.term > leadership.token
    election.follow("c")
    assert election.leader.node_id == "c"
    election.follow(None)
    assert election.leader is None
    assert election.elect().token > leader.term


def test_a_named_successor_leads(election):
    leadership = election.elect()
    election.resign(to="c", timeout=5)
    assert leadership.reason is LossReason.TRANSFERRED
    assert election.leader.node_id == "c"


def test_only_the_other_two_can_be_followed(election):
    with pytest.raises(ValueError, match="leader is 'a'; one of b, c or None"):
        election.follow("a")


def test_electing_lacks_somebody_who_wants_to_lead(election):
    tokens: list[int] = []

    def lead_twice() -> None:
        for _ in range(2):
            with election.lead() as leadership:
                token = leadership.token
            tokens.append(token)

    worker = threading.Thread(target=lead_twice)
    worker.start()
    election.elect(3)
    eventually(lambda: tokens)
    election.elect(5)
    worker.join()
    assert tokens == [3, 5]
    with pytest.raises(LeadershipTimeout, match="a candidate"):
        election.elect(timeout=0)


HANDLED = {
    "resign a leadership": lambda election: election.leadership and election.leadership.resign(),
    "resign": lambda election: election.is_leader and election.resign(timeout=0),
    "pause": lambda election: (election.pause(), election.resume()),
    "offset": lambda election: election.set_offset(7),
    "elect": lambda election: election.elect(timeout=0),
    "lose": lambda election: election.lose(),
    "follow": lambda election: election.follow("c"),
}


@pytest.mark.parametrize("act", HANDLED)
def test_a_handler_acts_between_two_steps_of_the_cluster(election, monkeypatch, act):
    """A signal comes at each frame that arrives; the handler's own frames bring none."""
    arrive, acting = ManualCluster._arrive, []

    def interrupt(cluster: ManualCluster, *frame: object) -> None:
        if not acting:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
        arrive(cluster, *frame)

    def handle(*_: object) -> None:
        if not acting:
            acting.append(act)
            with suppress(NotLeader, LeadershipTimeout):
                HANDLED[act](election)
            acting.clear()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(ManualCluster, "_arrive", interrupt)
            for _ in range(10):
                election.elect()
                election.lose()
                election.follow("b")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert election.elect().valid()


def test_a_command_of_another_thread_ends_when_it_is_closed(election, monkeypatch):
    """The command that is carried out is done; the one behind it is refused."""
    reached, goes_on, refused = threading.Event(), threading.Event(), threading.Event()
    follow = FakeContext._follow

    def wait(*given: object) -> None:
        reached.set()
        assert goes_on.wait(DEADLINE_S)
        follow(*given)

    def command() -> None:
        election._fake.follow(None, Profile())
        with pytest.raises(Stopped):
            election.elect()
        refused.set()

    monkeypatch.setattr(FakeContext, "_follow", wait)
    threading.Thread(target=command).start()
    assert reached.wait(DEADLINE_S)
    assert not election.close(timeout=0)
    goes_on.set()
    assert refused.wait(DEADLINE_S)
    assert election.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_leads_nothing_and_waits_for_nothing(election):
    leadership = election.elect()

    def check() -> None:
        assert not leadership.valid()
        for call in (election.elect, election.lose, election.pause):
            with pytest.raises(Forked):
                call()
        leadership.resign()
        assert election.close()

    in_child(check)
    assert leadership.valid()


def test_a_witness_is_not_elected(election):
    election.set_priority(0)
    with pytest.raises(RuntimeError, match="a does not take leadership of 'jobs': witness"):
        election.elect()
    election.set_priority(1)
    assert election.elect().valid()


def test_closing_ends_what_is_led_and_tells_callbacks(election):
    lost: list[Leadership] = []
    election.subscribe(on_lost=lost.append)
    leadership = election.elect()
    assert election.close()
    assert lost == [leadership]
    assert leadership.reason is LossReason.STOPPED
    assert not leadership.valid()
    with pytest.raises(Stopped), election.lead(timeout=0):
        pass


def test_closing_is_the_reason_of_a_loss_as_a_stop_is(election):
    reasons: list[LossReason | None] = []
    election.subscribe(on_lost=lambda leadership: reasons.append(leadership.reason))
    leadership = election.elect()
    election.close()
    assert (leadership.reason, reasons) == (LossReason.STOPPED, [LossReason.STOPPED])


def test_a_block_is_told_that_the_election_was_closed(election):
    election.elect()
    with pytest.raises(LeadershipLost) as caught, election.lead(timeout=0):
        election.close()
    assert caught.value.reason is LossReason.STOPPED


def test_the_plugin_brings_fixtures(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest('pytest_plugins = ["elect.testing.fake.pytest_plugin"]')
    pytester.makepyfile("""
        from elect.testing import Options

        def test_fake(fake_election):
            assert fake_election.elect().token == 1

        def test_simulation(simulation):
            world = simulation(Options(nodes=3, seed=7))
            world.run(5)
            assert world.leader() is not None

        def test_simulation_is_shown(simulation):
            assert simulation(Options(nodes=3, seed=7)).leader() is not None

        def test_nodes(start_nodes):
            nodes = start_nodes(3)
            leaders = [node.wait_for_leader(timeout=10).node_id for node in nodes]
            assert len(set(leaders)) == 1
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*Simulation(Options(nodes=3, seed=7*"])


def test_it_may_be_closed_while_it_elects():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(20):
            fake = FakeElection()
            fake.subscribe(on_elected=lambda _, fake=fake: fake.close())
            with suppress(Stopped):
                assert fake.elect().reason in (None, LossReason.STOPPED)
            assert fake.close(DEADLINE_S)
    finally:
        sys.setswitchinterval(interval)
