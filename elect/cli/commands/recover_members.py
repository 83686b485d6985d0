"""`elect members recover`: makes some members of a cluster the only voters, when a majority is lost for good.

It changes the data directory of a stopped node.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from elect.cli.argument_types import dialable
from elect.cli.exit_codes import ExitCode, Failure
from elect.config import rules
from elect.core.configuration import ClusterState, Configuration
from elect.core.ready import Meeting
from elect.monitoring import audit
from elect.storage.recovery import StoreOwner, highest_term, read_owner, recovered
from elect.storage.sqlite import SqliteStore
from elect.storage.store import StoreContent

WARNINGS = """
Read this before you go on:
- Every voter that is not in the new list must be stopped for good. If those that are lost still run, perhaps beyond a
  broken network, they are a cluster of their own, and two nodes lead at the same time.
- The votes of the lost voters are lost. The survivors may not know the latest leader. Terms continue above {term}; a
  store that checks tokens refuses the former leader after the first write of the new one.
- Stop every survivor, and run this command on each of them, with the same list. Different lists can make two clusters.
- Never start a lost node again with its data directory. Delete the directory; then the node can join as a new one.
"""

STATES: Mapping[ClusterState, str] = {
    ClusterState.ACTIVE: "",
    ClusterState.STANDBY: """
This is a standby cluster, and the recovery makes it active, with terms that may be below those of its source. If the
source still leads, two nodes lead at the same time. Promote a node of it instead, if a majority of its voters is left.
""",
    ClusterState.SEALED: """
This cluster is sealed: {successor} has taken over. The recovery makes it active again, with terms that may be below
those of that cluster. If that one still leads, two nodes lead at the same time.
""",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data-dir", required=True, metavar="DIR", help="the data_dir of this node, which is stopped")
    parser.add_argument(
        "--voters", required=True, type=_names, metavar="A,B", help="the ids of the voters that are left"
    )
    parser.add_argument(
        "--address",
        action="append",
        default=[],
        type=_member_address,
        metavar="A=HOST:PORT",
        help="the new address of a member that has moved; repeatable",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask whether to go on")


def run(arguments: argparse.Namespace) -> int:
    """Write the new configuration, after a confirmation."""
    if len(dict(arguments.address)) < len(arguments.address):
        raise Failure("argument --address: a node has two addresses; give one", ExitCode.USAGE)
    directory = Path(rules.expand_home("data_dir", arguments.data_dir))
    owner = read_owner(directory)
    store = SqliteStore(directory)
    found = store.read(cluster=owner.cluster, node_id=owner.node_id)
    try:
        made = _made(owner, found, arguments)
        _confirm(owner, found, made, is_agreed=arguments.yes)
    finally:
        store.close()
    opened = store.open(cluster=owner.cluster, node_id=owner.node_id, promise_ns=0)
    try:
        if _made(owner, opened, arguments) != made:  # its node was started in between
            raise Failure("nothing was changed: the node has run meanwhile; stop it, and run the same command again")
        _record_intent(directory, owner, opened.configuration, made)
        store.write({}, None, _met_anew(opened), made)
    finally:
        store.close()
    print(f"done: {owner.node_id} has configuration {_version(made)}. The newest one of all survivors counts")
    return ExitCode.OK


def _made(owner: StoreOwner, found: StoreContent, arguments: argparse.Namespace) -> Configuration:
    return recovered(
        found.configuration,
        node_id=owner.node_id,
        store_id=found.store_id,
        voters=arguments.voters,
        addresses=dict(arguments.address),
        term=highest_term(found.configuration, found.ballots.values()),
    )


def _record_intent(directory: Path, owner: StoreOwner, before: Configuration, made: Configuration) -> None:
    lost = " ".join(sorted({*before.voters} - {*made.voters})) or "none"
    audit.record(
        directory,
        f"node {owner.node_id} recovers the {before.state} cluster: voters {' '.join(made.voters)},"
        f" without {lost}; configuration {_version(before)} -> {_version(made)}, terms above {made.floor}",
    )


def _confirm(owner: StoreOwner, opened: StoreContent, made: Configuration, *, is_agreed: bool) -> None:
    before = opened.configuration
    print(f"node {owner.node_id} of cluster {owner.cluster}, configuration {_version(before)}")
    if before.cluster_id is None:
        print("This node does not know the id of its cluster. If another survivor does, run this there, and last")
    print(f"voters now:   {' '.join(before.voters)}")
    print(f"voters then:  {' '.join(made.voters)}")
    print(WARNINGS.format(term=made.floor), end="")
    print(STATES[before.state].format(successor=before.successor or "another cluster"))
    if is_agreed:
        return
    print("Type yes to go on: ", end="", flush=True)
    answer = "" if sys.stdin is None else sys.stdin.readline()
    if answer.strip() != "yes":
        print()
        raise Failure("nothing was changed; type yes, or give --yes, to go on")


def _met_anew(opened: StoreContent) -> Mapping[str, Meeting]:
    """Return the meetings without store ids: a lost node may come back, under the same id and with new votes."""
    # A promise to a lost node may still count: the next start waits for its end, as after any restart.
    return {peer: replace(each, store_id=None, objection=None) for peer, each in opened.meetings.items()}


def _version(configuration: Configuration) -> str:
    return f"{configuration.term}.{configuration.version}"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _member_address(text: str) -> tuple[str, str]:
    node_id, equals, address = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form A=HOST:PORT")
    return node_id, dialable(address)
