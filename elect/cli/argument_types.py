"""Types of arguments that several commands have; their errors are argparse's."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from wire.protocol.address import Address

Number = TypeVar("Number", int, float)


def address(text: str) -> Address:
    """Return the HTTP address that a user wrote: "127.0.0.1:9101" or "http://127.0.0.1:9101/"."""
    try:
        return Address.parse(text.removeprefix("http://").rstrip("/"))
    except ValueError as error:
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


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare the option for the configuration file."""
    parser.add_argument(
        "-c", "--config", required=True, metavar="FILE", help="the configuration file of the node, TOML"
    )
