"""The rules of the settings for clients. Each raises ConfigError, as those in `rules` do."""

from collections.abc import Sequence

from elect.config import rules
from elect.errors import ConfigError
from wire.protocol.address import Address

CLIENTS_MAX = 10_000
"""Each takes a descriptor of the process, of which the system seldom gives more without being asked."""

UIDS_MAX = 64
UID_MAX = 2**32 - 2
"""The highest user id of Linux; the one above it means none."""


def check(listen: Address, clients: object, clients_max: object, uids: object, has_security: bool) -> None:
    """Check the settings for clients.

    Args:
        listen: the address for peers.
        clients: the address for clients alone, or None.
        clients_max: the most clients.
        uids: the user ids that may use a Unix socket.
        has_security: there is authentication, or `insecure`.
    """
    rules.check_number("clients_max", clients_max, CLIENTS_MAX)
    _check_uids(uids)
    if clients is None:
        if uids:
            raise ConfigError("client_uids", uids, "it has a meaning only for a Unix socket; set clients_listen")
        return
    if not clients_max:
        raise ConfigError("clients_listen", clients, "no client is let in, as clients_max is 0; remove one of the two")
    address = rules.parse_address("clients_listen", clients, is_unix_allowed=True)
    if address.is_unix:
        return
    if uids:
        raise ConfigError("client_uids", uids, "it has a meaning only for a Unix socket, as unix:/run/elect/a.sock")
    rules.check_exposure(str(clients), address.host, has_security=has_security, name="clients_listen")
    rules.check_port("clients_listen", listen, address)


def _check_uids(uids: object) -> None:
    if isinstance(uids, str) or not isinstance(uids, Sequence) or len(uids) > UIDS_MAX:
        raise ConfigError("client_uids", uids, f"a list of at most {UIDS_MAX} user ids is needed, as in [0, 1000]")
    for uid in uids:
        rules.check_number("client_uids", uid, UID_MAX)
