"""The settings of a standby cluster."""

import pytest

from elect.config.config import Config
from elect.core.configuration import ClusterState
from elect.errors import ConfigError
from tests.documents import block
from tests.unit.test_config import config, write

SOURCE = ["10.1.0.1:7101", "10.1.0.2:7101", "10.1.0.3:7101"]
NODE = '[node]\nid = "a"\ncluster = "orders"\nlisten = "127.0.0.1:7101"\ndata_dir = "votes"\n'


def test_a_node_with_a_source_begins_in_a_standby_cluster():
    assert config().first_configuration.state is ClusterState.ACTIVE
    made = config(mirror_source=["127.0.0.1:7201"])
    assert made.first_configuration.state is ClusterState.STANDBY
    assert set(made.first_configuration.voters) == set(made.voters)
    # One that joins has the configuration of the cluster that it joins.
    joining = config(mirror_source=["127.0.0.1:7201"], seeds=["127.0.0.1:7102"], peers={})
    assert (joining.first_configuration.state, joining.first_configuration.members) == (ClusterState.ACTIVE, ())


def test_the_section_of_the_operations_page_loads(tmp_path):
    text = block("elect/cli/OPERATIONS.md", "toml", "[mirror]").replace("# cluster = ", "cluster = ")
    made = Config.load(write(tmp_path, text))
    assert (list(made.mirror_source), made.mirror_cluster, made.mirror_own_name) == (SOURCE, "orders", "x")


def test_paths_of_the_section_are_relative_to_the_file(tmp_path):
    text = '[mirror]\nsource = ["10.1.0.1:7101"]\nkey_file = "m.key"\n[clients]\nmay_seal = false\n'
    made = Config.load(write(tmp_path, NODE + text))
    assert (made.mirror_key_file, made.clients_may_seal) == (str(tmp_path / "m.key"), False)


def test_environment_gives_a_source():
    node = {"NODE": "a", "CLUSTER": "orders", "LISTEN": "127.0.0.1:7101", "DATA_DIR": "votes"}
    mirror = {"MIRROR_SOURCE": "10.1.0.1:7101, 10.1.0.2:7101", "MIRROR_INSECURE": "true", "CLIENTS_MAY_SEAL": "false"}
    made = Config.from_env({f"ELECT_{name}": value for name, value in {**node, **mirror}.items()})
    assert (len(made.mirror_source), made.mirror_insecure, made.clients_may_seal) == (2, True, False)


@pytest.mark.parametrize(("table", "shown"), [("", "missing"), ('name = "x"', "missing"), ("source = []", r"\[\]")])
def test_a_section_without_a_source_is_refused(tmp_path, table, shown):
    """Its node would be active and lead, where it was meant to stand by."""
    with pytest.raises(ConfigError, match=rf"toml: \[mirror\] source is {shown}: at least one address is needed"):
        Config.load(write(tmp_path, f"{NODE}[mirror]\n{table}\n"))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"mirror_source": "127.0.0.1:7201"}, "a list of addresses is needed"),
        ({"mirror_source": ["7201"]}, "mirror_source is '7201'"),
        ({"mirror_source": []}, "mirror_source is []: at least one address is needed"),
        ({"mirror_source": ["10.0.0.1:7201"]}, "refusing to believe a node beyond loopback without authentication"),
        ({"mirror_source": ["127.0.0.1:7101"]}, "it is a node of this cluster"),
        (
            {"mirror_source": ["127.0.0.1:7201"], "seeds": ["127.0.0.1:7201"], "peers": {}},
            "it is a node of this cluster",
        ),
        ({"mirror_source": [f"127.0.0.1:{port}" for port in range(7200, 7265)]}, "65 entries; at most 64"),
        ({"mirror_cluster": "orders"}, "it has a meaning only with mirror_source"),
        ({"mirror_insecure": True}, "it has a meaning only with mirror_source"),
        ({"mirror_source": ["127.0.0.1:7201"], "mirror_cluster": "a b"}, "mirror_cluster is 'a b'"),
        ({"mirror_source": ["127.0.0.1:7201"], "mirror_cluster_id": "ab"}, "32 hex digits are needed"),
        ({"mirror_source": ["127.0.0.1:7201"], "mirror_name": "a b"}, "1 to 40 of the characters"),
        ({"mirror_source": ["127.0.0.1:7201"], "mirror_pins": {"a": "0" * 64}}, "they require tls"),
        ({"mirror_source": ["127.0.0.1:7201"], "mirror_tls": {"ca": "x"}}, "mirror_tls is"),
        (
            {"mirror_source": ["127.0.0.1:7201"], "mirror_key_file": "k", "mirror_insecure": True},
            "it cannot be combined with mirror_key_file",
        ),
        ({"clients_may_seal": 1}, "one of true, false is needed"),
    ],
)
def test_bad_settings_name_the_rule(changes, rule):
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "is_allowed"),
    [
        ({}, True),
        ({"clients_may_seal": False}, False),
        ({"listen": "10.0.0.1:7101", "peers": {}, "insecure": True}, False),
        ({"listen": "10.0.0.1:7101", "peers": {}, "key_file": "cluster.key"}, True),
        ({"listen": "10.0.0.1:7101", "peers": {}, "key_file": "cluster.key", "clients_may_seal": False}, False),
    ],
)
def test_only_a_mirror_that_is_proven_may_seal(changes, is_allowed):
    assert config(**changes).is_sealing_allowed is is_allowed
