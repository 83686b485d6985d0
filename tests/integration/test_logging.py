"""Logging, callbacks, metrics and errors that block or raise: elections go on."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from elect import Node
from elect.monitoring.metrics import Metrics
from elect.storage.store import MemoryStore
from tests.nodes import DEADLINE_S, cluster, configs, eventually, single, status
from wire.common import log


class Blocking(logging.Handler):
    """A handler that blocks until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.is_blocked, self.go_on = threading.Event(), threading.Event()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.is_blocked.set()
        self.go_on.wait(60)
        self.records.append(record)


class Raising(logging.Handler):
    """Has a filter that raises."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self._error = error

    def filter(self, record: logging.LogRecord) -> bool:
        raise self._error


@contextmanager
def attached(handler: logging.Handler) -> Iterator[None]:
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    handler = Blocking()
    with attached(handler):
        yield handler
        handler.go_on.set()
        assert log.flush(DEADLINE_S)


@pytest.fixture(params=[ValueError, SystemExit])
def raising(request: pytest.FixtureRequest) -> Iterator[logging.Handler]:
    handler = Raising(request.param)
    with attached(handler):
        yield handler


def go_round(tmp_path) -> None:
    """A leader stops, another leads, the first comes back and is followed and supported."""
    heard: list[str] = []
    stores = {node_id: MemoryStore() for node_id in "abc"}
    with cluster(tmp_path, stores=stores) as nodes:
        leader = nodes.leader()
        leader.subscribe(on_elected=lambda _: heard.append("elected"), on_lost=lambda _: heard.append("lost"))
        eventually(lambda: heard == ["elected"])
        assert leader.stop(timeout=DEADLINE_S)
        assert heard == ["elected", "lost"]
        second = nodes.leader(besides=leader)
        with Node(leader.config, store=stores[leader.config.node]) as again:
            assert again.wait_for_leader(timeout=DEADLINE_S).node_id == second.config.node
            eventually(lambda: all(peer["is_supported"] for peer in status(again).to_dict()["peers"]))
            assert second.stop(timeout=DEADLINE_S)
            nodes.nodes["again"] = again
            nodes.leader(besides=second)


def test_a_handler_that_blocks_keeps_nobody_waiting(tmp_path, blocking):
    go_round(tmp_path)
    assert blocking.is_blocked.is_set()
    assert blocking.records == []


def test_a_blocked_handler_gets_its_records_in_the_end(tmp_path, blocking):
    with single(tmp_path):
        blocking.go_on.set()
    assert log.flush(DEADLINE_S)
    texts = [record.getMessage() for record in blocking.records]
    assert any("listens on" in text for text in texts)
    assert "* node a is stopped" in texts


def test_a_filter_that_raises_ends_no_thread(tmp_path, raising):
    go_round(tmp_path)


def test_a_dead_thread_is_acted_on_though_its_log_raises(tmp_path, raising):
    store = MemoryStore()
    with single(tmp_path, store=store) as node:
        store.write = None  # an error that is no StoreError
        node.election("another")
        eventually(lambda: node.state == "failed")
        assert not node.is_leader


def test_subscribers_are_told_before_the_log(tmp_path, monkeypatch):
    order: list[str] = []
    monkeypatch.setattr("elect.bridge.publisher.EventLog.__call__", lambda _, event: order.append(type(event).__name__))
    node = Node(configs(tmp_path, "a")["a"], store=MemoryStore())
    node.subscribe(on_elected=lambda _: order.append("on_elected"), on_lost=lambda _: order.append("on_lost"))
    with node:
        eventually(lambda: "Elected" in order)
    assert order.index("on_elected") < order.index("Elected")
    assert order.index("on_lost") < order.index("Lost")


class Nameless(Exception):  # noqa: N818 - it has no name
    """An error whose text raises."""

    def __repr__(self) -> str:
        raise SystemExit

    __str__ = __repr__


def test_errors_without_a_text_end_no_thread(tmp_path):
    is_well = threading.Event()

    def health() -> bool:
        if is_well.is_set():
            return True
        is_well.set()
        raise Nameless

    def fail(_: object) -> None:
        raise Nameless

    with single(tmp_path, health=health) as node:
        node.subscribe(on_leader=fail)
        node.observe(fail)
        node.pause()
        node.resume()
        eventually(lambda: node.is_leader)
        assert node.is_alive


class Broken(Metrics):
    """Metrics that raise at every count."""

    def observe(self, event: object) -> None:
        raise OSError("no space left")

    def observe_loop_lag(self, lag_ns: int) -> None:
        raise OSError("no space left")

    def observe_store_write(self, took_ns: int) -> None:
        raise OSError("no space left")


def test_metrics_that_raise_end_no_thread(tmp_path, caplog):
    with single(tmp_path, metrics=Broken()) as node:
        node.pause()
        node.resume()
        eventually(lambda: node.is_leader)
        eventually(lambda: "observe_loop_lag failed" in caplog.text)
        assert node.is_alive


def test_dropped_records_are_a_metric(tmp_path):
    with single(tmp_path) as node:
        before = node.metrics.registry.get_sample_value("elect_log_records_dropped_total")
        assert before == log.dropped()
