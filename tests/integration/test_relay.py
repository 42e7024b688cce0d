"""Relaying to a backend: what reaches it, what comes back, and what becomes of its failures."""
import asyncio
import base64
import hashlib
import os
import re
import socket
import threading
from http import HTTPStatus

import pytest

from support.backend import Backend, RawBackend, reverseproxy
from support.clients import connect, run
from support.gate import HELLO, rss, tcp, web
from support import ports
from support.wait import eventually
from support.wire import BINARY, TEXT, WebSocketWire, close_frame, frame


def front(pki, service, **more):
    return web({"/": HELLO, "ws": service}, tls=pki.tls("ec"), **more)


@pytest.fixture(params=["tcp", "unix", "tls"])
def backend_of_each_kind(request, pki, directory):
    """(backend, service) over each transport that a backend can have."""
    if request.param == "unix":
        with Backend(unix=directory / "back.sock") as backend:
            os.chmod(directory / "back.sock", 0o666)
            yield backend, reverseproxy(backend, endpoint={"type": "unix", "path": "back.sock"})
    elif request.param == "tls":
        with Backend(tls=pki.server("ec")) as backend:
            yield backend, reverseproxy(backend, "wss", tls={"hostname": "localhost",
                                                             "ca_certificates": [pki["root.pem"]]})
    else:
        with Backend() as backend:
            yield backend, reverseproxy(backend)


@pytest.fixture
def relayed(crossgate, pki):
    """(gate, backend) with an echoing backend over tcp."""
    with Backend() as backend:
        yield crossgate(front(pki, reverseproxy(backend))), backend


def test_messages_pass_both_ways_over_each_transport(crossgate, pki, backend_of_each_kind):
    backend, service = backend_of_each_kind
    gate = crossgate(front(pki, service))

    async def talk():
        async with connect(gate, pki) as client:
            for message in ["hello", b"binary", "", "ü€😀" * 5000, os.urandom(200000)]:
                await client.send(message)
                assert await client.recv() == message
    run(talk())
    assert eventually(lambda: backend.closes) == [(1000, "")]


def test_request_reaches_the_backend_over_each_transport(crossgate, pki, backend_of_each_kind):
    backend, service = backend_of_each_kind
    gate = crossgate(front(pki, service))
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open("/ws/deep/er?x=1&y=%20z", ["Origin: https://shop.example", "Cookie: cbtid=abc; other=1",
                                             "User-Agent: test/1", "X-Custom: kept"])
    path, headers = eventually(lambda: backend.requests)[0]
    assert path == "/ws/deep/er?x=1&y=%20z"
    assert headers["Host"] == "localhost"
    assert headers["Origin"] == "https://shop.example"
    assert headers["Cookie"] == "cbtid=abc; other=1"
    assert headers["User-Agent"] == "test/1"
    assert headers["X-Custom"] == "kept"
    assert headers["Sec-WebSocket-Key"] != wire.KEY  # its own handshake
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Port"] == str(gate.port)
    assert headers["X-Forwarded-Host"] == "localhost"


def test_forwarded_headers_of_the_client_are_replaced(relayed, pki):
    gate, backend = relayed
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open(headers=["X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7", "X-Forwarded-Proto: gopher",
                           "X-Forwarded-Port: 1", "X-Forwarded-Host: evil.example", "Forwarded: for=6.6.6.6",
                           "X-Real-IP: 6.6.6.6", "Proxy: evil"])
    _, headers = eventually(lambda: backend.requests)[0]
    assert headers.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert headers.get_all("X-Forwarded-Proto") == ["https"]
    assert headers.get_all("X-Forwarded-Port") == [str(gate.port)]
    assert headers.get_all("X-Forwarded-Host") == ["localhost"]
    assert "6.6.6.6" not in str(headers.get_all("Forwarded")) + str(headers.get_all("X-Real-IP"))


def test_forwarded_port_is_the_one_of_the_range_that_was_free(crossgate, pki):
    taken, free = sorted((ports.take(), ports.take()))
    with Backend() as backend, socket.create_server(("127.0.0.1", taken)):
        transport = front(pki, reverseproxy(backend))
        transport["endpoint"] |= {"portrange": [taken, free], "port": free}
        gate = crossgate(transport)
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open()
        _, headers = eventually(lambda: backend.requests)[0]
        assert headers.get_all("X-Forwarded-Port") == [str(gate.port)]


def test_hop_by_hop_headers_do_not_pass(relayed, pki):
    gate, backend = relayed
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.send(f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, X-Hop\r\nUpgrade: websocket\r\nX-Hop: 1\r\n"
                  f"Keep-Alive: 300\r\nTE: trailers\r\nProxy-Authorization: x\r\n"
                  f"Sec-WebSocket-Extensions: permessage-deflate\r\n"
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.KEY}\r\n\r\n")
        assert wire.response().status == 101
    _, headers = eventually(lambda: backend.requests)[0]
    for name in ("X-Hop", "Keep-Alive", "TE", "Proxy-Authorization", "Sec-WebSocket-Extensions"):
        assert name not in headers, name


def test_path_of_the_backend_url_is_put_before_the_tail(crossgate, pki):
    with Backend() as backend:
        gate = crossgate(front(pki, reverseproxy(backend, path="/node")))
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open("/ws/more?x=1")
        assert eventually(lambda: backend.requests)[0][0] == "/node/more?x=1"


def test_subprotocol_and_cookies_of_the_backend_come_back(crossgate, pki):
    with Backend(subprotocols=["wamp.2.cbor", "wamp.2.json"],
                 extra_headers=[("Set-Cookie", "cbtid=1; Secure"), ("Set-Cookie", "second=2")]) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        with WebSocketWire(gate.port, pki.client()) as wire:
            answer = wire.upgrade(headers=["Sec-WebSocket-Protocol: wamp.2.msgpack, wamp.2.json",
                                           "Sec-WebSocket-Protocol: wamp.2.cbor"])
        assert answer.status == 101
        assert answer.get("Sec-WebSocket-Protocol") in ("wamp.2.json", "wamp.2.cbor")
        assert answer.all("Set-Cookie") == ["cbtid=1; Secure", "second=2"]
        headers = eventually(lambda: backend.requests)[0][1]
        assert ", ".join(headers.get_all("Sec-WebSocket-Protocol")) == "wamp.2.msgpack, wamp.2.json, wamp.2.cbor"


def test_no_subprotocol_is_chosen_if_the_backend_chooses_none(crossgate, pki):
    with Backend() as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        with WebSocketWire(gate.port, pki.client()) as wire:
            answer = wire.upgrade(headers=["Sec-WebSocket-Protocol: wamp.2.json"])
        assert answer.status == 101 and answer.get("Sec-WebSocket-Protocol") is None


def test_backend_option_serves_a_websocket_service_and_transport(crossgate, pki):
    with Backend() as backend:
        gate = crossgate(front(pki, {"type": "websocket"}),
                         {"type": "websocket", "endpoint": tcp(tls=pki.tls("ec"))},
                         words=["--backend", f"ws://127.0.0.1:{backend.port}/"])
        for port, path in zip(gate.ports(), ("/ws", "/any?x=1")):
            with WebSocketWire(port, pki.client()) as wire:
                wire.open(path).send(frame(TEXT, "hello"))
                assert wire.message() == (TEXT, b"hello")
        assert eventually(lambda: len(backend.requests) == 2 and backend.requests)[1][0] == "/any?x=1"


def test_backend_option_takes_a_unix_socket(crossgate, pki, directory):
    with Backend(unix=directory / "node.sock"):
        os.chmod(directory / "node.sock", 0o666)
        gate = crossgate(front(pki, {"type": "websocket"}), words=["--backend", f"ws+unix:{directory}/node.sock"])
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open().send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")


def test_proxy_worker_serves_a_reverse_proxy(crossgate, pki):
    with Backend() as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), kind="proxy")
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open().send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")


# Closing

@pytest.mark.parametrize("code, reason", [(1000, "bye"), (1001, ""), (3001, "grüße"), (4999, "x" * 123)])
def test_close_of_the_client_reaches_the_backend(relayed, pki, code, reason):
    gate, backend = relayed
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(close_frame(code, reason.encode()))
        assert wire.close_code() == 1000
    assert eventually(lambda: backend.closes) == [(code, reason)]


@pytest.mark.parametrize("code, reason", [(1000, "bye"), (1001, ""), (1011, "trouble"), (3001, "grüße"), (4999, "x" * 123)])
def test_close_of_the_backend_reaches_the_client(crossgate, pki, code, reason):
    async def close(session):
        await session.recv()
        await session.close(code, reason)

    with Backend(close) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open().send(frame(TEXT, "x"))
            assert wire.close_code() == code
            assert wire.reason.decode() == reason
            wire.send(close_frame(code))
            assert wire.rest() == b""
        assert eventually(lambda: backend.closes)[0][0] == 1000  # our answer


def test_close_without_a_code_stays_without(relayed, pki):
    gate, backend = relayed
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(close_frame())
        assert wire.close_code() in (None, 1000)
    assert eventually(lambda: backend.closes)[0][0] in (1005, 1000)


def test_client_that_vanishes_is_no_1000_for_the_backend(relayed, pki):
    gate, backend = relayed
    wire = WebSocketWire(gate.port, pki.client()).open()
    wire.send(frame(TEXT, "x"))
    wire.message()
    wire.cut()
    code, _ = eventually(lambda: backend.closes)[0]
    assert code not in (1000, 1005)


def test_protocol_error_of_the_client_reaches_the_backend_as_a_close(relayed, pki):
    gate, backend = relayed
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(frame(TEXT, "one"))
        assert wire.message() == (TEXT, b"one")
        wire.send(frame(TEXT, b"\xff"))
        assert wire.close_code() == 1007
    eventually(lambda: backend.closes)
    assert backend.closes[0][0] not in (1000, 1005)


def test_ping_of_the_client_is_answered_here(crossgate, pki):
    """The backend is never asked: it has stopped reading."""
    started = threading.Event()

    async def stuck(session):
        started.set()
        session.transport.pause_reading()
        await session.wait_closed()

    with Backend(stuck) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), limits={"close_timeout": 500})
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open()
            assert started.wait(60)
            wire.send(frame(9, "are you there"))
            assert wire.frame()[:2] == (10, b"are you there")


# Big messages, slow sides

@pytest.mark.parametrize("text", [False, True])
def test_message_of_64_mib_streams_with_bounded_memory(crossgate, pki, sanitized, text):
    digests = []

    async def swallow(session):
        async for message in session:
            digests.append(hashlib.sha256(message.encode() if isinstance(message, str) else message).hexdigest())
            await session.send(str(len(message)))

    with Backend(swallow) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), workers=1)
        worker, = gate.workers()
        before, peak = rss(worker), [0]
        payload = ("ü" * 2**25).encode() if text else os.urandom(2**26)
        with WebSocketWire(gate.port, pki.client(), timeout=60) as wire:
            wire.open()
            data = frame(TEXT if text else BINARY, payload)
            for i in range(0, len(data), 2**20):
                wire.send(data[i:i + 2**20])
                peak[0] = max(peak[0], rss(worker))
            assert wire.message() == (TEXT, str(2**25 if text else 2**26).encode())
        assert digests == [hashlib.sha256(payload).hexdigest()]
        if not sanitized:
            assert peak[0] - before < 8 * 2**20, f"{(peak[0] - before) / 2**20:.1f} MiB"


def test_message_of_64_mib_streams_from_the_backend(crossgate, pki, sanitized):
    payload = os.urandom(2**26)

    async def give(session):
        await session.recv()
        await session.send(payload)
        await session.wait_closed()

    with Backend(give) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), workers=1)
        worker, = gate.workers()
        before = rss(worker)
        with WebSocketWire(gate.port, pki.client(), receive_buffer=65536, timeout=60) as wire:
            wire.open().send(frame(TEXT, "give"))
            got, fin, peak = hashlib.sha256(), False, 0
            while not fin:
                _, piece, fin = wire.frame()
                got.update(piece)
                peak = max(peak, rss(worker))
        assert got.digest() == hashlib.sha256(payload).digest()
        if not sanitized:
            assert peak - before < 8 * 2**20


def test_backend_that_does_not_read_stops_the_client(crossgate, pki, sanitized):
    """Back-pressure: bytes that the backend does not take stay with the client, not in the worker."""
    async def stuck(session):
        session.transport.pause_reading()
        await session.wait_closed()

    with Backend(stuck) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), workers=1, limits={"close_timeout": 500})
        worker, = gate.workers()
        before = rss(worker)
        with WebSocketWire(gate.port, pki.client(), timeout=2) as wire:
            wire.open()
            block, sent = frame(BINARY, bytes(65536)), 0
            with pytest.raises(OSError):
                while sent < 256 * 2**20:
                    wire.send(block)
                    sent += len(block)
            assert sent < 64 * 2**20
            if not sanitized:
                assert rss(worker) - before < 8 * 2**20


def test_client_that_does_not_read_stops_the_backend(crossgate, pki, sanitized):
    sent = [0]

    async def pour(session):
        await session.recv()
        while True:
            await session.send(bytes(65536))
            sent[0] += 65536

    with Backend(pour) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), workers=1, limits={"close_timeout": 500})
        worker, = gate.workers()
        before = rss(worker)
        with WebSocketWire(gate.port, pki.client(), receive_buffer=65536) as wire:
            wire.open().send(frame(TEXT, "go"))
            stable = [0, -1]

            def has_stopped():
                stable[0] = stable[0] + 1 if sent[0] == stable[1] and sent[0] else 0
                stable[1] = sent[0]
                assert sent[0] < 64 * 2**20
                return stable[0] > 5
            eventually(has_stopped, pause=0.1)
            if not sanitized:
                assert rss(worker) - before < 8 * 2**20


# Backends in trouble

def refused(gate, pki, status, path="/ws"):
    with WebSocketWire(gate.port, pki.client()) as wire:
        answer = wire.upgrade(path)
        assert answer.status in status, answer.head
        return answer


def test_backend_down_is_503(crossgate, pki):
    service = reverseproxy(None, endpoint={"type": "tcp", "host": "127.0.0.1", "port": ports.take()})
    gate = crossgate(front(pki, service))
    refused(gate, pki, {503})
    gate.wait_log("backend refused the connection")


def test_backend_without_its_unix_socket_is_503(crossgate, pki):
    gate = crossgate(front(pki, reverseproxy(None, endpoint={"type": "unix", "path": "nobody.sock"})))
    refused(gate, pki, {503})
    gate.wait_log("backend refused the connection: .*: No such file or directory")


def test_backend_name_unknown_is_502(crossgate, pki):
    service = reverseproxy(None, endpoint={"type": "tcp", "host": "nobody.invalid", "port": 80, "timeout": 5})
    gate = crossgate(front(pki, service))
    refused(gate, pki, {502, 504})


def test_backend_that_comes_up_later_is_used(crossgate, pki):
    backend = Backend()
    gate = crossgate(front(pki, reverseproxy(backend)))
    refused(gate, pki, {503})
    with backend:
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open().send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")


def test_silent_backend_is_504(crossgate, pki):
    with RawBackend(lambda backend, peer: backend.wait_end(peer)) as backend:
        gate = crossgate(front(pki, reverseproxy(backend, timeout=1)))
        refused(gate, pki, {504})
        gate.wait_log("backend did not answer in time")


def test_backend_that_hangs_up_is_502(crossgate, pki):
    with RawBackend(lambda backend, peer: backend.read_head(peer)) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        refused(gate, pki, {502})


@pytest.mark.parametrize("name, said", [
    ("not HTTP", b"SSH-2.0-OpenSSH\r\n\r\n"),
    ("noise", bytes(range(256)) * 100),
    ("wrong accept", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
    ("no accept", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ("endless head", b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 50000),
], ids=lambda value: value if isinstance(value, str) else "")
def test_backend_that_talks_nonsense_is_502(crossgate, pki, name, said):
    def talk(backend, peer):
        backend.read_head(peer)
        peer.sendall(said)
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        refused(gate, pki, {502})


def accept_of(head):
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def say_101(backend, peer, *more):
    head = backend.read_head(peer)
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 b"Sec-WebSocket-Accept: " + accept_of(head) + b"\r\n" + b"".join(more) + b"\r\n")


@pytest.mark.parametrize("header", [b"Sec-WebSocket-Protocol: never.offered\r\n",
                                    b"Sec-WebSocket-Extensions: permessage-deflate\r\n"])
def test_backend_that_chooses_what_was_not_offered_is_502(crossgate, pki, header):
    def talk(backend, peer):
        say_101(backend, peer, header)
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        with WebSocketWire(gate.port, pki.client()) as wire:
            assert wire.upgrade(headers=["Sec-WebSocket-Protocol: wamp.2.json"]).status == 502


def test_frames_with_the_101_of_the_backend_are_not_lost(crossgate, pki):
    def talk(backend, peer):
        head = backend.read_head(peer)
        peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     b"Sec-WebSocket-Accept: " + accept_of(head) + b"\r\n\r\n" + frame(TEXT, "welcome", mask=False))
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)), limits={"close_timeout": 500})
        with WebSocketWire(gate.port, pki.client()) as wire:
            assert wire.open().message() == (TEXT, b"welcome")


@pytest.mark.parametrize("status", [401, 403, 404, 429])
def test_refusal_of_the_backend_reaches_the_client(crossgate, pki, status):
    async def refuse(*_):
        return HTTPStatus(status), [("X-Why", "because"), ("WWW-Authenticate", "Basic")], b"go away\n"

    with Backend(process_request=refuse) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        refused(gate, pki, {status})


@pytest.mark.parametrize("said", [frame(TEXT, "x"), frame(3, "x", mask=False), frame(TEXT, b"\xff", mask=False),
                                  frame(9, bytes(126), mask=False)], ids=["masked", "opcode", "UTF-8", "ping"])
def test_backend_that_breaks_the_protocol_ends_the_session(crossgate, pki, said):
    def talk(backend, peer):
        say_101(backend, peer)
        peer.sendall(said)
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        with WebSocketWire(gate.port, pki.client()) as wire:
            assert wire.open().close_code() in (1011, 1012)


def test_backend_that_dies_is_1012_to_the_client(relayed, pki):
    gate, backend = relayed
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(frame(TEXT, "x"))
        wire.message()
        backend.kill_sessions()
        assert wire.close_code() == 1012
        wire.send(close_frame(1012))
        assert wire.rest() == b""


def test_backend_that_dies_within_a_message_is_1012_to_the_client(crossgate, pki):
    def talk(backend, peer):
        say_101(backend, peer)
        peer.sendall(frame(BINARY, bytes(100), mask=False, length=70000))

    with RawBackend(talk) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        with WebSocketWire(gate.port, pki.client()) as wire:
            assert wire.open().close_code() == 1012


def test_client_that_leaves_while_the_backend_is_dialled_leaves_nothing(crossgate, pki):
    gone = threading.Event()

    def talk(backend, peer):
        backend.read_head(peer)
        try:
            backend.wait_end(peer)
        finally:
            gone.set()

    with RawBackend(talk) as backend:
        gate = crossgate(front(pki, reverseproxy(backend)))
        wire = WebSocketWire(gate.port, pki.client())
        wire.send(f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.KEY}\r\n\r\n")
        eventually(lambda: backend.heads)
        wire.cut()
        assert gone.wait(60)


@pytest.mark.parametrize("trust, hostname", [("devices.pem", "localhost"), ("root.pem", "other.example")])
def test_backend_certificate_that_cannot_be_verified_is_502(crossgate, pki, trust, hostname):
    with Backend(tls=pki.server()) as backend:
        service = reverseproxy(backend, "wss", tls={"hostname": hostname, "ca_certificates": [pki[trust]]})
        gate = crossgate(front(pki, service))
        refused(gate, pki, {502})
        gate.wait_log("TLS with the backend failed")


def test_backend_asks_for_a_client_certificate_and_gets_it(crossgate, pki):
    context = pki.server("ec")
    context.verify_mode = 2  # ssl.CERT_REQUIRED
    context.load_verify_locations(pki["devices.pem"])
    with Backend(tls=context) as backend:
        service = reverseproxy(backend, "wss", tls={"hostname": "localhost", "ca_certificates": [pki["root.pem"]],
                                                    "certificate": pki["device.pem"], "key": pki["device.key"]})
        gate = crossgate(front(pki, service))
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open().send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")


def test_200_sessions_relay_at_once(relayed, pki):
    gate, backend = relayed

    async def talk(i):
        async with connect(gate, pki) as client:
            for n in range(5):
                await client.send(f"{i} {n}" * 100)
                assert await client.recv() == f"{i} {n}" * 100

    async def all_of_them():
        for _ in range(4):
            await asyncio.gather(*(talk(i) for i in range(50)))
    run(all_of_them())
    eventually(lambda: backend.open == 0)
    assert backend.closes == [(1000, "")] * 200
