"""`elect check`: is a configuration good, and do the peers answer, agree and hear us?

Each peer is dialed for a kind of link that no node serves. It judges all else first, so a refusal of the kind alone
says that version, cluster and ids agree, and nothing of the peer was touched.
"""

import argparse

from elect.cli import reachability
from elect.cli.exit_codes import ExitCode
from elect.cli.parallel import each
from elect.cli.reachability import Faults
from elect.config.config import Config
from elect.core.options import Configuration
from elect.errors import BindError
from elect.runtime.node_credentials import security
from wire.io.sockets import shut
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import STORE_LENGTH, Identity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode, RemoteFault, WireError
from wire.security.security import Security

KIND = "check"
GOOD = "answers, agrees, hears us"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("-c", "--config", required=True, metavar="FILE", help="the node's configuration, TOML")


def run(arguments: argparse.Namespace) -> int:
    """Check; 0 when all is good."""
    config = Config.load(arguments.config)
    configuration = Configuration.initial(config.voters)
    print(f"{arguments.config}: good; node {config.node} of cluster {config.cluster}")
    print(f"voters: {' '.join(configuration.voters)}; a quorum is {configuration.quorum}")
    guarding = security(config)
    identity = Identity(cluster=config.cluster, node=config.node, incarnation=0, store=bytes(STORE_LENGTH))
    faults = _dial_all(config, identity, guarding)
    answering = [node_id for node_id, fault in faults.items() if fault is None]
    faults |= _hearing(config, identity, guarding, answering)
    width = max(map(len, config.peers), default=0)
    for node_id, address in config.peers.items():
        print(f"{node_id:<{width}}  {address}  {faults[node_id] or GOOD}")
    return ExitCode.FAILED if any(faults.values()) else ExitCode.OK


def _dial_all(config: Config, identity: Identity, guarding: Security) -> Faults:
    addresses = list(config.peer_addresses.items())
    faults = each(lambda peer: dial(identity, *peer, guarding), addresses)
    return {node_id: fault for (node_id, _), fault in zip(addresses, faults, strict=True)}


def _hearing(config: Config, identity: Identity, guarding: Security, answering: list[str]) -> Faults:
    try:
        return reachability.listen(config, identity, guarding, answering)
    except BindError:
        if dial(identity, config.node, config.listen_address, guarding) is not None:
            raise
        if not answering:
            return {}
        return reachability.ask(config, answering)


def dial(identity: Identity, to: str, address: Address, guarding: Security) -> str | None:
    """Dial a node, without getting a link.

    Args:
        identity: who dials.
        to: whom.
        address: where.
        guarding: who is let in.

    Returns:
        What is wrong, or None: it answers and agrees.
    """
    dialing = Dialing(to=to, kind=KIND, identity=identity, codec=Codec(), limits=Limits(), security=guarding)
    try:
        shut(dialing.dial(address, lambda: 0).sock)
    except Refusal as refusal:
        agreeing = RejectCode.SELF if to == identity.node else RejectCode.KIND
        return None if refusal.code is agreeing else f"answers, but does not agree: {refusal}"
    except RemoteFault as fault:
        return f"answers, but not as a peer of ours: {fault}"
    except WireError as error:
        why = str(error).removeprefix(f"{address}: ")
        return f"does not answer: {why}"
    return None
