"""The language of plays: a word, then who and what.

A play begins with `nodes`. NODE, SOURCE and TARGET are letters; KIND is Heartbeat, Knowledge, or an entry's name, with
its TERM; a duration is as in `150ms`. Before any command, `quietly` leaves out all but who holds the lease after it,
and `count` counts what happens instead of telling it.
"""

import inspect
from collections.abc import Callable

from tests.scenarios.language.acts import (
    acknowledge,
    crash,
    elect,
    enter,
    fail,
    hurry,
    leave,
    pause,
    resign,
    restart,
    slow,
    stand,
    standing,
    storing,
    suspend,
    wake,
    write,
)
from tests.scenarios.language.links import close, copy, cut, delay, deliver, dial, end, lose, mend, reset, say
from tests.scenarios.language.looks import expect, who
from tests.scenarios.language.moments import beat, run, tick, wait
from tests.scenarios.language.opening import nodes
from tests.scenarios.language.scene import Scene

Command = Callable[..., list[str] | None]
"""Returns its output, or None: what the narrator wrote down."""

_ACTS = (stand, pause, elect, resign, acknowledge, leave, enter, standing, hurry)
_DEATHS = (slow, write, fail, storing, crash, restart, suspend, wake)
_LINKS = (close, dial, end, reset, cut, mend, deliver, copy, delay, lose, say)
_REST = (nodes, wait, tick, beat, run, who, expect)
COMMANDS: dict[str, Command] = {command.__name__: command for command in (*_ACTS, *_DEATHS, *_LINKS, *_REST)}
MANNERS = ("quietly", "count")


def perform(scene: Scene, text: str) -> list[str]:
    """Carry out a command and return its output.

    Raises:
        ValueError: there is no such command, it is not used so, or what it expects is not so.
        LookupError: there is no such frame, or nobody to receive it.
    """
    manner, _, rest = text.partition(" ")
    narrator = scene.narrator
    narrator.is_brief = False
    narrator.counters.take()
    said = _call(scene, rest if manner in MANNERS else text)
    lines = narrator.take()
    if manner == "count":
        lines = narrator.counters.take()
    elif manner == "quietly":
        lines = []
    return (lines if said is None else said) + scene.lease_changes()


def _call(scene: Scene, text: str) -> list[str] | None:
    """Carry out a command; returns its output if that is not simply what happened.

    Raises:
        ValueError: there is no such command, or it is not used so.
    """
    word, *arguments = text.split()
    command = COMMANDS.get(word)
    if command is None:
        raise ValueError(f"no command {word!r}; there are {', '.join(sorted(COMMANDS))}")
    try:
        inspect.signature(command).bind(scene, *arguments)
    except TypeError:
        raise ValueError(f"use: {usage(word)}") from None
    return command(scene, *arguments)


def usage(word: str) -> str:
    """How a command is used."""
    parameters = list(inspect.signature(COMMANDS[word]).parameters.values())[1:]
    return " ".join([word, *map(_placeholder, parameters)])


def _placeholder(parameter: inspect.Parameter) -> str:
    name = parameter.name.upper()
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"[{name}…]"
    return name if parameter.default is parameter.empty else f"[{name}]"
