"""The WSGI application: from path and method to an answer."""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from elect.errors import Forked, Stopped
from elect.web import authorization, exposition, health_probe, operations, probes
from elect.web.node_protocol import NodeProtocol
from elect.web.request import Request
from elect.web.response import Refused, Response, reply
from wire.common import arguments
from wire.common.log import Log

LOG = Log(__name__)

Route = Callable[[NodeProtocol, Request], Response]


def _metrics(node: NodeProtocol, request: Request) -> Response:
    body, content_type = exposition.render(node.metrics, request.headers.get("accept", ""))
    return Response(status=HTTPStatus.OK, body=body, content_type=content_type)


PAGES: Mapping[str, Route] = {
    "/leader": probes.leader,
    "/replica": probes.replica,
    "/healthz": health_probe.healthz,
    "/readyz": health_probe.readyz,
    "/status": health_probe.status,
    "/metrics": _metrics,
}
"""For GET, HEAD and OPTIONS."""

LEVERS: Mapping[str, Route] = {
    "/resign": operations.resign,
    "/transfer": operations.transfer,
    "/forget": operations.forget,
    "/pause": operations.pause,
    "/resume": operations.resume,
}
"""For POST."""

PROBES = ("/leader", "/replica")
"""Load balancers ask for these with OPTIONS, and want the real status."""

PAGE_METHODS = ("GET", "HEAD", "OPTIONS")


def application(node: NodeProtocol) -> WSGIApplication:
    """A WSGI application around a node, for the node's own server or any other.

    Args:
        node: asked anew at each request.

    Raises:
        TypeError: it is no node.
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
        return reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "a mistake of this program; its log says more"})


def _route(node: NodeProtocol, request: Request) -> Response:
    if request.path in PAGES:
        return _page(node, request)
    if request.path in LEVERS:
        if request.method != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "POST to this", Allow="POST")
        authorization.admit(request, node.config.operator_token)
        return LEVERS[request.path](node, request)
    raise Refused(HTTPStatus.NOT_FOUND, f"nothing is here; there are {' '.join((*PAGES, *LEVERS))}")


def _page(node: NodeProtocol, request: Request) -> Response:
    allowed = ", ".join(PAGE_METHODS)
    if request.method not in PAGE_METHODS:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"this takes {allowed}", Allow=allowed)
    if request.method == "OPTIONS" and request.path not in PROBES:
        return Response(status=HTTPStatus.OK, headers={"Allow": allowed})
    return PAGES[request.path](node, request)
