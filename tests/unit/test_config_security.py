"""Keys, certificates, or neither: the security settings of a configuration."""

import base64
import pickle

import pytest

from elect.config.config import Config
from elect.errors import ConfigError
from tests.unit.test_config import FILE, TLS, config, write


def test_paths_of_keys_and_certificates_are_relative_to_the_file(tmp_path):
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
    with pytest.raises(ConfigError, match="cannot be combined"):
        config(tls=TLS, insecure=True)


@pytest.mark.parametrize("chosen", [{"tls": TLS}, {"key_file": "k"}, {"insecure": True}])
def test_beyond_loopback_one_of_them_is_needed(chosen):
    assert config(listen="10.0.0.1:7101", **chosen).listen == "10.0.0.1:7101"
    with pytest.raises(ConfigError, match=r"Set tls or key_file in \[security\]"):
        config(listen="10.0.0.1:7101")


@pytest.mark.parametrize(
    "key",
    ["ab" * 32, "/3S1W3g8o9bKpTj/X9yhKkOBuYDRS3rWTb0nNl+Ho9k=", base64.b64encode(bytes(range(190, 238))).decode()],
)
def test_a_key_in_the_place_of_its_files_path_is_not_shown(tmp_path, key):
    for make in (
        lambda: config(key_file=key),
        lambda: Config.load(write(tmp_path, FILE.replace("insecure = true", f'key_file = "{key}"'))),
    ):
        with pytest.raises(ConfigError) as caught:
            make()
        assert key not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    "path", ["/srv/elect/secrets/production/shared/key/of/all", "/home/Anna/cluster7/keys/elections/a/b/c/d"]
)
def test_a_long_path_is_not_taken_for_a_key(path):
    assert config(key_file=path).key_file == path


@pytest.mark.parametrize("secret", ["-----BEGIN PRIVATE KEY-----MIGHAgEA", "hunter2\nhunter2", "hunter2\0"])
def test_a_secret_given_instead_of_its_path_is_not_shown(secret):
    misspelt = {"tls": {"cert": "a.pem", "key": secret}}
    for given in ({"key_file": secret}, {"tls": {**TLS, "key": secret}}, {"data_dir": secret}, misspelt):
        with pytest.raises(ConfigError, match="not its content") as caught:
            config(**given)
        assert secret not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("given", [{"key_file": "k\ud800"}, {"tls": {**TLS, "ca": "\ud800"}}, {"data_dir": "\ud800"}])
def test_a_path_that_no_file_can_have_is_named(given):
    with pytest.raises(ConfigError, match="no file can have this name") as caught:
        config(**given)
    assert caught.value.field in given


def test_what_is_given_to_a_misspelt_secret_is_not_shown(tmp_path):
    for misspelt in ("key", "operator_tokn", "secret"):
        with pytest.raises(ConfigError, match="unknown setting") as caught:
            Config.load(write(tmp_path, FILE.replace("insecure = true", f'{misspelt} = "hunter2"')))
        assert "hunter2" not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize("head", ["[htpp]", "[[http]]", "[[htpp]]", "[htpp.more]"])
def test_a_secret_in_a_wrong_section_is_not_shown(tmp_path, head):
    """The section is misspelt, or is a list of sections: the error shows the rest of it."""
    text = FILE.partition("[http]")[0]
    for line in ('operator_token = "hunter2"', 'operator_token = ["hunter2"]', 'more = {key = "hunter2"}'):
        with pytest.raises(ConfigError, match="http") as caught:
            Config.load(write(tmp_path, f'{text}\n{head}\nlisten = "127.0.0.1:1"\n{line}'))
        assert "hunter2" not in str(caught.value) + repr(caught.value)
        assert "127.0.0.1:1" in str(caught.value)
