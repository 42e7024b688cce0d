"""A task of tests/integration/autobahn.js, in a process that ends with its `with`."""
import json
import os
import queue
import subprocess
import threading
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[1] / "autobahn.js"
TIMEOUT = 60


class AutobahnJS:
    """with AutobahnJS(pki, do="exchange", …) as task: … task.next() is the next line that it tells."""

    def __init__(self, pki, **task):
        self._lines = queue.Queue()
        self._process = subprocess.Popen(["node", "--no-deprecation", SCRIPT, json.dumps(task)], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True,
                                         env={**os.environ, "NODE_EXTRA_CA_CERTS": str(pki["root.pem"])})
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self._process as process:
            process.kill()

    def _collect(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def next(self):
        """None: there is nothing more."""
        line = self._lines.get(timeout=TIMEOUT)
        assert not line or "error" not in line, line["error"]
        return line

    def until(self, wanted):
        """What it tells before this line."""
        before = []
        while (line := self.next()) != wanted:
            assert line is not None, f"{wanted} is not among {before}"
            before.append(line)
        return before

    def say(self):
        """A line on stdin."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self):
        """Closes stdin; what it tells until it has ended well."""
        self._process.stdin.close()
        told = self.until(None)
        assert self._process.wait(TIMEOUT) == 0
        return told
