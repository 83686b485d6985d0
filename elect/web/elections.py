"""The elections of a node, those without a leader first: a part of the list, for pages that cannot show all of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from elect.web.http_values import Refused, Request, Response, reply
from elect.web.node_protocol import NodeProtocol
from wire.common.deadline import now_s

LIMIT_MAX = 200
"""Each election in an answer costs the orchestrator thread some microseconds."""

LIMIT = 100
SEARCH_LENGTH_MAX = 64
FRESH_S = 0.25
"""Many pages ask at the same time after a failover; one reading of the leaders is enough for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The leaders at one moment.

    Attributes:
        made_at: in seconds.
        leaders: by election.
        ordered: all elections, those without a leader first, then by name.
        leaderless: the number of those without a leader.
    """

    made_at: float
    leaders: Mapping[str, str | None]
    ordered: list[str]
    leaderless: int


class ElectionList:
    """Lists elections from published state. Any thread may call it.

    Args:
        node: whose elections they are.
    """

    def __init__(self, node: NodeProtocol) -> None:
        self._node = node
        self._names: list[str] = []
        self._reading = _Reading(made_at=0.0, leaders={}, ordered=[], leaderless=0)

    def counts(self) -> dict[str, object]:
        """Return how many elections there are, how many have no leader, and how many this node leads."""
        reading, node_id = self._read(), self._node.config.node
        led = sum(leader == node_id for leader in reading.leaders.values())
        return {"total": len(reading.ordered), "leaderless": reading.leaderless, "led": led}

    def first(self, count: int) -> list[str]:
        """Return the names of the first elections."""
        return self._read().ordered[:count]

    def find(self, search: str, *, is_leaderless: bool = False) -> list[str]:
        """Return the names of the elections that match.

        Args:
            search: a part of the name, in any case, or the id of the leader; empty: all.
            is_leaderless: only those without a leader.
        """
        reading, part = self._read(), search.lower()
        names = reading.ordered[: reading.leaderless] if is_leaderless else reading.ordered
        return [name for name in names if part in name.lower() or reading.leaders[name] == search] if part else names

    def _read(self) -> _Reading:
        # Another thread may replace the reading and the names at any time: each is read once.
        reading, names, now = self._reading, self._names, now_s()
        if now - reading.made_at >= FRESH_S:
            leaders = self._node.known_leaders
            if len(leaders) != len(names):  # none is ever removed
                self._names = names = sorted(leaders)
            leaderless = [name for name in names if leaders[name] is None]
            ordered = leaderless + [name for name in names if leaders[name] is not None]
            reading = _Reading(made_at=now, leaders=leaders, ordered=ordered, leaderless=len(leaderless))
            self._reading = reading
        return reading


def elections(listed: ElectionList, node: NodeProtocol, request: Request) -> Response:
    """Return some elections: `?search=TEXT&leaderless=1&offset=N&limit=N`."""
    search = request.field("search")
    if len(search) > SEARCH_LENGTH_MAX:
        raise Refused(HTTPStatus.BAD_REQUEST, f"search may have at most {SEARCH_LENGTH_MAX} characters")
    offset, limit = _number(request, "offset", 0, 10**9), _number(request, "limit", LIMIT, LIMIT_MAX)
    names = listed.find(search, is_leaderless=_number(request, "leaderless", 0, 1) == 1)
    found = node.status(names[offset : offset + limit]).to_dict()
    content = {"node": node.config.node, "now": found.get("now"), **listed.counts()}
    return reply(
        HTTPStatus.OK, {**content, "matched": len(names), "offset": offset, "elections": found.get("elections")}
    )


def _number(request: Request, name: str, default: int, most: int) -> int:
    text = request.field(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name} must be a number from 0 to {most}")
    return int(text)
