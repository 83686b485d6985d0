"""A program of which each site runs three copies: the one that leads writes to a store, with its token.

Usage: python site_program.py CONFIG SITE STORE
"""

import json
import signal
import sys
from http.client import HTTPConnection, HTTPException

from elect import Config, Leadership, Node
from elect.testing.real_processes import wait_for_signal

PAUSE_S = 0.02
PATIENCE_S = 1.0


class Writer:
    """Writes while its node leads.

    Args:
        node: the id of the node.
        site: the name of the site.
        store: the address of the store.
    """

    def __init__(self, node: str, site: str, store: str) -> None:
        self._node = node
        self._site = site
        self._store = store

    def work(self, leadership: Leadership) -> None:
        """Write until the leadership is lost.

        A program would stop when a write is refused: another node leads. This one goes on, to show that the store
        refuses each of its writes.
        """
        while not leadership.lost.wait(PAUSE_S):
            self._write(leadership.token)

    def _write(self, token: int) -> None:
        connection = HTTPConnection(self._store, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/", json.dumps({"site": self._site, "node": self._node, "token": token}))
            connection.getresponse().read()
        except (OSError, HTTPException):
            pass  # the store cannot be reached: the next write may arrive
        finally:
            connection.close()


def main() -> None:
    """Run the node until SIGTERM."""
    path, site, store = sys.argv[1:]
    config = Config.load(path)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    with Node(config) as node:
        node.run(Writer(config.node, site, store).work)
        wait_for_signal([signal.SIGTERM])


if __name__ == "__main__":
    main()
