"""Checks that peers reach this node: it listens in the place of a stopped node, and asks a running one."""

import errno
import socket
from collections.abc import Callable, Collection, Mapping

from elect.cli import http_client
from elect.cli.exit_codes import Failure
from elect.cli.status_table import cluster_state, entries
from elect.config.config import Config
from elect.core.configuration import ClusterState
from elect.errors import BindError
from wire.common.deadline import now_s
from wire.io import sockets
from wire.io.meter import Meter
from wire.links.accepted_link import AcceptedLink
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.handshake import PEER_KIND, Hello, are_views_equal, judge_hello
from wire.protocol.identity import Identity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode, WireError
from wire.security.security import HandshakeCredentials, Security

LISTEN_S = 6.0
"""A peer without a connection dials again after at most 2 s, before jitter: twice that, and a margin."""

UNREACHED = "answers and agrees, but does not reach this node: can it dial {address}?"
DISPUTED = "lists other voters than this node, or only one of the two has [mirror]"
HERE = Refusal(RejectCode.STOPPING, "elect check listens here for some seconds, not the node", is_retryable=True)

Faults = dict[str, str | None]
"""By peer: the error, or None."""


def listen(
    config: Config,
    identity: Identity,
    security: Security,
    expected: Collection[str],
    timeout_s: float = LISTEN_S,
    *,
    note: Callable[[Hello, bool], object] = lambda *_: None,
) -> Faults:
    """Listen in the place of the node and judge the peers that dial; every link is rejected.

    Args:
        config: of the node.
        identity: its name and cluster.
        security: of its links.
        expected: the peers to wait for.
        timeout_s: limits the wait.
        note: called with the Hello of each expected peer, and whether both ends see the same addresses.

    Raises:
        BindError: the address is in use (by the node, if it runs) or not this machine's.
    """
    faults: Faults = dict.fromkeys(expected, UNREACHED.format(address=config.advertise_address))
    missing = set(expected)
    deadline = now_s() + timeout_s
    with _listening(config.listen_address) as listening:
        while missing and (left := deadline - now_s()) > 0:
            listening.settimeout(left)
            credentials = security.credentials
            hello, is_direct = _hello(listening, credentials)
            if hello is not None and hello.node in missing:
                faults[hello.node] = _disagreement(config, identity, credentials, hello)
                missing.discard(hello.node)
                note(hello, is_direct)
    return faults


def ask(config: Config, expected: Collection[str]) -> Faults:
    """Ask the running node, over HTTP, which peers reach it.

    Raises:
        Failure: it has no HTTP address, or does not answer.
    """
    if config.http_address is None:
        raise Failure("the node is running without [http] listen, so it cannot be asked whether its peers reach it")
    return faults_in(config, http_client.ask(config.http_address, "GET", "/status").content, expected)


def faults_in(config: Config, status: Mapping[str, object], expected: Collection[str]) -> Faults:
    """Return which peers do not reach a running node, given its status."""
    by_id = {peer.get("node"): peer for peer in entries(status, "peers")}
    # The nodes of a sealed cluster support nobody any more: there the open link is the proof.
    proof = "is_accepted" if cluster_state(status) == ClusterState.SEALED else "is_supported"
    return {node_id: _fault_of(config, by_id.get(node_id, {}), proof) for node_id in expected}


def _fault_of(config: Config, peer: Mapping[str, object], proof: str) -> str | None:
    if peer.get("is_configuration_same") is False:
        return f"answers, but {DISPUTED}"
    return None if peer.get(proof) else UNREACHED.format(address=config.advertise_address)


def _listening(address: Address) -> socket.socket:
    try:
        return sockets.listen(address)
    except OSError as error:
        raise BindError(error.errno or errno.EADDRNOTAVAIL, error.strerror or str(error), str(address)) from None


def _hello(listening: socket.socket, credentials: HandshakeCredentials) -> tuple[Hello | None, bool]:
    """Return the Hello of the next peer that dials, or None if it sends none; and whether the views are equal."""
    try:
        accepted, _ = listening.accept()
    except OSError:
        return None, False
    with accepted:
        try:
            link = AcceptedLink(accepted, Codec(), Limits(), Meter(), credentials)
            hello = link.await_hello()
            link.reject(HERE)
        except (OSError, ValueError, WireError):
            return None, False
        return hello, are_views_equal(hello, local=link.local, remote=link.remote)


def _disagreement(config: Config, identity: Identity, credentials: HandshakeCredentials, hello: Hello) -> str | None:
    try:
        judge_hello(hello, identity, kinds=(PEER_KIND,), is_known_peer=config.peers.__contains__, ring=credentials.ring)
    except Refusal as refusal:
        return f"reaches this node, but does not agree: {refusal}"
    digest = config.first_configuration.id.digest.hex()
    if hello.attributes.get("configuration", digest) != digest:
        return f"answers and reaches this node, but {DISPUTED}"
    return None
