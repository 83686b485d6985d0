"""The rule of each kind of entry.

Source: PROTOCOL.md, section 4.
"""

from typing import assert_never

from elect.core.messages import ConfigurationId, Entry, Follow, Grant, Lead, Refuse, Resign, Resigned, Vote
from elect.core.rules import campaigning, following, leading, voting
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


def receive_entry(state: NodeState, peer: Peer, entry: Entry, configuration: ConfigurationId) -> None:
    """Give one entry of a peer's batch, which was sent in this configuration, to its rule."""
    election = state.find_or_make(entry.election)
    if election is None:
        return
    election.term_seen = max(election.term_seen, entry.term)
    if not isinstance(entry, Refuse):  # its term is the one asked for; its sender may still follow a lower one
        leading.stop_repeating_resign(peer, entry.election, entry.term)
    match entry:
        case Vote():
            voting.receive_vote(state, election, peer, entry, configuration)
        case Grant():
            campaigning.count_grant(state, election, peer.id, entry.term)
        case Refuse():
            campaigning.receive_refusal(state, election, peer, entry)
        case Lead():
            following.receive_lead(state, election, peer, entry)
        case Follow():
            leading.receive_follow(state, election, peer, entry)
        case Resign():
            following.receive_resign(state, election, peer, entry)
        case Resigned():
            leading.stop_repeating_resign(peer, entry.election, entry.term + 1)
        case _:
            assert_never(entry)
