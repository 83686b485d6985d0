"""`elect top`: shows thousands of elections by node, those in trouble first."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from elect.cli import http_client
from elect.cli.argument_types import address, number
from elect.cli.exit_codes import ExitCode, Failure
from elect.cli.overview.cluster_overview import TROUBLED, ClusterOverview
from elect.cli.overview.overview_table import lines
from elect.cli.parallel import each
from elect.cli.terminal import Colors, LiveDisplay, is_live
from wire.common.deadline import now_s
from wire.protocol.address import Address

INTERVAL_S = 2.0
SHARE = 10
"""A node takes some time to tell of thousands of elections: it is asked again after ten times that."""

TIMEOUT_S = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect top`."""
    parser.description = """\
Show how many elections each node leads, and the elections: those without a leader first,
then those whose leader changes all the time. On a terminal it is drawn again every two
seconds, until interrupted; into a file or a pipe it is printed once. The last look is
followed by one more where two nodes say that they lead: one of them may have handed over.
The exit code is 1 if a node does not answer, or an election is in trouble."""
    help_address = "the HTTP address of a node, host:port"
    parser.add_argument("addresses", nargs="+", type=address, metavar="ADDRESS", help=help_address)
    interval = number(float, 0.1, 3600.0)
    parser.add_argument("--interval", type=interval, metavar="S", help="between two looks (default: 2)")
    parser.add_argument("--looks", type=number(int, 1, 1_000_000), metavar="N", help="end after N looks")


def run(arguments: argparse.Namespace) -> int:
    """Show the overview; return 1 if a node did not answer, or an election is in trouble."""
    overview = ClusterOverview()
    is_drawn = is_live(sys.stdout)
    looks = arguments.looks or (None if is_drawn else 1)
    interval_s = arguments.interval or INTERVAL_S
    with ExitStack() as stack:
        display = stack.enter_context(LiveDisplay()) if is_drawn else None
        while True:
            pause_s = _look(overview, arguments.addresses, interval_s)
            looks = None if looks is None else looks - 1
            if looks == 0 and overview.is_unsure:  # a leader that handed over, or a second one: the next look tells
                time.sleep(pause_s)
                _look(overview, arguments.addresses, interval_s)
            _show(overview, display)
            if looks == 0:
                return ExitCode.FAILED if _is_bad(overview) else ExitCode.OK
            time.sleep(pause_s)


def _look(overview: ClusterOverview, addresses: Sequence[Address], interval_s: float) -> float:
    """Take a look; return the seconds until the next one."""
    began_s = now_s()
    overview.note(_ask_all(addresses), began_s)
    return max(interval_s, SHARE * (now_s() - began_s))


def _show(overview: ClusterOverview, display: LiveDisplay | None) -> None:
    if display is None:
        print(*lines(overview, rows_max=None, width=None, colors=Colors.of(sys.stdout)), sep="\n", flush=True)
        return
    colors = Colors.of(sys.stdout)
    display.draw(list(lines(overview, rows_max=display.height, width=display.width, colors=colors)))


def _is_bad(overview: ClusterOverview) -> bool:
    answered = all(each.elections or not each.note for each in overview.nodes)
    return not answered or any(each.condition in TROUBLED for each in overview.elections)


def _ask_all(addresses: Sequence[Address]) -> dict[str, Mapping[str, object] | str]:
    return dict(zip(map(str, addresses), each(_ask, addresses), strict=True))


def _ask(node: Address) -> Mapping[str, object] | str:
    try:
        return http_client.ask(node, "GET", "/status", timeout=TIMEOUT_S).content
    except Failure as failure:
        return str(failure).removeprefix(f"{node} ")
