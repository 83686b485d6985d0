"""`elect check`: checks a configuration file, and the connection to each peer in both directions.

Each peer is dialed for a kind of link that no node serves. A peer judges the kind last, so a refusal of the kind says
that version, cluster and ids agree. The peer's links stay as they are.
"""

import argparse
from collections.abc import Mapping

from elect.cli import reachability
from elect.cli.argument_types import add_config
from elect.cli.exit_codes import ExitCode
from elect.cli.parallel import each
from elect.cli.reachability import Faults
from elect.config.config import Config
from elect.config.rules import normal
from elect.errors import BindError
from elect.runtime.node_credentials import check_join_token, load_security
from elect.sites.source_settings import check_source_files
from wire.io.sockets import shut
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import STORE_LENGTH, Identity
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode, RemoteFault, WireError
from wire.security.security import Security

KIND = "check"
GOOD = "answers, agrees, reaches this node"
SEED_GOOD = "answers, agrees"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect check`."""
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Return 0 when the file is valid and every peer is good."""
    config = Config.load(arguments.config)
    check_join_token(config)
    configuration = config.first_configuration
    print(f"{arguments.config}: good; node {config.node} of cluster {config.cluster}")
    links = load_security(config)
    check_source_files(config)
    if config.seeds:
        return _check_seeds(config, links)
    print(f"voters: {' '.join(configuration.voters)}; a quorum is {configuration.quorum}")
    faults = dial_all(config, links, config.peer_addresses)
    answering = [node_id for node_id, fault in faults.items() if fault is None]
    faults |= _check_reachability(config, links, answering)
    width = max(map(len, config.peers), default=0)
    for node_id, address in config.peers.items():
        print(f"{node_id:<{width}}  {address}  {faults[node_id] or GOOD}")
    return ExitCode.FAILED if any(faults.values()) else ExitCode.OK


def _check_seeds(config: Config, links: Security) -> int:
    """Return 0 when a seed answers and agrees: a node that joins needs one."""
    print(f"joins a cluster as a {config.kind}; seeds: {' '.join(config.seeds or ())}")
    faults = dial_seeds(config, links)
    for seed, fault in faults.items():
        print(f"{seed}  {fault or SEED_GOOD}")
    return ExitCode.FAILED if faults and all(faults.values()) else ExitCode.OK


def dial_seeds(config: Config, links: Security) -> Faults:
    """Dial all seeds but the node's own address; return the error of each, or None."""
    own, identity = normal(config.advertise_address), own_identity(config)
    seeds = [address for address in config.seed_addresses if address != own]
    faults = each(lambda seed: dial(identity, "", seed, links), seeds)
    return dict(zip(map(str, seeds), faults, strict=True))


def dial_all(config: Config, links: Security, peers: Mapping[str, Address]) -> Faults:
    """Dial peers, given their ids and addresses; return the error of each, or None."""
    addresses, identity = list(peers.items()), own_identity(config)
    faults = each(lambda peer: dial(identity, *peer, links), addresses)
    return {node_id: fault for (node_id, _), fault in zip(addresses, faults, strict=True)}


def own_identity(config: Config) -> Identity:
    """Return the identity for a dial that opens no link."""
    return Identity(cluster=config.cluster, node=config.node, incarnation=0, store=bytes(STORE_LENGTH))


def _check_reachability(config: Config, links: Security, answering: list[str]) -> Faults:
    identity = own_identity(config)
    try:
        return reachability.listen(config, identity, links, answering)
    except BindError:
        if dial(identity, config.node, config.listen_address, links) is not None:
            raise
        if not answering:
            return {}
        return reachability.ask(config, answering)


def dial(identity: Identity, to: str, address: Address, links: Security) -> str | None:
    """Dial a node without opening a link.

    Args:
        identity: of the dialing node.
        to: the id of the other node; empty: any.
        address: of the other node.
        links: their security.

    Returns:
        The error, or None: the node answers and agrees.
    """
    dialing = Dialing(to=to, kind=KIND, identity=identity, codec=Codec(), limits=Limits(), security=links)
    try:
        shut(dialing.dial(address, lambda: 0).channel.sock)
    except Refusal as refusal:
        agreeing = {RejectCode.SELF, RejectCode.OWN_STORE} if to == identity.node else {RejectCode.KIND}
        if not to:  # a seed, and this node is no member yet
            agreeing.add(RejectCode.UNKNOWN_PEER)
        return None if refusal.code in agreeing else f"answers, but does not agree: {refusal}"
    except RemoteFault as fault:
        return f"answers, but not as a peer: {fault}"
    except WireError as error:
        why = str(error).removeprefix(f"{address}: ")
        return f"does not answer: {why}"
    return None
