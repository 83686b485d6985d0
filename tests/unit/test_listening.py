from types import SimpleNamespace

import pytest

from elect import Config
from elect.clock import NS_PER_S
from elect.runtime import join_ends
from elect.runtime.dialers import limits

OWN = "127.0.0.1:7101"


@pytest.mark.parametrize("support_duration", [0.6, 1.0, 3.0, 30.0])
def test_a_node_listens_longer_than_members_pause(support_duration):
    """Else a node that lost its data may form a second cluster before a member dials it."""
    config = Config(
        node="a", cluster="t", listen=OWN, seeds=[OWN], data_dir="unused", support_duration=support_duration
    )
    plan = join_ends._plan(config, SimpleNamespace(advertised=OWN), SimpleNamespace(store_id=bytes(16)))
    pause = limits(config).connect_timeout_s + limits(config).backoff_max_s
    assert plan.listen_ns / NS_PER_S >= 1.5 * pause
