"""Links that carry only signs of life, and strangers beside them."""

import contextlib
import random
import socket
import struct
import time
from collections import deque

import pytest

from tests.network.hosts import Net
from tests.network.links import QUICK, Link, Securities, all_linked
from wire import Address
from wire.protocol.handshake import MAGIC

pytestmark = [pytest.mark.root, pytest.mark.long]

RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: close in a reset."""

STRAYS = 2_000


@pytest.mark.parametrize(
    "timeouts", [pytest.param(3, marks=pytest.mark.long), pytest.param(10, marks=pytest.mark.slow)]
)
def test_idle_links_outlive_stray_connections(net: Net, securities: Securities, timeouts: int) -> None:
    with all_linked(net, securities) as links:
        over_at = time.monotonic() + timeouts * QUICK.idle_timeout_s
        with net["c"].inside():
            stray(links)
        time.sleep(max(0.0, over_at - time.monotonic()))
        for link in links:
            assert link.told.is_empty(), link
            assert link.heard.is_empty(), link


def stray(links: list[Link]) -> None:
    """Connect to every listener again and again: say nothing, something, or half; stay, leave, or reset."""
    rng = random.Random(11)
    staying: deque[socket.socket] = deque()
    for count in range(STRAYS):
        sock = _connect(links[count % len(links)].bob.address)
        with contextlib.suppress(ConnectionError):  # it made room for others already
            sock.sendall(rng.choice((b"", b"GET / HTTP/1.1\r\n\r\n", MAGIC, MAGIC + b"\0\0\1\0")))
        if rng.random() < 0.3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        staying.append(sock)
        if len(staying) > 40 or rng.random() < 0.7:
            staying.popleft().close()
    for sock in staying:
        sock.close()


def _connect(address: Address) -> socket.socket:
    return socket.create_connection((address.host, address.port), timeout=10)
