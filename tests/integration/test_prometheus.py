"""A real Prometheus scrapes real nodes: each shipped alert fires when its cause is made, and ends after it."""

import json
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from elect.testing.real_processes import RUN, NodeProcess, Plan, ProcessCluster, free_ports, tenures
from tests.certificates import Authority
from tests.contract.wire_client import End, Party, Rejected, dial
from tests.documents import block
from tests.integration.prometheus_server import MONITORING, PrometheusServer, filled_in, prometheus
from tests.nodes import eventually
from wire.protocol.certificate import node_uri

HERE = Path(__file__).parent
DAY_S = 86_400.0
PAUSE_S = 0.3
TRY_S = 0.1
RESIGNATIONS = 8


def soon(find: Callable[[], bool]) -> None:
    """Wait until it is true; each try costs Prometheus a request."""
    eventually(lambda: find() or time.sleep(TRY_S))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Three nodes under TLS whose disks obey the test, a fourth one that is not started, and Prometheus."""

    nodes: ProcessCluster
    stranger: NodeProcess
    server: PrometheusServer
    authority: Authority
    disk: Path

    def expect(self, *alerts: str) -> None:
        """Wait until these alerts fire."""
        soon(lambda: self.server.firing() >= set(alerts))

    def expect_end(self, *alerts: str) -> None:
        soon(lambda: not self.server.firing() & set(alerts))

    def leader(self) -> str:
        """The node that leads."""

        def find() -> str | None:
            held = [tenure.node for tenure in tenures(self.nodes.events) if tenure.ends == float("inf")]
            return held[0] if len(held) == 1 else None

        return eventually(find)

    def resign(self) -> None:
        """Let another node lead."""
        since = len(self.nodes.events)
        soon(self._ask_leader_to_resign)
        self.nodes.wait_for_leader(since=since)

    def _ask_leader_to_resign(self) -> bool:
        request = Request(f"http://{self.nodes.http[self.leader()]}/resign", data=b"{}", method="POST")
        request.add_header("Content-Type", "application/json")
        try:
            urlopen(request, timeout=30).close()
        except HTTPError as refused:  # it leads no more, or nobody can follow it yet
            refused.close()
            return False
        return True

    @contextmanager
    def state_of_disks(self, state: str) -> Iterator[None]:
        marker = self.disk.with_suffix(f".{state}")
        marker.touch()
        try:
            yield
        finally:
            marker.unlink()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    library, disk = tmp_path / "disk.so", tmp_path / "disk"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "disk.c", "-ldl"], check=True, timeout=60)
    authority = Authority(tmp_path / "ca", ends_s=400 * DAY_S)

    def security(node: str) -> list[str]:
        ends_s = DAY_S if node == "a" else 300 * DAY_S
        files = authority.files(node, uris=[f"wire://processes/{node}"], ends_s=ends_s, name=node)
        return [f'tls = {{ certificate = "{files.certificate}", key = "{files.key}", ca = "{files.ca}" }}']

    command = ("env", f"LD_PRELOAD={library}", f"DISK={disk}", *RUN)
    plan = Plan(directory=tmp_path, with_http=True, security=security, command=command)
    with ProcessCluster(plan) as nodes, ExitStack() as stack:
        stranger, address = make_stranger(nodes)
        standby, standby_address = make_standby(nodes, authority)
        for each in (stranger, standby):
            stack.callback(each.close)
        standby.start()
        clusters = {"orders": [*nodes.http.values(), address], "second": [standby_address]}
        with prometheus(tmp_path / "prometheus", clusters) as server:
            yield Run(nodes=nodes, stranger=stranger, server=server, authority=authority, disk=disk)


def make_stranger(nodes: ProcessCluster) -> tuple[NodeProcess, str]:
    """Return a node `d` that lists the others as voters, which do not list it, and its HTTP address."""
    port, http_port = free_ports(2)
    plan = nodes.plan
    peers = [f'{node} = "{address}"' for node, address in nodes.addresses.items()]
    node = ["[node]", 'id = "d"', 'cluster = "processes"', f'listen = "127.0.0.1:{port}"']
    lines = [*node, f'data_dir = "{plan.directory}/d"', "[peers]", *peers, "[security]", *plan.security("d")]
    path = plan.directory / "d.toml"
    path.write_text("\n".join([*lines, "[http]", f'listen = "127.0.0.1:{http_port}"']) + "\n")
    return NodeProcess("d", path, lambda _: None), f"127.0.0.1:{http_port}"


def make_standby(nodes: ProcessCluster, authority: Authority) -> tuple[NodeProcess, str]:
    """Return a node `m` of a second site, which follows the others, and its HTTP address."""
    port, http_port = free_ports(2)
    directory, sources = nodes.plan.directory, [*nodes.addresses.values()]
    files = authority.files("mirror", uris=[node_uri("processes", "mirror/m/")], ends_s=300 * DAY_S)
    lines = [
        *("[node]", 'id = "m"', 'cluster = "second"', f'listen = "127.0.0.1:{port}"', f'data_dir = "{directory}/m"'),
        *("[http]", f'listen = "127.0.0.1:{http_port}"', "[mirror]", f"source = {sources}", 'cluster = "processes"'),
        f'tls = {{ certificate = "{files.certificate}", key = "{files.key}", ca = "{files.ca}" }}',
    ]
    path = directory / "m.toml"
    path.write_text("\n".join(lines) + "\n")
    return NodeProcess("m", path, lambda _: None), f"127.0.0.1:{http_port}"


def pause_now_and_then(node: NodeProcess, until: Callable[[], object]) -> None:
    """Stop a process for a moment, again and again."""

    def pause() -> object:
        node.signal(signal.SIGSTOP)
        time.sleep(PAUSE_S)
        node.signal(signal.SIGCONT)
        time.sleep(PAUSE_S / 2)
        return until()

    eventually(pause)


def settings_that_are_wrong(run: Run) -> None:
    """A certificate is about to end from the start; a new node has another list of voters; a machine pauses."""
    run.stranger.start()
    follower = next(node for node in "bc" if node != run.leader())
    pause_now_and_then(run.nodes.nodes[follower], lambda: "ElectLoopLag" in run.server.firing())
    run.expect("ElectCertificateExpiring", "ElectMembersDisagree")
    run.authority.files("a", uris=["wire://processes/a"], ends_s=300 * DAY_S, name="a")
    run.stranger.close()


def leaders_that_change(run: Run) -> None:
    """Each election writes votes, to disks that are slow."""
    with run.state_of_disks("slow"):
        for _ in range(RESIGNATIONS):
            run.resign()
        run.expect("ElectLeaderFlapping", "ElectStoreSlow")
    run.expect_end("ElectLoopLag", "ElectCertificateExpiring", "ElectMembersDisagree")


def disks_that_fail(run: Run) -> None:
    leader = run.nodes.nodes[run.leader()]
    with run.state_of_disks("full"):
        leader.signal(signal.SIGKILL)
        leader.wait()
        run.expect("ElectStoreFailing", "ElectNoLeader")
    leader.start()
    run.expect_end("ElectStoreFailing", "ElectNoLeader")


def nodes_that_die(run: Run) -> None:
    """One, a majority, all of them, which a mirror notices; and all come back."""
    leader = run.leader()
    others = [node for node in run.nodes.nodes if node != leader]
    for node, alert in zip((*others, leader), ("ElectVoterMissing", "ElectNoLeader", "ElectNodesGone"), strict=True):
        run.nodes.nodes[node].signal(signal.SIGKILL)
        run.nodes.nodes[node].wait()
        run.expect(alert)
    run.expect("ElectMirrorLag")
    for node in run.nodes.nodes.values():
        node.start()


def what_a_good_cluster_has_not(run: Run) -> None:
    """A dead leader, a client with another one's certificate, one that sends nonsense. Then no panel is empty."""
    leader, since = run.nodes.nodes[run.leader()], len(run.nodes.events)
    leader.signal(signal.SIGKILL)
    leader.wait()
    soon(lambda: run.server.query('wire_dials_total{outcome!="ok"}'))
    run.nodes.wait_for_leader(since=since)
    leader.start()
    files = run.authority.files("client", uris=[node_uri("processes", "client/odd/")])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.load_verify_locations(files.ca)
    tls.load_cert_chain(files.certificate, files.key)
    host, port = run.nodes.addresses[run.leader()].split(":")

    def link(node: str) -> End:
        party = Party(node=node, cluster="processes", tls=tls)
        return dial((host, int(port)), party, to="", counter=1, kind="client", is_two_way=True).end

    with pytest.raises(Rejected):
        link("client/other/1")
    end = link("client/odd/1")
    with closing(end.socket):
        end.send(b"nonsense")
        with suppress(EOFError):
            end.receive()
    try:
        soon(lambda: not run.server.empty_queries())
    except AssertionError:
        assert run.server.empty_queries() == []


@pytest.mark.long
@pytest.mark.debian("prometheus", "cc")
def test_each_alert_fires_for_its_cause_and_ends(run):
    """Before its cause none does, but for the certificate. Each query of the dashboard has a result."""
    run.nodes.wait_for_leader()
    soon(lambda: len(run.server.query('elect_is_leader{cluster="orders"}')) == 3)
    soon(lambda: run.server.firing() == {"ElectCertificateExpiring"})
    what_a_good_cluster_has_not(run)
    for cause in (settings_that_are_wrong, leaders_that_change, disks_that_fail, nodes_that_die):
        cause(run)
    soon(lambda: not run.server.firing())


@pytest.mark.debian("promtool")
def test_prometheus_accepts_the_configuration_in_the_text(tmp_path):
    path = tmp_path / "prometheus.yml"
    text = block("elect/cli/OPERATIONS.md", "yaml", "scrape_configs")
    path.write_text(text.replace("/etc/prometheus/elect-alerts.yml", str(MONITORING / "alerts.yml")))
    done = subprocess.run(
        ["promtool", "check", "config", path], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "1 rule files found" in done.stdout) == (0, True), done.stdout + done.stderr


def samples(metric: str, election: str, *values: int) -> list[dict[str, str]]:
    """The series of one election at the nodes a, b, …, for some minutes."""
    series = f'{metric}{{{{cluster="orders", instance="{{}}", election="{election}"}}}}'
    return [{"series": series.format(node), "values": f"{value}x9"} for node, value in zip("abc", values, strict=False)]


@pytest.mark.parametrize(("is_active", "leaderless"), [(1, 1 + 500), (0, 0)])
@pytest.mark.debian("promtool")
def test_the_dashboard_counts_elections_without_a_leader(tmp_path, is_active, leaderless):
    """Of 10,000 that are shown as one, most have a leader; one of those that are shown by name has none."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    panel = next(each for each in dashboard["panels"] if each["title"] == "Elections without a leader")
    series = [
        *(*samples("elect_is_leader", "*", 5000, 4500), *samples("elect_leaderless", "*", 500, 510)),
        *(*samples("elect_is_leader", "jobs", 0, 0), *samples("elect_leaderless", "jobs", 1, 1)),
        *(*samples("elect_is_leader", "default", 1, 0), *samples("elect_leaderless", "default", 0, 1)),
        {"series": 'elect_cluster_state{cluster="orders", instance="a", state="active"}', "values": f"{is_active}x9"},
    ]
    expr, expected = filled_in(panel["targets"][0]["expr"]), [{"labels": "{}", "value": leaderless}]
    query = {"expr": expr, "eval_time": "5m", "exp_samples": expected}
    path = tmp_path / "cases.yml"
    path.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [query]}]}))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.debian("promtool")
def test_rules_fire_for_their_causes_and_no_others():
    for call in (["check", "rules", MONITORING / "alerts.yml"], ["test", "rules", HERE / "alert_cases.yml"]):
        done = subprocess.run(["promtool", *call], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
