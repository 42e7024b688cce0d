"""Waiting for facts instead of for time."""
import time

PATIENCE = 60  # s: for what takes a moment, on a machine that is slow, and busy with other things


def eventually(fact, timeout=PATIENCE, pause=0.02, why=None):
    """Calls fact() until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        got = fact()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {why or getattr(fact, '__name__', fact)}")
        time.sleep(pause)


def throughout(fact, seconds, pause=0.02):
    """The opposite: fact() must stay true all that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert fact()
        time.sleep(pause)
