"""What is held against what was before."""
import re
from collections import Counter

from support.gate import ALARMING

MIB = 1048576
# Beside what it was: caches that fill once (files, arenas, pools, shelves), and the allocator's slack.
PSS_ROOM = 16 * MIB
DESCRIPTORS_ROOM = 4  # of one process: an errand, or a kept connection
# Lines of the level warning or error that a killed worker or backend is told with.
EXPECTED = re.compile(r"worker \d+ \(pid \d+\) (was|is|has|died|ended)|backend .* is (left out|down)|killed|"
                      r"backend refused the connection|log lines dropped")


def trouble(log):
    """Lines that nobody meant to cause, by how often they came."""
    lines = Counter()
    for line in log.splitlines():
        if ALARMING.search(line) or (re.search(r"\b(error|warning)\b", line) and not EXPECTED.search(line)):
            lines[re.sub(r"\d+", "N", line)] += 1
    return lines


def judge(house, crowd, before, after):
    found = [f"failed: {line}" for line in crowd.failures]
    print(f"\n{'':14} {'before':>22} {'after':>22}")
    for name, print_one in (("pss", lambda value: f"{value / MIB:.1f} MiB"), ("master", str), ("workers", str), ("zombies", str)):
        print(f"{name:14} {print_one(getattr(before, name)):>22} {print_one(getattr(after, name)):>22}")
    if not house.is_sanitized and after.pss > before.pss + PSS_ROOM:
        found.append(f"memory grew by {(after.pss - before.pss) / MIB:.1f} MiB, and {PSS_ROOM / MIB:.0f} were allowed")
    if after.master > before.master + DESCRIPTORS_ROOM or after.workers[-1] > before.workers[-1] + DESCRIPTORS_ROOM:
        found.append("descriptors are left open")
    if after.zombies:
        found.append(f"{after.zombies} processes were not waited for")
    found += [f"log, {count} times: {line}" for line, count in trouble(house.gate.log).items()]
    for what, count in crowd.operations.items():
        print(f"{what:30} {count:12,} operations, {crowd.forgiven[what]} failed near a kill")
    for line in found:
        print(f"WRONG: {line}")
    print("BROKEN" if found else "kept: all is as it was")
    return 1 if found else 0
