"""The arguments of a client, checked where they are given, and its errors."""

import asyncio
import pickle
import threading

import pytest

from elect import CallInterrupted, Client, ClientClosed, Config, ConfigError, Leader, LeaderUnavailable, Stopped
from elect.observing.observer_settings import ObserverSettings
from wire import Address

KEY = "00" * 32


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("endpoints", {"endpoints": []}),
        ("endpoints", {"endpoints": "127.0.0.1:1"}),
        ("endpoints", {"endpoints": ["127.0.0.1"]}),
        ("endpoints", {"endpoints": ["127.0.0.1:0"]}),
        ("endpoints", {"endpoints": ["0.0.0.0:1"]}),
        ("endpoints", {"endpoints": [5]}),
        ("endpoints", {"endpoints": ["127.0.0.1:1"] * 65}),
        ("endpoints", {"endpoints": ["10.0.0.1:1"]}),
        ("endpoints", {"endpoints": ["a.example:1"]}),
        ("cluster", {"cluster": "a b"}),
        ("name", {"name": ""}),
        ("name", {"name": "a/b"}),
        ("name", {"name": "a" * 41}),
        ("name", {"name": 5}),
        ("tls", {"tls": {"key": "x"}}),
        ("key_file", {"key_file": KEY}),
        ("key_file", {"key_file": "\ud800"}),
        ("key_file", {"key_file": "k", "tls": {"certificate": "c", "key": "k", "ca": "a"}}),
        ("insecure", {"insecure": 1}),
        ("insecure", {"insecure": True, "key_file": "k"}),
        ("pins", {"pins": {"a": "00" * 32}}),
        ("pins", {"pins": ""}),
        ("pins", {"pins": 0}),
    ],
)
def test_a_bad_value_is_named(field, options):
    with pytest.raises(ConfigError) as caught:
        Client(**{"endpoints": ["127.0.0.1:1"], "cluster": "c", **options})
    assert caught.value.field == field


@pytest.mark.parametrize("options", [{"key_file": "k"}, {"insecure": True}])
def test_far_endpoints_need_security(options):
    Client(["10.0.0.1:1", "[2001:db8::1]:1", "a.example:1"], cluster="c", **options).close()


def test_a_key_file_that_is_missing_is_named_at_first_use(tmp_path):
    client = Client(["10.0.0.1:1"], cluster="c", key_file=tmp_path / "missing")
    with client, pytest.raises(ConfigError, match="missing"):
        client.leader()


def test_settings_are_copies_of_the_arguments():
    endpoints, pins = ["127.0.0.1:1", "127.0.0.1:2"], {"a": "00" * 32}
    tls = {"certificate": "c", "key": "k", "ca": "a"}
    settings = ObserverSettings(endpoints=endpoints, cluster="c", name="x", tls=tls, pins=pins)
    for argument in (endpoints, pins, tls):
        argument.clear()
    assert settings.endpoints == ("127.0.0.1:1", "127.0.0.1:2")
    assert settings.addresses == (Address("127.0.0.1", 1), Address("127.0.0.1", 2))
    assert settings.tls == {"certificate": "c", "key": "k", "ca": "a"}
    assert settings.pins == {"a": "00" * 32}


def test_a_client_of_a_config_has_its_addresses(tmp_path):
    config = Config(node="a", cluster="c", listen="127.0.0.1:1", data_dir=tmp_path, peers={"b": "127.0.0.1:2"})
    with Client.from_config(config) as client:
        assert client._settings.endpoints == ("127.0.0.1:1", "127.0.0.1:2")
        assert repr(client) == "<Client 'client' of cluster 'c'>"


def test_a_config_of_many_seeds_makes_a_client(tmp_path):
    seeds = [f"127.0.0.1:{port}" for port in range(2, 66)]
    config = Config(node="a", cluster="c", listen="127.0.0.1:1", data_dir=tmp_path, seeds=seeds)
    with Client.from_config(config) as client:
        assert client._settings.endpoints == ("127.0.0.1:1", *seeds[:63])


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (TypeError, lambda client: client.leader(5)),
        (TypeError, lambda client: client.leader(timeout="1")),
        (ValueError, lambda client: client.leader(timeout=-1)),
        (ValueError, lambda client: client.leader("")),
        (ValueError, lambda client: client.watch("é")),
        (TypeError, lambda client: client.call(None)),
        (TypeError, lambda client: client.call(asyncio.sleep)),
        (TypeError, lambda client: client.call(print, idempotent=1)),
        (ValueError, lambda client: client.status(timeout=-1)),
        (ValueError, lambda client: client.members(timeout=-1)),
    ],
)
def test_a_wrong_argument_is_refused_in_the_caller(error, call):
    with Client(["127.0.0.1:1"], cluster="c") as client, pytest.raises(error):
        call(client)


@pytest.mark.parametrize("config", ["node.toml", None])
def test_a_client_is_made_of_no_other_thing_than_a_config(config):
    with pytest.raises(TypeError, match=r"config is .*; a Config is needed"):
        Client.from_config(config)


def test_a_close_during_the_first_use_counts(monkeypatch):
    """A signal handler closes the client while its files are read."""
    client = Client(["127.0.0.1:1"], cluster="c")
    monkeypatch.setattr(ObserverSettings, "load_security", lambda _: client.close())
    with pytest.raises(ClientClosed):
        client.leader(timeout=0)


def test_a_watch_ends_when_its_client_closes_at_any_moment(monkeypatch):
    with Client(["127.0.0.1:1"], cluster="c") as client:
        watch = client.watch()
        find = client._find

        def find_and_close() -> object:
            finder = find()
            client.close()
            return finder

        monkeypatch.setattr(client, "_find", find_and_close)
        assert list(watch) == []


def test_an_unused_client_has_no_thread():
    before = threading.active_count()
    with Client(["127.0.0.1:1"], cluster="c") as client:
        assert threading.active_count() == before
        assert client.remaining == float("inf")


def test_errors_say_what_was_tried_and_what_to_do():
    error = LeaderUnavailable("default", "a leader that is ready", 2)
    error.hint = Leader(node_id="a", term=5, address="h:1")
    error.tried, error.loop = {"h:1": "refused"}, ("a", "b", "a")
    assert str(error) == (
        "a leader that is ready in election 'default' did not come within 2 s; a at h:1 led in term 5;"
        " a loop of hints: a -> b -> a; h:1: refused"
    )
    assert error.is_retryable
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    interrupted = CallInterrupted("default", error.hint)
    assert not interrupted.is_retryable
    assert "idempotent=True" in str(interrupted)
    closed = ClientClosed("client")
    assert isinstance(closed, Stopped)
    assert str(closed) == "client client is closed; make a new one"
