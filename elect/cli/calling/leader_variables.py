"""The leader as text for scripts: an address, JSON, or variables of the environment. Pure."""

import json
import re
import shlex
from collections.abc import Mapping

from elect.leader import Leader

PREFIX = "ELECT_LEADER"
REMAINING = "ELECT_REMAINING"
NONE = "none"
"""An address has a colon, so this is none."""

FORMATS = ("address", "json", "env")

VARIABLES_HELP = """variables:
  ELECT_LEADER           its address, host:port; empty if it is not known
  ELECT_LEADER_ID        its id
  ELECT_TERM             its term, also as ELECT_TOKEN: send it with each write
  ELECT_LEADER_METADATA  the metadata of its configuration, in JSON
  ELECT_LEADER_METADATA_NAME
                         one entry, as ELECT_LEADER_METADATA_HTTP for `http`
"""


def variables(leader: Leader | None) -> dict[str, str]:
    """Return the variables of a leader; without one they are empty.

    An entry of the metadata has a variable of its own, with its name in capitals and `_` for other characters than
    letters and digits. It has none if another entry has the same, or if its value has control characters.
    """
    metadata = {} if leader is None else dict(leader.metadata)
    names = [_variable(name) for name in metadata]
    return {
        PREFIX: (leader.address or "") if leader else "",
        f"{PREFIX}_ID": leader.node_id if leader else "",
        "ELECT_TERM": str(leader.term) if leader else "",
        "ELECT_TOKEN": str(leader.term) if leader else "",
        f"{PREFIX}_METADATA": json.dumps(metadata),
        **{
            _variable(name): value
            for name, value in metadata.items()
            if names.count(_variable(name)) == 1 and value.isprintable()
        },
    }


def environment(base: Mapping[str, str], leader: Leader, remaining_s: float) -> dict[str, str]:
    """Return the environment of a program that calls the leader.

    Args:
        base: the environment of this process; variables of another leader are left out.
        leader: the leader.
        remaining_s: the seconds that the program has.
    """
    kept = {name: value for name, value in base.items() if name != PREFIX and not name.startswith(f"{PREFIX}_")}
    return kept | variables(leader) | {REMAINING: f"{remaining_s:.3f}"}


def as_text(leader: Leader | None, form: str, election: str, *, is_one_line: bool) -> str:
    """Return the leader in one of FORMATS, without a newline at the end.

    Args:
        leader: the leader, or None.
        form: the format.
        election: its name.
        is_one_line: put all variables on one line.
    """
    match form:
        case "json":
            return json.dumps({"election": election, **_fields(leader)})
        case "env":
            pairs = [f"{name}={shlex.quote(value)}" for name, value in variables(leader).items()]
            return (" " if is_one_line else "\n").join(pairs)
        case _:
            return NONE if leader is None else leader.address or NONE


def _fields(leader: Leader | None) -> dict[str, object]:
    if leader is None:
        return {"leader": None, "term": None, "address": None, "metadata": {}}
    return {
        "leader": leader.node_id,
        "term": leader.term,
        "address": leader.address,
        "metadata": dict(leader.metadata),
    }


def _variable(name: str) -> str:
    return f"{PREFIX}_METADATA_{re.sub('[^A-Z0-9]', '_', name.upper())}"
