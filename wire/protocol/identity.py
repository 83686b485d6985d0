"""The identity of an end of a connection, the numbers of links, and the checks of their parts.

Source: FORMAT.md, section 3 (names); section 4.1 (bounds); section 4.4 (ids with a slash); section 6 (numbers).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

NAME_LENGTH_MAX = 64
STORE_LENGTH = 16
COUNTER_MAX = 2**63 - 1
ATTRIBUTES_MAX = 16
ATTRIBUTE_CHARACTERS_MAX = 2_048
"""All keys and values of a Hello together: a stranger can make this end hold this much."""


class LinkNumber(NamedTuple):
    """The number that a dialer gives to one of its links. It is never used again; later links have higher ones.

    Attributes:
        incarnation: the dialing node's durable count of starts.
        counter: counts up within one incarnation.
    """

    incarnation: int
    counter: int

    def __str__(self) -> str:
        return f"{self.incarnation}.{self.counter}"


def check_name(what: str, name: str, *, is_empty_allowed: bool = False) -> None:
    """Raise ValueError unless a name is 1 to 64 printable characters, fit for a log line; TypeError if not text."""
    if type(name) is not str:
        raise TypeError(f"{what} is {name!r}; text is needed")
    if not (name or is_empty_allowed) or len(name) > NAME_LENGTH_MAX:
        raise ValueError(f"{what} has {len(name)} characters; 1 to {NAME_LENGTH_MAX} are allowed")
    if not name.isprintable():
        raise ValueError(f"{what} is {name!a}; only printable characters are allowed")


def certified_name(node: str) -> str:
    """Return the name by which a certificate and pins name the owner of an id: the part before the last slash, if any.

    >>> certified_name("client/backup/5f3a9c01"), certified_name("a")
    ('client/backup', 'a')
    """
    return node.rpartition("/")[0] if "/" in node else node


def printable(text: str) -> str:
    """Return a text from another end with its unprintable characters escaped, so that it cannot forge a log line."""
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def check_counter(what: str, value: int) -> None:
    """Raise ValueError unless the value is a 63-bit count; TypeError if it is no whole number."""
    if type(value) is not int:
        raise TypeError(f"{what} is {value!r}; a whole number is needed")
    if not 0 <= value <= COUNTER_MAX:
        raise ValueError(f"{what} is {value}; 0 to {COUNTER_MAX} is allowed")


def check_store(store: bytes) -> None:
    """Raise ValueError unless these are a store id's bytes; TypeError if they are no bytes."""
    if type(store) is not bytes:
        raise TypeError(f"store is {store!r}; bytes are needed")
    if len(store) != STORE_LENGTH:
        raise ValueError(f"store has {len(store)} bytes; {STORE_LENGTH} are needed")


def check_attributes(attributes: object) -> None:
    """Raise ValueError when there are too many attributes, or they are too long; TypeError when they are no texts."""
    if not isinstance(attributes, Mapping) or any(
        type(text) is not str for pair in attributes.items() for text in pair
    ):
        raise TypeError(f"attributes is {attributes!r}; a mapping of texts is needed")
    characters = sum(len(key) + len(value) for key, value in attributes.items())
    if len(attributes) > ATTRIBUTES_MAX:
        raise ValueError(f"there are {len(attributes)} attributes; {ATTRIBUTES_MAX} are allowed")
    if characters > ATTRIBUTE_CHARACTERS_MAX:
        raise ValueError(f"attributes have {characters} characters; {ATTRIBUTE_CHARACTERS_MAX} are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity of this end.

    Attributes:
        cluster: name of its cluster; ends of different clusters refuse each other.
        node: this node's id.
        incarnation: durable count of this node's starts.
        store: random id of its store, 16 bytes.
        attributes: small texts that travel in the handshake.
    """

    cluster: str
    node: str
    incarnation: int
    store: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("cluster", self.cluster)
        check_name("node", self.node)
        check_counter("incarnation", self.incarnation)
        check_store(self.store)
        check_attributes(self.attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerIdentity:
    """The identity that the other end claims in its Hello or Welcome, checked for shape and bounds only."""

    node: str
    incarnation: int
    store: bytes
    attributes: Mapping[str, str]
