"""The goals, and what the figures of a row say to them. Nothing here measures: rows are as they stand in the results."""
from dataclasses import dataclass
from statistics import median
from typing import Callable

OURS, BARE = "crossgate", "bare"
LEVEL = "level"     # rounds differ more than we and the peer do


class Figures:
    """A row's values by contender; a round that failed has none."""

    def __init__(self, row):
        self.floor, self.records = row.get("floor"), row.get("records")
        self._contenders = {contender["label"]: contender for contender in row["contenders"]}

    def peers(self):
        return [label for label, contender in self._contenders.items()
                if contender["is_peer"] and self.median(label) is not None]

    def series(self, label, what="value"):
        contender = self._contenders.get(label)
        return [one.get(what) for one in contender["rounds"]] if contender else []

    def median(self, label, what="value"):
        known = [value for value in self.series(label, what) if value is not None]
        return median(known) if known else None

    def ratios(self, one, other):
        """The rounds' quotients, since what disturbs a round disturbs both; each side is (label, what)."""
        return [a / b for a, b in zip(self.series(*one), self.series(*other)) if a is not None and b]

    def ratio(self, one, other):
        ratios = self.ratios(one, other)
        return median(ratios) if ratios else None

    def bounds(self, peer):
        """The least and the most of our cost as a share of the peer's, of all rounds."""
        ratios = self.ratios((OURS, "value"), (peer, "value"))
        return min(ratios), max(ratios)

    def best_peer(self):
        """(the one that comes nearest to us or is ahead, our cost as a share of its), or nothing."""
        ratios = [(self.ratio((OURS, "value"), (peer, "value")), peer) for peer in self.peers()]
        ratio, peer = max(((ratio, peer) for ratio, peer in ratios if ratio is not None), default=(None, None))
        return (peer, ratio) if peer else None

    def why_missing(self, label):
        contender = self._contenders.get(label)
        failures = [one["failure"] for one in contender["rounds"] if one.get("failure")] if contender else []
        return f"{label} was not measured" + (f": {failures[0]}" if failures else "")


@dataclass(frozen=True)
class Goal:
    """`judge` returns (whether it is met, LEVEL, or None; what to say)."""
    text: str
    judge: Callable

    def verdict(self, row):
        met, said = self.judge(Figures(row))
        return {"goal": self.text, "met": met, "text": said}


def distance(ratio):
    """How far what should have been 1 is from it."""
    return f"short by {ratio - 1:.0%}" if ratio < 2 else f"{ratio:.1f} times the goal"


def compare(ratio, limit, what, missing, share=None, strict=False):
    """`ratio` should not be above `limit`, if strict not even reach it."""
    if ratio is None:
        return None, missing
    said = f"{share if share is not None else ratio:.2f} of {what}"
    if ratio < limit or (ratio == limit and not strict):
        return True, said
    return False, f"{distance(ratio / limit)}: {said}"


def beside_bare(figures):
    """What stands beside a verdict whose measure is no server: how we compare with as little of a server as there can be."""
    ratio = figures.ratio((OURS, "value"), (BARE, "value"))
    return f"; {ratio:.2f} of {BARE}" if ratio else ""


def below_peers():
    def judge(figures):
        if figures.median(OURS) is None:
            return None, figures.why_missing(OURS)
        best = figures.best_peer()
        if not best:
            return None, "no peer was measured"
        met, said = compare(best[1], 1.0, best[0], "", strict=True)
        least, most = figures.bounds(best[0])
        rounds = f", rounds {least:.2f} to {most:.2f}" if least < most else ""
        if rounds and least <= 1 <= most:
            return LEVEL, f"{best[1]:.2f} of {best[0]}{rounds}"
        return met, said + rounds
    return Goal("below every peer", judge)


def within(factor, label, other, text, what="value", other_what="value"):
    """`label` costs at most `factor` of what `other` does."""
    def judge(figures):
        missing = figures.why_missing(label if figures.median(label, what) is None else other)
        name = other if other_what == "value" else other_what
        return compare(figures.ratio((label, what), (other, other_what)), factor, name, missing)
    return Goal(text, judge)


def at_or_above(peer):
    return within(1.0, OURS, peer, f"at or above {peer}")


def within_floor(factor):
    def judge(figures):
        cost, floor = figures.median(OURS), figures.floor
        missing = figures.why_missing(OURS) if cost is None else "the floor was not measured"
        met, said = compare(cost / floor if cost is not None and floor else None, factor, "the floor", missing)
        return met, said + beside_bare(figures)
    return Goal(f"at most {factor:.2f} of the floor", judge)


def share_of_floor(share):
    """At least this share of the speed that the floor allows, which has the system calls; without them it is told, and not judged."""
    def judge(figures):
        cost, floor = figures.median(OURS), figures.floor
        if cost is None or not floor:
            return None, figures.why_missing(OURS) if cost is None else "the floor was not measured"
        also = f", {figures.records / cost:.2f} of that of seal and open alone" if figures.records else ""
        met, said = compare(cost / floor, 1 / share, f"the speed of recv, open, seal and send{also}", "", share=floor / cost)
        return met, said + beside_bare(figures)
    return Goal(f"at least {share:.0%} of the speed of recv, open, seal and send", judge)


def at_most(limit, unit):
    def judge(figures):
        value = figures.median(OURS)
        if value is None:
            return None, figures.why_missing(OURS)
        said = f"{value:.1f} {unit}{beside_bare(figures)}"
        return (True, said) if value <= limit else (False, f"{distance(value / limit)}: {said}")
    return Goal(f"at most {limit} {unit}", judge)


def scales(factor, one, two):
    """Two workers do `factor` times the work of one: by CPU per operation, and by how evenly they share it."""
    def judge(figures):
        growth, balance = figures.ratio((one, "value"), (two, "value")), figures.median(two, "balance")
        if growth is None or balance is None:
            return None, figures.why_missing(two if figures.median(two) is None else one)
        said = f"{growth * balance:.2f} times: {growth:.2f} by CPU per operation, shared as 1 to {balance - 1:.2f}"
        return (growth * balance >= factor), said
    return Goal(f"at least {factor} times one worker", judge)
