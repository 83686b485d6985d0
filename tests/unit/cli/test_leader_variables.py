import json
import subprocess

import pytest

from elect.cli.calling.leader_variables import FORMATS, as_text, environment, variables
from elect.leader import Leader

LEADER = Leader(node_id="b", term=7, address="10.0.0.2:7101", metadata={"http": "http://b:80", "rack-no": "a 'b' $c"})


def test_a_leader_has_its_variables():
    assert variables(LEADER) == {
        "ELECT_LEADER": "10.0.0.2:7101",
        "ELECT_LEADER_ID": "b",
        "ELECT_TERM": "7",
        "ELECT_TOKEN": "7",
        "ELECT_LEADER_METADATA": '{"http": "http://b:80", "rack-no": "a \'b\' $c"}',
        "ELECT_LEADER_METADATA_HTTP": "http://b:80",
        "ELECT_LEADER_METADATA_RACK_NO": "a 'b' $c",
    }


def test_without_a_leader_they_are_empty():
    empty = dict.fromkeys(["ELECT_LEADER", "ELECT_LEADER_ID", "ELECT_TERM", "ELECT_TOKEN"], "")
    assert variables(None) == {**empty, "ELECT_LEADER_METADATA": "{}"}


def test_an_entry_that_could_be_mistaken_has_no_variable():
    """The JSON has it all the same."""
    metadata = {"a.b": "1", "a-b": "2", "zero": "0\0", "lines": "x\nELECT_TERM=9", "good": "ä"}
    found = variables(Leader(node_id="b", term=7, metadata=metadata))
    assert {name for name in found if name.startswith("ELECT_LEADER_METADATA_")} == {"ELECT_LEADER_METADATA_GOOD"}
    assert json.loads(found["ELECT_LEADER_METADATA"]) == metadata


def test_a_program_gets_nothing_of_another_leader():
    base = {"PATH": "/bin", "ELECT_LEADER": "old", "ELECT_LEADER_METADATA_OLD": "1", "ELECT_LEADERS": "3"}
    made = environment(base, LEADER, 1.5)
    assert made == {"PATH": "/bin", "ELECT_LEADERS": "3", **variables(LEADER), "ELECT_REMAINING": "1.500"}


@pytest.mark.parametrize("is_one_line", [True, False])
def test_a_shell_can_evaluate_the_variables(is_one_line):
    text = as_text(LEADER, "env", "default", is_one_line=is_one_line)
    assert text.count("\n") == (0 if is_one_line else 6)
    program = 'eval "$1"; printf "%s|%s" "$ELECT_LEADER" "$ELECT_LEADER_METADATA_RACK_NO"'
    ended = subprocess.run(["sh", "-c", program, "sh", text], capture_output=True, text=True, check=True)
    assert ended.stdout == "10.0.0.2:7101|a 'b' $c"


def test_the_other_formats():
    assert as_text(LEADER, "address", "e", is_one_line=True) == "10.0.0.2:7101"
    assert as_text(None, "address", "e", is_one_line=True) == "none"
    assert json.loads(as_text(LEADER, "json", "e", is_one_line=True)) == {
        "election": "e",
        "leader": "b",
        "term": 7,
        "address": "10.0.0.2:7101",
        "metadata": dict(LEADER.metadata),
    }
    assert json.loads(as_text(None, "json", "e", is_one_line=True))["leader"] is None
    assert set(FORMATS) == {"address", "json", "env"}
