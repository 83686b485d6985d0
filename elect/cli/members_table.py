"""The members of a cluster as rows of a table."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass

from elect.joining.join_passes import dialable


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member, as the node that was asked sees it."""

    node: str
    kind: str
    state: str
    address: str
    heard: str
    round_trip: str
    health: str
    note: str


HEAD = MemberRow("NODE", "KIND", "STATE", "ADDRESS", "HEARD", "RTT", "HEALTH", "NOTE")


def member_table(answer: Mapping[str, object]) -> Iterator[str]:
    """Return the members in the answer of /members, below their head, in columns; the last lines sum them up."""
    members = answer.get("members")
    found = [each for each in members if isinstance(each, Mapping)] if isinstance(members, list) else []
    is_active = answer.get("state") == "active"  # else no leader writes addresses down
    cells = [astuple(row) for row in (HEAD, *(_row(each, is_active=is_active) for each in found))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
    if not found:
        yield f"node {answer.get('node')} is in no cluster yet; `elect status` says what it waits for"
        return
    cluster_id = answer.get("cluster_id") or "without an id"
    spread = "installed by a quorum" if answer.get("has_quorum") else "not yet installed by a quorum"
    yield f"cluster {cluster_id}, configuration {answer.get('term')}.{answer.get('version')}, {spread}"
    asked = answer.get("node")
    if asked is not None and asked not in [each.get("node") for each in found]:
        yield f"node {asked} was removed, and hears of no later changes; ask a member"


def _row(member: Mapping[str, object], *, is_active: bool) -> MemberRow:
    return MemberRow(
        node=str(member.get("node")),
        kind=str(member.get("kind")),
        state=str(member.get("state")),
        address=str(member.get("address") or "-"),
        heard=_time(member.get("last_heard"), "s", 1),
        round_trip=_time(member.get("round_trip"), "ms", 1_000),
        health=_health(member),
        note=str(member.get("lacks") or (_move(member) if is_active else "")),
    )


def _move(member: Mapping[str, object]) -> str:
    """Return a note about a member that has moved; empty if the members have its address on disk."""
    written, shown = member.get("written_address"), member.get("address")
    is_moved = written is not None and dialable(str(shown)) not in (None, dialable(str(written)))
    return f"moved; the members have {written} on disk" if is_moved else ""


def _time(seconds: object, unit: str, factor: int) -> str:
    return f"{seconds * factor:.1f} {unit}" if isinstance(seconds, int | float) else "-"


def _health(member: Mapping[str, object]) -> str:
    """Return the states of a member that are true; none of them hides another one."""
    if member.get("is_self"):
        return "asked"
    states = [name for name in ("suspect", "leaving") if member.get(f"is_{name}")]
    return ", ".join(states) or "heard"
