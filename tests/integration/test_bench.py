"""`crossgate bench`, each mode, against our own front door; and against servers that lie. Correctness only: no figure is judged."""
import itertools
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from support import ports
from support.foreign import Scripted, accept_value, read_head
from support.gate import ECHO, HELLO, Gate, binary, document, run, web
from support.terminal import Terminal

pytestmark = pytest.mark.checked

SHORT = ("--seconds", "0.1", "--warm-up", "0.02")
KEYS = {"mode", "url", "connections", "depth", "size", "seconds", "operations", "bytes", "errors", "unsent", "first_error",
        "per_second", "latency_us", "server", "client", "tls"}
PAGE = os.urandom(300000)


@pytest.fixture(scope="module")
def gate(pki):
    with tempfile.TemporaryDirectory(prefix="crossgate-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        (path / "page").write_bytes(PAGE)
        paths = {"/": HELLO, "ws": ECHO, "static": {"type": "static", "directory": str(path)}}
        one = Gate(path)
        one.start(document(web(paths, pki.tls("ec")), web(paths)), 1, (), None, None, True)
        yield one
        one.stop()


def measure(is_enough, *words, first="0.1"):
    """(program, its report), of a short run, or, if nothing to speak of has happened by then, of a long one: the machine may be busy."""
    for seconds in (first, "5"):
        done = run("bench", *words, "--json", "--warm-up", "0.02", "--seconds", seconds)
        report = json.loads(done.stdout)
        if is_enough(report):
            break
    return done, report


@pytest.fixture
def bench(gate, pki):
    """What --json says, with `status`. "https/ws" stands for that scheme and path of our own front door."""
    def start(*words, status=0, enough=lambda report: report["operations"] > 0, **how):
        (*mode, url), more = words[:1 if "/" in words[0] else 2], words[1 if "/" in words[0] else 2:]
        if "://" not in url:
            scheme, path = url.split("/", 1)
            is_tls = scheme.endswith("s") and scheme != "ws"
            url = f"{scheme}://localhost:{gate.ports()[0 if is_tls else 1]}/{path}"
            more += ("--ca", pki["root.pem"]) if is_tls else ()
        done, report = measure(enough, *mode, url, *more, **how)
        assert done.returncode == status, done.stderr + done.stdout
        assert set(report) - {"handshakes"} == KEYS
        return SimpleNamespace(status=done.returncode, **report)
    return start


def assert_measured(report, latency=True):
    assert report.errors == 0 and report.first_error is None and report.operations > 0
    assert report.per_second > 0 and report.client["cpu_us"] > 0 and report.client["busy"] > 0
    if latency:
        ordered = [report.latency_us[name] for name in ("p50", "p90", "p99", "p999", "max")]
        assert 0 < ordered[0] and ordered == sorted(ordered)


# ---- each mode

def test_handshakes(bench):
    report = bench("handshakes", "https/", "--connections", "3", "--tls", "1.3", "--groups", "P-256")
    assert_measured(report)
    assert (report.mode, report.connections) == ("handshakes", 3)
    assert report.tls == {"version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "group": "P-256", "resumed": 0} or \
        (report.tls["version"] == "TLSv1.3" and report.tls["resumed"] == 0)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_handshakes_that_resume(bench, version):
    report = bench("handshakes", "https/", "--connections", "2", "--tls", version, "--resumed", "100",
                   enough=lambda report: report["tls"]["resumed"])
    assert_measured(report)
    assert 0 < report.tls["resumed"] <= report.operations + report.connections, "who has resumed at the end may have no answer yet"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_handshakes_with_a_get(bench, version):
    report = bench("handshakes", "https/", "--connections", "2", "--tls", version, "--get")
    assert_measured(report)
    assert report.tls["resumed"] == 0 and report.bytes >= 17 * (report.operations - 2)


@pytest.mark.parametrize("words", [("--tls", "1.2"), ("--tls", "1.3", "--groups", "P-256"), ("--at-once",)], ids=["1.2", "1.3", "at once"])
def test_hellos(bench, words):
    report = bench("hellos", "https/", "--connections", "3", *words, "--seconds", "0.3")
    assert_measured(report)
    assert report.mode == "hellos" and report.tls["version"] == ("TLSv1.2" if "1.2" in words else "TLSv1.3")


def test_requests(bench, gate):
    report = bench("https/", "--connections", "3", "--size", "17", "--server", gate.pid)
    assert_measured(report)
    assert report.mode == "requests" and report.bytes == 17 * report.operations
    server = report.server
    assert server["pid"] == gate.pid and server["processes"] == 2 and server["cpu_us"] > 0
    assert server["cpu_us_per_operation"] > 0 and 0 < server["pss_bytes_before"] and 0 < server["pss_bytes"]


def test_echo_over_tls_and_without(bench):
    for url in ("wss/ws", "ws/ws"):
        report = bench(url, "--connections", "3", "--depth", "4", "--size", "300")
        assert_measured(report)
        assert report.mode == "echo" and report.bytes == 300 * report.operations
        assert (report.tls["version"] is None) == (url == "ws/ws")


def test_large_messages(bench):
    report = bench("echo", "wss/ws", "--connections", "1", "--size", "1M")
    assert_measured(report)
    assert report.bytes == 1048576 * report.operations


def test_open_loop(bench):
    report = bench("echo", "wss/ws", "--connections", "3", "--rate", "500")
    assert_measured(report)
    assert report.operations + report.unsent <= 500 * (report.seconds + 0.1)


def test_bulk(bench):
    report = bench("bulk", "https/static/page", "--connections", "2", "--size", "300000")
    assert_measured(report)
    assert report.bytes >= 300000 * (report.operations - 2), "some had begun before they were counted"


@pytest.mark.parametrize("url", ["wss/ws", "https/", "ws/ws"])
def test_idle(bench, gate, url):
    report = bench("idle", url, "--connections", "30", "--server", gate.pid)
    assert_measured(report)
    assert report.operations == 30, "each of them lives"
    assert report.server["pss_bytes"] > 0


def test_storm(bench):
    report = bench("storm", "wss/ws", "--connections", "3", "--rate", "200", "--handshake-tls", "1.2",
                   "--handshake-connections", "2",
                   enough=lambda report: min(report["operations"], report["handshakes"]["operations"]) > 0)
    assert_measured(report)
    assert report.handshakes["operations"] > 0 and report.handshakes["errors"] == 0
    assert report.handshakes["latency_us"]["p50"] > 0 and report.handshakes["per_second"] > 0
    report = bench("storm", "wss/ws", "--connections", "3", "--rate", "200", "--handshake-rate", "0")
    assert_measured(report)
    assert report.handshakes["operations"] == 0 and report.handshakes["latency_us"]["p50"] is None


def test_slow(bench):
    for url, size in (("https/static/page", "300000"), ("wss/ws", "50000")):
        report = bench("slow", url, "--connections", "2", "--rate", "1000000", "--size", size, first="0.5")
        assert_measured(report)
        assert report.bytes <= 2 * 1000000 * report.seconds + 600000, "no faster than was asked for, but for credit and buffers"


def test_sources_and_headers(bench):
    report = bench("wss/ws", "--connections", "4", "--sources", "3", "--header", "X-One: 1", "--header", "X-Two: 2")
    assert_measured(report)


# ---- servers that lie

def serve(answer):
    """Answers each request by `answer(head)`, again and again."""
    def talk(connection):
        while True:
            connection.sendall(answer(read_head(connection)))
    return talk


def http(body, length=None, status="200 OK"):
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), length or len(body), body)


def upgrade(head):
    return (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_value(head).encode())


def echo_wrongly(spoil):
    def talk(connection):
        connection.sendall(upgrade(read_head(connection)))
        while frame := connection.recv(65536):
            mask, payload = frame[2:6], frame[6:]
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
            connection.sendall(spoil(bytes([frame[0], len(payload)]) + payload))
    return talk


def fails(server, path="/", mode=(), more=(), scheme="http"):
    done, report = measure(lambda report: report["first_error"], *mode, f"{scheme}://localhost:{server.port}{path}", "--connections", "8",
                           *more)
    assert report["first_error"]
    assert done.returncode == (1 if report["operations"] else 3)
    return report["first_error"]


def test_a_payload_that_comes_back_otherwise():
    with Scripted(echo_wrongly(lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]))) as server:
        assert fails(server, scheme="ws")


def test_a_message_that_comes_back_shorter_or_masked():
    with Scripted(echo_wrongly(lambda frame: bytes([frame[0], frame[1] - 1]) + frame[2:-1])) as server:
        assert fails(server, scheme="ws")
    with Scripted(echo_wrongly(lambda frame: bytes([frame[0], frame[1] | 128]) + b"abcd" + frame[2:])) as server:
        assert fails(server, scheme="ws")


def test_a_websocket_that_is_none():
    with Scripted(serve(lambda head: http(b"no"))) as server:
        assert "200" in fails(server, scheme="ws")
    with Scripted(serve(lambda head: upgrade(head).replace(b"Accept: ", b"Accept: x"))) as server:
        assert fails(server, scheme="ws")


def test_answers_with_another_status_or_length():
    with Scripted(serve(lambda head: http(b"gone", status="404 Not Found"))) as server:
        assert "404" in fails(server)
    with Scripted(serve(lambda head: http(b"short"))) as server:
        assert "5" in fails(server, more=("--size", "6"))


def test_a_body_that_ends_early():
    def talk(connection):
        read_head(connection)
        connection.sendall(http(b"half", 8))
    with Scripted(talk) as server:
        assert fails(server)


def test_a_server_that_closes_and_one_that_speaks_no_http():
    with Scripted(lambda connection: connection.recv(1)) as server:
        assert fails(server)
    with Scripted(lambda connection: connection.sendall(b"SSH-2.0-nothing\r\n\r\n")) as server:
        assert fails(server)


def test_handshakes_that_are_refused_or_not_trusted(pki, gate):
    with Scripted(lambda connection: connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")) as server:
        assert fails(server, mode=("handshakes",), scheme="https")
    server = SimpleNamespace(port=gate.port)
    assert "certificate" in fails(server, mode=("handshakes",), scheme="https")
    done, _ = measure(lambda report: report["operations"] > 0, "handshakes", f"https://localhost:{gate.port}/", "--insecure")
    assert done.returncode == 0, done.stderr


def shake_hands_once(context, then):
    """A handshake for who comes first, and those bytes for everybody else."""
    comers = itertools.count()

    def talk(connection):
        if next(comers) == 0:
            context.wrap_socket(connection, server_side=True).recv(1)
        else:
            connection.recv(4096)
            connection.sendall(then)
            connection.close()
    return talk


@pytest.mark.parametrize("then, error", [
    (b"\x15\x03\x03\x00\x02\x02\x28", "handshake failure"),
    (b"\x16\x03\x03\x00\x01\x02", "closed"),
    (b"HTTP/1.1 400 Bad Request\r\n", "not TLS"),
], ids=["alert", "part of a flight", "no TLS"])
def test_hellos_that_get_no_whole_flight(pki, then, error):
    with Scripted(shake_hands_once(pki.server(), then)) as server:
        assert error in fails(server, mode=("hellos",), scheme="https", more=("--ca", pki["root.pem"]))


def test_hellos_to_servers_that_take_none_of_them(pki, gate):
    with Scripted(lambda connection: connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")) as server:
        assert "handshake failure" in fails(server, mode=("hellos",), scheme="https")
    server = SimpleNamespace(port=gate.port)
    assert "certificate" in fails(server, mode=("hellos",), scheme="https")
    assert "--groups" in fails(server, mode=("hellos",), scheme="https", more=("--ca", pki["root.pem"], "--tls", "1.3", "--groups", "P-521:X25519"))


def test_nobody_listens():
    done = run("bench", f"http://127.0.0.1:{ports.take()}/", *SHORT)
    assert done.returncode == 3 and "refused" in done.stderr + done.stdout


# ---- the command line

def test_other_machines_need_consent():
    done = run("bench", "wss://192.0.2.1/ws", *SHORT)
    assert done.returncode == 2 and "--remote" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("words, complaints", [
    ((), ["URL is missing"]),
    (("echo", "ws://localhost/", "--get"), ["--get means nothing to mode echo: it is for handshakes"]),
    (("echo",), ["URL is missing"]),
    (("ech", "ws://localhost/"), ['unknown mode "ech": did you mean echo?']),
    (("ftp://localhost/",), ["http://, https://, ws:// or wss://"]),
    (("echo", "http://localhost/"), ["write the URL as ws://…"]),
    (("bulk", "wss://localhost/", "--depth", "2", "--handshake-rate", "max"),
     ["write the URL as https://…", "--depth means nothing to mode bulk", "--handshake-rate means nothing"]),
    (("handshakes", "http://localhost/", "--tls", "1.4", "--seconds", "1e3", "--header", "no", "--insecure"),
     ["is about TLS", '--tls "1.4"', '--seconds "1e3"', '--header "no"', "--insecure is about TLS"]),
    (("ws://localhost/", "--depth", "0", "--size", "64Q", "--rate", "0", "--connections", "-1", "--server", "x"),
     ['--depth "0"', '--size "64Q"', '--rate "0"', '--connections "-1"', '--server "x"']),
])
def test_all_mistakes_are_told_at_once(words, complaints):
    done = run("bench", *words)
    assert done.returncode == 2 and done.stdout == ""
    for complaint in complaints:
        assert complaint in done.stderr
    assert done.stderr.count("--help") == 1


# ---- several at a time

@pytest.mark.parametrize("mode, path, word", [("echo", "ws", "\n"), ("idle", "ws", "\n"), ("handshakes", "", "")],
                         ids=["echo, a line", "idle, a line", "handshakes, the end of input"])
def test_it_is_ready_and_waits_for_the_word(gate, pki, bench, mode, path, word):
    """Another, which does not wait, is through meanwhile."""
    words = (mode, f"wss://localhost:{gate.port}/{path}", "--ca", pki["root.pem"], "--connections", "3", "--warm-up", "0.02", "--seconds", "0.5",
             "--wait", "--json")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([binary(), "bench", *map(str, words)], text=True, **pipes) as waiting:
        assert waiting.stderr.readline() == "ready\n"
        bench(mode, f"wss/{path}", "--connections", "3", first="0.5")
        assert waiting.poll() is None
        said, trouble = waiting.communicate(word)
    report = json.loads(said)
    assert waiting.returncode == 0 and trouble == "" and report["errors"] == 0
    assert report["operations"] == 3 or mode != "idle"


# ---- people

def test_what_people_read(gate, pki):
    done = run("bench", f"wss://localhost:{gate.port}/ws", "--seconds", "2", "--ca", pki["root.pem"], "--server", gate.pid)
    assert done.returncode == 0
    for pattern in (r"^crossgate bench echo wss://", r"^  connections +100, each with 1 message of 64 bytes", r"^  TLS +TLSv1\.3",
                    r"^  messages +[\d,]+, [\d,]+ per second$", r"^  latency +median ", r"^  errors +none$", r"^  CPU +\d+ %",
                    r"^ALL WORKED: every message came back as it was sent"):
        assert re.search(pattern, done.stdout, re.MULTILINE), pattern


def test_progress_and_an_early_end(gate, pki, directory):
    words = (binary(), "bench", f"wss://localhost:{gate.port}/ws", "--ca", pki["root.pem"], "--seconds", "60", "--warm-up", "0.1")
    with Terminal(words, directory, {"TERM": "xterm", "NO_COLOR": ""}) as terminal:
        terminal.expect("\r\033[K")
        terminal.expect(" open ")
        terminal.expect(", 99 % ")
        terminal.type("\x03")
        assert terminal.end() == 0
        assert "ALL WORKED" in terminal.screen
