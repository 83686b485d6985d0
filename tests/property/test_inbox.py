"""The inbox against what it must not do, in any order of puts, gets and time that passes: lose, invent or reorder."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from elect.bridge.inbox import Inbox, PendingCommand
from elect.core.messages import ENTRIES_MAX, Knowledge, Known
from wire.io.link_events import LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber

NUMBER = LinkNumber(1, 1)
LONG = Knowledge(number=1, whole=True, entries=(Known(election="default", term=1, leader=None),) * ENTRIES_MAX)
LONG_MAX = 2
"""Messages as long as this one for which a peer has room."""

PEERS = "bcd"
STEPS = st.one_of(
    st.tuples(st.sampled_from(["say", "end"]), st.sampled_from(PEERS)),
    st.tuples(st.just("command"), st.just("")),
    st.tuples(st.just("take"), st.integers(0, 10)),
)


class World:
    """An inbox, its clock, and what was put into it and is still to come, in order, by who put it."""

    def __init__(self) -> None:
        self.now = 0
        self.inbox = Inbox(clock=lambda: self.now, cpu=lambda: 0)
        self.due: dict[str, list[object]] = {peer: [] for peer in ("", *PEERS)}
        self.messages: Counter[str] = Counter()

    def put(self, what: str, who: str) -> None:
        """Put something, unless that would have to wait."""
        item = PendingCommand(lambda elector, now: elector.tick(now)) if what == "command" else _of_link(what, who)
        if what == "say":
            if self.messages[who] == LONG_MAX:
                return
            self.messages[who] += 1
        self.inbox.put(item)
        self.due[who].append(item)

    def take(self, took: int) -> None:
        """Take the next input, which costs `took` ns; None comes only when nothing waits."""
        item = self.inbox.get(0)
        self.now += took
        if item is None:
            assert not any(self.due.values())
            return
        who = next(who for who, items in self.due.items() if items[:1] == [item])  # or it is out of order
        self.due[who].pop(0)
        self.messages[who] -= type(item) is MessageReceived


def _of_link(what: str, who: str) -> MessageReceived | LinkEnded:
    if what == "say":
        return MessageReceived(peer=who, number=NUMBER, message=LONG)
    return LinkEnded(peer=who, number=NUMBER, is_end_of_stream=True, error=None, bye=None)


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=60))
def test_inputs_of_each_peer_stay_complete_and_in_order(steps):
    world = World()
    for what, value in steps:
        world.take(value) if what == "take" else world.put(what, value)
        assert len(world.inbox) == sum(map(len, world.due.values()))
    while any(world.due.values()):
        world.take(0)
    world.take(0)
