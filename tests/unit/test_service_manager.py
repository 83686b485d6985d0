"""Messages to systemd, received by a real datagram socket."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from elect import Node
from elect.cli.commands.run_node import _await_end
from elect.cli.exit_codes import ExitCode
from elect.cli.json_events import JsonEvents
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase
from elect.runtime.service_manager import (
    STATUS_LENGTH_MAX,
    VARIABLE,
    WATCHDOG_PID_VARIABLE,
    WATCHDOG_VARIABLE,
    Watchdog,
    notify,
    notify_lifecycle,
)
from tests.nodes import DEADLINE_S, eventually, single


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path, monkeypatch) -> Iterator[socket.socket]:
    """A service manager's socket, which NOTIFY_SOCKET names."""
    is_path = request.param == "path"
    name = str(tmp_path / "notify") if is_path else f"@elect-test-{secrets.token_hex(8)}"
    monkeypatch.setenv(VARIABLE, name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(name if is_path else f"\0{name[1:]}")
        made.settimeout(0)
        yield made


def received(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_each_message_is_one_datagram(manager):
    assert notify(is_ready=True, status="ready")
    assert received(manager) == "READY=1\nSTATUS=ready"
    assert notify(is_stopping=True)
    assert received(manager) == "STOPPING=1"
    assert notify(status="joining(3)")
    assert received(manager) == "STATUS=joining(3)"


def test_status_is_one_short_line(manager):
    """A second line would be a message of its own."""
    assert notify(status="failed(no\nREADY=1)")
    assert received(manager) == "STATUS=failed(no READY=1)"
    assert notify(status="é" * 5000)
    assert received(manager) == f"STATUS={'é' * STATUS_LENGTH_MAX}"
    assert notify(status="\udcff")
    assert received(manager) == "STATUS=?"


def test_nothing_to_say_is_not_sent(manager):
    assert not notify()
    with pytest.raises(BlockingIOError):
        received(manager)


def test_full_queue_is_not_waited_for(manager):
    """The service manager hangs: the node goes on."""
    sent = 0
    while notify(is_ready=True):
        sent += 1
        assert sent < 100_000
    assert sent
    received(manager)
    assert notify(is_ready=True)


@pytest.mark.parametrize("phase", MemberPhase)
def test_node_is_started_when_it_is_ready(manager, phase):
    assert notify_lifecycle(MemberLifecycle(phase=phase))
    first = {MemberPhase.READY: "READY=1\n", MemberPhase.LEAVING: "STOPPING=1\n"}.get(phase, "")
    assert received(manager) == f"{first}STATUS={phase}"


def test_attempt_and_reason_are_shown(manager):
    assert notify_lifecycle(MemberLifecycle(phase=MemberPhase.JOINING, attempt=4))
    assert received(manager) == "STATUS=joining(4)"
    assert notify_lifecycle(MemberLifecycle(phase=MemberPhase.FAILED, reason="another cluster"))
    assert received(manager) == "STATUS=failed(another cluster)"


@pytest.mark.parametrize(
    "place",
    [None, "", "relative", "vsock:2:1", "/nowhere/notify", "@elect-nobody-listens", f"/{'x' * 200}", "/", "@"],
)
def test_without_a_manager_nothing_is_sent_or_raised(place, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    if place is not None:
        monkeypatch.setenv(VARIABLE, place)
    assert not notify(is_ready=True, status="ready")


def test_manager_that_is_gone_is_no_error(manager, tmp_path):
    manager.close()
    assert not notify(is_ready=True)
    Path(tmp_path / "notify").unlink(missing_ok=True)
    assert not notify(is_ready=True)


@pytest.fixture
def watched(manager, tmp_path, monkeypatch) -> Iterator[tuple[Node, Watchdog]]:
    """A node whose unit has `WatchdogSec=0.04`."""
    monkeypatch.setenv(WATCHDOG_VARIABLE, "40000")
    monkeypatch.setenv(WATCHDOG_PID_VARIABLE, str(os.getpid()))
    with single(tmp_path) as node:
        yield node, Watchdog(node.visit)


def signs(manager: socket.socket, watchdog: Watchdog) -> bool:
    """Review the watchdog once, and return whether a sign of life has come."""
    watchdog.review()
    try:
        return received(manager) == "WATCHDOG=1"
    except BlockingIOError:
        return False


def test_orchestrator_that_hangs_gives_no_sign_of_life(manager, watched):
    """One is asked for at a time: none come in a heap when it goes on."""
    node, watchdog = watched
    for _ in range(3):
        eventually(lambda: signs(manager, watchdog))
    is_hanging, goes_on = threading.Event(), threading.Event()
    node.visit(lambda: is_hanging.set() or goes_on.wait(DEADLINE_S))
    try:
        assert is_hanging.wait(DEADLINE_S)
        eventually(lambda: not signs(manager, watchdog))  # one may have left just before
        with pytest.raises(AssertionError, match="in time"):
            eventually(lambda: signs(manager, watchdog), 0.2)
    finally:
        goes_on.set()
    eventually(lambda: signs(manager, watchdog))


class Waits:
    """Counts the waits of a loop, and ends it after the tenth one."""

    def __init__(self) -> None:
        self.longest_ms = []

    def wait(self, longest_ms: float) -> str | None:
        self.longest_ms.append(longest_ms)
        return "signal" if len(self.longest_ms) == 10 else None


def test_loop_of_a_node_in_the_foreground_waits_for_no_sign(watched):
    """Its waits end when a sign is due, so each one is in time."""
    waits = Waits()
    assert _await_end(watched[0], waits, JsonEvents("a", None)) is ExitCode.OK
    assert max(waits.longest_ms) <= 10
    assert min(waits.longest_ms) > 0


def test_sign_that_is_under_way_is_not_waited_for_busily(watched):
    node, watchdog = watched
    goes_on = threading.Event()
    node.visit(lambda: goes_on.wait(DEADLINE_S))
    try:
        for _ in range(2):
            watchdog.review()
            eventually(lambda: watchdog.wait_ms(500) == 10)
    finally:
        goes_on.set()


@pytest.mark.parametrize(("timeout", "owner"), [("", None), ("soon", None), ("40000", "1")])
def test_no_sign_of_life_is_given_unasked(manager, monkeypatch, timeout, owner):
    """Nor for another process, such as the parent of this one."""
    monkeypatch.setenv(WATCHDOG_VARIABLE, timeout)
    monkeypatch.setenv(WATCHDOG_PID_VARIABLE, owner or str(os.getpid()))
    asked = []
    watchdog = Watchdog(asked.append)
    watchdog.review()
    assert asked == []
    assert watchdog.wait_ms(500) == 500
