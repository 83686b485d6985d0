"""A whole talk, plain and keyed, cut at every byte, cut short at every byte, and followed by what must end it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpus.messages import CONVERSATIONS, LINK
from tests.fuzz.targets import Listening, _framed, _signed
from tests.fuzz.traffic import FRAME_BYTES_MAX, SAID, TALKS, Talk
from wire.protocol.frame_auth import TAG_BYTES
from wire.protocol.handshake import MAGIC

HEARD = [LINK.decode(each) for each in SAID]


def said(talk: Talk, *, by_dialer: bool = True) -> list[bytes]:
    """Every piece that may not be torn: the magic with the first frame, then each frame."""
    first, speaker = (talk.onward, talk.dialer) if by_dialer else (talk.back, talk.acceptor)
    after = list(SAID) if by_dialer or talk.conversation.said.is_two_way else []
    parts = [*map(_framed, first), *_signed(talk, after, speaker)]
    return [MAGIC + parts[0], *parts[1:]]


def heard(talk: Talk, pieces: list[bytes], *, by_dialer: bool = True) -> Listening:
    listening = Listening(talk.end(is_dialer=not by_dialer), talk)
    listening.feed(pieces)
    return listening


CASES = [
    pytest.param(talk, by_dialer, id=f"{name}-{'dialer' if by_dialer else 'acceptor'}")
    for name, talk in zip(CONVERSATIONS, TALKS, strict=True)
    for by_dialer in (True, False)
]


@pytest.mark.parametrize(("talk", "by_dialer"), CASES)
def test_a_talk_cut_at_any_byte_is_heard_whole(talk: Talk, by_dialer: bool) -> None:
    stream = b"".join(said(talk, by_dialer=by_dialer))
    wanted = HEARD if by_dialer or talk.conversation.said.is_two_way else []
    cuts = [[stream[:place], stream[place:]] for place in range(len(stream) + 1)]
    for pieces in [*cuts, [bytes([byte]) for byte in stream]]:
        listening = heard(talk, [piece for piece in pieces if piece], by_dialer=by_dialer)
        assert (listening.outcome, listening.heard) == ("ok", wanted)


@pytest.mark.parametrize("talk", TALKS, ids=CONVERSATIONS)
def test_cut_talk_gives_whole_messages_and_a_typed_error(talk: Talk) -> None:
    parts = said(talk)
    ends = [sum(map(len, parts[:count])) for count in range(len(parts) + 1)]
    silent = len(parts) - len(HEARD)
    for place in range(ends[-1] + 1):
        listening = heard(talk, [b"".join(parts)[:place]])
        whole = max(0, sum(each <= place for each in ends) - 1 - silent)
        assert listening.heard == HEARD[:whole]
        is_end = place in ends and ends.index(place) >= silent
        assert listening.outcome == ("ok" if is_end else "truncated")


@given(st.sampled_from(TALKS), st.binary(min_size=1, max_size=60))
def test_garbage_after_a_talk_is_a_typed_error(talk: Talk, garbage: bytes) -> None:
    listening = heard(talk, [b"".join(said(talk)) + garbage])
    assert listening.heard[: len(HEARD)] == HEARD
    if talk.is_keyed:
        assert listening.heard == HEARD
        assert listening.outcome in ("truncated", "frame_too_long", "tag")


@pytest.mark.parametrize("talk", TALKS, ids=CONVERSATIONS)
def test_frame_one_byte_too_long_is_refused_at_its_length(talk: Talk) -> None:
    bound = FRAME_BYTES_MAX + (TAG_BYTES if talk.is_keyed else 0)
    start = b"".join(said(talk))
    fits = heard(talk, [start, bound.to_bytes(4, "big")])
    assert fits.outcome == "truncated"
    over = heard(talk, [start, (bound + 1).to_bytes(4, "big")])
    assert (over.outcome, over.heard) == ("frame_too_long", HEARD)
