"""The WSGI application: the path and the method select the answer."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from elect.errors import Forked, Stopped
from elect.web import authorization, operations, probes
from elect.web.http_values import Refused, Request, Response, reply
from elect.web.node_protocol import NodeProtocol
from wire.common import arguments
from wire.common.log import Log

LOG = Log(__name__)

Route = Callable[[NodeProtocol, Request], Response]


PAGES: Mapping[str, Route] = {
    "/leader": probes.leader,
    "/replica": probes.replica,
    "/healthz": probes.healthz,
    "/readyz": probes.readyz,
    "/status": probes.status,
    "/metrics": probes.metrics,
}
"""For GET, HEAD and OPTIONS."""

OPERATIONS: Mapping[str, Route] = {
    "/resign": operations.resign,
    "/transfer": operations.transfer,
    "/forget": operations.forget,
    "/pause": operations.pause,
    "/resume": operations.resume,
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

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = _respond(node, environ)
        start_response(response.status_line, response.header_lines)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]

    return answer


def _respond(node: NodeProtocol, environ: WSGIEnvironment) -> Response:
    try:
        return _route(node, Request.of(environ))
    except Refused as refused:
        return refused.response
    except (Stopped, Forked) as error:
        return reply(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
    except Exception:
        LOG.exception("a request for %r failed", environ.get("PATH_INFO"))
        return reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal error, see the node's log"})


def _route(node: NodeProtocol, request: Request) -> Response:
    if request.path in PAGES:
        return _page(node, request)
    if request.path in OPERATIONS:
        if request.method != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "use POST", Allow="POST")
        authorization.check_allowed(request, node.config.operator_token)
        return OPERATIONS[request.path](node, request)
    raise Refused(HTTPStatus.NOT_FOUND, f"not found; available: {' '.join((*PAGES, *OPERATIONS))}")


def _page(node: NodeProtocol, request: Request) -> Response:
    allowed = ", ".join(PAGE_METHODS)
    if request.method not in PAGE_METHODS:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed}", Allow=allowed)
    if request.method == "OPTIONS" and request.path not in PROBES:
        return Response(status=HTTPStatus.OK, headers={"Allow": allowed})
    return PAGES[request.path](node, request)
