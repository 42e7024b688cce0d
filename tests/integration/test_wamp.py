"""WAMP sessions of AutobahnPython, through the door, to a router."""
import asyncio
from contextlib import asynccontextmanager

import pytest
from autobahn.asyncio.wamp import ApplicationSession
from autobahn.asyncio.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import CallResult, ComponentConfig, PublishOptions

from support.clients import run
from support.gate import tcp, web
from wamp_router import Router

SERIALIZERS = {"json": JsonSerializer, "cbor": CBORSerializer, "msgpack": MsgPackSerializer,
               "cbor.batched": lambda: CBORSerializer(batched=True)}
VALUES = [None, True, 0, -1, 2**40, 1.5, "", "grüße 😀", [], {}, [1, [2, {"a": None}]], {"a": {"b": [1, 2]}}, "x" * 200000]


@pytest.fixture
def router():
    with Router() as router:
        yield router


@pytest.fixture
def gate(crossgate, pki, router):
    return crossgate(web({"ws": {"type": "websocket"}}, tls=pki.tls("ec")),
                     {"type": "websocket", "endpoint": tcp(tls=pki.tls("rsa"))},
                     words=["--backend", f"ws://127.0.0.1:{router.port}"])


@asynccontextmanager
async def joined(gate, pki, serializer="json", port=None, path="/ws"):
    """A WAMP session, joined to realm1; left politely."""
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
            if not left.done():
                left.set_result(True)

    port = port or gate.port
    factory = WampWebSocketClientFactory(lambda: Session(ComponentConfig("realm1")), f"wss://localhost:{port}{path}",
                                         serializers=[SERIALIZERS[serializer]()], loop=loop)
    factory.setProtocolOptions(openHandshakeTimeout=30)
    transport, _ = await loop.create_connection(factory, "127.0.0.1", port, ssl=pki.client(),
                                                server_hostname="localhost")
    try:
        session = await asyncio.wait_for(ready, 30)
        yield session
        session.leave()
        await asyncio.wait_for(left, 30)
    finally:
        transport.abort()


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_rpc_with_args_and_kwargs(gate, pki, router, serializer):
    async def talk():
        async with joined(gate, pki, serializer) as callee, joined(gate, pki, "json") as caller:
            await callee.register(lambda value: value, "com.example.echo")
            await callee.register(lambda *args, **kwargs: CallResult(*args, **kwargs), "com.example.all")
            for value in VALUES:
                assert await caller.call("com.example.echo", value) == value
            result = await caller.call("com.example.all", 1, "two", [3], name="four", more={"five": 5})
            assert (result.results, result.kwresults) == ((1, "two", [3]), {"name": "four", "more": {"five": 5}})
    run(talk())
    assert router.subprotocols[0] == f"wamp.2.{serializer}"


@pytest.mark.parametrize("serializer", ["json", "cbor", "msgpack"])
def test_pubsub_with_args_and_kwargs(gate, pki, serializer):
    async def talk():
        got = asyncio.Queue()
        async with joined(gate, pki, serializer) as subscriber, joined(gate, pki, serializer) as publisher:
            await subscriber.subscribe(lambda *args, **kwargs: got.put_nowait((args, kwargs)), "com.example.topic")
            for i in range(200):
                publisher.publish("com.example.topic", i, VALUES[i % len(VALUES)], n=i)
            await publisher.publish("com.example.topic", "end", options=PublishOptions(acknowledge=True))
            for i in range(200):
                args, kwargs = await got.get()
                assert (list(args), kwargs) == ([i, VALUES[i % len(VALUES)]], {"n": i})
            assert (await got.get())[0] == ("end",)
    run(talk())


@pytest.mark.parametrize("serializer", ["json", "cbor"])
def test_errors_keep_their_uri_and_arguments(gate, pki, serializer):
    def fail(*args):
        raise ApplicationError("com.example.error.broken", "why", 42, detail={"x": 1})

    async def talk():
        async with joined(gate, pki, serializer) as session:
            await session.register(fail, "com.example.fail")
            with pytest.raises(ApplicationError) as trouble:
                await session.call("com.example.fail", 1)
            assert trouble.value.error == "com.example.error.broken"
            assert trouble.value.args == ("why", 42)
            assert trouble.value.kwargs["detail"] == {"x": 1}
            with pytest.raises(ApplicationError) as trouble:
                await session.call("com.example.nobody")
            assert trouble.value.error == "wamp.error.no_such_procedure"
    run(talk())


def test_bare_websocket_transport_carries_wamp(gate, pki, router):
    async def talk():
        async with joined(gate, pki, "cbor", port=gate.ports()[1], path="/anywhere") as session:
            await session.register(lambda a, b: a + b, "com.example.add")
            assert await session.call("com.example.add", 2, 3) == 5
    run(talk())


def test_200_calls_at_once(gate, pki):
    async def talk():
        async with joined(gate, pki, "cbor") as callee, joined(gate, pki, "json") as caller:
            await callee.register(lambda value: value, "com.example.echo")
            answers = await asyncio.gather(*(caller.call("com.example.echo", i) for i in range(200)))
            assert answers == list(range(200))
    run(talk())


def test_router_learns_who_calls(gate, pki, router):
    async def talk():
        async with joined(gate, pki):
            pass
    run(talk())
    assert router.headers[0]["x-forwarded-for"] == "127.0.0.1"
    assert router.headers[0]["x-forwarded-proto"] == "https"
