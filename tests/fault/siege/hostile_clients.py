"""Clients that are let in, and then flood, read nothing, or speak like nodes."""

import itertools
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from elect.core.configuration import Configuration
from elect.core.messages import Batch, Follow, Heartbeat, Number, Standing, Vote
from elect.observing.observer_messages import CLIENT_KIND, CLIENT_MESSAGES, WATCHED_MAX, Watch
from tests.fault.siege.field import CLUSTER, Field
from tests.fault.siege.strangers import connect
from wire.io.sockets import views
from wire.protocol.codec import Codec
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Heard, Welcome, hello
from wire.protocol.identity import Identity, LinkNumber
from wire.protocol.wire_errors import WireError

CODEC = Codec(*CLIENT_MESSAGES, Batch, Heartbeat, Bye, Heard)

CLIENTS = 40
"""At once: fewer descriptors of a node than an attack may cost."""

PAUSE_S = 0.002
ROUND_S = 0.2
"""Between two signs of life of the clients that read nothing."""

_instances = itertools.count(1)


class HostileClient:
    """A client's link, after its handshake.

    Args:
        ground: the field; the client dials the leader.
        window: the bytes that its system takes before it reads; 0: as many as usual.
    """

    def __init__(self, ground: Field, window: int = 0) -> None:
        self._connection = Connection(CODEC, 65_536, is_dialer=True)
        self._sock = connect(ground.address(ground.leader))
        if window:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        local, remote = views(self._sock)
        identity = Identity(cluster=CLUSTER, node=f"client/siege/{next(_instances)}", incarnation=0, store=bytes(16))
        number = LinkNumber(0, 1)
        said = hello(identity, to="", number=number, kind=CLIENT_KIND, local=local, remote=remote, is_two_way=True)
        self._sock.sendall(self._connection.greet(said))
        assert isinstance(self.next_message(), Welcome)

    def next_message(self) -> object:
        """Return the next message but signs of life; None at the end of the link."""
        with suppress(OSError, WireError):
            while data := self._sock.recv(65_536):
                for message in self._connection.receive(data):
                    if not isinstance(message, Heard):
                        return message
        return None

    def last_word(self) -> str:
        """Return the reason with which the node ended the link."""
        while (message := self.next_message()) is not None:
            if isinstance(message, Bye):
                return message.reason
        return "without a Bye"

    def say(self, message: object) -> bool:
        """Return whether the link still takes a message."""
        with suppress(OSError, WireError):
            self._sock.settimeout(1.0)
            self._sock.sendall(self._connection.send(message))
            return True
        return False

    def close(self) -> None:
        self._sock.close()


def watch(number: int) -> Watch:
    """The most that one Watch can ask for, of elections that do not exist."""
    return Watch(elections=tuple(f"{number}-{each}" for each in range(WATCHED_MAX)))


def flooding(ground: Field, seconds: float) -> Counter[str]:
    """Clients that watch other elections without a pause, and come back when they are cut off."""

    def once(client: HostileClient, done: Counter[str]) -> None:
        for number in itertools.count():
            if not client.say(watch(number)):
                break
            done["watches"] += 1

    return _again(ground, seconds, once)


def speaking_like_nodes(ground: Field, seconds: float) -> Counter[str]:
    """Votes, Follows and heartbeats of clients, for terms far above that of the leader."""
    members = Configuration.initial(["a", "b", "c", "d"]).id
    entries = (
        Vote(election="default", term=10**6, offset=0),
        Follow(election="default", term=10**6, session=Number(1, 1)),
    )
    said = [Batch(configuration=members, entries=(each,)) for each in entries]
    heartbeat = Heartbeat(
        sent=1, duration=10**9, ack=None, supports=(), standing=Standing(priority=9), configuration=members
    )
    turns = itertools.cycle([*said, heartbeat])

    def once(client: HostileClient, done: Counter[str]) -> None:
        client.say(next(turns))
        done[f"ended: {client.last_word()}"] += 1

    return _again(ground, seconds, once)


def reading_nothing(ground: Field, seconds: float) -> Counter[str]:
    """Many clients that watch as much as they can, show that they live, and never read."""
    done: Counter[str] = Counter()
    held: list[HostileClient] = []
    deadline = time.monotonic() + seconds
    numbers = itertools.count()
    try:
        while time.monotonic() < deadline:
            while len(held) < CLIENTS:
                held.append(HostileClient(ground, window=4_096))
                done["opened"] += 1
            number = next(numbers)
            living = [client for client in held if client.say(watch(number))]
            done["cut off"] += len(held) - len(living)
            for client in held:
                if client not in living:
                    client.close()
            held = living
            time.sleep(ROUND_S)
    finally:
        for client in held:
            client.close()
    return done


def _again(ground: Field, seconds: float, once: Callable[[HostileClient, Counter[str]], None]) -> Counter[str]:
    done: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        client = HostileClient(ground)
        done["opened"] += 1
        try:
            once(client, done)
        finally:
            client.close()
        time.sleep(PAUSE_S)
    return done
