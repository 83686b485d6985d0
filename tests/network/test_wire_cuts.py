"""Links whose packets are lost: one way, both ways, or both ways with a report of the network."""

import pytest

from tests.network.hosts import Net
from tests.network.links import NOTICED_S, Link, Securities, all_linked
from wire import LinkClosing, LinkEnded

pytestmark = [pytest.mark.root, pytest.mark.long]

SILENCE = {"idle_timeout", "unread", "write_timeout"}
"""The reasons why a link ends at an end that receives no packet."""


def reasons(link: Link) -> dict[str, str]:
    """Return the reason for the end on each host; both have to notice in time."""
    closing = link.told.later(LinkClosing, NOTICED_S)
    ended = link.heard.later(LinkEnded, NOTICED_S)
    accepted_by = "b" if link.dialed_by == "a" else "a"
    return {link.dialed_by: closing.error.reason, accepted_by: ended.error.reason if ended.error else "closed"}


def test_a_cut_of_one_direction_is_noticed_in_time_by_both_ends(net: Net, securities: Securities) -> None:
    with all_linked(net, securities) as links:
        net.cut("a", "b")
        for link in links:
            why = reasons(link)
            assert why["b"] in SILENCE, link
            assert why["a"] in SILENCE | {"closed"}, link


def test_a_host_that_is_gone_without_a_word_is_noticed_in_time(net: Net, securities: Securities) -> None:
    with all_linked(net, securities) as links:
        net.unplug("b")
        for link in links:
            assert set(reasons(link).values()) <= SILENCE, link


def test_host_reported_unreachable_is_no_reset(net: Net, securities: Securities) -> None:
    """The operating system gives that as the reason for its own timeout."""
    with all_linked(net, securities) as links:
        net.deny("b")
        for link in links:
            assert set(reasons(link).values()) <= SILENCE, link
