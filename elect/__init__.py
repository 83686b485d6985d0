"""Leader election inside your Python program: of several copies of a server, at most one leads at any instant.

Each copy makes a `Node` from a `Config`. The nodes connect to each other and elect a leader by majority; no other
service is needed. If the leader dies, another node leads about 10 ms later.

    from elect import Config, Node

    with Node(Config.load("node.toml")) as node:
        with node.lead() as leadership:
            while not leadership.lost.wait(1.0):
                store.write(next_order(), token=leadership.token)

- `Node` starts and stops, and is the handle of the election "default"; `Node.election` makes others (`Election`).
- `lead` waits until this node leads, `run` calls a function each time it does, `subscribe` calls back on changes.
- `is_leader` asks at any moment and never blocks. `leader` is the `Leader` that this node knows.
- `Leadership.token` is the fencing token: it rises with each new leader, so a store can refuse an old one's writes.
- All exceptions are an `ElectError`. `elect.testing.FakeElection` grants and takes leadership in your own tests.
"""

from importlib import metadata

from elect.api.election import Election
from elect.api.node import Node
from elect.api.run import Run
from elect.bridge.leadership import Leadership
from elect.bridge.subscription import Subscription
from elect.config.config import Config
from elect.core.events import LossReason, Role
from elect.core.snapshot import WhyNoLeader
from elect.errors import (
    BindError,
    ConfigError,
    ElectError,
    Forked,
    IdentityError,
    LeadershipLost,
    LeadershipTimeout,
    NotLeader,
    Stopped,
    StoreError,
    ThreadError,
)
from elect.leader import Leader
from elect.monitoring.status import Status

__all__ = [
    "BindError",
    "Config",
    "ConfigError",
    "ElectError",
    "Election",
    "Forked",
    "IdentityError",
    "Leader",
    "Leadership",
    "LeadershipLost",
    "LeadershipTimeout",
    "LossReason",
    "Node",
    "NotLeader",
    "Role",
    "Run",
    "Status",
    "Stopped",
    "StoreError",
    "Subscription",
    "ThreadError",
    "WhyNoLeader",
    "__version__",
]

try:
    __version__ = metadata.version("elect")
except metadata.PackageNotFoundError:
    __version__ = "(not installed)"
