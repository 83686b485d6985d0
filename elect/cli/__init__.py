"""The command `elect`. Each command is a module here with two functions: `configure(parser)` and `run(arguments)`."""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import NoReturn

from elect.cli.outcome import EXIT_CODES, ExitCode, Failure
from elect.errors import BindError, ConfigError, ElectError, IdentityError, StoreError

COMMANDS = {
    "demo": ("demo", "three nodes on this machine elect, fail and elect again"),
    "run": ("run", "run a node in the foreground"),
    "status": ("status", "what nodes say of themselves and each other"),
    "resign": ("operate", "have a node give up leading"),
    "transfer": ("operate", "have a node hand over to another"),
    "pause": ("operate", "have a node take no part as a candidate"),
    "resume": ("operate", "have it take part again"),
    "forget": ("operate", "have a node take a voter back that has lost its votes"),
    "simulate": ("simulate", "one deterministic simulation"),
    "certs": ("certs", "make an authority and certificates for a cluster's nodes"),
    "check": ("check", "is a configuration good, do the peers answer, agree and hear us"),
}
"""Name, module and one line each; only the module of the command that is run gets imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: without the program's name; default: the process's.

    Returns:
        The exit code.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that can't show a sign is no reason to end
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return code


def _run(arguments: list[str]) -> int:
    parsed = _parser(arguments).parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except Failure as failure:
        return _complain(str(failure), failure.code)
    except ConfigError as error:
        return _complain(str(error), ExitCode.USAGE)
    except (BindError, StoreError, IdentityError) as error:
        return _complain(str(error), ExitCode.CANNOT_START)
    except BrokenPipeError:
        raise
    except (ElectError, OSError) as error:
        return _complain(str(error), ExitCode.FAILED)


def _complain(message: str, code: ExitCode) -> int:
    print("elect:", " ".join(message.split()), file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_complain(f"{message}; see {self.prog} --help", ExitCode.USAGE))


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="elect",
        description="At most one of a few processes leads, elected by the processes themselves.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"elect {_version()}")
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


def _version() -> str:
    try:
        return metadata.version("elect")
    except metadata.PackageNotFoundError:
        return "(not installed)"
