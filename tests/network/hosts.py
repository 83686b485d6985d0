"""Hosts with kernels' networks of their own, joined by a bridge: network namespaces. Cuts here lose packets.

Unlike behind a proxy, nothing acknowledges for a host that is not heard: retransmission, half-open connections and the
timeouts of the operating system are the real ones. Needs uid 0 and Debian's package iproute2, and of the kernel no more
than veth and bridge: a packet to another host is lost because no network card has its address.
"""

import ctypes
import itertools
import os
import random
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

NAMESPACES = Path("/run/netns")
SNMP = Path("/proc/thread-self/net/snmp")
NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/eth0")
CLONE_NEWNET = 0x4000_0000
NOBODY = "02:00:00:00:ff:ff"
"""The hardware address of no host."""

SLICE_S = 0.005
"""The time for which a lossy path loses all or nothing; packets that are further apart are lost one by one."""

_numbers = itertools.count()


class NoNetworkError(Exception):
    """The reason why this machine cannot make hosts."""


class Host:
    """One namespace, with one network card."""

    def __init__(self, name: str, namespace: str, number: int) -> None:
        self.name = name
        self.namespace = namespace
        self.address = f"10.0.0.{number}"
        self.hardware = f"02:00:00:00:00:{number:02x}"

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Move this thread to the host: its new sockets, threads and processes are there, and stay."""
        with Path("/proc/thread-self/ns/net").open() as home, (NAMESPACES / self.namespace).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def resent(self) -> int:
        """Return the number of TCP segments that the host sent again."""
        with self.inside():
            names, values = (line.split() for line in SNMP.read_text().splitlines() if line.startswith("Tcp:"))
        return int(values[names.index("RetransSegs")])


def _enter(namespace: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Net:
    """A few hosts, and what is between them.

    Args:
        names: the hosts'.

    Raises:
        NoNetworkError: why that can't be had here.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"elect-{os.getpid()}-{next(_numbers)}"
        self._bridge = f"{self._prefix}-bridge"
        self.hosts = {name: Host(name, f"{self._prefix}-{name}", number) for number, name in enumerate(names, 1)}
        self._replaced: set[str] = set()
        self._undo = ExitStack()

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._undo = undo
            self._make()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def _make(self) -> None:
        if shutil.which("ip") is None:
            raise NoNetworkError("needs ip, of Debian's package iproute2")
        self._add(self._bridge)
        _ip(self._bridge, "link add bridge type bridge", "link set bridge up")
        for host in self.hosts.values():
            self._add(host.namespace)
            port = f"port-{host.name}"
            _ip(
                self._bridge,
                f"link add {port} type veth peer name eth0 address {host.hardware} netns {host.namespace}",
                f"link set {port} master bridge up",
            )
            _ip(host.namespace, "link set lo up", f"addr add {host.address}/24 dev eth0", "link set eth0 up")

    def _add(self, namespace: str) -> None:
        _ip("", f"netns add {namespace}")
        self._undo.callback(_ip, "", f"netns del {namespace}")

    def cut(self, source: str, sink: str) -> None:
        """Drop all packets from one host to the other; the sender does not notice."""
        _ip(self[source].namespace, _path(self[sink], NOBODY))

    def heal_all(self) -> None:
        """Mend every cut and plug in every host but the replaced ones."""
        for name, host in self.hosts.items():
            others = [other for other in self.hosts.values() if other is not host]
            _ip(host.namespace, *(_path(other, other.hardware) for other in others))
            if name not in self._replaced:
                _ip(self._bridge, f"link set port-{name} up")

    def unplug(self, name: str) -> None:
        """Unplug this host: to all others it disappears without a packet."""
        _ip(self._bridge, f"link set port-{name} down")

    def replace(self, name: str, by: str) -> None:
        """Unplug this host and give its address to another one, which every host learns."""
        self.unplug(name)
        self._replaced.add(name)
        self[name].hardware = self[by].hardware
        _ip(self[by].namespace, f"addr add {self[name].address}/24 dev eth0")
        for host in self.hosts.values():
            _ip(host.namespace, "neigh flush dev eth0")

    def deny(self, name: str) -> None:
        """Unplug this host; the network of every other host soon reports it as unreachable."""
        self.unplug(name)
        for host in self.hosts.values():
            if host.name != name:
                with host.inside():
                    (NEIGHBOURS / "mcast_solicit").write_text("1")
                    (NEIGHBOURS / "retrans_time_ms").write_text("50")
                _ip(host.namespace, "neigh flush dev eth0")

    @contextmanager
    def lossy(self, share: float, rng: random.Random) -> Iterator[None]:
        """Lose this share of all packets between the hosts meanwhile, each direction of each pair by itself."""
        with ExitStack() as stack:
            over = threading.Event()
            pool = stack.enter_context(ThreadPoolExecutor(len(self.hosts)))
            stack.callback(over.set)
            paths = []
            for source in self.hosts.values():
                sinks = [sink for sink in self.hosts.values() if sink is not source]
                paths.append(pool.submit(_lose, source, sinks, share, random.Random(rng.random()), over))
            yield
        for path in paths:
            path.result()


def _path(sink: Host, hardware: str) -> str:
    """The command by which a host addresses what it says to another to this network card."""
    return f"neigh replace {sink.address} lladdr {hardware} nud permanent dev eth0"


def _ip(namespace: str, *commands: str) -> None:
    run = subprocess.run(
        ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise NoNetworkError(f"`ip {commands[0]}` failed: {run.stderr.strip()}")


def _lose(source: Host, sinks: Sequence[Host], share: float, rng: random.Random, over: threading.Event) -> None:
    """Lose packets of a host until it is over; raises NoNetworkError if `ip` ended before."""
    command = ["ip", "-n", source.namespace, "-batch", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as ip, ip.stdin as commands:
        while not over.wait(SLICE_S):
            for sink in sinks:
                print(_path(sink, NOBODY if rng.random() < share else sink.hardware), file=commands)
            commands.flush()
        for sink in sinks:
            print(_path(sink, sink.hardware), file=commands)
    if ip.returncode:
        raise NoNetworkError(f"`ip` of host {source.name} ended with {ip.returncode}")
