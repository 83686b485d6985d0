"""The links of clients, and the elections of which each wants to hear."""

from collections.abc import Collection

from wire.protocol.identity import LinkNumber

ClientLink = tuple[str, LinkNumber]
"""The id of a client, and the number of its link."""


class ClientWatches:
    """The links and their elections, each found by the other.

    One thread changes it. Any thread may call `is_watched` and `len`: each is a single step.
    """

    def __init__(self) -> None:
        self._elections: dict[ClientLink, tuple[str, ...]] = {}
        self._links: dict[str, dict[ClientLink, None]] = {}

    def __len__(self) -> int:
        return len(self._elections)

    def __contains__(self, link: ClientLink) -> bool:
        return link in self._elections

    @property
    def links(self) -> Collection[ClientLink]:
        """All links, in the order in which they were accepted."""
        return self._elections.keys()

    def is_watched(self, election: str) -> bool:
        """Return whether a client wants to hear of an election."""
        return election in self._links

    def watching(self, election: str) -> Collection[ClientLink]:
        """Return the links whose clients want to hear of an election."""
        return self._links.get(election, {}).keys()

    def elections(self, link: ClientLink) -> tuple[str, ...]:
        """Return the elections of a link; none for one that is not there."""
        return self._elections.get(link, ())

    def add(self, link: ClientLink) -> None:
        """Add a link, without an election."""
        self._elections[link] = ()

    def watch(self, link: ClientLink, elections: tuple[str, ...]) -> None:
        """Set the elections of a link, instead of those before."""
        self._unwatch(link)
        self._elections[link] = elections
        for election in elections:
            self._links.setdefault(election, {})[link] = None

    def remove(self, link: ClientLink) -> None:
        """Remove a link, if it is there."""
        self._unwatch(link)
        self._elections.pop(link, None)

    def _unwatch(self, link: ClientLink) -> None:
        for election in self.elections(link):
            links = self._links[election]
            del links[link]
            if not links:
                del self._links[election]
