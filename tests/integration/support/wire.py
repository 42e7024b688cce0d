"""A client that says exactly what it is told: raw bytes over TCP, Unix sockets or TLS, each wait bounded."""
import os
import socket
import ssl
import struct
import time
from collections import namedtuple

from .wait import PATIENCE

TIMEOUT = PATIENCE


class Response:
    def __init__(self, status, headers, body, head):
        self.status, self.headers, self.body, self.head = status, headers, body, head

    def get(self, name, default=None):
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Wire:
    """`port` is a TCP port of this machine, or the path of a Unix socket."""

    def __init__(self, port, tls=None, host="127.0.0.1", server_name="localhost", timeout=TIMEOUT, receive_buffer=None):
        self.buffer = b""
        self.timeout = timeout
        if isinstance(port, int):
            self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(timeout)
            self.socket.connect((host, port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(port))
        if tls:
            # A cut without close_notify must be seen, so it raises.
            tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name, suppress_ragged_eofs=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def cut(self):
        """Ends the TCP connection without a word of TLS or WebSocket."""
        os.close(self.socket.detach())

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        self.socket.sendall(data)
        return self

    def send_slowly(self, data, pause):
        """One byte each `pause` seconds until all are sent or the server has had enough. True if all were sent."""
        for i in range(len(data)):
            try:
                self.socket.sendall(data[i:i + 1])
            except OSError:
                return False
            if self._is_readable(pause):
                return False
        return True

    def _is_readable(self, seconds):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(65536)
            self.buffer += data
            return True
        except (TimeoutError, socket.timeout):
            return False
        except (OSError, ssl.SSLError):
            return True
        finally:
            self.socket.settimeout(self.timeout)

    def _more(self):
        data = self.socket.recv(262144)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                raise EOFError(f"ended within {self.buffer[:200]!r}")
        head, _, self.buffer = self.buffer.partition(mark)
        return head + mark

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self._more():
                raise EOFError(f"ended after {len(self.buffer)} of {count} bytes")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_slowly(self, count, piece, pause):
        """`count` bytes, `piece` at a time with `pause` seconds between: a slow reader."""
        for _ in range(count // piece):
            self.exactly(piece)
            time.sleep(pause)

    def rest(self):
        """All until the server finishes cleanly."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def ends(self, within=TIMEOUT):
        """Whether the server ends the connection in time, however it does. What it still says is dropped."""
        deadline = time.monotonic() + within
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.socket.settimeout(left)
            try:
                if not self._more():
                    return True
            except (TimeoutError, socket.timeout):
                return False
            except OSError:
                return True
            finally:
                try:
                    self.socket.settimeout(self.timeout)
                except OSError:
                    pass

    def response(self, method="GET"):
        """One answer, its body read as RFC 9112 section 6.3 says."""
        head = self.until(b"\r\n\r\n").decode("latin-1")
        lines = head[:-4].split("\r\n")
        version, status, *_ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", lines[0]
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name == name.strip(), f"header line {line!r}"
            headers.append((name, value.strip()))
        answer = Response(int(status), headers, b"", head)
        if method == "HEAD" or answer.status in (204, 304) or answer.status < 200:
            return answer
        if "chunked" in (answer.get("Transfer-Encoding") or ""):
            while True:
                size = int(self.until(b"\r\n").split(b";")[0], 16)
                answer.body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
                if size == 0:
                    return answer
        if answer.get("Content-Length") is not None:
            answer.body = self.exactly(int(answer.get("Content-Length")))
        else:
            answer.body = self.rest()
        return answer

    def request(self, target="/", method="GET", headers=(), body=b"", host="localhost"):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        return self.response(method)


# WebSocket, by hand

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


Frame = namedtuple("Frame", "opcode fin rsv masked payload")


def masked(payload, key):
    whole = int.from_bytes(payload, "big") ^ int.from_bytes((key * (len(payload) // 4 + 1))[:len(payload)], "big")
    return whole.to_bytes(len(payload), "big")


def frame(opcode, payload=b"", fin=True, mask=True, rsv=0, length=None, form=None):
    """One frame. `length` lies about the payload's; `form` (7, 16, 64) forces a longer length field."""
    if isinstance(payload, str):
        payload = payload.encode()
    claimed = len(payload) if length is None else length
    first = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    form = form or (7 if claimed < 126 else 16 if claimed < 65536 else 64)
    if form == 7:
        size = bytes([bit | claimed])
    elif form == 16:
        size = bytes([bit | 126]) + struct.pack("!H", claimed)
    else:
        size = bytes([bit | 127]) + struct.pack("!Q", claimed)
    if not mask:
        return first + size + payload
    key = os.urandom(4)
    return first + size + key + masked(payload, key)


def close_frame(code=None, reason=b"", **more):
    payload = b"" if code is None else struct.pack("!H", code) + reason
    return frame(CLOSE, payload, **more)


class WebSocketWire(Wire):
    KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 section 1.3, with its answer below
    ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    def upgrade(self, target="/ws", headers=(), host="localhost"):
        return self.ask(target, headers, host).response()

    def ask(self, target="/ws", headers=(), host="localhost"):
        return self.send("\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
                                      "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {self.KEY}", *headers, "", ""]))

    def open(self, target="/ws", headers=()):
        answer = self.upgrade(target, headers)
        assert answer.status == 101, answer.head
        assert answer.get("Sec-WebSocket-Accept") == self.ACCEPT
        return self

    @classmethod
    def over(cls, connected):
        """The other role: a server's end of a connection whose opening handshake is done."""
        wire = cls.__new__(cls)
        wire.socket, wire.buffer, wire.timeout = connected, b"", TIMEOUT
        return wire

    def raw_frame(self):
        """The next frame as it is, masked or not, its payload unmasked."""
        first, second = self.exactly(2)
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack("!H", self.exactly(2))
            assert size >= 126
        elif size == 127:
            size, = struct.unpack("!Q", self.exactly(8))
            assert size >= 65536
        key = self.exactly(4) if second & 0x80 else None
        payload = self.exactly(size)
        return Frame(first & 0x0F, bool(first & 0x80), first >> 4 & 7, key is not None,
                     payload if key is None else masked(payload, key))

    def frame(self):
        """(opcode, payload, fin) of the next frame; a server's frames are not masked."""
        frame = self.raw_frame()
        assert not frame.masked, "server masked a frame"
        assert not frame.rsv, "reserved bits set"
        return frame.opcode, frame.payload, frame.fin

    def message(self):
        """(opcode, payload) of the next data message."""
        opcode, whole, fin = self.frame()
        assert opcode in (TEXT, BINARY), (opcode, whole[:40])
        while not fin:
            more, piece, fin = self.frame()
            assert more == CONTINUATION, more
            whole += piece
        return opcode, whole

    def close_code(self):
        """Reads on to the server's Close; its code, or None if it has none."""
        while True:
            opcode, payload, _ = self.frame()
            if opcode == CLOSE:
                self.reason = payload[2:]
                return struct.unpack("!H", payload[:2])[0] if payload else None
