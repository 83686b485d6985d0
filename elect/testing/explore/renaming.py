"""Nodes under other names, in messages and in the configurations that messages name.

A message names a configuration by a digest, so the configurations themselves are kept here: another name of a node
makes another digest.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TypeVar, cast

from elect.core.configuration import Configuration, Member
from elect.core.messages import ConfigurationId

NODES = "abcdef"
"""The names of the places in a world. Inside a form: "a" is the node itself, the others are its peers."""

Places = tuple[int, ...]
"""A permutation: node `i` moves to place `Places[i]`."""

Value = TypeVar("Value")

_CONFIGURATIONS: dict[bytes, Configuration] = {}
"""Every configuration so far, by the digest that messages carry."""

_RENAMED: dict[tuple[object, ...], ConfigurationId] = {}


@cache
def names(places: Places) -> Mapping[str, str]:
    """Return the new name of each node."""
    return {NODES[index]: NODES[place] for index, place in enumerate(places)}


def inverse(places: Places) -> Places:
    """Return the permutation that undoes this one."""
    return tuple(sorted(range(len(places)), key=places.__getitem__))


def after(second: Places, first: Places) -> Places:
    """Return the permutation that applies `first`, then `second`."""
    return tuple([second[place] for place in first])


def note_configuration(configuration: Configuration) -> None:
    """Note a configuration, before any message names it."""
    _CONFIGURATIONS.setdefault(configuration.id.digest, configuration)


def renamed_id(named: ConfigurationId, new: Mapping[str, str]) -> ConfigurationId:
    """Return the id of a configuration with its nodes renamed."""
    key = (named, *new.items())
    found = _RENAMED.get(key)
    if found is None:
        other = renamed(_CONFIGURATIONS[named.digest], new)
        note_configuration(other)
        found = _RENAMED[key] = other.id
    return found


def renamed(value: Value, new: Mapping[str, str]) -> Value:
    """Return a message with its nodes renamed; a tuple of names, or of members, stays sorted."""
    if isinstance(value, str):
        return cast(Value, new.get(value, value))
    if isinstance(value, tuple):
        items = [renamed(each, new) for each in value]
        if items and isinstance(items[0], Member):
            return cast(Value, tuple(sorted(items, key=lambda member: cast(Member, member).node_id)))
        return cast(Value, tuple(sorted(items) if items and isinstance(items[0], str) else items))
    if isinstance(value, ConfigurationId):
        return cast(Value, renamed_id(value, new))
    if is_dataclass(value) and not isinstance(value, type):
        parts = {part.name: renamed(getattr(value, part.name), new) for part in fields(value)}
        return cast(Value, replace(value, **parts))
    return value
