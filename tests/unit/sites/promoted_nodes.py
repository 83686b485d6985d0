"""A node of a standby cluster with a real elector, whose peers, mirror and published state the test plays."""

from dataclasses import replace
from pathlib import Path

from elect.bridge.node_context import Lifecycle, NodeContext
from elect.config.config import Config
from elect.core.configuration import Configuration
from elect.core.rules import sites
from tests.unit.core.member_desk import MemberDesk

STANDBY = Configuration.initial("abc", is_standby=True)
STEP = 1_000_000


def promoted(floor: int) -> Configuration:
    """The configuration of a standby cluster that was promoted with this floor."""
    desk = MemberDesk(members=STANDBY)
    sites.promote(desk.state, floor)
    return desk.own


class PlayedNode:
    """Node `b` of `a`, `b`, `c`.

    Attributes:
        desk: plays the peers of the elector.
        is_late: commands are not done in time, and never after.
    """

    def __init__(self, directory: Path) -> None:
        self.desk = MemberDesk(members=STANDBY).supported()
        self.is_late = False
        config = Config(
            node="b",
            cluster="orders",
            listen="127.0.0.1:7101",
            data_dir=directory,
            peers={"a": "127.0.0.1:7102", "c": "127.0.0.1:7103"},
            mirror_source=["127.0.0.1:7201"],
        )
        self.context = NodeContext(config, lambda: self.desk.now)
        self.context.state = Lifecycle.RUNNING
        self.context.call = self.call

    def call(self, act, timeout: float | None = None) -> bool:
        """Do a command at once, as the orchestrator thread does."""
        if not self.is_late:
            self.desk.take(act(self.desk.elector, self.desk.now))
        return not self.is_late

    def install(self, configuration: Configuration) -> None:
        """The configuration comes from a peer, and is on disk."""
        self.desk.install(configuration)
        self.publish()

    def publish(self) -> None:
        """What the elector has decided is on disk."""
        self.context.configuration = self.desk.own

    def change_members(self, floor: int) -> None:
        """A leader of a promotion with this floor has made a version, which is not on disk yet."""
        self.desk.install(replace(promoted(floor), term=floor + 1, version=2))

    @property
    def audit(self) -> str:
        file = Path(self.context.config.data_dir) / "audit.log"
        return file.read_text() if file.exists() else ""
