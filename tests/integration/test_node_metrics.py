"""A registry that nodes share holds the series of the running node."""

import socket

import pytest
from prometheus_client import CollectorRegistry

from elect import BindError, Node
from elect.monitoring.metrics import Metrics
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, configs, eventually, single

REGISTRIES = [
    CollectorRegistry,
    lambda: CollectorRegistry(auto_describe=True),
    lambda: Metrics(CollectorRegistry(auto_describe=True)),
]


def make(directory, metrics, **settings):
    return Node(configs(directory, "a", **settings)["a"], store=MemoryStore(), metrics=metrics)


def leads(metrics):
    """Return whether a scrape shows that the node leads the default election, or None."""
    registry = metrics.registry if isinstance(metrics, Metrics) else metrics
    return registry.get_sample_value("elect_is_leader", {"election": "default"})


@pytest.mark.parametrize("registry", REGISTRIES)
@pytest.mark.parametrize("field", ["listen", "http_listen"])
def test_failed_start_leaves_a_registry_free(tmp_path, registry, field):
    """The same node may be started again, and so may another one."""
    metrics = registry()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        node, other = (make(tmp_path, metrics, **{field: address}) for _ in range(2))
        for each in (node, node, other):
            with pytest.raises(BindError):
                each.start()
    with node:
        eventually(lambda: leads(metrics) == 1)
    with make(tmp_path, metrics):
        eventually(lambda: leads(metrics) == 1)


@pytest.mark.parametrize("registry", REGISTRIES)
def test_node_that_is_never_started_leaves_a_registry_free(tmp_path, registry):
    """The node registers no metric, whether it was stopped or garbage-collected."""
    metrics = registry()
    forgotten = make(tmp_path, metrics)
    with make(tmp_path, metrics):
        assert make(tmp_path, metrics).stop()
        eventually(lambda: leads(metrics) == 1)
    assert not forgotten.is_alive


@pytest.mark.parametrize("registry", REGISTRIES)
def test_registry_of_a_running_node_is_refused_to_another(tmp_path, registry):
    """The error says what to do, the first node keeps its series, and the second starts after it."""
    metrics = registry()
    second = make(tmp_path, metrics)
    with make(tmp_path, metrics):
        eventually(lambda: leads(metrics) == 1)
        with pytest.raises(ValueError, match=r"metrics: the registry has those of another .* a registry of its own"):
            second.start()
        assert leads(metrics) == 1
        assert second.state == "new"
    with second:
        eventually(lambda: leads(metrics) == 1)


def test_registry_of_its_own_keeps_the_series_of_a_stopped_node(tmp_path):
    """The series exist before the start and after the stop."""
    node = make(tmp_path, None)
    assert node.metrics.registry.get_sample_value("elect_insecure") == 0
    with node:
        eventually(lambda: leads(node.metrics) == 1)
    assert leads(node.metrics) == 0
    assert node.metrics.registry.get_sample_value("wire_connections", {"direction": "in"}) is None


def test_node_alone_counts_its_elections_as_leaderless(tmp_path):
    """An election that a node leaves, or that nobody enters, is no trouble."""

    def leaderless(election):
        return node.metrics.registry.get_sample_value("elect_leaderless", {"election": election})

    with Node(configs(tmp_path)["a"], store=MemoryStore()) as node:
        node.election("left").resume()
        eventually(lambda: leaderless("default") == leaderless("left") == 1)
        assert node.metrics.registry.get_sample_value("elect_voters_missing") == 2
        node.election("left").pause(timeout=DEADLINE_S)
        assert (leaderless("default"), leaderless("left")) == (1, 0)
    assert leaderless("default") == 0
    with single(tmp_path / "single") as node:
        assert leaderless("default") == 0
