"""Whom a node asks that joins, in which order, and when it stops."""

import random
from collections.abc import Callable, Mapping

import pytest

from elect.core.configuration import Configuration, Member, MemberKind
from elect.errors import (
    Amnesia,
    IdInUse,
    JoinError,
    JoinGaveUp,
    JoinRejected,
    NotAuthorized,
    OtherCluster,
    OtherVersion,
)
from elect.joining.join_messages import Answer, Join, Joined, NotNow, Redirect, Rejected, Unformed
from elect.joining.join_passes import (
    JITTER_MIN,
    WAIT_MAX_NS,
    JoinEnd,
    JoinPasses,
    JoinPlan,
    JoinStep,
    JoinTry,
    JoinWait,
    wait_before_ns,
)
from elect.joining.start_choice import SILENCE_NS, Reply
from wire.protocol.address import Address
from wire.protocol.wire_errors import CertificateError, ConnectError, Refusal, RejectCode

STORE = b"d" * 16
SEEDS = tuple(Address("10.0.0.1", port) for port in (1, 2, 3))
OWN = Address("10.0.0.9", 9)
JOIN = Join(node_id="d", store_id=STORE, address=str(OWN))
DEAD = ConnectError("connection refused")
CONFIGURATION = Configuration(members=(Member(node_id="a"), Member(node_id="d", is_voter=False, store_id=STORE)))
JOINED = Joined(configuration=CONFIGURATION)


def plan(**changes: object) -> JoinPlan:
    settings = {"request": JOIN, "own": OWN, "seeds": SEEDS, "cluster_id": bytes(16)} | changes
    return JoinPlan(**settings)  # type: ignore[arg-type]


def redirect(port: int, leader_id: str = "a") -> Redirect:
    return Redirect(leader_id=leader_id, address=f"10.0.0.1:{port}", term=7)


def refused(code: RejectCode) -> Refusal:
    return Refusal(code, "because", is_retryable=False)


def play(
    settings: JoinPlan, reply: Callable[[JoinTry], Reply], find_callers: Callable[[], Mapping[str, Address]] = dict
) -> list[JoinStep]:
    """All steps of a join in which each address gives its reply."""
    passes, steps = JoinPasses(settings, random.Random(1), find_callers).steps(), list[JoinStep]()
    answer: Reply | None = None
    while not steps or not isinstance(steps[-1], JoinEnd):
        steps.append(passes.send(answer))
        answer = reply(steps[-1]) if isinstance(steps[-1], JoinTry) else None
    return steps


def asked(replies: Mapping[int, Reply], **changes: object) -> list[tuple[int, str]]:
    """The port and the expected id of each address that is asked in one pass without success."""
    found: list[tuple[int, str]] = []

    def reply(step: JoinTry) -> Reply:
        found.append((step.address.port, step.node_id))
        return replies[step.address.port]

    with pytest.raises(JoinGaveUp):
        play(plan(attempts_max=1, **changes), reply)
    return found


def test_each_seed_is_asked_once_in_order():
    assert asked({1: DEAD, 2: Unformed(), 3: NotNow(reason="wait")}) == [(1, ""), (2, ""), (3, "")]


def test_the_own_address_is_not_asked():
    assert asked({1: DEAD, 3: DEAD}, own=SEEDS[1]) == [(1, ""), (3, "")]


def test_the_first_member_that_answers_ends_the_join():
    steps = play(plan(), lambda step: DEAD if step.address.port == 1 else JOINED)
    assert [type(step) for step in steps] == [JoinTry, JoinTry, JoinEnd]
    assert steps[-1] == JoinEnd(configuration=CONFIGURATION, progress=steps[-1].progress)
    assert not steps[-1].progress.is_forming


def test_a_configuration_without_this_node_does_not_end_the_join():
    other = Member(node_id="d", is_voter=False, store_id=b"x" * 16)
    for members in ((Member(node_id="a"),), (Member(node_id="a"), other)):
        joined = Joined(configuration=Configuration(members=members))
        assert asked({1: joined, 2: DEAD, 3: DEAD}) == [(1, ""), (2, ""), (3, "")]


def test_a_redirect_is_followed_at_once_to_that_node():
    replies = {1: redirect(8), 8: NotNow(reason="wait"), 2: DEAD, 3: DEAD}
    assert asked(replies) == [(1, ""), (8, "a"), (2, ""), (3, "")]


def test_redirects_that_lead_in_a_circle_end():
    assert asked({1: redirect(2), 2: redirect(1), 3: redirect(1)}) == [(1, ""), (2, "a"), (3, "")]


def test_three_redirects_are_followed_in_a_pass():
    replies: dict[int, Reply] = {port: redirect(port + 1) for port in range(11, 20)}
    replies |= {1: redirect(11), 2: redirect(15), 3: DEAD}
    assert asked(replies) == [(1, ""), (11, "a"), (12, "a"), (13, "a"), (2, ""), (3, "")]


@pytest.mark.parametrize("address", ["10.0.0.1:1", str(OWN), "10.0.0.9:009", "no address", "[::ffff:10.0.0.1]:1"])
def test_a_redirect_to_a_useless_address_is_not_followed(address: str):
    replies = {1: Redirect(leader_id="a", address=address, term=1), 2: DEAD, 3: DEAD}
    assert asked(replies) == [(1, ""), (2, ""), (3, "")]


def test_a_redirect_to_a_dead_node_or_a_stranger_goes_on():
    for reply in (DEAD, refused(RejectCode.CLUSTER), refused(RejectCode.WRONG_NODE), refused(RejectCode.SELF)):
        assert asked({1: redirect(8), 8: reply, 2: DEAD, 3: DEAD}) == [(1, ""), (8, "a"), (2, ""), (3, "")]


def test_a_seed_that_leads_to_this_node_is_not_another_one():
    """A seed may be a name, and advertise the address behind it: the node dials itself."""
    own = refused(RejectCode.OWN_STORE)
    assert asked({1: own, 2: DEAD, 3: DEAD}) == [(1, ""), (2, ""), (3, "")]
    assert isinstance(play(plan(), lambda step: own if step.address.port == 1 else JOINED)[-1], JoinEnd)
    steps = play(plan(own=SEEDS[0], attempts_max=1), lambda step: own if step.address.port == 2 else Unformed())
    assert steps[-1].progress.is_forming


def test_a_node_whose_own_seed_has_another_spelling_says_so():
    """It forms nothing: a name can lead to each node at which it is asked."""
    with pytest.raises(JoinGaveUp) as caught:
        play(plan(attempts_max=1, is_bootstrap=True), lambda _: refused(RejectCode.OWN_STORE))
    assert "seed 10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3 leads to this node" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(RejectCode.SELF), IdInUse),
        (refused(RejectCode.CLUSTER), OtherCluster),
        (refused(RejectCode.VERSION), OtherVersion),
        (refused(RejectCode.KIND), OtherVersion),
        (refused(RejectCode.KEY), NotAuthorized),
        (refused(RejectCode.CERTIFICATE), NotAuthorized),
        (CertificateError("expired"), NotAuthorized),
        (Rejected(code="id_in_use", text="no"), IdInUse),
        (Rejected(code="other_cluster", text="no"), OtherCluster),
        (Rejected(code="not_authorized", text="no"), NotAuthorized),
        (Rejected(code="amnesia", text="no"), Amnesia),
        (Rejected(code="of a later version", text="no"), JoinRejected),
    ],
)
def test_a_refusal_that_no_retry_mends_ends_the_join(reply: Reply, error: type[JoinRejected]):
    asked_ports: list[int] = []

    def answer(step: JoinTry) -> Reply:
        asked_ports.append(step.address.port)
        return reply if step.address.port == 2 else DEAD

    with pytest.raises(JoinRejected) as caught:
        play(plan(), answer)
    assert (type(caught.value), asked_ports) == (error, [1, 2])
    assert str(caught.value).startswith("10.0.0.1:2 refuses node d: ")
    assert str(caught.value).endswith(f"; {error.remedy}")


def test_an_answer_behind_a_redirect_can_end_the_join():
    replies: dict[int, Answer] = {1: redirect(8), 8: Rejected(code="amnesia", text="no")}
    with pytest.raises(Amnesia, match=r"^10\.0\.0\.1:8 refuses"):
        play(plan(), lambda step: replies[step.address.port])


@pytest.mark.parametrize("code", [RejectCode.FULL, RejectCode.STALE_LINK, RejectCode.STOPPING, RejectCode.ID_IN_USE])
def test_a_refusal_that_passes_is_no_reason_to_stop(code: RejectCode):
    assert asked({1: refused(code), 2: DEAD, 3: DEAD}) == [(1, ""), (2, ""), (3, "")]


def test_waits_double_from_a_quarter_second_to_the_ceiling():
    waits = [wait_before_ns(attempt) / 1e9 for attempt in range(1, 13)]
    assert waits == [0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 32, 32, 32]
    assert [wait_before_ns(attempt, 700_000_000) / 1e9 for attempt in range(1, 6)] == [0, 0.25, 0.5, 0.7, 0.7]
    assert wait_before_ns(10**9) == WAIT_MAX_NS


def test_every_wait_is_reached_and_shortened_by_half_at_most():
    steps, passes = list[JoinStep](), JoinPasses(plan(attempts_max=10), random.Random(1)).steps()
    with pytest.raises(JoinGaveUp):
        while True:
            steps.append(passes.send(DEAD if steps and isinstance(steps[-1], JoinTry) else None))
    waits = [step.wait_ns for step in steps if isinstance(step, JoinWait)]
    slots = [wait_before_ns(attempt) for attempt in range(2, 11)]
    assert len(waits) == 9
    assert all(slot / 2 <= wait <= slot for wait, slot in zip(waits, slots, strict=True))
    assert len({wait / slot for wait, slot in zip(waits, slots, strict=True)}) == 9
    assert len([step for step in steps if isinstance(step, JoinTry)]) == 30


def test_giving_up_names_the_attempts_and_the_replies():
    with pytest.raises(JoinGaveUp) as caught:
        play(plan(attempts_max=2), lambda step: DEAD if step.address.port == 1 else NotNow(reason="no leader"))
    assert isinstance(caught.value, JoinError)
    assert str(caught.value) == (
        "node d is in no cluster after attempt 2, the last: this node's address, 10.0.0.9:9, is not among the seeds;"
        " seed 10.0.0.1:1 forms the cluster; 10.0.0.1:1 does not answer: connection refused; 10.0.0.1:2 not now:"
        " no leader; 10.0.0.1:3 not now: no leader; start a seed, correct the seeds, or allow more attempts"
    )


def test_the_smallest_seed_forms_a_cluster_of_itself():
    steps = play(plan(own=SEEDS[0], cluster_id=b"c" * 16), lambda _: Unformed())
    member = Member(node_id="d", store_id=STORE, address=str(OWN))
    assert [type(step) for step in steps] == [JoinTry, JoinTry, JoinEnd]
    assert steps[-1].progress.is_forming
    assert steps[-1] == JoinEnd(
        configuration=Configuration(members=(member,), version=1, cluster_id=b"c" * 16), progress=steps[-1].progress
    )


def forming_after_ns(*replies: Reply, **changes: object) -> int:
    """The waits of the smallest seed with bootstrap before it forms; the others give these replies, then no more."""
    said = iter(replies)
    steps = play(plan(own=SEEDS[0], is_bootstrap=True, **changes), lambda _: next(said, DEAD))
    assert steps[-1].progress.is_forming
    return sum(step.wait_ns for step in steps if isinstance(step, JoinWait))


def test_a_node_listens_once_before_it_forms():
    steps = play(plan(own=SEEDS[0], listen_ns=700, attempts_max=1), lambda _: Unformed())
    waits = [step.wait_ns for step in steps if isinstance(step, JoinWait)]
    assert waits == [700]
    assert steps[-1].progress.is_forming
    assert forming_after_ns(listen_ns=700) < 3 * SILENCE_NS  # the waits for silent seeds count, too


def test_the_members_that_dialed_this_node_are_asked():
    """It lost its data, and is its own only seed: only the dials of the others tell of the cluster."""
    callers, found = {"b": Address("10.0.0.1", 2), "a": OWN, "c": Address("10.0.0.1", 3)}, list[tuple[int, str]]()
    replies: dict[int, Reply] = {2: refused(RejectCode.CLUSTER), 3: JOINED}
    passes = JoinPasses(plan(seeds=(OWN,), listen_ns=700), random.Random(1), lambda: callers).steps()
    step, answer = next(passes), None
    while not isinstance(step, JoinEnd):
        if isinstance(step, JoinTry):
            found.append((step.address.port, step.node_id))
            answer = replies[step.address.port]
        step = passes.send(answer)
    assert found == [(2, "b"), (3, "c")]
    assert not step.progress.is_forming


def test_a_member_that_dials_during_a_pass_is_asked_in_it():
    """A silent seed costs a second; a network that is up by then brings the dials of the members."""
    callers: dict[str, Address] = {}

    def reply(step: JoinTry) -> Reply:
        callers["b"] = Address("10.0.0.1", 9)
        return JOINED if step.node_id else Unformed()

    steps = play(plan(seeds=SEEDS[:2], own=SEEDS[0]), reply, lambda: callers)
    assert [step.address.port for step in steps if isinstance(step, JoinTry)] == [2, 9]
    assert not steps[-1].progress.is_forming


def test_a_caller_that_does_not_answer_keeps_a_node_from_forming():
    passes = JoinPasses(
        plan(seeds=(OWN,), attempts_max=2, is_bootstrap=True), random.Random(1), lambda: {"b": Address("10.0.0.1", 2)}
    ).steps()
    step = next(passes)
    with pytest.raises(JoinGaveUp, match=r"10.0.0.1:2 counts this node as a member of its cluster"):
        while True:
            step = passes.send(DEAD if isinstance(step, JoinTry) else None)


def test_bootstrap_waits_for_seeds_that_are_silent():
    """The network of a new container can come up seconds after its node: then all seeds are silent."""
    assert SILENCE_NS <= forming_after_ns() <= 3 * SILENCE_NS


@pytest.mark.parametrize("settings", [{}, {"wait_max_ns": 250_000_000}])
def test_bootstrap_waits_for_silent_seeds_after_the_last_attempt(settings):
    """Else a node that is started again and again would never form: each start counts the silence anew."""
    assert SILENCE_NS <= forming_after_ns(attempts_max=1, **settings) <= 3 * SILENCE_NS


def test_a_seed_that_speaks_after_the_last_attempt_ends_the_join():
    with pytest.raises(JoinGaveUp, match="after attempt 2, the last"):
        forming_after_ns(DEAD, DEAD, DEAD, refused(RejectCode.FULL), attempts_max=1)


def test_bootstrap_waits_no_longer_when_all_have_answered():
    assert forming_after_ns(Unformed(), Unformed()) == 0
    assert 0 < forming_after_ns(DEAD, DEAD, Unformed(), Unformed()) < SILENCE_NS


def test_a_seed_that_knows_of_a_cluster_begins_the_silence_anew():
    early = [NotNow(reason="no leader"), DEAD] * 4
    waits = [wait_before_ns(attempt) for attempt in range(2, 6)]
    assert forming_after_ns(*early) > sum(waits) * JITTER_MIN + SILENCE_NS


def test_a_seed_that_starts_later_is_waited_for():
    replies = iter([Unformed(), DEAD, Unformed(), Unformed()])
    steps = play(plan(own=SEEDS[0]), lambda _: next(replies))
    assert [type(step) for step in steps] == [JoinTry, JoinTry, JoinWait, JoinTry, JoinTry, JoinEnd]
    assert steps[-1].progress.is_forming


def test_progress_shows_the_attempt_the_replies_and_the_wait():
    replies = iter([Unformed(), DEAD, NotNow(reason="no leader"), redirect(8), JOINED])
    steps = play(plan(own=SEEDS[0]), lambda _: next(replies))
    assert [step.progress.attempt for step in steps] == [1, 1, 2, 2, 2, 2, 2]
    second, wait, last = steps[1].progress, steps[2].progress, steps[-1].progress
    assert (second.address, second.replies) == (SEEDS[2], {SEEDS[1]: "knows of no cluster"})
    assert wait.address is None
    assert wait.wait_ns > 0
    assert wait.replies[SEEDS[2]] == "does not answer: connection refused"
    assert wait.choice == (
        "seed 10.0.0.1:3 has not said whether it knows of a cluster; start it, or set bootstrap = true if there is no"
        " cluster"
    )
    assert last.replies == {
        SEEDS[1]: "not now: no leader",
        SEEDS[2]: "names a at 10.0.0.1:8 as leader in term 7",
        Address("10.0.0.1", 8): "made the change",
    }


def test_seeds_are_sorted_and_each_is_there_once():
    for seeds in ((), SEEDS[::-1], (SEEDS[0], SEEDS[0])):
        with pytest.raises(ValueError, match="sorted, each once"):
            plan(seeds=seeds)


def test_words_of_another_node_cannot_forge_a_log_line():
    with pytest.raises(IdInUse) as caught:
        play(plan(), lambda _: Rejected(code="id_in_use", text="no\nINFO all is well"))
    assert "\n" not in str(caught.value)


def test_a_witness_asks_as_a_witness():
    request = Join(node_id="d", store_id=STORE, address=str(OWN), kind=MemberKind.WITNESS)
    with pytest.raises(JoinGaveUp, match="no voter but a witness"):
        play(plan(request=request, own=SEEDS[0], attempts_max=1), lambda _: Unformed())
