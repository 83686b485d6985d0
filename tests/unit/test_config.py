import dataclasses
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elect.config.config import Config
from elect.config.durations import format_ns, parse_ns
from elect.errors import ConfigError
from wire.protocol.address import Address

GOOD = {
    "node": "a",
    "cluster": "orders",
    "listen": "127.0.0.1:7101",
    "data_dir": "data",
    "peers": {"b": "127.0.0.1:7102", "c": "c.example:7103"},
}

TLS = {"certificate": "a.pem", "key": "a.key", "ca": "ca.pem"}

FILE = """
[node]
id = "a"
cluster = "orders"
listen = "0.0.0.0:7101"
advertise = "10.0.0.1:7101"
data_dir = "votes"
priority = 2
metadata = { http = "http://10.0.0.1:8000" }
[peers]
b = "10.0.0.2:7101"
[timing]
heartbeat_interval = "50ms"
support_duration = 2
clock_drift = 0.02
trust_close = false
failback = "never"
grace = "250ms"
[http]
listen = "127.0.0.1:9101"
operator_token = "0123456789abcdef"
[security]
insecure = true
"""


def config(**changes: object) -> Config:
    return Config(**{**GOOD, **changes})  # type: ignore[arg-type]


def write(directory: Path, text: str) -> Path:
    path = directory / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_are_those_of_the_manual():
    made = config()
    assert made.heartbeat_interval_ns == 200_000_000
    assert made.support_duration_ns == 1_000_000_000
    assert made.drift_ppm == 10_000
    assert made.trust_close == "auto"
    assert made.advertise_address == made.listen_address == Address("127.0.0.1", 7101)
    assert made.http_address is None
    assert made.voters == {"a", "b", "c"}
    assert made.peer_addresses["c"] == Address("c.example", 7103)


def test_file_gives_every_field(tmp_path):
    made = Config.load(write(tmp_path, FILE))
    assert made == Config(
        node="a",
        cluster="orders",
        listen="0.0.0.0:7101",
        advertise="10.0.0.1:7101",
        data_dir=str(tmp_path / "votes"),
        priority=2,
        metadata={"http": "http://10.0.0.1:8000"},
        peers={"b": "10.0.0.2:7101"},
        heartbeat_interval="50ms",
        support_duration=2,
        clock_drift=0.02,
        trust_close=False,
        failback="never",
        grace="250ms",
        http_listen="127.0.0.1:9101",
        operator_token="0123456789abcdef",
        insecure=True,
    )


def test_a_path_in_a_file_is_relative_to_that_file(tmp_path, monkeypatch):
    (tmp_path / "etc").mkdir()
    path = write(tmp_path / "etc", FILE)
    monkeypatch.chdir(tmp_path)
    assert Config.load(path.relative_to(tmp_path)).data_dir == str(tmp_path / "etc" / "votes")
    path.write_text(FILE.replace('"votes"', '"/var/lib/elect"'))
    assert Config.load(path).data_dir == "/var/lib/elect"


def test_environment_gives_every_field():
    made = Config.from_env(
        {
            "ELECT_NODE": "a",
            "ELECT_CLUSTER": "orders",
            "ELECT_LISTEN": "[::1]:7101",
            "ELECT_DATA_DIR": "/data",
            "ELECT_PEERS": "b=127.0.0.1:7102, c=[::1]:7103",
            "ELECT_METADATA": "http=http://x/?y=z",
            "ELECT_PRIORITY": "0",
            "ELECT_CLOCK_DRIFT": "0.05",
            "ELECT_SUPPORT_DURATION": "1.5",
            "ELECT_TRUST_CLOSE": "false",
            "ELECT_INSECURE": "TRUE",
            "ELECT_OFFSET_RULE": "require",
            "ELECT_TOKEN": "17",
            "ELECT_TERM": "17",
            "PATH": "/bin",
        }
    )
    assert made.peers == {"b": "127.0.0.1:7102", "c": "[::1]:7103"}
    assert made.metadata == {"http": "http://x/?y=z"}
    assert (made.priority, made.clock_drift, made.support_duration_ns) == (0, 0.05, 1_500_000_000)
    assert (made.trust_close, made.insecure, made.offset_rule) == (False, True, "require")


def test_from_env_reads_the_process_environment(monkeypatch):
    for name in ("node", "cluster", "listen", "data_dir"):
        monkeypatch.setenv(f"ELECT_{name.upper()}", str(GOOD[name]))
    assert Config.from_env().cluster == "orders"


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("node", "", "1 to 64"),
        ("node", "a" * 65, "1 to 64"),
        ("node", "a/b", "A-Z a-z 0-9 . _ -"),
        ("node", "ä", "A-Z a-z 0-9 . _ -"),
        ("node", "a\n", "A-Z a-z 0-9 . _ -"),
        ("node", 7, "1 to 64"),
        ("cluster", "two words", "A-Z a-z 0-9 . _ -"),
        ("listen", "7101", "is not host:port"),
        ("listen", "::1:7101", "brackets"),
        ("listen", "127.0.0.1:65536", "0 to 65535"),
        ("listen", 7101, "text like"),
        ("listen", "10.0.0.1:7101", "insecure = true"),
        ("listen", "node-a:7101", "insecure = true"),
        ("listen", "[::]:7101", "insecure = true"),
        ("advertise", "0.0.0.0:7101", "cannot be dialed"),
        ("advertise", "10.0.0.1:0", "cannot be dialed"),
        ("data_dir", "", "path of a directory"),
        ("data_dir", None, "path of a directory"),
        ("priority", -1, "0 to 1,000,000"),
        ("priority", 1_000_001, "0 to 1,000,000"),
        ("priority", True, "whole number"),
        ("priority", 1.0, "whole number"),
        ("metadata", "x", "a table"),
        ("metadata", {"k": 1}, "printable text"),
        ("metadata", {"k": "a\x00"}, "printable text"),
        ("metadata", {"a key": "v"}, "A-Z a-z 0-9 . _ -"),
        ("metadata", {str(number): "v" for number in range(13)}, "13 entries; at most 12"),
        ("metadata", {"k": "v" * 1000}, "1001 characters in all; at most 1000"),
        ("peers", ["b"], "a table"),
        ("peers", {str(number): f"h:{number + 1}" for number in range(64)}, "64 entries; at most 63"),
        ("peers", {"a": "127.0.0.1:7102"}, "own id"),
        ("peers", {"b b": "127.0.0.1:7102"}, "A-Z a-z 0-9 . _ -"),
        ("peers", {"b": "127.0.0.1"}, "is not host:port"),
        ("peers", {"b": 7102}, "text like"),
        ("peers", {"b": "127.0.0.1:0"}, "cannot be dialed"),
        ("peers", {"b": "0.0.0.0:7102"}, "cannot be dialed"),
        ("peers", {"b": "127.0.0.1:7101"}, "same address as a"),
        ("peers", {"b": "h:1", "c": "h:1"}, "same address as b"),
        ("heartbeat_interval", "fast", "as in"),
        ("heartbeat_interval", "-1s", "never negative"),
        ("heartbeat_interval", -0.1, "never negative"),
        ("heartbeat_interval", float("nan"), "as in"),
        ("heartbeat_interval", float("inf"), "as in"),
        ("heartbeat_interval", True, "number of seconds"),
        ("heartbeat_interval", None, "number of seconds"),
        ("heartbeat_interval", "999us", "from 1ms"),
        ("support_duration", "601s", "to 600s"),
        ("support_duration", "599ms", "3 × heartbeat_interval: 599ms < 3 × 200ms = 600ms"),
        ("grace", "61s", "to 60s"),
        ("failback", "999ms", 'from 1s to 86400s, at least support_duration; or "never"'),
        ("failback", "soon", 'as in "100ms"; never negative, at least support_duration; or "never"'),
        ("failback", False, "number of seconds"),
        ("clock_drift", 0.21, "0 to 0.2"),
        ("clock_drift", -0.01, "0 to 0.2"),
        ("clock_drift", float("nan"), "0 to 0.2"),
        ("clock_drift", "0.01", "0 to 0.2"),
        ("clock_drift", True, "0 to 0.2"),
        ("trust_close", "yes", "one of true, false, 'auto'"),
        ("trust_close", 1, "one of true, false, 'auto'"),
        ("offset_rule", "maybe", "one of 'prefer', 'require'"),
        ("insecure", 1, "one of true, false"),
        ("key_file", "", "path of a file"),
        ("key_file", 7, "path of a file"),
        ("key_file", "/etc/" + "ab" * 32, "looks like a key"),
        ("tls", "a.pem", "a table"),
        ("tls", {}, "certificate, key, ca are needed, and nothing else"),
        ("tls", {"certificate": "a", "key": "b", "chain": "c"}, "and nothing else"),
        ("tls", {**TLS, "pins": "x"}, "4 entries; at most 3"),
        ("tls", {**TLS, "ca": ""}, "path of a file"),
        ("pins", {"b": "ab" * 32}, "require tls"),
        ("pins", {"z": "ab" * 32}, "no node has this id"),
        ("pins", {"b": "ab" * 31}, "64 digits"),
        ("pins", {"b": ""}, "64 digits"),
        ("pins", {"b": 7}, "64 digits"),
        ("http_listen", "9101", "is not host:port"),
        ("operator_token", "short", "16 to 256"),
        ("operator_token", "x" * 257, "16 to 256"),
        ("operator_token", "sixteen letters!\n", "16 to 256"),
    ],
)
def test_bad_value_names_field_and_rule(field, value, rule):
    with pytest.raises(ConfigError) as caught:
        config(**{field: value})
    assert caught.value.field == field
    assert rule in str(caught.value)
    assert str(caught.value).startswith(f"{field} is ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node", "A-z.0_9" + "x" * 57),
        ("listen", "localhost:7101"),
        ("listen", "127.8.8.8:7101"),
        ("listen", "[::1]:7101"),
        ("listen", "127.0.0.1:0"),
        ("priority", 1_000_000),
        ("metadata", {"k": "v" * 999}),
        ("peers", {}),
        ("support_duration", "600ms"),
        ("support_duration", "10m"),
        ("clock_drift", 0.2),
        ("clock_drift", 0),
        ("grace", 0),
        ("failback", "never"),
        ("failback", 1),
        ("failback", "24h"),
        ("http_listen", "0.0.0.0:9101"),
        ("operator_token", "x" * 16),
        ("tls", TLS),
        ("key_file", "cluster.key"),
        ("key_file", "ab" * 31),
    ],
)
def test_value_at_a_bound_is_taken(field, value):
    assert getattr(config(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("changes", "failback_ns", "is_default_failed_back"),
    [
        ({}, 10_000_000_000, False),
        ({"support_duration": "20s"}, 20_000_000_000, False),
        ({"failback": "10s"}, 10_000_000_000, True),
        ({"failback": 2.5}, 2_500_000_000, True),
        ({"failback": "never"}, None, True),
    ],
)
def test_failback_of_the_default_election_is_on_request(changes, failback_ns, is_default_failed_back):
    made = config(**changes)
    assert (made.failback_ns, made.is_default_failed_back) == (failback_ns, is_default_failed_back)


@pytest.mark.parametrize("host", ["[::]", "[::ffff:0.0.0.0]"])
def test_a_wildcard_of_ipv6_is_no_address_to_advertise(host):
    """Peers can't dial it, however it is written."""
    with pytest.raises(ConfigError, match="peers cannot dial"):
        config(listen=f"{host}:7101", insecure=True)


def test_a_loopback_address_of_ipv4_within_ipv6_is_one():
    """A node on it needs no keys, as one on 127.0.0.1."""
    assert config(listen="[::ffff:127.0.0.1]:7101").listen_address.port == 7101


def test_wildcard_listener_needs_an_address_to_advertise():
    with pytest.raises(ConfigError, match=r"^advertise is None: peers cannot dial 0\.0\.0\.0"):
        config(listen="0.0.0.0:7101", insecure=True)
    assert config(listen="0.0.0.0:7101", insecure=True, advertise="10.0.0.1:7101").listen_address.host == "0.0.0.0"


def test_secret_is_shown_neither_by_an_error_nor_by_repr():
    with pytest.raises(ConfigError) as caught:
        config(operator_token="hunter2")
    assert "hunter2" not in str(caught.value) + repr(caught.value)
    assert "hunter2hunter2hunter2" not in repr(config(operator_token="hunter2hunter2hunter2"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[node]\nprioritty = 1", r"\[node\] prioritty is 1: unknown setting; did you mean \[node\] priority\?"),
        ('[nod]\nid = "a"', r"\[nod\] is .* did you mean \[node\]\?"),
        ("[node]\ninsecure = true", r"did you mean \[security\] insecure\?"),
        ("[http]\nlisten_on = 1", r"did you mean \[http\] listen\?"),
        ("[timing]\nzzz = 1", r"known are .*heartbeat_interval"),
        ("node = 1", r"\[node\] is 1"),
        (FILE.replace("insecure = true", 'key_file = ""'), r"\[security\] key_file is '': the path of a file"),
        (FILE.replace("insecure = true", "tls = { key = 1 }"), r"\[security\] tls is {'key': 1}: the paths of"),
        (FILE.replace("insecure = true", ""), r"\[node\] listen is '0.0.0.0:7101': refusing to listen beyond loopback"),
        ("[node]\n[node]", "not TOML: .*line 2"),
        (FILE.replace('id = "a"', ""), r"\[node\] id is missing: it has no default"),
        (
            FILE.replace("support_duration = 2", 'support_duration = "0.1s"'),
            r"\[timing\] support_duration is '0.1s': .*3 × 50ms",
        ),
        (FILE.replace('"127.0.0.1:9101"', '"9101"'), r"\[http\] listen is '9101'"),
        (FILE.replace('"10.0.0.2:7101"', "7"), r"\[peers\] is 7"),
        ('[node]\ndata_dir = 7\nid="a"\ncluster="c"\nlisten="[::1]:1"', r"\[node\] data_dir is 7"),
    ],
)
def test_bad_file_names_file_place_and_rule(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as caught:
        Config.load(path)
    assert str(path) in str(caught.value)


def test_unreadable_file_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        Config.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not TOML"):
        Config.load(tmp_path / "binary.toml")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ELECT_PRIORITY", "one", "ELECT_PRIORITY is 'one': a whole number"),
        ("ELECT_CLOCK_DRIFT", "x", "ELECT_CLOCK_DRIFT is 'x': a fraction"),
        ("ELECT_PEERS", "b", "ELECT_PEERS is 'b': pairs"),
        ("ELECT_PEERS", "b=h:1,b=h:2", "it has a name twice"),
        ("ELECT_INSECURE", "yes", "ELECT_INSECURE is 'yes': one of true, false"),
        ("ELECT_NODE", " ", "ELECT_NODE is ' ': 1 to 64"),
    ],
)
def test_bad_variable_names_variable_and_rule(variable, value, message):
    good = {"ELECT_NODE": "a", "ELECT_CLUSTER": "c", "ELECT_LISTEN": "[::1]:1", "ELECT_DATA_DIR": "d"}
    with pytest.raises(ConfigError) as caught:
        Config.from_env({**good, variable: value})
    assert message in str(caught.value)


def test_config_is_a_value():
    peers = {"b": "127.0.0.1:7102"}
    made = config(peers=peers)
    peers["a"] = "later"
    assert made.peers == {"b": "127.0.0.1:7102"}
    with pytest.raises(TypeError):
        made.peers["x"] = "y"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.node = "z"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(made)) == made
    assert dataclasses.replace(made, priority=3).priority == 3


def test_drift_is_rounded_to_the_safe_side():
    assert config(clock_drift=0.07).drift_ppm == 70_000
    assert config(clock_drift=1e-9).drift_ppm == 1


@given(st.integers(0, 10**15))
def test_formatted_duration_is_read_back_as_the_same(duration_ns):
    assert parse_ns(format_ns(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    ("value", "duration_ns"),
    [
        ("100ms", 10**8),
        ("1.5s", 15 * 10**8),
        (0.1, 10**8),
        (2, 2 * 10**9),
        ("0.25", 25 * 10**7),
        (" 2 m ", 120 * 10**9),
    ],
)
def test_duration_is_read_exactly(value, duration_ns):
    assert parse_ns(value) == duration_ns
