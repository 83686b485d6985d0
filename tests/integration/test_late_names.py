"""Nodes whose names resolve later, as those of pods do when a cluster starts."""

import socket
import threading
from contextlib import ExitStack

import pytest

from elect import Config, Node
from elect.storage.store import MemoryStore
from elect.testing.real_processes import free_ports
from tests.nodes import eventually

UNRESOLVED_MIN = 2
NODES = "abc"


@pytest.fixture
def names(monkeypatch):
    """Names under `.orders.test`: unknown until `appear` is set. `asked` has each name that was looked up before."""
    real, appear, asked = socket.getaddrinfo, threading.Event(), []

    def look_up(host, *arguments, **options):
        if not host.endswith(".orders.test"):
            return real(host, *arguments, **options)
        if not appear.is_set():
            asked.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return appear, asked


@pytest.mark.parametrize("is_joining", [False, True])
def test_names_that_appear_late_are_tried_again(tmp_path, names, is_joining):
    """Whether the nodes list each other, or join by seeds."""
    appear, asked = names
    addresses = {node: f"{node}.orders.test:{port}" for node, port in zip(NODES, free_ports(3), strict=True)}
    with ExitStack() as stack:
        nodes = []
        for node, address in addresses.items():
            peers = {} if is_joining else {peer: other for peer, other in addresses.items() if peer != node}
            config = Config(
                node=node,
                cluster="late",
                listen=f"127.0.0.1:{address.rpartition(':')[2]}",
                advertise=address,
                peers=peers,
                seeds=[*addresses.values()] if is_joining else None,
                data_dir=tmp_path / node,
                support_duration="600ms",
            )
            nodes.append(stack.enter_context(Node(config, store=MemoryStore())))
        eventually(lambda: all(asked.count(f"{node}.orders.test") >= UNRESOLVED_MIN for node in NODES))
        assert not any(node.is_leader for node in nodes)
        appear.set()
        eventually(lambda: any(node.is_leader for node in nodes))
