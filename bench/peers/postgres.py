"""Compare a failover of elect with that of a PostgreSQL advisory lock, both in the same run.

- elect: the leader of three idle processes is killed; the time until another one is told that it leads (failover.py).
- PostgreSQL: one server on loopback with its default settings, and two clients. One holds the lock, the other waits in
  `pg_advisory_lock`. The holder is killed; the time until the waiter has the lock. The server itself has no failover.
- Unlock: the holder calls `pg_advisory_unlock`; the time from the call until the waiter has the lock.

The rounds of both alternate, so that a slow phase of the machine slows both. The ratio is that of the medians.

The server is Debian's, from the package `postgresql`; its cluster is in a temporary directory, and root starts it as
the user `postgres`. The clients need psycopg, from the extra `bench`.

Usage: python bench/peers/postgres.py [--rounds 50]
"""

import argparse
import importlib.util
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the other programs here

from failovers import failures

from elect.clock import now_ns
from elect.testing.real_processes import free_ports
from wire.common.deadline import now_s

CLIENT = """
import sys
import psycopg
from elect.clock import now_ns
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    print("connected", flush=True)
    for line in sys.stdin:
        at = now_ns()
        connection.execute(f"SELECT {line.strip()}(1)")
        print(at, now_ns(), flush=True)
"""

START_TIMEOUT_S = 30.0

WAITING_S = 0.1
"""Time, s, in which a client that asked for the lock begins to wait in the server."""


class Client:
    """A process with one connection to the server."""

    def __init__(self, dsn: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, dsn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline() != "connected\n":
            raise ConnectionError("a client cannot connect to the server")

    def ask(self, function: str) -> None:
        """Call a function of the server with the key of the lock."""
        self.process.stdin.write(f"{function}\n")
        self.process.stdin.flush()

    def answer(self) -> tuple[int, int]:
        """Return the begin and the end of the call, ns of the boot clock."""
        begin, end = self.process.stdout.readline().split()
        return int(begin), int(end)

    def close(self) -> None:
        """Kill the process, and wait for that."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def find_server() -> Path:
    """Return the directory of the newest server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        sys.exit("there is no PostgreSQL server; on Debian: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """Run a server on loopback with a new password and new data; give the clients' connection string."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="elect-bench-")))
        password, (port,) = secrets.token_hex(16), free_ports(1)
        (directory / "password").write_text(password)
        user = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            for path in directory, directory / "password":
                shutil.chown(path, "postgres", "postgres")
        data = str(directory / "data")
        options = ("--username=elect", "--auth=scram-sha-256", f"--pwfile={directory / 'password'}")
        subprocess.run(
            [programs / "initdb", "-D", data, *options], check=True, stdout=subprocess.DEVNULL, cwd=directory, **user
        )
        log = stack.enter_context((directory / "log").open("w"))
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", directory, "-c", "listen_addresses=127.0.0.1"],
            stderr=log,
            cwd=directory,
            process_group=0,  # Ctrl-C in a terminal ends this program, which ends the server
            **user,
        )
        stack.callback(process.wait)
        stack.callback(process.send_signal, signal.SIGINT)  # end all sessions, and stop
        dsn = f"host=127.0.0.1 port={port} user=elect password={password} dbname=postgres"
        wait_for_server(dsn)
        yield dsn


def wait_for_server(dsn: str) -> None:
    """Wait until the server accepts a connection."""
    import psycopg  # noqa: PLC0415 - an extra

    deadline = now_s() + START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            if now_s() > deadline:
                raise
        else:
            return


def lock_rounds(dsn: str, rounds: int) -> Iterator[tuple[float, float]]:
    """Yield the seconds from a kill of the holder, and from an unlock, until the other client has the lock."""
    with ExitStack() as stack:

        def connect() -> Client:
            client = Client(dsn)
            stack.callback(client.close)
            return client

        def wait_for_lock(client: Client) -> None:
            client.ask("pg_advisory_lock")
            time.sleep(WAITING_S)

        holder, waiter = connect(), connect()
        wait_for_lock(holder)
        holder.answer()
        for _ in range(rounds):
            wait_for_lock(waiter)
            holder.ask("pg_advisory_unlock")
            (unlocked, _), (_, locked) = holder.answer(), waiter.answer()
            holder, waiter = waiter, holder
            wait_for_lock(waiter)
            killed = now_ns()
            holder.process.kill()
            _, taken = waiter.answer()
            holder.close()
            yield (taken - killed) / 1e9, (locked - unlocked) / 1e9
            holder, waiter = waiter, connect()


def row(name: str, taken: Sequence[float]) -> float:
    """Print one row of times in seconds; return the median."""
    ordered = sorted(1e3 * each for each in taken)
    median, p95 = statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"{name:<22}{len(ordered):>4}{ordered[0]:>9.2f}{median:>9.2f}{p95:>9.2f}{ordered[-1]:>9.2f}", flush=True)
    return median


def main() -> None:
    """Measure both in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    rounds = parser.parse_args().rounds
    if importlib.util.find_spec("psycopg") is None:
        sys.exit("psycopg is not installed: pip install 'elect[bench]'")
    programs = find_server()
    with server(programs) as dsn, failures.cluster(failures.Situation()) as (running, _):
        elections = failures.fail(running, rounds, signal.SIGKILL, failures.restart)
        elect, locks = zip(*zip(elections, lock_rounds(dsn, rounds), strict=True), strict=True)
    killed, unlocked = zip(*locks, strict=True)
    print(f"{'milliseconds':<22}{'n':>4}{'min':>9}{'median':>9}{'p95':>9}{'max':>9}")
    ours, theirs = row("elect: SIGKILL", elect), row("PostgreSQL: SIGKILL", killed)
    row("PostgreSQL: unlock", unlocked)
    print(f"SIGKILL, elect / PostgreSQL: {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
