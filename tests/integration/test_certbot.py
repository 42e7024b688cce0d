"""certbot as its users run it: a webroot on port 80, files that are watched, no deploy hook."""
import os
import shutil
import ssl
import subprocess

import pytest
from cryptography import x509

from support import ports
from support.gate import ECHO, HELLO, document, tcp, web
from support.pebble import Pebble
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

NAME = "shop.example.com"

pytestmark = [pytest.mark.released, pytest.mark.skipif(not shutil.which("certbot"), reason="no certbot here")]


class Certbot:
    def __init__(self, directory, pebble):
        self.home = directory / "certbot"
        self.webroot = directory / "webroot"
        self.webroot.mkdir()
        self.webroot.chmod(0o755)
        self.live = self.home / "config/live" / NAME
        self._places = [f"--{name}-dir={self.home / name}" for name in ("config", "work", "logs")]
        self._pebble = pebble

    def run(self, *words):
        done = subprocess.run(["certbot", *words, "--non-interactive", *self._places], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, umask=0o022,
                              env={**os.environ, "REQUESTS_CA_BUNDLE": self._pebble.authorities})
        assert done.returncode == 0, done.stdout + done.stderr

    def issue(self):
        self.run("certonly", "--webroot", "--webroot-path", self.webroot, "--domain", NAME, "--server", self._pebble.directory,
                 "--email", "admin@example.com", "--agree-tos")

    def renew(self):
        self.run("renew", "--force-renewal", "--no-random-sleep-on-renew")

    def serial(self):
        """Of the certificate that it has issued last."""
        return x509.load_pem_x509_certificate((self.live / "cert.pem").read_bytes()).serial_number


def shown(port, client):
    with Wire(port, client, server_name=NAME) as wire:
        return x509.load_der_x509_certificate(wire.socket.getpeercert(True)).serial_number


def test_webroot_and_no_hook(crossgate, pki, directory):
    plain = web({"/": {"type": "redirect", "url": f"https://{NAME}", "keep_path": True, "status": 308},
                 ".well-known": {"type": "static", "directory": "webroot/.well-known"}}, endpoint=tcp(ports.take()))
    with Pebble(directory, pki, http_port=plain["endpoint"]["port"]) as pebble:
        certbot = Certbot(directory, pebble)
        # As the recipe says. A directory that is missing is an error, and certbot removes those that it has made itself.
        (certbot.webroot / ".well-known").mkdir()
        (certbot.webroot / ".well-known").chmod(0o755)
        gate = crossgate(plain)
        certbot.issue()
        assert oct((certbot.home / "config/archive").stat().st_mode)[-3:] == "700"
        live = certbot.live
        secure = web({"/": HELLO, "ws": ECHO}, tls={"key": str(live / "privkey.pem"), "certificate": str(live / "cert.pem"),
                                                    "chain_certificates": [str(live / "chain.pem")]})
        gate.reload(document(plain, secure), expect="reloaded: 2 transports")
        client, port = ssl.create_default_context(cadata=pebble.root()), secure["endpoint"]["port"]
        first = certbot.serial()
        assert shown(port, client) == first
        with WebSocketWire(port, client, server_name=NAME) as wire:
            wire.open()
            since = len(gate.log)
            certbot.renew()
            assert certbot.serial() != first
            gate.wait_log(f"renewed: {live}/cert.pem .{NAME}.", since=since)
            assert {shown(port, client) for _ in range(20)} == {certbot.serial()}
            wire.send(frame(TEXT, "still"))
            assert wire.message() == (TEXT, b"still")
        assert "warning" not in gate.log[since:]
