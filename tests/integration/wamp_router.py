"""A minimal WAMP dealer and broker on AutobahnPython: what a node is to a front door. Realms of any name, anonymous, exact
matching, no options but progressive results. Runs in a thread, or in a process that can be killed, on a port of its own or a
Unix socket, by WebSocket or RawSocket."""
import asyncio
import json
import os
import subprocess
import sys
import threading

from autobahn.asyncio.rawsocket import WampRawSocketServerFactory
from autobahn.asyncio.websocket import WampWebSocketServerFactory
from autobahn.wamp import message, role
from autobahn.wamp.exception import TransportLost
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer

from support import ports

ROLES = {"broker": role.RoleBrokerFeatures(), "dealer": role.RoleDealerFeatures(progressive_call_results=True)}


class Realm:
    def __init__(self):
        self.sessions, self.procedures, self.topics, self.calls = {}, {}, {}, {}
        self._last = 0

    def next_id(self):
        self._last += 1
        return self._last


class Session:
    """The router's side of one session; AutobahnPython calls onOpen, onMessage, onClose."""

    def __init__(self, router):
        self.router, self.realm, self.id, self.transport = router, None, None, None
        self._authid = self._session_id = None  # AutobahnPython's protocol looks at these

    def onOpen(self, transport):
        self.transport = transport
        self.router.transports.append(transport)
        self.router.headers.append(dict(getattr(transport, "http_headers", {})))
        self.router.subprotocols.append(getattr(transport, "websocket_protocol_in_use", None)
                                        or transport._serializer.SERIALIZER_ID)

    def onClose(self, was_clean):
        if self.realm is None:
            return
        self.realm.sessions.pop(self.id, None)
        for table in (self.realm.procedures, self.realm.topics):
            for key in [key for key, owners in table.items() if self in owners.values()]:
                table[key] = {number: owner for number, owner in table[key].items() if owner is not self}

    def onMessage(self, msg):
        handler = getattr(self, "on_" + type(msg).__name__.lower(), None)
        if handler is None:
            self.transport.send(message.Abort("wamp.error.protocol_violation", f"unexpected {type(msg).__name__}"))
            return
        handler(msg)

    def on_hello(self, msg):
        self.realm = self.router.realms.setdefault(msg.realm, Realm())
        self.id = self.realm.next_id()
        self.realm.sessions[self.id] = self
        self.transport.send(message.Welcome(self.id, ROLES, realm=msg.realm, authid="anonymous", authrole="anonymous",
                                            authmethod="anonymous"))

    def on_goodbye(self, msg):
        self.transport.send(message.Goodbye("wamp.close.goodbye_and_out"))

    # dealer

    def on_register(self, msg):
        owners = self.realm.procedures.setdefault(msg.procedure, {})
        if owners:
            self._refuse(message.Register, msg.request, "wamp.error.procedure_already_exists")
            return
        number = self.realm.next_id()
        owners[number] = self
        self.transport.send(message.Registered(msg.request, number))

    def on_unregister(self, msg):
        for owners in self.realm.procedures.values():
            if owners.get(msg.registration) is self:
                del owners[msg.registration]
                self.transport.send(message.Unregistered(msg.request))
                return
        self._refuse(message.Unregister, msg.request, "wamp.error.no_such_registration")

    def on_call(self, msg):
        owners = self.realm.procedures.get(msg.procedure)
        if not owners:
            self._refuse(message.Call, msg.request, "wamp.error.no_such_procedure")
            return
        (registration, callee), = owners.items()
        invocation = self.realm.next_id()
        self.realm.calls[invocation] = (self, msg.request)
        callee.transport.send(message.Invocation(invocation, registration, args=msg.args, kwargs=msg.kwargs,
                                                 receive_progress=msg.receive_progress))

    def on_yield(self, msg):
        caller, request = self.realm.calls[msg.request]
        if not msg.progress:
            del self.realm.calls[msg.request]
        self._to(caller, message.Result(request, args=msg.args, kwargs=msg.kwargs, progress=msg.progress))

    def on_error(self, msg):
        caller, request = self.realm.calls.pop(msg.request)
        self._to(caller, message.Error(message.Call.MESSAGE_TYPE, request, msg.error, args=msg.args, kwargs=msg.kwargs))

    # broker

    def on_subscribe(self, msg):
        number = self.realm.next_id()
        self.realm.topics.setdefault(msg.topic, {})[number] = self
        self.transport.send(message.Subscribed(msg.request, number))

    def on_unsubscribe(self, msg):
        for owners in self.realm.topics.values():
            if owners.get(msg.subscription) is self:
                del owners[msg.subscription]
        self.transport.send(message.Unsubscribed(msg.request))

    def on_publish(self, msg):
        publication = self.realm.next_id()
        for subscription, subscriber in list(self.realm.topics.get(msg.topic, {}).items()):
            if subscriber is not self or msg.exclude_me is False:
                self._to(subscriber, message.Event(subscription, publication, args=msg.args, kwargs=msg.kwargs))
        if msg.acknowledge:
            self.transport.send(message.Published(msg.request, publication))

    def _refuse(self, kind, request, error):
        self.transport.send(message.Error(kind.MESSAGE_TYPE, request, error))

    @staticmethod
    def _to(session, msg):
        try:
            session.transport.send(msg)
        except TransportLost:
            pass


class Router:
    """with Router() as router: … router.port. `unix`: the path of a socket; `tls`: an ssl.SSLContext; `rawsocket`: in place of
    WebSocket; `serializers`: instances, in place of all that AutobahnPython has."""

    def __init__(self, rawsocket=False, unix=None, tls=None, serializers=None, port=None):
        self.port = None if unix else port or ports.take()
        self.realms, self.headers, self.subprotocols, self.transports = {}, [], [], []
        self._rawsocket, self._unix, self._tls, self._serializers = rawsocket, unix and str(unix), tls, serializers
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Every session loses its connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(60)

    @property
    def url(self):
        """As --backend wants it."""
        scheme = "rs" if self._rawsocket else "ws"
        if self._unix:
            return f"{scheme}+unix:{self._unix}"
        return f"{scheme}{'s' if self._tls else ''}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    @property
    def endpoint(self):
        """As Crossbar's connecting endpoint."""
        if self._unix:
            return {"type": "unix", "path": self._unix}
        return {"type": "tcp", "host": "127.0.0.1", "port": self.port}

    def _factory(self):
        if self._rawsocket:
            # Left to itself it would take the classes for instances.
            serializers = self._serializers or [CBORSerializer(), JsonSerializer(), MsgPackSerializer()]
            return WampRawSocketServerFactory(lambda: Session(self), serializers=serializers)
        return WampWebSocketServerFactory(lambda: Session(self), f"ws://127.0.0.1:{self.port or 80}", loop=self._loop,
                                          serializers=self._serializers)

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        if self._unix:
            server = await self._loop.create_unix_server(self._factory(), self._unix)
            os.chmod(self._unix, 0o666)
        else:
            server = await self._loop.create_server(self._factory(), "127.0.0.1", self.port, ssl=self._tls)
        self._ready.set()
        await self._end.wait()
        server.close()
        for session in self.transports:
            if session.transport:
                session.transport.abort()


class RouterProcess:
    """The same in a process of its own, for as long as the with statement; kill() and start() in between."""

    def __init__(self, rawsocket=False, unix=None):
        address = Router(rawsocket, unix)
        self.url, self.endpoint = address.url, address.endpoint
        self._words = {"rawsocket": rawsocket, "unix": unix and str(unix), "port": address.port}

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self._process = subprocess.Popen([sys.executable, __file__, json.dumps(self._words)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"
        return self

    def kill(self):
        with self._process as process:
            process.kill()


if __name__ == "__main__":
    with Router(**json.loads(sys.argv[1])):
        print("ready", flush=True)
        sys.stdin.read()
