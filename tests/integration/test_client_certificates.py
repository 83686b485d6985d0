"""The certificate that `elect certs --client` makes, at real nodes: it lets a client in, and is no node's."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from elect import Client, ConfigError, LeaderUnavailable, Node
from elect.cli import main
from elect.observing.observer_messages import CLIENT_KIND
from elect.storage.store import MemoryStore
from tests.nodes import Cluster, configs, running
from wire import Codec, Identity
from wire.links.connect import Dialing
from wire.protocol.limits import Limits
from wire.protocol.wire_errors import Refusal, RejectCode
from wire.security.credentials import TlsFiles
from wire.security.tls import Tls

PATIENCE_S = 60.0
STORE = secrets.token_bytes(16)


def table(directory: Path, stem: str) -> dict[str, Path]:
    return {"certificate": directory / f"{stem}.pem", "key": directory / f"{stem}.key", "ca": directory / "ca.pem"}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    """Two nodes with certificates; a third one is made, too."""
    assert main(["certs", "-d", str(tmp_path), "--cluster", "test", "a", "b", "c", "--client", "jobs"]) == 0
    made = configs(tmp_path, "ab", each={node: {"tls": table(tmp_path, node)} for node in "ab"})
    with running({node: Node(config, store=MemoryStore()) for node, config in made.items()}) as cluster:
        yield cluster


def dial(nodes: Cluster, directory: Path, node: str, kind: str) -> Refusal:
    """Show the certificate of the client beside another id; return why the node refuses it."""
    files = TlsFiles(**table(directory, "client-jobs"))
    dialing = Dialing(
        to="a",
        kind=kind,
        identity=Identity(cluster="test", node=node, incarnation=0, store=STORE),
        codec=Codec(),
        limits=Limits(),
        security=Tls(files, node="client/jobs/0", cluster="test"),
    )
    with pytest.raises(Refusal) as caught:
        dialing.dial(nodes["a"].config.listen_address, lambda: 1)
    return caught.value


def test_a_client_with_its_certificate_is_let_in(nodes, tmp_path, capsys):
    leader = nodes.leader()
    with Client([nodes["b"].config.listen], cluster="test", name="jobs", tls=table(tmp_path, "client-jobs")) as client:
        assert client.leader(timeout=PATIENCE_S).node_id == leader.config.node
    options = [f"--tls-{name}={path}" for name, path in table(tmp_path, "client-jobs").items()]
    capsys.readouterr()
    assert main(["leader", nodes["a"].config.listen, "--cluster", "test", "--name", "jobs", *options]) == 0
    assert capsys.readouterr().out == f"{leader.config.listen}\n"


@pytest.mark.parametrize(
    ("node", "kind"), [("b", "peer"), ("jobs", "peer"), ("c", "join"), ("client/other/0123abcd", CLIENT_KIND)]
)
def test_the_certificate_of_a_client_is_not_that_of_a_node(nodes, tmp_path, node, kind):
    assert dial(nodes, tmp_path, node, kind).code is RejectCode.CERTIFICATE


@pytest.mark.parametrize("kind", ["peer", "join"])
def test_a_client_opens_no_link_of_a_node(nodes, tmp_path, kind):
    assert dial(nodes, tmp_path, "client/jobs/0123abcd", kind).code is RejectCode.KIND


def test_a_node_with_the_certificate_of_a_client_does_not_start(nodes, tmp_path):
    config = configs(tmp_path, "c", each={"c": {"tls": table(tmp_path, "client-jobs")}})["c"]
    with pytest.raises(ConfigError, match="not for node 'c'"):
        Node(config, store=MemoryStore()).start()


def test_a_certificate_of_a_node_lets_no_client_in(nodes, tmp_path):
    client = Client([nodes["a"].config.listen], cluster="test", name="jobs", tls=table(tmp_path, "c"))
    with client, pytest.raises((ConfigError, LeaderUnavailable), match="client/jobs"):
        client.leader(timeout=PATIENCE_S)
