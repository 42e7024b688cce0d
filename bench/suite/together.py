"""A load of more connections than one process may have: as many processes as it takes, which begin together, and whose figures are added up."""
from contextlib import ExitStack
from statistics import mean

from .measures import figure


def shares(whole, parts):
    """As even as they can be."""
    return [whole // parts + (number < whole % parts) for number in range(parts)]


def run(load, mode, url, server, options, processes):
    """One measurement, as Load.run makes it; nobody begins before all have all of their connections."""
    if processes == 1:
        return load.run(mode, url, server, options)
    with ExitStack() as stack:
        parts = [stack.enter_context(load.running(mode, url, server, {**options, "connections": share, "wait": True}))
                 for share in shares(options["connections"], processes)]
        for part in parts:
            part.wait_until_ready()
        for part in parts:
            part.begin()
        return added([part() for part in parts])


def added(parts):
    """Each has seen the whole server, for as long as it counted itself, which is nearly the same time."""
    per_second = sum(part["per_second"] for part in parts)
    cpu_us = mean(figure(part, "server", "cpu_us") / part["seconds"] for part in parts)
    return {"command": parts[0]["command"], "connections": sum(part["connections"] for part in parts),
            "operations": sum(part["operations"] for part in parts), "per_second": per_second,
            "server": {"cpu_us_per_operation": cpu_us / per_second, "pss_bytes_per_connection": memory(parts)},
            "client": {"cpu_us": sum(part["client"]["cpu_us"] for part in parts)}, "parts": parts}


def memory(parts):
    """The first to look saw the server without a connection, and whoever saw the most saw it with all of them."""
    looks = [(part["server"]["pss_bytes_before"], part["server"]["pss_bytes"]) for part in parts]
    if None in sum(looks, ()):
        return None
    return (max(after for _, after in looks) - min(before for before, _ in looks)) / sum(part["connections"] for part in parts)
