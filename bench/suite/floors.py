"""The floors below everybody: what bench/floor measures on the same core."""
import json
import subprocess

from .programs import output, pinned

# How its lines for programs begin; the fourth column is how many per second.
SPEEDS = {"+F2": "speed/rsa2048-sign", "+F4": "speed/ecdsap256-sign", "+F5": "speed/x25519-derive"}


def measure(root, crossgate, cores, seconds):
    """({name: microseconds of CPU}, why there are none), by the program that was built beside Crossgate, or one that is built now."""
    beside = crossgate.parent / "bench/floor"
    words = pinned([beside if beside.exists() else root / "bench/floor", "--json", "--seconds", seconds], cores)
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600)
        floors = json.loads(done.stdout)["floors"]
    except (OSError, ValueError, LookupError, subprocess.TimeoutExpired) as trouble:
        return {}, f"bench/floor: {trouble}"
    return {name: floor["ns"] / 1000 for name, floor in floors.items()}, None


def speed(cores):
    """What `openssl speed` says of the signatures and the key exchange of a handshake: {name: microseconds}."""
    words = pinned(["openssl", "speed", "-mr", "-seconds", 1, "ecdsap256", "rsa2048", "ecdhx25519"], cores)
    lines = [line.split(":") for line in output(words, 60).splitlines()]
    return {SPEEDS[line[0]]: 1e6 / float(line[3]) for line in lines if line[0] in SPEEDS}


def of(names, floors):
    """The sum of floors, each counted as often as {name: times} says; nothing if one of them is not known."""
    if not names or not all(name in floors for name in names):
        return None
    return sum(floors[name] * times for name, times in names.items())
