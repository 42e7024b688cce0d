"""Clients of other people, by the library that does their TLS. Each visits addresses of this machine:

    visitors["curl"].visit([port, …], pki, directory, version="1.3", device=True)

opens https://localhost:PORT/ and wss://localhost:PORT/ws at each port, trusts the tests' root, speaks that version of TLS only, and
has the certificate `device` if asked. Returns (page, echo) for each port: texts; echo is None where a client speaks no WebSocket."""
import asyncio
import contextlib
import json
import os
import shutil
import ssl
import subprocess
import threading
import urllib.request
from pathlib import Path

import websockets

from . import chromium
from .wire import TEXT, WebSocketWire, close_frame, frame

HERE = Path(__file__).resolve().parents[1]
SAID = "crossgate grüßt"
TIMEOUT = 90


def _run(*words, **more):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Dialogue:
    """A program that passes on what is written to it, as s_client and gnutls-cli do. All that it says is in `said`."""

    def __init__(self, words):
        self.said = b""
        self._process = subprocess.Popen([*map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._clock = threading.Timer(TIMEOUT, self._process.kill)
        self._clock.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._clock.cancel()
        self._process.kill()
        self._process.communicate()

    def say(self, data, until):
        """What is said from here until `until` is."""
        since = len(self.said)
        with contextlib.suppress(BrokenPipeError):  # then it has ended, and what it said last is read
            self._process.stdin.write(data)
            self._process.stdin.flush()
        while until not in self.said[since:]:
            piece = os.read(self._process.stdout.fileno(), 65536)
            assert piece, self.said.decode(errors="replace")
            self.said += piece
        return self.said[since:].decode(errors="replace")


def _talk_raw(words):
    """A page and an echo over one connection."""
    upgrade = ("GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               f"Sec-WebSocket-Key: {WebSocketWire.KEY}\r\n\r\n")
    with Dialogue(words) as dialogue:
        page = dialogue.say(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"page")
        dialogue.say(upgrade.encode(), f"{WebSocketWire.ACCEPT}".encode())
        dialogue.say(frame(TEXT, SAID), SAID.encode())
        dialogue.say(close_frame(1000), b"\x88\x02\x03\xe8")
        return page, SAID


class Openssl:
    program = "openssl"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        words = ["openssl", "s_client", "-quiet", "-CAfile", pki["root.pem"], "-verify_return_error", "-verify_hostname", "localhost",
                 "-servername", "localhost", f"-tls{version.replace('.', '_')}"]
        words += ["-cert", pki["device.pem"], "-key", pki["device.key"]] if device else []
        return [_talk_raw([*words, "-connect", f"127.0.0.1:{port}"]) for port in ports]


class Gnutls:
    program = "gnutls-cli"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        words = ["gnutls-cli", "--x509cafile", pki["root.pem"], "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"]
        words += ["--x509certfile", pki["device.pem"], "--x509keyfile", pki["device.key"]] if device else []
        return [_talk_raw([*words, "-p", port, "localhost"]) for port in ports]


class Curl:
    program = "curl"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        words = ["curl", "-sS", "--fail", "--noproxy", "*", "--cacert", pki["root.pem"], f"--tlsv{version}", "--tls-max", version]
        words += ["--cert", pki["device.pem"], "--key", pki["device.key"]] if device else []
        return [(_run(*words, f"https://localhost:{port}/"), None) for port in ports]


class Wget:
    """Debian's has its TLS of GnuTLS."""
    program = "wget"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        words = ["wget", "-q", "-O", "-", "--no-proxy", "--no-hsts", "--tries=1", f"--ca-certificate={pki['root.pem']}", "--ciphers",
                 f"NORMAL:-VERS-ALL:+VERS-TLS{version}"]
        words += [f"--certificate={pki['device.pem']}", f"--private-key={pki['device.key']}"] if device else []
        return [(_run(*words, f"https://localhost:{port}/"), None) for port in ports]


class Python:
    program = "python3"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        number = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
        context = pki.client("device" if device else None, minimum_version=number, maximum_version=number)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))

        async def echo(port):
            async with websockets.connect(f"wss://localhost:{port}/ws", ssl=context) as session:
                await session.send(SAID)
                return await session.recv()
        return [(opener.open(f"https://localhost:{port}/", timeout=TIMEOUT).read().decode(),
                 asyncio.run(asyncio.wait_for(echo(port), TIMEOUT))) for port in ports]


class Node:
    """Its own OpenSSL, and the `ws` of npm."""
    program = "node"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        task = {"ports": ports, "say": SAID, "ca": pki["root.pem"], "version": f"TLSv{version}",
                **({"cert": pki["device.pem"], "key": pki["device.key"]} if device else {})}
        return [(visit["page"], visit["echo"]) for visit in json.loads(_run("node", HERE / "visitor.js", json.dumps(task)))]


class Java:
    """java.net.http, which does both."""
    program = "keytool"  # that comes with whatever can run a source file: a JRE alone has `java`, too

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        trust, key = directory / "trust.p12", directory / "device.p12"
        trust.unlink(missing_ok=True)
        _run("keytool", "-importcert", "-noprompt", "-alias", "root", "-file", pki["root.pem"], "-keystore", trust, "-storetype",
             "PKCS12", "-storepass", "changeit")
        if device:
            _run("openssl", "pkcs12", "-export", "-in", pki["device.pem"], "-inkey", pki["device.key"], "-out", key, "-passout",
                 "pass:changeit")
        told = _run("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", HERE / "Visitor.java", trust,
                    key if device else "-", f"TLSv{version}", SAID, *ports)
        lines = told.splitlines()
        return list(zip(lines[::2], lines[1::2]))


ECHO_ON_PAGE = """new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/ws`)
    socket.onopen = () => socket.send(SAID)
    socket.onmessage = event => resolve(event.data)
    socket.onerror = () => reject(new Error("no WebSocket"))
})""".replace("SAID", json.dumps(SAID))


def nss_home(pki, directory, device=False):
    """A home whose NSS store trusts the root, and has the client certificate. The environment that it is the home of."""
    home = directory / "browser"
    store = home / ".pki/nssdb"
    store.mkdir(parents=True)
    _run("certutil", "-N", "-d", f"sql:{store}", "--empty-password")
    _run("certutil", "-A", "-d", f"sql:{store}", "-n", "root", "-t", "C,,", "-i", pki["root.pem"])
    if device:
        _run("openssl", "pkcs12", "-export", "-in", pki["device.pem"], "-inkey", pki["device.key"], "-out", home / "device.p12",
             "-passout", "pass:")
        _run("pk12util", "-i", home / "device.p12", "-d", f"sql:{store}", "-W", "", "-K", "")
    return {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}


class Chromium:
    """NSS keeps its certificates; the TLS is BoringSSL."""
    program = "chromium"

    @staticmethod
    def visit(ports, pki, directory, version="1.3", device=False):
        """Whatever the client certificate is for is not asked: a policy chooses it."""
        env = nss_home(pki, directory, device)
        choose = {"AutoSelectCertificateForUrls": [json.dumps({"pattern": "https://localhost", "filter": {}})]}
        with chromium.Chromium(directory, env, f"--ssl-version-max=tls{version}", f"--ssl-version-min=tls{version}",
                               policy=choose if device else None) as browser:
            visits = [browser.visit(f"https://localhost:{port}/", "document.body.textContent", ECHO_ON_PAGE) for port in ports]
        assert {security for security, *_ in visits} == {"secure"}
        return [(page, echo) for _, page, echo in visits]


VISITORS = {"openssl": Openssl, "gnutls": Gnutls, "curl": Curl, "wget": Wget, "python": Python, "node": Node, "java": Java,
            "chromium": Chromium}


def is_here(visitor):
    return bool(shutil.which(visitor.program))
