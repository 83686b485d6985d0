"""The settings of a node about its source: the mirror that they describe, and what is done without a mirror."""

from pathlib import Path

from elect.config.config import Config
from elect.errors import ConfigError, IdentityError
from elect.mirror.mirror import Mirror
from elect.mirror.mirror_settings import SourceSecurity
from elect.mirror.mirror_store import MirrorStore
from elect.mirror.seal_call import ask_to_seal
from elect.observing.mirror_messages import MIRROR_KIND, MIRROR_VERSION, SealAnswer, Subscribe
from elect.observing.observer_settings import ObserverSettings
from wire.common.log import Log
from wire.security.security import Security

logger = Log(__name__)

MIRROR_DIRECTORY = "mirror"
"""Below `data_dir`: the store of the mirror is one of its own, with a lock of its own."""


def mirror_directory(config: Config) -> Path:
    """Return the directory of the mirror of a node."""
    return Path(config.data_dir) / MIRROR_DIRECTORY


def make_mirror(config: Config) -> Mirror:
    """Return the mirror that the settings of a node describe.

    Raises:
        ConfigError: a value breaks a rule.
    """
    return Mirror(
        config.mirror_source or (),
        cluster=config.mirror_cluster or config.cluster,
        data_dir=mirror_directory(config),
        source_cluster_id=config.mirror_cluster_id,
        name=config.mirror_own_name,
        security=_security(config),
    )


def seal_source(config: Config, cluster_id: bytes, successor: str, seconds: float) -> SealAnswer:
    """Ask the source that the settings name to seal its cluster: the mirror could not start.

    Args:
        config: of the node.
        cluster_id: the id of the node's own cluster, which must not be the source; empty: it has none.
        successor: the addresses to which the source sends people from then on.
        seconds: for all of it.

    Raises:
        SealFailed: no node is known to have done it.
        ConfigError: a file of keys or certificates cannot be used.
    """
    settings, security = _source_of(config)
    subscribe = Subscribe(
        version=MIRROR_VERSION,
        source_cluster_id=bytes.fromhex(config.mirror_cluster_id or ""),
        cluster_id=cluster_id,
    )
    return ask_to_seal(settings.addresses, lambda: settings.dialing("", security), subscribe, successor, seconds)


def check_source_files(config: Config) -> None:
    """Check that the files of keys or certificates for the source can be used.

    Raises:
        ConfigError: they cannot.
    """
    if config.mirror_source:
        _source_of(config)


def named_as_given(config: Config, error: ConfigError) -> ConfigError:
    """Return an error of a mirror with the name that the setting has in a node."""
    is_own = config.is_mirror_secured_alone and error.field in ("tls", "key_file")
    return ConfigError(f"mirror_{error.field}", error.value, error.rule) if is_own else error


def read_highest_term(config: Config) -> int:
    """Return the highest term in the store of a mirror that does not run; 0: it has none.

    A store that cannot be read is logged: what it knew, the other nodes of this cluster may know.
    """
    store = MirrorStore(mirror_directory(config))
    try:
        if not store.path.exists():  # it raises where the directory may not be read
            return 0
        return store.open(source_cluster=config.mirror_cluster or config.cluster).highest_term
    except (OSError, IdentityError) as error:
        logger.warning("! node %s cannot read the terms that its mirror has seen: %s", config.node, error)
        return 0
    finally:
        store.close()


def _source_of(config: Config) -> tuple[ObserverSettings, Security]:
    settings = ObserverSettings(
        endpoints=config.mirror_source or (),
        cluster=config.mirror_cluster or config.cluster,
        name=config.mirror_own_name,
        kind=MIRROR_KIND,
        **_security(config),
    )
    try:
        return settings, settings.load_security()
    except ConfigError as error:
        raise named_as_given(config, error) from None


def _security(config: Config) -> SourceSecurity:
    is_alone = config.is_mirror_secured_alone
    tls = config.mirror_tls if is_alone else config.tls
    key_file = config.mirror_key_file if is_alone else config.key_file
    security = SourceSecurity(
        insecure=config.mirror_insecure if is_alone else config.insecure, pins=dict(config.mirror_pins)
    )
    if key_file is not None:
        security["key_file"] = key_file
    if tls is not None:
        security["tls"] = dict(tls)
    return security
