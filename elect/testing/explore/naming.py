"""Nodes under other names: what is the same but for who is who is visited once."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TypeVar, cast

NODES = "abcdef"
"""Names of places in a world; and, inside one node, of itself ("a") and of its peers."""

Places = tuple[int, ...]
"""Who is where: place `Places[i]` has the one that is number `i`."""

Value = TypeVar("Value")


@cache
def names(places: Places) -> Mapping[str, str]:
    """The new name of each node."""
    return {NODES[index]: NODES[place] for index, place in enumerate(places)}


def inverse(places: Places) -> Places:
    """The way back."""
    return tuple(sorted(range(len(places)), key=places.__getitem__))


def after(second: Places, first: Places) -> Places:
    """First the one, then the other."""
    return tuple([second[place] for place in first])


def renamed(value: Value, new: Mapping[str, str]) -> Value:
    """A message with its nodes under other names; a tuple of names stays sorted."""
    if isinstance(value, str):
        return cast(Value, new.get(value, value))
    if isinstance(value, tuple):
        items = [renamed(each, new) for each in value]
        return cast(Value, tuple(sorted(items) if items and isinstance(items[0], str) else items))
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: renamed(getattr(value, part.name), new) for part in fields(value)}
        return cast(Value, replace(value, **parts))
    return value
