"""A client whose endpoints are black holes, stale, cut off, or have names that hang."""

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from elect import Client, ClientClosed, LeaderUnavailable, NotLeader
from elect.client import client as client_module
from elect.client import leader_finder
from elect.client.leader_finder import LeaderFinder
from elect.client.probing import BUDGET_NS, THREADS_MAX
from tests.fault.test_fork import in_child
from tests.integration.fake_nodes import CLUSTER, black_holes, client_of, connect_in_vain, fake_cluster, known
from tests.integration.wire_ends import PATIENCE_S, eventually
from wire.common.deadline import now_s


@contextmanager
def hanging_names(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[Callable[[], int]]:
    """Names whose lookup hangs until the block ends; yield a function that returns how many lookups hang."""
    real, release, hanging = socket.getaddrinfo, threading.Event(), list[str]()

    def look_up(host: str, *place: object, **options: object) -> object:
        if host in names or ("*" in names and host.endswith(".example")):
            hanging.append(host)
            assert release.wait(PATIENCE_S)
            raise socket.gaierror(socket.EAI_AGAIN, "no server")
        return real(host, *place, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        yield hanging.__len__
    finally:
        release.set()


def test_nine_of_ten_endpoints_are_black_holes():
    with black_holes(9) as holes, fake_cluster("a") as cluster, client_of(cluster, first=tuple(holes)) as client:
        cluster.elect("a", 4)
        assert known(client.leader(timeout=PATIENCE_S)) == ("a", 4)


def test_a_watch_finds_the_one_endpoint_that_answers():
    with black_holes(9) as holes, fake_cluster("a") as cluster, client_of(cluster, first=tuple(holes)) as client:
        cluster.elect("a", 4)
        seen = (known(leader) for leader in client.watch())
        assert list(itertools.islice(seen, 2)) == [None, ("a", 4)]


def test_a_stale_first_endpoint_names_an_old_leader():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster["a"].say(cluster["b"], 3)
        cluster["b"].say(cluster["c"], 4)
        cluster["c"].say(cluster["c"], 4)
        assert known(client.leader(timeout=PATIENCE_S)) == ("c", 4)


def test_the_first_endpoint_names_an_old_leader_that_is_dead():
    with fake_cluster("abcd") as cluster, client_of(cluster) as client:
        cluster["a"].say(cluster["b"], 3)
        cluster["b"].stop()
        cluster["c"].say(cluster["d"], 4)
        cluster["d"].say(cluster["d"], 4)
        assert known(client.leader(timeout=PATIENCE_S)) == ("d", 4)
        cluster["b"].start()


def test_a_leader_that_is_cut_off_and_its_follower_do_not_count():
    """The one has no lease any more, the other one still names it."""
    with fake_cluster("abcd") as cluster, client_of(cluster) as client:
        cluster["a"].say(cluster["a"], 3, lease_ns=0)
        cluster["b"].say(cluster["a"], 3, age_ns=5_000_000_000)
        cluster["c"].say(cluster["d"], 4)
        cluster["d"].say(cluster["d"], 4)
        assert known(client.leader(timeout=PATIENCE_S)) == ("d", 4)


def test_a_watch_leaves_a_node_that_is_cut_off():
    with fake_cluster() as cluster, Client([cluster["a"].address], cluster=CLUSTER) as client:
        cluster["a"].say(None, 3)
        cluster["b"].say(cluster["c"], 4)
        cluster["c"].say(cluster["c"], 4)
        seen = (known(leader) for leader in client.watch())
        assert ("c", 4) in itertools.islice(seen, 3)


def test_names_that_hang_delay_nobody(monkeypatch):
    names = tuple(f"{place}.example:1" for place in range(9))
    with hanging_names(monkeypatch, "*") as hanging, fake_cluster("a") as cluster:
        cluster.elect("a", 4)
        with client_of(cluster, first=names, insecure=True) as client:
            assert known(client.leader(timeout=PATIENCE_S)) == ("a", 4)
            assert hanging() == 9


def test_any_number_of_names_that_hang_delays_no_address(monkeypatch):
    names = tuple(f"{place}.example:1" for place in range(40))
    with hanging_names(monkeypatch, "*"), fake_cluster("a") as cluster:
        cluster.elect("a", 4)
        with client_of(cluster, first=names, insecure=True) as client:
            assert known(client.leader(timeout=PATIENCE_S)) == ("a", 4)
            for _ in range(2):
                said = {each.address: each.node_id for each in client.status(timeout=None)}
                assert said == {**dict.fromkeys(names), cluster["a"].address: "a"}


def test_names_that_stop_resolving_leave_the_members(monkeypatch):
    """The members' addresses are known by then."""
    with fake_cluster() as cluster:
        cluster.elect("a", 4)
        with Client([f"localhost:{cluster['b'].port}"], cluster=CLUSTER) as client:
            client.leader(timeout=PATIENCE_S)
            with hanging_names(monkeypatch, "localhost"):
                cluster["a"].stop()
                cluster["b"].say(cluster["b"], 5)
                cluster["c"].say(cluster["b"], 5)
                assert eventually(lambda: known(client.leader(timeout=PATIENCE_S)) == ("b", 5))
                cluster["a"].start()


def test_threads_that_names_hold_are_bounded(monkeypatch):
    names = [f"{place}.example:1" for place in range(40)]
    with hanging_names(monkeypatch, "*") as hanging:
        with Client(names, cluster=CLUSTER, insecure=True) as client:
            for _ in range(5):
                with pytest.raises(LeaderUnavailable):
                    client.leader(timeout=0.05)
            assert hanging() <= THREADS_MAX
            begun_s = now_s()
        assert now_s() - begun_s < PATIENCE_S / 2  # a close waits for no lookup


class TestClock:
    """A clock that the waits of one thread set, each by what it asks for: a schedule on which no time passes."""

    __test__ = False

    def __init__(self, monkeypatch: pytest.MonkeyPatch, finder: LeaderFinder) -> None:
        self.now = 10**12
        self.waits: list[float] = []
        self._thread = threading.current_thread()
        self._wait = finder.changed.wait
        finder.clock = self
        monkeypatch.setattr(finder.changed, "wait", self._set)

    def __call__(self) -> int:
        return self.now

    def _set(self, timeout: float) -> None:
        if threading.current_thread() is self._thread:
            self.waits.append(timeout)
            self.now += round(timeout * 1e9)
        else:
            self._wait(timeout)


def test_a_wait_ends_exactly_at_its_deadline(monkeypatch):
    """Whatever the endpoints do."""
    with black_holes(3) as holes, Client(holes, cluster=CLUSTER) as client:
        finder = client._find()
        clock = TestClock(monkeypatch, finder)
        for timeout_ns in (0, 1, 30_000_000, BUDGET_NS, 3 * BUDGET_NS + 7):
            begun = clock.now
            with pytest.raises(LeaderUnavailable):
                finder.find_leader("default", begun + timeout_ns)
            assert abs(clock.now - begun - timeout_ns) <= 1
        monkeypatch.undo()
    assert max(clock.waits) <= leader_finder.LONGEST_WAIT_S


def test_a_call_is_over_at_its_deadline(monkeypatch):
    """Its attempts, pauses and searches share it."""
    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        client.leader()
        finder = client._find()
        clock = TestClock(monkeypatch, finder)
        monkeypatch.setattr(client_module, "now_ns", clock)
        finder.view = _AlwaysReady(finder.view)
        times: list[int] = []

        def work(_: object) -> None:
            times.append(clock.now)
            raise NotLeader("default")

        begun = clock.now
        with pytest.raises(LeaderUnavailable):
            client.call(work, timeout=5.0)
        monkeypatch.undo()
    assert abs(clock.now - begun - 5_000_000_000) <= 1
    assert 5 <= len(times) <= 20  # the pauses between are 25 ms to 1 s


class _AlwaysReady:
    """A view whose leader is ready whatever was reported of it."""

    def __init__(self, view: object) -> None:
        self._view = view

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)

    def ready(self, election: str, now: int) -> object:
        leader = self._view.leader(election)
        return None if leader is None else (next(iter(self._view.said(election))), leader)


def test_a_call_is_answered_although_a_leader_hangs():
    """Its host is gone: nothing tells the client, whose open link stays silent."""
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        client.leader()
        cluster["a"].is_silent = True
        cluster["b"].say(cluster["b"], 2)
        cluster["c"].say(cluster["b"], 2)

        def work(leader: object) -> str:
            if leader.node_id == "a":
                connect_in_vain()
            return leader.node_id

        assert client.call(work, timeout=PATIENCE_S) == "b"


def test_close_is_quick_with_black_holes():
    with black_holes(9) as holes:
        client = Client(holes, cluster=CLUSTER)

        def wait():
            with pytest.raises(ClientClosed):
                client.leader(timeout=None)

        thread = threading.Thread(target=wait)
        thread.start()
        assert eventually(lambda: client._finder is not None and len(client._finder._links) == 9)
        client.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_a_status_names_what_does_not_answer(monkeypatch):
    names = ("0.example:1", "1.example:1")
    with hanging_names(monkeypatch, "*") as hanging, black_holes(2) as holes, fake_cluster("a") as cluster:
        cluster.elect("a", 4)
        with client_of(cluster, first=(*names, *holes), insecure=True) as client:
            for _ in range(3):
                said = {each.address: each.error for each in client.status()}
                assert said.keys() == {*names, *holes, cluster["a"].address}
                assert all(said[place] for place in (*names, *holes))
            assert "the name is still being looked up" in said.values()
            assert hanging() == 2


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_watch_goes_on_in_a_child():
    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 4)
        watch = client.watch()
        assert ("a", 4) in (known(leader) for leader in watch)

        def check():
            assert ("a", 4) in (known(leader) for leader in watch)

        in_child(check)
        cluster.elect(None, 4)
        assert next(watch) is None


@contextmanager
def talking(answer: bytes) -> Iterator[str]:
    """An endpoint of another program, which answers each connection with these bytes."""
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve():
            while not stopping.is_set():
                with suppress(TimeoutError), server.accept()[0] as sock:
                    sock.sendall(answer)
                    sock.settimeout(PATIENCE_S)
                    with suppress(OSError):
                        sock.recv(65_536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        stopping.set()
        thread.join()


def test_another_program_at_an_endpoint_is_passed_over():
    with talking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as other, fake_cluster("a") as cluster:
        cluster.elect("a", 4)
        with client_of(cluster, first=(other,)) as client:
            assert known(client.leader(timeout=PATIENCE_S)) == ("a", 4)


def test_another_program_at_every_endpoint_is_named_at_once():
    with talking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as other, Client([other], cluster=CLUSTER) as client:
        with pytest.raises(LeaderUnavailable, match="not those of this protocol") as caught:
            client.leader(timeout=PATIENCE_S)
        assert not caught.value.is_retryable


def test_a_machine_without_threads_gets_an_error(monkeypatch):
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    with fake_cluster("a") as cluster, client_of(cluster) as client:
        cluster.elect("a", 4)
        with monkeypatch.context() as patched:
            patched.setattr(leader_finder.ReportedThread, "start", refuse)
            with pytest.raises(LeaderUnavailable, match="no thread to dial with"):
                client.leader(timeout=0.2)
        assert known(client.leader(timeout=PATIENCE_S)) == ("a", 4)
