"""What scripts/quickstart starts: config/dev.json, with certificates of scripts/make-dev-certs, on other ports."""
import json
import os
import shutil
import ssl
import subprocess

import pytest

from support import ports
from support.gate import CHECKOUT
from support.wire import TEXT, WebSocketWire, Wire, frame


@pytest.fixture
def certificates(directory):
    path = directory / "certs" / "dev"
    subprocess.run([CHECKOUT / "scripts/make-dev-certs", path], check=True, timeout=60, stdout=subprocess.DEVNULL)
    return path


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_development_certificates_are_made_once(certificates):
    before = contents(certificates)
    assert set(before) == {"ca.key", "ca.pem", "server.key", "server.pem"}
    for name in ("ca.key", "server.key"):
        assert (certificates / name).stat().st_mode & 0o777 == 0o600
    subprocess.run([CHECKOUT / "scripts/make-dev-certs", certificates], check=True, timeout=60)
    assert contents(certificates) == before


def test_development_certificate_is_renewed_before_its_end(certificates):
    before = contents(certificates)
    day = str(29 * 24 * 3600)
    subprocess.run(["openssl", "x509", "-in", "server.pem", "-signkey", "server.key", "-days", "29", "-out", "short.pem"],
                   cwd=certificates, check=True, capture_output=True)
    os.replace(certificates / "short.pem", certificates / "server.pem")
    assert subprocess.run(["openssl", "x509", "-in", certificates / "server.pem", "-checkend", day, "-noout"],
                          capture_output=True).returncode == 1
    subprocess.run([CHECKOUT / "scripts/make-dev-certs", certificates], check=True, timeout=60, stdout=subprocess.DEVNULL)
    after = contents(certificates)
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.pem"] != before["server.pem"]
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", "ca.pem", "server.pem"], cwd=certificates, check=True,
                   stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_development_certificate_is_for_this_machine_by_each_name(certificates, name):
    words = ["-verify_hostname", name] if name == "localhost" else ["-verify_ip", name]
    subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", *words, "-CAfile", "ca.pem",
                    "server.pem"], cwd=certificates, check=True, stdout=subprocess.DEVNULL)


def test_development_ca_cannot_sign_for_others(certificates):
    for words in (["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "x.key", "-subj", "/CN=bank.example", "-out", "x.csr"],
                  ["x509", "-req", "-in", "x.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "1", "-extfile",
                   "x.cnf", "-out", "x.pem"]):
        (certificates / "x.cnf").write_text("subjectAltName = DNS:bank.example\n")
        subprocess.run(["openssl", *words], cwd=certificates, check=True, capture_output=True)
    done = subprocess.run(["openssl", "verify", "-CAfile", "ca.pem", "x.pem"], cwd=certificates, capture_output=True,
                          text=True)
    assert "permitted subtree violation" in done.stderr


def test_dev_configuration_serves_page_echo_and_info(crossgate, certificates, directory):
    shutil.copytree(CHECKOUT / "config", directory / "config")
    config = json.loads((directory / "config" / "dev.json").read_text())
    for transport in config["workers"][0]["transports"]:
        transport["endpoint"]["port"] = ports.take()
    gate = crossgate(config=config, home=directory / "config")
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    secure, plain = gate.ports()
    with Wire(secure, context) as wire:
        page = wire.request("/")
        assert page.status == 200 and page.get("Content-Type").startswith("text/html")
        assert wire.request("/info").status == 200
    with WebSocketWire(secure, context) as wire:
        wire.open("/ws").send(frame(TEXT, "hello"))
        assert wire.message() == (TEXT, b"hello")
    with Wire(plain) as wire:
        assert wire.request("/").status == 302
