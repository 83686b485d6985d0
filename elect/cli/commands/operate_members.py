"""`elect members`: lists the members of a cluster, and changes them one at a time, over HTTP.

`recover` changes the data directory of a stopped node; see `recover_members`.
"""

import argparse
import json
from collections.abc import Mapping
from http import HTTPStatus
from types import ModuleType

from elect.cli import http_client
from elect.cli.argument_types import address, dialable, node_id, number
from elect.cli.commands import make_join_token, recover_members
from elect.cli.exit_codes import EXIT_CODES, MEMBERS_EXIT_CODES, REFUSALS, ExitCode, Failure
from elect.cli.members_table import member_table
from elect.core.configuration import MemberKind

TIMEOUT_S = 10.0
TIMEOUT_S_MAX = 60.0
MARGIN_S = 5.0
"""Added to the wait for the answer, so that the node reports a timeout first: it may ask the leader until then."""

ACTIONS = {
    "list": "print the members, as a node has installed them",
    "add": "add a node: it becomes a voter when it is ready",
    "remove": "remove a member",
    "promote": "make a learner or an observer a voter",
    "demote": "make a voter an observer",
    "replace": "accept a voter again that has lost its data directory",
}

OFFLINE: Mapping[str, tuple[ModuleType, str, str]] = {
    "token": (make_join_token, "print a token with which a node joins, once, until it expires", "No node is asked."),
    "recover": (
        recover_members,
        "make some members the only voters, when a majority is lost for good",
        "Run it on each survivor, while it is stopped.",
    ),
}
"""The actions that ask no node."""

DONE = {
    "add": "added",
    "remove": "removed",
    "promote": "promoted",
    "demote": "demoted",
    "replace": "replaced: it votes again once it is ready with its next data directory",
}

HINTS = {
    ExitCode.TOO_FEW_LIVE: "--force makes the change all the same",
    ExitCode.NOT_IN_TIME: "run the same command again to see whether it was made",
}
"""The options of this command that are a remedy."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=type(parser))
    for name, line in ACTIONS.items():
        action = actions.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            epilog=http_client.TOKEN_HELP + MEMBERS_EXIT_CODES + EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        text = "the HTTP address of a running node, host:port"
        action.add_argument("address", type=address, metavar="ADDRESS", help=text)
        action.add_argument("--json", action="store_true", help="print the answer as one line of JSON")
        if name != "list":
            _add_change(action, name)
    for name, (implementation, line, note) in OFFLINE.items():
        action = actions.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}. {note}",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        implementation.configure(action)


def _add_change(action: argparse.ArgumentParser, name: str) -> None:
    action.add_argument("node", type=node_id, metavar="NODE", help="the id of the member")
    seconds = f"wait for a quorum, 0 to {TIMEOUT_S_MAX:g} (default: {TIMEOUT_S:g})"
    action.add_argument(
        "--timeout", type=number(float, 0.0, TIMEOUT_S_MAX), default=TIMEOUT_S, metavar="S", help=seconds
    )
    if name in ("add", "replace"):
        text = "the address that the other nodes dial until the node shows its own"
        action.add_argument("--address", type=dialable, dest="at", metavar="HOST:PORT", help=text)
    if name in ("add", "promote"):
        kinds = [kind.value for kind in MemberKind if name == "add" or kind is not MemberKind.OBSERVER]
        text = "a witness votes and never leads; an observer does neither" if name == "add" else "of the new voter"
        action.add_argument("--kind", choices=kinds, help=f"{text} (default: voter)")
    if name in ("remove", "replace"):
        text = "make the change although too few voters would be left alive"
        action.add_argument("--force", action="store_true", help=text)


def run(arguments: argparse.Namespace) -> int:
    """Run the action and print its result."""
    if arguments.action == "token":
        return make_join_token.run(arguments)
    if arguments.action == "recover":
        return recover_members.run(arguments)
    if arguments.action == "list":
        answer = http_client.ask(arguments.address, "GET", "/members")
        _check(arguments, answer)
        print(*([json.dumps(answer.content)] if arguments.json else member_table(answer.content)), sep="\n")
        return ExitCode.OK
    answer = http_client.ask(
        arguments.address, "POST", "/members", _fields(arguments), timeout=arguments.timeout + MARGIN_S
    )
    _check(arguments, answer)
    print(json.dumps(answer.content) if arguments.json else _sentence(arguments, answer.content))
    return ExitCode.OK


def _fields(arguments: argparse.Namespace) -> dict[str, object]:
    given = {
        "address": getattr(arguments, "at", None),
        "kind": getattr(arguments, "kind", None),
        "force": getattr(arguments, "force", None),
    }
    return {
        "change": arguments.action,
        "member": arguments.node,
        "timeout": arguments.timeout,
        **{name: value for name, value in given.items() if value is not None},
    }


def _check(arguments: argparse.Namespace, answer: http_client.HttpAnswer) -> None:
    if answer.status == HTTPStatus.OK:
        return
    code = REFUSALS.get(str(answer.content.get("refusal")), ExitCode.FAILED)
    text = f"{arguments.address}: {answer.content.get('error', 'refused')}"
    raise Failure(f"{text}; {hint}" if (hint := HINTS.get(code)) else text, code)


def _sentence(arguments: argparse.Namespace, answer: Mapping[str, object]) -> str:
    version = f"{answer.get('term')}.{answer.get('version')}"
    return f"{arguments.node} is {DONE[arguments.action]} (configuration {version})"
