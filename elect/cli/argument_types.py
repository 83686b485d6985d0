"""Types of arguments that several commands have; their errors are argparse's."""

import argparse
import os
from collections.abc import Callable
from typing import TypeVar

from elect import Config
from elect.cli.exit_codes import ExitCode, Failure
from elect.config import rules
from elect.config.sources import PLACES, place, variable
from elect.core.messages import check_name
from elect.errors import ConfigError
from wire.protocol.address import Address

Number = TypeVar("Number", int, float)


def address(text: str) -> Address:
    """Return the HTTP address that a user wrote: "127.0.0.1:9101" or "http://127.0.0.1:9101/"."""
    try:
        return Address.parse(text.removeprefix("http://").rstrip("/"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def election(text: str) -> str:
    """Return the name of an election."""
    try:
        check_name("election", text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def node_id(text: str) -> str:
    """Return the id of a node."""
    try:
        rules.check_id("node", text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def dialable(text: str) -> str:
    """Return an address at which other nodes dial a node."""
    try:
        return str(rules.parse_dialable("address", text))
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def number(kind: type[Number], minimum: Number, maximum: Number) -> Callable[[str], Number]:
    """Return a type whose values are numbers from `minimum` to `maximum`."""

    def parse(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = maximum + 1
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {minimum} to {maximum}")
        return value

    return parse


def add_config(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    """Declare the option for the configuration file; without it `load_config` reads the environment."""
    text = "the configuration file of the node, TOML" + ("" if is_required else " (default: the variables ELECT_*)")
    parser.add_argument("-c", "--config", required=is_required, metavar="FILE", help=text)
    parser.set_defaults(is_of_node=True)


def placed(error: ConfigError, parsed: argparse.Namespace) -> ConfigError:
    """Return an error with the place of its setting, in a command that has all settings of one node from one source.

    A rule that needs another file, as that of a key or of a token, is checked when the source is known no more.
    """
    is_placed = error.source or error.field not in {*PLACES, "peers"}
    if is_placed or not getattr(parsed, "is_of_node", False):
        return error
    path: str | None = parsed.config
    source = variable(error.field) if path is None else f"{path}: {place(error.field)}"
    return ConfigError(error.field, error.value, error.rule, source)


def load_config(path: str | None) -> Config:
    """Return the configuration in a file, or without one that in the environment.

    Raises:
        ConfigError: a setting is missing or breaks a rule.
        Failure: there is neither.
    """
    if path is None and not os.environ.get(variable("node")):
        text = f"no configuration: name its file with -c, or set {variable('node')} and the other variables"
        raise Failure(text, ExitCode.USAGE)
    return Config.from_env() if path is None else Config.load(path)
