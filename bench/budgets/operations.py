"""What is done to the program: the same each time, so that what it costs can be counted."""
import ssl
import time
from collections import namedtuple

from support.gate import ECHO, document, web

from .backend import BODY
from .visitor import Visitor

# s: a file that was changed less than three seconds ago is not kept by the program (src/file/cache.h), and each GET would open it.
SETTLED = 4

ECDHE, DHE = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"

# prepare(scene) returns what run(scene, prepared) does one operation with; each does `messages` of them.
Operation = namedtuple("Operation", "name text prepare run messages few many")


class Scene:
    """The configuration, and what visitors need to know of the gate."""

    def __init__(self, directory, pki, backend):
        site = directory / "site"
        site.mkdir()
        (site / "1k.bin").write_bytes(BODY)
        time.sleep(SETTLED)
        plain = {"type": "tcp", "host": "127.0.0.1", "port": backend.port}
        paths = {"/": {"type": "static", "directory": str(site)}, "echo": ECHO,
                 "relay": {"type": "websocket-reverseproxy", "backend": {"type": "websocket", "endpoint": plain,
                                                                        "url": f"ws://127.0.0.1:{backend.port}"}},
                 "api": {"type": "reverseproxy", "host": "127.0.0.1", "port": backend.port, "path": ""}}
        self.config = document(*[web(paths, tls=pki.tls(kind)) for kind in ("ec", "rsa")])
        self._ports = dict(zip(("ec", "rsa"), (transport["endpoint"]["port"] for transport in self.config["workers"][0]["transports"])))
        self._pki, self._backend = pki, backend

    def enter(self, gate):
        self._settle = self._backend.settle = gate.settle

    def context(self, version, ciphers=ECDHE):
        context = self._pki.client()
        context.minimum_version = context.maximum_version = version
        context.set_ciphers(ciphers)
        return context

    def visit(self, key, tls, session=None):
        return Visitor(self._settle, self._ports[key], tls, session)


def handshake(name, text, key, version, ciphers=ECDHE):
    def run(scene, tls):
        scene.visit(key, tls).leave()
    return Operation(name, text, lambda scene: scene.context(version, ciphers), run, 1, 3, 8)


def resume(scene, prepared):
    tls, session = prepared
    visitor = scene.visit("ec", tls, session)
    assert visitor.tls.session_reused
    visitor.leave()


def get_session(scene):
    tls = scene.context(ssl.TLSVersion.TLSv1_3)
    visitor = scene.visit("ec", tls)
    visitor.leave()
    return tls, visitor.tls.session


def visit(scene):
    return scene.visit("ec", scene.context(ssl.TLSVersion.TLSv1_3))


def echo(name, text, path, payload, depth=1):
    def prepare(scene):
        visitor = visit(scene)
        visitor.upgrade(path)
        return visitor
    return Operation(name, text, prepare, lambda scene, visitor: visitor.echo(payload, depth), depth, 5, 20)


def get(name, text, target):
    def run(scene, visitor):
        assert visitor.get(target) == BODY
    return Operation(name, text, lambda scene: visit(scene), run, 1, 5, 20)


OPERATIONS = [
    handshake("handshake-tls1.3-ecdsa", "connect, full handshake, close; TLS 1.3, P-256", "ec", ssl.TLSVersion.TLSv1_3),
    handshake("handshake-tls1.3-rsa", "the same, RSA-2048", "rsa", ssl.TLSVersion.TLSv1_3),
    handshake("handshake-tls1.2-ecdsa", "the same, TLS 1.2, ECDHE, P-256", "ec", ssl.TLSVersion.TLSv1_2),
    handshake("handshake-tls1.2-dhe", "the same, TLS 1.2, DHE (ffdhe2048), RSA-2048", "rsa", ssl.TLSVersion.TLSv1_2, DHE),
    Operation("handshake-tls1.3-resumed", "the same, TLS 1.3, resumed", get_session, resume, 1, 3, 8),
    echo("echo-64", "WebSocket message of 64 bytes and its echo, one at a time", "/echo", b"x" * 64),
    echo("echo-64x16", "the same, 16 messages at a time; per message", "/echo", b"x" * 64, depth=16),
    echo("echo-16k", "WebSocket message of 16 KiB and its echo", "/echo", b"x" * 16384),
    echo("relay-64", "WebSocket message of 64 bytes to a backend over TCP and its echo", "/relay", b"x" * 64),
    get("get-static-1k", "GET of a file of 1 KiB, keep-alive", "/1k.bin"),
    get("get-proxied-1k", "GET of 1 KiB from a backend over TCP, keep-alive on both sides", "/api/1k.bin"),
]
