"""What a case is, and how it is played: raw frames out, all that comes back compared."""
import select
import ssl
import zlib
from collections import namedtuple

from support.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_frame, frame  # noqa: F401

# Of the path /limits.
LIMITS = {"max_message_size": 65536, "max_frame_size": 16384}

# Of the paths /packed and /alone: with and without context takeover.
TAKEOVER = {"compression": {"deflate": {}}}
ALONE = {"compression": {"deflate": {"no_context_takeover": True, "request_no_context_takeover": True}}}

# sent: bytes. messages, pongs: what comes back. code: of the Close that fails the connection; None: it is not failed.
Case = namedtuple("Case", "name sent messages pongs code", defaults=((), (), None))


def cases(*rows):
    """Arguments of pytest.mark.parametrize."""
    return {"argnames": "case", "argvalues": [Case(*row) for row in rows], "ids": [row[0] for row in rows]}


class Inflater:
    """What a client that has agreed on permessage-deflate makes of messages with RSV1 (RFC 7692 section 7.2.2)."""

    def __init__(self, takeover):
        self._takeover, self._zlib = takeover, zlib.decompressobj(wbits=-15)

    def message(self, payload):
        if not self._takeover:
            self._zlib = zlib.decompressobj(wbits=-15)
        whole = self._zlib.decompress(payload + b"\x00\x00\xff\xff")
        if self._zlib.eof:  # a final block: what follows it is nothing but an empty one
            self._zlib = zlib.decompressobj(wbits=-15)
        return whole


class Transcript:
    """What the server has said so far, put together to messages. RSV1 must not be there without an inflater."""

    def __init__(self, wire, inflater=None):
        self.wire, self.messages, self.pongs, self.code, self.reason = wire, [], [], None, None
        self.closed = False
        self._opcode, self._parts, self._packed, self._inflater = None, [], False, inflater

    def _frame(self):
        if not self._inflater:
            return self.wire.frame()
        frame = self.wire.raw_frame()
        begins = frame.opcode in (TEXT, BINARY)
        assert not frame.masked and frame.rsv in ((0, 4) if begins else (0,)), frame
        self._packed = frame.rsv == 4 if begins else self._packed
        return frame.opcode, frame.payload, frame.fin

    def read(self):
        """One frame, itself judged as RFC 6455 section 5 wants it of servers."""
        opcode, payload, fin = self._frame()
        assert not self.closed, "a frame after the Close"
        if opcode in (PING, PONG, CLOSE):
            assert fin and len(payload) <= 125
            if opcode == PONG:
                self.pongs.append(payload)
            elif opcode == CLOSE:
                assert len(payload) != 1
                self.closed, self.reason = True, payload[2:].decode()
                self.code = int.from_bytes(payload[:2], "big") if payload else None
            return
        assert opcode in ((CONTINUATION,) if self._parts else (TEXT, BINARY))
        self._opcode = self._opcode or opcode
        self._parts.append(payload)
        if fin:
            whole = b"".join(self._parts)
            self.messages.append((self._opcode, self._inflater.message(whole) if self._packed else whole))
            self._opcode, self._parts = None, []


def send(wire, data, cut="whole", size=1):
    """In pieces of `size` bytes with cut "octets"."""
    if cut == "whole":
        exchange(wire, data)
        return
    for at in range(0, len(data), size):
        try:
            wire.send(data[at:at + size])
        except OSError:
            return  # the server has had enough: what it said is read


def exchange(wire, data):
    """Sends all of it, or as much as the server wants, and reads meanwhile: neither side waits for the other."""
    wire.socket.setblocking(False)
    rest, parts = memoryview(data), [wire.buffer]
    while rest:
        try:
            rest = rest[wire.socket.send(rest[:65536]):]
            continue
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        try:
            parts.append(wire.socket.recv(262144))
            if not parts[-1]:
                break
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            readable, writable, _ = select.select([wire.socket], [wire.socket], [], wire.timeout)
            assert readable or writable, "the server neither reads nor writes"
    wire.buffer = b"".join(parts)
    wire.socket.settimeout(wire.timeout)


def play(wire, case, cut="whole", inflater=None):
    """Plays a case to its end, and the end of the connection with it."""
    said = Transcript(wire, inflater)
    send(wire, case.sent, cut)
    if case.code is None:
        while len(said.messages) < len(case.messages) or len(said.pongs) < len(case.pongs):
            said.read()
        send(wire, close_frame(1000))
    while not said.closed:
        said.read()
    assert said.code == (case.code or 1000), said.reason
    if case.code is None:
        assert said.messages == list(case.messages)
    else:
        # What came before the fault may still be on its way through a relay.
        assert said.messages == list(case.messages)[:len(said.messages)]
        send(wire, close_frame(case.code))
    assert said.pongs == list(case.pongs)
    assert wire.rest() == b""
