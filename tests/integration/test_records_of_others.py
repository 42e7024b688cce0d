"""Open connections of other people's clients: each suite, key updates, small fragments, sessions that go on, and volume."""
import asyncio
import hashlib
import http.client
import os
import re
import subprocess

import pytest
import websockets

from support.gate import ECHO, HELLO, web
from support.origin import Origin, answer
from support.records import VERSIONS
from support.visitors import Dialogue
from support.wire import BINARY, WebSocketWire, close_frame, frame

TLS12 = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "DHE-RSA-AES128-CCM",
         "ECDHE-RSA-AES128-SHA256"]
TLS13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256"]
GNUTLS = {"ECDHE-RSA-AES128-GCM-SHA256": "+AES-128-GCM", "ECDHE-RSA-AES256-GCM-SHA384": "+AES-256-GCM",
          "ECDHE-RSA-CHACHA20-POLY1305": "+CHACHA20-POLY1305", "DHE-RSA-AES128-CCM": "+AES-128-CCM",
          "ECDHE-RSA-AES128-SHA256": "+AES-128-CBC:+SHA256", "TLS_AES_128_GCM_SHA256": "+AES-128-GCM",
          "TLS_AES_256_GCM_SHA384": "+AES-256-GCM", "TLS_CHACHA20_POLY1305_SHA256": "+CHACHA20-POLY1305",
          "TLS_AES_128_CCM_SHA256": "+AES-128-CCM"}
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           f"Sec-WebSocket-Key: {WebSocketWire.KEY}\r\n\r\n").encode()
MiB = 1 << 20


@pytest.fixture(params=["1.2", "1.3"])
def version(request):
    return request.param


@pytest.fixture
def gate(crossgate, pki):
    tls = pki.tls(ciphers=":".join(TLS12), ciphersuites=TLS13, dhparam=pki["ffdhe4096.pem"])
    return crossgate(web({"/": HELLO, "ws": ECHO}, tls=tls), workers=1)


def context(pki, version):
    return pki.client(minimum_version=VERSIONS[version], maximum_version=VERSIONS[version])


def s_client(gate, version, *words):
    return Dialogue(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-servername", "localhost",
                     f"-tls{version.replace('.', '_')}", *words])


def gnutls(gate, pki, version, ciphers="", *words):
    only = f":-CIPHER-ALL:{ciphers}" if ciphers else ""
    return Dialogue(["gnutls-cli", "--x509cafile", pki["root.pem"], "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}{only}",
                     *words, "-p", gate.port, "localhost"])


def bulk(size):
    """A message of letters, and its end, which occurs once."""
    end = os.urandom(16).hex().encode()
    return frame(BINARY, b"x" * (size - len(end)) + end), end


def talk(dialogue):
    """A page, and messages of some records both ways."""
    dialogue.say(ASK, b'"hello"')
    dialogue.say(UPGRADE, WebSocketWire.ACCEPT.encode())
    for size in (100, 20000, 100000):
        message, end = bulk(size)
        assert dialogue.say(message, end).count("x") >= size - 32
    dialogue.say(close_frame(1000), b"\x88\x02\x03\xe8")


# Suites

@pytest.mark.parametrize("suite", TLS12 + TLS13)
def test_each_suite_of_openssl_and_gnutls(gate, pki, suite):
    version, choose = ("1.2", "-cipher") if suite in TLS12 else ("1.3", "-ciphersuites")
    with s_client(gate, version, choose, suite, "-quiet") as dialogue:
        talk(dialogue)
    with gnutls(gate, pki, version, GNUTLS[suite]) as dialogue:
        talk(dialogue)


# Key updates and renegotiation

def test_keys_are_renewed_by_s_client_again_and_again(gate):
    with s_client(gate, "1.3", "-msg") as dialogue:
        dialogue.say(b"", b"Verify return code")
        for _ in range(5):
            for letter in (b"k\n", b"K\n"):
                dialogue.say(letter, b"KEYUPDATE")
                dialogue.say(ASK, b'"hello"')
        # The server has renewed its own keys whenever it was asked to.
        assert len(re.findall(rb"<<< TLS 1.3, Handshake \[length 0005\], KeyUpdate", dialogue.said)) == 5


def test_keys_are_renewed_by_gnutls_again_and_again(gate, pki):
    with gnutls(gate, pki, "1.3", "", "--inline-commands") as dialogue:
        dialogue.say(b"", b"Simple Client Mode")
        for _ in range(5):
            for command in (b"^rekey1^\n", b"^rekey^\n"):
                dialogue.say(command, b"Rekey was completed")
                dialogue.say(ASK, b'"hello"')


def test_session_goes_on_after_key_updates(gate, version, directory):
    for words in (["-sess_out"], ["-sess_in"]):
        with s_client(gate, version, *words, directory / "session") as dialogue:
            assert ("Reused" in dialogue.say(b"", b"Verify return code")) == (words == ["-sess_in"])
            dialogue.say(ASK, b'"hello"')
            for letter in (b"k\n", b"K\n") if version == "1.3" else ():
                dialogue.say(letter, b"KEYUPDATE")
                dialogue.say(ASK, b'"hello"')
            dialogue.say(b"Q\n", b"DONE")


def test_renegotiation_is_refused_and_nobody_else_notices(gate, pki):
    with s_client(gate, "1.2", "-quiet") as other:
        other.say(ASK, b'"hello"')
        with s_client(gate, "1.2") as dialogue:
            dialogue.say(b"", b"Verify return code")
            assert "no renegotiation" in dialogue.say(b"R\n", b"no renegotiation")
        other.say(ASK, b'"hello"')


# Fragments

@pytest.mark.parametrize("limit", [512, 4096])
def test_records_are_as_small_as_the_client_wants(gate, version, limit):
    with s_client(gate, version, "-quiet", "-msg", "-maxfraglen", str(limit)) as dialogue:
        dialogue.say(UPGRADE, WebSocketWire.ACCEPT.encode())
        since = len(dialogue.said)
        message, end = bulk(20000)
        dialogue.say(message, end)
        heads = re.findall(rb"<<< (?:TLS 1.\d|[^\n]*), RecordHeader \[length 0005\]\n +17 03 03 (\w\w) (\w\w)", dialogue.said[since:])
        around = 17 if version == "1.3" else 24
        lengths = [int(high + low, 16) - around for high, low in heads]
        assert max(lengths) == limit and sum(lengths) >= 20004


@pytest.mark.parametrize("words", [["-split_send_frag", "512"], ["-max_send_frag", "512"], ["-record_padding", "1000"]])
def test_clients_cut_and_pad_as_they_like(gate, version, words):
    with s_client(gate, version, "-quiet", *words) as dialogue:
        talk(dialogue)


# Volume

def test_curl_sends_and_fetches_fifty_megabytes(crossgate, pki, directory, version):
    body = directory / "web" / "body"
    body.parent.mkdir()
    body.write_bytes(os.urandom(MiB) * 50)
    wanted = hashlib.sha256(body.read_bytes()).hexdigest()

    def take(origin, peer, request):
        digest = hashlib.sha256()
        for piece in peer.pieces(request):
            digest.update(piece)
        return answer(digest.hexdigest().encode())

    with Origin(take, tls=pki.server("ec")) as origin:
        tls = {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}
        node = {"type": "reverseproxy", "endpoint": {**origin.endpoint, "tls": tls}}
        gate = crossgate(web({"/": {"type": "static", "directory": "web"}, "up": node}, tls=pki.tls("ec")), workers=1)
        words = ["curl", "-sSf", "--cacert", pki["root.pem"], f"--tlsv{version}", "--tls-max", version, "--noproxy", "*"]
        url = f"https://localhost:{gate.port}"
        sent = subprocess.run([*words, "-T", body, f"{url}/up"], check=True, capture_output=True, timeout=90)
        assert sent.stdout.decode() == wanted
        subprocess.run([*words, "-o", directory / "fetched", f"{url}/body"], check=True, capture_output=True, timeout=90)
        assert hashlib.sha256((directory / "fetched").read_bytes()).hexdigest() == wanted


def test_a_thousand_requests_over_one_connection(gate, pki, version):
    client = http.client.HTTPSConnection("localhost", gate.port, context=context(pki, version))
    client.connect()
    first = client.sock
    for _ in range(1000):
        client.request("GET", "/")
        assert b"hello" in client.getresponse().read()
    assert client.sock is first
    client.close()


def test_messages_of_all_sizes_come_back_as_they_went(gate, pki, version):
    async def session():
        async with websockets.connect(f"wss://localhost:{gate.port}/ws", ssl=context(pki, version), max_size=None,
                                      compression=None) as client:
            for size in (0, 1, 125, 126, 65535, 65536, 16 * MiB):
                message = os.urandom(size)
                await client.send(message)
                assert hashlib.sha256(await client.recv()).digest() == hashlib.sha256(message).digest(), size
    asyncio.run(asyncio.wait_for(session(), 90))
