"""The bytes of server-sent events. Pure.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, "Parsing an event stream"
"""

from collections.abc import Mapping

from elect.web.json_text import as_json

CONTENT_TYPE = "text/event-stream; charset=utf-8"

HEARTBEAT = b": heartbeat\n\n"
"""A comment: nothing for the page, a sign of life for what lies between."""

RETRY = b"retry: 1000\n\n"
"""The time after which a browser comes back, ms."""

NUMBER_DIGITS_MAX = 18


def encode(kind: str, content: Mapping[str, object], event_id: str | None = None) -> bytes:
    """Return one event.

    Args:
        kind: the name for which a page adds a listener.
        content: sent as one line of JSON, in which no character ends a line.
        event_id: comes back as Last-Event-ID; None: the one before stays.
    """
    head = "" if event_id is None else f"id: {event_id}\n"
    return f"{head}event: {kind}\ndata: ".encode() + as_json(content) + b"\n\n"


def make_id(history: str, number: int) -> str:
    """Return the id of an event."""
    return f"{history}-{number}"


def parse_id(history: str, event_id: str) -> int | None:
    """Return the number in an id, or None: it is not of this history, or no id at all."""
    name, _, number = event_id.strip().rpartition("-")
    is_number = number.isascii() and number.isdigit() and len(number) <= NUMBER_DIGITS_MAX
    return int(number) if name == history and is_number else None
