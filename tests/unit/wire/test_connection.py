from collections.abc import Callable
from dataclasses import dataclass, replace

import cbor2
import pytest

from wire.protocol.codec import Codec
from wire.protocol.connection import Connection, Phase
from wire.protocol.frame import KEEPALIVE, frame
from wire.protocol.handshake import HELLO_BYTES_MAX, MAGIC, Bye, Reject, hello, welcome
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.wire_errors import (
    EncodeError,
    FrameError,
    MagicError,
    OrderError,
    PayloadError,
    Refusal,
    RejectCode,
    RemoteFault,
    StateError,
    TruncatedError,
    UnknownKindError,
)

FRAME_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str


CODEC = Codec(Note, Bye)
ANN = Identity(cluster="c", node="ann", incarnation=1, store=bytes(16))
BOB = Identity(cluster="c", node="bob", incarnation=1, store=bytes(16))
HELLO = hello(ANN, to="bob", number=LinkNumber(1, 1), kind="peer", local="a:1", remote="b:2")
WELCOME = welcome(BOB, HELLO, local="b:2", remote="a:1")
REJECT = Reject.of(Refusal(RejectCode.FULL, "full", is_retryable=True))


def dialer() -> Connection:
    return Connection(CODEC, FRAME_BYTES_MAX, is_dialer=True)


def acceptor() -> Connection:
    return Connection(CODEC, FRAME_BYTES_MAX, is_dialer=False)


def opened() -> tuple[Connection, Connection]:
    """Both ends after the handshake."""
    dialing, accepting = dialer(), acceptor()
    assert list(accepting.receive(dialing.greet(HELLO))) == [HELLO]
    assert list(dialing.receive(accepting.accept(WELCOME))) == [WELCOME]
    return dialing, accepting


def test_a_life_from_hello_to_bye() -> None:
    dialing, accepting = opened()
    assert (dialing.phase, accepting.phase) == (Phase.OPEN, Phase.OPEN)
    data = dialing.send(Note(text="1")) + dialing.keepalive() + dialing.send(Note(text="2")) + dialing.close("done")
    assert list(accepting.receive(data)) == [Note(text="1"), Note(text="2"), Bye(reason="done")]
    accepting.receive_end()
    assert dialing.phase is Phase.CLOSED


def test_the_same_life_byte_by_byte() -> None:
    dialing, accepting = dialer(), acceptor()
    heard = [message for byte in dialing.greet(HELLO) for message in accepting.receive(bytes([byte]))]
    assert heard == [HELLO]
    answers = [message for byte in accepting.accept(WELCOME) for message in dialing.receive(bytes([byte]))]
    assert answers == [WELCOME]
    told = [message for byte in dialing.send(Note(text="1")) for message in accepting.receive(bytes([byte]))]
    assert told == [Note(text="1")]


def test_a_rejected_dialer_hears_why() -> None:
    dialing, accepting = dialer(), acceptor()
    list(accepting.receive(dialing.greet(HELLO)))
    assert list(dialing.receive(accepting.reject(REJECT))) == [REJECT]
    assert dialing.phase is accepting.phase is Phase.CLOSED
    dialing.receive_end()


def test_an_acceptor_may_reject_before_a_hello_and_after_garbage() -> None:
    assert acceptor().reject(REJECT).startswith(MAGIC)
    accepting = acceptor()
    with pytest.raises(PayloadError):
        list(accepting.receive(MAGIC + frame(b"\xff", 8)))
    assert accepting.reject(REJECT).startswith(MAGIC)


def test_a_wrong_magic_ends_it_at_the_first_wrong_byte() -> None:
    accepting = acceptor()
    assert list(accepting.receive(MAGIC[:3])) == []
    with pytest.raises(MagicError):
        list(accepting.receive(b"X"))
    assert accepting.phase is Phase.BROKEN


def test_the_first_fault_is_the_one_that_stays() -> None:
    accepting = acceptor()
    with pytest.raises(MagicError) as first:
        list(accepting.receive(b"GET / HTTP/1.1\r\n"))
    with pytest.raises(RemoteFault) as again:
        list(accepting.receive(dialer().greet(HELLO)))
    assert again.value is first.value


def test_what_came_before_a_fault_is_given_first() -> None:
    dialing, accepting = opened()
    received = accepting.receive(dialing.send(Note(text="1")) + frame(b"\xff", 8))
    assert next(received) == Note(text="1")
    with pytest.raises(PayloadError):
        next(received)
    assert accepting.phase is Phase.BROKEN


def test_a_kind_of_a_later_version_is_passed_over() -> None:
    dialing, accepting = opened()
    later = frame(cbor2.dumps(["later", 1]), FRAME_BYTES_MAX)
    first, second = accepting.receive(later + dialing.send(Note(text="1")))
    assert isinstance(first, UnknownKindError)
    assert second == Note(text="1")
    assert accepting.phase is Phase.OPEN


@pytest.mark.parametrize("data", [KEEPALIVE, KEEPALIVE[:1], frame(CODEC.encode(Note(text="1")), FRAME_BYTES_MAX)])
def test_an_acceptor_that_speaks_after_its_welcome_is_at_fault(data: bytes) -> None:
    dialing, _ = opened()
    with pytest.raises(OrderError):
        list(dialing.receive(data))


def test_also_when_it_speaks_in_the_same_breath() -> None:
    dialing, accepting = dialer(), acceptor()
    list(accepting.receive(dialing.greet(HELLO)))
    received = dialing.receive(accepting.accept(WELCOME) + b"\0")
    assert next(received) == WELCOME
    with pytest.raises(OrderError):
        next(received)


def test_a_dialer_that_says_two_hellos_is_at_fault() -> None:
    accepting = acceptor()
    said = dialer().greet(HELLO)
    received = accepting.receive(said + said[len(MAGIC) :])
    assert next(received) == HELLO
    with pytest.raises(OrderError):
        next(received)


def test_a_dialer_that_does_not_wait_for_its_answer_is_at_fault() -> None:
    accepting = acceptor()
    received = accepting.receive(dialer().greet(HELLO) + KEEPALIVE[:1])
    assert next(received) == HELLO
    with pytest.raises(OrderError):
        next(received)


@pytest.mark.parametrize("answer", [REJECT, WELCOME])
def test_an_acceptor_lacks_a_hello_only(answer: object) -> None:
    other = acceptor()
    list(other.receive(dialer().greet(HELLO)))
    said = other.accept(WELCOME) if answer is WELCOME else other.reject(REJECT)
    with pytest.raises(OrderError):
        list(acceptor().receive(said))


def test_a_dialer_takes_no_hello_for_an_answer() -> None:
    dialing = dialer()
    said = dialing.greet(HELLO)
    with pytest.raises(OrderError):
        list(dialing.receive(said))


def test_a_message_is_no_handshake() -> None:
    with pytest.raises(UnknownKindError):
        list(acceptor().receive(MAGIC + frame(CODEC.encode(Note(text="1")), FRAME_BYTES_MAX)))


def test_a_keepalive_is_no_handshake() -> None:
    with pytest.raises(PayloadError):
        list(acceptor().receive(MAGIC + KEEPALIVE))


def test_strangers_get_smaller_frames_than_peers() -> None:
    with pytest.raises(FrameError):
        list(acceptor().receive(MAGIC + (HELLO_BYTES_MAX + 1).to_bytes(4, "big")))
    dialing, accepting = opened()
    long = Note(text="x" * 2 * HELLO_BYTES_MAX)
    assert list(accepting.receive(dialing.send(long))) == [long]


def test_message_that_cannot_be_sent_changes_nothing() -> None:
    dialing, accepting = opened()
    for wrong in (Note(text="x" * FRAME_BYTES_MAX), HELLO):
        with pytest.raises(EncodeError):
            dialing.send(wrong)
    assert list(accepting.receive(dialing.send(Note(text="1")))) == [Note(text="1")]


def test_the_end_of_the_stream_inside_the_handshake() -> None:
    dialing, accepting = dialer(), acceptor()
    with pytest.raises(TruncatedError):
        accepting.receive_end()
    list(accepting.receive(dialing.greet(HELLO)))
    for connection in (dialing, accepting):
        with pytest.raises(TruncatedError):
            connection.receive_end()


def test_the_end_of_the_stream_inside_a_frame() -> None:
    dialing, accepting = opened()
    list(accepting.receive(dialing.send(Note(text="1"))[:-1]))
    with pytest.raises(TruncatedError):
        accepting.receive_end()


def test_verbs_in_a_wrong_phase_change_nothing() -> None:
    dialing, accepting = dialer(), acceptor()
    early: list[Callable[[], bytes]] = [
        lambda: dialing.send(Note(text="1")),
        dialing.keepalive,
        lambda: dialing.close(""),
        lambda: dialing.accept(WELCOME),
        lambda: dialing.reject(REJECT),
        lambda: accepting.greet(HELLO),
        lambda: accepting.accept(WELCOME),
    ]
    for verb in early:
        with pytest.raises(StateError):
            verb()
    list(accepting.receive(dialing.greet(HELLO)))
    with pytest.raises(StateError):
        dialing.greet(HELLO)
    list(dialing.receive(accepting.accept(WELCOME)))
    late: list[Callable[[], bytes]] = [
        lambda: accepting.send(Note(text="1")),
        accepting.keepalive,
        lambda: accepting.reject(REJECT),
        lambda: accepting.accept(WELCOME),
    ]
    for verb in late:
        with pytest.raises(StateError):
            verb()
    assert list(accepting.receive(dialing.send(Note(text="1")))) == [Note(text="1")]


def two_way() -> tuple[Connection, Connection]:
    """Both ends after a handshake that lets both speak."""
    dialing, accepting = dialer(), acceptor()
    said = replace(HELLO, is_two_way=True)
    assert list(accepting.receive(dialing.greet(said))) == [said]
    assert list(dialing.receive(accepting.accept(WELCOME))) == [WELCOME]
    return dialing, accepting


def test_both_ends_of_a_two_way_link_send_receive_and_say_bye() -> None:
    for one, other in (two_way(), two_way()[::-1]):
        data = one.send(Note(text="1")) + one.keepalive() + one.close("done")
        assert list(other.receive(data)) == [Note(text="1"), Bye(reason="done")]
        assert one.phase is Phase.CLOSED
        assert list(one.receive(other.send(Note(text="2")))) == [Note(text="2")], "who has said Bye still hears"
        with pytest.raises(StateError):
            one.send(Note(text="3"))
        other.receive_end()


def test_messages_right_after_a_welcome_arrive_on_a_two_way_link() -> None:
    dialing, accepting = dialer(), acceptor()
    list(accepting.receive(dialing.greet(replace(HELLO, is_two_way=True))))
    data = accepting.accept(WELCOME) + accepting.send(Note(text="1"))
    assert list(dialing.receive(data)) == [WELCOME, Note(text="1")]


def test_who_broke_a_two_way_link_can_still_be_told() -> None:
    for one, other in (two_way(), two_way()[::-1]):
        with pytest.raises(PayloadError):
            list(one.receive(frame(b"\xff", 8)))
        assert one.phase is Phase.BROKEN
        assert list(other.receive(one.close("payload"))) == [Bye(reason="payload")]
    dialing, _ = opened()
    with pytest.raises(OrderError):
        list(dialing.receive(KEEPALIVE))
    with pytest.raises(StateError):
        dialing.close("a one-way link has nobody to tell")


def test_a_bye_stays_the_last_word_when_the_link_breaks_after_it() -> None:
    for one, _ in (two_way(), two_way()[::-1]):
        one.close("done")
        with pytest.raises(PayloadError):
            list(one.receive(frame(b"\xff", 8)))
        with pytest.raises(StateError):
            one.send(Note(text="1"))
