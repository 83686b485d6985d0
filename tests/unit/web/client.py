"""Asks the application as a WSGI server would, checked by wsgiref's validator."""

import io
import json
from dataclasses import dataclass
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from elect.web import application
from tests.unit.web.fake_node import FakeNode


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        return json.loads(self.body)


def ask(
    node: FakeNode, method: str, target: str, body: bytes = b"", remote: str = "127.0.0.1", **headers: str
) -> Answer:
    """One request; header names in capitals with underscores, None of them set but Host (localhost)."""
    path, _, query = target.partition("?")
    environ: dict[str, object] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": remote,
        "HTTP_HOST": "localhost:9101",
        "wsgi.input": io.BytesIO(body),
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["CONTENT_TYPE"] = "application/json"
    environ |= {name if name.startswith("CONTENT_") else f"HTTP_{name}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    told: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = validator(application(node))(environ, lambda status, lines, info=None: told.append((status, lines)))
    try:
        content = b"".join(chunks)
    finally:
        chunks.close()
    status, lines = told[0]
    return Answer(int(status.split()[0]), dict(lines), content)
