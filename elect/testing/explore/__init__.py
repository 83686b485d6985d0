"""Visit every world that a small cluster can reach, within bounds, with the real Elector in each node.

The search visits every order of the steps that `Bounds` counts and of the steps that are always possible: the next
message of a link arrives, a write ends, a node reads its clock, a lost link is dialed again. Time moves by a step of
its own, one heartbeat interval. Two intervals are one support duration: the shortest times that differ. The promises of
PROTOCOL.md, section 9, are checked after each step.

The members may change. A leader is asked to demote, remove or promote one node (`changes`), at any time at which the
real Elector does not refuse. Everything after that is as it is in a cluster: the term that is put on the configuration,
the writes, Install and its report, the wait until old leases are over. After each step there is one configuration of
each version; quorums of all configurations that can be in use meet; and each change was made on a lease, after the one
before had settled, with a floor that is high enough. Votes are asked for, given and counted in one configuration.

A change takes two intervals, and a search with all orders of all heartbeats in them does not end. So there are *prompt*
searches. Their bounds are narrower, besides the counts:

- a heartbeat, or the end of a stream, is read as soon as all that was sent before it on its link was read, and a clock
  as soon as an interval is over, before every other step. They come in one order: those of leaders first. A heartbeat
  is late only behind another message that is late;
- time moves while a message or a write is under way only as often as `delays` says.

All other steps still happen in every order: votes, Leads, Installs, reports, writes, changes, crashes.

Two shortcuts make it fast, and leave out nothing. A node in a given condition answers an input in the same way,
independent of its id and of the other nodes, so the Elector performs each such step once (`step_cache`,
`canonical_form`). Worlds that differ only in which node is which are visited once (`search`). A trace that breaks a
promise is replayed without either shortcut (`replay`).

The worlds are simpler than real clusters:

- there is one election; all nodes are willing, and vote at first; there are no offsets;
- no node is added, and none gets another store. Such a change gives and takes no vote. A node that was demoted may be
  promoted, as soon as it is heard and has the configuration: the search decides when it has been ready for long enough;
- a node whose write of a configuration failed does not repeat it by itself. The next write has it, too;
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
