"""Results as people read them: the table, what failed, the verdict. Nothing here measures."""
from statistics import median

from .goals import LEVEL, Figures

NONE = "–"
BUSY = 0.9


def number(value):
    """Three digits that matter."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def middle(rounds, what="value"):
    known = [one[what] for one in rounds if one.get(what) is not None]
    return median(known) if known else None


def spread(rounds):
    """How far the rounds are from each other, as a share of their median."""
    known = [one["value"] for one in rounds if one.get("value") is not None]
    return (max(known) - min(known)) / median(known) if len(known) > 1 and median(known) else None


def cell(contender, mark):
    """The median; of a storm what it was without; what failed is marked."""
    rounds = contender["rounds"]
    text = number(middle(rounds))
    if any(one.get("quiet") is not None for one in rounds):
        text = f"{number(middle(rounds, 'quiet'))} → {text}"
    return text + mark


def failures(contender):
    return [one["failure"] for one in contender["rounds"] if one.get("failure")]


class Notes:
    """What failed, numbered; the same reason has one number."""

    def __init__(self):
        self._texts = []

    def mark(self, contender):
        reasons = failures(contender)
        if not reasons:
            return ""
        text = f"{contender['label']}: {reasons[0]}"
        if text not in self._texts:
            self._texts.append(text)
        return f" [{self._texts.index(text) + 1}]"

    def lines(self):
        return [f"[{place}] {' '.join(text.split())[:240]}" for place, text in enumerate(self._texts, 1)]


def aligned(rows):
    """Markdown that can be read as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |" for row in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def worst_spread(row):
    spreads = [share for share in (spread(contender["rounds"]) for contender in row["contenders"]) if share is not None]
    return f"{max(spreads):.0%}" if spreads else NONE


def beside_best(row):
    best = Figures(row).best_peer()
    return f"{best[1]:.2f} {best[0]}" if best else NONE


def own_cost(row):
    """Microseconds of the load's own CPU for each operation, when it loaded us."""
    loads = [load for contender in row["contenders"] if contender["label"] == "crossgate"
             for one in contender["rounds"] for load in one.get("loads", [])]
    costs = [load["client"]["cpu_us"] / load["operations"] for load in loads if load["client"]["cpu_us"] and load["operations"]]
    return median(costs) if costs and row["unit"] == "µs" else None


def table(results, notes):
    """One line per row, one column per candidate; only those that were measured or failed."""
    rows = [row for row in results["rows"] if any(contender["label"] in results["candidates"] for contender in row["contenders"])]
    if not rows:
        return []
    names = [name for name in results["candidates"]
             if any(contender["label"] == name and contender["rounds"] for row in rows for contender in row["contenders"])]
    others = [name for name in names if name != "crossgate"]
    lines = [["work", "unit", "crossgate", "of best peer", "floor", *others, "load's own", "spread"]]
    for row in rows:
        by_label = {contender["label"]: contender for contender in row["contenders"]}
        ours, *cells = [cell(by_label[name], notes.mark(by_label[name])) if name in by_label else "" for name in ("crossgate", *others)]
        cost = own_cost(row)
        lines.append([row["title"], row["unit"], ours, beside_best(row), number(row["floor"]) if row["floor"] else "", *cells,
                      number(cost) if cost else "", worst_spread(row)])
    return aligned(lines)


def variants(results, notes):
    """What is no candidate's own column: one server beside itself, or one with another setting."""
    lines = [["work", "unit", "variant", "figure", "spread"]]
    for row in results["rows"]:
        for contender in row["contenders"]:
            if contender["label"] not in results["candidates"]:
                share = spread(contender["rounds"])
                lines.append([row["title"], row["unit"], contender["label"], cell(contender, notes.mark(contender)),
                              NONE if share is None else f"{share:.0%}"])
    return aligned(lines) if len(lines) > 1 else []


WORDS = {True: "met", LEVEL: "level", False: "SHORT", None: "not measured"}


def verdict(results):
    """A line per goal; a row's title stands with its first."""
    verdicts = [(row, one) for row in results["rows"] for one in row["verdicts"]]
    lines = [[row["title"] if one is row["verdicts"][0] else "", one["goal"], WORDS[one["met"]], one["text"]] for row, one in verdicts]
    met, level = (sum(one["met"] == what for _, one in verdicts) for what in (True, LEVEL))
    return [*aligned([["work", "goal", "verdict", "figure"], *lines]), "", f"{met} of {len(verdicts)} goals are met; {level} are level: among the rounds the peer was ahead in some, we in others."] if lines else []


def floors(results):
    """What cannot be gone below, and what the algorithms alone take."""
    rows = [[name, number(value)] for name, value in sorted(results["floors"].items())]
    return aligned([["floor", "µs"], *rows]) if rows else []


def limits(results):
    """Latencies of a generator that had no time left are its own as well; a storm that leaves a server time is none at saturation."""
    found = []
    for row in results["rows"]:
        for what, text, concerns in (("busy", "the load's core had no time left, latencies are upper bounds", lambda share: share > BUSY),
                                     ("server_busy", "the server had less than its core: the storm was below saturation, or others used the core",
                                      lambda share: share < BUSY)):
            shares = {contender["label"]: middle(contender["rounds"], what) for contender in row["contenders"]}
            told = [f"{label} {share:.2f}" for label, share in shares.items() if share is not None and concerns(share)]
            if told:
                found.append(f"{row['title']}: {text} ({', '.join(told)})")
    return found


def machine(results):
    facts, extent = results["machine"], results["extent"]
    first = (f"{results['date']}, Crossgate {results['commit']}: {facts['processor']}, {facts['cores']} cores, {facts['memory']}, "
             f"{facts['system']}, Linux {facts['kernel']}, {facts['openssl']}.")
    rounds = (f"Medians of {extent['rounds']} rounds of {extent['seconds']} s; one worker on core {facts['core_of_servers']}, load on core "
              f"{facts['core_of_load']}; CPU of the server's whole process tree per operation. Lower is better everywhere.")
    quick = [f"Quick: at most {extent['connections']} connections, {extent['certificates']} certificates, files of "
             f"{extent['file_bytes'] >> 20} MiB. Tells that it works, not how fast it is."] if results["quick"] else []
    shared = ["Servers and load share one core."] if facts["core_of_servers"] == facts["core_of_load"] else []
    versions = ", ".join(f"{name} {version}" for name, version in results["candidates"].items())
    missing = [f"Not measured: {name}, since {' '.join(why.split())[:240]}" for name, why in results["missing"].items()]
    return [first, rounds, *quick, *shared, f"Candidates: {versions}", *missing]


def markdown(results):
    notes = Notes()
    tables = [table(results, notes), variants(results, notes)]
    failed = notes.lines() + limits(results) + ([results["trouble"]] if results["trouble"] else [])
    parts = [machine(results), *tables, failed, verdict(results), floors(results)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"
