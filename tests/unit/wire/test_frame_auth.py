import pytest

from wire.protocol.frame_auth import TAG_BYTES, FrameAuthenticator, SessionKey
from wire.protocol.keys import Key
from wire.protocol.wire_errors import ForgedError, ProofError

KEY = Key(bytes(32))


def pair() -> tuple[FrameAuthenticator, FrameAuthenticator]:
    """The two ends of one direction."""
    return FrameAuthenticator(bytes(64)), FrameAuthenticator(bytes(64))


def test_signed_frames_are_verified_in_their_order() -> None:
    making, checking = pair()
    for payload in (b"one", b"", b"one", b"x" * 70_000):
        signed = making.sign(payload)
        assert len(signed) == len(payload) + TAG_BYTES
        assert checking.verify(signed) == payload


def test_repeated_frame_has_another_tag() -> None:
    making, _ = pair()
    assert making.sign(b"one") != making.sign(b"one")


@pytest.mark.parametrize("order", [(0, 0), (1,), (1, 0), (0, 2)])
def test_frames_out_of_order_are_forged(order: tuple[int, ...]) -> None:
    making, checking = pair()
    signed = [making.sign(b"same") for _ in range(3)]
    with pytest.raises(ForgedError):
        for place in order:
            checking.verify(signed[place])


@pytest.mark.parametrize("length", [0, 1, TAG_BYTES - 1, TAG_BYTES, TAG_BYTES + 1])
def test_cut_frame_is_forged_at_any_length(length: int) -> None:
    making, checking = pair()
    with pytest.raises(ForgedError):
        checking.verify(making.sign(b"a payload")[:length])


def test_directions_and_proofs_differ() -> None:
    session_key = SessionKey(KEY, b"hello", b"welcome")
    assert session_key.proof(of_dialer=True) != session_key.proof(of_dialer=False)
    with pytest.raises(ForgedError):
        session_key.authenticator(of_dialer=False).verify(session_key.authenticator(of_dialer=True).sign(b"x"))


@pytest.mark.parametrize(
    "other",
    [
        SessionKey(Key(bytes(33)), b"hello", b"welcome"),
        SessionKey(KEY, b"hellO", b"welcome"),
        SessionKey(KEY, b"hello", b"Welcome"),
    ],
    ids=["key", "hello", "welcome"],
)
def test_session_key_is_bound_to_key_hello_and_welcome(other: SessionKey) -> None:
    session_key = SessionKey(KEY, b"hello", b"welcome")
    session_key.check_proof(session_key.proof(of_dialer=True), of_dialer=True)
    with pytest.raises(ProofError):
        session_key.check_proof(other.proof(of_dialer=True), of_dialer=True)
    with pytest.raises(ForgedError):
        session_key.authenticator(of_dialer=True).verify(other.authenticator(of_dialer=True).sign(b"x"))


def test_repr_shows_no_session_key() -> None:
    assert KEY.digest(b"wire1 session", b"hellowelcome", 64).hex()[:8] not in repr(
        SessionKey(KEY, b"hello", b"welcome")
    )
    assert "00" not in repr(FrameAuthenticator(bytes(64))).partition(" at ")[0]
