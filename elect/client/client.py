"""Client: finds the leader from outside the cluster, and calls it."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Self, TypeVar

from elect.client.client_links import join_all
from elect.client.client_view import ClientView, SeenTerm
from elect.client.endpoints import Endpoints, ProbeTarget, endpoints_of
from elect.client.leader_call import LeaderCall
from elect.client.leader_finder import LeaderFinder
from elect.client.survey import EndpointStatus, Survey
from elect.clock import NS_PER_S, now_ns
from elect.config.config import Config
from elect.core.messages import check_name
from elect.errors import ClientClosed, LeaderUnavailable
from elect.leader import Leader
from elect.monitoring.member_status import MemberStatus, membership
from elect.monitoring.peer_health import PeerHealth
from elect.observing.observer_messages import MembersReport
from elect.observing.observer_settings import ObserverSettings
from wire.common import arguments
from wire.common.native import check_native
from wire.links.connect import Dialing
from wire.protocol.address import Address
from wire.security.security import Security

Result = TypeVar("Result")

CLOSE_S = 1.0
"""For the threads of all links: a thread takes at most a write's time, unless it waits for the lookup of a name."""

TIMEOUT_S = 10.0
"""The default: ten times the longest wait for a new leader after a crash, with the default `support_duration`."""


class Client:
    """Finds the leader of a cluster from outside, and calls it. Any thread may use it.

        with Client(["10.0.0.1:7101", "10.0.0.2:7101"], cluster="orders", key_file="cluster.key") as client:
            answer = client.call(lambda leader: post(leader.metadata["http"], order, timeout=client.remaining))

    The constructor connects to nothing; the first use does. From then on the client keeps a connection to one node,
    which tells it of each change, and moves on to another node when that one goes. The list of endpoints follows the
    members of the cluster.

    A leader is ready when the leader itself has said on an open connection that it leads, on a lease that is valid now,
    as a member. A term that was seen is never gone back from. A cluster that is made anew under the same name begins
    with term 1, and needs a new client.

    Without authentication a client believes only nodes on its own machine, at Unix sockets, and at loopback addresses
    if it was given one. If the leader is elsewhere, the word of a node counts that has heard it within the last second.
    So it does for a leader that has no room for another client.

    After a fork the child has connections of its own. Each wait has one deadline, which covers lookups of names, dials
    and answers; a lookup that hangs is left behind on a thread. A client has at most 16 threads, and `status` 16 more.

    In asyncio, call the methods with `asyncio.to_thread`. A signal handler may call `close`, and nothing else.

    Args:
        endpoints: the addresses of some nodes, 1 to 64, such as "10.0.0.1:7101". A name may have those of several.
        cluster: the name of the cluster.
        name: the name of this client; 1 to 40 of A-Z a-z 0-9 . _ -. A certificate must name `client/NAME`.
        key_file: the path of a file with the shared keys of the cluster.
        tls: the paths of the `certificate`, its `key` and the `ca`, in PEM.
        pins: as of a Config.
        insecure: True permits endpoints beyond loopback without authentication.

    Raises:
        ConfigError: a value breaks a rule.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        cluster: str,
        name: str = "client",
        key_file: str | os.PathLike[str] | None = None,
        tls: Mapping[str, str | os.PathLike[str]] | None = None,
        pins: Mapping[str, str] | None = None,
        insecure: bool = False,
    ) -> None:
        self._settings = ObserverSettings(
            endpoints=endpoints,
            cluster=cluster,
            name=name,
            key_file=key_file,
            tls=tls,
            pins=pins,
            insecure=insecure,
        )
        self._is_closed = False
        self._local = threading.local()
        self._terms: dict[str, SeenTerm] = {}
        self._reset()
        _living.add(self)

    @classmethod
    def from_config(
        cls, config: Config, *, name: str = "client", tls: Mapping[str, str | os.PathLike[str]] | None = None
    ) -> Self:
        """Return a client of the cluster of a node, with the node's addresses, peers, seeds, keys and pins.

        Args:
            config: the settings of the node.
            name: as of the class.
            tls: as of the class; None: the files of the node, whose certificate must name `client/NAME`, too.

        Raises:
            TypeError: `config` is no Config.
            ConfigError: a value breaks a rule.
        """
        arguments.check_type("config", config, Config, "a Config")
        return cls(
            endpoints_of(config),
            cluster=config.cluster,
            name=name,
            key_file=config.key_file,
            tls=config.tls if tls is None else tls,
            pins=config.pins,
            insecure=config.insecure,
        )

    def leader(self, election: str = "default", timeout: float | None = TIMEOUT_S) -> Leader:
        """Return the leader, as soon as one is ready.

        Args:
            election: its name.
            timeout: seconds to wait, 0 or more; None waits without limit.

        Returns:
            The leader. Its `as_of` is the time of its report, by this process's clock.

        Raises:
            TypeError: `election` is no text, or `timeout` no number.
            ValueError: `election` is no name of an election, `timeout` is below 0, or too many elections are in use.
            LeaderUnavailable: no leader was ready in time, or all endpoints refuse this client.
            ConfigError: a file of keys or certificates cannot be used.
            ClientClosed: the client is closed.
        """
        name, seconds = _election(election), arguments.bounded_seconds("timeout", timeout)
        return self._wait(name, seconds, lambda finder, now: finder.ready_leader(name, now))

    def watch(self, election: str = "default") -> Iterator[Leader | None]:
        """Yield the leader as far as it is known, or None: at once, and after each change. Ends when the client closes.

        A slow reader misses leaders between, never the latest. These leaders are as the nodes name them, and need not
        be ready. Raises as `leader`, except LeaderUnavailable.
        """
        name = _election(election)
        self._find()
        return self._watch(name)

    def members(self, timeout: float | None = TIMEOUT_S) -> tuple[MemberStatus, ...]:
        """Return the members of the cluster, sorted by id, as the node that this client is connected to reports them.

        Their `health` says only whether that node hears them. Takes and raises the same as `leader`.
        """
        seconds = arguments.bounded_seconds("timeout", timeout)

        def find(finder: LeaderFinder, _: int) -> tuple[str, MembersReport] | None:
            return finder.view.members if finder.has_link else None

        try:
            return _members(*self._wait("default", seconds, find))
        except LeaderUnavailable as error:
            error.election, error.awaited = "", "a report of the members"
            raise

    def followers(self, election: str = "default", timeout: float | None = TIMEOUT_S) -> tuple[MemberStatus, ...]:
        """Return the members that the leader hears, without the leader. Takes and raises the same as `leader`."""
        name, seconds = _election(election), arguments.bounded_seconds("timeout", timeout)

        def find(finder: LeaderFinder, now: int) -> tuple[str, MembersReport] | None:
            ready = finder.view.ready(name, now)
            report = None if ready is None else finder.view.reported_members(ready[0])
            return None if ready is None or report is None else (ready[1].node_id, report)

        leader_id, report = self._wait(name, seconds, find)
        return tuple(
            member
            for member in _members(leader_id, report)
            if member.node_id != leader_id and member.node_id in report.heard
        )

    def status(self, timeout: float | None = TIMEOUT_S, *, election: str = "default") -> tuple[EndpointStatus, ...]:
        """Ask each endpoint, and return what each one says. An endpoint that does not answer takes half a second.

        Args:
            timeout: seconds for all of them, 0 or more; None: no limit.
            election: the name of the election that they are asked about.

        Raises:
            TypeError, ValueError, ConfigError, ClientClosed: as `leader`.
        """
        name, seconds = _election(election), arguments.bounded_seconds("timeout", timeout)
        deadline_ns = _ends_ns(seconds)
        finder = self._find()
        survey = self._survey
        assert survey is not None
        found: list[EndpointStatus] = []
        with survey.turns.take(_left_s(deadline_ns)) as is_free:
            if not is_free:
                late = "not asked in time"
                return tuple(EndpointStatus(address=each, error=late) for each in self._settings.endpoints)
            asked = set[Address]()
            while new := [target for target in finder.targets() if target.address not in asked]:
                asked.update(target.address for target in new)
                found += survey.ask(new, name, _left_s(deadline_ns))
                self._find()
        return tuple(found)

    def call(
        self,
        work: Callable[[Leader], Result],
        *,
        election: str = "default",
        timeout: float | None = TIMEOUT_S,
        idempotent: bool = False,
    ) -> Result:
        """Call `work(leader)` in this thread until it returns; return its result.

        It is called again, with the next leader that is ready, when it raises:
        - `NotLeader`: the node that it called does not lead. A `leader` in it is tried first; its `node_id` is enough.
        - an OSError of a connect (refused, unreachable, a name without an address): nothing was sent. Its traceback
          shows `socket.create_connection`, or ends in a function named `connect`. One that timed out shows the former.
        - another error of a connection (reset, timed out, closed without an answer), if `idempotent` is True.

        An error of a library counts as the OSError that is its `__cause__`.

        Args:
            work: gets the leader; `leader.metadata` is how it finds its own endpoint. It has to use `remaining` for its
                own timeouts: nothing ends it.
            election: the name of the election.
            timeout: seconds for all of it, 0 or more; None: no limit.
            idempotent: it does no harm to do twice what `work` asks for.

        Raises:
            CallInterrupted: the connection broke, the call may have been carried out, and it is not idempotent.
            LeaderUnavailable: the time is over. `__cause__` is the latest error of `work`.
            Exception: any other one that `work` raises.
            TypeError, ValueError, ConfigError, ClientClosed: as `leader`.
        """
        arguments.check_callable("work", work)
        name, seconds = _election(election), arguments.bounded_seconds("timeout", timeout)
        is_idempotent = arguments.flag("idempotent", idempotent)
        deadline_ns = _ends_ns(seconds)
        call = LeaderCall(self._find, name, seconds, deadline_ns=deadline_ns, is_idempotent=is_idempotent)
        outer = getattr(self._local, "deadline_ns", None)
        self._local.deadline_ns = deadline_ns if outer is None else min(outer, deadline_ns)
        try:
            return call.run(work)
        finally:
            self._local.deadline_ns = outer

    @property
    def remaining(self) -> float:
        """The seconds left for the `call` that runs on this thread; infinite outside of one."""
        deadline_ns = getattr(self._local, "deadline_ns", None)
        return float("inf") if deadline_ns is None else _left_s(deadline_ns)

    def close(self) -> None:
        """End all connections, waits and watches within a second. Idempotent; from any thread."""
        self._is_closed = True
        with self._lock:
            finder, survey = self._finder, self._survey
        if finder is not None and survey is not None:
            _stop(finder, survey)
            join_all([*finder.threads, *survey.threads], CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._settings.name!r} of cluster {self._settings.cluster!r}>"

    def become_forked(self) -> None:
        """Begin anew, in a child: its parent's threads are not here, and one of them may have held a lock."""
        self._keep_finder()
        if self._finder is not None:
            self._terms = self._finder.view.terms
        _kept.append((self._finder, self._survey))  # the child runs no finalizers of what its parent uses
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.RLock()  # a signal handler may interrupt its owner and close the client
        self._keep_finder: Callable[[], object] = lambda: None
        self._finder: LeaderFinder | None = None
        self._survey: Survey | None = None

    def _find(self) -> LeaderFinder:
        """Return the finder of this process, made on first use."""
        with self._lock:
            if self._finder is None and not self._is_closed:
                check_native()
                make_dialing = partial(_dialing, self._settings, self._settings.load_security())
                endpoints = Endpoints(self._settings.addresses, self._settings.is_believed)
                view = ClientView(self._terms)
                finder = LeaderFinder(self._settings.name, endpoints, make_dialing, view=view)
                self._survey = survey = Survey(make_dialing, finder.note_members, now_ns)
                finalizer = weakref.finalize(self, _stop, finder, survey)  # of a client that nobody closed
                finalizer.atexit = False
                self._keep_finder = finalizer.detach
                self._finder = finder  # at last: Ctrl-C may come in between
            if self._finder is None or self._is_closed:  # also by a signal handler meanwhile
                raise ClientClosed(self._settings.name)
            return self._finder

    def _wait(self, election: str, seconds: float, find: Callable[[LeaderFinder, int], Result | None]) -> Result:
        deadline_ns = _ends_ns(seconds)
        finder = self._find()  # its first call imports modules and reads files
        try:
            return finder.wait_for(election, partial(find, finder), deadline_ns)
        except LeaderUnavailable as error:
            error.timeout = seconds
            raise

    def _watch(self, election: str) -> Iterator[Leader | None]:
        seen, finder = -1, None
        while True:
            try:
                current = self._find()
                if current is not finder:  # the first one, or the one of a forked child
                    finder, seen = current, -1
                with finder.using(election):
                    change = finder.wait_for_change(election, seen)
            except ClientClosed:
                return
            if change is None:
                return
            seen, leader = change
            yield leader


def _stop(finder: LeaderFinder, survey: Survey) -> None:
    survey.cancel()
    finder.stop()


def _dialing(settings: ObserverSettings, security: Security, target: ProbeTarget) -> Dialing:
    return settings.dialing(target.to, security)


def _ends_ns(seconds: float) -> int:
    return now_ns() + int(seconds * NS_PER_S)


def _left_s(deadline_ns: int) -> float:
    return max(0.0, (deadline_ns - now_ns()) / NS_PER_S)


def _election(value: object) -> str:
    name = arguments.text("election", value)
    check_name("election", name)
    return name


def _members(node_id: str, report: MembersReport) -> tuple[MemberStatus, ...]:
    """Return the members as the node that sent the report sees them."""
    return membership(
        report.configuration,
        node_id,
        supported_by=(),
        installed_by=(node_id,),
        lacks={},
        address=report.addresses.get,
        health=lambda each: PeerHealth(is_suspect=each not in report.heard),
    ).members


_living: "weakref.WeakSet[Client]" = weakref.WeakSet()
_kept: list[object] = []


def _notify_clients() -> None:
    for client in list(_living):
        client.become_forked()


os.register_at_fork(after_in_child=_notify_clients)
