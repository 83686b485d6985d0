"""Decides who may operate a node: a program on this machine, or a holder of the operator token.

A browser on this machine is such a program, and runs code of other sites. So a POST is refused when a page of another
origin sends it, when it comes under a name that is not this machine's (any DNS can point such a name here),
or when its body has a type that a page may send without asking.
"""

import hmac
from http import HTTPStatus
from urllib.parse import urlsplit

from elect.web.http_values import Refused, Request
from wire.protocol.address import ip_of

FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of a proxy: behind one on this machine every client looks local."""


def check_allowed(request: Request, operator_token: str | None) -> None:
    """Check that a POST is allowed.

    Args:
        request: the request.
        operator_token: allows requests from other machines; None: they are refused.

    Raises:
        Refused: it is not allowed.
    """
    _check_origin(request)
    _check_content_type(request)
    given = request.headers.get("authorization")
    if given is not None:
        _check_token(given, operator_token)
    elif not (is_local(request.remote) and not any(name in request.headers for name in FORWARDING)):
        reason = "allowed from this machine only, or with the operator token"
        raise Refused(HTTPStatus.UNAUTHORIZED, reason, WWW_Authenticate='Bearer realm="elect"')
    elif not is_local(_host(f"//{request.headers.get('host', '')}")):
        raise Refused(HTTPStatus.FORBIDDEN, "without the operator token Host must be a loopback address")


def is_local(host: str) -> bool:
    """Return whether a host is localhost or a loopback address."""
    address = ip_of(host)
    return host == "localhost" if address is None else address.is_loopback


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    is_foreign = origin is not None and _netloc(origin) != request.headers.get("host")
    if is_foreign or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(HTTPStatus.FORBIDDEN, "requests from pages of another origin are refused")


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and (given or request.content_length):
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type of a body must be application/json")


def _check_token(given: str, operator_token: str | None) -> None:
    scheme, _, token = given.partition(" ")
    is_right = hmac.compare_digest(token.strip().encode(), (operator_token or "").encode())
    if operator_token is None or scheme.lower() != "bearer" or not is_right:
        raise Refused(HTTPStatus.FORBIDDEN, "this is not the operator token")


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
