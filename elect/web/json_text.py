"""JSON as bytes. Pure."""

import json
from collections.abc import Mapping


def as_json(content: Mapping[str, object], indent: int | None = None) -> bytes:
    """Return an object as JSON in UTF-8, on one line without an indent.

    Half of a surrogate pair, as in a path that is no UTF-8 or in the JSON of a request, stays an escape.
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(content, indent=indent, separators=separators, ensure_ascii=False)
    return text.encode(errors="backslashreplace")
