"""`wire/FORMAT.md` says what the code does: constants, messages and examples."""

import re
import types
import typing
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path

import pytest

import wire
from elect.bridge.member_changer import PASSING
from elect.core import messages
from elect.core.changes import Change, ChangeRefusal
from elect.core.configuration import Configuration, Member
from elect.core.membership_messages import Message
from elect.errors import Amnesia, IdInUse, JoinRejected, NotAuthorized, OtherCluster
from elect.joining.join_messages import JOIN_MESSAGES
from elect.observing import mirror_messages
from elect.observing.mirror_messages import MIRROR_MESSAGES
from elect.observing.observer_messages import CLIENT_MESSAGES
from tests.contract import wire_client
from tests.contract.wire_client import MAGIC, framed
from wire import Codec, Identity, Limits
from wire.io.polled_link import RECEIVED_BYTES_MAX
from wire.links.shared_links import LINKS_MAX
from wire.protocol.address import PATH_BYTES_MAX
from wire.protocol.codec import DEPTH_MAX
from wire.protocol.connection import Connection
from wire.protocol.handshake import (
    HELLO_BYTES_MAX,
    TEXT_LENGTH_MAX,
    Bye,
    Heard,
    Hello,
    Proof,
    Reject,
    Welcome,
    judge_hello,
)
from wire.protocol.identity import ATTRIBUTE_CHARACTERS_MAX
from wire.protocol.keys import Key, KeyRing
from wire.protocol.receive_rate import BYTES_MAX, FRAMES_MAX
from wire.protocol.wire_errors import Refusal, RejectCode, RemoteFault, UnknownKindError

DOCUMENT = Path(wire.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
EXAMPLES = {
    title: bytes.fromhex("".join(line.partition("#")[0] for line in lines.splitlines()))
    for title, lines in re.findall(r"^```hex\n# ([^:\n]*)[^\n]*\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
}
HANDSHAKE = (Hello, Welcome, Reject, Proof)
KINDS = (
    *(*HANDSHAKE, Bye, Heard),
    *typing.get_args(Message),
    *typing.get_args(messages.Entry),
    *JOIN_MESSAGES,
    *CLIENT_MESSAGES,
    *MIRROR_MESSAGES,
    *typing.get_args(mirror_messages.MirrorEntry),
)
KINDS += typing.get_args(Change)
PARTS_BY_KIND = {messages.Entry: "Entry", Change: "Change", mirror_messages.MirrorEntry: "MirrorEntry"}
PARTS = (messages.Number, messages.ConfigurationId, messages.Ack, messages.Standing, messages.Known)
PARTS += (Member, Configuration)
CODEC = Codec(Bye, *typing.get_args(Message))
PLAIN_TYPES = {int: "int", str: "text", bytes: "bytes", bool: "bool", types.NoneType: "null"}


def type_in_words(hint: object) -> str:
    """The type of a field as the document's tables have it."""
    parts = typing.get_args(hint)
    if hint in PARTS_BY_KIND:
        return PARTS_BY_KIND[hint]
    if isinstance(hint, types.UnionType):
        return " or ".join(map(type_in_words, parts))
    if parts:
        return f"list of {type_in_words(parts[0])}" if parts[-1] is ... else "map"
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return "text"
    return hint.__name__ if is_dataclass(hint) else PLAIN_TYPES[hint]  # type: ignore[union-attr,index]


def test_the_document_has_the_constants_and_words_of_the_code() -> None:
    persons = re.findall(r'"(wire1 [a-z ]+)"', Path(wire_client.__file__).read_text(encoding="utf-8"))
    assert len(set(persons)) == 6
    limits = Limits()
    bounds = [limits.frame_bytes_max, HELLO_BYTES_MAX, ATTRIBUTE_CHARACTERS_MAX, TEXT_LENGTH_MAX, DEPTH_MAX]
    bounds += [limits.pending_max, limits.pending_per_host_max, limits.links_max, limits.links_per_host_max]
    bounds += [FRAMES_MAX, BYTES_MAX, RECEIVED_BYTES_MAX, LINKS_MAX, PATH_BYTES_MAX]
    times = [limits.handshake_timeout_s, limits.idle_timeout_s, limits.keepalive_interval_s, limits.write_timeout_s]
    times += [limits.backoff_initial_s, limits.backoff_max_s]
    words = [f"`{code}`" for code in RejectCode if code is not RejectCode.OTHER]
    words += [f"`{fault.reason}`" for fault in RemoteFault.__subclasses__()]
    words += [f"`{reason}`" for reason in messages.RefusalReason]
    words += [f"`{each.code}`" for each in (JoinRejected, IdInUse, OtherCluster, NotAuthorized, Amnesia)]
    words += [f"`{refusal}`" for refusal in ChangeRefusal if refusal not in (*PASSING, ChangeRefusal.NOT_LEADER)]
    said = [*persons, *words, *(f"{each:,}" for each in bounds), *(f"{each:g} s" for each in times)]
    assert MAGIC.hex(" ").upper() in DOCUMENT
    assert [each for each in said if each not in DOCUMENT] == []
    assert f"`{UnknownKindError.reason}`" not in DOCUMENT  # it ends no link


@pytest.mark.parametrize("cls", [*KINDS, *PARTS], ids=lambda cls: cls.__name__)
def test_a_message_has_the_fields_of_its_class(cls: type) -> None:
    """Return the names of the fields in order, and the type of each."""
    hints = typing.get_type_hints(cls)
    assert [field.name for field in fields(cls)] == list(hints)
    kind = [] if cls in PARTS else [f'"{cls.__name__.lower()}"']
    array = re.escape(f"[{', '.join([*kind, *hints])}]").replace(r"\ ", r"\s+")
    found = re.search(array, DOCUMENT)
    assert found is not None
    section = DOCUMENT[found.start() :].partition("\n#")[0]
    rows = [f"| `{name}` | {type_in_words(hint)} |" for name, hint in hints.items()]
    assert [row for row in rows if row not in section] == []


def test_the_examples_of_the_handshake_are_what_both_ends_send() -> None:
    """The examples without a key and with one."""
    exchange(None, EXAMPLES["magic and Hello"], EXAMPLES["magic and Welcome"])
    ring = KeyRing([Key(EXAMPLES["shared key K"])])
    assert ring.ids == (EXAMPLES["id of K"],)
    hello, welcome = (MAGIC + EXAMPLES[f"frame of the {kind}"] for kind in ("Hello", "Welcome"))
    dialer = exchange(ring, hello, welcome + EXAMPLES["frame of the acceptor's Proof"])
    assert dialer.prove() == EXAMPLES["frame of the dialer's Proof"]
    assert dialer.keepalive() == EXAMPLES["the dialer's frame 0, a keepalive"]
    assert dialer.close("stopping") == EXAMPLES["the dialer's frame 1, a Bye"]
    refused = Reject(code="full", reason="too many links", retryable=True)
    assert Connection(CODEC, 65_536, is_dialer=False).reject(refused) == EXAMPLES["magic and Reject"]


def exchange(ring: KeyRing | None, from_dialer: bytes, from_acceptor: bytes) -> Connection:
    """Check that both ends of wire send these bytes; return the dialer."""
    dialer, acceptor = (Connection(CODEC, 65_536, is_dialer=is_dialer, ring=ring) for is_dialer in (True, False))
    (hello,) = acceptor.receive(from_dialer)
    assert isinstance(hello, Hello)
    assert dialer.greet(hello) == from_dialer
    (welcome,) = dialer.receive(from_acceptor)
    assert isinstance(welcome, Welcome)
    assert acceptor.accept(welcome) == from_acceptor
    return dialer


def test_a_hello_is_checked_in_the_order_of_the_table() -> None:
    """A Hello with the faults of this row and of all later rows is refused with the reason of this row."""
    faults: dict[str, dict[str, object]] = {
        "version": {"version_min": 2, "version_max": 3},
        "cluster": {"cluster": "other"},
        "key": {"keys": (bytes(8),), "nonce": bytes(32)},
        "own_store": {"node": "b", "store": b"b" * 16},
        "self": {"node": "b"},
        "wrong_node": {"to": "c"},
        "unknown_peer": {"node": "d"},
        "kind": {"kind": "client"},
    }
    (hello,) = Connection(CODEC, 65_536, is_dialer=False).receive(EXAMPLES["magic and Hello"])
    assert isinstance(hello, Hello)
    own = Identity(cluster="demo", node="b", incarnation=1, store=b"b" * 16)
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", DOCUMENT, re.MULTILINE)
    assert [code for code, _ in rows if code in faults] == list(faults)
    for code, retryable in [row for row in rows if row[0] in faults]:
        changed: dict[str, object] = {}
        for fault in reversed(faults.values()):
            changed |= fault
        with pytest.raises(Refusal) as caught:
            judge_hello(replace(hello, **changed), own, kinds=("peer",), is_known_peer=lambda node: node == "a")  # type: ignore[arg-type]  # a table's
        assert (caught.value.code, caught.value.is_retryable) == (code, retryable == "yes")
        del faults[code]


def test_the_examples_of_keys_follow_from_the_formulas() -> None:
    """The client computes the same values."""
    hello, welcome = (EXAMPLES[f"frame of the {kind}"] for kind in ("Hello", "Welcome"))
    session = wire_client._session_key(EXAMPLES["shared key K"], hello, welcome)
    assert session == EXAMPLES["session key S"]
    frame_key = wire_client._hash(session, "wire1 frames d", b"", 64)
    assert frame_key == EXAMPLES["frame key F of the dialer's frames"]
    assert framed(wire_client._tag(frame_key, 0, b"")) == EXAMPLES["the dialer's frame 0, a keepalive"]


@pytest.mark.parametrize("kind", ["Bye", "Heartbeat", "Batch"])
def test_an_example_is_a_message_of_both_programs(kind: str) -> None:
    """Both programs decode it and encode the same bytes."""
    frame = EXAMPLES[kind]
    message = CODEC.decode(frame[4:])
    assert type(message).__name__ == kind
    assert framed(CODEC.encode(message)) == frame == framed(wire_client.encoded(wire_client.message_of(frame[4:])))
    if isinstance(message, messages.Heartbeat | messages.Batch):
        assert message.configuration == Configuration.initial("abc").id
