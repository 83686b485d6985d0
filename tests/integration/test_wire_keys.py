"""Links with shared keys, over loopback: right keys are accepted, wrong keys are rejected and change nothing."""

import itertools
import logging
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.wire_ends import (
    CODEC,
    BareAcceptor,
    Inbox,
    Note,
    Stranger,
    dialing,
    eventually,
    identity,
    linked,
    listening,
)
from wire import Address, DialFailed, Limits, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.link_metrics import WireMetrics
from wire.protocol.connection import Connection
from wire.protocol.frame import HEADER_BYTES
from wire.protocol.frame_auth import TAG_BYTES
from wire.protocol.handshake import Bye, Reject, Welcome, hello
from wire.protocol.identity import LinkNumber
from wire.protocol.wire_errors import ForgedError
from wire.security.security import Keyed

OLD, NEW = (secrets.token_hex(32) for _ in range(2))


def keyed(directory: Path, *keys: str, name: str = "keys") -> Keyed:
    path = directory / name
    path.write_text("\n".join(keys))
    path.chmod(0o600)
    return Keyed(path)


def outcomes(metrics: WireMetrics, outcome: str) -> float:
    labels = {"direction": "in", "outcome": outcome}
    return metrics.registry.get_sample_value("wire_handshakes_total", labels) or 0


def test_messages_and_a_goodbye_over_a_keyed_link(tmp_path: Path) -> None:
    security = keyed(tmp_path, OLD)
    with linked(securities=(security, security)) as (dialer, told, number, _, heard):
        for count in range(300):
            assert dialer.send(number, Note(number=count, data=bytes(200)))
            assert heard.next(MessageReceived).message == Note(number=count, data=bytes(200))
        assert dialer.stop(5, bye="done")
        assert told.next(LinkClosing).number == number
        ended = heard.next(LinkEnded)
    assert (ended.bye, ended.is_end_of_stream, ended.error) == ("done", True, None)


def test_keepalives_keep_a_keyed_link_open(tmp_path: Path) -> None:
    security = keyed(tmp_path, OLD)
    limits = Limits(keepalive_interval_s=0.05, idle_timeout_s=2.0)
    metrics = WireMetrics()
    with linked(limits, metrics, (security, security)) as (dialer, _, number, _, heard):
        count = metrics.registry.get_sample_value
        ten_keepalives = 10 * (HEADER_BYTES + TAG_BYTES)
        assert eventually(lambda: (count("wire_bytes_total", {"direction": "in"}) or 0) > ten_keepalives)
        assert count("wire_frames_total", {"direction": "in"}) == count("wire_frames_total", {"direction": "out"}) == 0
        assert dialer.send(number, Note(number=1))
        assert heard.next(MessageReceived).message == Note(number=1)


@pytest.mark.parametrize(
    ("dialers", "acceptors"), [((OLD,), (NEW,)), ((), (OLD,)), ((OLD,), ())], ids=["another", "none", "unasked"]
)
def test_no_key_in_common_is_refused_and_both_ends_say_why(
    tmp_path: Path, dialers: tuple[str, ...], acceptors: tuple[str, ...]
) -> None:
    metrics = WireMetrics()
    given = [
        {"security": keyed(tmp_path, *keys, name=name)} if keys else {}
        for keys, name in ((dialers, "dialers"), (acceptors, "acceptors"))
    ]
    with (
        listening(metrics=metrics, **given[1]) as (listener, heard),  # type: ignore[arg-type]
        dialing(listener.address, **given[0]) as (_, told),  # type: ignore[arg-type]
    ):
        assert told.next(DialFailed).error.reason == "key"
        assert eventually(lambda: outcomes(metrics, "key") >= 1)
        assert heard.is_empty()


def test_dialer_with_a_key_refuses_an_acceptor_without_keys(tmp_path: Path) -> None:
    """A man in the middle removes the keys from the Hello and from the answer."""
    with BareAcceptor() as (address, accept), dialing(address, security=keyed(tmp_path, OLD)) as (_, told):
        accept().close()
        assert told.next(DialFailed).error.reason == "proof"


class KeyedStranger(Stranger):
    """A stranger that knows the id of a key, but not the key."""

    def __init__(self, address: Address, security: Keyed) -> None:
        super().__init__(address)
        self.guard = security.credentials
        self.connection = Connection(CODEC.extended(Bye), 65_536, is_dialer=True, ring=self.guard.ring)

    def said(self, counter: int) -> bytes:
        local, remote = (f"{host}:{port}" for host, port in (self.sock.getsockname(), self.sock.getpeername()))
        return self.connection.greet(
            hello(
                identity("ann"),
                to="bob",
                number=LinkNumber(1, counter),
                kind="peer",
                local=local,
                remote=remote,
                nonce=self.guard.nonce(),
                ring=self.guard.ring,
            )
        )


@contextmanager
def strangers(tmp_path: Path, limits: Limits | None = None) -> Iterator[tuple[ExitStack, object]]:
    """A live link, and how to make a stranger who can say a good Hello beside it."""
    security = keyed(tmp_path, OLD)
    with ExitStack() as stack:
        _, _, number, listener, heard = stack.enter_context(linked(limits, securities=(security, security)))
        yield stack, lambda: stack.enter_context(KeyedStranger(listener.address, security))
        assert heard.is_empty(), "no event reports any of it"
        assert number == (1, 1)


@pytest.mark.parametrize("proof", ["none", "wrong", "early"])
def test_a_hello_without_a_proof_after_it_takes_nobodys_place(tmp_path: Path, proof: str) -> None:
    """A higher number, a key's right id: until the key itself is proved, the live link stays the live one."""
    with strangers(tmp_path, Limits(handshake_timeout_s=0.5)) as (_, make):
        for counter in range(5, 8):
            stranger = make()
            stranger.sock.sendall(stranger.said(counter))
            if proof == "wrong":
                assert isinstance(stranger.answer(), Welcome)
                stranger.sock.sendall(struct.pack(">I", 41) + b"\x82\x65proof\x58\x20" + bytes(32))
            elif proof == "early":
                stranger.sock.sendall(struct.pack(">I", 41) + b"\x82\x65proof\x58\x20" + bytes(32))
            while not stranger.is_closed_by_other():
                pass


def test_slow_proof_is_cut_at_its_deadline(tmp_path: Path) -> None:
    with strangers(tmp_path, Limits(handshake_timeout_s=0.5)) as (_, make):
        stranger = make()
        stranger.sock.sendall(stranger.said(5))
        assert isinstance(stranger.answer(), Welcome)
        with pytest.raises(ConnectionError):
            for byte in stranger.connection.prove():
                stranger.sock.sendall(bytes([byte]))
                time.sleep(0.2)


def test_a_frame_that_is_forged_ends_the_link_and_is_counted(tmp_path: Path) -> None:
    security, metrics = keyed(tmp_path, OLD), WireMetrics()
    with listening(metrics=metrics, security=security) as (listener, heard):
        with KeyedStranger(listener.address, security) as inside:
            inside.sock.sendall(inside.said(1))
            assert isinstance(inside.answer(), Welcome)
            proof, said = inside.connection.prove(), inside.connection.send(Note(number=1))
            inside.sock.sendall(proof + said + said)
            assert inside.is_closed_by_other()
        heard.next(LinkAccepted)
        assert heard.next(MessageReceived).message == Note(number=1)
        ended = heard.next(LinkEnded)
        assert isinstance(ended.error, ForgedError)
        assert not ended.is_end_of_stream
        assert metrics.registry.get_sample_value("wire_rejected_frames_total", {"reason": "tag"}) == 1


def test_keys_are_replaced_while_links_are_open(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("ann", "bob")]
    securities = keyed(tmp_path, OLD, name="ann"), keyed(tmp_path, OLD, name="bob")
    steps: list[tuple[int, tuple[str, ...]]] = [
        (0, (OLD, NEW)),
        (1, (OLD, NEW)),
        (1, (NEW, OLD)),
        (0, (NEW, OLD)),
        (0, (NEW,)),
        (1, (NEW,)),
    ]
    counter = itertools.count(1_000)
    with linked(securities=securities) as (dialer, _, number, listener, heard):
        for end, keys in steps:
            paths[end].write_text("\n".join(keys))
            with KeyedStranger(listener.address, securities[0]) as probe:
                probe.sock.sendall(probe.said(next(counter)))
                answered = probe.answer()
                assert isinstance(answered, Welcome), answered
            assert dialer.send(number, Note(number=end))
            assert heard.next(MessageReceived).message == Note(number=end)


def test_no_secret_is_in_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    security = keyed(tmp_path, OLD)
    with (
        caplog.at_level(logging.DEBUG),
        listening(security=security) as (listener, _),
        dialing(listener.address, security=keyed(tmp_path, NEW, name="wrong")) as (_, told),
        Stranger(listener.address, "cid") as stranger,
    ):
        told.next(DialFailed)
        assert isinstance(stranger.greet(stranger.hello()), Reject)
    assert "key" in caplog.text
    assert OLD not in caplog.text
    assert NEW not in caplog.text
    assert not any(repr(bytes.fromhex(key))[2:20] in caplog.text for key in (OLD, NEW))


def test_a_link_that_is_trusted_in_the_clear_is_so_with_a_key(tmp_path: Path) -> None:
    security = keyed(tmp_path, OLD)
    inbox = Inbox()
    with listening(security=security) as (listener, heard), dialing(listener.address, inbox=inbox, security=security):
        assert inbox.next(LinkOpened).is_trusted
        assert heard.next(LinkAccepted).is_trusted


def test_keyed_link_holds_nothing_unread_at_the_dialer(tmp_path: Path) -> None:
    """Unread data would turn the end of a killed dialer into a reset."""
    security = keyed(tmp_path, OLD)
    with linked(securities=(security, security)) as (dialer, _, _, _, _):
        assert dialer._socket is not None
        with pytest.raises(BlockingIOError):
            dialer._socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK)
