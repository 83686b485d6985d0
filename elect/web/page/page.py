"""Puts the page together from its files, once, and lets a browser run that style and script and nothing else."""

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from elect.web.http_values import Request, Response
from elect.web.node_protocol import NodeProtocol

SCRIPTS = ("text.js", "model.js", "overview.js", "elections.js", "leaderships.js", "listening.js")
"""In the order in which they are run."""


def page(node: NodeProtocol, request: Request) -> Response:  # noqa: ARG001 - every route has this shape
    """Return the page."""
    return _make()


@cache
def _make() -> Response:
    folder = files(__package__)
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    document = folder.joinpath("page.html").read_text(encoding="utf-8")
    document = document.replace("/* page.css */", style).replace("/* scripts */", script)
    policy = (
        "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src"
        f" data:; style-src {_hash(style)}; script-src {_hash(script)}"
    )
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    body = document.encode()
    return Response(status=HTTPStatus.OK, body=body, content_type="text/html; charset=utf-8", headers=headers)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
