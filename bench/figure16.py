"""Repeat figure 16 of the Raft paper, the time without a leader after a crash, with plain Raft and with elect.

Five nodes run in virtual time, and the leader's process is killed. A trial is the true time from there until another
server wins (Raft), or until another node's lease is valid (elect: this needs one more round trip).

- Raft runs as in the paper: election timeouts of T1-T2 ms, heartbeats every T1/2. The leader dies at an evenly random
  time between two heartbeats. All logs have different lengths and the leader's is the longest, so two of the other four
  cannot win. Votes may split several times; a trial ends after 100 s.
- elect runs with support_duration = T1 and heartbeat_interval = T1/3, the longest that it allows. Both protocols can
  then suspect a silent leader T1 after its last heartbeat. T2 has no meaning for elect. The lengths of logs are
  replication offsets with offset_rule = "require". "promise" does not trust closed sockets (trust_close = false), so
  the promise must run out; "close" trusts them. Every promise is checked after each step.
- The network "paper" has the paper's broadcast time of 15 ms: RequestVote to four peers, a write to each disk, and all
  answers. The network "lan" has 1.7 ms. Both protocols have the same delays, disks and timers.
- A trial needs a leader that leads for ten heartbeats, within twenty T1. Otherwise it is "unstable" and has no time: a
  lease of T1 must outlast two heartbeats and a round trip, and a campaign has two heartbeats.

Source: Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm" (extended version), section 9.3.

Usage: python bench/figure16.py [--trials 1000] [--network paper|lan] [--equal-logs] [--seed 0]
"""

import argparse
import csv
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import groupby
from pathlib import Path
from random import Random

from peers import raft

from elect.core.events import Elected, Lost
from elect.testing import Options, Simulation, Span
from elect.testing.soak import interruption
from elect.testing.soak.workers import Workers, in_order

try:
    from charts import shares
except ImportError:  # matplotlib is an extra
    shares = None

MS = 1_000_000
NODES = 5
CAP_S = 100
STABLE_HEARTBEATS = 10
STABLE_TIMEOUTS = 20
SCALES = ((12, 24), (25, 50), (50, 100), (100, 200), (150, 300))
SPREADS = ((150, 150), (150, 151), (150, 155), (150, 175), (150, 200))
NETWORKS = {
    "paper": (Span(low=0.003, high=0.009), Span(low=0.001, high=0.007_5)),
    "lan": (Span(low=0.000_1, high=0.000_5), Span(low=0.000_2, high=0.002)),
}
"""The delay of a frame one way and the time of a durable write, s."""
CHART = {
    "timeout, ms": (("raft", SPREADS + SCALES[-1:], "plain Raft, more or less randomness"),),
    "timeout, ms\n(elect: a promise\nof the first number)": (
        ("raft", SCALES, "plain Raft"),
        ("promise", SCALES, "elect, closed sockets not trusted"),
        ("close", SCALES, "elect, closed sockets trusted"),
    ),
}
"""The rows of the chart by the titles of their legends; protocol, settings and title of each panel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The parameters of one trial.

    Attributes:
        timeout: T1 and T2, ms.
    """

    protocol: str
    timeout: tuple[int, int]
    seed: int
    network: str
    has_equal_logs: bool

    @property
    def setting(self) -> str:
        """Return the timeout as the paper writes it."""
        return f"{self.timeout[0]}-{self.timeout[1]}"

    def options(self) -> Options:
        """Return the options: the same network and disks for both protocols, and elect's timing."""
        delay, disk_latency = NETWORKS[self.network]
        return Options(
            nodes=NODES,
            seed=self.seed,
            delay=delay,
            disk_latency=disk_latency,
            heartbeat_interval=self.timeout[0] / 3000,
            support_duration=self.timeout[0] / 1000,
            untrusted=0.0 if self.protocol == "close" else 1.0,
            offset_rule="require",
        )

    def log_lengths(self, rng: Random) -> list[int]:
        """Return the log lengths of the leader and of the others."""
        return [NODES] * NODES if self.has_equal_logs else [NODES, *rng.sample(range(1, NODES), NODES - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The result of a trial: "elected", "capped", or "unstable", without a leader to kill and without a time."""

    protocol: str
    setting: str
    seed: int
    outcome: str
    leaderless_ms: float | None


def raft_trial(trial: Trial, rng: Random) -> tuple[str, float | None]:
    """Kill the leader of plain Raft; return the outcome and the time without a leader, ms."""
    low, high = (each * MS for each in trial.timeout)
    timing = raft.Timing(timeout_low_ns=low, timeout_high_ns=high, heartbeat_interval_ns=low // 2)
    cluster = raft.Cluster(trial.options(), timing, trial.log_lengths(rng))
    scheduler, leader = cluster.scheduler, cluster.servers[0]
    cluster.install(leader)
    scheduler.run_until(round((STABLE_HEARTBEATS + rng.random()) * timing.heartbeat_interval_ns))
    if len(cluster.wins) > 1:
        return "unstable", None
    crashed_at = scheduler.now
    leader.crash()
    while scheduler.now < crashed_at + CAP_S * 1000 * MS:
        scheduler.run_until(scheduler.now + MS)
        if len(cluster.wins) > 1:
            return "elected", (cluster.wins[1].at - crashed_at) / MS
    return "capped", 1000.0 * CAP_S


def elect_trial(trial: Trial, rng: Random) -> tuple[str, float | None]:
    """Kill the leader of elect; return the outcome and the time without a leader, ms."""
    options = trial.options()
    simulation = Simulation(options)
    leader = wait_for_stable_leader(simulation, options, trial.log_lengths(rng), rng)
    if leader is None:
        return "unstable", None
    crashed_at, seen = simulation.now, len(simulation.events)
    simulation.crash(leader, closes=True)
    while simulation.now < crashed_at + CAP_S:
        simulation.run(0.001)
        for record in simulation.events[seen:]:
            if isinstance(record.event, Elected):
                return "elected", record.at / MS - 1000 * crashed_at
    return "capped", 1000.0 * CAP_S


def wait_for_stable_leader(
    simulation: Simulation, options: Options, log_lengths: Sequence[int], rng: Random
) -> str | None:
    """Wait for a leader that leads for ten heartbeats, and for the moment of its death; None without one."""
    interval, end = options.heartbeat_interval, STABLE_TIMEOUTS * options.support_duration
    while simulation.now < end and simulation.run_until(lambda: simulation.leader() is not None, end - simulation.now):
        leader = simulation.leader()
        others = (node_id for node_id in options.node_ids if node_id != leader)
        for node_id, length in zip((leader, *others), log_lengths, strict=True):
            simulation.set_standing(node_id, offset=length)
        seen = len(simulation.events)
        simulation.run((STABLE_HEARTBEATS + rng.random()) * interval)
        if simulation.leader() == leader and not any(isinstance(each.event, Lost) for each in simulation.events[seen:]):
            return leader
    return None


def run(trial: Trial) -> Row:
    """Run one trial, and return its row."""
    rng = Random(f"{trial.setting} {trial.seed}")
    outcome, leaderless_ms = (raft_trial if trial.protocol == "raft" else elect_trial)(trial, rng)
    return Row(
        protocol=trial.protocol,
        setting=trial.setting,
        seed=trial.seed,
        outcome=outcome,
        leaderless_ms=None if leaderless_ms is None else round(leaderless_ms, 3),
    )


def plan(arguments: argparse.Namespace) -> list[Trial]:
    """Return all trials, in the order of the output."""
    settings = [("raft", timeout) for timeout in SPREADS + SCALES]
    settings += [(protocol, timeout) for protocol in ("promise", "close") for timeout in SCALES]
    return [
        Trial(
            protocol=protocol,
            timeout=timeout,
            seed=seed,
            network=arguments.network,
            has_equal_logs=arguments.equal_logs,
        )
        for protocol, timeout in settings
        for seed in range(arguments.seed, arguments.seed + arguments.trials)
    ]


def measure(trials: Sequence[Trial]) -> list[Row]:
    """Run all trials, on all cores."""
    rows, start = [], time.monotonic()
    with Workers(run, os.cpu_count() or 1) as workers:
        for row in in_order(workers.each(trials)):
            rows.append(row)
            if len(rows) % 100 == 0 or len(rows) == len(trials):
                seconds = time.monotonic() - start
                print(f"\r{len(rows)} of {len(trials)} trials, {seconds:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


def write(rows: Sequence[Row], path: Path) -> None:
    """Write one line a trial."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(each.name for each in fields(Row))
        table.writerows(map(astuple, rows))


def times(rows: Sequence[Row], protocol: str, setting: str) -> list[float]:
    """Return the times of the trials that were not unstable, sorted, ms."""
    found = (row.leaderless_ms for row in rows if (row.protocol, row.setting) == (protocol, setting))
    return sorted(each for each in found if each is not None)


def report(rows: Sequence[Row]) -> None:
    """Print the times of each protocol and setting."""
    print(f"{'ms':<9}{'timeout':<9}{'n':>6}{'min':>9}{'mean':>9}{'median':>9}{'p95':>9}{'max':>10}  capped unstable")
    for (protocol, setting), group in groupby(rows, key=lambda row: (row.protocol, row.setting)):
        outcomes = Counter(row.outcome for row in group)
        taken = times(rows, protocol, setting)
        numbers = f"{len(taken):>6}" + " " * 46
        if taken:
            p95 = taken[min(len(taken) - 1, int(0.95 * len(taken)))]
            numbers = f"{len(taken):>6}{taken[0]:>9.1f}{statistics.mean(taken):>9.1f}{statistics.median(taken):>9.1f}"
            numbers += f"{p95:>9.1f}{taken[-1]:>10.1f}"
        print(f"{protocol:<9}{setting:<9}{numbers}{outcomes['capped']:>8}{outcomes['unstable']:>9}")


def panel(rows: Sequence[Row], protocol: str, timeouts: Iterable[tuple[int, int]], title: str) -> "shares.Panel":
    """Return one panel of the chart."""
    curves = []
    for low, high in timeouts:
        taken = times(rows, protocol, f"{low}-{high}")
        reached = [each for each in taken if each < 1000 * CAP_S]
        curves.append(shares.Curve(label=f"{low}\u2013{high}", values=reached, count=len(taken)))
    return shares.Panel(title=title, curves=curves)


def main() -> int:
    """Run the measurement, print the table, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="trials of each setting")
    parser.add_argument("--network", choices=NETWORKS, default="paper")
    parser.add_argument(
        "--equal-logs", action="store_true", help="give all nodes logs of one length, so that each can win"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the first trial of each setting")
    parser.add_argument("--output", type=Path, default=Path("build"), help="the directory for figure16.csv and .svg")
    arguments = parser.parse_args()
    trials = plan(arguments)
    rows = measure(trials)
    print("elect (promise, close): support_duration = T1, heartbeat_interval = T1/3; Raft: heartbeats every T1/2")
    report(rows)
    if len(rows) < len(trials):
        print("interrupted: no file was written")
        return 0
    arguments.output.mkdir(exist_ok=True)
    write(rows, arguments.output / "figure16.csv")
    if shares is None:
        print("no figure16.svg: install matplotlib (the extra 'bench')")
        return 0
    title = f"Time without a leader after it crashed: {NODES} nodes, {arguments.trials} trials a curve"
    chart = [
        shares.Row(legend=legend, panels=[panel(rows, *each) for each in panels]) for legend, panels in CHART.items()
    ]
    shares.draw(chart, title=title, cap_ms=1000 * CAP_S, path=arguments.output / "figure16.svg")
    return 0


if __name__ == "__main__":
    interruption.run(main)
