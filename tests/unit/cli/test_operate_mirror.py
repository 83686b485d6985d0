"""`elect mirror status`: what it prints of a node, and its exit code."""

from http import HTTPStatus

import pytest

from elect.cli import http_client, main

FOLLOWING = {"state": "following", "lag": 0.2, "revision": 7, "highest_term": 3, "source": "a:1", "error": ""}


@pytest.fixture
def ask(monkeypatch, capsys):
    """Run the command; each node answers with one of these."""

    def run(*answers: dict[str, object]) -> tuple[int, str]:
        waiting = [http_client.HttpAnswer(status=HTTPStatus.OK, content={"node": "z", **each}) for each in answers]
        monkeypatch.setattr(http_client, "ask", lambda *_: waiting.pop(0))
        code = main(["mirror", "status", *["127.0.0.1:9"] * len(answers)])
        return code, capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("state", "mirror", "code"),
    [
        ("standby", FOLLOWING, 0),
        ("standby", {**FOLLOWING, "state": "degraded"}, 1),
        ("standby", None, 1),
        ("active", None, 0),
        ("sealed", None, 0),
        ("active", {**FOLLOWING, "state": "promoted"}, 0),
        ("sealed", {**FOLLOWING, "state": "promoted"}, 0),
        ("standby", {**FOLLOWING, "state": "promoted"}, 1),
        (None, FOLLOWING, 1),
    ],
)
def test_every_node_that_stands_by_has_to_follow(ask, state, mirror, code):
    assert ask({"cluster_state": state, "mirror": mirror})[0] == code


@pytest.mark.parametrize(
    ("mirror", "end"),
    [
        ({"state": "disconnected", "error": "", "last_error": "a:1: timed out"}, "; a:1: timed out"),
        ({"state": "disconnected", "error": "refused", "last_error": "a:1: timed out"}, "; refused"),
        ({"state": "following", "error": "", "last_error": "a:1: timed out"}, ""),
        ({"state": "promoted", "error": "", "last_error": "a:1: timed out"}, ""),
        ({"state": "promoted", "error": "no majority is heard", "last_error": ""}, "; no majority is heard"),
        ({"state": "following", "error": "it cannot be installed", "last_error": ""}, "; it cannot be installed"),
    ],
)
def test_an_error_of_a_link_is_shown_while_it_matters(ask, mirror, end):
    """A mirror that is promoted dials nobody any more; an error of its own is always shown."""
    said = ask({"cluster_state": "standby", "mirror": {**FOLLOWING, **mirror}})[1]
    assert said.rstrip().partition("source a:1")[2] == end


def test_one_node_without_a_mirror_is_enough(ask):
    good = {"cluster_state": "standby", "mirror": FOLLOWING}
    assert ask(good, {**good, "mirror": None}, good)[0] == 1


def test_a_standby_node_without_a_mirror_says_what_to_do(ask):
    said = ask({"cluster_state": "standby", "mirror": None})[1]
    assert said == "z: standby cluster; no mirror: set [mirror] source, and restart it\n"
    assert ask({"cluster_state": "active", "mirror": None})[1] == "z: active cluster; no mirror\n"
    assert ask({"cluster_state": None, "mirror": None})[1] == "z: in no cluster yet; no mirror\n"
