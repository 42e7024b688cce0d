"""`crossgate schema` against `crossgate check`: both come from the same tables, and never contradict each other."""
import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator

from support.gate import CHECKOUT, ECHO, HELLO, document, run, web

pytestmark = pytest.mark.checked

BACKEND = "ws://127.0.0.1:1"
BATCH = 60  # workers of one document, so that their errors stay below what is kept


def load(*words):
    done = run("schema", *words)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def schema():
    return load()


@pytest.fixture(scope="module")
def validator(schema):
    return Draft202012Validator(schema)


@pytest.mark.parametrize("words", [[], ["--strict"]])
def test_it_is_a_schema_and_all_that_it_refers_to_is_there(words):
    schema = load(*words)
    Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert set(re.findall(r'"#/\$defs/([^"]+)"', text)) == set(schema["$defs"])


EXAMPLES = sorted(path for path in (CHECKOUT / "config").rglob("*") if path.suffix in (".json", ".yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(validator, path):
    errors = [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))]
    assert not errors


def test_the_strict_schema_lacks_extensions(validator):
    strict = Draft202012Validator(load("--strict"))
    portable = document(web({"/": HELLO}, port=80))
    for config in (document(web({"/": HELLO}, port=80), workers=2), document(web({"ws": ECHO}, port=80)),
                   document(web({"a/b.c": HELLO}, port=80)),
                   document(web({}, tls={"acme": {"domains": ["a.example"], "agree_tos": True}}, port=80))):
        assert validator.is_valid(config) and not strict.is_valid(config)
    assert strict.is_valid(portable)


REFUSED = [
    ("unknown key", {"version": 2, "workerz": []}, "workerz"),
    ("version 1", {"version": 1}, "2 was expected"),
    ("no version", {"workers": []}, "'version' is a required property"),
    ("unknown type", {"version": 2, "workers": [{"type": "ruoter"}]}, "'ruoter' is not one of"),
    ("a type that is not served", document({"type": "mqtt"}), "'mqtt' is not one of"),
    ("port out of range", document(web({}, endpoint={"type": "tcp", "port": 65536})), "65536 is not valid"),
    ("wrong kind", document(web({}, endpoint={"type": "tcp", "port": 80, "shared": 1})), "1 is not of type 'boolean'"),
    ("path with a slash", document(web({"/ws": HELLO}, endpoint={"type": "tcp", "port": 80})), "'/ws' is not valid"),
    ("no key", document(web({}, tls={"certificate": "x"}, endpoint={"type": "tcp", "port": 80})), "'key' is a required"),
    ("id", {"version": 2, "workers": [{"type": "router", "id": "A"}]}, "'A' does not match"),
]


@pytest.mark.parametrize("name, config, says", REFUSED, ids=[row[0] for row in REFUSED])
def test_mistakes_are_invalid(validator, name, config, says):
    assert any(says in error.message for error in validator.iter_errors(config)), list(validator.iter_errors(config))


# Documents made from the schema: around a minimal one, each key in turn gets values of all kinds.

FEW = [None, True, 1, 1.5, "", "x", [], {}]
VALUES = [None, True, False, 0, 1, -1, 1.5, 999, 1000, 65535, 65536, 67108864, 67108865, 2**40, "", "x", "/", "A", "a b",
          "abc", "$CROSSGATE_NO_SUCH", "$1", "ws://x/", [], [1], ["x"], [1, 1], {}, {"x": 1}, {"type": "x"}]


class Maker:
    def __init__(self, schema, words, values):
        self.schema, self.words, self.all_values = schema, words, values

    def resolve(self, node):
        while "$ref" in node:
            node = self.schema["$defs"][node["$ref"].rpartition("/")[2]]
        return node

    def minimal(self, node, key=""):
        node = self.resolve(node)
        if "const" in node:
            return node["const"]
        if "enum" in node:
            return node["enum"][0]
        if "anyOf" in node:
            return self.minimal(node["anyOf"][0], key)
        if "allOf" in node:
            return self.minimal(node["allOf"][0]["then"])
        kind = node.get("type")
        if kind == "object":
            needed = node.get("required", []) + node.get("then", {}).get("required", []) + ["port"] * ("portrange" in node.get("properties", {}))
            return {name: self.minimal(node["properties"][name], name) for name in needed}
        if kind == "array":
            return [self.minimal(node.get("items", {}))] * node.get("minItems", 0)
        if kind == "integer":
            return node.get("minimum", 1)
        return {"boolean": False, "string": self.words.get(key, "abc")}.get(kind, 1)

    def values(self, node):
        node = self.resolve(node)
        for part in node.get("anyOf", [node]):
            for word in ("minimum", "maximum"):
                if word in part:
                    yield from (part[word] - 1, part[word], part[word] + 1)
            yield from part.get("enum", [])
        yield from self.all_values
        yield self.minimal(node)

    def documents(self, node, embed, path, seen):
        """(document, path of what holds the change); what `seen` names has been or is to be left out."""
        name, node = node.get("$ref"), self.resolve(node)
        if name in seen:
            return
        if name:
            seen.add(name)
        if "allOf" in node:
            for value in ({}, {"type": 1}, {"type": "nothing"}, {"type": "x-y"}):
                yield embed(value), path
            for branch in node["allOf"]:
                yield from self.documents(branch["then"], embed, path, seen)
        elif "properties" in node:
            yield from self.object_documents(node, embed, path, seen)
        elif isinstance(node.get("additionalProperties"), dict):
            item = node["additionalProperties"]
            for key in ("", "/", "abc", "a/b", ".x", ".well-known", "ä"):
                yield embed({key: self.minimal(item)}), path
            yield from self.documents(item, lambda value: embed({"abc": value}), f"{path}.abc", seen)
        elif "items" in node:
            for value in self.all_values:
                yield embed([value] * max(1, node.get("minItems", 0))), path
            yield from self.documents(node["items"], lambda value: embed([value]), f"{path}[0]", seen)

    def object_documents(self, node, embed, path, seen):
        base = self.minimal(node)
        yield embed({**base, "unknwon": 1}), path
        for key in node.get("required", []):
            yield embed({name: value for name, value in base.items() if name != key}), path
        for key, member in node["properties"].items():
            for value in self.values(member):
                yield embed({**base, key: value}), path
            yield from self.documents(member, lambda value, key=key: embed({**base, key: value}), f"{path}.{key}", seen)


# What check says of kinds, ranges and keys; the rest is known to its own rules only.
TABLES = re.compile(r"must be (true or false|an integer|a list|an object|a string)|there is no key|(?<!port) is missing: |there is no "
                    r".* of type|type must be a string|type is missing")


def judge(directory, config):
    """The errors of check: [(path, text)]."""
    path = directory / "config.json"
    path.write_text(json.dumps(config))
    said = json.loads(run("check", "--config", path, "--backend", BACKEND, "--json", timeout=90).stdout)
    return [(problem["path"], problem["text"]) for problem in said["diagnostics"]
            if problem["severity"] == "error" and "same address" not in problem["text"]]


def compare(validator, config, errors):
    """None, or how they contradict each other. The paths of errors begin at `path`."""
    invalid = [error.message[:200] for error in validator.iter_errors(config)]
    if invalid and not errors:
        return "only the schema refuses", invalid
    if not invalid and any(TABLES.search(text) for _, text in errors):
        return "only check refuses", errors
    return None


@pytest.mark.long
def test_schema_and_check_agree(directory, schema, validator, pki):
    words = {"key": pki["ec.key"], "certificate": pki["ec.pem"], "directory": ".", "url": "ws://x/", "host": "127.0.0.1"}
    maker = Maker(schema, words, VALUES)
    root = maker.resolve(schema)
    worker = root["properties"]["workers"]["items"]
    made = list(maker.documents(worker, lambda value: value, "", set()))
    assert len(made) > 2000
    contradictions = []
    for first in range(0, len(made), BATCH):
        workers = [value for value, _ in made[first:first + BATCH]]
        errors = judge(directory, {"version": 2, "workers": workers})
        for i, (value, path) in enumerate(made[first:first + BATCH]):
            prefix = f"$.workers[{i}]"
            own = [(where, text) for where, text in errors if where.startswith(prefix)]
            if found := compare(validator, {"version": 2, "workers": [value]}, own):
                contradictions.append((path, value, found))
    assert not contradictions, contradictions[:5]


@pytest.mark.long
def test_schema_and_check_agree_on_the_document(directory, schema, validator):
    maker = Maker(schema, {}, FEW)
    documents = [config for config, _ in maker.documents(schema, lambda value: value, "", {"#/$defs/worker"})]
    contradictions = []
    for config in documents:
        errors = [(path, text) for path, text in judge(directory, config) if "nothing would listen" not in text]
        if found := compare(validator, config, errors):
            contradictions.append((config, found))
    assert not contradictions, contradictions[:5]
