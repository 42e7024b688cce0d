"""A TLS client whose records are made by hand once its handshake is done: whole or broken, of any type, in any order.

The handshake is that of Python's ssl; what the keys come of is read from its key log. The cipher is AES-128-GCM, of the library
`cryptography`."""
import hmac
import socket
import ssl
import tempfile

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .wait import PATIENCE

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
HELLO_REQUEST, CLIENT_HELLO, NEW_SESSION_TICKET, KEY_UPDATE = 0, 1, 4, 24
WARNING, FATAL = 1, 2
CLOSE_NOTIFY, UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW, ILLEGAL_PARAMETER, DECODE_ERROR = 0, 10, 20, 22, 47, 50
USER_CANCELED, NO_RENEGOTIATION = 90, 100
CONTENT_MAX = 1 << 14
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def head(kind, length, version=0x0303):
    return bytes([kind]) + version.to_bytes(2, "big") + length.to_bytes(2, "big")


def message(kind, body=b""):
    """A message of the handshake."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def key_update(asks=False):
    return message(KEY_UPDATE, bytes([asks]))


def _mac(key, data):
    return hmac.digest(key, data, "sha256")


def _expand_label(secret, label, length):
    """RFC 8446 section 7.1, of SHA-256 and at most one block of it."""
    name = b"tls13 " + label
    return _mac(secret, length.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0" + b"\1")[:length]


def _prf(secret, seed, length):
    """RFC 5246 section 5."""
    out, at = b"", seed
    while len(out) < length:
        at = _mac(secret, at)
        out += _mac(secret, at + seed)
    return out[:length]


class Direction13:
    """Records that go one way, by RFC 8446 section 5."""

    def __init__(self, secret):
        self.secret, self.sequence = secret, 0
        self._cipher, self._iv = AESGCM(_expand_label(secret, b"key", 16)), _expand_label(secret, b"iv", 12)

    def renewed(self):
        return Direction13(_expand_label(self.secret, b"traffic upd", 32))

    def _nonce(self):
        nonce = int.from_bytes(self._iv, "big") ^ self.sequence
        self.sequence += 1
        return nonce.to_bytes(12, "big")

    def seal(self, kind, content, padding=0):
        """`kind` None: there is nothing but padding."""
        inner = content + (b"" if kind is None else bytes([kind])) + bytes(padding)
        additional = head(DATA, len(inner) + 16)
        return additional + self._cipher.encrypt(self._nonce(), inner, additional)

    def open(self, record):
        inner = self._cipher.decrypt(self._nonce(), record[5:], record[:5]).rstrip(b"\0")
        return inner[-1], inner[:-1]


class Direction12:
    """By RFC 5288 section 3, behind the Finished."""

    def __init__(self, key, salt):
        self._cipher, self._salt, self.sequence = AESGCM(key), salt, 1

    def _additional(self, kind, length):
        additional = self.sequence.to_bytes(8, "big") + head(kind, length)
        self.sequence += 1
        return additional

    def seal(self, kind, content):
        explicit = self.sequence.to_bytes(8, "big")
        return (head(kind, 8 + len(content) + 16) + explicit +
                self._cipher.encrypt(self._salt + explicit, content, self._additional(kind, len(content))))

    def open(self, record):
        additional = self._additional(record[0], len(record) - 5 - 8 - 16)
        return record[0], self._cipher.decrypt(self._salt + record[5:13], record[13:], additional)


class Handmade:
    """A connection whose handshake is done. `context` is a client's, and is set to this version of TLS."""

    def __init__(self, port, context, version="1.3", cuts_finished=False):
        """`cuts_finished`, TLS 1.2: our Finished goes in records of one byte."""
        context.minimum_version = context.maximum_version = VERSIONS[version]
        context.set_ciphers("ECDHE+AES128+AESGCM")
        self.buffer = b""  # records that have come
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with tempfile.NamedTemporaryFile("r") as self._log:
            context.keylog_filename = self._log.name
            self._shake(context, cuts_finished)
            if not cuts_finished:
                self._begin()

    def _begin(self):
        """The keys of the key log."""
        secrets = {label: (bytes.fromhex(random), bytes.fromhex(secret)) for label, random, secret in
                   (line.split() for line in self._log if not line.startswith("#"))}
        if "CLIENT_RANDOM" not in secrets:
            self.out, self.into = (Direction13(secrets[f"{who}_TRAFFIC_SECRET_0"][1]) for who in ("CLIENT", "SERVER"))
            return
        random, secret = secrets["CLIENT_RANDOM"]
        block = _prf(secret, b"key expansion" + self._server_random + random, 40)
        self.out, self.into = Direction12(block[:16], block[32:36]), Direction12(block[16:32], block[36:])

    def _cut(self, flight):
        """The same with a Finished in pieces."""
        change = head(CHANGE_CIPHER_SPEC, 1) + b"\1"
        before, _, finished = flight.partition(change)
        if not finished:
            return flight
        self._begin()
        self.out.sequence = 0
        kind, content = self.out.open(finished)
        self.out.sequence = 0
        return before + change + b"".join(self.out.seal(kind, bytes([byte])) for byte in content)

    def _shake(self, context, cuts_finished):
        incoming, outgoing, heard = ssl.MemoryBIO(), ssl.MemoryBIO(), b""
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                flight = outgoing.read()
                self.socket.sendall(self._cut(flight) if cuts_finished else flight)
                data = self.socket.recv(65536)
                assert data, "the server has ended the handshake"
                heard += data
                self._server_random = heard[11:43]
                incoming.write(data)
        assert "AES" in session.cipher()[0] and session.cipher()[2] == 128, session.cipher()
        self.socket.sendall(outgoing.read())
        self.buffer = incoming.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *records):
        self.socket.sendall(b"".join(records))
        return self

    def say(self, content, kind=DATA, **more):
        return self.send(self.out.seal(kind, content, **more))

    def renew(self, asks=False):
        """Our next keys."""
        self.say(key_update(asks), HANDSHAKE)
        self.out = self.out.renewed()
        return self

    def record(self):
        """(type, content) of the next record."""
        while len(self.buffer) < 5 or len(self.buffer) < 5 + int.from_bytes(self.buffer[3:5], "big"):
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("ended")
            self.buffer += data
        length = 5 + int.from_bytes(self.buffer[3:5], "big")
        record, self.buffer = self.buffer[:length], self.buffer[length:]
        return self.into.open(record)

    def hear(self, kind=DATA):
        """The content of the next record, of this type. Tickets come when they come; the server's next keys are followed."""
        while True:
            got, content = self.record()
            if got == HANDSHAKE and content[0] == KEY_UPDATE:
                self.into = self.into.renewed()
            if got == kind:
                return content
            assert got == HANDSHAKE and content[0] in (NEW_SESSION_TICKET, KEY_UPDATE), (got, content[:40])

    def ends(self):
        """The server has nothing more to say."""
        try:
            return self.socket.recv(1) == b"" and self.buffer == b""
        except ConnectionResetError:
            return True
