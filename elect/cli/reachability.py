"""Do the peers reach this node? If it does not run, listen in its place for a moment; if it runs, ask it."""

import errno
import socket
from collections.abc import Collection, Mapping

from elect.cli import http_client
from elect.cli.exit_codes import Failure
from elect.config.config import Config
from elect.core.options import Configuration
from elect.errors import BindError
from wire.common.deadline import now_s
from wire.io import sockets
from wire.io.meter import Meter
from wire.links.accepted_link import AcceptedLink
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import PEER_KIND, Hello, review
from wire.protocol.identity import Identity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode, WireError
from wire.security.security import HandshakeCredentials, Security

HEAR_S = 6.0
"""A peer that finds nobody dials again after 2 s at the latest, before jitter: twice that, and a little."""

DEAF = "answers and agrees, but does not hear us: can it dial {address}?"
HERE = Refusal(RejectCode.STOPPING, "elect check listens here for a moment, not the node", is_retryable=True)

Faults = dict[str, str | None]
"""By peer: what is wrong, or None."""


def listen(
    config: Config, identity: Identity, guarding: Security, expected: Collection[str], timeout_s: float = HEAR_S
) -> Faults:
    """Take the node's place and see who dials it; nobody gets a link.

    Args:
        config: the node's.
        identity: its name and cluster.
        guarding: who is let in.
        expected: peers to wait for.
        timeout_s: for how long.

    Raises:
        BindError: the address is taken (by the node, if it runs) or not this machine's.
    """
    faults: Faults = dict.fromkeys(expected, DEAF.format(address=config.advertise_address))
    missing = set(expected)
    deadline = now_s() + timeout_s
    with _listening(config.listen_address) as listening:
        while missing and (left := deadline - now_s()) > 0:
            listening.settimeout(left)
            guard = guarding.guard
            hello = _hello(listening, guard)
            if hello is not None and hello.node in missing:
                faults[hello.node] = _disagreement(config, identity, guard, hello)
                missing.discard(hello.node)
    return faults


def ask(config: Config, expected: Collection[str]) -> Faults:
    """Ask the running node, over its HTTP address, whom it hears both ways.

    Raises:
        Failure: it has no HTTP address, or does not answer there.
    """
    if config.http_address is None:
        raise Failure("the node runs here but has no [http] listen, so it can't be asked whether its peers hear it")
    status = http_client.ask(config.http_address, "GET", "/status").content
    peers = status.get("peers")
    said = {peer.get("node"): peer for peer in peers if isinstance(peer, Mapping)} if isinstance(peers, list) else {}
    return {node_id: _said_fault(config, said.get(node_id, {})) for node_id in expected}


def _said_fault(config: Config, peer: Mapping[object, object]) -> str | None:
    if peer.get("is_configuration_same") is False:
        return "answers, but has other voters than this node"
    return None if peer.get("is_supported") else DEAF.format(address=config.advertise_address)


def _listening(address: Address) -> socket.socket:
    try:
        return sockets.listen(address)
    except OSError as error:
        raise BindError(error.errno or errno.EADDRNOTAVAIL, error.strerror or str(error), str(address)) from None


def _hello(listening: socket.socket, guard: HandshakeCredentials) -> Hello | None:
    """What the next one who dials says, or None."""
    try:
        accepted, _ = listening.accept()
    except OSError:
        return None
    with accepted:
        try:
            link = AcceptedLink(accepted, Codec(), Limits(), Meter(), guard)
            hello = link.await_hello()
            link.reject(HERE)
        except (OSError, ValueError, WireError):
            return None
        return hello


def _disagreement(config: Config, identity: Identity, guard: HandshakeCredentials, hello: Hello) -> str | None:
    try:
        review(hello, identity, kinds=(PEER_KIND,), is_known_peer=config.peers.__contains__, ring=guard.ring)
    except Refusal as refusal:
        return f"reaches us, but does not agree: {refusal}"
    ours = Configuration.initial(config.voters).id.digest.hex()
    if hello.attributes.get("configuration", ours) != ours:
        return "answers and hears us, but has other voters than this node"
    return None
