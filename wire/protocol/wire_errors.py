"""What can go wrong on a connection, as types.

    WireError
        LocalFault                  local
            EncodeError             encode
            CredentialsError        credentials
            StateError              state
        RemoteFault                 remote
            MagicError              magic
            FrameError              frame_too_long
            PayloadError            payload
                UnknownKindError    unknown_kind
            ProofError              proof
            ForgedError             tag
            TlsError                tls
            CertificateError        certificate
            OrderError              order
            TruncatedError          truncated
        Refusal                     (its code)
        LinkFailure                 link
            UnwelcomeError          unwelcome
            ResetError              reset
            ClosedError             closed
            ResolveError            resolve
            ConnectError            connect
            HandshakeTimeoutError   handshake_timeout
            IdleTimeoutError        idle_timeout
            WriteTimeoutError       write_timeout
            UnreadError             unread
            RestartedError          restarted
            SupersededError         superseded
            StoppedError            stopped

Who is at fault decides what to do: a LocalFault is a mistake in this program and leaves the connection as it was; a
RemoteFault is the other end breaking the format and ends the connection; a Refusal is a well-formed "no" to a
handshake; a LinkFailure is the network's or the clock's doing. The word beside each is its `reason`: one of a few, fit
for the label of a counter.

Source: FORMAT.md, section 12.
"""

from enum import StrEnum


class RejectCode(StrEnum):
    """Why a handshake was refused."""

    VERSION = "version"
    CLUSTER = "cluster"
    SELF = "self"
    WRONG_NODE = "wrong_node"
    KEY = "key"
    CERTIFICATE = "certificate"
    KIND = "kind"
    UNKNOWN_PEER = "unknown_peer"
    STORE = "store"
    STALE_LINK = "stale_link"
    ID_IN_USE = "id_in_use"
    FULL = "full"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    STOPPING = "stopping"
    OTHER = "other"


class WireError(Exception):
    """Anything that this package raises or reports.

    Attributes:
        reason: a short word from a small set, for counters.
    """

    reason: str = "wire"


class LocalFault(WireError):  # noqa: N818 - a fault has a side, an error has not
    """This program asked for something that can't be done; nothing was sent, the connection is as it was."""

    reason = "local"


class EncodeError(LocalFault):
    """A message doesn't fit its own type, isn't one of the codec's, or is too long for a frame."""

    reason = "encode"


class CredentialsError(LocalFault):
    """Keys or certificates of this end can't be used; the text names the file and what is wrong, and no secret."""

    reason = "credentials"


class StateError(LocalFault):
    """A verb was called that the connection's state doesn't allow."""

    reason = "state"


class RemoteFault(WireError):  # noqa: N818 - see LocalFault
    """The other end broke the format: the connection is over."""

    reason = "remote"


class MagicError(RemoteFault):
    """The first bytes are not this protocol's."""

    reason = "magic"


class FrameError(RemoteFault):
    """A frame announces more bytes than are allowed."""

    reason = "frame_too_long"


class PayloadError(RemoteFault):
    """A frame's bytes are not strict CBOR, or not a message of the expected shape and ranges."""

    reason = "payload"


class UnknownKindError(PayloadError):
    """A well-formed message of a kind that this end doesn't know; on an open link it is skipped."""

    reason = "unknown_kind"


class ProofError(RemoteFault):
    """The other end did not prove that it holds a key of this end's."""

    reason = "proof"


class ForgedError(RemoteFault):
    """A frame is not what the other end sent next: changed, repeated, left out, moved, or somebody else's."""

    reason = "tag"


class TlsError(RemoteFault):
    """The other end does not speak TLS as this end does, or its bytes were changed under way."""

    reason = "tls"


class CertificateError(RemoteFault):
    """An end has no certificate that the other one takes: none, another authority's, or one that is out of time."""

    reason = "certificate"


class OrderError(RemoteFault):
    """A frame came when none, or another one, was due."""

    reason = "order"


class TruncatedError(RemoteFault):
    """The stream ended inside a frame or inside the handshake."""

    reason = "truncated"


class Refusal(WireError):  # noqa: N818 - not an error of anybody's: an answer
    """A handshake was refused, by the other end or by this one.

    Attributes:
        code: why.
        text: a sentence.
        is_retryable: whether a later try may be let in.
    """

    def __init__(self, code: RejectCode, text: str, *, is_retryable: bool) -> None:
        super().__init__(f"refused ({code}): {text}")
        self.code = code
        self.text = text
        self.is_retryable = is_retryable
        self.reason = str(code)


class LinkFailure(WireError):  # noqa: N818 - the base of what follows
    """The network, the operating system or a deadline ended it."""

    reason = "link"


class UnwelcomeError(LinkFailure):
    """This program does not take the node that answered for the peer that it is to be."""

    reason = "unwelcome"


class ResetError(LinkFailure):
    """The operating system reported an error on the socket: a reset, no more buffers."""

    reason = "reset"


class ClosedError(LinkFailure):
    """The other end closed."""

    reason = "closed"


class ResolveError(LinkFailure):
    """The name of a peer has no address now."""

    reason = "resolve"


class ConnectError(LinkFailure):
    """None of a peer's addresses took the connection."""

    reason = "connect"


class HandshakeTimeoutError(LinkFailure):
    """The handshake, as a whole, took too long."""

    reason = "handshake_timeout"


class IdleTimeoutError(LinkFailure):
    """Not a byte came for too long, not even a keepalive."""

    reason = "idle_timeout"


class WriteTimeoutError(LinkFailure):
    """The other end did not take what was sent for too long."""

    reason = "write_timeout"


class UnreadError(LinkFailure):
    """The other end still talks, but has read nothing of what was sent for too long."""

    reason = "unread"


class RestartedError(LinkFailure):
    """The process at the other end is gone: a later one of the same node has dialed in."""

    reason = "restarted"


class SupersededError(LinkFailure):
    """A link with a higher number from the same peer took over."""

    reason = "superseded"


class StoppedError(LinkFailure):
    """This end is being stopped."""

    reason = "stopped"
