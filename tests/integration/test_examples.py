"""The configurations of config/examples, on free ports and with certificates of the tests: checked, started, asked."""
import copy
import json
import shutil
import ssl

import pytest
import yaml

from support import ports
from support.backend import Backend
from support.gate import CHECKOUT, listening, run
from support.wire import TEXT, WebSocketWire, Wire, frame

EXAMPLES = sorted((CHECKOUT / "config/examples").iterdir())


class Example:
    """An example as a node directory: what it names is there. Absolute paths begin at `root`; ports have a new number."""

    def __init__(self, name, directory, pki):
        text = (CHECKOUT / "config/examples" / name).read_text()
        self.config = json.loads(json.dumps(yaml.safe_load(text)))  # without what anchors make one
        self.home = directory / "node"
        self.root = directory / "root"
        self.home.mkdir()
        self.ports = {}
        self._pki = pki
        self._kind = "ec" if "ECDSA" in text else "rsa"  # certbot's default needs ciphers for it
        for transport in listening(self.config):
            self._move(transport["endpoint"])
        self._provide(self.config)

    def _move(self, endpoint):
        if endpoint["type"] == "tcp":
            endpoint["port"] = self.ports.setdefault(endpoint["port"], ports.take())
            endpoint["interface"] = "127.0.0.1"

    def place(self, path):
        return self.root / path[1:] if path.startswith("/") else self.home / path

    def _file(self, path, source):
        place = self.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self._pki[source], place)  # with its mode
        return str(place) if path.startswith("/") else path

    def _provide_tls(self, tls):
        connects = "hostname" in tls
        if "acme" in tls:
            tls["acme"]["directory"] = "https://127.0.0.1:9/directory"  # nobody is asked
        chain = "" if "chain_certificates" in tls else "-fullchain"
        sources = {"key": f"{self._kind}.key", "certificate": f"{self._kind}{chain}.pem",
                   "chain_certificates": "chain.pem", "ca_certificates": "root.pem" if connects else "devices.pem",
                   "dhparam": "dhparam-2-2048.pem"}
        for key, source in sources.items():
            if isinstance(tls.get(key), list):
                tls[key] = [self._file(path, source) for path in tls[key]]
            elif key in tls:
                tls[key] = self._file(tls[key], source)

    def _provide(self, value):
        if isinstance(value, list):
            for element in value:
                self._provide(element)
        elif isinstance(value, dict):
            if isinstance(value.get("tls"), dict) and "type" in value and "port" in value:
                self._provide_tls(value["tls"])
            if value.get("type") == "static" and "directory" in value:
                place = self.place(value["directory"])
                place.mkdir(parents=True, exist_ok=True)
                (place / "index.html").write_text("<h1>home</h1>")
                value["directory"] = str(place) if value["directory"].startswith("/") else value["directory"]
            for element in value.values():
                self._provide(element)


@pytest.fixture
def example(directory, pki, monkeypatch):
    monkeypatch.setenv("FRONT_DOOR", "1")  # of proxy.json: that this is not the node
    monkeypatch.setenv("BACK_NODE", "")
    return lambda name, where=directory: Example(name, where, pki)


@pytest.fixture
def start(crossgate):
    def start(example, backend="ws://127.0.0.1:9"):
        return crossgate(config=copy.deepcopy(example.config), home=example.home, words=["--backend", backend])
    return start


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_example_passes_the_check_without_a_warning(example, name):
    example = example(name)
    path = example.home / "config.json"
    path.write_text(json.dumps(example.config, indent=4))
    done = run("check", "--config", path, "--backend", "ws://127.0.0.1:9", "--json")
    said = json.loads(done.stdout)
    problems = [problem for problem in said["diagnostics"] if problem["severity"] != "note"]
    assert not [problem for problem in problems if not problem["text"].startswith("--backend is not used")], problems
    assert said["ok"] and len(said["transports"]) == len(listening(example.config))


def expected_status(transport):
    """Of the path "/"."""
    if transport["type"] != "web":
        return 200 if transport.get("options", {}).get("enable_webstatus", True) else 426
    service = transport["paths"].get("/", {"type": "nothing"})
    return {"nothing": 404, "static": 200, "redirect": service.get("status", 302)}[service["type"]]


@pytest.mark.parametrize("name", [path.name for path in EXAMPLES])
def test_example_starts_and_answers(example, start, pki, name):
    example = example(name)
    start(example)
    for transport in listening(example.config):
        tls = transport["endpoint"].get("tls")
        if transport["type"] not in ("web", "websocket", "websocket.testee") or transport["endpoint"]["type"] != "tcp":
            continue
        client = pki.client("device" if "ca_certificates" in tls else None) if tls else None
        if tls and "acme" in tls:  # the placeholder
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        with Wire(transport["endpoint"]["port"], client) as wire:
            assert wire.request("/").status == expected_status(transport)


def test_web_serves_files_and_relays_websockets(example, start, pki):
    example = example("web.json")
    with Backend() as backend:
        start(example, f"ws://127.0.0.1:{backend.port}")
        with Wire(example.ports[443], pki.client()) as wire:
            answer = wire.request("/")
            assert answer.body == b"<h1>home</h1>"
            assert answer.get("Strict-Transport-Security") == "max-age=31536000"
        with WebSocketWire(example.ports[443], pki.client()) as wire:
            wire.open("/ws")
            wire.send(frame(TEXT, "through"))
            assert wire.message() == (TEXT, b"through")
            wire.send(frame(TEXT, b"x" * 1048577)[:100])
            assert wire.ends()
    with Wire(example.ports[80]) as wire:
        answer = wire.request("/path?query")
        assert (answer.status, answer.get("Location")) == (302, "https://shop.example")


def test_redirect_lets_the_challenges_of_acme_through(example, start, pki):
    example = example("redirect.json")
    webroot = example.place("/var/lib/letsencrypt/webroot/.well-known")
    start(example)
    (webroot / "acme-challenge").mkdir()  # as certbot does, while the server runs
    (webroot / "acme-challenge" / "token").write_text("token.thumbprint")
    with Wire(example.ports[80]) as wire:
        answer = wire.request("/.well-known/acme-challenge/token", host="shop.example")
        assert (answer.status, answer.body) == (200, b"token.thumbprint")
        assert wire.request("/.well-known/acme-challenge/none").status == 404
        answer = wire.request("/a/b%20c?d=e")
        assert (answer.status, answer.get("Location")) == (308, "https://shop.example/a/b%20c?d=e")
    with Wire(example.ports[443], pki.client(maximum_version=ssl.TLSVersion.TLSv1_2)) as wire:
        assert wire.request("/").body == b"<h1>home</h1>"


def test_client_certificates_are_asked_for(example, start, pki):
    example = example("client-certificates.json")
    with Backend() as backend:
        start(example, f"ws://127.0.0.1:{backend.port}")
        with WebSocketWire(example.ports[8443], pki.client("device")) as wire:
            wire.open("/ws")
            wire.send(frame(TEXT, "meter"))
            assert wire.message() == (TEXT, b"meter")
    for kind in (None, "stranger"):
        with pytest.raises((OSError, EOFError)):
            with Wire(example.ports[8443], pki.client(kind)) as wire:
                wire.request("/ws")


def test_the_node_behind_judges_origins(example, start, pki, directory):
    """node.json behind web.json, with the program in the place of the node, too."""
    (directory / "behind").mkdir()
    node, front = example("node.json", directory / "behind"), example("web.json")
    with Backend() as backend:
        start(node, f"ws://127.0.0.1:{backend.port}")
        start(front, f"ws://127.0.0.1:{node.ports[8080]}")
        for origin, status in (("https://shop.example", 101), ("https://evil.example", 403), (None, 101)):
            with WebSocketWire(front.ports[443], pki.client()) as wire:
                assert wire.upgrade("/ws", [f"Origin: {origin}"] if origin else []).status == status
        with Wire(node.ports[8080]) as wire:
            assert wire.request("/").body == b"<h1>home</h1>"


def test_shared_port_is_served_by_all_its_transports(example, start, pki):
    example = example("shared.json")
    start(example)
    for _ in range(20):
        with Wire(example.ports[443], pki.client()) as wire:
            assert wire.request("/").body == b"<h1>home</h1>"
