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
- `Node.members` lists and changes the members of the cluster, while it runs (`Members`).
- `Client` finds the leader from outside the cluster, and calls it.
- `Mirror` follows a whole cluster from another site, for the day that this one is lost.
- `Leadership.token` is the fencing token: it rises with each new leader, so a store can refuse an old one's writes.
- All exceptions are an `ElectError`. `elect.testing.FakeElection` grants and takes leadership in your own tests.
"""

from importlib import metadata

from elect.api.election import Election
from elect.api.members import Members
from elect.api.node import Node
from elect.api.run import Run
from elect.bridge.leadership import Leadership
from elect.bridge.subscription import Subscription
from elect.client.client import Client
from elect.client.survey import EndpointStatus
from elect.config.config import Config
from elect.core.changes import ChangeRefusal
from elect.core.configuration import Configuration, Member, MemberKind
from elect.core.events import LossReason, Role
from elect.core.promotion import PromotionRefusal, PromotionRefused
from elect.core.snapshot import WhyNoLeader
from elect.errors import (
    Amnesia,
    BindError,
    CallInterrupted,
    ChangeRefused,
    ClientClosed,
    ConfigError,
    ElectError,
    Forked,
    IdentityError,
    IdInUse,
    JoinCancelled,
    JoinError,
    JoinGaveUp,
    JoinRejected,
    LeadershipLost,
    LeadershipTimeout,
    LeaderUnavailable,
    NotAuthorized,
    NotLeader,
    OtherCluster,
    OtherVersion,
    Stopped,
    StoreError,
    ThreadError,
)
from elect.leader import Leader
from elect.mirror.mirror import Mirror
from elect.mirror.mirror_errors import (
    MirrorBootstrapping,
    MirrorError,
    MirrorForked,
    MirrorStale,
    MirrorStopped,
    MirrorTimeout,
    SealFailed,
    SourceRefused,
    StrongReadRefused,
)
from elect.mirror.mirror_values import (
    ChangeOrigin,
    Consistency,
    MirrorChange,
    MirrorPhase,
    MirrorState,
    MirrorStatus,
    Promotion,
    Reading,
    within,
)
from elect.monitoring.member_phase import MemberLifecycle, MemberPhase
from elect.monitoring.member_status import MemberState, MemberStatus
from elect.monitoring.status import Status
from elect.sites.site_values import MirrorUnavailable, PromotionNotDone, PromotionResult, PromotionStep

__all__ = [
    "Amnesia",
    "BindError",
    "CallInterrupted",
    "ChangeOrigin",
    "ChangeRefusal",
    "ChangeRefused",
    "Client",
    "ClientClosed",
    "Config",
    "ConfigError",
    "Configuration",
    "Consistency",
    "ElectError",
    "Election",
    "EndpointStatus",
    "Forked",
    "IdInUse",
    "IdentityError",
    "JoinCancelled",
    "JoinError",
    "JoinGaveUp",
    "JoinRejected",
    "Leader",
    "LeaderUnavailable",
    "Leadership",
    "LeadershipLost",
    "LeadershipTimeout",
    "LossReason",
    "Member",
    "MemberKind",
    "MemberLifecycle",
    "MemberPhase",
    "MemberState",
    "MemberStatus",
    "Members",
    "Mirror",
    "MirrorBootstrapping",
    "MirrorChange",
    "MirrorError",
    "MirrorForked",
    "MirrorPhase",
    "MirrorStale",
    "MirrorState",
    "MirrorStatus",
    "MirrorStopped",
    "MirrorTimeout",
    "MirrorUnavailable",
    "Node",
    "NotAuthorized",
    "NotLeader",
    "OtherCluster",
    "OtherVersion",
    "Promotion",
    "PromotionNotDone",
    "PromotionRefusal",
    "PromotionRefused",
    "PromotionResult",
    "PromotionStep",
    "Reading",
    "Role",
    "Run",
    "SealFailed",
    "SourceRefused",
    "Status",
    "Stopped",
    "StoreError",
    "StrongReadRefused",
    "Subscription",
    "ThreadError",
    "WhyNoLeader",
    "__version__",
    "within",
]

try:
    __version__ = metadata.version("elect")
except metadata.PackageNotFoundError:
    __version__ = "(not installed)"
