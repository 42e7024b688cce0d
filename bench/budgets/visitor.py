"""A client that always does the same: each flight leaves in one piece, and only when the worker has come to rest."""
import socket
import ssl
import struct

TIMEOUT = 60
KEY = b"\x12\x34\x56\x78"


class Visitor:
    def __init__(self, settle, port, tls, session=None):
        self._settle = settle
        settle()
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self._in, self._out, server_hostname="localhost", session=session)
        self._shake_hands()

    def _flush(self, flags=0):
        self._settle()
        if self._out.pending:
            self._socket.sendall(self._out.read(), flags)

    def _hear(self):
        data = self._socket.recv(1 << 20)
        if data:
            self._in.write(data)
        return data

    def _shake_hands(self):
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                assert self._hear(), "the connection ended in the handshake"
        if self._out.pending:
            self._flush()
        if self.tls.version() == "TLSv1.3":
            self._hear_ticket()

    def _hear_ticket(self):
        assert self._hear(), "no ticket came"
        try:
            self.tls.read(1)
            raise AssertionError("somebody speaks first")
        except ssl.SSLWantReadError:
            pass

    def send(self, *records):
        for record in records:
            self.tls.write(record)
        self._flush()

    def exactly(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                data += self.tls.read(count - len(data))
            except ssl.SSLWantReadError:
                assert self._hear(), f"ended after {len(data)} of {count} bytes"
        return bytes(data)

    def until(self, mark):
        data = bytearray()
        while not data.endswith(mark):
            data += self.exactly(1)
        return bytes(data)

    def leave(self):
        """close_notify and FIN in one segment; returns when the server has gone, too."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush(socket.MSG_MORE)
        self._socket.shutdown(socket.SHUT_WR)
        while self._socket.recv(1 << 16):
            pass
        self._socket.close()

    def get(self, target):
        """The body of the answer; the connection stays open."""
        self.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode())
        status, *fields = self.until(b"\r\n\r\n").decode().lower().split("\r\n")
        length = next(int(field.partition(":")[2]) for field in fields if field.startswith("content-length:"))
        assert status.startswith("http/1.1 200 "), status
        return self.exactly(length)

    def upgrade(self, target):
        self.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        assert self.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")

    def echo(self, payload, depth=1):
        """So many messages at once, each in a record of its own; each must come back."""
        message = head_of(len(payload), 0x80) + KEY + flip(payload)
        self.send(*[message] * depth)
        for _ in range(depth):
            assert self._message() == payload, "not what was sent"

    def _message(self):
        """It may come in several frames."""
        payload, is_last = b"", False
        while not is_last:
            first, size = self.exactly(2)
            if size == 126:
                size, = struct.unpack("!H", self.exactly(2))
            payload, is_last = payload + self.exactly(size), first & 0x80
        return payload


def head_of(size, mask_bit):
    """A binary message in one frame."""
    if size < 126:
        return bytes([0x82, mask_bit | size])
    return bytes([0x82, mask_bit | 126]) + struct.pack("!H", size)


def flip(payload):
    key = int.from_bytes((KEY * (len(payload) // 4 + 1))[:len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
