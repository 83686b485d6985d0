import json
import logging
import sys

import pytest

from elect.cli.log_format import JsonFormatter
from elect.clock import NS_PER_S, now_ns


def line_of(**attributes: object) -> dict[str, object]:
    """The line of a record with these attributes."""
    record = logging.makeLogRecord(
        {"name": "elect.x", "levelname": "INFO", "msg": "%s leads", "args": ("a",), **attributes}
    )
    text = JsonFormatter("a").format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_has_its_time_level_logger_and_message():
    said = line_of(created=1_700_000_000.25)
    assert said == {
        "time": "2023-11-14T22:13:20.250+00:00",
        "level": "info",
        "logger": "elect.x",
        "message": "a leads",
    }


def test_a_change_has_the_fields_of_an_event():
    said = line_of(event="link", peer="b", change="opened", repeated=3)
    assert {
        name: said[name] for name in ("event", "node", "election", "term", "leader", "peer", "change", "repeated")
    } == {
        "event": "link",
        "node": "a",
        "election": None,
        "term": None,
        "leader": None,
        "peer": "b",
        "change": "opened",
        "repeated": 3,
    }
    assert said["boottime"] == pytest.approx(now_ns() / NS_PER_S, abs=60)
    assert line_of(event="leader", boottime=1.5, leader="b")["boottime"] == 1.5


def test_an_exception_is_a_field():
    try:
        int("two\nlines")
    except ValueError:
        said = line_of(exc_info=sys.exc_info())
    assert said["exception"].startswith("Traceback")
    assert line_of(msg="\x1b[31m", args=())["message"] == "\x1b[31m"
