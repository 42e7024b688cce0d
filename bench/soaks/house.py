"""The front door, the node behind it, and what can be told of their processes from outside."""
import os
import re
import shutil
import signal
import time
from collections import namedtuple
from pathlib import Path

from support import ports
from support.gate import ECHO, HELLO, Gate, children, document, tcp, web
from support.ocsp import Authority
from support.wait import eventually

WORKERS = 2

# Of the front door at rest: bytes of all its processes; what master and workers have of their own, by process id; descriptors of the
# master, and of each worker; how many processes wait to be buried.
State = namedtuple("State", "pss own master workers zombies")


def pss(pid, kind="Pss"):
    """Pss_Anon is without libraries, whose share depends on who else has them mapped at the time."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(rf"^{kind}:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def zombies(pid):
    """Children that have ended and were not waited for. Those that end just now are given a moment."""
    def dead():
        found = []
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in path.read_text().split():
                try:
                    found += [child] if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z" else []
                except OSError:
                    pass
        return set(found)
    first = dead()
    time.sleep(0.5)
    return len(first & dead())


class House:
    def __init__(self, directory):
        home = Path(directory)
        home.chmod(0o755)
        for name in ("front", "node", "site"):
            (home / name).mkdir()
        (home / "site/page").write_bytes(os.urandom(1000))
        (home / "site/large").write_bytes(os.urandom(3000000))
        self.home = home
        self.authority = Authority(home, None)
        for name in ("even", "odd", "server"):
            self.authority.leaf(name, url=False)
        self.root = self.authority["root.pem"]
        self.node_port = ports.take()
        self.gate = Gate(home / "front")
        self.node = None
        self.renewals = 0
        self.killed = []  # process ids of workers

    def __enter__(self):
        self.start_node()
        self.gate.start(self._document(), WORKERS)
        return self

    def __exit__(self, *_):
        try:
            self.gate.stop()
        finally:
            self.node.stop()

    def _document(self):
        node = {"type": "tcp", "host": "127.0.0.1", "port": self.node_port}
        paths = {"/": {"type": "static", "directory": str(self.home / "site")}, "json": HELLO, "ws": ECHO,
                 "relay": {"type": "websocket-reverseproxy",
                           "backend": {"type": "websocket", "endpoint": node, "url": f"ws://127.0.0.1:{self.node_port}/ws"}},
                 "api": {"type": "reverseproxy", "host": "127.0.0.1", "port": self.node_port, "path": ""}}
        return document(web(paths, tls=self.authority.tls()))

    def url(self, scheme, path):
        return f"{scheme}://localhost:{self.gate.port}/{path}"

    def start_node(self):
        self.node = Gate(self.home / "node")
        self.node.start(document(web({"/": HELLO, "ws": ECHO}, endpoint=tcp(self.node_port))), 1)

    # What happens to it

    def reload(self):
        self.gate.reload()

    def renew(self):
        before, self.renewals = self.gate.log.count("renewed: "), self.renewals + 1
        for suffix in ("key", "pem"):
            shutil.copy(self.authority[f"{('even', 'odd')[self.renewals % 2]}.{suffix}"], self.home / f"next.{suffix}")
            os.replace(self.home / f"next.{suffix}", self.home / f"server.{suffix}")
        eventually(lambda: self.gate.log.count("renewed: ") > before, 60, why="a renewal")

    def kill_node(self):
        self.node.is_stopped = True
        self.node.kill(self.node.workers())
        self.start_node()

    def kill_worker(self):
        victim = self.gate.workers()[0]
        self.killed.append(victim)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: victim not in self.gate.workers() and len(self.gate.workers()) == WORKERS, 20, why="a successor")

    def look(self):
        """When it has come to rest."""
        time.sleep(6)  # connections to backends are kept for four seconds
        workers = self.gate.workers()
        return State(sum(map(pss, [self.gate.pid, *children(self.gate.pid)])), {pid: pss(pid, "Pss_Anon") for pid in [self.gate.pid, *workers]},
                     descriptors(self.gate.pid), sorted(map(descriptors, workers)), zombies(self.gate.pid))

    def end(self):
        """SIGTERM: workers leave by themselves, and LeakSanitizer looks at each. What was wrong with it, the node's included."""
        found = []
        for name, gate in (("front door", self.gate), ("node", self.node)):
            try:
                gate.stop()
            except AssertionError as error:
                found.append(f"at the end of the {name}: {str(error).partition(chr(10))[0]}")
        return found
