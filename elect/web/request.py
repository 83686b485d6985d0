"""A request as a value: what WSGI's environment says, checked for shape and bounds."""

import json
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs
from wsgiref.types import InputStream, WSGIEnvironment

from elect.core.messages import NAME_LENGTH_MAX, check_name
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.web.response import Refused

BODY_BYTES_MAX = 4_096
"""The longest body that anybody has a use for is an election's and a node's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked, by whom.

    Attributes:
        method: in capitals.
        path: below where the application is mounted.
        query: the text after the question mark.
        remote: the other end's IP address, or empty.
        headers: by lower-case name with dashes.
        body: the stream, for `fields`.
    """

    method: str
    path: str
    query: str
    remote: str
    headers: dict[str, str]
    body: InputStream

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> "Request":
        """Read a WSGI environment."""
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        }
        return cls(
            method=str(environ.get("REQUEST_METHOD", "")),
            path=str(environ.get("PATH_INFO", "")),
            query=str(environ.get("QUERY_STRING", "")),
            remote=str(environ.get("REMOTE_ADDR", "")),
            headers=headers,
            body=environ["wsgi.input"],
        )

    @property
    def election(self) -> str:
        """The election in the query; `default` when none is named.

        Raises:
            Refused: it is no name, or there are two.
        """
        try:
            names = parse_qs(self.query, keep_blank_values=True, errors="strict", max_num_fields=16).get("election")
        except ValueError:
            names = [""]
        return check_election(names[0] if names and len(names) == 1 else None if names is None else "")

    @property
    def content_length(self) -> int:
        """How many bytes the body has.

        Raises:
            Refused: it doesn't say, or they are too many.
        """
        text = self.headers.get("content-length") or "0"
        if "transfer-encoding" in self.headers or not (text.isascii() and text.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "say how long the body is: Content-Length")
        if len(text) > len(str(BODY_BYTES_MAX)) or int(text) > BODY_BYTES_MAX:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {BODY_BYTES_MAX} bytes")
        return int(text)

    def fields(self) -> dict[str, object]:
        """The body's JSON object; an empty body is an empty object.

        Raises:
            Refused: it is too long, or no JSON object.
        """
        try:
            content = json.loads(self.body.read(self.content_length) or b"{}")
        except (ValueError, RecursionError):
            content = None
        except OSError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the body did not come") from None
        if not isinstance(content, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, 'the body must be a JSON object, as in {"to": "b"}')
        return content


def check_election(name: object) -> str:
    """An election's name; None stands for the default one.

    Raises:
        Refused: it is no name.
    """
    if name is None:
        return DEFAULT_ELECTION
    if isinstance(name, str):
        with suppress(ValueError):
            check_name("election", name)
            return name
    rule = f"name one election: 1 to {NAME_LENGTH_MAX} printable ASCII characters"
    raise Refused(HTTPStatus.BAD_REQUEST, rule)
