"""Visit every world that a small cluster can come to, within bounds, with the real Elector in each of its nodes.

What is visited: every order of everything that `Bounds` allows and of what needs no leave (each message that is under
way arrives, in the order of its link; a write ends; a node looks at its clock; a lost link is dialed again). Time moves
by a step of its own, a heartbeat interval; two of them are one support duration: the shortest times that differ. After
each step the promises of PROTOCOL.md, section 8, are checked.

What makes it fast leaves nothing out: a node in a given condition does the same whoever it is and whatever else
happens, so each such step of the Elector is played once and then looked up (`cast`, `form`); worlds that are the same
but for who is who are visited once (`symmetry`). A trace that was found is played again without either (`replay`).

What is not in these worlds:

- one election; all nodes willing, and voters; no offsets; no membership changes;
- *when* to campaign is not the Elector's own choice (PROTOCOL.md, section 6): any node may, at any time, as soon as the
  rules of section 4 let it. That is more than real nodes do. So Knowledge, standings and waits for one's turn, which
  only serve that choice, do nothing here, and Knowledge is not delivered;
- all clocks show the same, and there is no allowance for drift, so that what is counted and what is promised end at the
  same instant; a node that looks at its clock late is one whose `tick` comes late;
- all links are trusted; their handshake is one step; a dialer notices a broken link when it dials again;
- a process that died starts again at once: one that stays away is one that is given nothing to do.
"""

from elect.testing.explore.bounds import Bounds
from elect.testing.explore.explored_step import Step, Verb
from elect.testing.explore.replay import replay
from elect.testing.explore.search import DEFAULT, Exploration, explore
from elect.testing.explore.trace import Trace

__all__ = ["DEFAULT", "Bounds", "Exploration", "Step", "Trace", "Verb", "explore", "replay"]
