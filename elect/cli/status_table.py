"""The status of nodes as rows of a table."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import astuple, dataclass

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


def rows(status: Mapping[str, object], names: Collection[str]) -> Iterator[StatusRow]:
    """Return a row for each election.

    Args:
        status: the answer of /status.
        names: the elections to show; none: the first few.
    """
    node = str(status.get("node", "?"))
    supported = [bool(peer.get("is_supported")) for peer in _tables(status, "peers")]
    peers = f"{sum(supported)}/{len(supported)}"
    elections = _tables(status, "elections")
    wanted = (
        [election for election in elections if election.get("name") in names] if names else elections[:ELECTIONS_MAX]
    )
    for election in wanted:
        yield _row(node, peers, status, election)
    missing = sorted(set(names) - {str(election.get("name")) for election in elections})
    yield from (StatusRow(node, name, peers=peers, note="unknown election") for name in missing)
    if not names and len(elections) > len(wanted):
        yield StatusRow(node, note=f"{len(elections) - len(wanted)} more elections: name them with --election")


def table(shown: Collection[StatusRow]) -> Iterator[str]:
    """Return the rows below their head, in columns."""
    cells = [astuple(row) for row in (HEAD, *shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


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
    for name, note in (("is_paused", "paused"), ("is_removed", "removed")):
        if status.get(name):
            yield note
    for name, note in (("is_healthy", "unhealthy"), ("is_storing", "data_dir fails")):
        if status.get(name) is False:
            yield note


def _tables(status: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    values = status.get(name)
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []
