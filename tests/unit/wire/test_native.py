"""Refusing to start where gevent or eventlet has replaced what links are made of."""

import queue
import socket
import threading

import pytest

from wire import Address, Codec, Dialer, Endpoint, Identity, Listener
from wire.common.native import check_native


class Green:
    """A replacement for a socket, a queue or a function about threads."""


@pytest.fixture(
    params=[("gevent", socket, "socket"), ("gevent", queue, "SimpleQueue"), ("eventlet", threading, "get_ident")]
)
def patched(request, monkeypatch):
    library, module, name = request.param
    monkeypatch.setattr(Green, "__module__", f"{library}.somewhere")
    monkeypatch.setattr(module, name, Green)
    return f"^{library} has replaced {module.__name__} in this process, .* patch with {library}"


def test_a_process_that_is_not_patched_is_let_pass():
    check_native()


def test_what_was_replaced_is_named(patched):
    """The error names the library, the replaced parts and the remedy."""
    with pytest.raises(RuntimeError, match=patched):
        check_native()


def test_both_ends_of_a_link_refuse_to_start(patched):
    """A program that uses wire without elect gets the error, too."""
    place, identity = Address("127.0.0.1", 0), Identity(cluster="c", node="ann", incarnation=1, store=bytes(16))
    endpoint = Endpoint(identity=identity, codec=Codec(), deliver=lambda _: None)
    listener = Listener(place, endpoint, is_known_peer=lambda _: True)
    dialer = Dialer("bob", lambda: place, endpoint, next_counter=lambda: 1)
    for start in (listener.open, listener.start, dialer.start):
        with pytest.raises(RuntimeError, match=patched):
            start()
    assert not dialer.is_alive
