"""What an operation costs must not grow unnoticed: counted, not timed, so that it is the same on each machine."""
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.gate import CHECKOUT, binary

sys.path.append(str(CHECKOUT / "bench"))

from budgets import compare, profile  # noqa: E402 - found by the line above

def spent(own=1000, libssl=5000, mallocs=10, **calls):
    return {"instructions": {"crossgate": own, "libssl": libssl}, "allocations": {"crossgate": mallocs, "libcrypto": 90},
            "calls": calls or {"recvfrom": 1.0, "sendmsg": 1.0}}


ENTRY = spent()


@pytest.mark.released
@pytest.mark.long
def test_no_operation_costs_more_than_is_written_down(sanitized):
    if sanitized:
        pytest.skip("instructions of sanitizers are not counted")
    done = subprocess.run([CHECKOUT / "bench/budget", "--check"], capture_output=True, text=True, timeout=380, stdin=subprocess.DEVNULL)
    if done.returncode == 3:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("entry, worse, better, notes", [
    (spent(), "", "", ""),
    (spent(own=1029, libssl=5700), "", "", ""),
    (spent(own=1031), "of our own: 1,000 -> 1,031 .+3.1%", "", ""),
    (spent(own=969), "", "of our own: 1,000 -> 969 .-3.1%", ""),
    (spent(recvfrom=2.0, sendmsg=1.0), "system calls: 2 -> 3 .*: recvfrom 1 -> 2$", "", ""),
    (spent(sendmsg=1.0), "", "system calls: 2 -> 1 .*: recvfrom 1 -> 0$", ""),
    (spent(mallocs=10.19, recvfrom=1.1, sendmsg=1.0), "", "", ""),
    (spent(recvfrom=1.0, sendmsg=1.0, getpid=7.0), "", "", ""),
    (spent(mallocs=11), "allocations of our own: 10 -> 11", "", ""),
    (spent(libssl=6000), "", "", "of libraries: 5,000 -> 6,000"),
], ids=["same", "within", "own more", "own less", "calls more", "calls less", "a timer of a busy machine", "random numbers", "allocations more", "libraries more"])
def test_what_is_told_of_a_difference(entry, worse, better, notes):
    for lines, expected in zip(compare.all_of({"echo": ENTRY}, {"echo": entry}), (worse, better, notes)):
        assert len(lines) == bool(expected)
        assert not lines or re.search(f"^echo: .*{expected}", lines[0]), lines


def test_an_operation_that_nobody_has_written_down_is_told():
    assert compare.all_of({}, {"echo": ENTRY})[0] == ["echo: is not in bench/budget.json"]


DUMP = """events: Ir
ob=(1) /usr/bin/crossgate
fl=(1) a.c
fn=(4) main
0 0
cfn=(1) outer
calls=0 0
0 360
fn=(1)
0 10
cob=(2) /usr/lib/libssl.so.3
cfn=(2) inner
calls=3 0
0 300
cfn=(1)
calls=1 0
0 7
cob=(3) /lib/libc.so.6
cfn=(3) malloc
calls=2 0
0 50
ob=(2)
fn=(2)
0 300
"""


def test_a_dump_is_read_as_it_is_meant(tmp_path):
    (tmp_path / "dump").write_text(DUMP)
    read = profile.read(tmp_path / "dump")
    assert read.libraries == {"crossgate": 10, "libssl": 300} and read.allocations == {"crossgate": 2}
    assert read.inclusive == {("crossgate", "main"): 360, ("crossgate", "outer"): 360, ("libssl", "inner"): 300}


def test_every_floor_is_measured():
    words = [Path(binary()).parent / "bench/floor", "--seconds", "0.001"]
    found = json.loads(subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=380, check=True).stdout)["floors"]
    assert len(found) == 24 and all(floor["ns"] > 0 and floor["operations"] > 0 for floor in found.values())
    assert len(subprocess.run(words, capture_output=True, text=True, timeout=380, check=True).stdout.splitlines()) == 25
