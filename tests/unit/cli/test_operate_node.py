import socket
import threading

import pytest

from elect.cli import main
from elect.web import application
from elect.web.server import HttpServer
from tests.unit.web.fake_node import FakeNode
from wire.protocol.address import Address

TOKEN = "correct-horse-battery"


@pytest.fixture
def node():
    return FakeNode(operator_token=TOKEN)


@pytest.fixture
def address(node):
    server = HttpServer(Address("127.0.0.1", 0), application(node))
    server.start()
    yield str(server.address)
    assert server.stop(5.0)


def test_pause_and_resume(node, address, capsys):
    assert main(["pause", address]) == 0
    assert node.is_paused
    assert main(["resume", f"http://{address}/"]) == 0
    assert not node.is_paused
    assert capsys.readouterr().out == "a is no candidate until resumed\na is a candidate again\n"


def test_resign_and_transfer(node, address, capsys):
    node.lead(7)
    assert main(["resign", address]) == 0
    assert main(["transfer", address, "b"]) == 0
    assert node.elections["default"].resignations == [(None, 10.0), ("b", 10.0)]
    assert capsys.readouterr().out == (
        "a resigned from 'default', term 7\na resigned from 'default', term 7; b is asked to lead\n"
    )


def test_a_named_election(node, address):
    node.lead(3, "jobs")
    assert main(["resign", address, "--election", "jobs", "--to", "c"]) == 0
    assert node.elections["jobs"].resignations == [("c", 10.0)]


def test_what_the_node_refuses_is_told(node, address, capsys):
    node.follow("b", 7)
    assert main(["resign", address]) == 1
    assert "b leads in term 7" in capsys.readouterr().err


def test_the_token_comes_from_the_environment(node, address, monkeypatch, capsys):
    monkeypatch.setenv("ELECT_OPERATOR_TOKEN", "wrong")
    assert main(["pause", address]) == 1
    assert "not the operator token" in capsys.readouterr().err
    monkeypatch.setenv("ELECT_OPERATOR_TOKEN", TOKEN)
    assert main(["pause", address]) == 0


@pytest.mark.parametrize("text", [f"{TOKEN}\n", f" {TOKEN}\r\n"])
def test_a_token_may_end_with_a_newline(node, address, monkeypatch, text):
    """As the content of a file and the secrets of Kubernetes do."""
    monkeypatch.setenv("ELECT_OPERATOR_TOKEN", text)
    assert main(["pause", address]) == 0
    assert node.is_paused


@pytest.mark.parametrize("text", [f"{TOKEN}\u20ac", f"{TOKEN}\n{TOKEN}", "\udcff"])
def test_a_token_that_cannot_be_sent_is_named(node, address, monkeypatch, capsys, text):
    """The node is not blamed for it."""
    monkeypatch.setenv("ELECT_OPERATOR_TOKEN", text)
    assert main(["pause", address]) == 2
    error = "elect: ELECT_OPERATOR_TOKEN has characters that no operator token has; set that of the node\n"
    assert capsys.readouterr().err == error
    assert not node.is_paused


def test_something_else_at_the_address_is_said(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet():
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"SSH-2.0-nothing\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        assert main(["pause", f"127.0.0.1:{listening.getsockname()[1]}"]) == 1
        thread.join(10)
    assert "is this the HTTP address of a node?" in capsys.readouterr().err
