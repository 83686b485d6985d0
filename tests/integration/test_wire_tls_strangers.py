"""An end without a certificate, or with an odd one, is refused with the reason, in either role."""

import contextlib
import hashlib
import itertools
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.certificates import DAY, Authority, der, public_key
from tests.integration.tls_ends import TlsAcceptor, TlsStranger, key_updates
from tests.integration.wire_ends import Note, Stranger, dialing, eventually, linked, listening
from wire import Address, DialFailed, Limits, LinkAccepted, LinkEnded, LinkOpened, MessageReceived
from wire.link_metrics import WireMetrics
from wire.protocol.handshake import MAGIC, Reject, Welcome
from wire.security.credentials import TlsFiles
from wire.security.security import PLAIN
from wire.security.tls import Tls


def outcomes(metrics: WireMetrics, outcome: str) -> float:
    labels = {"direction": "in", "outcome": outcome}
    return metrics.registry.get_sample_value("wire_handshakes_total", labels) or 0


Odd = Callable[[Authority, Path], TlsFiles]
ODD: dict[str, Odd] = {
    "another node's": lambda authority, _: authority.files("cid"),
    "another cluster's": lambda authority, _: authority.files("ann", uris=["wire://d/ann"]),
    "expired": lambda authority, _: authority.files("ann", begins_s=-2 * DAY, ends_s=-1),
    "not yet valid": lambda authority, _: authority.files("ann", begins_s=DAY),
    "another authority's": lambda _, directory: Authority(directory / "other").files("ann"),
    "with a name that is no text": lambda authority, _: authority.files("ann", dns=b"\xff"),
    "of a name that only begins with hers": lambda authority, _: authority.files("ann", dns=b"ann\0.org"),
    "for servers only": lambda authority, _: authority.files("ann", roles=[ExtendedKeyUsageOID.SERVER_AUTH]),
}
GENUINE = ("another node's", "another cluster's", "with a name that is no text", "of a name that only begins with hers")


@pytest.mark.parametrize("odd", [*ODD, "none"])
def test_dialer_without_the_right_certificate_is_told(
    odd: str, authority: Authority, ann: Tls, bob: Tls, tmp_path: Path
) -> None:
    files = None if odd == "none" else ODD[odd](authority, tmp_path)
    metrics = WireMetrics()
    with (
        linked(metrics=metrics, securities=(ann, bob)) as (dialer, _, number, listener, heard),
        TlsStranger(listener.address, files) as stranger,
    ):
        lifecycle = stranger.lifecycle()
        assert eventually(lambda: outcomes(metrics, "certificate") == 1)
        if odd in GENUINE:
            assert isinstance(lifecycle, Reject)
            assert lifecycle.code == "certificate"
        else:
            assert isinstance(lifecycle, ssl.SSLError), lifecycle
        assert dialer.send(number, Note(number=1))
        assert heard.next(MessageReceived).message == Note(number=1)
        assert heard.is_empty()


@pytest.mark.parametrize("odd", [name for name in ODD if name != "for servers only"])
def test_dialer_refuses_an_acceptor_with_a_wrong_certificate(
    odd: str, authority: Authority, ann: Tls, tmp_path: Path
) -> None:
    """The certificates are ann's here, and so is the acceptor: only the certificate names the node."""
    with TlsAcceptor(ODD[odd](authority, tmp_path))() as address, dialing(address, security=ann) as (_, told):
        assert told.next(DialFailed).error.reason == "certificate"


def test_a_dialer_takes_the_acceptor_that_its_certificate_names(authority: Authority, ann: Tls) -> None:
    with TlsAcceptor(authority.files("bob"))() as address, dialing(address, security=ann) as (_, told):
        assert not told.next(LinkOpened).is_trusted


@pytest.mark.parametrize("print_of", [der, public_key])
@pytest.mark.parametrize("is_right", [True, False])
def test_pins_of_a_certificate_or_of_its_key_hold_at_both_ends(
    print_of: Callable[[Path], bytes], is_right: bool, authority: Authority
) -> None:
    files = {node: authority.files(node) for node in ("ann", "bob")}
    pins = {node: [hashlib.sha256(print_of(each.certificate)).hexdigest()] for node, each in files.items()}
    wrong = {"ann": pins["bob"], "bob": pins["ann"]}

    def tls(node: str, pinned: dict[str, list[str]]) -> Tls:
        return Tls(files[node], node=node, cluster="c", pins={peer: pinned[peer] for peer in pinned if peer != node})

    if is_right:
        with linked(securities=(tls("ann", pins), tls("bob", pins))):
            return
    for pinned in ((pins, wrong), (wrong, pins)):
        with (
            listening(security=tls("bob", pinned[1])) as (listener, heard),
            dialing(listener.address, security=tls("ann", pinned[0])) as (_, told),
        ):
            error = told.next(DialFailed).error
            assert error.reason == "certificate"
            assert "pinned" in str(error)
            if pinned[0] is pins:
                assert heard.is_empty()


def test_plain_to_a_port_with_tls_and_the_other_way_round(ann: Tls, bob: Tls) -> None:
    metrics = WireMetrics()
    with listening(metrics=metrics, security=bob) as (listener, heard), dialing(listener.address) as (_, told):
        assert told.next(DialFailed).error.reason in ("truncated", "reset")
        assert eventually(lambda: outcomes(metrics, "tls") >= 1)
        assert heard.is_empty()
    metrics = WireMetrics()
    with listening(metrics=metrics) as (listener, heard), dialing(listener.address, security=ann) as (_, told):
        error = told.next(DialFailed).error
        assert error.reason in ("truncated", "reset")
        assert eventually(lambda: outcomes(metrics, "magic") >= 1)
        assert heard.is_empty()


def test_an_older_tls_is_refused(authority: Authority, bob: Tls) -> None:
    metrics = WireMetrics()
    with (
        listening(metrics=metrics, security=bob) as (listener, heard),
        TlsStranger(listener.address, authority.files("ann"), ssl.TLSVersion.TLSv1_2) as stranger,
    ):
        assert isinstance(stranger.lifecycle(), ssl.SSLError)
        assert eventually(lambda: outcomes(metrics, "tls") == 1)
        assert heard.is_empty()


@pytest.mark.parametrize("part", ["hello of tls", "hello"])
def test_slow_handshake_is_cut_at_its_deadline(part: str, authority: Authority, bob: Tls) -> None:
    limits = Limits(handshake_timeout_s=0.5)
    with (
        listening(limits, security=bob) as (listener, heard),
        TlsStranger(listener.address, authority.files("ann")) as slow,
    ):
        if part == "hello":
            slow.begin()
            said = slow.connection.greet(slow.hello())
        else:
            client = slow.context.wrap_bio(ssl.MemoryBIO(), said_bio := ssl.MemoryBIO())
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            said = said_bio.read()
        with pytest.raises((ConnectionError, ssl.SSLError)):
            for byte in said:
                slow.sock.sendall(bytes([byte]))
                time.sleep(0.1)
        assert heard.is_empty()


def test_connection_that_began_tls_does_not_make_room(authority: Authority, bob: Tls) -> None:
    with (
        listening(Limits(pending_max=2, handshake_timeout_s=5.0), security=bob) as (listener, _),
        TlsStranger(listener.address, authority.files("ann")) as speaking,
    ):
        speaking.sock.sendall(b"\x16")
        assert eventually(lambda: any(not link.is_silent for link in listener._registry.all()))
        with Stranger(listener.address) as silent, Stranger(listener.address):
            assert silent.is_closed_by_other()
            speaking.sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                speaking.sock.recv(1)


def test_a_dialer_gives_up_an_acceptor_that_dribbles(ann: Tls) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = Address("127.0.0.1", server.getsockname()[1])
        limits = Limits(handshake_timeout_s=0.5, backoff_initial_s=60.0, backoff_max_s=60.0)
        for security, said in (
            (ann, b"\x16\x03\x03\x40\x00" + bytes(100)),
            (PLAIN, MAGIC + b"\0\0\x10\0" + bytes(100)),
        ):
            with dialing(address, limits, security=security) as (_, told):
                sock, _ = server.accept()
                with sock, contextlib.suppress(OSError):
                    for byte in said:
                        sock.sendall(bytes([byte]))
                        time.sleep(0.1)
                assert told.next(DialFailed).error.reason == "handshake_timeout"


def test_records_with_nothing_in_them_keep_no_link_open(authority: Authority, bob: Tls, tmp_path: Path) -> None:
    with (
        listening(security=bob) as (listener, heard),
        TlsStranger(listener.address, authority.files("ann")) as empty,
    ):
        empty.context.keylog_filename = str(tmp_path / "secrets")
        assert isinstance(empty.lifecycle(), Welcome)
        said = dict(line.rsplit(" ", 1) for line in (tmp_path / "secrets").read_text().splitlines())
        secret = next(said[line] for line in said if line.startswith("CLIENT_TRAFFIC_SECRET_0"))
        records = key_updates(bytes.fromhex(secret), sequence=1)
        with socket.socket(fileno=empty.sock.detach()) as bare:
            with contextlib.suppress(ConnectionError):
                bare.sendall(b"".join(itertools.islice(records, 5_000)))
            ended = heard.later(LinkEnded)
        assert not ended.is_end_of_stream
        assert str(ended.error) == "TLS: too many records without data"


def test_a_stranger_with_the_right_certificate_is_let_in(authority: Authority, bob: Tls) -> None:
    """Otherwise the refusals above would prove nothing."""
    with (
        listening(security=bob) as (listener, heard),
        TlsStranger(listener.address, authority.files("ann")) as right,
    ):
        assert isinstance(right.lifecycle(), Welcome)
        heard.next(LinkAccepted)
