"""Links over Unix sockets: who may connect, what the file is like, and what becomes of it."""

import errno
import itertools
import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.fault.test_fork import in_child
from tests.integration.shared_ends import ANN, sharing
from tests.integration.wire_ends import (
    CODEC,
    PATIENCE_S,
    Inbox,
    Note,
    dialing,
    endpoint,
    eventually,
    identity,
    listening,
)
from wire import Address, Keyed, Limits, LinkAccepted, LinkEnded, LinkOpened, Listener, MessageReceived
from wire.io.link_events import DialFailed
from wire.io.unix_sockets import UnixListener, peer_uid
from wire.link_metrics import WireMetrics
from wire.links.connect import Dialing
from wire.protocol.wire_errors import ConnectError, Refusal
from wire.security.security import PLAIN

LISTENING = (
    "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print(flush=True)"
)


@pytest.fixture
def place(tmp_path: Path) -> Address:
    return Address.parse(f"unix:{tmp_path}/a.sock", is_unix_allowed=True)


def test_a_client_is_served_over_a_unix_socket(place: Address) -> None:
    with (
        sharing(address=place) as hub,
        dialing(place, node=ANN, kind="client", is_two_way=True) as (ann, told),
    ):
        opened, accepted = told.next(LinkOpened), hub.heard.next(LinkAccepted)
        assert (opened.local, opened.remote) == ("unix:", str(place))
        assert (accepted.local, accepted.remote) == (str(place), "unix:")
        assert not opened.is_trusted
        assert not accepted.is_trusted
        assert ann.send(opened.number, Note(number=1))
        assert hub.heard.next(MessageReceived).message == Note(number=1)
        assert hub.shared.send(ANN, opened.number, Note(number=2))
        assert told.next(MessageReceived).message == Note(number=2)
        assert hub.bob.address == hub.bob.bound == place
        assert ann.stop(PATIENCE_S, bye="done")
        assert hub.heard.next(LinkEnded).bye == "done"


def test_one_and_two_way_links_with_threads_work_too(place: Address) -> None:
    with listening(host=place.host, two_way=("client",)) as (bob, heard):
        assert bob.address == place
        for kind in ("peer", "client"):
            with dialing(place, kind=kind, is_two_way=kind == "client") as (ann, told):
                number = told.next(LinkOpened).number
                heard.next(LinkAccepted)
                assert ann.send(number, Note(number=1, data=bytes(50_000)))
                assert heard.next(MessageReceived).message == Note(number=1, data=bytes(50_000))
            ended = heard.next(LinkEnded)
            assert (ended.is_end_of_stream, ended.bye) == (True, "stopping")
            bob.forget("ann")


def test_keys_are_for_the_network_alone(place: Address, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("61" * 32)
    (tmp_path / "key").chmod(0o600)
    keyed = Keyed(tmp_path / "key")
    with (
        sharing(address=place, security=keyed) as hub,
        dialing(place, node=ANN, security=keyed, kind="client", is_two_way=True) as (_, told),
    ):
        told.next(LinkOpened)
        hub.heard.next(LinkAccepted)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_the_owner_and_the_group_may_connect_whatever_the_umask(place: Address, umask: int) -> None:
    before = os.umask(umask)
    try:
        with sharing(address=place):
            assert stat.S_IMODE(Path(place.host).stat().st_mode) == 0o660
    finally:
        os.umask(before)
    assert not Path(place.host).exists(), "the file is removed at the stop"


def test_other_users_are_refused_unread_and_told_so(place: Address, caplog: pytest.LogCaptureFixture) -> None:
    metrics = WireMetrics()
    ann = Dialing(to="bob", kind="peer", identity=identity(ANN), codec=CODEC, limits=Limits(), security=PLAIN)
    listener = Listener(
        place,
        endpoint("bob", Inbox(), metrics=metrics),
        is_known_peer=lambda _: True,
        uids={os.geteuid() + 1},
    )
    listener.start()
    try:
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(PATIENCE_S)
                stranger.connect(place.host)
                said = stranger.makefile("rb").read()
                assert f"user {os.geteuid()} may not connect".encode() in said
        for _ in range(20):  # before or after its Hello is written
            with pytest.raises(Refusal, match="may not connect"):
                ann.dial(place, itertools.count(1).__next__)
        outcome = {"direction": "in", "outcome": "uid"}
        assert eventually(lambda: metrics.registry.get_sample_value("wire_handshakes_total", outcome) == 23)
    finally:
        assert listener.stop(PATIENCE_S)
    assert [text for text in caplog.messages if "may not connect" in text] == [f"x user {os.geteuid()} may not connect"]


@pytest.mark.root
def test_the_user_of_another_process_is_found(place: Address) -> None:
    metrics = WireMetrics()
    Path(place.host).parent.chmod(0o755)
    for parent in Path(place.host).parents[1:4]:
        parent.chmod(parent.stat().st_mode | 0o111)
    listener = Listener(place, endpoint("bob", Inbox(), metrics=metrics), is_known_peer=lambda _: True)
    listener.start()
    Path(place.host).chmod(0o666)
    code = (
        "import os, socket, sys; os.setuid(12345); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)"
    )
    try:
        subprocess.run([sys.executable, "-c", code, place.host], check=True, timeout=PATIENCE_S)
        outcome = {"direction": "in", "outcome": "uid"}
        assert eventually(lambda: metrics.registry.get_sample_value("wire_handshakes_total", outcome) == 1)
    finally:
        assert listener.stop(PATIENCE_S)


def test_the_user_of_the_other_end_is_the_one_of_its_process() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.geteuid()


def test_the_file_of_a_dead_process_is_replaced(place: Address) -> None:
    dead = subprocess.Popen([sys.executable, "-c", LISTENING + "; time.sleep(60)", place.host], stdout=subprocess.PIPE)
    assert dead.stdout is not None
    with dead, dead.stdout:
        dead.stdout.readline()
        with pytest.raises(OSError, match="in use") as caught:
            UnixListener(place.host, 1)
        assert caught.value.errno == errno.EADDRINUSE
        dead.kill()
    assert Path(place.host).is_socket()
    with sharing(address=place), dialing(place, node=ANN, kind="client", is_two_way=True) as (_, told):
        told.next(LinkOpened)


def test_a_file_of_another_kind_is_never_removed(place: Address, tmp_path: Path) -> None:
    Path(place.host).write_text("precious")
    with pytest.raises(OSError, match="this is no socket"):
        UnixListener(place.host, 1)
    assert Path(place.host).read_text() == "precious"
    (tmp_path / "b").symlink_to(place.host)
    with pytest.raises(OSError, match="this is no socket"):
        UnixListener(str(tmp_path / "b"), 1)
    with pytest.raises(FileNotFoundError):
        UnixListener(str(tmp_path / "missing" / "a.sock"), 1)


def test_of_many_that_begin_at_once_one_listens(place: Address) -> None:
    for _ in range(20):
        made, barrier = list[UnixListener](), threading.Barrier(4)

        def begin(made: list[UnixListener] = made, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                made.append(UnixListener(place.host, 1))
            except OSError as error:
                assert error.errno == errno.EADDRINUSE

        threads = [threading.Thread(target=begin) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        made[0].sock.close()  # as a dead process: the file stays


def test_the_file_of_another_listener_is_left_alone(place: Address) -> None:
    with listening(host=place.host):
        Path(place.host).unlink()
        later = UnixListener(place.host, 1)
    assert Path(place.host).is_socket()
    later.remove_file()
    assert not Path(place.host).exists()
    later.sock.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_leaves_the_file(place: Address) -> None:
    made = UnixListener(place.host, 1)
    in_child(made.remove_file)
    assert Path(place.host).is_socket()
    made.remove_file()
    made.sock.close()


def test_a_listener_that_never_started_removes_its_file(place: Address) -> None:
    listener = Listener(place, endpoint("bob", Inbox()), is_known_peer=lambda _: True)
    listener.open()
    assert Path(place.host).is_socket()
    assert listener.stop(1)
    assert not Path(place.host).exists()


def test_a_dial_of_a_path_where_nothing_listens_says_so(place: Address) -> None:
    with dialing(place) as (_, told):
        error = told.next(DialFailed).error
    assert isinstance(error, ConnectError)
    assert str(error).startswith(f"{place}: ")
