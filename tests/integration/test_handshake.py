"""The opening handshake: who gets in, what the others are told, and how long it may take."""
import ctypes
import os
import re
import socket
from pathlib import Path

import pytest
import websockets

from support import gate as program
from support import ports
from support.backend import Backend, RawBackend, reverseproxy
from support.clients import autobahn, connect, run
from support.gate import HELLO, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame


def echo(**options):
    return {"type": "websocket-testee", "options": options}


def bare(pki, **options):
    """A transport that serves WebSocket only."""
    return {"type": "websocket.testee", "endpoint": tcp(tls=pki.tls("ec")), "options": options}


def front(pki, **services):
    return web({"/": HELLO, **services}, tls=pki.tls("ec"))


def upgrade(gate, pki, path="/ws", headers=(), port=None, host="localhost"):
    """The answer to an opening handshake."""
    with WebSocketWire(port or gate.port, pki.client()) as wire:
        wire.send("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: websocket",
                               "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {wire.KEY}", *headers, "", ""]))
        return wire.response()


def status(gate, pki, origin, path="/ws"):
    return upgrade(gate, pki, path, [f"Origin: {origin}"]).status


# Origins

def test_pages_of_listed_origins_may_connect(crossgate, pki):
    origins = ["https://shop.example:443", "http://localhost:*", "https://*.shop.example:443"]
    gate = crossgate(front(pki, ws=echo(allowed_origins=origins)))
    for origin in ("https://shop.example", "https://SHOP.example:443", "https://www.shop.example", "http://localhost:5173",
                   "http://localhost", "null", "file:///srv/test.html"):
        assert status(gate, pki, origin) == 101, origin
    for origin in ("http://shop.example", "https://shop.example:8443", "https://shop.example.evil.example",
                   "https://evilshop.example", "https://evil.example", "https://localhost:5173",
                   "http://localhost.evil.example"):
        assert status(gate, pki, origin) == 403, origin
    gate.wait_log(r"pages of this origin may not connect: https://evil\.example:443")


def test_origins_of_browsers_through_real_clients(crossgate, pki):
    gate = crossgate(front(pki, ws=echo(allowed_origins=["https://shop.example:443"])))

    async def talk(client):
        client.send(b"hello")
        assert await client.get() == (b"hello", True)

    autobahn(gate, pki, talk, origin="https://shop.example")
    with pytest.raises(ConnectionError, match="403"):
        autobahn(gate, pki, talk, origin="https://evil.example")

    async def websockets_client(origin):
        async with connect(gate, pki, origin=origin) as client:
            await client.send("hello")
            return await client.recv()

    assert run(websockets_client("https://shop.example")) == "hello"
    assert run(websockets_client(None)) == "hello"  # no page
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        run(websockets_client("https://evil.example"))
    assert refused.value.status_code == 403


def test_null_origin_is_refused_if_asked_for(crossgate, pki):
    gate = crossgate(front(pki, ws=echo(allow_null_origin=False), any=echo()))
    for origin in ("null", "NULL", "file://", "file:///x"):
        assert status(gate, pki, origin) == 403, origin
        assert status(gate, pki, origin, "/any") == 101, origin
    assert status(gate, pki, "https://any.example") == 101


@pytest.mark.parametrize("headers", [
    ["Origin: nonsense"], ["Origin:"], ["Origin: https://"], ["Origin: https://a@b"], ["Origin: https://a:99999"],
    ["Origin: https://a", "Origin: https://a"],
], ids=str)
def test_origin_that_is_none_is_no_handshake(crossgate, pki, headers):
    gate = crossgate(front(pki, ws=echo()))
    assert upgrade(gate, pki, headers=headers).status == 400


def test_denied_pages_do_not_reach_the_backend(crossgate, pki):
    with Backend() as backend:
        service = reverseproxy(backend, options={"allowed_origins": ["https://shop.example:443"]})
        gate = crossgate(front(pki, ws=service, node={"type": "websocket", "options": service["options"]}),
                         {"type": "websocket", "endpoint": tcp(), "options": service["options"]},
                         words=["--backend", f"ws://127.0.0.1:{backend.port}"])
        for path in ("/ws", "/node"):
            assert status(gate, pki, "https://evil.example", path) == 403
        with WebSocketWire(gate.ports()[1]) as wire:
            assert wire.upgrade(headers=["Origin: https://evil.example"]).status == 403
        assert not backend.requests
        assert status(gate, pki, "https://shop.example") == 101
        assert [headers["Origin"] for _, headers in eventually(lambda: backend.requests)] == ["https://shop.example"]


def check(directory, *origins):
    options = {"allowed_origins": list(origins)}
    transport = {"type": "websocket.testee", "endpoint": tcp(), "options": options}
    (directory / "config.json").write_text(program.json.dumps(program.document(transport)))
    return program.run("check", "--config", directory / "config.json")


def test_check_warns_of_patterns_with_the_remedy(directory):
    said = check(directory, "https://shop.example", "https://shop.example*", "https://good.example:443")
    assert said.returncode == 0
    text = said.stdout + said.stderr
    assert "allowed_origins[0]" in text and "can never match" in text and 'write "https://shop.example:443"' in text
    assert "allowed_origins[1]" in text and "admits foreign hosts" in text
    assert "allowed_origins[2]" not in text


# Host

def test_port_in_host_must_be_the_external_one(crossgate, pki):
    gate = crossgate(front(pki, ws=echo(external_port=443), any=echo(), none=echo(external_port=0)))
    for host, expected in (("localhost", 101), ("localhost:443", 101), ("[::1]:443", 101), ("[::1]", 101),
                           ("localhost:8443", 400), ("[::1]:8443", 400), ("localhost:0", 400)):
        assert upgrade(gate, pki, host=host).status == expected, host
        assert upgrade(gate, pki, "/any", host=host).status == 101, host
        assert upgrade(gate, pki, "/none", host=host).status == 101, host
    gate.wait_log("field Host names another port than the external one: localhost:8443")


# What is no handshake

@pytest.mark.parametrize("target", ["/ws", "/ws/deep", "/ws?redirect=https%3A%2F%2Fevil.example&after=1"])
def test_status_page_has_no_open_redirect(crossgate, pki, target):
    gate = crossgate(front(pki, ws=echo()))
    with Wire(gate.port, pki.client()) as wire:
        for method in ("GET", "HEAD"):
            answer = wire.request(target, method)
            assert answer.status == 200
            assert answer.get("Content-Type") == "text/html; charset=utf-8"
            assert answer.get("Location") is None and "evil" not in answer.head
            assert (b"WebSocket" in answer.body) == (method == "GET")
            assert b"evil" not in answer.body and b"http-equiv" not in answer.body
        answer = wire.request(target, "POST")
        assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD")


def test_status_page_of_a_bare_transport_and_of_a_node_that_is_away(crossgate, pki):
    gate = crossgate(bare(pki), {"type": "websocket", "endpoint": tcp()},
                     words=["--backend", f"ws://127.0.0.1:{ports.take()}"])
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/").status == 200
    with Wire(gate.ports()[1]) as wire:
        assert wire.request("/").status == 200


def test_without_status_page_who_asks_no_websocket_is_told_to_upgrade(crossgate, pki):
    gate = crossgate(front(pki, ws=echo(enable_webstatus=False)))
    with Wire(gate.port, pki.client()) as wire:
        answer = wire.request("/ws")
        assert answer.status == 426
        assert answer.get("Upgrade") == "websocket" and answer.get("Connection") == "Upgrade"
        assert answer.get("Sec-WebSocket-Version") == "13"
        answer = wire.request("/ws", "POST")
        assert (answer.status, answer.get("Allow")) == (405, "GET")


# How long it takes

FOREVER = {"handshake_timeout": 3600000, "head_timeout": 3600000, "send_timeout": 3600000}


def test_silent_client_of_a_bare_transport_is_not_waited_for(crossgate, pki):
    gate = crossgate(bare(pki, open_handshake_timeout=2500), limits=FOREVER)
    with Wire(gate.port) as wire:  # says nothing, not even TLS
        assert wire.ends()
    with Wire(gate.port, pki.client()) as wire:
        wire.send("GET /ws HTTP/1.1\r\nHost: localhost\r\n")
        assert wire.response().status == 408
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open().send(frame(TEXT, "hello"))
        assert wire.message() == (TEXT, b"hello")
    gate.wait_log("TLS handshake took too long")


def test_silent_backend_is_not_waited_for(crossgate, pki):
    def say_nothing(backend, peer):
        backend.read_head(peer)
        backend.wait_end(peer)

    with RawBackend(say_nothing) as backend:
        slow = reverseproxy(backend, options={"open_handshake_timeout": 1000}, timeout=600)
        late = reverseproxy(backend, timeout=600)
        late["backend"]["options"] = {"open_handshake_timeout": 1000}
        gate = crossgate(front(pki, ws=slow, back=late), limits=FOREVER)
        for path in ("/ws", "/back"):
            assert upgrade(gate, pki, path).status == 504
        eventually(lambda: len(backend.heads) == 2)


# What answers tell

def test_server_version_is_shown_where_it_is_asked_for(crossgate, pki):
    version = re.search(r"\d+\.\d+\.\d+", program.run("version").stdout)[0]
    with Backend() as backend:
        gate = crossgate(front(pki, ws=echo(), shown=echo(show_server_version=True), proxy=reverseproxy(backend),
                               hidden=reverseproxy(backend, options={"show_server_version": False}),
                               other=reverseproxy(backend, options={"enable_webstatus": False})))
        for path, server in (("/ws", "Crossgate"), ("/shown", f"Crossgate/{version}"), ("/proxy", f"Crossgate/{version}"),
                             ("/hidden", "Crossgate"), ("/other", f"Crossgate/{version}")):
            answer = upgrade(gate, pki, path)
            assert (answer.status, answer.all("Server")) == (101, [server]), path
            assert upgrade(gate, pki, path, ["Origin: nonsense"]).all("Server") == [server]
            with Wire(gate.port, pki.client()) as wire:
                assert wire.request(path).all("Server") == [server]
                assert wire.request("/").all("Server") == ["Crossgate"]


def test_cookies_pass_both_ways(crossgate, pki):
    cookies = ["cbtid=AbC; max-age=604800; Path=/; HttpOnly", "second=2; SameSite=None; Secure", "third="]
    with Backend(extra_headers=[("Set-Cookie", cookie) for cookie in cookies]) as backend:
        gate = crossgate(front(pki, ws={"type": "websocket", "cookie": {"name": "cbtid"}}),
                         words=["--backend", f"ws://127.0.0.1:{backend.port}"])
        answer = upgrade(gate, pki, headers=["Cookie: cbtid=AbC; second=2", "Cookie: more=1"])
        assert answer.status == 101
        assert answer.all("Set-Cookie") == cookies
        assert eventually(lambda: backend.requests)[0][1].get_all("Cookie") == ["cbtid=AbC; second=2", "more=1"]


# Nagle's algorithm

def socket_inode(local, remote):
    """Of the connection that has these ports on this machine."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if [int(address.split(":")[1], 16) for address in fields[1:3]] == [local, remote]:
            return fields[9]
    return None


def borrow(pids, inode):
    """A copy of the socket that one of the processes holds (pidfd_getfd)."""
    libc = ctypes.CDLL(None, use_errno=True)
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(entry) != f"socket:[{inode}]":
                continue
            pidfd = os.pidfd_open(pid)
            descriptor = libc.syscall(438, pidfd, int(entry.name), 0)
            os.close(pidfd)
            if descriptor < 0:
                pytest.skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
            return socket.socket(fileno=descriptor)
    raise AssertionError(f"nobody has socket {inode}")


def sends_at_once(gate, local, remote):
    with borrow(gate.workers(), socket_inode(local, remote)) as copy:
        return copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="looks into another process")
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_tcp_nodelay_false_lets_small_messages_wait(crossgate, pki, tls):
    with Backend() as backend:
        back = reverseproxy(backend)
        back["backend"]["options"] = {"tcp_nodelay": False}
        gate = crossgate(web({"ws": echo(tcp_nodelay=False), "any": echo(), "back": back}, tls=pki.tls("ec") if tls else None))
        for path, visitor_at_once in (("/ws", False), ("/any", True), ("/back", True)):
            with WebSocketWire(gate.port, pki.client() if tls else None) as wire:
                remote = wire.socket.getsockname()[1]
                wire.request("/elsewhere")
                assert sends_at_once(gate, gate.port, remote)
                wire.open(path).send(frame(TEXT, "hello"))
                assert wire.message() == (TEXT, b"hello")
                assert sends_at_once(gate, gate.port, remote) == visitor_at_once
                if path == "/back":
                    assert not sends_at_once(gate, backend.peers()[0], backend.port)
