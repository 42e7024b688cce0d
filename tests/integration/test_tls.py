"""TLS as clients see it: openssl s_client, gnutls-cli, curl and Python's ssl against the real program."""
import os
import re
import socket
import ssl
import subprocess

import pytest
from OpenSSL import SSL

from support.gate import ECHO, HELLO, run, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

DOCUMENTED = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256:"
PATHS = {"/": HELLO, "ws": ECHO}


def s_client(gate, *words, say="Q\n", pki=None):
    trust = ["-CAfile", pki["root.pem"], "-verify_return_error"] if pki else []
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-servername", "localhost",
                           *trust, *words], input=say.encode(), capture_output=True, timeout=90)
    return (done.stdout + done.stderr).decode(errors="replace")


def sent_certificates(text):
    """(subject, issuer) of what the server sent, in order."""
    return re.findall(r"^ *\d+ s:CN = (.*)\n +i:CN = (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_both_versions_with_both_kinds_of_key(crossgate, pki, kind, version):
    gate = crossgate(web(PATHS, tls=pki.tls(kind)))
    text = s_client(gate, version, pki=pki)
    assert "Verify return code: 0 (ok)" in text
    assert f"New, TLSv{version[4:].replace('_', '.')}, Cipher is " in text
    assert "Compression: NONE" in text


def test_version_preferred_is_1_3_and_key_exchange_x25519(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    text = s_client(gate)
    assert "New, TLSv1.3" in text
    assert "Server Temp Key: X25519" in text


@pytest.mark.parametrize("dhparam", ["ffdhe4096.pem", "dhparam-2-4096.pem"])
@pytest.mark.parametrize("suite", DOCUMENTED.strip(":").split(":"))
def test_documented_example_serves_each_of_its_suites(crossgate, pki, suite, dhparam):
    gate = crossgate(web(PATHS, tls=pki.tls(dhparam=pki[dhparam], ciphers=DOCUMENTED)), workers=1)
    text = s_client(gate, "-tls1_2", "-cipher", suite, pki=pki)
    assert f"New, TLSv1.2, Cipher is {suite}" in text
    if suite.startswith("DHE"):
        assert "Server Temp Key: DH, 4096 bits" in text
    else:
        assert re.search("Server Temp Key: (ECDH|X25519)", text)


def test_documented_example_serves_none_but_its_suites(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls(dhparam=pki["ffdhe4096.pem"], ciphers=DOCUMENTED)), workers=1)
    for suite in ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305", "AES128-GCM-SHA256",
                  "ECDHE-RSA-AES128-SHA"):
        assert "handshake failure" in s_client(gate, "-tls1_2", "-cipher", suite)


@pytest.mark.parametrize("name, bits", [("dhparam-2-2048.pem", 2048), ("dhparam-5-2048.pem", 2048)])
def test_dhparam_of_either_generator_is_used(crossgate, pki, name, bits):
    gate = crossgate(web(PATHS, tls=pki.tls(dhparam=pki[name])), workers=1)
    text = s_client(gate, "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256")
    assert f"Server Temp Key: DH, {bits} bits" in text


def test_dhe_works_without_dhparam(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    text = s_client(gate, "-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256")
    bits = re.search(r"Server Temp Key: DH, (\d+) bits", text)
    assert bits and int(bits[1]) >= 2048


def test_server_prefers_aead_in_its_own_order(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    text = s_client(gate, "-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-GCM-SHA256:"
                                                "ECDHE-RSA-AES128-GCM-SHA256")
    assert "Cipher is ECDHE-RSA-AES128-GCM-SHA256" in text


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_ecdsa_key_serves_tls_1_2_under_default_suites(crossgate, pki, suite):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), workers=1)
    assert f"Cipher is {suite}" in s_client(gate, "-tls1_2", "-cipher", suite, pki=pki)


def test_cbc_sha1_suites_are_not_among_the_defaults(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    for suite in ("ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-SHA"):
        assert "handshake failure" in s_client(gate, "-tls1_2", "-cipher", suite)


def test_chain_is_sent_from_leaf_to_intermediate_without_root(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    text = s_client(gate, "-showcerts", pki=pki)
    assert sent_certificates(text) == [("localhost", "Test Intermediate"), ("Test Intermediate", "Test Root")]
    assert text.count("BEGIN CERTIFICATE") in (2, 3)  # the leaf may be shown again at the end


@pytest.mark.parametrize("name", ["rsa-fullchain.pem", "rsa-fullchain-root.pem"])
@pytest.mark.parametrize("repeated", [False, True])
def test_fullchain_as_certificate_sends_each_once_and_no_root(crossgate, pki, name, repeated):
    tls = {"key": pki["rsa.key"], "certificate": pki[name]}
    if repeated:
        tls["chain_certificates"] = [pki["chain.pem"], pki["chain.pem"]]
    gate = crossgate(web(PATHS, tls=tls))
    text = s_client(gate, pki=pki)
    assert "Verify return code: 0 (ok)" in text
    assert sent_certificates(text) == [("localhost", "Test Intermediate"), ("Test Intermediate", "Test Root")]


def test_chain_file_with_two_certificates_is_used_whole(crossgate, pki, directory):
    chain = directory / "chain.pem"
    chain.write_text(open(pki["chain.pem"]).read() + open(pki["root.pem"]).read())
    gate = crossgate(web(PATHS, tls={"key": pki["rsa.key"], "certificate": pki["rsa.pem"],
                                     "chain_certificates": [str(chain)]}))
    assert [subject for subject, _ in sent_certificates(s_client(gate))] == ["localhost", "Test Intermediate"]


def test_paths_are_relative_to_the_node_directory(crossgate, pki, directory):
    for name in ("rsa.key", "rsa.pem", "chain.pem"):
        (directory / name).write_bytes(open(pki[name], "rb").read())
    os.chmod(directory / "rsa.key", 0o600)
    gate = crossgate(web(PATHS, tls={"key": "rsa.key", "certificate": "rsa.pem", "chain_certificates": ["chain.pem"]}))
    assert "Verify return code: 0 (ok)" in s_client(gate, pki=pki)


@pytest.mark.parametrize("version, name", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_session_is_resumed(crossgate, pki, tmp_path, version, name):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    session = str(tmp_path / "session")
    say = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    first = s_client(gate, version, "-sess_out", session, "-ign_eof", say=say)
    assert f"New, {name}" in first and "200 OK" in first
    again = s_client(gate, version, "-sess_in", session, "-ign_eof", say=say)
    assert f"Reused, {name}" in again and "200 OK" in again


def test_early_data_is_not_offered(crossgate, pki):
    """A replayed 0-RTT request would be served twice (RFC 8446 section 8)."""
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    text = s_client(gate, "-tls1_3", "-ign_eof", say="GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert "200 OK" in text
    assert set(re.findall(r"Max Early Data: (\d+)", text)) == {"0"}


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    text = s_client(gate, version, "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in text
    assert "Cipher is (NONE)" in text


def test_renegotiation_is_refused(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    with socket.create_connection(("127.0.0.1", gate.port), 20) as raw:
        raw.settimeout(None)  # pyOpenSSL wants it blocking; the test's own limit bounds it
        client = SSL.Connection(context, raw)
        client.set_connect_state()
        client.do_handshake()
        assert client.renegotiate()
        with pytest.raises(SSL.Error):
            client.do_handshake()
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request().status == 200


def test_alpn_chooses_http_1_1(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    context = pki.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with Wire(gate.port, context) as wire:
        assert wire.socket.selected_alpn_protocol() == "http/1.1"
        assert wire.request().status == 200


def test_client_without_sni_or_alpn_is_served(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    context = pki.client(check_hostname=False)
    with Wire(gate.port, context, server_name=None) as wire:
        assert wire.socket.selected_alpn_protocol() is None
        assert wire.request().status == 200


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls_client_is_served(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    done = subprocess.run(
        ["gnutls-cli", "--x509cafile", pki["root.pem"], "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}",
         "-p", str(gate.port), "localhost"],
        input=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", capture_output=True, timeout=90)
    text = done.stdout.decode() + done.stderr.decode()
    assert "The certificate is trusted" in text
    assert "HTTP/1.1 200" in text and '"hello"' in text


# Client certificates

def mutual(pki, kind="rsa"):
    return pki.tls(kind, ca_certificates=[pki["devices.pem"]])


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_client_certificate_is_accepted(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=mutual(pki)))
    context = pki.client("device", maximum_version=version)
    with Wire(gate.port, context) as wire:
        assert wire.request().status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("who", [None, "stranger"])
def test_client_certificate_is_mandatory_and_must_be_of_the_ca(crossgate, pki, version, who):
    gate = crossgate(web(PATHS, tls=mutual(pki)))
    context = pki.client(who, maximum_version=version)
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with Wire(gate.port, context) as wire:
            wire.request()
    gate.wait_log("client certificate missing or not accepted")


def test_client_certificate_request_names_the_authorities(crossgate, pki):
    gate = crossgate(web(PATHS, tls=mutual(pki)))
    text = s_client(gate, "-cert", pki["device.pem"], "-key", pki["device.key"])
    assert re.search(r"Acceptable client certificate CA names\nCN = Test Devices", text)


def test_client_certificates_resume(crossgate, pki, tmp_path):
    gate = crossgate(web(PATHS, tls=mutual(pki)), workers=1)
    session = str(tmp_path / "session")
    words = ["-cert", pki["device.pem"], "-key", pki["device.key"], "-ign_eof"]
    say = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert "200 OK" in s_client(gate, "-sess_out", session, *words, say=say)
    again = s_client(gate, "-sess_in", session, *words, say=say)
    assert "Reused" in again and "200 OK" in again


# The end of a connection

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_server_says_close_notify(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    with Wire(gate.port, pki.client(maximum_version=version)) as wire:
        assert wire.request(headers=["Connection: close"]).status == 200
        assert wire.rest() == b""  # raises if the TCP connection ended without close_notify


def test_server_answers_close_notify(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request().status == 200
        wire.socket.unwrap().close()  # waits for the server's close_notify; raises without


def test_truncated_request_is_no_request(crossgate, pki):
    """A head that is cut off, with or without close_notify, must not be answered as if it were whole."""
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    wire = Wire(gate.port, pki.client())
    wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n")
    wire.cut()
    with Wire(gate.port, pki.client()) as other:
        assert other.request().status == 200


def test_plain_http_on_the_tls_port_gets_400(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    with Wire(gate.port) as wire:
        answer = wire.request()
        assert answer.status == 400
        assert wire.rest() == b""
    gate.wait_log("plain HTTP on a TLS port")


@pytest.mark.parametrize("name, data", [
    ("noise", b"\x00\x01\x02\x03" * 50),
    ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("sslv2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(40)),
    ("alert", b"\x15\x03\x03\x00\x02\x02\x28"),
    ("application data first", b"\x17\x03\x03\x00\x20" + bytes(32)),
    ("record over the limit", b"\x16\x03\x01\xff\xff" + bytes(1000)),
    ("empty handshake record", b"\x16\x03\x01\x00\x00"),
    ("hello with a lying length", b"\x16\x03\x01\x00\x2f\x01\x00\xff\xff\x03\x03" + bytes(41)),
])
def test_noise_instead_of_a_handshake_ends_the_connection_only(crossgate, pki, name, data):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1, limits={"handshake_timeout": 3000})
    pid, = gate.workers()
    with Wire(gate.port) as wire:
        wire.send(data)
        assert wire.ends()
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request().status == 200
    assert gate.workers() == [pid]


def test_broken_record_in_an_open_session_ends_it_alone(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    with WebSocketWire(gate.port, pki.client()) as good, WebSocketWire(gate.port, pki.client()) as bad:
        good.open()
        bad.open()
        raw = socket.socket(fileno=os.dup(bad.socket.fileno()))
        raw.sendall(b"\x17\x03\x03\x00\x40" + bytes(64))
        raw.close()
        assert bad.ends()
        good.send(frame(TEXT, "still here"))
        assert good.message() == (TEXT, b"still here")


def test_records_split_at_each_byte_are_put_together(crossgate, pki):
    """A TLS client whose bytes arrive one by one, from the ClientHello to the answer."""
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), workers=1)
    inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = pki.client().wrap_bio(inside, outside, server_hostname="localhost")
    with Wire(gate.port) as wire:
        def pump(step):
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    flush()
                    data = wire.socket.recv(65536)
                    assert data
                    inside.write(data)

        def flush():
            for byte in outside.read():
                wire.socket.sendall(bytes([byte]))

        pump(session.do_handshake)
        session.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert pump(lambda: session.read(1000)).startswith(b"HTTP/1.1 200")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
@pytest.mark.parametrize("interface", ["::1", ""])
def test_tls_over_ipv6(crossgate, pki, interface):
    endpoint = tcp(version=6)
    endpoint["interface"] = interface
    gate = crossgate(web(PATHS, tls=pki.tls(), endpoint=endpoint), workers=1)
    with Wire(gate.port, pki.client(), host="::1", server_name="localhost") as wire:
        assert wire.request().status == 200


def test_many_handshakes_at_once_all_succeed(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    context = pki.client()
    waiting = []
    for _ in range(100):
        raw = socket.create_connection(("127.0.0.1", gate.port), 20)
        wrapped = context.wrap_socket(raw, server_hostname="localhost", do_handshake_on_connect=False)
        wrapped.setblocking(False)
        waiting.append(wrapped)
    pending = list(waiting)

    def step():
        for one in list(pending):
            try:
                one.do_handshake()
                pending.remove(one)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
        return not pending

    eventually(step)
    for one in waiting:
        one.close()


def test_version_names_the_libraries():
    done = run("version")
    assert done.returncode == 0
    assert "OpenSSL 3" in done.stdout


def last_words(gate, words):
    """All that is answered to a client that says with the end of its handshake, at once, all that it will ever say."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def complete(step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                peer.sendall(outgoing.read())
                incoming.write(peer.recv(65536))

    with socket.create_connection(("127.0.0.1", gate.port), timeout=90) as peer:
        complete(tls.do_handshake)
        tls.write(words)
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()
        peer.sendall(outgoing.read())
        peer.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: peer.recv(65536), b""))


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_who_asks_and_leaves_with_the_end_of_the_handshake_is_answered(crossgate, pki, kind):
    gate = crossgate(web(PATHS, tls=pki.tls(kind)))
    for _ in range(10):
        assert len(last_words(gate, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) > 100
