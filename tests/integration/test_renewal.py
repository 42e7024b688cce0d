"""Files that the configuration names come into force when they change, and nothing else does."""
import datetime
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from support import pki as pki_module
from support import ports
from support.backend import Backend, reverseproxy
from support.gate import ECHO, HELLO, document, run, web
from support.wait import eventually, throughout
from support.wire import TEXT, WebSocketWire, Wire, frame

from test_reload import all_show, file_fingerprint, fingerprint


def replace(path, source):
    """Renamed over, as `mv` and editors do it."""
    shutil.copy(source, f"{path}.new")
    os.replace(f"{path}.new", path)


def put(directory, pki, kind, how=replace):
    how(directory / "server.key", pki[f"{kind}.key"])
    how(directory / "server.pem", pki[f"{kind}.pem"])


def transport(pki, paths=None, key="server.key", certificate="server.pem", **more):
    return web(paths or {"/": HELLO, "ws": ECHO},
               tls={"key": key, "certificate": certificate, "chain_certificates": [pki["chain.pem"]], **more})


def status(gate):
    done = run("status", "--cbdir", gate.directory, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def renewals(gate):
    counted = status(gate)["renewals"]
    return counted["done"], counted["failed"]


def shows(gate, pki, kind, port=None):
    """Waits until every worker serves the certificate of that kind."""
    expected = file_fingerprint(pki[f"{kind}.pem"])
    eventually(lambda: all_show(gate, pki, expected, port), why=f"the certificate {kind} at every worker")


def has_looked(gate, times=1):
    """The master has taken notice of all that has happened so far: a change that comes after it is in force."""
    mark = gate.directory / "mark.pem"
    for _ in range(times):
        before = len(gate.log)
        text = mark.read_text()
        Path(f"{mark}.new").write_text(text + "\n")
        os.replace(f"{mark}.new", mark)
        gate.wait_log(rf"renewed: {re.escape(str(mark))}", since=before)


GRACE = 10  # s in which nothing is said of files that do not fit


def is_silent(gate, since, began):
    """Whether nothing was said, unless the machine has taken so long since then that it had to be."""
    return not re.search("warning|error", gate.log[since:]) or time.monotonic() - began > GRACE


@pytest.fixture
def served(crossgate, pki, directory):
    """served(transport…) starts a gate with the certificate `ec` and mark.pem, whose changes can be waited for."""
    def start(*transports, **more):
        shutil.copy(pki["devices.pem"], directory / "mark.pem")
        marked = web({"/": HELLO}, tls={**pki.tls("ec"), "ca_certificates": ["mark.pem"]})
        gate = crossgate(*transports, marked, **more)
        shows(gate, pki, "ec")
        return gate
    return start


# By which ways files are replaced

def write_in_place(path, source):
    """In two halves, as a shell's `cat >` may do it."""
    text = Path(source).read_text()
    with open(path, "w") as file:
        file.write(text[:len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2:])


def delete_and_create(path, source):
    Path(path).unlink(missing_ok=True)
    shutil.copy(source, path)


@pytest.mark.parametrize("how", [replace, write_in_place, delete_and_create])
def test_files_are_replaced_one_by_one(served, pki, directory, how):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    workers, before = gate.workers(), status(gate)["certificates"]
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open()
        for done, kind in enumerate(("renewed", "ec", "rsa"), 1):
            since = len(gate.log)
            put(directory, pki, kind, how)
            shows(gate, pki, kind)
            line = gate.wait_log(r"renewed: (.*)", since=since)[1]
            assert re.fullmatch(rf"{directory}/server.pem \(localhost, 127.0.0.1, ::1\), 89 days left", line.strip())
            assert renewals(gate) == (done, 0)
        wire.send(frame(TEXT, "still"))
        assert wire.message() == (TEXT, b"still")
    assert gate.workers() == workers
    assert status(gate)["certificates"] != before
    assert "reload" not in gate.log


def certbot(node, key, fullchain, number):
    """What certbot leaves: archive/NAME/*N.pem, and live/NAME/*.pem as links to it, each replaced by itself."""
    archive, live = node / "letsencrypt/archive/localhost", node / "letsencrypt/live/localhost"
    archive.mkdir(parents=True, exist_ok=True)
    live.mkdir(parents=True, exist_ok=True)
    for name, source in (("privkey", key), ("fullchain", fullchain)):
        shutil.copy(source, archive / f"{name}{number}.pem")
        (live / f"{name}.new").symlink_to(f"../../archive/localhost/{name}{number}.pem")
        os.replace(live / f"{name}.new", live / f"{name}.pem")


def test_links_as_certbot_makes_them(served, pki, directory):
    certbot(directory, pki["ec.key"], pki["ec-fullchain.pem"], 1)
    live = "letsencrypt/live/localhost"
    gate = served(transport(pki, key=f"{live}/privkey.pem", certificate=f"{live}/fullchain.pem"))
    for number, kind in enumerate(("renewed", "ec", "renewed"), 2):
        certbot(directory, pki[f"{kind}.key"], pki[f"{kind}-fullchain.pem"], number)
        shows(gate, pki, kind)
    # The file at the end of a link that stays is written.
    archive = directory / "letsencrypt/archive/localhost"
    write_in_place(archive / "privkey4.pem", pki["ec.key"])
    write_in_place(archive / "fullchain4.pem", pki["ec-fullchain.pem"])
    shows(gate, pki, "ec")
    assert renewals(gate) == (4, 0)


def kubernetes(volume, pki, kind):
    """What a kubelet does to a mounted secret: a new directory, and ..data renamed over to lead there."""
    fresh = volume / f"..{kind}_{time.monotonic_ns()}"
    fresh.mkdir(parents=True)
    shutil.copy(pki[f"{kind}.key"], fresh / "tls.key")
    shutil.copy(pki[f"{kind}-fullchain.pem"], fresh / "tls.crt")
    old = os.path.realpath(volume / "..data") if (volume / "..data").exists() else None
    (volume / "..data_tmp").symlink_to(fresh.name)
    os.replace(volume / "..data_tmp", volume / "..data")
    for name in ("tls.key", "tls.crt"):
        if not (volume / name).is_symlink():
            (volume / name).symlink_to(f"..data/{name}")
    if old:
        shutil.rmtree(old)


def test_a_secret_as_kubernetes_swaps_it(served, pki, directory):
    volume = directory / "secret"
    kubernetes(volume, pki, "ec")
    gate = served(transport(pki, key="secret/tls.key", certificate="secret/tls.crt"))
    for kind in ("renewed", "ec", "renewed"):
        kubernetes(volume, pki, kind)
        shows(gate, pki, kind)
    assert renewals(gate) == (3, 0)


def test_a_directory_is_replaced(served, pki, directory):
    def fill(kind):
        home = directory / "next"
        home.mkdir()
        put(home, pki, kind)
        return home

    fill("ec").rename(directory / "pair")
    gate = served(transport(pki, key="pair/server.key", certificate="pair/server.pem"))
    for kind in ("renewed", "ec"):
        fresh = fill(kind)
        (directory / "pair").rename(directory / f"before-{kind}")
        fresh.rename(directory / "pair")
        shows(gate, pki, kind)
    # Removed, and made again later.
    shutil.rmtree(directory / "pair")
    has_looked(gate)
    assert all_show(gate, pki, file_fingerprint(pki["ec.pem"]))
    fill("renewed").rename(directory / "pair")
    shows(gate, pki, "renewed")


def test_a_chain_of_links_through_other_directories(served, pki, directory):
    for name in ("a", "b", "c", "d"):
        (directory / name).mkdir()
    put(directory / "c", pki, "ec")
    put(directory / "d", pki, "renewed")
    (directory / "a/pair").symlink_to(directory / "b/pair")
    (directory / "b/pair").symlink_to("../c")
    gate = served(transport(pki, key="a/pair/server.key", certificate="a/./pair/../c/server.pem"))
    put(directory / "c", pki, "rsa")
    shows(gate, pki, "rsa")
    # The certificate's way leads by ".." through the link, too.
    (directory / "d/c").symlink_to(".")
    (directory / "b/new").symlink_to("../d/c")
    os.replace(directory / "b/new", directory / "b/pair")
    (directory / "c").rename(directory / "old")
    (directory / "d").rename(directory / "c")
    (directory / "d").symlink_to("c")
    shows(gate, pki, "renewed")


# Pairs, and what is broken

def test_a_key_may_come_long_before_its_certificate(served, pki, directory):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    since, began = len(gate.log), time.monotonic()
    replace(directory / "server.key", pki["renewed.key"])
    has_looked(gate, 2)  # others are renewed meanwhile
    assert is_silent(gate, since, began)
    assert all_show(gate, pki, file_fingerprint(pki["ec.pem"]))
    replace(directory / "server.pem", pki["renewed.pem"])
    shows(gate, pki, "renewed")
    assert renewals(gate)[0] == 3
    assert is_silent(gate, since, began)


@pytest.mark.long
def test_a_pair_that_stays_torn_is_told_once_and_applied_when_it_fits(served, pki, directory):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    since = len(gate.log)
    replace(directory / "server.key", pki["renewed.key"])
    line = gate.wait_log("warning.*", since=since)[0]
    assert f"{directory}/server.key" in line and f"{directory}/server.pem" in line
    assert "no certificate in it belongs to the private key" in line and "what was in force stays so" in line
    assert all_show(gate, pki, file_fingerprint(pki["ec.pem"]))
    assert renewals(gate) == (0, 1)
    assert "no certificate in it belongs to the private key" in status(gate)["renewals"]["refused"]
    told = run("status", "--config", gate.config).stdout
    assert re.search(r"what is there now cannot be served: .*crossgate cert show", told)
    has_looked(gate, 2)
    os.utime(directory / "server.key")
    has_looked(gate)
    assert len(re.findall("warning|error", gate.log[since:])) == 1
    replace(directory / "server.pem", pki["renewed.pem"])
    shows(gate, pki, "renewed")
    assert renewals(gate) == (4, 1) and status(gate)["renewals"]["refused"] == ""


def cut(path):
    text = path.read_text()
    path.write_text(text[:len(text) // 2])


def remove(path):
    path.unlink()


def replace_by_directory(path):
    path.unlink()
    path.mkdir()


def empty(path):
    path.write_text("")


@pytest.mark.parametrize("spoil", [cut, remove, replace_by_directory, empty])
@pytest.mark.parametrize("name", ["server.key", "server.pem"])
@pytest.mark.long
def test_what_is_broken_leaves_the_old_in_force(served, pki, directory, spoil, name):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    since = len(gate.log)
    spoil(directory / name)
    has_looked(gate)
    assert all_show(gate, pki, file_fingerprint(pki["ec.pem"]))
    line = gate.wait_log("(warning|error).*", since=since)[0]
    assert f"{directory}/{name}" in line and "what was in force stays so" in line and "config.json:" in line
    has_looked(gate, 2)
    assert len(re.findall("warning|error", gate.log[since:])) == 1
    if (directory / name).is_dir():
        (directory / name).rmdir()
    put(directory, pki, "renewed")
    shows(gate, pki, "renewed")


@pytest.mark.long
def test_a_key_with_a_passphrase_is_told_with_the_remedy(served, pki, directory):
    put(directory, pki, "rsa")
    gate = served(web({"/": HELLO}, tls=pki.tls("ec")), transport(pki))
    since = len(gate.log)
    replace(directory / "server.key", pki["locked.key"])
    line = gate.wait_log("(warning|error).*", since=since)[0]
    assert "passphrase" in line and "crossgate cert decrypt" in line
    replace(directory / "server.key", pki["rsa.key"])
    has_looked(gate)
    assert renewals(gate) == (1, 1)


def test_what_comes_back_unchanged_is_no_renewal(served, pki, directory):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    since, began = len(gate.log), time.monotonic()
    (directory / "server.pem").unlink()
    has_looked(gate)
    replace(directory / "server.pem", pki["ec.pem"])
    os.utime(directory / "server.key")
    write_in_place(directory / "server.key", pki["ec.key"])
    has_looked(gate)
    assert is_silent(gate, since, began) and not re.search(r"renewed: \S+/server\.", gate.log[since:])
    assert status(gate)["renewals"]["done"] == 2
    assert status(gate)["master"]["edition"] == 3


def test_a_broken_file_keeps_no_other_out(served, pki, directory):
    """One customer's mistake is not the others'."""
    for name in ("one", "two", "three"):
        (directory / name).mkdir()
        put(directory / name, pki, "ec")
    transports = [transport(pki, key=f"{name}/server.key", certificate=f"{name}/server.pem")
                  for name in ("one", "two", "three")]
    gate = served(*transports)
    cut(directory / "one/server.pem")
    replace(directory / "two/server.key", pki["rsa.key"])
    put(directory / "three", pki, "renewed")
    shows(gate, pki, "renewed", gate.ports()[2])
    assert [fingerprint(port, pki) for port in gate.ports()[:2]] == [file_fingerprint(pki["ec.pem"])] * 2
    replace(directory / "two/server.pem", pki["rsa.pem"])
    shows(gate, pki, "rsa", gate.ports()[1])
    put(directory / "one", pki, "rsa")
    shows(gate, pki, "rsa")


def test_workers_read_only_what_has_changed(crossgate, pki, directory):
    put(directory, pki, "ec")
    gate = crossgate(transport(pki), web({"/": HELLO}, tls=pki.tls("rsa")),
                     words=["--log-level", "debug"], workers=2)
    shows(gate, pki, "ec")
    put(directory, pki, "renewed")
    shows(gate, pki, "renewed")
    gate.wait_log("worker 0: of the certificates 1 are taken over")
    gate.wait_log("worker 1: of the certificates 1 are taken over")
    gate.reload(expect="reloaded:")
    gate.wait_log("worker 0: of the certificates 2 are taken over")
    assert all_show(gate, pki, file_fingerprint(pki["renewed.pem"]))


# The configuration, reloads, the option

def test_the_configuration_itself_waits_for_a_reload(served, pki, directory):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    changed = json.loads(gate.config.read_text())
    changed["workers"][0]["transports"][0]["paths"]["/"] = {"type": "json", "value": "other"}
    changed["workers"][0]["transports"][1]["endpoint"]["tls"]["ca_certificates"] = [pki["devices.pem"]]
    gate.write(changed)
    put(directory, pki, "renewed")
    shows(gate, pki, "renewed")
    with Wire(gate.port, pki.client()) as wire:
        assert json.loads(wire.request().body) == {"hello": "world"}
    gate.write("{")  # not even one
    put(directory, pki, "ec")
    shows(gate, pki, "ec")
    has_looked(gate)
    gate.reload(changed, expect="reloaded: 2 transports")
    with Wire(gate.port, pki.client()) as wire:
        assert json.loads(wire.request().body) == "other"
    # Files that a reload has brought are watched, those that it has dropped are not.
    replace(directory / "mark.pem", pki["stranger.pem"])
    put(directory, pki, "renewed")
    shows(gate, pki, "renewed")
    assert f"{directory}/mark.pem" not in gate.log[gate.log.index("reloaded: "):]


def test_a_refused_reload_keeps_no_renewal_out(served, pki, directory):
    put(directory, pki, "ec")
    gate = served(transport(pki))
    gate.write("{")
    put(directory, pki, "renewed")
    gate.signal(signal.SIGHUP)
    gate.wait_log("reload refused")
    shows(gate, pki, "renewed")


def test_nothing_is_watched_if_the_configuration_says_so(crossgate, pki, directory):
    put(directory, pki, "ec")
    gate = crossgate(transport(pki), watch=False)
    shows(gate, pki, "ec")
    assert not [link for link in os.listdir(f"/proc/{gate.pid}/fd")
                if "inotify" in os.readlink(f"/proc/{gate.pid}/fd/{link}")]
    put(directory, pki, "renewed")
    other = crossgate(transport(pki, key=f"{directory}/server.key", certificate=f"{directory}/server.pem"))
    put(directory, pki, "rsa")
    shows(other, pki, "rsa")  # what is watched has been noticed by now
    assert all_show(gate, pki, file_fingerprint(pki["ec.pem"]))
    assert "renewed" not in gate.log
    gate.reload(expect="reloaded:")
    shows(gate, pki, "rsa")


# Other files, many files, workers that die

def test_a_clients_authorities_are_renewed(served, pki, directory):
    shutil.copy(pki["stranger.pem"], directory / "clients.pem")
    gate = served(transport(pki, key=pki["ec.key"], certificate=pki["ec.pem"]),
                  web({"/": HELLO}, tls={**pki.tls("ec"), "ca_certificates": ["clients.pem"]}))
    port = gate.ports()[1]

    def enters():
        try:
            with Wire(port, pki.client("device")) as wire:
                return wire.request().status == 200
        except OSError:
            return False
    assert not enters()
    replace(directory / "clients.pem", pki["devices.pem"])
    eventually(enters)
    gate.wait_log(rf"renewed: {directory}/clients.pem\n")


def test_the_certificate_that_is_shown_to_a_backend_is_renewed(served, pki, directory):
    """Device and stranger take turns; the backend tells who came."""
    for suffix in ("key", "pem"):
        shutil.copy(pki[f"device.{suffix}"], directory / f"client.{suffix}")
    context = pki.server("ec")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(pki["devices.pem"])
    context.load_verify_locations(pki["stranger.pem"])
    seen = []

    async def note(session):
        certificate = session.transport.get_extra_info("peercert")
        seen.append(dict(pair[0] for pair in certificate["subject"])["commonName"])
        async for message in session:
            await session.send(message)

    with Backend(note, tls=context) as backend:
        service = reverseproxy(backend, scheme="wss", tls={
            "hostname": "localhost", "ca_certificates": [pki["root.pem"]], "certificate": "client.pem", "key": "client.key"})
        gate = served(web({"ws": service}, tls=pki.tls("ec")))

        def visit():
            with WebSocketWire(gate.port, pki.client()) as wire:
                wire.open()
                wire.send(frame(TEXT, "x"))
                assert wire.message() == (TEXT, b"x")
            return seen[-1]
        assert visit() == "meter-17"
        for suffix in ("pem", "key"):
            replace(directory / f"client.{suffix}", pki[f"stranger.{suffix}"])
        eventually(lambda: visit() == "stranger")
        gate.wait_log(rf"renewed: {directory}/client.pem, and 1 more file\n")


@pytest.mark.long
def test_many_files_are_one_renewal(served, pki, directory):
    names = [f"pair{i}" for i in range(12)]
    for name in names:
        (directory / name).mkdir()
        put(directory / name, pki, "ec")
    gate = served(*[transport(pki, key=f"{name}/server.key", certificate=f"{name}/server.pem") for name in names])
    since = len(gate.log)
    gate.signal(signal.SIGSTOP)  # so that none of them comes half a second after the one before, whatever else the machine does
    for name in names:
        put(directory / name, pki, "renewed")
    gate.signal(signal.SIGCONT)
    for port in gate.ports()[:-1]:
        shows(gate, pki, "renewed", port)
    has_looked(gate)
    lines = re.findall("renewed: .*", gate.log[since:])
    assert len(lines) == 2 and "and 11 more certificates" in lines[0], lines


@pytest.mark.parametrize("prepares", [True, False], ids=["while it prepares", "at any moment"])
def test_a_worker_that_dies_meanwhile_is_no_objection(served, pki, directory, prepares):
    """Once, that is: of what each successor dies, too, the certificate may be the cause."""
    put(directory, pki, "ec")
    gate = served(transport(pki))
    for done, kind in enumerate(("renewed", "ec", "rsa"), 1):
        victim = gate.workers()[0]
        if prepares:
            os.kill(victim, signal.SIGSTOP)
        put(directory, pki, kind)
        if prepares:
            eventually(lambda: "reloading" in gate.states())
        os.kill(victim, signal.SIGKILL)
        gate.wait_log(rf"worker \d \(pid {victim}\) was killed")
        shows(gate, pki, kind)
        eventually(lambda: gate.states() == ["serving", "serving"])
        assert renewals(gate) == (done, 0)


# What it costs

def wakeups(pid):
    """How often a process has waited for something."""
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def test_a_flood_beside_the_files_costs_next_to_nothing(served, pki, directory):
    """Somebody makes, renames and removes files in the same directory as fast as he can."""
    put(directory, pki, "ec")
    gate = served(transport(pki))
    flood, turns = directory / "flood", 0
    before, began = wakeups(gate.pid), time.monotonic()
    while time.monotonic() - began < 3 or turns < 5000:
        for _ in range(100):
            flood.touch()
            os.replace(flood, directory / "flood.2")
        turns += 200
    woken, took = wakeups(gate.pid) - before, time.monotonic() - began
    assert turns > 10 * woken
    assert woken < 10 * took + 10
    put(directory, pki, "renewed")
    shows(gate, pki, "renewed")


def test_status_shows_certificates(crossgate, pki, directory):
    put(directory, pki, "ec")
    gate = crossgate(transport(pki), web({"/": HELLO}, tls=pki.tls("rsa")), web({"/": HELLO}, tls=pki.tls("rsa")))
    whole = status(gate)
    assert sorted((row["file"], row["sha256"]) for row in whole["certificates"]) == sorted(
        [(f"{directory}/server.pem", file_fingerprint(pki["ec.pem"])), (pki["rsa.pem"], file_fingerprint(pki["rsa.pem"]))])
    for row in whole["certificates"]:
        assert row["names"] == ["localhost", "127.0.0.1", "::1"]
        ends = datetime.datetime.strptime(row["not_after"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
        left = (ends - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        assert 88 * 86400 < left < 90 * 86400
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["served_since"])
    assert 88 * 86400 < whole["renewals"]["seconds_to_first_end"] < 90 * 86400
    assert (whole["renewals"]["done"], whole["renewals"]["failed"]) == (0, 0)
    text = run("status", "--cbdir", gate.directory).stdout
    assert f"certificate {directory}/server.pem: localhost, 127.0.0.1, ::1\n  89 days left, until 20" in text
    assert "renewals of files: 0 done, 0 failed" in text
    since = {row["file"]: row["served_since"] for row in whole["certificates"]}
    time.sleep(1.1)  # the times have whole seconds
    put(directory, pki, "renewed")
    shows(gate, pki, "renewed")
    again = {row["file"]: row["served_since"] for row in status(gate)["certificates"]}
    assert again[pki["rsa.pem"]] == since[pki["rsa.pem"]]
    assert again[f"{directory}/server.pem"] > since[f"{directory}/server.pem"]


def test_ends_of_certificates_are_told_once(crossgate, pki, directory):
    """By stages, and again for whatever comes next."""
    months = [pki_module.self_signed(directory, f"month{i}", -100, 29) for i in range(5)]
    others = [pki_module.self_signed(directory, "fortnight", -100, 13.5), pki_module.self_signed(directory, "week", -100, 6.5),
              pki_module.self_signed(directory, "day", -100, 0.5), pki_module.self_signed(directory, "over", -100, -1),
              pki_module.self_signed(directory, "short", -0.1, 6.5), pki_module.self_signed(directory, "calm", -1, 90)]
    gate = crossgate(*(web({"/": HELLO}, tls=tls) for tls in months + others))
    lines = re.findall(r"(warning|error) +master: the certificate (\S+) \((\S+)\) (.*)", gate.log)
    told = [(level, names, text.partition(":")[0]) for level, _, names, text in lines]
    assert [(level, names) for level, names, _ in told] == [
        ("error", "over.test"), ("error", "day.test"), ("warning", "week.test"), ("warning", "fortnight.test"),
        ("warning", told[-1][1])]
    assert "has ended on 2" in told[0][2] and "refused by clients" in gate.log
    assert re.match("ends in 1[12] hours, on 2", told[1][2])
    assert "ends in 6 days, on 2" in told[2][2] and "ends in 13 days" in told[3][2]
    assert re.match("ends in 2[89] days", told[4][2]) and "as do 4 more (crossgate status)" in lines[-1][3]
    assert "put a new one in its place: it comes into force by itself" in lines[-1][3]
    assert status(gate)["renewals"]["seconds_to_first_end"] < -86000
    assert "over.test\n  expired, until" in run("status", "--cbdir", gate.directory).stdout
    since = len(gate.log)
    pki_module.self_signed(directory, "over", -100, 2.5)
    line = gate.wait_log("the certificate .*", since=since)[0]
    assert "over.test) ends in 2 days" in line
    assert "renewed: " in gate.log[since:]
    pki_module.self_signed(directory, "over", -1, 80)
    gate.wait_log("over.pem .over.test., (79|80) days left", since=since)
    gate.reload(expect="reloaded:")
    assert len(re.findall("the certificate ", gate.log[since:])) == 1
