"""Several backends behind one service: who gets a visitor, and what becomes of one that fails."""
import asyncio
import os
import socket
import threading

import pytest
import websockets

from support import ports
from support.backend import Backend, RawBackend, reverseproxy
from support.clients import run
from support.gate import HELLO, document, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, frame
from wamp_router import Router


def several(*backends, **balance):
    """A `websocket-reverseproxy` over all of them."""
    service = {"type": "websocket-reverseproxy", "backends": [reverseproxy(backend)["backend"] for backend in backends]}
    if balance:
        service["balance"] = balance
    return service


def front(service, **more):
    return web({"/": HELLO, "ws": service}, **more)


def visit(gate, text="x"):
    """One session with one message."""
    with WebSocketWire(gate.port) as wire:
        wire.open().send(frame(TEXT, text))
        assert wire.message() == (TEXT, text.encode())


def status(gate):
    with WebSocketWire(gate.port) as wire:
        return wire.upgrade().status


def served(*backends):
    return [len(backend.requests) for backend in backends]


class Nobody:
    """An address where nothing listens, or somebody else."""

    def __init__(self, port=None):
        self.port = port or ports.take()

    @property
    def endpoint(self):
        return {"type": "tcp", "host": "127.0.0.1", "port": self.port}


def test_a_socket_that_workers_may_not_use_is_told_with_the_reason(crossgate, directory):
    with socket.socket(socket.AF_UNIX) as node:
        node.bind(str(directory / "node.sock"))
        node.listen()
        os.chmod(directory / "node.sock", 0)
        endpoint = {"type": "unix", "path": "node.sock"}
        gate = crossgate(front({"type": "websocket-reverseproxy", "backend": {"endpoint": endpoint, "url": "ws://node"}}))
        assert status(gate) == 503
        gate.wait_log("the user that workers run as must be able to write to the socket")


def test_round_robin_gives_each_its_turn(crossgate):
    with Backend() as one, Backend() as two, Backend() as three:
        gate = crossgate(front(several(one, two, three)), workers=1)
        for n in range(1, 5):
            for _ in range(3):
                visit(gate)
            assert served(one, two, three) == [n, n, n]


def test_websocket_proxy_is_another_name(crossgate):
    with Backend() as one, Backend() as two:
        gate = crossgate(front({**several(one, two), "type": "websocket-proxy"}), workers=1)
        for _ in range(4):
            visit(gate)
        assert served(one, two) == [2, 2]


def test_several_backends_of_the_command_line(crossgate):
    with Backend() as one, Backend() as two:
        gate = crossgate({"type": "websocket", "endpoint": tcp()}, workers=1,
                         words=["--backend", f"ws://127.0.0.1:{one.port}", f"--backend=ws://127.0.0.1:{two.port}"])
        for _ in range(4):
            visit(gate)
        assert served(one, two) == [2, 2]


def saying(name):
    """A backend that says who it is."""
    async def handler(session):
        await session.send(name)
        await session.wait_closed()
    return Backend(handler)


def test_least_connections_fills_up_who_has_less(crossgate):
    with saying("one") as one, saying("two") as two:
        gate = crossgate(front(several(one, two, policy="least_connections")), workers=1)

        async def enter(count):
            clients = {"one": [], "two": []}
            for _ in range(count):
                client = await websockets.connect(f"ws://127.0.0.1:{gate.port}/ws")
                clients[await client.recv()].append(client)
            return clients

        async def talk():
            clients = await enter(10)
            assert [len(clients["one"]), len(clients["two"])] == [5, 5]
            for client in clients["one"]:
                await client.close()
            await asyncio.to_thread(eventually, lambda: one.open == 0)
            more = await enter(5)
            assert [len(more["one"]), len(more["two"])] == [5, 0]
            for client in clients["two"] + more["one"]:
                await client.close()
        run(talk())


def hang_up(backend, peer):
    backend.read_head(peer)


def babble(backend, peer):
    backend.read_head(peer)
    peer.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")
    backend.wait_end(peer)


def say_busy(backend, peer):
    backend.read_head(peer)
    peer.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    backend.wait_end(peer)


@pytest.mark.parametrize("talk", [hang_up, babble, say_busy])
def test_a_broken_handshake_goes_on_to_the_next_backend(crossgate, talk):
    with RawBackend(talk) as broken, Backend() as good:
        gate = crossgate(front(several(broken, good, eject_after=0)), workers=1)
        for _ in range(6):
            visit(gate)
        assert len(broken.heads) == 3 and served(good) == [6]


def test_the_backends_own_verdict_is_passed_on(crossgate):
    def refuse(backend, peer):
        backend.read_head(peer)
        peer.sendall(b"HTTP/1.1 401 Who are you\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        backend.wait_end(peer)

    with RawBackend(refuse) as strict, Backend() as good:
        gate = crossgate(front(several(strict, good)), workers=1)
        with WebSocketWire(gate.port) as wire:
            answer = wire.upgrade()
        assert answer.status == 401 and answer.get("WWW-Authenticate") == "Basic"
        assert served(good) == [0]


def test_a_silent_backend_costs_its_time_and_no_more(crossgate):
    def be_silent(backend, peer):
        backend.read_head(peer)
        backend.wait_end(peer)

    with RawBackend(be_silent) as silent, Backend() as good:
        service = several(silent, good, eject_after=1, eject_time=600000, eject_time_max=600000)
        service["backends"][0]["endpoint"]["timeout"] = 1
        gate = crossgate(front(service), workers=1)
        visit(gate)
        for _ in range(10):  # it is left out now
            visit(gate)
        assert len(silent.heads) == 1 and served(good) == [11]
        gate.wait_log(r"is left out for 600000 ms after 1 failures in a row")


def test_all_tries_together_have_a_limit(crossgate):
    def be_silent(backend, peer):
        backend.read_head(peer)
        backend.wait_end(peer)

    with RawBackend(be_silent) as one, RawBackend(be_silent) as two:
        gate = crossgate(front(several(one, two, timeout=2000)), workers=1)
        assert status(gate) == 504
        eventually(lambda: len(one.heads) + len(two.heads) == 1)


def test_all_down_is_said_at_once(crossgate):
    one, two = Nobody(), Nobody()
    gate = crossgate(front(several(one, two)), workers=1)
    for _ in range(20):
        assert status(gate) == 503
    gate.wait_log(f"backend ws://127.0.0.1:{one.port} is left out")
    gate.wait_log(f"backend ws://127.0.0.1:{two.port} is left out")


def test_one_of_two_dies_under_load_and_no_new_session_fails(crossgate):
    """And when it comes back it gets its share again."""
    with Backend() as one:
        two = Backend().__enter__()
        gate = crossgate(front(several(one, two, eject_time=200, eject_time_max=200)), workers=2)
        failures, stop, visits = [], threading.Event(), []

        def load():
            while not stop.is_set():
                try:
                    with WebSocketWire(gate.port) as wire:
                        wire.open()
                        visits.append(1)
                except Exception as failure:  # whatever it is, it is told
                    failures.append(repr(failure))

        threads = [threading.Thread(target=load, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: len(visits) > 50)
            two.stop()
            reached = len(visits)
            eventually(lambda: len(visits) > reached + 100)
            gate.wait_log(f"backend ws://127.0.0.1:{two.port} is left out")
            with Backend(port=two.port) as again:
                eventually(lambda: len(again.requests) > 20)
                gate.wait_log(f"backend ws://127.0.0.1:{two.port} works again")
                stop.set()
                for thread in threads:
                    thread.join(60)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert not failures


def test_a_reload_forgets_no_ejection(crossgate):
    nobody = Nobody()
    with Backend() as good:
        transport = front(several(nobody, good, eject_after=1, eject_time=3600000, eject_time_max=3600000))
        gate = crossgate(transport, workers=1)
        visit(gate)
        visit(gate)
        gate.wait_log("is left out")
        gate.reload(document(transport), expect="reloaded: 1 transport")
        with Backend(port=nobody.port) as back:
            for _ in range(6):
                visit(gate)
            assert served(back) == [0]


@pytest.mark.long
def test_a_visitor_who_leaves_between_two_tries_leaves_nothing(crossgate):
    reached = threading.Event()

    def be_silent(backend, peer):
        backend.read_head(peer)
        reached.set()
        backend.wait_end(peer)

    nobody = Nobody()
    with RawBackend(be_silent) as silent:
        gate = crossgate(front(several(nobody, silent)), workers=1)
        wire = WebSocketWire(gate.port)
        wire.send(f"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.KEY}\r\n\r\n")
        assert reached.wait(60)
        wire.cut()  # the end of the test counts what is left


CHECK = {"interval": 100, "timeout": 30000, "rise": 2, "fall": 2}


@pytest.mark.parametrize("kind", ["tcp", "websocket"])
def test_health_checks_find_out_before_visitors_do(crossgate, kind):
    with Backend() as good:
        sick = Backend().__enter__()
        gate = crossgate(front(several(good, sick, health_check={**CHECK, "type": kind})), workers=2)
        name = f"ws://127.0.0.1:{sick.port}"
        if kind == "websocket":
            eventually(lambda: sick.closes.count((1000, "health check")) >= 2)
        since = len(gate.log)
        sick.stop()
        for worker in (0, 1):
            gate.wait_log(f"worker {worker}: backend {name} is down", since=since)
        for _ in range(10):
            visit(gate)
        assert "backend refused" not in gate.log[since:].replace(f"{name} is down: backend refused", "")
        with Backend(port=sick.port) as again:
            for worker in (0, 1):
                gate.wait_log(f"worker {worker}: backend {name} is up again", since=since)

            def visited():
                visit(gate)
                return any("health check" not in str(headers) for _, headers in again.requests)
            eventually(visited)


def test_a_node_that_does_not_speak_is_down_for_the_websocket_check_only(crossgate):
    def be_silent(backend, peer):
        backend.wait_end(peer)

    with RawBackend(be_silent) as silent, Backend() as good:
        check = {**CHECK, "timeout": 2000}
        gate = crossgate(web({"/": HELLO, "ws": several(silent, good, health_check=check)}), workers=1)
        gate.wait_log(f"backend ws://127.0.0.1:{silent.port} is down: backend did not answer in time")
        visit(gate)
        visit(gate)


def test_a_check_is_to_a_node_what_a_wamp_client_is(crossgate):
    with Router() as router:
        gate = crossgate(front(several(Nobody(router.port), health_check={**CHECK, "fall": 1})), workers=2)
        eventually(lambda: len(router.subprotocols) >= 6)
        assert set(router.subprotocols) == {"wamp.2.json"}
        assert "is down" not in gate.log


def test_when_all_are_down_visitors_try_anyway(crossgate):
    one, two = Nobody(), Nobody()
    gate = crossgate(front(several(one, two, health_check={**CHECK, "rise": 1000})), workers=1)
    for nobody in (one, two):
        gate.wait_log(f"backend ws://127.0.0.1:{nobody.port} is down")
    assert status(gate) == 503
    with Backend(port=two.port):
        visit(gate)


def test_checks_follow_the_configuration(crossgate):
    nobody = Nobody()
    with Backend() as good:
        transport = front(several(nobody, good, health_check=CHECK))
        gate = crossgate(transport, workers=1)
        gate.wait_log("is down")
        since = len(gate.log)
        gate.reload(document(transport), expect="reloaded: 1 transport")
        assert "is down" not in gate.log[since:] and "is up" not in gate.log[since:]  # it still is, and is no news
        del transport["paths"]["ws"]["balance"]
        gate.reload(document(transport), expect="reloaded: 1 transport")
        with Backend(port=nobody.port) as back:
            eventually(lambda: visit(gate) or back.requests)
