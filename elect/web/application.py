"""The WSGI application: the path and the method select the answer."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from elect.errors import Forked, Stopped
from elect.web import authorization, member_operations, operations, probes, site_operations
from elect.web.elections import ElectionList, elections
from elect.web.events.encoding import CONTENT_TYPE
from elect.web.events.event_source import EventSource
from elect.web.events.event_stream import EventStream
from elect.web.http_values import Refused, Request, Response, reply
from elect.web.node_protocol import NodeProtocol
from elect.web.page import page
from wire.common import arguments
from wire.common.log import Log

LOG = Log(__name__)

Route = Callable[[NodeProtocol, Request], Response]

RETRY_AFTER_S = 10
"""For a listener for whom there is no room."""

PAGES: Mapping[str, Route] = {
    "/": page.page,
    "/leader": probes.leader,
    "/replica": probes.replica,
    "/healthz": probes.healthz,
    "/readyz": probes.readyz,
    "/status": probes.show_status,
    "/metrics": probes.metrics,
    "/members": member_operations.members,
    "/mirror": site_operations.mirror,
}
"""For GET, HEAD and OPTIONS."""

OPERATIONS: Mapping[str, Route] = {
    "/resign": operations.resign,
    "/transfer": operations.transfer,
    "/pause": operations.pause,
    "/resume": operations.resume,
    "/members": member_operations.change_members,
    "/promote": site_operations.promote,
    "/seal": site_operations.seal,
}
"""The path of each POST request, and its function."""

PROBES = ("/leader", "/replica")
"""Load balancers probe these with OPTIONS as well, and need the real status."""

PAGE_METHODS = ("GET", "HEAD", "OPTIONS")


def application(node: NodeProtocol) -> WSGIApplication:
    """Return the WSGI application of a node, for the node's own server or any other.

    Args:
        node: asked anew at each request.

    Raises:
        TypeError: `node` is not a node.
    """
    arguments.check_members("node", node, NodeProtocol, "a Node")

    listed = ElectionList(node)
    source = EventSource(node, listed)
    pages: Mapping[str, Route] = {
        **PAGES,
        "/elections": partial(elections, listed),
        "/events": partial(_events, source),
    }

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = _respond(pages, node, environ)
        start_response(response.status_line, response.header_lines)
        if response.stream is not None:
            return response.stream
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]

    return answer


def _respond(pages: Mapping[str, Route], node: NodeProtocol, environ: WSGIEnvironment) -> Response:
    try:
        return _route(pages, node, Request.of(environ))
    except Refused as refused:
        return refused.response
    except (Stopped, Forked) as error:
        return reply(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
    except Exception:
        LOG.exception("a request for %r failed", environ.get("PATH_INFO"))
        return reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal error, see the node's log"})


def _route(pages: Mapping[str, Route], node: NodeProtocol, request: Request) -> Response:
    if request.path in pages and not (request.method == "POST" and request.path in OPERATIONS):
        return _page(pages[request.path], node, request)
    if request.path in OPERATIONS:
        if request.method != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "use POST", Allow="POST")
        authorization.check_allowed(request, node.config.operator_token)
        return OPERATIONS[request.path](node, request)
    raise Refused(HTTPStatus.NOT_FOUND, f"not found; available: {' '.join({**pages, **OPERATIONS})}")


def _events(source: EventSource, node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - as every route
    """Return the stream of events, from the one after Last-Event-ID on; a page that reconnects puts it in the query."""
    stream: EventStream | None = None
    if request.method != "HEAD":
        stream = source.open(request.headers.get("last-event-id") or request.field("last_event_id"))
        if stream is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many listen to events", Retry_After=str(RETRY_AFTER_S))
    return Response(status=HTTPStatus.OK, content_type=CONTENT_TYPE, stream=stream)


def _page(route: Route, node: NodeProtocol, request: Request) -> Response:
    allowed = ", ".join((*PAGE_METHODS, "POST") if request.path in OPERATIONS else PAGE_METHODS)
    if request.method not in PAGE_METHODS:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed}", Allow=allowed)
    if request.method == "OPTIONS" and request.path not in PROBES:
        return Response(status=HTTPStatus.OK, headers={"Allow": allowed})
    return route(node, request)
