"""The PROXY protocol: from a load balancer before the door, and to the node behind it."""
import socket
import struct

import pytest

from support.backend import RawBackend, reverseproxy
from support.gate import HELLO, web
from support.wire import WebSocketWire, Wire

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def v2(source="192.0.2.7", port=12345, command=0x21, extra=b""):
    six = ":" in source
    family = socket.AF_INET6 if six else socket.AF_INET
    addresses = socket.inet_pton(family, source) + socket.inet_pton(family, "::1" if six else "127.0.0.1")
    body = addresses + struct.pack("!HH", port, 443) + extra
    return SIGNATURE + bytes([command, 0x21 if six else 0x11]) + struct.pack("!H", len(body)) + body


def v1(source="192.0.2.7", port=12345):
    return f"PROXY TCP{6 if ':' in source else 4} {source} {'::1' if ':' in source else '127.0.0.1'} {port} 443\r\n".encode()


class Balanced(Wire):
    """A visitor whose balancer says `header` before his TLS."""

    def __init__(self, port, header, tls=None):
        super().__init__(port)
        self.send(header)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost", suppress_ragged_eofs=False)


@pytest.fixture
def gate(crossgate, pki):
    transport = web({"/": HELLO}, tls=pki.tls("ec"), options={"access_log": True})
    transport["endpoint"]["proxy_protocol"] = ["127.0.0.0/8"]
    return crossgate(transport)


@pytest.mark.parametrize("source, printed", [("192.0.2.7", "192.0.2.7:12345"), ("2001:db8::9", "[2001:db8::9]:12345")])
@pytest.mark.parametrize("header", [v1, v2])
def test_visitor_is_who_the_balancer_says(gate, pki, header, source, printed):
    with Balanced(gate.port, header(source), pki.client()) as wire:
        assert wire.send(REQUEST).response().status == 200
    gate.wait_log(rf"{printed.replace('[', '.').replace(']', '.')} GET / 200")


def test_header_may_come_in_pieces_and_with_tlvs(gate, pki):
    header = v2(extra=b"\x04\x00\x20" + b"x" * 32)
    wire = Wire(gate.port)
    for i in range(len(header)):
        wire.send(header[i:i + 1])
    wire.socket = pki.client().wrap_socket(wire.socket, server_hostname="localhost")
    with wire:
        assert wire.send(REQUEST).response().status == 200
    gate.wait_log(r"192\.0\.2\.7:12345 GET / 200")


def test_local_command_is_the_balancer_itself(gate, pki):
    with Balanced(gate.port, v2(command=0x20), pki.client()) as wire:
        assert wire.send(REQUEST).response().status == 200
    gate.wait_log(r"127\.0\.0\.1:\d+ GET / 200")


def test_balancer_without_header_is_refused(gate):
    with Wire(gate.port) as wire:
        wire.send(REQUEST)
        assert wire.ends()
    gate.wait_log("PROXY header missing or not understood")


def test_header_has_a_deadline(crossgate, pki):
    transport = web({"/": HELLO}, tls=pki.tls("ec"))
    transport["endpoint"]["proxy_protocol"] = ["127.0.0.1"]
    gate = crossgate(transport, limits={"handshake_timeout": 300})
    with Wire(gate.port) as wire:
        wire.send(v2()[:20])
        assert wire.ends()
    gate.wait_log("PROXY header took too long")


def test_others_are_taken_as_they_are(crossgate, pki):
    transport = web({"/": HELLO}, tls=pki.tls("ec"), options={"access_log": True})
    transport["endpoint"]["proxy_protocol"] = ["192.0.2.0/24", "2001:db8::/32"]
    gate = crossgate(transport)
    with Wire(gate.port, pki.client()) as wire:
        assert wire.send(REQUEST).response().status == 200
    with Balanced(gate.port, v2()) as wire:
        assert wire.ends()
    gate.wait_log(r"127\.0\.0\.1:\d+ GET / 200")


def test_connection_under_way_survives_a_reload(gate, pki):
    with Balanced(gate.port, v2()[:20]) as wire:
        gate.reload()
        wire.send(v2()[20:])
        wire.socket = pki.client().wrap_socket(wire.socket, server_hostname="localhost")
        assert wire.send(REQUEST).response().status == 200


# To the node behind

class Node(RawBackend):
    """Reads a PROXY header, then a request, and refuses it."""

    def __init__(self):
        super().__init__(self.talk)
        self.headers = []

    @staticmethod
    def exactly(peer, count):
        data = b""
        while len(data) < count:
            more = peer.recv(count - len(data))
            assert more
            data += more
        return data

    def talk(self, _, peer):
        head = self.exactly(peer, 16)
        body = self.exactly(peer, struct.unpack("!H", head[14:])[0])
        self.read_head(peer)
        self.headers.append((head, body))
        peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        self.wait_end(peer)


def tlvs(data):
    found = {}
    while data:
        kind, length = struct.unpack("!BH", data[:3])
        found[kind], data = data[3:3 + length], data[3 + length:]
    return found


def refused(port, tls=None, **more):
    with WebSocketWire(port, tls, **more) as wire:
        return wire.upgrade("/ws").status


def test_node_learns_who_the_visitor_is(crossgate, pki):
    with Node() as node:
        gate = crossgate(web({"ws": reverseproxy(node, proxy_protocol=True)}, tls=pki.tls("ec")))
        assert refused(gate.port, pki.client()) == 403
        (head, body), = node.headers
        assert head[:14] == SIGNATURE + b"\x21\x11"
        source, target, _, port = struct.unpack("!4s4sHH", body[:12])
        assert (source, target, port) == (socket.inet_aton("127.0.0.1"),) * 2 + (gate.port,)
        found = tlvs(body[12:])
        assert found[0x02] == b"localhost"
        assert found[0x20][:5] == b"\x01" + struct.pack("!I", 1)
        inner = tlvs(found[0x20][5:])
        assert inner[0x21] == b"TLSv1.3" and inner[0x23].startswith(b"TLS_")
        assert node.heads[0].startswith(b"GET /ws HTTP/1.1\r\n")


def test_node_learns_the_certificates_name(crossgate, pki):
    with Node() as node:
        gate = crossgate(web({"ws": reverseproxy(node, proxy_protocol=True)},
                             tls=pki.tls("ec", ca_certificates=[pki["devices.pem"]])))
        assert refused(gate.port, pki.client("device")) == 403
        ssl_facts = tlvs(node.headers[0][1][12:])[0x20]
        assert ssl_facts[:5] == b"\x03\0\0\0\0"
        assert tlvs(ssl_facts[5:])[0x22] == b"meter-17"


def test_visitors_of_a_balancer_are_passed_on(crossgate, pki):
    with Node() as node:
        transport = web({"ws": reverseproxy(node, proxy_protocol=True)})
        transport["endpoint"]["proxy_protocol"] = ["127.0.0.1"]
        gate = crossgate(transport)
        wire = WebSocketWire(gate.port)
        with wire:
            wire.send(v2("2001:db8::9", 4711))
            assert wire.upgrade("/ws").status == 403
        (head, body), = node.headers
        assert head[12:14] == b"\x21\x21"
        assert body[:16] == socket.inet_pton(socket.AF_INET6, "2001:db8::9")
        assert body[16:32] == socket.inet_pton(socket.AF_INET6, "::ffff:127.0.0.1")
        assert struct.unpack("!HH", body[32:36]) == (4711, gate.port)
        assert b"X-Forwarded-For: 2001:db8::9\r\n" in node.heads[0]
