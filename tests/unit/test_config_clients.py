"""The settings for clients."""

import pytest

from elect.config.client_rules import CLIENTS_MAX, UIDS_MAX
from elect.config.config import Config
from elect.errors import ConfigError
from tests.unit.test_config import config, write
from wire.protocol.address import Address

FILE = """
[node]
id = "a"
cluster = "orders"
listen = "127.0.0.1:7101"
data_dir = "votes"
[clients]
listen = "unix:/run/elect/a.sock"
max = 20
uids = [0, 1000]
"""


def test_clients_are_let_in_where_peers_are_by_default():
    made = config()
    assert (made.clients_listen, made.clients_address, made.clients_max, made.client_uids) == (None, None, 1_000, ())


def test_file_gives_every_setting_for_clients(tmp_path):
    made = Config.load(write(tmp_path, FILE))
    assert str(made.clients_address) == "unix:/run/elect/a.sock"
    assert (made.clients_max, made.client_uids) == (20, (0, 1000))


def test_environment_gives_every_setting_for_clients():
    node = {"NODE": "a", "CLUSTER": "orders", "LISTEN": "127.0.0.1:7101", "DATA_DIR": "votes"}
    clients = {"CLIENTS_LISTEN": "unix:/run/a.sock", "CLIENTS_MAX": "20", "CLIENT_UIDS": "0, 1000"}
    made = Config.from_env({f"ELECT_{name}": value for name, value in {**node, **clients}.items()})
    assert (made.clients_listen, made.clients_max, made.client_uids) == ("unix:/run/a.sock", 20, (0, 1000))


def test_clients_may_have_an_address_of_their_own():
    assert config(clients_listen="127.0.0.1:7109").clients_address == Address("127.0.0.1", 7109)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"clients_max": -1}, f"clients_max is -1: a whole number from 0 to {CLIENTS_MAX:,} is needed"),
        ({"clients_max": "many"}, "clients_max is 'many': a whole number"),
        (
            {"clients_max": 0, "clients_listen": "127.0.0.1:7109"},
            "no client is let in, as clients_max is 0",
        ),
        ({"clients_listen": 7109}, "clients_listen is 7109: an address is text"),
        ({"clients_listen": "7109"}, "clients_listen is '7109'"),
        ({"clients_listen": "0.0.0.0:7109"}, "refusing to listen beyond loopback without authentication"),
        ({"clients_listen": "127.0.0.1:7101"}, "its port is that of listen, 127.0.0.1:7101"),
        ({"clients_listen": "unix:a.sock"}, "clients_listen is 'unix:a.sock'"),
        ({"client_uids": [0]}, "only for a Unix socket"),
        ({"clients_listen": "127.0.0.1:7109", "client_uids": [0]}, "only for a Unix socket"),
        ({"clients_listen": "unix:/a.sock", "client_uids": "root"}, "a list of at most 64 user ids is needed"),
        ({"clients_listen": "unix:/a.sock", "client_uids": [0] * (UIDS_MAX + 1)}, "a list of at most 64"),
        ({"clients_listen": "unix:/a.sock", "client_uids": [-1]}, "client_uids is -1: a whole number"),
        ({"clients_listen": "unix:/a.sock", "client_uids": ["root"]}, "client_uids is 'root': a whole number"),
        ({"listen": "unix:/a.sock"}, "listen is 'unix:/a.sock'"),
        ({"advertise": "unix:/a.sock"}, "advertise is 'unix:/a.sock'"),
        ({"http_listen": "unix:/a.sock"}, "http_listen is 'unix:/a.sock'"),
        ({"peers": {"b": "unix:/a.sock"}}, "peers is 'unix:/a.sock'"),
        ({"peers": {}, "seeds": ["unix:/a.sock"]}, "seeds is 'unix:/a.sock'"),
    ],
)
def test_wrong_settings_for_clients_are_refused(changes, rule):
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert rule in str(caught.value)
