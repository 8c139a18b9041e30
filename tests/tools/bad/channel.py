"""The octets of one connection of the bad server: in the clear, under TLS, and within either of
them deflated (RFC 4978)."""

import select
import socket
import ssl
import zlib

RAW = -15  # zlib's word for DEFLATE without a header


class Channel:
    def __init__(self, connection):
        self.socket = connection
        self.inflater = self.deflater = None

    @property
    def is_tls(self):
        return isinstance(self.socket, ssl.SSLSocket)

    @property
    def is_deflated(self):
        return self.deflater is not None

    def start_tls(self, context):
        self.socket = context.wrap_socket(self.socket, server_side=True, suppress_ragged_eofs=True)

    def start_deflate(self):
        self.inflater = zlib.decompressobj(RAW)
        self.deflater = zlib.compressobj(wbits=RAW)

    def receive(self):
        """What has come; b"" at the end."""
        while True:
            octets = self.socket.recv(65536)
            if not octets or self.inflater is None:
                return octets
            try:
                octets = self.inflater.decompress(octets)
            except zlib.error as error:
                raise OSError(f"not deflated: {error}") from None
            if octets:
                return octets

    def ready(self, seconds):
        """Whether something has come, or the end."""
        return bool(self.is_tls and self.socket.pending()
                    or select.select([self.socket], [], [], seconds)[0])

    def deflated(self, octets):
        """As they go over the wire; every answer is flushed."""
        if self.deflater is None:
            return octets
        return self.deflater.compress(octets) + self.deflater.flush(zlib.Z_SYNC_FLUSH)

    def send(self, octets):
        self.socket.sendall(self.deflated(octets))

    def send_raw(self, octets):
        """Past DEFLATE, for defects."""
        self.socket.sendall(octets)

    def shut(self):
        """From any thread: whoever reads or writes finds the end."""
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self):
        """Without TLS's close_notify: as connections end that break."""
        self.socket.close()
