"""The rule of each kind of entry.

Source: PROTOCOL.md, section 4.
"""

from typing import assert_never

from elect.core.messages import (
    Abandon,
    Abandoned,
    ConfigurationId,
    Entry,
    Follow,
    Grant,
    Lead,
    Refuse,
    Resign,
    Resigned,
    Vote,
)
from elect.core.rules import campaigning, following, leading, voting
from elect.core.state.node_state import NodeState
from elect.core.state.peer_support import Peer


def receive_entry(state: NodeState, peer: Peer, entry: Entry, configuration: ConfigurationId) -> None:
    """Give one entry of a peer's batch, which was sent in this configuration, to its rule."""
    election = state.find_or_make(entry.election)
    if election is None:
        return
    election.term_seen = max(election.term_seen, entry.term)
    _stop_repeating(peer, entry)
    match entry:
        case Vote():
            voting.receive_vote(state, election, peer, entry, configuration)
        case Grant():
            campaigning.receive_grant(state, election, peer, entry)
        case Abandon():
            following.receive_abandon(state, election, peer, entry)
        case Refuse():
            campaigning.receive_refusal(state, election, peer, entry)
        case Lead():
            following.receive_lead(state, election, peer, entry)
        case Follow():
            leading.receive_follow(state, election, peer, entry.term, entry.session)
        case Resign():
            following.receive_resign(state, election, peer, entry)
        case Resigned() | Abandoned():
            pass
        case _:
            assert_never(entry)


def _stop_repeating(peer: Peer, entry: Entry) -> None:
    """Stop repeating what this entry answers, and what no longer binds its sender, since it shows a higher term."""
    # A Refuse and an Abandoned name a term that is not their sender's. One that stood in a term, and was not elected,
    # may follow a lower one: its Abandon comes again and again while it is bound there.
    shown = 0 if isinstance(entry, Refuse | Abandon | Abandoned) else entry.term
    for owed, answer in ((peer.resigns, Resigned), (peer.abandons, Abandoned)):
        settled = entry.term + 1 if isinstance(entry, answer) else shown
        if entry.election in owed and owed[entry.election].term < settled:
            del owed[entry.election]
