"""What the node behind learns of a visitor's TLS: client certificate and channel binding."""
import base64
import socket

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from OpenSSL import SSL

from support.backend import Backend, reverseproxy
from support.clients import connect, run
from support.gate import HELLO, web
from support.origin import Origin
from support.wait import eventually
from support.wire import WebSocketWire

FORGED = {"X-TLS-Client-Verify": "SUCCESS", "X-TLS-Client-Subject": "CN=root", "X-TLS-Client-SHA1": "00",
          "X-TLS-Exporter": ":AA==:", "X-SSL-Client-Verify": "SUCCESS", "Client-Cert": ":AA==:",
          "Client-Cert-Chain": ":AA==:"}


def passed(backend):
    """The fields of the backend's last request that tell of TLS."""
    _, headers = eventually(lambda: backend.requests)[-1]
    return {name.lower(): value for name, value in headers.items()
            if name.lower().startswith(("x-tls-", "x-ssl-", "client-cert"))}


def visit(gate, pki, kind=None, headers=()):
    with WebSocketWire(gate.port, pki.client(kind)) as wire:
        wire.open("/ws", [f"{name}: {value}" for name, value in dict(headers).items()])


@pytest.fixture
def backend():
    with Backend() as backend:
        yield backend


def colons(digest):
    return ":".join(f"{byte:02X}" for byte in digest)


def told_of(path):
    """What is told of the client that has shown this certificate."""
    with open(path, "rb") as file:
        certificate = x509.load_pem_x509_certificate(file.read())
    der = certificate.public_bytes(serialization.Encoding.DER)
    serial = f"{certificate.serial_number:X}"
    return {
        "client-cert": f":{base64.b64encode(der).decode()}:",
        "x-tls-client-verify": "SUCCESS",
        "x-tls-client-subject": certificate.subject.rfc4514_string(),
        "x-tls-client-serial": serial.zfill(len(serial) + len(serial) % 2),
        "x-tls-client-sha1": colons(certificate.fingerprint(hashes.SHA1())),
        "x-tls-client-sha256": colons(certificate.fingerprint(hashes.SHA256())),
    }


def test_certificate_of_the_client_is_told(crossgate, pki, backend):
    gate = crossgate(web({"ws": reverseproxy(backend)}, tls=pki.tls("ec", ca_certificates=[pki["devices.pem"]])))
    visit(gate, pki, "device", FORGED)
    assert passed(backend) == told_of(pki["device.pem"])
    assert passed(backend)["x-tls-client-subject"] == "CN=meter-17"


def test_what_clients_claim_of_themselves_is_removed(crossgate, pki, backend):
    gate = crossgate(web({"ws": reverseproxy(backend)}, tls=pki.tls("ec")))
    visit(gate, pki, headers=FORGED)
    assert passed(backend) == {}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_channel_binding_is_that_of_the_client(crossgate, pki, backend, version):
    gate = crossgate(web({"ws": reverseproxy(backend)}, tls=pki.tls("ec", channel_binding="tls-exporter",
                                                                    ciphers="ECDHE+AESGCM")))
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION if version == "TLSv1.2" else SSL.TLS1_3_VERSION)
    raw = socket.create_connection(("127.0.0.1", gate.port), 20)
    raw.settimeout(None)  # pyOpenSSL wants it blocking
    client = SSL.Connection(context, raw)
    client.set_connect_state()
    client.do_handshake()
    assert client.get_protocol_version_name() == version
    client.sendall("\r\n".join(["GET /ws HTTP/1.1", "Host: localhost", "Connection: Upgrade", "Upgrade: websocket",
                                "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {WebSocketWire.KEY}", "", ""]).encode())
    assert client.recv(12) == b"HTTP/1.1 101"
    ours = client.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    assert passed(backend) == {"x-tls-exporter": f":{base64.b64encode(ours).decode()}:"}
    raw.close()


def test_channel_binding_is_not_told_unless_asked_for(crossgate, pki, backend):
    gate = crossgate(web({"ws": reverseproxy(backend)}, tls=pki.tls("ec")))

    async def talk():
        async with connect(gate, pki) as client:
            await client.send("x")
            assert await client.recv() == "x"
    run(talk())
    assert passed(backend) == {}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_all_is_told_again_when_the_ticket_has_been_given_and_keys_are_new(crossgate, pki, version):
    """With the ticket goes what the handshake was made with; what it came to is kept."""
    with Origin() as origin:
        gate = crossgate(web({"/": HELLO, "api": origin.service()},
                             tls=pki.tls("ec", ca_certificates=[pki["devices.pem"]], channel_binding="tls-exporter")), workers=1)
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate_file(pki["device.pem"])
        context.use_privatekey_file(pki["device.key"])
        context.set_max_proto_version(SSL.TLS1_2_VERSION if version == "TLSv1.2" else SSL.TLS1_3_VERSION)
        with socket.create_connection(("127.0.0.1", gate.port), 20) as raw:
            raw.settimeout(None)  # pyOpenSSL wants it blocking
            client = SSL.Connection(context, raw)
            client.set_tlsext_host_name(b"localhost")
            client.set_connect_state()
            client.do_handshake()
            binding = base64.b64encode(client.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")).decode()
            for _ in range(3):
                for target in ("/", "/api/"):
                    client.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                    answer = b""
                    while b"hello" not in answer:
                        answer += client.recv(65536)
        assert len(origin.requests) == 3 and origin.connections == 1
        for request in origin.requests:
            told = {name.lower(): value for name, value in request.headers if name.lower().startswith(("x-tls-", "client-cert"))}
            assert told == {**told_of(pki["device.pem"]), "x-tls-exporter": f":{binding}:"}
