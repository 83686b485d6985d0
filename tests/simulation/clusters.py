"""A cluster that has a leader."""

from elect.testing import Options, Simulation

DRIFT = 0.01


def steady(nodes: int = 3, seed: int = 1, **changes: object) -> tuple[Simulation, str, list[str]]:
    """Return a cluster that has a leader, the leader, and the other nodes."""
    simulation = Simulation(Options(nodes=nodes, seed=seed, drift=DRIFT, **changes))
    simulation.run(2)
    leader = simulation.leader()
    assert leader is not None
    return simulation, leader, [node_id for node_id in "abcde"[:nodes] if node_id != leader]
