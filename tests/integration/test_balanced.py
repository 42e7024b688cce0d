"""HTTP over several backends: who gets a request, and what becomes of one whose backend fails."""
import itertools
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import ports
from support.backend import Backend
from support.gate import HELLO, web
from support.origin import Origin, answer
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

from test_backends import CHECK, Nobody, several as several_websockets
from test_control import backends, told
from test_proxy_protocol import Balanced, v1, v2


def several(*origins, balance=None, **more):
    """A `reverseproxy` over all of them."""
    service = {"type": "reverseproxy", "backends": [{"host": "127.0.0.1", "port": origin.port} for origin in origins], **more}
    if balance is not None:
        service["balance"] = balance
    return service


def front(service, **more):
    return web({"/": HELLO, "api": service}, **more)


def name(origin):
    return f"http://127.0.0.1:{origin.port}"


def ask(gate, target="/api/", method="GET", **more):
    with Wire(gate.port) as wire:
        return wire.request(target, method, **more)


def served(*origins):
    return [len(origin.requests) for origin in origins]


def hang_up(origin, peer, request):
    return None


def test_each_has_its_turn_whatever_its_endpoint(crossgate, pki, directory):
    with Origin() as plain, Origin(unix=directory / "node.sock") as local, Origin(tls=pki.server("ec")) as secret:
        os.chmod(directory / "node.sock", 0o666)
        tls = {"hostname": "localhost", "ca_certificates": [pki["root.pem"]]}
        service = {"type": "reverseproxy", "path": "/v1", "backends": [
            {"host": "127.0.0.1", "port": plain.port}, {"endpoint": {"type": "unix", "path": "node.sock"}},
            {"id": "secret", "endpoint": {**secret.endpoint, "tls": tls}}]}
        gate = crossgate(front(service), workers=1)
        with Wire(gate.port) as wire:
            for n in range(1, 5):
                for _ in range(3):
                    assert wire.request("/api/x", "POST", body=b"hello").body == b"hello"
                assert served(plain, local, secret) == [n, n, n]
        assert {request.target for request in plain.requests + local.requests + secret.requests} == {"/v1/x"}
        assert [origin.connections for origin in (plain, local, secret)] == [1, 1, 1]
        assert list(backends(gate)) == [name(plain), f"unix:{directory}/node.sock", "secret"]


# Failures

def test_a_backend_that_is_not_there_is_passed_over_with_any_request(crossgate):
    nobody = Nobody()
    with Origin() as good:
        gate = crossgate(front(several(nobody, good, balance={"eject_after": 0})), workers=1)
        for method, body in (("GET", b""), ("POST", b""), ("POST", b"x" * 200000), ("PATCH", b"y")) * 2:
            got = ask(gate, method=method, body=body)
            assert (got.status, got.body) == (200, b"hello")
            assert good.requests[-1].body == body
        assert backends(gate)[name(nobody)]["failures"] == 4
        row = backends(gate)[name(good)]
        assert (row["failures"], row["sessions_opened"]) == (0, 8)


def test_a_backend_that_hangs_up_gets_nobody_else_to_do_a_thing_twice(crossgate):
    with Origin(hang_up) as broken, Origin() as good:
        gate = crossgate(front(several(broken, good, balance={"eject_after": 0})), workers=1)
        for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PUT") * 2:
            assert ask(gate, method=method).status == 200
        assert served(broken, good) == [5, 10]
        for method, body in (("POST", b""), ("PATCH", b""), ("POST", b"once"), ("PUT", b"once")):
            before = served(broken, good)
            assert sorted(ask(gate, method=method, body=body).status for _ in range(2)) == [200, 502]
            assert served(broken, good) == [before[0] + 1, before[1] + 1]


def test_a_body_under_way_is_not_passed_to_another(crossgate):
    def take_some(origin, peer, request):
        next(peer.pieces(request))
        return None

    with Origin(take_some) as broken, Origin() as good:
        gate = crossgate(front(several(broken, good, balance={"eject_after": 0})), workers=1)
        with Wire(gate.port) as wire:
            wire.send("PUT /api/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n0123456789")
            assert wire.response().status == 502
        assert served(broken, good) == [1, 0]


def test_a_silent_backend_is_passed_over_in_its_time(crossgate):
    with Origin(lambda origin, peer, request: peer.wait_end()) as silent, Origin() as good:
        gate = crossgate(front(several(silent, good, balance={"eject_after": 1, "eject_time": 600000, "eject_time_max": 600000})),
                         workers=1, limits={"answer_timeout": 2000})
        assert all(ask(gate).status == 200 for _ in range(10))
        assert served(silent, good) == [1, 10]
        gate.wait_log(f"backend {name(silent)} is left out for 600000 ms after 1 failures in a row: backend did not answer in time")


def test_after_the_upstreams_time_nobody_else_is_asked(crossgate):
    with Origin(lambda origin, peer, request: peer.wait_end()) as silent, Origin() as good:
        gate = crossgate(front(several(silent, good, balance={"timeout": 1000})), workers=1, limits={"answer_timeout": 2000})
        assert ask(gate).status == 504
        eventually(lambda: served(silent, good) == [1, 0])


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_backend_answers_is_passed_on(crossgate, status):
    with Origin(lambda *_: answer(b"its word", f"{status} No")) as busy, Origin() as good:
        gate = crossgate(front(several(busy, good, balance={"eject_after": 1})), workers=1)
        got = [ask(gate) for _ in range(4)]
        assert sorted(one.status for one in got) == [200, 200, status, status]
        assert [one.body for one in got if one.status == status] == [b"its word"] * 2
        assert backends(gate)[name(busy)]["state"] == "up" and backends(gate)[name(busy)]["sessions_opened"] == 0


def test_all_down_is_said_at_once(crossgate):
    one, two = Nobody(), Nobody()
    gate = crossgate(front(several(one, two)), workers=1)
    assert all(ask(gate).status == 503 for _ in range(10))
    for nobody in (one, two):
        gate.wait_log(f"backend {name(nobody)} is left out")
    with Origin(port=two.port):
        assert ask(gate).status == 200


@contextmanager
def load(gate, count, visit):
    """`count` threads that call visit(number of the call, wire) again and again: yields (calls done, failures)."""
    numbers, done, failures, stop = itertools.count(), [], [], threading.Event()

    def work():
        while not stop.is_set():
            try:
                with Wire(gate.port, timeout=90) as wire:
                    for _ in range(5):
                        number = next(numbers)
                        visit(number, wire)
                        done.append(number)
            except Exception as failure:  # whatever it is, it is told
                failures.append(repr(failure))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield done, failures
    finally:
        stop.set()
        for thread in threads:
            thread.join(90)


def more(done, count):
    before = len(done)
    eventually(lambda: len(done) > before + count)


class Process:
    """An origin in a process of its own, that can be killed."""

    SCRIPT = "import signal, sys; from support.origin import Origin; Origin(port=int(sys.argv[1])).__enter__(); signal.pause()"

    def __init__(self, port=None):
        self.port = port or ports.take()
        self._process = subprocess.Popen([sys.executable, "-c", self.SCRIPT, str(self.port)], cwd=Path(__file__).parent)
        eventually(self._answers)

    def _answers(self):
        try:
            with Wire(self.port) as wire:
                return wire.request("/").status == 200
        except OSError:
            return False

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def test_one_of_two_is_killed_under_load_and_no_get_fails(crossgate):
    """And when it comes back it gets its share again."""
    one, two = Process(), Process()
    again = None

    def get(number, wire):
        got = wire.request(f"/api/{number}")
        assert (got.status, got.body) == (200, b"hello"), got.head

    try:
        gate = crossgate(front(several(one, two, balance={"eject_time": 200, "eject_time_max": 200})), workers=2)
        with load(gate, 8, get) as (done, failures):
            more(done, 100)
            two.kill()
            more(done, 200)
            gate.wait_log(f"backend {name(two)} is left out")
            opened = backends(gate)[name(two)]["sessions_opened"]
            again = Process(two.port)
            gate.wait_log(f"backend {name(two)} works again")
            eventually(lambda: backends(gate)[name(two)]["sessions_opened"] > opened + 50)
        assert not failures
        assert backends(gate)[name(one)]["failures"] == 0
    finally:
        for process in (one, two, again):
            if process:
                process.kill()


def test_under_load_a_post_fails_only_if_it_was_under_way_and_none_is_done_twice(crossgate):
    with Origin() as one:
        two = Origin().__enter__()
        gate = crossgate(front(several(one, two)), workers=2)
        lost = []

        def post(number, wire):
            body = b"%d " % number * 3000
            got = wire.request(f"/api/{number}", "POST", body=body)
            if got.status != 200:
                assert got.status == 502, got.head
                lost.append(number)

        with load(gate, 8, post) as (done, failures):
            more(done, 100)
            two.stop()
            more(done, 200)
        assert not failures
        reached = [request.target for request in one.requests + two.requests]
        assert len(reached) == len(set(reached))
        assert {f"/{number}" for number in done} - set(reached) <= {f"/{number}" for number in lost}
        assert not {f"/{number}" for number in lost} & {request.target for request in one.requests}
        assert len(lost) <= 8  # what was under way when it left


# Who is chosen

@contextmanager
def busy(gate, count):
    """Requests under way."""
    wires = [Wire(gate.port) for _ in range(count)]
    for wire in wires:
        wire.send("GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n")
    yield wires
    for wire in wires:
        wire.close()


def thoughtful(free):
    """An origin that answers /slow, in two parts, when it is told to."""
    def talk(origin, peer, request):
        if request.target == "/slow":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
            free.wait(60)
            return b"lo"
        return Origin.greet(origin, peer, request)
    return Origin(talk)


def test_least_connections_counts_requests_under_way(crossgate):
    free = threading.Event()
    with thoughtful(free) as one, thoughtful(free) as two:
        gate = crossgate(front(several(one, two, balance={"policy": "least_connections"})), workers=1)
        with busy(gate, 3) as wires:
            eventually(lambda: sorted(served(one, two)) == [1, 2])
            full, free_one = sorted((one, two), key=lambda origin: -len(origin.requests))
            rows = backends(gate)
            assert (rows[name(full)]["sessions"], rows[name(free_one)]["sessions"]) == (2, 1)
            for _ in range(5):
                assert ask(gate).status == 200
            assert served(full, free_one) == [2, 6]
            free.set()
            assert [wire.response().body for wire in wires] == [b"hello"] * 3
        eventually(lambda: all(row["sessions"] == 0 for row in backends(gate).values()))


def test_a_drained_backend_completes_its_answers_and_gets_no_new_requests(crossgate):
    free = threading.Event()
    with thoughtful(free) as one, thoughtful(free) as two:
        gate = crossgate(front(several(one, two)), workers=2)
        with busy(gate, 8) as wires:
            eventually(lambda: sum(served(one, two)) == 8 and served(one)[0] > 0)
            told(gate, "backend", "drain", name(one))
            assert backends(gate)[name(one)]["state"] == "draining"

            def gets_nobody():
                before = served(one)[0]
                assert all(ask(gate).status == 200 for _ in range(40))  # so many that no worker is spared
                return served(one)[0] == before
            eventually(gets_nobody)
            assert gets_nobody()
            free.set()
            assert [wire.response().body for wire in wires] == [b"hello"] * 8
        eventually(lambda: backends(gate)[name(one)]["state"] == "drained")
        told(gate, "backend", "drain", name(two))
        eventually(lambda: {ask(gate).status for _ in range(40)} == {503})
        told(gate, "backend", "resume", name(one))
        before = served(one)[0]
        eventually(lambda: ask(gate).status == 200 and served(one)[0] > before)


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_health_checks_find_out_before_requests_do(crossgate, kind):
    def talk(origin, peer, request):
        checks.append(request) if request.get("User-Agent") == "Crossgate health check" else visits.append(request)
        return Origin.greet(origin, peer, request)

    checks, visits, nobody = [], [], Nobody()
    with Origin() as good:
        gate = crossgate(front(several(good, nobody, balance={"health_check": {**CHECK, "type": kind}})), workers=2)
        for worker in (0, 1):
            gate.wait_log(f"worker {worker}: backend {name(nobody)} is down")
        since = len(gate.log)
        assert all(ask(gate).status == 200 for _ in range(10))
        assert f"backend refused the connection: {name(nobody)}" not in gate.log[since:]
        with Origin(talk, port=nobody.port):
            for worker in (0, 1):
                gate.wait_log(f"worker {worker}: backend {name(nobody)} is up again")
            eventually(lambda: ask(gate).status == 200 and visits)
        assert bool(checks) == (kind == "websocket")


def test_a_websocket_and_a_request_have_the_same_backends(crossgate):
    with Backend() as node:
        nobody = Nobody()
        gate = crossgate(front(several(nobody, node, websocket=True, balance={
            "eject_after": 1, "eject_time": 3600000, "eject_time_max": 3600000})), workers=1)
        for _ in range(3):
            with WebSocketWire(gate.port) as wire:
                wire.open("/api/ws").send(frame(TEXT, "hello"))
                assert wire.message() == (TEXT, b"hello")
        assert ask(gate).status in (400, 426)  # said by the node, which wants an upgrade
        rows = backends(gate)
        assert list(rows) == [name(nobody), name(node)]
        assert (rows[name(nobody)]["failures"], rows[name(nobody)]["state"]) == (1, "left out")


# One visitor, one backend

def visitor(number):
    """The header of a visitor's balancer: addresses of both families."""
    return v2(f"2001:db8::{number:x}", 1000 + number) if number % 2 else v1(f"192.0.2.{number}", 1000 + number)


class Node(Origin):
    """A node with sessions of longpoll: only the node that has opened one knows it."""

    def __init__(self, port=None):
        super().__init__(Node._answer, port=port)
        self.sessions = set()

    def _answer(self, peer, request):
        b"".join(peer.pieces(request))
        _, _, session, action = request.target.split("/")
        if action == "open":
            self.sessions.add(session)
        elif session not in self.sessions:
            return answer(b"no such session", "404 Not Found")
        return answer()


def behind(transport):
    transport["endpoint"]["proxy_protocol"] = ["127.0.0.0/8"]
    return transport


def say(gate, number, action):
    with Balanced(gate.port, visitor(number)) as wire:
        return wire.request(f"/lp/{number}/{action}", "POST", body=b"{}").status


def homes(*nodes):
    return {int(session): node for node in nodes for session in node.sessions}


VISITORS = range(40)


def test_visitors_of_the_nodes_services_stay_at_their_node_and_its_loss_moves_only_them(crossgate):
    with Node() as one:
        two = Node().__enter__()
        balance = {"policy": "least_connections", "eject_after": 1, "eject_time": 100, "eject_time_max": 100}  # of WebSockets
        gate = crossgate(behind(web({"/": HELLO, "lp": {"type": "longpoll"}})), workers=2, balance=balance,
                         words=["--backend", f"ws://127.0.0.1:{one.port}", "--backend", f"ws://127.0.0.1:{two.port}"])
        assert [say(gate, number, "open") for number in VISITORS] == [200] * 40
        home = homes(one, two)
        assert len(home) == 40 and 8 <= len(one.sessions) <= 32 and not one.sessions & two.sessions
        for action in ("receive", "send", "receive"):
            assert [say(gate, number, action) for number in VISITORS] == [200] * 40
        two.stop()
        for number in VISITORS:
            assert say(gate, number, "receive") == (200 if home[number] is one else 404)
        moved = [number for number in VISITORS if home[number] is two]
        assert [say(gate, number, "open") for number in moved] == [200] * len(moved)
        assert [say(gate, number, "receive") for number in VISITORS] == [200] * 40
        with Node(two.port) as back:
            eventually(lambda: [say(gate, number, "open") for number in moved] and len(back.sessions) == len(moved))
            assert {int(session) for session in back.sessions} == set(moved)
            assert [say(gate, number, "send") for number in VISITORS] == [200] * 40


def test_source_is_a_policy_of_requests_and_of_websockets(crossgate):
    with Origin() as one, Origin() as two, Backend() as three, Backend() as four:
        gate = crossgate(behind(web({"/": HELLO, "api": several(one, two, balance={"policy": "source"}),
                                     "ws": several_websockets(three, four, policy="source")})), workers=2)
        for number in range(30):
            before, sockets = served(one, two), served(three, four)
            for _ in range(3):
                with Balanced(gate.port, visitor(number)) as wire:
                    assert wire.request("/api/").status == 200
                with WebSocketWire(gate.port) as wire:
                    wire.send(visitor(number))
                    wire.open()
            assert sorted(now - then for now, then in zip(served(one, two), before)) == [0, 3]
            eventually(lambda: sum(served(three, four)) == sum(sockets) + 3)  # it notes a request after its answer
            assert sorted(now - then for now, then in zip(served(three, four), sockets)) == [0, 3]
        assert min(served(one, two)) > 0 and min(served(three, four)) > 0
