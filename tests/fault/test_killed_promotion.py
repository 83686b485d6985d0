"""A node is killed (-9) at each step of a promotion, and the promotion is repeated."""

import re
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from elect import Config, MirrorPhase, Node
from elect.core.configuration import ClusterState
from elect.core.promotion import FLOOR_STEP
from elect.sites.site_values import PromotionStep
from elect.testing.real_processes import free_ports
from tests.nodes import DEADLINE_S, eventually

PROGRAM = """
import os, signal, sys
from elect import Config, Node, MirrorPhase
from elect.bridge.member_changer import MemberChanger
from elect.mirror.mirror import Mirror
from elect.sites.promotion_audit import PromotionAudit
from elect.sites.site_promoter import SitePromoter
from tests.nodes import eventually

path, step, is_before = sys.argv[1], sys.argv[2], sys.argv[3] == "before"
steps = {
    "seal": (SitePromoter, "_seal"),
    "record": (Mirror, "promote"),
    "install": (MemberChanger, "promote"),
    "audit": (PromotionAudit, "end"),
}
owner, name = steps[step]
inner = getattr(owner, name)

def killing(*arguments, **options):
    if not is_before:
        inner(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, killing)
with Node(Config.load(path)) as node:
    eventually(lambda: node.mirror and node.mirror.state.phase is MirrorPhase.FOLLOWING and node.mirror.leader().value)
    node.promote(timeout=60)
"""

CONFIG = """
[node]
id = "{node}"
cluster = "orders"
listen = "127.0.0.1:{port}"
data_dir = "{directory}"
[timing]
heartbeat_interval = "50ms"
support_duration = "400ms"
"""

STEPS = [
    ("seal", "before", ()),
    ("seal", "after", ()),
    ("record", "after", (PromotionStep.RECORDED,)),
    ("install", "before", (PromotionStep.RECORDED,)),
    ("install", "after", (PromotionStep.RECORDED, PromotionStep.INSTALLED)),
    ("audit", "before", (PromotionStep.RECORDED, PromotionStep.INSTALLED)),
    ("audit", "after", (PromotionStep.RECORDED, PromotionStep.INSTALLED)),
]


ASKED = "node x was asked by an operator to promote this standby cluster"
DONE = r"the promotion that node x was asked for is done: terms begin above [\d,]+; the source is sealed"


def audit_of(directory: Path) -> list[str]:
    """Return the lines without their times."""
    return [line.partition(" ")[2] for line in (directory / "audit.log").read_text().splitlines()]


def written(directory: Path, node: str, port: int, more: str = "") -> Path:
    path = directory / f"{node}.toml"
    path.write_text(CONFIG.format(node=node, port=port, directory=directory / node) + more)
    return path


@pytest.mark.long
@pytest.mark.parametrize(("step", "when", "done"), STEPS)
def test_promotion_killed_at_a_step_is_made_once_and_whole(step, when, done, tmp_path):
    ports = free_ports(2)
    with Node(Config.load(written(tmp_path, "a", ports[0]))) as source:
        former = eventually(lambda: source.leadership)
        path = written(tmp_path, "x", ports[1], f'[mirror]\nsource = ["127.0.0.1:{ports[0]}"]\n')
        command = [sys.executable, "-c", PROGRAM, path, step, when]
        killed = subprocess.run(command, check=False, cwd=Path.cwd(), timeout=DEADLINE_S)
        assert killed.returncode == -signal.SIGKILL
        # The seal comes first: nothing of the promotion is done while the source may lead.
        is_sealed = source._context.configuration.state is ClusterState.SEALED
        assert is_sealed == ((step, when) != ("seal", "before"))
        assert audit_of(tmp_path / "x")[0] == ASKED
        with Node(Config.load(path)) as node:
            if not done:
                assert node._context.configuration.state is ClusterState.STANDBY
                assert PromotionStep.SEALED in node.promote(timeout=DEADLINE_S).steps
            # What was recorded is finished without a call.
            token = eventually(lambda: node.leadership).token
            made = node.promote(timeout=DEADLINE_S)
            configuration = node._context.configuration
            assert made.floor == configuration.promotion_floor == configuration.floor == 2 * FLOOR_STEP
            assert token > made.floor > former.token
            assert former.lost.is_set()
            # Both calls are in the audit file, and the outcome once. One that finds all done adds nothing.
            node.promote(timeout=DEADLINE_S)
            lines = audit_of(tmp_path / "x")
            assert lines.count(ASKED) == (1 if done else 2)
            assert len([line for line in lines if re.match(DONE, line)]) == 1
            assert re.match(DONE, lines[-1])


@pytest.mark.long
def test_node_killed_before_another_is_promoted_is_audited(tmp_path):
    """It has sealed the source and recorded nothing. The others promote their cluster, and it comes back."""
    ports = free_ports(4)
    peers = dict(zip("xyz", ports[1:], strict=True))
    with Node(Config.load(written(tmp_path, "a", ports[0]))) as source, ExitStack() as stack:
        eventually(lambda: source.leadership)
        paths = {}
        for node, port in peers.items():
            others = "".join(f'{each} = "127.0.0.1:{at}"\n' for each, at in peers.items() if each != node)
            more = f'[mirror]\nsource = ["127.0.0.1:{ports[0]}"]\n[peers]\n{others}'
            paths[node] = written(tmp_path, node, port, more)
        y, _ = (stack.enter_context(Node(Config.load(paths[node]))) for node in "yz")
        eventually(lambda: y.mirror and y.mirror.state.phase is MirrorPhase.FOLLOWING)
        command = [sys.executable, "-c", PROGRAM, paths["x"], "seal", "after"]
        killed = subprocess.run(command, check=False, cwd=Path.cwd(), timeout=DEADLINE_S)
        assert killed.returncode == -signal.SIGKILL
        assert y.promote(timeout=DEADLINE_S).was_sealed
        x = stack.enter_context(Node(Config.load(paths["x"])))
        assert x.promote(timeout=DEADLINE_S).was_sealed
        lines = audit_of(tmp_path / "x")
        assert lines[0] == ASKED and re.match(DONE, lines[1]) and len(lines) == 2
