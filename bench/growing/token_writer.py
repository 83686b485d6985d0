"""A node inside a program whose application writes its token: the process that members.py starts.

While it leads it appends a line to a file that all nodes share, every few milliseconds: its token, its id, the time.
The file refuses a token below its highest, as a store does; a refused write is a line, too. It prints the lines of
`elect run --events`. SIGTERM stops the node.

Usage: python token_writer.py STORE CONFIG
"""

import fcntl
import os
import signal
import sys
from pathlib import Path

from elect import Config, Leadership, Node
from elect.cli.json_events import JsonEvents
from elect.clock import now_ns
from elect.testing.real_processes import wait_for_signal

WRITE_INTERVAL_S = 0.005

STOP_TIMEOUT_S = 7.0
"""As `elect run`: the default grace, and 2 s for threads to end."""

PRINT_INTERVAL_S = 0.05
"""Phases are noted by threads that must not wait, and printed in this interval."""


class TokenFile:
    """The file; each write is made under a lock of it, which a killed process leaves."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._highest = os.open(path.with_suffix(".highest"), os.O_RDWR | os.O_CREAT)

    def write(self, token: int, node_id: str) -> None:
        """Append a line: written, or refused as a higher token was written before."""
        fcntl.flock(self._highest, fcntl.LOCK_EX)
        try:
            highest = int(os.pread(self._highest, 32, 0) or b"0")
            outcome = "written" if token >= highest else "refused"
            if token > highest:
                os.pwrite(self._highest, str(token).encode(), 0)
            os.write(self._file, f"{outcome} {token} {node_id} {now_ns()}\n".encode())
        finally:
            fcntl.flock(self._highest, fcntl.LOCK_UN)


def main() -> None:
    """Run one node."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    sys.setswitchinterval(0.0005)  # as `elect run`
    tokens, config = TokenFile(Path(sys.argv[1])), Config.load(sys.argv[2])
    lines, node = JsonEvents(config.node, sys.stdout), Node(config)

    def write_tokens(leadership: Leadership) -> None:
        while not leadership.lost.wait(WRITE_INTERVAL_S):
            if leadership.valid():
                tokens.write(leadership.token, config.node)

    node.observe(lines.write_event)
    node.watch_lifecycle(lines.note_lifecycle)
    lines.note_lifecycle(node.lifecycle)
    with lines.write_first("started"):
        node.start()
    node.run(write_tokens)
    while wait_for_signal({signal.SIGTERM}, PRINT_INTERVAL_S) is None and node.is_alive:
        lines.write_phases()
    lines.write("stopping", now_ns())
    node.stop(timeout=STOP_TIMEOUT_S)
    lines.write("stopped", now_ns())


if __name__ == "__main__":
    main()
