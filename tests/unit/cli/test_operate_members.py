import json
import time

import pytest

from elect.cli import main
from elect.cli.exit_codes import MEMBERS_EXIT_CODES, REFUSALS, ExitCode
from elect.cli.members_table import member_table
from elect.core.changes import ChangeRefusal, ChangeRefused
from elect.errors import LeadershipTimeout, NotLeader
from elect.joining.join_token import JoinTokens, TokenBearer
from elect.leader import Leader
from elect.web import application
from elect.web.server import HttpServer
from tests.unit.web.fake_node import FakeNode
from wire.protocol.address import Address

SECRET = "the-token-of-the-operators"


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def address(node):
    server = HttpServer(Address("127.0.0.1", 0), application(node))
    server.start()
    yield str(server.address)
    assert server.stop(5.0)


def test_list_prints_a_table(address, capsys):
    assert main(["members", "list", address]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NODE  KIND   STATE  ADDRESS         HEARD  RTT     HEALTH  NOTE",
        "a     voter  voter  127.0.0.1:7101  -      -       asked",
        "b     voter  voter  -               0.2 s  0.4 ms  heard",
        "c     voter  voter  -               0.2 s  0.4 ms  heard",
        "cluster without an id, configuration 0.0, installed by a quorum",
    ]


@pytest.mark.parametrize(
    ("state", "written", "note"),
    [
        ("active", "h:1", "moved; the members have h:1 on disk"),
        ("active", "h:2", ""),
        ("active", "H.:2", ""),
        ("active", None, ""),
        ("standby", "h:1", ""),
    ],
)
def test_a_member_whose_address_is_not_written_has_a_note(state, written, note):
    member = {"node": "b", "address": "h:2", "written_address": written}
    _, row, _ = member_table({"state": state, "members": [member]})
    assert row.endswith(f"heard   {note}".rstrip())


def test_a_node_that_is_no_member_says_so():
    """Its list is empty, or as old as its removal."""
    assert list(member_table({"node": "d", "members": []}))[1:] == [
        "node d is in no cluster yet; `elect status` says what it waits for"
    ]
    removed = list(member_table({"node": "d", "members": [{"node": "a"}]}))
    assert removed[-1] == "node d was removed, and hears of no later changes; ask a member"
    assert "removed" not in "".join(member_table({"node": "a", "members": [{"node": "a"}]}))


def test_list_prints_json(address, capsys):
    assert main(["members", "list", address, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["node"] == "a"


@pytest.mark.parametrize(
    ("arguments", "call", "said"),
    [
        (["add", "{}", "d"], ("add", "d", None, "voter", 10.0), "d is added (configuration 7.1)"),
        (
            ["add", "{}", "d", "--address", "h:1", "--kind", "observer", "--timeout", "2"],
            ("add", "d", "h:1", "observer", 2.0),
            "d is added (configuration 7.1)",
        ),
        (["remove", "{}", "c", "--force"], ("remove", "c", True, 10.0), "c is removed (configuration 7.1)"),
        (["promote", "{}", "d"], ("promote", "d", None, 10.0), "d is promoted (configuration 7.1)"),
        (["demote", "{}", "c"], ("demote", "c", 10.0), "c is demoted (configuration 7.1)"),
        (
            ["replace", "{}", "c"],
            ("replace", "c", None, False, 10.0),
            "c is replaced: it votes again once it is ready with its next data directory (configuration 7.1)",
        ),
    ],
)
def test_a_change_is_made_and_said(node, address, capsys, arguments, call, said):
    assert main(["members", *(each.format(address) for each in arguments)]) == 0
    assert node.members.changes == [call]
    assert capsys.readouterr().out == f"{said}\n"


def test_a_change_prints_json(address, capsys):
    assert main(["members", "demote", address, "c", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1


FAILURES = {
    **{each.value: ChangeRefused(each, "because") for each in ChangeRefusal if each is not ChangeRefusal.NOT_LEADER},
    "not_leader": NotLeader("default", Leader(node_id="b", term=7)),
    "timeout": LeadershipTimeout("", "the removal of c", 10),
}


@pytest.mark.parametrize("refusal", FAILURES)
def test_every_refusal_has_its_own_exit_code_and_one_line(node, address, capsys, refusal):
    node.members.failure = FAILURES[refusal]
    code = main(["members", "remove", address, "c"])
    shown = capsys.readouterr()
    assert code == REFUSALS[refusal]
    assert f"\n  {code.value}   " in MEMBERS_EXIT_CODES
    assert shown.out == ""
    assert shown.err.startswith(f"elect: {address}: {FAILURES[refusal]}")
    assert shown.err.count("\n") == 1


def test_the_exit_codes_of_refusals_are_distinct():
    assert len(set(REFUSALS.values())) == len(REFUSALS) == len(ChangeRefusal) + 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["list"], ["add", "h:1"], ["demote", "h:1", "c", "--force"], ["promote", "h:1", "c", "--kind", "observer"],
     ["add", "h:1", "c", "--timeout", "61"]],
)  # fmt: skip
def test_bad_usage_of_members_is_one_line(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["members", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_recover_is_an_action_on_a_data_directory(tmp_path, capsys):
    assert main(["members", "recover", "--data-dir", str(tmp_path / "none"), "--voters", "a", "--yes"]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def member_file(tmp_path, *http):
    path = tmp_path / "node.toml"
    lines = ["[node]", 'id = "a"', 'cluster = "t"', 'listen = "127.0.0.1:1"', 'data_dir = "data"', "[http]", *http]
    path.write_text("\n".join(lines))
    return str(path)


def test_token_prints_one_for_a_node(tmp_path, capsys):
    file = member_file(tmp_path, f'operator_token = "{SECRET}"')
    bearer = TokenBearer("d", bytes(16))
    for valid, valid_s in (([], 3_600), (["--valid", "2h"], 7_200)):
        began = time.time()
        assert main(["members", "token", "d", "-c", file, *valid]) == 0
        token = capsys.readouterr().out.strip()
        early, late = (JoinTokens(SECRET, "t", lambda at=at: at) for at in (began, began + valid_s + 60))
        assert early.fault(token, bearer) is None
        assert "expired" in late.fault(token, bearer)
        assert JoinTokens(SECRET, "t", lambda at=began + valid_s - 2: at).fault(token, bearer) is None


def test_token_needs_the_token_of_the_operators(tmp_path, capsys):
    assert main(["members", "token", "d", "-c", member_file(tmp_path)]) == ExitCode.USAGE
    assert "has no [http] operator_token" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["d d"], ["d", "--valid", "0"], ["d", "--valid", "721h"], ["d", "--valid", "x"]])
def test_token_refuses_a_wrong_argument(tmp_path, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["members", "token", *arguments, "-c", member_file(tmp_path)])
    assert ended.value.code == ExitCode.USAGE
