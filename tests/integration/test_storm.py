"""Handshakes that cost much come as fast as they can: who is connected goes on, who is cheap gets in, and the end is an orderly one.
Correctness only: how fast all that is, bench/run measures."""
import asyncio
import contextlib
import json
import subprocess

import pytest

from support.crowd import Crowd
from support.gate import ECHO, binary, run, web
from support.wait import eventually

pytestmark = pytest.mark.checked

DHE = ("--tls", "1.2", "--ciphers", "DHE-RSA-AES128-GCM-SHA256")


ECDHE = ("--tls", "1.2", "--ciphers", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
HELLOS = ("--connections", "60", "--sources", "4")


def start(crossgate, tls, **more):
    return crossgate(web({"ws": ECHO}, tls), workers=1, **more)


@contextlib.contextmanager
def flood(gate, pki, *words, mode="handshakes"):
    """Until the end of the block, or of the server: nobody else ends it."""
    process = subprocess.Popen([binary(), "bench", mode, f"https://localhost:{gate.port}/", "--ca", pki["root.pem"],
                                *(HELLOS if mode == "hellos" else ("--connections", "16")), "--seconds", "600", "--warm-up", "0", "--json", *words],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def served(gate):
    """Full handshakes so far."""
    return json.loads(run("status", "--json", "--cbdir", gate.directory).stdout)["handshakes"]["full"]


def visit(gate, context, talkers=4, comers=2, meanwhile=lambda: None):
    """Some talk, others come and go, before and after `meanwhile`: each message is checked, and nobody is dropped."""
    async def all_of_it():
        crowd = Crowd(gate.port, context)
        await crowd.gather(talkers)
        async with crowd.flow(talkers, comers, pause=0.02):
            await crowd.progress(3 * talkers, 3 * comers)
            await asyncio.to_thread(meanwhile)
            await crowd.progress(3 * talkers, 3 * comers)
        await crowd.leave()
    asyncio.run(asyncio.wait_for(all_of_it(), 240))


@pytest.mark.parametrize("kind, words", [("rsa", DHE), ("rsa", ECDHE), ("rsa3072", ())], ids=["DHE", "ECDHE", "RSA 3072"])
def test_everybody_is_served(crossgate, pki, kind, words):
    gate = start(crossgate, pki.tls(kind))
    with flood(gate, pki, *words) as process:
        visit(gate, pki.client())
        before = served(gate)
        eventually(lambda: served(gate) >= before + 3, why="those who flood are served, too")
        assert process.poll() is None


@pytest.mark.parametrize("words", [DHE, (*DHE, "--at-once"), ("--tls", "1.2"), ("--tls", "1.3")], ids=["DHE", "DHE at once", "TLS 1.2", "TLS 1.3"])
def test_everybody_is_served_while_others_only_begin(crossgate, pki, words):
    gate = start(crossgate, pki.tls("rsa"))
    with flood(gate, pki, *words, mode="hellos") as process:
        visit(gate, pki.client())
        assert process.poll() is None


@pytest.mark.parametrize("words", [DHE, ECDHE], ids=["DHE", "ECDHE"])
def test_a_reload_amid_steps(crossgate, pki, words):
    gate = start(crossgate, pki.tls())

    def renew():
        for kind in ("rsa", "ec", "rsa"):
            config = json.loads(gate.config.read_text())
            config["workers"][0]["transports"][0]["endpoint"]["tls"] = pki.tls(kind)
            gate.reload(config, expect="reloaded: ")
    with flood(gate, pki, *words):
        visit(gate, pki.client(), meanwhile=renew)


def test_an_end_amid_steps(crossgate, pki):
    """The fixture counts what is left."""
    gate = start(crossgate, pki.tls())
    with flood(gate, pki, *DHE):
        visit(gate, pki.client(), talkers=1, comers=1)
        gate.stop()


def test_client_certificates_are_judged(crossgate, pki):
    gate = start(crossgate, pki.tls("ec", ca_certificates=[pki["devices.pem"]]))
    visit(gate, pki.client("device"))
    with pytest.raises(OSError):
        visit(gate, pki.client("stranger"))
    with pytest.raises(OSError):
        visit(gate, pki.client())
