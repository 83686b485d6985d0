"""A Config is a value: it is compared, hashed, copied, pickled and taken apart as one."""

import copy
import dataclasses
import json
import pickle

import pytest

from elect.errors import ConfigError
from tests.unit.test_config import TLS, config

TABLES = {"metadata": {"http": "http://10.0.0.1:8000"}, "tls": TLS, "pins": {"b": "ab" * 32}}


def test_config_is_hashed_and_compared_by_its_values():
    """Two configs of the same values are one key, in whatever order their tables were written."""
    made, again = config(**TABLES), config(**TABLES, peers={"c": "c.example:7103", "b": "127.0.0.1:7102"})
    assert made == again
    assert hash(made) == hash(again)
    assert {made: 1}[again] == 1
    assert config(**{**TABLES, "pins": {"b": "cd" * 32}}) != made


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, dataclasses.replace, lambda made: pickle.loads(pickle.dumps(made))],
    ids=["copy", "deepcopy", "replace", "pickle"],
)
def test_copy_of_a_config_is_equal_and_as_frozen(copied):
    """Each way to copy a config gives an equal one whose tables can't be changed either."""
    made = config(**TABLES)
    other = copied(made)
    assert other == made
    assert hash(other) == hash(made)
    for name in ("peers", "metadata", "tls", "pins"):
        with pytest.raises(TypeError):
            getattr(other, name)["x"] = "y"


@pytest.mark.parametrize(
    "changes", [{}, {"peers": {}, "seeds": ["127.0.0.1:7102", "c.example:7103"], "kind": "witness"}]
)
def test_config_taken_apart_is_plain_and_makes_the_same_config(changes):
    """The result of asdict can be written as JSON, changed, and made into a config again."""
    made = config(**{**TABLES, **changes})
    plain = dataclasses.asdict(made)
    lists = {name: list(plain[name]) for name in ("seeds", "mirror_source") if plain[name] is not None}
    assert json.loads(json.dumps(plain)) == {**plain, **lists, "client_uids": []}
    assert type(made)(**json.loads(json.dumps(plain))) == type(made)(**plain) == made
    plain["peers"]["d"] = "d.example:7104"
    assert "d" not in made.peers
    assert dataclasses.astuple(made)


def test_tables_of_a_config_are_shown_as_plain_ones():
    """Neither the text of a config nor an error about one of its tables names the type that holds it."""
    made = config(**TABLES)
    assert "peers={'b': '127.0.0.1:7102', 'c': 'c.example:7103'}" in repr(made)
    with pytest.raises(ConfigError, match=r"^pins is \{'b': 'abab"):
        dataclasses.replace(made, tls=None)
