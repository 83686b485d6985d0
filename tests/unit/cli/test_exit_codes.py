"""Every reason for which a node does not join, or a change is not made, has an exit code of its own."""

import argparse
import json
import pickle

import pytest

from elect import errors
from elect.cli import _attempt
from elect.cli.exit_codes import (
    CALL_EXIT_CODES,
    CLIENT_EXIT_CODES,
    JOIN_ERRORS,
    JOIN_EXIT_CODES,
    MEMBERS_EXIT_CODES,
    REFUSALS,
    ExitCode,
    Failure,
    unavailable,
)
from elect.core.changes import ChangeRefusal

REJECTIONS = [errors.JoinRejected, *errors.JoinRejected.__subclasses__()]


def test_every_rejection_of_a_join_has_an_exit_code():
    assert set(JOIN_ERRORS) == {*REJECTIONS, errors.JoinGaveUp}
    assert len(set(JOIN_ERRORS.values())) == len(JOIN_ERRORS)


def test_the_help_lists_every_code():
    for text, codes in ((JOIN_EXIT_CODES, JOIN_ERRORS), (MEMBERS_EXIT_CODES, REFUSALS)):
        listed = [int(line.split()[0]) for line in text.splitlines()[1:] if line]
        assert listed == sorted(codes.values())


@pytest.mark.parametrize("kind", REJECTIONS)
def test_a_rejected_join_ends_the_command_in_one_line(kind, capsys):
    def run(_arguments: argparse.Namespace) -> int:
        raise kind("d", "127.0.0.1:7101", "because")

    assert _attempt(argparse.Namespace(run=run)) == JOIN_ERRORS[kind]
    shown = capsys.readouterr().err
    assert shown == f"elect: 127.0.0.1:7101 refuses node d: because; {kind.remedy}\n"


ENDS = [
    (Failure("because\nof it", ExitCode.NOT_ELECTED), "because of it", ExitCode.NOT_ELECTED),
    (errors.ConfigError("node", "", "name it"), "node is '': name it", ExitCode.USAGE),
    (errors.StoreError(5, "because", "/votes"), "/votes: because", ExitCode.CANNOT_START),
    (OSError("because"), "because", ExitCode.FAILED),
]


@pytest.mark.parametrize(("error", "message", "code"), ENDS)
def test_a_command_with_a_log_in_json_ends_with_a_line_of_it(error, message, code, capsys):
    def run(_arguments: argparse.Namespace) -> int:
        raise error

    assert _attempt(argparse.Namespace(run=run, log_format="json")) == code
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    said = json.loads(shown)
    assert (said["level"], said["logger"], said["message"]) == ("error", "elect.cli", message)
    assert said["exit_code"] == code
    assert _attempt(argparse.Namespace(run=run, log_format="text")) == code
    assert capsys.readouterr().err == f"elect: {message}\n"


def test_a_join_that_gave_up_says_what_was_tried(capsys):
    def run(_arguments: argparse.Namespace) -> int:
        raise errors.JoinGaveUp("d", 3, {"127.0.0.1:7101": "does not answer"}, "no seed may form one")

    assert _attempt(argparse.Namespace(run=run)) == ExitCode.JOIN_GAVE_UP
    assert "127.0.0.1:7101 does not answer" in capsys.readouterr().err


def test_a_refusal_is_an_error_of_elect_and_keeps_its_data():
    refused = pickle.loads(pickle.dumps(errors.ChangeRefused(ChangeRefusal.LAST_VOTER, "because")))
    assert isinstance(refused, errors.ElectError)
    assert (refused.refusal, str(refused)) == (ChangeRefusal.LAST_VOTER, "because")


def test_the_codes_of_a_call_are_not_those_of_other_commands():
    """The exit codes of a program are passed through, so these are those that users know from other such commands."""
    for text in (CLIENT_EXIT_CODES, CALL_EXIT_CODES):
        listed = [int(line.split()[0]) for line in text.splitlines()[1:] if line]
        assert listed == sorted(set(listed))
        assert set(listed) - {2} <= {69, 75, 77, 124, 126, 127, 128}
        assert not set(listed) - {2} & {*JOIN_ERRORS.values(), *REFUSALS.values()}


@pytest.mark.parametrize(("is_retryable", "code"), [(True, ExitCode.NO_LEADER), (False, ExitCode.NOT_LET_IN)])
def test_a_leader_that_is_not_found_has_two_codes(is_retryable, code):
    error = errors.LeaderUnavailable("default", "a leader that is ready", 1.0)
    error.is_retryable = is_retryable
    assert unavailable(error).code == code
