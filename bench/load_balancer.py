"""Kill the leaders behind HAProxy, and count the requests that fail and those that a node answers that does not lead.

Three processes have a node and a small HTTP server each (balancing/leader_application.py). Debian's HAProxy probes
`/leader` of each node, with the configuration in elect/cli/OPERATIONS.md. Four clients send one request after the
other each, 5 ms apart. A round is one `kill -9` of the leader. The switch ends when a client has an answer of the next
leader.
All processes share one clock.

Usage: python bench/load_balancer.py [--kills 20]
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from balancing.balanced_cluster import balanced


def main() -> int:
    """Measure, print, and return 1 if a node answered that did not lead."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    kills = parser.parse_args().kills
    if shutil.which("haproxy") is None:
        print("skipped: HAProxy is not installed; on Debian: apt-get install haproxy")
        return 0
    with tempfile.TemporaryDirectory() as directory, balanced(Path(directory)) as cluster:
        times = [cluster.kill() for _ in range(kills)]
        load = cluster.load
    elections, switches = ([1e3 * each for each in column] for column in zip(*times, strict=True))
    failed, wrong = load.failures.total(), cluster.wrong_answers()
    print(f"requests                         {len(load.answers) + failed:>7}")
    print(f"failed                           {failed:>7}   {dict(load.failures)}")
    print(f"failed, for each kill            {failed / kills:>7.1f}")
    print(f"answered by a node without lease {len(wrong):>7}")
    for name, times_ms in (("the next lease", elections), ("its answer", switches)):
        print(f"{f'median until {name}, ms':<33}{statistics.median(times_ms):>7.1f}   longest {max(times_ms):.1f}")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
