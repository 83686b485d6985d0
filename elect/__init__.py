"""Leader election inside a Python program: at most one of a few processes leads, at any instant."""

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
