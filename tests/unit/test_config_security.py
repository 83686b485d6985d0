"""Keys, certificates, or neither: what a configuration says of who is let in."""

import pickle

import pytest

from elect.config import Config
from elect.errors import ConfigError
from tests.unit.test_config import FILE, TLS, config, write


def test_file_gives_keys_or_certificates_and_their_paths_are_relative_to_it(tmp_path):
    keyed = Config.load(write(tmp_path, FILE.replace("insecure = true", 'key_file = "cluster.key"')))
    assert (keyed.key_file, keyed.tls, keyed.insecure) == (str(tmp_path / "cluster.key"), None, False)
    pins = f"pins = {{ b = '{'AB' * 32} {'cd' * 32}' }}"
    table = "tls = { certificate = 'a.pem', key = '/etc/a.key', ca = 'ca.pem' }"
    certified = Config.load(write(tmp_path, FILE.replace("insecure = true", f"{table}\n{pins}")))
    assert certified.tls == {
        "certificate": str(tmp_path / "a.pem"),
        "key": "/etc/a.key",
        "ca": str(tmp_path / "ca.pem"),
    }
    assert certified.pins_by_node == {"b": ("ab" * 32, "cd" * 32)}
    assert pickle.loads(pickle.dumps(certified)) == certified
    with pytest.raises(TypeError):
        certified.tls["key"] = "other"


def test_environment_gives_keys_or_certificates():
    base = {"ELECT_NODE": "a", "ELECT_CLUSTER": "c", "ELECT_LISTEN": "10.0.0.1:1", "ELECT_DATA_DIR": "d"}
    assert Config.from_env({**base, "ELECT_KEY_FILE": "cluster.key"}).key_file == "cluster.key"
    peers = {"ELECT_PEERS": "b=10.0.0.2:1", "ELECT_PINS": "b=" + "ab" * 32}
    certified = Config.from_env({**base, **peers, "ELECT_TLS": "certificate=a.pem,key=a.key,ca=ca.pem"})
    assert certified.tls == TLS
    assert certified.pins == {"b": "ab" * 32}


def test_only_one_of_tls_keys_and_nothing_at_all_is_chosen():
    for field, chosen in (
        ("key_file", {"key_file": "k", "tls": TLS}),
        ("insecure", {"key_file": "k", "insecure": True}),
    ):
        with pytest.raises(ConfigError) as caught:
            config(**chosen)
        assert caught.value.field == field
    with pytest.raises(ConfigError, match="left out of use"):
        config(tls=TLS, insecure=True)


@pytest.mark.parametrize("chosen", [{"tls": TLS}, {"key_file": "k"}, {"insecure": True}])
def test_beyond_loopback_one_of_them_is_needed(chosen):
    assert config(listen="10.0.0.1:7101", **chosen).listen == "10.0.0.1:7101"
    with pytest.raises(ConfigError, match=r"give tls or key_file in \[security\]"):
        config(listen="10.0.0.1:7101")


def test_a_key_in_the_place_of_its_files_path_is_not_shown(tmp_path):
    key = "ab" * 32
    for make in (
        lambda: config(key_file=key),
        lambda: Config.load(write(tmp_path, FILE.replace("insecure = true", f'key_file = "{key}"'))),
    ):
        with pytest.raises(ConfigError) as caught:
            make()
        assert key not in str(caught.value) + repr(caught.value)
