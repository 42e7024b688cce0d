"""crossgate cert: each recipe of Crossbar's page on certificates, by openssl as written there and by one verb of ours."""
import json
import os
import re
import resource
import signal
import ssl
import stat
import subprocess

import pytest

from support.gate import HELLO, binary, document, run, tcp, web
from support.terminal import Terminal
from support.wire import Wire

pytestmark = pytest.mark.checked

VERBS = ["self-signed", "key", "csr", "ca", "sign", "chain", "decrypt", "dhparam", "show", "verify"]


@pytest.fixture
def node(directory):
    """A directory with a node directory in it, as the page has it."""
    (directory / ".crossbar").mkdir()
    return directory


@pytest.fixture
def cert(node):
    def call(*words, status=0, **more):
        done = run("cert", *words, cwd=node, **more)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr
        return done
    return call


@pytest.fixture
def openssl(node):
    def call(*words, status=0, input=None):
        done = subprocess.run(["openssl", *map(str, words)], cwd=node, input=input, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr
    return call


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def contents(directory):
    return {name: (directory / name).read_bytes() for name in files(directory)}


# What `openssl req -new` asks: country, state, place, organization, unit, common name, mail address, challenge, company.
def answers(common_name):
    return "\n\n\nTavendo\n\n" + common_name + "\n\n\n\n"


def start(crossgate, node, **more):
    """`crossgate run` on what was made, with the names of the page."""
    tls = {"key": "server_key.pem", "certificate": "server_cert.pem", **more}
    return crossgate(config=document(web({"/": HELLO}, endpoint=tcp(), tls=tls)), home=node / ".crossbar", workers=1)


def handshake(gate, trusted, name="localhost"):
    """openssl's client, curl and Python's agree."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-servername", name, "-CAfile", trusted,
                           "-verify_hostname", name, "-verify_return_error", "-brief"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    assert "Verification: OK" in done.stderr, done.stderr
    done = subprocess.run(["curl", "-sS", "--cacert", trusted, "--resolve", f"{name}:{gate.port}:127.0.0.1",
                           f"https://{name}:{gate.port}/"], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0 and json.loads(done.stdout) == HELLO["value"], done.stderr
    with Wire(gate.port, ssl.create_default_context(cafile=trusted), server_name=name) as wire:
        assert wire.request("/").status == 200


# ---- the page, recipe after recipe

def test_self_signed_as_on_the_page_and_in_one_go(cert, openssl, crossgate, node):
    openssl("genrsa", "-out", ".crossbar/server_key.pem", "2048")
    os.chmod(node / ".crossbar/server_key.pem", 0o600)
    openssl("req", "-new", "-key", ".crossbar/server_key.pem", "-out", ".crossbar/server_csr.pem", input=answers("localhost"))
    openssl("x509", "-req", "-days", "365", "-in", ".crossbar/server_csr.pem", "-signkey", ".crossbar/server_key.pem", "-out",
            ".crossbar/server_cert.pem")
    # The page's certificate has no names: no browser takes it, and verify says so.
    assert "no names" in cert("verify", "--ca", ".crossbar/server_cert.pem", status=1).stdout

    said = cert("self-signed", "localhost", "127.0.0.1", "::1", "--force").stdout
    assert "used" in said and "RSA 2048" in said
    text = openssl("x509", "-in", ".crossbar/server_cert.pem", "-noout", "-text")
    assert "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1" in text
    assert "TLS Web Server Authentication" in text and "CA:FALSE" in text and "sha256WithRSAEncryption" in text
    handshake(start(crossgate, node), node / ".crossbar/server_cert.pem")


def test_key_and_self_signed_certificate_from_nothing(cert, openssl, crossgate, node):
    said = cert("self-signed", "localhost").stdout
    assert files(node) == [".crossbar/server_cert.pem", ".crossbar/server_key.pem"]
    assert '"tls": {"key": "server_key.pem", "certificate": "server_cert.pem"}' in said
    assert "prime256v1" in openssl("pkey", "-in", ".crossbar/server_key.pem", "-noout", "-text", "-check")
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile",
            ".crossbar/server_cert.pem", ".crossbar/server_cert.pem")
    cert("verify", "--ca", ".crossbar/server_cert.pem", "--name", "localhost", "--key", ".crossbar/server_key.pem")
    handshake(start(crossgate, node), node / ".crossbar/server_cert.pem")


@pytest.mark.parametrize("words, says", [([], "prime256v1"), (["--p384"], "secp384r1"), (["--rsa", "2048"], "2048 bit"),
                                         (["--rsa", "4096"], "4096 bit")])
def test_kinds_of_keys(cert, openssl, node, words, says):
    cert("key", *words)
    text = openssl("pkey", "-in", ".crossbar/server_key.pem", "-noout", "-text", "-check")
    assert says in text and "Key is valid" in text
    assert mode(node / ".crossbar/server_key.pem") == 0o600


def test_signing_request_as_on_the_page(cert, openssl, node):
    cert("key", "--rsa", "2048")
    before = (node / ".crossbar/server_key.pem").read_bytes()
    said = cert("csr", "server23.tavendo.com", "62.146.25.40", "--organization", "Tavendo").stdout
    assert "crossgate cert chain" in said
    assert (node / ".crossbar/server_key.pem").read_bytes() == before
    text = openssl("req", "-text", "-noout", "-verify", "-in", ".crossbar/server_csr.pem")
    assert re.search(r"(?i)verify ok", text)
    assert "CN = server23.tavendo.com" in text and "DNS:server23.tavendo.com, IP Address:62.146.25.40" in text
    shown = json.loads(cert("show", ".crossbar/server_csr.pem", "--json").stdout)[0]
    assert shown["names"] == ["server23.tavendo.com", "62.146.25.40"] and shown["good_signature"] is True


def test_authority_as_on_the_page_and_by_us(cert, openssl, crossgate, node):
    (node / "secret").write_text("secret\n")
    openssl("genrsa", "-aes256", "-passout", "file:secret", "-out", "ca_key.pem", "4096")
    openssl("req", "-new", "-x509", "-days", "3650", "-extensions", "v3_ca", "-key", "ca_key.pem", "-passin", "file:secret", "-out",
            "ca_cert.pem", input=answers("Tavendo Certificate Authority"))
    # Our signing works with the page's authority, and its request without names.
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", ".crossbar/server_key.pem", "-out",
            ".crossbar/server_csr.pem", input=answers("localhost"))
    cert("sign", "--days", "365", "--passphrase-file", "secret")
    openssl("verify", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile", "ca_cert.pem", ".crossbar/server_cert.pem")
    text = openssl("x509", "-in", ".crossbar/server_cert.pem", "-noout", "-text")
    assert "DNS:localhost" in text and "TLS Web Server Authentication" in text
    handshake(start(crossgate, node), node / "ca_cert.pem")


def test_own_authority_signs_in_one_go(cert, openssl, crossgate, node):
    said = cert("ca", "Tavendo Certificate Authority").stdout
    assert "crossgate cert sign HOST --ca ca_cert.pem --ca-key ca_key.pem" in said
    assert files(node) == ["ca_cert.pem", "ca_key.pem"] and mode(node / "ca_key.pem") == 0o600
    text = openssl("x509", "-in", "ca_cert.pem", "-noout", "-text")
    assert "CA:TRUE, pathlen:0" in text and "CN = Tavendo Certificate Authority" in text
    cert("sign", "localhost", "127.0.0.1")
    openssl("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile", "ca_cert.pem",
            ".crossbar/server_cert.pem")
    cert("verify", "--ca", "ca_cert.pem", "--name", "127.0.0.1", "--key", ".crossbar/server_key.pem")
    handshake(start(crossgate, node), node / "ca_cert.pem")


def test_passphrase_is_removed_as_on_the_page(cert, openssl, crossgate, node):
    (node / "secret").write_text("secret\r\nanother line\n")
    for form, made in (("traditional", ["rsa", "-aes256", "-traditional"]), ("pkcs8", ["pkcs8", "-topk8", "-v2", "aes-256-cbc"])):
        cert("self-signed", "localhost", "--rsa", "2048", "--force", "--key", f"{form}.open")
        openssl(*made, "-in", f"{form}.open", "-passout", "pass:secret", "-out", "server_key_with_passphrase.pem")
        head = (node / "server_key_with_passphrase.pem").read_text()
        assert ("Proc-Type: 4,ENCRYPTED" in head) == (form == "traditional") and "ENCRYPTED" in head
        openssl("rsa", "-in", "server_key_with_passphrase.pem", "-passin", "pass:secret", "-out", "by_openssl.pem")
        cert("decrypt", "server_key_with_passphrase.pem", "--passphrase-file", "secret", "--force")
        assert (node / ".crossbar/server_key.pem").read_text() == (node / "by_openssl.pem").read_text()
        assert mode(node / ".crossbar/server_key.pem") == 0o600
    handshake(start(crossgate, node), node / ".crossbar/server_cert.pem")


def test_wrong_passphrase_is_said(cert, node):
    (node / "secret").write_text("secret\n")
    (node / "wrong").write_text("Secret\n")
    (node / "empty").write_text("\n")
    cert("key", "--encrypt", "--passphrase-file", "secret", "--out", "locked.pem")
    before = contents(node)
    said = cert("decrypt", "locked.pem", "--passphrase-file", "wrong", status=1).stderr
    assert "locked.pem: the passphrase is wrong" in said
    assert "empty" in cert("decrypt", "locked.pem", "--passphrase-file", "empty", status=1).stderr
    assert "no terminal" in cert("decrypt", "locked.pem", status=1, start_new_session=True).stderr
    assert contents(node) == before


def test_cipher_that_openssl_has_retired(cert, openssl, node):
    cert("key", "--rsa", "2048")
    openssl("pkcs8", "-topk8", "-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default", "-in",
            ".crossbar/server_key.pem", "-passout", "pass:x", "-out", "old.pem")
    (node / "x").write_text("x")
    assert "-provider legacy" in cert("decrypt", "old.pem", "--out", "new.pem", "--passphrase-file", "x", status=1).stderr


def test_commercial_chain_in_any_order(cert, openssl, crossgate, node, pki):
    """`cat intermediate >> server_cert.pem`, without having to know what is which."""
    (node / ".crossbar/server_key.pem").write_bytes(open(pki["rsa.key"], "rb").read())
    said = cert("chain", pki["root.pem"], pki["chain.pem"], pki["rsa.pem"], pki["chain.pem"], "--out", ".crossbar/server_cert.pem")
    assert (node / ".crossbar/server_cert.pem").read_text() == open(pki["rsa-fullchain.pem"]).read()
    assert mode(node / ".crossbar/server_cert.pem") == 0o644
    assert "1. CN=localhost" in said.stderr and "2. CN=Test Intermediate" in said.stderr
    assert "is the root" in said.stderr and "there twice" in said.stderr
    cert("verify", "--ca", pki["root.pem"], "--name", "localhost", "--key", ".crossbar/server_key.pem")
    handshake(start(crossgate, node), pki["root.pem"])


def test_chain_from_der_and_pkcs7_to_stdout(cert, openssl, node, pki):
    openssl("x509", "-in", pki["rsa.pem"], "-outform", "der", "-out", "leaf.der")
    openssl("crl2pkcs7", "-nocrl", "-certfile", pki["chain.pem"], "-certfile", pki["root.pem"], "-outform", "der", "-out", "ca.p7c")
    assert cert("chain", "ca.p7c", "leaf.der").stdout == open(pki["rsa-fullchain.pem"]).read()
    with open(node / "leaf.der") as leaf:
        done = subprocess.run([binary(), "cert", "chain", "-", "ca.p7c"], cwd=node, stdin=leaf, capture_output=True, text=True,
                              timeout=90)
    assert done.stdout == open(pki["rsa-fullchain.pem"]).read()


@pytest.fixture
def public(openssl, node):
    """root > middle > leaf as a public authority has them: the leaf says where its issuer's certificate is."""
    (node / "leaf.cnf").write_text("subjectAltName=DNS:box1.example.com\nextendedKeyUsage=serverAuth\n"
                                   "authorityInfoAccess=caIssuers;URI:http://ca.example/middle.der,OCSP;URI:http://ocsp.example/\n"
                                   "tlsfeature=status_request\n")
    (node / "ca.cnf").write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n")
    issuer = None
    for name, extensions in (("root", "ca.cnf"), ("middle", "ca.cnf"), ("leaf", "leaf.cnf")):
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        signer = ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-CAcreateserial"] if issuer else ["-signkey", f"{name}.key"]
        openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-days", "30", "-extfile", extensions, "-out", f"{name}.crt")
        issuer = name
    return node


def test_what_a_chain_misses_is_said_with_the_way_to_get_it(cert, public):
    before = contents(public)
    done = cert("chain", "leaf.crt", "--out", "full.pem", status=1)
    assert "that of CN=middle" in done.stderr and "curl -sS -o issuer.crt http://ca.example/middle.der" in done.stderr
    assert contents(public) == before
    answer = json.loads(cert("chain", "leaf.crt", "--json", status=1).stdout)
    assert answer["ok"] is False and answer["pem"] == "" and answer["findings"][0]["code"] == "missing"
    done = cert("verify", "leaf.crt", "--ca", "root.crt", status=1)
    assert "the certificate of CN=middle is missing" in done.stdout and "http://ca.example/middle.der" in done.stdout
    cert("chain", "middle.crt", "leaf.crt", "--out", "full.pem")
    cert("verify", "full.pem", "--ca", "root.crt", "--name", "box1.example.com")


def test_leftovers_and_doubts_of_a_chain(cert, public, pki):
    done = cert("chain", "leaf.crt", "middle.crt", pki["device.pem"], "--key", "leaf.key")
    assert re.search(r"warning: .*device\.pem: the certificate of CN=meter-17 is not part of the chain", done.stderr)
    assert done.stdout == (public / "leaf.crt").read_text() + (public / "middle.crt").read_text()
    done = cert("chain", "leaf.crt", "middle.crt", pki["device.pem"], status=1)
    assert "which is the server's certificate?" in done.stderr and "--key FILE" in done.stderr and done.stdout == ""
    assert "no certificate belongs" in cert("chain", "leaf.crt", "middle.crt", "--key", pki["other.key"], status=1).stderr


def test_issuers_that_are_no_root_are_sent_along(cert, openssl, public):
    (public / "both.pem").write_text((public / "root.crt").read_text() + (public / "middle.crt").read_text())
    cert("sign", "localhost", "--days", "20", "--ca", "both.pem", "--ca-key", "root.key")
    assert openssl("crl2pkcs7", "-nocrl", "-certfile", ".crossbar/server_cert.pem").count("BEGIN") == 1
    assert (public / ".crossbar/server_cert.pem").read_text().count("BEGIN CERTIFICATE") == 1
    (public / "both.pem").write_text((public / "middle.crt").read_text() + (public / "root.crt").read_text())
    cert("sign", "localhost", "--days", "20", "--ca", "both.pem", "--ca-key", "middle.key", "--force")
    assert (public / ".crossbar/server_cert.pem").read_text().count("BEGIN CERTIFICATE") == 2
    cert("verify", "--ca", "root.crt", "--name", "localhost")


@pytest.mark.parametrize("group", ["ffdhe2048", "ffdhe3072", "ffdhe4096"])
def test_named_groups_take_no_time(cert, openssl, crossgate, node, group):
    said = cert("dhparam", group).stdout
    assert "None is needed" in said and mode(node / ".crossbar/dhparam.pem") == 0o644
    text = openssl("dhparam", "-in", ".crossbar/dhparam.pem", "-check", "-text", "-noout")
    assert "appear to be ok" in text and f"({group[5:]} bit)" in text
    if group != "ffdhe2048":
        return
    cert("self-signed", "localhost", "--rsa", "2048")
    gate = start(crossgate, node, dhparam="dhparam.pem")
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-tls1_2", "-cipher",
                           "DHE-RSA-AES128-GCM-SHA256", "-CAfile", node / ".crossbar/server_cert.pem"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90)
    assert "Server Temp Key: DH, 2048 bits" in done.stdout


def test_searching_for_a_group_tells_of_itself_and_leaves_nothing(node):
    with Terminal([binary(), "cert", "dhparam", "--generate", "4096"], node) as terminal:
        terminal.expect("That is luck")
        terminal.expect("numbers tried in")
        terminal.type("\x03")
        assert terminal.end() == -signal.SIGINT
    assert files(node) == []


# ---- show

def test_show_tells_what_openssl_tells(cert, openssl, public):
    text = cert("show", "leaf.crt", "leaf.key", "leaf.csr").stdout
    fingerprint = openssl("x509", "-in", "leaf.crt", "-noout", "-fingerprint", "-sha256").strip().rpartition("=")[2].lower()
    serial = openssl("x509", "-in", "leaf.crt", "-noout", "-serial").strip().rpartition("=")[2].lower()
    assert fingerprint in text and serial in text.replace(":", "")
    for fact in ("box1.example.com", "CN=middle", " days left", "RSA 2048, that of the private key in leaf.key", "TLS server",
                 "must-staple", "http://ocsp.example/", "http://ca.example/middle.der", "sha256WithRSAEncryption",
                 "leaf.csr: signing request", "by its own key"):
        assert fact in text, fact
    private = (public / "leaf.key").read_text().split("\n")[2]
    assert private not in text


def test_show_as_json(cert, openssl, public):
    openssl("x509", "-in", "leaf.crt", "-outform", "der", "-out", "leaf.der")
    cards = json.loads(cert("show", "root.crt", "leaf.der", "leaf.key", "--json").stdout)
    root, leaf, key = cards
    assert root["authority"] and root["self_signed"] and root["subject"] == "CN=root"
    assert leaf["names"] == ["box1.example.com"] and leaf["must_staple"] and leaf["ocsp"] == ["http://ocsp.example/"]
    assert leaf["key_sha256"] == key["key_sha256"] != root["key_sha256"]
    assert leaf["file"] == "leaf.der" and leaf["sort"] == "certificate" and 28 <= leaf["days_left"] <= 30


def test_show_of_the_rest(cert, openssl, node, pki):
    (node / "secret").write_text("x")
    cert("key", "--encrypt", "--passphrase-file", "secret", "--out", "locked.pem")
    assert "private key with a passphrase" in cert("show", "locked.pem").stdout
    assert "DH parameters\n  key         DH 2048" in cert("show", pki["dhparam-2-2048.pem"]).stdout
    cert("ca", "CA")
    (node / "index.txt").touch()
    (node / "ca.cnf").write_text("[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n")
    openssl("ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "ca_key.pem", "-cert", "ca_cert.pem", "-out", "list.pem")
    text = cert("show", "list.pem").stdout
    assert "revocation list" in text and "CN=CA" in text and "revoked     0" in text
    done = run("cert", "show", "-", cwd=node)
    assert done.returncode == 1 and "stdin is empty" in done.stderr
    openssl("pkcs12", "-export", "-in", pki["rsa.pem"], "-inkey", pki["rsa.key"], "-passout", "pass:x", "-out", "both.p12")
    done = cert("show", "both.p12", status=1)
    assert "PKCS#12" in done.stderr and "openssl pkcs12 -in both.p12 -nodes -out both.p12.pem" in done.stderr


def test_show_of_what_cannot_be_read(cert, node, pki):
    assert "No such file" in cert("show", "nowhere.pem", status=1).stderr
    assert "Is a directory" in cert("show", ".", status=1).stderr
    assert "too long" in cert("show", "/dev/zero", status=1).stderr
    assert "garbage.pem is damaged" in cert("show", pki["garbage.pem"], status=1).stderr


def test_colour_is_for_terminals_only(cert, node, pki):
    assert "\033" not in cert("show", pki["expired.pem"]).stdout
    words = [binary(), "cert", "show", pki["expired.pem"]]
    with Terminal(words, node, {"TERM": "xterm", "NO_COLOR": ""}) as terminal:
        terminal.expect("\033[1;31mEXPIRED")
        assert terminal.end() == 0
    with Terminal(words, node, {"TERM": "xterm", "NO_COLOR": "1"}) as terminal:
        terminal.expect(": EXPIRED")
        assert terminal.end() == 0


# ---- verify

def test_verify_without_an_authority_asks_this_system(cert, node):
    cert("self-signed", "localhost")
    done = cert("verify", status=1)
    assert "is self-signed" in done.stdout and "ERR_CERT_AUTHORITY_INVALID" in done.stdout
    answer = json.loads(cert("verify", "--json", status=1).stdout)
    assert answer["ok"] is False and [row["code"] for row in answer["findings"]] == ["issuer"]
    assert json.loads(cert("verify", "--json", "--ca", ".crossbar/server_cert.pem").stdout) == {"findings": [], "ok": True}


def test_verify_takes_what_this_system_trusts(cert, node):
    """SSL_CERT_FILE is this system's store for one run."""
    cert("ca", "CA")
    cert("sign", "localhost")
    store = {**os.environ, "SSL_CERT_FILE": str(node / "ca_cert.pem")}
    cert("verify", "--name", "localhost", env=store)


@pytest.mark.parametrize("kind, code", [("expired", "time"), ("future", "time"), ("weak", "strength")])
def test_verify_says_what_is_wrong(cert, pki, kind, code):
    answer = json.loads(cert("verify", pki[f"{kind}-fullchain.pem"], "--ca", pki["root.pem"], "--json", status=1).stdout)
    assert [row["code"] for row in answer["findings"]] == [code] and answer["findings"][0]["remedy"]


def test_verify_of_names_keys_and_days(cert, pki):
    words = [pki["rsa-fullchain.pem"], "--ca", pki["root.pem"]]
    cert("verify", *words, "--name", "localhost", "--key", pki["rsa.key"], "--days", "80")
    assert "not for example.com, but for localhost, 127.0.0.1, ::1" in cert("verify", *words, "--name", "example.com", status=1).stdout
    assert "no certificate belongs" in cert("verify", *words, "--key", pki["other.key"], status=1).stdout
    assert "sooner than in 100" in cert("verify", *words, "--days", "100", status=1).stdout
    assert "leave the port out" in cert("verify", *words, "--name", "localhost:443", status=2).stderr


# ---- files

def test_modes_whatever_the_umask(cert, node):
    for umask in (0, 0o077, 0o777):
        cert("self-signed", "localhost", "--key", f"{umask}.key", "--out", f"{umask}.pem", preexec_fn=lambda: os.umask(umask))
        assert mode(node / f"{umask}.key") == 0o600 and mode(node / f"{umask}.pem") == 0o644


def traced(node, *words, inject=None):
    """Under strace, which can make system calls fail. Returns what was done, and the calls."""
    options = ["-e", f"inject={inject}"] if inject else []
    trace = node.parent / f"{node.name}.trace"
    done = subprocess.run(["strace", "-f", "-e", "trace=openat,fchmod,fsync,renameat2", *options, "-o", trace, binary(), "cert", *words],
                          cwd=node, capture_output=True, text=True, timeout=60, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    lines = trace.read_text()
    trace.unlink()
    return done, lines


def test_keys_are_private_from_their_first_byte(node):
    """By the system calls: files are opened with 0600 and O_EXCL, and only certificates are widened."""
    done, lines = traced(node, "self-signed", "localhost")
    assert done.returncode == 0, done.stderr
    created = re.findall(r'openat\(.*"(.*_(?:key|cert)\.pem\.\w+)", (\S+), (\d+)\)', lines)
    assert len(created) == 2 and all("O_EXCL" in flags and permission == "0600" for _, flags, permission in created)
    assert re.findall(r"fchmod\(\d+, (\d+)\)", lines) == ["0600", "0644"]
    assert len(re.findall(r"fsync\(", lines)) >= 3


@pytest.mark.parametrize("words, path", [
    (["self-signed", "localhost"], ".crossbar/server_cert.pem"), (["key"], ".crossbar/server_key.pem"),
    (["csr", "localhost"], ".crossbar/server_csr.pem"), (["ca", "CA"], "ca_cert.pem"), (["dhparam"], ".crossbar/dhparam.pem"),
    (["chain", "leaf.pem", "--out", "full.pem"], "full.pem"), (["decrypt", "locked.pem", "--passphrase-file", "secret"],
                                                             ".crossbar/server_key.pem")])
def test_nothing_is_overwritten_without_force(cert, node, words, path):
    (node / "secret").write_text("secret\n")
    cert("key", "--out", "locked.pem", "--encrypt", "--passphrase-file", "secret")
    cert("self-signed", "localhost", "--key", "leaf.key", "--out", "leaf.pem")
    (node / path).write_text("precious")
    before = contents(node)
    assert f"{path.rpartition('/')[2]} is there already: --force replaces it, --out" in cert(*words, status=1).stderr
    assert contents(node) == before
    cert(*words, "--force")
    assert (node / path).read_text() != "precious" and len(files(node)) >= len(before)
    assert not [name for name in files(node) if re.search(r"\.pem\.\w{6}$", name)]


def test_both_files_or_none(cert, node):
    """The certificate cannot be put in place: the key is taken back."""
    (node / ".crossbar/server_cert.pem").mkdir()
    assert "server_cert.pem is no file" in cert("self-signed", "localhost", status=1).stderr
    assert files(node) == []


@pytest.mark.parametrize("inject", ["fsync:error=EIO:when=1", "fsync:error=EIO:when=2", "renameat2:error=EIO:when=1",
                                    "renameat2:error=EIO:when=2", "fchmod:error=EPERM:when=2"])
def test_whatever_fails_all_is_as_it_was(cert, node, inject):
    done, _ = traced(node, "self-signed", "localhost", inject=inject)
    assert done.returncode == 1 and "server_" in done.stderr and files(node) == []
    cert("self-signed", "localhost")
    before = contents(node)
    done, _ = traced(node, "key", "--force", inject=inject.replace("when=2", "when=1"))
    assert done.returncode == 1 and contents(node) == before


def test_file_systems_that_know_links_only(cert, node):
    """NFS and others refuse the flags of renameat2."""
    done, _ = traced(node, "self-signed", "localhost", inject="renameat2:error=EINVAL")
    assert done.returncode == 0 and len(files(node)) == 2
    key = (node / ".crossbar/server_key.pem").read_bytes()
    done, _ = traced(node, "key", "--force", inject="renameat2:error=EINVAL")
    assert done.returncode == 0 and (node / ".crossbar/server_key.pem").read_bytes() != key and len(files(node)) == 2


def test_a_slip_of_out_costs_no_key(cert, node):
    cert("ca", "CA")
    cert("self-signed", "localhost")
    before = contents(node)
    for words in (["sign", "localhost", "--out", "ca_key.pem"], ["chain", "ca_cert.pem", "--out", "ca_key.pem"],
                  ["self-signed", "localhost", "--out", ".crossbar/server_key.pem"], ["dhparam", "--out", "ca_key.pem"], ["csr", "localhost", "--out", "ca_key.pem"]):
        assert "holds a private key: nothing else replaces it" in cert(*words, "--force", status=1).stderr
    assert "cannot be two files at once" in cert("self-signed", "localhost", "--key", "x", "--out", "x", "--force", status=1).stderr
    assert contents(node) == before


def test_files_of_others(cert, node):
    if os.geteuid() != 0:
        pytest.skip("takes a second user")
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    cert("ca", "CA")
    before = contents(node)
    assert "ca_key.pem cannot be opened: Permission denied" in cert("show", "ca_key.pem", status=1, **nobody).stderr
    assert "server_key.pem cannot be written: Permission denied" in cert("key", status=1, **nobody).stderr
    assert contents(node) == before


def limited(size):
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return set_limit


@pytest.mark.parametrize("size", [0, 100, 300])
def test_a_full_disk_leaves_all_as_it_was(cert, node, size):
    """300 bytes are enough for a key, and not for a certificate."""
    said = cert("self-signed", "localhost", status=1, preexec_fn=limited(size)).stderr
    assert "cannot be written: File too large" in said and files(node) == []
    cert("self-signed", "localhost")
    before = contents(node)
    cert("self-signed", "localhost", "--force", status=1, preexec_fn=limited(size))
    assert contents(node) == before


def test_stdout_that_is_full(node, pki):
    with open("/dev/full", "w") as full:
        for words in (["chain", pki["rsa.pem"]], ["show", pki["rsa.pem"]], ["dhparam", "--out", "-"],
                      ["verify", pki["rsa-fullchain.pem"], "--ca", pki["root.pem"]], ["csr", "localhost", "--out", "-"]):
            done = subprocess.run([binary(), "cert", *words], cwd=node, stdout=full, stderr=subprocess.PIPE, timeout=90)
            assert done.returncode == 1, words
    assert files(node) == []


def test_directories_that_are_not_there(cert, node):
    said = cert("self-signed", "localhost", "--key", "no/where/key.pem", status=1).stderr
    assert "there is no directory no/where/: mkdir -p no/where/" in said
    assert "nowhere" in cert("key", "--cbdir", "nowhere", status=1).stderr
    assert files(node) == []


def test_links_are_not_followed(cert, node):
    (node / "live").mkdir()
    os.symlink("../live/target.pem", node / ".crossbar/server_cert.pem")
    said = cert("self-signed", "localhost", "--force", status=1).stderr
    assert "server_cert.pem is a link to ../live/target.pem" in said
    assert files(node) == [] and os.path.islink(node / ".crossbar/server_cert.pem")


def test_stdout_is_for_what_is_no_key(cert, openssl, node):
    done = cert("self-signed", "localhost", "--key", "k.pem", "--out", "-")
    assert done.stdout.startswith("-----BEGIN CERTIFICATE-----") and "made" in done.stderr
    assert files(node) == ["k.pem"]
    assert cert("csr", "localhost", "--key", "k.pem", "--out", "-").stdout.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert "private keys are not printed" in cert("key", "--out", "-", status=2).stderr
    assert "private keys are not printed" in cert("decrypt", "k.pem", "--out", "-", status=2).stderr


def test_node_directory_as_run_finds_it(cert, node):
    other = node / "other"
    other.mkdir()
    cert("key", env={**os.environ, "CROSSBAR_DIR": str(other)})
    cert("csr", "localhost", "--cbdir", "other")
    assert files(node) == ["other/server_csr.pem", "other/server_key.pem"]
    (node / ".crossbar").rmdir()
    cert("key")
    assert (node / "server_key.pem").is_file()


def test_a_key_that_is_there_is_used(cert, node):
    cert("self-signed", "localhost")
    key = (node / ".crossbar/server_key.pem").read_bytes()
    cert("self-signed", "localhost", "example.com", "--force")
    assert (node / ".crossbar/server_key.pem").read_bytes() == key
    for words in (["--rsa", "2048"], ["--p384"]):
        said = cert("self-signed", "localhost", "--force", *words, status=1).stderr
        assert "is there already, and is used as it is" in said and words[0] in said
    (node / "junk").write_text("junk")
    assert "junk holds no private key" in cert("self-signed", "localhost", "--force", "--key", "junk", status=1).stderr


# ---- authorities

def test_client_certificate_opens_what_asks_for_one(cert, openssl, crossgate, node):
    cert("ca", "Devices")
    cert("sign", "localhost")
    said = cert("sign", "--client", "meter 17").stdout
    assert f'"ca_certificates": ["{node / "ca_cert.pem"}"]' in said
    assert "curl --cert client_cert.pem --key client_key.pem" in said and mode(node / "client_key.pem") == 0o600
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca_cert.pem", "client_cert.pem")
    assert "CN = meter 17" in openssl("x509", "-in", "client_cert.pem", "-noout", "-subject")
    gate = start(crossgate, node, ca_certificates=["../ca_cert.pem"])
    context = ssl.create_default_context(cafile=node / "ca_cert.pem")
    with pytest.raises((OSError, EOFError)), Wire(gate.port, context, server_name="localhost") as wire:
        wire.request("/")
    context.load_cert_chain(node / "client_cert.pem", node / "client_key.pem")
    with Wire(gate.port, context, server_name="localhost") as wire:
        assert wire.request("/").status == 200


def test_client_with_a_request_keeps_its_key(cert, openssl, node):
    cert("ca", "Devices")
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Joe", "-keyout", "joe.key", "-out", "joe.csr")
    said = cert("sign", "--client", "--csr", "joe.csr", "--out", "joe.pem").stdout
    assert "curl --cert joe.pem --key KEY" in said
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca_cert.pem", "joe.pem")
    assert "CN = Joe" in openssl("x509", "-in", "joe.pem", "-noout", "-subject")
    assert not (node / "client_key.pem").exists()


@pytest.mark.parametrize("words", [[], ["a", "b"]])
def test_client_has_one_name(cert, node, words):
    cert("ca", "Devices")
    assert "--client wants one NAME" in cert("sign", "--client", *words, status=2).stderr
    assert files(node) == ["ca_cert.pem", "ca_key.pem"]


def test_bound_authority_signs_for_its_own_only(cert, openssl, node):
    cert("ca", "--only", "localhost", "--only", "10.0.0.0/8")
    for good in ("localhost", "x.localhost", "10.1.2.3"):
        cert("sign", good, "--force")
        openssl("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca_cert.pem", ".crossbar/server_cert.pem")
    for bad in ("bank.example", "127.0.0.1", "::1"):
        assert "bound to other names" in cert("sign", bad, "--force", status=1).stderr
    # Whoever has the key and signs by other means gains nothing.
    (node / "x.cnf").write_text("subjectAltName=IP:127.0.0.1")
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "x.key", "-subj", "/O=x", "-out", "x.csr")
    openssl("x509", "-req", "-in", "x.csr", "-CA", "ca_cert.pem", "-CAkey", "ca_key.pem", "-set_serial", "1", "-extfile", "x.cnf", "-out", "x.pem")
    assert "permitted subtree violation" in openssl("verify", "-CAfile", "ca_cert.pem", "x.pem", status=2)
    assert '"constraint"' in cert("verify", "x.pem", "--ca", "ca_cert.pem", "--json", status=1).stdout


@pytest.mark.parametrize("words, says", [
    (["sign"], "no signing request"), (["sign", "localhost", "--ca", "nowhere.pem"], "No such file"),
    (["sign", "localhost", "--ca", "leaf.pem", "--ca-key", "leaf.key"], "no authority's"),
    (["sign", "localhost", "--ca-key", "leaf.key"], "does not belong to its certificate"),
    (["sign", "localhost", "--days", "4000"], "sooner than the one that it is to sign"),
    (["sign", "--csr", "leaf.key"], "no host is named"), (["sign", "--csr", "leaf.pem"], "neither a private key nor a signing request")])
def test_what_cannot_be_signed(cert, node, words, says):
    cert("ca", "CA")
    cert("self-signed", "localhost", "--key", "leaf.key", "--out", "leaf.pem")
    before = contents(node)
    assert re.search(says, cert(*words, status=1).stderr)
    assert contents(node) == before


def test_request_by_name_and_names_instead_of_its_own(cert, openssl, node):
    cert("ca", "CA")
    cert("csr", "a.example", "--out", "server.csr")
    assert "server.csr is a file here" in cert("sign", "server.csr", status=2).stderr
    cert("sign", "b.example", "--csr", "server.csr")
    assert "DNS:b.example" in openssl("x509", "-in", ".crossbar/server_cert.pem", "-noout", "-ext", "subjectAltName")


# ---- words

@pytest.mark.parametrize("name, says", [
    ("localhost:8080", 'leave the port out, as in "localhost"'), ("https://a.example", "leave the scheme out"), ("a_b", "underscore"),
    ("bücher.example", "xn--"), ("a@b.example", "mail address"), ("*.com", "two labels"), ("1.2.3", "no IP address"), ("", "empty")])
def test_names_that_are_none(cert, node, name, says):
    for verb in ("self-signed", "csr", "sign"):
        said = cert(verb, name, status=2).stderr
        assert says in said and f"Try: crossgate cert {verb} --help" in said
    assert files(node) == []


@pytest.mark.parametrize("words, says", [
    (["self-signed"], "NAME is missing: write crossgate cert self-signed NAME..."), (["show"], "FILE is missing"),
    (["self-signed", "a", "--days", "0"], "a number from 1 to 36500"), (["self-signed", "a", "--days", "x"], "a number from"),
    (["key", "--rsa", "1024"], "2048 or 4096"), (["key", "--rsa", "2048", "--p384"], "different kinds"), (["key", "surplus"], "surplus"),
    (["dhparam", "ffdhe1024"], "one of ffdhe2048"), (["dhparam", "--generate", "1024"], "2048 to 4096"),
    (["dhparam", "ffdhe2048", "--generate", "2048"], "not looked for"), (["ca", "a", "b"], "surplus word"), (["ca", "--only", "*.a.b"], "leave the * out"),
    (["decrypt", "a", "b"], "surplus word"), (["sign", "--csr", "x", "--rsa", "2048"], "has its key already"), (["selfsigned"], "self-signed"),
    (["verfiy"], "cert verify"), ([], "usage")])
def test_wrong_words(cert, node, words, says):
    assert says in cert(*words, status=2).stderr
    assert files(node) == []


def test_words_stand_anywhere_and_end_options(cert, node):
    cert("self-signed", "a.example", "--days", "3", "b.example", "--key", "k.pem", "--out=c.pem")
    assert json.loads(cert("show", "--json", "c.pem").stdout)[0]["names"] == ["a.example", "b.example"]
    assert "inner hyphens" in cert("self-signed", "--", "--days", status=2).stderr


def test_help_teaches(cert):
    text = cert("--help").stdout
    assert all(re.search(rf"^  {verb} ", text, re.M) for verb in VERBS) and "Examples:" in text
    for verb in VERBS:
        text = cert(verb, "--help").stdout
        examples = re.findall(rf"^  (?:curl .*\| )?crossgate cert {verb}\b", text, re.M)
        assert len(examples) >= 2, verb
        assert max(map(len, text.split("\n"))) <= 110, verb
        assert run("help", "cert", verb).stdout == text


# ---- passphrases at the terminal

def test_passphrases_are_asked_for_without_an_echo(cert, openssl, node):
    with Terminal([binary(), "cert", "ca", "CA", "--encrypt"], node) as terminal:
        for question in ("New passphrase of ca_key.pem: ", "The same again, passphrase of ca_key.pem: "):
            terminal.expect(question)
            assert not terminal.echoes()
            terminal.type("geheim\n")
        assert terminal.end() == 0
        assert "geheim" not in terminal.screen and "with a passphrase" in terminal.screen and terminal.echoes()
    assert "ENCRYPTED" in (node / "ca_key.pem").read_text() and mode(node / "ca_key.pem") == 0o600
    openssl("pkey", "-in", "ca_key.pem", "-passin", "pass:geheim", "-noout", "-check")
    with Terminal([binary(), "cert", "sign", "localhost"], node) as terminal:
        terminal.expect("Passphrase of ca_key.pem: ")
        terminal.type("geheim\n")
        assert terminal.end() == 0
    openssl("verify", "-CAfile", "ca_cert.pem", ".crossbar/server_cert.pem")


@pytest.mark.parametrize("typed, says", [(["a\n", "b\n"], "are not the same"), (["\n"], "no passphrase was given"),
                                         (["\x04"], "no passphrase was given"), (["x" * 1024 + "\n"], "too long")])
def test_passphrases_that_will_not_do(node, typed, says):
    with Terminal([binary(), "cert", "key", "--encrypt"], node) as terminal:
        for text in typed:
            terminal.expect(": ")
            terminal.type(text)
        assert terminal.end() == 1
        assert says in terminal.screen and terminal.echoes()
    assert files(node) == []


@pytest.mark.parametrize("number, typed", [(signal.SIGINT, "\x03"), (signal.SIGQUIT, "\x1c"), (signal.SIGTERM, None)])
def test_interrupted_at_the_prompt(node, number, typed):
    with Terminal([binary(), "cert", "key", "--encrypt"], node) as terminal:
        terminal.expect(": ")
        assert not terminal.echoes()
        terminal.type("half")
        terminal.type(typed) if typed else terminal.process.send_signal(number)
        assert terminal.end() == -number and terminal.echoes()
    assert files(node) == []


def test_asked_again_after_a_stop(cert, openssl, node):
    """Ctrl-Z has no effect where nobody could continue the program, as here; it comes back at once."""
    with Terminal([binary(), "cert", "key", "--encrypt"], node) as terminal:
        terminal.expect("New passphrase of ")
        terminal.type("half\x1a")
        for question in ("New passphrase of ", "The same again"):
            terminal.expect(question)
            terminal.expect(": ")
            terminal.type("geheim\n")
        assert terminal.end() == 0 and terminal.echoes()
    openssl("pkey", "-in", ".crossbar/server_key.pem", "-passin", "pass:geheim", "-noout")
