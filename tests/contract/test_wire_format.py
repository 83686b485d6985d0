"""`wire/FORMAT.md` is complete: a program that was written from it alone talks to both ends of `wire`."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.certificates import Authority
from tests.contract.wire_client import KEEPALIVE, End, Opened, Party, Rejected, Value, accept, dial, reject
from tests.integration.wire_ends import PATIENCE_S, Inbox, Note, dialing, listening
from wire import (
    Address,
    DialFailed,
    Keyed,
    Limits,
    LinkAccepted,
    LinkClosing,
    LinkEnded,
    LinkNumber,
    LinkOpened,
    Listener,
    MessageReceived,
    Security,
)
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.security import PLAIN

QUICK = Limits(keepalive_interval_s=0.2, idle_timeout_s=2.0)
NEW_KEY, OLD_KEY, OTHER_KEY = (bytes([place]) * 32 for place in (1, 2, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The secrets of the client and of wire."""

    keys: tuple[bytes, ...] = ()
    tls: ssl.SSLContext | None = None
    security: Security = PLAIN


Way = Callable[[Path, str], Secrets]


def plain(_: Path, __: str) -> Secrets:
    return Secrets()


def keyed(directory: Path, _: str = "") -> Secrets:
    """The client holds two keys, wire only the old one."""
    path = directory / "keys"
    path.touch(0o600)
    path.write_text(OLD_KEY.hex())
    return Secrets(keys=(NEW_KEY, OLD_KEY), security=Keyed(path))


def certified(directory: Path, own: str) -> Secrets:
    authority = Authority(directory)
    is_dialer, other = (True, "bob") if own == "ann" else (False, "ann")
    files = authority.files(own, uris=[f"wire://c/{own}"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if is_dialer else ssl.PROTOCOL_TLS_SERVER)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_REQUIRED
    tls.load_verify_locations(files.ca)
    tls.load_cert_chain(files.certificate, files.key)
    if not is_dialer:
        setattr(tls, "num_tickets", 0)  # noqa: B010 - ssl chose the name
    return Secrets(tls=tls, security=authority.tls(other))


@pytest.fixture(params=[plain, keyed, certified], ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest) -> Way:
    return cast(Way, request.param)


@pytest.fixture
def ann(way: Way, tmp_path: Path) -> tuple[Party, Security]:
    """The client as the dialer, and the security of wire."""
    mine = way(tmp_path, "ann")
    me = Party(node="ann", cluster="c", incarnation=7, store=b"store of node an", keys=mine.keys, tls=mine.tls)
    return me, mine.security


@pytest.fixture
def bob(way: Way, tmp_path: Path) -> tuple[Party, Security]:
    """The client as the acceptor, and the security of wire."""
    mine = way(tmp_path, "bob")
    return Party(node="bob", cluster="c", incarnation=4, keys=mine.keys, tls=mine.tls), mine.security


@contextmanager
def served(security: Security = PLAIN) -> Iterator[tuple[Listener, tuple[str, int], Inbox]]:
    """Wire's `bob`, its address and its inbox."""
    with listening(QUICK, security=security, two_way=("client",), known=("ann", "bob")) as (listener, heard):
        yield listener, (listener.address.host, listener.address.port), heard


@contextmanager
def open_link(
    address: tuple[str, int], me: Party, counter: int = 1, kind: str = "peer", attributes: dict[str, str] | None = None
) -> Iterator[Opened]:
    opened = dial(
        address, me, to="bob", counter=counter, kind=kind, is_two_way=kind == "client", attributes=attributes or {}
    )
    with opened.end.socket:
        yield opened


@pytest.fixture
def acceptor() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening_socket:
        listening_socket.settimeout(PATIENCE_S)
        yield listening_socket


def address_of(sock: socket.socket) -> Address:
    host, port = sock.getsockname()
    return Address(host, port)


def last_word(end: End) -> list[Value] | None:
    """The last message before the end of the stream."""
    word = None
    try:
        while True:
            word = end.hear()
    except EOFError:
        return word


def await_words(end: End, *wanted: list[Value]) -> None:
    """Receive these messages, in any order, among signs of life."""
    missing = list(wanted)
    while missing:
        said = end.hear()
        assert said in missing or said[0] == "heard"
        missing = [words for words in missing if words != said]


def is_over(end: End) -> bool:
    """Return whether the stream ends without another message than signs of life."""
    return (last_word(end) or ["heard"])[0] == "heard"


def test_a_dialer_talks_on_a_one_way_link_and_says_goodbye(ann: tuple[Party, Security]) -> None:
    me, security = ann
    with served(security) as (_, address, heard):
        with open_link(address, me, counter=9, attributes={"rack": "r1"}) as link:
            assert link.said[:5] == ["welcome", 1, "bob", 1, b"bob".ljust(16)]
            link.end.say("note", 1, b"data")
            link.end.send(KEEPALIVE)
            link.end.say("of a later version", {"a": None})
            link.end.say("note", -(2**63), b"", "a later field")
            link.end.say("note", 2)
            link.end.say("bye", "that was all")
        accepted = heard.next(LinkAccepted)
        assert (accepted.peer, accepted.number, accepted.kind) == ("ann", LinkNumber(7, 9), "peer")
        assert (accepted.identity.store, accepted.identity.attributes) == (me.store, {"rack": "r1"})
        assert accepted.is_trusted
        said = [heard.next(MessageReceived).message for _ in range(3)]
        assert said == [Note(number=1, data=b"data"), Note(number=-(2**63)), Note(number=2)]
        ended = heard.next(LinkEnded)
        assert (ended.bye, ended.error, ended.is_end_of_stream) == ("that was all", None, True)


def test_a_later_one_way_link_takes_over_without_a_word(ann: tuple[Party, Security]) -> None:
    me, security = ann
    with (
        served(security) as (_, address, heard),
        open_link(address, me) as older,
        open_link(address, me, counter=2) as newer,
    ):
        assert is_over(older.end)
        newer.end.say("note", 5)
        assert heard.later(MessageReceived).number == LinkNumber(7, 2)


def test_a_two_way_link_carries_messages_until_a_later_link(ann: tuple[Party, Security]) -> None:
    me, security = ann
    with served(security) as (listener, address, heard), open_link(address, me, kind="client") as link:
        number = heard.next(LinkAccepted).number
        link.end.send(KEEPALIVE)
        link.end.say("note", 1)
        link.end.say("heard", 0)
        assert heard.next(MessageReceived).message == Note(number=1)
        assert listener.send("ann", number, Note(number=2, data=b"back"))
        await_words(link.end, ["note", 2, b"back"], ["heard", 2])
        link.end.say("heard", 1)
        with open_link(address, me, counter=2, kind="client") as newer:
            assert last_word(link.end) == ["bye", "superseded"]
            link.end.finish()
            assert heard.later(LinkEnded).bye is None
            newer.end.say("bye", "enough")
            newer.end.finish()
            assert is_over(newer.end)
            assert heard.later(LinkEnded).bye == "enough"


@pytest.mark.parametrize(
    ("me", "words", "code", "is_worth_another_try"),
    [
        (Party(node="ann", cluster="c"), {"versions": (2, 3)}, "version", False),
        (Party(node="ann", cluster="d"), {}, "cluster", False),
        (Party(node="bob", cluster="c"), {"to": ""}, "self", False),
        (Party(node="ann", cluster="c"), {"to": "cid"}, "wrong_node", False),
        (Party(node="eve", cluster="c"), {}, "unknown_peer", True),
        (Party(node="ann", cluster="c"), {"kind": "client"}, "kind", False),
        (Party(node="ann", cluster="c"), {"is_two_way": True}, "kind", False),
        (Party(node="ann", cluster="c", keys=[OTHER_KEY]), {}, "key", False),
        (Party(node="", cluster="c"), {}, "malformed", False),
        (Party(node="ann\u2028", cluster="c"), {}, "malformed", False),
        (Party(node="ann", cluster="c", store=b"short"), {}, "malformed", False),
    ],
)
def test_a_dialer_that_is_not_wanted_is_told_why(
    me: Party, words: dict[str, str], code: str, is_worth_another_try: bool
) -> None:
    with served() as (_, address, _), pytest.raises(Rejected) as caught:
        dial(address, me, **{"to": "bob", "counter": 1, **words})  # type: ignore[arg-type]  # a table's
    assert (caught.value.args[0], caught.value.args[2]) == (code, is_worth_another_try)


def test_the_highest_version_that_both_speak_is_taken() -> None:
    with served() as (_, address, _):
        opened = dial(address, Party(node="ann", cluster="c"), to="bob", counter=1, versions=(0, 9))
        with opened.end.socket:
            assert opened.said[:2] == ["welcome", 1]


def test_a_link_that_is_not_above_an_earlier_one_is_stale(ann: tuple[Party, Security]) -> None:
    me, security = ann
    with served(security) as (_, address, heard), open_link(address, me, counter=5):
        assert heard.next(LinkAccepted).number == LinkNumber(7, 5)
        with pytest.raises(Rejected, match="stale_link"):
            dial(address, me, to="bob", counter=5)


def test_a_dialer_without_a_right_key_is_told(tmp_path: Path) -> None:
    with served(keyed(tmp_path).security) as (_, address, _):
        for offered in ((), (OTHER_KEY,), (NEW_KEY, OTHER_KEY)):
            with pytest.raises(Rejected, match="key"):
                dial(address, Party(node="ann", cluster="c", keys=offered), to="bob", counter=1)


def test_a_dialer_with_the_certificate_of_another_is_told(tmp_path: Path) -> None:
    mine = certified(tmp_path, "ann")
    with served(mine.security) as (_, address, _), pytest.raises(Rejected, match="certificate"):
        dial(address, Party(node="cid", cluster="c", tls=mine.tls), to="bob", counter=1)


def test_an_acceptor_hears_a_dialer_and_its_goodbye(acceptor: socket.socket, bob: tuple[Party, Security]) -> None:
    me, security = bob
    with dialing(address_of(acceptor), QUICK, security=security) as (dialer, told):
        link = accept(acceptor, me)
        with link.end.socket:
            assert link.said[:9] == ["hello", 1, 1, "c", "ann", "bob", 1, 1, b"ann".ljust(16)]
            opened = told.next(LinkOpened)
            assert (opened.identity.incarnation, opened.is_trusted) == (4, True)
            assert dialer.send(opened.number, Note(number=1, data=b"data"))
            assert link.end.hear() == ["note", 1, b"data"]
            assert link.end.receive() == KEEPALIVE
            dialer.ask_stop("that was all")
            assert last_word(link.end) == ["bye", "that was all"]


def test_an_acceptor_talks_with_a_dialer_on_a_two_way_link(
    acceptor: socket.socket, bob: tuple[Party, Security]
) -> None:
    me, security = bob
    with dialing(address_of(acceptor), QUICK, security=security, kind="client", is_two_way=True) as (dialer, told):
        link = accept(acceptor, me)
        with link.end.socket:
            assert link.said[9] == "client"
            assert link.said[15] is True
            assert dialer.send(told.next(LinkOpened).number, Note(number=1))
            await_words(link.end, ["note", 1, b""])
            link.end.say("note", 2)
            link.end.say("heard", 1)
            assert told.next(MessageReceived).message == Note(number=2)
            await_words(link.end, ["heard", 2])
            link.end.say("bye", "enough")
            link.end.finish()
            assert told.next(LinkClosing).bye == "enough"
            assert is_over(link.end)


def test_a_dialer_hears_why_it_is_rejected(acceptor: socket.socket) -> None:
    with dialing(address_of(acceptor)) as (_, told):
        for code, expected in (("full", RejectCode.FULL), ("of a later version", RejectCode.OTHER)):
            reject(acceptor, code, "not now", is_retryable=True)
            error = told.next(DialFailed).error
            assert isinstance(error, Refusal)
            assert (error.code, error.text, error.is_retryable) == (expected, "not now", True)
