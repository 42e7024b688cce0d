"""Other people's WebSocket clients, as functions that end."""
import asyncio
from types import SimpleNamespace

import websockets
from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

from .wait import PATIENCE


def run(coroutine, timeout=120):
    async def bounded():
        return await asyncio.wait_for(coroutine, timeout)
    return asyncio.run(bounded())


def connect(gate, pki, path="/ws", port=None, **more):
    """python3-websockets over TLS, as a context manager."""
    more.setdefault("max_size", None)
    more.setdefault("compression", None)
    more.setdefault("open_timeout", PATIENCE)
    return websockets.connect(f"wss://localhost:{port or gate.port}{path}", ssl=pki.client(), **more)


def autobahn(gate, pki, talk, path="/ws", timeout=120, port=None, options=None, **more):
    """Runs `async talk(client)` over AutobahnPython with these protocol options. client.send(payload, binary, size of
    fragment), client.get(), client.protocol. Returns what talk returns."""
    async def session():
        loop = asyncio.get_running_loop()
        inbox, opened, closed = asyncio.Queue(), loop.create_future(), loop.create_future()

        class Protocol(WebSocketClientProtocol):
            def onOpen(self):
                opened.set_result(self)

            def onMessage(self, payload, is_binary):
                inbox.put_nowait((payload, is_binary))

            def onPong(self, payload):
                inbox.put_nowait(("pong", payload))

            def onClose(self, was_clean, code, reason):
                if not opened.done():
                    opened.set_exception(ConnectionError(reason))
                if not closed.done():
                    closed.set_result((was_clean, code, reason))

        factory = WebSocketClientFactory(f"wss://localhost:{port or gate.port}{path}", loop=loop, **more)
        factory.protocol = Protocol
        factory.setProtocolOptions(openHandshakeTimeout=30, closeHandshakeTimeout=30, **(options or {}))
        transport, _ = await loop.create_connection(factory, "127.0.0.1", port or gate.port, ssl=pki.client(),
                                                    server_hostname="localhost")

        protocol = await opened
        client = SimpleNamespace(
            protocol=protocol, get=inbox.get, ended=closed,
            send=lambda payload, binary=True, fragment=None: protocol.sendMessage(payload, binary, fragmentSize=fragment))
        try:
            return await talk(client)
        finally:
            transport.abort()

    return run(session(), timeout)
