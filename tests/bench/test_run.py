"""bench/run as it is, with Crossgate alone: that every kind of row gives a figure. What the figures are nobody asks."""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = ["handshake-tls13-ec-get", "resumed-tls12", "echo-64-1-100", "relay-rawsocket", "get-1k", "bulk", "storm-ecdhe", "workers-echo", "idle-relay"]

pytestmark = pytest.mark.released


def bench(out, *words):
    """What was written, as JSON and as Markdown. Debian has nginx where this path does not lead."""
    binary = os.environ.get("CROSSGATE_BINARY", ROOT / "build/release/crossgate")
    done = subprocess.run([ROOT / "bench/run", "--crossgate", binary, "--out", out, *words], capture_output=True, text=True, timeout=380,
                          stdin=subprocess.DEVNULL, env={**os.environ, "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(next(out.glob("*.json")).read_text()), next(out.glob("*.md")).read_text()


def is_figure(one):
    """The storm gives way to all others: where many tests run at once, it may not have had its turn."""
    return one.get("value", 0) > 0 or ("nothing was done in the time" in one["failure"] and is_busy())


def is_busy():
    return os.getloadavg()[0] > 2 * os.cpu_count()


def test_every_kind_of_row_gives_a_figure_and_who_is_missing_is_told(tmp_path):
    results, text = bench(tmp_path, "--quick", "--seconds", "0.1", "--candidates", "crossgate,nginx", "--only", ",".join(ROWS))
    assert sorted(row["name"] for row in results["rows"]) == sorted(ROWS)
    for row in results["rows"]:
        ours = [one for one in row["contenders"] if one["candidate"] == "crossgate"]
        assert ours and all(is_figure(one["rounds"][0]) for one in ours), row
    assert results["trouble"] is None and all(value > 0 for value in results["floors"].values())
    assert "Not measured: nginx, since nginx is not installed" in text
