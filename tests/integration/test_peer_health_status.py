"""The health of peers in the status and the metrics of real nodes."""

from elect import Node
from elect.storage.store import MemoryStore
from tests.nodes import cluster, eventually, status


def peer_of(node: Node, peer: str) -> dict[str, object]:
    """The part of a node's status about one peer."""
    return next(each for each in status(node).to_dict()["peers"] if each["node"] == peer)


def test_a_stopped_peer_is_leaving_and_then_suspect_too(tmp_path):
    store = MemoryStore()
    with cluster(tmp_path, stores={"b": store}) as nodes:
        a, b = nodes["a"], nodes["b"]
        eventually(lambda: peer_of(a, "b")["round_trip"])
        assert (peer_of(a, "b")["is_leaving"], peer_of(a, "b")["is_suspect"]) == (False, False)
        b.stop()
        eventually(lambda: peer_of(a, "b")["is_leaving"])
        eventually(lambda: peer_of(a, "b")["is_suspect"])
        gone = peer_of(a, "b")
        assert gone["is_leaving"]
        assert gone["last_heard"] > a.config.support_duration_ns / 1e9
        assert a.metrics.registry.get_sample_value("elect_peer_leaving", {"peer": "b"}) == 1
        with Node(b.config, store=store):
            eventually(lambda: not (peer_of(a, "b")["is_leaving"] or peer_of(a, "b")["is_suspect"]))
            changes = [each["change"] for each in peer_of(a, "b")["history"]]
            assert changes.index("leaving") < changes.index("suspect") < len(changes) - 1
