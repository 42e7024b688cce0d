"""Programs that are measured, or needed beside: pinned to cores, in a session of their own, and ended with all their children."""
import os
import random
import signal
import socket
import ssl
import subprocess
import time


class Failure(Exception):
    """Why something cannot be measured: told in the report, and the run goes on."""


def free_port():
    """Below the ports that the kernel gives to clients, so that none of thousands of connections takes it meanwhile."""
    for _ in range(1000):
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failure("no free port between 20000 and 30000")


def pinned(words, cores):
    return ["taskset", "-c", ",".join(map(str, sorted(cores))), *map(str, words)]


class Program:
    """One that runs until it is stopped. What it writes is kept in a file of its directory."""

    def __init__(self, words, home, cores, environment=None):
        self.words = pinned(words, cores)
        self.log = home / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home,
                                            start_new_session=True, env={**os.environ, **(environment or {})})

    @property
    def pid(self):
        return self.process.pid

    def wait_until(self, is_ready, what, seconds=30, pause=0.02):
        end = time.monotonic() + seconds
        while not is_ready():
            if self.process.poll() is not None:
                raise Failure(f"ended with {self.process.returncode}: {self.last_words()}")
            if time.monotonic() > end:
                raise Failure(f"not {what} after {seconds} s: {self.last_words()}")
            time.sleep(pause)
        return self

    def wait_for_port(self, port, tls=True):
        return self.wait_until(lambda: accepts(port, tls), f"serving port {port}")

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"

    def stop(self):
        """A polite word, and after 5 seconds none: nothing of its session is left."""
        try:
            self.process.terminate()
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def accepts(port, tls):
    """Whether somebody is there; with TLS a whole handshake, since a master may listen before its worker works."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            if tls:
                unverified().wrap_socket(connection).close()
        return True
    except OSError:
        return False


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def output(words, seconds=20):
    """All that a short command says, on both streams; nothing if it is not there."""
    try:
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, errors="replace").stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
