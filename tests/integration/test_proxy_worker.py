"""A proxy worker's connections and routes: the realm of the first message decides which node gets the session."""
import asyncio
import json
import struct

import cbor2
import msgpack
import pytest
import websockets

from support import ports
from support.clients import run
from support.gate import tcp
from support.wire import Wire
from test_rawsocket import Node, frame, joined, rpc_and_pubsub
from wamp_router import Router

CODECS = {"json": (json.dumps, json.loads), "msgpack": (msgpack.packb, msgpack.unpackb), "cbor": (cbor2.dumps, cbor2.loads)}
NUMBERS = {"json": 1, "msgpack": 2, "cbor": 3}


def connection(node, kind="rawsocket", **more):
    url = {"url": "ws://localhost/ws"} if kind == "websocket" else {}
    return {"transport": {"type": kind, "endpoint": node.endpoint, **url, **more},
            "auth": {"anonymous-proxy": {"type": "static"}}}


def proxy(pki, connections, routes, limits=None, **front):
    transports = [{"type": "web", "endpoint": tcp(tls=pki.tls("ec")), "paths": {"ws": {"type": "websocket", **front}}},
                  {"type": "universal", "endpoint": tcp(), "rawsocket": {}, "websocket": {"ws": {"type": "websocket"}}}]
    return {"version": 2, "crossgate": {"limits": limits or {}},
            "workers": [{"type": "proxy", "connections": connections, "routes": routes, "transports": transports}]}


def connect(gate, serializer, pki):
    return websockets.connect(f"wss://localhost:{gate.port}/ws", ssl=pki.client(), compression=None, max_size=None,
                              subprotocols=[f"wamp.2.{serializer}"] if serializer else None)


async def ended(client):
    """What the client still hears, then the code of the Close."""
    heard = []
    try:
        while True:
            heard.append(await client.recv())
    except websockets.ConnectionClosed:
        return heard, client.close_code


@pytest.mark.parametrize("serializer", NUMBERS)
def test_realms_lead_to_their_nodes(crossgate, pki, directory, serializer):
    with Router(rawsocket=True, unix=directory / "n.sock") as shop, Router() as archive:
        gate = crossgate(config=proxy(pki, {"a": connection(shop), "b": connection(archive, "websocket")},
                                      {"shop": {"user": "a", "staff": ["a"]}, "archive": {"staff": "b"}}))

        async def talk():
            for realm in ("shop", "archive"):
                async with joined(pki, serializer, gate.port, realm=realm) as first, \
                           joined(pki, serializer, gate.ports()[1], realm=realm, raw=True, tls=False) as second:
                    await rpc_and_pubsub(first, second)
        run(talk())
        assert list(shop.realms) == ["shop"] and list(archive.realms) == ["archive"]
        assert shop.subprotocols == [serializer] * 2
        assert archive.subprotocols == [f"wamp.2.{serializer}"] * 2
        assert archive.headers[0]["x-forwarded-for"] == "127.0.0.1"
        assert archive.transports[0].http_request_path == "/ws"


@pytest.mark.parametrize("serializer", NUMBERS)
def test_a_realm_without_a_route_is_aborted(crossgate, pki, serializer):
    pack, unpack = CODECS[serializer]
    closed = connection(Router())
    gate = crossgate(config=proxy(pki, {"a": closed}, {"shop": {"user": "a"}}))
    hello = pack([1, "nowhere", {"roles": {}}])

    async def talk():
        async with connect(gate, serializer, pki) as client:
            await client.send(hello)
            heard, code = await ended(client)
            return [unpack(message) for message in heard], code
    (abort,), code = run(talk())
    assert (abort[0], list(abort[1]), abort[2], code) == (3, ["message"], "wamp.error.no_such_realm", 1000)
    gate.wait_log("no route for the realm: nowhere")
    with Wire(gate.ports()[1]) as wire:
        wire.send(bytes([0x7f, 0xf0 | NUMBERS[serializer], 0, 0]) + frame(hello if isinstance(hello, bytes) else hello.encode()))
        assert wire.exactly(4)[0] == 0x7f
        size, = struct.unpack("!L", wire.exactly(4))
        assert unpack(wire.exactly(size)) == abort
        assert wire.rest() == b""

    async def join():
        with pytest.raises(ConnectionError, match="wamp.error.no_such_realm"):
            async with joined(pki, serializer, gate.port, realm="elsewhere"):
                pass
    run(join())


def test_the_hello_is_passed_on_byte_by_byte(crossgate, pki):
    with Node() as node:
        gate = crossgate(config=proxy(pki, {"a": connection(node)}, {"r\u00e9alm": {"x": "a"}}))
        hello = '[ 1 ,\t"r\\u00e9alm", {"authextra": {"a": 1.0, "a": 2, "x": "%s"}} ]' % ("y" * 40000)

        async def talk():
            async with connect(gate, "json", pki) as client:
                await client.send([hello[:3], hello[3:30], hello[30:]])
                assert await client.recv() == hello
                await client.send("[2]")
                assert await client.recv() == "[2]"
        run(talk())
        with Wire(gate.ports()[1]) as wire:
            wire.send(b"\x7f\xf1\0\0" + frame(hello.encode()) + frame(b"[3]"))
            assert wire.exactly(4 + 4 + len(hello) + 7)[8:] == hello.encode() + frame(b"[3]")


def test_connections_of_a_list_take_turns(crossgate, pki):
    with Router(rawsocket=True) as one, Router(rawsocket=True) as two:
        gate = crossgate(config=proxy(pki, {"a": connection(one), "b": connection(two)}, {"shop": {"x": ["a", "b"], "y": ["b", "a"]}}),
                         workers=1)

        async def talk():
            for _ in range(6):
                async with joined(pki, "cbor", gate.port, realm="shop"):
                    pass
        run(talk())
        assert (len(one.subprotocols), len(two.subprotocols)) == (3, 3)


def test_a_dead_node_of_a_list_costs_no_session(crossgate, pki):
    down = type("Down", (), {"endpoint": {"type": "tcp", "host": "127.0.0.1", "port": ports.take()}})
    with Router(rawsocket=True) as node:
        gate = crossgate(config=proxy(pki, {"a": connection(down), "b": connection(node)}, {"shop": {"x": ["a", "b"]}}))

        async def talk():
            for raw in (False, True, False, True):
                port = gate.ports()[1] if raw else gate.port
                async with joined(pki, "cbor", port, realm="shop", raw=raw, tls=not raw) as session:
                    assert session.is_attached()
        run(talk())
        assert len(node.subprotocols) == 4


def test_what_is_no_hello_gets_a_close(crossgate, pki):
    with Node() as node:
        gate = crossgate(config=proxy(pki, {"a": connection(node, serializers=["cbor", "json"])}, {"shop": {"x": "a"}},
                                      limits={"head_timeout": 3000}))

        async def talk(serializer, *messages):
            async with connect(gate, serializer, pki) as client:
                for message in messages:
                    await client.send(message)
                return (await ended(client))[1]

        assert run(talk("json", "[48,1,{},\"com.example\"]")) == 1002
        gate.wait_log("first message is not a WAMP HELLO")
        assert run(talk("cbor", b"\xff\xff")) == 1002
        assert run(talk("json", b"[1,\"shop\",{}]")) == 1003
        assert run(talk("json", '[1,"shop",{"x":"%s"}]' % ("y" * 65536))) == 1009
        assert run(talk("cbor")) == 1008
        gate.wait_log("first message took too long")
        assert node.got == []

        async def refused(serializer):
            with pytest.raises(websockets.InvalidStatusCode) as status:
                await connect(gate, serializer, pki)
            return status.value.status_code
        assert [run(refused(serializer)) for serializer in ("msgpack", "ubjson", "json.batched", None)] == [400] * 4
        with Wire(gate.ports()[1]) as wire:
            wire.send(b"\x7f\xf2\0\0")
            assert wire.rest() == b"\x7f\x10\0\0"


def test_origins_hold_before_anybody_is_routed(crossgate, pki):
    with Node() as node:
        gate = crossgate(config=proxy(pki, {"a": connection(node)}, {"shop": {"x": "a"}},
                                      options={"allowed_origins": ["https://shop.example:443"]}))

        async def ask(origin):
            try:
                async with websockets.connect(f"wss://localhost:{gate.port}/ws", ssl=pki.client(), origin=origin,
                                              subprotocols=["wamp.2.cbor"]) as client:
                    return client.subprotocol
            except websockets.InvalidStatusCode as refused:
                return refused.status_code
        assert run(ask("https://shop.example")) == "wamp.2.cbor"
        assert run(ask("https://evil.example")) in (400, 403)


def test_a_node_that_is_down_closes_the_session(crossgate, pki):
    down = type("Down", (), {"endpoint": {"type": "tcp", "host": "127.0.0.1", "port": ports.take()}})
    with Node() as node:
        gate = crossgate(config=proxy(pki, {"a": connection(down), "b": connection(node, serializer="json")},
                                      {"down": {"x": "a"}, "json": {"x": "b"}}))

        async def talk(realm):
            async with connect(gate, "cbor", pki) as client:
                await client.send(cbor2.dumps([1, realm, {}]))
                return await ended(client)
        assert run(talk("down")) == ([], 1013)
        assert run(talk("json")) == ([], 1003)
        gate.wait_log("backend refused the connection: rs://127.0.0.1")
        gate.wait_log("no WAMP serializer in common: rs://127.0.0.1")


def test_a_drain_lets_those_go_who_have_not_said_hello(crossgate, pki):
    with Node() as node:
        gate = crossgate(config=proxy(pki, {"a": connection(node)}, {"shop": {"x": "a"}}))

        async def talk():
            async with connect(gate, "cbor", pki) as client:
                closed = asyncio.ensure_future(ended(client))
                await asyncio.to_thread(gate.stop)
                assert (await closed) == ([], 1001)
        run(talk())
