"""JoinServer: answers the requests on the links of kind `join`, which nodes that join and other members dial.

A request is served on the thread that reads its link, which waits for the leader's change. So no request holds up
another one, and the orchestrator thread is asked by commands, as by any other thread.

Source: FORMAT.md, section 13.6; PROTOCOL.md, section 7.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from elect.core.changes import Change, ChangeRefused
from elect.core.configuration import Configuration
from elect.errors import ElectError, JoinRejected
from elect.joining.join_handler import Decision, MemberView, conclude, decide, decide_change, explain
from elect.joining.join_messages import (
    JOIN_KIND,
    Answer,
    Changed,
    ChangeRequest,
    Join,
    Joined,
    NotNow,
    Rejected,
    Request,
    shortened,
)
from elect.joining.join_token import JoinTokens, TokenBearer
from wire.common.deadline import now_s
from wire.common.log import Log, LogThrottle, suppressed_suffix
from wire.io.link_events import Event, LinkAccepted, LinkEnded, MessageReceived
from wire.protocol.address import Address
from wire.protocol.identity import LinkNumber

logger = Log(__name__)

CHANGE_S = 1.5
"""For a change, which includes the wait for one before it: the dialer waits for its answer for 2 s."""

REQUESTS_MAX = 16
"""Requests that are served at once: the leader makes one change at a time, and more would only wait for it."""

REQUESTS_PER_HOST_MAX = 8
"""Those of one address (IPv6: of one network of 64 bits): the other half is left for other addresses."""


class JoinMember(Protocol):
    """The node that is asked. Both methods may block, and are called on several threads at once."""

    def view(self) -> MemberView:
        """Return what the node knows now.

        Raises:
            ElectError: the node does not run.
        """

    def change(self, change: Change, timeout: float) -> Configuration:
        """Make a change as the leader, after an earlier one; return the configuration that a quorum has installed.

        A change that is in force already makes no new version, and waits for the quorum all the same.

        Args:
            change: the change.
            timeout: seconds.

        Raises:
            ChangeRefused: the leader refuses it.
            ElectError: a quorum has not installed it in time, or the node leads or runs no longer.
        """


class JoinServer:
    """Serves requests to join. Threads of wire call `receive`.

    Args:
        member: the node.
        send: puts an answer on a link, as `Listener.send` does.
        tokens: judges the join tokens; None: none is demanded.
    """

    def __init__(
        self,
        member: JoinMember,
        send: Callable[[str, LinkNumber, Answer], object],
        tokens: JoinTokens | None = None,
    ) -> None:
        self._member = member
        self._send = send
        self._tokens = tokens
        self._links: dict[tuple[str, LinkNumber], LinkAccepted] = {}
        self._lock = threading.Lock()
        self._served: Counter[str] = Counter()
        self._log_throttle = LogThrottle()

    def receive(self, event: Event) -> bool:
        """Handle an event of an accepted link of kind `join`; return False for all others."""
        match event:
            case LinkAccepted(kind=kind) if kind == JOIN_KIND:
                self._links[event.peer, event.number] = event
                return True
            case MessageReceived(is_dialed=False) if (event.peer, event.number) in self._links:
                if isinstance(event.message, Request):  # others are for links between peers
                    self._serve(self._links[event.peer, event.number], event.message)
                return True
            case LinkEnded():
                return self._links.pop((event.peer, event.number), None) is not None
        return False

    def _serve(self, link: LinkAccepted, asked: Request) -> None:
        host = Address.parse(link.remote).network
        with self._room(host) as has_room:
            busy = NotNow(reason=f"{REQUESTS_MAX} requests are being served, or {REQUESTS_PER_HOST_MAX} of {host}")
            answer = self._answer(link, asked) if has_room else busy
        self._log(link, answer)
        self._send(link.peer, link.number, answer)

    @contextmanager
    def _room(self, host: str) -> Iterator[bool]:
        with self._lock:
            has_room = self._served.total() < REQUESTS_MAX and self._served[host] < REQUESTS_PER_HOST_MAX
            self._served[host] += has_room
        try:
            yield has_room
        finally:
            with self._lock:
                self._served[host] -= has_room
                if not self._served[host]:
                    del self._served[host]

    def _answer(self, link: LinkAccepted, asked: Request) -> Answer:
        try:
            decision = self._decide(link, asked)
            if isinstance(decision, Answer):
                return decision
            answer = conclude(asked, self._member.change(decision, CHANGE_S))
        except ChangeRefused as refused:
            return explain(asked, refused)
        except ElectError as error:
            return NotNow(reason=shortened(str(error)))
        except ValueError as error:  # a value that this version never asks for
            return Rejected(code=JoinRejected.code, text=shortened(str(error)))
        if self._tokens is not None and isinstance(asked, Join):
            self._tokens.use(asked.token, TokenBearer(asked.node_id, asked.store_id))
        return answer

    def _decide(self, link: LinkAccepted, asked: Request) -> Decision:
        if isinstance(asked, ChangeRequest):
            return decide_change(self._member.view(), link.peer, link.identity.store, asked)
        if asked.node_id != link.peer:  # the handshake has proved the id of the link
            return Rejected(code=JoinRejected.code, text=f"node {link.peer} asks for node {asked.node_id}")
        fault: str | None = None
        if self._tokens is not None:
            fault = self._tokens.fault(asked.token, TokenBearer(asked.node_id, asked.store_id))
        return decide(self._member.view(), asked, fault)

    def _log(self, link: LinkAccepted, answer: Answer) -> None:
        match answer:
            case Joined():
                logger.info("+ node %s at %s joined", link.peer, link.remote)
            case Changed():
                logger.info("+ node %s changed the members to %s", link.peer, " ".join(answer.configuration.node_ids))
            case Rejected():
                held = self._log_throttle.admit_line(answer.code, now_s())
                if held is not None:
                    logger.warning("! refused (%s): %s%s", answer.code, answer.text, suppressed_suffix(held))
            case _:
                logger.debug("+ node %s asked in vain: %s", link.peer, answer)
