"""The operations that change a running node."""

from collections.abc import Callable
from http import HTTPStatus

from elect.errors import LeadershipTimeout, NotLeader
from elect.web.http_values import Refused, Request, Response, check_election, reply
from elect.web.node_protocol import NodeProtocol

TIMEOUT_S_DEFAULT = 10.0
TIMEOUT_S_MAX = 60.0
"""A waiting request holds one of the server's few threads."""


def resign(node: NodeProtocol, request: Request) -> Response:
    """Give up leadership: {"election": …, "timeout": …}, both optional."""
    return _resign(node, request, request.fields("election", "to", "timeout"), is_successor_needed=False)


def transfer(node: NodeProtocol, request: Request) -> Response:
    """Hand leadership over: {"to": node id, "election": …, "timeout": …}."""
    return _resign(node, request, request.fields("election", "to", "timeout"), is_successor_needed=True)


def pause(node: NodeProtocol, request: Request) -> Response:
    """Stop being a candidate in all elections until resumed: {"timeout": …}, optional."""
    return _pause(node, request, node.pause, is_paused=True)


def resume(node: NodeProtocol, request: Request) -> Response:
    """Be a candidate again: {"timeout": …}, optional."""
    return _pause(node, request, node.resume, is_paused=False)


def _pause(
    node: NodeProtocol, request: Request, change: Callable[[float | None], None], *, is_paused: bool
) -> Response:
    try:
        change(timeout_of(request.fields("timeout")))
    except LeadershipTimeout as error:
        raise Refused(HTTPStatus.GATEWAY_TIMEOUT, str(error)) from None
    return reply(HTTPStatus.OK, {"node": node.config.node, "is_paused": is_paused})


def _resign(node: NodeProtocol, request: Request, fields: dict[str, object], *, is_successor_needed: bool) -> Response:
    name = check_election(fields["election"]) if "election" in fields else request.election
    successor, timeout = _successor(node, fields.get("to"), is_needed=is_successor_needed), timeout_of(fields)
    election = node.find_election(name)
    held = election.leadership if election is not None else None
    if election is None or held is None:
        raise Refused(HTTPStatus.CONFLICT, str(NotLeader(name, election.leader if election is not None else None)))
    try:
        election.resign(to=successor, timeout=timeout)
    except NotLeader as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from None
    except LeadershipTimeout as error:
        raise Refused(HTTPStatus.GATEWAY_TIMEOUT, str(error)) from None
    return reply(HTTPStatus.OK, {"node": node.config.node, "election": name, "resigned": held.token, "to": successor})


def _successor(node: NodeProtocol, given: object, *, is_needed: bool) -> str | None:
    return None if given is None and not is_needed else _other_node(node, given, "to")


def _other_node(node: NodeProtocol, given: object, field: str) -> str:
    membership = node.status().membership
    voters = () if membership is None else membership.configuration.voters
    others = [voter for voter in voters if voter != node.config.node]
    if not isinstance(given, str) or given not in others:
        known = ", ".join(others) or f"node {node.config.node} knows of no other voter"
        raise Refused(HTTPStatus.BAD_REQUEST, f'"{field}" must name another voter: {known}')
    return given


def timeout_of(fields: dict[str, object]) -> float:
    """Return the timeout that a request names, or the default one.

    Raises:
        Refused: it is no number of seconds from 0 to TIMEOUT_S_MAX.
    """
    given = fields.get("timeout", TIMEOUT_S_DEFAULT)
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= TIMEOUT_S_MAX:
        raise Refused(HTTPStatus.BAD_REQUEST, f'"timeout" must be seconds from 0 to {TIMEOUT_S_MAX:g}')
    return float(given)
