import json

import pytest

from elect.web.events.encoding import encode, make_id, parse_id


@pytest.mark.parametrize("text", ["a\nb", "a\r\n\r\ndata: x", "\u2028", "</script>", "ö", "\x00"])
def test_an_event_is_one_line_of_data_whatever_its_text(text):
    lines = encode("change", {"text": text}, "1f-7").decode().split("\n")
    assert lines[0] == "id: 1f-7"
    assert lines[1] == "event: change"
    assert json.loads(lines[2].removeprefix("data: ")) == {"text": text}
    assert lines[3:] == ["", ""]
    assert "\r" not in "".join(lines)


def test_an_event_without_an_id_leaves_the_one_before():
    assert encode("report", {}) == b"event: report\ndata: {}\n\n"


@pytest.mark.parametrize("event_id", ["", "1f", "1f-", "-1", "2f-1", "1f--1", "1f-x", "1f-²", "1f-" + "9" * 99])
def test_an_id_from_elsewhere_is_no_number(event_id):
    assert parse_id("1f", event_id) is None


def test_an_id_comes_back_as_its_number():
    assert parse_id("1f", make_id("1f", 12)) == 12


def test_text_that_is_no_unicode_is_an_escape_of_json():
    assert encode("report", {"path": "/data/\udcff \u00e9"}) == (
        b'event: report\ndata: {"path":"/data/\\udcff \xc3\xa9"}\n\n'
    )
