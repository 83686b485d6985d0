"""Recordings of the bytes on the wire: every later version must still read them.

Each is a file of lines `name: bytes in hex`. `python -m tests.corpus.record` writes down what is said today as the next
one, if that differs from the latest. That is done at a release: what was never released may be deleted and recorded
anew, what was released stays for as long as its version is spoken.
"""

import sys
from pathlib import Path

from tests.corpus.messages import CONVERSATIONS, MESSAGES, codec_of

FOLDER = Path(__file__).parent


def recordings() -> list[Path]:
    """Return the recordings, the oldest first."""
    return sorted(FOLDER.glob("recorded_*.txt"))


def read(path: Path) -> dict[str, bytes]:
    """Return the values that a recording holds, by name."""
    lines = path.read_text(encoding="ascii").splitlines()
    return {name: bytes.fromhex(data) for name, data in (line.split(": ") for line in lines)}


def today() -> dict[str, bytes]:
    """Return the bytes that this version sends, by name."""
    said = {name: codec_of(message).encode(message) for name, message in MESSAGES.items()}
    for name, conversation in CONVERSATIONS.items():
        said[f"{name}, dialer"], said[f"{name}, acceptor"] = conversation.speak()
    return said


def record() -> Path | None:
    """Write the next recording and return its path, or None if the latest is complete."""
    known = recordings()
    if known and read(known[-1]) == today():
        return None
    path = FOLDER / f"recorded_{len(known) + 1:03}.txt"
    path.write_text("".join(f"{name}: {data.hex()}\n" for name, data in today().items()), encoding="ascii")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{record() or 'the latest recording says what is said today'}\n")
