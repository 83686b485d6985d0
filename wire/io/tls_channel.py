"""TlsChannel: a socket's bytes under TLS.

TLS works on buffers here, and the socket is read and written by the rest of the package as one in the clear is: the
same timeouts, the same end of stream, and one thread may read while another one writes. What TLS itself has to say
after the handshake goes with the next thing that is written. A close is not announced in TLS: the Bye has said it, and
a killed process says nothing.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from functools import cached_property

from wire.common.deadline import Deadline
from wire.io.open_link import READ_BYTES, Channel
from wire.protocol.certificate import Certificate
from wire.protocol.wire_errors import CertificateError, Refusal, RejectCode, RemoteFault, TlsError, TruncatedError

EMPTY_BYTES_MAX = 65_536
"""Some records of the longest kind. More without a byte in the clear can only be what TLS says for itself, over and
over, behind which a link could be kept open for ever without a word."""


class TlsChannel(Channel):
    """A connected socket, and TLS on it.

    Args:
        sock: the socket.
        context: this end's certificate, and whom it believes.
        pins: fingerprints that a node's certificate must have one of, by node id.
        is_dialer: which end this is.
    """

    def __init__(
        self, sock: socket.socket, context: ssl.SSLContext, pins: Mapping[str, Collection[str]], *, is_dialer: bool
    ) -> None:
        super().__init__(sock)
        self._pins = pins
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._context = context
        self._is_dialer = is_dialer
        self._has_agreed = False
        self._lock = threading.Lock()
        self._fault: RemoteFault | None = None
        self._is_ended = False
        self._empty_bytes = 0

    @cached_property
    def _tls(self) -> ssl.SSLObject:
        """Made when it is needed first: it is large, and for connections that say nothing an acceptor needs none."""
        return self._context.wrap_bio(self._incoming, self._outgoing, server_side=not self._is_dialer)

    def shake_hands(self, deadline: Deadline) -> None:
        """See Channel. The dialer's last words of it go with its Hello."""
        if not self._is_dialer:
            self._hear(deadline)
        while not self._is_agreed():
            self.sock.sendall(self._outgoing.read())
            self._hear(deadline)
        self._has_agreed = True

    def _hear(self, deadline: Deadline) -> None:
        data = super().read_before(deadline)
        if not data:
            raise TruncatedError("the stream ended inside the handshake of TLS; does the other end have it?")
        self._incoming.write(data)

    def _is_agreed(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            with contextlib.suppress(OSError):
                self.sock.sendall(self._outgoing.read())  # why not
            raise _fault(error) from None
        return True

    def review(self, node: str, cluster: str) -> None:
        """See Channel."""
        try:
            fields, der = self._tls.getpeercert(), self._tls.getpeercert(binary_form=True)
        except ValueError as error:  # an authority of ours has signed it all the same
            text = f"the certificate has a name that can't be read: {error}"
            raise Refusal(RejectCode.CERTIFICATE, text, is_retryable=False) from None
        if not fields or not der:
            raise CertificateError("the other end has no certificate")
        Certificate.of(fields, der).judge_node(node, cluster, self._pins.get(node, ()))

    def read(self) -> bytes:
        """See Channel."""
        while not (plain := self._open(data := super().read())):
            if self._is_over(data):
                return b""
        return plain

    def read_before(self, deadline: Deadline) -> bytes:
        """See Channel."""
        plain = self._open(b"")  # it may have come with the end of the handshake
        while not plain:
            plain = self._open(data := super().read_before(deadline))
            if not plain and self._is_over(data):
                return b""
        return plain

    def write(self, data: bytes) -> None:
        """See Channel."""
        if not self._has_agreed:
            raise TlsError("nothing can be said before the handshake of TLS is over")
        with self._lock:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self._tls.write(rest) :]
            except ssl.SSLError as error:  # after a fault of the other end's: that is why
                raise self._fault or _fault(error) from None
            sealed = self._outgoing.read()
        super().write(sealed)

    def poll(self) -> bytes | None:
        """See Channel."""
        try:
            data = self.sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        return self._open(data) or (b"" if self._is_over(data) else None)

    def _is_over(self, data: bytes) -> bool:
        return self._is_ended or not data

    def _open(self, data: bytes) -> bytes:
        """What came in the clear; a fault is raised only after what came before it was given."""
        if self._fault is not None:
            raise self._fault
        parts: list[bytes] = []
        with self._lock:
            self._incoming.write(data)
            try:
                while part := self._tls.read(READ_BYTES):
                    parts.append(part)
                    if not (self._tls.pending() or self._incoming.pending):
                        break  # to ask for more would raise, which costs more than all the rest of TLS
                else:
                    self._is_ended = True  # announced in TLS, as others may do
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self._fault = _fault(error)
        self._empty_bytes = 0 if parts else self._empty_bytes + len(data)
        if self._empty_bytes > EMPTY_BYTES_MAX:
            self._fault = TlsError("TLS: many records, and nothing in them")
        if self._fault is not None and not parts:
            raise self._fault
        return b"".join(parts)


def _fault(error: ssl.SSLError) -> RemoteFault:
    """What OpenSSL says, as one of ours."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(f"the other end's certificate is not taken: {error.verify_message}")
    reason = error.reason or "failed"
    text = reason.lower().replace("_", " ")
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return CertificateError(f"no certificate of this end's or of the other's was taken: {text}")
    return TlsError(f"TLS: {text}")
