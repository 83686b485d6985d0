"""The check that no node accepts messages of a voter that lost its votes.

Source: PROTOCOL.md, section 7, "A voter that lost its votes".
"""

from elect.core.configuration import Configuration
from elect.testing.world.process import Process
from elect.testing.world.simulated_link import SimulatedLink
from elect.testing.world.world import World
from elect.testing.world.world_observer import Observer


class StoreIdentity(Observer):
    """Checks that each node handles messages of each peer under one store id only, until a leader names another one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._heard: dict[tuple[str, int, str], bytes] = {}

    def started(self, process: Process) -> None:
        """Note the stores that the configuration on disk names."""
        self.decided(process, process.host.disk.configuration)

    def decided(self, process: Process, configuration: Configuration) -> None:
        """Note the stores that a configuration names; a learner without one comes under any store."""
        for member in configuration.members:
            key = (process.node_id, process.host.disk.store_id, member.node_id)
            if member.store_id is not None:
                self._heard[key] = member.store_id
            elif not member.is_voter:
                self._heard.pop(key, None)

    def heard(self, process: Process, link: SimulatedLink, message: object, read_at: int) -> None:
        """Fail if a peer has another store id than at its first message, over all restarts of both."""
        del message, read_at
        peer = link.path.source
        known = process.elector.state.support.peers.get(peer)
        if link is not process.links.accepted.get(peer) or known is None or not known.is_met:
            return
        store_id = link.dialer.process.store_id
        was = self._heard.setdefault((process.node_id, process.host.disk.store_id, peer), store_id)
        if was != store_id:
            self._world.fail("one store a voter", f"{process} hears {peer}, which has lost its votes")

    def forget(self, node_id: str, peer: str) -> None:
        """Allow another store: an operator had the node forget the peer."""
        for key in [key for key in self._heard if (key[0], key[2]) == (node_id, peer)]:
            del self._heard[key]
