"""The command `elect`. Each command is a module here with two functions: `configure(parser)` and `run(arguments)`."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import NoReturn

from elect import __version__
from elect.cli.argument_types import placed
from elect.cli.exit_codes import EXIT_CODES, JOIN_ERRORS, ExitCode, Failure, complain
from elect.cli.streams import flush_streams, open_streams, unblocked
from elect.errors import BindError, ConfigError, ElectError, IdentityError, JoinError, StoreError, ThreadError

COMMANDS = {
    "demo": ("demo", "show three nodes on this machine that elect, fail and elect again"),
    "run": ("commands.run_node", "run a node in the foreground"),
    "exec": ("commands.execute_program", "run a program only while this node leads"),
    "leader": ("commands.find_leader", "print the leader, as a program outside the cluster finds it"),
    "call": ("commands.call_leader", "run a program with the leader in its environment"),
    "status": ("commands.show_status", "print the state of each node, as the node reports it"),
    "top": ("commands.show_elections", "show many elections by node, those in trouble first"),
    "resign": ("commands.operate_node", "make a node give up leadership"),
    "transfer": ("commands.operate_node", "make a node hand leadership over to another"),
    "pause": ("commands.operate_node", "stop a node from being a candidate"),
    "resume": ("commands.operate_node", "let a paused node be a candidate again"),
    "members": ("commands.operate_members", "list the members of the cluster, and change them"),
    "mirror": ("commands.operate_mirror", "show and promote a second site, and seal the first"),
    "simulate": ("commands.run_simulation", "run one deterministic simulation and print its transcript"),
    "certs": ("commands.create_certificates", "make an authority and certificates for the nodes of a cluster"),
    "check": ("commands.check_node", "check a configuration file and the connection to each peer"),
    "doctor": ("commands.diagnose_node", "measure a node's machine and links, and say what to improve"),
}
"""The module and the help of each command; only the module of the command that runs is imported."""

WITH_PROGRAM = {"call", "exec"}
"""The commands whose arguments end with a program and its own."""

ANSWERS = {("leader", None), ("members", "list"), ("members", "token")}
"""The commands, with their actions, that are of no use without stdout. Of others the exit code is an answer, too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: without the name of the program; default: those of the process.

    Returns:
        The exit code.
    """
    is_stdout_open = open_streams()
    code = 0
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments), is_stdout_open=is_stdout_open)
    except BrokenPipeError:
        code = ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except OSError as error:  # the help cannot be written
        code = complain(str(error), ExitCode.FAILED)
    except SystemExit as ended:  # of argparse: help, or bad usage
        raise SystemExit(flush_streams(int(ended.code or 0))) from None
    return flush_streams(code)


def _run(arguments: list[str], *, is_stdout_open: bool) -> int:
    arguments, program = _split(arguments)
    parsed = _parser(arguments).parse_args(arguments, argparse.Namespace(program=program))
    if not is_stdout_open and (parsed.command, getattr(parsed, "action", None)) in ANSWERS:
        return complain("cannot write the output: stdout is closed", ExitCode.FAILED)
    with unblocked() if parsed.command in ("run", "exec") else nullcontext():  # only a node has threads that write
        return _attempt(parsed)


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments of a command, and the program that it runs: that begins after the first `--`."""
    if _chosen(arguments) not in WITH_PROGRAM or "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _chosen(arguments: Sequence[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def _attempt(parsed: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except BrokenPipeError:
        raise
    except (Failure, ElectError, OSError) as error:
        said = placed(error, parsed) if isinstance(error, ConfigError) else error
        return complain(str(said), _code_of(error), is_json=getattr(parsed, "log_format", "text") == "json")


def _code_of(error: Exception) -> ExitCode:
    match error:
        case Failure():
            return error.code
        case ConfigError():
            return ExitCode.USAGE
        case JoinError():
            return JOIN_ERRORS.get(type(error), ExitCode.FAILED)
        case BindError() | StoreError() | IdentityError() | ThreadError():
            return ExitCode.CANNOT_START
    return ExitCode.FAILED


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, and raises when its help cannot be written."""

    def _print_message(self, message: str, file: object = None) -> None:
        if file is sys.stderr:
            super()._print_message(message)
        else:
            sys.stdout.write(message)

    def error(self, message: str) -> NoReturn:
        self.exit(complain(f"{message}; see {self.prog} --help", ExitCode.USAGE))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="elect",
        description="Leader election: of several processes, at most one leads at a time.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"elect {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, parser_class=_Parser)
    chosen = _chosen(arguments)
    for name, (module, line) in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            epilog=EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == chosen:
            implementation = importlib.import_module(f"elect.cli.{module}")
            implementation.configure(command)
            command.set_defaults(run=implementation.run)
    return parser
