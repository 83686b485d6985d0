"""The commands of plays: a word and its arguments.

A play begins with `nodes`. NODE, SOURCE and TARGET are letters; KIND is Heartbeat, Knowledge, Install, InstallReport,
or an entry's name, with its TERM; a duration is as in `150ms`. Before any command, `quietly` prints only the holder of
the lease after it, and `count` prints counts in place of lines.
"""

import inspect
from collections.abc import Callable

from tests.scenarios.language.link_commands import close, copy, cut, delay, deliver, dial, end, lose, mend, reset, say
from tests.scenarios.language.member_commands import add, change, join, wipe
from tests.scenarios.language.node_commands import (
    acknowledge,
    candidate,
    crash,
    elect,
    enter,
    fail,
    hurry,
    leave,
    pause,
    rank,
    resign,
    restart,
    slow,
    storing,
    suspend,
    wake,
    write,
)
from tests.scenarios.language.play_context import PlayContext, nodes
from tests.scenarios.language.query_commands import expect, who
from tests.scenarios.language.time_commands import beat, run, tick, wait

Command = Callable[..., list[str] | None]
"""Returns its output, or None: the lines of the transcript."""

_APPLICATION = (candidate, pause, elect, resign, acknowledge, leave, enter, rank, hurry)
_PROCESS = (slow, write, fail, storing, crash, restart, suspend, wake)
_MEMBERS = (add, wipe, join, change)
_LINKS = (close, dial, end, reset, cut, mend, deliver, copy, delay, lose, say)
_REST = (nodes, wait, tick, beat, run, who, expect)
COMMANDS: dict[str, Command] = {
    command.__name__: command for command in (*_APPLICATION, *_PROCESS, *_MEMBERS, *_LINKS, *_REST)
}
MANNERS = ("quietly", "count")


def perform(play: PlayContext, text: str) -> list[str]:
    """Carry out a command and return its output.

    Raises:
        ValueError: there is no such command, its arguments are wrong, or an expectation fails.
        LookupError: there is no such frame, or its target is dead.
    """
    manner, _, rest = text.partition(" ")
    transcript = play.transcript
    transcript.is_brief = False
    transcript.counters.take()
    said = _call(play, rest if manner in MANNERS else text)
    lines = transcript.take()
    if manner == "count":
        lines = transcript.counters.take()
    elif manner == "quietly":
        lines = []
    return (lines if said is None else said) + play.lease_changes()


def _call(play: PlayContext, text: str) -> list[str] | None:
    """Carry out a command; return its output, or None if the transcript has it.

    Raises:
        ValueError: there is no such command, or its arguments are wrong.
    """
    word, *arguments = text.split()
    command = COMMANDS.get(word)
    if command is None:
        raise ValueError(f"no command {word!r}; there are {', '.join(sorted(COMMANDS))}")
    try:
        inspect.signature(command).bind(play, *arguments)
    except TypeError:
        raise ValueError(f"use: {usage(word)}") from None
    return command(play, *arguments)


def usage(word: str) -> str:
    """Return the usage of a command."""
    parameters = list(inspect.signature(COMMANDS[word]).parameters.values())[1:]
    return " ".join([word, *map(_placeholder, parameters)])


def _placeholder(parameter: inspect.Parameter) -> str:
    name = parameter.name.upper()
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"[{name}…]"
    return name if parameter.default is parameter.empty else f"[{name}]"
