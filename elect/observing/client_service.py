"""ClientService: the links of clients and mirrors of one node, their thread, and the listener for clients alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from elect.bridge.dispatcher import PublishedEvent
from elect.bridge.node_context import NodeContext
from elect.config.rules import check_exposure
from elect.errors import BindError
from elect.leader import Profile
from elect.observing.change_log import ChangeLog
from elect.observing.mirror_messages import MIRROR_KIND
from elect.observing.mirror_server import MirrorServer, OnSeal, answer_unsupported
from elect.observing.mirror_session import MirrorReport
from elect.observing.node_reports import NodeReports
from elect.observing.observer_messages import CLIENT_KIND, WATCHED_MAX
from elect.observing.observer_server import ObserverServer
from wire.common.deadline import Deadline
from wire.io.link_events import Event as LinkEvent
from wire.links.endpoint import Endpoint
from wire.links.listener import Listener
from wire.links.shared_links import SharedLinks
from wire.protocol.handshake import Judge

NAME = "elect-clients"

OUTBOX_MESSAGES_MAX = 4 * WATCHED_MAX
"""A report of each election that a client watches waits at most once; this is room for some Watches in a row."""


class ClientService:
    """Opens, starts and stops what serves clients and mirrors; a node that lets none in has no thread for them.

    Args:
        context: of the node.
        profile: returns the address and metadata of a node.
        count_refused: called with the kind of each message that a client must not send.
        count_mirror_refused: the same of mirrors.
        on_seal: called when a mirror asks to seal the cluster.
    """

    def __init__(
        self,
        context: NodeContext,
        *,
        profile: Callable[[str], Profile],
        count_refused: Callable[[str], object],
        count_mirror_refused: Callable[[str], object],
        on_seal: OnSeal = answer_unsupported,
    ) -> None:
        self._config = context.config
        reports = NodeReports(context, profile)
        self._make_server = partial(
            ObserverServer,
            reports=reports,
            clock=context.clock,
            interval_ns=context.config.support_duration_ns // 2,
            count_refused=count_refused,
        )
        self._make_mirror_server = partial(
            MirrorServer,
            log=ChangeLog(context.configuration),
            facts=reports,
            clock=context.clock,
            count_refused=count_mirror_refused,
            on_seal=on_seal,
        )
        self._server: ObserverServer | None = None
        self._mirrors: MirrorServer | None = None
        self._links: SharedLinks | None = None
        self._listener: Listener | None = None

    def __len__(self) -> int:
        """The number of clients."""
        return 0 if self._server is None else len(self._server)

    @property
    def mirrors(self) -> tuple[MirrorReport, ...]:
        """The mirrors that follow this node."""
        return () if self._mirrors is None else self._mirrors.reports()

    @property
    def clients_max(self) -> int:
        """The most clients and mirrors: that of the settings, or fewer if the process may have few descriptors."""
        return 0 if self._links is None else self._links.links_max

    def share(self, endpoint: Endpoint, judge: Judge) -> dict[str, SharedLinks]:
        """Return what runs the links of clients and mirrors, by their kind, for a listener; nothing if none is let in.

        Args:
            endpoint: that of the node's links.
            judge: refuses the clients of another cluster.
        """
        if not self._config.clients_max:
            return {}
        limits = replace(endpoint.limits, outbox_messages_max=OUTBOX_MESSAGES_MAX)
        self._links = links = SharedLinks(
            # What a client or a mirror sends goes there, and nowhere else.
            replace(endpoint, deliver=self._receive, limits=limits),
            links_max=self._config.clients_max,
            judge=judge,
            turn=self._turn,
        )
        self._server = self._make_server(links)
        self._mirrors = self._make_mirror_server(links)
        return {CLIENT_KIND: links, MIRROR_KIND: links}

    @property
    def threads(self) -> dict[str, bool]:
        """The threads, and whether each is alive."""
        links = {} if self._links is None else {NAME: self._links.is_alive}
        return links if self._listener is None else {**links, f"{NAME}-listener": self._listener.is_alive}

    def note_published(self, published: Sequence[PublishedEvent]) -> None:
        """Note changes that were published, on the orchestrator thread."""
        if self._server is not None and self._mirrors is not None:
            self._server.note_events([each.event for each in published])
            self._mirrors.note_published(published)

    def open(self, endpoint: Endpoint) -> None:
        """Listen for clients alone, if the settings say so; accept no connection yet.

        Args:
            endpoint: that of the node's other links.

        Raises:
            BindError: the node cannot listen on that address.
            ConfigError: the name to listen on is beyond loopback, and there is no authentication.
        """
        address, config = self._config.clients_address, self._config
        if address is None or self._links is None:
            return
        self._listener = listener = Listener(
            address,
            replace(endpoint, name=NAME),
            is_known_peer=lambda _: True,
            kinds=(),
            shared={CLIENT_KIND: self._links},
            uids=config.client_uids or None,
        )
        try:
            listener.open()
        except OSError as error:
            raise BindError(error.errno, error.strerror or str(error), config.clients_listen) from error
        if not address.is_unix:  # again, now that its name is an address
            check_exposure(str(address), listener.bound.host, has_security=config.has_security, name="clients_listen")

    def start(self) -> None:
        """Serve clients and mirrors.

        Raises:
            RuntimeError: there is no thread.
        """
        if self._links is not None:
            self._links.start()
        if self._listener is not None:
            self._listener.start()

    def stop(self, timeout: float) -> bool:
        """End every link with a Bye; return whether the threads have ended in time (seconds)."""
        deadline = Deadline(timeout)
        is_done = self._listener is None or self._listener.stop(deadline.remaining_s)
        return (self._links is None or self._links.stop(deadline.remaining_s)) and is_done

    def _receive(self, event: LinkEvent) -> None:
        assert self._server is not None
        assert self._mirrors is not None
        self._server.receive(event)
        self._mirrors.receive(event)

    def _turn(self) -> float | None:
        assert self._server is not None
        assert self._mirrors is not None
        waits = [each for each in (self._server.turn(), self._mirrors.turn()) if each is not None]
        return min(waits, default=None)
