"""Whole WAMP sessions of AutobahnJS and AutobahnPython, through the door, to nodes of every kind; nodes that are restarted or
killed meanwhile."""
import asyncio
from contextlib import AsyncExitStack

import pytest
from autobahn.asyncio.component import Component
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions

from support.autobahnjs import AutobahnJS
from support.clients import run
from support.gate import tcp, web
from test_examples import Example
from test_proxy_worker import connection, proxy
from test_rawsocket import SERIALIZERS, joined, rpc_and_pubsub, universal
from wamp_router import Router, RouterProcess

pytestmark = pytest.mark.released

EXCHANGED = [{"did": part} for part in ("callEverything", "publishEverything", "callProgressively", "leave")]
STEPS = 50


def node_of_kind(kind, directory, pki):
    """(router, backend of a websocket-reverseproxy): "websocket" or "rawsocket", on "tcp", "unix" or "tls"."""
    protocol, way = kind.split("-")
    words = {"tcp": {}, "unix": {"unix": directory / "node.sock"}, "tls": {"tls": pki.server("ec")}}[way]
    router = Router(rawsocket=protocol == "rawsocket", **words)
    tls = {"tls": {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}} if way == "tls" else {}
    url = f"{'wss' if tls else 'ws'}://localhost:{router.port or 80}/ws"
    return router, {"type": protocol, "endpoint": {**router.endpoint, **tls}, **({"url": url} if protocol == "websocket" else {})}


@pytest.fixture(params=["websocket-tcp", "websocket-unix", "websocket-tls", "rawsocket-unix", "rawsocket-tls"])
def gate(request, crossgate, directory, pki):
    router, backend = node_of_kind(request.param, directory, pki)
    with router:
        yield crossgate(web({"ws": {"type": "websocket-reverseproxy", "backend": backend}}, tls=pki.tls("ec")))


def to(gate, serializer):
    """As the tasks of AutobahnJS want it."""
    return {"url": f"wss://localhost:{gate.port}/ws", "serializer": serializer}


async def call_progressively(callee, caller):
    def count(end, details):
        for i in range(end):
            details.progress(i)
        return end

    steps = []
    await callee.register(count, "com.example.count", options=RegisterOptions(details=True))
    assert await caller.call("com.example.count", STEPS, options=CallOptions(on_progress=steps.append)) == STEPS
    assert steps == list(range(STEPS))


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_autobahnpython_through_every_kind_of_backend(gate, pki, serializer):
    async def talk():
        async with joined(pki, serializer, gate.port) as first, joined(pki, serializer, gate.port) as second:
            await rpc_and_pubsub(first, second)
            await call_progressively(first, second)
    run(talk())


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_autobahnjs_through_every_kind_of_backend(gate, pki, serializer):
    with AutobahnJS(pki, do="exchange", to=to(gate, serializer)) as task:
        assert task.end() == EXCHANGED


@pytest.mark.parametrize("rawsocket", [True, False], ids=["node-rawsocket", "node-websocket"])
def test_autobahnjs_over_rawsocket(crossgate, directory, pki, rawsocket):
    with Router(rawsocket=rawsocket) as router:
        gate = crossgate(universal(tcp(), rawsocket={}),
                         {"type": "rawsocket", "endpoint": {"type": "unix", "path": "front.sock"}}, words=["--backend", router.url])
        for way in ({"host": "127.0.0.1", "port": gate.port}, {"path": str(directory / "front.sock")}):
            with AutobahnJS(pki, do="exchange", to=way) as task:
                assert task.end() == EXCHANGED


def test_200_sessions_at_once(crossgate, pki):
    async def talk(gate):
        async with AsyncExitStack() as stack:
            sessions = await asyncio.gather(*(stack.enter_async_context(joined(pki, "cbor", gate.port)) for _ in range(100)))
            await sessions[0].register(lambda value: value, "com.example.echo")
            heard = asyncio.Queue()
            await asyncio.gather(*(session.subscribe(heard.put_nowait, "com.example.all") for session in sessions))
            with AutobahnJS(pki, do="crowd", count=100, to=to(gate, "msgpack")) as task:
                answers = await asyncio.gather(*(session.call("com.example.echo", n) for n, session in enumerate(sessions)))
                assert answers == list(range(100))
                assert await asyncio.to_thread(task.next) == {"answered": 100}
                assert len(router.realms["realm1"].sessions) == 200
                await sessions[0].publish("com.example.all", "hear", options=PublishOptions(acknowledge=True, exclude_me=False))
                assert [await heard.get() for _ in range(100)] == ["hear"] * 100
                assert await asyncio.to_thread(task.next) == {"heard": 100}
                assert await asyncio.to_thread(task.end) == [{"left": 100}]

    with Router() as router:
        run(talk(crossgate(web({"ws": {"type": "websocket"}}, tls=pki.tls("ec")), words=["--backend", router.url])))


def test_proxy_worker_of_the_examples_routes_by_realm(crossgate, directory, pki, monkeypatch):
    monkeypatch.setenv("FRONT_DOOR", "1")
    monkeypatch.setenv("BACK_NODE", "")
    example = Example("proxy.json", directory, pki)
    with Router(rawsocket=True, unix=example.home / "router.sock") as shop, Router() as archive:
        example.config["workers"][1]["connections"]["archive"]["transport"]["endpoint"] = archive.endpoint
        gate = crossgate(config=example.config, home=example.home)
        for realm, serializer in (("shop", "cbor"), ("shop", "msgpack"), ("archive", "json")):
            with AutobahnJS(pki, do="stay", realm=realm, to=to(gate, serializer)) as task:
                assert task.next() == {"opened": f"wamp.2.{serializer}"}
                assert task.end()[-1] == {"left": "closed", "because": "wamp.close.goodbye_and_out"}
        with AutobahnJS(pki, do="stay", realm="nowhere", retry=True, to=to(gate, "cbor")) as task:
            assert task.next() == {"left": "closed", "because": "wamp.error.no_such_realm"}
        gate.wait_log("no route for the realm: nowhere")
        assert (shop.subprotocols, list(shop.realms)) == (["cbor", "msgpack"], ["shop"])
        assert (archive.subprotocols, list(archive.realms)) == (["wamp.2.json"], ["archive"])


# nodes that go

DOORS = ["websocket", "rawsocket", "proxy-websocket", "proxy-rawsocket"]


def node(kind, directory, name="node"):
    """On tcp, or, with RawSocket, on a Unix socket."""
    is_rawsocket = "rawsocket" in kind
    return RouterProcess(is_rawsocket, unix=directory / f"{name}.sock" if is_rawsocket else None)


def door(kind, crossgate, pki, *nodes):
    """Before such nodes; with a proxy worker, who asks for the realm first."""
    if not kind.startswith("proxy"):
        return crossgate(web({"ws": {"type": "websocket"}}, tls=pki.tls("ec")),
                         words=[word for node in nodes for word in ("--backend", node.url)])
    connections = {f"node{n}": connection(node, kind.removeprefix("proxy-")) for n, node in enumerate(nodes)}
    config = proxy(pki, connections, {"realm1": {"anonymous": list(connections)}})
    del config["crossgate"]  # its time limits are too short for a crowd
    return crossgate(config=config)


@pytest.mark.parametrize("kind", DOORS)
def test_autobahnjs_comes_back_after_a_restart(crossgate, directory, pki, kind):
    with node(kind, directory) as router:
        gate = door(kind, crossgate, pki, router)
        with AutobahnJS(pki, do="stay", realm="realm1", retry=True, to=to(gate, "cbor")) as task:
            assert task.next() == {"opened": "wamp.2.cbor"}
            router.kill()
            assert task.next() == {"closed": 1012}
            assert task.next() == {"left": "lost", "because": None}
            assert task.next() == {"left": "lost", "because": None}  # a try in vain
            router.start()
            task.until({"opened": "wamp.2.cbor"})
            assert task.end()[-1] == {"left": "closed", "because": "wamp.close.goodbye_and_out"}


@pytest.mark.parametrize("kind", ["websocket", "proxy-rawsocket"])
def test_autobahnpython_comes_back_after_a_restart(crossgate, directory, pki, kind):
    with node(kind, directory) as router:
        gate = door(kind, crossgate, pki, router)
        component = Component(realm="realm1", transports=[{
            "type": "websocket", "url": f"wss://localhost:{gate.port}/ws", "serializers": ["cbor"], "max_retries": -1,
            "initial_retry_delay": 0.1, "max_retry_delay": 0.2,
            "endpoint": {"type": "tcp", "host": "localhost", "port": gate.port, "tls": pki.client()}}])

        async def talk():
            sessions, events = asyncio.Queue(), asyncio.Queue()
            component.on("join", lambda session, details: sessions.put_nowait(session))
            component.on("leave", lambda session, details: events.put_nowait(details.reason))
            component.on("connectfailure", lambda component, error: events.put_nowait("connectfailure"))
            done = component.start(asyncio.get_running_loop())
            await sessions.get()
            await asyncio.to_thread(router.kill)
            assert await events.get() == "wamp.close.transport_lost"
            while await events.get() != "connectfailure":
                pass
            await asyncio.to_thread(router.start)
            session = await sessions.get()
            await session.register(lambda: "again", "com.example.again")
            assert await session.call("com.example.again") == "again"
            session.leave()
            await done
        run(talk())


@pytest.mark.parametrize("kind", DOORS)
def test_a_node_killed_under_load_costs_no_new_session(crossgate, directory, pki, kind):
    with node(kind, directory, "one") as one, node(kind, directory, "two") as two:
        gate = door(kind, crossgate, pki, one, two)
        with AutobahnJS(pki, do="load", realm="realm1", at_once=8, to=to(gate, "cbor")) as task:
            visits = [task.next() for _ in range(24)]
            one.kill()
            task.say()
            visits += task.until({"begun": 1})
            visits += [task.next() for _ in range(48)] + task.end()
        gate.wait_log("backend closed the connection|backend refused the connection")
    troubles = [[visit["trouble"] for visit in visits if visit["chapter"] == chapter and visit["trouble"]] for chapter in (0, 1)]
    assert troubles[1] == []
    assert len(troubles[0]) <= 8 and not [trouble for trouble in troubles[0] if "unreachable" in trouble], troubles[0]
