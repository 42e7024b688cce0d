"""SVG plots by gnuplot: each family of rows, every candidate beside Crossgate, whose cost is 1."""
import shutil
import subprocess

from .report import middle

FAMILIES = {"handshakes": ("CPU per handshake", ("handshake", "resumed")), "echo": ("CPU per message, echo", ("echo",)),
            "relay": ("CPU per message, relayed", ("relay",)), "files": ("CPU per file", ("get", "bulk")),
            "memory": ("Memory per idle connection", ("idle",)), "storms": ("p99 of an echo during a storm of handshakes", ("storm",))}
SCRIPT = """set terminal svg size 1100,480 dynamic font 'sans,12' background 'white'
set output '{output}'
set title '{title}' font ',14'
set ylabel 'times that of Crossgate (lower is better)'
set style data histograms
set style histogram clustered gap 1.5
set style fill solid 1 noborder
set border 3 linecolor '#888888'
set grid ytics linecolor '#dddddd'
set yrange [0:*]
{scale}
set arrow from graph 0, first 1 to graph 1, first 1 nohead front dashtype 3 linecolor '#444444'
set xtics nomirror scale 0 rotate by -15 noenhanced textcolor '#000000'
set ytics nomirror textcolor '#000000'
set key outside right Left reverse noenhanced samplen 1
set datafile missing '?'
$figures << END
{data}
END
plot {columns}
"""
# By the order of the candidates, so that each has the same one in every plot.
COLOURS = ("#1b4f9c", "#7fa6dc", "#2e9e6b", "#e08a1e", "#b0413e", "#8c6bb1", "#d6b300", "#5fb8c4", "#777777", "#c9a27e")


def ratios(row, names):
    by_label = {contender["label"]: middle(contender["rounds"]) for contender in row["contenders"]}
    ours = by_label.get("crossgate")
    return [by_label[name] / ours if ours and by_label.get(name) else None for name in names]


def script(title, rows, names, output):
    """gnuplot's words for one family, or nothing if there is nothing to compare."""
    table = [(row["name"], ratios(row, names)) for row in rows]
    used = [place for place in range(len(names)) if any(values[place] for _, values in table)]
    table = [(name, [values[place] for place in used]) for name, values in table if any(values)]
    if not table or len(used) < 2:
        return None
    lines = ['row ' + " ".join(f'"{names[place]}"' for place in used)]
    lines += [f'"{name}" ' + " ".join("?" if value is None else f"{value:.4f}" for value in values) for name, values in table]
    largest = max(value for _, values in table for value in values if value)
    scale = "set logscale y\nset yrange [0.5:*]" if largest > 12 else ""
    columns = ", ".join(f"$figures using {column}:xtic(1) title columnheader({column}) linecolor '{COLOURS[place % len(COLOURS)]}'"
                        for column, place in enumerate(used, 2))
    return SCRIPT.format(output=output, title=title, scale=scale, data="\n".join(lines), columns=columns)


def draw(results, directory, stem):
    """The files that were written."""
    if not shutil.which("gnuplot"):
        return []
    written = []
    for name, (title, words) in FAMILIES.items():
        rows = [row for row in results["rows"] if row["name"].split("-")[0] in words]
        path = directory / f"{stem}-{name}.svg"
        text = script(title, rows, list(results["candidates"]), path)
        if text and subprocess.run(["gnuplot"], input=text, text=True, capture_output=True, timeout=60).returncode == 0:
            written.append(path)
    return written
