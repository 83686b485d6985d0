"""The settings of a mirror, as the observer that they describe."""

import os
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

from elect.errors import ConfigError
from elect.observing.mirror_messages import MIRROR_KIND
from elect.observing.observer_settings import ObserverSettings


class SourceSecurity(TypedDict, total=False):
    """How the source and this mirror are proven: see `Client` for the keys."""

    key_file: str | os.PathLike[str]
    tls: dict[str, str | os.PathLike[str]]
    pins: dict[str, str]
    insecure: bool


def settings_of(source: Sequence[str], cluster: str, name: str, security: object) -> ObserverSettings:
    """Return the observer of these settings of a `Mirror`.

    Raises:
        ConfigError: a value breaks a rule.
    """
    given = _checked(security)
    try:
        found = ObserverSettings(endpoints=source, cluster=cluster, name=name, kind=MIRROR_KIND, **given)
    except ConfigError as error:
        if error.field != "endpoints":
            raise
        raise ConfigError("source", error.value, error.rule) from None
    for address in found.addresses:
        if address.is_unix:
            rule = 'a Unix socket serves clients alone; give the address for peers, as "10.0.0.1:7101"'
            raise ConfigError("source", str(address), rule)
    return found


def _checked(security: object) -> SourceSecurity:
    """Return the settings of the security, empty for None; ObserverSettings checks their values."""
    known = ", ".join(SourceSecurity.__annotations__)
    if not isinstance(security, Mapping | None):
        raise ConfigError("security", security, f"a table of {known} is needed")
    unknown = {*(security or {})} - {*SourceSecurity.__annotations__}
    if unknown:
        raise ConfigError("security", sorted(unknown, key=str), f"only {known} are known")
    return cast("SourceSecurity", security or {})
