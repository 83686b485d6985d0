"""PlaceOrder: which of the addresses of a name is dialed first.

A name may have several addresses: those of two families, or of several processes. One of them can be a host that is
gone, or a process that hangs. A dialer with little time for a dial would come to the first one alone, again and again.
"""

from collections.abc import Callable, Iterable

from wire.common.deadline import now_s

PLACES_MAX = 1_024
"""Places that are remembered: about 200 bytes each."""

Place = tuple[object, ...] | str
"""The address of a socket, as `socket.getaddrinfo` gives it, or the path of a Unix socket."""

Found = tuple[int, int, int, str, tuple[object, ...]]
"""A result of `socket.getaddrinfo`."""


class PlaceOrder:
    """The places whose latest dial has failed. Any thread may call it. A dial on its way is none that failed.

    It has no lock, so a fork leaves it usable. Of two changes at the same moment one may be lost.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = now_s) -> None:
        self._clock = clock
        self._failed: dict[Place, float] = {}

    def __len__(self) -> int:
        return len(self._failed)

    def sort(self, found: Iterable[Found]) -> list[Found]:
        """Return the addresses of a name, in the order of the system; those that failed come last, the latest last."""
        failed = self._failed
        return sorted(found, key=lambda each: failed.get(each[4], 0.0))

    def note_failed(self, place: Place) -> None:
        """Note that the dial of a place has failed, or was given up."""
        others = [(each, at_s) for each, at_s in self._failed.items() if each != place]
        self._failed = dict([*others, (place, self._clock())][-PLACES_MAX:])

    def note_linked(self, place: Place) -> None:
        """Note that the dial of a place has led to a link."""
        self._failed = {each: at_s for each, at_s in self._failed.items() if each != place}
