"""Is the node well, is it of use, and what does it see?"""

from http import HTTPStatus

from elect.clock import NS_PER_S
from elect.web.node_protocol import NodeProtocol
from elect.web.request import Request
from elect.web.response import Response, reply


def healthz(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """200 while all threads live and the protocol's is not so late that support runs out."""
    is_alive, lag_ns = node.is_alive, node.loop_lag_ns
    is_well = is_alive and lag_ns < node.config.support_duration_ns
    content = {"node": node.config.node, "is_alive": is_alive, "loop_lag_seconds": lag_ns / NS_PER_S}
    return reply(HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, content)


def readyz(node: NodeProtocol, request: Request) -> Response:
    """200 while a quorum supports this node and it knows who leads the election."""
    election = node.find_election(request.election)
    known = election.leader if election is not None else None
    has_quorum = bool(node.status().to_dict().get("has_quorum"))
    is_ready = node.is_alive and has_quorum and known is not None
    content = {
        "node": node.config.node,
        "has_quorum": has_quorum,
        "leader": known.node_id if known is not None else None,
    }
    return reply(HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE, content)


def status(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """Everything."""
    return reply(HTTPStatus.OK, node.status().to_dict())
