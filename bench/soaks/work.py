"""Who comes, and what happens meanwhile."""
import itertools
import json
import subprocess
import threading
import time
from collections import Counter, namedtuple

from support.gate import binary

# Words of `crossgate bench`, with scheme and path of the URL. At rates, most of them: the server shall live, not be measured.
VISITS = (
    ("handshakes", "https", "json", "--tls", "1.3", "--connections", "5", "--rate", "200"),
    ("echo", "wss", "ws", "--connections", "100", "--rate", "2000"),
    ("requests", "https", "page", "--connections", "20", "--rate", "1000"),
    ("echo", "wss", "relay", "--connections", "50", "--size", "4K", "--rate", "1000"),
    ("handshakes", "https", "json", "--resumed", "50", "--connections", "5", "--rate", "100"),
    ("storm", "wss", "ws", "--handshake-tls", "1.2", "--rate", "200", "--handshake-rate", "100"),
    ("requests", "https", "api/", "--connections", "20", "--rate", "500"),
    ("handshakes", "https", "json", "--groups", "P-384", "--connections", "5", "--rate", "50"),
    ("slow", "wss", "ws", "--connections", "20", "--rate", "200000"),
    ("idle", "wss", "relay", "--connections", "300"),
    ("bulk", "https", "large", "--connections", "1"),
    ("echo", "wss", "ws", "--connections", "10", "--size", "256K", "--rate", "50"),
    ("storm", "wss", "relay", "--rate", "200"),
)

# What was killed, and from when until when (time.time()) that may be felt.
Kill = namedtuple("Kill", "what since until")

LANES = 3       # visits at a time
SECONDS = 5     # of each
PERIOD = 10     # s from one happening to the next
HARMLESS, HARMFUL = ("reload", "renew"), ("kill_node", "kill_worker")
AFTERMATH = 3   # s in which a kill may still be felt


class Crowd:
    """Threads, each with one `crossgate bench` after the other."""

    def __init__(self, house):
        self.house = house
        self.operations, self.forgiven, self.failures = Counter(), Counter(), []
        self.kills = []
        self._next, self._lock, self._is_over = itertools.cycle(VISITS), threading.Lock(), threading.Event()

    def warm_up(self):
        for visit in VISITS:
            self._visit(visit, seconds=1)

    def __enter__(self):
        self._is_over.clear()
        self._lanes = [threading.Thread(target=self._run, daemon=True) for _ in range(LANES)]
        for lane in self._lanes:
            lane.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for lane in self._lanes:
            lane.join(60)

    def _run(self):
        while not self._is_over.is_set():
            with self._lock:
                visit = next(self._next)
            self._visit(visit, SECONDS)

    def _visit(self, visit, seconds):
        mode, scheme, path, *more = visit
        begin = time.time()
        done = subprocess.run([binary(), "bench", mode, self.house.url(scheme, path), *more, "--ca", self.house.root,
                               "--seconds", str(seconds), "--json"],
                              capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self._note(visit, done, begin, time.time())

    def _note(self, visit, done, begin, end):
        what = " ".join(visit[:3])
        try:
            report = json.loads(done.stdout)
        except ValueError:
            report = {"operations": 0, "errors": 1, "first_error": done.stderr.strip() or f"status {done.returncode}"}
        errors = report["errors"] + report.get("handshakes", {}).get("errors", 0)
        self.operations[what] += report["operations"]
        if done.returncode == 0 and not errors:
            return
        if any(begin < kill.until and kill.since < end for kill in list(self.kills)):
            self.forgiven[what] += errors
        else:
            self.failures.append(f"{what}: {errors} of {report['operations'] + errors} operations: {report['first_error']}")


def disturb(house, crowd, seconds, harmful=()):
    """Two things that nobody may feel, then one of the harmful ones, if there are any, that those it meets may."""
    harmless, harmful = itertools.cycle(HARMLESS), itertools.cycle(harmful or HARMLESS)
    end = time.time() + seconds
    for number in itertools.count(1):
        time.sleep(PERIOD)
        if time.time() >= end:
            return
        name = next(harmful if number % 3 == 0 else harmless)
        since = time.time()
        if name in HARMFUL:
            crowd.kills.append(Kill(name, since, float("inf")))
        getattr(house, name)()
        if name in HARMFUL:
            crowd.kills[-1] = Kill(name, since, time.time() + AFTERMATH)
        print(f"{(end - time.time()) / 60:5.1f} min left: {name}; {sum(crowd.operations.values()):,} operations, "
              f"{len(crowd.failures)} failures", flush=True)
