"""Measure the cost of the wire: encoding a heartbeat, and round trips of one between two processes.

The round trips are measured in these modes:

- `raw`: bytes on a socket;
- `multiprocessing`: multiprocessing.connection with its authkey;
- `connection`: a Connection on a blocking socket, without threads;
- `link`: a Dialer's two-way link to a Listener, with threads and outboxes.

The last two are measured plain, with a shared key, and with TLS. The rounds of all modes alternate, so that a slow
phase of the machine slows all of them. The ratios are medians over the rounds. CPU time is that of this process.

The processors matter more than the code. On a virtual machine it takes about 20 us to wake a process on another
processor, and almost nothing on the same one: bytes take 47 us between two processors and 15 us on one. By default
Linux puts both ends of `raw` on one processor and the ends of the other modes on two, which would distort the ratios.
So there are two tables, each with one placement for all modes. Two processors are the better model of two hosts. A
process that was just woken is slow: a heartbeat that takes 12 us in a loop takes 20 to 30 us there.

Usage: python bench/transport.py [--rounds 30] [--trips 100]
"""

import argparse
import functools
import itertools
import os
import queue
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Client
from multiprocessing.connection import Listener as MultiprocessingListener
from pathlib import Path

from rotation import Rotation

from elect.core.messages import Ack, Batch, ConfigurationId, Heartbeat, Knowledge, Number, Standing
from wire import Address, Codec, Dialer, Endpoint, Identity, Keyed, Listener, Plain, Security
from wire.common.deadline import Deadline
from wire.io.link_events import LinkOpened, MessageReceived
from wire.io.sockets import block_reads, tune, views
from wire.links.connect import Dialing
from wire.protocol.connection import Connection, Phase
from wire.protocol.handshake import Bye, Heard, Hello, hello, welcome
from wire.protocol.identity import LinkNumber
from wire.protocol.limits import Limits
from wire.security.credentials import TlsFiles
from wire.security.security import HandshakeCredentials
from wire.security.tls import Tls

HEARTBEAT = Heartbeat(
    sent=10**15,
    duration=10**9,
    ack=Ack(link=Number(3, 4), session=Number(5, 6), sent=10**15, duration=10**9),
    supports=("a", "b", "c"),
    standing=Standing(),
    configuration=ConfigurationId(0, 0, b"digested"),
    said=4,
    heard=5,
)
CODEC = Codec(Heartbeat, Batch, Knowledge)
WITH_BYE = CODEC.extended(Bye, Heard)
PAYLOAD = CODEC.encode(HEARTBEAT)
FRAME = len(PAYLOAD).to_bytes(4, "big") + PAYLOAD
CLUSTER = "processes"
AUTHKEY = b"k" * 32
KIND = "client"
KINDS = ("plain", "key", "tls")
MODES = ("raw", "multiprocessing", *(f"connection {kind}" for kind in KINDS), *(f"link {kind}" for kind in KINDS))
PATIENCE_S = 20.0


def security(kind: str, node: str, directory: Path) -> Security:
    """Return the security of a node, from the files of a Rotation."""
    if kind == "key":
        return Keyed(directory / f"{node}.keys")
    if kind == "tls":
        shown, believed = directory / f"{node}.pem", directory / f"{node}.ca"
        files = TlsFiles(certificate=shown, key=directory / f"{node}.key", ca=believed)
        return Tls(files, node=node, cluster=CLUSTER)
    return Plain()


def identity(node: str) -> Identity:
    """Return the identity of a node."""
    return Identity(cluster=CLUSTER, node=node, incarnation=1, store=bytes(16))


def echo(mode: str, directory: Path) -> None:
    """Run the other process: print its port, then echo until it is killed."""
    style, _, kind = mode.partition(" ")
    if style == "link":
        _echo_link(security(kind, "b", directory))
    elif style == "multiprocessing":
        with MultiprocessingListener(("127.0.0.1", 0), authkey=AUTHKEY) as server:
            _print_port(server.address[1])
            link = server.accept()
            while True:
                link.send(link.recv())
    with socket.create_server(("127.0.0.1", 0)) as server:
        _print_port(server.getsockname()[1])
        sock, _ = server.accept()
        tune(sock, PATIENCE_S)
        if style == "raw":
            while True:
                sock.sendall(_exactly(sock))
        _echo_connection(sock, security(kind, "b", directory))


def _print_port(port: int) -> None:
    print(port, flush=True)


def _exactly(sock: socket.socket) -> bytes:
    data = sock.recv(65_536)
    while len(data) < len(FRAME):
        data += sock.recv(65_536)
    return data


def _echo_link(guarding: Security) -> None:
    def deliver(event: object) -> None:
        if isinstance(event, MessageReceived):
            listener.send(event.peer, event.number, event.message)

    listener = Listener(
        Address("127.0.0.1", 0),
        Endpoint(identity=identity("b"), codec=CODEC, deliver=deliver, security=guarding),
        is_known_peer=lambda _: True,
        two_way=(KIND,),
    )
    listener.open()
    _print_port(listener.address.port)
    listener.start()
    time.sleep(1e6)


def _echo_connection(sock: socket.socket, guarding: Security) -> None:
    guard, deadline = guarding.credentials, Deadline(PATIENCE_S)
    channel = guard.channel(sock, is_dialer=False)
    channel.shake_hands(deadline)
    connection = Connection(WITH_BYE, 65_536, is_dialer=False, ring=guard.ring)
    local, remote = views(sock)
    while connection.phase is not Phase.OPEN:
        for said in list(connection.receive(channel.read_before(deadline))):
            if isinstance(said, Hello):
                nonce = guard.nonce()
                answer = welcome(identity("b"), said, local=local, remote=remote, nonce=nonce, ring=guard.ring)
                channel.write(connection.accept(answer))
    block_reads(sock, 1e6)
    while True:
        for message in connection.receive(channel.read()):
            channel.write(connection.send(message))


@contextmanager
def talking(mode: str, directory: Path, processor: int | None) -> Iterator[Callable[[], object]]:
    """Start the other process; yield a function that makes one round trip to it."""
    command = [sys.executable, __file__, "--echo", mode, "--directory", str(directory)]
    command += [] if processor is None else ["--processor", str(processor)]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with ExitStack() as stack:
        stack.callback(other.wait)
        stack.callback(other.kill)
        assert other.stdout is not None
        port = int(stack.enter_context(other.stdout).readline())
        style, _, kind = mode.partition(" ")
        yield stack.enter_context(CALLS[style](port, security(kind, "a", directory)))


@contextmanager
def _call_raw(port: int, _: Security) -> Iterator[Callable[[], object]]:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        tune(sock, PATIENCE_S)

        def trip() -> bytes:
            sock.sendall(FRAME)
            return _exactly(sock)

        yield trip


@contextmanager
def _call_multiprocessing(port: int, _: Security) -> Iterator[Callable[[], object]]:
    with Client(("127.0.0.1", port), authkey=AUTHKEY) as link:

        def trip() -> object:
            link.send(HEARTBEAT)
            return link.recv()

        yield trip


@contextmanager
def _call_connection(port: int, guarding: Security) -> Iterator[Callable[[], object]]:
    dialing = Dialing(
        to="b", kind=KIND, identity=identity("a"), codec=WITH_BYE, limits=Limits(), security=guarding, is_two_way=True
    )
    link = dialing.dial(Address("127.0.0.1", port), itertools.count(1).__next__)
    block_reads(link.channel.sock, PATIENCE_S)

    def trip() -> list[object]:
        link.channel.write(link.connection.send(HEARTBEAT))
        heard: list[object] = []
        while not heard:
            heard += link.connection.receive(link.channel.read())
        return heard

    with link.channel.sock:
        yield trip


@contextmanager
def _call_link(port: int, guarding: Security) -> Iterator[Callable[[], object]]:
    told: queue.SimpleQueue[object] = queue.SimpleQueue()

    def deliver(event: object) -> None:
        if hasattr(event, "done"):
            event.done.set()
        told.put(event)

    dialer = Dialer(
        "b",
        lambda: Address("127.0.0.1", port),
        Endpoint(identity=identity("a"), codec=CODEC, deliver=deliver, security=guarding),
        next_counter=itertools.count(1).__next__,
        kind=KIND,
        is_two_way=True,
    )
    dialer.start()
    opened = told.get(timeout=PATIENCE_S)
    assert isinstance(opened, LinkOpened), opened

    def trip() -> object:
        dialer.send(opened.number, HEARTBEAT)
        return told.get(timeout=PATIENCE_S)

    try:
        yield trip
    finally:
        dialer.stop(PATIENCE_S)


CALLS = {
    "raw": _call_raw,
    "multiprocessing": _call_multiprocessing,
    "connection": _call_connection,
    "link": _call_link,
}


def print_codec_cost(directory: Path, count: int) -> None:
    """Print the CPU time to encode, frame, parse and decode, with and without a key, in microseconds."""
    for kind in ("plain", "key"):
        guard = security(kind, "a", directory).credentials
        dialer, acceptor = _ends(guard)
        said = _cost(functools.partial(dialer.send, HEARTBEAT), count)
        dialer, acceptor = _ends(guard)
        both = _cost(functools.partial(_carry, dialer, acceptor), count)
        print(
            f"heartbeat, {kind:<6}encode + frame {said:.1f} us, parse + decode {both - said:.1f} us, both {both:.1f} us"
        )


def _carry(dialer: Connection, acceptor: Connection) -> list[object]:
    return list(acceptor.receive(dialer.send(HEARTBEAT)))


def _ends(guard: HandshakeCredentials) -> tuple[Connection, Connection]:
    """Return both ends after their handshake."""
    dialer = Connection(WITH_BYE, 65_536, is_dialer=True, ring=guard.ring)
    acceptor = Connection(WITH_BYE, 65_536, is_dialer=False, ring=guard.ring)
    dialing, nonce = _hello(guard), guard.nonce()
    list(acceptor.receive(dialer.greet(dialing)))
    answer = welcome(identity("b"), dialing, local="b:1", remote="a:1", nonce=nonce, ring=guard.ring)
    list(dialer.receive(acceptor.accept(answer)))
    list(acceptor.receive(dialer.prove()))
    return dialer, acceptor


def _hello(guard: HandshakeCredentials) -> Hello:
    return hello(
        identity("a"),
        to="b",
        number=LinkNumber(1, 1),
        kind="peer",
        local="a:1",
        remote="b:1",
        nonce=guard.nonce(),
        ring=guard.ring,
    )


def _cost(step: Callable[[], object], count: int) -> float:
    best = float("inf")
    for _ in range(5):
        begin = time.process_time()
        for _ in range(count):
            step()
        best = min(best, (time.process_time() - begin) / count)
    return 1e6 * best


def placements() -> list[tuple[str, int | None, int | None]]:
    """Return the placements: a title, and the processors of this end and of the other."""
    if not hasattr(os, "sched_getaffinity"):
        return [("processors chosen by the system", None, None)]
    first, *others = sorted(os.sched_getaffinity(0))
    apart = [("each end on its own processor", first, others[0])] if others else []
    return [*apart, ("both ends on one processor", first, first)]


def stay_on(processor: int | None) -> None:
    """Run on one processor from now on."""
    if processor is not None:
        os.sched_setaffinity(0, {processor})


def round_trips(directory: Path, rounds: int, trips: int, processor: int | None) -> None:
    """Measure all modes in turns, with the other end on a processor; print a row for each."""
    taken: dict[str, list[float]] = {mode: [] for mode in MODES}
    medians: dict[str, list[float]] = {mode: [] for mode in MODES}
    cpu = dict.fromkeys(MODES, 0.0)
    with ExitStack() as stack:
        trip = {mode: stack.enter_context(talking(mode, directory, processor)) for mode in MODES}
        for _, mode in itertools.product(range(rounds), MODES):
            begin, times = time.process_time(), []
            for _ in range(trips):
                before = time.perf_counter()
                trip[mode]()
                times.append(time.perf_counter() - before)
            cpu[mode] += time.process_time() - begin
            taken[mode] += times
            medians[mode].append(statistics.median(times))
    print(f"{'':<18}{'median us':>10}{'p99 us':>9}{'per s':>8}{'CPU us':>8}{'x raw':>7}{'x plain':>9}")
    for mode in MODES:
        style, _, kind = mode.partition(" ")
        plain = f"{_ratio(medians[mode], medians[f'{style} plain']):.2f}" if kind else ""
        print(
            f"{mode:<18}{1e6 * statistics.median(taken[mode]):>10.0f}{1e6 * _p99(taken[mode]):>9.0f}"
            f"{len(taken[mode]) / sum(taken[mode]):>8.0f}{1e6 * cpu[mode] / len(taken[mode]):>8.0f}"
            f"{_ratio(medians[mode], medians['raw']):>7.2f}{plain:>9}"
        )


def _ratio(one: list[float], other: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def main() -> None:
    """Measure the transports, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, help="rounds of each mode")
    parser.add_argument("--trips", type=int, default=100, help="round trips of each round")
    parser.add_argument("--echo", help=argparse.SUPPRESS)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--processor", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.echo:
        stay_on(arguments.processor)
        with suppress(EOFError, OSError):  # the parent process has ended
            echo(arguments.echo, arguments.directory)
        return
    with tempfile.TemporaryDirectory(prefix="elect-bench-") as name:
        for kind in KINDS[1:]:
            Rotation(Path(name), ("a", "b"), kind)
        print_codec_cost(Path(name), 5_000)
        for title, here, there in placements():
            print(f"\nround trips, {title}")
            stay_on(here)
            round_trips(Path(name), arguments.rounds, arguments.trips, there)


if __name__ == "__main__":
    main()
