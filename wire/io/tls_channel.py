"""TlsChannel: a socket's bytes under TLS.

Theory of operation. OpenSSL works on two buffers, and this class moves the bytes between them and the socket. So the
socket is read and written as one in the clear is: with the same timeouts and the same end of stream, and one thread may
read while another one writes. A lock guards OpenSSL, and is never held while the socket blocks. Records that OpenSSL
makes for itself after the handshake go with the next write. A close is not announced in TLS: the Bye announces it, and
a killed process could not.
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
from wire.protocol.identity import certified_name
from wire.protocol.wire_errors import CertificateError, Refusal, RejectCode, RemoteFault, TlsError, TruncatedError

EMPTY_BYTES_MAX = 65_536
"""Four records of the longest kind. More of them without a byte in the clear are records of TLS itself, with which the
other end could keep an idle link open without end."""


class TlsChannel(Channel):
    """The bytes of a connected socket, under TLS.

    Args:
        sock: the socket.
        context: this end's certificate, and the authorities that it trusts.
        pins: the accepted fingerprints of a node's certificate, by node id.
        is_dialer: this end dialed; it is the client of TLS.
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
        """The state of OpenSSL, made on first use: it is large, and a connection that sends nothing needs none."""
        return self._context.wrap_bio(self._incoming, self._outgoing, server_side=not self._is_dialer)

    def shake_hands(self, deadline: Deadline) -> None:
        """See Channel. The last records of the dialer go with its Hello."""
        if not self._is_dialer:
            self._receive_records(deadline)
        while not self._is_agreed():
            self.sock.sendall(self._outgoing.read())
            self._receive_records(deadline)
        self._has_agreed = True

    def _receive_records(self, deadline: Deadline) -> None:
        data = super().read_before(deadline)
        if not data:
            raise TruncatedError("the stream ended inside the TLS handshake; does the other end use TLS?")
        self._incoming.write(data)

    def _is_agreed(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            with contextlib.suppress(OSError):
                self.sock.sendall(self._outgoing.read())  # the alert that says why
            raise _fault(error) from None
        return True

    def review(self, node: str, cluster: str) -> None:
        """See Channel."""
        try:
            fields, der = self._tls.getpeercert(), self._tls.getpeercert(binary_form=True)
        except ValueError as error:  # a trusted authority signed it all the same
            text = f"the certificate has a name that cannot be read: {error}"
            raise Refusal(RejectCode.CERTIFICATE, text, is_retryable=False) from None
        if not fields or not der:
            raise CertificateError("the other end has no certificate")
        Certificate.of(fields, der).judge_node(node, cluster, self._pins.get(certified_name(node), ()))

    def read(self, bytes_max: int = READ_BYTES) -> bytes:
        """See Channel."""
        while not (plain := self._open(data := super().read(bytes_max))):
            if self._is_over(data):
                return b""
        return plain

    def read_before(self, deadline: Deadline) -> bytes:
        """See Channel."""
        plain = self._open(b"")  # bytes may have come with the end of the handshake
        while not plain:
            plain = self._open(data := super().read_before(deadline))
            if not plain and self._is_over(data):
                return b""
        return plain

    def seal(self, data: bytes) -> bytes:
        """See Channel."""
        if not self._has_agreed:
            raise TlsError("nothing can be sent before the handshake of TLS is over")
        with self._lock:
            rest = memoryview(data)
            try:
                while rest:
                    rest = rest[self._tls.write(rest) :]
            except ssl.SSLError as error:  # if the other end broke the rules before, that is the cause
                raise self._fault or _fault(error) from None
            return self._outgoing.read()

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
        """Return the bytes in the clear; raise a fault only after the bytes before it were returned."""
        if self._fault is not None:
            raise self._fault
        parts: list[bytes] = []
        with self._lock:
            self._incoming.write(data)
            try:
                while part := self._tls.read(READ_BYTES):
                    parts.append(part)
                    if not (self._tls.pending() or self._incoming.pending):
                        break  # one more read would raise, which costs more than the rest of TLS
                else:
                    self._is_ended = True  # the other end announced its close in TLS, as other programs do
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self._fault = _fault(error)
        self._empty_bytes = 0 if parts else self._empty_bytes + len(data)
        if self._empty_bytes > EMPTY_BYTES_MAX:
            self._fault = TlsError("TLS: too many records without data")
        if self._fault is not None and not parts:
            raise self._fault
        return b"".join(parts)


def _fault(error: ssl.SSLError) -> RemoteFault:
    """Return an error of OpenSSL as an error of wire."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(f"the other end's certificate is not accepted: {error.verify_message}")
    reason = error.reason or "failed"
    text = reason.lower().replace("_", " ")
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return CertificateError(f"this end's or the other end's certificate is not accepted: {text}")
    return TlsError(f"TLS: {text}")
