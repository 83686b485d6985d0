"""The members of the cluster over HTTP: a list of them, and their changes."""

from collections.abc import Mapping
from http import HTTPStatus

from elect.core.changes import ChangeRefusal, ChangeRefused
from elect.core.configuration import Configuration
from elect.errors import JoinRejected, LeadershipTimeout, NotLeader
from elect.web.http_values import Refused, Request, Response, reply
from elect.web.node_protocol import MembersProtocol, NodeProtocol
from elect.web.operations import timeout_of

CHANGES: Mapping[str, tuple[str, ...]] = {
    "add": ("address", "kind"),
    "remove": ("force",),
    "promote": ("kind",),
    "demote": (),
    "replace": ("address", "force"),
}
"""Each change, and the fields that it has besides `change`, `member` and `timeout`."""

COMMON = ("change", "member", "timeout")


def members(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """Return the members in the configuration that this node has installed."""
    found = node.status().membership
    if found is None:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the node does not answer; see /healthz")
    return reply(HTTPStatus.OK, {"node": node.config.node, **found.to_dict()})


def change_members(node: NodeProtocol, request: Request) -> Response:
    """Change the members: {"change": …, "member": node id, …}. A refusal has a code in `refusal`."""
    fields = request.fields()
    change = fields.get("change")
    if not isinstance(change, str) or change not in CHANGES:
        raise Refused(HTTPStatus.BAD_REQUEST, f'"change" must be one of {", ".join(CHANGES)}')
    if unknown := sorted(set(fields) - {*COMMON, *CHANGES[change]}):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{change} has no field {', '.join(unknown)}")
    try:
        made = _make(node.members, change, fields)
    except ChangeRefused as refused:
        return _refusal(
            HTTPStatus.NOT_FOUND if refused.refusal is ChangeRefusal.NOT_MEMBER else HTTPStatus.CONFLICT,
            refused,
            refused.refusal,
        )
    except NotLeader as error:
        hint = error.leader
        leader = None if hint is None else {"node": hint.node_id, "address": hint.address, "term": hint.term}
        return _refusal(HTTPStatus.MISDIRECTED_REQUEST, error, ChangeRefusal.NOT_LEADER, leader=leader)
    except JoinRejected as error:
        return _refusal(HTTPStatus.CONFLICT, error, error.code)
    except LeadershipTimeout as error:
        return _refusal(HTTPStatus.GATEWAY_TIMEOUT, error, "timeout")
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
    content = {"node": node.config.node, "change": change, "member": fields["member"]}
    return reply(HTTPStatus.OK, content | {"term": made.term, "version": made.version, "quorum": made.quorum})


def _make(members_of: MembersProtocol, change: str, fields: dict[str, object]) -> Configuration:
    node_id, timeout = _text(fields, "member", ""), timeout_of(fields)
    match change:
        case "add":
            return members_of.add(node_id, _address(fields), _text(fields, "kind", "voter"), timeout=timeout)
        case "remove":
            return members_of.remove(node_id, force=_flag(fields), timeout=timeout)
        case "promote":
            kind = _text(fields, "kind", "") or None
            return members_of.promote(node_id, kind, timeout=timeout)
        case "demote":
            return members_of.demote(node_id, timeout=timeout)
        case _:
            return members_of.replace(node_id, _address(fields), force=_flag(fields), timeout=timeout)


def _refusal(status: HTTPStatus, error: Exception, code: str, **more: object) -> Response:
    return reply(status, {"error": str(error), "refusal": str(code), **more})


def _address(fields: dict[str, object]) -> str | None:
    return _text(fields, "address", "") or None


def _text(fields: dict[str, object], name: str, default: str) -> str:
    given = fields.get(name, default)
    if given is None:
        return default
    if not isinstance(given, str):
        raise Refused(HTTPStatus.BAD_REQUEST, f'"{name}" must be text')
    return given


def _flag(fields: dict[str, object]) -> bool:
    given = fields.get("force", False)
    if not isinstance(given, bool):
        raise Refused(HTTPStatus.BAD_REQUEST, '"force" must be true or false')
    return given
