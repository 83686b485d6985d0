"""The rules of a Config's fields, one at a time; each raises ConfigError with the field, the value and the rule.

Values come from files and variables, so none is taken to be of the type that it should be.
"""

import os
import re
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from elect.config.durations import format_ns, parse_ns
from elect.core.messages import NAME_LENGTH_MAX, PRIORITY_MAX
from elect.errors import ConfigError
from wire.protocol.address import Address, ip_of
from wire.protocol.keys import Key

HEARTBEATS_PER_SUPPORT_MIN = 3
"""One lost heartbeat, and one late, must not end a leadership."""

HEARTBEAT_INTERVAL_NS_MIN = 1_000_000
"""Below this a busy machine's scheduler decides who leads."""

GRACE_NS_MAX = 60_000_000_000

CLOCK_DRIFT_MAX = 0.2
"""A clock that is wrong by more than this is broken; and above it too little of a promise could be counted."""

PEERS_MAX = 63
"""Each peer costs three threads and two connections; votes of more voters win nothing."""

METADATA_KEYS_MAX = 12
METADATA_CHARACTERS_MAX = 1_000
"""It travels in the handshake, before a peer is known, beside what else does."""

OPERATOR_TOKEN_LENGTH_MIN = 16
OPERATOR_TOKEN_LENGTH_MAX = 256

TLS_FILES = ("certificate", "key", "ca")

_NO_PATH = re.compile(r"[\x00-\x1f\x7f]|-----BEGIN ")
_PIN = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{NAME_LENGTH_MAX}}}", re.ASCII)
_ID_RULE = f"1 to {NAME_LENGTH_MAX} of the characters A-Z a-z 0-9 . _ - are allowed"


def plain(value: object) -> object:
    """The same value without its subclasses of text and int: an enum's member can't be sent."""
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def is_loopback(host: str) -> bool:
    """Whether only this machine can dial the host; a name other than localhost is not looked up and counts as not."""
    return (ip := _ip(host)) is not None and ip.is_loopback


def is_wildcard(host: str) -> bool:
    """Whether the host stands for all addresses of a machine."""
    return (ip := _ip(host)) is not None and ip.is_unspecified


def normal(address: Address) -> Address:
    """The one spelling of an address."""
    return Address(_normal_host(address.host), address.port)


def _normal_host(host: str) -> str:
    return str(_ip(host) or host.lower().removesuffix("."))


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is known to be, of IPv4 where it is mapped into IPv6; None: it is another name."""
    return ip_of("127.0.0.1" if host.lower().removesuffix(".") == "localhost" else host)


def check_http_port(listen: Address, http: Address) -> None:
    """Whether both can be listened on: two sockets can't have one port of one host."""
    hosts = {_normal_host(listen.host), _normal_host(http.host)}
    is_any_ipv4 = any(map(is_wildcard, hosts)) and not any(":" in host for host in hosts)
    is_shared = len(hosts) == 1 or "::" in hosts or is_any_ipv4  # [::] takes IPv4 as well
    if http.port == listen.port != 0 and is_shared:
        raise ConfigError(
            "http_listen", str(http), f"its port is that of listen, {listen}; give one of them another port"
        )


def check_far_peer(name: str, own: Address, node_id: object, peer: Address) -> None:
    """Whether a peer can dial this node: one on another machine does not reach a loopback address."""
    if is_loopback(own.host) and _ip(peer.host) is not None and not is_loopback(peer.host):
        rule = (
            f"peer {node_id} at {peer} can't dial {own.host} on this machine; give an address that it can dial, or, if"
            " another program listens for the peers and forwards, that program's address as advertise"
        )
        raise ConfigError(name, str(own), rule)


def check_exposure(listen: str, host: str, *, is_guarded: bool) -> None:
    """Whether a node may listen on a host: on loopback, or where it is said who is let in, or that anybody is."""
    if not (is_loopback(host) or is_guarded):
        raise ConfigError(
            "listen",
            listen,
            "beyond loopback whoever reaches the port could vote; give tls or key_file in [security], or set"
            " insecure = true there on a network that only the cluster can reach, or listen on 127.0.0.1 or [::1]",
        )


def check_advertised(host: str) -> None:
    """Whether peers can dial the host on which a node listens, where it advertises no other one."""
    if is_wildcard(host):
        raise ConfigError("advertise", None, f"peers can't dial {host}; give this host's own address")


def check_id(name: str, value: object) -> None:
    """An id of a node, a cluster, or a name of metadata."""
    if not isinstance(value, str):
        raise ConfigError(name, value, f"text in quotes is needed: {_ID_RULE}")
    if not _ID.fullmatch(value):
        raise ConfigError(name, value, _ID_RULE)


def check_path(name: str, value: object) -> None:
    """A path, and not what should be in the file, which an error would show."""
    rule = f"the path of a {'directory' if name == 'data_dir' else 'file'} is needed"
    if not isinstance(value, str | os.PathLike) or not os.fspath(value) or not isinstance(os.fspath(value), str):
        raise ConfigError(name, value, rule)
    if _NO_PATH.search(os.fsdecode(value)):
        raise ConfigError(name, "***", f"{rule}, without control characters, and not what is in it")


def expand_home(name: str, value: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The path, with the home directory in the place of a leading tilde."""
    if not os.fspath(value).startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        rule = "the home directory that ~ stands for is not known; write the path in full"
        raise ConfigError(name, value, rule) from None


def check_key_file(value: object) -> None:
    """A path, and not the key itself, which an error would show."""
    check_path("key_file", value)
    text = str(value)
    # Which may have slashes in it, and by now a directory in front of it.
    tails = [text[start:] for start in range(len(text)) if start == 0 or text[start - 1] == "/"]
    if any(map(_is_like_key, tails)):
        raise ConfigError("key_file", "***", "this looks like a key; the path of a file that holds it is needed")


def _is_like_key(text: str) -> bool:
    """Whether it could be a key; if there is a slash in it, also whether it looks more like one than like a path."""
    try:
        Key.parse(text)
    except ValueError:
        return False
    return "/" not in text or sum(each.isupper() or each.isdigit() for each in text) >= len(text) / 4


def check_tls(value: object) -> None:
    """The paths of three files."""
    if value is None:
        return
    table = check_table("tls", value, len(TLS_FILES))
    if set(table) != set(TLS_FILES):
        raise ConfigError("tls", table, f"the paths of {', '.join(TLS_FILES)} are needed, and nothing else")
    for path in table.values():
        check_path("tls", path)


def check_pins(value: object, known: Collection[object]) -> None:
    """Fingerprints of nodes that there are."""
    for node_id, text in check_table("pins", value, PEERS_MAX + 1).items():
        if node_id not in known:
            raise ConfigError("pins", node_id, "no node has this id")
        if not isinstance(text, str) or not text.split() or not all(map(_PIN.fullmatch, text.split())):
            rule = f"the pin of {node_id} must be one SHA-256 in hex (64 digits), or several with blanks between"
            raise ConfigError("pins", text, rule)


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """One of a few."""
    # 1 == True, but "insecure = 1" is a slip.
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        listed = ", ".join(str(choice).lower() if isinstance(choice, bool) else repr(choice) for choice in choices)
        raise ConfigError(name, value, f"one of {listed} is needed")


def check_priority(value: object) -> None:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= PRIORITY_MAX:
        raise ConfigError("priority", value, f"a whole number from 0 to {PRIORITY_MAX:,} is needed")


def check_table(name: str, value: object, size_max: int) -> Mapping[object, object]:
    """A mapping of at most so many entries."""
    if not isinstance(value, Mapping):
        raise ConfigError(name, value, "a table of names and texts is needed")
    if len(value) > size_max:
        raise ConfigError(name, value, f"it has {len(value)} entries; at most {size_max} are allowed")
    return value


def check_metadata(value: object) -> None:
    """A few short texts."""
    characters = 0
    for key, text in check_table("metadata", value, METADATA_KEYS_MAX).items():
        check_id("metadata", key)
        if not isinstance(text, str) or not text.isprintable():
            raise ConfigError("metadata", text, f"the value of {key} must be printable text")
        characters += len(str(key)) + len(text)
    if characters > METADATA_CHARACTERS_MAX:
        rule = f"it has {characters} characters in all; at most {METADATA_CHARACTERS_MAX} are allowed"
        raise ConfigError("metadata", value, rule)


def check_clock_drift(value: object) -> None:
    """A small fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= CLOCK_DRIFT_MAX:
        rule = f"a fraction from 0 to {CLOCK_DRIFT_MAX} is needed; a clock that is further off is broken"
        raise ConfigError("clock_drift", value, rule)


def check_operator_token(value: object) -> None:
    """A secret that fits an HTTP header; never shown."""
    if value is None:
        return
    lengths = range(OPERATOR_TOKEN_LENGTH_MIN, OPERATOR_TOKEN_LENGTH_MAX + 1)
    is_text = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    if not is_text or not isinstance(value, str) or len(value) not in lengths:
        rule = f"{OPERATOR_TOKEN_LENGTH_MIN} to {OPERATOR_TOKEN_LENGTH_MAX} printable ASCII characters are needed"
        raise ConfigError("operator_token", "***", rule)


def parse_address(name: str, value: object, subject: str = "") -> Address:
    """An address, port 0 included; an error begins with its subject."""
    if not isinstance(value, str):
        raise ConfigError(name, value, f'{subject}an address is text like "10.0.0.1:7101" or "[::1]:7101"')
    try:
        return Address.parse(value)
    except ValueError as error:
        raise ConfigError(name, value, f"{subject}{error}") from None


def parse_dialable(name: str, value: object, subject: str = "") -> Address:
    """An address that another machine can dial."""
    address = parse_address(name, value, subject)
    if address.port == 0 or is_wildcard(address.host):
        rule = "a host's own address and a port above 0 are needed: this can't be dialed"
        raise ConfigError(name, value, f"{subject}{rule}")
    return address


def parse_duration(name: str, value: object, minimum_ns: int, maximum_ns: int) -> int:
    """A duration within bounds, ns."""
    try:
        duration_ns = parse_ns(value)
    except ValueError as error:
        raise ConfigError(name, value, str(error)) from None
    if not minimum_ns <= duration_ns <= maximum_ns:
        raise ConfigError(name, value, f"it must be from {format_ns(minimum_ns)} to {format_ns(maximum_ns)}")
    return duration_ns
