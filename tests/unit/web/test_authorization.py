import pytest

from tests.unit.web.client import ask
from tests.unit.web.fake_node import FakeNode

TOKEN = "correct-horse-battery"


def pause(**headers):
    node = FakeNode(TOKEN)
    answer = ask(node, "POST", "/pause", **headers)
    assert node.is_paused is (answer.status == 200)
    return answer


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9101", "127.0.0.1:9101", "[::1]:9101"])
def test_a_program_on_this_machine_may(remote, host):
    assert pause(remote=remote, HOST=host).status == 200


@pytest.mark.parametrize("remote", ["10.0.0.7", "", "::ffff:10.0.0.7", "fe80::1", "localhost.evil"])
def test_another_machine_may_not_without_the_token(remote):
    answer = pause(remote=remote)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "VIA"])
def test_a_proxy_on_this_machine_makes_nobody_local(header):
    assert pause(**{header: "10.0.0.7"}).status == 401


def test_the_token_opens_from_everywhere_under_any_name():
    assert pause(remote="10.0.0.7", HOST="a.example:9101", AUTHORIZATION=f"Bearer {TOKEN}").status == 200
    assert pause(remote="10.0.0.7", AUTHORIZATION=f"bearer {TOKEN}").status == 200


@pytest.mark.parametrize("given", ["Bearer wrong", "Bearer ", f"Basic {TOKEN}", TOKEN, "Bearer \u00fc"])
def test_a_wrong_token_is_refused_even_from_here(given):
    assert pause(AUTHORIZATION=given).status == 403


def test_without_a_configured_token_none_opens():
    node = FakeNode(operator_token=None)
    for given in ("Bearer", "Bearer ", "Bearer None"):
        assert ask(node, "POST", "/pause", remote="10.0.0.7", AUTHORIZATION=given).status == 403
    assert not node.is_paused


@pytest.mark.parametrize("host", ["evil.example:9101", "a,localhost", "localhost.evil.example", "", "[::1", "10.0.0.1"])
def test_a_strangers_name_for_this_machine_is_refused(host):
    assert pause(HOST=host).status == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:9999",
        "http://localhost",
        "http://[",
        "http://a]",
        "http://\u2100",
    ],
)
def test_a_page_of_another_origin_may_not(origin):
    assert pause(ORIGIN=origin).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_says_where_a_request_comes_from(site):
    assert pause(SEC_FETCH_SITE=site).status == 403


def test_our_own_page_may():
    assert pause(ORIGIN="http://localhost:9101", SEC_FETCH_SITE="same-origin").status == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
)
def test_types_that_a_page_may_send_unasked_are_refused(content_type):
    assert pause(body=b"{}", CONTENT_TYPE=content_type).status == 415
    assert pause(CONTENT_TYPE=content_type).status == 415


def test_a_body_without_a_type_is_refused():
    assert pause(body=b"{}", CONTENT_TYPE="").status == 415
    assert pause(body=b"{}", CONTENT_TYPE="Application/JSON; charset=utf-8").status == 200
