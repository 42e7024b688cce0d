"""Ports that nobody else takes: blocks below the kernel's ephemeral range, each held by a lock on a file for as long as
the process lives, so that parallel runs of the tests do not meet."""
import fcntl
import os
import socket

FIRST, LAST, BLOCK = 18000, 32000, 200
LOCKS = "/tmp/crossgate-test-ports"

_held = None
_next = None


def _hold_block():
    global _held, _next
    os.makedirs(LOCKS, mode=0o777, exist_ok=True)
    for first in range(FIRST, LAST, BLOCK):
        lock = open(f"{LOCKS}/{first}", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _held, _next = (lock, first), first
        return
    raise RuntimeError("no block of ports is free")


def _is_free(port):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            except OSError as error:
                if error.errno == 99:  # no IPv6 here
                    continue
                return False
    return True


def take():
    """A port that is free now and is not handed out again until the block is used up."""
    global _next
    if _held is None:
        _hold_block()
    first = _held[1]
    for _ in range(BLOCK):
        port = _next
        _next = first + (_next + 1 - first) % BLOCK
        if _is_free(port):
            return port
    raise RuntimeError("the block of ports is used up")
