"""A mapping that cannot be changed, and can be hashed, compared and pickled as a value."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

Value_co = TypeVar("Value_co", covariant=True)


class FrozenMapping(Mapping[str, Value_co]):
    """An unchangeable copy of a mapping. A deep copy of it, also in `dataclasses.asdict`, is a plain dict.

    Args:
        entries: the mapping to copy.
    """

    def __init__(self, entries: Mapping[str, Value_co]) -> None:
        self._entries = dict(entries)

    def __getitem__(self, key: str) -> Value_co:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __deepcopy__(self, memo: object) -> dict[str, Value_co]:
        return dict(self._entries)

    def __repr__(self) -> str:
        return repr(self._entries)
