"""Both ends of TLS by hand: any certificate, any trust, and a relay that changes bytes."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from tests.integration.wire_ends import CODEC, Stranger, identity
from wire import Address
from wire.protocol.connection import Connection
from wire.protocol.handshake import Bye, Hello, welcome
from wire.security.credentials import TlsFiles


class TlsStranger(Stranger):
    """A dialer that shows any certificate and accepts any."""

    def __init__(self, address: Address, files: TlsFiles | None, version: ssl.TLSVersion | None = None) -> None:
        super().__init__(address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version is not None:
            context.maximum_version = version
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        self.context = context

    def begin(self) -> None:
        """Shake hands as far as TLS goes."""
        self.sock = self.context.wrap_socket(self.sock)

    def lifecycle(self) -> object:
        """Return the outcome of a whole handshake: a Reject, or the error that ends it."""
        try:
            self.begin()
            return self.greet(self.hello(5))
        except (ssl.SSLError, ConnectionError) as error:
            return error


class TlsAcceptor:
    """An acceptor that shows the given certificate, accepts every one, and sends the given bytes."""

    def __init__(self, files: TlsFiles, node: str = "bob") -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._node = node

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Address]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=self._serve, args=(server,))
            thread.start()
            try:
                yield Address("127.0.0.1", server.getsockname()[1])
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join()

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                bare, _ = server.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), self._context.wrap_socket(bare, server_side=True) as sock:
                connection = Connection(CODEC.extended(Bye), 65_536, is_dialer=False)
                for said in connection.receive(sock.recv(4_096)):
                    assert isinstance(said, Hello)
                    sock.sendall(connection.accept(welcome(identity(self._node), said, local="x", remote="y")))
                    sock.recv(1)


def key_updates(secret: bytes, sequence: int) -> Iterator[bytes]:
    """Yield KeyUpdate records, after `sequence` records of the end that has this traffic secret.

    Source: RFC 8446, sections 4.6.3, 5.2, 5.3, 7.1 to 7.3, with TLS_AES_256_GCM_SHA384.
    """

    def expand(label: bytes, size: int) -> bytes:
        info = size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
        return HKDFExpand(hashes.SHA384(), size, info).derive(secret)

    said = b"\x18\0\0\1\0" + b"\x16"
    header = b"\x17\3\3" + (len(said) + 16).to_bytes(2, "big")
    while True:
        nonce = int.from_bytes(expand(b"iv", 12), "big") ^ sequence
        yield header + AESGCM(expand(b"key", 32)).encrypt(nonce.to_bytes(12, "big"), said, header)
        secret, sequence = expand(b"traffic upd", 48), 0


def relay(target: Address, server: socket.socket, change: Callable[[bytes], bytes]) -> None:
    """One connection to the target, whose dialer's bytes are changed."""
    dialer, _ = server.accept()
    with dialer, socket.create_connection((target.host, target.port)) as acceptor:

        def back() -> None:
            with contextlib.suppress(OSError):
                while data := acceptor.recv(65_536):
                    dialer.sendall(data)

        thread = threading.Thread(target=back)
        thread.start()
        with contextlib.suppress(OSError):
            while data := dialer.recv(65_536):
                acceptor.sendall(change(data))
        for each in (dialer, acceptor):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        thread.join()
