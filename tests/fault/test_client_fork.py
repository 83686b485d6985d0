"""A client in a process that forks, and one that is opened and closed many times."""

import gc
import os
import threading

import pytest

from elect import Client, Leader, LeaderUnavailable, NotLeader
from tests.conftest import open_descriptors
from tests.fault.test_fork import in_child
from tests.integration.fake_nodes import CLUSTER, client_of, fake_cluster, known
from tests.integration.wire_ends import PATIENCE_S, eventually

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def client_threads() -> list[str]:
    """Return the names of the threads of all clients. Those of the nodes come and go."""
    return [thread.name for thread in threading.enumerate() if thread.name == "elect-client"]


def test_a_child_has_links_of_its_own():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 3)
        client.leader()

        def check():
            assert not any(name.startswith("socket:") for name in open_descriptors())
            assert known(client.leader(timeout=PATIENCE_S)) == ("b", 3)
            assert len(client.members()) == 3
            client.close()

        for _ in range(5):
            in_child(check)
        assert cluster["b"].accepted >= 6  # a busy machine dials twice
        assert known(client.leader(timeout=PATIENCE_S)) == ("b", 3)


def test_a_child_goes_back_to_no_lower_term():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 3)
        client.leader()
        cluster.elect("a", 2)  # by nodes that were restored from a copy

        def check():
            with pytest.raises(LeaderUnavailable):
                client.leader(timeout=0.5)

        in_child(check)


def test_a_fork_in_the_middle_of_a_call():
    """The child goes on with the call, on links of its own; so does the parent."""
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        forked: list[int] = []

        def work(leader: Leader) -> str:
            if not forked:
                forked.append(os.fork())
                raise NotLeader("default", Leader(node_id="a", term=1))
            return leader.node_id

        try:
            result = client.call(work, timeout=PATIENCE_S)
        finally:
            if forked == [0]:
                os._exit(0 if result == "a" else 1)
        assert result == "a"
        assert os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1]) == 0
        assert known(client.leader(timeout=PATIENCE_S)) == ("a", 1)


def test_a_fork_at_any_moment_finds_no_lock_taken():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        stopping = threading.Event()

        def be_busy():
            while not stopping.is_set():
                client.leader()
                client.members()
                client._find().doubt("default")

        threads = [threading.Thread(target=be_busy) for _ in range(3)]
        for thread in threads:
            thread.start()

        def check():
            assert known(client.leader(timeout=PATIENCE_S)) == ("a", 1)

        try:
            for _ in range(20):
                in_child(check)
        finally:
            stopping.set()
            for thread in threads:
                thread.join()


@pytest.mark.long
def test_200_opens_and_closes_leak_nothing():
    with fake_cluster() as cluster:
        cluster.elect("c", 1)
        descriptors = open_descriptors()
        for _ in range(200):
            with Client(cluster.addresses, cluster=CLUSTER) as client:
                assert client.leader(timeout=PATIENCE_S).node_id == "c"
        assert eventually(lambda: not any(node.links for node in cluster.nodes.values()))
        assert eventually(lambda: client_threads() == [])
        assert eventually(lambda: len(open_descriptors()) <= len(descriptors))


def test_a_client_that_nobody_closes_leaks_nothing():
    with fake_cluster() as cluster:
        cluster.elect("c", 1)
        Client(cluster.addresses, cluster=CLUSTER).leader(timeout=PATIENCE_S)
        gc.collect()
        assert eventually(lambda: not any(node.links for node in cluster.nodes.values()))


def test_a_client_that_is_closed_at_any_moment_leaks_nothing():
    with fake_cluster() as cluster:
        cluster.elect("c", 1)
        for _ in range(50):
            client = Client(cluster.addresses, cluster=CLUSTER)
            watch = client.watch()
            next(watch)
            client.close()
            assert list(watch) == []
        assert eventually(lambda: client_threads() == [])
