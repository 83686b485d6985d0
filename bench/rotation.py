"""Keys and certificates of a running cluster, replaced as an operator does it: by three steps, each taken node by node.

New ones are believed beside the old; then they are shown; then the old ones are believed no more.
"""

import contextlib
import io
import itertools
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from elect.cli import main as command

LINES = {
    "none": (),
    "key": ('key_file = "{0}.keys"',),
    "tls": ('tls = {{ certificate = "{0}.pem", key = "{0}.key", ca = "{0}.ca" }}',),
}


class Rotation:
    """What a cluster goes by: the first of it when this is made, and then never the same for long.

    Args:
        directory: where the nodes' files are.
        nodes: ids.
        security: `none`, `key` or `tls`.

    Attributes:
        security: which of them.
        turns: steps of one node each that were taken.
    """

    def __init__(self, directory: Path, nodes: Sequence[str], security: str) -> None:
        self.security = security
        self.turns = 0
        self._lines = LINES[security]
        self._moves = {"none": lambda *_: itertools.repeat(None), "key": _keys, "tls": _certificates}[security](
            directory, nodes
        )
        next(self._moves)

    def lines(self, node: str) -> list[str]:
        """What stands in the node's `[security]`."""
        return [line.format(node) for line in self._lines]

    def turn(self) -> None:
        """One node takes the next step."""
        next(self._moves)
        self.turns += 1


def _keys(directory: Path, nodes: Sequence[str]) -> Iterator[None]:
    def hold(*keys: str) -> Callable[[str], None]:
        return lambda node: _write(directory / f"{node}.keys", "\n".join(keys))

    old = secrets.token_hex(32)
    for node in nodes:
        hold(old)(node)
    yield
    while True:
        new = secrets.token_hex(32)
        for step in hold(old, new), hold(new, old), hold(new):
            yield from _taken(step, nodes)
        old = new


def _certificates(directory: Path, nodes: Sequence[str]) -> Iterator[None]:
    def believe(*authorities: Path) -> Callable[[str], None]:
        beliefs = "".join((each / "ca.pem").read_text() for each in authorities)
        return lambda node: _write(directory / f"{node}.ca", beliefs)

    def show(authority: Path) -> Callable[[str], None]:
        def swap(node: str) -> None:
            for suffix in "pem", "key":
                _write(directory / f"{node}.{suffix}", (authority / f"{node}.{suffix}").read_text())

        return swap

    authorities = (_authority(directory / f"authority-{number}", nodes) for number in itertools.count())
    old = next(authorities)
    for node in nodes:
        believe(old)(node)
        show(old)(node)
    yield
    while True:
        new = next(authorities)
        for step in believe(old, new), show(new), believe(new):
            yield from _taken(step, nodes)
        old = new


def _taken(step: Callable[[str], None], nodes: Sequence[str]) -> Iterator[None]:
    for node in nodes:
        step(node)
        yield


def _authority(directory: Path, nodes: Sequence[str]) -> Path:
    with contextlib.redirect_stdout(io.StringIO()):
        command(["certs", "--cluster", "processes", "-d", str(directory), *nodes])
    return directory


def _write(path: Path, text: str) -> None:
    """Replaced as a whole."""
    fresh = path.with_suffix(f"{path.suffix}.fresh")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)
