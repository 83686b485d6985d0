"""Whatever is done to a keyed connection's bytes, an end hears what the other one said, in its order, or a fault."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from wire.protocol.codec import Codec
from wire.protocol.connection import Connection, Phase
from wire.protocol.handshake import Bye, Hello, hello, judge_hello, judge_welcome, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.keys import Key, KeyRing
from wire.protocol.wire_errors import Refusal, RemoteFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str


CODEC = Codec(Note, Bye)
RING = KeyRing([Key(bytes(32))])
ANN = Identity(cluster="c", node="ann", incarnation=1, store=bytes(16))
BOB = Identity(cluster="c", node="bob", incarnation=1, store=bytes(16))
NOTES = st.lists(st.builds(Note, text=st.text(max_size=20)), min_size=1, max_size=6)
PLACES = st.integers(0, 100_000)
Change = Callable[[bytes], bytes]


def unchanged(data: bytes) -> bytes:
    return data


def flipping(place: int, bit: int) -> Change:
    def flip(data: bytes) -> bytes:
        place_there = place % len(data)
        return data[:place_there] + bytes([data[place_there] ^ 1 << bit]) + data[place_there + 1 :]

    return flip


def shaken(
    seed: int = 0, changes: tuple[Change, Change, Change] = (unchanged,) * 3, *, is_two_way: bool = False
) -> tuple[Connection, Connection]:
    """Both ends after a handshake, whose three flights were changed under way; the first fault is raised."""
    nonces = (seed.to_bytes(32, "big"), (seed + 1).to_bytes(32, "big"))
    dialing = Connection(CODEC, 65_536, is_dialer=True, ring=RING)
    accepting = Connection(CODEC, 65_536, is_dialer=False, ring=RING)
    said = hello(
        ANN,
        to="bob",
        number=LinkNumber(1, 1),
        kind="peer",
        local="a:1",
        remote="b:2",
        nonce=nonces[0],
        ring=RING,
        is_two_way=is_two_way,
    )
    heard = next(pass_on(accepting, changes[0](dialing.greet(said))), None)
    assert isinstance(heard, Hello)
    judge_hello(heard, BOB, kinds=["peer"], two_way=["peer"], is_known_peer=lambda node: node == "ann", ring=RING)
    answer = accepting.accept(welcome(BOB, heard, local="b:2", remote="a:1", nonce=nonces[1], ring=RING))
    answered = next(pass_on(dialing, changes[1](answer)), None)
    judge_welcome(answered, to="bob")  # type: ignore[arg-type]
    assert len(list(pass_on(accepting, changes[2](dialing.prove())))) == 1
    return dialing, accepting


def pass_on(end: Connection, data: bytes) -> Iterator[object]:
    """Yield the messages that the end receives in the data, then end the stream."""
    yield from end.receive(data)
    if end.phase not in (Phase.DECISION, Phase.OPEN):
        end.receive_end()


def frames(dialing: Connection, notes: list[Note]) -> list[bytes]:
    return [dialing.send(note) for note in notes] + [dialing.keepalive()]


def heard_until_a_fault(accepting: Connection, data: bytes) -> tuple[list[object], bool]:
    """Return the received messages, and whether a fault ended them."""
    heard: list[object] = []
    try:
        for message in accepting.receive(data):
            heard.append(message)
        accepting.receive_end()
    except RemoteFault as fault:
        assert fault.reason != RemoteFault.reason
        return heard, True
    return heard, False


@given(st.integers(0, 2), PLACES, st.integers(0, 7))
@settings(max_examples=300)
def test_a_bit_flipped_anywhere_in_the_handshake_lets_nobody_in(flight: int, place: int, bit: int) -> None:
    changes = [unchanged, unchanged, unchanged]
    changes[flight] = flipping(place, bit)
    try:
        shaken(changes=tuple(changes))  # type: ignore[arg-type]
    except (RemoteFault, Refusal):
        return
    raise AssertionError("both ends are open")


@given(NOTES, PLACES, st.integers(0, 7))
@settings(max_examples=300)
def test_flipped_bit_ends_the_connection_before_a_message(notes: list[Note], place: int, bit: int) -> None:
    dialing, accepting = shaken()
    heard, is_fault = heard_until_a_fault(accepting, flipping(place, bit)(b"".join(frames(dialing, notes))))
    assert is_fault
    assert heard == notes[: len(heard)]


@given(NOTES, st.lists(PLACES, min_size=1, max_size=8))
def test_first_frame_out_of_order_ends_the_connection(notes: list[Note], places: list[int]) -> None:
    dialing, accepting = shaken()
    said = frames(dialing, notes)
    order = [place % len(said) for place in places]
    right = next((count for count, place in enumerate(order) if place != count), len(order))
    heard, is_fault = heard_until_a_fault(accepting, b"".join(said[place] for place in order))
    assert is_fault is (right < len(order))
    assert heard == notes[:right]


@given(NOTES, PLACES)
def test_cut_stream_gives_whole_messages_and_an_error(notes: list[Note], place: int) -> None:
    dialing, accepting = shaken()
    said = frames(dialing, notes)
    ends = [sum(len(each) for each in said[:count]) for count in range(len(said) + 1)]
    cut = place % (ends[-1] + 1)
    heard, is_fault = heard_until_a_fault(accepting, b"".join(said)[:cut])
    assert heard == notes[: sum(end <= cut for end in ends) - 1]
    assert is_fault is (cut not in ends)


@given(NOTES, PLACES, st.integers(2, 2**64))
def test_frame_of_another_connection_is_forged(notes: list[Note], place: int, seed: int) -> None:
    (dialing, accepting), (other, _) = shaken(), shaken(seed)
    said, theirs = frames(dialing, notes), frames(other, notes)
    spliced = place % len(said)
    said[spliced] = theirs[spliced]
    heard, is_fault = heard_until_a_fault(accepting, b"".join(said))
    assert is_fault
    assert heard == notes[:spliced]


@given(NOTES, st.integers(2, 2**64))
def test_a_recorded_connection_said_again_is_never_let_in(notes: list[Note], seed: int) -> None:
    """All that a dialer said, to the same acceptor: the nonce of its Welcome is another one."""
    recorded: list[bytes] = []

    def record(data: bytes) -> bytes:
        recorded.append(data)
        return data

    dialing, _ = shaken(changes=(record, unchanged, record))
    recorded.append(b"".join(frames(dialing, notes)))
    again = Connection(CODEC, 65_536, is_dialer=False, ring=RING)
    (said,) = again.receive(recorded[0])
    assert isinstance(said, Hello)
    again.accept(welcome(BOB, said, local="b:2", remote="a:1", nonce=seed.to_bytes(32, "big"), ring=RING))
    heard, is_fault = heard_until_a_fault(again, b"".join(recorded[1:]))
    assert is_fault
    assert heard == []


@given(NOTES, st.booleans(), st.booleans())
def test_what_an_end_said_is_not_taken_when_it_is_turned_round(
    notes: list[Note], is_two_way: bool, is_dialer: bool
) -> None:
    ends = shaken(is_two_way=is_two_way)
    victim = ends[0 if is_dialer or not is_two_way else 1]
    heard, is_fault = heard_until_a_fault(victim, b"".join(frames(victim, notes)))
    assert is_fault
    assert heard == []


@given(NOTES, NOTES)
def test_two_directions_count_each_for_itself(forth: list[Note], back: list[Note]) -> None:
    dialing, accepting = shaken(is_two_way=True)
    assert heard_until_a_fault(accepting, b"".join(frames(dialing, forth))) == (forth, False)
    assert heard_until_a_fault(dialing, b"".join(frames(accepting, back))) == (back, False)
    assert heard_until_a_fault(accepting, b"".join(frames(dialing, back))) == (back, False)
