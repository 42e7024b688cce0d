"""Backends behind the door: a real WebSocket server in a thread, and one that says raw bytes."""
import asyncio
import base64
import hashlib
import re
import socket
import threading

import websockets

from . import ports


class Backend:
    """python3-websockets on tcp (default), unix or tls. `handler(session)` is a coroutine; without, it echoes."""

    def __init__(self, handler=None, unix=None, tls=None, port=None, **more):
        self.requests = []  # (path, headers)
        self.closes = []    # (code, reason) that sessions ended with
        self.open = 0
        self.port = None if unix else port or ports.take()
        self.unix = str(unix) if unix else None
        self._handler = handler or self._echo
        self._tls, self._more = tls, more
        self._ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(60)

    def kill_sessions(self):
        """Every session loses its TCP connection at once, without a Close."""
        def kill():
            for session in list(self._sessions):
                session.transport.abort()
        self._loop.call_soon_threadsafe(kill)

    def peers(self):
        """Ports that the open sessions come from."""
        return [session.remote_address[1] for session in list(self._sessions)]

    @property
    def endpoint(self):
        """As Crossbar's connecting endpoint."""
        if self.unix:
            return {"type": "unix", "path": self.unix}
        return {"type": "tcp", "host": "127.0.0.1", "port": self.port}

    @staticmethod
    async def _echo(session):
        async for message in session:
            await session.send(message)

    async def _serve(self):
        self._loop, self._end, self._sessions = asyncio.get_running_loop(), asyncio.Event(), set()

        async def session(protocol, *_):
            self.requests.append((protocol.path, protocol.request_headers))
            self._sessions.add(protocol)
            self.open += 1
            try:
                await self._handler(protocol)
            except websockets.ConnectionClosed:
                pass
            finally:
                await protocol.wait_closed()
                self._sessions.discard(protocol)
                self.closes.append((protocol.close_code, protocol.close_reason))
                self.open -= 1  # whoever sees that nobody is there any more sees how all have ended

        self._more.setdefault("max_size", None)
        try:
            if self.unix:
                server = await websockets.unix_serve(session, self.unix, **self._more)
            else:
                server = await websockets.serve(session, "127.0.0.1", self.port, ssl=self._tls, **self._more)
        except OSError as error:
            self._failure = error
            self._ready.set()
            return
        self._ready.set()
        await self._end.wait()
        for stuck in list(self._sessions):
            stuck.transport.abort()
        server.close()
        await server.wait_closed()


class RawBackend:
    """Accepts connections and calls `talk(socket)` for each, in a thread of its own. Backlog and silence are as told."""

    def __init__(self, talk):
        self._talk = talk
        self.port = ports.take()
        self.heads = []
        self.troubles = []
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    @property
    def endpoint(self):
        return {"type": "tcp", "host": "127.0.0.1", "port": self.port}

    def _accept(self):
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            peer.settimeout(30)
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer):
        with peer:
            try:
                self._talk(self, peer)
            except OSError as error:
                self.troubles.append(error)

    def read_head(self, peer):
        data = b""
        while b"\r\n\r\n" not in data:
            more = peer.recv(65536)
            if not more:
                break
            data += more
        self.heads.append(data)
        return data

    def open(self, peer, headers=()):
        """Answers the opening handshake of a WebSocket. What follows is for WebSocketWire.over(peer)."""
        head = self.read_head(peer)
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: " + accept + b"\r\n" +
                     b"".join(line.encode() + b"\r\n" for line in headers) + b"\r\n")

    @staticmethod
    def wait_end(peer):
        """Until the other side has gone; what it says is dropped."""
        while peer.recv(65536):
            pass


def reverseproxy(backend, scheme="ws", path="/", options=None, endpoint=None, backend_options=None, **more):
    """A `websocket-reverseproxy` service for a backend."""
    url = f"{scheme}://localhost:{getattr(backend, 'port', None) or 80}{path}"
    connecting = {"type": "websocket", "endpoint": {**(endpoint or backend.endpoint), **more}, "url": url}
    if backend_options:
        connecting["options"] = backend_options
    service = {"type": "websocket-reverseproxy", "backend": connecting}
    if options:
        service["options"] = options
    return service
