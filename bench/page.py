"""Measure how soon the page shows a new leader, in Chromium; take pictures of the page.

Three nodes are real processes with default timing. The leader is killed; the page of another node is watched. A time is
from the moment at which that node knew the next leader, by its own event on the boot clock, to the change of the
document, by the browser's clock. Both clocks are compared at the start, within a millisecond.

Usage: python bench/page.py [--rounds 10] [--pictures] [--elections 10000]
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from watching import pictures
from watching.chromium import Page, chromium

from elect.clock import now_ns
from elect.testing.real_processes import Plan, ProcessCluster

BUDGET_MS = 100.0
PICTURES = Path("build/pages")

WATCH = """
window.shown = [];
new MutationObserver(() => {
  const leader = document.getElementById('leader')?.textContent ?? null;
  const last = shown.at(-1);
  if (!last || last.leader !== leader) shown.push({leader, at: performance.timeOrigin + performance.now()});
}).observe(document.getElementById('summary'), {subtree: true, childList: true, characterData: true});
"""


def measure(page: Page, rounds: int) -> list[float]:
    """Return the times from a new leader to its name on the page, ms."""
    taken = []
    with (
        tempfile.TemporaryDirectory(prefix="elect-page-") as place,
        ProcessCluster(Plan(directory=Path(place), with_http=True)) as running,
    ):
        running.wait_for_leader()
        page.show(width=1280, height=900)
        page.open(f"http://{running.http[pictures.SHOWN]}/")
        page.wait_for("document.getElementById('leader') !== null")
        page.evaluate(WATCH)
        ahead_ms = time.time() * 1e3 - now_ns() / 1e6
        for _ in range(rounds):
            since = len(running.events)
            killed = pictures.kill_leader(running)
            known = running.wait_for(
                lambda event, killed=killed: (
                    event.event == "leader" and event.node == pictures.SHOWN and event.leader not in (None, killed)
                ),
                since=since,
            )
            page.wait_for(f"shown.at(-1).leader === {known.leader!r}")
            taken.append(page.evaluate("shown.at(-1).at") - known.boottime * 1e3 - ahead_ms)
            running.nodes[killed].start()
    return taken


def main() -> int:
    """Measure, print, and return 1 if the median is above 100 ms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="number of kills")
    parser.add_argument("--pictures", action="store_true", help=f"take pictures into {PICTURES}")
    parser.add_argument("--elections", type=int, default=10_000, help="in the last pictures")
    arguments = parser.parse_args()
    with chromium() as page:
        taken = sorted(measure(page, arguments.rounds))
        print(f"{'ms from a new leader to its name on the page':<48}{'n':>3}{'min':>9}{'median':>9}{'max':>9}")
        print(f"{'':<48}{len(taken):>3}{taken[0]:>9.1f}{statistics.median(taken):>9.1f}{taken[-1]:>9.1f}", flush=True)
        if arguments.pictures:
            pictures.few(page, PICTURES)
            pictures.many(page, PICTURES, arguments.elections)
    return int(statistics.median(taken) > BUDGET_MS)


if __name__ == "__main__":
    raise SystemExit(main())
