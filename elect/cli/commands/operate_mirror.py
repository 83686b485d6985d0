"""`elect mirror`: a second site: what its mirrors know, its promotion, and the seal of the first one, over HTTP."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from elect.cli import http_client
from elect.cli.argument_types import address, number
from elect.cli.exit_codes import EXIT_CODES, MIRROR_EXIT_CODES, SITE_REFUSALS, ExitCode, Failure, complain
from elect.core.configuration import ClusterState
from elect.mirror.mirror_values import MirrorPhase
from wire.protocol.address import Address

TIMEOUT_S = 30.0
TIMEOUT_S_MIN = 0.1
TIMEOUT_S_MAX = 60.0
MARGIN_S = 5.0
"""Added to the wait for the answer, so that the node reports a timeout first."""

UNANSWERED = "it may be done, or may go on: run the same command again; what is done stays done"

ACTIONS = {
    "status": "print the state of each node's cluster and of its mirror",
    "promote": "have the standby cluster of a node elect leaders from now on, for good",
    "seal": "have the cluster of a node elect no leader any more, for good",
}

WARNINGS = {
    "promote": """This cannot be undone:
- The standby cluster of {address} elects leaders from now on, and follows its source no more.
- The source is sealed first, if it can be reached. If it cannot, and still runs, it may have a leader too. A store that
  checks tokens refuses that leader after the first write of the new one; what checks no token is not protected.
""",
    "seal": """This cannot be undone:
- The cluster of {address} elects no leader any more. Every leader that it has ends within some seconds.
- It refers its clients to {successor}. Promote the cluster there, if that is not done yet.
""",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their arguments."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=type(parser))
    for name, line in ACTIONS.items():
        action = actions.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            epilog=http_client.TOKEN_HELP + MIRROR_EXIT_CODES + EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        text = "HTTP addresses of nodes, host:port" + ("" if name == "status" else "; the first that answers is asked")
        action.add_argument("addresses", nargs="+", type=address, metavar="ADDRESS", help=text)
        action.add_argument("--json", action="store_true", help="print each answer as one line of JSON")
        if name != "status":
            seconds = f"seconds for all of it, {TIMEOUT_S_MIN:g} to {TIMEOUT_S_MAX:g} (default: {TIMEOUT_S:g})"
            limits = number(float, TIMEOUT_S_MIN, TIMEOUT_S_MAX)
            action.add_argument("--timeout", type=limits, default=TIMEOUT_S, metavar="S", help=seconds)
            action.add_argument("--yes", action="store_true", help="do not ask whether to go on")
        if name == "promote":
            text = (
                "promote it also if the mirror does not know the whole source, or no majority of the cluster is heard"
            )
            action.add_argument("--force", action="store_true", help=text)
        if name == "seal":
            text = "the addresses of the cluster that takes over, for people and clients"
            action.add_argument("--successor", default="", metavar="TEXT", help=text)


def run(arguments: argparse.Namespace) -> int:
    """Run the action and print its result."""
    if arguments.action == "status":
        return _status(arguments)
    _confirm(arguments)
    is_promotion = arguments.action == "promote"
    given = {"force": arguments.force} if is_promotion else {"successor": arguments.successor}
    fields = {**given, "timeout": arguments.timeout}
    at, answer = _ask_first(arguments.addresses, f"/{arguments.action}", fields, arguments.timeout + MARGIN_S)
    if answer.status != HTTPStatus.OK:
        code = SITE_REFUSALS.get(str(answer.content.get("refusal")), ExitCode.FAILED)
        raise Failure(f"{at}: {answer.content.get('error', 'refused')}", code)
    if arguments.json:
        print(json.dumps(answer.content))
    else:
        print(_promoted(answer.content) if is_promotion else _sealed(answer.content))
    return ExitCode.OK


def _ask_first(
    addresses: Sequence[Address], path: str, fields: Mapping[str, object], timeout: float
) -> tuple[Address, http_client.HttpAnswer]:
    """Return the answer of the first node that can be asked at all, and its address."""
    for at in addresses[:-1]:
        try:
            http_client.ask(at, "GET", "/mirror")
        except Failure:
            continue
        break
    else:
        at = addresses[-1]
    try:
        unanswered = Failure(UNANSWERED, ExitCode.NOT_IN_TIME)
        return at, http_client.ask(at, "POST", path, fields, timeout=timeout, unanswered=unanswered)
    except KeyboardInterrupt:
        complain(f"{at} was asked; {UNANSWERED}", ExitCode.INTERRUPTED)
        raise


def _status(arguments: argparse.Namespace) -> int:
    code, failures = ExitCode.OK, list[str]()
    for at in arguments.addresses:
        try:
            content = _ask_status(at)
        except Failure as failure:
            failures.append(str(failure))
            continue
        print(json.dumps(content) if arguments.json else _line(content))
        if not _is_good(content):
            code = ExitCode.FAILED
    if failures:
        raise Failure("; ".join(failures))
    return code


def _is_good(answer: Mapping[str, object]) -> bool:
    """Return whether the mirror of a node follows, or need not: its cluster does not stand by."""
    mirror, is_standby = answer.get("mirror"), answer.get("cluster_state") == ClusterState.STANDBY
    if answer.get("cluster_state") is None:
        return False  # it is in no cluster yet, and can promote none
    if not isinstance(mirror, Mapping):
        return not is_standby
    # A promotion that is recorded, and that the cluster has not installed, has the mirror promoted and nobody elected.
    return mirror.get("state") == MirrorPhase.FOLLOWING or (
        mirror.get("state") == MirrorPhase.PROMOTED and not is_standby
    )


def _ask_status(at: Address) -> Mapping[str, object]:
    answer = http_client.ask(at, "GET", "/mirror")
    if answer.status != HTTPStatus.OK:
        raise Failure(f"{at}: {answer.content.get('error', 'refused')}")
    return answer.content


def _line(answer: Mapping[str, object]) -> str:
    """Return a sentence about one node."""
    state = answer.get("cluster_state")
    cluster = f"{answer.get('node')}: {'in no cluster yet' if state is None else f'{state} cluster'}"
    if answer.get("successor"):
        cluster = f"{cluster}, refers to {answer['successor']}"
    followers = answer.get("mirrors")
    if isinstance(followers, list) and followers:
        names = ", ".join(f"{each.get('name')} (revision {each.get('revision')})" for each in followers)
        cluster = f"{cluster}; mirrors: {names}"
    mirror = answer.get("mirror")
    if not isinstance(mirror, Mapping):
        is_standby = answer.get("cluster_state") == ClusterState.STANDBY
        return f"{cluster}; no mirror{': set [mirror] source, and restart it' if is_standby else ''}"
    lag = mirror.get("lag")
    shown = "not known" if not isinstance(lag, int | float) else f"{lag:.1f} s"
    text = (
        f"{cluster}; mirror {mirror.get('state')}: lag {shown}, revision {mirror.get('revision')},"
        f" highest term {mirror.get('highest_term')}, source {mirror.get('source') or 'none yet'}"
    )
    # A mirror that follows has a link again, and one that is promoted wants none.
    is_link_wanted = mirror.get("state") not in (MirrorPhase.FOLLOWING, MirrorPhase.PROMOTED)
    problem = mirror.get("error") or (is_link_wanted and mirror.get("last_error"))
    return f"{text}; {problem}" if problem else text


def _promoted(answer: Mapping[str, object]) -> str:
    reason = f" ({answer['not_sealed']})" if answer.get("not_sealed") else ""
    is_open = f"the source is NOT known to be sealed{reason}; make sure that it is down"
    seal = "the source is sealed" if answer.get("was_sealed") else is_open
    return f"the cluster of {answer.get('node')} is promoted: terms begin above {answer.get('floor')}; {seal}"


def _sealed(answer: Mapping[str, object]) -> str:
    return f"the cluster of {answer.get('node')} is sealed, and refers to {answer.get('successor') or 'nobody'}"


def _confirm(arguments: argparse.Namespace) -> None:
    if arguments.yes:
        return
    successor = getattr(arguments, "successor", "") or "nobody (--successor is not given)"
    text = WARNINGS[arguments.action].format(address=arguments.addresses[0], successor=successor)
    print(f"{text}Type yes to go on: ", end="", file=sys.stderr, flush=True)
    answer = "" if sys.stdin is None else sys.stdin.readline()
    if answer.strip() != "yes":
        print(file=sys.stderr)
        raise Failure("nothing was changed; type yes, or give --yes, to go on")
