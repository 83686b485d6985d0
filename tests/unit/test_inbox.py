import threading

from elect.inbox import MESSAGES_MAX, Command, Inbox
from wire.errors import StoppedError
from wire.events import DialFailed, LinkClosing, MessageReceived
from wire.identity import LinkNumber


def command() -> Command:
    return Command(lambda elector, now: elector.tick(now))


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


def test_a_full_inbox_lets_the_putting_thread_wait_for_room():
    inbox = Inbox(inputs_max=2)
    for _ in range(2):
        inbox.put(command())
    last = command()
    waiting = threading.Thread(target=inbox.put, args=(last,))
    waiting.start()
    waiting.join(0.02)
    assert waiting.is_alive()
    inbox.get(0)
    waiting.join(5)
    assert not waiting.is_alive()
    inbox.get(0)
    assert inbox.get(0) is last


def said(peer: str, what: int) -> MessageReceived:
    return MessageReceived(peer=peer, number=LinkNumber(1, 1), message=what)


def test_a_peer_that_says_much_waits_by_itself():
    inbox = Inbox()
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


def test_closing_frees_who_waits_for_room():
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

    def put_late(item, **given):
        inbox.close()
        put(item, **given)

    inbox._queue.put = put_late
    item = command()
    inbox.put(item)
    assert item.wait(0)
    assert not item.is_done
