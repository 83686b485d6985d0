"""The join of a node, made at its start."""

from types import SimpleNamespace
from typing import cast

import pytest

from elect import Config
from elect.bridge.node_context import NodeContext
from elect.clock import now_ns
from elect.core.configuration import Configuration
from elect.runtime.join_ends import make_join_client
from elect.runtime.peer_links import PeerLinks
from elect.storage.store import MemoryStore, StoreContent
from wire.common import log
from wire.security.security import PLAIN

SEEDS = ("127.0.0.1:7101", "127.0.0.2:7101")


def opened(configuration: Configuration) -> StoreContent:
    return MemoryStore().open(cluster="c", node_id="a", promise_ns=0, configuration=configuration)


RISK = {"bootstrap": True, "seeds": SEEDS}


@pytest.mark.parametrize(
    ("settings", "own", "is_warned"),
    [
        (RISK, "localhost:7101", True),
        ({**RISK, "bootstrap": False}, SEEDS[0], False),
        ({**RISK, "seeds": SEEDS[:1]}, SEEDS[0], False),
        ({**RISK, "kind": "witness"}, SEEDS[0], False),
        (RISK, SEEDS[1], False),
        (RISK, "127.0.0.0:7101", False),
    ],
)
def test_a_member_that_could_form_another_cluster_is_warned(settings, own, is_warned, caplog):
    config = Config(node="a", cluster="c", listen=own, data_dir="unused", **settings)
    made = make_join_client(
        NodeContext(config, now_ns),
        cast(PeerLinks, SimpleNamespace(advertised=own)),
        opened=opened(Configuration.initial("ab")),
        security=PLAIN,
        on_refused=print,
    )
    assert made is None
    log.flush(1)
    # Another line may tell of records that a test before this one could not write.
    assert sum("bootstrap = true" in record.getMessage() for record in caplog.records) == is_warned
