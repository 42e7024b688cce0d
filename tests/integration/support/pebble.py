"""An authority to get certificates from: Let's Encrypt's `pebble`, with a resolver of its own (`pebble-challtestsrv`) for which
every name is 127.0.0.1, so that names like box1.example.com can be ordered.

    with Pebble(directory, pki, http_port=8080, tls_port=8443) as pebble:
        pebble.directory       # "https://localhost:PORT/dir": what tls.acme.directory is set to
        pebble.authorities     # file: PEM of the CA that signed the directory's own certificate
        pebble.root()          # PEM of the root of what it issues; new with every start
        pebble.log             # what it says, e.g. "urn:ietf:params:acme:error:badNonce"
        pebble.stop()          # the authority is down
        pebble.start()         # and back on the same ports: having forgotten all accounts and orders

http-01 is asked on `http_port` and tls-alpn-01 on `tls_port` of 127.0.0.1. Without them nobody listens there, and
challenges fail unless pebble's resolver answers them itself: serve_http(), serve_tls().
"""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

from . import ports
from .wait import PATIENCE, eventually


class Pebble:
    """`bad_nonces`, `reuse`: per cent of good nonces that are refused, of valid authorizations that are used again.
    `sleep`: seconds (whole ones) that a validation may take, chosen at random; 0: none.
    `blocked`: domains that it refuses to certify (rejectedIdentifier).
    `days`: how long its certificates are valid.
    `resolves`: False: no name can be resolved, so that every validation fails."""

    def __init__(self, directory, pki, *, http_port=None, tls_port=None, bad_nonces=0, reuse=0, sleep=0, blocked=(),
                 days=90, roots=1, chain=1, eab=False, resolves=True):
        self.home = Path(directory) / f"pebble-{ports.take()}"
        self.home.mkdir()
        self.port, self.management, self.dns, self.tests = (ports.take() for _ in range(4))
        self.http_port, self.tls_port = http_port or ports.take(), tls_port or ports.take()
        self.directory = f"https://localhost:{self.port}/dir"
        self.authorities = pki["root.pem"]
        self.log = ""
        self.resolves = resolves
        self._answers = ["-http01", "", "-tlsalpn01", ""]
        self._processes = []
        self._environment = {
            "PEBBLE_WFE_NONCEREJECT": str(bad_nonces), "PEBBLE_AUTHZREUSE": str(reuse),
            "PEBBLE_ALTERNATE_ROOTS": str(roots - 1), "PEBBLE_CHAIN_LENGTH": str(chain),
            **({"PEBBLE_VA_SLEEPTIME": str(sleep)} if sleep else {"PEBBLE_VA_NOSLEEP": "1"})}
        self._config = self.home / "config.json"
        self._config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": pki["rsa-fullchain.pem"], "privateKey": pki["rsa.key"],
            "httpPort": self.http_port, "tlsPort": self.tls_port, "ocspResponderURL": "",
            "externalAccountBindingRequired": eab, "domainBlocklist": list(blocked),
            "certificateValidityPeriod": days * 86400}}))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def serve_http(self):
        """Before start: pebble's companion answers http-01, with what answer_http() is told."""
        self._answers[1] = f"127.0.0.1:{self.http_port}"
        return self

    def serve_tls(self):
        """Before start: pebble's companion answers tls-alpn-01, with what answer_tls() is told."""
        self._answers[3] = f"127.0.0.1:{self.tls_port}"
        return self

    def start(self):
        self._run("pebble-challtestsrv", "-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.tests}",
                  "-https01", "", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1" if self.resolves else "",
                  *self._answers)
        self._run("pebble", "-strict", "-config", self._config, "-dnsserver", f"127.0.0.1:{self.dns}")
        for port in (self.port, self.management, self.tests):
            eventually(lambda: self._listens(port), why=f"pebble listens on {port}: {self.log}")
        return self

    def stop(self):
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        self._processes = []

    def ask(self, path):
        """What pebble's management interface says: "roots/0", "intermediates/0", "cert-status-by-serial/HEX"."""
        context = ssl.create_default_context(cafile=self.authorities)
        with urllib.request.urlopen(f"https://localhost:{self.management}/{path}", context=context, timeout=PATIENCE) as got:
            return got.read().decode()

    def root(self, number=0):
        """PEM of the root that signs, in the end, what is issued."""
        return self.ask(f"roots/{number}")

    def is_known(self, serial):
        """Whether it has issued the certificate of that serial number."""
        try:
            return "Valid" in self.ask(f"cert-status-by-serial/{serial:x}")
        except urllib.error.HTTPError:
            return False

    def resolve(self, name, *addresses):
        """What a name means from now on."""
        self._tell("clear-a", {"host": name})
        self._tell("add-a", {"host": name, "addresses": addresses})

    def answer_http(self, token, content):
        self._tell("add-http01", {"token": token, "content": content})

    def answer_tls(self, name, key_authorization):
        self._tell("add-tlsalpn01", {"host": name, "content": key_authorization})

    def count(self, pattern):
        """How often its log has matched."""
        return len(re.findall(pattern, self.log))

    def _tell(self, path, value):
        urllib.request.urlopen(f"http://127.0.0.1:{self.tests}/{path}", json.dumps(value).encode(), timeout=PATIENCE).close()

    def _run(self, *words):
        process = subprocess.Popen([*map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, cwd=self.home, env={**os.environ, **self._environment})
        threading.Thread(target=self._collect, args=(process.stdout,), daemon=True).start()
        self._processes.append(process)

    def _collect(self, stream):
        for line in stream:
            self.log += line.decode(errors="replace")

    def _listens(self, port):
        assert all(process.poll() is None for process in self._processes), f"pebble has ended: {self.log}"
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except OSError:
            return False
        return True
