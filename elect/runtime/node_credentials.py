"""The security settings of a node, made into the Security that wire uses."""

import os
from collections.abc import Mapping
from pathlib import Path

from elect.config.config import Config
from elect.config.rules import is_loopback
from elect.errors import ConfigError
from elect.storage import data_lock
from wire.common.log import Log
from wire.protocol.wire_errors import CredentialsError
from wire.security.security import PLAIN, Keyed, Security

logger = Log(__name__)


def load_security(config: Config) -> Security:
    """Return the Security with the keys or certificates in the configured files.

    Raises:
        ConfigError: they cannot be used. The error does not show them.
    """
    try:
        if config.key_file is not None:
            return Keyed(Path(config.key_file))
        if config.tls is not None:
            return _tls(config, config.tls)
    except CredentialsError as error:
        field = "tls" if config.key_file is None else "key_file"
        raise ConfigError(field, getattr(config, field), str(error)) from None
    return PLAIN


def check_join_token(config: Config) -> None:
    """Check the content of the file of the join token, if the file is there; it may come until the join.

    Raises:
        ConfigError: it is no token.
    """
    if config.join_token_file is not None and os.path.lexists(config.join_token_file):
        config.read_join_token()


def check_first_token(config: Config) -> None:
    """Check the join token of a node whose data directory has never been used, before that is made.

    A node with a used one may be a member: it restarts whatever its token file holds.

    Raises:
        ConfigError: it is no token.
    """
    if not os.path.lexists(Path(config.data_dir) / data_lock.NAME):
        check_join_token(config)


def warn_of_exposure(config: Config) -> None:
    """Log at a start if the node runs without authentication, or if some peers may be unable to dial it."""
    if config.insecure:
        logger.warning(
            "! node %s runs without authentication (insecure = true): every program that reaches %s can take part in"
            " its elections",
            *(config.node, config.listen),
        )
    far = [node_id for node_id, address in config.peer_addresses.items() if not is_loopback(address.host)]
    if far and is_loopback(config.advertise_address.host):
        logger.warning(
            "! node %s: only this machine can dial %s; if peers %s are on other machines, listen on an address that"
            " they can dial, or set advertise",
            *(config.node, config.advertise_address, ", ".join(far)),
        )


def _tls(config: Config, files: Mapping[str, str | os.PathLike[str]]) -> Security:
    # Imported here: a node without TLS does not load it.
    from wire.security.credentials import TlsFiles  # noqa: PLC0415
    from wire.security.tls import Tls  # noqa: PLC0415

    paths = TlsFiles(certificate=Path(files["certificate"]), key=Path(files["key"]), ca=Path(files["ca"]))
    return Tls(paths, node=config.node, cluster=config.cluster, pins=config.pins_by_node)
