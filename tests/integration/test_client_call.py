"""Calls of the leader, repeated until they have an outcome."""

import errno
import itertools
import threading

import pytest

from elect import CallInterrupted, Client, ClientClosed, Leader, NotLeader
from tests.integration.fake_nodes import CLUSTER, client_of, connect_in_vain, failure, fake_cluster, known
from tests.integration.wire_ends import PATIENCE_S, eventually


class Work:
    """A call that fails as often as it is told, and notes whom it called."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.called: list[tuple[str, int]] = []

    def __call__(self, leader: Leader) -> str:
        self.called.append((leader.node_id, leader.term))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return leader.node_id


def test_call_returns_the_result():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 7)
        assert client.call(Work()) == "b"


def refused() -> OSError:
    with pytest.raises(ConnectionRefusedError) as caught:
        connect_in_vain()
    return caught.value


@pytest.mark.parametrize("error", [lambda: NotLeader("default"), refused])
def test_what_did_nothing_is_repeated(error):
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 7)
        work = Work(error(), error())
        assert client.call(work, timeout=PATIENCE_S) == "b"
        assert work.called == [("b", 7)] * 3


@pytest.mark.parametrize("error", [ConnectionResetError(), OSError(errno.EHOSTUNREACH, "no route")])
def test_a_broken_call_is_repeated_only_if_idempotent(error):
    """The network reports a host that is gone on a connection that is open, too."""
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 7)
        assert client.call(Work(error), idempotent=True, timeout=PATIENCE_S) == "b"
        work = Work(error)
        with pytest.raises(CallInterrupted) as caught:
            client.call(work)
        assert known(caught.value.leader) == ("b", 7)
        assert caught.value.__cause__ is error
        assert len(work.called) == 1


def test_an_error_of_the_application_is_passed_on():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 7)
        work = Work(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            client.call(work, idempotent=True)
        assert len(work.called) == 1


def test_a_hint_leads_to_the_new_leader_at_once():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        for node in "bc":
            cluster[node].say(None, 1)
        hint = Leader(node_id="c", term=2)
        called: list[str] = []

        def work(leader: Leader) -> str:
            called.append(leader.node_id)
            if leader.node_id == "a":
                cluster["c"].say(cluster["c"], 2)
                raise NotLeader("default", hint)
            return leader.node_id

        assert client.call(work, timeout=PATIENCE_S) == "c"
        assert called[:1] == ["a"]
        assert {*called} == {"a", "c"}  # on a busy machine `a` may repeat its lease before `c` answers


@pytest.mark.parametrize(
    ("hint", "problem"),
    [
        ("b:7101", "the leader of a NotLeader is 'b:7101'; a Leader is needed"),
        (Leader(node_id="b", term="7"), "the term of the leader of a NotLeader is '7'; a whole number is needed"),
        (Leader(node_id=None, term=7), "the node_id of the leader of a NotLeader is None; text is needed"),
        (Leader(node_id="b", term=7, address=7101), "the address of the leader of a NotLeader is 7101; text or None"),
    ],
)
def test_a_hint_that_is_no_leader_is_named(hint, problem):
    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        with pytest.raises(TypeError, match=problem):
            client.call(Work(NotLeader("default", hint)))


def test_hints_of_the_application_in_a_circle_are_named():
    with fake_cluster("ab") as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        term = itertools.count(2)

        def work(leader: Leader) -> None:
            other = "b" if leader.node_id == "a" else "a"
            cluster.elect(other, next(term))
            raise NotLeader("default", Leader(node_id=other, term=leader.term))

        error = failure(lambda timeout: client.call(work, timeout=timeout), lambda error: bool(error.loop))
        assert error.loop in [("a", "b", "a"), ("b", "a", "b")]
        assert isinstance(error.__cause__, NotLeader)
        assert error.timeout >= 0.3


@pytest.mark.long
def test_a_leader_killed_between_probe_and_call_200_times():
    """The link of the leader ends inside the call, which finds no connection; another node leads in the next term."""
    with fake_cluster() as cluster, client_of(cluster) as client:
        names = list(cluster.nodes)
        cluster.elect("a", 1)
        for term in range(1, 201):
            dead, following = names[(term - 1) % 3], names[term % 3]
            called: list[str] = []

            def work(leader: Leader, dead=dead, following=following, term=term, called=called) -> str:
                called.append(leader.node_id)
                if leader.node_id == dead:
                    cluster[dead].stop()
                    for node_id in names:
                        if node_id != dead:
                            cluster[node_id].say(cluster[following], term + 1)
                    connect_in_vain()
                return leader.node_id

            assert client.call(work, timeout=PATIENCE_S) == following
            assert called == [dead, following]
            cluster[dead].start()
            cluster[dead].say(cluster[following], term + 1)


def test_time_of_a_call_is_shared_by_all_attempts():
    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        left: list[float] = []

        def work(leader: Leader) -> None:
            left.append(client.remaining)
            raise NotLeader("default")

        def call(timeout: float) -> None:
            left[:] = [timeout]
            client.call(work, timeout=timeout)

        failure(call, lambda _: len(left) > 2)
        assert len(left) > 2
        assert left == sorted(left, reverse=True)
        assert left[-1] >= 0
        assert client.remaining == float("inf")


def test_close_in_the_middle_of_a_call():
    with fake_cluster("a") as cluster:
        client = Client(cluster.addresses, cluster=CLUSTER)
        cluster.elect("a", 1)
        is_inside, errors = threading.Event(), list[Exception]()

        def work(leader: Leader) -> None:
            is_inside.set()
            raise NotLeader("default")

        def call():
            try:
                client.call(work, timeout=None)
            except ClientClosed as error:
                errors.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        assert is_inside.wait(PATIENCE_S)
        client.close()
        thread.join(PATIENCE_S)
        assert len(errors) == 1


def test_close_inside_of_work():
    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)

        def work(leader: Leader) -> None:
            client.close()
            raise NotLeader("default")

        with pytest.raises(ClientClosed):
            client.call(work)


def test_a_call_inside_of_a_call_has_the_shorter_time():
    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        left = client.call(
            lambda _: client.call(lambda _: client.remaining, timeout=PATIENCE_S), timeout=PATIENCE_S / 2
        )
        assert 0 < left <= PATIENCE_S / 2


def test_a_silent_endpoint_does_not_delay_the_others():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster["a"].is_silent = True
        cluster["b"].say(cluster["c"], 3)
        cluster["c"].say(cluster["c"], 3)
        assert client.call(Work()) == "c"
        assert eventually(lambda: cluster["a"].links == 0)
