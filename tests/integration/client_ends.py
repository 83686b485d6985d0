"""The dialing end of a client's link: bare wire, without the part of elect that programs use."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, get_args

from elect import Node
from elect.core.membership_messages import Message
from elect.joining.join_messages import JOIN_MESSAGES
from elect.observing.observer_messages import CLIENT_KIND, CLIENT_MESSAGES, LeaderReport, MembersReport, Watch
from tests.integration.wire_ends import Inbox
from wire import Address, Codec, Dialer, DialFailed, Endpoint, Identity, LinkClosing, LinkOpened, MessageReceived
from wire.security.security import PLAIN, Security

CODEC = Codec(*get_args(Message), *JOIN_MESSAGES, *CLIENT_MESSAGES)
"""All that a node reads: a client may send what it should not."""

ReportT = TypeVar("ReportT", LeaderReport, MembersReport)


class BareClient:
    """A client whose link is open, or whose dial failed.

    Args:
        node: the node that it dials.
        name: of the certificate, and its instance.
        security: how the ends are proven.
        address: where it dials the node; None: where peers do.
    """

    def __init__(
        self, node: Node, name: str = "test/0123abcd", security: Security = PLAIN, address: Address | None = None
    ) -> None:
        self._inbox = Inbox()
        self._dialer = Dialer(
            node.config.node,
            lambda: address or node.config.listen_address,
            Endpoint(
                identity=Identity(cluster="test", node=f"client/{name}", incarnation=0, store=bytes(16)),
                codec=CODEC,
                deliver=self._inbox.deliver,
                security=security,
                name="test",
            ),
            next_counter=itertools.count(1).__next__,
            kind=CLIENT_KIND,
            is_two_way=True,
        )
        self._dialer.start()

    def open(self, *elections: str) -> "BareClient":
        """Wait for the link, and watch these elections."""
        self._number = self._inbox.next(LinkOpened).number
        if elections:
            self.say(Watch(elections=elections))
        return self

    def say(self, message: object) -> None:
        assert self._dialer.send(self._number, message)

    def read(self, kind: type[ReportT], is_met: Callable[[ReportT], object] = lambda _: True) -> ReportT:
        """Return the next report of this kind that meets a condition."""
        while True:
            message = self._inbox.next(MessageReceived).message
            if isinstance(message, kind) and is_met(message):
                return message

    def leader(self, is_met: Callable[[LeaderReport], object] = lambda _: True) -> LeaderReport:
        return self.read(LeaderReport, is_met)

    def refusal(self) -> Exception:
        """Return why there is no link."""
        return self._inbox.next(DialFailed).error

    def last_words(self) -> str | None:
        """Return the reason in the node's Bye, when the link has ended."""
        return self._inbox.later(LinkClosing).bye

    def stop(self) -> None:
        assert self._dialer.stop(10)


@contextmanager
def client_of(node: Node, *elections: str, **options: object) -> Iterator[BareClient]:
    """A client whose link to a node is open."""
    client = BareClient(node, **options)
    try:
        yield client.open(*elections)
    finally:
        client.stop()
