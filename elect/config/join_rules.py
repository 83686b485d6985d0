"""The rules of the settings with which a node joins a cluster. Each raises ConfigError, as those in `rules` do."""

from collections.abc import Mapping
from pathlib import Path

from elect.config import rules
from elect.errors import ConfigError
from wire.protocol.address import Address

SEEDS_MAX = 64
"""As many as a cluster has members."""

ATTEMPTS_MAX = 1_000_000

TOKEN_FILE_CHARACTERS_MAX = 4_096
"""A token has some 150 characters. A device in the place of its file would fill the memory."""

BACKOFF_NS_MIN = 250_000_000
"""The first wait between two passes over the seeds."""

BACKOFF_NS_MAX = 3_600_000_000_000

DEFAULTS: Mapping[str, object] = {
    "bootstrap": False,
    "kind": "voter",
    "join_attempts": 0,
    "join_backoff_max": "32s",
    "join_token": None,
    "join_token_file": None,
}
"""The settings that would mislead without seeds, and their defaults."""


def parse_seeds(value: object) -> tuple[Address, ...]:
    """Return the addresses in a list, in one spelling, each once; none, if there is no list."""
    seeds: dict[Address, object] = {}
    for text in rules.check_listed("seeds", value, SEEDS_MAX, '["10.0.0.1:7101", "10.0.0.2:7101"]'):
        address = rules.normal(rules.parse_dialable("seeds", text))
        if address in seeds:
            raise ConfigError("seeds", value, f"{text} is the same address as {seeds[address]}; remove one")
        seeds[address] = text
    return tuple(seeds)


def check_peers(seeds: object, peers: object) -> None:
    """Check that a node has either seeds or peers: it joins a cluster, or is one of those that make a new one."""
    if seeds and peers:
        rule = "it cannot be combined with peers. Peers are the voters of a new cluster, and seeds are members of one"
        raise ConfigError("seeds", seeds, f"{rule} that this node joins; remove one of the two")


def check_backoff(value: object) -> None:
    """Check the longest wait between two passes."""
    rules.parse_duration("join_backoff_max", value, BACKOFF_NS_MIN, BACKOFF_NS_MAX)


def check_token_file(path: object, token: object) -> None:
    """Check the path of a token, which is not given twice."""
    if path is None:
        return
    rules.check_path("join_token_file", path)
    if token is not None:
        raise ConfigError("join_token_file", path, "it cannot be combined with join_token; remove one")


def check_required(is_required: object, operator_token: object, *, has_proof: bool) -> None:
    """Check that a member that demands tokens can judge them, and that a stranger cannot do without one."""
    rules.check_choice("join_token_required", is_required, (True, False))
    if is_required and not has_proof:
        rule = "it needs tls or key_file: without them any program can use the id of a member"
        raise ConfigError("join_token_required", is_required, rule)
    if is_required and operator_token is None:
        rule = "it needs operator_token, with which tokens are made; set the same one on all members"
        raise ConfigError("join_token_required", is_required, rule)


def check_unset(values: Mapping[str, object]) -> None:
    """Check that a node without seeds has no setting of a node that joins."""
    for name, value in values.items():
        if value != DEFAULTS[name]:
            shown = "***" if name == "join_token" else value
            raise ConfigError(name, shown, "it has a meaning only with seeds; set seeds, or remove it")


def read_token(path: Path) -> str:
    """Return the token in a file."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            token = file.read(TOKEN_FILE_CHARACTERS_MAX).strip()
    except (OSError, ValueError) as error:
        raise ConfigError("join_token_file", str(path), f"it cannot be read: {error}") from None
    try:
        rules.check_secret("join_token", token)
    except ConfigError as error:
        raise ConfigError("join_token_file", str(path), f"its content is not a token: {error.rule}") from None
    return token
