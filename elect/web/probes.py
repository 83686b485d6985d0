"""Who leads, for load balancers: the lease is checked when the request is."""

from http import HTTPStatus

from elect.core.state.node_state import DEFAULT_ELECTION
from elect.web.node_protocol import NodeProtocol
from elect.web.request import Request
from elect.web.response import Response, reply


def leader(node: NodeProtocol, request: Request) -> Response:
    """200 with the token while this node leads the election, else 503."""
    return _answer(node, request, is_leader_asked=True)


def replica(node: NodeProtocol, request: Request) -> Response:
    """200 while this node is well and does not lead it, else 503."""
    return _answer(node, request, is_leader_asked=False)


def _answer(node: NodeProtocol, request: Request, *, is_leader_asked: bool) -> Response:
    name = request.election
    election = node.find_election(name)
    known = election.leader if election is not None else None
    # The lease comes last: nothing slow stands between it and the answer.
    held = election.leadership if election is not None else None
    is_replica = held is None and node.is_alive and (election is not None or name == DEFAULT_ELECTION)
    is_yes = held is not None if is_leader_asked else is_replica
    content = {
        "election": name,
        "node": node.config.node,
        "is_leader": held is not None,
        "token": held.token if held is not None else None,
        "leader": known.node_id if known is not None else None,
    }
    headers = {"X_Elect_Token": str(held.token)} if held is not None else {}
    return reply(HTTPStatus.OK if is_yes else HTTPStatus.SERVICE_UNAVAILABLE, content, **headers)
