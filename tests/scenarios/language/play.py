"""A play: a text file of commands, each followed by its exact output.

    # One sentence: the behaviour that the play shows.
    # Source: the section or rule.

    candidate a
    ----
    a: candidate in term 1 (campaign)
    a: writes term 1, vote for a
    a -> b c: Vote 1

A block is one command, `----` and its output, up to an empty line. Lines that begin with `#` are comments. The commands
are in `commands`, the lines of output in `play_transcript`. `pytest tests/scenarios --rewrite` writes the outputs anew;
the reviewer judges the difference. The format is that of cockroachdb/datadriven and etcd-io/raft's testdata.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from tests.scenarios.language.commands import perform as carry_out
from tests.scenarios.language.play_context import PlayContext

DIVIDER = "----"


class PlayError(Exception):
    """A play cannot be performed: file, line and reason."""

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
    """Perform a play and return its text with the output of today.

    Raises:
        PlayError: the file cannot be read, a command fails, or an expectation does.
        InvariantViolation: a promise is broken; a note names the line.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    check_head(path, lines)
    play, done, at = PlayContext(), [], 0
    for block in blocks(path, lines):
        done += lines[at : block.line]
        done += [DIVIDER, *_output(path, play, block)]
        at = block.end
    return "\n".join([*done, *lines[at:]]) + "\n"


def check_head(path: Path, lines: list[str]) -> None:
    """Check that a play begins with a sentence and its source."""
    head = [line for line in lines[: lines.index("") if "" in lines else None] if line.startswith("# ")]
    if len(head) < 2 or not head[-1].startswith("# Source: "):
        raise PlayError(path, 1, "a play begins with `# SENTENCE`, then `# Source: …`")


def blocks(path: Path, lines: list[str]) -> Iterator[Block]:
    """Yield the commands in order; one without output yet is followed by nothing or an empty line."""
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


def _output(path: Path, play: PlayContext, block: Block) -> list[str]:
    try:
        return carry_out(play, block.command) or ["ok"]
    except (LookupError, ValueError) as error:
        text = str(error.args[0]) if error.args else str(error)
        raise PlayError(path, block.line, f"{block.command}: {text}") from error
    except AssertionError as error:
        error.add_note(f"{path}:{block.line}: {block.command}")
        raise


def difference(path: Path, performed: str) -> str:
    """Return the difference between a play's file and its performance, or ""."""
    written = path.read_text(encoding="utf-8")
    lines = unified_diff(written.splitlines(), performed.splitlines(), "written", "performed", lineterm="")
    return "\n".join(lines) if written != performed else ""
