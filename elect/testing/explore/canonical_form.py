"""The canonical form of a node: all that its future depends on, and nothing else.

Two nodes of one form behave alike whatever comes, so the search visits one of them. The walk is generic: it takes every
attribute of every object, by name, unless the attribute is listed here with the reason for which it does not matter.
What is new in the core is therefore in the form until somebody argues that it need not be.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b

from elect.core.ready import Write
from elect.core.state.deadlines import Deadlines
from elect.core.state.election_state import ElectionState
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer, Support
from elect.core.state.scale import CampaignLimit
from elect.testing.explore.explored_node import Driven, ExploredNode

Form = object
"""Nested tuples of numbers, texts and None."""

_TURN = "decides when to campaign, which is the search's choice"
_TOLD = "decides what is told to logs and applications"
_KNOWLEDGE = "decides when Knowledge is said, which is not delivered here"
_SAME = "the same in all nodes of a search, always"
_ORDER = "writes are told apart by their order"

OMITTED: Mapping[type, Mapping[str, str]] = {
    Driven: {"_write_latest": _ORDER},
    NodeState: {
        "now": "each input brings a later one",
        "timing": _SAME,
        "offset_rule": _SAME,
        "grace_ns": _SAME,
        "configuration": _SAME,
        "rng": _TURN,
        "electable": _TURN,
        "effects": "empty between two inputs",
    },
    Support: {"_timing": _SAME, "_sessions": "set before each input, see ExploredNode.sessions"},
    CampaignLimit: {"live_max": _TURN, "waiting": _TURN},
    Peer: {"knowledge_numbers": _KNOWLEDGE},
    ElectionState: {
        "_index": "the node's own, in its form already",
        "successor": _TURN,
        "retry_at": _TURN,
        "led_since": _TURN,
        "quick": _TURN,
        "rests_until": _TURN,
        "free_since": _TURN,
        "leader": _TOLD,
    },
    Deadlines: {"_order": "orders what `_at` holds"},
    Write: {"number": _ORDER},
}
"""Attributes on which nothing that a node does here depends, by class, and why."""


def _heartbeat(value: object) -> object:
    assert isinstance(value, Peer)
    heartbeat = value.heartbeat
    return heartbeat and (heartbeat.sent, frozenset(heartbeat.supports), heartbeat.standing, heartbeat.configuration)


def _promised(value: object) -> object:
    assert isinstance(value, Peer)
    return None if value.session is None or value.promised is None else (value.promised.sent, value.promised.duration)


def _promised_until(value: object) -> object:
    assert isinstance(value, Peer)
    return None if value.session is None else value.promised_until


def _refusals(value: object) -> object:
    assert isinstance(value, ElectionState)
    return None if value.campaign is None else value.refusals


def _writes(value: object) -> object:
    assert isinstance(value, Driven)
    return tuple(value._writes.values())  # noqa: SLF001 (nobody else needs them)


PARTS: Mapping[tuple[type, str], Callable[[object], object]] = {
    (Peer, "heartbeat"): _heartbeat,
    (Peer, "promised"): _promised,
    (Peer, "promised_until"): _promised_until,
    (ElectionState, "refusals"): _refusals,
    (Driven, "_writes"): _writes,
}
"""Attributes of which only a part matters: what is read again of a heartbeat, a promise and its end while it lives, the
refusals of a live candidacy, the order of writes."""


def form(value: object, names: Mapping[str, str]) -> Form:
    """The canonical form of anything a node is made of, with its nodes under other names."""
    kind = type(value)
    if kind is int or value is None or kind is bool or kind is bytes:
        return value
    if isinstance(value, str):
        return names.get(value, str(value))
    if isinstance(value, tuple | list):
        return tuple([form(each, names) for each in value])
    if isinstance(value, Mapping):
        return tuple(sorted([(form(key, names), form(each, names)) for key, each in value.items()], key=repr))
    if isinstance(value, AbstractSet):
        return tuple(sorted([form(each, names) for each in value], key=repr))
    parts = [getattr(value, name) if take is None else take(value) for name, take in attributes(value)]
    return (kind.__name__, *[form(each, names) for each in parts])


Attributes = tuple[tuple[str, Callable[[object], object] | None], ...]

_ATTRIBUTES: dict[tuple[object, ...], Attributes] = {}


def attributes(value: object) -> Attributes:
    """Names of an object's attributes that are in its form, each with what takes the part that matters."""
    kind: type = type(value)
    own = tuple(getattr(value, "__dict__", ()))
    key = (kind, *own)
    found = _ATTRIBUTES.get(key)
    if found is None:
        slots = [name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ())]
        names = sorted({*own, *slots} - OMITTED.get(kind, {}).keys())
        found = _ATTRIBUTES[key] = tuple((name, PARTS.get((kind, name))) for name in names)
    return found


def digest(actor: ExploredNode, names: Mapping[str, str]) -> bytes:
    """The form of a node in 16 bytes; two of a billion forms share them with a chance of 1 in 10**20."""
    return blake2b(repr(form(actor, names)).encode(), digest_size=16).digest()
