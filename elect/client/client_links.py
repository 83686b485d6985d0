"""ClientLinks: the links of one client and their threads, and its requests for new reports."""

import threading
from collections.abc import Iterable, Iterator

from elect.client.client_link import ClientLink
from wire.common.deadline import Deadline
from wire.common.reported_thread import ReportedThread
from wire.protocol.wire_errors import WireError

ASK_INTERVAL_NS = 20_000_000
"""Between two requests for new reports. A node ends a link on which more than a hundred messages come in a second."""

ClientThread = ClientLink | ReportedThread


class ClientLinks:
    """The links from their dial to their end, or until they are dropped. A thread may last longer than its link.

    The caller holds the lock of the finder. An iteration is over the links of its beginning.

    Attributes:
        is_asking: a request for new reports waits for its time.
    """

    def __init__(self) -> None:
        self._links: dict[ClientLink, bool] = {}  # whether it has reported
        self._threads: set[ClientThread] = set()
        self._asked_ns = -ASK_INTERVAL_NS
        self.is_asking = False

    def __iter__(self) -> Iterator[ClientLink]:
        return iter(list(self._links))

    def __contains__(self, link: ClientLink) -> bool:
        return link in self._links

    def __len__(self) -> int:
        return len(self._links)

    @property
    def reported(self) -> list[ClientLink]:
        """Return the links on which a node has reported, in the order in which they were dialed."""
        return [link for link, is_reported in self._links.items() if is_reported]

    @property
    def threads(self) -> list[ClientThread]:
        """Return all threads, those of links that were dropped among them."""
        return list(self._threads)

    @property
    def unborn(self) -> list[ClientLink]:
        """Return the links whose threads do not run, between two dials: a signal ended the start of each."""
        return [each for each in self.threads if isinstance(each, ClientLink) and not each.is_running]

    @property
    def ask_ns(self) -> int | None:
        """The time at which the request that waits is due; None: none waits."""
        return self._asked_ns + ASK_INTERVAL_NS if self.is_asking else None

    def add(self, link: ClientLink) -> None:
        """Add a link that is dialed now."""
        self._threads.add(link)  # first: Ctrl-C may come in between, and `unborn` looks there
        self._links[link] = False

    def note_reported(self, link: ClientLink) -> None:
        """Note that the node of a link has reported."""
        self._links[link] = True

    def drop(self, link: ClientLink) -> None:
        """Count a link no longer; its thread goes on until it has ended."""
        self._links.pop(link, None)

    def remove(self, link: ClientLink) -> None:
        """Remove a link whose thread ends."""
        self.drop(link)
        self.discard_thread(link)

    def add_thread(self, thread: ReportedThread) -> None:
        """Add a thread that has no link."""
        self._threads.add(thread)

    def discard_thread(self, thread: object) -> None:
        """Remove a thread that ends."""
        self._threads = {each for each in self._threads if each is not thread}

    def end(self, reason: WireError) -> None:
        """End all dials and links, dropped ones too, without waiting."""
        for each in self._threads:
            if isinstance(each, ClientLink):
                each.end(reason)

    def ask(self, elections: Iterable[str], now: int) -> None:
        """Have all nodes report these elections anew: at once, or note that it is to be asked later."""
        if now < self._asked_ns + ASK_INTERVAL_NS:
            self.is_asking = True
            return
        self._asked_ns, self.is_asking = now, False
        for link in self:
            link.watch(elections)


def join_all(threads: Iterable[ClientThread], timeout_s: float) -> None:
    """Wait for the end of threads, all together for a time. One in the lookup of a name is not waited for."""
    deadline = Deadline(timeout_s)
    for each in threads:
        if not (isinstance(each, ClientLink) and each.is_in_lookup) and each is not threading.current_thread():
            each.join(deadline.remaining_s)
