"""Sends HTTP requests to a running node."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, IncompleteRead

from elect.cli.exit_codes import ExitCode, Failure
from wire.protocol.address import Address

ANSWER_BYTES_MAX = 64 * 1024 * 1024
TIMEOUT_S = 3.0
TOKEN_VARIABLE = "ELECT_OPERATOR_TOKEN"  # noqa: S105 - the name of the variable only
TOKEN_HELP = f"""A node accepts this command from its own machine. From another machine it needs the operator token,
in the environment variable {TOKEN_VARIABLE}.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """The answer of a node.

    Attributes:
        status: the status code.
        content: the JSON object.
    """

    status: int
    content: Mapping[str, object]


def ask(
    node: Address,
    method: str,
    path: str,
    fields: Mapping[str, object] | None = None,
    timeout: float = TIMEOUT_S,
    *,
    unanswered: Failure | None = None,
) -> HttpAnswer:
    """Send one request and return the answer.

    Args:
        node: the HTTP address of the node.
        method: GET or POST.
        path: of the request.
        fields: of the JSON body; None: without a body.
        timeout: seconds for each step.
        unanswered: raised, with its text after the reason, if the request was sent and no answer came: what it asks for
            may be done. None: as if it was not sent.

    Raises:
        Failure: there is no answer, or it is not that of a node; or the environment has no token that can be sent.
    """
    is_sent = False
    connection = HTTPConnection(node.from_here.host, node.port, timeout=timeout)
    headers = {"Content-Type": "application/json"} if fields is not None else {}
    if method == "POST" and (token := _operator_token()):
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.connect()
        is_sent = True
        connection.request(method, path, json.dumps(fields) if fields is not None else None, headers)
        answer = connection.getresponse()
        content = json.loads(answer.read(ANSWER_BYTES_MAX))
    except (OSError, HTTPException, ValueError, RecursionError) as error:
        text = f"{node} does not answer: {_reason(error)}"
        is_cut = is_sent and isinstance(error, OSError | IncompleteRead)  # else it is no node that answers
        if is_cut and unanswered is not None:
            raise Failure(f"{text}; {unanswered}", unanswered.code) from None
        raise Failure(text) from None
    finally:
        connection.close()
    if not isinstance(content, dict):
        raise Failure(f"{node} is not the HTTP address of a node")
    return HttpAnswer(status=answer.status, content=content)


def _operator_token() -> str:
    """Return the token of the environment; empty without one. That of a file ends with a newline."""
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise Failure(
            f"{TOKEN_VARIABLE} has characters that no operator token has; set that of the node", ExitCode.USAGE
        )
    return token


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timed out"
        case socket.gaierror():
            return "its name cannot be resolved"
        case OSError():
            return (error.strerror or str(error)).lower()
        case _:
            return "the answer is not HTTP with JSON; is this the HTTP address of a node?"
