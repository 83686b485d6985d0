"""The kind in the settings of a node, and the kind that the members give it: the members decide, and say so.

Nobody wants a node to do more than its own settings say: a witness that leads may have no application to lead with. So
such a node is not let in. Once it is a member under its own store an operator may have changed its kind, and then it
only warns.
"""

from elect.core.configuration import Member, MemberKind

_RISING = (MemberKind.OBSERVER, MemberKind.WITNESS, MemberKind.VOTER)
"""Each does what the one before does, and more."""


def does_more(member: Member, kind: MemberKind) -> bool:
    """Return whether a member does more than the kind in its settings."""
    return _RISING.index(member.kind) > _RISING.index(kind)


def why_refused(member: Member, kind: MemberKind) -> str:
    """Return the sentence about a node that would do more than the kind in its settings."""
    return (
        f"the members have {member.node_id} as {member.kind}, and its settings say kind = {kind}; set kind ="
        f' "{member.kind}" there, or run `elect members remove` for it, after which it joins as {kind}'
    )


def difference(member: Member | None, kind: MemberKind) -> str:
    """Return the sentence about a member whose settings name another kind; empty if they do not."""
    if member is None or member.kind is kind:
        return ""
    change = "demote" if kind is MemberKind.OBSERVER else f"promote --kind {kind}"
    return (
        f"the members have {member.node_id} as {member.kind}, and kind = {kind} in its settings is not used; set kind ="
        f' "{member.kind}" there, or run `elect members {change}`'
    )
