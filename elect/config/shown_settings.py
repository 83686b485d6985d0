"""The settings and versions that a node shows to others, as text in its handshakes: they should be equal everywhere."""

import platform
from collections.abc import Mapping
from importlib import metadata

from elect.clock import NS_PER_S
from elect.config.config import Config
from elect.config.durations import format_ns

SETTINGS = "settings"
"""The attribute of a handshake that holds them."""

SHOWN_MAX = 16
"""Entries that are read from a peer, which may be of a later version."""


def settings_of(config: Config) -> dict[str, str]:
    """Return the versions and the settings of a node, by name."""
    failback_ns = config.failback_ns
    return {
        "elect": _version(),
        "python": platform.python_version(),
        "heartbeat_interval": format_ns(config.heartbeat_interval_ns),
        "support_duration": format_ns(config.support_duration_ns),
        "clock_drift": f"{config.clock_drift:g}",
        "trust_close": str(config.trust_close).lower(),
        "failback": "never" if failback_ns is None else f"{failback_ns / NS_PER_S:g}s",
        "offset_rule": config.offset_rule,
    }


def shown(config: Config) -> str:
    """Return the settings as one text: "elect=0.1.0 python=3.12.3 …"."""
    return " ".join(f"{name}={value}" for name, value in settings_of(config).items())


def read(text: str) -> Mapping[str, str]:
    """Return the settings that a peer shows; what is no setting is left out."""
    pairs = (entry.partition("=") for entry in text.split()[:SHOWN_MAX])
    return {name: value for name, equals, value in pairs if equals and name and text.isprintable()}


def _version() -> str:
    try:
        return metadata.version("elect")
    except metadata.PackageNotFoundError:
        return "unknown"
