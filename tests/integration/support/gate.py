"""The real program, started as an operator would, watched, and counted at its end."""
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import threading
from pathlib import Path

from . import ports
from .wait import PATIENCE, eventually

CHECKOUT = Path(__file__).resolve().parents[3]
ALARMING = re.compile(r"Sanitizer|runtime error:|[Aa]ssert|stack smashing|corrupted|double free")


def binary():
    path = os.environ.get("CROSSGATE_BINARY") or str(CHECKOUT / "build/release/crossgate")
    assert os.access(path, os.X_OK), f"{path} is not there: build it, or set CROSSGATE_BINARY"
    return path


def is_sanitized():
    with open(binary(), "rb") as file:
        return b"__asan_init" in file.read()


def run(*words, timeout=90, **more):
    """A subcommand that ends by itself."""
    return subprocess.run([binary(), *map(str, words)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **more)


# Words of a configuration

def tcp(port=None, **more):
    return {"type": "tcp", "interface": "127.0.0.1", "port": port or ports.take(), **more}


def web(paths, tls=None, endpoint=None, options=None, **more):
    where = {**(endpoint or tcp()), **more}
    if tls:
        where["tls"] = tls
    transport = {"type": "web", "endpoint": where, "paths": paths}
    if options is not None:
        transport["options"] = options
    return transport


ECHO = {"type": "websocket-testee"}
HELLO = {"type": "json", "value": {"hello": "world"}}


def document(*transports, kind="router", **extension):
    config = {"version": 2, "workers": [{"type": kind, "transports": list(transports)}]}
    if extension:
        config["crossgate"] = extension
    return config


def is_disabled(worker):
    """As Crossbar has it: "${NAME}" is a variable of the environment; any text but an empty one is true."""
    value = worker.get("options", {}).get("disabled")
    return os.environ.get(value[2:-1]) if isinstance(value, str) and value.startswith("${") else value


def listening(config):
    """The transports of all workers that are served."""
    workers = [worker for worker in config["workers"] if not is_disabled(worker)]
    return [transport for worker in workers
            for transport in ([worker["transport"]] if "transport" in worker else worker.get("transports", []))]


def state_of(pid):
    """As the kernel has it: R runs, S sleeps, T is stopped, Z is dead; none if it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def children(pid):
    """Process ids of the living children. Other people's processes are not looked at: one that hangs would hang us, too."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            if state_of(child) not in (None, "Z", "X"):
                found.append(int(child))
    return sorted(found)


def words_of(pid):
    """The words of its command line; none if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def rss(pid):
    """Resident bytes."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) * 1024


class Gate:
    """One `crossgate run`. All that it writes is in `log`."""

    under = ()  # words of a program that it is run by
    patience = PATIENCE  # s

    def __init__(self, directory):
        self.directory = Path(directory)
        self.config = self.directory / "config.json"
        self.process = None
        self.out = self.log = ""
        self.exit_status = 0
        self.is_stopped = False

    def write(self, config):
        """Puts a configuration in place, whole or not at all."""
        text = config if isinstance(config, str) else json.dumps(config, indent=2)
        temporary = self.config.with_suffix(".new")
        temporary.write_text(text)
        os.replace(temporary, self.config)

    def start(self, config, workers=2, words=(), env=None, files=None, wait=True):
        self.write(config)
        self.transports = listening(config) if isinstance(config, dict) else []
        limit = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))) if files else None
        self.process = subprocess.Popen(
            [*self.under, binary(), "run", "--config", str(self.config), "--workers", str(workers), "--log-level", "info", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, cwd=self.directory,
            env={**os.environ, **(env or {})}, preexec_fn=limit)
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        if wait:
            self.wait_ready(workers)
        return self

    def _collect(self):
        """Whole lines. What was said on stderr before something on stdout is in `log` before that is in `out`."""
        rest = {"log": b"", "out": b""}
        streams = {"log": self.process.stderr, "out": self.process.stdout}
        news = select.poll()
        for stream in streams.values():
            os.set_blocking(stream.fileno(), False)
            news.register(stream, select.POLLIN)
        while streams:
            news.poll()
            for name, stream in list(streams.items()):
                while data := stream.read(65536):
                    lines, end, rest[name] = (rest[name] + data).rpartition(b"\n")
                    setattr(self, name, getattr(self, name) + (lines + end).decode(errors="replace"))
                if data == b"":
                    setattr(self, name, getattr(self, name) + rest[name].decode(errors="replace"))
                    news.unregister(streams.pop(name))

    def wait_ready(self, workers):
        for transport in self.transports:
            eventually(lambda: self.listens(transport["endpoint"]), self.patience, why=f"listening on {transport['endpoint']}")
        eventually(lambda: len(self.workers()) == workers or self._assert_alive(), self.patience, why=f"{workers} workers")
        eventually(lambda: self.is_announced() or self._assert_alive(), self.patience, why="ready")

    def is_announced(self):
        return self.out != ""

    def listens(self, endpoint):
        self._assert_alive()
        try:
            if endpoint["type"] == "unix":
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.directory / endpoint["path"]))
            else:
                host = endpoint.get("interface") or ("::1" if endpoint.get("version") == 6 else "127.0.0.1")
                socket.create_connection((host, endpoint["port"]), 5).close()
            return True
        except OSError:
            return False

    def _assert_alive(self):
        if self.process.poll() is not None:
            self._reader.join(60)
            self.is_stopped = True
            raise AssertionError(f"crossgate ended with {self.process.returncode}:\n{self.out}{self.log}")

    @property
    def pid(self):
        return self.process.pid

    @property
    def port(self):
        return self.transports[0]["endpoint"]["port"]

    def ports(self):
        return [transport["endpoint"]["port"] for transport in self.transports]

    def workers(self):
        """Without the processes that run errands."""
        return [pid for pid in children(self.pid) if "errand" not in words_of(pid)]

    def states(self):
        """What its workers do, as `crossgate status` has it."""
        done = run("status", "--cbdir", self.directory, "--json")
        return sorted(worker["state"] for worker in json.loads(done.stdout)["workers"])

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self, config=None, expect=r"(?i)reload"):
        """SIGHUP, and waits until the log says what came of it."""
        if config is not None:
            self.write(config)
            if isinstance(config, dict):
                self.transports = listening(config)
        before = len(self.log)
        self.signal(signal.SIGHUP)
        eventually(lambda: re.search(expect, self.log[before:]), why=f"log line {expect} after SIGHUP")

    def wait_log(self, pattern, timeout=PATIENCE, since=0):
        return eventually(lambda: re.search(pattern, self.log[since:]), timeout, why=f"log line {pattern}")

    def wait_end(self, timeout=PATIENCE):
        status = self.process.wait(timeout)
        self._reader.join(60)
        return status

    def stop(self, timeout=25):
        """SIGTERM, and the count: exit status, no process left, nothing alarming in the log. It takes less than a drain by default
        may: no connection is left that does not know that it is over."""
        if self.is_stopped or self.process is None:
            return
        self.is_stopped = True
        workers = self.workers()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            status = self.wait_end(timeout)
        except subprocess.TimeoutExpired:
            self.kill(workers)
            raise AssertionError(f"crossgate did not end within {timeout} s of SIGTERM:\n{self.log}") from None
        assert not (found := ALARMING.search(self.log)), f"{found[0]} in the log:\n{self.log}"
        assert status == self.exit_status, f"exit status {status}, expected {self.exit_status}:\n{self.log}"
        left = [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
        assert not left, f"processes {left} are left over"

    def kill(self, workers=()):
        for pid in [self.pid, *workers]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(60)
