import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from wire.common.deadline import Deadline
from wire.io.open_link import Channel
from wire.protocol.wire_errors import TlsError


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Channel, Channel]]:
    """A dialer's end and an acceptor's, after their handshake."""
    authority = Authority(tmp_path)
    near, far = socket.socketpair()
    with near, far:
        dialer = authority.tls("ann").credentials.channel(near, is_dialer=True)
        acceptor = authority.tls("bob").credentials.channel(far, is_dialer=False)
        accepting = threading.Thread(target=acceptor.shake_hands, args=(Deadline(10),))
        accepting.start()
        dialer.shake_hands(Deadline(10))
        dialer.write(b"hello")
        accepting.join()
        assert acceptor.read_before(Deadline(10)) == b"hello"
        yield dialer, acceptor


def test_who_writes_after_a_fault_hears_of_that_fault(ends: tuple[Channel, Channel]) -> None:
    dialer, acceptor = ends
    dialer.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(TlsError) as read:
        acceptor.read()
    with pytest.raises(TlsError) as written:
        acceptor.write(b"too late")
    assert written.value is read.value
