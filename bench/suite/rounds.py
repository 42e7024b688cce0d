"""Measures one row: starts its contenders, lets them take turns, and ends them."""
import re
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import floors, measures, together
from .candidates import PATHS, Backend, Place
from .machine import open_files
from .programs import Failure, Program, free_port

SCHEMES = {"hello": "https", "static": "https", "proxied": "https", "echo": "wss", "relay": "wss"}
LONG, SETTLING = 3600, 0.5  # seconds: longer than a row takes; until a crowd is silent
STORM_RISES, STORM_AT_MOST = 0.7, 120
TROUBLES = (Failure, OSError, subprocess.SubprocessError)


@dataclass
class Bench:
    """What all rows share. `tell` is told of each round."""
    candidates: dict
    load: object
    keys: object
    home: Path
    extent: object
    cores: object
    floors: dict
    tell: object

    def room(self, row, name):
        """A directory that workers of any user may enter."""
        path = self.home / re.sub(r"\W+", "-", f"{row.name}-{name}")
        path.mkdir()
        path.chmod(0o755)
        return path


class Visit:
    """One server as a row's measure sees it: call it, and it is loaded for a round."""

    def __init__(self, load, row, url, server, options):
        self.server = server.pid
        self._load, self._row, self._url, self._options = load, row, url, options

    def __call__(self):
        return together.run(self._load, self._row.mode, self._url, self.server, self._options, self._row.processes)

    def before_storm(self):
        """The visit, begun, with time for a storm to rise before it counts."""
        options = {**self._options, "warm_up": self._options["warm_up"] + STORM_RISES}
        return self._load.running(self._row.mode, self._url, self.server, options)

    def storm(self):
        """Handshakes that are begun beside, until they are ended."""
        return self._load.running("hellos", self._url, None, {**self._row.storm, "seconds": STORM_AT_MOST, "warm_up": 0},
                                  gives_way=True)


class Entry:
    """A contender of the row that is being measured."""

    def __init__(self, contender):
        self.contender, self.rounds = contender, []
        self.command = self.visit = self.wait = None
        self.serves = False

    def attempt(self, work):
        """A start, or a round, which brings its figures; what fails brings why."""
        try:
            figures = work()
        except TROUBLES as trouble:
            figures = {"failure": getattr(trouble, "stderr", None) or str(trouble)}
        if figures:
            self.rounds.append(figures)

    def told(self):
        last = self.rounds[-1]
        return f"failed: {last['failure']}" if "failure" in last else f"{last['value']:.4g}"

    def result(self):
        contender = self.contender
        return {"label": contender.label, "candidate": contender.candidate, "is_peer": contender.is_peer, "command": self.command,
                "rounds": self.rounds}


def url_of(setup, port, file):
    host = "localhost" if setup.certificates else "127.0.0.1"
    return f"{SCHEMES[setup.role]}://{host}:{port}{PATHS[setup.role]}{file.name if file else ''}"


def begin(bench, row, entry, backend, stack):
    """Starts the contender's server; the stack ends it."""
    candidate = bench.candidates[entry.contender.candidate]
    setup = bench.extent.setup(row.setup_of(entry.contender))
    options = bench.extent.load(row.load_of(entry.contender), row.patience)
    file = bench.extent.file(bench.home / "files", row.file) if row.file else None
    if file:
        options["size"] = file.stat().st_size
    cores = bench.cores.wide if setup.spread else bench.cores.server
    place = Place(bench.room(row, entry.contender.label), free_port(), bench.keys, bench.home / "files", backend, cores)
    server = candidate.start(place, setup)
    stack.callback(server.stop)
    entry.command = " ".join(server.words)
    entry.visit = Visit(bench.load, row, url_of(setup, place.port, file), server, options)
    entry.wait = lambda: wait(bench, row, entry, place, server, stack)


def wait(bench, row, entry, place, server, stack):
    """Until it serves, and whoever else has to be connected to it is."""
    server.wait_for_port(place.port)
    if entry.contender.crowd:
        crowd(bench, row, place, server, min(entry.contender.crowd, bench.extent.connections), stack)
    entry.serves = True


def crowd(bench, row, place, server, count, stack):
    """WebSockets that are open and silent; the stack ends them."""
    for number, share in enumerate(together.shares(count, row.processes)):
        options = {"connections": share, "sources": 4, "warm_up": LONG, "tls": "1.3"}
        words = bench.load.command("idle", f"wss://127.0.0.1:{place.port}{PATHS['echo']}", None, options)
        room = place.home / f"crowd{number}"
        room.mkdir()
        program = Program(words, room, bench.load.cores)
        stack.callback(program.stop)
    # Its own files are some of those: the last few connections come while it is waited for the next look.
    program.wait_until(lambda: open_files(server.pid) >= count, f"connected {count} times", 240, 0.2)
    time.sleep(SETTLING)


def begin_all(bench, row, entries, stack):
    """All contenders' servers, and the backend that some of them need; returns those that serve."""
    backend = Backend(bench.candidates["crossgate"].program, bench.room(row, "backend"), bench.cores.backend)
    stack.callback(backend.stop)
    backend.wait()
    for entry in entries:
        entry.attempt(lambda: begin(bench, row, entry, backend, stack))
    for entry in entries:
        if entry.wait:
            entry.attempt(entry.wait)
        if not entry.serves:
            bench.tell(row, 0, entry)
    return [entry for entry in entries if entry.serves]


def take_turns(bench, row, entries):
    """Each round begins with another one, so that nobody is always the first."""
    for number in range(bench.extent.rounds_of(row)):
        first = number % max(len(entries), 1)
        for entry in entries[first:] + entries[:first]:
            entry.attempt(lambda: measures.BY_NAME[row.measure](entry.visit))
            bench.tell(row, number, entry)


def run_row(bench, row):
    """The row with all its rounds and verdicts, as it stands in the results."""
    began = time.monotonic()
    entries = [Entry(contender) for contender in row.contenders if contender.candidate in bench.candidates]
    with ExitStack() as stack:
        take_turns(bench, row, begin_all(bench, row, entries, stack))
    result = {"name": row.name, "title": row.title, "unit": row.unit, "seconds": round(time.monotonic() - began, 1),
              "floor": floors.of(row.floor, bench.floors), "records": floors.of(row.records, bench.floors), "contenders": [entry.result() for entry in entries]}
    return {**result, "verdicts": [goal.verdict(result) for goal in row.goals]}
