"""Texts in settings, as people write them, and what is said of those that can't be taken."""

import datetime
from pathlib import Path

import pytest

from elect.config import Config
from elect.errors import ConfigError
from tests.unit.test_config import FILE, TLS, config, write


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"tls": {**TLS, "ca": Path("ca.pem"), "x": Path("y")}}, "tls is {'certificate': 'a.pem', 'key': 'a.key', "),
        ({"tls": {"ca": Path("ca.pem")}}, "tls is {'ca': 'ca.pem'}: "),
        ({"tls": TLS, "key_file": Path("cluster.key")}, "key_file is 'cluster.key': "),
        ({"node": Path("a")}, "node is 'a': "),
        ({"node": datetime.date(2024, 1, 31)}, "node is '2024-01-31': "),
        ({"grace": datetime.time(0, 0, 5)}, "grace is '00:00:05': "),
        ({"node": [datetime.datetime(2024, 1, 31, tzinfo=datetime.UTC)]}, "node is ['2024-01-31 00:00:00+00:00']: "),
        ({"metadata": {str(number): "" for number in range(13)}}, "metadata is {'0': '', '1': '', "),
        ({"peers": config().peers, "metadata": {"a b": "c"}}, "metadata is 'a b': "),
    ],
)
def test_error_shows_a_value_as_it_was_written(changes, shown):
    """No error shows the type that holds a path, a date or a table here."""
    with pytest.raises(ConfigError) as caught:
        config(**changes)
    assert str(caught.value).startswith(shown)


def test_setting_that_is_not_in_a_file_is_called_missing(tmp_path):
    """A file has no None, so none is shown."""
    with pytest.raises(ConfigError, match=r"\[node\] advertise is missing: peers can't dial 0\.0\.0\.0"):
        Config.load(write(tmp_path, FILE.replace('advertise = "10.0.0.1:7101"', "")))
