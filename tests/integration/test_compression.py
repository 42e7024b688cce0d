"""permessage-deflate (RFC 7692) with real clients and nodes, in front, behind, and on both sides of a relay."""
import json
import os
import threading
import zlib

import pytest
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateResponse, \
    PerMessageDeflateResponseAccept

from support.backend import Backend, RawBackend, reverseproxy
from support.clients import autobahn, connect, run
from support.gate import ECHO, rss, web
from support.wait import eventually, throughout
from support.wire import BINARY, CLOSE, CONTINUATION, TEXT, WebSocketWire, close_frame, frame
from test_proxy_worker import connection, proxy
from wamp_router import Router

MIB = 1024 * 1024
RSV1 = 4
FIELD = "Sec-WebSocket-Extensions"
ALONE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
NO_TAKEOVER = {"deflate": {"no_context_takeover": True, "request_no_context_takeover": True}}
MESSAGES = ["", "hello", "{\"key\": [1, 2, 3]}" * 500, b"", b"\x00" * 70000, os.urandom(70000), "grüße" * 20000]


def options(compression, **more):
    return {"compression": compression, **more}


def deflated(data, level=6):
    """A message compressed on its own."""
    deflater = zlib.compressobj(level, wbits=-15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(data):
    return zlib.decompressobj(wbits=-15).decompress(data + b"\x00\x00\xff\xff")


def bomb(size):
    """A message of that many zeros, made without them."""
    deflater = zlib.compressobj(9, wbits=-15)
    parts = [deflater.compress(bytes(MIB)) for _ in range(size // MIB)]
    return b"".join(parts + [deflater.flush(zlib.Z_SYNC_FLUSH)])[:-4]


@pytest.fixture
def echo(crossgate, pki):
    def start(compression, **more):
        return crossgate(web({"ws": {**ECHO, "options": options(compression, **more)}}, tls=pki.tls("ec")), workers=1)
    return start


@pytest.fixture
def relay(crossgate, pki):
    """relay(backend, compression in front, and behind, more options of both) -> a gate whose /ws leads to that backend."""
    def start(backend, front=None, back=None, **more):
        service = reverseproxy(backend, options=options(front, **more) if front else None,
                               backend_options=options(back, **more) if back else None)
        return crossgate(web({"ws": service}, tls=pki.tls("ec")), workers=1)
    return start


def opened(gate, pki, offer="permessage-deflate; client_max_window_bits", **more):
    wire = WebSocketWire(gate.port, pki.client(), **more)
    answer = wire.upgrade(headers=[f"{FIELD}: {offer}"] if offer else [])
    assert answer.status == 101, answer.head
    wire.extensions = answer.get(FIELD)
    return wire


def message(wire):
    """(opcode, RSV1, payload as it came) of the next message."""
    first = part = wire.raw_frame()
    payload = part.payload
    while not part.fin:
        part = wire.raw_frame()
        assert (part.opcode, part.rsv) == (CONTINUATION, 0)
        payload += part.payload
    return first.opcode, first.rsv == RSV1, payload


# Clients

@pytest.mark.parametrize("compression", [
    {"deflate": {}},
    NO_TAKEOVER,
    {"deflate": {"max_window_bits": 9, "request_max_window_bits": 9, "memory_level": 1}},
    # As Crossbar's documentation recommends it for production.
    {"deflate": {"request_no_context_takeover": False, "request_max_window_bits": 11, "no_context_takeover": False,
                 "max_window_bits": 11, "memory_level": 4}},
], ids=["defaults", "no takeover", "small", "production"])
def test_python_websockets_compresses_by_default(echo, pki, compression):
    gate = echo(compression)

    async def talk():
        async with connect(gate, pki, compression="deflate") as client:
            assert "permessage-deflate" in client.response_headers[FIELD]
            for payload in MESSAGES * 2:
                await client.send(payload)
                assert await client.recv() == payload
            await client.send(["in ", "several ", "pieces" * 1000])
            assert await client.recv() == "in several " + "pieces" * 1000
    run(talk())


@pytest.mark.parametrize("offer", [
    PerMessageDeflateOffer(),
    PerMessageDeflateOffer(accept_no_context_takeover=True, accept_max_window_bits=True,
                           request_no_context_takeover=True, request_max_window_bits=9),
    PerMessageDeflateOffer(accept_no_context_takeover=False, accept_max_window_bits=False,
                           request_no_context_takeover=False, request_max_window_bits=12),
], ids=["plain", "all", "window"])
@pytest.mark.parametrize("compression", [
    {},
    {"request_no_context_takeover": True, "no_context_takeover": True, "max_window_bits": 10},
    {"request_no_context_takeover": True, "request_max_window_bits": 11, "no_context_takeover": True,
     "max_window_bits": 11, "memory_level": 4},
], ids=["defaults", "three", "all"])
def test_autobahn_agrees_on_all_four_parameters(echo, pki, offer, compression):
    gate = echo({"deflate": compression})
    in_use = []

    def accept(response):
        if isinstance(response, PerMessageDeflateResponse):
            return PerMessageDeflateResponseAccept(response)

    async def talk(client):
        in_use.extend(client.protocol.websocket_extensions_in_use)
        for payload in MESSAGES * 2:
            data = payload.encode() if isinstance(payload, str) else payload
            client.send(data, isinstance(payload, bytes))
            assert await client.get() == (data, isinstance(payload, bytes))
        client.send(b"fragments" * 1000, fragment=100)
        assert await client.get() == (b"fragments" * 1000, True)

    autobahn(gate, pki, talk, options={"perMessageCompressionOffers": [offer], "perMessageCompressionAccept": accept})
    # Who does not say to accept a window is served without compression if one must be asked for.
    declined = compression.get("request_max_window_bits") and not offer.accept_max_window_bits
    assert len(in_use) == (0 if declined else 1)
    if in_use:
        agreed = in_use[0]
        most = min(compression.get("max_window_bits", 15), offer.request_max_window_bits or 15)
        assert agreed.server_max_window_bits == most
        assert agreed.server_no_context_takeover == bool(
            compression.get("no_context_takeover") or offer.request_no_context_takeover)
        assert agreed.client_no_context_takeover == bool(compression.get("request_no_context_takeover"))
        assert agreed.client_max_window_bits == (compression.get("request_max_window_bits") or 15)


# The opening handshake

@pytest.mark.parametrize("compression", [None, {}], ids=["absent", "empty"])
def test_it_is_off_unless_configured(crossgate, pki, compression):
    service = {**ECHO, "options": {} if compression is None else options(compression)}
    gate = crossgate(web({"ws": service}, tls=pki.tls("ec")), workers=1)
    with opened(gate, pki) as wire:
        assert wire.extensions is None
        wire.send(frame(TEXT, "plain")).send(frame(TEXT, deflated(b"x"), rsv=RSV1))
        assert wire.message() == (TEXT, b"plain")
        assert wire.close_code() == 1002


@pytest.mark.parametrize("offer, answer", [
    (None, None),
    ("x-webkit-deflate-frame, permessage-bzip2", None),
    ("permessage-deflate", "permessage-deflate"),
    ("permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
    ("permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=\"10\"",
     "permessage-deflate; server_max_window_bits=10"),
    ("permessage-deflate; unknown", None),
])
def test_answers_to_offers(echo, pki, offer, answer):
    gate = echo({"deflate": {}})
    with opened(gate, pki, offer) as wire:
        assert wire.extensions == answer
        wire.send(frame(TEXT, "hello" * 100))
        opcode, packed, payload = message(wire)
        assert (opcode, packed) == (TEXT, answer is not None)
        assert (inflated(payload) if packed else payload) == b"hello" * 100


def test_a_list_that_is_broken_is_refused(echo, pki):
    gate = echo({"deflate": {}})
    with WebSocketWire(gate.port, pki.client()) as wire:
        assert wire.upgrade(headers=[f"{FIELD}: permessage-deflate; ="]).status == 400
    gate.wait_log(f"WebSocket handshake not valid.*{FIELD}")


# What comes compressed

def test_what_cannot_be_inflated_gets_1007(echo, pki):
    gate = echo({"deflate": {}})
    with opened(gate, pki) as wire:
        wire.send(frame(TEXT, b"\xff\xff\xff", rsv=RSV1))
        assert wire.close_code() == 1007
    gate.wait_log("compressed message could not be inflated")


def test_text_is_judged_inflated(echo, pki):
    gate = echo({"deflate": {}})
    with opened(gate, pki) as wire:
        wire.send(frame(TEXT, deflated(b"\xc3("), rsv=RSV1))
        assert wire.close_code() == 1007
    gate.wait_log("not valid UTF-8")


@pytest.mark.parametrize("compression", [{"deflate": {}}, NO_TAKEOVER], ids=["inflated", "passed on"])
def test_a_bomb_over_max_message_size_gets_1009(echo, pki, sanitized, compression):
    gate = echo(compression, max_message_size=MIB)
    worker, = gate.workers()
    data = bomb(1024 * MIB)
    assert len(data) < 2 * MIB
    with opened(gate, pki) as wire:
        wire.send(frame(BINARY, deflated(bytes(MIB)), rsv=RSV1))
        assert message(wire)[0] == BINARY
        before = rss(worker)
        wire.send(frame(BINARY, data[:300000], rsv=RSV1, fin=False))
        while (last := wire.raw_frame()).opcode != CLOSE:
            pass
        assert last.payload[:2] == (1009).to_bytes(2, "big")
        if not sanitized:
            assert rss(worker) - before < 4 * MIB
    gate.wait_log("frame or message over the limit")


def test_a_bomb_for_a_node_that_does_not_read_waits_compressed(relay, pki, sanitized):
    """Nobody limits it: what has been inflated, and has not been taken, is bounded all the same."""
    reads, heard = threading.Event(), []

    def talk(backend, peer):
        backend.open(peer)
        reads.wait(60)
        wire, count = WebSocketWire.over(peer), 0
        while not (part := wire.raw_frame()).fin:
            count += len(part.payload)
        heard.append(count + len(part.payload))
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = relay(backend, front={"deflate": {}})
        worker, = gate.workers()
        with opened(gate, pki) as wire:
            before = rss(worker)
            wire.send(frame(BINARY, bomb(64 * MIB), rsv=RSV1))
            if not sanitized:
                throughout(lambda: rss(worker) < before + 8 * MIB, 0.5)
            reads.set()
            eventually(lambda: heard == [64 * MIB], why="the message behind")


# Memory

@pytest.mark.parametrize("compression, most", [(NO_TAKEOVER, 2048), (None, 2048)], ids=["no takeover", "none"])
def test_idle_sessions_give_their_contexts_back(crossgate, pki, sanitized, compression, most):
    if sanitized:
        pytest.skip("memory of a program with sanitizers is no measure")
    gate = crossgate(web({"ws": {**ECHO, "options": options(compression) if compression else {}}}), workers=1)
    worker, = gate.workers()
    text = json.dumps({"key": list(range(100))}).encode()
    data = frame(TEXT, deflated(text), rsv=RSV1) if compression else frame(TEXT, text)

    def start():
        wire = WebSocketWire(gate.port)
        assert wire.upgrade(headers=[f"{FIELD}: {ALONE}"]).status == 101
        wire.send(data)
        assert message(wire)[1] == bool(compression)
        return wire

    wires = [start() for _ in range(50)]
    before = rss(worker)
    wires += [start() for _ in range(400)]
    per_session = (rss(worker) - before) / 400
    for wire in wires:
        wire.close()
    assert per_session < most


# Relays

@pytest.mark.parametrize("front", [None, {"deflate": {}}, NO_TAKEOVER], ids=["plain", "packed", "alone"])
@pytest.mark.parametrize("back", [None, {"deflate": {}}, NO_TAKEOVER], ids=["plain", "packed", "alone"])
def test_relays_in_all_combinations(relay, pki, front, back):
    with Backend() as backend:
        gate = relay(backend, front, back)

        async def talk():
            async with connect(gate, pki, compression="deflate") as client:
                assert (FIELD in client.response_headers) == (front is not None)
                for payload in MESSAGES * 2:
                    await client.send(payload)
                    assert await client.recv() == payload
        run(talk())
        assert (FIELD in backend.requests[0][1]) == (back is not None)


def test_a_backend_over_tls(crossgate, pki):
    with Backend(tls=pki.server()) as backend:
        client_tls = {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}
        gate = crossgate(web({"ws": reverseproxy(backend, "wss", options=options(NO_TAKEOVER), tls=client_tls,
                                                 backend_options=options(NO_TAKEOVER))}, tls=pki.tls("ec")))

        async def talk():
            async with connect(gate, pki, compression="deflate") as client:
                for payload in MESSAGES:
                    await client.send(payload)
                    assert await client.recv() == payload
        run(talk())


def test_the_offer_to_the_backend_is_ours(relay, pki):
    back = {"deflate": {"request_no_context_takeover": True, "request_max_window_bits": 12, "no_context_takeover": True,
                        "max_window_bits": 11}}
    with Backend() as backend:
        gate = relay(backend, None, back)
        with opened(gate, pki, "x-visitor") as wire:
            wire.send(frame(TEXT, "hello" * 100))
            assert wire.message() == (TEXT, b"hello" * 100)
        _, headers = backend.requests[0]
        assert headers.get_all(FIELD) == [
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; client_no_context_takeover; "
            "client_max_window_bits=11"]


@pytest.mark.parametrize("answer", [
    ["x-unknown"], ["permessage-deflate; ="], ["permessage-deflate, permessage-deflate"],
    ["permessage-deflate; client_max_window_bits=8"],
])
@pytest.mark.parametrize("back", [{"deflate": {}}, None], ids=["offered", "nothing offered"])
def test_a_backend_that_answers_something_else_is_refused(relay, pki, answer, back):
    def talk(backend, peer):
        backend.open(peer, [f"{FIELD}: {value}" for value in answer])
        backend.wait_end(peer)

    with RawBackend(talk) as backend:
        gate = relay(backend, None, back)
        with WebSocketWire(gate.port, pki.client()) as wire:
            assert wire.upgrade().status == 502
        gate.wait_log("backend answer not understood")


class Packing(RawBackend):
    """A node that has agreed on compression of each message on its own, sends back each frame as it came, and notes it."""

    def __init__(self, answer=ALONE, headers=()):
        super().__init__(self._echo)
        self.frames = []
        self._answer = [f"{FIELD}: {answer}", *headers]

    @staticmethod
    def _echo(backend, peer):
        backend.open(peer, backend._answer)
        wire = WebSocketWire.over(peer)
        while (part := wire.raw_frame()).opcode != CLOSE:
            backend.frames.append(part)
            peer.sendall(frame(part.opcode, part.payload, fin=part.fin, mask=False, rsv=part.rsv))
        peer.sendall(close_frame(1000, mask=False))
        backend.wait_end(peer)


# In two blocks, the second one final and stored: nobody compresses like that on his own.
ODD = b"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x01\x06\x00\xf9\xff world\x00"


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("limits", [{}, {"max_message_size": 100000}, {"validate_utf8": False}],
                         ids=["usual", "limited", "unread"])
def test_what_both_sides_understand_is_passed_on_byte_by_byte(relay, pki, opcode, limits):
    large = deflated(os.urandom(50000), 1)
    with Packing() as node:
        gate = relay(node, NO_TAKEOVER, NO_TAKEOVER, **limits)
        with opened(gate, pki, ALONE) as wire:
            assert wire.extensions == ALONE
            is_read = opcode == TEXT and limits.get("validate_utf8", True)
            payloads = [ODD] if is_read else [ODD, large]
            for payload in payloads:
                wire.send(frame(opcode, payload, rsv=RSV1))
                assert message(wire) == (opcode, True, payload)
            wire.send(frame(opcode, ODD[:5], rsv=RSV1, fin=False)).send(frame(CONTINUATION, ODD[5:]))
            assert message(wire) == (opcode, True, ODD)
            wire.send(frame(opcode, "plain and short"))
            assert message(wire) == (opcode, False, b"plain and short")
            wire.send(close_frame(1000))
            wire.close_code()
        assert b"".join(part.payload for part in node.frames if part.rsv or part.opcode == CONTINUATION) == \
            b"".join(payloads) + ODD
        assert all(part.masked for part in node.frames)


def test_what_the_other_side_would_not_understand_is_compressed_anew(relay, pki):
    with Packing(f"{ALONE}; client_max_window_bits=10") as node:
        gate = relay(node, NO_TAKEOVER, NO_TAKEOVER)
        with opened(gate, pki, ALONE) as wire:
            wire.send(frame(BINARY, deflated(b"hello" * 5000, 0), rsv=RSV1))
            opcode, packed, payload = message(wire)
            assert (opcode, packed, inflated(payload)) == (BINARY, True, b"hello" * 5000)
            assert len(b"".join(part.payload for part in node.frames)) < 1000


def test_a_fault_in_a_message_that_is_being_passed_on_is_told_to_both(relay, pki):
    with Backend() as backend:
        gate = relay(backend, NO_TAKEOVER, NO_TAKEOVER)
        with opened(gate, pki, ALONE) as wire:
            wire.send(frame(TEXT, ODD[:5], rsv=RSV1, fin=False)).send(frame(CONTINUATION, b"\xff" * 50))
            assert wire.close_code() == 1007
        eventually(lambda: backend.closes, why="the node hears of the end")
        assert backend.closes[0][0] == 1001


# WAMP

HELLO = json.dumps([1, "realm1", {"roles": {"caller": {}}, "padding": "x" * 100}]).encode()


def test_a_hello_is_read_before_messages_are_passed_on_as_they_are(crossgate, pki):
    with Packing(headers=["Sec-WebSocket-Protocol: wamp.2.json"]) as node:
        gate = crossgate(config=proxy(pki, {"a": connection(node, "websocket", options=options(NO_TAKEOVER))},
                                      {"realm1": {"user": "a"}}, options=options(NO_TAKEOVER)), workers=1)
        with WebSocketWire(gate.port, pki.client()) as wire:
            answer = wire.upgrade(headers=[f"{FIELD}: {ALONE}", "Sec-WebSocket-Protocol: wamp.2.json"])
            assert answer.get(FIELD) == ALONE
            # Both at once: the second one must wait for the backend.
            wire.send(frame(TEXT, deflated(HELLO, 0), rsv=RSV1) + frame(TEXT, ODD, rsv=RSV1))
            opcode, packed, payload = message(wire)
            assert (opcode, packed, inflated(payload)) == (TEXT, True, HELLO)
            assert message(wire) == (TEXT, True, ODD)
        assert [part.rsv for part in node.frames] == [RSV1, RSV1]
        assert node.frames[0].payload != deflated(HELLO, 0)
        assert node.frames[1].payload == ODD


def test_rawsocket_nodes_get_what_was_compressed(crossgate, pki):
    with Router(rawsocket=True) as router:
        service = {"type": "websocket-reverseproxy", "options": options(NO_TAKEOVER),
                   "backend": {"type": "rawsocket", "endpoint": router.endpoint}}
        gate = crossgate(web({"ws": service}, tls=pki.tls("ec")))

        async def talk():
            async with connect(gate, pki, compression="deflate", subprotocols=["wamp.2.json"]) as client:
                assert FIELD in client.response_headers
                await client.send(HELLO.decode())
                assert json.loads(await client.recv())[0] == 2  # WELCOME
        run(talk())
        assert list(router.realms) == ["realm1"]
