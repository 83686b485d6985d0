"""The join of a node, made at its start."""

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


@pytest.mark.parametrize(
    ("seeds", "is_bootstrap", "is_warned"), [(SEEDS, True, True), (SEEDS, False, False), (SEEDS[:1], True, False)]
)
def test_a_member_with_bootstrap_is_warned(seeds, is_bootstrap, is_warned, caplog):
    config = Config(node="a", cluster="c", listen=SEEDS[0], seeds=seeds, bootstrap=is_bootstrap, data_dir="unused")
    made = make_join_client(
        NodeContext(config, now_ns),
        cast(PeerLinks, None),
        opened=opened(Configuration.initial("ab")),
        security=PLAIN,
        on_refused=print,
    )
    assert made is None
    log.flush(1)
    assert [("bootstrap = true" in record.getMessage()) for record in caplog.records] == [True] * is_warned
