"""Fixtures for tests of programs that embed elect.

In your `conftest.py`:

    pytest_plugins = ["elect.testing.fake.pytest_plugin"]

The plugin is not loaded by itself: a program that runs elect should not get fixtures in each of its tests.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from elect.api.node import Node
from elect.config.config import Config
from elect.storage.store import MemoryStore
from elect.testing.fake.fake_election import FakeElection
from elect.testing.real_processes import free_ports
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.simulation_options import Options
from wire.common import arguments

NODE_IDS = "abcdefghi"


@pytest.fixture
def fake_election() -> Iterator[FakeElection]:
    """Return an election that is won and lost on command; it is closed after the test."""
    with FakeElection() as election:
        yield election


@pytest.fixture
def simulation(request: pytest.FixtureRequest) -> Callable[[Options], Simulation]:
    """Return a function that makes a Simulation; a failing test shows its options."""

    def make(options: Options) -> Simulation:
        request.node.add_report_section("call", "simulation", f"Simulation({options!r})")
        return Simulation(options)

    return make


@pytest.fixture
def start_nodes() -> Iterator[Callable[[int], list[Node]]]:
    """Return a function that starts nodes of one cluster on loopback, with votes in memory, until the test ends."""
    with ExitStack() as stack:

        def start(count: int) -> list[Node]:
            arguments.integer("count", count, 1, len(NODE_IDS))
            nodes = [Node(config, store=MemoryStore()) for config in _configs(count)]
            return [stack.enter_context(node) for node in nodes]

        yield start


def _configs(count: int) -> list[Config]:
    ids = NODE_IDS[:count]
    addresses = {node_id: f"127.0.0.1:{port}" for node_id, port in zip(ids, free_ports(count), strict=True)}
    return [
        Config(
            node=node_id,
            cluster="test",
            listen=address,
            peers={peer: other for peer, other in addresses.items() if peer != node_id},
            data_dir=node_id,  # a MemoryStore does not use it
            heartbeat_interval="50ms",
            support_duration="600ms",
        )
        for node_id, address in addresses.items()
    ]
