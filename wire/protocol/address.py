"""Address: a host and a port, or the path of a Unix socket."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Self

PORT_MAX = 65_535

UNIX = "unix:"
"""The begin of the text of a Unix socket's address; alone it is the address of an end without a path."""

PATH_BYTES_MAX = 103
"""macOS has room for this many in an address and Linux for 107."""

_PORT = re.compile(r"[0-9]{1,9}")
_NAME = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
_LIKE_IPV4 = re.compile(r".*\.[0-9]+\.?")
"""No top-level domain is a number."""


def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is, or None for a name.

    IPv4 within IPv6 (::ffff:10.0.0.1) is IPv4. A zone (fe80::1%eth0) has a meaning on one host only, and is left out.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An address to listen on or to dial; its text is `host:port`, with brackets around an IPv6 host, or `unix:path`.

        >>> Address.parse("[::1]:7101")
        Address(host='::1', port=7101)
        >>> str(Address("10.0.0.1", 7101))
        '10.0.0.1:7101'
        >>> Address.parse("unix:/run/elect/a.sock", is_unix_allowed=True).is_unix
        True

    Attributes:
        host: a name or an IP address, without brackets; or the path of a Unix socket, which begins with a slash.
        port: 0 to 65535; 0 lets the operating system choose, when listening. 0 for a Unix socket.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        if type(self.host) is not str:
            raise TypeError(f"host is {self.host!r}; text is needed")
        if type(self.port) is not int:
            raise TypeError(f"port is {self.port!r}; a whole number is needed")
        if not self.host:
            raise ValueError("host is empty")
        if not 0 <= self.port <= PORT_MAX:
            raise ValueError(f"port is {self.port}; 0 to {PORT_MAX} is allowed")
        if self.is_unix and self.port:
            raise ValueError(f"port is {self.port}; a Unix socket has none")

    @classmethod
    def parse(cls, text: str, *, is_unix_allowed: bool = False) -> Self:
        """Return the address in a text; ValueError tells what is wrong and what is right.

        Args:
            text: `host:port` or `[IPv6]:port`.
            is_unix_allowed: accept `unix:/path` as well; never in a text of another machine.
        """
        if text.startswith(UNIX) and not _PORT.fullmatch(text.removeprefix(UNIX)):  # a host may have that name
            return cls._parse_unix(text, is_allowed=is_unix_allowed)
        if "/" in text:
            raise ValueError(f"{text!r} has a / in it; only a host and a port are needed, as in 10.0.0.1:7101")
        if any(map(str.isspace, text)):
            raise ValueError(f"{text!r} has a blank in it")
        host, _, port = text.rpartition(":")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if ":" in host and not is_bracketed and "[" not in host:
            raise ValueError(f"{text!r}: an IPv6 address needs brackets and a port, as in [::1]:7101")
        if not _PORT.fullmatch(port) or ":" not in text:
            raise ValueError(f'{text!r} is not host:port, as in "10.0.0.1:7101" or "[::1]:7101"')
        if host in ("", "*"):
            raise ValueError(f"{text!r} has no host; all addresses of this machine are 0.0.0.0 or [::]")
        if is_bracketed:
            host = host[1:-1]
            if not _is_ip(host, IPv6Address):
                raise ValueError(f"{text!r}: brackets are for an IPv6 address")
        elif not (_is_ip(host, IPv4Address) or _is_name(host)):
            raise ValueError(f"{host!r} is neither an IP address nor the name of a host")
        return cls(host, int(port))

    @classmethod
    def _parse_unix(cls, text: str, *, is_allowed: bool) -> Self:
        path = text.removeprefix(UNIX)
        if not is_allowed:
            raise ValueError(f"{text!r} is a Unix socket; a host and a port are needed here, as in 10.0.0.1:7101")
        if not path.startswith("/") or path.endswith("/") or not path.isprintable():
            raise ValueError(f"{text!r} is not unix: and the whole path of a file, as in unix:/run/elect/a.sock")
        if len(path.encode()) > PATH_BYTES_MAX:
            raise ValueError(f"{text!r}: the path has {len(path.encode())} bytes; {PATH_BYTES_MAX} are allowed")
        return cls(path, 0)

    @classmethod
    def of_socket(cls, name: tuple[object, ...]) -> Self:
        """Return the address that getsockname() or getpeername() gave, in the form of `ip_of`: both ends share it."""
        host, port = name[0], name[1]
        address = ip_of(host) if isinstance(host, str) else None
        if address is None or not isinstance(port, int):
            raise ValueError(f"{name!r} is not an internet address")
        return cls(str(address), port)

    @property
    def is_unix(self) -> bool:
        """Return whether it is the path of a Unix socket."""
        return self.host.startswith("/")

    @property
    def is_name(self) -> bool:
        """Return whether the host has to be looked up, which nothing ends."""
        return not self.is_unix and ip_of(self.host) is None

    @property
    def is_wildcard(self) -> bool:
        """Return whether the host means all addresses of a machine."""
        address = ip_of(self.host)
        return address is not None and address.is_unspecified

    @property
    def from_here(self) -> "Address":
        """Return the address at which this machine dials it: loopback for a wildcard, as not all systems dial that.

        It is IPv4, which a listener on [::] accepts as well, and which exists where IPv6 is switched off.
        """
        return Address("127.0.0.1", self.port) if self.is_wildcard else self

    @property
    def network(self) -> str:
        """Return the part of the address that one owner has: all of IPv4, the network of 64 bits of IPv6."""
        address = ip_of(self.host)
        return (
            str(IPv6Address(int(address) >> 64 << 64))
            if isinstance(address, IPv6Address)
            else str(address or self.host)
        )

    def __str__(self) -> str:
        if self.is_unix:
            return f"{UNIX}{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_ip(host: str, kind: type[IPv4Address | IPv6Address]) -> bool:
    try:
        return isinstance(ip_address(host), kind)
    except ValueError:
        return False


def _is_name(host: str) -> bool:
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return False
    return host.isprintable() and _NAME.fullmatch(name) is not None and not _LIKE_IPV4.fullmatch(name)
