"""`elect call`: runs a program with the leader in its environment, again while it says that the leader has changed."""

import argparse
import os
from collections.abc import Sequence

from elect import Client
from elect.cli.argument_types import number
from elect.cli.calling.child_process import BY_SIGNAL, ChildProcess, Interrupted, flush
from elect.cli.calling.client_arguments import add_client, make_client
from elect.cli.calling.leader_variables import REMAINING, VARIABLES_HELP, environment
from elect.cli.exit_codes import CALL_EXIT_CODES, ExitCode, Failure, complain, unavailable
from elect.errors import LeaderUnavailable, NotLeader
from elect.leader import Leader

TIMEOUT_S = 10.0
TIMEOUT_S_MAX = 86_400.0
TIMEOUT = number(float, 0.0, TIMEOUT_S_MAX)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect call`."""
    add_client(parser)
    text = f"for all of it, 0 to {TIMEOUT_S_MAX:g} (default: {TIMEOUT_S:g}); then CMD gets SIGTERM, and SIGKILL"
    parser.add_argument("--timeout", type=TIMEOUT, default=TIMEOUT_S, metavar="S", help=text)
    parser.usage = "%(prog)s [options] [ADDRESS ...] -- CMD [ARGUMENT ...]"
    parser.description = (
        "Run CMD with the leader in its environment. If CMD exits with 75 (EX_TEMPFAIL), it is run again with the"
        " leader of then. Signals are passed to CMD."
    )
    remaining = f"  {REMAINING}        the seconds that are left for CMD\n\n"
    parser.epilog = VARIABLES_HELP + remaining + CALL_EXIT_CODES


def run(arguments: argparse.Namespace) -> int:
    """Run the program; return its exit code."""
    if not any(arguments.program[:1]):
        raise Failure("no program: write -- and CMD after the addresses", ExitCode.USAGE)
    with make_client(arguments) as client:
        return LeaderProgram(client, arguments.election, arguments.program).run(arguments.timeout)


class LeaderProgram:
    """Runs a program with the leader in its environment.

    Args:
        client: finds the leader.
        election: its name.
        command: the program and its arguments.
    """

    def __init__(self, client: Client, election: str, command: Sequence[str]) -> None:
        self._client = client
        self._election = election
        self._command = command
        self._child = ChildProcess(command)
        self._tried: Leader | None = None

    def run(self, timeout_s: float) -> int:
        """Run the program until it exits with another code than 75; return the exit code of this command."""
        try:
            with self._child.signals():
                return self._client.call(self._attempt, election=self._election, timeout=timeout_s)
        except Interrupted as interrupted:
            return BY_SIGNAL + interrupted.number
        except LeaderUnavailable as error:
            if self._tried is None:
                raise unavailable(error) from None
            return complain(self._describe(self._tried, error), ExitCode.TRY_AGAIN)
        except ValueError as error:
            raise Failure(str(error), ExitCode.USAGE) from None

    def _describe(self, leader: Leader, error: LeaderUnavailable) -> str:
        """Return the cause of the end: the program and its last leader, and what each address says since then."""
        until = f"until the {error.timeout:g} s were over" if error.is_retryable else "the last time"
        with_leader = f"with node {leader.node_id} as the leader in term {leader.term}"
        since = [error.why] if error.why else []
        since += [f"{address}: {text}" for address, text in error.tried.items()]
        return "; ".join([f"{self._command[0]} exited with 75 {until}, {with_leader}", *since])

    def _attempt(self, leader: Leader) -> int:
        flush()
        remaining_s = self._client.remaining
        try:
            code = self._child.run(environment(os.environ, leader, remaining_s), remaining_s)
        except FileNotFoundError:
            return complain(f"{self._command[0]}: command not found", ExitCode.COMMAND_NOT_FOUND)
        except OSError as error:
            return complain(f"{self._command[0]}: {error.strerror}", ExitCode.CANNOT_EXECUTE)
        if code is None:
            return complain(f"{self._command[0]} did not end in time", ExitCode.TIME_OVER)
        if code == ExitCode.TRY_AGAIN and not self._child.is_ending:
            self._tried = leader
            raise NotLeader(self._election)
        return code
