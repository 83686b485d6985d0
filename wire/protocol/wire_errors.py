"""The errors of a connection, as types.

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
            FloodError              flood
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
            ForeignUserError        uid

The four groups tell whose fault it is. A LocalFault is a mistake of this program, and leaves the connection as it was.
A RemoteFault is a breach of the format by the other end, and ends the connection. A Refusal is a valid negative answer
to a handshake. A LinkFailure is caused by the network or by a deadline. The name beside each is its `reason`: a small
set, fit for the label of a counter.

Source: FORMAT.md, section 12.
"""

from enum import StrEnum


class RejectCode(StrEnum):
    """The reasons for which a handshake is refused."""

    VERSION = "version"
    CLUSTER = "cluster"
    OWN_STORE = "own_store"
    SELF = "self"
    WRONG_NODE = "wrong_node"
    KEY = "key"
    CERTIFICATE = "certificate"
    KIND = "kind"
    UNKNOWN_PEER = "unknown_peer"
    REMOVED = "removed"
    UNFORMED = "unformed"
    STORE = "store"
    STALE_LINK = "stale_link"
    ID_IN_USE = "id_in_use"
    FULL = "full"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    STOPPING = "stopping"
    USER = "user"
    OTHER = "other"


class WireError(Exception):
    """The base of all errors that this package raises or reports.

    Attributes:
        reason: a short name from a small set, for counters.
    """

    reason: str = "wire"


class LocalFault(WireError):  # noqa: N818 - a fault has a side, an error has not
    """This program asked for something impossible; nothing was sent, and the connection is as it was."""

    reason = "local"


class EncodeError(LocalFault):
    """A message doesn't fit its own type, isn't one of the codec's, or is too long for a frame."""

    reason = "encode"


class CredentialsError(LocalFault):
    """Keys or certificates of this end cannot be used; the text names the file and the mistake, and shows no secret."""

    reason = "credentials"


class StateError(LocalFault):
    """A method was called that the connection's state does not allow."""

    reason = "state"


class RemoteFault(WireError):  # noqa: N818 - see LocalFault
    """The other end broke the format: the connection is over."""

    reason = "remote"


class MagicError(RemoteFault):
    """The first bytes are not those of this protocol."""

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
    """The other end did not prove that it holds a key that this end holds."""

    reason = "proof"


class ForgedError(RemoteFault):
    """A frame is not the one that the other end sent next: it was changed, repeated, left out, moved or forged."""

    reason = "tag"


class TlsError(RemoteFault):
    """The other end does not use TLS as this end does, or its bytes were changed on the way."""

    reason = "tls"


class CertificateError(RemoteFault):
    """An end has no certificate that the other one accepts: none, of another authority, or one that has expired."""

    reason = "certificate"


class OrderError(RemoteFault):
    """A frame came when no frame, or another kind of frame, was allowed."""

    reason = "order"


class FloodError(RemoteFault):
    """More frames or bytes came within a second than are allowed on a link that shares its thread with others."""

    reason = "flood"


class TruncatedError(RemoteFault):
    """The stream ended inside a frame or inside the handshake."""

    reason = "truncated"


class Refusal(WireError):  # noqa: N818 - no fault of either end: an answer
    """A handshake was refused, by the other end or by this one.

    Attributes:
        code: the reason.
        text: a sentence.
        is_retryable: whether a later attempt may be accepted.
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
    """The node that answered is not accepted by this program as that peer."""

    reason = "unwelcome"


class ResetError(LinkFailure):
    """The operating system reported an error on the socket: a reset, no more buffers."""

    reason = "reset"


class ClosedError(LinkFailure):
    """The other end closed the connection."""

    reason = "closed"


class ResolveError(LinkFailure):
    """The name of a peer has no address now."""

    reason = "resolve"


class ConnectError(LinkFailure):
    """No address of a peer accepted the connection."""

    reason = "connect"


class HandshakeTimeoutError(LinkFailure):
    """The handshake, as a whole, took too long."""

    reason = "handshake_timeout"


class IdleTimeoutError(LinkFailure):
    """No byte arrived for the idle timeout, not even a keepalive."""

    reason = "idle_timeout"


class WriteTimeoutError(LinkFailure):
    """No byte could be written for the write timeout."""

    reason = "write_timeout"


class UnreadError(LinkFailure):
    """The other end still sends, but has read nothing for the idle timeout."""

    reason = "unread"


class RestartedError(LinkFailure):
    """The process at the other end has ended: a later process of the same node has dialed in."""

    reason = "restarted"


class SupersededError(LinkFailure):
    """A link with a higher number from the same peer replaced it."""

    reason = "superseded"


class StoppedError(LinkFailure):
    """This end is being stopped."""

    reason = "stopped"


class ForeignUserError(LinkFailure):
    """The process at the other end of a Unix socket belongs to a user that may not connect."""

    reason = "uid"
