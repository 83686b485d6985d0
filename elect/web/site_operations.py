"""A second site over HTTP: the mirror of a node, the promotion of its cluster, and the seal of it."""

from http import HTTPStatus

from elect.core.changes import ChangeRefusal
from elect.errors import ElectError, Forked, NotLeader, Stopped
from elect.web.http_values import Refused, Request, Response, reply
from elect.web.node_protocol import NodeProtocol
from elect.web.operations import timeout_of

PROMOTE_TIMEOUT_S = 30.0


def mirror(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """Return the state of the cluster, the mirror of this node, and the mirrors of other sites that follow it."""
    status = node.status()
    found = status.membership
    if found is None:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the node does not answer; see /healthz")
    configuration = found.configuration
    content = {
        "node": node.config.node,
        "cluster_state": configuration.state.value if configuration.members else None,  # None: it is in no cluster yet
        "successor": configuration.successor or None,
        "promotion_floor": configuration.promotion_floor or None,
        "mirror": status.runtime.mirror,
        "mirrors": list(status.runtime.mirrors),
    }
    return reply(HTTPStatus.OK, content)


def promote(node: NodeProtocol, request: Request) -> Response:
    """Promote the standby cluster: {"force": …, "timeout": …}, both optional. A refusal has a code in `refusal`."""
    fields = request.fields("force", "timeout")
    is_forced = fields.get("force", False)
    if not isinstance(is_forced, bool):
        raise Refused(HTTPStatus.BAD_REQUEST, '"force" must be true or false')
    timeout = timeout_of({"timeout": PROMOTE_TIMEOUT_S, **fields})
    try:
        made = node.promote(force=is_forced, timeout=timeout)
    except (ElectError, ValueError) as error:
        return _refusal(error)
    return reply(HTTPStatus.OK, {"node": node.config.node, **made.to_dict()})


def seal(node: NodeProtocol, request: Request) -> Response:
    """Seal this cluster for good: {"successor": addresses, "timeout": …}, both optional."""
    fields = request.fields("successor", "timeout")
    successor = fields.get("successor") or ""
    if not isinstance(successor, str):
        raise Refused(HTTPStatus.BAD_REQUEST, '"successor" must be text')
    try:
        made = node.members.seal(successor, timeout=timeout_of(fields))
    except Stopped as error:
        text = f"{error}; the seal may be made all the same: repeat it, at any node of this cluster"
        return reply(HTTPStatus.SERVICE_UNAVAILABLE, {"error": text, "refusal": "timeout"})
    except (ElectError, ValueError) as error:
        return _refusal(error)
    content = {"node": node.config.node, "state": made.state.value, "successor": made.successor or None}
    return reply(HTTPStatus.OK, {**content, "term": made.term, "version": made.version})


def _refusal(error: ElectError | ValueError) -> Response:
    """Return the answer to a request that failed. The code tells a caller what to do; so does the text."""
    if isinstance(error, Stopped | Forked):
        raise error
    if isinstance(error, TimeoutError):
        return reply(HTTPStatus.GATEWAY_TIMEOUT, {"error": str(error), "refusal": "timeout"})
    code = getattr(error, "refusal", None)
    if isinstance(error, NotLeader):
        return reply(HTTPStatus.MISDIRECTED_REQUEST, {"error": str(error), "refusal": ChangeRefusal.NOT_LEADER.value})
    if code is None and not isinstance(error, ElectError):
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
    return reply(HTTPStatus.CONFLICT, {"error": str(error), "refusal": str(code or "failed")})
