"""`crossgate probe` against our own front door, against other servers with all that can be wrong, and against hostile ones."""
import datetime
import json
import os
import pty
import re
import socket
import subprocess
import time
from types import SimpleNamespace

import jsonschema
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from support import ports
from support.foreign import Nginx, Scripted, accept_value, openssl, read_head
from support.gate import ECHO, HELLO, binary, run, web

pytestmark = pytest.mark.checked

PATHS = {"/": HELLO, "ws": ECHO, "moved": {"type": "redirect", "url": "https://example.com/there"}}


def probe(target, *words, **more):
    """What --json says, with `status`, the exit status. A port stands for that port of localhost."""
    where = f"localhost:{target}" if isinstance(target, int) else target
    done = run("probe", where, "--json", *words, **more)
    assert done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert done.returncode == {"good": 0, "doubtful": 0, "bad": 1, "unreachable": 3}[report["verdict"]]
    return SimpleNamespace(status=done.returncode, **report)


def found(report, least="warning"):
    """Ids of the findings that are at least so bad."""
    ranks = ["note", "warning", "bad"]
    return {one["id"] for one in report.findings if ranks.index(one["severity"]) >= ranks.index(least)}


def finding(report, name):
    return next(one for one in report.findings if one["id"] == name)


# ---- what --json prints: every member, and no other

def _all(**members):
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _list(item):
    return {"type": "array", "items": item}


TEXT, TRUTH, NUMBER, COUNT = {"type": "string"}, {"type": "boolean"}, {"type": "number"}, {"type": "integer"}


def _maybe(kind):
    return {**kind, "type": [kind["type"], "null"]}


MAYBE, ANSWER = _maybe(TEXT), _maybe(TRUTH)
DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
RESUMPTION = _all(works=ANSWER, ticket=TRUTH, tickets=COUNT, lifetime_s=_maybe(COUNT))
SUITE = _all(name=TEXT, id=COUNT, grade={"enum": ["good", "old", "weak"]})
SCHEMA = _all(
    host=TEXT, port=COUNT, name=TEXT, verdict={"enum": ["good", "doubtful", "bad", "unreachable"]},
    findings=_list(_all(severity={"enum": ["note", "warning", "bad"]}, id=TEXT, text=TEXT, remedy=MAYBE)),
    addresses=_list(_all(address=TEXT, used=TRUTH, failure=MAYBE)),
    tls=_all(finished=TRUTH, version=MAYBE, suite=MAYBE, group=MAYBE, signature=MAYBE, alpn=MAYBE, h2=ANSWER, tls12=ANSWER,
             secure_renegotiation=ANSWER, early_data=TRUTH, resumption_tls13=RESUMPTION, resumption_tls12=RESUMPTION,
             resolve_ms=NUMBER, connect_ms=NUMBER, handshake_ms=NUMBER, failure=MAYBE, failure_text=MAYBE,
             alert=_maybe(COUNT), excerpt=MAYBE),
    chain=_maybe(_all(
        names=_list(TEXT), name_matches=TRUTH, disordered=TRUTH, root_sent=TRUTH, surplus=MAYBE, trusted=TRUTH,
        verified=_list(TEXT), missing=MAYBE, missing_url=MAYBE, error=MAYBE, must_staple=TRUTH,
        sent=_list(_all(subject=TEXT, issuer=TEXT, serial=TEXT, sha256=TEXT, key=TEXT, signature=TEXT, issuer_url=MAYBE,
                        not_before=DATE, not_after=DATE, days_left=COUNT, self_signed=TRUTH, weak_key=TRUTH,
                        weak_signature=TRUTH)))),
    staple=_maybe(_all(status=MAYBE, verified=TRUTH, produced=_maybe(DATE), this_update=_maybe(DATE),
                       next_update=_maybe(DATE))),
    client_certificate=_all(requested=TRUTH, required=ANSWER, refused=TRUTH, authorities=_list(TEXT)),
    http=_maybe(_all(path=TEXT, failure=MAYBE, status=_maybe(COUNT), server=MAYBE, location=MAYBE, hsts=MAYBE,
                     answer_ms=NUMBER)),
    websocket=_maybe(_all(path=TEXT, failure=MAYBE, status=_maybe(COUNT), upgraded=TRUTH, subprotocol=MAYBE,
                          extensions=MAYBE, location=MAYBE, upgrade_ms=NUMBER, ping_ms=_maybe(NUMBER), closed=TRUTH,
                          close_code=_maybe(COUNT), close_reason=MAYBE)),
    survey=_maybe(_all(versions=_list(_all(version=TEXT, spoken=ANSWER, server_prefers=ANSWER, suites=_list(SUITE))),
                       groups=_list(TEXT), dh_bits=_maybe(COUNT), handshakes=COUNT, complete=TRUTH)))


# ---- certificates that the common PKI has not

class Authority:
    def __init__(self, directory):
        self.directory = directory
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.issue("Probe Root", self.key, issuer="Probe Root", ca=True)
        self.write("ca.pem", self.certificate)

    def issue(self, name, key, issuer="Probe Root", ca=False, digest=hashes.SHA256(), days=90, extensions=(), san=True):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder().serial_number(x509.random_serial_number()).public_key(key.public_key())
                   .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                   .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
                   .not_valid_before(now - datetime.timedelta(days=60)).not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.BasicConstraints(ca, None), critical=True))
        if san:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(self.key, digest)

    def write(self, name, *things):
        data = b"".join(
            thing.public_bytes(serialization.Encoding.PEM) if isinstance(thing, x509.Certificate) else
            thing.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            for thing in things)
        (self.directory / name).write_bytes(data)
        return str(self.directory / name)

    def leaf(self, name="localhost", bits=None, **more):
        """(certificate, its file, the file of its key)"""
        key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        certificate = self.issue(name, key, **more)
        return certificate, self.write("leaf.pem", certificate), self.write("leaf.key", key)

    @property
    def file(self):
        return str(self.directory / "ca.pem")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def plain_openssl(pki, *words):
    return openssl(pki["rsa.pem"], pki["rsa.key"], *words, chain=pki["chain.pem"])


# ---- our own front door

@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_good_front_door_is_good(crossgate, pki, kind):
    gate = crossgate(web(PATHS, tls=pki.tls(kind), options={"hsts": True}), workers=1)
    report = probe(gate.port, "--ca", pki["root.pem"], "--path", "/ws", "--all")
    assert report.verdict == "good" and found(report) == set()
    tls = report.tls
    assert (tls["version"], tls["suite"], tls["group"]) == ("TLS 1.3", "TLS_AES_128_GCM_SHA256", "X25519")
    assert tls["signature"] == ("RSA-PSS with SHA256" if kind == "rsa" else "ECDSA with SHA256")
    assert (tls["finished"], tls["tls12"], tls["early_data"], tls["h2"]) == (True, True, False, False)
    assert tls["secure_renegotiation"] is True
    for name in ("resumption_tls13", "resumption_tls12"):
        assert tls[name]["works"] and tls[name]["ticket"] and tls[name]["lifetime_s"] > 0
    assert [one["subject"] for one in report.chain["sent"]] == ["CN=localhost", "CN=Test Intermediate"]
    assert report.chain["verified"] == ["CN=localhost", "CN=Test Intermediate", "CN=Test Root"]
    assert report.chain["trusted"] and report.chain["names"] == ["localhost", "127.0.0.1", "::1"]
    assert not report.client_certificate["requested"]
    assert report.http["status"] == 200 and report.http["hsts"].startswith("max-age=31536000")
    websocket = report.websocket
    assert (websocket["status"], websocket["upgraded"], websocket["closed"]) == (101, True, True)
    assert websocket["ping_ms"] is not None and websocket["close_code"] == 1000


def test_certificate_is_named_as_openssl_does(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    leaf = probe(gate.port, "--ca", pki["root.pem"]).chain["sent"][0]
    text = subprocess.run(["openssl", "x509", "-in", pki["rsa.pem"], "-noout", "-serial", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, check=True).stdout
    assert leaf["serial"].upper().lstrip("0") == re.search("serial=(.*)", text)[1].lstrip("0")
    assert leaf["sha256"].upper() == re.search("Fingerprint=(.*)", text)[1].replace(":", "")
    assert leaf["key"] == "RSA 2048"


def test_survey_finds_what_is_configured_in_its_order(crossgate, pki):
    suites = ["ECDHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256"]
    gate = crossgate(web(PATHS, tls=pki.tls(ciphers=":".join(suites), dhparam=pki["dhparam-2-2048.pem"])))
    survey = probe(gate.port, "--ca", pki["root.pem"], "--all").survey
    by_version = {one["version"]: one for one in survey["versions"]}
    assert [name for name in by_version if by_version[name]["spoken"]] == ["TLS 1.3", "TLS 1.2"]
    assert [one["name"] for one in by_version["TLS 1.2"]["suites"]] == suites
    assert [one["grade"] for one in by_version["TLS 1.2"]["suites"]] == ["good", "good", "old"]
    assert len(by_version["TLS 1.3"]["suites"]) == 3
    assert by_version["TLS 1.2"]["server_prefers"] and survey["complete"]
    assert survey["groups"][0] == "X25519" and "P-256" in survey["groups"]
    assert survey["dh_bits"] == 2048


def test_origins(crossgate, pki):
    choosy = {**ECHO, "options": {"allowed_origins": ["https://good.example:443"]}}
    gate = crossgate(web({"/": HELLO, "ws": choosy}, tls=pki.tls()))
    words = ("--ca", pki["root.pem"], "--path", "ws", "--origin")
    assert probe(gate.port, *words, "https://good.example").websocket["upgraded"]
    report = probe(gate.port, *words, "https://bad.example")
    assert report.websocket["status"] == 403 and "allowed_origins" in finding(report, "no-websocket")["remedy"]


def test_urls_say_what_to_ask(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()), workers=1)
    report = probe(f"wss://localhost:{gate.port}/ws", "--ca", pki["root.pem"])
    assert report.websocket["path"] == "/ws" and report.websocket["upgraded"] and report.http["path"] == "/"
    report = probe(f"https://localhost:{gate.port}/moved", "--ca", pki["root.pem"])
    assert report.websocket is None and report.http["location"] == "https://example.com/there"
    report = probe(f"rss://localhost:{gate.port}", "--ca", pki["root.pem"])
    assert report.http is None and report.tls["resumption_tls13"]["works"]


@pytest.mark.parametrize("path, status, part", [("/", 200, "no WebSocket"), ("/nothing", 404, "nothing at this path"),
                                                ("/moved", 307, "redirects")])
def test_a_path_without_websockets_is_explained(crossgate, pki, path, status, part):
    paths = {"moved": PATHS["moved"], "ws": ECHO, **({"/": HELLO} if path == "/" else {})}
    gate = crossgate(web(paths, tls=pki.tls()))
    report = probe(gate.port, "--ca", pki["root.pem"], "--path", path)
    assert report.status == 1 and not report.websocket["upgraded"]
    text = finding(report, "no-websocket")["text"]
    assert str(report.websocket["status"]) in text
    if report.websocket["status"] == status:
        assert part in text


def test_a_node_that_is_down_is_explained(crossgate, pki):
    endpoint = {"type": "tcp", "host": "127.0.0.1", "port": ports.take()}
    node = {"type": "websocket-reverseproxy", "backend": {"type": "websocket", "url": "ws://localhost", "endpoint": endpoint}}
    gate = crossgate(web({"/": HELLO, "ws": node}, tls=pki.tls()))
    report = probe(gate.port, "--ca", pki["root.pem"], "--path", "ws")
    assert report.websocket["status"] in (502, 503)
    assert "crossgate backend list" in finding(report, "no-websocket")["remedy"]


@pytest.mark.parametrize("option", ["--ca", "--client-cert"])
def test_file_that_is_not_there_is_told(option):
    done = run("probe", "localhost:1", option, "nowhere.pem")
    assert done.returncode == 2 and "nowhere.pem" in done.stderr and "No such file" in done.stderr


def test_required_client_certificate(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls(ca_certificates=[pki["devices.pem"]])))
    report = probe(gate.port, "--ca", pki["root.pem"], "--path", "/ws")
    assert report.client_certificate == {"requested": True, "required": True, "refused": False,
                                         "authorities": ["CN=Test Devices"]}
    assert report.status == 0 and "client-certificate-required" in found(report, "note")
    report = probe(gate.port, "--ca", pki["root.pem"], "--path", "/ws", "--client-cert", pki["device.pem"],
                   "--client-key", pki["device.key"])
    assert report.client_certificate["requested"] and not report.client_certificate["refused"]
    assert report.websocket["upgraded"] and report.http["status"] == 200
    report = probe(gate.port, "--ca", pki["root.pem"], "--client-cert", pki["stranger.pem"], "--client-key",
                   pki["stranger.key"])
    assert report.client_certificate["refused"] and report.status == 1
    assert "client-certificate-refused" in found(report)


@pytest.mark.parametrize("verify, required", [("-verify", False), ("-Verify", True)])
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_client_certificate_required_or_optional(pki, verify, required, version):
    with plain_openssl(pki, verify, "1", "-verify_quiet", "-CAfile", pki["devices.pem"],
                 version) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
    assert report.client_certificate["requested"] and report.client_certificate["required"] is required
    assert report.chain["trusted"], "the chain is known even if the handshake is refused"
    assert ("client-certificate-required" in found(report, "note")) is required


def test_ipv6_and_addresses_by_family(pki):
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"], listen="[::1]") as server:
        for target, words in ((f"[::1]:{server.port}", ()), (f"https://[::1]:{server.port}/", ("-6",))):
            report = probe(target, "--ca", pki["root.pem"], *words)
            assert report.addresses[0] == {"address": f"[::1]:{server.port}", "used": True, "failure": None}
            assert report.status == 0 and report.chain["name_matches"]
        report = probe(f"[::1]:{server.port}", "-4")
        assert report.status == 3


# ---- nginx with broken setups

def test_missing_intermediate(authority, pki):
    url = "http://ca.example/intermediate.der"
    information = x509.AuthorityInformationAccess([x509.AccessDescription(
        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url))])
    _, leaf, key = authority.leaf(issuer="Probe Intermediate", extensions=[information])
    with Nginx(leaf, key) as server:
        report = probe(server.port, "--ca", authority.file)
    assert report.status == 1 and report.chain["missing"] == "CN=Probe Intermediate"
    assert report.chain["missing_url"] == url and not report.chain["trusted"]
    remedy = finding(report, "intermediate-missing")["remedy"]
    assert f"\n  curl -s {url} |" in remedy and "chain_certificates" in remedy


@pytest.mark.parametrize("kind, name", [("expired", "expired"), ("future", "not-yet-valid")])
def test_dates(pki, kind, name):
    with Nginx(pki[f"{kind}-fullchain.pem"], pki[f"{kind}.key"]) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
    assert report.status == 1 and found(report) == {name}
    assert report.chain["trusted"], "dates apart"


def test_wrong_name_and_sni(pki):
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"]) as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--sni", "other.example")
        assert found(report) == {"wrong-name"} and report.name == "other.example"
        assert "localhost, 127.0.0.1, ::1" in finding(report, "wrong-name")["text"]
        assert probe(f"127.0.0.1:{server.port}", "--ca", pki["root.pem"]).status == 0
        assert probe(f"127.0.0.1:{server.port}", "--ca", pki["root.pem"], "--sni", "localhost").status == 0


def test_common_name_alone_is_no_name(authority):
    _, leaf, key = authority.leaf(san=False)
    with Nginx(leaf, key) as server:
        assert found(probe(server.port, "--ca", authority.file)) == {"no-names"}


def test_weak_key(pki):
    with Nginx(pki["weak-fullchain.pem"], pki["weak.key"], "ssl_ciphers DEFAULT:@SECLEVEL=0;") as server:
        report = probe(server.port, "--ca", pki["root.pem"])
    assert found(report) == {"weak-key"} and report.status == 1
    assert "RSA 1024" in finding(report, "weak-key")["text"]


@pytest.mark.filterwarnings("ignore:SHA1")
def test_sha_1_signature(authority):
    _, leaf, key = authority.leaf(digest=hashes.SHA1())
    with Nginx(leaf, key, "ssl_ciphers DEFAULT:@SECLEVEL=0;") as server:
        report = probe(server.port, "--ca", authority.file)
    assert "weak-signature" in found(report, "bad") and report.status == 1


def test_self_signed_and_unknown_authority(authority, pki):
    certificate = authority.write("own.pem", authority.certificate)
    key = authority.write("own.key", authority.key)
    with Nginx(certificate, key) as server:
        assert "self-signed" in found(probe(server.port, "--ca", pki["root.pem"]), "bad")
    with Nginx(pki["rsa-fullchain-root.pem"], pki["rsa.key"]) as server:
        report = probe(server.port, "--ca", authority.file)
        assert "unknown-authority" in found(report, "bad")
        assert "Test Root" in finding(report, "unknown-authority")["text"]


def test_root_sent_and_wrong_order(pki, tmp_path):
    leaf, chain, root = (open(pki[name]).read() for name in ("rsa.pem", "chain.pem", "root.pem"))
    shuffled, unrelated = tmp_path / "shuffled.pem", tmp_path / "unrelated.pem"
    shuffled.write_text(leaf + root + chain)
    unrelated.write_text(leaf + chain + open(pki["device.pem"]).read())
    with Nginx(pki["rsa-fullchain-root.pem"], pki["rsa.key"]) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
        assert report.chain["root_sent"] and not report.chain["disordered"] and report.status == 0
        assert "root-sent" in found(report, "note")
    with Nginx(shuffled, pki["rsa.key"]) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
        assert report.chain["disordered"] and "wrong-order" in found(report)
        assert "crossgate cert chain" in finding(report, "wrong-order")["remedy"]
    with Nginx(unrelated, pki["rsa.key"]) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
        assert report.chain["surplus"] == "CN=meter-17" and "surplus" in found(report)
    with openssl(pki["rsa.pem"], pki["rsa.key"], chain=pki["rsa-fullchain.pem"]) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
        assert report.chain["surplus"] == "CN=localhost" and "sent twice" in finding(report, "surplus")["text"]


def test_issuer_that_has_expired(authority):
    key = ec.generate_private_key(ec.SECP256R1())
    middle = authority.issue("Old Intermediate", key, ca=True, days=-1)
    issuer = SimpleNamespace(key=key)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = Authority.issue(issuer, "localhost", leaf_key, issuer="Old Intermediate")
    with Nginx(authority.write("chain.pem", leaf, middle), authority.write("leaf.key", leaf_key)) as server:
        report = probe(server.port, "--ca", authority.file)
    assert found(report) == {"issuer-expired"} and "Old Intermediate" in finding(report, "issuer-expired")["text"]


def test_ends_soon(authority):
    _, leaf, key = authority.leaf(days=5)
    with Nginx(leaf, key) as server:
        report = probe(server.port, "--ca", authority.file)
    assert found(report) == {"expires-soon"} and report.status == 0 and report.verdict == "doubtful"
    assert report.chain["sent"][0]["days_left"] in (4, 5)


def test_hsts_and_errors_of_http(pki):
    header = 'add_header Strict-Transport-Security "{}" always;'
    for value, ids in (("max-age=0", {"hsts-off"}), ("max-age=63072000; includeSubDomains", set()), ("preload", {"hsts-off"})):
        with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"], header.format(value)) as server:
            report = probe(server.port, "--ca", pki["root.pem"])
            assert found(report) == ids and report.http["hsts"] == value and report.http["server"].startswith("nginx")
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"], locations="location = / { return 503; }") as server:
        report = probe(server.port, "--ca", pki["root.pem"])
        assert "http-error" in found(report) and report.http["status"] == 503


def test_old_protocols(pki):
    words = ("ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", "ssl_ciphers ALL:@SECLEVEL=0;", "ssl_prefer_server_ciphers on;")
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"], *words) as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--all")
    assert report.tls["version"] == "TLS 1.2" and report.tls["resumption_tls12"]["works"] is not None
    assert {"old-tls", "weak-suites"} <= found(report) and report.verdict == "doubtful"
    spoken = [one["version"] for one in report.survey["versions"] if one["spoken"]]
    assert spoken == ["TLS 1.2", "TLS 1.1", "TLS 1.0"]
    assert all(one["server_prefers"] for one in report.survey["versions"] if one["spoken"])


def test_nothing_but_tls_1_0(pki):
    words = ("-tls1", "-cipher", "DEFAULT:@SECLEVEL=0")
    with plain_openssl(pki, *words) as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--all")
    assert report.tls["version"] == "TLS 1.0" and report.status == 1
    assert "old-tls-only" in found(report, "bad")


# ---- openssl s_server

def test_suites_and_groups_of_openssl(pki):
    suites = "ECDHE-RSA-CHACHA20-POLY1305:AES128-SHA:NULL-SHA256:ADH-AES128-SHA256:@SECLEVEL=0"
    with plain_openssl(pki, "-cipher", suites, "-ciphersuites", "TLS_AES_256_GCM_SHA384",
                 "-groups", "P-521:X448", "-tls1_2") as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--all")
    by_version = {one["version"]: one for one in report.survey["versions"]}
    assert {one["name"]: one["grade"] for one in by_version["TLS 1.2"]["suites"]} == {
        "ECDHE-RSA-CHACHA20-POLY1305": "good", "AES128-SHA": "old", "NULL-SHA256": "weak", "ADH-AES128-SHA256": "weak"}
    assert set(report.survey["groups"]) == {"P-521", "X448"}
    assert not by_version["TLS 1.3"]["spoken"] and "no-tls13" in found(report, "note")
    assert report.tls["group"] in ("P-521", "X448")


def test_groups_of_tls_1_3_in_a_hello_retry_request(pki):
    with plain_openssl(pki, "-groups", "P-384:ffdhe3072", "-tls1_3") as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--all")
    assert set(report.survey["groups"]) == {"P-384", "ffdhe3072"} and report.tls["tls12"] is False
    assert report.tls["group"] == "P-384"


@pytest.mark.parametrize("words, kind", [((), True), (("-no_ticket",), False)])
def test_resumption_by_ticket_and_by_session_id(pki, words, kind):
    with plain_openssl(pki, "-tls1_2", *words) as server:
        tls = probe(server.port, "--ca", pki["root.pem"]).tls
    assert tls["resumption_tls12"]["works"] and tls["resumption_tls12"]["ticket"] is kind
    assert tls["resumption_tls13"]["works"] is None


def test_no_resumption(pki):
    with plain_openssl(pki, "-num_tickets", "0") as server:
        report = probe(server.port, "--ca", pki["root.pem"])
    assert report.tls["resumption_tls13"]["works"] is False and "no-resumption" in found(report, "note")


def test_early_data(pki):
    with openssl(pki["rsa.pem"], pki["rsa.key"], "-early_data", "-max_early_data", "1000", chain=pki["chain.pem"], page=False) as server:
        report = probe(f"rss://localhost:{server.port}", "--ca", pki["root.pem"])
    assert report.tls["early_data"] and "early-data" in found(report)


def answer(authority, leaf, signer=None, status=ocsp.OCSPCertStatus.GOOD, hours=24):
    """The file of an OCSP response, produced two hours ago. `signer`: (certificate, key) instead of the authority's."""
    begin = datetime.datetime.utcnow() - datetime.timedelta(hours=2)
    revoked = status == ocsp.OCSPCertStatus.REVOKED
    certificate, key = signer or (authority.certificate, authority.key)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf, issuer=authority.certificate, algorithm=hashes.SHA256(), cert_status=status, this_update=begin,
        next_update=begin + datetime.timedelta(hours=hours), revocation_time=begin if revoked else None,
        revocation_reason=None).responder_id(ocsp.OCSPResponderEncoding.HASH, certificate).certificates([certificate])
    (authority.directory / "staple.der").write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))
    return str(authority.directory / "staple.der")


@pytest.mark.parametrize("how, ids, status", [({}, set(), "good"),
                                              ({"status": ocsp.OCSPCertStatus.REVOKED}, {"revoked"}, "revoked"),
                                              ({"hours": 1}, {"staple-bad"}, "good")])
def test_stapled_responses(authority, how, ids, status):
    certificate, leaf, key = authority.leaf()
    with openssl(leaf, key, "-status_file", answer(authority, certificate, **how)) as server:
        report = probe(server.port, "--ca", authority.file)
    assert found(report) == ids and report.staple["status"] == status and report.staple["verified"]


@pytest.mark.parametrize("usage, verified", [([x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING], True),
                                             ([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH], False)])
def test_staple_of_a_responder(authority, usage, verified):
    signer_key = ec.generate_private_key(ec.SECP256R1())
    signer = authority.issue("Responder", signer_key, extensions=[x509.ExtendedKeyUsage(usage)])
    certificate, leaf, key = authority.leaf()
    with openssl(leaf, key, "-status_file", answer(authority, certificate, (signer, signer_key))) as server:
        report = probe(server.port, "--ca", authority.file)
    assert report.staple["verified"] is verified and found(report) == (set() if verified else {"staple-bad"})


def test_staple_of_somebody_else(authority, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    certificate, leaf, key = authority.leaf()
    with openssl(leaf, key, "-status_file", answer(authority, certificate, (other.certificate, other.key))) as server:
        report = probe(server.port, "--ca", authority.file)
    assert not report.staple["verified"] and found(report) == {"staple-bad"}


def test_staple_about_another_certificate(authority):
    other, _, _ = authority.leaf()
    certificate, leaf, key = authority.leaf()
    with openssl(leaf, key, "-status_file", answer(authority, other)) as server:
        report = probe(server.port, "--ca", authority.file)
    assert found(report) == {"staple-bad"} and report.staple["status"] is None


def test_must_staple_without_staple(authority):
    _, leaf, key = authority.leaf(extensions=[x509.TLSFeature([x509.TLSFeatureType.status_request])])
    with openssl(leaf, key) as server:
        report = probe(server.port, "--ca", authority.file)
    assert report.chain["must_staple"] and found(report) == {"staple-missing"} and report.status == 1


def test_certificate_for_clients_only(authority):
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    _, leaf, key = authority.leaf(extensions=[usage])
    with openssl(leaf, key) as server:
        assert found(probe(server.port, "--ca", authority.file)) == {"wrong-use"}


def test_name_that_the_server_does_not_know(pki):
    context = pki.server()
    context.sni_callback = lambda *_: 112  # unrecognized_name
    with Scripted(lambda connection: None, context) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
    assert found(report) == {"unknown-name"} and report.tls["alert"] == 112


# ---- no TLS at all

def test_closed_port_and_unknown_host():
    report = probe(f"127.0.0.1:{ports.take()}")
    assert report.status == 3 and found(report) == {"unreachable"} and report.chain is None and report.http is None
    report = probe("nothing.invalid", "--timeout", "20", timeout=60)
    assert report.status == 3 and found(report) == {"unknown-host"} and report.addresses == []


def say(data, wait=True):
    def talk(connection):
        connection.recv(65536)
        connection.sendall(data)
        while wait and connection.recv(65536):
            pass
    return talk


@pytest.mark.parametrize("data, name", [
    (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "plain-http"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", "no-tls"),
    (b"\x1b]0;owned\x07\x1b[2J" * 4, "no-tls"),
    (b"\x00" * 2000, "no-tls"),
    pytest.param(b"\x16\x03\x03\x40\x00" + b"\x02\xff\xff\xff" * 4096, "handshake", marks=pytest.mark.long),
    (b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00", "handshake")],
    ids=["http", "ssh", "escapes", "zeros", "message-without-end", "message-out-of-place"])
def test_garbage(data, name):
    patience = "2" if name == "handshake" else "20"  # where the rest of a message is waited for, there are many waits
    with Scripted(say(data)) as server:
        report = probe(f"127.0.0.1:{server.port}", "--timeout", patience)
        if name == "no-tls":
            assert report.tls["excerpt"] in ("SSH-2.0-OpenSSH_9.2", "?]0;owned??[2J" * 4, "?" * 79)
        words = run("probe", f"127.0.0.1:{server.port}", "--timeout", patience, "--all")
    assert report.status == 1 and found(report) == {name}
    assert words.returncode == 1 and not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", words.stdout)


def test_plain_http_of_our_own(crossgate):
    gate = crossgate(web(PATHS))
    report = probe(f"127.0.0.1:{gate.port}")
    assert report.status == 1 and found(report) == {"plain-http"}


def test_nothing_but_ssl_3():
    """No library of today speaks it: its ServerHello is made by hand."""
    def talk(connection):
        offered = connection.recv(65536)[9:11]
        body = b"\x03\x00" + bytes(32) + b"\x00\x00\x05\x00"
        message = b"\x02\x00\x00" + bytes([len(body)]) + body
        alert = b"\x15\x03\x00\x00\x02\x02\x28"
        connection.sendall(b"\x16\x03\x00\x00" + bytes([len(message)]) + message if offered == b"\x03\x00" else alert)
        connection.recv(65536)
    with Scripted(talk) as server:
        report = probe(f"127.0.0.1:{server.port}")
        assert found(report) == {"old-tls-only"} and "SSL 3" in finding(report, "old-tls-only")["text"]
        report = probe(f"127.0.0.1:{server.port}", "--all")
        oldest = report.survey["versions"][-1]
        assert oldest["version"] == "SSL 3" and oldest["spoken"]
        assert [one["name"] for one in oldest["suites"]] == ["RC4-SHA"] and "weak-suites" in found(report)


def test_a_dot_at_the_end_is_no_part_of_the_name(pki):
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"]) as server:
        report = probe(f"127.0.0.1:{server.port}", "--sni", "localhost.", "--ca", pki["root.pem"])
    assert report.status == 0 and report.name == "localhost"


def test_a_server_that_hangs_or_ends():
    with Scripted(say(b"")) as server:
        report = probe(f"127.0.0.1:{server.port}", "--timeout", "1")
        assert report.status == 1 and found(report) == {"silent"}
    with Scripted(lambda connection: connection.recv(65536)) as server:
        report = probe(f"127.0.0.1:{server.port}")
        assert report.status == 1 and found(report) == {"cut"}


# ---- TLS that is good, and a server above it that is not

def respond(answers):
    """Answers each request by the function of answers that fits its path."""
    def talk(connection):
        head = read_head(connection)
        answers[head.split(" ")[1]](connection, head)
    return talk


def reply(text):
    return lambda connection, head: connection.sendall(text)


PAGE = reply(b"HTTP/1.1 204 No Content\r\nStrict-Transport-Security: max-age=9999\r\n\r\n")


def drip(connection, head):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def interims(connection, head):
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 500)


@pytest.mark.parametrize("page, name, failure", [
    (reply(b"220 mail.example ESMTP\r\n"), "no-http", "not-understood"),
    (reply(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100000), "no-http", "not-understood"),
    (lambda connection, head: connection.recv(1), "http-silent", "silent"),
    (drip, "http-silent", "silent"),
    (interims, "no-http", "not-understood"),
    (lambda connection, head: None, "no-http", "ended")])
def test_answers_that_are_none(pki, page, name, failure):
    with Scripted(respond({"/": page}), pki.server()) as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--timeout", "4")
    assert name in found(report, "note") and report.http["failure"] == failure and report.http["status"] is None


def test_interim_answers_are_passed_over(pki):
    text = b"HTTP/1.1 103 Early Hints\r\nServer: early\r\n\r\nHTTP/1.1 200 OK\r\nServer: final\r\n\r\n"
    with Scripted(respond({"/": reply(text)}), pki.server()) as server:
        assert probe(server.port, "--ca", pki["root.pem"]).http["server"] == "final"


def test_terminals_are_safe_from_servers(pki):
    text = ("HTTP/1.1 302 Found\r\nServer: \u202eevil\u009b31m\r\nLocation: /\u00e9\r\nStrict-Transport-Security: "
            "max-age=\"1\"\r\n\r\n").encode()
    with Scripted(respond({"/": reply(text)}), pki.server()) as server:
        report = probe(server.port, "--ca", pki["root.pem"])
        assert report.http["server"] == "?evil?31m" and report.http["location"] == "/é"


def websocket(*frames, extra=""):
    """A 101 that is right, and then these bytes."""
    def serve(connection, head):
        connection.sendall((f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Accept: {accept_value(head)}\r\n{extra}\r\n").encode() + b"".join(frames))
        while connection.recv(65536):
            pass
    return serve


def flood(connection, head):
    websocket_head = f"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_value(head)}\r\n\r\n"
    connection.sendall(websocket_head.encode())
    while True:
        connection.sendall(b"\x82\x7e\x40\x00" + bytes(0x4000))


@pytest.mark.parametrize("serve, code, reason", [
    (websocket(), None, None),
    (websocket(b"\x88\x08\x03\xf3\x1b[31mx"), 1011, "?[31mx"),
    (websocket(b"\x8a\x84\x00\x00\x00\x00ping"), None, None),
    (websocket(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(1000)), None, None),
    (flood, None, None)])
def test_websockets_that_do_not_answer(pki, serve, code, reason):
    with Scripted(respond({"/": PAGE, "/ws": serve}), pki.server()) as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--path", "/ws", "--timeout", "4")
    assert report.websocket["upgraded"] and report.websocket["ping_ms"] is None and "no-pong" in found(report)
    assert (report.websocket["close_code"], report.websocket["close_reason"]) == (code, reason)


@pytest.mark.parametrize("serve", [
    reply(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
    websocket(extra="Sec-WebSocket-Protocol: never.offered\r\n")])
def test_a_101_that_is_wrong(pki, serve):
    with Scripted(respond({"/": PAGE, "/ws": serve}), pki.server()) as server:
        report = probe(server.port, "--ca", pki["root.pem"], "--path", "/ws")
    assert report.status == 1 and not report.websocket["upgraded"]
    assert "breaks RFC 6455" in finding(report, "no-websocket")["text"]


def test_what_is_sent_for_a_websocket(pki):
    heads = []

    def serve(connection, head):
        heads.append(head)
        websocket()(connection, head)
    with Scripted(respond({"/": PAGE, "/ws?x=1": serve}), pki.server()) as server:
        probe(server.port, "--ca", pki["root.pem"], "--path", "ws?x=1", "--origin", "https://page.example",
              "--subprotocol", "a", "--subprotocol", "b", "--timeout", "4")
        port = server.port
    fields = dict(line.split(": ", 1) for line in heads[0].split("\r\n")[1:] if line)
    assert fields["Host"] == f"localhost:{port}" and fields["Origin"] == "https://page.example"
    assert fields["Sec-WebSocket-Protocol"] == "a, b" and fields["Sec-WebSocket-Version"] == "13"


# ---- for people

def test_words_for_people(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls()))
    done = run("probe", f"localhost:{gate.port}", "--ca", pki["root.pem"], "--path", "ws", "--all")
    assert done.returncode == 0 and done.stderr == "" and "\033" not in done.stdout
    lines = done.stdout.rstrip("\n").split("\n")
    assert lines[-1].startswith(f"GOOD: clients have no trouble with localhost:{gate.port}")
    assert all(len(line) <= 80 or " " not in line.strip() for line in lines), max(lines, key=len)
    for title in ("Connection", "Certificate", "HTTP", "WebSocket", "Findings"):
        assert title in lines
    assert re.search(r"^  ping +\d+(\.\d)? ms$", done.stdout, re.MULTILINE)


def test_words_for_people_when_all_is_bad(pki):
    with Nginx(pki["expired-fullchain.pem"], pki["expired.key"]) as server:
        done = run("probe", f"localhost:{server.port}", "--sni", "other.example")
    assert done.returncode == 1
    lines = done.stdout.rstrip("\n").split("\n")
    assert lines[-1].startswith("BAD: clients fail with") and "3 problems" in lines[-1]
    assert sum(line.startswith("  BAD ") for line in lines) == 3
    assert all(len(line) <= 80 or len(line.split()) <= 2 for line in lines), max(lines, key=len)


@pytest.mark.parametrize("words, part", [
    ((), "HOST is missing"), (("a", "b"), "b"), (("http://a",), "no scheme with TLS"), (("a:x",), "not a host"),
    (("a", "--timeout", "0"), "--timeout"), (("a", "--timeout", "x"), "--timeout"), (("a", "-4", "-6"), "exclude"),
    (("a", "--client-key", "x"), "--client-cert"), (("a", "--path", "a b"), "--path"),
    (("a", "--origin", "x\r\ny"), "--origin"), (("a", "--sni", "x y"), "--sni"), (("a", "--subprotocol", "x\r\ny"), "--subprotocol"),
    (("a", "--ca", "/nonexistent"), "/nonexistent"), (("a", "--client-cert", "/nonexistent"), "/nonexistent")])
def test_wrong_words(words, part):
    done = run("probe", *words)
    assert done.returncode == 2 and part in done.stderr and done.stdout == ""


def test_a_key_with_a_passphrase_is_not_asked_for(pki):
    done = run("probe", "localhost:1", "--client-cert", pki["rsa.pem"], "--client-key", pki["locked.key"])
    assert done.returncode == 2 and "locked.key" in done.stderr


def test_reader_that_goes_away():
    """As `crossgate probe … | head -1`."""
    left, right = socket.socketpair()
    left.close()
    done = subprocess.run([binary(), "probe", f"127.0.0.1:{ports.take()}"], stdout=right, stderr=subprocess.PIPE, timeout=90)
    right.close()
    assert done.returncode == 3 and done.stderr == b""


def on_terminal(*words, **environment):
    """All that the program writes to a terminal."""
    master, slave = pty.openpty()
    child = subprocess.Popen([binary(), "probe", *words], stdin=slave, stdout=slave, stderr=slave,
                             env={**os.environ, "TERM": "xterm", **environment})
    os.close(slave)
    said = b""
    try:
        while more := os.read(master, 4096):
            said += more
    except OSError:  # the other side is closed
        pass
    os.close(master)
    child.wait(60)
    return said.decode()


def test_terminals_get_colour_and_progress(pki):
    with Nginx(pki["rsa-fullchain.pem"], pki["rsa.key"]) as server:
        words = (f"localhost:{server.port}", "--ca", pki["root.pem"])
        said = on_terminal(*words)
        assert "\r\033[KTLS handshake" in said and "\033[32mGOOD\033[0m" in said
        assert said.index("\r\033[Kcrossgate probe") > said.index("TLS handshake"), "the last step is wiped away"
        assert "\033" not in on_terminal(*words, NO_COLOR="1")
