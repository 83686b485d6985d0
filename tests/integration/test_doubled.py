"""Two processes with one id: each side says so once, and the links come to rest."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from elect import Node, WhyNoLeader
from elect.storage.store import MemoryStore, StoreContent
from tests.nodes import configs, eventually, free_ports, status


class Copied(MemoryStore):
    """A copy of a data directory: another process opens it under the same store id."""

    def open(self, **named: object) -> StoreContent:
        return replace(super().open(**named), store_id=b"copied".ljust(16))


@contextmanager
def doubled(tmp_path: Path, stores: type[MemoryStore], *, has_key: bool = False) -> Iterator[tuple[Node, Node, Node]]:
    """Three nodes, of which `c` never runs, and a second `b`."""
    key_file = tmp_path / "cluster.key"
    key_file.write_text("ab" * 32)
    key_file.chmod(0o600)
    made = configs(tmp_path, "abc", key_file=key_file if has_key else None)
    other = replace(made["b"], listen=f"127.0.0.1:{free_ports(1)[0]}", data_dir=tmp_path / "other")
    with ExitStack() as stack:
        a, b, second = (stack.enter_context(Node(config, store=stores())) for config in (made["a"], made["b"], other))
        yield a, b, second


def why(node: Node) -> WhyNoLeader | None:
    return status(node).elections["default"].why_no_leader


def status_of(node: Node) -> dict[str, str]:
    found = node.status().to_dict()["doubled"]
    assert isinstance(found, dict)
    return found


def test_second_process_with_another_store_is_refused(tmp_path, caplog):
    """WARNING once with both addresses and stores; status and metrics at both ends."""
    with doubled(tmp_path, MemoryStore) as (a, b, second):
        text = eventually(lambda: status_of(a).get("b"))
        for config in (b.config, second.config):
            assert config.listen in text
        assert a.metrics.registry.get_sample_value("elect_peer_doubled", {"peer": "b"}) == 1
        loser = eventually(lambda: next((node for node in (b, second) if why(node) is WhyNoLeader.OTHER_STORE), None))
        eventually(lambda: loser.metrics.registry.get_sample_value("elect_peer_objecting", {"peer": "a"}) == 1)
        assert "another process uses this id" in status(loser).elections["default"].why_text
        value, refused = a.metrics.registry.get_sample_value, {"direction": "in", "outcome": "store"}
        eventually(lambda: (value("wire_handshakes_total", refused) or 0) >= 3)
    assert caplog.text.count("either two processes use this id") == 1


def test_with_a_key_the_second_process_is_named_in_the_log(tmp_path, caplog):
    """The second process is refused before it can prove its id: no status or metric names it."""
    with doubled(tmp_path, MemoryStore, has_key=True) as (a, b, second):
        loser = eventually(lambda: next((node for node in (b, second) if why(node) is WhyNoLeader.OTHER_STORE), None))
        assert "another process uses this id" in status(loser).elections["default"].why_text
        assert "b" not in status_of(a)
    assert caplog.text.count("either two processes use this id") == 1
    for config in (b.config, second.config):
        assert config.listen in caplog.text


def test_two_processes_on_copies_of_one_store_are_named_and_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """WARNING once with both addresses and stores; status and metrics; and few links, whatever happens then."""
    caplog.set_level(logging.INFO)
    with doubled(tmp_path, Copied) as (a, b, second):
        text = eventually(lambda: status_of(a).get("b"))
        eventually(lambda: "two processes use the id 'b'" in caplog.text)
        for config in (b.config, second.config):
            assert f"advertise {config.listen}" in text
        assert text.count("(store ") == 2
        value = a.metrics.registry.get_sample_value
        assert value("elect_peer_doubled", {"peer": "b"}) == 1
        loser = eventually(
            lambda: next((node for node in (b, second) if "another process" in status_of(node).get("b", "")), None)
        )
        assert loser.metrics.registry.get_sample_value("elect_doubled") == 1
        refused = ("wire_handshakes_total", {"direction": "in", "outcome": "id_in_use"})
        before = value(*refused) or 0
        accepted = value("wire_handshakes_total", {"direction": "in", "outcome": "ok"})
        eventually(lambda: (value(*refused) or 0) >= before + 2)
        assert value("wire_handshakes_total", {"direction": "in", "outcome": "ok"}) == accepted
    told = [record for record in caplog.records if "two processes use" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING]
    told = [record for record in caplog.records if "another process uses the id of node b" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING] * len(told)
    assert 1 <= len(told) <= 2, "each of them once"
