from dataclasses import replace

import pytest

from elect import Config
from elect.core.messages import Ack, ConfigurationId, Heartbeat, Knowledge, Number, Standing
from elect.runtime.heartbeat_coalescer import HeartbeatCoalescer
from wire.io.link_events import DialFailed, LinkEnded, MessageReceived
from wire.protocol.identity import LinkNumber
from wire.protocol.wire_errors import ClosedError

ACK = Ack(link=Number(1, 1), session=Number(1, 1), sent=1, duration=10**9)
HEARTBEAT = Heartbeat(
    sent=1, duration=10**9, ack=ACK, supports=("a",), standing=Standing(), configuration=ConfigurationId(0, 0, bytes(8))
)


def message(content: object, peer: str = "b", counter: int = 1) -> MessageReceived:
    return MessageReceived(peer=peer, number=LinkNumber(1, counter), message=content)


def beat(sent: int, **changed: object) -> MessageReceived:
    return message(replace(HEARTBEAT, sent=sent, **changed))


class Desk:
    """A coalescer on a clock that counts how often it is read; `log` is what woke the orchestrator thread."""

    def __init__(self, **timing: object) -> None:
        self.now = 100
        self.log: list = []
        config = Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x", **timing)
        self.coalescer = HeartbeatCoalescer(
            heartbeat_interval_ns=config.heartbeat_interval_ns,
            support_duration_ns=config.support_duration_ns,
            clock=self.clock,
            put=self.log.append,
        )

    def clock(self) -> int:
        self.now += 1
        return self.now

    def deliver(self, *events: object) -> list:
        for event in events:
            self.coalescer.deliver(event)
        return self.log


def test_the_first_heartbeat_is_new_and_the_next_waits():
    desk = Desk()
    assert desk.deliver(beat(1), beat(2)) == [beat(1)]
    assert desk.coalescer.take_waiting() == [(101, beat(2))]
    assert desk.coalescer.take_waiting() == []


def test_only_the_latest_heartbeat_waits_in_order_of_time():
    desk = Desk()
    other = message(HEARTBEAT, peer="c")
    desk.deliver(beat(1), beat(2), other, other, beat(3))
    assert desk.coalescer.take_waiting() == [(102, other), (103, beat(3))]


@pytest.mark.parametrize(
    "changed",
    [
        {"supports": ("a", "c")},
        {"standing": Standing(priority=2)},
        {"standing": Standing(willing=False)},
        {"configuration": ConfigurationId(1, 0, bytes(8))},
        {"duration": 10**8},
        {"said": 1},
        {"heard": 1},
        {"ack": None},
        {"ack": replace(ACK, session=Number(1, 2))},
        {"ack": replace(ACK, link=Number(1, 2))},
    ],
)
def test_whatever_is_new_wakes_at_once(changed):
    desk = Desk()
    assert desk.deliver(beat(1), beat(2, **changed)) == [beat(1), beat(2, **changed)]
    assert desk.coalescer.take_waiting() == []


def test_only_stamps_are_no_news():
    desk = Desk()
    assert len(desk.deliver(beat(1), beat(2, ack=replace(ACK, sent=5)))) == 1


def test_a_new_offset_waits_and_is_known_to_wait():
    desk = Desk()
    ahead = Standing(offset=5)
    assert len(desk.deliver(beat(1), beat(2))) == 1
    assert not desk.coalescer.has_offset
    assert len(desk.deliver(beat(3, standing=ahead), beat(4, standing=ahead))) == 1
    assert desk.coalescer.has_offset
    assert desk.coalescer.take_waiting() == [(103, beat(4, standing=ahead))]
    assert not desk.coalescer.has_offset


def test_the_first_on_another_link_is_news():
    desk = Desk()
    later = message(HEARTBEAT, counter=2)
    assert desk.deliver(beat(1), later) == [beat(1), later]


def test_messages_of_one_link_stay_in_order():
    desk = Desk()
    knowledge = message(Knowledge(number=1, whole=False, entries=()))
    assert desk.deliver(beat(1), beat(2), knowledge) == [beat(1), beat(2), knowledge]
    assert desk.coalescer.take_waiting() == []


def test_what_waits_does_not_delay_the_end_of_its_link():
    desk = Desk()
    ended = LinkEnded(peer="b", number=LinkNumber(1, 1), is_end_of_stream=True, error=None, bye=None)
    assert desk.deliver(beat(1), beat(2), ended) == [beat(1), ended]
    assert desk.coalescer.take_waiting() == []


def test_other_events_pass():
    failed = DialFailed(peer="b", error=ClosedError("x"))
    desk = Desk()
    desk.deliver(beat(1), beat(2))
    assert desk.deliver(failed)[-1] is failed
    assert len(desk.coalescer.take_waiting()) == 1


def test_with_little_support_to_spare_nothing_waits():
    desk = Desk(heartbeat_interval=0.1, support_duration=0.49)
    assert len(desk.deliver(beat(1), beat(2))) == 2
    desk = Desk(heartbeat_interval=0.1, support_duration=0.5)
    assert len(desk.deliver(beat(1), beat(2))) == 1
