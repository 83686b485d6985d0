"""Clients place orders at three servers (order_server.py), while the one that leads is killed.

`place` is the part to copy: it calls the leader with http.client, and follows the hint of a server that does not lead.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest

from elect import Client, Leader, NotLeader
from elect.testing.real_processes import free_ports

SERVER = Path(__file__).with_name("order_server.py")
CONFIG = """
[node]
id = "{node}"
cluster = "orders"
listen = "{listen}"
data_dir = "{directory}/{node}"
metadata = {{ http = "{http}" }}
[peers]
{peers}
"""
ORDERS, KILLED_AFTER = 120, 30
CLERKS = 4
PATIENCE_S = 60.0

ATTEMPT_S = 2.0
"""The longest wait for one answer; the call as a whole has a deadline of its own."""


@dataclass(frozen=True)
class Receipt:
    """The answer to an order: the node that has it, and its token."""

    node: str
    token: int


def place(client: Client, order: str, text: str, timeout: float = 30.0) -> Receipt:
    """Place an order.

    Args:
        client: a client of the cluster.
        order: its id: the same order placed again changes nothing, so the call is idempotent.
        text: its content.
        timeout: seconds for all attempts.
    """
    return client.call(partial(_post, client, order, text), timeout=timeout, idempotent=True)


def _post(client: Client, order: str, text: str, leader: Leader) -> Receipt:
    with closing(HTTPConnection(leader.metadata["http"], timeout=min(ATTEMPT_S, client.remaining))) as connection:
        connection.request("POST", f"/orders/{order}", text)
        answer = connection.getresponse()
        content = json.loads(answer.read())
    if answer.status == HTTPStatus.MISDIRECTED_REQUEST:
        hint = content["leader"]
        named = hint and Leader(node_id=hint["node"], term=hint["term"], address=hint["address"])
        raise NotLeader("default", named)
    if answer.status != HTTPStatus.OK:
        raise RuntimeError(f"order {order}: {answer.status} {answer.reason}")
    return Receipt(content["node"], content["token"])


@dataclass
class Shop:
    """The servers, by node id."""

    listen: dict[str, str]
    http: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]]
    database: Path


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Three servers."""
    ports = iter(free_ports(6))
    listen, http = ({node: f"127.0.0.1:{next(ports)}" for node in "abc"} for _ in range(2))
    shop = Shop(listen, http, {}, tmp_path / "orders.db")
    try:
        for node in "abc":
            peers = "\n".join(f'{peer} = "{address}"' for peer, address in listen.items() if peer != node)
            path = tmp_path / f"{node}.toml"
            settings = {"node": node, "listen": listen[node], "http": http[node], "peers": peers}
            path.write_text(CONFIG.format(directory=tmp_path, **settings))
            shop.processes[node] = subprocess.Popen(
                [sys.executable, str(SERVER), str(path), str(shop.database)], stdout=subprocess.PIPE
            )
        for process in shop.processes.values():
            assert process.stdout is not None
            assert process.stdout.readline() == b"listening\n"
        yield shop
    finally:
        for process in shop.processes.values():
            process.kill()
            process.communicate()


@pytest.fixture
def client(shop: Shop) -> Iterator[Client]:
    """A client of the servers' nodes."""
    with Client(list(shop.listen.values()), cluster="orders", name="clerk") as client:
        yield client


def test_each_order_is_answered_once_by_a_leader(shop: Shop, client: Client) -> None:
    """The leader is killed meanwhile; no client notices more than a wait."""
    killed = client.leader(timeout=PATIENCE_S)
    with ThreadPoolExecutor(CLERKS) as clerks:
        pending = [clerks.submit(place, client, f"order-{number}", "tea", PATIENCE_S) for number in range(ORDERS)]
        pending[KILLED_AFTER].result()
        shop.processes[killed.node_id].kill()
        receipts = [each.result() for each in pending]
    assert {(receipt.node, receipt.token) for receipt in receipts[:1]} == {(killed.node_id, killed.term)}
    assert receipts[-1].node != killed.node_id
    assert receipts[-1].token > killed.term
    with closing(sqlite3.connect(shop.database)) as database:
        written = database.execute("SELECT id, token FROM orders ORDER BY rowid").fetchall()
    assert sorted(order for order, _ in written) == sorted(f"order-{number}" for number in range(ORDERS))
    tokens = [token for _, token in written]
    assert tokens == sorted(tokens)
    assert len(set(tokens)) > 1


def test_a_follower_says_who_leads(shop: Shop, client: Client) -> None:
    leader = client.leader(timeout=PATIENCE_S)
    assert place(client, "first", "tea", PATIENCE_S).node == leader.node_id
    follower = next(each.node_id for each in client.followers(timeout=PATIENCE_S))
    known = {"node": leader.node_id, "term": leader.term, "address": leader.address}
    said, ends_at = None, time.monotonic() + PATIENCE_S
    while said != known and time.monotonic() < ends_at:  # it may learn of the leader after the client
        with closing(HTTPConnection(shop.http[follower], timeout=PATIENCE_S)) as connection:
            connection.request("POST", "/orders/second", "tea")
            answer = connection.getresponse()
            assert answer.status == HTTPStatus.MISDIRECTED_REQUEST
            said = json.loads(answer.read())["leader"]
    assert said == known


def test_asyncio_places_orders_on_threads(shop: Shop, client: Client) -> None:
    """The loop goes on meanwhile: each wait is on a thread of its own, with a timeout that ends it."""

    async def order() -> list[str]:
        leader = await asyncio.to_thread(client.leader, timeout=PATIENCE_S)
        receipts = await asyncio.gather(
            *(asyncio.to_thread(place, client, f"order-{number}", "tea", PATIENCE_S) for number in range(3))
        )
        return [leader.node_id, *(receipt.node for receipt in receipts)]

    assert len(set(asyncio.run(order()))) == 1
    assert set(shop.processes) == set("abc")
