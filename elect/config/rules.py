"""The rules of a Config's fields. Each check raises ConfigError with the field, the value and the rule.

Values come from files and variables, so the checks expect values of any type.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from elect.config.durations import format_ns, parse_ns
from elect.core.messages import NAME_LENGTH_MAX
from elect.errors import ConfigError
from wire.protocol.address import Address, ip_of
from wire.protocol.keys import Key

HEARTBEATS_PER_SUPPORT_MIN = 3
"""One lost heartbeat and one late one must not end a leadership."""

HEARTBEAT_INTERVAL_NS_MIN = 1_000_000
"""Below this the scheduler of a busy machine delays heartbeats too much."""

GRACE_NS_MAX = 60_000_000_000

FAILBACK_NS = 10_000_000_000
"""Unset: a node that restarts again and again is seldom up for longer."""

FAILBACK_NS_MAX = 86_400_000_000_000

NEVER = "never"

CLOCK_DRIFT_MAX = 0.2
"""A clock that is off by more is broken, and too little of a promise would count."""

PEERS_MAX = 63
"""Each peer costs three threads and two connections; more voters make nothing safer."""

ONE_ADDRESS = "at least one address is needed"

METADATA_KEYS_MAX = 12
METADATA_CHARACTERS_MAX = 1_000
"""Metadata is sent in the handshake, which an unknown peer may send too, so it is small."""

SECRET_LENGTH_MIN = 16
SECRET_LENGTH_MAX = 256

TLS_FILES = ("certificate", "key", "ca")

_NO_PATH = re.compile(r"[\x00-\x1f\x7f]|-----BEGIN ")
_PIN = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)
_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{NAME_LENGTH_MAX}}}", re.ASCII)
_ID_RULE = f"1 to {NAME_LENGTH_MAX} of the characters A-Z a-z 0-9 . _ - are allowed"


def plain(value: object) -> object:
    """Return the value with plain str and int instead of subclasses, and a tuple for a list.

    A member of an enum cannot be sent.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def is_loopback(host: str) -> bool:
    """Return whether only this machine can dial the host. Names other than localhost are not resolved: False."""
    return (ip := _ip(host)) is not None and ip.is_loopback


def is_wildcard(host: str) -> bool:
    """Return whether the host means all addresses of a machine."""
    return (ip := _ip(host)) is not None and ip.is_unspecified


def is_dialable(address: Address) -> bool:
    """Return whether another machine can dial the address."""
    return address.port > 0 and not is_wildcard(address.host)


def normal(address: Address) -> Address:
    """Return the one spelling of an address."""
    return Address(_normal_host(address.host), address.port)


def _normal_host(host: str) -> str:
    return str(_ip(host) or host.lower().removesuffix("."))


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address of a host, as IPv4 where it is mapped into IPv6; None for a name other than localhost."""
    return ip_of("127.0.0.1" if host.lower().removesuffix(".") == "localhost" else host)


def check_port(name: str, listen: Address, other: Address) -> None:
    """Check that another listener's address and `listen` differ: two sockets cannot use one port of one host."""
    hosts = {_normal_host(listen.host), _normal_host(other.host)}
    is_any_ipv4 = any(map(is_wildcard, hosts)) and not any(":" in host for host in hosts)
    is_shared = len(hosts) == 1 or "::" in hosts or is_any_ipv4  # [::] takes IPv4 as well
    if other.port == listen.port != 0 and is_shared:
        raise ConfigError(name, str(other), f"its port is that of listen, {listen}; give one of them another port")


def check_far_peer(name: str, own: Address, other: str, peer: Address) -> None:
    """Check that a peer on another machine does not have to dial a loopback address."""
    if is_loopback(own.host) and _ip(peer.host) is not None and not is_loopback(peer.host):
        rule = (
            f"{other} at {peer} cannot dial {own.host} on this machine; set an address that it can dial. If a"
            " proxy forwards connections of the peers, set its address as advertise"
        )
        raise ConfigError(name, str(own), rule)


def check_exposure(listen: str, host: str, *, has_security: bool, name: str = "listen") -> None:
    """Check that a node listens on loopback, or has authentication, or is set to be insecure."""
    if not (is_loopback(host) or has_security):
        raise ConfigError(
            name,
            listen,
            "refusing to listen beyond loopback without authentication. Set tls or key_file in [security]; or set"
            " insecure = true there on a private network; or listen on 127.0.0.1 or [::1]",
        )


def check_advertised(host: str) -> None:
    """Check that peers can dial the host on which a node listens, if it advertises no other one."""
    if is_wildcard(host):
        raise ConfigError("advertise", None, f"peers cannot dial {host}; set this host's own address")


def check_id(name: str, value: object) -> None:
    """Check an id of a node or cluster, or a key of metadata."""
    if not isinstance(value, str):
        raise ConfigError(name, value, f"text in quotes is needed: {_ID_RULE}")
    if not _ID.fullmatch(value):
        raise ConfigError(name, value, _ID_RULE)


def check_path(name: str, value: object) -> None:
    """Check a path. The content of a file given instead of its path is not shown."""
    rule = f"the path of a {'directory' if name == 'data_dir' else 'file'} is needed"
    if not isinstance(value, str | os.PathLike) or not os.fspath(value) or not isinstance(os.fspath(value), str):
        raise ConfigError(name, value, rule)
    if _NO_PATH.search(os.fsdecode(value)):
        raise ConfigError(name, "***", f"{rule}, not its content, and without control characters")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise ConfigError(name, value, f"{rule}; no file can have this name") from None


def expand_home(name: str, value: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the path with the home directory in place of a leading tilde."""
    if not os.fspath(value).startswith("~"):
        return value
    try:
        return str(Path(value).expanduser())
    except RuntimeError:
        rule = "the home directory for ~ is unknown; write the path in full"
        raise ConfigError(name, value, rule) from None


def check_key_file(value: object) -> None:
    """Check a path. A key given instead of its path is not shown."""
    check_path("key_file", value)
    text = str(value)
    # A key may contain slashes, and by now there may be a directory in front of it.
    tails = [text[start:] for start in range(len(text)) if start == 0 or text[start - 1] == "/"]
    if any(map(_is_like_key, tails)):
        raise ConfigError("key_file", "***", "this looks like a key; write it to a file, and set the path of that file")


def _is_like_key(text: str) -> bool:
    """Return whether the text could be a key, and, if it has a slash, looks more like a key than like a path."""
    try:
        Key.parse(text)
    except ValueError:
        return False
    return "/" not in text or sum(each.isupper() or each.isdigit() for each in text) >= len(text) / 4


def check_tls(value: object) -> None:
    """Check the paths of three files."""
    if value is None:
        return
    for path in value.values() if isinstance(value, Mapping) else ():
        if isinstance(path, str) and _NO_PATH.search(path):  # first: the errors below show the whole table
            check_path("tls", path)
    table = check_table("tls", value, len(TLS_FILES))
    if set(table) != set(TLS_FILES):
        raise ConfigError("tls", table, f"the paths of {', '.join(TLS_FILES)} are needed, and nothing else")
    for path in table.values():
        check_path("tls", path)


def check_pins(value: object, known: Collection[object] | None) -> None:
    """Check fingerprints, and that their nodes exist; None: the nodes are not known yet."""
    for node_id, text in check_table("pins", value, PEERS_MAX + 1).items():
        check_id("pins", node_id)
        if known is not None and node_id not in known:
            raise ConfigError("pins", node_id, "no node has this id; use this node's or one of peers")
        if not isinstance(text, str) or not text.split() or not all(map(_PIN.fullmatch, text.split())):
            rule = f"the pin of {node_id} must be one SHA-256 in hex (64 digits), or several with spaces between"
            raise ConfigError("pins", text, rule)


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Check that the value is one of a few."""
    # 1 == True, but "insecure = 1" is a mistake.
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        listed = ", ".join(str(choice).lower() if isinstance(choice, bool) else repr(choice) for choice in choices)
        raise ConfigError(name, value, f"one of {listed} is needed")


def check_number(name: str, value: object, maximum: int) -> None:
    """Check that a value is a whole number in range."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= maximum:
        raise ConfigError(name, value, f"a whole number from 0 to {maximum:,} is needed")


def check_listed(name: str, value: object, size_max: int, example: str) -> Sequence[object]:
    """Return the value if it is a list of 1 to `size_max` entries; none, if it is None.

    An empty list is a mistake of its user: a node that was to join a cluster, or to stand by, would lead at once.
    """
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ConfigError(name, value, f"a list of addresses is needed, as in {example}")
    if not value:
        raise ConfigError(name, value, f"{ONE_ADDRESS}; or leave it out")
    if len(value) > size_max:
        raise ConfigError(name, value, f"it has {len(value)} entries; at most {size_max} are allowed")
    return value


def check_table(name: str, value: object, size_max: int) -> Mapping[object, object]:
    """Return the value if it is a mapping of at most `size_max` entries."""
    if not isinstance(value, Mapping):
        raise ConfigError(name, value, "a table of names and texts is needed")
    if len(value) > size_max:
        raise ConfigError(name, value, f"it has {len(value)} entries; at most {size_max} are allowed")
    return value


def check_metadata(value: object) -> None:
    """Check that metadata is a few short texts."""
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
    """Check that a clock drift is a small fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= CLOCK_DRIFT_MAX:
        rule = f"a fraction from 0 to {CLOCK_DRIFT_MAX} is needed; a clock that is further off is broken"
        raise ConfigError("clock_drift", value, rule)


def check_secret(name: str, value: object) -> None:
    """Check a secret that fits an HTTP header; it is never shown."""
    if value is None:
        return
    lengths = range(SECRET_LENGTH_MIN, SECRET_LENGTH_MAX + 1)
    is_text = isinstance(value, str) and value.isascii() and value.isprintable() and " " not in value
    if not is_text or not isinstance(value, str) or len(value) not in lengths:
        rule = f"{SECRET_LENGTH_MIN} to {SECRET_LENGTH_MAX} printable ASCII characters are needed"
        raise ConfigError(name, "***", rule)


def parse_address(name: str, value: object, subject: str = "", *, is_unix_allowed: bool = False) -> Address:
    """Return the address in a text; port 0 is valid. `subject` begins the rule in an error."""
    if not isinstance(value, str):
        raise ConfigError(name, value, f'{subject}an address is text like "10.0.0.1:7101" or "[::1]:7101"')
    try:
        return Address.parse(value, is_unix_allowed=is_unix_allowed)
    except ValueError as error:
        raise ConfigError(name, value, f"{subject}{error}") from None


def parse_dialable(name: str, value: object, subject: str = "") -> Address:
    """Return the address in a text that another machine can dial."""
    address = parse_address(name, value, subject)
    if not is_dialable(address):
        rule = "this cannot be dialed; set a host's own address, and a port above 0"
        raise ConfigError(name, value, f"{subject}{rule}")
    return address


def check_failback(value: object, support_ns: int) -> None:
    """Check the time before a failback: a node that died is taken for one that could lead for `support_duration`."""
    if value is None or value == NEVER:
        return
    try:
        parse_duration("failback", value, support_ns, FAILBACK_NS_MAX)
    except ConfigError as error:
        rule = f'{error.rule}, at least support_duration; or "{NEVER}"'
        raise ConfigError("failback", value, rule) from None


def parse_duration(name: str, value: object, minimum_ns: int, maximum_ns: int) -> int:
    """Return the duration in a value, ns, if it is within bounds."""
    try:
        duration_ns = parse_ns(value)
    except ValueError as error:
        raise ConfigError(name, value, str(error)) from None
    if not minimum_ns <= duration_ns <= maximum_ns:
        raise ConfigError(name, value, f"it must be from {format_ns(minimum_ns)} to {format_ns(maximum_ns)}")
    return duration_ns
