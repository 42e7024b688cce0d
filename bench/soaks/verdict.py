"""What is held against what was before."""
import re
from collections import Counter
from datetime import datetime, timezone

from support.gate import ALARMING

MIB = 1048576
# Beside what it was: caches that fill once (files, arenas, pools, shelves), and the allocator's slack.
PSS_ROOM = 16 * MIB
OWN_ROOM = 4 * MIB    # of a process that is warm already
DESCRIPTORS_ROOM = 4  # of one process: an errand, or a kept connection
HEAD = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (\w+) +(\w+(?: \d+)?): ")
NODE_IS_GONE = re.compile(r"backend refused the connection|backend \S+ is (left out|down)")
DEATH = re.compile(r"worker \d+ \(pid (\d+)\) was killed by signal 9\b")
DROPPED = re.compile(r"\d+ log lines dropped$")


def time_of(head):
    return datetime.strptime(head[1], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc).timestamp()


class Expected:
    """Which warnings and errors the kills explain: each only near its kill, and each death once."""

    def __init__(self, kills, killed):
        self.kills, self.killed = kills, set(killed)
        self.last = {}  # when each process wrote last

    def _is_near(self, moment, *whats):
        return any(kill.what in whats and kill.since <= moment <= kill.until for kill in self.kills)

    def explains(self, head, line):
        moment, origin = time_of(head), head[3]
        before, self.last[origin] = self.last.get(origin, 0), moment
        if head[2] not in ("warning", "error"):
            return True
        if NODE_IS_GONE.search(line):
            return self._is_near(moment, "kill_node")
        if death := DEATH.search(line):
            known = int(death[1]) in self.killed and self._is_near(moment, "kill_worker")
            self.killed.discard(int(death[1]))
            return known
        # Told with the next line that there is: what was dropped followed the one before.
        return bool(DROPPED.search(line)) and self._is_near(before, "kill_node")


def trouble(log, expected):
    """Lines that nobody meant to cause, by how often they came."""
    lines = Counter()
    for line in log.splitlines():
        head = HEAD.match(line)
        if ALARMING.search(line) or (head and not expected.explains(head, line)):
            lines[re.sub(r"\d+", "N", line)] += 1
    return lines


def compare(before, after, what):
    if after.pss > before.pss + PSS_ROOM:
        yield f"{what}: memory grew by {(after.pss - before.pss) / MIB:.1f} MiB, and {PSS_ROOM / MIB:.0f} were allowed"
    if after.master > before.master + DESCRIPTORS_ROOM or after.workers[-1] > before.workers[-1] + DESCRIPTORS_ROOM:
        yield f"{what}: descriptors are left open"
    if after.zombies:
        yield f"{what}: {after.zombies} processes were not waited for"


def compare_own(before, after):
    """Nobody was killed meanwhile."""
    if before.keys() != after.keys():
        yield f"processes {sorted(before)} have become {sorted(after)}, and none was killed"
    for pid in before.keys() & after.keys():
        if after[pid] > before[pid] + OWN_ROOM:
            yield f"process {pid} grew by {(after[pid] - before[pid]) / MIB:.1f} MiB, and {OWN_ROOM / MIB:.0f} were allowed"


def print_states(*states):
    def row(name, words):
        print(f"{name:14}" + "".join(f"{word:>22}" for word in words))
    row("", ("before", "after the kills", "after"))
    row("pss (MiB)", (f"{state.pss / MIB:.1f}" for state in states))
    row("of their own", (", ".join(f"{size / MIB:.1f}" for size in state.own.values()) for state in states))
    for name in ("master", "workers", "zombies"):
        row(name, (str(getattr(state, name)) for state in states))


def judge(house, crowd, before, middle, after, end):
    expected = Expected(crowd.kills, house.killed)
    found = [f"failed: {line}" for line in crowd.failures]
    print()
    print_states(before, middle, after)
    found += [*compare(before, middle, "after the kills"), *compare(before, after, "after"),
              *compare_own(middle.own, after.own)]
    found += [f"log, {count} times: {line}" for line, count in trouble(house.gate.log, expected).items()]
    found += [f"the log does not tell of worker {pid}, which was killed" for pid in sorted(expected.killed)]
    found += end
    for what, count in crowd.operations.items():
        print(f"{what:30} {count:12,} operations, {crowd.forgiven[what]} failed near a kill")
    for line in found:
        print(f"WRONG: {line}")
    print("BROKEN" if found else "kept: all is as it was")
    return 1 if found else 0
