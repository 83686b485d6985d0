"""A client and fake nodes over loopback."""

import threading
from collections.abc import Iterator

import pytest

from elect import Client, ClientClosed, Leader, LeaderUnavailable
from tests.integration.fake_nodes import CLUSTER, FakeCluster, client_of, failure, fake_cluster, known
from tests.integration.wire_ends import PATIENCE_S, eventually


class Watching:
    """A watch, read on a thread of its own."""

    def __init__(self, watch: Iterator[Leader | None]) -> None:
        self.seen: list[tuple[str, int] | None] = []
        self._thread = threading.Thread(target=self._read, args=(watch,))
        self._thread.start()

    def _read(self, watch: Iterator[Leader | None]) -> None:
        for leader in watch:
            self.seen.append(known(leader))

    def has_ended(self) -> bool:
        self._thread.join(PATIENCE_S)
        return not self._thread.is_alive()


def test_leader_is_found_and_reached():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 7)
        leader = client.leader()
        assert known(leader) == ("b", 7)
        assert leader.address == cluster["b"].address
        assert leader.metadata == {"http": "x"}
        assert leader.as_of > 0


def test_one_link_to_the_leader_is_kept():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("c", 1)
        for _ in range(50):
            assert client.leader().node_id == "c"
        assert eventually(lambda: [node.links for node in cluster.nodes.values()] == [0, 0, 1])
        assert cluster["c"].accepted == 1


def test_a_change_is_told_on_the_open_link():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        client.leader()
        cluster.elect("b", 2)
        assert eventually(lambda: client.leader().term == 2)
        assert client.leader().node_id == "b"


def test_one_seed_leads_to_all_members():
    with fake_cluster() as cluster, Client([cluster["a"].address], cluster=CLUSTER) as client:
        cluster.elect("a", 1)
        client.leader()
        cluster["a"].stop()
        cluster["b"].say(cluster["c"], 2)
        cluster["c"].say(cluster["c"], 2)
        assert eventually(lambda: known(client.leader()) == ("c", 2))
        cluster["a"].start()


def test_leader_without_a_lease_is_not_ready():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 3)
        cluster["a"].say(cluster["a"], 3, lease_ns=0)
        error = failure(
            lambda timeout: client.leader(timeout=timeout),
            lambda error: error.tried[cluster["b"].address] == "node b names a as the leader of term 3",
        )
        assert error.tried[cluster["b"].address] == "node b names a as the leader of term 3"
        assert known(error.hint) == ("a", 3)
        assert error.is_retryable
        cluster["a"].say(cluster["a"], 3)
        assert known(client.leader()) == ("a", 3)


def test_leader_that_is_no_member_is_not_ready():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 3)
        cluster.listed.remove("a")
        with pytest.raises(LeaderUnavailable):
            client.leader(timeout=0.2)


def test_watch_shows_none_and_leaders_and_ends_at_close():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        watching = Watching(client.watch())
        assert eventually(lambda: watching.seen[-1:] == [("a", 1)])
        cluster.elect(None, 1)
        assert eventually(lambda: watching.seen[-1:] == [None])
        cluster.elect("b", 2)
        assert eventually(lambda: watching.seen[-1:] == [("b", 2)])
        client.close()
        assert watching.has_ended()
        assert watching.seen == [None, ("a", 1), None, ("b", 2)]


def test_watch_moves_on_when_its_node_goes():
    with fake_cluster() as cluster, Client([cluster["a"].address], cluster=CLUSTER) as client:
        cluster.elect("a", 1)
        watching = Watching(client.watch())
        assert eventually(lambda: watching.seen[-1:] == [("a", 1)])
        cluster["a"].stop()
        cluster.nodes["b"].say(cluster["b"], 2)
        cluster.nodes["c"].say(cluster["b"], 2)
        assert eventually(lambda: watching.seen[-1:] == [("b", 2)])
        client.close()
        assert watching.has_ended()
        cluster["a"].start()


@pytest.mark.parametrize("node_ids", ["a", "abc"])
def test_watch_shows_none_when_no_node_can_be_reached(node_ids):
    with fake_cluster(node_ids) as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        watching = Watching(client.watch())
        assert eventually(lambda: watching.seen[-1:] == [("a", 1)])
        for node in cluster.nodes.values():
            node.stop()
        assert eventually(lambda: watching.seen[-1:] == [None])
        for node in cluster.nodes.values():
            node.start()
        assert eventually(lambda: watching.seen[-1:] == [("a", 1)])
        client.close()
        assert watching.has_ended()


def test_other_nodes_at_the_same_addresses_are_found():
    """A cluster was made anew, of nodes with other ids, and its terms went on."""
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        assert known(client.leader()) == ("a", 1)
        for node in cluster.nodes.values():
            node.stop()
        others = FakeCluster("def")
        for node, former in zip(others.nodes.values(), cluster.nodes.values(), strict=True):
            node.port = former.port
            node.start()
        others.version = 2
        others.elect("e", 2)
        assert known(client.leader(timeout=PATIENCE_S)) == ("e", 2)
        for node in others.nodes.values():
            node.stop()
        for node in cluster.nodes.values():
            node.start()


def test_members_and_followers():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 1)
        assert [member.node_id for member in client.members()] == ["a", "b", "c"]
        assert [member.node_id for member in client.followers()] == ["a", "c"]
        assert client.followers()[0].address == cluster["a"].address


def test_status_tells_what_each_endpoint_says():
    with fake_cluster() as cluster, Client([cluster["b"].address, "127.0.0.1:1"], cluster=CLUSTER) as client:
        cluster.elect("b", 4)
        found = {each.address: each for each in client.status()}
        while "no answer in time" in [each.error for each in found.values()]:  # a busy machine
            found = {each.address: each for each in client.status()}
        assert set(found) == {*cluster.addresses, "127.0.0.1:1"}
        assert found[cluster["b"].address].is_leading
        assert found[cluster["b"].address].lease > 0
        assert not found[cluster["a"].address].is_leading
        assert found[cluster["a"].address].node_id == "a"
        assert known(found[cluster["a"].address].leader) == ("b", 4)
        assert "refused" in found["127.0.0.1:1"].error


def test_several_elections_of_one_client():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 4)
        cluster["c"].election = "reports"
        cluster["c"].say(cluster["c"], 9)
        assert known(client.leader()) == ("b", 4)
        assert known(client.leader("reports")) == ("c", 9)
        assert known(client.leader()) == ("b", 4)


def test_an_error_is_about_the_election_that_was_asked_for():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("b", 4)
        assert known(client.leader()) == ("b", 4)
        later = threading.Timer(0.2, cluster.elect, ("b", 5))
        later.start()
        with pytest.raises(LeaderUnavailable) as caught:
            client.leader("reports", timeout=0.5)
        later.join()
        assert caught.value.tried[cluster["b"].address] == "node b knows no leader"


def test_an_error_about_members_says_so():
    with Client(["127.0.0.1:1"], cluster=CLUSTER) as client, pytest.raises(LeaderUnavailable) as caught:
        client.members(timeout=0.1)
    assert str(caught.value).startswith("a report of the members did not come within 0.1 s")


def test_each_election_in_use_is_followed():
    """The node that leads the one that was asked for last knows nothing of the other one."""
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster["a"].say(cluster["a"], 1)
        for node_id in "bc":
            cluster[node_id].election = "reports"
            cluster[node_id].say(cluster["b"], 3)
        watching = Watching(client.watch("reports"))
        assert eventually(lambda: watching.seen[-1:] == [("b", 3)])
        assert known(client.leader()) == ("a", 1)
        for node_id in "bc":
            cluster[node_id].say(cluster["c"], 4)
        assert eventually(lambda: watching.seen[-1:] == [("c", 4)])
        assert known(client.leader()) == ("a", 1)
        for node_id in "bc":
            cluster[node_id].say(cluster["b"], 5)
        assert eventually(lambda: watching.seen[-1:] == [("b", 5)])
        client.close()
        assert watching.has_ended()


def test_close_wakes_each_waiting_call():
    with fake_cluster() as cluster:
        client = Client(cluster.addresses, cluster=CLUSTER)
        errors: list[Exception] = []

        def wait():
            try:
                client.leader(timeout=None)
            except Exception as error:  # noqa: BLE001 - the test looks at it
                errors.append(error)

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: all(node.links for node in cluster.nodes.values()))
        client.close()
        client.close()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [type(error) for error in errors] == [ClientClosed] * 3
        for use in (client.leader, client.members, client.status, client.watch):
            with pytest.raises(ClientClosed, match="client client is closed"):
                use()


def test_waits_of_several_calls_share_the_dials():
    with fake_cluster() as cluster, client_of(cluster) as client:
        found: list[Leader] = []
        threads = [threading.Thread(target=lambda: found.append(client.leader(timeout=PATIENCE_S))) for _ in range(8)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: all(node.links for node in cluster.nodes.values()))
        cluster.elect("a", 1)
        for thread in threads:
            thread.join(PATIENCE_S)
        assert [known(leader) for leader in found] == [("a", 1)] * 8
        assert [node.accepted for node in cluster.nodes.values()] == [1, 1, 1]


def test_an_unused_client_opens_nothing():
    client = Client(["127.0.0.1:1"], cluster=CLUSTER)
    assert threading.active_count() == len(threading.enumerate())
    client.close()


def test_a_client_that_is_refused_for_good_does_not_wait():
    with fake_cluster() as cluster, Client(cluster.addresses, cluster="other") as client:
        with pytest.raises(LeaderUnavailable) as caught:
            client.leader(timeout=PATIENCE_S)
        assert not caught.value.is_retryable
        assert caught.value.retry_after_s is None


def test_timeout_of_zero_looks_once():
    with fake_cluster() as cluster, client_of(cluster) as client:
        cluster.elect("a", 1)
        with pytest.raises(LeaderUnavailable):
            client.leader(timeout=0)
        client.leader()
        assert known(client.leader(timeout=0)) == ("a", 1)


def test_hints_that_lead_in_a_circle_are_named():
    with fake_cluster("ab") as cluster, client_of(cluster) as client:
        cluster["a"].say(cluster["b"], 5)
        cluster["b"].say(cluster["a"], 5)
        error = failure(lambda timeout: client.leader(timeout=timeout), lambda error: bool(error.loop))
        assert error.loop in [(*"aba",), (*"bab",)]
        assert " -> ".join(error.loop) in str(error)


def test_a_leader_that_has_no_room_is_vouched_for():
    """Its refusal is an answer, and another node has heard it."""
    with fake_cluster() as cluster:
        cluster["a"].stop()
        cluster["a"].links_max = 1
        cluster["a"].start()
        cluster.elect("a", 2)
        with client_of(cluster) as first, client_of(cluster) as second:
            assert known(first.leader(timeout=PATIENCE_S)) == ("a", 2)
            assert known(second.leader(timeout=PATIENCE_S)) == ("a", 2)
            assert cluster["a"].links == 1
            cluster["b"].say(cluster["a"], 2, age_ns=5_000_000_000)
            cluster["c"].say(None, 2)
            assert eventually(lambda: is_unavailable(second))


def is_unavailable(client: Client) -> bool:
    """Return whether no leader was ready within a moment."""
    try:
        client.leader(timeout=0.1)
    except LeaderUnavailable:
        return True
    return False
