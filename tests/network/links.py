"""Links between hosts, of every sort: each security, one-way and two-way, dialed by either host."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.integration.wire_ends import Inbox, dialing, listening
from tests.network.hosts import Net
from wire import Dialer, Limits, LinkAccepted, LinkNumber, LinkOpened, Listener
from wire.security.security import Security

QUICK = Limits(keepalive_interval_s=0.3, idle_timeout_s=2.0, write_timeout_s=2.0, backoff_initial_s=60)
"""As quick as the bounds allow; and a link that has ended is not dialed again."""

NOTICED_S = 2 * QUICK.idle_timeout_s + 1.0
"""The time in which both ends notice the end of a link: one timeout, and another for the silence that follows."""

Securities = Mapping[str, tuple[Security, Security]]
"""The security of `ann` and `bob`, by name; they share a key or an authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One of `ann`'s to `bob`, open at both ends.

    Attributes:
        told: what `ann` is told.
        heard: what `bob` is told.
    """

    security: str
    is_two_way: bool
    dialed_by: str
    ann: Dialer
    told: Inbox
    bob: Listener
    heard: Inbox
    number: LinkNumber


@contextmanager
def linked(
    net: Net, security: str, securities: Securities, dialed_by: str, limits: Limits = QUICK, *, is_two_way: bool
) -> Iterator[Link]:
    """Return an open link between `a` and `b`."""
    accepted_by = net["b" if dialed_by == "a" else "a"]
    with ExitStack() as stack:
        for_ann, for_bob = securities[security]
        with accepted_by.inside():
            bob, heard = stack.enter_context(
                listening(limits, security=for_bob, two_way=("client",), host=accepted_by.address)
            )
        with net[dialed_by].inside():
            ann, told = stack.enter_context(
                dialing(
                    bob.address,
                    limits,
                    security=for_ann,
                    kind="client" if is_two_way else "peer",
                    is_two_way=is_two_way,
                )
            )
        number = told.next(LinkOpened).number
        heard.next(LinkAccepted)
        yield Link(
            security=security,
            is_two_way=is_two_way,
            dialed_by=dialed_by,
            ann=ann,
            told=told,
            bob=bob,
            heard=heard,
            number=number,
        )


@contextmanager
def all_linked(net: Net, securities: Securities, dialed_by: str = "ab", limits: Limits = QUICK) -> Iterator[list[Link]]:
    """Return an open link of every sort between `a` and `b`."""
    sorts = itertools.product(securities, dialed_by, (False, True))
    with ExitStack() as stack:
        yield [
            stack.enter_context(linked(net, name, securities, host, limits, is_two_way=is_two_way))
            for name, host, is_two_way in sorts
        ]
