"""Answers for load balancers and monitors: the leader, the health of the node, and its status."""

from http import HTTPStatus

from elect.clock import NS_PER_S
from elect.core.configuration import ClusterState
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.monitoring.member_phase import MemberPhase
from elect.web.http_values import Request, Response, reply
from elect.web.node_protocol import NodeProtocol


def leader(node: NodeProtocol, request: Request) -> Response:
    """Return 200 with the token while this node leads the election, else 503."""
    return _judge_role(node, request, is_leader_asked=True)


def replica(node: NodeProtocol, request: Request) -> Response:
    """Return 200 while this node is alive and does not lead the election, else 503."""
    return _judge_role(node, request, is_leader_asked=False)


def healthz(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """Return 200 while all threads are alive and the orchestrator thread is late by less than the support duration."""
    is_alive, lag_ns = node.is_alive, node.loop_lag_ns
    content = {"node": node.config.node, "is_alive": is_alive, "loop_lag_seconds": lag_ns / NS_PER_S}
    return _answer(content, is_good=is_alive and lag_ns < node.config.support_duration_ns)


def readyz(node: NodeProtocol, request: Request) -> Response:
    """Return 200 while this node takes its part in the cluster, a quorum supports it, and it knows the leader.

    A standby cluster has no leader; its nodes are ready to be promoted. Those of a sealed one are not ready any more.
    """
    election = node.find_election(request.election)
    known = election.leader if election is not None else None
    status, lifecycle = node.status(), node.lifecycle
    has_quorum, mirror, membership = status.has_quorum, status.runtime.mirror, status.membership
    configuration = None if membership is None else membership.configuration
    state = configuration.state if configuration is not None and configuration.members else None
    content = {
        "node": node.config.node,
        "lifecycle": str(lifecycle),
        "has_quorum": has_quorum,
        "cluster_state": state,
        "leader": known.node_id if known is not None else None,
        **({} if mirror is None else {"mirror": mirror["state"], "mirror_error": mirror["error"] or None}),
    }
    is_ready = node.is_alive and lifecycle.phase is MemberPhase.READY
    return _answer(content, is_good=is_ready and has_quorum and (known is not None or state is ClusterState.STANDBY))


def show_status(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """Return the status of the node."""
    return reply(HTTPStatus.OK, node.status().to_dict())


def metrics(node: NodeProtocol, request: Request) -> Response:
    """Return the metrics, in the format that the scraper asks for."""
    body, content_type = node.metrics.exposition(request.headers.get("accept", ""))
    return Response(status=HTTPStatus.OK, body=body, content_type=content_type)


def _judge_role(node: NodeProtocol, request: Request, *, is_leader_asked: bool) -> Response:
    name = request.election
    election = node.find_election(name)
    known = election.leader if election is not None else None
    # The lease is read last, so that nothing slow comes between it and the answer.
    held = election.leadership if election is not None else None
    leader = held or known  # this node may have been elected in between
    is_replica = held is None and node.is_alive and (election is not None or name == DEFAULT_ELECTION)
    content = {
        "election": name,
        "node": node.config.node,
        "is_leader": held is not None,
        "token": held.token if held is not None else None,
        "leader": leader.node_id if leader is not None else None,
    }
    headers = {"X_Elect_Token": str(held.token)} if held is not None else {}
    return _answer(content, is_good=held is not None if is_leader_asked else is_replica, **headers)


def _answer(content: dict[str, object], *, is_good: bool, **headers: str) -> Response:
    return reply(HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE, content, **headers)
