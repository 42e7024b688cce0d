"""A budget that was written down, and one that was measured now."""
OWN = "crossgate"
OWN_TOLERANCE, CALLS_TOLERANCE, LIBRARIES_TOLERANCE = 0.03, 0.02, 0.15
# Of a thing that is done once or more: a timer that expired on a busy machine is no part of each operation.
SLACK = 0.2

INSTRUMENTS = ("libopenat2",)
# OpenSSL's random generator looks for a fork with each draw, and how often it has to draw again for Diffie-Hellman is chance.
BY_CHANCE = ("getpid",)

ACCEPT = ("If this is meant, accept it: bench/budget --update, and commit bench/budget.json with the reason.\n"
          "Which functions it is spent in: bench/budget --profile OPERATION.")


def entry(profile, calls):
    """One operation as it is written down, without what is there for the measurement only."""
    return {"instructions": by_library(profile.libraries, 0), "allocations": by_library(profile.allocations, 2),
            "calls": {name: round(count, 4) for name, count in calls.items()}}


def by_library(counter, digits):
    rounded = {name: round(count, digits or None) for name, count in sorted(counter.items()) if name not in INSTRUMENTS}
    return {name: count for name, count in rounded.items() if count > 0}


def own(entry, what):
    return entry[what].get(OWN, 0)


def whole(entry, what):
    return sum(entry[what].values())


def settled(entry, what):
    return sum(count for name, count in entry[what].items() if name not in BY_CHANCE)


def libraries(entry, what):
    return whole(entry, what) - own(entry, what)


def change(text, before, now, tolerance):
    """What to say of it; None: it is within its tolerance."""
    if abs(now - before) <= max(tolerance * before, SLACK if before >= 1 else 0):
        return None
    share = f"{now / before - 1:+.1%}" if before else "new"
    return f"{text}: {before:,.10g} -> {now:,.10g} ({share}, allowed ±{tolerance:.0%})"


def calls_apart(before, now):
    names = sorted({*before["calls"], *now["calls"]})
    pairs = [(name, before["calls"].get(name, 0), now["calls"].get(name, 0)) for name in names]
    return ", ".join(f"{name} {a:g} -> {b:g}" for name, a, b in pairs if a != b)


def operation(before, now):
    """(worse, better, notes): lines about one operation."""
    worse, better, notes = [], [], []
    for measure, what, text, tolerance in ((own, "instructions", "instructions of our own", OWN_TOLERANCE),
                                           (own, "allocations", "allocations of our own", CALLS_TOLERANCE),
                                           (settled, "calls", "system calls", CALLS_TOLERANCE),
                                           (libraries, "instructions", "instructions of libraries", LIBRARIES_TOLERANCE),
                                           (libraries, "allocations", "allocations of libraries", LIBRARIES_TOLERANCE)):
        if line := change(text, measure(before, what), measure(now, what), tolerance):
            line += f": {calls_apart(before, now)}" if what == "calls" else ""
            is_more = measure(now, what) > measure(before, what)
            (notes if measure is libraries else worse if is_more else better).append(line)
    return worse, better, notes


def all_of(before, now):
    """The same for all operations that were measured now, each line with its operation's name."""
    found = [], [], []
    for name, entry in now.items():
        if name not in before:
            found[0].append(f"{name}: is not in bench/budget.json")
            continue
        for into, lines in zip(found, operation(before[name], entry)):
            into += [f"{name}: {line}" for line in lines]
    return found
