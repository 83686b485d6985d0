"""A node in a process of its own, for tests.

It prints a line for each leadership that begins, is a witness until it reads a line, and stops at the end of its input.
"""

import sys

from elect import Config, Node
from elect.core.events import Elected, Event
from elect.storage.store import MemoryStore


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def tell(event: Event) -> None:
    if isinstance(event, Elected):
        say("elected", event.term, event.at)


def main(node_id: str, directory: str, *addresses: str) -> None:
    at = dict(address.split("=") for address in addresses)
    listen = at.pop(node_id)
    config = Config(node=node_id, cluster="test", listen=listen, peers=at, data_dir=directory, priority=0)
    node = Node(config, store=MemoryStore())
    node.observe(tell)
    with node:
        say("started")
        for _ in sys.stdin:
            node.set_priority(1)
            say("stands")


if __name__ == "__main__":
    main(*sys.argv[1:])
