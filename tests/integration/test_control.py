"""Commands to a running master: status, backend, reload, stop, and the socket they come by."""
import json
import os
import re
import signal
import socket
import stat
import threading

import pytest

from support.backend import Backend
from support.gate import HELLO, Gate, document, run, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

from test_backends import CHECK, Nobody, front, served, several, status, visit


def command(gate, *words):
    return run(words[0], *words[1:], "--cbdir", gate.directory)


def backends(gate):
    done = command(gate, "backend", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in json.loads(done.stdout)}


def name(backend):
    return f"ws://127.0.0.1:{backend.port}"


def told(gate, *words):
    done = command(gate, *words)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def ask(gate, line, path=None):
    with Wire(path or gate.directory / "crossgate.sock") as wire:
        wire.send(line)
        return wire.rest().decode()


def test_list_shows_sessions_of_all_workers_and_failures(crossgate):
    nobody = Nobody()
    with Backend() as good:
        gate = crossgate(front(several(good, nobody)), workers=2)
        wires = [WebSocketWire(gate.port).open() for _ in range(8)]
        rows = backends(gate)
        assert list(rows) == [name(good), name(nobody)]
        assert rows[name(good)] == {"name": name(good), "state": "up", "workers_down": 0, "workers_left_out": 0,
                                    "workers": 2, "sessions": 8, "sessions_opened": 8, "failures": 0, "failed_at": 0,
                                    "failure": ""}
        row = rows[name(nobody)]
        assert (row["sessions"], row["failure"]) == (0, "backend refused the connection")
        assert row["failures"] > 0 and row["failed_at"] > 1700000000
        text = told(gate, "backend", "list")
        assert re.search(rf"{name(good)} +up +8 +0 +-", text)
        assert re.search(rf"{name(nobody)} +(up|left out).* 0 +\d+ +2\S+Z backend refused the connection", text)
        assert told(gate, "backend") == text or "refused" in told(gate, "backend")
        for wire in wires:
            wire.close()
        eventually(lambda: backends(gate)[name(good)]["sessions"] == 0)


def test_list_shows_what_checks_and_failures_made_of_them(crossgate):
    nobody, other = Nobody(), Nobody()
    with Backend() as good:
        gate = crossgate(web({"a": several(good, nobody, health_check=CHECK),
                              "ws": several(other, good, eject_after=1, eject_time=3600000, eject_time_max=3600000)}), workers=2)
        eventually(lambda: backends(gate)[name(nobody)]["workers_down"] == 2)
        assert backends(gate)[name(nobody)]["state"] == "down"
        while backends(gate)[name(other)]["workers_left_out"] == 0:
            visit(gate)
        row = backends(gate)[name(other)]
        assert row["state"] == "left out"
        if row["workers_left_out"] == 1:
            assert "left out (1 of 2)" in told(gate, "backend", "list")


def test_drained_backend_gets_no_new_sessions_and_keeps_its_open_ones(crossgate):
    with Backend() as one, Backend() as two:
        gate = crossgate(front(several(one, two)), workers=2)
        wires = [WebSocketWire(gate.port).open() for _ in range(12)]
        eventually(lambda: sum(served(one, two)) == 12)  # the backend notes a request after its answer
        assert served(one)[0] > 0
        told(gate, "backend", "drain", name(one))
        gate.wait_log(f"backend {name(one)} gets no new sessions")
        assert backends(gate)[name(one)]["state"] == "draining"

        def gets_nobody():
            before = served(one)[0]
            for _ in range(40):  # so many that no worker is spared
                visit(gate)
            return served(one)[0] == before
        eventually(gets_nobody)  # each worker hears of it in its own time
        assert gets_nobody()
        before = served(one)[0]
        for wire in wires:
            wire.send(frame(TEXT, "still"))
            assert wire.message() == (TEXT, b"still")
            wire.close()
        eventually(lambda: backends(gate)[name(one)]["state"] == "drained")
        told(gate, "backend", "resume", name(one))
        assert backends(gate)[name(one)]["state"] == "up"
        eventually(lambda: visit(gate) or served(one)[0] > before)


def test_drain_outlives_a_reload_and_a_worker(crossgate):
    with Backend() as one, Backend() as two:
        transport = front(several(one, two))
        gate = crossgate(transport, workers=2)
        told(gate, "backend", "drain", name(one))
        told(gate, "backend", "drain", name(one))  # once is enough
        told(gate, "reload")
        before = gate.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(gate.workers()) == 2 and not set(gate.workers()) & set(before))
        eventually(lambda: gate.states() == ["serving", "serving"])
        for _ in range(12):
            visit(gate)
        assert served(one) == [0]
        assert backends(gate)[name(one)]["state"] == "drained"
        # One that the configuration names no more is forgotten.
        gate.write(document(web({"/": HELLO, "ws": several(two)}, endpoint=transport["endpoint"])))
        told(gate, "reload")
        gate.write(document(transport))
        told(gate, "reload")
        assert backends(gate)[name(one)]["state"] == "up"


def test_a_drain_is_forgotten_even_where_old_sessions_remember_the_backend(crossgate):
    with Backend() as one, Backend() as two, Backend() as three:
        transport = front(several(one, two, three))
        gate = crossgate(transport, workers=1)
        with WebSocketWire(gate.port) as held:
            held.open()  # keeps the first plan
            told(gate, "backend", "drain", name(one))
            told(gate, "backend", "drain", name(three))
            gate.write(document(web({"/": HELLO, "ws": several(two, three)}, endpoint=transport["endpoint"])))
            told(gate, "reload")
            gate.write(document(transport))
            told(gate, "reload")
            before, _, drained = served(one, two, three)
            assert backends(gate)[name(one)]["state"] == "up"
            eventually(lambda: visit(gate) or served(one)[0] > before)
            assert served(three)[0] == drained


def test_all_drained_is_503_at_once(crossgate):
    with Backend() as one:
        gate = crossgate(front(several(one)), workers=1)
        told(gate, "backend", "drain", name(one))
        eventually(lambda: status(gate) == 503)  # the worker hears of it in its own time
        gate.wait_log("every backend is drained")


def test_unknown_backends_and_words_are_refused(crossgate):
    with Backend() as one:
        gate = crossgate(front(several(one)), workers=1)
        for words, status_, reason in [
            (("backend", "drain", "ws://elsewhere:1"), 1, "there is no backend ws://elsewhere:1"),
            (("backend", "drain"), 2, "which one?"),
            (("backend", "list", "x"), 2, "list takes no name"),
            (("backend", "drian", "x"), 2, "one of list, drain, resume"),
            (("backend", "drain", "x" * 250), 1, "not understood"),
            (("backend", "drain", "x" * 400), 1, "too long"),
            (("backend", "drain", "x" * 4000), 1, "too long"),
            (("status", "x"), 2, "surplus word"),
        ]:
            done = command(gate, *words)
            assert done.returncode == status_ and reason in done.stderr, (words, done.stderr)


def test_status_shows_the_processes(crossgate):
    gate = crossgate(web({"/": HELLO}), workers=2)
    told(gate, "reload")
    whole = json.loads(told(gate, "status", "--json"))
    times = [whole["master"].pop(key) for key in ("started", "configuration_read")]
    assert whole["master"] == {"pid": gate.pid, "state": "serving", "edition": 2, "configuration": str(gate.config)}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in times) and times[0] <= times[1]
    assert sorted(worker["pid"] for worker in whole["workers"]) == gate.workers()
    assert f"master (pid {gate.pid}) is serving, edition 2 of {gate.config}" in told(gate, "status")


def test_reload_tells_what_came_of_it(crossgate):
    transport = web({"/": HELLO})
    gate = crossgate(transport, workers=2)
    told(gate, "reload")
    gate.write("{")
    done = command(gate, "reload")
    assert done.returncode == 1 and "refused" in done.stderr
    gate.write(document(transport))
    results = []
    threads = [threading.Thread(target=lambda: results.append(command(gate, "reload").returncode)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [0] * 4


def test_stop_drains(crossgate):
    gate = crossgate(web({"/": HELLO, "ws": {"type": "websocket-testee"}}), workers=2)
    with WebSocketWire(gate.port) as wire:
        wire.open()
        told(gate, "stop")
        assert wire.close_code() == 1001
        assert command(gate, "reload").returncode == 1
        assert json.loads(told(gate, "status", "--json"))["master"]["state"] == "stopping"
        told(gate, "stop")  # at once
        assert gate.wait_end() == 0
    assert not (gate.directory / "crossgate.sock").exists()


def test_socket_is_private_and_goes_with_its_master(crossgate):
    gate = crossgate(web({"/": HELLO}))
    path = gate.directory / "crossgate.sock"
    facts = path.stat()
    assert stat.S_IMODE(facts.st_mode) == 0o600 and facts.st_uid == os.geteuid()
    gate.stop()
    assert not path.exists()
    done = command(gate, "status")
    assert done.returncode == 1 and "no crossgate listens" in done.stderr and "--cbdir" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_others_are_not_heard(crossgate):
    gate = crossgate(web({"/": HELLO}))
    path = gate.directory / "crossgate.sock"
    path.chmod(0o666)  # even if somebody opens it
    child = os.fork()
    if child == 0:
        heard = b"?"
        try:
            os.setgid(65534)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as other:
                other.settimeout(10)
                other.connect(str(path))
                other.sendall(b"1 stop\n")
                heard = other.recv(100)
        except OSError:
            heard = b""
        os._exit(0 if heard == b"" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert "serving" in told(gate, "status")


def test_second_master_leaves_the_socket_alone(crossgate):
    first = crossgate(web({"/": HELLO}))
    second = Gate(first.directory)
    second.config = first.directory / "second.json"
    second.start(document(web({"/": HELLO})))
    try:
        second.wait_log("no commands can be given.*another crossgate listens on it")
        assert json.loads(told(first, "status", "--json"))["master"]["pid"] == first.pid
    finally:
        second.stop()
    assert json.loads(told(first, "status", "--json"))["master"]["pid"] == first.pid
    # It may be given a place of its own.
    config = document(web({"/": HELLO}), control="other.sock")
    third = Gate(first.directory)
    third.config = first.directory / "third.json"
    third.start(config)
    try:
        done = run("status", "--socket", first.directory / "other.sock", "--json")
        assert json.loads(done.stdout)["master"]["pid"] == third.pid
    finally:
        third.stop()


def test_deserted_socket_is_taken_over_and_other_files_are_not(crossgate, directory):
    with socket.socket(socket.AF_UNIX) as deserted:
        deserted.bind(str(directory / "crossgate.sock"))
    gate = crossgate(web({"/": HELLO}))
    assert "serving" in told(gate, "status")
    gate.stop()
    (directory / "crossgate.sock").write_text("mine")
    other = Gate(directory)
    other.start(document(web({"/": HELLO})))
    try:
        other.wait_log("no commands can be given.*something else of that name")
    finally:
        other.stop()
    assert (directory / "crossgate.sock").read_text() == "mine"


def test_socket_follows_the_configuration(crossgate):
    transport = web({"/": HELLO})
    gate = crossgate(transport, control="sub/own.sock")
    assert "cannot be opened: No such file" in gate.log
    (gate.directory / "sub").mkdir()
    gate.reload(document(transport, control="sub/own.sock"), expect="reloaded: 1 transport")
    eventually((gate.directory / "sub/own.sock").exists)
    assert ask(gate, "1 status\n", gate.directory / "sub/own.sock").startswith("ok\nmaster\t")
    gate.reload(document(transport, control="none"), expect="reloaded: 1 transport")
    eventually(lambda: not (gate.directory / "sub/own.sock").exists())
    gate.reload(document(transport), expect="reloaded: 1 transport")
    eventually((gate.directory / "crossgate.sock").exists)
    assert ask(gate, "1 status\n").startswith("ok\nmaster\t")


@pytest.mark.parametrize("line", ["\n", "2 status\n", "1 statu\n", "1 status x\n", "1 drain\n", "1 drain \n", "status\n",
                                  "1 stop\t\n", "1 drain a\x01b\n"])
def test_what_is_not_understood_is_said(crossgate, line):
    gate = crossgate(web({"/": HELLO}), workers=1)
    assert ask(gate, line).startswith("error this is not understood")


def test_who_does_not_speak_or_read_holds_nobody_up(crossgate):
    with Backend() as one:
        gate = crossgate(front(several(one)), workers=1)
        path = gate.directory / "crossgate.sock"
        idle = [Wire(path) for _ in range(16)]
        done = command(gate, "status")
        assert done.returncode == 1 and "too many commands at once" in done.stderr
        visit(gate)
        assert idle[0].send("x" * 400).ends()  # more than any line
        eventually(lambda: command(gate, "status").returncode == 0)
        for wire in idle[1:]:
            assert wire.ends()
        assert ask(gate, "1 status\n").startswith("ok")
