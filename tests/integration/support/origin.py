"""An HTTP backend that shows every byte: what came over which connection, and what is said is said raw."""
import socket
import threading

from . import ports


def answer(body=b"hello", status="200 OK", headers=(), length=True):
    """An answer as bytes."""
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class Request:
    def __init__(self, head, connection):
        lines = head.decode("latin-1")[:-4].split("\r\n")
        self.head = head
        self.connection = connection  # its number, from 0
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
        self.body = b""

    def all(self, name):
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return ", ".join(values) if values else None


class Peer:
    """One connection."""

    def __init__(self, sock):
        self.socket = sock
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        data = self.socket.recv(262144)
        self.buffer += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buffer:
            if not self._more():
                raise EOFError
        head, _, self.buffer = self.buffer.partition(mark)
        return head + mark

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self._more():
                raise EOFError
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def pieces(self, request):
        """The request's body, piece by piece, whatever its framing."""
        if request.get("Transfer-Encoding") == "chunked":
            while True:
                size = int(self.until(b"\r\n"), 16)
                data = self.exactly(size)
                assert self.exactly(2) == b"\r\n"
                if size == 0:
                    return
                yield data
        left = int(request.get("Content-Length") or 0)
        while left > 0:
            if not self.buffer and not self._more():
                raise EOFError
            data, self.buffer = self.buffer[:left], self.buffer[left:]
            left -= len(data)
            yield data

    def wait_end(self):
        while self._more():
            self.buffer = b""


class Origin:
    """`talk(origin, peer, request)` is called for each request whose head has come. It returns bytes to say, after which
    the next request is read, or None to end the connection. Without it all bodies are read, and answered with hello.
    `proxied`: each connection begins with a PROXY header, version 2, which is kept in `announced`."""

    def __init__(self, talk=None, unix=None, tls=None, port=None, proxied=False):
        self.requests = []
        self.announced = []
        self.proxied = proxied
        self.connections = 0
        self.ended = 0
        self.unix = str(unix) if unix else None
        self.port = None if unix else port or ports.take()
        self._talk, self._tls = talk or Origin.greet, tls
        self._peers = []

    def __enter__(self):
        if self.unix:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(self.unix)
            self._socket.listen(128)
        else:
            self._socket = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Nobody listens any more, and every connection ends."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        for peer in self._peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def endpoint(self):
        if self.unix:
            return {"type": "unix", "path": self.unix}
        return {"type": "tcp", "host": "127.0.0.1", "port": self.port}

    def service(self, **more):
        """A `reverseproxy` service for it."""
        return {"type": "reverseproxy", "host": "127.0.0.1", "port": self.port, **more}

    def greet(self, peer, request):
        request.body = b"".join(peer.pieces(request))
        return answer(b"" if request.method == "HEAD" else b"hello", headers=["Content-Type: text/plain"])

    def _accept(self):
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            sock.settimeout(60)
            number, self.connections = self.connections, self.connections + 1
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._peers.append(sock)
            peer = Peer(sock)
            if self.proxied:
                head = peer.exactly(16)
                self.announced.append(head + peer.exactly(int.from_bytes(head[14:16], "big")))
            while True:
                request = Request(peer.until(b"\r\n\r\n"), number)
                self.requests.append(request)
                said = self._talk(self, peer, request)
                if said is None:
                    return
                peer.send(said)
        except (OSError, EOFError):
            pass
        finally:
            sock.close()
            self.ended += 1
