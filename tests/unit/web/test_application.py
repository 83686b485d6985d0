import logging

import pytest

from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode


@pytest.mark.parametrize("path", ["/page", "/leader/", "/events/", "/status/x", ""])
def test_what_is_not_there_says_what_is(path):
    answer = ask(FakeNode(), "GET", path)
    assert answer.status == 404
    assert "/leader" in str(answer.json["error"])


def test_methods_are_checked_and_named():
    node = FakeNode()
    refused = ask(node, "POST", "/leader")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    refused = ask(node, "GET", "/pause")
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    assert ask(node, "OPTIONS", "/pause").status == 405
    refused = ask(node, "PUT", "/members")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, POST")
    assert not node.is_paused


def test_options_of_other_pages_names_the_methods_only():
    answer = ask(FakeNode(), "OPTIONS", "/status")
    assert (answer.status, answer.headers["Allow"], answer.body) == (200, "GET, HEAD, OPTIONS", b"")


def test_no_page_of_another_origin_is_given_leave_to_read():
    answer = ask(FakeNode(), "OPTIONS", "/leader", ORIGIN="http://evil.example")
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_head_has_the_headers_of_get():
    got, head = ask(FakeNode(), "GET", "/status"), ask(FakeNode(), "HEAD", "/status")
    assert head.headers == got.headers
    assert head.body == b""


def test_nothing_is_cached():
    assert ask(FakeNode(), "GET", "/leader").headers["Cache-Control"] == "no-store"


def test_an_internal_error_is_logged_and_not_shown(caplog):
    node = FakeNode()
    node.content["bad"] = object()
    with caplog.at_level(logging.ERROR):
        answer = ask(node, "GET", "/status")
    assert answer.status == 500
    assert b"object" not in answer.body
    assert "TypeError" in caplog.text


@pytest.mark.parametrize("path", ["/members", "/promote", "/seal"])
def test_text_that_is_no_unicode_comes_back_as_it_was(path, caplog):
    """JSON can hold a half of a pair of characters; UTF-8 cannot."""
    body = b'{"change": "remove", "\\ud800": 1}'
    answer = ask(FakeNode(), "POST", path, body)
    assert answer.status == 400
    assert "\ud800" in str(answer.json["error"])
    assert not caplog.records


def test_a_status_may_name_a_path_that_is_no_unicode():
    node = FakeNode()
    node.content["mirror"] = {"error": "cannot write to /data/\udcff"}
    assert ask(node, "GET", "/status").json == node.content
