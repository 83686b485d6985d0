"""TLS records into a TlsChannel: an OpenSSL end, right or wrong, and bytes that change on the way."""

import contextlib
import functools
import random
import ssl
import tempfile
from pathlib import Path

from tests.certificates import Authority
from tests.fuzz import mutation
from tests.fuzz.traffic import SAID, some
from tests.fuzz.wrong import need
from wire.common.deadline import Deadline
from wire.io.tls_channel import TlsChannel
from wire.protocol.wire_errors import Refusal, RemoteFault
from wire.security.credentials import TlsCredentials

HANDSHAKE_S = 60.0
STEPS_MAX = 100
"""Far more than a handshake and a few messages take: an end that reads more often than this hangs."""


class Other:
    """The other end as a socket: what is sent to it, it takes, and what it answers can be received, changed or not.

    Args:
        context: what it shows, and whom it believes.
        said: what it says after the handshake, before it closes.
        place: of its answers, the one that is changed.
    """

    def __init__(
        self, rng: random.Random, context: ssl.SSLContext, said: bytes, place: int, *, is_dialer: bool
    ) -> None:
        self._rng = rng
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=not is_dialer)
        self._said = said
        self._place = place
        self._answer = b""
        self._steps = 0
        self.is_changed = False

    def settimeout(self, _: float | None) -> None:
        """Ignore the timeout: this socket always answers at once."""

    def sendall(self, data: bytes) -> None:
        self._incoming.write(data)

    def send(self, data: bytes, _: int = 0) -> int:
        return self._incoming.write(data)

    def recv(self, size: int, _: int = 0) -> bytes:
        """The next bytes of its answer; b"" when it has no more."""
        self._steps += 1
        need(self._steps < STEPS_MAX, "an end that reads for ever")
        if not self._answer:
            self._answer = self._next()
        size = self._rng.randrange(1, size) if self._rng.random() < 0.1 else size
        data, self._answer = self._answer[:size], self._answer[size:]
        return data

    def _next(self) -> bytes:
        with contextlib.suppress(ssl.SSLError):
            self._tls.do_handshake()
            self._tls.write(self._said)
            self._said = b""
        answer = self._outgoing.read()
        self._place -= 1
        if self._place or not answer:
            return answer
        changed = mutation.blind(self._rng, answer, [answer])
        self.is_changed = changed != answer
        return changed


@functools.cache
def ends() -> dict[str, TlsCredentials]:
    """Return the right ends, and those of a stranger."""
    with tempfile.TemporaryDirectory() as directory:
        ours, theirs = (Authority(Path(directory) / name) for name in ("ours", "theirs"))
        found = {"ann": ours.tls("ann"), "bob": ours.tls("bob"), "another's": theirs.tls("ann"), "cid": ours.tls("cid")}
        made = {name: tls.credentials.tls for name, tls in found.items()}
    return {name: credentials for name, credentials in made.items() if credentials is not None}


def encrypted(rng: random.Random) -> str:
    """Some of what is said, through TLS, with one flight of it changed or none.

    Its keys are fresh each time, and with them the bytes: what it draws must not move the inputs after it.
    """
    rng = random.Random(rng.random())
    is_dialer, name = rng.random() < 0.5, rng.choice(("ann", "ann", "ann", "ann", "another's", "cid"))
    said = b"".join(some(rng))
    theirs = ends()[name]._accepting if is_dialer else ends()[name]._dialing
    other = Other(rng, theirs, said, rng.randrange(4), is_dialer=not is_dialer)
    channel = ends()["bob"].channel(other, is_dialer=is_dialer)  # type: ignore[arg-type]  # all of a socket that it uses
    heard: list[bytes] = []
    try:
        _hear(channel, heard)
    except RemoteFault as fault:
        need(other.is_changed or name == "another's", f"a good talk ends: {fault}")
        outcome = fault.reason
    except Refusal as refusal:
        need(name == "cid", "the right one is refused")
        outcome = refusal.reason
    else:
        outcome = "ok"
        need(name == "ann", "a stranger is let in")
        need(other.is_changed or b"".join(heard) == said, "bytes were lost")
    need(said.startswith(b"".join(heard)), "what was heard was not said")
    return outcome


def _hear(channel: TlsChannel, heard: list[bytes]) -> None:
    deadline = Deadline(HANDSHAKE_S)
    channel.shake_hands(deadline)
    channel.review("ann", "c")
    channel.write(SAID[0])  # with it goes what a dialer has to say yet in the handshake
    while data := channel.read_before(deadline) if not heard else channel.read():
        heard.append(data)
