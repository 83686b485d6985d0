"""Two processes that say all they can to each other over one two-way link: no standstill, and no growth.

Each end keeps its outbox full. Every second: what each has heard since, and its memory and threads.

Usage: python -m tests.fault.saturation [--seconds 60] [--only plain keyed tls]
"""

import argparse
import itertools
import queue
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from elect.testing.soak.interruption import interruption, run
from tests.certificates import DAY, Authority
from tests.fault.siege.field import Figures
from wire import Address, Codec, Dialer, Endpoint, Identity, Keyed, Listener, Plain, Security
from wire.io.link_events import Event, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.protocol.identity import LinkNumber
from wire.security.credentials import TlsFiles
from wire.security.tls import Tls

KINDS = ("plain", "keyed", "tls")
VALID_S = 30 * DAY
"""Certificates that end this late cause no warning."""

FULL_PAUSE_S = 0.001
GROWTH_MB_MAX = 15.0
WARM_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A message of 1 kB that the links carry."""

    number: int
    data: bytes


Send = Callable[[object], bool]


class LoadSender(threading.Thread):
    """Keeps a link's outbox full, and counts what comes back."""

    def __init__(self, send: Send) -> None:
        super().__init__(name="load-sender", daemon=True)
        self.heard = 0
        self.is_ended = False
        self._send = send

    def run(self) -> None:
        """Send numbered loads until the link ends."""
        for number in itertools.count():
            while not self._send(Load(number=number, data=bytes(1_000))):
                if self.is_ended:
                    return
                time.sleep(FULL_PAUSE_S)


class End:
    """Either end: begins to talk when its link is open."""

    def __init__(self) -> None:
        self.senders: queue.SimpleQueue[LoadSender] = queue.SimpleQueue()
        self.send: Callable[[str, LinkNumber, object], bool] = lambda *_: False
        self._sender = LoadSender(lambda _: False)

    def deliver(self, event: Event) -> None:
        match event:
            case MessageReceived():
                self._sender.heard += 1
            case LinkOpened() | LinkAccepted():
                peer, number = event.peer, event.number
                self._sender = LoadSender(lambda message: self.send(peer, number, message))
                self._sender.start()
                self.senders.put(self._sender)
            case LinkClosing():
                self._sender.is_ended = True
                event.done.set()
            case LinkEnded():
                self._sender.is_ended = True


def identity(node: str) -> Identity:
    return Identity(cluster="c", node=node, incarnation=1, store=bytes(16))


def prepare(kind: str, directory: Path) -> None:
    """Make what both ends need to know each other."""
    if kind == "keyed":
        key = directory / "key"
        key.write_text(secrets.token_hex(32))
        key.chmod(0o600)
    if kind == "tls":
        authority = Authority(directory / "tls", ends_s=VALID_S)
        for node in "ab":
            authority.files(node, name=node, ends_s=VALID_S)


def security(kind: str, node: str, directory: Path) -> Security:
    """Return the security of an end."""
    if kind == "keyed":
        return Keyed(directory / "key")
    if kind == "tls":
        home = directory / "tls"
        files = TlsFiles(certificate=home / f"{node}.pem", key=home / f"{node}.key", ca=home / "ca.pem")
        return Tls(files, node=node, cluster="c")
    return Plain()


def listen(kind: str, directory: Path) -> None:
    """Run the other process: print its port, then each second the number of messages received, until the link ends."""
    end = End()
    listener = Listener(
        Address("127.0.0.1", 0),
        Endpoint(
            identity=identity("b"),
            codec=Codec(Load),
            deliver=end.deliver,
            security=security(kind, "b", directory),
        ),
        is_known_peer=lambda _: True,
        two_way=("client",),
    )
    end.send = listener.send
    listener.open()
    listener.start()
    say(str(listener.address.port))
    sender = end.senders.get()
    while not sender.is_ended:
        time.sleep(1.0)
        say(str(sender.heard))
    listener.stop(5)


@contextmanager
def other(kind: str, directory: Path) -> Iterator[tuple[subprocess.Popen[str], Address]]:
    """Run the other process; yield it with its address."""
    command = [sys.executable, "-m", "tests.fault.saturation", "--only", kind, "--listen", str(directory)]
    # Ctrl-C in a terminal is for this process; the other one ends with the link.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        try:
            yield process, Address("127.0.0.1", int(process.stdout.readline()))
        finally:
            process.kill()


def saturate(seconds: float, kind: str, directory: Path, tell: Callable[[str], object]) -> list[str]:
    """Saturate a link for `seconds`, with keys or certificates in a directory; return the problems."""
    end, problems = End(), []
    prepare(kind, directory)
    with other(kind, directory) as (process, address):
        dialer = Dialer(
            "b",
            lambda: address,
            Endpoint(
                identity=identity("a"),
                codec=Codec(Load),
                deliver=end.deliver,
                security=security(kind, "a", directory),
            ),
            next_counter=itertools.count(1).__next__,
            kind="client",
            is_two_way=True,
        )
        end.send = lambda _, number, message: dialer.send(number, message)
        dialer.start()
        sender = end.senders.get(timeout=20)
        assert process.stdout is not None
        time.sleep(WARM_S)
        process.stdout.readline()
        first = (Figures.of(process.pid), Figures.of(_own()))
        before, deadline = (sender.heard, 0), time.monotonic() + seconds
        while time.monotonic() < deadline and not sender.is_ended:
            there = int(process.stdout.readline())
            now = (sender.heard, there)
            if min(one - other_ for one, other_ in zip(now, before, strict=True)) <= 0:
                problems.append(f"a second in which an end heard nothing: {before}, {now}")
            before = now
        last = (Figures.of(process.pid), Figures.of(_own()))
        if sender.is_ended:
            problems.append("the link ended")
        dialer.stop(5)
    for name, one, two in zip(("listener", "dialer"), first, last, strict=True):
        tell(f"{name}: {one.resident_mb:.1f} MB, then {two.resident_mb:.1f}; {one.threads} threads, then {two.threads}")
        if two.resident_mb > one.resident_mb + GROWTH_MB_MAX or two.threads > one.threads:
            problems.append(f"the {name} grew")
    tell(f"heard: dialer {before[0]:,}, listener {before[1]:,} in {seconds:g} s; problems: {problems or 'none'}")
    return problems


def _own() -> int:
    return int(Path("/proc/self").resolve().name)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--listen", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.listen is not None:
        listen(arguments.only[0], arguments.listen)
        return 0
    problems = []
    for kind in arguments.only:
        say(f"== {kind}")
        with tempfile.TemporaryDirectory() as directory:
            found = interruption.attempt(partial(saturate, arguments.seconds, kind, Path(directory), say))
        if found is None:
            break
        problems += found
    say(f"{len(problems)} problems")
    return bool(problems)


if __name__ == "__main__":
    run(main)
