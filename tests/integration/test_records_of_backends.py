"""Open connections to backends, where we are the client: key updates, tickets, renegotiation, records of all sizes."""
import os

import pytest

from support import ports
from support.backend import Backend, reverseproxy
from support.clients import connect, run
from support.foreign import Nginx, accept_value
from support.gate import ECHO, web
from support.records import VERSIONS
from support.visitors import Dialogue
from support.wire import BINARY, TEXT, WebSocketWire, Wire, frame

SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20)


@pytest.fixture(params=["1.2", "1.3"])
def version(request):
    return request.param


def trusting(pki, port):
    """The words of an endpoint."""
    return {"type": "tcp", "host": "127.0.0.1", "port": port, "tls": {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}}


def door_to(pki, port, path="/"):
    service = {"type": "websocket-reverseproxy",
               "backend": {"type": "websocket", "endpoint": trusting(pki, port), "url": f"wss://localhost:{port}{path}"}}
    return web({"ws": service}, tls=pki.tls("ec"))


def exchange(gate, pki, sizes=SIZES):
    """Messages of all sizes come back as they went."""
    async def talk():
        async with connect(gate, pki) as client:
            for size in sizes:
                message = os.urandom(size)
                await client.send(message)
                assert await client.recv() == message, size
    run(talk())


def server(pki, version):
    context = pki.server("rsa")
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


@pytest.mark.parametrize("suite", ["ECDHE+AES128+AESGCM", "ECDHE+AES256+AESGCM", "ECDHE+CHACHA20", "ECDHE+AESCCM8:ECDHE+SHA256+AES128"])
def test_each_suite_of_tls12(crossgate, pki, suite):
    tls = server(pki, "1.2")
    tls.set_ciphers(suite)
    with Backend(tls=tls) as backend:
        exchange(crossgate(door_to(pki, backend.port), workers=1), pki)


@pytest.mark.parametrize("tickets", [0, 2, 20])
def test_tickets_of_a_backend_are_no_content(crossgate, pki, tickets):
    tls = server(pki, "1.3")
    tls.num_tickets = tickets
    with Backend(tls=tls) as backend:
        exchange(crossgate(door_to(pki, backend.port), workers=1), pki)


def test_another_door_behind_the_door(crossgate, pki):
    inner = crossgate(web({"ws": ECHO}, tls=pki.tls("ec")), workers=1)
    exchange(crossgate(door_to(pki, inner.port, "/ws"), workers=1), pki, (*SIZES, 16 << 20))


def test_nginx_behind_the_door(crossgate, pki, directory, version):
    """Pages over a connection that is kept, and larger than a record."""
    (directory / "page").write_bytes(os.urandom(3 << 20))
    directory.chmod(0o755)
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"], f"ssl_protocols TLSv{version};", "keepalive_requests 10000;",
               locations=f"location /file/ {{ alias {directory}/; }}") as nginx:
        node = {"type": "reverseproxy", "endpoint": trusting(pki, nginx.port)}
        gate = crossgate(web({"/": node}, tls=pki.tls("ec")), workers=1)
        with Wire(gate.port, pki.client()) as wire:
            for _ in range(3):
                assert wire.request("/file/page").body == (directory / "page").read_bytes()
                for _ in range(50):
                    assert wire.request("/").body == b"hello"


def s_server(pki, version, *words):
    """(port, dialogue): it says what we say, and hears what we hear."""
    port = ports.take()
    return port, Dialogue(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pki["rsa-fullchain.pem"], "-cert_chain",
                           pki["chain.pem"], "-key", pki["rsa.key"], f"-tls{version.replace('.', '_')}", *words])


def meet(gate, pki, backend):
    """A client whose WebSocket the s_server has accepted by hand."""
    client = WebSocketWire(gate.port, pki.client())
    client.ask("/ws")
    head = backend.say(b"", b"\r\n\r\n")
    head = head[head.index("GET "):]
    backend.say(("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 f"Sec-WebSocket-Accept: {accept_value(head)}\r\n\r\n").encode(), b"")
    assert client.response().status == 101
    return client


def both_ways(client, backend, number):
    backend.say(frame(TEXT, f"down {number}", mask=False), b"")
    assert client.message() == (TEXT, f"down {number}".encode())
    client.send(frame(BINARY, b"up %05d" % number))
    backend.say(b"", b"\x82\x88")  # and what it cannot read: it is masked anew


def test_keys_are_renewed_by_a_backend_again_and_again(crossgate, pki):
    port, backend = s_server(pki, "1.3", "-num_tickets", "5", "-msg")
    with backend:
        backend.say(b"", b"ACCEPT")
        with meet(crossgate(door_to(pki, port), workers=1), pki, backend) as client:
            for number in range(10):
                backend.say(b"K\n" if number % 2 else b"k\n", b">>> TLS 1.3, Handshake [length 0005], KeyUpdate")
                both_ways(client, backend, number)
            assert backend.said.count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate") == 5


def test_backend_that_wants_to_begin_anew_is_told_that_we_do_not(crossgate, pki):
    """OpenSSL ends the connection then."""
    port, backend = s_server(pki, "1.2", "-msg")
    with backend:
        backend.say(b"", b"ACCEPT")
        with meet(crossgate(door_to(pki, port), workers=1), pki, backend) as client:
            both_ways(client, backend, 1)
            backend.say(b"r\n", b"warning no_renegotiation")
