"""A budget that was written down, and one that was measured now."""
OWN = "crossgate"
OWN_TOLERANCE, CALLS_TOLERANCE, LIBRARIES_TOLERANCE = 0.03, 0.02, 0.15

ACCEPT = ("If this is meant, accept it: bench/budget --update, and commit bench/budget.json with the reason.\n"
          "Which functions it is spent in: bench/budget --profile OPERATION.")


def entry(profile, calls):
    """One operation as it is written down. What is less than one instruction is no part of an operation."""
    return {"instructions": {name: round(count) for name, count in sorted(profile.objects.items()) if count >= 0.5},
            "calls": {name: round(count, 4) for name, count in calls.items()}}


def own(entry):
    return entry["instructions"].get(OWN, 0)


def libraries(entry):
    return sum(entry["instructions"].values()) - own(entry)


def calls(entry):
    return sum(entry["calls"].values())


def change(text, before, now, tolerance):
    """What to say of it; None: it is within its tolerance."""
    if abs(now - before) <= tolerance * before:
        return None
    share = f"{now / before - 1:+.1%}" if before else "new"
    return f"{text} {before:,.10g} -> {now:,.10g} ({share}, allowed ±{tolerance:.0%})"


def calls_apart(before, now):
    names = sorted({*before["calls"], *now["calls"]})
    pairs = [(name, before["calls"].get(name, 0), now["calls"].get(name, 0)) for name in names]
    return ", ".join(f"{name} {a:g} -> {b:g}" for name, a, b in pairs if a != b)


def operation(before, now):
    """(worse, better, notes): lines about one operation."""
    lines = {True: [], False: []}
    if text := change("instructions of our own:", own(before), own(now), OWN_TOLERANCE):
        lines[own(now) > own(before)].append(text)
    if text := change("system calls:", calls(before), calls(now), CALLS_TOLERANCE):
        lines[calls(now) > calls(before)].append(f"{text}: {calls_apart(before, now)}")
    text = change("instructions of libraries:", libraries(before), libraries(now), LIBRARIES_TOLERANCE)
    return lines[True], lines[False], [text] if text else []


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
