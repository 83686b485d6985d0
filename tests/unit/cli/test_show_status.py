import io
import json
import os

import pytest

from elect.cli import main
from elect.cli.status_table import election_rows, table
from elect.cli.terminal import Colors, LiveDisplay
from elect.monitoring.member_phase import REMOVED_REMEDY
from elect.web import application
from elect.web.server import HttpServer
from tests.unit.web.fake_node import FakeNode
from wire.protocol.address import Address

PLAIN = Colors(is_coloured=False)

LEADING = {
    "node": "a",
    "is_healthy": True,
    "is_storing": True,
    "peers": [{"node": "b", "is_supported": True}, {"node": "c", "is_supported": False}],
    "elections": [
        {"name": "default", "role": "leader", "term": 7, "leader": "a", "is_leader": True, "lease_remaining": 0.934}
    ],
}
WAITING = {
    "node": "b",
    "is_paused": True,
    "is_storing": False,
    "peers": [],
    "elections": [
        {
            "name": "default",
            "role": "follower",
            "term": 7,
            "leader": None,
            "is_leader": False,
            "lease_remaining": 0.0,
            "why_no_leader": {"code": "no_quorum", "text": "1 of 3 voters support it"},
        }
    ],
}


@pytest.fixture
def serve():
    servers = []

    def start(content):
        node = FakeNode()
        node.content = content
        server = HttpServer(Address("127.0.0.1", 0), application(node))
        servers.append(server)
        server.start()
        return str(server.address)

    yield start
    assert all(server.stop(5.0) for server in servers)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_election_that_no_node_knows_is_exit_code_1(serve, capsys, more):
    other = {**WAITING, "elections": [{**WAITING["elections"][0], "name": "jobs"}]}
    addresses = [serve(LEADING), serve(other)]
    assert main(["status", *addresses, "--election", "default", "--election", "jobs", *more]) == 0
    assert capsys.readouterr().err == ""
    assert main(["status", *addresses, "--election", "nope", "--election", "jobs", *more]) == 1
    assert capsys.readouterr().err == "elect: no asked node knows election 'nope'\n"


def test_the_table_has_every_nodes_view(serve, capsys):
    assert main(["status", serve(LEADING), serve(WAITING)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NODE  ELECTION  ROLE      TERM  LEADER  LEASE   PEERS  NOTE",
        "a     default   leader    7     a       0.93 s  1/2",
        "b     default   follower  7     -       -       0/0    1 of 3 voters support it; paused; data_dir fails",
    ]


def test_a_lease_that_needs_nobody_else_has_no_limit():
    alone = {"node": "a", "elections": [{"name": "default", "is_leader": True, "lease_remaining": None}]}
    assert [row.lease for row in election_rows(alone, [])] == ["no limit"]


@pytest.mark.parametrize(
    ("member", "note"),
    [
        ({"state": "voter"}, ""),
        ({"state": "witness"}, "witness"),
        ({"state": "learner"}, "learner"),
    ],
)
def test_a_member_that_does_not_lead_or_vote_is_noted(member, note):
    members = [{"node": "b", "state": "learner"}, {"node": "a", "is_self": True, **member}]
    status = {"node": "a", "elections": [{"name": "default"}], "membership": {"members": members}}
    assert [row.note for row in election_rows(status, [])] == [note]


def test_a_node_that_is_not_ready_says_in_which_phase_it_is():
    assert [row.note for row in election_rows({"node": "a", "lifecycle": "joining(3)", "elections": []}, [])] == [
        "joining(3)"
    ]
    removed = {"node": "a", "lifecycle": "removed", "elections": []}
    assert [row.note for row in election_rows(removed, [])] == [f"removed: {REMOVED_REMEDY}"]
    voting = {"node": "a", "lifecycle": "ready", "elections": [{"name": "default"}]}
    assert [row.note for row in election_rows(voting, [])] == [""]


def test_a_silent_node_is_in_the_table_and_the_exit_code(serve, capsys):
    assert main(["status", serve(LEADING), "127.0.0.1:1"]) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[1].startswith("a ")
    assert shown[2].startswith("127.0.0.1:1 ")
    assert shown[2].endswith("does not answer: connection refused")


def test_json_is_all_of_it_by_address(serve, capsys):
    address = serve(LEADING)
    assert main(["status", "--json", address, "127.0.0.1:1"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said == {address: LEADING, "127.0.0.1:1": {"error": "127.0.0.1:1 does not answer: connection refused"}}


def test_elections_are_shown_by_name_or_the_first_few():
    many = {"node": "a", "elections": [{"name": f"job-{number:02}"} for number in range(25)]}
    assert [row.election for row in election_rows(many, ["job-24", "nothing"])] == ["job-24", "nothing"]
    shown = list(election_rows(many, []))
    assert len(shown) == 11
    assert shown[-1].note == "15 more elections: name them with --election, or see elect top"


@pytest.mark.parametrize(
    "content", [{}, {"elections": 3, "peers": {}, "membership": 3}, {"elections": [3, {}], "peers": [None]}]
)
def test_what_another_version_says_breaks_nothing(content):
    assert list(table(list(election_rows(content, [])), PLAIN))


def test_watch_goes_on_until_interrupted(serve, monkeypatch, capsys):
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("elect.cli.commands.show_status.time.sleep", nap)
    assert main(["status", "--watch", "--json", serve(LEADING)]) == 130
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_screen_draws_in_place_and_only_what_changed():
    stream = io.StringIO()
    with LiveDisplay(stream) as display:
        display.draw(["one", "two"])
        first = stream.getvalue()
        display.draw(["one", "two"])
        assert stream.getvalue() == first
        display.draw(["three"])
    assert stream.getvalue() == f"{first}\r\x1b[2Athree\x1b[K\n\x1b[J\x1b[?25h"


def test_a_screen_shows_what_fits_and_begins_anew_when_resized(monkeypatch):
    stream = io.StringIO()
    size = [(40, 4)]
    monkeypatch.setattr("elect.cli.terminal.shutil.get_terminal_size", lambda: os.terminal_size(size[0]))
    with LiveDisplay(stream) as display:
        display.draw(["1", "2", "3", "4", "5"])
        assert "1\x1b[K\n2\x1b[K\n… 3 more lines\x1b[K\n\x1b[J" in stream.getvalue()
        size[0] = (40, 9)
        display.draw(["1", "2", "3", "4", "5"])
    assert "\x1b[H\x1b[2J1\x1b[K\n2\x1b[K\n3\x1b[K" in stream.getvalue()


def test_colours_go_with_words_and_never_into_a_pipe(serve, capsys):
    rows = [*election_rows(LEADING, []), *election_rows(WAITING, [])]
    coloured, plain = (list(table(rows, Colors(is_coloured=is_coloured))) for is_coloured in (True, False))
    assert [line.split("m", 1)[0] for line in coloured] == ["\x1b[2", "\x1b[32", "\x1b[33"]
    assert [line.split("m", 1)[1].removesuffix("\x1b[0m") for line in coloured] == plain
    assert main(["status", serve(LEADING)]) == 0
    assert "\x1b" not in capsys.readouterr().out
