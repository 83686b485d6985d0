"""A TCP proxy that terminates connections, can hold back one direction, and can drop what it carries.

One proxy stands between one dialer and one acceptor, so cutting `a` from `b` in one direction only is cutting the
proxy on the link that `a` dials. What is cut is held, as a network holds it, and delivered after the heal.
"""

import random
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self


class Proxy:
    """Carries connections to `target`; what the dialer sends goes `onward`, what comes back, `back`."""

    def __init__(self, target: str, watch: Callable[[str, bytes], object] = lambda _direction, _data: None) -> None:
        """`watch` is called with the direction and the data before they are passed on."""
        self._watch = watch
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._is_open = {direction: threading.Event() for direction in ("onward", "back")}
        self.heal()
        self._is_stopped = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def _spawn(self, work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work, name=f"proxy-{self.address}")
        with self._lock:
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _accept(self) -> None:
        while not self._is_stopped.is_set():
            try:
                dialer, _ = self._server.accept()
            except OSError:
                return
            self._spawn(partial(self._carry, dialer))

    def _carry(self, dialer: socket.socket) -> None:
        with self._lock:
            self._sockets.add(dialer)
        self._wait_open("onward")
        try:
            acceptor = socket.create_connection(self._target, timeout=5)
        except OSError:
            self._close(dialer)
            return
        acceptor.settimeout(None)
        for each in (dialer, acceptor):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets.add(acceptor)
        self._spawn(partial(self._pump, acceptor, dialer, "back"))
        self._pump(dialer, acceptor, "onward")

    def _pump(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._wait_open(direction)
                self._watch(direction, data)
                sink.sendall(data)
            self._wait_open(direction)
        self._close(source)
        self._close(sink)

    def _wait_open(self, direction: str) -> None:
        while not self._is_open[direction].wait(0.05):
            if self._is_stopped.is_set():
                return

    def _close(self, each: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(each)
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()

    def cut(self, *directions: str) -> None:
        """Hold data and ends of connections from now on, by default in both directions."""
        for direction in directions or self._is_open:
            self._is_open[direction].clear()

    def heal(self) -> None:
        """Deliver what was held, and carry on."""
        for is_open in self._is_open.values():
            is_open.set()

    def drop(self) -> None:
        """Close every connection that is carried now: both ends read an end of stream, and both ends live."""
        with self._lock:
            carried = list(self._sockets)
        for each in carried:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Close everything and end every thread."""
        self._is_stopped.set()
        self.heal()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.drop()
        for thread in list(self._threads):
            thread.join(10)


class Network:
    """A proxy on every link of a cluster of processes: pass `route` to its plan."""

    def __init__(self) -> None:
        self.proxies: dict[tuple[str, str], Proxy] = {}

    def route(self, dialer: str, acceptor: str, address: str) -> str:
        self.proxies[dialer, acceptor] = Proxy(address)
        return self.proxies[dialer, acceptor].address

    def cut(self, source: str, sink: str) -> None:
        """Nothing that `source` says reaches `sink`: neither on its own link nor back on the other's."""
        self.proxies[source, sink].cut()

    def cut_both(self, one: str, other: str) -> None:
        self.cut(one, other)
        self.cut(other, one)

    def heal(self) -> None:
        for proxy in self.proxies.values():
            proxy.heal()

    def drop_one(self, rng: random.Random) -> None:
        """Drop the connections of one link."""
        self.proxies[rng.choice(sorted(self.proxies))].drop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for proxy in self.proxies.values():
            proxy.stop()
