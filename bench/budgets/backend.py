"""A backend that always does the same: it echoes WebSocket messages, and answers each GET with 1 KiB."""
import base64
import hashlib
import re
import socket
import threading

BODY = bytes(range(256)) * 4
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Backend:
    def __init__(self):
        self.settle = lambda: None  # of the worker that is talked to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer:
            try:
                while head := self._head(peer):
                    if key := re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)\r\n", head):
                        self._say(peer, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                  b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(key[1] + GUID).digest()) + b"\r\n\r\n")
                        self._echo(peer)
                        return
                    self._say(peer, b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                              % len(BODY) + BODY)
            except OSError:
                pass

    def _say(self, peer, data):
        self.settle()
        peer.sendall(data)

    @staticmethod
    def _head(peer):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            data = peer.recv(65536)
            if not data:
                return b""
            head += data
        return head

    def _echo(self, peer):
        """Messages of less than 126 bytes, one at a time."""
        while (data := peer.recv(65536)) and data[0] == 0x82:
            size, key, payload = data[1] & 0x7F, data[2:6], data[6:]
            assert len(payload) == size, "a message came in pieces"
            self._say(peer, bytes([0x82, size]) + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload)))
