"""A program with a mirror that writes each change to a file, until it is killed.

Usage: python mirror_program.py DATA_DIR FILE ADDRESS
"""

import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from elect import MirrorChange
from elect.mirror import mirror_follower
from tests.mirroring import mirror_of, told


class NoWait(mirror_follower.SourceBackoff):
    """The link is cut more often than any real one."""

    def wait_ns(self, now: int) -> int:
        return super().wait_ns(now) // 50


def main() -> None:
    directory, path, address = sys.argv[1:]
    mirror_follower.SourceBackoff = NoWait
    with Path(path).open("a", buffering=1) as file:

        def write(change: MirrorChange) -> None:
            file.write(json.dumps([change.origin.value, *told(change)]) + "\n")

        with mirror_of(address, data_dir=Path(directory), on_change=write):
            threading.Event().wait()


if __name__ == "__main__":
    main()
