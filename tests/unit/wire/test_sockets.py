import errno
import os
import resource
import socket
from pathlib import Path

import pytest

from wire.io import sockets
from wire.io.sockets import failure, has_input, listen, own_link_socket, own_socket, views, write_all
from wire.protocol.address import Address
from wire.protocol.wire_errors import LinkFailure, ResetError, WriteTimeoutError


class Narrow:
    """A socket that takes these numbers of bytes, one a call; None: the call times out without any."""

    def __init__(self, *takes: int | None) -> None:
        self.takes = list(takes)
        self.taken = b""
        self.flags: list[int] = []

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        self.flags.append(flags)
        room = self.takes.pop(0)
        if room is None:
            raise BlockingIOError
        self.taken += bytes(data[:room])
        return min(room, len(data))


def test_all_is_written_in_however_many_pieces() -> None:
    sock = Narrow(2, 1, 9)
    write_all(sock, b"abcdef")  # type: ignore[arg-type]
    assert sock.taken == b"abcdef"


def test_timed_out_write_that_finds_room_is_progress() -> None:
    sock = Narrow(None, 1, None, 9)
    write_all(sock, b"abc")  # type: ignore[arg-type]
    assert sock.taken == b"abc"
    assert sock.flags == [0, socket.MSG_DONTWAIT, 0, socket.MSG_DONTWAIT]


def test_no_room_even_then_is_a_time_out() -> None:
    with pytest.raises(BlockingIOError):
        write_all(Narrow(1, None, None), b"abc")  # type: ignore[arg-type]


def test_as_long_as_there_is_hope_a_writer_waits() -> None:
    sock, asked = Narrow(None, None, None, None, 9), []

    def is_hopeless(stalled_s: float) -> bool:
        asked.append(stalled_s)
        return False

    write_all(sock, b"abc", is_hopeless)  # type: ignore[arg-type]
    assert sock.taken == b"abc"
    assert len(asked) == 2
    assert asked == sorted(asked)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ETIMEDOUT, WriteTimeoutError),
        (errno.EHOSTUNREACH, WriteTimeoutError),
        (errno.ENETUNREACH, WriteTimeoutError),
        (errno.EHOSTDOWN, WriteTimeoutError),
        (errno.ECONNREFUSED, WriteTimeoutError),
        (errno.ECONNRESET, ResetError),
        (errno.EPIPE, ResetError),
        (errno.ENOBUFS, ResetError),
    ],
)
def test_what_the_network_said_meanwhile_is_no_reset(number: int, kind: type[LinkFailure]) -> None:
    assert isinstance(failure(OSError(number, "as the operating system says")), kind)


def test_a_look_for_input_takes_none() -> None:
    near, far = socket.socketpair()
    with near, far:
        assert not has_input(near)
        far.send(b"x")
        assert has_input(near)
        assert near.recv(1) == b"x"
        far.close()
        assert has_input(near)
    assert has_input(near)


@pytest.mark.parametrize(
    ("name", "seen"), [(b"/ann", "unix:{}/ann"), (b"/x\n! node a lost its lease", "unix:"), (b"/\xfe", "unix:")]
)
def test_the_name_of_a_dialer_s_socket_forges_no_line(tmp_path: Path, name: bytes, seen: str) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as dialer:
        server.bind(str(tmp_path / "a.sock"))
        server.listen()
        dialer.bind(os.fsencode(tmp_path) + name)
        dialer.connect(str(tmp_path / "a.sock"))
        accepted, _ = server.accept()
        with accepted:
            assert views(accepted) == (f"unix:{tmp_path}/a.sock", seen.format(tmp_path))


def test_sockets_of_wire_are_above_the_standard_streams() -> None:
    """A socket that got the number of a closed stream is moved, and works as before."""
    saved = os.dup(0)
    os.close(0)
    try:
        low, other = socket.socketpair()
        assert low.fileno() == 0
        with own_socket(low) as moved, other:
            assert moved.fileno() > 2
            assert low.fileno() == -1
            other.sendall(b"x")
            assert moved.recv(1) == b"x"
            assert not moved.get_inheritable()
            assert own_socket(moved) is moved
    finally:
        os.dup2(saved, 0)
        os.close(saved)


def test_a_link_has_a_descriptor_above_those_of_other_sockets() -> None:
    """Linux closes the descriptors of a killed process from the highest down."""
    one, other = socket.socketpair()
    with own_link_socket(one) as link, other, socket.socket() as later:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert link.fileno() >= min(limit * 3 // 4, sockets.LINK_DESCRIPTORS_FROM) > later.fileno()
        assert one.fileno() == -1
        assert not link.get_inheritable()
        other.sendall(b"x")
        assert link.recv(1) == b"x"


@pytest.mark.parametrize("limit", [2**40, resource.RLIM_INFINITY])
def test_a_link_without_room_above_keeps_its_descriptor(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    monkeypatch.setattr(sockets, "LINK_DESCRIPTORS_FROM", 2**30)
    one, other = socket.socketpair()
    with own_link_socket(one) as link, other:
        assert link is one
        other.sendall(b"x")
        assert link.recv(1) == b"x"


def lacking(monkeypatch: pytest.MonkeyPatch, number: int, absent: socket.AddressFamily) -> None:
    """Let this machine have no sockets of a family (EAFNOSUPPORT), or none of its addresses (EADDRNOTAVAIL)."""

    class Lacking(socket.socket):
        def __init__(self, family: int = -1, *rest: int) -> None:
            if family == absent and number == errno.EAFNOSUPPORT:
                raise OSError(number, "no such family")
            super().__init__(family, *rest)

        def bind(self, place: tuple[object, ...]) -> None:
            if self.family == absent:
                raise OSError(number, "no such address")
            super().bind(place)

    monkeypatch.setattr(socket, "socket", Lacking)


def reached(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        return sock.connect_ex((host, port)) == 0


@pytest.mark.parametrize("reaching", ["127.0.0.1", "::1"])
def test_the_ipv6_wildcard_takes_both_families(reaching: str) -> None:
    """The system's own default for IPV6_V6ONLY does not matter."""
    with listen(Address("::", 0)) as listening:
        assert listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0
        assert reached(reaching, listening.getsockname()[1])


def test_one_address_of_ipv6_is_listened_on_alone() -> None:
    """[::1] is no wildcard: IPv4 does not reach it."""
    with listen(Address("::1", 0)) as listening:
        assert reached("::1", listening.getsockname()[1])
        assert not reached("127.0.0.1", listening.getsockname()[1])


def test_an_ipv4_address_within_ipv6_is_listened_on() -> None:
    """A listener on ::ffff:127.0.0.1 is reached at 127.0.0.1."""
    with listen(Address("::ffff:127.0.0.1", 0)) as listening:
        assert reached("127.0.0.1", listening.getsockname()[1])


def test_without_ipv6_its_wildcard_is_that_of_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine booted without IPv6 has no such socket at all."""
    lacking(monkeypatch, errno.EAFNOSUPPORT, socket.AF_INET6)
    with listen(Address("::", 0)) as listening:
        assert listening.family == socket.AF_INET
        assert listening.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
@pytest.mark.parametrize("absent", [socket.AF_INET6, socket.AF_INET])
def test_a_name_is_the_first_address_that_is_there(
    monkeypatch: pytest.MonkeyPatch, number: int, absent: socket.AddressFamily
) -> None:
    """The hosts file names ::1 also where IPv6 is switched off, and 127.0.0.1 where there is no IPv4."""
    lacking(monkeypatch, number, absent)
    both = [(socket.AF_INET6, ("::1", 0, 0, 0)), (socket.AF_INET, ("127.0.0.1", 0))]
    found = [(family, socket.SOCK_STREAM, 0, "", place) for family, place in both]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with listen(Address("localhost", 0)) as listening:
        assert listening.family is not absent


@pytest.mark.parametrize(("host", "first"), [("a.example", "::1"), ("localhost", "127.0.0.1")])
def test_a_taken_port_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, host: str, first: str) -> None:
    """The next address of the name would be another one than the peers dial."""
    with listen(Address(first, 0)) as taken:
        port = taken.getsockname()[1]
        both = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]
        found = [(family, socket.SOCK_STREAM, 0, "", place) for family, place in both]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with pytest.raises(OSError, match="Address already in use"):
            listen(Address(host, port))


@pytest.mark.parametrize("host", ["localhost", "LocalHost."])
def test_localhost_is_the_address_that_dialers_take_it_for(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """The system names ::1 first."""
    real = socket.getaddrinfo

    def look_up(name: str, port: int, **options: object) -> object:
        addresses = ("::1", "127.0.0.1") if name == host else (name,)
        return [found for each in addresses for found in real(each, port, **options)]  # type: ignore[arg-type]  # as they are

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with listen(Address(host, 0)) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
