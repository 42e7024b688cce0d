"""Master and workers: deaths, drains, limits, privileges."""
import grp
import json
import os
import pwd
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from support import ports
from support.backend import Backend, reverseproxy
from support.gate import ECHO, HELLO, binary, children, document, run, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, close_frame, frame

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="needs root")
PATHS = {"/": HELLO, "ws": ECHO}
NEVER = 3600000  # ms: within a test, that is
FILES = {**PATHS, "files": {"type": "static", "directory": "web"}}


@pytest.fixture
def big(directory):
    """A file that no socket buffer swallows."""
    (directory / "web").mkdir()
    with open(directory / "web" / "big", "wb") as file:
        file.truncate(64 * 2**20)
    return 64 * 2**20


def echoes(wire, text="x"):
    try:
        wire.send(frame(TEXT, text))
        return wire.message() == (TEXT, text.encode())
    except (OSError, EOFError):
        return False


@contextmanager
def started(config, prefix=(), **more):
    """One master with one worker, started in a way that Gate does not: by another program, as another user, with another
    stderr. SIGTERM must end it with 0."""
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **more}
    master = subprocess.Popen([*prefix, binary(), "run", "--config", str(config), "--workers", "1", "--log-level", "info"],
                              **settings)
    try:
        yield master
        master.terminate()
        assert master.wait(60) == 0
    finally:
        if master.poll() is None:
            for pid in [master.pid, *children(master.pid)]:
                os.kill(pid, signal.SIGKILL)
            master.wait(60)


def answer_of(port):
    """The body of the answer at /, or None while nobody serves."""
    try:
        with Wire(port) as wire:
            return wire.request().body.strip()
    except (OSError, EOFError):
        return None


# Workers that die

def test_killed_worker_is_replaced_at_once_and_others_live_on(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")))
    wires = [WebSocketWire(gate.port, pki.client()).open() for _ in range(40)]
    before = gate.workers()
    victim, survivor = before
    os.kill(victim, signal.SIGKILL)
    gate.wait_log(r"worker \d.*was killed by signal 9 .*; another one starts at once")
    eventually(lambda: len(gate.workers()) == 2 and victim not in gate.workers())
    alive = [echoes(wire) for wire in wires]
    assert survivor in gate.workers()
    assert 0 < alive.count(True) < 40  # the victim's sessions are lost, nobody else's
    for _ in range(40):  # the sockets are the same: none is refused
        with Wire(gate.port, pki.client()) as wire:
            assert wire.request().status == 200
    for wire in wires:
        wire.close()


def test_connections_are_not_refused_while_the_only_worker_is_replaced(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), workers=1)
    for _ in range(3):
        victim, = gate.workers()
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: victim not in gate.workers())

        def served():
            try:
                with Wire(gate.port, pki.client()) as wire:
                    return wire.request().status == 200
            except ConnectionRefusedError:
                raise
            except (OSError, EOFError):
                return False  # accepted by the victim's last breath
        eventually(served)
        eventually(lambda: len(gate.workers()) == 1)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_worker_that_ends_at_each_start_is_backed_off_and_comes_back(crossgate, number):
    gate = crossgate(web(PATHS), workers=1)
    seen = set()

    def hunt():
        for pid in set(gate.workers()) - seen:
            seen.add(pid)
            os.kill(pid, number)
        return "another one starts in 1600 ms" in gate.log
    eventually(hunt, pause=0.005)
    pauses = re.findall(r"another one starts (at once|in \d+ ms)", gate.log)
    assert pauses[-5:] == [f"in {pause} ms" for pause in (100, 200, 400, 800, 1600)]
    assert gate.process.poll() is None

    def served():
        with Wire(gate.port) as wire:
            return wire.request().status == 200
    eventually(served)
    eventually(lambda: len(gate.workers()) == 1)


def test_replaced_worker_runs_the_plan_in_force(crossgate):
    endpoint = tcp()
    gate = crossgate(web({"/": {"type": "json", "value": 1}}, endpoint=endpoint), workers=1)
    gate.write(document(web({"/": {"type": "json", "value": 2}}, endpoint=endpoint)))
    gate.signal(signal.SIGHUP)

    def answer():
        with Wire(gate.port) as wire:
            return wire.request().body.strip()
    eventually(lambda: answer() == b"2")
    victim, = gate.workers()
    gate.config.write_text("spoiled after the reload")
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: gate.workers() and victim not in gate.workers())
    assert answer() == b"2"


def test_workers_do_not_outlive_their_master(crossgate):
    gate = crossgate(web(PATHS))
    workers = gate.workers()
    gate.exit_status = -signal.SIGKILL
    gate.signal(signal.SIGKILL)
    gate.wait_end()
    eventually(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))


# Stopping

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_closes_websockets_with_1001_and_ends_with_0(crossgate, pki, number):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), drain_timeout=NEVER)
    wires = [WebSocketWire(gate.port, pki.client()).open() for _ in range(10)]
    gate.signal(number)
    for wire in wires:
        assert wire.close_code() == 1001
        wire.send(close_frame(1001))
        assert wire.rest() == b""
    assert gate.wait_end() == 0


def test_drain_closes_relayed_websockets_on_both_sides_with_1001(crossgate, pki):
    with Backend() as backend:
        gate = crossgate(web({"ws": reverseproxy(backend)}, tls=pki.tls("ec")), drain_timeout=NEVER)
        with WebSocketWire(gate.port, pki.client()) as wire:
            wire.open()
            gate.signal(signal.SIGTERM)
            assert wire.close_code() == 1001
            wire.send(close_frame(1001))
            assert gate.wait_end() == 0
        assert eventually(lambda: backend.closes)[0][0] == 1001


def test_drain_finishes_the_answer_under_way(crossgate, pki, big):
    gate = crossgate(web(FILES, tls=pki.tls("ec")), drain_timeout=NEVER)
    with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
        wire.send("GET /files/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.until(b"\r\n\r\n")
        gate.signal(signal.SIGTERM)
        eventually(lambda: not gate.listens(gate.transports[0]["endpoint"]), why="listener closed")
        for _ in range(64):
            assert wire.exactly(2**20) == bytes(2**20)
        assert wire.rest() == b""  # and it was the last
    assert gate.wait_end() == 0


def test_drain_ends_idle_connections_at_once(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), drain_timeout=NEVER, limits={"handshake_timeout": NEVER, "idle_timeout": NEVER})
    with Wire(gate.port, pki.client()) as wire, Wire(gate.port) as silent:
        assert wire.request().status == 200
        gate.signal(signal.SIGTERM)
        assert wire.rest() == b""
        assert silent.ends()
    assert gate.wait_end() == 0


def test_drain_is_bounded_by_its_timeout(crossgate, pki, big):
    gate = crossgate(web(FILES, tls=pki.tls("ec")), drain_timeout=1000)
    with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
        wire.send("GET /files/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.until(b"\r\n\r\n")  # and then the client stops reading
        began = time.monotonic()
        gate.signal(signal.SIGTERM)
        assert gate.wait_end(25) == 0  # sooner than without the option
        assert time.monotonic() - began > 0.9


def test_second_signal_stops_at_once(crossgate, pki, big):
    gate = crossgate(web(FILES, tls=pki.tls("ec")), drain_timeout=NEVER, limits={"send_timeout": NEVER})
    with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
        wire.send("GET /files/big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.until(b"\r\n\r\n")
        gate.signal(signal.SIGTERM)
        eventually(lambda: not gate.listens(gate.transports[0]["endpoint"]))
        gate.signal(signal.SIGTERM)
        assert gate.wait_end() == 0


def test_unix_socket_is_removed_at_the_end_and_taken_over_after_a_crash(crossgate, directory):
    transport = {"type": "web", "endpoint": {"type": "unix", "path": "front.sock"}, "paths": PATHS}
    path = directory / "front.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()  # nobody answers on it any more
    gate = crossgate(transport)
    with Wire(path) as wire:
        assert wire.request().status == 200
    gate.stop()
    assert not path.exists()


def fill(pipe):
    """Until it takes nothing more; by a description of its own, so that those who write to the pipe still block."""
    writer = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"\n" * 65536)
    except BlockingIOError:
        pass
    finally:
        os.close(writer)


def test_stderr_that_nobody_reads_holds_up_neither_reload_nor_replacement_nor_end(directory):
    endpoint, config = tcp(), directory / "config.json"
    first, second = (document(web({"/": {"type": "json", "value": value}}, endpoint=endpoint)) for value in (1, 2))
    wrong = document(web({"/": HELLO}, endpoint=endpoint, **{f"wrong{i}": i for i in range(2000)}))
    config.write_text(json.dumps(first))
    reader, writer = os.pipe()
    try:
        with started(config, stderr=writer) as master:
            eventually(lambda: answer_of(endpoint["port"]) == b"1")
            fill(writer)
            config.write_text(json.dumps(wrong))
            master.send_signal(signal.SIGHUP)
            eventually(lambda: int(status(master.pid)["ShdPnd"], 16) == 0, why="SIGHUP heard")
            victim, = children(master.pid)
            os.kill(victim, signal.SIGKILL)
            eventually(lambda: children(master.pid) not in ([], [victim]), why="another worker")
            eventually(lambda: answer_of(endpoint["port"]) == b"1")
            config.write_text(json.dumps(second))
            master.send_signal(signal.SIGHUP)
            eventually(lambda: answer_of(endpoint["port"]) == b"2")
    finally:
        os.close(reader)
        os.close(writer)


# Sockets and descriptors

@pytest.mark.parametrize("what", ["socket", "file"])
def test_unix_path_in_use_is_not_taken(directory, what):
    path = directory / "front.sock"
    if what == "socket":
        taken = socket.socket(socket.AF_UNIX)
        taken.bind(str(path))
        taken.listen()
    else:
        path.write_text("precious")
    config = directory / "config.json"
    config.write_text(json.dumps(document(
        {"type": "web", "endpoint": {"type": "unix", "path": "front.sock"}, "paths": PATHS})))
    done = run("run", "--config", config)
    assert done.returncode == 1
    assert "front.sock" in done.stderr
    assert path.exists()


def test_port_in_use_is_an_error_that_names_it(directory):
    with socket.create_server(("127.0.0.1", ports.take())) as taken:
        port = taken.getsockname()[1]
        config = directory / "config.json"
        config.write_text(json.dumps(document(web({"/": HELLO}, port=port))))
        done = run("run", "--config", config)
    assert done.returncode == 1
    assert str(port) in done.stderr and "use" in done.stderr


def test_port_is_not_shared_with_a_second_node_unless_asked(crossgate, directory):
    gate = crossgate(web({"/": HELLO}))
    second = directory / "second.json"
    second.write_text(json.dumps(document(web({"/": HELLO}, port=gate.port))))
    assert run("run", "--config", second).returncode == 1


def test_both_workers_get_connections(crossgate):
    gate = crossgate(web(PATHS))
    wires = [WebSocketWire(gate.port).open() for _ in range(60)]
    counts = [sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:") for fd in os.listdir(f"/proc/{pid}/fd"))
              for pid in gate.workers()]
    assert all(count > 5 for count in counts)
    for wire in wires:
        wire.close()


SHORT_OF_DESCRIPTORS = "(?i)out of file descriptors|connection limit reached"


def is_answered(wire):
    return bool(select.select([wire.socket], [], [], 0)[0])


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_descriptors_that_run_out_are_survived_without_spinning(crossgate, pki):
    gate = crossgate(web(PATHS, tls=pki.tls("ec"), backlog=1000), workers=1, files=48)
    worker, = gate.workers()
    served = WebSocketWire(gate.port, pki.client()).open()
    crowd = [socket.create_connection(("127.0.0.1", gate.port)) for _ in range(150)]
    gate.wait_log(SHORT_OF_DESCRIPTORS)
    before = cpu_seconds(worker)
    began = time.monotonic()
    while time.monotonic() - began < 1:
        assert echoes(served)  # who is in is served all the while
    busy = cpu_seconds(worker) - before
    for one in crowd:
        one.close()

    def is_back():
        try:
            with Wire(gate.port, pki.client()) as wire:
                return wire.request().status == 200
        except (OSError, EOFError):
            return False
    eventually(is_back)
    assert echoes(served)
    assert gate.workers() == [worker]
    assert busy < 0.9 * (time.monotonic() - began)
    served.close()


def test_descriptors_that_run_out_while_backends_are_dialled_are_503(crossgate, pki):
    with Backend() as backend:
        gate = crossgate(web({"ws": reverseproxy(backend)}, backlog=1000), workers=1, files=48)
        worker, = gate.workers()
        wires, refused = [], None
        while refused is None and len(wires) < 48:
            wire = WebSocketWire(gate.port)
            wire.ask()
            eventually(lambda: is_answered(wire) or re.search(SHORT_OF_DESCRIPTORS, gate.log), why="an answer, or none for lack of descriptors")
            if not is_answered(wire):
                break
            answer = wire.response()
            refused = None if answer.status == 101 else answer.status
            wires.append(wire)
        assert 5 < len(wires) < 48
        assert refused in (None, 503)
        assert all(echoes(wire) for wire in wires[:-1])
        for wire in wires:
            wire.close()

        def is_back():
            with WebSocketWire(gate.port) as wire:
                return wire.upgrade().status == 101
        eventually(is_back)
        assert gate.workers() == [worker]


def test_connection_limit_is_kept_and_recovers(crossgate, pki):
    gate = crossgate(web(PATHS), workers=1, max_connections=5)
    wires = [WebSocketWire(gate.port).open() for _ in range(5)]
    over = Wire(gate.port, timeout=1)
    with pytest.raises((OSError, EOFError)):
        over.request()  # waits in the kernel's queue
    over.close()
    assert all(echoes(wire) for wire in wires)
    wires.pop().close()

    def is_back():
        try:
            with Wire(gate.port) as wire:
                return wire.request().status == 200
        except (OSError, EOFError):
            return False
    eventually(is_back)
    for wire in wires:
        wire.close()


# Privileges

def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@AS_ROOT
@pytest.mark.parametrize("words, user", [((), "nobody"), (("--user", "daemon"), "daemon")])
def test_workers_drop_privileges_for_good(crossgate, pki, words, user):
    gate = crossgate(web(PATHS, tls=pki.tls("ec")), words=words)
    account = pwd.getpwnam(user)
    for pid in gate.workers():
        facts = status(pid)
        assert facts["Uid"].split() == [str(account.pw_uid)] * 4
        assert facts["Gid"].split() == [str(account.pw_gid)] * 4
        assert set(facts["Groups"].split()) <= {str(account.pw_gid)}
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(facts[name], 16) == 0
        assert facts["NoNewPrivs"] == "1"
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request().status == 200


@AS_ROOT
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
def test_workers_of_nobody_inherit_neither_groups_nor_capabilities_of_the_master(directory):
    port, config = ports.take(), directory / "config.json"
    config.write_text(json.dumps(document(web({"/": HELLO}, port=port), user="nobody")))
    with started(config, ("setpriv", "--groups", "1,2", "--inh-caps", "+net_bind_service")) as master:
        eventually(lambda: answer_of(port))
        facts = status(master.pid)
        assert facts["Groups"].split() == ["1", "2"] and int(facts["CapInh"], 16) != 0
        worker, = children(master.pid)
        facts, account = status(worker), pwd.getpwnam("nobody")
        assert facts["Uid"].split() == [str(account.pw_uid)] * 4
        assert set(facts["Groups"].split()) <= {str(account.pw_gid)}
        assert {name: int(facts[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == dict.fromkeys(
            ("CapInh", "CapPrm", "CapEff", "CapAmb"), 0)
        assert facts["NoNewPrivs"] == "1"  # so the bounding set, which stays, bounds nothing


@AS_ROOT
def test_group_option_wins(crossgate):
    gate = crossgate(web(PATHS), words=("--user", "daemon", "--group", "nogroup"))
    for pid in gate.workers():
        assert status(pid)["Gid"].split() == [str(grp.getgrnam("nogroup").gr_gid)] * 4


@AS_ROOT
def test_user_of_the_configuration_is_used(crossgate):
    gate = crossgate(web(PATHS), user="daemon")
    assert {status(pid)["Uid"].split()[0] for pid in gate.workers()} == {str(pwd.getpwnam("daemon").pw_uid)}


@AS_ROOT
def test_unknown_user_is_an_error(directory):
    config = directory / "config.json"
    config.write_text(json.dumps(document(web({"/": HELLO}))))
    done = run("run", "--config", config, "--user", "nobody-of-that-name")
    assert done.returncode == 1 and "nobody-of-that-name" in done.stderr


@AS_ROOT
def test_node_runs_without_root(directory, pki):
    """Not as root all runs as whoever started it; the key must then be readable for that user."""
    account = pwd.getpwnam("daemon")
    home = directory / "node"
    home.mkdir()
    for name in ("ec.key", "ec-fullchain.pem"):
        (home / name).write_bytes(open(pki[name], "rb").read())
    os.chmod(home / "ec.key", 0o600)
    port = ports.take()
    (home / "config.json").write_text(json.dumps(document(
        web({"/": HELLO}, tls={"key": "ec.key", "certificate": "ec-fullchain.pem"}, port=port))))
    for path in [home, *home.iterdir()]:
        os.chown(path, account.pw_uid, account.pw_gid)
    master = subprocess.Popen([binary(), "run", "--config", str(home / "config.json"), "--workers", "1"],
                              user="daemon", group="daemon", extra_groups=[], cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def served():
            assert master.poll() is None
            try:
                with Wire(port, pki.client()) as wire:
                    return wire.request().status == 200
            except OSError:
                return False
        eventually(served)
        assert status(children(master.pid)[0])["Uid"].split()[0] == str(account.pw_uid)
    finally:
        master.terminate()
        assert master.wait(60) == 0


@AS_ROOT
def test_memory_is_hidden_from_other_processes_of_the_same_user(directory, sanitized):
    if sanitized:
        pytest.skip("LeakSanitizer needs to trace, so memory is not hidden")
    daemon = {"user": "daemon", "group": "daemon", "extra_groups": []}
    port, config = ports.take(), directory / "config.json"
    config.write_text(json.dumps(document(web({"/": HELLO}, port=port))))

    def trouble_with_memory_of(pid):
        done = subprocess.run([sys.executable, "-c", f"open('/proc/{pid}/mem', 'rb').close()"], capture_output=True,
                              text=True, timeout=90, cwd="/", **daemon)
        return done.stderr if done.returncode else None

    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", **daemon) as other:
        other.stdin.write(b"\n")
        other.stdin.flush()
        other.stdout.read(1)  # so it is cat by now
        is_told = not trouble_with_memory_of(other.pid)
        other.stdin.close()
    if not is_told:
        pytest.skip("the kernel hides the memory of all processes")
    with started(config, **daemon) as master:
        eventually(lambda: answer_of(port))
        for pid in [master.pid, *children(master.pid)]:
            assert status(pid)["Uid"].split() == [str(pwd.getpwnam("daemon").pw_uid)] * 4
            assert "PermissionError" in (trouble_with_memory_of(pid) or "")


def test_worker_holds_no_path_to_the_key(crossgate, pki):
    """A worker has bytes and descriptors: it opens neither configuration nor key."""
    gate = crossgate(web({"/": HELLO}, tls=pki.tls("ec")))
    for pid in gate.workers():
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            except OSError:
                continue
            assert not re.search(r"\.key|\.pem|config\.json", target), target
        with open(f"/proc/{pid}/cmdline") as file:
            assert ".key" not in file.read()


def test_descriptor_limit_is_raised_to_the_hard_limit(crossgate):
    gate = crossgate(web({"/": HELLO}), workers=1)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    worker, = gate.workers()
    with open(f"/proc/{worker}/limits") as file:
        assert re.search(rf"Max open files +{hard} +{hard} ", file.read())


# Memory

# Of the workers' user: opens the memory of every child of a process, as fast as it can. Says "looking" first, and in the end how often it
# could.
SPY = """
import os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
opened = 0
def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[1]
print("looking", flush=True)
while not os.path.exists(sys.argv[1]):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/mem", "rb"):
                opened += parent(pid) == sys.argv[2]
        except OSError:
            pass
print(opened)
"""


@AS_ROOT
def test_memory_of_workers_is_closed_from_their_first_instruction(crossgate, directory, sanitized):
    """Not even others of their user can look into them, while they start, either."""
    if sanitized:
        pytest.skip("a program with sanitizers must be able to look into itself")
    gate = crossgate(web({"/": HELLO}))
    over = directory / "over"
    spy = subprocess.Popen([sys.executable, "-c", SPY, over, str(gate.pid)], stdout=subprocess.PIPE, text=True)
    assert spy.stdout.readline() == "looking\n"
    for turn in range(6):  # both of them, so that nobody has to wait long for his successor
        worker = gate.workers()[turn % 2]
        os.kill(worker, signal.SIGKILL)
        eventually(lambda: worker not in gate.workers() and len(gate.workers()) == 2)
    over.touch()
    assert spy.communicate(timeout=90)[0] == "0\n"
