"""Who may pull a lever: a program on this machine, or whoever knows the operator's token.

A browser on this machine is a program on this machine, and runs what strangers wrote. So a POST is refused when a page
of another origin sent it, when it came under a name that is not this machine's (a name that a stranger's DNS points
here), or when its body is of a type that a page may send without asking.
"""

import hmac
from http import HTTPStatus
from urllib.parse import urlsplit

from elect.web.request import Request
from elect.web.response import Refused
from wire.protocol.address import ip_of

FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""A proxy on this machine makes everybody look local; these tell."""


def admit(request: Request, operator_token: str | None) -> None:
    """Let a POST through, or not.

    Args:
        request: the request.
        operator_token: what opens from elsewhere; None: nothing does.

    Raises:
        Refused: with the reason.
    """
    _check_origin(request)
    _check_content_type(request)
    given = request.headers.get("authorization")
    if given is not None:
        _check_token(given, operator_token)
    elif not (is_local(request.remote) and not any(name in request.headers for name in FORWARDING)):
        reason = "only from this machine itself, or with the operator's token"
        raise Refused(HTTPStatus.UNAUTHORIZED, reason, WWW_Authenticate='Bearer realm="elect"')
    elif not is_local(_host(f"//{request.headers.get('host', '')}")):
        raise Refused(HTTPStatus.FORBIDDEN, "Host must be localhost or a loopback address, or the token be given")


def is_local(host: str) -> bool:
    """Whether this is the machine's own name or address for itself."""
    address = ip_of(host)
    return host == "localhost" if address is None else address.is_loopback


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    is_foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if is_foreign or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(HTTPStatus.FORBIDDEN, "a page of another origin may not ask for this")


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json" and (given or request.content_length):
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body must be of the type application/json")


def _check_token(given: str, operator_token: str | None) -> None:
    scheme, _, token = given.partition(" ")
    is_right = hmac.compare_digest(token.strip().encode(), (operator_token or "").encode())
    if operator_token is None or scheme.lower() != "bearer" or not is_right:
        raise Refused(HTTPStatus.FORBIDDEN, "this is not the operator's token")


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
