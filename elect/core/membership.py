"""Who votes: one small value with an order and a name.

Source: PROTOCOL.md, section 7.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from elect.core.messages import ConfigurationId
from elect.core.quorum import majority


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A membership; ordered by (term, version).

    Attributes:
        voters: ids, sorted.
        floor: nobody campaigns or grants at or below this term.
        id: its name; the digest covers every field, so two that differ never pass for one.
    """

    term: int
    version: int
    voters: tuple[str, ...]
    floor: int = 0
    id: ConfigurationId = field(init=False)

    def __post_init__(self) -> None:
        if not self.voters or list(self.voters) != sorted(set(self.voters)):
            raise ValueError(f"voters {self.voters!r}; one or more, sorted, each once are needed")
        text = repr((self.term, self.version, self.voters, self.floor))
        digest = blake2b(text.encode(), digest_size=8).digest()
        object.__setattr__(self, "id", ConfigurationId(self.term, self.version, digest))

    @classmethod
    def initial(cls, voters: Iterable[str]) -> "Configuration":
        """The configuration that the nodes' files describe, before any change."""
        return cls(term=0, version=0, voters=tuple(sorted(set(voters))))

    @property
    def quorum(self) -> int:
        """How many voters decide."""
        return majority(len(self.voters))

    def is_older_or_same(self, shown: ConfigurationId) -> bool:
        """Whether a peer that shows this id may be counted here: it has this configuration or one before it."""
        return shown == self.id or (shown.term, shown.version) < (self.term, self.version)
