"""`elect members token`: prints a token with which one node joins, once, until it expires.

The token is made from the configuration file of a member, or of any file with the same cluster and `operator_token`. No
node is asked.
"""

import argparse
import secrets
import time

from elect.cli.argument_types import add_config, node_id
from elect.cli.exit_codes import ExitCode, Failure
from elect.clock import NS_PER_S
from elect.config.config import Config
from elect.config.durations import parse_ns
from elect.joining.join_token import NONCE_LENGTH, make_token

VALID_S_MAX = 30 * 86_400


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("node", type=node_id, metavar="NODE", help="the id of the node that may join")
    add_config(parser)
    valid = 'the time until it expires, such as "30m", at most 30 days (default: 1h)'
    parser.add_argument("--valid", type=_valid_s, default="1h", metavar="DURATION", help=valid)


def run(arguments: argparse.Namespace) -> int:
    """Print the token."""
    config = Config.load(arguments.config)
    if config.operator_token is None:
        text = f"{arguments.config} has no [http] operator_token, with which tokens are made; set that of the members"
        raise Failure(text, ExitCode.USAGE)
    token = make_token(
        config.operator_token,
        cluster=config.cluster,
        node_id=arguments.node,
        expires_s=int(time.time()) + arguments.valid,  # noqa: TID251 - an expiry is a time of day
        nonce=secrets.token_bytes(NONCE_LENGTH),
    )
    print(token)
    return ExitCode.OK


def _valid_s(text: str) -> int:
    try:
        seconds = parse_ns(text) // NS_PER_S
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 1 <= seconds <= VALID_S_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 1 s to 30 days (720h)")
    return seconds
