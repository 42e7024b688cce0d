"""What each operation costs: the difference of many and few of them, so that all that is not part of one cancels out."""
import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from support import pki as keys
from support.gate import binary, is_sanitized  # noqa: F401 - the latter for bench/budget

from . import profile
from .backend import Backend
from .operations import Scene
from .traced import Callgrind, Strace


def take_apart(gate, scene, operation):
    """What `gate.take` has after few operations, and after many."""
    prepared = operation.prepare(scene)
    for _ in range(3):
        operation.run(scene, prepared)
    gate.take()
    taken = []
    for count in (operation.few, operation.many):
        for _ in range(count):
            operation.run(scene, prepared)
        taken.append(gate.take())
    if hasattr(prepared, "leave"):
        prepared.leave()
    return taken


def under(instrument, pki, operations, reduce):
    """{name: what `reduce` makes of few, many and their difference in number}"""
    found = {}
    with tempfile.TemporaryDirectory(prefix="crossgate-budget-") as home:
        home = Path(home)
        home.chmod(0o755)
        backend = Backend()
        scene, gate = Scene(home, pki, backend), instrument(home)
        try:
            scene.enter(gate.launch(scene.config))
            for operation in operations:
                few, many = take_apart(gate, scene, operation)
                found[operation.name] = reduce(few, many, (operation.many - operation.few) * operation.messages)
        finally:
            backend.settle = lambda: None
            gate.stop(gate.patience)
            backend.close()
    return found


def instructions(few, many, count):
    return profile.Profile().add(profile.read(many), 1 / count).add(profile.read(few), -1 / count)


def calls(few, many, count):
    difference = Counter(many)
    difference.subtract(Counter(few))
    return {name: number / count for name, number in sorted(difference.items()) if number}


def all_of(operations, instruments=("callgrind", "strace")):
    """({name: Profile}, {name: {system call: number}})"""
    with tempfile.TemporaryDirectory(prefix="crossgate-budget-") as directory:
        pki = keys.shared(Path(directory))
        return (under(Callgrind, pki, operations, instructions) if "callgrind" in instruments else {},
                under(Strace, pki, operations, calls) if "strace" in instruments else {})


def made_of():
    """What the counts depend on besides the code."""
    comment = subprocess.run(["readelf", "-p", ".comment", binary()], capture_output=True, text=True, check=True).stdout
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True).stdout
    return {"compiler": re.search(r"(GCC|clang)[^\n]*", comment)[0].strip(), "openssl": " ".join(openssl.split()[:2])}
