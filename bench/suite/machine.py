"""The machine that is measured on: which cores are whose, what it is, and what /proc knows of processes."""
import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

from .programs import output


@dataclass(frozen=True)
class Cores:
    server: set
    wide: set       # of a server with two workers
    load: set
    backend: set


def cores():
    """The first one is the server's and the last one the load's; what is between them takes second workers and backends."""
    mine = sorted(os.sched_getaffinity(0))
    return Cores(server=set(mine[:1]), wide=set(mine[:2]), load=set(mine[-1:]), backend=set(mine[2:-1][-1:] or mine[-1:]))


def raise_descriptors(wanted):
    """The limit of open files as it is now: of all programs that are started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, wanted), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            continue
    return soft


def first_line(path, beginning=""):
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() or line for line in lines if line.startswith(beginning)), "")


def facts():
    """What a reader must know to understand the figures."""
    return {"processor": first_line("/proc/cpuinfo", "model name"), "cores": os.cpu_count(),
            "memory": first_line("/proc/meminfo", "MemTotal"), "hypervisor": output(["systemd-detect-virt"]).strip(),
            "system": platform.freedesktop_os_release()["PRETTY_NAME"], "kernel": platform.release(),
            "load_before": os.getloadavg()[0], "openssl": output(["openssl", "version"]).strip(),
            "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0]}


def children(pid):
    """Of all its threads; other processes of the machine are not looked at."""
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def tree(root):
    """The process and all that descend from it."""
    found = [root]
    for pid in found:
        found += children(pid)
    return found


def cpu_time(pid):
    """Nanoseconds of CPU of all its threads."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def open_files(pid):
    """Of all that are in its tree."""
    return sum(len(os.listdir(f"/proc/{one}/fd")) for one in tree(pid))
