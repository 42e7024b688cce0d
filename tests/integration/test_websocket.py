"""WebSocket echo: python3-websockets, AutobahnPython, and frames by hand."""
import asyncio
import os
import socket
import struct

import pytest
import websockets

from support.clients import autobahn, connect, run
from support.gate import ECHO, HELLO, tcp, web
from support.wait import PATIENCE, eventually
from support.wire import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocketWire, Wire, close_frame, frame)

MESSAGES = [b"", b"x", b"y" * 125, b"z" * 126, b"a" * 65535, b"b" * 65536, os.urandom(300000)]


@pytest.fixture
def gate(crossgate, pki):
    return crossgate(web({"/": HELLO, "ws": ECHO}, tls=pki.tls("ec")))


@pytest.fixture
def wire(gate, pki):
    with WebSocketWire(gate.port, pki.client()) as wire:
        yield wire.open()


# python3-websockets

def test_websockets_echoes_text_and_binary(gate, pki):
    async def talk():
        async with connect(gate, pki) as client:
            for message in ["", "hello", "ü€😀" * 1000, *MESSAGES]:
                await client.send(message)
                assert await client.recv() == message
    run(talk())


def test_websockets_echoes_16_mib(gate, pki):
    async def talk():
        message = os.urandom(16 * 2**20)
        async with connect(gate, pki) as client:
            await client.send(message)
            assert await client.recv() == message
    run(talk())


def test_websockets_echoes_fragments(gate, pki):
    async def talk():
        async with connect(gate, pki) as client:
            await client.send(["one ", "two ", "", "three"])
            assert await client.recv() == "one two three"
            await client.send([os.urandom(1), b"x" * 70000, b""])
            assert len(await client.recv()) == 70001
    run(talk())


def test_websockets_ping_is_answered(gate, pki):
    async def talk():
        async with connect(gate, pki) as client:
            await asyncio.wait_for(await client.ping(b"payload"), PATIENCE)
    run(talk())


@pytest.mark.parametrize("code, reason", [(1000, ""), (1000, "bye"), (1001, "away"), (3000, "ü" * 61), (4999, "x" * 123)])
def test_websockets_close_is_answered(gate, pki, code, reason):
    async def talk():
        async with connect(gate, pki) as client:
            await client.close(code, reason)
            assert (client.close_code, client.close_reason) == (1000, "")
    run(talk())


def test_websockets_many_messages_in_flight_keep_their_order(gate, pki):
    async def talk():
        async with connect(gate, pki, max_queue=None) as client:
            async def send():
                for i in range(3000):
                    await client.send(str(i) * (i % 50))
            sender = asyncio.create_task(send())
            for i in range(3000):
                assert await client.recv() == str(i) * (i % 50)
            await sender
    run(talk())


def test_websockets_many_sessions_at_once(gate, pki):
    async def talk(i):
        async with connect(gate, pki) as client:
            for n in range(5):
                await client.send(f"{i} {n}")
                assert await client.recv() == f"{i} {n}"

    async def all_of_them():
        await asyncio.gather(*(talk(i) for i in range(100)))
    run(all_of_them())


# AutobahnPython

def test_autobahn_echoes_text_and_binary(gate, pki):
    async def talk(client):
        for payload in MESSAGES:
            client.send(payload, binary=True)
            assert await client.get() == (payload, True)
        client.send("grüße".encode(), binary=False)
        assert await client.get() == ("grüße".encode(), False)
    autobahn(gate, pki, talk)


@pytest.mark.parametrize("fragment", [1, 100, 4096, 65536])
def test_autobahn_echoes_fragments(gate, pki, fragment):
    async def talk(client):
        payload = os.urandom(fragment * 7 + 1)
        client.send(payload, fragment=fragment)
        assert await client.get() == (payload, True)
    autobahn(gate, pki, talk)


def test_autobahn_echoes_16_mib(gate, pki):
    async def talk(client):
        payload = os.urandom(16 * 2**20)
        client.send(payload, fragment=262144)
        assert await client.get() == (payload, True)
    autobahn(gate, pki, talk)


def test_autobahn_ping_and_close(gate, pki):
    async def talk(client):
        client.protocol.sendPing(b"are you there")
        assert await client.get() == ("pong", b"are you there")
        client.protocol.sendClose(3333, "enough")
        assert (await client.ended)[:2] == (True, 1000)
    autobahn(gate, pki, talk)


# Handshake

def test_bare_websocket_testee_transport_serves_each_path(crossgate, pki):
    gate = crossgate({"type": "websocket.testee", "endpoint": tcp(tls=pki.tls("ec"))})
    for path in ("/", "/any/path?x=1"):
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open(path)
            wire.send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")


def test_echo_over_a_unix_socket(crossgate, directory):
    crossgate({"type": "websocket.testee", "endpoint": {"type": "unix", "path": "echo.sock"}})
    with WebSocketWire(directory / "echo.sock") as wire:
        wire.open().send(frame(TEXT, "hello"))
        assert wire.message() == (TEXT, b"hello")


def test_frames_sent_with_the_handshake_are_not_lost(gate, pki):
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.send(f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.KEY}\r\n\r\n".encode() + frame(TEXT, "early"))
        assert wire.response().status == 101
        assert wire.message() == (TEXT, b"early")


def test_upgrade_after_other_requests_on_the_connection(gate, pki):
    with WebSocketWire(gate.port, pki.client()) as wire:
        assert wire.request("/").status == 200
        wire.open().send(frame(TEXT, "late"))
        assert wire.message() == (TEXT, b"late")


BASE = ["GET /ws HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {WebSocketWire.KEY}"]


@pytest.mark.parametrize("name, change, status", [
    ("no key", {5: None}, {400}),
    ("short key", {5: "Sec-WebSocket-Key: dGhlIHNhbXBsZQ=="}, {400}),
    ("key that is not base64", {5: "Sec-WebSocket-Key: !!!!IHNhbXBsZSBub25jZQ=="}, {400}),
    ("two keys", {5: f"Sec-WebSocket-Key: {WebSocketWire.KEY}\r\nSec-WebSocket-Key: {WebSocketWire.KEY}"}, {400}),
    ("no host", {1: None}, {400}),
    ("two hosts", {1: "Host: a\r\nHost: b"}, {400}),
    ("no version", {4: None}, {426}),
    ("version 8", {4: "Sec-WebSocket-Version: 8"}, {426}),
    ("version 14", {4: "Sec-WebSocket-Version: 14"}, {426}),
    ("no upgrade", {3: None}, {426}),
    ("upgrade to another protocol", {3: "Upgrade: h2c"}, {426}),
    ("no connection", {2: "Connection: keep-alive"}, {426}),
    ("POST", {0: "POST /ws HTTP/1.1"}, {405}),
    ("HTTP/1.0", {0: "GET /ws HTTP/1.0"}, {426}),
    ("with a body", {5: f"Sec-WebSocket-Key: {WebSocketWire.KEY}\r\nContent-Length: 5\r\n\r\nhello"}, {400}),
    ("on a path that is none", {0: "GET /json HTTP/1.1"}, {200, 404}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_handshake_that_is_not_one_is_refused(gate, pki, name, change, status):
    lines = [change.get(i, line) for i, line in enumerate(BASE)]
    with Wire(gate.port, pki.client()) as wire:
        wire.send("\r\n".join(line for line in lines if line) + "\r\n\r\n")
        answer = wire.response()
        assert answer.status in status, answer.head
        if "version" in name:
            assert answer.get("Sec-WebSocket-Version") == "13"


def test_extensions_are_not_negotiated(gate, pki):
    with WebSocketWire(gate.port, pki.client()) as wire:
        answer = wire.upgrade(headers=["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"])
        assert answer.status == 101
        assert answer.get("Sec-WebSocket-Extensions") is None


# Frames by hand

def test_control_frames_between_fragments(wire):
    wire.send(frame(TEXT, "one", fin=False) + frame(PING, "p1") + frame(CONTINUATION, "two", fin=False)
              + frame(PONG, "unasked") + frame(CONTINUATION, "three"))
    pongs, whole = [], b""
    while True:
        opcode, payload, fin = wire.frame()
        if opcode == PONG:
            pongs.append(payload)
            continue
        whole += payload
        if fin:
            break
    assert (pongs, whole) == ([b"p1"], b"onetwothree")


def test_many_pings_at_once_are_answered_or_the_last(wire):
    wire.send(b"".join(frame(PING, str(i)) for i in range(500)) + frame(TEXT, "end"))
    last = None
    while True:
        opcode, payload, _ = wire.frame()
        if opcode == PONG:
            assert last is None or int(payload) > int(last)
            last = payload
            if payload == b"499":
                break


def test_bytes_that_arrive_one_by_one(wire):
    data = frame(TEXT, "ü€😀") + frame(BINARY, bytes(200)) + frame(PING, "p")
    for byte in data:
        wire.send(bytes([byte]))
    assert wire.message() == (TEXT, "ü€😀".encode())
    assert wire.message() == (BINARY, bytes(200))
    assert wire.frame()[:2] == (PONG, b"p")


def test_character_cut_between_fragments_is_valid(wire):
    text = "😀ü€".encode()
    for cut in range(1, len(text)):
        wire.send(frame(TEXT, text[:cut], fin=False) + frame(CONTINUATION, text[cut:]))
        assert wire.message() == (TEXT, text)


def test_client_that_never_ends_its_message_still_gets_pongs(wire):
    wire.send(frame(BINARY, bytes(10), fin=False))
    for _ in range(100):
        wire.send(frame(CONTINUATION, bytes(1000), fin=False))
    wire.send(frame(PING, "p"))
    while wire.frame()[0] != PONG:
        pass


MALFORMED = [
    ("not masked", frame(TEXT, "x", mask=False), 1002),
    ("reserved bit 1", frame(TEXT, "x", rsv=4), 1002),
    ("reserved bit 2", frame(TEXT, "x", rsv=2), 1002),
    ("reserved bit 3", frame(TEXT, "x", rsv=1), 1002),
    *((f"reserved opcode {opcode}", frame(opcode, "x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("fragmented ping", frame(PING, "x", fin=False), 1002),
    ("fragmented close", frame(CLOSE, struct.pack("!H", 1000), fin=False), 1002),
    ("long ping", frame(PING, bytes(126)), 1002),
    ("long close", frame(CLOSE, struct.pack("!H", 1000) + b"x" * 124), 1002),
    ("length 5 in 16 bits", frame(TEXT, "hello", form=16), 1002),
    ("length 5 in 64 bits", frame(TEXT, "hello", form=64), 1002),
    ("length 200 in 64 bits", frame(BINARY, bytes(200), form=64), 1002),
    ("length of 2^63", frame(BINARY, b"", length=2**63, form=64), 1002),
    ("length of 2^64 - 1", frame(BINARY, b"", length=2**64 - 1, form=64), 1002),
    ("continuation of nothing", frame(CONTINUATION, "x"), 1002),
    ("continuation after the end", frame(TEXT, "x") + frame(CONTINUATION, "y"), 1002),
    ("new message within a message", frame(TEXT, "x", fin=False) + frame(TEXT, "y"), 1002),
    ("close with one byte", frame(CLOSE, b"x"), 1002),
    *((f"close code {code}", close_frame(code), 1002)
      for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2999, 5000, 65535)),
    ("close reason that is not UTF-8", close_frame(1000, b"\xff"), 1007),
    ("text: lone byte", frame(TEXT, b"\xff"), 1007),
    ("text: overlong slash", frame(TEXT, b"\xc0\xaf"), 1007),
    ("text: overlong NUL", frame(TEXT, b"\xe0\x80\x80"), 1007),
    ("text: surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("text: over U+10FFFF", frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    ("text: cut at the end", frame(TEXT, b"abc\xe2\x82"), 1007),
    ("text: continuation byte first", frame(TEXT, b"\x80abc"), 1007),
    ("text: bad in the second fragment", frame(TEXT, b"good", fin=False) + frame(CONTINUATION, b"\xfe"), 1007),
    ("text: character broken between fragments", frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"x"), 1007),
]


@pytest.mark.parametrize("name, data, code", MALFORMED, ids=[row[0] for row in MALFORMED])
def test_malformed_frame_closes_the_session(gate, pki, name, data, code):
    pids = gate.workers()
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(data)
        allowed = {code, 1002} if "reason" in name else {code}
        assert wire.close_code() in allowed
        wire.send(close_frame(code))
        assert wire.rest() == b""  # a clean end: close_notify, nothing more
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(frame(TEXT, "next"))
        assert wire.message() == (TEXT, b"next")
    assert gate.workers() == pids


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000,
                                  4999])
def test_each_legal_close_code_is_answered(wire, code):
    wire.send(close_frame(code, b"why"))
    assert (wire.close_code(), wire.reason) == (1000, b"")
    assert wire.rest() == b""


def test_close_without_a_code_is_answered(wire):
    wire.send(close_frame())
    assert wire.close_code() == 1000
    assert wire.rest() == b""


def test_what_follows_a_close_is_ignored(wire):
    wire.send(close_frame(1000) + frame(TEXT, "too late") + b"\xff\xff")
    assert wire.close_code() == 1000
    assert wire.rest() == b""


def test_message_under_way_is_echoed_before_the_close(wire):
    wire.send(frame(TEXT, "first") + close_frame(1000))
    assert wire.message() == (TEXT, b"first")
    assert wire.close_code() == 1000


@pytest.mark.parametrize("data", [
    frame(BINARY, bytes(2001)),
    frame(BINARY, bytes(10), length=10**9, form=64),
    frame(BINARY, bytes(1500), fin=False) + frame(CONTINUATION, bytes(600)),
], ids=["whole", "announced", "in fragments"])
def test_message_over_the_limit_gets_1009(crossgate, pki, data):
    gate = crossgate(web({"ws": {**ECHO, "options": {"max_message_size": 2000}}}, tls=pki.tls("ec")))
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(frame(BINARY, bytes(2000)))
        assert wire.message() == (BINARY, bytes(2000))
        wire.send(data)
        assert wire.close_code() == 1009


def test_client_that_vanishes_leaves_nothing_behind(gate, pki):
    def descriptors():
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in gate.workers())

    before = descriptors()
    for i in range(50):
        wire = WebSocketWire(gate.port, pki.client()).open()
        wire.send(frame(BINARY, bytes(100000), length=200000)[:50000 * (i % 2) + 10])
        wire.cut()
    eventually(lambda: descriptors() <= before, why="descriptors closed")


def test_client_that_does_not_answer_the_close_is_dropped(crossgate, pki):
    gate = crossgate(web({"ws": ECHO}, tls=pki.tls("ec")), limits={"close_timeout": 500})
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(frame(3, "x"))
        assert wire.close_code() == 1002
        assert wire.ends(8)


def test_client_that_sends_but_does_not_read_is_held_then_dropped(crossgate, pki):
    """Backpressure: the server stops reading; after send_timeout it ends the session."""
    gate = crossgate(web({"ws": ECHO}, tls=pki.tls("ec")), workers=1, limits={"send_timeout": 1000})
    with WebSocketWire(gate.port, pki.client(), receive_buffer=65536, timeout=8) as wire:
        wire.open()
        block = frame(BINARY, bytes(65536))
        sent = 0
        with pytest.raises(OSError):
            while sent < 256 * 2**20:
                wire.send(block)
                sent += len(block)
        assert sent < 64 * 2**20
    gate.wait_log("peer does not read")


def test_plain_websocket_over_tcp(crossgate):
    gate = crossgate(web({"ws": ECHO}))

    async def talk():
        async with websockets.connect(f"ws://127.0.0.1:{gate.port}/ws", max_size=None) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
    run(talk())


@pytest.mark.parametrize("apart", [True, False], ids=["later", "at once"])
def test_last_message_of_who_leaves_without_goodbye_is_answered(crossgate, apart):
    gate = crossgate(web({"/": HELLO, "ws": ECHO}))
    for _ in range(5):
        with WebSocketWire(gate.port) as wire:
            request = (f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                       f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.KEY}\r\n\r\n").encode()
            if apart:
                wire.open()
            wire.send((b"" if apart else request) + frame(TEXT, b"last words"))
            wire.socket.shutdown(socket.SHUT_WR)
            if not apart:
                assert wire.response().status == 101
            assert wire.message() == (TEXT, b"last words")
