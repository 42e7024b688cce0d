"""`crossgate doctor`: a healthy node, and one thing after the other that can be wrong with it."""
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
from types import SimpleNamespace

import jsonschema
import pytest

from support import pki as pki_module, ports
from support.backend import Backend, reverseproxy
from support.gate import CHECKOUT, HELLO, binary, document, run, tcp, web
from support.origin import Origin
from support.wait import eventually

from test_acme import site  # noqa: F401
from test_ocsp import responder  # noqa: F401

pytestmark = pytest.mark.checked

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = pwd.getpwnam("nobody")


def _all(**members):
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


TEXT = {"type": "string"}
SECTIONS = ["configuration", "running", "endpoints", "files", "certificates", "backends", "clock", "limits"]
SCHEMA = _all(
    config=TEXT, node_dir=TEXT, verdict={"enum": ["good", "doubtful", "bad"]}, master={"type": ["integer", "null"]},
    complete={"type": "boolean"},
    findings={"type": "array", "items": _all(
        section={"enum": SECTIONS}, subject={"type": ["string", "null"]},
        severity={"enum": ["good", "note", "warning", "bad"]}, id=TEXT, text=TEXT, remedy={"type": ["string", "null"]})})


def doctor(config, *words, prefix=(), **more):
    """What --json says, with `of(id)`, the findings of that kind, and `wrong`, the ids of those that are no good."""
    done = subprocess.run([*prefix, binary(), "doctor", "--config", str(config), "--json", *words], capture_output=True, text=True,
                          timeout=90, stdin=subprocess.DEVNULL, **more)
    assert done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    findings = report["findings"]
    assert done.returncode == (1 if report["verdict"] == "bad" else 0)
    assert [one["section"] for one in findings] == sorted((one["section"] for one in findings), key=SECTIONS.index)
    wrong = {one["id"] for one in findings if one["severity"] in ("warning", "bad")}
    worst = {one["severity"] for one in findings}
    assert report["verdict"] == ("bad" if "bad" in worst else "doubtful" if "warning" in worst else "good")
    return SimpleNamespace(**report, wrong=wrong, of=lambda name: [one for one in findings if one["id"] == name])


def doctor_until(gate, *names):
    """A report with such findings. Each front door is given a second and a half to answer, which a busy machine may let pass: then it is
    asked once more."""
    def tells():
        report = doctor(gate.config)
        return all(report.of(name) for name in names) and report
    return eventually(tells, why=f"the doctor tells {names}")


def node(directory, *transports, **extension):
    """A node that does not run."""
    config = directory / "config.json"
    config.write_text(json.dumps(document(*transports, **extension)))
    return config


def as_nobody(*words):
    """A prefix that has the rest of the command line run by somebody who may nothing."""
    return ["setpriv", f"--reuid={NOBODY.pw_uid}", f"--regid={NOBODY.pw_gid}", "--clear-groups", *words]


@pytest.fixture
def reachable(directory, monkeypatch):
    """The program, where an unprivileged user can run it."""
    shutil.copy(binary(), directory / "crossgate")
    monkeypatch.setenv("CROSSGATE_BINARY", str(directory / "crossgate"))
    return directory


# ---- all is well

def test_a_healthy_front_door_is_good(crossgate, pki, directory):
    (directory / "www").mkdir()
    (directory / "www" / "index.html").write_text("hello")
    with Backend() as backend, Origin() as origin:
        gate = crossgate(web({"/": {"type": "static", "directory": "www"}, "ws": reverseproxy(backend), "http": origin.service()},
                             tls=pki.tls()),
                         {"type": "websocket.testee", "endpoint": {"type": "unix", "path": "x.sock"}}, files=8192)
        report = doctor_until(gate, "served", "backend-up")
    assert report.verdict == "good", [one for one in report.findings if one["id"] in report.wrong]
    assert report.master == gate.pid and not report.wrong and report.complete
    assert {one["subject"] for one in report.of("listens")} == {f"127.0.0.1:{gate.port}", f"unix:{directory}/x.sock"}
    assert pki["rsa.pem"] in report.of("served")[0]["text"] and "localhost" in report.of("served")[0]["text"]
    assert {one["subject"] for one in report.of("backend-up")} == {f"ws://127.0.0.1:{backend.port}", f"http://127.0.0.1:{origin.port}"}
    assert "1 file" in report.of("directory")[0]["text"]
    assert len(report.of("in-force")) == len(report.of("running")) == len(report.of("nofile")) == 1


def test_a_stopped_one_could_start(directory, pki):
    config = node(directory, web({"/": HELLO}, tls=pki.tls()), {"type": "websocket.testee", "endpoint": {"type": "unix", "path": "x"}})
    before = sorted(os.listdir(directory))
    report = doctor(config)
    assert report.verdict == "good" and report.master is None
    assert "crossgate run" in report.of("not-running")[0]["remedy"]
    assert len(report.of("free")) == 2 and report.of("certificate")[0]["subject"] == pki["rsa.pem"]
    assert sorted(os.listdir(directory)) == before, "it has left something behind"


# ---- configuration

def test_errors_are_counted_and_check_is_named(directory):
    config = node(directory, web({"/": {"type": "statik"}, "x": {"type": "json"}}))
    report = doctor(config)
    [row] = report.of("configuration-errors")
    assert report.verdict == "bad" and "2 errors" in row["text"] and "statik" in row["text"] and "crossgate check" in row["remedy"]
    assert not report.of("free")


def test_changes_that_are_not_in_force(crossgate):
    transport = web({"/": HELLO})
    gate = crossgate(transport)
    gate.write(document(transport, web({"/": HELLO}, endpoint=tcp())))
    report = doctor(gate.config)
    assert report.verdict == "doubtful" and report.wrong == {"configuration-changed", "not-listening"}
    assert "crossgate reload" in report.of("configuration-changed")[0]["remedy"]
    gate.reload()
    assert doctor(gate.config).verdict == "good"


def test_changes_that_would_be_refused(crossgate):
    gate = crossgate(web({"/": HELLO}))
    gate.write("{")
    report = doctor(gate.config)
    assert report.wrong == {"configuration-errors", "configuration-changed"}
    assert "crossgate check" in report.of("configuration-changed")[0]["remedy"]


def test_another_configuration_runs(crossgate, directory):
    gate = crossgate(web({"/": HELLO}))
    other = directory / "other.json"
    other.write_text(json.dumps(document(web({"/": HELLO}))))
    [row] = doctor(other).of("other-configuration")
    assert row["subject"] == str(gate.config)
    assert not doctor(os.path.relpath(gate.config)).wrong, "the same file by another path"


# ---- endpoints

def test_a_port_that_is_held_names_its_holder(directory):
    with socket.create_server(("127.0.0.1", ports.take())) as holder:
        config = node(directory, web({"/": HELLO}, endpoint=tcp(port=holder.getsockname()[1])))
        [row] = doctor(config).of("port-held")
    assert f"pid {os.getpid()}" in row["text"] and row["severity"] == "bad"


def test_a_unix_path_that_is_in_the_way(directory):
    endpoint = {"type": "unix", "path": "x.sock"}
    config = node(directory, web({"/": HELLO}, endpoint=endpoint))
    (directory / "x.sock").write_text("mine")
    assert "no socket" in doctor(config).of("not-usable")[0]["text"]
    (directory / "x.sock").unlink()
    with socket.socket(socket.AF_UNIX) as holder:
        holder.bind(str(directory / "x.sock"))
        holder.listen()
        assert f"pid {os.getpid()}" in doctor(config).of("port-held")[0]["text"]
    assert doctor(config).of("free"), "nobody listens any more"


def test_an_address_that_is_not_here(directory):
    config = node(directory, web({"/": HELLO}, endpoint={"type": "tcp", "interface": "192.0.2.1", "port": ports.take()}))
    assert "ip -brief address" in doctor(config).of("no-address")[0]["remedy"]


@AS_ROOT
def test_a_master_that_only_root_may_ask(crossgate, reachable):
    gate = crossgate(web({"/": HELLO}))
    report = doctor(gate.config, prefix=as_nobody())
    assert report.of("cannot-ask") and report.of("held") and report.master is None and not report.of("port-held")


def test_a_master_without_a_control_socket(crossgate):
    gate = crossgate(web({"/": HELLO}), control="none")
    report = doctor(gate.config)
    assert "control socket" in report.of("cannot-ask")[0]["text"] and str(gate.port) in report.of("held")[0]["subject"]


@AS_ROOT
def test_a_low_port_without_privilege(reachable):
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        first = int(file.read())
    if first <= 1:
        pytest.skip("here everybody may")
    config = node(reachable, web({"/": HELLO}, endpoint=tcp(port=first - 1)))
    report = doctor(config, prefix=as_nobody())
    assert "CAP_NET_BIND_SERVICE" in report.of("not-allowed")[0]["remedy"] and "nobody" in report.of("not-allowed")[0]["text"]
    assert report.of("not-root")


# ---- files

@AS_ROOT
def test_a_static_directory_that_workers_cannot_read(directory):
    files = directory / "www"
    files.mkdir()
    (files / "index.html").write_text("hello")
    (files / ".hidden").write_text("not served")
    (files / ".hidden").chmod(0o600)
    config = node(directory, web({"/": {"type": "static", "directory": "www"}}))
    assert not doctor(config).wrong
    (files / "secret.html").write_text("x")
    (files / "secret.html").chmod(0o600)
    [row] = doctor(config).of("directory-unreadable")
    assert row["severity"] == "warning" and "secret.html" in row["text"] and "nobody" in row["text"]
    (files / "index.html").chmod(0o600)
    assert doctor(config).of("directory-unreadable")[0]["severity"] == "bad"
    files.chmod(0o700)
    assert "nobody" in doctor(config).of("directory-closed")[0]["text"]
    files.chmod(0o711)
    assert doctor(config).of("directory-blind")


@AS_ROOT
def test_it_is_the_user_of_the_workers_that_counts(crossgate, directory):
    files = directory / "www"
    files.mkdir()
    shutil.chown(files, "daemon")
    files.chmod(0o700)
    gate = crossgate(web({"/": {"type": "static", "directory": "www"}}), words=("--user", "daemon"))
    assert "daemon" in doctor(gate.config).of("directory")[0]["text"]


@AS_ROOT
def test_workers_without_an_account(directory):
    config = node(directory, web({"/": HELLO}), user="no-such-user")
    assert "no-such-user" in doctor(config).of("no-user")[0]["text"]


@AS_ROOT
def test_a_key_that_cannot_be_read(reachable, pki):
    tls = pki_module.self_signed(reachable, "own", -1, 90)
    os.chmod(tls["key"], 0o600)
    config = node(reachable, web({"/": HELLO}, tls=tls))
    assert not doctor(config).of("configuration-errors")
    [row] = doctor(config, prefix=as_nobody()).of("configuration-errors")
    assert tls["key"] in row["text"] and "Permission denied" in row["text"]


@AS_ROOT
def test_a_master_that_is_not_root(reachable):
    """Root does not ask a socket of somebody else's; who runs it does."""
    os.chown(reachable, NOBODY.pw_uid, NOBODY.pw_gid)
    state = reachable / "state"
    state.mkdir(mode=0o700)
    os.chown(state, NOBODY.pw_uid, NOBODY.pw_gid)
    config = node(reachable, web({"/": HELLO}), state=str(state))
    with subprocess.Popen(as_nobody(binary(), "run", "--config", str(config)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as gate:
        assert gate.stdout.readline()
        by_root, by_itself = doctor(config), doctor(config, prefix=as_nobody())
        gate.terminate()
    assert by_root.of("cannot-ask") and by_root.of("held") and by_root.of("state") and not by_root.wrong
    assert by_itself.master == gate.pid and by_itself.of("listens") and by_itself.of("state")
    assert "nobody" in doctor(config).of("state-unwritable")[0]["text"], "if root started it now"


@AS_ROOT
def test_a_state_directory_that_cannot_be_written(reachable):
    state = reachable / "state"
    state.mkdir()
    config = node(reachable, web({"/": HELLO}), state=str(state))
    assert doctor(config).of("state")
    [row] = doctor(config, prefix=as_nobody()).of("state-unwritable")
    assert str(state) in row["remedy"] and row["severity"] == "warning"
    state.chmod(0o777)
    assert "everybody" in doctor(config).of("state-unwritable")[0]["text"]


# ---- certificates

def test_a_renewed_certificate_that_is_not_served(crossgate, pki, directory):
    tls = pki_module.self_signed(directory, "own", -1, 20)
    gate = crossgate(web({"/": HELLO}, tls=tls), watch=False)
    assert doctor_until(gate, "served")
    pki_module.self_signed(directory, "own", -1, 90)
    report = doctor_until(gate, "other-certificate", "files-changed")
    assert {"other-certificate", "files-changed"} <= report.wrong
    [row] = report.of("other-certificate")
    assert row["severity"] == "warning" and tls["certificate"] in row["text"] and "crossgate reload" in row["remedy"]
    gate.reload()
    assert not doctor_until(gate, "served").of("other-certificate")


def test_each_name_is_asked_for(crossgate, pki, directory):
    first = pki_module.self_signed(directory, "first", -1, 90)
    second = pki_module.self_signed(directory, "second", -1, 90)
    gate = crossgate(web({"/": HELLO}, tls={**first, "certificates": [second]}), watch=False)
    eventually(lambda: len(doctor(gate.config).of("served")) == 2)
    pki_module.self_signed(directory, "second", -1, 90)
    report = doctor_until(gate, "other-certificate", "served")
    assert "second.test" in report.of("other-certificate")[0]["text"] and len(report.of("served")) == 1


@pytest.mark.parametrize("begin, end, name, severity", [(-60, -1, "expired", "bad"), (-80, 5, "expires-soon", "warning")])
def test_a_certificate_at_its_end(crossgate, directory, begin, end, name, severity):
    tls = pki_module.self_signed(directory, "own", begin, end)
    config = node(directory, web({"/": HELLO}, tls=tls))
    assert doctor(config).of(name)[0]["severity"] == severity
    gate = crossgate(web({"/": HELLO}, tls=tls))
    assert doctor_until(gate, name).of(name)[0]["severity"] == severity


def test_a_port_behind_a_balancer_is_not_asked(crossgate, pki):
    gate = crossgate(web({"/": HELLO}, tls=pki.tls(), endpoint=tcp(proxy_protocol=["127.0.0.1"])))
    report = doctor(gate.config)
    assert "PROXY" in report.of("not-looked")[0]["text"] and report.verdict == "good"


def test_clients_without_a_certificate_see_the_servers(crossgate, pki):
    gate = crossgate(web({"/": HELLO}, tls=pki.tls(ca_certificates=[pki["devices.pem"]])))
    assert doctor_until(gate, "served")


def test_stapling(crossgate, responder):  # noqa: F811
    good, responder.answer = responder.answer, lambda _: (503, b"")
    gate = crossgate(web({"/": HELLO}, tls=responder.authority.leaf()))
    [row] = doctor_until(gate, "staple-missing").of("staple-missing")
    assert row["severity"] == "warning" and "server.pem" in row["text"]
    gate.stop()
    responder.answer = good
    gate = crossgate(web({"/": HELLO}, tls=responder.authority.leaf()))
    report = eventually(lambda: not (again := doctor(gate.config)).of("staple-missing") and again.of("served") and again)
    assert "with an OCSP response" in report.of("served")[0]["text"] and not report.wrong - {"files-changed"}


def test_certificates_that_an_authority_issues(site):  # noqa: F811
    pebble = site.authority(start=False)
    gate = site.start(pebble)
    failed = eventually(lambda: [row for row in doctor(gate.config).of("not-issued") if row["severity"] == "bad"])
    assert "the last order failed" in failed[0]["text"] and "crossgate reload" in failed[0]["remedy"]
    assert not doctor(gate.config).of("other-certificate"), "a placeholder of its own is no certificate on the disk"
    pebble.start()
    gate.reload()
    site.wait_issued()
    report = doctor_until(gate, "issued", "served")
    assert [row["severity"] for row in report.of("issued")] == ["good"] and report.of("served") and report.of("resolver")
    gate.stop()
    assert doctor(gate.config).of("certificate")


# ---- backends

def test_backends_that_do_not_work_and_why(directory, pki):
    down = {"type": "tcp", "host": "127.0.0.1", "port": ports.take()}
    name = {"type": "tcp", "host": "nowhere.invalid", "port": 80}
    with Backend(tls=pki.server()) as secure, Origin(tls=pki.server()) as origin:
        trusting = {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}
        wrong = {**trusting, "hostname": "wrong.example"}
        services = {
            "/": HELLO,
            "down": reverseproxy(None, endpoint=down),
            "name": reverseproxy(None, endpoint=name),
            "good": reverseproxy(secure, scheme="wss", tls=trusting),
            "wrong": {"type": "websocket-reverseproxy", "backend": {
                "id": "wrong", "type": "websocket", "url": f"wss://localhost:{secure.port}", "endpoint": {**secure.endpoint, "tls": wrong}}},
            "https": {"type": "reverseproxy", "endpoint": {**origin.endpoint, "tls": wrong}},
            "fine": {"type": "reverseproxy", "backends": [{"id": "fine", "endpoint": {**origin.endpoint, "tls": trusting}}]},
        }
        report = doctor(node(directory, web(services)))
    assert report.verdict == "bad"
    assert report.of("backend-refused")[0]["subject"].endswith(str(down["port"]))
    assert "getent ahosts nowhere.invalid" in report.of("backend-name")[0]["remedy"]
    assert {row["subject"] for row in report.of("backend-tls")} == {"wrong", f"https://127.0.0.1:{origin.port}"}
    assert all("hostname mismatch" in row["text"] for row in report.of("backend-tls"))
    assert {row["subject"] for row in report.of("backend-up")} == {f"wss://127.0.0.1:{secure.port}", "fine"}


def test_a_backend_that_says_nothing_is_not_waited_for(directory):
    with socket.create_server(("127.0.0.1", ports.take())) as silent:
        endpoint = {"type": "tcp", "host": "127.0.0.1", "port": silent.getsockname()[1]}
        report = doctor(node(directory, web({"/": HELLO, "ws": reverseproxy(None, endpoint=endpoint)})))
    assert report.of("backend-late")


def test_a_node_that_has_nothing_at_the_root_works(directory):
    with Origin(lambda origin, peer, request: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as origin:
        report = doctor(node(directory, web({"/": HELLO, "ws": reverseproxy(origin)})))
    assert "404" in report.of("backend-answers")[0]["text"] and not report.wrong


@AS_ROOT
def test_a_socket_that_workers_may_not_write_to(directory):
    path = directory / "node.sock"
    with Backend(unix=str(path)) as backend:
        path.chmod(0o700)
        report = doctor(node(directory, web({"/": HELLO, "ws": reverseproxy(backend, endpoint={"type": "unix", "path": str(path)})})))
        assert "Permission denied" in report.of("backend-unreachable")[0]["text"]


# ---- clock and limits

def test_a_file_of_tomorrow(directory):
    config = node(directory, web({"/": HELLO}))
    os.utime(config, (2e9 * 2, 2e9 * 2))
    report = doctor(config)
    assert report.wrong == {"clock-before-file"} and report.verdict == "doubtful"


def test_too_few_open_files(crossgate):
    gate = crossgate(web({"/": HELLO}), files=256, max_connections=1000)
    [row] = doctor(gate.config).of("nofile")
    assert row["severity"] == "bad" and "256" in row["text"] and "LimitNOFILE" in row["remedy"]


def test_a_backlog_beyond_the_kernels(directory):
    config = node(directory, web({"/": HELLO}, endpoint=tcp(backlog=65535)))
    with open("/proc/sys/net/core/somaxconn") as file:
        most = int(file.read())
    assert ("somaxconn" in doctor(config).wrong) == (most < 65535)


# ---- words

def test_people_read_sections_and_a_verdict(directory, pki):
    config = node(directory, web({"/": HELLO}, tls=pki.tls()))
    done = run("doctor", "--cbdir", directory)
    assert done.returncode == 0 and done.stderr == "" and "\033" not in done.stdout
    for title in ("Configuration", "What runs", "Endpoints", "Files", "Certificates", "Backends", "Clock", "Limits"):
        assert f"\n{title}\n" in done.stdout
    assert done.stdout.endswith("\nGOOD: nothing is in the way\n")
    config.write_text("{}")
    done = run("doctor", "--cbdir", directory)
    assert done.returncode == 1 and "\nBAD: something does not work (1 problem" in done.stdout


def test_words_that_are_not_understood(directory):
    assert run("doctor", "--help").stdout.startswith("usage: crossgate doctor ")
    assert run("doctor", "--jsn").returncode == 2
    done = run("doctor", "--cbdir", directory / "nothing")
    assert done.returncode == 2 and "nothing" in done.stderr


def test_all_ids_are_documented():
    sources = "".join(path.read_text() for path in (CHECKOUT / "src/doctor").glob("*.c"))
    ids = set(re.findall(r'(?:FINDING_\w+|severity|ENDING_\w+),\s*"([a-z-]+)"', sources))
    documented = set(re.findall(r"`([a-z-]+)`", (CHECKOUT / "docs/doctor.md").read_text()))
    assert len(ids) > 50 and ids <= documented, ids - documented
