"""The election as a pure machine: messages and time go in, a Ready comes out.

Nothing here touches a socket, a thread, a clock, a disk or a log. Time and chance are arguments, so the same inputs
always lead to the same outputs. PROTOCOL.md, beside this file, says what is promised and why; the code cites it.

**Four verbs.** The owner of an Elector, one thread, does four things with it:

- It *tells* the Elector what happened: `link_opened`, `link_accepted`, `link_closing` and `link_ended` for the links to
  peers; `written` and `write_failed` for the disk; `enter`, `leave`, `resign`, `acknowledge` and `set_...` for the
  application.
- It hands over what a peer sent: `receive`.
- It lets time pass: `tick`, at the latest at the `wake_at` of the latest Ready.
- It *carries out* each Ready, in the order of its fields: start the write, publish the leases, send, hold back what
  waits for the write, tell the application.

**The life of an input.** `Elector.receive` begins a step: what is over by now ends (`step`, `rules.expiry`). A message
goes to its rule (`rules.routing`). The rule changes an election (`state.election_state`), which the index notes
(`state.election_index`), and collects what follows from it (`state.effects`). At the end of the step each election that
changed is considered once: does this node follow, campaign, send something (`rules.campaigning.consider`)? The effects
are packed into messages (`outgoing`) and a Ready.

**The life of a term.** A node that a quorum supports, and that knows of no leader, campaigns in a new term. It writes
its own vote, and asks for the others (Vote). Each voter writes its vote before it answers (Grant), or says why not
(Refuse). A voter that grants follows the candidate in a session: its promise not to help replace it while the session
lives. A majority elects. The leader says so to the others (Lead), and they follow it, too (Follow). A candidate that is
not elected frees its voters (Abandon). The term ends when the leader gives it up (Resign), or when it cannot get its
lease back.

**The life of a lease.** Heartbeats extend the sessions. The leader counts each promise for a little less time than its
peer keeps it. While a quorum follows and is counted, the lease holds, and `is_leader` is true. When it is over the
leader is suspended at once. Its application gets Lost, and Elected if the lease is back in time. Otherwise it resigns.

**An election by hand**, between two nodes. This one is "a"; the example plays "b".

>>> from random import Random
>>> from elect.core.elector import Elector
>>> from elect.core.events import Elected
>>> from elect.core.messages import Ack, Batch, Grant, Heartbeat, Number, Standing
>>> from elect.core.configuration import Configuration
>>> from elect.core.options import Durable, ElectorOptions
>>> now, second, link = 1_000_000_000, 1_000_000_000, Number(1, 1)
>>> configuration = Configuration.initial(["a", "b"])
>>> options = ElectorOptions(node_id="a", configuration=configuration)
>>> elector = Elector(options=options, durable=Durable(incarnation=1), rng=Random(1), now=now)

It enters an election, and both links to "b" come up. On its own link it sends the first heartbeat.

>>> ready = elector.enter(now, "jobs")
>>> ready = elector.link_accepted(now, "b", link, is_trusted=True)
>>> ready = elector.link_opened(now, "b", link)
>>> [type(send.message).__name__ for send in ready.send]
['Heartbeat']

"b" supports it, and says so in a heartbeat. That is a quorum, so it campaigns: its own vote has to be written.

>>> ack = Ack(link=link, session=Number(1, 1), sent=now, duration=second)
>>> unwilling = Standing(willing=False)
>>> heartbeat = Heartbeat(
...     sent=1, duration=second, ack=ack, supports=("a",), standing=unwilling, configuration=configuration.id
... )
>>> ready = elector.receive(now + 1, "b", link, heartbeat)
>>> ready.write.ballots
{'jobs': Ballot(term=1, voted_for='a', lowered_to=None)}
>>> ready.send[0].message.entries
(Vote(election='jobs', term=1, offset=0),)
>>> ready = elector.written(now + 2, ready.write.number)

"b" grants its vote, and follows with it, in its session. Then the lease holds.

>>> grant = Grant(election="jobs", term=1, session=Number(1, 1), link=link)
>>> ready = elector.receive(now + 3, "b", link, Batch(configuration=configuration.id, entries=(grant,)))
>>> [event for event in ready.events if isinstance(event, Elected)]
[Elected(election='jobs', term=1, at=1000000003)]
>>> ready.leases["jobs"].until({"b": now + 990_000_000})
1990000000

**Reading order.** `messages` and `ready`: what goes in and out, with `events` and `options`. `elector`, then `step`.
`state/peer_support` and `state/election_state`: the two layers. `rules/voting`, `following`, `campaigning`, `leading`,
`heartbeats`, `ranking`; then `expiry`, `boot_fence` and `agreement`. How members come and go: `configuration`,
`changes`, `rules/membership`, `installing`. `quorum` and `invariants` are short. Leave `state/scale` and
`state/election_index` for last: they serve thousands of elections, and an election is understood without them.
"""
