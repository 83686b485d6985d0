"""Clients that mean harm, on links that share one thread: each is ended, costs little, and no other client notices."""

import itertools
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import cbor2
import pytest

from tests.certificates import Authority
from tests.conftest import open_descriptors
from tests.fault.test_fork import in_child
from tests.integration.shared_ends import ANN, Hub, StrangeClient, sharing
from tests.integration.wire_ends import CODEC, PATIENCE_S, Inbox, Note, dialing, eventually, identity
from wire import Dialer, Limits, LinkAccepted, LinkEnded, LinkNumber, LinkOpened, MessageReceived
from wire.io.polled_link import RECEIVED_BYTES_MAX, WRITE_BYTES
from wire.link_metrics import WireMetrics
from wire.links.connect import Dialing
from wire.links.registry import ENDING_MAX
from wire.protocol.handshake import Bye, Heard, Reject
from wire.protocol.receive_rate import BYTES_MAX, FRAMES_MAX
from wire.protocol.wire_errors import FloodError, FrameError, UnreadError, WireError, WriteTimeoutError
from wire.security.tls import Tls

pytestmark = pytest.mark.long

QUICK = Limits(keepalive_interval_s=0.3, idle_timeout_s=2.0, write_timeout_s=2.0)
PATIENT = Limits(idle_timeout_s=60.0, write_timeout_s=60.0)
"""For hundreds of links, which a busy machine may leave alone for seconds."""

GOOD = "client/good/1"
KEEPALIVE = bytes(4)


@contextmanager
def good_client(hub: Hub, limits: Limits = QUICK) -> Iterator[tuple[Dialer, Inbox, LinkNumber]]:
    """A client that is served all the time: its link must not end."""
    with dialing(hub.bob.address, limits, node=GOOD, kind="client", is_two_way=True) as (good, told):
        number = told.next(LinkOpened).number
        hub.heard.next(LinkAccepted)
        yield good, told, number
        assert hub.shared.send(GOOD, number, Note(number=99))
        assert told.later(MessageReceived).message == Note(number=99)
        assert told.is_empty(), "its link ended"


def end_of(hub: Hub, peer: str) -> WireError | None:
    """Wait for the end of this client's link; return why it ended."""
    while (event := hub.heard.later(LinkEnded)).peer != peer:
        pass
    return event.error


@pytest.mark.parametrize("frames", [KEEPALIVE * 16_000, b"\x00\x00\x00\x08\x82\x65heard\x01" * 2 * FRAMES_MAX])
def test_a_flood_of_frames_ends_the_link(frames: bytes) -> None:
    with sharing(QUICK) as hub, good_client(hub), StrangeClient(hub.bob.address) as flood:
        flood.open()
        with suppress(ConnectionError):
            flood.sock.sendall(frames * 10)
        assert isinstance(end_of(hub, flood.node), FloodError)


def test_a_flood_of_little_is_told_why() -> None:
    with sharing(QUICK) as hub, good_client(hub), StrangeClient(hub.bob.address) as flood:
        flood.open()
        flood.sock.sendall(KEEPALIVE * (FRAMES_MAX + 1))
        assert flood.last_words() == [Bye(reason="flood")]


def test_records_of_tls_count_as_bytes(tmp_path: Path) -> None:
    """A byte in each record costs much more than it says."""
    authority = Authority(tmp_path / "ca")
    files = authority.files("client", uris=["wire://c/client%2Fann"])
    ann = Dialing(
        to="bob",
        kind="client",
        identity=identity(ANN),
        codec=CODEC.extended(Bye, Heard),
        limits=Limits(),
        security=Tls(files, node=ANN, cluster="c"),
        is_two_way=True,
    )
    metrics = WireMetrics()
    with sharing(QUICK, security=authority.tls("bob"), metrics=metrics) as hub:
        link = ann.dial(hub.bob.address, itertools.count(1).__next__)
        payload = cbor2.dumps(["later", bytes(8_000)])
        frames = 5 * (len(payload).to_bytes(4, "big") + payload)
        assert len(frames) < BYTES_MAX // 5
        records = b"".join(link.channel.seal(frames[place : place + 1]) for place in range(len(frames)))
        with closing(link.channel.sock) as sock:
            sock.settimeout(PATIENCE_S)
            with suppress(ConnectionError):
                sock.sendall(records)
            end = hub.heard.later(LinkEnded)
        assert isinstance(end.error, FloodError)
        assert metrics.registry.get_sample_value("wire_rejected_frames_total", {"reason": "flood"}) == 1


def test_a_long_frame_is_refused_before_it_is_held() -> None:
    with sharing(QUICK) as hub, good_client(hub), StrangeClient(hub.bob.address) as long:
        long.open()
        long.sock.sendall((RECEIVED_BYTES_MAX + 1).to_bytes(4, "big"))
        assert long.last_words() == [Bye(reason="frame_too_long")]
        assert isinstance(end_of(hub, long.node), FrameError)


def test_a_frame_byte_by_byte_ends_as_a_link_that_reads_nothing() -> None:
    """Inside the frame the client cannot say what it has read."""
    with sharing(QUICK) as hub, good_client(hub), StrangeClient(hub.bob.address) as slow:
        slow.open()
        hub.heard.later(LinkAccepted)
        slow.sock.sendall(RECEIVED_BYTES_MAX.to_bytes(4, "big"))
        deadline = time.monotonic() + PATIENCE_S
        with suppress(ConnectionError):
            while len(hub.shared) > 1 and time.monotonic() < deadline:
                slow.sock.sendall(b"\0")
                time.sleep(0.05)
        assert isinstance(end_of(hub, slow.node), UnreadError)


@pytest.mark.parametrize("is_liar", [False, True])
def test_a_client_that_reads_nothing_costs_a_bounded_chunk(is_liar: bool) -> None:
    """One that lies about what it reads is ended because nothing can be written."""
    with sharing(QUICK) as hub, good_client(hub), StrangeClient(hub.bob.address) as deaf:
        deaf.open()
        number = hub.heard.later(LinkAccepted).number
        [served] = [each for each in list(hub.shared._links.values()) if each.open_link.peer == deaf.node]
        served.open_link.channel.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        most, deadline = 0, time.monotonic() + PATIENCE_S
        with suppress(ConnectionError):
            while len(hub.shared) > 1 and time.monotonic() < deadline:
                for name in "abcdefgh":
                    hub.shared.send(deaf.node, number, Note(number=1, data=bytes(6_000)), replaces=name)
                frame = deaf.connection.send(Heard(frames=2**40)) if is_liar else KEEPALIVE
                deaf.sock.sendall(frame)
                most = max(most, len(served.link._unsent))
                time.sleep(0.02)
        assert 0 < most <= WRITE_BYTES + 6_100
        assert isinstance(end_of(hub, deaf.node), WriteTimeoutError if is_liar else UnreadError)


def test_a_flood_on_every_link_leaves_room_for_other_threads() -> None:
    with (
        sharing(PATIENT, links_max=400, links_per_host_max=400) as hub,
        good_client(hub, PATIENT),
        ExitStack() as stack,
    ):
        floods = [
            stack.enter_context(StrangeClient(hub.bob.address, f"client/f/{number}")).open() for number in range(200)
        ]
        for _ in floods:
            hub.heard.later(LinkAccepted)
        for flood in floods:
            flood.sock.settimeout(0)
            with suppress(BlockingIOError):
                flood.sock.send(KEEPALIVE * 16_000)
        assert eventually(lambda: len(hub.shared) == 1)
        assert threading.active_count() < 20


def test_a_thousand_links_have_one_thread_and_a_whole_end() -> None:
    """Each of them opens, is told something, and hears why its link ends; no descriptor and no thread is left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        if hard < 4_200:
            pytest.skip("needs 4,200 descriptors")
        before = threading.active_count()
        with sharing(PATIENT, links_max=1_000, links_per_host_max=1_000) as hub, ExitStack() as stack:
            clients = [
                stack.enter_context(StrangeClient(hub.bob.address, f"client/c/{number}")).open()
                for number in range(1_000)
            ]
            links = [(each.peer, each.number) for each in (hub.heard.later(LinkAccepted) for _ in clients)]
            assert threading.active_count() <= before + 5
            assert hub.shared.send_to_each(links, Note(number=7)) == 1_000
            assert {client.told() for client in clients} == {Note(number=7)}
            assert hub.shared.stop(PATIENCE_S)
            assert all(client.last_words()[-1:] == [Bye(reason="stopping")] for client in clients)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_two_hundred_links_that_open_and_close_leave_nothing() -> None:
    with sharing() as hub:
        for number in range(200):
            with StrangeClient(hub.bob.address, f"client/c/{number}") as client:
                client.open()
                if number % 2:
                    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        for _ in range(200):
            hub.heard.later(LinkEnded)
        assert eventually(lambda: len(hub.shared) == 0)
        assert not hub.shared._rung
        assert not hub.shared._ending
        assert eventually(lambda: not hub.shared._due)
        assert not hub.shared.registry.all()


def test_a_link_is_overtaken_again_and_again() -> None:
    with sharing() as hub, ExitStack() as stack:
        older: StrangeClient | None = None
        for counter in range(1, 30):
            newer = StrangeClient(hub.bob.address)
            stack.enter_context(newer).open(counter)
            assert hub.heard.later(LinkAccepted).number.counter == counter
            if older is not None:
                assert older.last_words() == [Bye(reason="superseded")]
                older.sock.close()
            older = newer
        assert eventually(lambda: len(hub.shared) == 1)


def test_links_that_replace_each_other_too_fast_are_refused() -> None:
    """Each of them that is overtaken may still hold a descriptor for half a second."""
    with sharing() as hub, ExitStack() as stack:
        for counter in range(1, 100):
            client = stack.enter_context(StrangeClient(hub.bob.address))
            answer = client.greet(client.hello(counter))
            if isinstance(answer, Reject):
                assert (answer.code, answer.retryable) == ("full", True)
                break
        else:
            pytest.fail("a hundred links of one client")
        assert len(hub.shared) <= ENDING_MAX + 2


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_holds_no_link_and_ends_none() -> None:
    with sharing(QUICK) as hub, good_client(hub) as (_, told, number):

        def check() -> None:
            held = [name for name in open_descriptors() if name.startswith(("socket:", "anon_inode:"))]
            assert not held, held

        for _ in range(5):
            in_child(check)
        for each in range(10):
            assert hub.shared.send(GOOD, number, Note(number=each))
            assert told.next(MessageReceived).message == Note(number=each)


def test_its_own_death_closes_every_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    del tmp_path
    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: died.set())
    with sharing(turn=lambda: 1 / 0) as hub, StrangeClient(hub.bob.address) as client:
        client.open()
        hub.heard.next(LinkAccepted)
        hub.shared.wake()
        assert died.wait(PATIENCE_S)
        assert not hub.shared.is_alive
        assert client.is_closed_by_other()
        assert not hub.shared.send(client.node, LinkNumber(1, 1), Note(number=1))
