"""`elect demo`: real processes on this machine elect a leader, lose it, and elect again, in a live picture."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from elect.cli.argument_types import number
from elect.cli.demo.cluster_view import ClusterView
from elect.cli.demo.demo_progress import DemoProgress, FailoverTimes
from elect.cli.demo.render import MARGIN, picture
from elect.cli.demo.scenario import Scenario, check_leases, play
from elect.cli.exit_codes import Failure
from elect.cli.terminal import Colors, LiveDisplay, is_live
from elect.clock import now_ns
from elect.testing.real_processes import Plan, ProcessCluster

FRAME_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect demo`."""
    parser.description = """\
Three nodes run as three processes on this machine, in a temporary directory. The leader
is killed, hung, and told to resign. Each time another node is elected. The demo measures
the time from the signal until the lease of the next leader is valid."""
    rounds, nodes = number(int, 1, 1000), number(int, 3, 9)
    parser.add_argument("--rounds", type=rounds, default=3, metavar="N", help="1 to 1000 (default: %(default)s)")
    parser.add_argument("--nodes", type=nodes, default=3, metavar="N", help="3 to 9 (default: %(default)s)")
    parser.add_argument("--plain", action="store_true", help="print lines of text, on a terminal as well")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; return the exit code."""
    node_ids = tuple("abcdefghi"[: arguments.nodes])
    with _termination_as_interruption(), tempfile.TemporaryDirectory(prefix="elect-demo-") as name:
        directory = Path(name)
        try:
            _show(ProcessCluster(Plan(directory=directory, nodes=node_ids)), arguments)
        except (Failure, TimeoutError) as failure:
            raise Failure(f"{failure}{_log_ends(directory)}") from None
    return 0


def _show(cluster: ProcessCluster, arguments: argparse.Namespace) -> None:
    cluster_view, progress = ClusterView(cluster.plan.nodes, now_ns() / 1e9), DemoProgress(round="start")
    is_live_view = is_live(sys.stdout) and not arguments.plain
    with ExitStack() as stack:
        draw = _drawer(stack.enter_context(LiveDisplay()), cluster_view, progress) if is_live_view else _nothing
        say = _nothing if is_live_view else _print_line
        say(f"{len(cluster.nodes)} nodes, each a process")
        draw()  # the first processes take a moment
        stack.enter_context(cluster)
        scenario = Scenario(
            cluster=cluster,
            cluster_view=cluster_view,
            progress=progress,
            say=say,
            refresh=_refresher(cluster, cluster_view, draw),
        )
        play(scenario, arguments.rounds)
    margin = MARGIN if is_live_view else ""
    print(*(f"{margin}{line}".rstrip() for line in _closing(cluster, progress.times)), sep="\n")


def _closing(cluster: ProcessCluster, times: FailoverTimes) -> Iterator[str]:
    leases = check_leases(cluster)
    yield from ("Time from the signal until the lease of the next leader is valid:", "")
    yield from (*times.summary(), "")
    yield f"{times.count} failovers, {leases} leases, never two at once."


def _refresher(cluster: ProcessCluster, cluster_view: ClusterView, draw: Callable[[], None]) -> Callable[[], None]:
    """Return a function that waits for events for at most FRAME_S, applies them, and draws."""
    applied = 0

    def refresh() -> None:
        nonlocal applied
        cluster.wait_for_news(applied, FRAME_S)
        for event in cluster.events[applied:]:
            cluster_view.apply(event)
            applied += 1
        draw()

    return refresh


def _drawer(display: LiveDisplay, cluster_view: ClusterView, progress: DemoProgress) -> Callable[[], None]:
    colors = Colors.of(sys.stdout)
    return lambda: display.draw(picture(cluster_view, progress, now=now_ns() / 1e9, width=display.width, colors=colors))


def _print_line(sentence: str) -> None:
    print(sentence, flush=True)


def _nothing(*_: str) -> None:
    pass


def _log_ends(directory: Path) -> str:
    """Return the last line of each node's log, in one line."""
    logs = ((path.stem, path.read_text(errors="replace").splitlines()) for path in sorted(directory.glob("*.log")))
    return "".join(f"; {name}: {lines[-1]}" for name, lines in logs if lines)


@contextmanager
def _termination_as_interruption() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack as Ctrl-C does, so that no process stays behind."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
