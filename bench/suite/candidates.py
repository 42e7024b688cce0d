"""Who is measured, and how each is started. bench/peers has their configurations, and README.md there says why they are so."""
import getpass
import json
import re
import resource
import shutil
import string
from dataclasses import dataclass
from pathlib import Path

from .build import built
from .programs import Program, free_port, output

PEERS = Path(__file__).resolve().parents[1] / "peers"
CIPHERS = "ECDHE+AESGCM:DHE+AESGCM"
PATHS = {"hello": "/", "echo": "/ws", "relay": "/relay", "static": "/files/", "proxied": "/proxied"}
DESCRIPTORS_OF_THE_REST = 1000
ANSWER = 1024  # bytes of what is proxied: a JSON text


class Template(string.Template):
    """nginx has dollar signs of its own."""
    delimiter = "@"


@dataclass(frozen=True)
class Setup:
    """What a server has to be able to do."""
    role: str                   # a word of PATHS
    key: str = "ec"
    workers: int = 1
    spread: bool = False        # they have cores of their own
    certificates: int = 0       # besides the one that is used
    backend: str = "tcp"        # of a relay: tcp, unix or rawsocket
    idle: bool = False          # measured for its memory
    cached: bool = False        # files may be kept open


@dataclass(frozen=True)
class Place:
    """Where a server runs, and what it is given."""
    home: Path
    port: int
    keys: object
    files: Path
    backend: object
    cores: set

    def write(self, template, **words):
        """The configuration, made of its template."""
        path = self.home / template
        common = {"home": self.home, "port": self.port, "files": self.files, "ciphers": CIPHERS, "dh": self.keys.dh,
                  "user": getpass.getuser()}
        path.write_text(Template((PEERS / template).read_text()).substitute(common, **words))
        return path

    def tls(self, key):
        return {"certificate": self.keys.certificate(key), "key": self.keys.key(key)}


@dataclass(frozen=True)
class Candidate:
    """One program. `roles` are those it can have; a subclass knows its command line."""
    name: str
    program: str
    roles: tuple

    def missing(self):
        """Why it cannot be started at all, or nothing."""
        return None if shutil.which(self.program) else f"{self.program} is not installed"

    def version(self):
        raise NotImplementedError

    def command(self, place, setup):
        raise NotImplementedError

    def environment(self):
        return {}

    def start(self, place, setup):
        """Does not wait until it listens, so that others can be started meanwhile."""
        return Program(self.command(place, setup), place.home, place.cores, self.environment())


def found(pattern, text):
    match = re.search(pattern, text)
    return match[1] if match else "?"


class Crossgate(Candidate):
    def version(self):
        return output([self.program, "version"]).partition("\n")[0] or "?"

    def command(self, place, setup):
        names = [{"certificate": str(path), "key": str(place.keys.key("ec"))} for path in place.keys.many(setup.certificates)]
        config = place.write("crossgate.json", **place.tls(setup.key), certificates=json.dumps(names),
                             backend=json.dumps(place.backend.endpoint(setup.backend)), origin=place.backend.port)
        keep_paths(config, setup.role)
        return run_crossgate(self.program, config, setup.workers)


def keep_paths(config, role):
    """A door has the services that its row is about, and those of crowds: one that can open more than its visitors' sockets takes half as many."""
    whole = json.loads(config.read_text())
    transport = whole["workers"][0]["transports"][0]
    kept = {"/", "ws", PATHS[role].strip("/")}
    transport["paths"] = {path: service for path, service in transport["paths"].items() if path in kept}
    config.write_text(json.dumps(whole, indent=1))


def run_crossgate(program, config, workers):
    return [program, "run", "--config", config, "--workers", workers, "--user", getpass.getuser(), "--log-level", "error"]


class Nginx(Candidate):
    def version(self):
        return found(r"nginx/(\S+)", output([self.program, "-v"]))

    def command(self, place, setup):
        cache = "open_file_cache max=1000;" if setup.cached else ""
        config = place.write("nginx.conf", **place.tls(setup.key), workers=setup.workers, descriptors=descriptors(),
                             connections=2 * descriptors(), cache=cache,
                             backend=place.backend.address(setup.backend, unix="unix:{}:"), origin=place.backend.address("tcp"))
        return [self.program, "-p", place.home, "-c", config]


class Haproxy(Candidate):
    def version(self):
        return found(r"version (\S+)", output([self.program, "-v"]))

    def command(self, place, setup):
        connections = (descriptors() - DESCRIPTORS_OF_THE_REST // 2) // (2 if setup.role == "relay" else 1)
        config = place.write("haproxy.cfg", whole=place.keys.whole(setup.key), workers=setup.workers, connections=connections,
                             backend=place.backend.address(setup.backend, unix="unix@{}"))
        return [self.program, "-db", "-f", config]


class Hitch(Candidate):
    def version(self):
        return found(r"hitch (\S+)", output([self.program, "--version"]))

    def command(self, place, setup):
        config = place.write("hitch.conf", whole=place.keys.whole(setup.key), workers=setup.workers,
                             backend=place.backend.address(setup.backend, tcp="[{}]:{}"))
        return [self.program, f"--config={config}"]


class Stunnel(Candidate):
    def version(self):
        return found(r"stunnel (\d\S+)", output([self.program, "-version"]))

    def command(self, place, setup):
        config = place.write("stunnel.conf", whole=place.keys.whole(setup.key), backend=place.backend.address(setup.backend))
        return [self.program, config]


@dataclass(frozen=True)
class Built(Candidate):
    """An echo server of ours over somebody's library, or over OpenSSL alone (bare); `why` tells why it could not be built."""
    library: str = ""
    why: str = ""

    def missing(self):
        return self.why or None

    def version(self):
        return self.library

    def command(self, place, setup):
        tls = place.tls(setup.key)
        mode = ["low-memory"] if setup.idle else []
        return [self.program, place.port, tls["certificate"], tls["key"], place.keys.dh, setup.workers, *mode]


@dataclass(frozen=True)
class NodeWs(Candidate):
    packages: Path = Path()

    def missing(self):
        return super().missing() or (None if (self.packages / "ws").is_dir() else "ws is not there: scripts/install-packages --bench")

    def version(self):
        manifest = json.loads((self.packages / "ws/package.json").read_text())
        return f"{manifest['version']} on node {output([self.program, '--version']).strip()}"

    def environment(self):
        return {"NODE_PATH": str(self.packages)}

    def command(self, place, setup):
        tls = place.tls(setup.key)
        return [self.program, PEERS / "node-ws.js", place.port, tls["certificate"], tls["key"], place.keys.dh]


class Backend:
    """What relays and tunnels end in: Crossgate without TLS, one worker beside the load; answers, echoes, on TCP and a Unix socket."""

    def __init__(self, program, home, cores):
        self.port, self.raw, self.unix = free_port(), free_port(), home / "unix"
        text = (PEERS / "backend.json").read_text()
        config = home / "backend.json"
        config.write_text(Template(text).substitute(port=self.port, raw=self.raw, unix=self.unix, answer="x" * (ANSWER - 2)))
        self.program = Program(run_crossgate(program, config, 1), home, cores)

    def wait(self):
        self.program.wait_for_port(self.raw, tls=False).wait_until(self.unix.exists, "listening on its Unix socket")

    def address(self, kind, tcp="{}:{}", unix="{}"):
        """As the peers' configurations have it. They cannot translate: to RawSocket they are compared tunnelling WebSocket."""
        return unix.format(self.unix) if kind == "unix" else tcp.format("127.0.0.1", self.port)

    def endpoint(self, kind):
        """As Crossgate's has it."""
        tcp = {"type": "tcp", "host": "127.0.0.1", "port": self.port}
        return {"tcp": {"type": "websocket", "url": f"ws://127.0.0.1:{self.port}", "endpoint": tcp},
                "unix": {"type": "websocket", "url": "ws://localhost", "endpoint": {"type": "unix", "path": str(self.unix)}},
                "rawsocket": {"type": "rawsocket", "endpoint": {**tcp, "port": self.raw}, "serializer": "msgpack"}}[kind]

    def stop(self):
        self.program.stop()


def descriptors():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def everybody(root, crossgate, beside, uwebsockets, names=()):
    """All candidates in the order of the table, or those of these names; whoever is not there says so when asked."""
    makes = ("hello", "echo", "relay", "static", "proxied")

    def over_library(name, source=None):
        library = built(root, name, source)
        return Built(name, library.program, ("hello", "echo"), library.library, library.why)
    makers = {"crossgate": lambda: Crossgate("crossgate", str(crossgate), makes),
              **({"other build": lambda: Crossgate("other build", str(beside), makes)} if beside else {}),
              "bare": lambda: over_library("bare"),
              "nginx": lambda: Nginx("nginx", "nginx", ("hello", "relay", "static", "proxied")),
              "haproxy": lambda: Haproxy("haproxy", "haproxy", ("hello", "relay", "proxied")),
              "hitch": lambda: Hitch("hitch", "hitch", ("hello", "relay")),
              "stunnel": lambda: Stunnel("stunnel", "stunnel", ("hello", "relay")),
              "uwebsockets": lambda: over_library("uwebsockets", uwebsockets),
              "libwebsockets": lambda: over_library("libwebsockets"),
              "ws": lambda: NodeWs("ws", "node", ("hello", "echo"), root / "build/npm-bench/node_modules")}
    for name in names:
        if name not in makers:
            raise LookupError(f"no candidate is called {name}: there are {', '.join(makers)}")
    return [make() for name, make in makers.items() if not names or name in names]
