"""The rules of the settings of a standby cluster, which follows another one. Each raises ConfigError."""

import re
from collections.abc import Callable, Mapping

from elect.config import rules
from elect.config.derived_settings import DerivedSettings
from elect.core.configuration import CLUSTER_ID_LENGTH
from elect.errors import ConfigError
from wire.protocol.address import Address

SOURCE_MAX = 64
"""As many as a cluster has members."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)

DEFAULTS: Mapping[str, object] = {
    "mirror_cluster": None,
    "mirror_cluster_id": None,
    "mirror_name": None,
    "mirror_tls": None,
    "mirror_pins": {},
    "mirror_key_file": None,
    "mirror_insecure": False,
}
"""The settings that would mislead without a source, and their defaults."""


def check(config: DerivedSettings) -> None:
    """Check the settings of the mirror of a node."""
    sources = _parse_source(config.mirror_source)
    if not sources:
        for name, default in DEFAULTS.items():
            if (value := getattr(config, name)) != default:
                raise ConfigError(name, value, "it has a meaning only with mirror_source; set it, or remove this one")
        return
    if config.mirror_cluster is not None:
        rules.check_id("mirror_cluster", config.mirror_cluster)
    _check_id(config.mirror_cluster_id)
    _check_name(config.mirror_own_name)
    _check_security(config)
    own = {rules.normal(each) for each in (config.listen_address, config.advertise_address)}
    own |= {rules.normal(each) for each in config.peer_addresses.values()}
    own |= set(config.seed_addresses)  # it would join the source, and be one of its voters
    for address, text in sources.items():
        if address in own:
            raise ConfigError("mirror_source", text, "it is a node of this cluster; name nodes of the other cluster")
        if not (config.has_mirror_security or rules.is_loopback(address.host)):
            rule = "refusing to believe a node beyond loopback without authentication. Set tls or key_file"
            raise ConfigError("mirror_source", text, f"{rule}; or set insecure = true on a private network")


def _parse_source(value: object) -> dict[Address, object]:
    listed = rules.check_listed("mirror_source", value, SOURCE_MAX, '["10.1.0.1:7101"]')
    return {rules.normal(rules.parse_dialable("mirror_source", text)): text for text in listed}


def _check_name(value: object) -> None:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        rule = "1 to 40 of the characters A-Z a-z 0-9 . _ - are needed; by default it is the node's id"
        raise ConfigError("mirror_name", value, rule)


def _check_id(value: object) -> None:
    if value is None:
        return
    try:
        is_id = isinstance(value, str) and len(bytes.fromhex(value)) == CLUSTER_ID_LENGTH
    except ValueError:
        is_id = False
    if not is_id:
        rule = f"{2 * CLUSTER_ID_LENGTH} hex digits are needed; `elect status --json` at the other cluster shows them"
        raise ConfigError("mirror_cluster_id", value, rule)


def _check_security(config: DerivedSettings) -> None:
    rules.check_choice("mirror_insecure", config.mirror_insecure, (True, False))
    _renamed(rules.check_tls, config.mirror_tls)
    _renamed(lambda pins: rules.check_pins(pins, None), config.mirror_pins)
    if config.mirror_key_file is not None:
        _renamed(rules.check_key_file, config.mirror_key_file)
    given = [name for name in ("mirror_tls", "mirror_key_file", "mirror_insecure") if getattr(config, name)]
    if len(given) > 1:
        raise ConfigError(given[1], getattr(config, given[1]), f"it cannot be combined with {given[0]}; remove one")
    if config.mirror_pins and not config.has_mirror_tls:
        raise ConfigError("mirror_pins", config.mirror_pins, "they require tls; set mirror_tls, or remove them")


def _renamed(rule: Callable[[object], None], value: object) -> None:
    """Check a value with the rule of another setting, and name this one in the error."""
    try:
        rule(value)
    except ConfigError as error:
        raise ConfigError(f"mirror_{error.field}", error.value, error.rule) from None
