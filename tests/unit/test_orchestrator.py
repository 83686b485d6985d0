"""The orchestrator on the test's own thread: an elector that answers from a script, and a log of its calls."""

import threading
from dataclasses import replace

import pytest

from elect import Config
from elect.bridge import commands
from elect.bridge.admission import StrangerRefused
from elect.bridge.inbox import PendingCommand
from elect.bridge.node_context import NodeContext
from elect.core.configuration import Configuration
from elect.core.events import Elected, Installed, Objection, PeerDismissed
from elect.core.messages import Batch, ConfigurationId, Heartbeat, Knowledge, Number, Standing
from elect.core.ready import Ballot, Lease, Ready, Send, Write
from elect.errors import StoreError, StoreGone
from elect.runtime.orchestrator import Orchestrator
from elect.runtime.step_counts import StepCounts
from elect.storage.journal import JournalDied, StoreRecovered, WriteFailed, Written
from wire.io.link_events import DialFailed, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.protocol.identity import LinkNumber, PeerIdentity
from wire.protocol.wire_errors import Refusal, RejectCode, StoppedError, UnwelcomeError

LINK = LinkNumber(1, 2)
NUMBER = Number(1, 2)
IDENTITY = PeerIdentity(node="b", incarnation=1, store=bytes(16), attributes={})
CONFIGURATION = ConfigurationId(0, 0, bytes(8))
HEARTBEAT = Heartbeat(sent=1, duration=10**9, ack=None, supports=(), standing=Standing(), configuration=CONFIGURATION)
BATCH = Batch(configuration=CONFIGURATION, entries=())
WAKE_AT = 10**9


def send(text: int) -> Send:
    return Send(peer="b", link=NUMBER, message=Knowledge(number=text, whole=False, entries=()))


class Elector:
    """Notes each call, and answers with what the script holds for it."""

    def __init__(self, log: list, script: dict[str, Ready]) -> None:
        self.log = log
        self.script = script
        self.ignored = self.entered = 0

    def __getattr__(self, name: str):
        def call(now: int, *values: object, **named: object) -> Ready:
            self.log.append((name, *values, *named.values()))
            answer = self.script.pop(name, Ready(wake_at=WAKE_AT))
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class Desk:
    """Everything around the orchestrator: it is the disk, the links, the publisher and the metrics."""

    def __init__(self, is_disk_full: bool = False, is_trusted: bool = True, **script: Ready) -> None:
        self.log: list = []
        self.now = 0
        self.is_disk_full = is_disk_full
        self.trust = is_trusted
        self.heard: dict[str, int] = {}
        self.is_holding = False
        self.waiting: list = []
        self.has_offset = False
        self.context = NodeContext(Config(node="a", cluster="t", listen="127.0.0.1:0", data_dir="x"), lambda: self.now)
        publish = self.context.leases.publish
        self.context.leases.publish = lambda leases, counted: (
            (self.log.append(("publish", leases, counted)) if leases or counted else None),
            publish(leases, counted),
        )
        self.orchestrator = Orchestrator(
            self.context,
            Elector(self.log, script),
            coalescer=self,
            journal=self,
            links=self,
            publisher=self,
            observer=StepCounts(self, self.context.peer_health),
            check=lambda: self.log.append(("check",)),
        )

    def run(self, *items: object) -> list:
        for item in items:
            self.context.inbox.put(item)
        self.orchestrator.stop()
        self.orchestrator.run()
        return [line for line in self.log if line[0] not in ("tick", "check", "flush")]

    def take_waiting(self) -> list:
        waiting, self.waiting = self.waiting, []
        return waiting

    def put(self, write: Write) -> bool:
        self.log.append(("write", write.number))
        return not self.is_disk_full

    def send(self, message: Send) -> None:
        self.log.append(("send", message.message.number))

    def queue_events(self, events: tuple) -> None:
        self.is_holding = True
        self.log.append(("tell", *events))

    def flush_events(self) -> None:
        self.is_holding = False
        self.log.append(("flush",))

    def receive(self, event: MessageReceived, now: int) -> Number:
        self.heard[event.peer] = now
        return Number(*event.number)

    def is_trusted(self, event: LinkAccepted) -> bool:
        return self.trust

    def set_members(self, configuration: Configuration) -> None:
        self.log.append(("members", *configuration.node_ids))

    def dismiss(self, peer: str) -> None:
        self.log.append(("dismiss", peer))

    def note_event(self, event: object) -> None:
        self.log.append((type(event),))

    def observe(self, event: object) -> None:
        self.log.append(("count", event))

    def count_bug(self) -> None:
        self.log.append(("bug",))

    def observe_ignored(self, entries: int) -> None:
        self.log.append(("ignored", entries))

    def observe_loop_lag(self, lag_ns: int) -> None:
        self.log.append(("lag", lag_ns))

    def observe_round_trip(self, peer: str, took_ns: int) -> None:
        self.log.append(("round trip", peer, took_ns))

    def observe_store_write(self, took_ns: int) -> None:
        self.log.append(("stored", took_ns))


ELECTED = Elected(election="e", term=1, at=0)
LEASES = {"e": Lease(term=1, followers=frozenset("b"), quorum=2)}
FULL = Ready(
    write=Write(number=1, ballots={"e": Ballot(term=1, voted_for="a")}),
    send=(send(1), send(2)),
    send_when_written=(send(3),),
    leases=LEASES,
    counted={"b": 5},
    events=(ELECTED,),
    wake_at=WAKE_AT,
)
RECEIVED = MessageReceived(peer="b", number=LINK, message=HEARTBEAT)


def test_a_ready_is_carried_out_in_the_order_of_the_contract():
    assert Desk(receive=FULL).run(RECEIVED) == [
        ("receive", "b", NUMBER, HEARTBEAT),
        ("write", 1),
        ("publish", LEASES, {"b": 5}),
        ("send", 1),
        ("send", 2),
        ("tell", ELECTED),
    ]


def test_links_follow_the_members_before_the_application_hears():
    installed = Installed(configuration=Configuration.initial("ab"), at=0)
    dismissed = PeerDismissed(peer="c", at=0)
    ready = Ready(leases={"e": None}, events=(installed, ELECTED, dismissed), wake_at=WAKE_AT)
    assert Desk(receive=ready).run(RECEIVED)[1:] == [
        ("publish", {"e": None}, None),
        ("members", "a", "b"),
        ("dismiss", "c"),
        ("tell", installed, ELECTED, dismissed),
    ]


def test_held_back_events_are_published_when_no_input_follows():
    desk = Desk(receive=FULL)
    desk.context.inbox.put(Written(numbers=(7,), took_ns=1))
    desk.is_holding = True
    assert isinstance(desk.orchestrator._next_input(), Written)
    assert desk.log == []
    assert desk.orchestrator._next_input() is None
    assert desk.log == [("flush",)]


def test_messages_held_for_the_disk_are_sent_after_the_write():
    desk = Desk(receive=FULL)
    desk.run(RECEIVED)
    desk.orchestrator.send_written(written := Written(numbers=(1,), took_ns=9))
    desk.orchestrator.step(written)
    assert [line for line in desk.log if line[0] in ("write", "send", "written", "stored")] == [
        ("write", 1),
        ("send", 1),
        ("send", 2),
        ("send", 3),
        ("written", 1),
        ("stored", 9),
    ]


def test_a_disk_faster_than_its_step_overtakes_no_message():
    desk = Desk(receive=FULL)
    written = Written(numbers=(1,), took_ns=9)
    desk.put = lambda _: desk.orchestrator.send_written(written) is None
    desk.orchestrator.step(RECEIVED)
    desk.orchestrator.step(written)
    order = [line for line in desk.log if line[0] in ("publish", "send", "written")]
    assert order[1:] == [("send", 1), ("send", 2), ("send", 3), ("written", 1)]


def test_what_lacks_a_write_that_failed_is_never_sent():
    failed = WriteFailed(numbers=(1,), error=StoreError(None, "full", "x"))
    desk = Desk(receive=FULL)
    desk.orchestrator.send_written(failed)
    log = desk.run(RECEIVED, failed, StoreRecovered(failures=1))
    desk.orchestrator.send_written(Written(numbers=(1,), took_ns=9))
    assert ("send", 3) not in log
    assert log[6:8] == [("write_failed", 1), ("set_storing", False)]
    assert log[-1] == ("set_storing", True)


def test_a_write_that_the_journal_does_not_take_has_failed():
    log = Desk(receive=FULL, is_disk_full=True).run(RECEIVED)
    assert log[-2:] == [("write_failed", 1), ("set_storing", False)]


def test_a_full_journal_recovers_with_its_next_write():
    log = Desk(receive=FULL, is_disk_full=True).run(RECEIVED, Written(numbers=(7,), took_ns=1))
    assert [line for line in log if line[0] in ("set_storing", "written")] == [
        ("set_storing", False),
        ("written", 7),
        ("set_storing", True),
    ]


def test_a_link_is_let_close_only_after_the_leases_are_published():
    done = threading.Event()
    desk = Desk(link_closing=Ready(counted={"b": 0}, wake_at=WAKE_AT))
    publish = desk.context.leases.publish
    desk.context.leases.publish = lambda *given: (publish(*given), desk.log.append(("done", done.is_set())))
    log = desk.run(LinkClosing(peer="b", number=LINK, error=StoppedError("x"), done=done))
    at = log.index(("publish", {}, {"b": 0}))
    assert log[at - 2 : at] == [(LinkClosing,), ("link_closing", "b", NUMBER)]
    assert log[at + 1] == ("done", False)
    assert done.is_set()


def test_links_are_told_to_the_elector_in_its_words():
    events = (
        LinkAccepted(peer="b", number=LINK, kind="peer", identity=IDENTITY, is_trusted=True, local="", remote=""),
        LinkOpened(peer="b", number=LINK, identity=IDENTITY, is_trusted=True, local="", remote=""),
        LinkEnded(peer="b", number=LINK, is_end_of_stream=True, error=None, bye=None),
        DialFailed(peer="b", error=StoppedError("x")),
        DialFailed(peer="b", error=Refusal(RejectCode.UNKNOWN_PEER, "who is a?", is_retryable=True)),
        StrangerRefused(node_id="z"),
        DialFailed(peer="b", error=UnwelcomeError("met under another store")),
        MessageReceived(peer="b", number=LINK, message="what is this"),
    )
    assert Desk(is_trusted=False).run(*events) == [
        (LinkAccepted,),
        ("link_accepted", "b", NUMBER, False, bytes(16)),
        (LinkOpened,),
        ("link_opened", "b", NUMBER, bytes(16)),
        (LinkEnded,),
        ("link_ended", "b", NUMBER, True, False),
        *[(DialFailed,)] * 2,
        ("dial_refused", "b", Objection.UNKNOWN_NODE, "refused (unknown_peer): who is a?"),
        ("stranger_refused", "z"),
        (DialFailed,),
        ("store_lost", "b"),
    ]


def test_the_clock_is_read_after_the_input_came():
    desk = Desk()
    seen = []
    get = desk.context.inbox.get

    def late_get(timeout_s: float) -> object:
        item = get(0)
        desk.now += 1000
        return item

    desk.context.inbox.get = late_get
    desk.run(PendingCommand(lambda elector, now: seen.append(now) or elector.tick(now)))
    assert seen == [1000]


def test_time_without_an_input_ticks_and_records_the_delay():
    desk = Desk(tick=Ready(wake_at=50))
    get = desk.context.inbox.get
    waits = []

    def get_nothing_first(timeout_s: float) -> object:
        waits.append(timeout_s)
        if len(waits) < 3:
            desk.now += 60
            return None
        return get(0)

    desk.context.inbox.get = get_nothing_first
    desk.run()
    desk.orchestrator._observer.observe_ignored(0)
    assert ("lag", 60) in desk.log
    assert ("lag", 70) in desk.log
    assert waits[:2] == [0.0, -10 / 1e9]


def test_a_command_ticks_first_and_raises_to_its_caller():
    desk = Desk(enter=ValueError("too many"), tick=Ready(events=(ELECTED,), wake_at=WAKE_AT))
    command = PendingCommand(commands.enter("e"))
    log = desk.run(command)
    assert log[:2] == [("tell", ELECTED), ("enter", "e")]
    assert command.wait(0)
    assert command.is_done
    assert str(command.error) == "too many"


def test_metrics_are_counted_when_nothing_waits():
    log = Desk(receive=FULL).run(RECEIVED, StoreRecovered(failures=1))
    assert ("count", ELECTED) not in log
    desk = Desk(receive=FULL)
    desk.context.inbox.put(RECEIVED)
    desk.orchestrator.step(desk.orchestrator._next_input())
    desk.run()
    desk.context.inbox.put(RECEIVED)
    assert ("count", ELECTED) not in desk.log
    desk.context.inbox.get(0)
    desk.orchestrator._wake_at = 0
    desk.orchestrator.step(desk.orchestrator._next_input())
    assert ("count", ELECTED) in desk.log


def test_counts_hear_of_the_elector_once_a_second():
    desk = Desk()
    desk.orchestrator._elector.ignored = 3
    desk.run(RECEIVED)
    assert desk.log.count(("ignored", 3)) == 1


def test_peers_may_say_more_as_soon_as_elections_are_entered():
    desk = Desk()
    desk.orchestrator._elector.entered = 7
    desk.context.inbox.allow_for = lambda elections: desk.log.append(("allow for", elections))
    desk.orchestrator.step(PendingCommand(lambda elector, now: Ready(wake_at=WAKE_AT)))
    assert desk.log.count(("allow for", 7)) == 1


def test_threads_are_looked_after_once_a_second():
    desk = Desk()
    for _ in range(5):
        desk.context.inbox.put(RECEIVED)
        desk.orchestrator.step(desk.orchestrator._next_input())
    assert desk.log.count(("check",)) == 1
    desk.now = 10**9
    desk.context.inbox.put(RECEIVED)
    desk.orchestrator.step(desk.orchestrator._next_input())
    assert desk.log.count(("check",)) == 2


def test_a_change_of_health_is_told_once():
    desk = Desk()
    answers = iter([True, False, False, True])
    desk.context.health = type("Hook", (), {"is_good": lambda self, now: next(answers)})()
    log = desk.run(RECEIVED, replace(RECEIVED, peer="c"), RECEIVED)
    assert [line for line in log if line[0] == "set_healthy"] == [("set_healthy", False), ("set_healthy", True)]


def test_a_dead_journal_ends_the_loop():
    with pytest.raises(RuntimeError, match="journal"):
        Desk().run(JournalDied(error=ValueError("x")))
    with pytest.raises(StoreGone):
        Desk().run(JournalDied(error=StoreGone(2, "it was removed", "elect.sqlite3")))


def test_lag_grows_while_nothing_is_done():
    desk = Desk()
    desk.orchestrator._wake_at = 100
    assert desk.orchestrator.lag_ns == 0
    desk.now = 150
    assert desk.orchestrator.lag_ns == 50


def test_a_batch_of_a_peer_counts_as_hearing_it():
    desk = Desk()
    desk.now = 7
    desk.run(MessageReceived(peer="b", number=LINK, message=BATCH))
    assert desk.heard == {"b": 7}
