"""What a configuration says of who is let in, made into what wire goes by."""

import os
from collections.abc import Mapping
from pathlib import Path

from elect.config.config import Config
from elect.config.rules import is_loopback
from elect.errors import ConfigError
from wire.common.log import Log
from wire.protocol.wire_errors import CredentialsError
from wire.security.security import PLAIN, Keyed, Security

logger = Log(__name__)


def security(config: Config) -> Security:
    """Read the keys or certificates.

    Raises:
        ConfigError: they can't be used; it shows none of them.
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


def warn_of_insecurity(config: Config) -> None:
    """Say it once, at a start: nobody should find out by accident."""
    if config.insecure:
        logger.warning(
            "! node %s: insecure = true: whoever reaches %s can take part in its elections", config.node, config.listen
        )


def warn_of_loopback(config: Config) -> None:
    """Say at a start that peers whose names are not this machine's own can't dial a loopback address."""
    far = [node_id for node_id, address in config.peer_addresses.items() if not is_loopback(address.host)]
    if far and is_loopback(config.advertise_address.host):
        logger.warning(
            "! node %s: %s can be dialed from this machine only, and so not from peers %s, if they are elsewhere;"
            " listen on an address that they can dial, or set advertise",
            *(config.node, config.advertise_address, ", ".join(far)),
        )


def _tls(config: Config, files: Mapping[str, str | os.PathLike[str]]) -> Security:
    # Imported here: who has no TLS need not hold it in memory.
    from wire.security.credentials import TlsFiles  # noqa: PLC0415
    from wire.security.tls import Tls  # noqa: PLC0415

    paths = TlsFiles(certificate=Path(files["certificate"]), key=Path(files["key"]), ca=Path(files["ca"]))
    return Tls(paths, node=config.node, cluster=config.cluster, pins=config.pins_by_node)
