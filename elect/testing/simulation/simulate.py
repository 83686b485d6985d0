"""One hostile world from beginning to end: what `elect simulate` runs, and what replays a violation."""

from collections.abc import Callable

from elect.testing.faults.presets import hostile
from elect.testing.simulation.simulation import Simulation
from elect.testing.simulation.violation import InvariantViolation
from elect.testing.soak.interruption import interruption
from wire.common import arguments


def simulate(*, seed: int, nodes: int, seconds: float, write: Callable[[str], object]) -> int:
    """Run one world with every kind of fault, heal it, and write its transcript and what it met.

    Args:
        seed: fixes everything.
        nodes: how many.
        seconds: virtual time with faults; the healing comes on top.
        write: takes text, as `sys.stdout.write` does.

    Returns:
        The command's exit code: 0, or 1 after a violation, which is written with the command that replays it, or 128
        and the number of the signal that interrupted it.
    """
    arguments.check_callable("write", write)
    simulation = Simulation(hostile(seed, nodes))
    violation: InvariantViolation | None = None

    def live() -> None:
        simulation.run(seconds)
        simulation.settle()

    try:
        interruption.attempt(live)
    except InvariantViolation as error:
        violation = error
    write(simulation.transcript + "\n")
    if violation is not None:
        write(f"{violation.invariant}: {violation.detail}\nreplay: {violation.replay}\n")
        return 1
    met = ", ".join(f"{name}: {count}" for name, count in sorted(simulation.met.items()))
    end = "interrupted; " if interruption.number else ""
    write(f"{end}no violation in {simulation.now:g} virtual seconds; {met}\n")
    return interruption.status(0)
