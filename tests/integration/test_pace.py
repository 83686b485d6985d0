"""A node that resigns in a loop is slowed down."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from elect import Node, NotLeader
from elect.core.snapshot import WhyNoLeader
from tests.nodes import DEADLINE_S, cluster, eventually, single, status


def is_resting(node: Node) -> bool:
    return status(node).elections["default"].why_no_leader is WhyNoLeader.RESTING


def raise_error(_: object) -> None:
    raise ArithmeticError


@contextmanager
def repeated(act: Callable[[], object]) -> Iterator[None]:
    """Repeat an act on a thread of its own."""
    is_over = threading.Event()

    def repeat() -> None:
        while not is_over.is_set():
            with suppress(NotLeader, TimeoutError):
                act()

    thread = threading.Thread(target=repeat)
    thread.start()
    yield
    is_over.set()
    thread.join(DEADLINE_S)


def lead(node: Node) -> None:
    with node.lead(timeout=0.5):
        pass


def pause(node: Node) -> None:
    eventually(lambda: node.is_leader)
    node.pause()
    node.resume()


LOOPS = {
    "lead": lambda node: repeated(lambda: lead(node)),
    "resign": lambda node: repeated(lambda: node.resign(timeout=DEADLINE_S)),
    "pause": lambda node: repeated(lambda: pause(node)),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_that_gives_leadership_up_is_paced(tmp_path, loop):
    """A node alone would win again at once: it rests."""
    with single(tmp_path) as node, LOOPS[loop](node):
        eventually(lambda: is_resting(node))
        assert node.metrics.registry.get_sample_value("elect_term", {"election": "default"}) < 20


def test_a_callback_that_refuses_each_leadership_is_paced(tmp_path):
    """A subscriber that raises when it is told does not make terms without end."""
    with single(tmp_path) as node:
        node.subscribe(on_elected=raise_error)
        eventually(lambda: is_resting(node))


def test_work_that_returns_at_once_is_paced_on_every_node(tmp_path):
    """Leadership does not go round and round among nodes that all give it up."""
    tokens: list[int] = []
    with cluster(tmp_path) as nodes:
        for node in nodes.nodes.values():
            node.run(lambda leadership: tokens.append(leadership.token))
        eventually(lambda: sum(map(is_resting, nodes.nodes.values())) == 3)
    assert len(tokens) < 60


def test_a_node_that_rests_leaves_leadership_to_others(tmp_path):
    """Only the node that gave up waits: another one leads meanwhile."""
    with cluster(tmp_path) as nodes:
        first, *others = nodes.leader(), *nodes.followers()
        for node in others:
            node.pause()
        with repeated(lambda: lead(first)):
            eventually(lambda: is_resting(first))
            others[0].resume()
            eventually(lambda: others[0].is_leader)
