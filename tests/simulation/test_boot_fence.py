"""A cluster that restarts, as a whole or node by node, elects without waiting for a boot fence.

Source: PROTOCOL.md, section 4, "Boot fence".
"""

import pytest

from elect.testing import Options, Simulation


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_a_cluster_that_restarts_as_a_whole_elects_at_once(seed, closes):
    options = Options(seed=seed)
    simulation = Simulation(options)
    simulation.run(3)
    for node_id in "abc":
        simulation.crash(node_id, closes=closes)
    for node_id in "abc":
        simulation.restart(node_id)
    assert simulation.run_until(lambda: simulation.leader() is not None, options.support_duration / 2)


@pytest.mark.parametrize("seed", range(4))
def test_a_peer_that_is_gone_for_good_delays_one_restart(seed):
    """Those that restart later have struck it off."""
    options = Options(seed=seed)
    simulation = Simulation(options)
    simulation.run(3)
    gone, *others = sorted("abc", key=lambda node_id: node_id == simulation.leader())
    simulation.crash(gone, closes=False)
    simulation.run(3)
    for node_id in others:
        simulation.crash(node_id)
    for node_id in others:
        simulation.restart(node_id)
    assert simulation.run_until(lambda: simulation.leader() is not None, options.support_duration / 2)
