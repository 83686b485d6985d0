"""A play: a text file of commands, each followed by exactly what came of it.

    # What it shows, in a sentence.
    # Source: the section or rule that it is about.

    stand a
    ----
    a: candidate in term 1 (campaign)
    a: writes term 1, vote for a
    a -> b c: Vote 1

A block is one command, `----` and its output, up to an empty line; lines that begin with `#` are said aside. The
commands are in `commands`, the lines in `narrator`. `pytest tests/scenarios --rewrite` writes the outputs anew: the
difference is for the reviewer to judge. The manner is that of cockroachdb/datadriven and of etcd-io/raft's testdata.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from tests.scenarios.language.commands import perform as carry_out
from tests.scenarios.language.scene import Scene

DIVIDER = "----"


class PlayError(Exception):
    """A play that can't be performed: where, and why."""

    def __init__(self, path: Path, line: int, text: str) -> None:
        super().__init__(f"{path}:{line}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A command.

    Attributes:
        line: its number, from 1.
        end: the number of the first line after its output.
    """

    line: int
    command: str
    end: int


def perform(path: Path) -> str:
    """The play as it is now: the same commands, with what comes of them today.

    Raises:
        PlayError: it can't be read, or a command can't be carried out, or what it expects is not so.
        InvariantViolation: a promise was broken; a note says where.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    check_head(path, lines)
    scene, done, at = Scene(), [], 0
    for block in blocks(path, lines):
        done += lines[at : block.line]
        done += [DIVIDER, *_output(path, scene, block)]
        at = block.end
    return "\n".join([*done, *lines[at:]]) + "\n"


def check_head(path: Path, lines: list[str]) -> None:
    """A play says what it shows, and where the rule is."""
    head = [line for line in lines[: lines.index("") if "" in lines else None] if line.startswith("# ")]
    if len(head) < 2 or not head[-1].startswith("# Source: "):
        raise PlayError(path, 1, "a play begins with a sentence that says what it shows, then `# Source: …`")


def blocks(path: Path, lines: list[str]) -> Iterator[Block]:
    """The commands, in order; one that has no output yet is followed by nothing or an empty line."""
    at = 0
    while at < len(lines):
        line, number = lines[at], at + 1
        at += 1
        if not line or line.startswith("#"):
            continue
        if line == DIVIDER:
            raise PlayError(path, number, f"{DIVIDER} without a command")
        if at < len(lines) and lines[at] not in ("", DIVIDER):
            raise PlayError(path, number + 1, f"{DIVIDER} or an empty line must follow the command {line!r}")
        while at < len(lines) and lines[at]:
            at += 1
        yield Block(line=number, command=line, end=at)


def _output(path: Path, scene: Scene, block: Block) -> list[str]:
    try:
        return carry_out(scene, block.command) or ["ok"]
    except (LookupError, ValueError) as error:
        text = str(error.args[0]) if error.args else str(error)
        raise PlayError(path, block.line, f"{block.command}: {text}") from error
    except AssertionError as error:
        error.add_note(f"{path}:{block.line}: {block.command}")
        raise


def difference(path: Path, performed: str) -> str:
    """How what came of a play differs from what is written; "" if it does not."""
    written = path.read_text(encoding="utf-8")
    lines = unified_diff(written.splitlines(), performed.splitlines(), "written", "performed", lineterm="")
    return "\n".join(lines) if written != performed else ""
