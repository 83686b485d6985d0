import pytest

from wire.protocol.frame_auth import TAG_BYTES, FrameAuthenticator, Session
from wire.protocol.keys import Key
from wire.protocol.wire_errors import ForgedError, ProofError

KEY = Key(bytes(32))


def pair() -> tuple[FrameAuthenticator, FrameAuthenticator]:
    """The two ends of one direction."""
    return FrameAuthenticator(bytes(64)), FrameAuthenticator(bytes(64))


def test_what_was_sealed_is_opened_in_its_order() -> None:
    making, checking = pair()
    for payload in (b"one", b"", b"one", b"x" * 70_000):
        sealed = making.close(payload)
        assert len(sealed) == len(payload) + TAG_BYTES
        assert checking.open(sealed) == payload


def test_a_repeated_frame_has_another_tag() -> None:
    making, _ = pair()
    assert making.close(b"one") != making.close(b"one")


@pytest.mark.parametrize("order", [(0, 0), (1,), (1, 0), (0, 2)])
def test_frames_out_of_order_are_forged(order: tuple[int, ...]) -> None:
    making, checking = pair()
    sealed = [making.close(b"same") for _ in range(3)]
    with pytest.raises(ForgedError):
        for place in order:
            checking.open(sealed[place])


@pytest.mark.parametrize("length", [0, 1, TAG_BYTES - 1, TAG_BYTES, TAG_BYTES + 1])
def test_a_cut_frame_is_forged_at_any_length(length: int) -> None:
    making, checking = pair()
    with pytest.raises(ForgedError):
        checking.open(making.close(b"a payload")[:length])


def test_the_two_directions_and_the_two_proofs_differ() -> None:
    session = Session(KEY, b"hello", b"welcome")
    assert session.proof(of_dialer=True) != session.proof(of_dialer=False)
    with pytest.raises(ForgedError):
        session.authenticator(of_dialer=False).open(session.authenticator(of_dialer=True).close(b"x"))


@pytest.mark.parametrize(
    "other",
    [
        Session(Key(bytes(33)), b"hello", b"welcome"),
        Session(KEY, b"hellO", b"welcome"),
        Session(KEY, b"hello", b"Welcome"),
    ],
    ids=["key", "hello", "welcome"],
)
def test_a_session_is_bound_to_key_hello_and_welcome(other: Session) -> None:
    session = Session(KEY, b"hello", b"welcome")
    session.check(session.proof(of_dialer=True), of_dialer=True)
    with pytest.raises(ProofError):
        session.check(other.proof(of_dialer=True), of_dialer=True)
    with pytest.raises(ForgedError):
        session.authenticator(of_dialer=True).open(other.authenticator(of_dialer=True).close(b"x"))


def test_nothing_shows_a_session() -> None:
    assert KEY.digest(b"wire1 session", b"hellowelcome", 64).hex()[:8] not in repr(Session(KEY, b"hello", b"welcome"))
    assert "00" not in repr(FrameAuthenticator(bytes(64))).partition(" at ")[0]
