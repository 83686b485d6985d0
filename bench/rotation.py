"""Replace the keys or certificates of a running cluster, as an operator does, in three steps, node by node.

First the nodes trust the new ones beside the old. Then they present the new ones. Then they no longer trust the old.
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
    """The keys or certificates of a cluster: made at once, and replaced step by step.

    Args:
        directory: of the nodes' files.
        nodes: their ids.
        security: `none`, `key` or `tls`.

    Attributes:
        security: as given.
        steps: number of steps so far, of one node each.
    """

    def __init__(self, directory: Path, nodes: Sequence[str], security: str) -> None:
        self.security = security
        self.steps = 0
        self._lines = LINES[security]
        self._steps = {"none": lambda *_: itertools.repeat(None), "key": _keys, "tls": _certificates}[security](
            directory, nodes
        )
        next(self._steps)

    def lines(self, node: str) -> list[str]:
        """Return the lines of a node's `[security]` table."""
        return [line.format(node) for line in self._lines]

    def step(self) -> None:
        """Perform the next step, on one node."""
        next(self._steps)
        self.steps += 1


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
            yield from _on_each(step, nodes)
        old = new


def _certificates(directory: Path, nodes: Sequence[str]) -> Iterator[None]:
    def trust(*authorities: Path) -> Callable[[str], None]:
        trusted = "".join((each / "ca.pem").read_text() for each in authorities)
        return lambda node: _write(directory / f"{node}.ca", trusted)

    def present(authority: Path) -> Callable[[str], None]:
        def swap(node: str) -> None:
            for suffix in "pem", "key":
                _write(directory / f"{node}.{suffix}", (authority / f"{node}.{suffix}").read_text())

        return swap

    authorities = (_authority(directory / f"authority-{number}", nodes) for number in itertools.count())
    old = next(authorities)
    for node in nodes:
        trust(old)(node)
        present(old)(node)
    yield
    while True:
        new = next(authorities)
        for step in trust(old, new), present(new), trust(new):
            yield from _on_each(step, nodes)
        old = new


def _on_each(step: Callable[[str], None], nodes: Sequence[str]) -> Iterator[None]:
    for node in nodes:
        step(node)
        yield


def _authority(directory: Path, nodes: Sequence[str]) -> Path:
    with contextlib.redirect_stdout(io.StringIO()):
        command(["certs", "--cluster", "processes", "-d", str(directory), *nodes])
    return directory


def _write(path: Path, text: str) -> None:
    """Replace a file at once."""
    fresh = path.with_suffix(f"{path.suffix}.fresh")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)
