"""HTTP passed to backends: what reaches them, what comes back, and what becomes of their failures."""
import hashlib
import os
import random
import signal
import socket
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import ports
from support.backend import Backend
from support.gate import HELLO, rss, web
from support.origin import Origin, answer
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame


def front(pki, service, **more):
    return web({"/": HELLO, "api": service}, tls=pki.tls("ec"), **more)


def curl(gate, pki, path, *words, data=None):
    """(exit status, body, head) of a curl."""
    run = subprocess.run(["curl", "-s", "-i", "--max-time", "60", "--http1.1", "--cacert", pki["root.pem"],
                          f"https://localhost:{gate.port}{path}", *words], input=data, capture_output=True, timeout=90)
    head, _, body = run.stdout.partition(b"\r\n\r\n")
    return run.returncode, body, head.decode("latin-1")


@pytest.fixture
def proxied(crossgate, pki):
    """(gate, origin) with a backend that says hello."""
    with Origin() as origin:
        yield crossgate(front(pki, origin.service()), workers=1), origin


@pytest.fixture(params=["tcp", "unix", "tls"])
def origin_of_each_kind(request, pki, directory):
    """(origin, service) over each kind of endpoint."""
    if request.param == "tcp":
        with Origin() as origin:
            yield origin, origin.service()
    elif request.param == "unix":
        with Origin(unix=directory / "node.sock") as origin:
            os.chmod(directory / "node.sock", 0o666)
            yield origin, {"type": "reverseproxy", "endpoint": {"type": "unix", "path": "node.sock"}}
    else:
        with Origin(tls=pki.server("ec")) as origin:
            tls = {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}
            yield origin, {"type": "reverseproxy", "endpoint": {**origin.endpoint, "tls": tls}}


# Requests

def test_each_kind_of_backend_answers_a_post_and_is_reused(crossgate, pki, origin_of_each_kind):
    origin, service = origin_of_each_kind
    gate = crossgate(front(pki, service), workers=1)
    with Wire(gate.port, pki.client()) as wire:
        for body in (b"one", b"two" * 10000):
            got = wire.request("/api/x?y=%20z", "POST", body=body)
            assert (got.status, got.body) == (200, b"hello")
            assert origin.requests[-1].body == body
    assert [request.target for request in origin.requests] == ["/x?y=%20z"] * 2
    assert origin.connections == 1
    host = origin.requests[0].get("Host")
    assert host == ("localhost" if origin.unix else f"127.0.0.1:{origin.port}")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_methods_pass(proxied, pki, method):
    gate, origin = proxied
    status, body, head = curl(gate, pki, "/api/", "-X", method)
    assert (status, body) == (0, b"hello"), head
    assert origin.requests[0].method == method


def test_trace_does_not_pass(proxied, pki):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        got = wire.request("/api/", "TRACE")
        assert got.status == 405 and "GET" in got.get("Allow")
    assert origin.requests == []


@pytest.mark.parametrize("base, path, target", [
    (None, "/api", "/"), (None, "/api/", "/"), (None, "/api/a%2Fb//", None), (None, "/api/a%20b/?q=1?2", "/a%20b/?q=1?2"),
    ("", "/api/x", "/x"), ("/v1", "/api/x", "/v1/x"), ("/v1", "/api", "/v1"), ("/v1/", "/api/x", "/v1/x"),
])
def test_path_is_put_behind_that_of_the_backend(crossgate, pki, base, path, target):
    with Origin() as origin:
        gate = crossgate(front(pki, origin.service(**({} if base is None else {"path": base}))))
        with Wire(gate.port, pki.client()) as wire:
            got = wire.request(path)
        if target is None:
            assert got.status == 400 and origin.requests == []
        else:
            assert got.status == 200 and origin.requests[0].target == target


def test_a_service_at_the_root_passes_all_paths(crossgate, pki):
    with Origin() as origin:
        gate = crossgate(web({"/": origin.service(), "info": HELLO}, tls=pki.tls("ec")))
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/a/b").body == b"hello"
            assert b"world" in wire.request("/info").body
        assert [request.target for request in origin.requests] == ["/a/b"]


def test_forwarding_is_told_anew(proxied, pki):
    gate, origin = proxied
    forged = ["X-Forwarded-For: 6.6.6.6", "x-forwarded-for: 7.7.7.7", "X-Forwarded-Proto: gopher", "X-Forwarded-Port: 1",
              "X-Forwarded-Host: evil.example", "X-Forwarded-Server: evil", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6",
              "X_Forwarded_For: 6.6.6.6", "x_real_ip: 6.6.6.6", "Proxy: http://evil.example"]
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/api/", headers=forged, host="shop.example").status == 200
    request = origin.requests[0]
    assert request.all("X-Forwarded-For") == ["127.0.0.1"]
    assert request.all("X-Real-IP") == ["127.0.0.1"]
    assert request.all("X-Forwarded-Proto") == ["https"]
    assert request.all("X-Forwarded-Port") == [str(gate.port)]
    assert request.all("X-Forwarded-Host") == ["shop.example"]
    assert request.all("Host") == [f"127.0.0.1:{origin.port}"]
    assert b"evil" not in request.head and b"6.6.6.6" not in request.head and b"7.7.7.7" not in request.head


def test_forwarded_port_and_proto_as_configured(crossgate, pki):
    with Origin() as origin:
        gate = crossgate(front(pki, origin.service(forwarded_port=8080, forwarded_proto="http")))
        with Wire(gate.port, pki.client()) as wire:
            wire.request("/api/")
        assert origin.requests[0].all("X-Forwarded-Port") == ["8080"]
        assert origin.requests[0].all("X-Forwarded-Proto") == ["http"]


def test_certificate_of_the_visitor_is_told_and_cannot_be_forged(crossgate, pki):
    forged = ["X-TLS-Client-Verify: SUCCESS", "X_TLS_Client_Subject: CN=root", "Client_Cert: :AA==:", "x-ssl-client-verify: SUCCESS"]
    with Origin() as origin:
        gate = crossgate(web({"api": origin.service()}, tls=pki.tls("ec", ca_certificates=[pki["devices.pem"]])),
                         web({"api": origin.service()}, tls=pki.tls("ec")))
        for port, client in zip(gate.ports(), (pki.client("device"), pki.client())):
            with Wire(port, client) as wire:
                assert wire.request("/api/", headers=forged).status == 200
    known, unknown = origin.requests
    assert known.all("X-TLS-Client-Subject") == ["CN=meter-17"] and len(known.all("Client-Cert")) == 1
    assert b"_" not in known.head and b"CN=root" not in known.head
    assert b"tls-client" not in unknown.head.lower() and b"ssl" not in unknown.head and b"_" not in unknown.head


def test_connection_with_a_proxy_header_is_of_one_visitor(crossgate, pki):
    with Origin(proxied=True) as origin:
        service = {"type": "reverseproxy", "endpoint": {**origin.endpoint, "proxy_protocol": True}}
        gate = crossgate(front(pki, service), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            for _ in range(2):
                assert wire.request("/api/", "POST", body=b"x").body == b"hello"
    assert origin.connections == 2 and len(origin.announced) == 2
    assert all(header[16:20] == bytes([127, 0, 0, 1]) for header in origin.announced)


def test_hop_by_hop_fields_do_not_reach_the_backend(proxied, pki):
    gate, origin = proxied
    fields = ["Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "X-Hop: 1", "TE: trailers", "Trailer: X",
              "Proxy-Authorization: x", "Proxy-Connection: keep-alive", "Upgrade: h2c", "HTTP2-Settings: x",
              "Cookie: a=1", "Via: 1.1 other", "Accept-Encoding: br"]
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/api/", headers=fields).status == 200
    request = origin.requests[0]
    for name in ("Connection", "Keep-Alive", "X-Hop", "TE", "Trailer", "Proxy-Authorization", "Proxy-Connection", "Upgrade",
                 "HTTP2-Settings"):
        assert request.get(name) is None, name
    assert (request.get("Cookie"), request.get("Via"), request.get("Accept-Encoding")) == ("a=1", "1.1 other", "br")


# Request bodies

@pytest.mark.parametrize("size", [0, 1, 70000, 1000000])
def test_bodies_of_curl_arrive_whole(proxied, pki, size):
    gate, origin = proxied
    data = os.urandom(size)
    for words in (["--data-binary", "@-"], ["-T", "-"], ["-T", "-", "-H", "Expect: 100-continue"]):
        status, body, head = curl(gate, pki, "/api/upload", *words, data=data)
        assert status == 0 and body.endswith(b"hello"), head
        assert origin.requests[-1].body == data


def test_framing_of_the_request_is_ours(proxied, pki):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5;evil=\"x\"\r\nhello\r\n0\r\nX-Trailer: y\r\n\r\n")
        assert wire.response().status == 200
        wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello")
        assert wire.response().status == 200
        wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert wire.response().status == 200
    chunked, sized, empty = origin.requests
    assert chunked.all("Transfer-Encoding") == ["chunked"] and chunked.body == b"hello"
    assert b"evil" not in chunked.head and chunked.get("X-Trailer") is None
    assert sized.all("Content-Length") == ["5"] and sized.body == b"hello"
    assert empty.all("Content-Length") == ["0"] and empty.all("Transfer-Encoding") == []


@pytest.mark.parametrize("framing, body", [
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Content-Length: 5\r\nContent-Length: 6", "hello"),
    ("Content-Length: 5\r\nContent-Length: 5", "hello"),
    ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding : chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
    ("Content-Length: +5", "hello"),
    ("Content-Length: 0x5", "hello"),
])
def test_ambiguous_requests_never_reach_the_backend(proxied, pki, framing, body):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        wire.send(f"POST /api/ HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}GET /api/smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        assert wire.response().status == 400
        assert wire.rest() == b""
    assert origin.requests == []


def test_underscored_framing_is_not_passed(proxied, pki):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/api/", headers=["Transfer_Encoding: chunked", "Content_Length: 50"]).status == 200
        assert wire.request("/api/").status == 200
    assert len(origin.requests) == 2
    assert all(b"_" not in request.head for request in origin.requests)


def test_pipelined_requests_with_bodies_are_answered_in_order(proxied, pki):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        wire.send("".join(f"POST /api/{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nb-{i}" for i in range(5)) +
                  "GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [wire.response().body for _ in range(5)] == [b"hello"] * 5
        assert wire.response().status == 200
    assert [request.body for request in origin.requests] == [b"b-%d" % i for i in range(5)]


def test_100_continue_is_said_when_the_backend_is_there(proxied, pki):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        wire.send("PUT /api/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert wire.response().status == 100
        wire.send("hello")
        assert wire.response().status == 200
        assert wire.request("/api/").status == 200
    assert origin.requests[0].body == b"hello" and origin.requests[0].get("Expect") is None


def test_100_continue_is_not_said_when_the_backend_is_down(crossgate, pki):
    gate = crossgate(front(pki, {"type": "reverseproxy", "host": "127.0.0.1", "port": ports.take()}))
    with Wire(gate.port, pki.client()) as wire:
        wire.send("PUT /api/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        got = wire.response()
        assert got.status == 503 and got.get("Connection") == "close"
        assert wire.rest() == b""


def test_broken_chunks_end_the_request_at_the_backend(crossgate, pki):
    broken = threading.Event()

    def talk(origin, peer, request):
        try:
            for piece in peer.pieces(request):
                request.body += piece
        except EOFError:
            broken.set()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            eventually(lambda: origin.requests and origin.requests[0].body == b"hello")
            wire.send("5 \r\nworld\r\n0\r\n\r\n")
            assert wire.response().status == 400
        assert broken.wait(60)


def test_visitor_that_leaves_within_its_body_leaves_the_backend(crossgate, pki):
    broken = threading.Event()

    def talk(origin, peer, request):
        try:
            for piece in peer.pieces(request):
                request.body += piece
        except (EOFError, OSError):
            broken.set()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        wire = Wire(gate.port, pki.client())
        wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
        eventually(lambda: origin.requests and origin.requests[0].body == b"hello")
        wire.cut()
        assert broken.wait(60)


def test_body_that_stalls_is_408(crossgate, pki):
    with Origin() as origin:
        gate = crossgate(front(pki, origin.service()), limits={"body_timeout": 300})
        with Wire(gate.port, pki.client()) as wire:
            wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhello")
            assert wire.response().status == 408


# Answers

def test_answer_is_passed_without_what_is_of_one_hop(crossgate, pki):
    said = answer(b"teapot", "418 Whatever", [
        "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Mine: kept", "Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=9",
        "Upgrade: h2c", "Proxy-Authenticate: Basic", "Trailer: X", "Server: secret/1", "Date: yesterday", "Via: 1.1 x"])
    with Origin(lambda *_: said) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            got = wire.request("/api/")
    assert (got.status, got.body) == (418, b"teapot")
    assert got.all("Set-Cookie") == ["a=1", "b=2"] and got.get("X-Mine") == "kept" and got.get("Via") == "1.1 x"
    assert got.all("Server") == ["Crossgate"] and len(got.all("Date")) == 1 and got.get("Date") != "yesterday"
    assert got.all("Content-Length") == ["6"]
    for name in ("Connection", "X-Hop", "Keep-Alive", "Upgrade", "Proxy-Authenticate", "Trailer"):
        assert got.get(name) is None, name


def test_hsts_of_the_transport_replaces_that_of_the_backend(crossgate, pki):
    said = answer(headers=["Strict-Transport-Security: max-age=0"])
    with Origin(lambda *_: said) as origin:
        gate = crossgate(front(pki, origin.service(), options={"hsts": True, "hsts_max_age": 5}),
                         front(pki, origin.service()))
        for port, expected in zip(gate.ports(), ("max-age=5", "max-age=0")):
            with Wire(port, pki.client()) as wire:
                assert wire.request("/api/").all("Strict-Transport-Security") == [expected]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("said, body, keeps", [
    (answer(b"x" * 100000), b"x" * 100000, True),
    (answer(b""), b"", True),
    (CHUNKED + b"5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: y\r\n\r\n", b"hello world", True),
    (CHUNKED + b"0\r\n\r\n", b"", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(), b"hello", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    (answer(headers=["Connection: close"]), b"hello", False),
], ids=["length", "empty", "chunked", "no chunk", "interim", "HTTP/1.0", "close"])
def test_bodies_of_all_framings_come_whole(crossgate, pki, said, body, keeps):
    with Origin(lambda *_: said) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            for _ in range(3):
                got = wire.request("/api/")
                assert (got.status, got.body) == (200, body)
                assert got.get("X-Trailer") is None
        assert origin.connections == (1 if keeps else 3)


def test_answer_until_close_is_chunked_for_1_1_and_until_close_for_1_0(crossgate, pki):
    def talk(origin, peer, request):
        peer.send(answer(b"all of it", length=False))

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            got = wire.request("/api/")
            assert got.body == b"all of it" and got.get("Transfer-Encoding") == "chunked"
            assert wire.request("/api/").body == b"all of it"
        with Wire(gate.port, pki.client()) as wire:
            wire.send("GET /api/ HTTP/1.0\r\nHost: a\r\n\r\n")
            got = wire.response()
            assert got.body == b"all of it" and got.get("Transfer-Encoding") is None


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_body(crossgate, pki, status):
    with Origin(lambda *_: answer(b"", status, ["ETag: \"x\""], length=False)) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            for _ in range(2):
                got = wire.request("/api/")
                assert f"{got.status}" == status[:3] and got.get("ETag") == '"x"'
                assert got.get("Content-Length") is None and got.get("Transfer-Encoding") is None
        assert origin.connections == 1


def test_head_has_the_length_and_no_body(crossgate, pki):
    with Origin(lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            for _ in range(2):
                got = wire.request("/api/", "HEAD")
                assert got.status == 200 and got.get("Content-Length") == "1000"
        assert origin.connections == 1


def test_answer_comes_as_it_is_made(crossgate, pki):
    """Nothing is gathered: the first piece is here before the second is said."""
    go_on = threading.Event()

    def talk(origin, peer, request):
        peer.send(CHUNKED + b"5\r\nfirst\r\n")
        assert go_on.wait(60)
        return b"6\r\nsecond\r\n0\r\n\r\n"

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wire.until(b"5\r\nfirst\r\n")
            go_on.set()
            assert wire.until(b"0\r\n\r\n") == b"6\r\nsecond\r\n0\r\n\r\n"


def test_answer_before_the_end_of_the_body_is_heard(crossgate, pki):
    def talk(origin, peer, request):
        next(peer.pieces(request))
        peer.send(answer(b"too large", "413 Content Too Large", ["Connection: close"]))
        peer.wait_end()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n" + "x" * 10000)
            got = wire.response()
            assert (got.status, got.body, got.get("Connection")) == (413, b"too large", "close")


# Answers that cannot be trusted, and those that end too early

@pytest.mark.parametrize("said", [
    b"SSH-2.0-OpenSSH\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX\x00: a\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: evil\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 2000,
    b"HTTP/1.1 200 OK\r\nConnection: " + b"a," * 200 + b"b\r\n\r\n",
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Le",
], ids=lambda said: said[-30:].decode("latin-1"))
def test_answers_that_are_not_understood_are_502(crossgate, pki, said):
    def talk(origin, peer, request):
        peer.send(said)

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            got = wire.request("/api/")
            assert got.status == 502 and b"evil" not in got.head.encode("latin-1")
            assert wire.request("/").status == 200
        gate.wait_log("backend (answer not understood|closed the connection)")


@pytest.mark.parametrize("said", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
    CHUNKED + b"5\r\nhello\r\n",
    CHUNKED + b"5\r\nhello\r\nx\r\n\r\n",
    CHUNKED + b"5\r\nhello\r\n0\r\n",
], ids=["length", "chunks", "broken chunks", "last chunk"])
def test_truncated_answer_is_no_complete_answer(crossgate, pki, said):
    def talk(origin, peer, request):
        peer.send(said)

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        status, body, _ = curl(gate, pki, "/api/")
        assert status in (18, 52, 56), status  # partial file, nothing received, failure when receiving
        assert body in (b"", b"hello")
        with Wire(gate.port, pki.client()) as wire:
            with pytest.raises((EOFError, OSError)):
                wire.request("/api/")
        gate.wait_log("backend (answer not understood|closed the connection)")


def test_answer_until_close_that_is_reset_is_no_complete_answer(crossgate, pki):
    def talk(origin, peer, request):
        peer.send(answer(b"hello", length=False))
        assert go_on.wait(60)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    go_on = threading.Event()
    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        with Wire(gate.port, pki.client()) as wire:
            wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
            wire.until(b"5\r\nhello\r\n")
            go_on.set()
            with pytest.raises((EOFError, OSError)):
                wire.until(b"0\r\n\r\n")


def test_bytes_after_an_answer_are_not_the_next_answer(crossgate, pki):
    with Origin(lambda *_: answer() + answer(b"poison")) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            assert [wire.request("/api/").body for _ in range(3)] == [b"hello"] * 3
        assert origin.connections == 3


# Connections that are kept

def test_backend_that_closes_between_requests_is_called_again(crossgate, pki):
    with Origin(lambda origin, peer, request: peer.send(origin.greet(peer, request))) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            for i in range(5):
                assert wire.request("/api/", "POST", body=b"x").status == 200
                eventually(lambda: origin.ended == i + 1)
        assert origin.connections == 5


def test_get_on_a_connection_that_dies_is_asked_once_more(crossgate, pki):
    """The backend reads the second request of a connection and hangs up."""
    def talk(origin, peer, request):
        if [other.connection for other in origin.requests].count(request.connection) == 2:
            return None
        return Origin.greet(origin, peer, request)

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/").status == 200
            assert wire.request("/api/again").status == 200
        assert [(request.connection, request.target) for request in origin.requests] == [(0, "/"), (0, "/again"), (1, "/again")]


def test_post_on_a_connection_that_dies_is_not_asked_twice(crossgate, pki):
    def talk(origin, peer, request):
        if len(origin.requests) == 2:
            b"".join(peer.pieces(request))
            return None
        return Origin.greet(origin, peer, request)

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/").status == 200
            assert wire.request("/api/", "POST", body=b"once").status == 502
            assert wire.request("/api/").status == 200
        assert [request.method for request in origin.requests] == ["GET", "POST", "GET"]


def test_a_fresh_connection_that_dies_is_not_tried_again(crossgate, pki):
    with Origin(lambda *_: None) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/").status == 502
        assert len(origin.requests) == 1


def test_kept_connections_are_closed_soon(proxied, pki):
    gate, origin = proxied
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/api/").status == 200
        assert origin.ended == 0
        eventually(lambda: origin.ended == 1)
        assert wire.request("/api/").status == 200
    assert origin.connections == 2


def test_many_visitors_at_once_find_their_connections_kept(crossgate, pki):
    ready = threading.Barrier(60)

    def talk(origin, peer, request):
        ready.wait(60)
        return answer()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        wires = [Wire(gate.port, pki.client(), timeout=60) for _ in range(60)]
        for _ in range(2):
            for wire in wires:
                wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert all(wire.response().status == 200 for wire in wires)
        assert origin.connections == 60
        for wire in wires:
            wire.close()


def test_reload_leaves_the_old_backend(crossgate, pki):
    with Origin() as old, Origin() as new:
        gate = crossgate(front(pki, old.service()), workers=1)
        transport = gate.transports[0]
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/").status == 200
        transport["paths"]["api"] = new.service()
        gate.reload({"version": 2, "workers": [{"type": "router", "transports": [transport]}]})
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/").status == 200
        assert (len(old.requests), len(new.requests)) == (1, 1)


# Backends in trouble

def test_backend_down_is_503_and_up_again_is_200(crossgate, pki):
    origin = Origin()
    gate = crossgate(front(pki, origin.service()))
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/api/").status == 503
        with origin:
            assert wire.request("/api/").status == 200
    gate.wait_log("backend refused the connection: http://127.0.0.1")


def test_backend_name_unknown_is_502(crossgate, pki):
    gate = crossgate(front(pki, {"type": "reverseproxy", "host": "nobody.invalid", "port": 80}))
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/api/").status in (502, 504)


def test_silent_backend_is_504(crossgate, pki):
    with Origin(lambda origin, peer, request: peer.wait_end()) as origin:
        gate = crossgate(front(pki, origin.service()), limits={"answer_timeout": 300})
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/").status == 504
            assert wire.request("/api/", "POST", body=b"x").status == 504
        gate.wait_log("backend did not answer in time")


def test_backend_that_falls_silent_within_its_answer_truncates_it(crossgate, pki):
    def talk(origin, peer, request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        peer.wait_end()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), limits={"answer_timeout": 300})
        with Wire(gate.port, pki.client()) as wire:
            with pytest.raises((EOFError, OSError)):
                wire.request("/api/")


def test_visitor_that_leaves_while_the_backend_thinks_leaves_it(crossgate, pki):
    gone = threading.Event()

    def talk(origin, peer, request):
        try:
            peer.wait_end()
        finally:
            gone.set()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()))
        wire = Wire(gate.port, pki.client())
        wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
        eventually(lambda: origin.requests)
        wire.cut()
        assert gone.wait(60)


# Slow sides

SIZE = 64 * 2**20


def test_upload_of_64_mib_to_a_slow_backend_has_bounded_memory(crossgate, pki, sanitized):
    digest, peak, size = hashlib.sha256(), [0], [0]
    sent = hashlib.sha256()

    def talk(origin, peer, request):
        for piece in peer.pieces(request):
            digest.update(piece)
            size[0] += len(piece)
            if size[0] % 2**20 < len(piece):
                peak[0] = max(peak[0], rss(worker))
        return answer()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        worker, = gate.workers()
        before = rss(worker)
        with Wire(gate.port, pki.client(), timeout=60) as wire:
            wire.send(f"POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n")
            for _ in range(SIZE // 2**20):
                block = os.urandom(2**20)
                sent.update(block)
                wire.send(block)
            assert wire.response().status == 200
        assert size[0] == SIZE and digest.digest() == sent.digest()
        if not sanitized:
            assert peak[0] - before < 8 * 2**20, f"{(peak[0] - before) / 2**20:.1f} MiB"


def test_backend_that_does_not_read_stops_the_visitor(crossgate, pki, sanitized):
    release = threading.Event()
    with Origin(lambda *_: (release.wait(60), None)[1]) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        worker, = gate.workers()
        before = rss(worker)
        with Wire(gate.port, pki.client(), timeout=2) as wire:
            wire.send("POST /api/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            block, sent = b"10000\r\n" + bytes(65536) + b"\r\n", 0
            with pytest.raises(OSError):
                while sent < 256 * 2**20:
                    wire.send(block)
                    sent += len(block)
            assert sent < 64 * 2**20
            if not sanitized:
                assert rss(worker) - before < 8 * 2**20
        release.set()


def test_backend_that_stops_reading_is_504(crossgate):
    release = threading.Event()
    with Origin(lambda *_: (release.wait(60), None)[1]) as origin:
        gate = crossgate(web({"api": origin.service()}), workers=1, limits={"answer_timeout": 500})
        with Wire(gate.port, timeout=90) as wire:  # no TLS: two threads cannot share one
            wire.send(f"POST /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n")
            sender = threading.Thread(target=lambda: _pour(wire, SIZE), daemon=True)
            sender.start()
            assert wire.response().status == 504
        release.set()
        sender.join(60)


def _pour(wire, size):
    try:
        for _ in range(size // 65536):
            wire.send(bytes(65536))
    except OSError:
        pass


def test_download_of_64_mib_to_a_slow_reader_has_bounded_memory(crossgate, pki, sanitized):
    body = os.urandom(SIZE)
    with Origin(lambda *_: answer(body)) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        worker, = gate.workers()
        before, peak, got = rss(worker), 0, hashlib.sha256()
        with Wire(gate.port, pki.client(), receive_buffer=65536, timeout=60) as wire:
            wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
            wire.until(b"\r\n\r\n")
            for _ in range(SIZE // 2**18):
                got.update(wire.exactly(2**18))
                peak = max(peak, rss(worker))
        assert got.digest() == hashlib.sha256(body).digest()
        if not sanitized:
            assert peak - before < 8 * 2**20, f"{(peak - before) / 2**20:.1f} MiB"


def test_visitor_that_does_not_read_stops_the_backend(crossgate, pki, sanitized):
    said = [0]

    def talk(origin, peer, request):
        peer.send(CHUNKED)
        while True:
            peer.send(b"10000\r\n" + bytes(65536) + b"\r\n")
            said[0] += 65536

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        worker, = gate.workers()
        before = rss(worker)
        with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
            wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
            stable = [0, -1]

            def has_stopped():
                stable[0] = stable[0] + 1 if said[0] == stable[1] and said[0] else 0
                stable[1] = said[0]
                assert said[0] < 64 * 2**20
                return stable[0] > 5
            eventually(has_stopped, pause=0.1)
            if not sanitized:
                assert rss(worker) - before < 8 * 2**20


def test_visitor_that_does_not_read_is_dropped_and_the_backend_with_it(crossgate, pki):
    gone = threading.Event()

    def talk(origin, peer, request):
        try:
            peer.send(answer(bytes(SIZE)))
        finally:
            gone.set()

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), limits={"send_timeout": 500})
        with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
            wire.send("GET /api/ HTTP/1.1\r\nHost: a\r\n\r\n")
            assert gone.wait(60)
        gate.wait_log("peer does not read")


# Everything at once

def test_storm_of_visitors_and_backends_that_break_off_leaves_nothing(crossgate, pki):
    """Both sides break off wherever they like; whoever gets a complete answer gets the right one."""
    def talk(origin, peer, request):
        chance = random.Random(request.target)
        received = hashlib.sha256()
        for piece in peer.pieces(request):
            received.update(piece)
            if chance.random() < 0.02:
                return None
        body = received.hexdigest().encode() * chance.choice([1, 100, 20000])
        said = chance.choice([
            lambda: answer(body), lambda: answer(body, headers=["Connection: close"]),
            lambda: CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n", lambda: answer(body)[:chance.randrange(200)],
            lambda: b"", lambda: answer(body) + b"x", lambda: b"HTTP/1.1 100 Continue\r\n\r\n" + answer(body)])()
        peer.send(said)
        return b"" if chance.random() < 0.7 else None

    good = [0]

    def visit(number):
        chance = random.Random(number)
        for i in range(15):
            body = chance.randbytes(chance.choice([0, 10, 70000, 400000]))
            head = f"POST /api/{number}-{i} HTTP/1.1\r\nHost: a\r\n"
            if chance.random() < 0.5:
                data = head + f"Content-Length: {len(body)}\r\n\r\n"
                data = data.encode() + body
            else:
                data = head.encode() + b"Transfer-Encoding: chunked\r\n\r\n"
                data += (b"%x\r\n" % len(body) + body + b"\r\n" if body else b"") + b"0\r\n\r\n"
            try:
                with Wire(gate.port, pki.client(), timeout=90) as wire:
                    cut = chance.random() < 0.3
                    wire.send(data[:chance.randrange(len(data))] if cut else data)
                    if cut and chance.random() < 0.5:
                        wire.cut()
                        continue
                    if not cut:
                        got = wire.response()
                        if got.status == 200:
                            assert got.body[:64] == hashlib.sha256(body).hexdigest().encode()
                            good[0] += 1
                        else:
                            assert got.status in (408, 502, 503, 504)
            except (EOFError, OSError):
                pass

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), limits={"answer_timeout": 2000, "body_timeout": 2000})
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(visit, range(16)))
        assert good[0] > 20
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/").status == 200


def test_worker_that_leaves_completes_its_answers(crossgate, pki):
    go_on = threading.Event()

    def talk(origin, peer, request):
        if request.target == "/quick":
            return answer()
        peer.send(CHUNKED + b"5\r\nfirst\r\n")
        assert go_on.wait(60)
        return b"6\r\nsecond\r\n0\r\n\r\n"

    with Origin(talk) as origin:
        gate = crossgate(front(pki, origin.service()), workers=1)
        with Wire(gate.port, pki.client()) as slow, Wire(gate.port, pki.client()) as quick:
            slow.send("GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n")
            slow.until(b"first\r\n")
            assert quick.request("/api/quick").status == 200  # whose connection to the backend is kept now
            gate.signal(signal.SIGTERM)
            eventually(lambda: origin.ended == 1)  # not used any more
            go_on.set()
            assert slow.until(b"0\r\n\r\n") == b"6\r\nsecond\r\n0\r\n\r\n"
        gate.wait_end()


# WebSocket

def test_upgrade_is_passed_as_an_ordinary_request(proxied, pki):
    gate, origin = proxied
    with WebSocketWire(gate.port, pki.client()) as wire:
        assert wire.upgrade("/api/ws").status == 200
    assert origin.requests[0].get("Upgrade") is None and origin.requests[0].get("Sec-WebSocket-Key") is None


def test_websocket_is_relayed_when_it_is_asked_for(crossgate, pki):
    with Backend() as backend:
        service = {"type": "reverseproxy", "host": "127.0.0.1", "port": backend.port, "path": "/node", "websocket": True,
                   "forwarded_port": 1234}
        gate = crossgate(front(pki, service))
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open("/api/ws?x=1").send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")
        path, headers = eventually(lambda: backend.requests)[0]
        assert path == "/node/ws?x=1" and headers["Host"] == f"127.0.0.1:{backend.port}"
        assert headers["X-Forwarded-Port"] == "1234"
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/ws").status in (400, 426)  # said by the backend, which wants an upgrade


# The node's own services

@pytest.mark.parametrize("service", [
    {"type": "wsgi", "module": "m", "object": "o"}, {"type": "cgi", "directory": "d", "processor": "p"},
    {"type": "resource", "classname": "c"}, {"type": "longpoll"}, {"type": "caller", "realm": "r", "role": "o"},
    {"type": "publisher", "realm": "r", "role": "o"}, {"type": "webhook", "realm": "r", "role": "o", "options": {"topic": "t"}},
    {"type": "archive", "archive": "a.zip"}, {"type": "catalog", "filename": "c.zip"},
    {"type": "wap", "templates": "t", "routes": [], "wamp": {"realm": "r", "authrole": "o"}},
], ids=lambda service: service["type"])
def test_services_of_the_node_are_passed_to_it(crossgate, pki, service):
    with Origin() as origin:
        gate = crossgate(front(pki, service), words=["--backend", f"ws://127.0.0.1:{origin.port}"])
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/api/open?x=1", "POST", body=b"{}", host="shop.example").body == b"hello"
        request, = origin.requests
        assert (request.method, request.target, request.body) == ("POST", "/api/open?x=1", b"{}")
        assert request.get("Host") == "shop.example" and request.get("X-Forwarded-Proto") == "https"


def test_node_on_a_unix_socket_and_node_of_the_service(crossgate, pki, directory):
    with Origin(unix=directory / "node.sock") as node, Origin(tls=pki.server("ec")) as other:
        os.chmod(directory / "node.sock", 0o666)
        tls = {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}
        backend = {"endpoint": {**other.endpoint, "tls": tls}, "url": f"wss://localhost:{other.port}"}
        gate = crossgate(web({"lp": {"type": "longpoll"}, "r": {"type": "resource", "classname": "c", "backend": backend}},
                             tls=pki.tls("ec")), words=["--backend", f"ws+unix:{directory}/node.sock"])
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request("/lp/open", "POST", body=b"{}").status == 200
            assert wire.request("/r/x").status == 200
        assert [request.target for request in node.requests] == ["/lp/open"]
        assert [request.target for request in other.requests] == ["/r/x"]
