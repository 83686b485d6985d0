"""Return the canonical form of a node: everything that its future depends on, with the nodes under other names.

Two nodes of one form answer every input in the same way, so the search visits one of them. The form has every attribute
of every object, by name, unless the attribute is listed here with the reason why it does not matter. An attribute that
is new in the core is therefore in the form until it is listed.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from hashlib import blake2b

from elect.core.configuration import Configuration
from elect.core.messages import ConfigurationId
from elect.core.ready import Write
from elect.core.state.deadlines import Deadlines
from elect.core.state.election_state import Campaign, ElectionState
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer, Support
from elect.core.state.scale import CampaignLimit
from elect.testing.explore.explored_node import Driven, ExploredNode
from elect.testing.explore.renaming import note_configuration, renamed_id

Form = object
"""Nested tuples of numbers, texts and None."""

_TURN = "decides when to campaign; here the search decides"
_TOLD = "decides what logs and applications are told"
_KNOWLEDGE = "decides when Knowledge is sent, which is not delivered here"
_SAME = "the same in all nodes of a search, always"
_STORES = "no member has another store here"
_VOTERS = "follows from the configuration"
_ORDER = "writes are told apart by their order"

OMITTED: Mapping[type, Mapping[str, str]] = {
    Driven: {"_write_latest": _ORDER, "_failback_at": _TURN, "_is_failing_back": _TURN},
    NodeState: {
        "now": "each input brings a later one",
        "timing": _SAME,
        "offset_rule": _SAME,
        "grace_ns": _SAME,
        "failback_ns": "None: no election is handed back here",
        "is_default_failed_back": _SAME,
        "failbacks": "empty without failback",
        "is_voter": _VOTERS,
        "other_voters": _VOTERS,
        "learner_lag_max": _SAME,
        "rng": _TURN,
        "announced": _TURN,
        "electable": _TURN,
        "effects": "empty between two inputs",
        "leaderless": _KNOWLEDGE,
    },
    Support: {"_timing": _SAME, "_sessions": "set before each input, see ExploredNode.sessions"},
    Campaign: {"presumed_dead": _TURN, "yielded": _TURN},
    CampaignLimit: {"own_window": _TURN, "waiting": _TURN},
    Peer: {
        "knowledge_numbers": _KNOWLEDGE,
        "vote_window": _TURN,
        "former_store": _STORES,
    },
    ElectionState: {
        "_index": "the node's own, in its form already",
        "successor": _TURN,
        "closed": _TURN,
        "retry_at": _TURN,
        "led_since": _TURN,
        "led_term": _TURN,
        "quick": _TURN,
        "rests_until": _TURN,
        "free_since": _TURN,
        "leader": _TOLD,
    },
    Deadlines: {"_order": "orders what `_at` holds"},
    Write: {"number": _ORDER},
}
"""Attributes that no step of a node depends on here, by class, each with the reason."""


def _fence_until(value: object) -> object:
    assert isinstance(value, NodeState)
    return value.fence_until if value.is_fenced else 0


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
    return tuple(value._writes.values())  # noqa: SLF001 (no other code reads them)


PARTS: Mapping[tuple[type, str], Callable[[object], object]] = {
    (NodeState, "fence_until"): _fence_until,
    (Peer, "heartbeat"): _heartbeat,
    (Peer, "promised"): _promised,
    (Peer, "promised_until"): _promised_until,
    (ElectionState, "refusals"): _refusals,
    (Driven, "_writes"): _writes,
}
"""Attributes of which only a part matters: the end of a fence that lasts, the fields of a heartbeat that are read
again, the promise of a live session, the refusals of a live campaign, the order of writes."""


def form(value: object, names: Mapping[str, str]) -> Form:
    """Return the canonical form of a node or of any value inside it, with the nodes renamed."""
    kind = type(value)
    if kind is int or value is None or kind is bool or kind is bytes:
        return value
    if isinstance(value, str):
        return names.get(value, str(value))
    if isinstance(value, Configuration | ConfigurationId):
        return _configuration_form(value, names)
    if isinstance(value, Mapping):
        return tuple(sorted([(form(key, names), form(each, names)) for key, each in value.items()], key=repr))
    if isinstance(value, tuple | list | AbstractSet):
        items = [form(each, names) for each in value]
        return tuple(sorted(items, key=repr) if isinstance(value, AbstractSet) else items)
    parts = [getattr(value, name) if take is None else take(value) for name, take in attributes(value)]
    return (kind.__name__, *[form(each, names) for each in parts])


def _configuration_form(value: Configuration | ConfigurationId, names: Mapping[str, str]) -> Form:
    if isinstance(value, Configuration):  # its id is a digest of all that it has here
        note_configuration(value)
        value = value.id
    return "ConfigurationId", value.term, value.version, renamed_id(value, names).digest


Attributes = tuple[tuple[str, Callable[[object], object] | None], ...]

_ATTRIBUTES: dict[tuple[object, ...], Attributes] = {}


def attributes(value: object) -> Attributes:
    """Return the attributes that are in an object's form, each with the function that takes the part that matters."""
    kind: type = type(value)
    own = tuple(getattr(value, "__dict__", ()))
    key = (kind, *own)
    found = _ATTRIBUTES.get(key)
    if found is None:
        slots = [name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ())]
        names = sorted({*own, *slots} - OMITTED.get(kind, {}).keys())
        found = _ATTRIBUTES[key] = tuple((name, PARTS.get((kind, name))) for name in names)
    return found


def digest(node: ExploredNode, names: Mapping[str, str]) -> bytes:
    """Return the digest of a node's form: 16 bytes. Among a billion forms the chance of a collision is 1 in 10**20."""
    return blake2b(repr(form(node, names)).encode(), digest_size=16).digest()
