"""One change of the members, asked of one node."""

from typing import TYPE_CHECKING

from elect.core.changes import Change, ChangeRefused

if TYPE_CHECKING:
    from elect.core.elector import Elector
    from elect.core.ready import Ready
    from elect.testing.world.process import Process


def ask(process: "Process", change: Change) -> ChangeRefused | None:
    """Ask a node that runs for a change; return its refusal, or None: the change is made, or the node stalls."""
    refusals: list[ChangeRefused] = []

    def act(elector: "Elector", now: int) -> "Ready":
        try:
            ready = elector.change_members(now, change)
        except ChangeRefused as refused:
            refusals.append(refused)
            process.world.note(str(process), f"refuses {_words(change)}: {refused.refusal}")
            for observer in process.world.observers:
                observer.refused(process, change, refused.refusal)
            return elector.tick(now)
        return ready

    process.world.note(str(process), f"is asked for {_words(change)}")
    process.do(act)
    return refusals[0] if refusals else None


def _words(change: Change) -> str:
    """Return a change as text: its kind, the node, and the part that the node gets."""
    parts = (type(change).__name__, getattr(change, "node_id", ""), getattr(change, "kind", None) or "")
    return " ".join(part for part in parts if part)
