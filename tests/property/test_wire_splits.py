"""A whole talk, plain and keyed, cut at every byte, cut short at every byte, and followed by what must end it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import Listening, _framed, _sealed
from tests.fuzz.traffic import FRAME_BYTES_MAX, MESSAGES, MODES, SAID, TAPES, Mode, end
from wire.handshake import MAGIC
from wire.seal import TAG_BYTES

HEARD = list(MESSAGES)


def said(mode: Mode, *, by_dialer: bool = True) -> list[bytes]:
    """Every piece that may not be torn: the magic with the first frame, then each frame."""
    tape = TAPES[mode]
    first = (tape.hello, *tape.proofs[0]) if by_dialer else (tape.welcome, *tape.proofs[1])
    after = list(SAID) if by_dialer or mode.is_two_way else []
    speaker = tape.dialer if by_dialer else tape.acceptor
    parts = [*map(_framed, first), *_sealed(mode, after, speaker)]
    return [MAGIC + parts[0], *parts[1:]]


def heard(mode: Mode, pieces: list[bytes], *, by_dialer: bool = True) -> Listening:
    listening = Listening(end(mode, is_dialer=not by_dialer), mode)
    listening.feed(pieces)
    return listening


CASES = [pytest.param(mode, by_dialer, id=f"{mode}-{by_dialer}") for mode in MODES for by_dialer in (True, False)]


@pytest.mark.parametrize(("mode", "by_dialer"), CASES)
def test_a_talk_cut_at_any_byte_is_heard_whole(mode: Mode, by_dialer: bool) -> None:
    stream = b"".join(said(mode, by_dialer=by_dialer))
    wanted = HEARD if by_dialer or mode.is_two_way else []
    cuts = [[stream[:place], stream[place:]] for place in range(len(stream) + 1)]
    for pieces in [*cuts, [bytes([byte]) for byte in stream]]:
        listening = heard(mode, [piece for piece in pieces if piece], by_dialer=by_dialer)
        assert (listening.outcome, listening.heard) == ("ok", wanted)


@pytest.mark.parametrize("mode", MODES)
def test_a_talk_cut_short_gives_what_was_whole_and_a_typed_error_unless_it_ends_with_a_frame(mode: Mode) -> None:
    parts = said(mode)
    ends = [sum(map(len, parts[:count])) for count in range(len(parts) + 1)]
    silent = len(parts) - len(MESSAGES)
    for place in range(ends[-1] + 1):
        listening = heard(mode, [b"".join(parts)[:place]])
        whole = max(0, sum(each <= place for each in ends) - 1 - silent)
        assert listening.heard == HEARD[:whole]
        is_end = place in ends and ends.index(place) >= silent
        assert listening.outcome == ("ok" if is_end else "truncated")


@given(st.sampled_from(MODES), st.binary(min_size=1, max_size=60))
def test_garbage_after_a_talk_is_never_a_message_of_a_keyed_one_and_always_a_typed_error(
    mode: Mode, garbage: bytes
) -> None:
    listening = heard(mode, [b"".join(said(mode)) + garbage])
    assert listening.heard[: len(HEARD)] == HEARD
    if mode.is_keyed:
        assert listening.heard == HEARD
        assert listening.outcome in ("truncated", "frame_too_long", "tag")


@pytest.mark.parametrize("mode", MODES)
def test_the_longest_frame_is_taken_and_one_byte_more_is_refused_at_its_length(mode: Mode) -> None:
    bound = FRAME_BYTES_MAX + (TAG_BYTES if mode.is_keyed else 0)
    start = b"".join(said(mode))
    fits = heard(mode, [start, bound.to_bytes(4, "big")])
    assert fits.outcome == "truncated"
    over = heard(mode, [start, (bound + 1).to_bytes(4, "big")])
    assert (over.outcome, over.heard) == ("frame_too_long", HEARD)
