"""The messages of mirrors: their bounds, and their way over the wire."""

from dataclasses import replace

import pytest

from elect.core.configuration import ADDRESS_LENGTH_MAX, Configuration, Member
from elect.leader import Leader
from elect.observing.change_entries import entries_of
from elect.observing.change_log import LoggedChange
from elect.observing.mirror_messages import (
    MIRROR_MESSAGES,
    Applied,
    Changes,
    LeaderEntry,
    MembersEntry,
    RefusalCode,
    SealAnswer,
    SealRequest,
    SnapshotPart,
    SourceHeartbeat,
    SourceRefusal,
    SourceWelcome,
    Subscribe,
)
from wire.protocol.codec import Codec
from wire.protocol.limits import DEFAULT_LIMITS

CODEC = Codec(*MIRROR_MESSAGES)
ID = bytes(range(16))
LEADER = LeaderEntry(election="jobs", term=7, leader_id="a", address="a:1", metadata={"http": "x"})
MEMBERS = MembersEntry(configuration=Configuration(members=(Member(node_id="a"), Member(node_id="b", address="b:1"))))
WELCOME = SourceWelcome(version=1, cluster_id=ID, stream=ID, revision=9, is_resumed=True)

LARGEST = Configuration(
    members=tuple(
        Member(node_id=f"{number:064}", store_id=ID, address="x" * ADDRESS_LENGTH_MAX) for number in range(64)
    ),
    cluster_id=ID,
    proposed_cluster_id=ID,
)
WIDE = Leader(
    node_id="n" * 64, term=2**53 - 1, address="x" * 300, metadata={str(key): "\U0001f600" * 126 for key in range(16)}
)


@pytest.mark.parametrize(
    "message",
    [
        Subscribe(version=1),
        Subscribe(version=1, source_cluster_id=ID, cluster_id=ID, stream=ID, revision=5),
        Applied(messages=1, revision=2, sent=3),
        SealRequest(successor="10.1.0.1:7101"),
        WELCOME,
        SourceRefusal(code=RefusalCode.BUSY.value, text="later"),
        SnapshotPart(revision=1, total=2, first=0, entries=(MEMBERS, LEADER)),
        Changes(first=1, entries=(LEADER, MEMBERS)),
        SourceHeartbeat(revision=1, sent=2, age_ns=3),
        SealAnswer(outcome="sealed", highest_term=9),
    ],
)
def test_messages_survive_the_wire(message):
    assert CODEC.decode(CODEC.encode(message)) == message


@pytest.mark.parametrize(
    "make",
    [
        lambda: LeaderEntry(election="", term=1),
        lambda: LeaderEntry(election="x", term=-1),
        lambda: LeaderEntry(election="x", term=1, leader_id="a" * 65),
        lambda: LeaderEntry(election="x", term=1, leader_id="\x1b[2J"),
        lambda: LeaderEntry(election="x", term=1, address="a" * 301),
        lambda: LeaderEntry(election="x", term=1, metadata={"key": "x" * 2_048}),
        lambda: Subscribe(version=1, source_cluster_id=b"short"),
        lambda: Subscribe(version=1, stream=b"short"),
        lambda: Subscribe(version=1, revision=-1),
        lambda: Applied(messages=-1, revision=0, sent=0),
        lambda: SealRequest(successor="x" * 501),
        lambda: SealRequest(successor="x\n! forged"),
        lambda: replace(WELCOME, cluster_id=b""),
        lambda: replace(WELCOME, stream=b"short"),
        lambda: SourceRefusal(code="x", text="x" * 501),
        lambda: SnapshotPart(revision=1, total=0, first=0, entries=()),
        lambda: SnapshotPart(revision=1, total=1, first=1, entries=(LEADER,)),
        lambda: SnapshotPart(revision=1, total=100_002, first=0, entries=(LEADER,)),
        lambda: Changes(first=0, entries=(LEADER,)),
        lambda: Changes(first=1, entries=()),
        lambda: Changes(first=1, entries=(LEADER,) * 513),
        lambda: SourceHeartbeat(revision=1, sent=2, age_ns=-1),
        lambda: SealAnswer(outcome="sealed", highest_term=2**53),
    ],
)
def test_values_out_of_bounds_are_refused(make):
    with pytest.raises(ValueError, match=r"allowed|needed"):
        make()


@pytest.mark.parametrize(
    "largest",
    [LoggedChange(1, "", configuration=LARGEST), LoggedChange(1, "e" * 64, 2**53 - 1, WIDE)],
)
@pytest.mark.parametrize("small", [0, 5, 200])
def test_the_largest_message_fits_in_a_frame(largest: LoggedChange, small: int):
    """And its size is about that of its entries."""
    changes = [LoggedChange(1, "x", 1, Leader(node_id="a", term=1))] * small + [largest] * 9
    entries, size = entries_of(changes, lambda _: None)
    payload = CODEC.encode(SnapshotPart(revision=2**63 - 1, total=100_001, first=99_000, entries=entries))
    assert len(entries) < len(changes)
    assert len(payload) <= size <= 1.5 * len(payload)
    assert size < DEFAULT_LIMITS.frame_bytes_max
