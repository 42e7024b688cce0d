"""TLS sessions that go on: at another worker, after a reload, a crash, a restart, on another machine; and where they must not."""
import base64
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from support.backend import Backend, reverseproxy
from support.gate import HELLO, document, run, web
from support.wait import eventually
from support.wire import WebSocketWire

from test_facts import passed
from test_reload import renew, renewable
from test_tls import s_client

PATHS = {"/": HELLO}
SAY = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
VERSIONS = [pytest.param(ssl.TLSVersion.TLSv1_2, id="1.2"), pytest.param(ssl.TLSVersion.TLSv1_3, id="1.3")]
WORDS = {ssl.TLSVersion.TLSv1_2: "-tls1_2", ssl.TLSVersion.TLSv1_3: "-tls1_3"}


class Visitor:
    """Comes again and again with the session of its last visit."""

    def __init__(self, pki, version, kind=None):
        self.context = pki.client(kind, maximum_version=version)
        self.session = None

    def visit(self, port):
        """Whether it was resumed."""
        with socket.create_connection(("127.0.0.1", port), 20) as raw:
            with self.context.wrap_socket(raw, server_hostname="localhost", session=self.session) as tls:
                tls.sendall(SAY.encode())
                answer = b""
                while part := tls.recv(65536):
                    answer += part
                assert answer.startswith(b"HTTP/1.1 200")
                self.session = tls.session
                return tls.session_reused


def handshakes(gate):
    done = run("status", "--json", "--cbdir", gate.directory)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["handshakes"]


def make_key():
    return os.urandom(80)


def write_keys(path, *keys):
    fresh = path.with_suffix(".new")
    fresh.write_text("# of a test\n" + "".join(base64.b64encode(key).decode() + "\n" for key in keys))
    fresh.chmod(0o600)
    os.replace(fresh, path)


def sealed_by(gate, version, directory):
    """The name of the key that a new session's ticket is sealed by."""
    session = str(directory / "session")
    s_client(gate, WORDS[version], "-sess_out", session, "-ign_eof", say=SAY)
    text = subprocess.run(["openssl", "sess_id", "-in", session, "-noout", "-text"], capture_output=True, text=True,
                          timeout=90, check=True).stdout
    return bytes.fromhex(re.search(r"0000 - ((?:[0-9a-f]{2}[ -]){16})", text)[1].replace("-", " "))


def wait_sealed_by(gate, version, directory, key):
    """Until all workers seal by that key: they hear of it a moment after the master has said that it is reloaded."""
    eventually(lambda: all(sealed_by(gate, version, directory) == key[:16] for _ in range(6)))


# Where sessions go on

@pytest.mark.parametrize("version", VERSIONS)
def test_all_workers_resume_each_others_sessions(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), workers=4)
    visitor = Visitor(pki, version)
    assert not visitor.visit(gate.port)
    assert all(visitor.visit(gate.port) for _ in range(60))
    old = int(version == ssl.TLSVersion.TLSv1_2)
    assert handshakes(gate) == {"full": 1, "resumed": 60, "full_tls12": old, "resumed_tls12": 60 * old,
                                "tickets_unknown": 0, "resumed_percent": 98}
    text = run("status", "--cbdir", gate.directory).stdout
    assert (f"TLS handshakes: 1 full ({old} of TLS 1.2), 60 resumed ({60 * old} of TLS 1.2), 98 %; "
            "tickets of unknown keys: 0\n") in text


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_survive_a_reload_with_a_new_certificate(crossgate, pki, directory, version):
    renew(directory, pki, "ec")
    gate = crossgate(renewable(pki, PATHS), workers=4)
    visitor = Visitor(pki, version)
    assert not visitor.visit(gate.port)
    renew(directory, pki, "renewed")
    gate.reload(expect="reloaded: 1 transport")
    assert all(visitor.visit(gate.port) for _ in range(40))


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_survive_the_death_of_workers(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), workers=4)
    visitor = Visitor(pki, version)
    assert not visitor.visit(gate.port)
    before = gate.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(gate.workers()) == 4 and not set(gate.workers()) & set(before))
    assert all(visitor.visit(gate.port) for _ in range(40))


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_survive_a_restart_with_a_key_file_only(crossgate, pki, directory, version):
    write_keys(directory / "tickets", make_key())
    for words, resumed in (({}, False), ({"ticket_keys": str(directory / "tickets")}, True)):
        visitor = Visitor(pki, version)
        for round in range(2):
            gate = crossgate(web(PATHS, tls=pki.tls("ec")), **words)
            assert visitor.visit(gate.port) == (resumed and round == 1)
            gate.stop()


@pytest.mark.parametrize("version", VERSIONS)
def test_two_instances_share_a_key_file(crossgate, pki, directory, version):
    write_keys(directory / "tickets", make_key())
    gates = [crossgate(web(PATHS, tls=pki.tls(kind)), ticket_keys=str(directory / "tickets")) for kind in ("rsa", "ec")]
    visitor = Visitor(pki, version)
    assert not visitor.visit(gates[0].port)
    assert all(visitor.visit(gate.port) for gate in gates * 5)


@pytest.mark.parametrize("version", VERSIONS)
def test_keys_of_the_file_are_rotated_without_a_full_handshake(crossgate, pki, directory, version):
    """As it is documented: the new key second, then first, then the old one goes."""
    old, new, foreign = make_key(), make_key(), make_key()
    write_keys(directory / "tickets", old)
    transport = web(PATHS, tls=pki.tls("ec"))
    gate = crossgate(transport, workers=3, ticket_keys="tickets")
    visitor = Visitor(pki, version)
    assert not visitor.visit(gate.port)
    assert sealed_by(gate, version, directory) == old[:16]
    for keys in ([old, new], [new, old]):
        write_keys(directory / "tickets", *keys)
        gate.reload(expect="reloaded: 1 transport")
        assert all(visitor.visit(gate.port) for _ in range(10))
        wait_sealed_by(gate, version, directory, keys[0])
        assert visitor.visit(gate.port)  # renewed, if it was of the old key
    write_keys(directory / "tickets", new)
    gate.reload(expect="reloaded: 1 transport")
    assert all(visitor.visit(gate.port) for _ in range(10))
    assert handshakes(gate)["tickets_unknown"] == 0
    write_keys(directory / "tickets", foreign)
    gate.reload(expect="reloaded: 1 transport")
    wait_sealed_by(gate, version, directory, foreign)
    assert not visitor.visit(gate.port)
    assert handshakes(gate)["tickets_unknown"] == 1
    assert visitor.visit(gate.port)


def test_key_file_is_watched(crossgate, pki, directory):
    version = ssl.TLSVersion.TLSv1_3
    old, new = make_key(), make_key()
    write_keys(directory / "tickets", old)
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), workers=3, ticket_keys="tickets")
    visitor = Visitor(pki, version)
    assert not visitor.visit(gate.port)
    write_keys(directory / "tickets", new, old)
    wait_sealed_by(gate, version, directory, new)
    assert visitor.visit(gate.port)


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_are_switched_off_and_on(crossgate, pki, version):
    transport = web(PATHS, tls=pki.tls("ec"))
    gate = crossgate(transport, session_tickets=False)
    visitor = Visitor(pki, version)
    for _ in range(6):
        assert not visitor.visit(gate.port)
        assert not visitor.session.has_ticket
    gate.reload(document(transport), expect="reloaded: 1 transport")
    eventually(lambda: all(visitor.visit(gate.port) for _ in range(6)))
    kept = visitor.session
    gate.reload(document(transport, session_tickets=False), expect="reloaded: 1 transport")

    def gets_none():
        visitor.session = kept
        return not any(visitor.visit(gate.port) or visitor.session.has_ticket for _ in range(6))
    eventually(gets_none)


# Clients of all kinds

@pytest.mark.parametrize("version, name", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_s_client_resumes_with_a_key_exchange_of_its_own(crossgate, pki, directory, version, name):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=4)
    session = str(directory / "session")
    assert f"New, {name}" in s_client(gate, version, "-sess_out", session, "-ign_eof", say=SAY)
    for _ in range(8):
        text = s_client(gate, version, "-sess_in", session, "-sess_out", session, "-ign_eof", say=SAY)
        assert f"Reused, {name}" in text and "200 OK" in text
        # Only TLS 1.3 knows of an exchange in a resumed handshake.
        assert ("Server Temp Key: X25519" in text) == (version == "-tls1_3")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls_resumes(crossgate, pki, version):
    gate = crossgate(web({"/": HELLO}, tls=pki.tls()), workers=4)
    done = subprocess.run(
        ["gnutls-cli", "--x509cafile", pki["root.pem"], "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}", "--resume",
         "--waitresumption", "-p", str(gate.port), "localhost"],
        input=SAY.encode(), capture_output=True, timeout=90)
    text = done.stdout.decode() + done.stderr.decode()
    assert "This is a resumed session" in text and "HTTP/1.1 200" in text
    assert handshakes(gate)["resumed"] == 1


def test_curl_resumes(crossgate, pki):
    """Over TLS 1.2 curl asks for no tickets. Over TLS 1.3 it uses each once, so there must be a new one each time."""
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=4)
    url = f"https://localhost:{gate.port}/"
    subprocess.run(["curl", "-sSf", "--cacert", pki["root.pem"], "--resolve", f"localhost:{gate.port}:127.0.0.1",
                    "-H", "Connection: close", *[url] * 6], check=True, capture_output=True, timeout=90)
    counted = handshakes(gate)
    assert (counted["full"], counted["resumed"]) == (1, 5)


# Where they must not go on

def test_early_data_is_not_even_tried(crossgate, pki, directory):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    session, early = str(directory / "session"), directory / "early"
    early.write_text(SAY)
    s_client(gate, "-tls1_3", "-sess_out", session, "-ign_eof", say=SAY)
    text = s_client(gate, "-tls1_3", "-sess_in", session, "-early_data", str(early), "-ign_eof", say=SAY)
    assert "Reused, TLSv1.3" in text and text.count("200 OK") == 1
    assert "Early data was not sent" in text


@pytest.mark.parametrize("version", VERSIONS)
def test_ticket_of_an_open_port_opens_no_port_that_demands_a_certificate(crossgate, pki, version):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")),
                     web(PATHS, tls=pki.tls("ec", ca_certificates=[pki["devices.pem"]])))
    free, closed = gate.ports()
    visitor = Visitor(pki, version)
    assert not visitor.visit(free)
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        visitor.visit(closed)
    gate.wait_log("client certificate missing or not accepted")
    assert visitor.visit(free)


@pytest.mark.parametrize("version", VERSIONS)
def test_ticket_tells_of_the_certificate_as_long_as_the_authorities_are_the_same(crossgate, pki, directory, version):
    shutil.copy(pki["devices.pem"], directory / "ca.pem")
    with Backend() as backend:
        transport = web({"/": HELLO, "ws": reverseproxy(backend)}, tls=pki.tls("ec", ca_certificates=["ca.pem"]))
        gate = crossgate(transport, workers=1)
        visitor = Visitor(pki, version, "device")
        assert not visitor.visit(gate.port)
        assert visitor.visit(gate.port)

        def tell():
            raw = socket.create_connection(("127.0.0.1", gate.port), 20)
            tls = visitor.context.wrap_socket(raw, server_hostname="localhost", session=visitor.session)
            with WebSocketWire.over(tls) as wire:
                wire.open("/ws")
                return tls.session_reused, passed(backend)["x-tls-client-subject"]
        assert tell() == (True, "CN=meter-17")
        # The authority that has issued the certificate is no longer trusted.
        shutil.copy(pki["root.pem"], directory / "ca.pem")
        gate.reload(expect="reloaded: 1 transport")

        def is_refused():
            try:
                return visitor.visit(gate.port) is None
            except ssl.SSLError:
                return True
        eventually(is_refused)


@pytest.mark.parametrize("version", VERSIONS)
def test_damaged_ticket_leads_to_a_full_handshake(crossgate, pki, directory, version):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")))
    session = directory / "session"
    s_client(gate, WORDS[version], "-sess_out", str(session), "-ign_eof", say=SAY)
    good = ssl.PEM_cert_to_DER_cert(session.read_text().replace("SSL SESSION PARAMETERS", "CERTIFICATE"))
    name = sealed_by(gate, version, directory)
    at = good.index(name)
    for place in (at, at + 16, at + 40):  # the key's name, the vector, what is encrypted
        bad = bytearray(good)
        bad[place] ^= 1
        session.write_text(ssl.DER_cert_to_PEM_cert(bytes(bad)).replace("CERTIFICATE", "SSL SESSION PARAMETERS"))
        text = s_client(gate, WORDS[version], "-sess_in", str(session), "-ign_eof", say=SAY)
        assert "New, TLS" in text and "200 OK" in text
    assert handshakes(gate)["tickets_unknown"] == 1


# The key file

@pytest.mark.parametrize("text, words", [
    ("", ["has no key in it", "openssl rand -base64 80 | tr -d '\\n'"]),
    ("# only words\n", ["has no key in it"]),
    ("\nnonsense\n", ["tickets:2: a key has 108 characters", "openssl rand"]),
    (base64.encodebytes(bytes(80)).decode(), ["tickets:1: a key has 108 characters", "tickets:2: a key has 108 characters"]),
    (None, ["tickets cannot be read"]),
])
def test_check_names_what_is_wrong_with_the_key_file(pki, directory, text, words):
    if text is not None:
        (directory / "tickets").write_text(text)
        (directory / "tickets").chmod(0o600)
    config = directory / "config.json"
    config.write_text(json.dumps(document(web(PATHS, tls=pki.tls("ec")), ticket_keys="tickets")))
    done = run("check", "--config", config)
    assert done.returncode == 1
    assert all(word in done.stdout + done.stderr for word in words), done.stdout + done.stderr
    assert "crossgate.ticket_keys" in done.stdout + done.stderr


def test_key_file_that_others_may_read_or_that_is_not_used_is_warned_of(pki, directory):
    write_keys(directory / "tickets", make_key())
    (directory / "tickets").chmod(0o640)
    config = directory / "config.json"
    for extension, words in (({}, "has mode 0640: the keys of session tickets are open to its group"),
                             ({"session_tickets": False}, "the key file is not read: session_tickets is false")):
        config.write_text(json.dumps(document(web(PATHS, tls=pki.tls("ec")), ticket_keys="tickets", **extension)))
        done = run("check", "--config", config)
        assert done.returncode == 0 and words in done.stdout + done.stderr


def test_broken_key_file_leaves_all_as_it_was(crossgate, pki, directory):
    write_keys(directory / "tickets", make_key())
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), ticket_keys="tickets")
    visitor = Visitor(pki, ssl.TLSVersion.TLSv1_3)
    assert not visitor.visit(gate.port)
    (directory / "tickets").write_text("nonsense\n")
    gate.reload(expect="reload refused")
    assert all(visitor.visit(gate.port) for _ in range(10))
