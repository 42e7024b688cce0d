"""The real program with one worker under an instrument, and how it is known that the worker has nothing left to do."""
import os
import subprocess
import time
from pathlib import Path

from support.gate import Gate, binary, children, words_of
from support.wait import eventually

PATIENCE = 120  # s; instruments are slow, and machines are shared


def offspring(pid):
    return [found for child in children(pid) for found in (child, *offspring(child))]


def tasks_of(pid):
    """(state, CPU time in ns) of each thread."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        state = (task / "stat").read_text().rpartition(")")[2].split()[0]
        found.append((task.name, state, (task / "schedstat").read_text().split()[0]))
    return sorted(found)


class TracedGate(Gate):
    """Like the Gate of the tests. The master may be a child of the instrument's process."""

    environment, patience = {}, PATIENCE

    def launch(self, config):
        words = ("--user", "root") if os.geteuid() == 0 else ()
        self.start(config, workers=1, words=words, env=self.environment)
        self.worker = self.workers()[0]
        return self

    def _with_words(self, *wanted):
        return [pid for pid in (self.pid, *offspring(self.pid))
                if (words := words_of(pid)) and "strace" not in words[0] and all(word in words for word in wanted)]

    def workers(self):
        return self._with_words("worker", "0")

    def signal(self, number):
        for pid in self._with_words("run", "--config"):
            os.kill(pid, number)

    def settle(self):
        """Returns when all threads of the worker sleep, and have done so for a moment: whoever says the next thing to it then
        is always heard in the same way."""
        end, before = time.monotonic() + PATIENCE, None
        while True:
            now = tasks_of(self.worker)
            if now == before and all(state == "S" for _, state, _ in now):
                return
            assert time.monotonic() < end, f"the worker does not come to rest: {now}"
            before = now
            time.sleep(0.001)


class Callgrind(TracedGate):
    """Its dumps lie in the directory: each has what was executed since the one before."""

    environment = {"LD_PRELOAD": str(Path(binary()).parent / "bench/libopenat2.so")}

    def __init__(self, directory):
        super().__init__(directory)
        self.under = ("valgrind", "--quiet", "--tool=callgrind", "--trace-children=yes", "--dump-line=no",
                      f"--vgdb-prefix={self.directory}/vgdb", f"--callgrind-out-file={self.directory}/%p.callgrind")
        self._dumps = 0

    def take(self):
        """The path of a dump of what was executed since the last one."""
        self.settle()
        subprocess.run(["vgdb", f"--pid={self.worker}", f"--vgdb-prefix={self.directory}/vgdb", "dump"], check=True,
                       capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        self._dumps += 1
        path = self.directory / f"{self.worker}.callgrind.{self._dumps}"
        eventually(lambda: path.exists() and b"\ntotals: " in path.read_bytes(), PATIENCE, why=f"a dump in {path}")
        return path


class Strace(TracedGate):
    """Each thread's system calls go to a file of its own."""

    def __init__(self, directory):
        super().__init__(directory)
        self.under = ("strace", "-qq", "-ff", "-e", "signal=none", "-e", "abbrev=all", "-s", "0", "-o", f"{self.directory}/trace")
        self._seen = {}

    def take(self):
        """The names of the system calls that were begun since the last time."""
        self.settle()
        calls = []
        for task, _, _ in tasks_of(self.worker):
            path = self.directory / f"trace.{task}"
            with open(path) as file:
                file.seek(self._seen.get(task, 0))
                calls += [line.partition("(")[0] for line in file if "(" in line]
                self._seen[task] = file.tell()
        return calls
