import pytest

from wire.protocol.frame import KEEPALIVE, Deframer, frame
from wire.protocol.wire_errors import EncodeError, FrameError


def test_a_frame_is_a_big_endian_length_and_the_payload() -> None:
    assert frame(b"abc", 3) == b"\x00\x00\x00\x03abc"


@pytest.mark.parametrize("payload", [b"", b"abcd"])
def test_an_empty_or_long_payload_is_this_ends_fault(payload: bytes) -> None:
    with pytest.raises(EncodeError):
        frame(payload, 3)


def test_frames_come_out_in_order_a_keepalive_as_nothing() -> None:
    deframer = Deframer(8)
    assert list(deframer.feed(frame(b"one", 8) + KEEPALIVE + frame(b"two", 8))) == [b"one", b"", b"two"]
    assert not deframer.is_inside_frame


def test_a_frame_split_at_every_byte() -> None:
    deframer = Deframer(8)
    pieces = [list(deframer.feed(bytes([byte]))) for byte in frame(b"abc", 8)]
    assert pieces == [[], [], [], [], [], [], [b"abc"]]


def test_the_longest_frame_passes_and_one_byte_more_does_not() -> None:
    assert list(Deframer(3).feed(frame(b"abc", 3))) == [b"abc"]
    with pytest.raises(FrameError, match="4 bytes is announced; 3 are allowed"):
        list(Deframer(3).feed(frame(b"abcd", 4)))


def test_four_gibibytes_are_refused_on_their_header_alone() -> None:
    deframer = Deframer(65_536)
    assert list(deframer.feed(b"\xff\xff\xff")) == []
    with pytest.raises(FrameError):
        list(deframer.feed(b"\xff"))


def test_what_came_before_a_bad_length_is_given_first() -> None:
    feed = Deframer(3).feed(frame(b"abc", 3) + b"\xff" * 4)
    assert next(feed) == b"abc"
    with pytest.raises(FrameError):
        next(feed)


def test_inside_a_frame_from_its_first_byte_to_its_last() -> None:
    deframer = Deframer(8)
    assert not deframer.is_inside_frame
    for byte in frame(b"ab", 8)[:-1]:
        list(deframer.feed(bytes([byte])))
        assert deframer.is_inside_frame
    assert list(deframer.feed(b"b")) == [b"ab"]
    assert not deframer.is_inside_frame
