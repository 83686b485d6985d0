"""Texts in settings, as people write them, and the errors about invalid ones."""

import datetime as dt
import logging
from pathlib import Path

import pytest

from elect.config.config import Config
from elect.errors import ConfigError
from elect.runtime.node_credentials import warn_of_exposure
from tests.unit.test_config import FILE, TLS, config, write


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"tls": {**TLS, "ca": Path("ca.pem"), "x": Path("y")}}, "tls is {'certificate': 'a.pem', 'key': 'a.key', "),
        ({"tls": {"ca": Path("ca.pem")}}, "tls is {'ca': 'ca.pem'}: "),
        ({"tls": TLS, "key_file": Path("cluster.key")}, "key_file is 'cluster.key': "),
        ({"node": Path("a")}, "node is 'a': "),
        ({"node": dt.date(2024, 1, 31)}, "node is '2024-01-31': "),
        ({"grace": dt.time(0, 0, 5)}, "grace is '00:00:05': "),
        ({"node": [dt.datetime(2024, 1, 31, tzinfo=dt.UTC)]}, "node is ['2024-01-31 00:00:00+00:00']: "),
        ({"metadata": {str(number): "" for number in range(13)}}, "metadata is {'0': '', '1': '', "),
        ({"peers": config().peers, "metadata": {"a b": "c"}}, "metadata is 'a b': "),
    ],
)
def test_error_shows_a_value_as_it_was_written(changes, shown):
    """No error shows the type that holds a path, a date or a table here."""
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert str(caught.value).startswith(shown)


def test_setting_that_is_not_in_a_file_is_called_missing(tmp_path):
    """A file has no None, so none is shown."""
    with pytest.raises(ConfigError, match=r"\[node\] advertise is missing: peers cannot dial 0\.0\.0\.0"):
        Config.load(write(tmp_path, FILE.replace('advertise = "10.0.0.1:7101"', "")))


@pytest.mark.parametrize("path", ["~/votes", "~", Path("~/votes")])
def test_tilde_in_a_path_is_the_home_directory(path, tmp_path, monkeypatch):
    """A path of a keyword, a variable or a file begins at home where it begins with a tilde."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = str(tmp_path / "home" / Path(path).relative_to("~"))
    tls = dict.fromkeys(TLS, path)
    made = config(data_dir=path, tls=tls)
    assert (made.data_dir, made.tls) == (expected, dict.fromkeys(TLS, expected))
    assert config(key_file=path).key_file == expected
    text = FILE.replace('"votes"', f'"{path}"').replace("insecure = true", f'key_file = "{path}"')
    loaded = Config.load(write(tmp_path, text))
    assert (loaded.data_dir, loaded.key_file) == (expected, expected)


def test_tilde_in_the_path_of_a_file_is_the_home_directory(tmp_path, monkeypatch):
    """A shell leaves it in --config=~/node.toml."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(tmp_path, FILE)
    assert Config.load("~/node.toml") == Config.load(path)


def test_tilde_that_stands_for_no_known_home_is_refused(tmp_path, monkeypatch):
    """A directory with a name like ~user is never made in the working directory; write ./~user for it."""
    with pytest.raises(ConfigError, match=r"^data_dir is '~no-such-user/x': .* write the path in full"):
        config(data_dir="~no-such-user/x")
    with pytest.raises(ConfigError, match=r"^tls is '~no-such-user/x': "):
        config(tls={**TLS, "ca": "~no-such-user/x"})
    assert config(data_dir="./~x").data_dir == "./~x"
    assert Config.load(write(tmp_path, FILE.replace('"votes"', '"./~x"'))).data_dir == str(tmp_path / "~x")


@pytest.mark.parametrize("path", [b"votes", 7, Path("a\0b"), "a\nb"])
def test_path_that_is_none_is_refused(path):
    """Bytes, numbers and control characters are no path of a directory."""
    with pytest.raises(ConfigError, match=r"^data_dir is .*the path of a directory is needed"):
        config(data_dir=path)


def test_file_with_a_byte_order_mark_is_read(tmp_path):
    """Some editors of Windows write one in front."""
    path = tmp_path / "node.toml"
    path.write_text(FILE, encoding="utf-8-sig")
    assert Config.load(path) == Config.load(write(tmp_path, FILE))


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (FILE.encode("utf-16"), "is not TOML: it is not encoded in UTF-8"),
        (b"a = " + b"[" * 5_000, "is not TOML: "),
        (b"a = 1\na = 2", "is not TOML: Cannot overwrite a value"),
        (FILE.encode() + b"#" * 2**20, "is no configuration: it has more than 1,048,576 bytes"),
    ],
)
def test_file_that_is_no_toml_is_refused(content, rule, tmp_path):
    """Another encoding, nesting without end and a slip are told apart."""
    path = tmp_path / "node.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rule):
        Config.load(path)


def test_path_that_names_no_file_is_a_config_error(tmp_path):
    """A directory and a NUL can't be read as a file."""
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Config.load(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: embedded null byte"):
        Config.load("a\0b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[node]\npeers = { b = "10.0.0.2:7101" }', r"\[node\] peers is .*did you mean \[peers\]\?"),
        ('[node.peers]\nb = "10.0.0.2:7101"', r"\[node\] peers is .*did you mean \[peers\]\?"),
        ("[timing]\nzzz = 1", r"known are \[node\] id, .*, \[peers\]"),
        ("[zzz]\nzzz = 1", r"known are \[node\], \[peers\], \[join\], \[timing\], \[http\], \[clients\], \[security\]"),
        ('listen = "127.0.0.1:7101"', r": listen is '127.0.0.1:7101': .*did you mean \[node\] listen\?"),
        ('Peers = "x"', r": Peers is 'x': .*did you mean \[peers\]\?"),
        ('peers = "b=10.0.0.2:7101"', r"\[peers\] is 'b=10.0.0.2:7101': a section is needed, with a line \[peers\]"),
        ("[[peers]]\nb = 1", r"\[peers\] is \[{'b': 1}\]: a section is needed, with a line \[peers\]"),
        ("node = 1", r"\[node\] is 1: a section is needed, with a line \[node\]"),
        ("[node]\nnode = 1", r"\[node\] node is 1: .*did you mean \[node\] id\?"),
        ("[node]\nhttp_listen = 1", r"did you mean \[http\] listen\?"),
        ("[node]\nID = 1", r"did you mean \[node\] id\?"),
        ("[timing]\nheartbeat-interval = 1", r"did you mean \[timing\] heartbeat_interval\?"),
        (FILE.replace('"a"', "2024-01-31", 1), r"\[node\] id is '2024-01-31': text in quotes is needed"),
        (FILE.replace('"a"', "7", 1), r"\[node\] id is 7: text in quotes is needed"),
        (FILE.replace('"50ms"', "00:00:01"), r"heartbeat_interval is '00:00:01': a duration is text like"),
        (FILE.replace('"50ms"', "{ ms = 50 }"), r"heartbeat_interval is {'ms': 50}: a duration is text like"),
        (FILE.replace('"10.0.0.2:7101"', "{ a = 1 }"), r"\[peers\] is {'a': 1}: the address of b: .*is text like"),
        (
            FILE.replace('"10.0.0.2:7101"', '"http://x:1"'),
            r"\[peers\] is 'http://x:1': the address of b: .*only a host",
        ),
        (FILE.replace('{ http = "http://10.0.0.1:8000" }', '"x"'), r"\[node\] metadata is 'x': a table of names"),
        (FILE.replace("insecure = true", 'tls = "a.pem"'), r"\[security\] tls is 'a.pem': a table of names"),
        (FILE.replace("insecure = true", "insecure = 1"), r"insecure is 1: one of true, false is needed"),
    ],
)
def test_error_of_a_file_says_what_is_needed(text, message, tmp_path):
    """A table in the place of a value, the reverse, and each near miss name the place that is meant."""
    with pytest.raises(ConfigError, match=message):
        Config.load(write(tmp_path, text))


@pytest.mark.parametrize("value", [10**400, 1e300, float("inf"), "1e9s", "-1s", "1,5s", "5 minutes", "1h30m", "", "s"])
def test_text_that_is_no_duration_is_refused(value):
    """However large or odd it is, the error is about the setting."""
    with pytest.raises(ConfigError, match=r"^grace is "):
        config(grace=value)


@pytest.mark.parametrize(
    ("listen", "http_listen"),
    [
        ("127.0.0.1:7101", "127.0.0.1:7101"),
        ("127.0.0.1:7101", "0.0.0.0:7101"),
        ("127.0.0.1:7101", "[::]:7101"),
        ("127.0.0.1:7101", "localhost:7101"),
        ("127.0.0.1:7101", "[::ffff:127.0.0.1]:7101"),
        ("[::1]:7101", "[0:0::1]:7101"),
        ("[::1]:7101", "[::]:7101"),
        ("0.0.0.0:7101", "10.0.0.1:7101"),
        ("0.0.0.0:7101", "[::]:7101"),
        ("[::]:7101", "127.0.0.1:7101"),
        ("[::]:7101", "node-a:7101"),
        ("node-a:7101", "NODE-A.:7101"),
    ],
)
def test_one_port_for_peers_and_http_is_refused(listen, http_listen):
    """The error names both settings, before the second bind fails."""
    with pytest.raises(ConfigError, match=r"^http_listen is .*: its port is that of listen, .*another port") as caught:
        config(listen=listen, http_listen=http_listen, insecure=True, advertise="10.0.0.1:7101", peers={})
    assert listen in str(caught.value)


@pytest.mark.parametrize(
    ("listen", "http_listen"),
    [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("127.0.0.1:7101", "127.0.0.1:7102"),
        ("127.0.0.1:7101", "127.0.0.2:7101"),
        ("10.0.0.1:7101", "127.0.0.1:7101"),
        ("[::1]:7101", "127.0.0.1:7101"),
        ("0.0.0.0:7101", "[::1]:7101"),
    ],
)
def test_ports_of_peers_and_http_that_differ_are_taken(listen, http_listen):
    """Also one port on two addresses, and port 0, which is another one each time."""
    config(listen=listen, http_listen=http_listen, insecure=True, advertise="10.0.0.1:7101", peers={})


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"listen": "127.0.0.1:7101"}, "listen", "peer b at 10.0.0.2:7102 cannot dial 127.0.0.1"),
        ({"listen": "localhost:7101"}, "listen", "peer b at 10.0.0.2:7102 cannot dial localhost"),
        ({"listen": "[::1]:7101"}, "listen", "peer b at 10.0.0.2:7102 cannot dial ::1"),
        ({"listen": "10.0.0.1:7101", "advertise": "127.0.0.1:7101"}, "advertise", "cannot dial 127.0.0.1"),
    ],
)
def test_loopback_address_is_refused_with_far_peers(changes, field, message):
    """A peer on another machine would never reach this node."""
    with pytest.raises(ConfigError) as caught:
        config(**{**changes, "peers": {"b": "10.0.0.2:7102"}, "insecure": True})
    assert caught.value.field == field
    assert message in str(caught.value)


def test_loopback_listener_behind_an_advertised_proxy_is_taken():
    """Another program listens for the remote peers then."""
    made = config(advertise="10.0.0.1:7101", peers={"b": "10.0.0.2:7102"})
    assert made.listen_address.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peers": {"b": "h:1", "c": "H.:1"}}, "c has the same address as b"),
        ({"peers": {"b": "[::1]:1", "c": "[0:0::1]:1"}}, "c has the same address as b"),
        ({"peers": {"b": "127.0.0.1:1", "c": "localhost:1"}}, "c has the same address as b"),
        ({"peers": {"b": "127.0.0.1:1", "c": "[::ffff:127.0.0.1]:1"}}, "c has the same address as b"),
        ({"peers": {"b": "localhost:7101"}}, "b has the same address as a"),
        ({"peers": {"b": "127.0.0.1:7101"}, "advertise": "10.0.0.1:7101"}, "b has the same address as a"),
        (
            {"listen": "0.0.0.0:7101", "advertise": "10.0.0.1:1", "peers": {"b": "127.0.0.1:7101"}, "insecure": True},
            "b has the same address as a",
        ),
    ],
)
def test_two_nodes_of_one_address_are_refused(changes, message):
    """However the address is spelled, and also where it is the node's own."""
    with pytest.raises(ConfigError, match=f"^peers is .*{message}; "):
        config(**changes)


def test_loopback_address_with_peers_of_unknown_names_warns(caplog):
    """A name may be this machine's, so it is no error; the warning names the peers and the remedy."""
    warn_of_exposure(config())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "only this machine can dial 127.0.0.1:7101; if peers c are" in record.getMessage()


@pytest.mark.parametrize(
    "changes",
    [
        {"peers": {"b": "127.0.0.1:7102", "c": "localhost:7103"}},
        {"advertise": "node-a:7101"},
        {"listen": "node-a:7101", "insecure": True},
    ],
)
def test_peers_that_can_dial_cause_no_warning(changes, caplog):
    """All on one machine, behind a proxy, or on an address of the network."""
    warn_of_exposure(config(**changes))
    assert "only this machine" not in caplog.text
