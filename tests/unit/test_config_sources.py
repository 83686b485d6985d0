"""The environment: not every variable is elect's, and not every variable of elect is a setting."""

import dataclasses
import logging

import pytest

from elect.config import sources
from elect.config.config import Config
from elect.errors import ConfigError

GOOD = {"ELECT_NODE": "a", "ELECT_CLUSTER": "c", "ELECT_LISTEN": "127.0.0.1:1", "ELECT_DATA_DIR": "d"}

SERVICE = {
    "SERVICE_HOST": "10.96.0.17",
    "SERVICE_PORT": "7101",
    "SERVICE_PORT_PEERS": "7101",
    "SERVICE_PORT_HTTP_LISTEN": "9101",
    "PORT": "tcp://10.96.0.17:7101",
    "PORT_7101_TCP": "tcp://10.96.0.17:7101",
    "PORT_7101_TCP_PROTO": "tcp",
    "PORT_7101_TCP_PORT": "7101",
    "PORT_7101_TCP_ADDR": "10.96.0.17",
    "PORT_53_UDP": "udp://[fd00::11]:53",
    "PORT_53_UDP_PROTO": "udp",
    "PORT_53_UDP_PORT": "53",
    "PORT_53_UDP_ADDR": "fd00::11",
    "PORT_132_SCTP": "sctp://10.96.0.17:132",
    "PORT_132_SCTP_PROTO": "sctp",
}
"""The suffixes of the variables that Kubernetes sets in each pod, after the name of the Service in capitals."""


@pytest.mark.parametrize("service", ["", "PEERS_", "NODE_", "DATA_DIR_", "SERVICE_", "PORT_", "1_", "A_SERVICE_PORT_"])
def test_variables_of_a_kubernetes_service_are_passed_over(service, caplog):
    """A Service named elect, elect-peers and so on changes no setting and causes no warning."""
    links = {f"ELECT_{service}{name}": value for name, value in SERVICE.items()}
    assert Config.from_env({**GOOD, **links}) == Config.from_env(GOOD)
    assert caplog.records == []


def test_setting_is_never_taken_for_a_variable_of_a_service():
    """No name of a setting ends as a variable of Kubernetes does, so that none is passed over for its value."""
    for name in (*sources.PLACES, "peers"):
        assert sources.variable(name).rpartition("_")[2] not in {
            *("HOST", "PORT", "PROTO", "ADDR", "TCP", "UDP", "SCTP"),
        }


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("ELECT_PRIORTY", "1", "did you mean ELECT_PRIORITY?"),
        ("ELECT_Priority", "1", "did you mean ELECT_PRIORITY?"),
        ("ELECT_PEER", "b=127.0.0.1:7102", "did you mean ELECT_PEERS?"),
        ("ELECT_LISTEN_PORT", "7101", "did you mean ELECT_LISTEN?"),
        ("ELECT_PORT", "7101", "did you mean ELECT_PRIORITY?"),
        ("ELECT_PORT_7101_TCP", "yes", ""),
        ("ELECT_SERVICE_HOST", "db.example", ""),
        ("ELECT_MY_APPLICATION", "x", ""),
    ],
)
def test_unknown_variable_is_a_warning_with_a_near_name(name, value, hint, caplog):
    """An ELECT_ name of the application's own is said once, with the setting that may be meant, and passed over."""
    assert Config.from_env({**GOOD, name: value}) == Config.from_env(GOOD)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    said = f"! {name} is not a setting of elect and is ignored"
    assert record.getMessage() == (f"{said}; {hint}" if hint else said)


def test_value_of_an_unknown_variable_is_not_logged(caplog):
    """The value may be a secret under a misspelt name."""
    Config.from_env({**GOOD, "ELECT_OPERATOR_TOKN": "hunter2hunter2hunter2"})
    assert "ELECT_OPERATOR_TOKEN" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Config)])
def test_empty_variable_is_an_absent_one(field, caplog):
    """A variable that is set to nothing leaves its setting's default."""
    name = sources.variable(field)
    if name in GOOD:
        with pytest.raises(ValueError, match=f"^{name} is missing: it has no default"):
            Config.from_env({**GOOD, name: ""})
    else:
        assert Config.from_env({**GOOD, name: ""}) == Config.from_env(GOOD)
    Config.from_env({**GOOD, "ELECT_UNKNOWN": ""})
    assert caplog.records == []


@pytest.mark.parametrize("field", ["peers", "seeds", "mirror_source", "client_uids", "metadata", "pins", "tls"])
@pytest.mark.parametrize("text", [" ", ",", " ,\t, "])
def test_variable_of_separators_alone_is_refused(field, text):
    """It was meant to name something: a list of peers that is taken for empty makes a node lead alone."""
    name = sources.variable(field)
    with pytest.raises(ConfigError, match=rf"^{name} is '[ ,\\t]+': at least one .* is needed; or unset it$") as caught:
        Config.from_env({**GOOD, name: text})
    assert (caught.value.field, caught.value.value) == (field, text)


def test_child_of_elect_exec_reads_its_own_settings(caplog):
    """The token, the term and the node that a command is started with disturb no setting."""
    environ = {
        **GOOD,
        "ELECT_TOKEN": "17",
        "ELECT_TERM": "17",
        "ELECT_LEADER_METADATA_HTTP": "b:80",
        "ELECT_REMAINING": "1",
        "ELECT_NODE": "b",
    }
    assert Config.from_env(environ) == dataclasses.replace(Config.from_env(GOOD), node="b")
    assert caplog.records == []


def test_secret_of_a_variable_may_end_with_a_newline():
    """The error about it could not show the newline, as it shows no secret."""
    token = "0123456789abcdef"
    environ = {**GOOD, "ELECT_OPERATOR_TOKEN": f"{token}\n", "ELECT_HTTP_LISTEN": "127.0.0.1:9101"}
    assert Config.from_env(environ).operator_token == token
