import threading
from types import SimpleNamespace

from elect.bridge.inbox import (
    COST_NS_MAX,
    CPU_CREDIT_NS,
    CPU_SHARE,
    MESSAGES_MAX,
    NS_PER_S,
    Inbox,
    Input,
    PendingCommand,
)
from elect.core.messages import ENTRIES_MAX, Knowledge, Known
from wire.io.link_events import DialFailed, LinkClosing, MessageReceived
from wire.protocol.identity import LinkNumber
from wire.protocol.wire_errors import StoppedError

LONG = Knowledge(number=1, whole=True, entries=(Known(election="default", term=1, leader=None),) * ENTRIES_MAX)


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def command() -> PendingCommand:
    return PendingCommand(lambda elector, now: elector.tick(now))


def closing() -> LinkClosing:
    return LinkClosing(peer="b", number=LinkNumber(1, 1), error=StoppedError("stopped"), done=threading.Event())


def test_it_hands_out_in_order_and_none_when_there_is_nothing():
    inbox = Inbox()
    first, second = command(), command()
    inbox.put(first)
    inbox.put(second)
    assert len(inbox) == 2
    assert inbox.get(0) is first
    assert inbox.get(1) is second
    assert inbox.get(0) is None
    assert inbox.get(-1) is None
    assert inbox.get(0.001) is None


def put_lacks_room(inbox: Inbox, item: Input) -> None:
    """Put into an inbox without room, and take one input out: only then the putting thread ends."""
    waiting = threading.Thread(target=inbox.put, args=(item,))
    waiting.start()
    waiting.join(0.02)
    assert waiting.is_alive()
    inbox.get(0)
    waiting.join(5)
    assert not waiting.is_alive()


def test_a_full_inbox_lets_the_putting_thread_wait_for_room():
    inbox = Inbox(inputs_max=2)
    for _ in range(2):
        inbox.put(command())
    last = command()
    put_lacks_room(inbox, last)
    inbox.get(0)
    assert inbox.get(0) is last


def said(peer: str, what: int) -> MessageReceived:
    return MessageReceived(peer=peer, number=LinkNumber(1, 1), message=what)


def test_a_peer_that_says_much_waits_by_itself():
    inbox = Inbox(clock=Clock())
    for what in range(MESSAGES_MAX):
        inbox.put(said("b", what))
    waiting = threading.Thread(target=inbox.put, args=(said("b", MESSAGES_MAX),))
    waiting.start()
    waiting.join(0.02)
    assert waiting.is_alive()
    inbox.put(said("c", 0))
    assert len(inbox) == MESSAGES_MAX + 1
    heard = [inbox.get(0)]
    waiting.join(5)
    assert not waiting.is_alive()
    heard += [inbox.get(0) for _ in range(MESSAGES_MAX + 1)]
    assert [item.message for item in heard if item.peer == "b"] == list(range(MESSAGES_MAX + 1))
    assert [item.peer for item in heard].index("c") == MESSAGES_MAX


def test_two_long_messages_fill_the_room_of_a_peer():
    inbox = Inbox(clock=Clock())
    for _ in range(2):
        inbox.put(MessageReceived(peer="b", number=LinkNumber(1, 1), message=LONG))
    put_lacks_room(inbox, said("b", 3))


def test_closing_frees_a_peer_that_waits_by_itself():
    inbox = Inbox()
    for what in range(MESSAGES_MAX):
        inbox.put(said("b", what))
    waiting = threading.Thread(target=inbox.put, args=(said("b", MESSAGES_MAX),))
    waiting.start()
    inbox.close()
    waiting.join(5)
    assert not waiting.is_alive()
    assert len(inbox) == 0


def test_closing_settles_what_waits_and_what_still_comes():
    inbox = Inbox()
    before, link = command(), closing()
    inbox.put(before)
    inbox.put(link)
    inbox.put(DialFailed(peer="b", error=StoppedError("stopped")))
    inbox.close()
    after, late_link = command(), closing()
    inbox.put(after)
    inbox.put(late_link)
    for settled in (before, after):
        assert settled.wait(0)
        assert not settled.is_done
    assert link.done.is_set()
    assert late_link.done.is_set()
    assert len(inbox) == 0


def test_closing_frees_who_lacks_room():
    inbox = Inbox(inputs_max=1)
    inbox.put(command())
    waiting = threading.Thread(target=inbox.put, args=(command(),))
    waiting.start()
    inbox.close()
    waiting.join(5)
    assert not waiting.is_alive()


def test_an_input_that_meets_the_closing_half_way_is_settled():
    inbox = Inbox()
    put = inbox._queue.put

    def put_late(item):
        inbox.close()
        put(item)

    inbox._queue = SimpleNamespace(put=put_late, get_nowait=inbox._queue.get_nowait, qsize=inbox._queue.qsize)
    item = command()
    inbox.put(item)
    assert item.wait(0)
    assert not item.is_done


COSTS = 2
OWED_S = (COSTS * COST_NS_MAX / CPU_SHARE - CPU_CREDIT_NS) / NS_PER_S
"""The debt of a peer when each of its messages costs the most that is charged."""


def put_elsewhere(inbox: Inbox, item: MessageReceived) -> None:
    """Put on a thread that has read nothing."""
    putting = threading.Thread(target=inbox.put, args=(item,))
    putting.start()
    putting.join(5)
    assert not putting.is_alive()


def test_a_peer_over_its_processor_share_waits_until_it_is_paid():
    clock, cpu = Clock(), Clock()
    inbox = Inbox(clock=clock, cpu=cpu)
    inbox._is_closed = waits = Waits(clock)
    for what in range(COSTS):
        put_elsewhere(inbox, said("b", what))
        inbox.get(0)
        cpu.now += COST_NS_MAX
    inbox.get(0)
    put_elsewhere(inbox, said("c", 0))
    assert waits.seconds == []
    put_elsewhere(inbox, said("b", COSTS))
    assert waits.seconds == [OWED_S]


def test_what_reading_a_peer_takes_is_charged_to_it_as_well():
    clock, cpu = Clock(), Clock()
    inbox = Inbox(clock=clock, cpu=cpu)
    inbox._is_closed = waits = Waits(clock)
    for what in range(COSTS):
        inbox.put(said("b", what))
        inbox.get(0)
        inbox.get(0)
        cpu.now += COST_NS_MAX
    assert waits.seconds == []
    inbox.put(said("b", COSTS))
    assert waits.seconds == [OWED_S]


def test_what_holds_a_thread_up_for_long_is_no_peer_s():
    """The thread was suspended, or collected the garbage of the whole application."""
    clock, cpu = Clock(), Clock()
    inbox = Inbox(clock=clock, cpu=cpu)
    inbox._is_closed = waits = Waits(clock)
    inbox.put(said("b", 0))
    inbox.get(0)
    clock.now = cpu.now = 100 * NS_PER_S
    inbox.put(said("b", 1))
    assert waits.seconds == []


def test_a_peer_that_keeps_to_its_share_never_waits():
    clock, cpu = Clock(), Clock()
    inbox = Inbox(clock=clock, cpu=cpu)
    inbox._is_closed = waits = Waits(clock)
    for what in range(10):
        put_elsewhere(inbox, said("b", what))
        inbox.get(0)
        cpu.now += round(CPU_CREDIT_NS * CPU_SHARE)
        clock.now += CPU_CREDIT_NS
    assert waits.seconds == []


def test_many_elections_may_get_new_leaders_at_once():
    clock, cpu = Clock(), Clock()
    inbox = Inbox(clock=clock, cpu=cpu)
    inbox._is_closed = waits = Waits(clock)
    elections, each_ns = 10_000, 500_000
    inbox.allow_for(elections)
    inbox.allow_for(1)  # the others may be entered again at any moment
    for what in range(elections // 256):
        put_elsewhere(inbox, said("b", what))
        inbox.get(0)
        cpu.now += 256 * each_ns
    put_elsewhere(inbox, said("b", elections))
    assert waits.seconds == []


class Waits(threading.Event):
    """An event whose waits advance the clock at once."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        self.clock.now += round(timeout * NS_PER_S)
        return False
