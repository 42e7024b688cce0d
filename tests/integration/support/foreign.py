"""Servers of other people, and servers that nobody would want: each a context manager with a `port`."""
import base64
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from . import ports
from .wait import eventually


def _listens(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 5).close()
        return True
    except OSError:
        return False


class Program:
    """Somebody's server as a child process; what it says is shown if it does not start."""

    def __init__(self, words, port, host="127.0.0.1"):
        self.port = port
        self._log = tempfile.TemporaryFile()
        # openssl s_server ends when its input does.
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log)
        self._host = host

    def __enter__(self):
        eventually(lambda: _listens(self.port, self._host) or self._check(), why=f"a server on port {self.port}")
        return self

    def _check(self):
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"{self._process.args[0]} ended: {self._log.read().decode(errors='replace')}")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate(timeout=90)
        self._log.close()


def openssl(certificate, key, *words, chain=None, page=True):
    """openssl s_server. `chain` is sent behind the certificate, as it is; `page`: GET is answered."""
    port = ports.take()
    more = (["-cert_chain", chain] if chain else []) + (["-www"] if page else [])
    return Program(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certificate, "-key", key, *more, *words],
                   port)


class Nginx(Program):
    def __init__(self, certificate, key, *lines, listen="127.0.0.1", locations=""):
        self.port = ports.take()
        self._directory = tempfile.TemporaryDirectory(prefix="crossgate-nginx-")
        configuration = Path(self._directory.name) / "nginx.conf"
        configuration.write_text(f"""
            daemon off; master_process off; pid nginx.pid; error_log stderr;
            events {{ }}
            http {{
                access_log off;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                server {{
                    listen {listen}:{self.port} ssl;
                    {' '.join(lines)}
                    ssl_certificate {certificate}; ssl_certificate_key {key};
                    location / {{ return 200 "hello"; }}
                    {locations}
                }}
            }}""")
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
        assert program, "nginx is not there: scripts/install-packages --tests"
        super().__init__([program, "-p", self._directory.name, "-c", str(configuration)], self.port, listen.strip("[]"))

    def __exit__(self, *what):
        super().__exit__(*what)
        self._directory.cleanup()


class Scripted:
    """Calls talk(socket) for each connection, in a thread of its own; `tls`: a server's ssl.SSLContext."""

    def __init__(self, talk, tls=None, host="127.0.0.1"):
        self._talk, self._tls = talk, tls
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port = self._listener.getsockname()[1]
        self._open = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._talk(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def __exit__(self, *_):
        self._listener.close()
        for connection in self._open:
            connection.close()


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise OSError("ended")
        head += more
    return head.decode("latin-1")


def accept_value(head):
    """Sec-WebSocket-Accept for a request head."""
    key = next(line.split(":", 1)[1].strip() for line in head.split("\r\n")
               if line.lower().startswith("sec-websocket-key:"))
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()
