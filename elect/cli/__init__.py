"""The command `elect`. Each command is a module here with two functions: `configure(parser)` and `run(arguments)`."""

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from elect import __version__
from elect.cli.exit_codes import EXIT_CODES, ExitCode, Failure, complain
from elect.cli.streams import flush_streams, open_streams
from elect.errors import BindError, ConfigError, ElectError, IdentityError, StoreError, ThreadError

COMMANDS = {
    "demo": ("demo", "three nodes on this machine elect, fail and elect again"),
    "run": ("commands.run_node", "run a node in the foreground"),
    "status": ("commands.show_status", "what nodes say of themselves and each other"),
    "resign": ("commands.operate_node", "have a node give up leading"),
    "transfer": ("commands.operate_node", "have a node hand over to another"),
    "pause": ("commands.operate_node", "have a node take no part as a candidate"),
    "resume": ("commands.operate_node", "have it take part again"),
    "forget": ("commands.forget_voter", "have a node take a voter back that has lost its votes"),
    "simulate": ("commands.run_simulation", "one deterministic simulation"),
    "certs": ("commands.create_certificates", "make an authority and certificates for a cluster's nodes"),
    "check": ("commands.check_node", "is a configuration good, do the peers answer, agree and hear us"),
}
"""Name, module and one line each; only the module of the command that is run gets imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: without the program's name; default: the process's.

    Returns:
        The exit code.
    """
    open_streams()
    code = 0
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
    except BrokenPipeError:
        code = ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except OSError as error:  # the help can't be written
        code = complain(str(error), ExitCode.FAILED)
    except SystemExit as ended:  # of argparse: help, or bad usage
        raise SystemExit(flush_streams(int(ended.code or 0))) from None
    return flush_streams(code)


def _run(arguments: list[str]) -> int:
    parsed = _parser(arguments).parse_args(arguments)
    if parsed.command != "run":
        return _attempt(parsed)
    # Imported here: the other commands have no threads that write.
    from elect.cli.output import unblocked  # noqa: PLC0415

    with unblocked():
        return _attempt(parsed)


def _attempt(parsed: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except Failure as failure:
        return complain(str(failure), failure.code)
    except ConfigError as error:
        return complain(str(error), ExitCode.USAGE)
    except (BindError, StoreError, IdentityError, ThreadError) as error:
        return complain(str(error), ExitCode.CANNOT_START)
    except BrokenPipeError:
        raise
    except (ElectError, OSError) as error:
        return complain(str(error), ExitCode.FAILED)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and does not hide that its help can't be written."""

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
        description="At most one of a few processes leads, elected by the processes themselves.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"elect {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, parser_class=_Parser)
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
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
