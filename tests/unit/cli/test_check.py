import socket
import threading

import pytest

from elect.cli import check, hearing, main
from elect.config import Config
from wire.address import Address
from wire.codec import Codec
from wire.dialer import Dialer
from wire.identity import Identity
from wire.listener import Listener


def identity(node, cluster="orders", **attributes):
    return Identity(cluster=cluster, node=node, incarnation=1, store=bytes(16), attributes=attributes)


@pytest.fixture
def listen():
    """Start a peer that listens; its address."""
    listeners = []

    def start(node, cluster="orders", known=("a",)):
        listener = Listener(
            Address("127.0.0.1", 0),
            identity(node, cluster),
            Codec(),
            is_known_peer=lambda name: name in known,
            deliver=lambda _: None,
        )
        listeners.append(listener)
        listener.open()
        listener.start()
        return str(listener.address)

    yield start
    assert all(listener.stop(5.0) for listener in listeners)


@pytest.fixture
def dial():
    """Start a peer that dials."""
    dialers = []

    def start(peer_identity, address):
        numbers = iter(range(1, 1000))
        dialer = Dialer(
            "a",
            lambda: Address.parse(address),
            peer_identity,
            Codec(),
            next_counter=lambda: next(numbers),
            deliver=lambda _: None,
        )
        dialers.append(dialer)
        dialer.start()

    yield start
    assert all(dialer.stop(5.0) for dialer in dialers)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


def write(tmp_path, address, **peers):
    path = tmp_path / "a.toml"
    lines = ["[node]", 'id = "a"', 'cluster = "orders"', f'listen = "{address}"', 'data_dir = "data"', "[peers]"]
    path.write_text("\n".join([*lines, *(f'{name} = "{place}"' for name, place in peers.items())]) + "\n")
    return str(path)


def test_peers_that_answer_agree_and_dial_are_good(tmp_path, listen, dial, capsys):
    address = free_address()
    for name in "bc":
        dial(identity(name), address)
    path = write(tmp_path, address, b=listen("b"), c=listen("c"))
    assert main(["check", "-c", path]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"{path}: good; node a of cluster orders"
    assert [line.split("  ")[2] for line in shown[2:]] == ["answers, agrees, hears us"] * 2


def test_a_peer_that_never_dials_does_not_hear_us(tmp_path, listen, monkeypatch, capsys):
    monkeypatch.setattr(hearing.listen, "__defaults__", (0.05,))
    assert main(["check", "-c", write(tmp_path, free_address(), b=listen("b"))]) == 1
    assert "does not hear us" in capsys.readouterr().out


def test_nobody_there(tmp_path, capsys):
    assert main(["check", "-c", write(tmp_path, free_address(), b=free_address())]) == 1
    assert "does not answer: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("node", "cluster", "words"),
    [("b", "invoices", "this is cluster 'invoices', not 'orders'"), ("z", "orders", "this is node 'z', not 'b'")],
)
def test_a_peer_that_does_not_agree_says_in_what(tmp_path, listen, capsys, node, cluster, words):
    assert main(["check", "-c", write(tmp_path, free_address(), b=listen(node, cluster))]) == 1
    shown = capsys.readouterr().out
    assert "answers, but does not agree" in shown
    assert words in shown


def test_a_peer_that_does_not_know_us_says_so(tmp_path, listen, capsys):
    assert main(["check", "-c", write(tmp_path, free_address(), b=listen("b", known=()))]) == 1
    assert "node 'a' is not known here" in capsys.readouterr().out


def test_a_peer_with_other_voters_is_found_out_when_it_dials(tmp_path, listen, dial, capsys):
    address = free_address()
    dial(identity("b", configuration="00"), address)
    assert main(["check", "-c", write(tmp_path, address, b=listen("b"))]) == 1
    assert "has other voters" in capsys.readouterr().out


def test_strangers_and_silence_on_the_port_hold_nobody_up(tmp_path, listen, dial):
    address = free_address()
    config = Config.load(write(tmp_path, address, b=listen("b")))
    found = {}
    thread = threading.Thread(target=lambda: found.update(hearing.listen(config, identity("a"), ["b"], timeout_s=60.0)))
    thread.start()
    garbage = None
    while garbage is None:
        try:
            garbage = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
        except ConnectionRefusedError:
            continue
    with garbage:
        garbage.sendall(b"GET / HTTP/1.0\r\n\r\n")
        dial(identity("stranger"), address)
        dial(identity("b"), address)
        thread.join(30)
    assert found == {"b": None}


def test_a_port_that_another_program_has_is_exit_code_3(tmp_path, listen, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        path = write(tmp_path, address, b=listen("b"))

        def close_one():
            taken.accept()[0].close()

        closer = threading.Thread(target=close_one)
        closer.start()
        assert main(["check", "-c", path]) == 3
        closer.join(10)
    assert f"cannot listen on {address}: Address already in use" in capsys.readouterr().err


def test_a_running_node_without_http_cannot_be_asked(tmp_path, listen, capsys):
    path = write(tmp_path, listen("a"), b=listen("b"))
    assert main(["check", "-c", path]) == 1
    assert "no [http] listen" in capsys.readouterr().err


def test_dialing_for_a_check_gets_no_link(listen):
    delivered = []
    listener = Listener(
        Address("127.0.0.1", 0), identity("b"), Codec(), is_known_peer=lambda _: True, deliver=delivered.append
    )
    listener.open()
    listener.start()
    assert check.dial(identity("a"), "b", listener.address) is None
    assert listener.stop(5.0)
    assert delivered == []
