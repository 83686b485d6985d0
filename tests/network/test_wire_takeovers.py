"""A host disappears without a packet, and its node starts on another one: the old links still look open."""

import dataclasses
from contextlib import ExitStack

import pytest

from tests.integration.wire_ends import Note, dialing, eventually, listening
from tests.network.hosts import Net
from tests.network.links import QUICK, Link, Securities, all_linked
from wire import LinkAccepted, LinkClosing, LinkEnded, LinkOpened
from wire.protocol.wire_errors import ResetError, RestartedError, SupersededError

pytestmark = [pytest.mark.root, pytest.mark.long]

PATIENT = dataclasses.replace(QUICK, idle_timeout_s=60.0, write_timeout_s=60.0)
"""So that a takeover, and no timeout, ends the old link."""


def stuff(link: Link) -> None:
    """Have more to say to a host that is gone than all buffers hold."""
    while link.is_two_way and link.bob.send("ann", link.number, Note(number=1, data=bytes(60_000))):
        pass


def test_the_successor_of_a_host_that_is_gone_is_let_in_at_once(net: Net, securities: Securities) -> None:
    with all_linked(net, securities, "a", PATIENT) as links, ExitStack() as stack:
        net.unplug("a")
        for link in links:
            stuff(link)
            with net["c"].inside():
                _, told = stack.enter_context(
                    dialing(
                        link.bob.address,
                        PATIENT,
                        security=securities[link.security][0],
                        kind="client" if link.is_two_way else "peer",
                        is_two_way=link.is_two_way,
                        incarnation=2,
                    )
                )
            told.next(LinkOpened)
        for link in links:
            heard = {type(event): event for event in (link.heard.next(object), link.heard.next(object))}
            assert heard[LinkAccepted].number == (2, 1)
            assert heard[LinkEnded].number == link.number
            assert isinstance(heard[LinkEnded].error, SupersededError)
            assert eventually(lambda bob=link.bob: len(bob._reading) == 1), "the old link's thread lives on"


def test_links_to_a_dead_host_go_to_its_successor_at_once(net: Net, securities: Securities) -> None:
    with all_linked(net, securities, "a", PATIENT) as links, ExitStack() as stack:
        net.replace("b", by="c")
        for link in links:
            with net["c"].inside():
                stack.enter_context(
                    listening(
                        PATIENT,
                        port=link.bob.address.port,
                        security=securities[link.security][1],
                        two_way=("client",),
                        host=net["b"].address,
                        incarnation=2,
                    )
                )
            link.ann.nudge(incarnation=2)
            assert isinstance(link.told.next(LinkClosing).error, RestartedError | ResetError)
            assert link.told.next(LinkOpened).identity.incarnation == 2
