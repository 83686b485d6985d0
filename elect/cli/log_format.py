"""The log of `elect run` and `elect exec` as lines of JSON."""

import json
import logging
import time
from datetime import UTC, datetime

from elect.clock import NS_PER_S, now_ns
from elect.monitoring.event_fields import fields_of

OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""The attributes of each record; the others are the fields that a line was logged with."""


class JsonFormatter(logging.Formatter):
    """Makes one line of JSON of a record. A line about a change has the fields that it has in `--events`, too.

    Args:
        node_id: of the node.
    """

    def __init__(self, node_id: str) -> None:
        super().__init__()
        self._node_id = node_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        content: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        content |= self._fields(
            {name: value for name, value in vars(record).items() if name not in OWN}, record.created
        )
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)

    def _fields(self, given: dict[str, object], created: float) -> dict[str, object]:
        if "event" not in given:
            return given
        age_s = time.time() - created  # noqa: TID251 - records are dated by this clock
        return fields_of(str(given["event"]), self._node_id, now_ns() - round(age_s * NS_PER_S)) | given


def end_line(message: str, exit_code: int) -> str:
    """Return the last line of a log, which says why the command ends."""
    record = {"name": "elect.cli", "levelname": "ERROR", "msg": message, "exit_code": int(exit_code)}
    return JsonFormatter("").format(logging.makeLogRecord(record))
