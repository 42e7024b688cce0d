"""bench/run as it is, with Crossgate and the bare server: that every kind of row gives a figure. What the figures are nobody asks."""
import json
import os
import resource
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = ["handshake-tls13-ecdsa-get", "resumed-tls12", "echo-64-1-100", "relay-rawsocket", "get-1k", "bulk", "storm-ecdhe", "workers-echo", "idle-relay",
        "idle-many", "growth-connections", "growth-open"]
FILES = 18_000      # of one process at most, so that many connections need several

pytestmark = pytest.mark.released


def bench(out, *words):
    """What was written, as JSON and as Markdown. Debian has nginx where this path does not lead."""
    def limit_files():
        files = min(FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    binary = os.environ.get("CROSSGATE_BINARY", ROOT / "build/release/crossgate")
    done = subprocess.run([ROOT / "bench/run", "--crossgate", binary, "--out", out, *words], capture_output=True, text=True, timeout=380,
                          stdin=subprocess.DEVNULL, env={**os.environ, "PATH": "/usr/bin:/bin"}, preexec_fn=limit_files)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(next(out.glob("*.json")).read_text()), next(out.glob("*.md")).read_text()


def first_rounds(results):
    """{(row, contender): its first round}"""
    return {(row["name"], one["label"]): one["rounds"][0] for row in results["rows"] for one in row["contenders"]}


@pytest.mark.long
def test_every_kind_of_row_gives_a_figure_and_who_is_missing_is_told(tmp_path):
    words = ["--quick", "--candidates", "crossgate,bare,nginx", "--only"]
    results, text = bench(tmp_path, "--seconds", "0.1", *words, ",".join(ROWS))
    rounds = first_rounds(results)
    assert {row for row, _ in rounds} == set(ROWS) and ("echo-64-1-100", "bare") in rounds
    # Whoever had not had his turn by then, on a machine that is busy with many tests, has it now.
    late = [row for (row, _), one in rounds.items() if "nothing was done in the time" in one.get("failure", "")]
    if late:
        (tmp_path / "late").mkdir()
        rounds |= first_rounds(bench(tmp_path / "late", "--seconds", "5", *words, ",".join(sorted(set(late))))[0])
    assert all(one.get("value", 0) > 0 for one in rounds.values()), rounds
    assert all(len(one["loads"][0]["parts"]) > 1 for (row, _), one in rounds.items() if row in ("idle-many", "growth-connections"))
    assert results["trouble"] is None and all(value > 0 for value in results["floors"].values())
    assert "Not measured: nginx, since nginx is not installed" in text
