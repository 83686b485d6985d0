"""The status of nodes as rows of a table."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import astuple, dataclass

from elect.cli.terminal import Colors
from elect.monitoring.member_phase import REMOVED_REMEDY, MemberPhase

ELECTIONS_MAX = 10
"""A table stays readable; `--election` shows others by name."""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One node's view of one election."""

    node: str
    election: str = "-"
    role: str = "-"
    term: str = "-"
    leader: str = "-"
    lease: str = "-"
    peers: str = "-"
    note: str = ""


HEAD = StatusRow("NODE", "ELECTION", "ROLE", "TERM", "LEADER", "LEASE", "PEERS", "NOTE")


def election_rows(status: Mapping[str, object], names: Collection[str]) -> Iterator[StatusRow]:
    """Return a row for each election.

    Args:
        status: the answer of /status.
        names: the elections to show; none: the first few.
    """
    node = str(status.get("node", "?"))
    supported = [bool(peer.get("is_supported")) for peer in entries(status, "peers")]
    peers = f"{sum(supported)}/{len(supported)}"
    elections = entries(status, "elections")
    wanted = (
        [election for election in elections if election.get("name") in names] if names else elections[:ELECTIONS_MAX]
    )
    for election in wanted:
        yield _row(node, peers, status, election)
    missing = sorted(set(names) - election_names(status))
    yield from (StatusRow(node, name, peers=peers, note="unknown election") for name in missing)
    if not elections and not names:
        yield StatusRow(node, peers=peers, note="; ".join(_node_notes(status)))
    if not names and len(elections) > len(wanted):
        more = len(elections) - len(wanted)
        yield StatusRow(node, note=f"{more} more elections: name them with --election, or see elect top")


def election_names(status: Mapping[str, object]) -> set[str]:
    """Return the names of the elections in an answer of /status."""
    return {str(election.get("name")) for election in entries(status, "elections")}


def table(shown: Collection[StatusRow], colors: Colors, width: int | None = None) -> Iterator[str]:
    """Return the rows below their head, in columns.

    Args:
        shown: the rows.
        colors: with colours or without: green leads, yellow has a note, red does not answer.
        width: the most columns; None: no limit.
    """
    cells = [astuple(row) for row in (HEAD, *shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row, colour in zip(cells, ("dim", *map(_colour, shown)), strict=True):
        line = "  ".join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()[:width]
        yield line if colour is None else colors(line, colour)


def _colour(row: StatusRow) -> str | None:
    if row.note:
        return "red" if "does not answer" in row.note else "yellow"
    return "green" if row.lease != "-" else None


def _row(node: str, peers: str, status: Mapping[str, object], election: Mapping[str, object]) -> StatusRow:
    return StatusRow(
        node=node,
        election=str(election.get("name")),
        role=str(election.get("role", "-")),
        term=str(election.get("term", "-")),
        leader=str(election.get("leader") or "-"),
        lease=_lease(election),
        peers=peers,
        note="; ".join(_notes(status, election)),
    )


def _lease(election: Mapping[str, object]) -> str:
    if not election.get("is_leader"):
        return "-"
    remaining = election.get("lease_remaining")
    return f"{remaining:.2f} s" if isinstance(remaining, int | float) else "no limit"


def _notes(status: Mapping[str, object], election: Mapping[str, object]) -> Iterator[str]:
    why = election.get("why_no_leader")
    if isinstance(why, Mapping):
        yield str(why.get("text"))
    elif isinstance(doubled := status.get("doubled"), Mapping):
        yield from map(str, doubled.values())
    yield from _node_notes(status)


def _node_notes(status: Mapping[str, object]) -> Iterator[str]:
    """Yield what is to be noted of the node in every election."""
    yield from _member_notes(status)
    if status.get("is_paused"):
        yield "paused"
    for name, note in (("is_healthy", "unhealthy"), ("is_storing", "data_dir fails")):
        if status.get(name) is False:
            yield note


def _member_notes(status: Mapping[str, object]) -> Iterator[str]:
    """Yield the phase of the node, unless it is ready, and its part in the cluster, unless it is that of a voter."""
    yield from phase_notes(status)
    membership = status.get("membership")
    for member in entries(membership, "members") if isinstance(membership, Mapping) else []:
        if member.get("is_self") and (state := member.get("state")) != "voter":
            yield str(state)


def cluster_state(status: Mapping[str, object]) -> str:
    """Return the state of the cluster in a status: active, too, if it does not say."""
    membership = status.get("membership")
    return str(membership.get("state", "active")) if isinstance(membership, Mapping) else "active"


def phase_notes(status: Mapping[str, object]) -> Iterator[str]:
    """Yield the phase of the node as a member, unless it is ready."""
    if (phase := status.get("lifecycle", "ready")) != "ready":
        yield f"{phase}: {REMOVED_REMEDY}" if phase == MemberPhase.REMOVED.value else str(phase)


def entries(status: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """Return the tables in a list of a status; none if there is no such list: the node may have another version."""
    values = status.get(name)
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
