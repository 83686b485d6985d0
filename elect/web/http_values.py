"""A request and an answer as values: a request is read from the WSGI environment and checked for shape and bounds."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs
from wsgiref.types import InputStream, WSGIEnvironment

from elect.core.messages import NAME_LENGTH_MAX, check_name
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.web.json_text import as_json

BODY_BYTES_MAX = 4_096
"""The longest useful body names an election and a node."""

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer; to HEAD it is sent without its body.

    Attributes:
        status: the status code.
        body: sent as it is.
        content_type: of the body.
        headers: further ones.
        stream: sent instead of the body, for as long as it has items; None: the body is all.
    """

    status: HTTPStatus
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Iterable[bytes] | None = None

    @property
    def status_line(self) -> str:
        """The code and the phrase, in the form that WSGI needs."""
        return f"{self.status.value} {self.status.phrase}"

    @property
    def header_lines(self) -> list[tuple[str, str]]:
        """All headers: an answer is not cached, and its type is not guessed."""
        return [
            ("Content-Type", self.content_type),
            *([("Content-Length", str(len(self.body)))] if self.stream is None else []),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *self.headers.items(),
        ]


def reply(status: HTTPStatus, content: Mapping[str, object], **headers: str) -> Response:
    """Return an answer in JSON.

    Args:
        status: the status code.
        content: the object.
        headers: further ones, underscores for dashes.
    """
    body = as_json(content, indent=2) + b"\n"
    return Response(
        status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


class Refused(Exception):  # noqa: N818 - an answer, not a fault of this program
    """A request that is refused, with the reason.

    Attributes:
        response: the answer.
    """

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(status, reason)
        self.response = reply(status, {"error": reason}, **headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

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
        """Return the request in a WSGI environment."""
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
        """The election that the query names; without one, `default`.

        Raises:
            Refused: the name is not valid, or the query names two.
        """
        try:
            names = self._given("election")
        except ValueError:
            names = [""]
        return check_election(names[0] if names and len(names) == 1 else None if names is None else "")

    def field(self, name: str) -> str:
        """Return a field of the query; empty without it.

        Raises:
            Refused: the query cannot be read, or has the field twice.
        """
        try:
            (value,) = self._given(name) or [""]
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the query must have {name} once, in UTF-8") from None
        return value

    def _given(self, name: str) -> list[str] | None:
        """Return the values of a field of the query; None: it has no such field."""
        return parse_qs(self.query, keep_blank_values=True, errors="strict", max_num_fields=16).get(name)

    @property
    def content_length(self) -> int:
        """The length of the body in bytes.

        Raises:
            Refused: the request does not say it, or it is above BODY_BYTES_MAX.
        """
        text = self.headers.get("content-length") or "0"
        if "transfer-encoding" in self.headers or not (text.isascii() and text.isdigit()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is required")
        if len(text) > len(str(BODY_BYTES_MAX)) or int(text) > BODY_BYTES_MAX:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body may have at most {BODY_BYTES_MAX} bytes")
        return int(text)

    def fields(self, *known: str) -> dict[str, object]:
        """Return the body's JSON object; an empty body is an empty object.

        A field that the operation does not have is refused, also one of the query: with a misspelt `election` another
        election would be resigned.

        Args:
            known: the fields of the operation; of these the query may have `election`. None are given: the caller
                checks the fields.

        Raises:
            Refused: the body is too long, late, or no JSON object; or there is an unknown field.
        """
        content = self._body_fields()
        try:
            asked = parse_qs(self.query, keep_blank_values=True, errors="strict", max_num_fields=16)
        except ValueError:
            raise Refused(HTTPStatus.BAD_REQUEST, "the query has too many fields, or is not in UTF-8") from None
        if unknown := sorted(set(asked) - {"election"}.intersection(known)):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{self.path} has no field {', '.join(unknown)} in its query")
        if known and (unknown := sorted(set(content) - set(known))):
            raise Refused(HTTPStatus.BAD_REQUEST, f"{self.path} has no field {', '.join(unknown)}")
        return content

    def _body_fields(self) -> dict[str, object]:
        try:
            content = json.loads(self.body.read(self.content_length) or b"{}")
        except (ValueError, RecursionError):
            content = None
        except OSError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the body was not received in time") from None
        if not isinstance(content, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, 'the body must be a JSON object, as in {"to": "b"}')
        return content


def check_election(name: object) -> str:
    """Return the name of an election; None means the default one.

    Raises:
        Refused: the name is not valid.
    """
    if name is None:
        return DEFAULT_ELECTION
    if isinstance(name, str):
        with suppress(ValueError):
            check_name("election", name)
            return name
    rule = f"election must be one name of 1 to {NAME_LENGTH_MAX} printable ASCII characters"
    raise Refused(HTTPStatus.BAD_REQUEST, rule)
