from wire.io.outbox import Outbox
from wire.protocol.identity import LinkNumber

NUMBER = LinkNumber(1, 1)


def opened(messages_max: int = 3) -> Outbox:
    outbox = Outbox(messages_max)
    outbox.open(NUMBER)
    return outbox


def drained(outbox: Outbox) -> list[object]:
    messages = []
    while (message := outbox.take_message()) is not None:
        messages.append(message)
    return messages


def test_first_in_first_out_whatever_the_messages_are() -> None:
    outbox = opened()
    assert all(outbox.put(NUMBER, message) for message in ("", 0, "x"))
    assert drained(outbox) == ["", 0, "x"]
    assert outbox.take_message() is None


def test_full_outbox_drops_until_there_is_room() -> None:
    outbox = opened(2)
    assert [outbox.put(NUMBER, number) for number in range(3)] == [True, True, False]
    assert len(outbox) == 2
    outbox.take_message()
    assert outbox.put(NUMBER, 3)
    assert drained(outbox) == [1, 3]


def test_a_full_outbox_is_not_rung_longer() -> None:
    outbox = opened(2)
    for _ in range(5):
        outbox.ring()
    assert len(outbox) == 2


def test_newer_heartbeat_replaces_the_waiting_one_when_full() -> None:
    outbox = opened(3)
    outbox.put(NUMBER, "old", replaces="heartbeat")
    outbox.put(NUMBER, "vote")
    outbox.put(NUMBER, "other", replaces="other")
    assert outbox.put(NUMBER, "new", replaces="heartbeat")
    assert drained(outbox) == ["new", "vote", "other"]


def test_one_that_was_taken_is_not_replaced() -> None:
    outbox = opened()
    outbox.put(NUMBER, "old", replaces="heartbeat")
    assert drained(outbox) == ["old"]
    outbox.put(NUMBER, "new", replaces="heartbeat")
    assert drained(outbox) == ["new"]


def test_only_the_open_link_gets_messages() -> None:
    outbox = Outbox(3)
    assert not outbox.put(NUMBER, "early")
    outbox.open(NUMBER)
    assert not outbox.put(LinkNumber(1, 2), "other")
    assert outbox.put((1, 1), "plain tuple")
    outbox.close()
    assert not outbox.put(NUMBER, "late")
    assert outbox.take_message() is None


def test_nothing_of_an_older_link_is_sent_on_a_newer_one() -> None:
    outbox = opened()
    outbox.put(NUMBER, "old", replaces="heartbeat")
    outbox.open(LinkNumber(1, 2))
    assert len(outbox) == 0
    assert outbox.put((1, 2), "new", replaces="heartbeat")
    assert drained(outbox) == ["new"]
