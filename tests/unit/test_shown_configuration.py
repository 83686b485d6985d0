"""The part of a configuration that a node shows in its handshakes."""

from dataclasses import replace

from elect.core.configuration import CLUSTER_ID_LENGTH, Configuration
from elect.runtime.peer_links import shown_configuration

FIRST = Configuration.initial("abc")
CLUSTER_ID = bytes(range(CLUSTER_ID_LENGTH))


def test_a_list_of_a_file_is_shown():
    assert shown_configuration(FIRST) == {"configuration": FIRST.id.digest.hex()}


def test_a_change_by_a_leader_is_no_list_of_a_file():
    proposed = replace(FIRST, term=1, version=1, proposed_cluster_id=CLUSTER_ID)
    assert shown_configuration(proposed) == {}


def test_a_named_cluster_shows_its_id():
    named = replace(FIRST, term=1, version=2, cluster_id=CLUSTER_ID)
    assert shown_configuration(named) == {"cluster_id": CLUSTER_ID.hex()}
