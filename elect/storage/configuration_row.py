"""A configuration as the row of a table, and back."""

import json
from collections.abc import Sequence
from hashlib import blake2b

from elect.core.configuration import ClusterState, Configuration, Member, MemberKind

Row = tuple[int, int, int, bytes | None, bytes | None, str, str, str, int]
"""Term, version, floor, cluster id, proposed cluster id, the members as JSON, state, successor, and promotion floor."""

_NO_SITE = (ClusterState.ACTIVE.value, "", 0)
"""The last three columns of a configuration that was stored before there were any."""

_COLUMNS_3 = 6


def row_of(configuration: Configuration) -> Row:
    """Return the row of a configuration."""
    members = json.dumps([_fields(member) for member in configuration.members])
    return (
        configuration.term,
        configuration.version,
        configuration.floor,
        configuration.cluster_id,
        configuration.proposed_cluster_id,
        members,
        configuration.state.value,
        configuration.successor,
        configuration.promotion_floor,
    )


def configuration_of(row: Sequence[object]) -> Configuration:
    """Return the configuration in a row.

    Raises:
        ValueError: the row holds none.
    """
    match (*row, *_NO_SITE) if len(row) == _COLUMNS_3 else tuple(row):
        case (
            int(term),
            int(version),
            int(floor),
            (bytes() | None) as cluster_id,
            (bytes() | None) as proposed_cluster_id,
            str(text),
            str(state),
            str(successor),
            int(promotion_floor),
        ):
            members = tuple(_member(fields) for fields in json.loads(text))
            return Configuration(
                members=members,
                term=term,
                version=version,
                floor=floor,
                cluster_id=cluster_id,
                proposed_cluster_id=proposed_cluster_id,
                state=ClusterState(state),
                successor=successor,
                promotion_floor=promotion_floor,
            )
    raise ValueError("a column has a wrong type")


def digest_of(row: Sequence[object]) -> str:
    """Return a short text for a checksum, which covers addresses too."""
    return blake2b(repr(tuple(row)).encode(), digest_size=16).hexdigest()


def _fields(member: Member) -> dict[str, object]:
    return {
        "id": member.node_id,
        "kind": member.kind.value,
        "is_voter": member.is_voter,
        "store": None if member.store_id is None else member.store_id.hex(),
        "address": member.address,
    }


def _member(fields: object) -> Member:
    match fields:
        case {
            "id": str(node_id),
            "kind": str(kind),
            "is_voter": bool(is_voter),
            "store": (str() | None) as store,
            "address": (str() | None) as address,
        }:
            return Member(
                node_id=node_id,
                kind=MemberKind(kind),
                is_voter=is_voter,
                store_id=None if store is None else bytes.fromhex(store),
                address=address,
            )
    raise ValueError("a member is not valid")
