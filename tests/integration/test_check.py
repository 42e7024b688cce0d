"""`crossgate check`: what it says of good and of bad configurations, end to end."""
import json
import os
import re

import pytest

from support import ports
from support.gate import CHECKOUT, ECHO, HELLO, document, run, tcp, web

pytestmark = pytest.mark.checked

DOCUMENTED = "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256:DHE-RSA-AES128-SHA256:"


@pytest.fixture
def check(directory):
    """check(config, words…) -> (exit status, what was said); the file is config.json of a fresh node directory."""
    def check(config, *words):
        path = directory / "config.json"
        path.write_text(config if isinstance(config, str) else json.dumps(config, indent=2))
        done = run("check", "--config", path, *words)
        text = done.stdout + done.stderr
        assert done.returncode in (0, 1), text
        assert "Sanitizer" not in text and "runtime error" not in text, text
        return done.returncode, text
    return check


def position(config, mark):
    """line:column of a text within the file."""
    text = config if isinstance(config, str) else json.dumps(config, indent=2)
    at = text.index(mark)
    return f"{text.count(chr(10), 0, at) + 1}:{at - text.rfind(chr(10), 0, at)}"


def test_documented_example_is_good(check, pki):
    tls = pki.tls(dhparam=pki["ffdhe4096.pem"], ciphers=DOCUMENTED)
    status, text = check(document(web({"/": HELLO, "ws": ECHO}, tls=tls, endpoint={"type": "tcp", "port": 443})))
    assert status == 0, text


SHIPPED = sorted(path for path in (CHECKOUT / "config").rglob("*") if path.suffix in (".json", ".yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_configuration_lacks_nothing_but_the_files_it_names(path):
    done = run("check", "--config", path, "--backend", "ws://node.invalid", "--json")
    for problem in json.loads(done.stdout)["diagnostics"]:
        expected = "No such file or directory" in problem["text"] or problem["text"].startswith("--backend is not used") \
            or "which is not set: that counts as false" in problem["text"]
        assert problem["severity"] == "note" or expected, problem


def test_all_problems_come_at_once_with_their_places(check):
    config = document(web({"/": HELLO, "x": {"type": "jsno", "value": 1}}, port=443, backlog=0),
                      {"type": "web", "endpoint": {"type": "tcp", "port": 70000}, "pathz": {}})
    status, text = check(config)
    assert status == 1
    for mark, path in [('"jsno"', r"\.paths\.x\.type"), ("0\n", r"\.endpoint\.backlog"), ("70000", r"\.endpoint\.port"),
                       ('"pathz"', r"transports\[1\]")]:
        assert re.search(rf"config\.json:{position(config, mark)}:", text), (mark, position(config, mark), text)
        assert re.search(path, text), (path, text)


BAD = [
    ("syntax", '{"version": 2,\n "workers": [}\n', "2:14", ""),
    ("empty file", "", None, ""),
    ("not an object", "[]", "1:1", ""),
    ("unknown key, with the nearest", {"version": 2, "workerz": []}, '"workerz"', "workers"),
    ("no version", {"workers": []}, None, "version"),
    ("version 1", {"version": 1, "workers": []}, "1,", "2"),
    ("worker type unknown", {"version": 2, "workers": [{"type": "ruoter"}]}, '"ruoter"', "router"),
    ("transport not served", document({"type": "mqtt", "endpoint": tcp(8000)}), '"mqtt"', "not served"),
    ("service of a node that is not named", document(web({"/": {"type": "wsgi", "module": "m", "object": "o"}})), '"wsgi"',
     "--backend"),
    ("port 0", document(web({"/": HELLO}, endpoint={"type": "tcp", "port": 0})), "0\n", "65535"),
    ("port of an unset variable", document(web({"/": HELLO}, endpoint={"type": "tcp", "port": "$CROSSGATE_UNSET"})),
     '"$CROSSGATE_UNSET"', "CROSSGATE_UNSET"),
    ("tls on a unix socket", document({"type": "web", "endpoint": {"type": "unix", "path": "x", "tls": {}}, "paths": {}}),
     '"tls"', "tls"),
    ("tls without a key", document(web({"/": HELLO}, tls={"certificate": "x"})), None, "key"),
    ("path with a slash before it", document(web({"/": HELLO, "/.well-known": HELLO})), '"/.well-known"', "not /ws"),
    ("websocket without a backend", document(web({"/": HELLO, "ws": {"type": "websocket"}})), None, "--backend"),
    ("static directory missing", document(web({"/": {"type": "static", "directory": "nowhere"}})), '"nowhere"', "nowhere"),
]


@pytest.mark.parametrize("name, config, mark, says", BAD, ids=[row[0] for row in BAD])
def test_bad_configuration_is_refused_at_its_place(check, name, config, mark, says):
    status, text = check(config)
    assert status == 1, text
    assert says in text
    if mark:
        where = mark if re.fullmatch(r"\d+:\d+", mark) else position(config, mark)
        assert f"config.json:{where}:" in text, (where, text)


def pem_cases(pki):
    good = pki.tls()
    return {
        "mismatch": ({**good, "key": pki["other.key"]}, 1, "belongs to the private key"),
        "expired": ({**good, "certificate": pki["expired.pem"], "key": pki["expired.key"]}, None, "expired"),
        "not yet valid": ({**good, "certificate": pki["future.pem"], "key": pki["future.key"]}, None, "NOT VALID YET"),
        "passphrase": ({**good, "key": pki["locked.key"]}, 1, "(?s)passphrase.*crossgate cert decrypt"),
        "missing file": ({**good, "certificate": "nowhere.pem"}, 1, "nowhere.pem.*No such file"),
        "garbage": ({**good, "certificate": pki["garbage.pem"]}, 1, "garbage.pem"),
        "empty": ({**good, "certificate": pki["empty.pem"]}, 1, "empty.pem"),
        "key as certificate": ({**good, "certificate": pki["rsa.key"]}, 1, "certificate"),
        "certificate as key": ({**good, "key": pki["rsa.pem"]}, 1, "key"),
        "chain of another": ({**good, "chain_certificates": [pki["device.pem"]]}, None, "chain is broken"),
        "order reversed": ({"key": pki["rsa.key"], "certificate": pki["reversed.pem"]}, None, "order|first|match|belong"),
        "small RSA": ({**good, "certificate": pki["weak.pem"], "key": pki["weak.key"]}, None, "1024"),
        "small DH": ({**good, "dhparam": pki["dhparam-1024.pem"]}, None, "1024"),
        "dhparam is no dhparam": ({**good, "dhparam": pki["rsa.pem"]}, 1, "DH"),
        "ciphers select nothing": ({**good, "ciphers": "NO-SUCH-SUITE"}, 1, "ciphers"),
        "no client authority": ({**good, "ca_certificates": []}, 1, "ca_certificates"),
        "unknown key": ({**good, "protocols": "TLSv1.3"}, 1, "protocols"),
        "key readable by others": ({**good, "key": pki["open.key.txt"]}, None, "chmod|readable"),
    }


CASES = ["mismatch", "expired", "not yet valid", "passphrase", "missing file", "garbage", "empty", "key as certificate",
         "certificate as key", "chain of another", "order reversed", "small RSA", "small DH", "dhparam is no dhparam",
         "ciphers select nothing", "no client authority", "unknown key", "key readable by others"]


@pytest.mark.parametrize("case", CASES)
def test_tls_files_are_opened_and_judged(check, pki, case):
    if case == "key readable by others":
        os.chmod(pki["open.key.txt"], 0o644)
    tls, expected, says = pem_cases(pki)[case]
    config = document(web({"/": HELLO}, tls=tls))
    status, text = check(config)
    if expected is not None:
        assert status == expected, text
    assert re.search(says, text), text
    assert re.search(r"config\.json:\d+:\d+:", text)
    assert re.search(r"endpoint\.tls", text)


def test_check_never_asks_for_a_passphrase(check, pki):
    _, text = check(document(web({"/": HELLO}, tls=pki.tls(key=pki["locked.key"]))))
    assert "Enter PEM" not in text


def test_json_output_is_for_programs(directory, pki):
    config = document(web({"/": HELLO, "x": {"type": "jsno"}}, tls=pki.tls(key=pki["other.key"]), backlog=0))
    path = directory / "config.json"
    path.write_text(json.dumps(config, indent=2))
    done = run("check", "--config", path, "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["ok"] is False and said["config"] == str(path)
    problems = said["diagnostics"]
    assert len(problems) >= 3
    for problem in problems:
        assert problem["file"].endswith("config.json")
        assert problem["line"] > 0 and problem["column"] > 0
        assert problem["path"].startswith("$.workers[0].transports[0]")
        assert problem["text"]
    assert [problem["line"] for problem in problems] == sorted(problem["line"] for problem in problems)


def test_json_output_of_a_good_file_names_what_it_would_serve(directory, pki):
    path = directory / "config.json"
    config = document(web({"/": HELLO}), web({"/": HELLO}, tls=pki.tls()))
    path.write_text(json.dumps(config))
    done = run("check", "--config", path, "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"]) == (0, True)
    endpoints = [transport["endpoint"] for transport in config["workers"][0]["transports"]]
    assert [(transport["address"], transport["tls"]) for transport in said["transports"]] == [
        (f"127.0.0.1:{endpoints[0]['port']}", False), (f"127.0.0.1:{endpoints[1]['port']}", True)]
    assert not [problem for problem in said["diagnostics"] if problem["severity"] != "note"]


def test_missing_file_is_an_error_that_names_it(directory):
    done = run("check", "--config", directory / "nowhere.json")
    assert done.returncode == 1
    assert "nowhere.json" in done.stderr + done.stdout


def test_node_directory_is_found_as_crossbar_does(directory):
    node = directory / ".crossbar"
    node.mkdir()
    (node / "config.json").write_text(json.dumps(document(web({"/": HELLO}))))
    clean = {key: value for key, value in os.environ.items() if key != "CROSSBAR_DIR"}
    assert run("check", cwd=directory, env=clean).returncode == 0
    assert run("check", cwd="/", env={**clean, "CROSSBAR_DIR": str(node)}).returncode == 0
    assert run("check", "--cbdir", node, cwd="/", env=clean).returncode == 0
    assert run("check", cwd="/", env=clean).returncode == 1


def test_run_refuses_what_check_refuses(directory):
    path = directory / "config.json"
    path.write_text('{"version": 2, "workers": [{"type": "ruoter"}]}')
    done = run("run", "--config", path)
    assert done.returncode == 1
    assert "config.json:1:" in done.stderr


def test_port_from_the_environment_is_used(directory):
    path = directory / "config.json"
    path.write_text(json.dumps(document(web({"/": HELLO}, endpoint={"type": "tcp", "port": "$CROSSGATE_PORT"}))))
    for value, status in [("8443", 0), ("0", 1), ("x", 1), ("70000", 1)]:
        assert run("check", "--config", path, env={**os.environ, "CROSSGATE_PORT": value}).returncode == status


def test_backend_url_is_judged(directory):
    path = directory / "config.json"
    path.write_text(json.dumps(document(web({"/": HELLO, "ws": {"type": "websocket"}}))))
    for url, status in [("ws://127.0.0.1:8080", 0), ("ws://127.0.0.1:8080/", 0), ("ws://127.0.0.1:8080/ws", 1), ("wss://localhost", 0), ("ws+unix:/run/node.sock", 0),
                        ("rs://127.0.0.1:8081", 0), ("rss://localhost", 0), ("rs+unix:/run/node.sock", 0), ("rs://", 1),
                        ("http://localhost", 1), ("ws://", 1), ("nonsense", 1), ("ws://host:99999", 1)]:
        done = run("check", "--config", path, "--backend", url)
        assert done.returncode == status, (url, done.stdout + done.stderr)


def test_configuration_of_noise_is_refused_not_crashed_on(check):
    for noise in ("\0", "\xff" * 100, "[" * 100000, '{"a":' * 5000, '"' + "x" * 10**6 + '"', '{"version": 1e999}', "{}" * 3,
                  '{"version": 2, "version": 2, "workers": []}', '{"version": 2, "workers": 5}'):
        status, text = check(noise)
        assert status == 1 or "version" in noise, text[:500]


def test_portrange_takes_a_free_port(crossgate):
    first = ports.take()
    transport = {"type": "web", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "portrange": [first, first + 3],
                                             "port": first}, "paths": {"/": HELLO}}
    crossgate(transport)


def test_json_output_has_its_members_even_if_the_node_directory_is_missing(directory):
    done = run("check", "--cbdir", directory / "nowhere", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 1
    assert (said["ok"], said["config"], said["node_dir"], said["transports"]) == (False, None, None, [])
    assert "nowhere" in said["diagnostics"][0]["text"]


def test_the_resolved_configuration_is_printed_without_secrets(directory):
    (directory / "web").mkdir()
    path = directory / "config.json"
    config = document(web({"/": {"type": "static", "directory": "web"},
                           "ws": {"type": "websocket", "auth": {"ticket": {"type": "static", "principals": {
                               "joe": {"ticket": "geheim", "role": "user"}}}}, "cookie": {"store": {"type": "memory"}}}},
                          endpoint={"type": "tcp", "port": "$CROSSGATE_PORT"}))
    config["controller"] = {"keyring": "geheim"}
    path.write_text(json.dumps(config))
    words = ["check", "--config", path, "--backend", "ws://geheim:1"]
    env = {**os.environ, "CROSSGATE_PORT": "8443"}
    done = run(*words, "--print", env=env)
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout
    printed = json.loads(done.stdout)
    transport = printed["workers"][0]["transports"][0]
    assert transport["endpoint"] == {"type": "tcp", "version": 4, "port": 8443, "backlog": 50, "shared": False, "user_timeout": 0}
    assert transport["paths"]["/"]["options"]["cache_timeout"] == 43200
    assert transport["options"]["hsts_max_age"] == 31536000
    assert "crossgate" in printed and "controller" not in printed and "auth" not in transport["paths"]["ws"]
    # A strict one is portable; and what is printed says the same when it is read.
    assert "crossgate" not in json.loads(run(*words, "--print", "--strict", env=env).stdout)
    assert json.loads(run(*words, "--print", "--json", env=env).stdout)["resolved"] == printed
    path.write_text(done.stdout)
    again = run(*words, "--print")
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr


def test_nothing_is_printed_of_a_wrong_configuration(check):
    status, text = check({"version": 2, "workers": [{"type": "ruoter"}]}, "--print")
    assert status == 1 and "ruoter" in text and '"version": 2' not in text
    status, text = check({"version": 2, "workers": [{"type": "ruoter"}]}, "--print", "--json")
    assert status == 1 and json.loads(text)["resolved"] is None


STRICT = [
    ("top-level object", {**document(web({"/": HELLO}, port=80)), "crossgate": {}}, "$.crossgate"),
    ("service", document(web({"ws": ECHO}, port=80)), "$.workers[0].transports[0].paths.ws.type"),
]


@pytest.mark.parametrize("name, config, path", STRICT, ids=[row[0] for row in STRICT])
def test_strict_refuses_extensions_and_nothing_else(check, name, config, path):
    status, text = check(config, "--json")
    assert status == 0, text
    status, text = check(config, "--strict", "--json")
    problems = [problem for problem in json.loads(text)["diagnostics"] if problem["severity"] == "error"]
    assert (status, [problem["path"] for problem in problems]) == (1, [path])
    assert "--strict refuses extensions" in problems[0]["text"] and "portable" in problems[0]["remedy"]


def test_strict_accepts_a_portable_configuration(check):
    status, text = check(document(web({"/": HELLO}, port=80)), "--strict")
    assert status == 0, text


NEAREST = [
    ("worker type", {"version": 2, "workers": [{"type": "routr"}]}, "router"),
    ("transport type", document({"type": "webb"}), "web"),
    ("service type", document(web({"/": {"type": "redirct"}}, port=80)), "redirect"),
    ("endpoint type", document(web({}, endpoint={"type": "tpc"})), "tcp"),
    ("key of the document", {"version": 2, "worker": []}, "workers"),
    ("key of a worker", {"version": 2, "workers": [{"type": "router", "transport": []}]}, "transports"),
    ("key of an endpoint", document(web({}, endpoint={"type": "tcp", "port": 80, "interfce": ""})), "interface"),
    ("key of options", document(web({}, port=80, options={"hst": True})), "hsts"),
    ("key of an extension", {**document(), "crossgate": {"max_conections": 1}}, "max_connections"),
]


@pytest.mark.parametrize("name, config, meant", NEAREST, ids=[row[0] for row in NEAREST])
def test_the_nearest_word_is_suggested(check, name, config, meant):
    _, text = check(config)
    assert f'did you mean "{meant}"?' in text, text


def test_transports_are_listed_with_what_they_speak(check):
    transports = [
        {"type": "rawsocket", "endpoint": {"type": "unix", "path": "a" * 40}},
        {"type": "universal", "endpoint": {"type": "tcp", "port": 8001}, "rawsocket": {}, "web": {"paths": {}}},
        {"type": "universal", "endpoint": {"type": "tcp", "port": 8002}, "web": {"paths": {}}},
        {"type": "stream.testee", "endpoint": {"type": "tcp", "port": 8003}},
        {"type": "web", "endpoint": {"type": "tcp", "port": 8004}, "paths": {}},
    ]
    status, text = check({"version": 2, "workers": [{"type": "router", "transports": transports}]},
                         "--backend", "ws://127.0.0.1:9")
    assert status == 0, text
    lines = text.splitlines()[-len(transports):]
    ids = [f"workers[0].transports[{index}]" for index in range(len(transports))]
    speak = ["rs", "http, ws and rs", "http and ws", "tcp", "http and ws"]
    for line, words, id in zip(lines, speak, ids):
        assert re.search(rf"\S {{1,}}{words} +{re.escape(id)}$", line), text
    assert len({line.index(id) for line, id in zip(lines, ids)}) == 1, text
