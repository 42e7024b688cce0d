"""SIGHUP: a new plan in the same workers, and nobody notices but those who come after."""
import asyncio
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from support import ports
from support.backend import Backend, reverseproxy
from support.clients import connect, run
from support.gate import ECHO, HELLO, binary, document, state_of, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, close_frame, frame


def fingerprint(port, pki):
    with Wire(port, pki.client()) as wire:
        return hashlib.sha256(wire.socket.getpeercert(True)).hexdigest()


def file_fingerprint(name):
    with open(name) as file:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read().partition("-----END")[0] +
                                                       "-----END CERTIFICATE-----")).hexdigest()


def renew(directory, pki, kind):
    """Puts key and certificate of that kind in place, as a renewal does."""
    for suffix in ("key", "pem"):
        shutil.copy(pki[f"{kind}.{suffix}"], directory / f"server.{suffix}.new")
        os.replace(directory / f"server.{suffix}.new", directory / f"server.{suffix}")


def renewable(pki, paths=None):
    return web(paths or {"/": HELLO, "ws": ECHO},
               tls={"key": "server.key", "certificate": "server.pem", "chain_certificates": [pki["chain.pem"]]})


def all_show(gate, pki, expected, port=None):
    """Whether each of twenty handshakes, and so each worker, shows that certificate."""
    return all(fingerprint(port or gate.port, pki) == expected for _ in range(20))


@pytest.mark.parametrize("through", ["echo", "relay"])
def test_500_websockets_survive_and_new_handshakes_see_the_new_certificate(crossgate, pki, directory, through):
    renew(directory, pki, "ec")
    with Backend() as backend:
        gate = crossgate(renewable(pki, {"/": HELLO, "ws": ECHO if through == "echo" else reverseproxy(backend)}))
        old, new = file_fingerprint(pki["ec.pem"]), file_fingerprint(pki["renewed.pem"])
        workers = gate.workers()
        assert all_show(gate, pki, old)

        async def talk():
            clients = []
            for _ in range(20):
                clients += await asyncio.gather(*(connect(gate, pki, ping_interval=None) for _ in range(25)))
            renew(directory, pki, "renewed")
            await asyncio.to_thread(gate.signal, signal.SIGHUP)
            # Messages flow all the while.
            async def chatter(client, n):
                for i in range(5):
                    await client.send(f"{n} {i}")
                    assert await client.recv() == f"{n} {i}"
            await asyncio.gather(*(chatter(client, n) for n, client in enumerate(clients)))
            await asyncio.to_thread(eventually, lambda: all_show(gate, pki, new), 20)
            await asyncio.gather(*(chatter(client, n) for n, client in enumerate(clients)))
            assert all(client.open for client in clients)
            await asyncio.gather(*(client.close() for client in clients))
            assert {client.close_code for client in clients} == {1000}
        run(talk())
        assert gate.workers() == workers


def break_json(gate, directory, pki):
    gate.config.write_text('{"version": 2, "workers": [')


def break_key(gate, directory, pki):
    config = json.loads(gate.config.read_text())
    config["workers"][0]["transports"][0]["pathz"] = {}
    gate.write(config)


def break_pem(gate, directory, pki):
    shutil.copy(pki["other.key"], directory / "server.key")


def remove_pem(gate, directory, pki):
    (directory / "server.pem").unlink()


def take_port(gate, directory, pki):
    config = json.loads(gate.config.read_text())
    taken = socket.create_server(("127.0.0.1", ports.take()))
    config["workers"][0]["transports"].append(web({"/": HELLO}, port=taken.getsockname()[1]))
    gate.write(config)
    return taken


@pytest.mark.parametrize("spoil", [break_json, break_key, break_pem, remove_pem, take_port])
def test_bad_configuration_leaves_all_as_it_was(crossgate, pki, directory, spoil):
    renew(directory, pki, "ec")
    gate = crossgate(renewable(pki))
    good, workers, config = file_fingerprint(pki["ec.pem"]), gate.workers(), gate.config.read_text()
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open()
        kept = spoil(gate, directory, pki)
        since = len(gate.log)
        gate.signal(signal.SIGHUP)
        gate.wait_log(r"(?i)error", since=since)
        assert all_show(gate, pki, good)
        wire.send(frame(TEXT, "still"))
        assert wire.message() == (TEXT, b"still")
        # Repaired, the next reload is taken.
        if kept:
            kept.close()
        gate.config.write_text(config)
        renew(directory, pki, "renewed")
        gate.signal(signal.SIGHUP)
        eventually(lambda: all_show(gate, pki, file_fingerprint(pki["renewed.pem"])))
    assert gate.workers() == workers


@pytest.mark.skipif(not shutil.which("ss"), reason="needs ss (iproute2)")
def test_refused_reload_leaves_the_backlog_as_it_was(crossgate, pki, directory):
    endpoint = tcp(backlog=100)
    gate = crossgate(web({"/": HELLO}, endpoint=endpoint))

    def backlogs():
        done = subprocess.run(["ss", "-ltnH", f"sport = :{gate.port}"], capture_output=True, text=True, timeout=90, check=True)
        return [int(line.split()[2]) for line in done.stdout.splitlines()]

    assert backlogs() == [100, 100]  # a socket for each worker
    wanted = web({"/": HELLO}, endpoint={**endpoint, "backlog": 70})
    gate.write(document(wanted))
    with take_port(gate, directory, pki):
        gate.reload(expect="reload refused")
        assert backlogs() == [100, 100]
    gate.reload(document(wanted), expect="reloaded: 1 transport,")
    eventually(lambda: backlogs() == [70, 70])


def test_transports_come_and_go(crossgate, pki):
    first, second = web({"/": HELLO, "ws": ECHO}, tls=pki.tls("ec")), web({"/": HELLO, "ws": ECHO})
    gate = crossgate(first)
    workers = gate.workers()
    with WebSocketWire(gate.port, pki.client()) as old:
        old.open()
        gate.write(document(first, second))
        gate.signal(signal.SIGHUP)
        port = second["endpoint"]["port"]
        eventually(lambda: gate.listens(second["endpoint"]))
        with Wire(port) as wire:
            assert wire.request().status == 200
        gate.write(document(second))
        gate.signal(signal.SIGHUP)
        eventually(lambda: not gate.listens(first["endpoint"]))
        old.send(frame(TEXT, "survivor"))  # its listener is gone, it is not
        assert old.message() == (TEXT, b"survivor")
        with Wire(port) as wire:
            assert wire.request().status == 200
    assert gate.workers() == workers


def test_paths_change_for_open_connections_no_later_than_the_next(crossgate, pki):
    endpoint = tcp()
    gate = crossgate(web({"/": {"type": "json", "value": 1}}, endpoint=endpoint), workers=1)
    with Wire(gate.port) as wire:
        assert wire.request().body.strip() == b"1"
        gate.write(document(web({"/": {"type": "json", "value": 2}}, endpoint=endpoint)))
        gate.signal(signal.SIGHUP)

        def new_answer():
            with Wire(gate.port) as other:
                return other.request().body.strip() == b"2"
        eventually(new_answer)
        answer = wire.request()  # under the old plan, which tells the client to come again
        assert answer.body.strip() in (b"1", b"2")
        if answer.body.strip() == b"1":
            assert answer.get("Connection") == "close"


def test_limits_change_on_reload(crossgate, pki):
    transport = web({"ws": {**ECHO, "options": {"max_message_size": 1000}}})
    gate = crossgate(transport, workers=1)
    with WebSocketWire(gate.port) as old:
        old.open()
        transport["paths"]["ws"]["options"]["max_message_size"] = 2000
        gate.write(document(transport))
        gate.signal(signal.SIGHUP)

        def is_larger():
            with WebSocketWire(gate.port) as wire:
                wire.open().send(frame(2, bytes(1500)))
                return wire.frame()[0] == 2
        eventually(is_larger)
        old.send(frame(2, bytes(1500)))
        assert old.close_code() == 1009  # an open session keeps the rules it began under
        old.send(close_frame(1009))


@pytest.fixture
def half_told(crossgate, directory):
    """half_told() asks a gate to reload, and returns the gate, its worker that is held up just before it is told that the new
    configuration is in force, and the command that has asked. The other worker serves it already."""
    commands = []

    def start():
        transport = web({"/": {"type": "json", "value": 1}})
        gate = crossgate(transport, words=["--log-level", "debug"])
        late, other = processes = gate.workers()
        os.kill(other, signal.SIGSTOP)
        transport["paths"]["/"]["value"] = 2
        gate.write(document(transport))
        commands.append(subprocess.Popen([binary(), "reload", "--cbdir", str(directory)], stdout=subprocess.DEVNULL))
        gate.wait_log("of the certificates 0 are taken over")
        eventually(lambda: state_of(late) == "S", why="it has answered that it is prepared")
        os.kill(late, signal.SIGSTOP)
        os.kill(other, signal.SIGCONT)
        eventually(lambda: gate.states() == ["reloading", "serving"], why="one has switched, one has not")
        assert gate.workers() == processes
        return gate, late, commands[-1]
    yield start
    for command in commands:
        command.wait(60)


def value(gate):
    with Wire(gate.port) as wire:
        return int(wire.request().body)


@pytest.mark.parametrize("how", [signal.SIGCONT, signal.SIGKILL])
def test_reloaded_is_said_when_no_worker_is_left_that_serves_the_old(half_told, how):
    gate, late, command = half_told()
    assert "reloaded" not in gate.log and command.poll() is None
    os.kill(late, how)
    gate.wait_log("reloaded: 1 transport, 2 workers")
    assert command.wait(60) == 0
    assert {value(gate) for _ in range(20)} == {2}
    assert (late in gate.workers()) == (how == signal.SIGCONT)


def test_who_stops_while_workers_switch_stops_what_they_switch_to(half_told):
    gate, late, command = half_told()
    gate.signal(signal.SIGTERM)
    gate.wait_log("stopping when all connections are finished")
    assert command.wait(60) == 0
    os.kill(late, signal.SIGCONT)


def test_many_reloads_leak_no_descriptor(crossgate, pki, directory):
    renew(directory, pki, "ec")
    gate = crossgate(renewable(pki, {"/": {"type": "static", "directory": "."}, "json": HELLO}))
    kinds = ["renewed", "ec"]

    def reload_to(kind):
        renew(directory, pki, kind)
        gate.signal(signal.SIGHUP)
        eventually(lambda: all_show(gate, pki, file_fingerprint(pki[f"{kind}.pem"])))

    def descriptors():
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in [gate.pid, *gate.workers()]]

    for kind in kinds:
        reload_to(kind)
    before = descriptors()
    for i in range(6):
        reload_to(kinds[i % 2])
    eventually(lambda: descriptors() <= before, why=f"descriptors back to {before}, now {descriptors()}")


def test_30_reloads_leave_as_many_descriptors_as_the_first(crossgate, pki):
    first, second = (web({"/": {"type": "static", "directory": "."}, "json": HELLO}, tls=pki.tls("ec")) for _ in range(2))
    gate = crossgate(first)

    def descriptors():
        return {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in [gate.pid, *gate.workers()]}

    gate.reload(expect="reloaded: 1 transport,")
    before = descriptors()
    for _ in range(15):
        gate.reload(document(first, second), expect="reloaded: 2 transports,")
        gate.reload(document(first), expect="reloaded: 1 transport,")
    eventually(lambda: all(count <= before[pid] for pid, count in descriptors().items()),
               why=f"as many descriptors as {before}, but {descriptors()}")


def test_reloads_in_a_row_end_with_the_last(crossgate, pki, directory):
    renew(directory, pki, "ec")
    gate = crossgate(renewable(pki))
    for i in range(20):
        renew(directory, pki, "ec" if i % 2 else "renewed")
        gate.signal(signal.SIGHUP)
    renew(directory, pki, "renewed")
    gate.signal(signal.SIGHUP)
    eventually(lambda: all_show(gate, pki, file_fingerprint(pki["renewed.pem"])))


def test_notes_that_were_read_at_the_start_are_not_repeated(crossgate):
    config = document(web({"/": HELLO}))
    config["workers"][0]["realms"] = []
    gate = crossgate(config=config)
    assert gate.log.count("note: realms") == 1
    gate.reload(expect="reloaded: 1 transport, 2 workers")
    assert gate.log.count("note: realms") == 1
    config["controller"] = {}
    gate.reload(config, expect="reloaded: 1 transport, 2 workers")
    assert gate.log.count("note: realms") == 2 and gate.log.count("note: controller") == 1
    gate.stop()
    assert gate.log.rstrip().endswith("stopped")


def test_who_could_open_more_still_can_after_a_reload(crossgate):
    """Connections outlive their plan with what they have open: a later one that opens nothing does not count on all files."""
    said = "150 connections are asked for, but 328 open files allow 100 only"
    with Backend() as backend:
        gate = crossgate(web({"/": HELLO, "ws": reverseproxy(backend)}), workers=1, files=328, max_connections=150)
        assert said in gate.log
        for reloads in range(1, 3):
            gate.reload(document(web({"/": HELLO, "ws": ECHO}), max_connections=150), expect="reloaded: 1 transport")
            eventually(lambda: gate.log.count(said) == 1 + reloads)
