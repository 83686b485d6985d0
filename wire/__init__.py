"""Typed messages between processes: strict, bounded, one way or both, over TCP. Knows nothing of elections.

A **Listener** takes connections, a **Dialer** keeps one to a peer open; a **Codec** says which frozen dataclasses
they carry. Both report to their owner by giving events (`wire.io.link_events`) to a function, such as a queue's `put`:

    >>> import itertools, queue
    >>> from dataclasses import dataclass
    >>> from wire import Address, Codec, Dialer, Identity, LinkOpened, Listener
    >>> @dataclass(frozen=True, slots=True, kw_only=True)
    ... class Greeting:
    ...     text: str
    >>> codec = Codec(Greeting)
    >>> ann = Identity(cluster="demo", node="ann", incarnation=1, store=bytes(16))
    >>> bob = Identity(cluster="demo", node="bob", incarnation=1, store=bytes(16))
    >>> heard, told = queue.Queue(), queue.Queue()
    >>> listener = Listener(
    ...     Address("127.0.0.1", 0), bob, codec, is_known_peer=lambda node: node == "ann", deliver=heard.put
    ... )
    >>> listener.open()
    >>> listener.start()
    >>> dialer = Dialer(
    ...     "bob", lambda: listener.address, ann, codec, next_counter=itertools.count(1).__next__, deliver=told.put
    ... )
    >>> dialer.start()
    >>> opened = told.get(timeout=5)
    >>> dialer.send(opened.number, Greeting(text="hello"))
    True
    >>> heard.get(timeout=5).peer
    'ann'
    >>> heard.get(timeout=5).message
    Greeting(text='hello')
    >>> dialer.stop(5, bye="that was all")
    True
    >>> heard.get(timeout=5).bye
    'that was all'
    >>> listener.stop(5)
    True

These links are one-way, and end in proof of it (see Closing). Where the acceptor has something to say, both ends name
the kind of link a two-way one. Here are two programs: the first one answers, and the second, which takes the address
that the first one prints, asks.

    # bob.py
    import queue
    from dataclasses import dataclass
    from wire import Address, Codec, Identity, LinkEnded, Listener, MessageReceived

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Question:
        text: str

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Answer:
        text: str

    events = queue.Queue()
    listener = Listener(
        Address("127.0.0.1", 0),
        Identity(cluster="demo", node="bob", incarnation=1, store=bytes(16)),
        Codec(Question, Answer),
        is_known_peer=lambda node: True,
        two_way={"client"},
        deliver=events.put,
    )
    listener.start()
    print(listener.address, flush=True)
    while not isinstance(event := events.get(), LinkEnded):
        if isinstance(event, MessageReceived):
            listener.send(event.peer, event.number, Answer(text=event.message.text.upper()))
    print(event.bye)
    listener.stop(5)

    # ann.py
    import itertools, queue, sys
    from dataclasses import dataclass
    from wire import Address, Codec, Dialer, Identity, LinkOpened, MessageReceived

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Question:
        text: str

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Answer:
        text: str

    events = queue.Queue()
    dialer = Dialer(
        "bob",
        lambda: Address.parse(sys.argv[1]),
        Identity(cluster="demo", node="ann", incarnation=1, store=bytes(16)),
        Codec(Question, Answer),
        next_counter=itertools.count(1).__next__,
        kind="client",
        is_two_way=True,
        deliver=events.put,
    )
    dialer.start()
    while not isinstance(event := events.get(), MessageReceived):
        if isinstance(event, LinkOpened):
            dialer.send(event.number, Question(text="are you there?"))
    print(event.message)
    dialer.stop(5, bye="thank you")

A queue without a bound, as here, is for examples: a bounded one makes `deliver` wait, then this end reads no more, and
then the other end's outbox fills, which drops what is sent to it, and counts it.

Neither end of these programs can know who the other one is: `security` takes `Keyed`, or `Tls` of
`wire.security.tls`. `limits` takes `Limits`; `metrics` takes a `Meter`, such as the one for Prometheus in
`wire.link_metrics`. What can go wrong is in `wire.protocol.wire_errors`.

The wire format, version 1
==========================

**Stream.** Each end first sends the 8 bytes of magic, 89 77 69 72 65 0D 0A 1A, then frames. A frame is a 4-byte
big-endian length and that many bytes of payload. Length 0 is a keepalive: no payload, no meaning but a sign of life.
A length above 65,536 (`frame_bytes_max`; 8,192 for a frame of the handshake) ends the connection.

**Payload.** One CBOR (RFC 8949) array `[kind, field, ...]`: `kind` is a text, the fields are in the order below; of an
application's message, the name of its class in lower case (not `bye` or `heard`), and the fields as the class declares
them. No tag, no indefinite length, no duplicate key in a map, no map key but a text, no floating point number, no
arrays and maps in each other deeper than 16, nothing after the array. Lengths and integers may be longer than they need
be. Integers are of 64 bits, signed. Characters are counted as Unicode code points. A name has 1 to 64, none of
Unicode's categories C (control, unassigned, ...) and Z (separators), but the space. Fields after those that a reader
knows are ignored; missing ones at the end have their defaults; a kind that it doesn't know is skipped, after the
handshake. Within a field: an optional value is null or the value; a list is an array; a map of texts is a map; a part
of fixed shape is an array of its fields; a part of one of several shapes is `[kind, field, ...]` again.

**Handshake.** The dialer sends magic and a Hello, and nothing more before it has the answer: magic and a Welcome, or
magic and a Reject, and then the close; a Reject may come before the Hello was read, or said. To a wrong magic there is
no answer, and there are no keepalives yet. The whole of it has one deadline (2 s).

    ["hello", version_min, version_max, cluster, node, to, incarnation, counter, store, kind, local, remote, attributes,
     nonce, keys, is_two_way]

    version_min, version_max   int     the protocol versions that the dialer speaks; this is version 1
    cluster                    text    a name; must be the acceptor's
    node                       text    the dialer's id, a name
    to                         text    the id of the node that it wants, a name; or ""
    incarnation, counter       int     the link's number, compared in this order: 0 to 2^63-1. It must be above that of
                                       every link that this acceptor took from this node and kind, and not that of
                                       a link of another kind
    store                      bytes   16 bytes, the random id of the dialer's store
    kind                       text    what the dialer is, a name: "peer", or another that the acceptor serves
    local, remote              text    the dialer's and the acceptor's address as the dialer's socket has them:
                                       "1.2.3.4:5" or "[::1]:5" (RFC 5952), IPv4 within IPv6 written as IPv4, without
                                       zone; at most 256 characters
    attributes                 map     of texts; at most 16, of at most 2,048 characters together; default: empty
    nonce                      bytes   32 fresh random bytes where there are keys; else, and by default, empty
    keys                       list    of bytes: the ids of the dialer's shared keys, 8 bytes each, at most 8 of them,
                                       the one it prefers first; default: empty
    is_two_way                 bool    both ends speak after the handshake; the acceptor serves a kind either on one-way
                                       links or on two-way ones; default: false

    ["welcome", version, node, incarnation, store, local, remote, attributes, nonce, key]

    version                    int     the one to speak: the highest that both do
    node, incarnation, store   as above, of the acceptor; a dialer that wanted another node goes away
    local, remote              the acceptor's and the dialer's address as the acceptor's socket has them
    attributes, nonce          as above
    key                        bytes   the first of the Hello's keys that the acceptor holds, too; default: empty

    ["reject", code, reason, retryable]

    code                       text    version, cluster, key, certificate, self, wrong_node, kind, unknown_peer,
                                       stale_link, id_in_use, full, timeout, malformed, stopping, store; or a later
                                       one, a name
    reason                     text    a sentence; at most 256 characters
    retryable                  bool    whether a later try may be let in

**Shared keys.** An end that holds keys talks to nobody without, and one without to nobody that offers some: the answer
is a Reject `key`, and a dialer with keys takes no Welcome that names none of its own. A key K has 32 to 64 bytes. With
H(k, p, d, n) for BLAKE2b (RFC 7693) of the data d under the key k with the personalization p (ASCII, zeros after it)
and n bytes of digest, and hello and welcome for those frames exactly as they were sent, their lengths included:

    the id of K           = H(K, "wire1 id", "", 8)
    S, the session key    = H(K, "wire1 session", hello || welcome, 64)
    the dialer's proof    = H(S, "wire1 proof d", "", 32)       the acceptor's = H(S, "wire1 proof a", "", 32)
    F of dialer's frames  = H(S, "wire1 frames d", "", 64)      of acceptor's  = H(S, "wire1 frames a", "", 64)

The acceptor's next frame after its Welcome, and the dialer's first after it has seen that this one is right, is

    ["proof", tag]             bytes   32 bytes: the proof of the end that says it

and only when the acceptor has seen that the dialer's is right, too, within the handshake's deadline, is the handshake
over; if a higher link finished before it, the acceptor closes without a word. From then on the payload of every frame,
a keepalive's empty one and the Bye's included, is followed by 16 bytes, which count in the frame's length (so that may
be 65,552): H(F, "", counter || payload, 16), where counter is 8 bytes, big-endian, and counts the frames of this
direction after the proof from 0. A wrong tag or proof ends the connection. Nothing is encrypted. Whoever is on the path
can still end a connection, and a forged end of stream looks like any other (see Trust). Whoever holds K can be any
node.

**TLS.** Where an end has TLS, the handshake of TLS 1.3 comes first, within the same deadline, and all that is said here
is said inside it, the magic included. Both ends show a certificate for TLS in that role, of an authority that the other
one believes. One with URIs of the form wire://CLUSTER/NODE (percent-encoded) as subject alternative names is for these
nodes alone; one without is for those that its DNS names name. The acceptor holds it against the Hello's node and
cluster, and answers a Reject `certificate` when it is another's; the dialer holds it against the node that it wants,
before its Hello, or else the Welcome's. The acceptor sends no session ticket (RFC 8446, section 4.6.1): nothing may
wait unread at the dialer. Nobody resumes or updates keys: 65,536 bytes of records without a byte of what is said here
end a connection. An end closes without close_notify, as one that is killed must; one that comes is an end of stream as
a bare one is, which whoever is on the path can forge here, too.

**Trust.** Where each end's `local` is the other's `remote` nothing between the two terminates the connection: an end
of stream comes from the other end's operating system. The link is then *trusted*.

**One-way links.** After the Welcome frames go from the dialer to the acceptor only; the acceptor sends nothing, so that
a dialer which is killed has nothing unread and its connection ends in an end of stream, never in a reset. The dialer
sends messages of the application's kinds, a keepalive when it had nothing to say for 1 s, and before a deliberate
close

    ["bye", reason]            text    for the other end's log; nothing rests on it; at most 256 characters

The acceptor closes a link on which nothing came for 5 s, and the older link when a higher one of the same node and kind
has finished its handshake; but where that shows three times in a minute that two processes use one id (see
`wire.protocol.claims`), the process whose link is open keeps it, and the other one is refused (`id_in_use`). The dialer closes a link that takes
nothing for 5 s, and one that is readable (which can only mean that it is over).

**Two-way links.** After its handshake each end sends messages of the application's kinds, each second, whatever else it
says,

    ["heard", frames]          int     how many frames with a payload, of whatever kind (also this one), it has read
                                       and passed on since the handshake

and a Bye before a deliberate close, of which a reason of its own is one of the words `stopping`, `superseded`,
`idle_timeout`, `unread`, `payload`, `frame_too_long`, `tag`, ...; empty frames are allowed. An end closes a link on
which nothing came for 5 s; one that takes nothing for 5 s; and one whose other end has not read on for 5 s although
there was something to read, which it knows from `heard`. Who says Bye shuts its direction, and reads on until the end
of the stream, for half a second at most, so that its last words are not lost to a reset. The rest is as above.

**Closing.** A dialer closes or shuts down a link, whatever the reason, only after its owner has said that it counts
on that link no more, and dials again only after that. So the end of stream of a trusted link proves that; a reset
proves nothing, nor does a close by the acceptor.
"""

from wire.io.link_events import DialFailed, Event, LinkAccepted, LinkClosing, LinkEnded, LinkOpened, MessageReceived
from wire.io.meter import Meter
from wire.links.dialer import Dialer
from wire.links.listener import Listener
from wire.protocol.address import Address
from wire.protocol.codec import Codec
from wire.protocol.identity import Identity, LinkNumber, PeerIdentity
from wire.protocol.limits import Limits
from wire.security.security import Keyed, Plain, Security

__all__ = [
    "Address",
    "Codec",
    "DialFailed",
    "Dialer",
    "Event",
    "Identity",
    "Keyed",
    "Limits",
    "LinkAccepted",
    "LinkClosing",
    "LinkEnded",
    "LinkNumber",
    "LinkOpened",
    "Listener",
    "MessageReceived",
    "Meter",
    "PeerIdentity",
    "Plain",
    "Security",
]
