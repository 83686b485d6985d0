import pytest

from wire.protocol.receive_rate import BYTES_MAX, FRAMES_MAX, ReceiveRate
from wire.protocol.wire_errors import FloodError


def test_a_second_has_room_for_so_many_frames_and_no_more() -> None:
    rate = ReceiveRate(7, 0.0)
    rate.note_received(7 + FRAMES_MAX, 10, 0.5)
    with pytest.raises(FloodError, match="101 frames"):
        rate.note_received(8 + FRAMES_MAX, 10, 0.9)


def test_each_second_begins_anew() -> None:
    rate = ReceiveRate(0, 0.0)
    for second in range(1, 10):
        rate.note_received(second * FRAMES_MAX, BYTES_MAX, second * 1.0)


def test_bytes_are_bounded_as_well() -> None:
    rate = ReceiveRate(0, 0.0)
    rate.note_received(0, BYTES_MAX, 0.1)
    with pytest.raises(FloodError, match="262145 bytes"):
        rate.note_received(0, 1, 0.2)
