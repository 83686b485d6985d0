"""The settings of a node that joins a cluster."""

import enum
from pathlib import Path

import pytest

from elect.config.config import Config
from elect.core.configuration import Configuration, MemberKind
from elect.errors import ConfigError
from elect.runtime.node_credentials import check_first_token
from tests.unit.test_config import TLS, config, write
from wire.protocol.address import Address

SEEDS = ("127.0.0.1:7103", "127.0.0.1:7101", "localhost:7102")
TOKEN = "sixteen-letters!"

FILE = """
[node]
id = "d"
cluster = "orders"
listen = "127.0.0.1:7104"
data_dir = "votes"
learner_lag_max = 1000
[join]
seeds = ["127.0.0.1:7101", "127.0.0.1:7104"]
bootstrap = true
kind = "witness"
attempts = 5
backoff_max = "2s"
token_file = "token"
"""


def joining(**changes: object) -> Config:
    return config(**{"peers": {}, "seeds": SEEDS, **changes})


def test_defaults_join_nothing_and_try_for_ever():
    made = config()
    assert (made.seeds, made.seed_addresses, made.bootstrap) == (None, (), False)
    assert (made.join_attempts_max, made.join_backoff_max_ns) == (None, 32_000_000_000)
    assert (made.member_kind, made.learner_lag_max, made.read_join_token()) == (MemberKind.VOTER, None, "")
    addresses = {"a": "127.0.0.1:7101", "b": "127.0.0.1:7102", "c": "c.example:7103"}
    assert made.first_configuration == Configuration.initial("abc", addresses=addresses)


def test_an_address_that_nobody_can_dial_is_not_written_down():
    anywhere = config(listen="127.0.0.1:0").first_configuration
    assert anywhere.member("a").address is None
    assert config(listen="127.0.0.1:0", advertise="n:1").first_configuration.member("a").address == "n:1"


def test_the_other_seeds_are_those_of_other_nodes():
    made = joining(seeds=["localhost:7101", "127.0.0.1:7104"])
    assert [str(each) for each in made.other_seed_addresses] == ["127.0.0.1:7104"]


def test_node_with_seeds_belongs_to_no_cluster_at_first():
    made = joining()
    assert made.voters == frozenset()
    assert made.first_configuration == Configuration()


def test_seed_addresses_are_sorted_in_one_spelling():
    """Each node asks them in the same order, and finds its own among them."""
    assert joining().seed_addresses == tuple(Address("127.0.0.1", port) for port in (7101, 7102, 7103))
    assert joining(seeds=list(SEEDS)).seeds == SEEDS


def test_file_gives_every_setting_of_a_join(tmp_path):
    made = Config.load(write(tmp_path, FILE))
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert made == Config(
        node="d",
        cluster="orders",
        listen="127.0.0.1:7104",
        data_dir=str(tmp_path / "votes"),
        learner_lag_max=1000,
        seeds=["127.0.0.1:7101", "127.0.0.1:7104"],
        bootstrap=True,
        kind="witness",
        join_attempts=5,
        join_backoff_max="2s",
        join_token_file=str(tmp_path / "token"),
    )
    assert made.read_join_token() == TOKEN


def test_environment_gives_every_setting_of_a_join():
    made = Config.from_env(
        {
            "ELECT_NODE": "d",
            "ELECT_CLUSTER": "orders",
            "ELECT_LISTEN": "[::1]:7104",
            "ELECT_DATA_DIR": "/data",
            "ELECT_SEEDS": "a.example:7101, b.example:7101,",
            "ELECT_BOOTSTRAP": "true",
            "ELECT_KIND": "observer",
            "ELECT_JOIN_ATTEMPTS": "3",
            "ELECT_JOIN_BACKOFF_MAX": "0.25",
            "ELECT_JOIN_TOKEN": TOKEN,
            "ELECT_LEARNER_LAG_MAX": "0",
        }
    )
    assert made.seeds == ("a.example:7101", "b.example:7101")
    assert (made.bootstrap, made.member_kind, made.join_attempts_max) == (True, MemberKind.OBSERVER, 3)
    assert (made.join_backoff_max_ns, made.learner_lag_max) == (250_000_000, 0)
    assert made.read_join_token() == TOKEN


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("seeds", "127.0.0.1:7102", 'as in ["10.0.0.1:7101", "10.0.0.2:7101"]'),
        ("seeds", {"b": "127.0.0.1:7102"}, "a list of addresses is needed"),
        ("seeds", [f"h:{port}" for port in range(1, 66)], "65 entries; at most 64"),
        ("seeds", ["127.0.0.1"], "is not host:port"),
        ("seeds", [7102], "text like"),
        ("seeds", ["127.0.0.1:0"], "cannot be dialed"),
        ("seeds", ["0.0.0.0:7102"], "cannot be dialed"),
        ("seeds", ["h:1", "H.:1"], "H.:1 is the same address as h:1; remove one"),
        ("bootstrap", 1, "one of true, false"),
        ("kind", "learner", "one of 'voter', 'witness', 'observer'"),
        ("join_attempts", -1, "0 to 1,000,000"),
        ("join_attempts", None, "whole number"),
        ("join_backoff_max", "249ms", "from 250ms to 3600s"),
        ("join_backoff_max", "soon", "as in"),
        ("join_token", "short", "16 to 256"),
        ("join_token_file", 7, "path of a file"),
        ("learner_lag_max", -1, "0 to 9,223,372,036,854,775,807"),
        ("learner_lag_max", 1.5, "whole number"),
    ],
)
def test_bad_value_of_a_join_names_field_and_rule(field, value, rule):
    with pytest.raises(ConfigError) as caught:
        joining(**{field: value})
    assert rule in str(caught.value)
    assert str(caught.value).startswith(f"{field} is ")


def test_own_address_may_be_among_the_seeds():
    """All nodes have the same list."""
    assert joining(listen=SEEDS[0]).seeds == SEEDS


def test_seeds_and_peers_are_refused_together():
    with pytest.raises(ConfigError, match=r"^seeds is \['127.*: it cannot be combined with peers\. .*; remove one"):
        joining(peers={"b": "127.0.0.1:7102"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bootstrap", True),
        ("kind", "witness"),
        ("join_attempts", 3),
        ("join_backoff_max", "2s"),
        ("join_token", TOKEN),
        ("join_token_file", "token"),
    ],
)
def test_setting_of_a_join_is_refused_without_seeds(field, value):
    """The operator thinks that this node joins, and it would make a cluster of its own."""
    with pytest.raises(ConfigError, match="set seeds, or remove it") as caught:
        config(**{field: value})
    assert caught.value.field == field
    assert TOKEN not in str(caught.value)


def test_token_is_shown_neither_by_an_error_nor_by_repr(tmp_path):
    path = tmp_path / "token"
    path.write_text("two words and a lot more\n")
    for changes in ({"join_token": "hunter2"}, {"join_token": "hunter2", "join_token_file": "x"}):
        with pytest.raises(ConfigError) as caught:
            joining(**changes)
        assert "hunter2" not in str(caught.value) + repr(caught.value)
    assert TOKEN not in repr(joining(join_token=TOKEN))
    with pytest.raises(ConfigError, match="its content is not a token: 16 to 256") as caught:
        joining(join_token_file=path).read_join_token()
    assert "words" not in str(caught.value) + repr(caught.value)


def test_token_is_given_once():
    with pytest.raises(ConfigError, match=r"^join_token_file is 'token': it cannot be combined with join_token"):
        joining(join_token=TOKEN, join_token_file="token")


def test_token_file_is_read_when_it_is_needed(tmp_path):
    """It may be removed once the node is a member."""
    made = joining(join_token_file=tmp_path / "token")
    with pytest.raises(ConfigError, match=r"^join_token_file is .*it cannot be read: .*No such file"):
        made.read_join_token()


@pytest.mark.parametrize("has_data", [False, True])
def test_bad_token_is_found_before_a_node_has_data(tmp_path, has_data):
    """A node with data may be a member, which needs no token any more."""
    (tmp_path / "token").write_text("bad\n")
    made = joining(join_token_file=tmp_path / "token", data_dir=tmp_path / "data")
    (tmp_path / "data").mkdir()  # as a volume or a unit makes it
    if has_data:
        (tmp_path / "data" / "elect.lock").touch()
        check_first_token(made)
        return
    with pytest.raises(ConfigError, match="its content is not a token: 16 to 256"):
        check_first_token(made)
    (tmp_path / "token").unlink()
    check_first_token(made)  # it may come later


def test_token_file_may_begin_with_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert joining(join_token_file=Path("~/token")).join_token_file == str(tmp_path / "token")


def test_seed_on_another_machine_needs_an_address_to_dial():
    with pytest.raises(ConfigError, match=r"the node of a seed at 10\.0\.0\.1:7101 cannot dial 127\.0\.0\.1"):
        joining(seeds=["10.0.0.1:7101"])
    assert joining(seeds=["10.0.0.1:7101"], advertise="10.0.0.4:7104").seeds


def test_pin_of_any_node_may_be_given_with_seeds():
    """The ids of the members are not known before this node joins."""
    assert joining(tls=TLS, pins={"z": "ab" * 32}).pins == {"z": "ab" * 32}
    with pytest.raises(ConfigError, match=r"^pins is 'z z': "):
        joining(tls=TLS, pins={"z z": "ab" * 32})


def test_members_of_an_enum_become_plain_seeds():
    class Seed(enum.StrEnum):
        FIRST = "h:1"

    (seed,) = joining(seeds=[Seed.FIRST], advertise="h:2").seeds
    assert type(seed) is str


def test_empty_list_of_seeds_is_refused():
    """A node without seeds forms a cluster of its own, and the operator listed members of another one."""
    for changes in ({"seeds": []}, {"seeds": (), "peers": {}}):
        with pytest.raises(ConfigError, match=r"^seeds is \[\]: at least one address is needed"):
            config(**changes)
    assert config(peers={}, seeds=None).voters == {"a"}  # the default


@pytest.mark.parametrize("table", ["", "attempts = 5", 'kind = "voter"', "bootstrap = true"])
def test_join_table_without_seeds_is_refused(tmp_path, table):
    node = FILE.partition("[join]")[0]
    with pytest.raises(ConfigError, match=r"toml: \[join\] seeds is missing: at least one address is needed"):
        Config.load(write(tmp_path, f"{node}[join]\n{table}\n"))
    with pytest.raises(ConfigError, match=r"toml: \[join\] seeds is \[\]: at least one address is needed"):
        Config.load(write(tmp_path, f"{node}[join]\nseeds = []\n{table}\n"))


def test_members_that_demand_tokens_need_no_seeds(tmp_path):
    node = FILE.partition("[join]")[0]
    assert Config.load(write(tmp_path, f"{node}[join]\ntoken_required = false\n[peers]\n")).voters == {"d"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[join]\nseed = ["h:1"]', r"\[join\] seed is .*did you mean \[join\] seeds\?"),
        ('[node]\nseeds = ["h:1"]', r"\[node\] seeds is .*did you mean \[join\] seeds\?"),
        ('[join]\ntokn = "secret-of-a-cluster"', r"\[join\] tokn is '\*\*\*': unknown setting"),
        (FILE.replace('seeds = ["127.0.0.1:7101", ', 'seeds = ["7101", '), r"\[join\] seeds is '7101': .*host:port"),
        (FILE.replace("attempts = 5", 'attempts = "5"'), r"\[join\] attempts is '5': a whole number"),
        (f'{FILE}[peers]\nb = "127.0.0.1:7102"', r"\[join\] seeds is \['127.*cannot be combined with peers"),
    ],
)
def test_bad_join_table_names_place_and_rule(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message) as caught:
        Config.load(write(tmp_path, text))
    assert "secret" not in str(caught.value)


def test_tokens_are_demanded_where_they_can_be_judged():
    secured = {"key_file": "key", "operator_token": TOKEN}
    assert joining(join_token_required=True, **secured).join_token_required
    assert config(join_token_required=True, **secured).join_token_required
    with pytest.raises(ConfigError, match=r"^join_token_required is True: it needs tls or key_file"):
        joining(join_token_required=True, operator_token=TOKEN)
    with pytest.raises(ConfigError, match=r"^join_token_required is True: it needs operator_token"):
        joining(join_token_required=True, key_file="key")
    with pytest.raises(ConfigError, match="one of true, false"):
        joining(join_token_required=1)


def test_a_device_in_the_place_of_a_token_file_is_refused():
    """It is not read to its end, which it does not have."""
    with pytest.raises(ConfigError, match="its content is not a token: 16 to 256"):
        joining(join_token_file="/dev/zero").read_join_token()
