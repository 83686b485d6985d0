"""`elect mirror promote` at the processes of two sites, of which some are dead."""

import json
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from elect.cli import main
from elect.cli.exit_codes import ExitCode, Failure
from elect.cli.http_client import HttpAnswer, ask
from elect.testing.real_processes import RUN, NodeProcess, free_ports
from tests.nodes import eventually
from wire.protocol.address import Address

HERE = Path(__file__).parent

CONFIG = """
[node]
id = "{node}"
cluster = "orders"
listen = "127.0.0.1:{port}"
data_dir = "{directory}"
[timing]
heartbeat_interval = "50ms"
support_duration = "400ms"
[http]
listen = "127.0.0.1:{http}"
"""


class Sites:
    """A source `a`, and its standby of `x`, `y` and `z`.

    Args:
        directory: for configuration files, data and logs.
        command: starts `x`.
    """

    def __init__(self, directory: Path, command: Sequence[str] = RUN) -> None:
        self.directory = directory
        self.ports = dict(zip("axyz", free_ports(4), strict=True))
        self.http = {node: f"127.0.0.1:{port}" for node, port in zip("axyz", free_ports(4), strict=True)}
        self.nodes = {node: self._made(node, command if node == "x" else RUN) for node in "axyz"}

    def _made(self, node: str, command: Sequence[str]) -> NodeProcess:
        text = CONFIG.format(
            node=node, port=self.ports[node], directory=self.directory / node, http=self.http[node].partition(":")[2]
        )
        if node != "a":
            peers = "".join(f'{each} = "127.0.0.1:{self.ports[each]}"\n' for each in "xyz" if each != node)
            text += f'[mirror]\nsource = ["127.0.0.1:{self.ports["a"]}"]\n[peers]\n{peers}'
        path = self.directory / f"{node}.toml"
        path.write_text(text)
        return NodeProcess(node, path, lambda _: None, command)

    def ask(self, node: str, path: str = "/mirror") -> HttpAnswer | None:
        """Return the answer of a node, or None: it does not run yet."""
        with suppress(Failure):
            return ask(Address.parse(self.http[node]), "GET", path)
        return None

    def await_state(self, node: str, state: str) -> None:
        eventually(lambda: (found := self.ask(node)) and found.content["cluster_state"] == state)

    def await_following(self) -> None:
        for node in "xyz":
            eventually(lambda node=node: (found := self.ask(node)) and found.content["mirror"]["state"] == "following")

    def kill(self, *nodes: str) -> None:
        for node in nodes:
            self.nodes[node].signal(signal.SIGKILL)
            self.nodes[node].wait()

    def promote(self, *options: str) -> int:
        return main(["mirror", "promote", "--yes", *options, self.http["x"]])

    def await_leader(self) -> None:
        eventually(lambda: any((found := self.ask(node, "/leader")) and found.status == 200 for node in "xyz"))

    def audit(self) -> list[str]:
        """Return the lines of `x` without their times."""
        file = self.directory / "x" / "audit.log"
        return [line.partition(" ")[2] for line in file.read_text().splitlines()] if file.exists() else []


@contextmanager
def running(sites: Sites) -> Iterator[Sites]:
    with ExitStack() as stack:
        for node in sites.nodes.values():
            stack.callback(node.close)
            node.start()
        sites.await_following()
        yield sites


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    with running(Sites(tmp_path)) as made:
        yield made


@pytest.mark.long
def test_promotion_without_a_quorum_is_in_the_audit_file(sites, capsys):
    """It exits with 20. The others come back, and the command is repeated, as the manual says."""
    sites.kill("y", "z")
    assert sites.promote("--force", "--timeout", "3") == ExitCode.NOT_IN_TIME
    assert "done: sealed, recorded" in capsys.readouterr().err
    for node in "yz":
        sites.nodes[node].start()
    sites.await_leader()
    for _ in range(2):
        assert sites.promote("--json") == ExitCode.OK
        assert json.loads(capsys.readouterr().out)["was_sealed"]
    asked, late, done = sites.audit()
    assert asked == "node x was asked by an operator to promote this standby cluster, forced"
    assert "is not known to be done" in late and "done: sealed, recorded" in late
    assert "is done: terms begin above 2,000,000; the source is sealed" in done


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    library = tmp_path / "disk.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "disk.c", "-ldl"], check=True, timeout=60)
    return library


@pytest.mark.long
def test_promotion_at_a_node_whose_disk_fails_seals_nothing(tmp_path, disk, capsys):
    """It could not be recorded: without a seal the source leads on, and another node can be promoted."""
    command = ("env", f"LD_PRELOAD={disk}", f"DISK={tmp_path / 'disk'}", *RUN)
    with running(Sites(tmp_path, command)) as sites:
        (tmp_path / "disk.full").touch()
        for options in ((), ("--force",)):
            assert sites.promote(*options) == ExitCode.FAILED
            assert "this call has sealed nothing. Mend that, or promote another node" in capsys.readouterr().err
        assert sites.ask("a", "/leader").status == 200
        assert sites.audit() == []
        (tmp_path / "disk.full").unlink()
        assert sites.promote() == ExitCode.OK
        sites.await_leader()
        assert [line.partition(": ")[0] for line in sites.audit()] == [
            "node x was asked by an operator to promote this standby cluster",
            "the promotion that node x was asked for is done",
        ]


@pytest.mark.long
def test_node_that_is_killed_meanwhile_may_have_promoted(sites, capsys):
    """The command was sent, and no answer came: that is not a refusal."""
    sites.kill("y", "z")
    with ThreadPoolExecutor(max_workers=1) as pool:
        promoted = pool.submit(sites.promote, "--force", "--timeout", "60")
        sites.await_state("a", "sealed")
        sites.kill("x")
        assert promoted.result() == ExitCode.NOT_IN_TIME
    assert "run the same command again" in capsys.readouterr().err
