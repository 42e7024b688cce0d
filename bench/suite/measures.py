"""What a row measures: each function makes one round for one server, and returns its figures and what the generator said."""
import time

from .machine import cpu_time, tree
from .programs import Failure

GIB, KB = 1 << 30, 1000
OPENING = 0.5  # seconds until those who are to be established surely are, where there is quiet


def figure(result, *path):
    """A number within the generator's object, which says null for what it has not measured."""
    value = result
    for name in path:
        value = (value or {}).get(name)
    if value is None:
        raise Failure(f"the load measured no {'.'.join(path)}")
    return value


def cpu(visit):
    result = visit()
    return {"value": figure(result, "server", "cpu_us_per_operation"), "loads": [result]}


def bulk(visit):
    """Milliseconds of CPU per GiB, whatever the size of the file was."""
    result = visit()
    return {"value": figure(result, "server", "cpu_us") / 1000 / (figure(result, "bytes") / GIB), "loads": [result]}


def memory(visit):
    result = visit()
    return {"value": figure(result, "server", "pss_bytes_per_connection") / KB, "loads": [result]}


def storm(visit):
    """Handshakes come from a process of their own, which gives way: in one with the echo they would delay what is to be measured."""
    quiet = visit()
    with visit.before_storm() as end_of_echo:
        time.sleep(OPENING)
        with visit.storm() as end_of_storm:
            stormy = end_of_echo()
            handshakes = end_of_storm(early=True)
    return {"value": figure(stormy, "latency_us", "p99") / 1000, "quiet": figure(quiet, "latency_us", "p99") / 1000,
            "handshakes": figure(handshakes, "per_second"), "busy": figure(stormy, "client", "busy") + figure(handshakes, "client", "busy"),
            "server_busy": figure(stormy, "server", "cpu_us") / 1e6 / figure(stormy, "seconds"), "loads": [quiet, stormy, handshakes]}


def waves(visit):
    """After a wave the server rests until the next one: it has no saturation to be held against."""
    figures = storm(visit)
    del figures["server_busy"]
    return figures


def balanced(visit):
    """CPU, and all workers' share in parts of the busiest one's: 2 if two did the same."""
    before = {pid: cpu_time(pid) for pid in tree(visit.server)}
    result = visit()
    spent = [cpu_time(pid) - before.get(pid, 0) for pid in tree(visit.server)]
    if not any(spent):
        raise Failure("no worker has done anything")
    return {"value": figure(result, "server", "cpu_us_per_operation"), "balance": sum(spent) / max(spent), "loads": [result]}


BY_NAME = {"cpu": cpu, "bulk": bulk, "memory": memory, "storm": storm, "waves": waves, "balanced": balanced}
