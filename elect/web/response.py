"""An answer as a value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What goes back; HEAD gets it without its body.

    Attributes:
        status: the status code.
        body: sent as it is.
        content_type: of the body.
        headers: further ones.
    """

    status: HTTPStatus
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status_line(self) -> str:
        """Code and phrase, as WSGI wants it."""
        return f"{self.status.value} {self.status.phrase}"

    @property
    def header_lines(self) -> list[tuple[str, str]]:
        """All headers: nothing here may be cached, framed, or taken for another type than it is."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *self.headers.items(),
        ]


def reply(status: HTTPStatus, content: Mapping[str, object], **headers: str) -> Response:
    """A JSON answer.

    Args:
        status: the status code.
        content: the object.
        headers: further ones, underscores for dashes.
    """
    body = json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n"
    return Response(
        status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


class Refused(Exception):  # noqa: N818 - an answer, not a fault of this program
    """A request that gets a "no", with the reason.

    Attributes:
        response: the answer.
    """

    def __init__(self, status: HTTPStatus, reason: str, **headers: str) -> None:
        super().__init__(status, reason)
        self.response = reply(status, {"error": reason}, **headers)
