"""Programs that get a signal at each of many moments of their run, which calls of their main thread count.

A moment is a share of the calls of an undisturbed run. Each program runs in a fork of this process, which has
everything imported, in a process group of its own; the signal goes to the whole group, as from a terminal.

Usage: python -m tests.simulation.moments SIGNAL MOMENTS MODULE [ARGUMENT ...]
Writes a JSON list of [status, standard output, standard error] of each run.
"""

import json
import os
import signal
import sys
import tempfile
from importlib import import_module
from types import FrameType

from elect.testing.soak.interruption import Interruption, run


class Counter:
    """Counts calls, and sends the signal at one of them, at the latest where the status to end with is asked for.

    Args:
        number: of the signal, 0 for none.
        place: of the call.
        total_fd: takes the number of calls until then.
    """

    def __init__(self, number: int, place: int, total_fd: int) -> None:
        self._number = number
        self._place = place
        self._total_fd = total_fd
        self._calls = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        if event not in ("call", "c_call"):
            return
        is_end = frame.f_code is Interruption.status.__code__
        self._calls += 1
        if is_end:
            os.write(self._total_fd, str(self._calls).encode())
        if self._number and (is_end or self._calls == self._place):
            number, self._number = self._number, 0
            os.killpg(0, number)


def run_until(number: int, place: int, module: str, arguments: list[str]) -> tuple[list[object], int]:
    """Run the program with a signal at a call; its status and output, and its number of calls."""
    main = import_module(module).main
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error, tempfile.TemporaryFile() as total:
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                os.dup2(out.fileno(), 1)
                os.dup2(error.fileno(), 2)
                sys.argv[1:] = arguments

                def counted() -> int:
                    sys.setprofile(Counter(number, place, total.fileno()))
                    return main()

                run(counted)
            finally:
                os._exit(70)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        written = []
        for file in (out, error, total):
            file.seek(0)
            written.append(file.read().decode())
        return [status, *written[:2]], int(written[2] or 0)


def main() -> None:
    """Run the program at each moment."""
    number, moments, module, arguments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    # A shell ignores SIGINT for what it runs in the background, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _, total = run_until(0, 0, module, arguments)
    places = [1 + (total - 1) * place // (moments - 1) for place in range(moments)]
    sys.stdout.write(json.dumps([run_until(number, place, module, arguments)[0] for place in places]))


if __name__ == "__main__":
    main()
