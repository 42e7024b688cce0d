"""config.yaml: read as PyYAML's safe loader reads it, from the check to the reload."""
import json
import math
import os
import subprocess

import pytest
import yaml

from support import ports
from support.gate import CHECKOUT, HELLO, Gate, document, run, web
from support.wait import eventually

pytestmark = pytest.mark.checked

ALPHABETS = ["0123456789_.:+-eExXbBoOnNaAfFiIsSyYtTrRlLuU~<=Z ", "01256789_.:+-e"]


def check(path, *words):
    done = run("check", "--config", path, *words)
    assert "Sanitizer" not in done.stderr + done.stdout and "runtime error" not in done.stderr, done.stderr
    return done


def resolved(path):
    """The value of the json service at /, as check understands it."""
    done = check(path, "--print")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["workers"][0]["transports"][0]["paths"]["/"]["value"]


def with_value(value):
    return ("version: 2\nworkers:\n- type: router\n  transports:\n  - type: web\n    endpoint: {type: tcp, port: 8080}\n"
            f"    paths:\n      /:\n        type: json\n        value: {value}\n")


def is_json(value):
    """Whether JSON, and we, have such a value."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    if isinstance(value, int):
        return -2**63 < value < 2**63
    return isinstance(value, float) and math.isfinite(value)


def scalars():
    """Words that matter, and some thousand made of the characters that matter, the same at each run."""
    yield from ("~ null Null NULL nULL yes Yes YES yEs no No NO on On ON off Off OFF true True TRUE false False FALSE y n "
                "0 -0 +0 00 1 -1 +1 1_000 1__0 _1 1_ 017 -017 08 0o17 0b101 0b2 0b_1 0x1f 0xFf 0x_f 0xg -0x1 1:30 190:20:30 "
                "1:60 1:6 1:59 01:30 1:30.5 0:1.5 1.5 1. .5 -.5 +.5 ._5 1.5e3 1.5e+3 1.5E-3 1e3 1e+3 1.e+1 .5e+1 1_0.2_5 "
                ".inf -.inf +.Inf .INF .iNF .nan .NaN -.nan . .. - + << = == 2026-11-26 2026-1-1 2026-11-26T10:00:00Z "
                "2026-11-26t1:00:00.5+01:30 2026-11-26T10:00 9223372036854775807 9223372036854775808 "
                "-9223372036854775807 127.0.0.1 ::1 $PORT 1.2.3 12e 0x 0b 0 x").split()
    state = 1
    for i in range(8000):
        word, alphabet = "", ALPHABETS[i % 2]
        for _ in range(1 + (state >> 16) % 7):
            state = (state * 1664525 + 1013904223) % 2**32
            word += alphabet[(state >> 16) % len(alphabet)]
        yield word.strip()


def read_by_pyyaml(word):
    try:
        return yaml.safe_load(f"x: {word}\n")["x"]
    except (yaml.YAMLError, ValueError, TypeError, KeyError, OverflowError, IndexError):
        return NotImplemented


def test_scalars_are_what_pyyaml_says(directory):
    path = directory / "config.yaml"
    pairs = [(word, read_by_pyyaml(word)) for word in scalars()]
    pairs = [(word, value) for word, value in pairs if value is not NotImplemented and is_json(value)]
    assert len(pairs) > 6000 and sum(not isinstance(value, str) for _, value in pairs) > 500
    path.write_text(with_value("".join(f"\n        - {word}" for word, _ in pairs)))
    for (word, wanted), found in zip(pairs, resolved(path), strict=True):
        assert type(found) is type(wanted) and found == wanted, (word, wanted, found)


@pytest.mark.parametrize("word", ["2026-11-26", ".inf", ".NaN", "2026-11-26 10:00:00", "9223372036854775808", "=", "<<"])
def test_values_that_json_lacks_are_refused(directory, word):
    path = directory / "config.yaml"
    path.write_text(with_value(word))
    done = check(path)
    assert done.returncode == 1
    assert f"config.yaml:10:16: error: {word} is" in done.stderr, done.stderr
    assert '$.workers[0].transports[0].paths["/"].value' in done.stderr


DOCUMENTS = [
    "[a, 'b', \"c\\n\\u00e4\", {d: e}]",
    "|\n          two\n          lines\n",
    ">-\n          one\n          line\n",
    "{<<: {a: 1, b: 2}, b: 3}",
    "{base: &b {x: 1}, list: [*b, {<<: *b, x: 2}, {<<: [*b, {x: 3, y: 4}]}], text: &t hi, again: *t}",
    "!!str 5",
    "[!!int 5, !!float 5, !!null ~, !!bool yes, !!seq [], !!map {}]",
    "{\"json\": [true, null, 1.5, {\"deep\": {}}]}",
    "{a: \"tab\\there\", 'it''s': x}",
]


@pytest.mark.parametrize("value", DOCUMENTS)
def test_documents_are_what_pyyaml_says(directory, value):
    path = directory / "config.yaml"
    path.write_text(with_value(value))
    wanted = yaml.safe_load(path.read_text())["workers"][0]["transports"][0]["paths"]["/"]["value"]
    assert resolved(path) == wanted


@pytest.mark.parametrize("path", sorted((CHECKOUT / "config").rglob("*.json")), ids=lambda path: path.name)
def test_an_example_says_the_same_in_yaml(path, directory):
    config = json.loads(path.read_text())
    for name, text in (("config.yaml", yaml.safe_dump(config)), ("config.yml", path.read_text()),
                       ("config.json", path.read_text())):
        (directory / name).write_text(text)
    said = []
    for name in ("config.yaml", "config.yml", "config.json"):
        done = check(directory / name, "--backend", "ws://127.0.0.1:8080", "--json")
        said.append([(problem["path"], problem["text"]) for problem in json.loads(done.stdout)["diagnostics"]])
    assert sorted(said[0]) == sorted(said[2]) and said[1] == said[2]


# What an operator gets wrong, and the words that help.
MISTAKES = [
    ("tab", "version: 2\nworkers:\n\t- type: router\n", "3:1", "not with tabs"),
    ("key out of column", "version: 2\nworkers:\n- type: router\n   id: r01\n", "4:6", "indentation"),
    ("dash out of column", "version: 2\nworkers:\n  - type: router\n - type: proxy\n", "4:2", "indentation"),
    ("no space behind the colon", "version:2\nworkers: []\n", "2:8", "indentation"),
    ("numeric path", "version: 2\nworkers:\n- type: router\n  transports:\n  - type: web\n    paths:\n      8080: {type: nodeinfo}\n",
     "7:7", 'write it in quotes: "8080"'),
    ("boolean path", "version: 2\nworkers:\n- type: router\n  transports:\n  - type: web\n    paths:\n      on: {type: nodeinfo}\n",
     "7:7", 'write it in quotes: "on"'),
    ("twice", "version: 2\nversion: 2\n", "2:1", "keep one of them"),
    ("bracket not closed", "version: 2\nworkers: [{type: router}\n", "3:1", "a comma or a bracket is missing"),
    ("quote not closed", "version: 2\n$schema: \"x\nworkers: []\n", "4:1", "a quotation mark is not closed"),
    ("a list where an object should be", "version: 2\nworkers:\n- type: router\n  transports:\n  - type: web\n    endpoint:\n"
     "    - type: tcp\n    paths: {}\n", "7:5", "found a list of 1"),
    ("quoted number", "version: 2\nworkers:\n- type: router\n  transports:\n  - type: web\n    endpoint: {type: tcp, port: '80'}\n"
     "    paths: {}\n", "6:33", "without quotes"),
    ("float", "version: 2\nworkers:\n- type: router\n  transports:\n  - type: web\n    endpoint: {type: tcp, port: 80.0}\n"
     "    paths: {}\n", "6:33", "found 80.0"),
]


@pytest.mark.parametrize("name, text, where, says", MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistakes_are_named_at_their_place(directory, name, text, where, says):
    path = directory / "config.yaml"
    path.write_text(text)
    done = check(path)
    assert done.returncode == 1
    assert f"config.yaml:{where}: error: " in done.stderr, done.stderr
    assert says in done.stderr, done.stderr


def test_several_mistakes_come_at_once(directory):
    path = directory / "config.yaml"
    path.write_text("version: 2\nworkers:\n- type: ruoter\n- type: router\n  transports:\n  - type: web\n"
                    "    endpoint: {type: tcp, port: 0, backlog: 0}\n    pathz: {}\n")
    said = json.loads(check(path, "--json").stdout)["diagnostics"]
    assert [(problem["line"], problem["column"], problem["path"]) for problem in said] == [
        (3, 9, "$.workers[0].type"), (6, 5, "$.workers[1].transports[0].paths"),
        (7, 33, "$.workers[1].transports[0].endpoint.port"), (7, 45, "$.workers[1].transports[0].endpoint.backlog"),
        (8, 5, "$.workers[1].transports[0].pathz")]
    assert "router" in said[0]["remedy"] and "paths" in said[4]["remedy"]


def test_yaml_in_config_json_is_recognized(directory):
    path = directory / "config.json"
    path.write_text("version: 2\nworkers: []\n")
    assert "name the file config.yaml" in check(path).stderr


def test_yaml_wins_and_the_other_file_is_named(directory):
    env = {key: value for key, value in os.environ.items() if key != "CROSSBAR_DIR"}
    (directory / "config.json").write_text(json.dumps(document(web({"/": HELLO}, port=8001))))
    (directory / "config.yaml").write_text(yaml.safe_dump(document(web({"/": HELLO}, port=8002))))
    for words, more in ((["--cbdir", directory], {}), ([], {"CROSSBAR_DIR": str(directory)})):
        said = json.loads(run("check", "--json", *words, env={**env, **more}).stdout)
        assert said["ok"] and said["config"] == str(directory / "config.yaml")
        assert [transport["address"] for transport in said["transports"]] == ["127.0.0.1:8002"]
        assert [problem["severity"] for problem in said["diagnostics"]] == ["note"]
        assert "config.json beside it is not read" in said["diagnostics"][0]["text"]
    said = json.loads(run("check", "--cbdir", directory, "--config", "config.json", "--json").stdout)
    assert [transport["address"] for transport in said["transports"]] == ["127.0.0.1:8001"]
    assert said["diagnostics"] == []
    # config.yml is not looked for, as with Crossbar, but may be named.
    (directory / "config.yaml").rename(directory / "config.yml")
    assert json.loads(run("check", "--cbdir", directory, "--json").stdout)["config"].endswith("config.json")
    assert json.loads(run("check", "--cbdir", directory, "--config", "config.yml", "--json").stdout)["ok"]


def get(port):
    return subprocess.run(["curl", "-sS", f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=90).stdout


def test_yaml_is_served_and_reloaded(directory):
    port = ports.take()

    def text(value):
        return yaml.safe_dump(document(web({"/": {"type": "json", "value": value}}, port=port)))

    gate = Gate(directory)
    gate.config = directory / "config.yaml"
    try:
        gate.start(text({"a": True}))
        assert json.loads(get(port)) == {"a": True}
        # The file was chosen at the start: one that is added is not read.
        (directory / "config.json").write_text("{}")
        gate.reload(text({"a": False}))
        eventually(lambda: json.loads(get(port)) == {"a": False}, why="the new value")
        gate.reload("version: 2\n\tworkers: []\n", expect="cannot be served")
        assert "config.yaml:2:1: error: not YAML" in gate.log
        assert json.loads(get(port)) == {"a": False}
    finally:
        gate.stop()
