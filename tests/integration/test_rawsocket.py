"""RawSocket: nodes behind the door, visitors before it, universal transports; AutobahnPython at both ends."""
import asyncio
import os
import socket
import struct
from contextlib import asynccontextmanager

import pytest
import websockets
from autobahn.asyncio.rawsocket import WampRawSocketClientFactory, WampRawSocketClientProtocol
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import ComponentConfig, PublishOptions

from support import ports
from support.backend import RawBackend
from support.clients import run
from support.gate import ECHO, HELLO, rss, tcp, web
from support.wait import eventually
from support.wire import BINARY, CONTINUATION, WebSocketWire, Wire
from support.wire import frame as websocket_frame
from wamp_router import Router

SERIALIZERS = {"json": JsonSerializer, "cbor": CBORSerializer, "msgpack": MsgPackSerializer}
NUMBERS = {"json": 1, "msgpack": 2, "cbor": 3}
MIB = "x" * (1 << 20)
VALUES = [None, True, -1, 2**40, 1.5, "", "grüße 😀", [], {}, {"a": {"b": [1, 2]}}, "y" * 70000, MIB]


class RawSocketProtocol(WampRawSocketClientProtocol):
    """Older AutobahnPython forgot the attribute that its own sessions look at."""
    transport_details = property(lambda self: self._transport_details)


@asynccontextmanager
async def joined(pki, serializer, port, path="/ws", raw=False, realm="realm1", tls=True, session=None):
    """A WAMP session over WebSocket or RawSocket, joined to the realm; left politely."""
    loop = asyncio.get_running_loop()
    ready, left = loop.create_future(), loop.create_future()

    class Session(ApplicationSession):
        def onJoin(self, details):
            ready.set_result(self)

        def onLeave(self, details):
            if not ready.done():
                ready.set_exception(ConnectionError(f"{details.reason} {details.message}"))
            self.disconnect()

        def onDisconnect(self):
            if not ready.done():
                ready.set_exception(ConnectionError("gone"))
            if not left.done():
                left.set_result(True)

    make = lambda: Session(ComponentConfig(realm))
    if raw:
        factory = WampRawSocketClientFactory(make, serializer=SERIALIZERS[serializer]())
        factory.protocol = RawSocketProtocol
    else:
        factory = WampWebSocketClientFactory(make, f"ws{'s' if tls else ''}://localhost:{port}{path}",
                                             serializers=[SERIALIZERS[serializer]()], loop=loop)
        factory.setProtocolOptions(openHandshakeTimeout=30)
    words = dict(ssl=pki.client(), server_hostname="localhost") if tls else {}
    transport, _ = await loop.create_connection(factory, "127.0.0.1", port, **words)
    try:
        session = await asyncio.wait_for(ready, 30)
        yield session
        session.leave()
        await asyncio.wait_for(left, 30)
    finally:
        transport.abort()


async def rpc_and_pubsub(first, second):
    """Every value there and back, in calls and in events."""
    got = asyncio.Queue()
    await first.register(lambda value: value, "com.example.echo")
    await first.subscribe(got.put_nowait, "com.example.topic")
    for value in VALUES:
        assert await second.call("com.example.echo", value) == value
        await second.publish("com.example.topic", value, options=PublishOptions(acknowledge=True))
        assert await got.get() == value


@pytest.fixture(params=["unix", "tcp", "tls"])
def node(request, pki, directory):
    """(router, backend of a websocket-reverseproxy) on RawSocket, over each transport."""
    tls = {"tls": {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}} if request.param == "tls" else {}
    words = {"unix": {"unix": directory / "n.sock"}, "tcp": {}, "tls": {"tls": pki.server("ec")}}[request.param]
    with Router(rawsocket=True, **words) as router:
        yield router, {"type": "rawsocket", "endpoint": {**router.endpoint, **tls}}


def proxy(backend, **options):
    service = {"type": "websocket-reverseproxy", "backend": backend}
    return {**service, "options": options} if options else service


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_websocket_visitors_reach_a_rawsocket_node(crossgate, pki, node, serializer):
    router, backend = node
    gate = crossgate(web({"/": HELLO, "ws": proxy(backend)}, tls=pki.tls("ec")))

    async def talk():
        async with joined(pki, serializer, gate.port) as first, joined(pki, serializer, gate.port) as second:
            await rpc_and_pubsub(first, second)
    run(talk())
    assert router.subprotocols == [serializer] * 2


@pytest.mark.parametrize("rawsocket", [True, False], ids=["node-rawsocket", "node-websocket"])
@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_rawsocket_visitors_reach_a_node(crossgate, pki, serializer, rawsocket):
    with Router(rawsocket=rawsocket) as router:
        gate = crossgate({"type": "rawsocket", "endpoint": tcp(tls=pki.tls("ec"))},
                         {"type": "rawsocket", "endpoint": tcp()}, words=["--backend", router.url])

        async def talk():
            async with joined(pki, serializer, gate.port, raw=True) as first, \
                       joined(pki, serializer, gate.ports()[1], raw=True, tls=False) as second:
                await rpc_and_pubsub(first, second)
        run(talk())
        assert len(router.subprotocols) == 2
        if not rawsocket:
            assert router.subprotocols == [f"wamp.2.{serializer}"] * 2
            assert router.headers[0]["x-forwarded-for"] == "127.0.0.1"


def universal(endpoint, **parts):
    return {"type": "universal", "endpoint": endpoint, **parts}


def test_universal_tells_all_three_apart_on_one_tls_port(crossgate, pki, directory):
    with Router(rawsocket=True, unix=directory / "n.sock") as router:
        gate = crossgate(universal(tcp(tls=pki.tls("ec")), rawsocket={"type": "rawsocket", "serializers": ["cbor"]},
                                   websocket={"ws": {"type": "websocket"}}, web={"paths": {"/": HELLO}}),
                         words=["--backend", router.url])

        async def talk():
            async with joined(pki, "cbor", gate.port, raw=True) as first, joined(pki, "json", gate.port) as second:
                await rpc_and_pubsub(first, second)
        run(talk())
        for chunk in (1, 3, 1000):
            with Wire(gate.port, tls=pki.client()) as wire:
                request = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
                for at in range(0, len(request), chunk):
                    wire.send(request[at:at + chunk])
                response = wire.response()
                assert response.status == 200 and b"world" in response.body
        with Wire(gate.port, tls=pki.client()) as wire:
            wire.send(b"\x7f\xf1\0\0")  # json is not among them
            assert wire.rest() == b"\x7f\x10\0\0"
        gate.wait_log("no WAMP serializer in common")
        with Wire(gate.port, tls=pki.client()) as wire:
            wire.send(b"\x10\x0c\0\4MQTT\4\2\0\0\0\0")
            assert wire.rest() == b""
        gate.wait_log("protocol is not served on this port: MQTT")


def test_universal_without_tls_and_without_rawsocket(crossgate):
    gate = crossgate(universal(tcp(), web={"paths": {"/": HELLO}}))
    with Wire(gate.port) as wire:
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.response().status == 200
    with Wire(gate.port) as wire:
        wire.send(b"\x7f\xf3\0\0")
        assert wire.rest() == b""
    gate.wait_log("protocol is not served on this port: RawSocket")


def test_a_node_learns_who_its_rawsocket_visitor_is(crossgate, pki):
    seen = []

    def talk(backend, peer):
        stream = peer.makefile("rb")
        head = stream.read(16)
        seen.append((head, stream.read(int.from_bytes(head[14:], "big")), stream.read(4)))

    with RawBackend(talk) as node:
        gate = crossgate(web({"ws": proxy({"type": "rawsocket", "endpoint": {**node.endpoint, "proxy_protocol": True}})},
                             tls=pki.tls("ec")))

        async def ask():
            with pytest.raises(websockets.InvalidStatusCode):
                await connect(gate, pki)
        run(ask())
    (head, addresses, hello), = seen
    assert head[:12] == b"\r\n\r\n\0\r\nQUIT\n" and addresses[:4] == socket.inet_aton("127.0.0.1")
    assert hello == b"\x7f\xf3\0\0"


# the handshake

def test_without_a_common_serializer_the_answer_is_400(crossgate, pki, node):
    router, backend = node
    gate = crossgate(web({"json": proxy({**backend, "serializer": "json"}),
                          "some": proxy({**backend, "serializers": ["cbor", "msgpack"]})}, tls=pki.tls("ec")))

    async def ask(path, *subprotocols):
        try:
            async with websockets.connect(f"wss://localhost:{gate.port}/{path}", ssl=pki.client(),
                                          subprotocols=subprotocols or None, compression=None) as client:
                return client.subprotocol
        except websockets.InvalidStatusCode as refused:
            return refused.status_code

    assert run(ask("json", "wamp.2.cbor")) == 400
    assert run(ask("json")) == 400
    assert run(ask("json", "wamp.2.json.batched")) == 400
    assert run(ask("json", "wamp.2.cbor", "wamp.2.json")) == "wamp.2.json"
    assert run(ask("some", "wamp.2.json", "wamp.2.cbor.batched", "wamp.2.msgpack", "wamp.2.cbor")) == "wamp.2.msgpack"
    gate.wait_log("no WAMP serializer in common: rs")


def test_a_node_that_is_down_is_an_http_status_and_a_close(crossgate, pki):
    closed = {"type": "tcp", "host": "127.0.0.1", "port": ports.take()}
    with RawBackend(lambda backend, peer: peer.recv(4) and peer.sendall(b"\x7f\x10\0\0")) as refusing, \
         RawBackend(lambda backend, peer: peer.recv(4) and peer.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")) as other:
        services = {name: proxy({"type": "rawsocket", "endpoint": endpoint}) for name, endpoint in
                    [("down", closed), ("refusing", refusing.endpoint), ("other", other.endpoint)]}
        gate = crossgate(web(services, tls=pki.tls("ec")), {"type": "rawsocket", "endpoint": tcp()},
                         words=["--backend", f"rs://127.0.0.1:{closed['port']}"])

        async def ask(path):
            with pytest.raises(websockets.InvalidStatusCode) as refused:
                await websockets.connect(f"wss://localhost:{gate.port}/{path}", ssl=pki.client(),
                                         subprotocols=["wamp.2.cbor"])
            return refused.value.status_code
        assert [run(ask(path)) for path in services] == [503, 502, 502]
        gate.wait_log("backend refused the handshake: rs://127.0.0.1:[0-9]+: serializer not supported")
        with Wire(gate.ports()[1]) as wire:
            wire.send(b"\x7f\xf3\0\0")
            assert wire.rest() == b""


def test_a_handshake_has_a_deadline(crossgate):
    gate = crossgate({"type": "rawsocket", "endpoint": tcp()}, words=["--backend", "rs://127.0.0.1:1"],
                     limits={"head_timeout": 2000})
    with Wire(gate.port) as wire:
        wire.send(b"\x7f")
        assert wire.rest() == b""
    gate.wait_log("RawSocket handshake took too long")
    with Wire(gate.port) as wire:
        wire.send(b"SSH-2.0-x\r\n")
        assert wire.rest() == b"\x7f\x30\0\0"
    gate.wait_log("RawSocket handshake not valid")


# limits

def frame(payload, kind=0):
    return bytes([kind]) + struct.pack("!L", len(payload))[1:] + payload


class Node(RawBackend):
    """Accepts cbor messages up to 2^(9+limit) bytes and sends each back; `got` are their lengths."""

    def __init__(self, limit=15, first=b""):
        super().__init__(self._echo)
        self.limit, self.first, self.got, self.asked = limit, first, [], None

    def _echo(self, _, peer):
        stream = peer.makefile("rwb")
        self.asked = stream.read(4)
        stream.write(bytes([0x7f, self.limit << 4 | self.asked[1] & 15, 0, 0]) + self.first)
        stream.flush()
        while head := stream.read(4):
            payload = stream.read(int.from_bytes(head[1:], "big"))
            self.got.append(len(payload))
            stream.write(head + payload)
            stream.flush()


def connect(gate, pki, path="ws", subprotocol="wamp.2.cbor"):
    return websockets.connect(f"wss://localhost:{gate.port}/{path}", ssl=pki.client(), subprotocols=[subprotocol],
                              compression=None, max_size=None)


def test_limits_hold_towards_the_node(crossgate, pki):
    with Node(limit=3) as node:  # 4096 bytes
        gate = crossgate(web({"ws": proxy({"type": "rawsocket", "endpoint": node.endpoint})}, tls=pki.tls("ec")))

        async def talk():
            async with connect(gate, pki) as client:
                for size in (0, 1, 4096):
                    message = os.urandom(size)
                    await client.send(message)
                    assert await client.recv() == message
                await client.send([b"a" * 3000, b"b" * 1000])  # in two frames
                assert len(await client.recv()) == 4000
                await client.send(b"x" * 4097)
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert (client.close_code, client.close_reason) == (1009, "message over the limit of the other side")
        run(talk())
        gate.wait_log("message over the limit of the other side")
        assert node.got == [0, 1, 4096, 4000]


@pytest.mark.parametrize("chosen, announced", [(None, 0xF), (512, 0x0), (1000, 0x1), (65536, 0x7)])
def test_our_limit_is_announced_and_holds_against_the_node(crossgate, pki, chosen, announced):
    limit = 1 << 9 + announced
    over = b"\0" + struct.pack("!L", limit + 1)[1:] if announced < 15 else b"\3\0\0\1"
    with Node(first=over) as node:
        backend = {"type": "rawsocket", "endpoint": node.endpoint}
        if chosen:
            backend["options"] = {"max_message_size": chosen}
        gate = crossgate(web({"ws": proxy(backend)}, tls=pki.tls("ec")))

        async def talk():
            async with connect(gate, pki) as client:
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1012
        run(talk())
        assert node.asked == bytes([0x7f, announced << 4 | 3, 0, 0])
        gate.wait_log("backend closed the connection: " +
                      ("frame or message over the limit" if announced < 15 else "RawSocket frame not valid"))


def test_messages_that_are_never_whole_are_bounded_together(crossgate, sanitized):
    """Fifteen MiB of each visitor are kept, since RawSocket says a message's length first; those of all are too many."""
    message = os.urandom(15 << 20)
    with Node() as node:
        gate = crossgate(web({"ws": proxy({"type": "rawsocket", "endpoint": node.endpoint})}), workers=1)
        worker, = gate.workers()
        before, wires = rss(worker), []
        for _ in range(12):
            wire = WebSocketWire(gate.port).open(headers=["Sec-WebSocket-Protocol: wamp.2.cbor"])
            wires.append(wire.send(websocket_frame(BINARY, message, fin=False)))
        assert wires[0].close_code() == 1013  # who began first
        gate.wait_log("messages in pieces over the limit of a worker")
        assert sanitized or rss(worker) - before < 160 << 20
        wires[-1].send(websocket_frame(CONTINUATION, b"end"))
        assert wires[-1].message() == (BINARY, message + b"end")
        for wire in wires:
            wire.close()


def test_limits_hold_on_both_sides_of_a_rawsocket_visitor(crossgate):
    with Node() as node:
        gate = crossgate({"type": "rawsocket", "endpoint": tcp(), "options": {"max_message_size": 1024}},
                         words=["--backend", f"rs://127.0.0.1:{node.port}"])
        with Wire(gate.port) as wire:
            wire.send(b"\x7f\x03\0\0" + frame(b"x" * 512))  # takes 512
            assert wire.exactly(4 + 4 + 512) == b"\x7f\x13\0\0" + frame(b"x" * 512)
            wire.send(frame(b"y" * 513))  # comes back, which it does not take
            assert wire.rest() == b""
        gate.wait_log("message over the limit of the other side")
        with Wire(gate.port) as wire:
            wire.send(b"\x7f\xf3\0\0" + frame(b"z" * 1024))
            assert wire.exactly(4 + 4 + 1024)[8:] == b"z" * 1024
            before = len(gate.log)
            wire.send(frame(b"z" * 1025))
            assert wire.ends()
        gate.wait_log("message over the limit", since=before)
    assert node.got == [512, 513, 1024]


def test_text_and_binary_must_fit_the_serializer(crossgate, pki):
    with Node() as node:
        gate = crossgate(web({"ws": proxy({"type": "rawsocket", "endpoint": node.endpoint})}, tls=pki.tls("ec")))

        async def talk(subprotocol, right, wrong):
            async with connect(gate, pki, subprotocol=subprotocol) as client:
                await client.send(right)
                assert await client.recv() == right
                await client.send(wrong)
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1003
        run(talk("wamp.2.json", "[1]", b"[1]"))
        run(talk("wamp.2.cbor", b"\x81\1", "[1]"))
        gate.wait_log("message of the wrong kind for its serializer")
    with Node(first=frame(b"[\xff]")) as node:
        gate = crossgate(web({"ws": proxy({"type": "rawsocket", "endpoint": node.endpoint})}, tls=pki.tls("ec")))

        async def listen():
            async with connect(gate, pki, subprotocol="wamp.2.json") as client:
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1012
        run(listen())
        gate.wait_log("backend closed the connection: text message is not valid UTF-8")


def test_pings_are_answered_and_not_passed_on(crossgate):
    with Node() as node:
        gate = crossgate({"type": "rawsocket", "endpoint": tcp()}, words=["--backend", f"rs://127.0.0.1:{node.port}"])
        with Wire(gate.port) as wire:
            wire.send(b"\x7f\xf3\0\0" + frame(b"ping", 1) + frame(b"pong", 2) + frame(b"message"))
            assert wire.exactly(4 + 8 + 11) == b"\x7f\xf3\0\0" + frame(b"ping", 2) + frame(b"message")
    assert node.got == [7]


# ends

def test_a_node_that_dies_is_told_to_visitors_who_may_come_back(crossgate, pki):
    router = Router(rawsocket=True)
    with router:
        gate = crossgate(web({"ws": proxy({"type": "rawsocket", "endpoint": router.endpoint})}, tls=pki.tls("ec")),
                         {"type": "rawsocket", "endpoint": tcp()}, words=["--backend", router.url])

        async def wait():
            async with connect(gate, pki) as client:
                await asyncio.to_thread(lambda: eventually(lambda: router.transports))
                with Wire(gate.ports()[1]) as wire:
                    wire.send(b"\x7f\xf3\0\0")
                    wire.exactly(4)
                    await asyncio.to_thread(router.stop)
                    with pytest.raises(websockets.ConnectionClosed):
                        await client.recv()
                    assert client.close_code == 1012
                    assert wire.ends()
        run(wait())
    with Router(rawsocket=True, port=router.port):
        async def again():
            async with joined(pki, "cbor", gate.port) as session:
                assert session.is_attached()
        run(again())


def test_a_drain_lets_rawsocket_visitors_go(crossgate, pki):
    with Router(rawsocket=True) as router:
        gate = crossgate({"type": "rawsocket", "endpoint": tcp(tls=pki.tls("ec"))},
                         universal(tcp(tls=pki.tls("ec")), rawsocket={}), words=["--backend", router.url])
        wires = []
        for port in gate.ports():
            for said in (b"", b"\x7f", b"\x7f\xf3\0\0"):
                wire = Wire(port, tls=pki.client())
                wires.append(wire)
                wire.send(said) if said else None
                if len(said) == 4:
                    assert wire.exactly(4) == said
        gate.stop()
        for wire in wires:
            assert wire.rest() == b""  # with close_notify
            wire.close()


def test_rawsocket_visitors_count_as_connections(crossgate):
    with Node() as node:
        gate = crossgate({"type": "rawsocket", "endpoint": tcp()}, words=["--backend", f"rs://127.0.0.1:{node.port}"],
                         workers=1, max_connections=2)
        with Wire(gate.port) as first, Wire(gate.port) as second, Wire(gate.port) as third:
            for wire in (first, second, third):
                wire.send(b"\x7f\xf3\0\0")
            assert first.exactly(4) == second.exactly(4) == b"\x7f\xf3\0\0"
            gate.wait_log("connection limit reached")
            first.close()
            assert third.exactly(4) == b"\x7f\xf3\0\0"


def test_stream_testee_sends_bytes_back(crossgate, pki):
    gate = crossgate({"type": "stream.testee", "endpoint": tcp(tls=pki.tls("ec"))}, {"type": "stream.testee", "endpoint": tcp()})
    for port, tls in zip(gate.ports(), (pki.client(), None)):
        with Wire(port, tls=tls) as wire:
            data = os.urandom(1 << 20)
            for at in range(0, len(data), 1 << 16):
                wire.send(data[at:at + (1 << 16)])
                assert wire.exactly(1 << 16) == data[at:at + (1 << 16)]
            if not tls:
                wire.socket.shutdown(socket.SHUT_WR)
                assert wire.rest() == b""


def test_addresses_are_told_with_their_schemes(crossgate, pki):
    gate = crossgate({"type": "rawsocket", "endpoint": tcp()}, {"type": "rawsocket", "endpoint": tcp(tls=pki.tls("ec"))},
                     {"type": "stream.testee", "endpoint": tcp()}, universal(tcp(tls=pki.tls("ec"))),
                     {"type": "websocket.testee", "endpoint": tcp()}, words=["--backend", "rs://127.0.0.1:1"])
    schemes = ["rs", "rss", "tcp", "https", "http"]
    for scheme, port in zip(schemes, gate.ports()):
        assert f"  {scheme}://127.0.0.1:{port}\n" in gate.out
