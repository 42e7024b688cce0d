"""Many WebSocket clients in one process, each as small as can be: asyncio, TLS of the ssl module, frames by hand.

    crowd = Crowd(port, context)
    await crowd.gather(2000)                    # that many stay open
    async with crowd.flow(talkers=200, comers=4):
        …                                       # meanwhile some of them talk, and others come and go
    await crowd.leave()

What goes wrong raises: in `flow` when it ends, at the latest."""
import asyncio
import contextlib
import hashlib
import os
import struct
import time

from .wire import CLOSE, TEXT, WebSocketWire, close_frame, frame

UPGRADE = (f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           f"Sec-WebSocket-Key: {WebSocketWire.KEY}\r\n\r\n").encode()
TIMEOUT = 60


class Visitor(asyncio.Protocol):
    """One WebSocket. Messages are shorter than 126 bytes."""

    @classmethod
    async def come(cls, port, context):
        loop = asyncio.get_running_loop()
        _, visitor = await loop.create_connection(cls, "127.0.0.1", port, ssl=context, server_hostname="localhost",
                                                  ssl_handshake_timeout=TIMEOUT)
        head = await visitor.say(UPGRADE)
        assert head.startswith(b"HTTP/1.1 101 ") and WebSocketWire.ACCEPT.encode() in head, head
        return visitor

    def connection_made(self, transport):
        self._transport, self._buffer, self._wanted = transport, b"", None
        self._is_open, self._has_left = False, False
        certificate = transport.get_extra_info("ssl_object").getpeercert(True)
        self.shown = hashlib.sha256(certificate).hexdigest()
        self.ended = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self._buffer += data
        if not self._is_open:
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if mark:
                self._is_open, self._buffer = True, rest
                self._answer(head)
        while self._is_open and len(self._buffer) >= 2 and len(self._buffer) >= 2 + self._buffer[1]:
            opcode, end = self._buffer[0] & 15, 2 + self._buffer[1]
            payload, self._buffer = self._buffer[2:end], self._buffer[end:]
            self._answer(payload if opcode == TEXT else (opcode, payload))

    def _answer(self, what):
        assert self._wanted and not self._wanted.done(), f"{what} was not asked for"
        self._wanted.set_result(what)

    def connection_lost(self, error):
        lost = ConnectionError(f"dropped: {error}")
        if self._wanted and not self._wanted.done():
            self._wanted.set_exception(lost)
        self.ended.set_result(None if self._has_left else lost)

    async def say(self, data):
        """What is said next."""
        if self.ended.done():
            raise self.ended.result() or ConnectionError("it has left")
        self._wanted = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await asyncio.wait_for(self._wanted, TIMEOUT)

    async def echo(self, text):
        came = await self.say(frame(TEXT, text))
        assert came == text.encode(), (came, text)

    async def leave(self):
        assert await self.say(close_frame(1000)) == (CLOSE, struct.pack("!H", 1000))
        self._has_left = True
        await asyncio.wait_for(self.ended, TIMEOUT)


class Crowd:
    def __init__(self, port, context):
        self._port, self._context = port, context
        self.visitors = []
        self.echoes, self.arrivals = [], []  # seconds that each took
        self.judge = lambda before, visitor: None  # of each who comes, with what `mark` returned before
        self.mark = lambda: None

    async def gather(self, count, at_once=50):
        while len(self.visitors) < count:
            more = min(at_once, count - len(self.visitors))
            self.visitors += await asyncio.gather(*(Visitor.come(self._port, self._context) for _ in range(more)))

    async def echo_all(self, at_once=200):
        """Each says one thing."""
        for first in range(0, len(self.visitors), at_once):
            await asyncio.gather(*(visitor.echo(os.urandom(20).hex()) for visitor in self.visitors[first:first + at_once]))

    async def leave(self):
        assert not any(visitor.ended.done() for visitor in self.visitors), "somebody was dropped"
        await asyncio.gather(*(visitor.leave() for visitor in self.visitors))
        self.visitors = []

    async def _talk(self, visitor, pause):
        while not self._is_over:
            began = time.monotonic()
            await visitor.echo(os.urandom(30).hex())
            self.echoes.append(time.monotonic() - began)
            await asyncio.sleep(pause)

    async def _come_and_go(self, pause):
        while not self._is_over:
            before, began = self.mark(), time.monotonic()
            visitor = await Visitor.come(self._port, self._context)
            await visitor.echo("hello")
            self.arrivals.append(time.monotonic() - began)
            self.judge(before, visitor)
            await visitor.leave()
            await asyncio.sleep(pause)

    @contextlib.asynccontextmanager
    async def flow(self, talkers, comers, pause=0.1):
        """The pauses are those of each one between two messages, or two visits."""
        self._is_over = False
        self._tasks = [asyncio.create_task(self._talk(visitor, pause)) for visitor in self.visitors[:talkers]]
        self._tasks += [asyncio.create_task(self._come_and_go(pause)) for _ in range(comers)]
        try:
            yield
        finally:
            self._is_over = True
            await asyncio.gather(*self._tasks)

    async def progress(self, echoes, arrivals):
        """Until that many more have been, or somebody has failed."""
        echoes, arrivals = len(self.echoes) + echoes, len(self.arrivals) + arrivals
        while (len(self.echoes) < echoes or len(self.arrivals) < arrivals) and not any(task.done() for task in self._tasks):
            await asyncio.sleep(0.01)
