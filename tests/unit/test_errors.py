"""The texts of the errors: each says what is wrong and what to do."""

import pytest

from elect.errors import NotLeader
from elect.leader import Leader


@pytest.mark.parametrize(
    ("leader", "said"),
    [
        (None, "no leader is known; try again when one is elected: `elect status` says what it waits for"),
        (Leader(node_id="b", term=7), "b leads in term 7; ask that node"),
    ],
)
def test_a_node_that_does_not_lead_says_whom_to_ask(leader, said):
    assert str(NotLeader("jobs", leader)) == f"this node does not lead election 'jobs': {said}"
