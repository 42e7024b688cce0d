"""The PROXY protocol: from a load balancer before the door, and to the node behind it."""
import socket
import struct

import pytest

from support.backend import Backend, reverseproxy
from support.gate import HELLO, web
from support.wait import eventually
from support.wire import Wire

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
