"""The end of a link to a source."""

import socket

from elect.mirror import source_link
from elect.mirror.mirror_settings import settings_of
from elect.mirror.source_link import SourceLink
from wire.protocol.address import Address
from wire.protocol.wire_errors import StoppedError
from wire.security.security import PLAIN


def test_a_signal_handler_may_end_a_link_that_is_ending(monkeypatch):
    """It runs in the middle of the first call, on its thread, and finds no lock that it would wait for without end."""
    dialing = settings_of(["127.0.0.1:1"], "orders", "m", None).dialing("", PLAIN)
    link, is_free = SourceLink(Address("127.0.0.1", 1), dialing, object()), list[bool]()
    monkeypatch.setattr(source_link, "wake", lambda _: is_free.append(link._lock.acquire(blocking=False)))
    with socket.socket() as made:
        link._guard(made)
        link.end(StoppedError("this mirror is stopped"))
    assert is_free == [True]
