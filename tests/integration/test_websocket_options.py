"""Each option of an open WebSocket session: what it changes for clients, and for the node behind."""
import asyncio
import os

import pytest
import websockets

from support.backend import Backend, RawBackend, reverseproxy
from support.clients import autobahn, connect, run
from support.gate import ECHO, tcp, web
from support.wait import eventually
from support.wire import BINARY, CONTINUATION, PING, PONG, TEXT, WebSocketWire, close_frame, frame


@pytest.fixture
def echo(crossgate, pki):
    """echo(option=value, …) -> a gate whose /ws echoes with these options."""
    def start(limits=None, **options):
        more = {"limits": limits} if limits else {}
        return crossgate(web({"ws": {**ECHO, "options": options}}, tls=pki.tls("ec")), **more)
    return start


@pytest.fixture
def relay(crossgate, pki):
    """relay(backend, option=value, …) -> a gate whose /ws leads to that backend with these options."""
    def start(backend, **options):
        return crossgate(web({"ws": reverseproxy(backend, backend_options=options)}, tls=pki.tls("ec")))
    return start


def opened(gate, pki, **more):
    return WebSocketWire(gate.port, pki.client(), **more).open()


def dropped(wire):
    """Reads to the end of a connection that was cut: no Close came. What came before it."""
    with pytest.raises(OSError):  # a TLS end without close_notify, or a reset
        wire.rest()
    return wire.buffer


# Sizes

@pytest.mark.parametrize("data", [
    frame(BINARY, bytes(1001)),
    frame(BINARY, b"", length=10**9),
    frame(TEXT, "x", fin=False) + frame(CONTINUATION, bytes(1001)),
], ids=["whole", "announced", "continuation"])
def test_frame_over_the_limit_gets_1009(echo, pki, data):
    gate = echo(max_frame_size=1000)
    with opened(gate, pki) as wire:
        wire.send(frame(BINARY, bytes(1000)) + frame(BINARY, bytes(1000), fin=False) + frame(CONTINUATION, bytes(1000)))
        assert [len(wire.message()[1]) for _ in range(2)] == [1000, 2000]
        wire.send(data)
        assert wire.close_code() == 1009
    gate.wait_log("frame or message over the limit")


def test_frame_of_the_backend_over_the_limit_ends_the_session(relay, pki):
    async def talk(session):
        await session.send(bytes(1000))
        await session.send(bytes(1001))
        await session.wait_closed()

    with Backend(talk) as backend:
        gate = relay(backend, max_frame_size=1000)
        with opened(gate, pki) as wire:
            assert wire.message() == (BINARY, bytes(1000))
            assert wire.close_code() == 1012


def test_messages_are_sent_in_fragments(echo, pki):
    gate = echo(auto_fragment_size=1000)
    message = os.urandom(10500)
    with opened(gate, pki) as wire:
        wire.send(frame(BINARY, message))
        frames = [wire.raw_frame()]
        while not frames[-1].fin:
            frames.append(wire.raw_frame())
        assert b"".join(f.payload for f in frames) == message
        assert max(len(f.payload) for f in frames) == 1000
        assert [f.opcode for f in frames] == [BINARY] + [CONTINUATION] * (len(frames) - 1)
        # Nothing waits until a frame is full.
        wire.send(frame(TEXT, "ab", fin=False))
        assert wire.frame() == (TEXT, b"ab", False)
        wire.send(frame(CONTINUATION, "c"))
        assert wire.frame() == (CONTINUATION, b"c", True)


def test_messages_to_the_backend_are_sent_in_fragments(relay, pki):
    heard = []

    def talk(backend, peer):
        backend.open(peer)
        wire = WebSocketWire.over(peer)
        while not heard or not heard[-1].fin:
            heard.append(wire.raw_frame())
        peer.sendall(frame(TEXT, "got it", mask=False))
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = relay(backend, auto_fragment_size=100)
        with opened(gate, pki) as wire:
            wire.send(frame(BINARY, bytes(range(250))))
            assert wire.message() == (TEXT, b"got it")
    assert [(f.opcode, f.masked, len(f.payload)) for f in heard] == [
        (BINARY, True, 100), (CONTINUATION, True, 100), (CONTINUATION, True, 50)]
    assert b"".join(f.payload for f in heard) == bytes(range(250))


# Masks

def test_autobahn_takes_masked_frames(echo, pki):
    gate = echo(mask_server_frames=True)

    async def talk(client):
        for payload in (b"", b"hello", os.urandom(70000)):
            client.send(payload)
            assert await client.get() == (payload, True)
        client.protocol.sendPing(b"there?")
        assert await client.get() == ("pong", b"there?")
        client.protocol.sendClose(1000)
        assert (await client.ended)[:2] == (True, 1000)
    autobahn(gate, pki, talk, options={"acceptMaskedServerFrames": True})


def test_masks_of_the_server_are_those_of_the_protocol(echo, pki):
    gate = echo(mask_server_frames=True)
    with opened(gate, pki) as wire:
        wire.send(frame(TEXT, "hello") + frame(PING, "there?"))
        assert wire.raw_frame() == (TEXT, True, 0, True, b"hello")
        assert wire.raw_frame() == (PONG, True, 0, True, b"there?")

    async def refused():
        async with connect(gate, pki) as client:
            await client.send("hello")
            with pytest.raises(websockets.ConnectionClosedError) as closed:
                await client.recv()
            assert closed.value.sent.code == 1002
    run(refused())


@pytest.mark.parametrize("accepted", [True, False])
def test_masked_frames_of_the_backend(crossgate, pki, accepted):
    """A node that masks (here: a second transport) is understood if its options say so."""
    options = {"mask_server_frames": True}
    node = {"type": "websocket.testee", "endpoint": tcp(), "options": options}
    backend = {"type": "websocket", "url": "ws://localhost/", "endpoint": {
        "type": "tcp", "host": "127.0.0.1", "port": node["endpoint"]["port"]}}
    if accepted:
        backend["options"] = options
    gate = crossgate(web({"ws": {"type": "websocket-reverseproxy", "backend": backend}}, tls=pki.tls("ec")), node)
    with opened(gate, pki) as wire:
        wire.send(frame(TEXT, "hello"))
        if accepted:
            assert wire.message() == (TEXT, b"hello")
        else:
            assert wire.close_code() == 1012


def test_autobahn_need_not_mask(echo, pki):
    gate = echo(require_masked_client_frames=False)

    async def talk(client):
        for payload in (b"", b"hello", os.urandom(70000)):
            client.send(payload)
            assert await client.get() == (payload, True)
        client.protocol.sendClose(1000)
        assert (await client.ended)[:2] == (True, 1000)
    autobahn(gate, pki, talk, options={"maskClientFrames": False})


def test_masked_and_unmasked_frames_are_taken_together(echo, pki):
    with opened(echo(require_masked_client_frames=False), pki) as wire:
        wire.send(frame(TEXT, "masked ", fin=False) + frame(CONTINUATION, "and not", mask=False)
                  + frame(PING, "p", mask=False))
        assert wire.message() == (TEXT, b"masked and not")
        assert wire.frame() == (PONG, b"p", True)
        wire.send(close_frame(1000, mask=False))
        assert wire.close_code() == 1000


# Text

def test_text_that_is_not_utf8_may_pass(echo, pki):
    with opened(echo(validate_utf8=False), pki) as wire:
        for text in (b"\xff\xfe", "grüße".encode(), b"cut\xe2"):
            wire.send(frame(TEXT, text))
            assert wire.message() == (TEXT, text)
        wire.send(close_frame(1000, b"\xff"))
        assert wire.close_code() == 1007  # reasons are judged even so


@pytest.mark.parametrize("validate", [True, False])
def test_text_of_the_backend(relay, pki, validate):
    def talk(backend, peer):
        backend.open(peer)
        peer.sendall(frame(TEXT, b"\xff", mask=False))
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = relay(backend, validate_utf8=validate)
        with opened(gate, pki) as wire:
            if validate:
                assert wire.close_code() == 1012
            else:
                assert wire.message() == (TEXT, b"\xff")


# Faults

@pytest.mark.parametrize("name, data, said", [
    ("protocol", frame(3, "x"), "WebSocket protocol error"),
    ("text", frame(TEXT, b"\xff"), "text message is not valid UTF-8"),
    ("size", frame(BINARY, bytes(2001)), "frame or message over the limit"),
    ("close", close_frame(1005), "WebSocket protocol error"),
], ids=["protocol", "text", "size", "close"])
def test_violation_drops_the_connection(echo, pki, name, data, said):
    gate = echo(fail_by_drop=True, max_message_size=2000)
    with opened(gate, pki) as wire:
        wire.send(frame(TEXT, "good"))
        assert wire.message() == (TEXT, b"good")
        wire.send(data)
        assert dropped(wire) == b""
    gate.wait_log(said)


def test_goodbyes_are_said_where_violations_drop(echo, pki):
    gate = echo(fail_by_drop=True)
    with opened(gate, pki) as wire, opened(gate, pki) as other:
        wire.send(close_frame(1000))
        assert wire.close_code() == 1000
        assert wire.rest() == b""
        gate.signal(15)
        assert other.close_code() == 1001


def test_violation_of_the_backend_drops_its_connection(relay, pki):
    ends = []

    def talk(backend, peer):
        backend.open(peer)
        peer.sendall(frame(3, "x", mask=False))
        try:
            ends.append(peer.recv(100))
        except OSError:
            ends.append(b"")

    with RawBackend(talk) as backend:
        gate = relay(backend, fail_by_drop=True)
        with opened(gate, pki) as wire:
            assert wire.close_code() == 1012  # the client's own session knows no violation
    assert eventually(lambda: ends) == [b""]


# Closes

@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "away"), (3000, "ü" * 61), (4999, "x" * 123)])
def test_code_and_reason_come_back(echo, pki, code, reason):
    gate = echo(echo_close_codereason=True)

    async def talk():
        async with connect(gate, pki) as client:
            await client.close(code, reason)
            assert (client.close_code, client.close_reason) == (code, reason)
    run(talk())


def test_close_without_a_code_comes_back_without(echo, pki):
    with opened(echo(echo_close_codereason=True), pki) as wire:
        wire.send(close_frame())
        assert wire.close_code() is None
        assert wire.rest() == b""


def test_code_and_reason_come_back_to_the_backend(relay, pki):
    async def talk(session):
        await session.close(4321, "enough")

    with Backend(talk) as backend:
        gate = relay(backend, echo_close_codereason=True)
        with opened(gate, pki) as wire:
            assert (wire.close_code(), wire.reason) == (4321, b"enough")
        assert eventually(lambda: backend.closes) == [(4321, "enough")]


def test_close_that_is_not_answered_ends_in_its_own_time(echo, pki):
    gate = echo(close_handshake_timeout=1000, limits={"close_timeout": 600000})
    with opened(gate, pki) as wire:
        gate.signal(15)
        assert wire.close_code() == 1001
        assert wire.ends(15)


# Pings

def next_ping(wire):
    """Reads on to the next ping."""
    while True:
        got = wire.raw_frame()
        if got.opcode == PING:
            return got.payload


@pytest.mark.parametrize("size", [12, 125])
def test_pings_come_and_pongs_keep_the_session(echo, pki, size):
    gate = echo(auto_ping_interval=1000, auto_ping_timeout=60000, auto_ping_size=size,  # the next one is sent after the pong
                auto_ping_restart_on_any_traffic=False)
    with opened(gate, pki) as wire:
        seen = set()
        for _ in range(3):
            ping = next_ping(wire)
            assert len(ping) == size
            seen.add(ping)
            wire.send(frame(PONG, ping))
        assert len(seen) == 3
        wire.send(frame(TEXT, "still here"))
        assert wire.message() == (TEXT, b"still here")


def test_pings_are_answered_by_clients(echo, pki):
    gate = echo(auto_ping_interval=1000, auto_ping_timeout=60000, auto_ping_restart_on_any_traffic=False)
    pings = []

    async def talk(client):
        answer = client.protocol.onPing

        def on_ping(payload):
            pings.append(payload)
            answer(payload)
        client.protocol.onPing = on_ping
        while len(pings) < 3:
            await asyncio.sleep(0.05)
        client.send(b"still here")
        assert await client.get() == (b"still here", True)
    autobahn(gate, pki, talk)
    assert len(set(pings)) == 3


@pytest.mark.parametrize("name, talk", [
    ("silence", lambda wire, ping: None),
    ("another pong", lambda wire, ping: wire.send(frame(PONG, ping[:-1]))),
    ("text", lambda wire, ping: wire.send(frame(TEXT, "I am here"))),
], ids=["silence", "another pong", "text"])
def test_late_pong_ends_the_session(echo, pki, name, talk):
    gate = echo(auto_ping_interval=1000, auto_ping_timeout=1000, auto_ping_restart_on_any_traffic=False)
    with opened(gate, pki) as wire:
        talk(wire, next_ping(wire))
        dropped(wire)
    gate.wait_log("peer did not answer a ping")


@pytest.mark.long
def test_traffic_counts_for_a_pong(echo, pki):
    gate = echo(auto_ping_interval=1000, auto_ping_timeout=3000)
    with opened(gate, pki) as wire:
        for _ in range(2):
            next_ping(wire)
            wire.send(frame(TEXT, "I am here"))
        dropped(wire)  # for there is no more
    gate.wait_log("peer did not answer a ping")


def test_pings_without_a_timeout_go_on(echo, pki):
    with opened(echo(auto_ping_interval=1000), pki) as wire:
        assert len({next_ping(wire) for _ in range(3)}) == 3


def test_backend_is_asked_too(relay, pki):
    pings = []

    def talk(backend, peer):
        backend.open(peer)
        wire = WebSocketWire.over(peer)
        pings.append(wire.raw_frame())
        wire.send(frame(PONG, pings[0].payload, mask=False))
        pings.append(wire.raw_frame())
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = relay(backend, auto_ping_interval=1000, auto_ping_timeout=5000)
        with opened(gate, pki) as wire:
            assert wire.close_code() == 1012
        gate.wait_log("peer did not answer a ping")
    assert [(f.opcode, f.masked, len(f.payload)) for f in pings] == [(PING, True, 12)] * 2
    assert pings[0].payload != pings[1].payload
