"""Debian's load balancers, with the configuration of OPERATIONS.md, before real nodes whose leaders die."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from bench.balancing.balanced_cluster import HOSTS, balanced
from elect.testing.real_processes import free_ports, tenures
from elect.web.server import HttpServer
from tests.documents import block
from tests.nodes import DEADLINE_S, eventually, single
from wire.protocol.address import Address

OPERATIONS = "elect/cli/OPERATIONS.md"
KILLS = 2


def ask(port: int, method: str) -> tuple[int, dict]:
    """Send one request; return the status and the content."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, "/work")
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if answer.getheader("Content-Type") == "application/json" else {}
    finally:
        connection.close()


def resign(address: str) -> None:
    host, _, port = address.rpartition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    try:
        connection.request("POST", "/resign", body="{}", headers={"Content-Type": "application/json"})
        connection.getresponse().read()
    finally:
        connection.close()


@contextmanager
def nginx(directory: Path, ports: dict[str, int]) -> Iterator[int]:
    """Run nginx with the configuration in the text, before the applications on these ports; yield its port."""
    text = block(OPERATIONS, "nginx", "upstream")
    for node, host in HOSTS.items():
        text, count = re.subn(rf"server {re.escape(host)}:8080 ", f"server 127.0.0.1:{ports[node]} ", text)
        assert count == 1
    (port,) = free_ports(1)
    text = text.replace("listen 8000;", f"listen 127.0.0.1:{port};")
    folders = " ".join(
        f"{kind}_temp_path {directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = directory / "nginx.conf"
    path.write_text(
        f"daemon off; master_process off; pid {directory}/nginx.pid; error_log {directory}/nginx.log;\n"
        f"events {{}}\nhttp {{ access_log off; {folders}\n{text}\n}}\n"
    )
    call = ["nginx", "-e", str(directory / "nginx.log"), "-c", str(path)]
    subprocess.run([*call, "-t", "-q"], check=True, timeout=60)
    with subprocess.Popen(call) as process:
        try:
            eventually(lambda: is_listening(port))
            yield port
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def answering(status: str) -> Iterator[int]:
    """Answer each request with this status; yield the port."""

    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response(status, [("Content-Type", "application/json")])
        return [b"{}"]

    server = HttpServer(Address("127.0.0.1", 0), application, name="elect-http-answering")
    server.start()
    try:
        yield server.address.port
    finally:
        assert server.stop(5.0)


@contextmanager
def dropping() -> Iterator[int]:
    """A port at which attempts to connect get no answer, as those to a host that is gone: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listening.getsockname()
        with pytest.raises(TimeoutError):
            while True:
                stack.enter_context(socket.create_connection(address, timeout=0.5))
        yield address[1]


@pytest.mark.debian("nginx")
def test_nginx_finds_the_leader_beside_a_host_that_is_gone(tmp_path):
    with answering("503 Service Unavailable") as follower, dropping() as gone, answering("200 OK") as leader:
        ports = dict(zip(HOSTS, (follower, gone, leader), strict=True))
        with nginx(tmp_path, ports) as port:
            assert [ask(port, method) for method in ("GET", "POST") * 3] == [(200, {})] * 6


@pytest.mark.long
@pytest.mark.debian("haproxy", "nginx")
def test_requests_follow_the_leader_through_kills(tmp_path):
    """No answer is that of a node that does not lead. Each of the other nodes answers what is for replicas."""
    with balanced(tmp_path) as cluster:
        for _ in range(KILLS):
            cluster.kill()
        cluster.nodes.wait_until_quiet(1.0)
        leader = max(tenures(cluster.nodes.events), key=lambda tenure: tenure.term).node
        others, answered = set(HOSTS) - {leader}, set()
        eventually(lambda: answered.update([ask(cluster.replica_port, "GET")[1].get("node")]) or answered >= others)
        assert leader not in answered
        with nginx(tmp_path, cluster.ports) as port:
            answers = [ask(port, "POST") for _ in range(9)]
        assert [(status, content["node"]) for status, content in answers] == [(200, leader)] * 9
    assert len({answer.token for answer in cluster.load.answers}) > KILLS
    assert cluster.wrong_answers() == []


@pytest.mark.long
@pytest.mark.debian("haproxy")
def test_application_that_checks_no_lease_answers_wrongly(tmp_path):
    """The check of the load balancer alone is up to an interval late; so the test above can fail."""
    with balanced(tmp_path, options=["--careless"]) as cluster:

        def find() -> bool:
            latest = max(tenures(cluster.nodes.events), key=lambda tenure: tenure.term)
            resign(cluster.nodes.http[latest.node])
            cluster.load.wait_for_token(above=latest.term)
            return bool(cluster.wrong_answers())

        eventually(find)


def test_application_in_the_text_answers_on_the_leader_alone(tmp_path):
    """500 when leadership was lost during the work: nobody may repeat that request blindly."""
    names = {}
    exec(compile(block(OPERATIONS, "python", "def answer"), "answer", "exec"), names)
    with single(tmp_path) as node:
        assert names["answer"](node, lambda token: f"written with {token}") == (200, "written with 1")
        status, _ = names["answer"](node, lambda _: node.pause(timeout=DEADLINE_S))
        assert status == 500
        assert names["answer"](node, pytest.fail) == (503, "not the leader")


@pytest.mark.debian("haproxy")
@pytest.mark.parametrize("part", ["backend replicas", "resolvers"])
def test_haproxy_accepts_the_configuration_in_the_text(part, tmp_path):
    """Without a word of warning. That for Kubernetes has another backend."""
    text = block(OPERATIONS, "haproxy", "frontend")
    if part not in text:
        text = text[: text.index("\nbackend leader") + 1] + block(OPERATIONS, "haproxy", part)
    path = tmp_path / "haproxy.cfg"
    path.write_text(text)
    done = subprocess.run(["haproxy", "-c", "-f", str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
