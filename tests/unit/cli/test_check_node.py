import json
import socket
import threading
from pathlib import Path

import pytest

from elect.cli import main, reachability
from elect.cli.commands import check_node
from elect.config.config import Config
from elect.core.configuration import Configuration
from tests.certificates import Authority
from wire.links.dialer import Dialer
from wire.links.endpoint import Endpoint
from wire.links.listener import Listener
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity
from wire.security.security import PLAIN, Keyed
from wire.security.tls import Tls


def identity(node, cluster="orders", **attributes):
    return Identity(cluster=cluster, node=node, incarnation=1, store=bytes(16), attributes=attributes)


@pytest.fixture
def listen():
    """Start a peer that listens; its address."""
    listeners = []

    def start(node, cluster="orders", known=("a",), security=PLAIN):
        listener = Listener(
            Address("127.0.0.1", 0),
            Endpoint(identity=identity(node, cluster), codec=Codec(), deliver=lambda _: None, security=security),
            is_known_peer=lambda name: name in known,
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

    def start(peer_identity, address, security=PLAIN):
        numbers = iter(range(1, 1000))
        dialer = Dialer(
            "a",
            lambda: Address.parse(address),
            Endpoint(identity=peer_identity, codec=Codec(), deliver=lambda _: None, security=security),
            next_counter=lambda: next(numbers),
        )
        dialers.append(dialer)
        dialer.start()

    yield start
    assert all(dialer.stop(5.0) for dialer in dialers)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


def port(address):
    return address.rpartition(":")[2]


def write(tmp_path, address, *, security=None, **peers):
    path = tmp_path / "a.toml"
    lines = ["[node]", 'id = "a"', 'cluster = "orders"', f'listen = "{address}"', 'data_dir = "data"', "[peers]"]
    lines += [f'{name} = "{place}"' for name, place in peers.items()]
    path.write_text("\n".join([*lines, *(["[security]", security] if security else [])]) + "\n")
    return str(path)


def stand_by(path, *lines):
    with Path(path).open("a") as file:
        file.write("\n".join(["[mirror]", 'source = ["127.0.0.1:1"]', *lines]) + "\n")


def test_peers_that_answer_agree_and_dial_are_good(tmp_path, listen, dial, capsys):
    address = free_address()
    for name in "bc":
        dial(identity(name), address)
    path = write(tmp_path, address, b=listen("b"), c=listen("c"))
    assert main(["check", "-c", path]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"{path}: good; node a of cluster orders"
    assert [line.split("  ")[2] for line in shown[2:]] == ["answers, agrees, reaches this node"] * 2


def test_a_check_on_the_ipv6_wildcard_hears_ipv4_peers(tmp_path, listen, dial, capsys):
    """Listening on [::] in the place of the node takes the peers that dial its IPv4 address."""
    address = free_address()
    dial(identity("b"), address)
    path = write(tmp_path, address, security="insecure = true", b=listen("b"))
    text = Path(path).read_text().replace(f'listen = "{address}"', f'listen = "[::]:{port(address)}"', 1)
    Path(path).write_text(text.replace("[peers]", f'advertise = "{address}"\n[peers]'))
    assert main(["check", "-c", path]) == 0
    assert "answers, agrees, reaches this node" in capsys.readouterr().out


def test_a_peer_that_never_dials_does_not_hear_us(tmp_path, listen, monkeypatch, capsys):
    monkeypatch.setattr(reachability.listen, "__defaults__", (0.05,))
    assert main(["check", "-c", write(tmp_path, free_address(), b=listen("b"))]) == 1
    assert "does not reach this node" in capsys.readouterr().out


def write_joining(tmp_path, *seeds):
    path = tmp_path / "a.toml"
    node = '[node]\nid = "a"\ncluster = "orders"\nlisten = "127.0.0.1:1"\ndata_dir = "d"\n'
    path.write_text(f'{node}[join]\nkind = "witness"\nseeds = {json.dumps(seeds)}\n')
    return str(path)


def test_one_seed_that_answers_is_enough_to_join(tmp_path, listen, capsys):
    """A seed may know this node as a member, or not."""
    known, unknown, gone = listen("b"), listen("c", known=()), free_address()
    assert main(["check", "-c", write_joining(tmp_path, known, unknown, gone, "127.0.0.1:1")]) == 0
    _, seeds, *answers = capsys.readouterr().out.splitlines()
    assert seeds == f"joins a cluster as a witness; seeds: {known} {unknown} {gone} 127.0.0.1:1"
    answers = dict(line.split("  ") for line in answers)
    assert (answers.pop(gone).partition(":")[0], answers) == (
        "does not answer",
        {known: "answers, agrees", unknown: "answers, agrees"},
    )


def test_without_a_seed_that_agrees_a_node_cannot_join(tmp_path, listen, capsys):
    assert main(["check", "-c", write_joining(tmp_path, free_address(), listen("b", "invoices"))]) == 1
    assert "this is cluster 'invoices', not 'orders'" in capsys.readouterr().out


def test_a_seed_that_is_the_node_itself_is_not_dialed(tmp_path):
    assert main(["check", "-c", write_joining(tmp_path, "127.0.0.1:1")]) == 0


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
    assert "other voters" in capsys.readouterr().out


def test_nodes_of_a_standby_cluster_agree(tmp_path, listen, dial, capsys):
    address = free_address()
    path = write(tmp_path, address, b=listen("b"))
    stand_by(path)
    dial(identity("b", configuration=Configuration.initial("ab", is_standby=True).id.digest.hex()), address)
    assert main(["check", "-c", path]) == 0
    assert "agrees" in capsys.readouterr().out


def test_a_key_for_the_source_that_cannot_be_read_is_found(tmp_path, listen, capsys):
    path = write(tmp_path, free_address(), b=listen("b"))
    stand_by(path, 'key_file = "missing"')
    assert main(["check", "-c", path]) == 2
    assert "[mirror] key_file is" in capsys.readouterr().err
    main(["doctor", "-c", path])
    assert "mirror_key_file is" in capsys.readouterr().out


def test_strangers_and_silence_on_the_port_hold_nobody_up(tmp_path, listen, dial):
    address = free_address()
    config = Config.load(write(tmp_path, address, b=listen("b")))
    found = {}
    thread = threading.Thread(
        target=lambda: found.update(reachability.listen(config, identity("a"), PLAIN, ["b"], timeout_s=60.0))
    )
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
    assert "without [http] listen" in capsys.readouterr().err


def test_dialing_for_a_check_gets_no_link(listen):
    delivered = []
    end = Endpoint(identity=identity("b"), codec=Codec(), deliver=delivered.append)
    listener = Listener(Address("127.0.0.1", 0), end, is_known_peer=lambda _: True)
    listener.open()
    listener.start()
    assert check_node.dial(identity("a"), "b", listener.address, PLAIN) is None
    assert listener.stop(5.0)
    assert delivered == []


@pytest.fixture
def key(tmp_path):
    """A file of one key; the line that names it, relative to the configuration file."""

    def make(name="cluster.key", digits="ab"):
        (tmp_path / name).write_text(digits * 32)
        (tmp_path / name).chmod(0o600)
        return f'key_file = "{name}"', Keyed(tmp_path / name)

    return make


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def tls_of(authority, node):
    """The line that names this node's files, and what it uses."""
    files = authority.files(node, name=node)
    return (
        f'tls = {{ certificate = "{node}.pem", key = "{node}.key", ca = "ca.pem" }}',
        Tls(files, node=node, cluster="orders"),
    )


def test_peers_with_the_same_key_are_good(tmp_path, listen, dial, key, capsys):
    address, (line, security) = free_address(), key()
    dial(identity("b"), address, security)
    assert main(["check", "-c", write(tmp_path, address, security=line, b=listen("b", security=security))]) == 0
    assert "answers, agrees, reaches this node" in capsys.readouterr().out


def test_peers_with_certificates_of_one_authority_are_good(tmp_path, listen, dial, authority, capsys):
    address, (line, _), (_, security) = free_address(), tls_of(authority, "a"), tls_of(authority, "b")
    dial(identity("b"), address, security)
    assert main(["check", "-c", write(tmp_path, address, security=line, b=listen("b", security=security))]) == 0
    assert "answers, agrees, reaches this node" in capsys.readouterr().out


def test_a_peer_with_another_key_or_none_does_not_agree(tmp_path, listen, key, capsys):
    line, _ = key()
    for security, words in ((key("other", "cd")[1], "none of the keys"), (PLAIN, "has no keys")):
        assert (
            main(["check", "-c", write(tmp_path, free_address(), security=line, b=listen("b", security=security))]) == 1
        )
        shown = capsys.readouterr().out
        assert "does not agree: refused (key)" in shown
        assert words in shown


def test_a_peer_that_dials_with_another_key_is_found_out(tmp_path, listen, dial, key, capsys):
    address, (line, security) = free_address(), key()
    dial(identity("b"), address, key("other", "cd")[1])
    assert main(["check", "-c", write(tmp_path, address, security=line, b=listen("b", security=security))]) == 1
    assert "reaches this node, but does not agree: refused (key)" in capsys.readouterr().out


def test_a_peer_of_another_authority_or_name_is_refused(tmp_path, listen, authority, capsys):
    line, _ = tls_of(authority, "a")
    for node, made_by in (("b", Authority(tmp_path / "other")), ("c", authority)):
        _, security = tls_of(made_by, node)
        path = write(tmp_path, free_address(), security=line, b=listen("b", security=security))
        assert main(["check", "-c", path]) == 1
        assert "certificate" in capsys.readouterr().out


@pytest.mark.parametrize("line", ['key_file = "none"', 'tls = { certificate = "a.pem", key = "a.key", ca = "none" }'])
def test_unusable_keys_and_certificates_are_one_line(tmp_path, line, capsys):
    assert main(["check", "-c", write(tmp_path, free_address(), security=line)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "No such file" in error
