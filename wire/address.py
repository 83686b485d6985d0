"""A host and a port."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Self

PORT_MAX = 65_535


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where to listen or dial; its text form is `host:port`, with brackets around an IPv6 host.

    Attributes:
        host: a name or an IP address, without brackets.
        port: 0 to 65535; 0 lets the operating system choose, when listening.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host is empty")
        if not 0 <= self.port <= PORT_MAX:
            raise ValueError(f"port is {self.port}; 0 to {PORT_MAX} is allowed")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port` or `[IPv6]:port`; ValueError says what is wrong with it."""
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()):
            raise ValueError(f"{text!r} is not host:port")
        is_bracketed = host.startswith("[") and host.endswith("]")
        if ":" in host and not is_bracketed:
            raise ValueError(f"{text!r}: an IPv6 address needs brackets, [{host}]:{port}")
        return cls(host[1:-1] if is_bracketed else host, int(port))

    @classmethod
    def of_socket(cls, name: tuple[object, ...]) -> Self:
        """The address in what getsockname() or getpeername() gave, normalised: both ends must write it alike.

        An IPv4 address mapped into IPv6 is written as IPv4, and an IPv6 zone, which means something to one host only,
        is left out.
        """
        host, port = name[0], name[1]
        if not isinstance(host, str) or not isinstance(port, int):
            raise ValueError(f"{name!r} is not an internet address")
        address = ip_address(host.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return cls(str(mapped or address), port)

    @property
    def network(self) -> str:
        """Whose an IP address is, as far as that can be told: IPv4, its own; IPv6, its network of 64 bits."""
        address = ip_address(self.host)
        return str(IPv6Address(int(address) >> 64 << 64)) if isinstance(address, IPv6Address) else str(address)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
