"""Visit every world that a small cluster can reach, within bounds, with the real Elector in each node.

The search visits every order of the steps that `Bounds` counts and of the steps that are always possible: the next
message of a link arrives, a write ends, a node reads its clock, a lost link is dialed again. Time moves by a step of
its own, one heartbeat interval. Two intervals are one support duration: the shortest times that differ. The promises of
PROTOCOL.md, section 8, are checked after each step.

Two shortcuts make it fast, and leave out nothing. A node in a given condition answers an input in the same way,
independent of its id and of the other nodes, so the Elector performs each such step once (`step_cache`,
`canonical_form`). Worlds that differ only in which node is which are visited once (`search`). A trace that breaks a
promise is replayed without either shortcut (`replay`).

The worlds are simpler than real clusters:

- there is one election; all nodes are willing and vote; there are no offsets and no membership changes;
- any node may campaign at any time, as soon as the rules of PROTOCOL.md, section 4, allow it. Real nodes campaign less
  often (section 6). Knowledge and rank only decide when to campaign, so they do nothing here, and Knowledge is not
  delivered;
- all clocks show the same time, and there is no allowance for drift: counted support and promised support end at the
  same instant. A node that reads its clock late is a node whose `tick` comes late;
- all links are trusted. A handshake is one step. A dialer notices a broken link when it dials again;
- a process that dies starts again at once. A process that stays away is a process that gets no input.
"""

from elect.testing.explore.bounds import Bounds
from elect.testing.explore.replay import replay
from elect.testing.explore.search import DEFAULT, Exploration, explore
from elect.testing.explore.steps import Step, Trace, Verb

__all__ = ["DEFAULT", "Bounds", "Exploration", "Step", "Trace", "Verb", "explore", "replay"]
