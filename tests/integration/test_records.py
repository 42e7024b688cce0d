"""Records that a client makes by hand: what is authentic and yet must not be, and what somebody on the way has changed."""
import pytest

from support.gate import ECHO, HELLO, web
from support.records import (ALERT, BAD_RECORD_MAC, CHANGE_CIPHER_SPEC, CLIENT_HELLO, CLOSE_NOTIFY, CONTENT_MAX, DATA, DECODE_ERROR,
                             FATAL, HANDSHAKE, HELLO_REQUEST, ILLEGAL_PARAMETER, KEY_UPDATE, NEW_SESSION_TICKET, NO_RENEGOTIATION,
                             RECORD_OVERFLOW, UNEXPECTED_MESSAGE, USER_CANCELED, WARNING, Handmade, head, key_update, message)
from support.wire import TEXT, WebSocketWire, frame

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
VERSIONS = ["1.2", "1.3"]


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def gate(crossgate, pki):
    return crossgate(web({"/": HELLO, "ws": ECHO}, tls=pki.tls("ec")), workers=1)


def answered(client):
    """Whether the next that comes is the page."""
    return b'"hello"' in client.hear()


@pytest.fixture
def bystander(gate, pki):
    """Another connection of the same worker, which must not notice anything."""
    with WebSocketWire(gate.port, pki.client()) as wire:
        wire.open()
        yield wire
        wire.send(frame(TEXT, "still here"))
        assert wire.message() == (TEXT, b"still here")


def flipped(record, at):
    record = bytearray(record)
    record[at] ^= 1
    return bytes(record)


def check(gate, pki, version, name, alert, do):
    """do(client) after a page has come: the server says this fatal alert and ends."""
    with Handmade(gate.port, pki.client(), version) as client:
        assert answered(client.say(ASK)), name
        do(client)
        assert client.hear(ALERT) == bytes([FATAL, alert]), name
        assert client.ends(), name


def test_pages_are_answered_until_both_have_said_that_it_is_over(gate, pki, version):
    with Handmade(gate.port, pki.client(), version) as client:
        assert answered(client.say(ASK))
        assert answered(client.say(ASK))
        client.say(bytes([WARNING, CLOSE_NOTIFY]), ALERT)
        assert client.hear(ALERT) == bytes([WARNING, CLOSE_NOTIFY])
        assert client.ends()


# What somebody on the way has changed

TAMPERED = {
    "type": lambda out: out.send(flipped(out.out.seal(DATA, ASK), 0)),
    "version": lambda out: out.send(flipped(out.out.seal(DATA, ASK), 2)),
    "first byte of the body": lambda out: out.send(flipped(out.out.seal(DATA, ASK), 5)),
    "content": lambda out: out.send(flipped(out.out.seal(DATA, ASK), 20)),
    "tag": lambda out: out.send(flipped(out.out.seal(DATA, ASK), -1)),
    "said twice": lambda out: out.send(*[out.out.seal(DATA, ASK[:9])] * 2),
    "lost": lambda out: (out.out.seal(DATA, ASK[:9]), out.say(ASK[9:])),
    "out of order": lambda out: out.send(*[out.out.seal(DATA, part) for part in (ASK[:9], ASK[9:])][::-1]),
    "cut short": lambda out: out.send(head(DATA, 30) + out.out.seal(DATA, ASK)[5:35]),
    "shorter than a tag": lambda out: out.send(head(DATA, 15) + bytes(15)),
    "empty": lambda out: out.send(head(DATA, 0)),
    "plain alert": lambda out: out.send(head(ALERT, 2) + bytes([WARNING, CLOSE_NOTIFY])),
    "plain handshake": lambda out: out.send(head(HANDSHAKE, 5) + key_update()),
    "plain change of cipher": lambda out: out.send(head(CHANGE_CIPHER_SPEC, 1) + b"\1"),
    "longer than any": lambda out: out.send(head(DATA, 0x4101)),
    "as long as can be said": lambda out: out.send(head(DATA, 0xFFFF)),
}
TAMPERED_ALERTS = {("1.2", "longer than any"): RECORD_OVERFLOW, ("1.2", "as long as can be said"): RECORD_OVERFLOW,
                   ("1.3", "longer than any"): RECORD_OVERFLOW, ("1.3", "as long as can be said"): RECORD_OVERFLOW,
                   ("1.3", "type"): UNEXPECTED_MESSAGE, ("1.3", "plain alert"): UNEXPECTED_MESSAGE,
                   ("1.3", "plain handshake"): UNEXPECTED_MESSAGE, ("1.3", "plain change of cipher"): UNEXPECTED_MESSAGE}


def test_what_has_been_changed_on_the_way_ends_that_connection_alone(gate, pki, version, bystander):
    for name, do in TAMPERED.items():
        check(gate, pki, version, name, TAMPERED_ALERTS.get((version, name), BAD_RECORD_MAC), do)


def test_records_come_in_pieces_and_many_at_once(gate, pki, version):
    with Handmade(gate.port, pki.client(), version) as client:
        for byte in client.out.seal(DATA, ASK):
            client.send(bytes([byte]))
        assert answered(client)
        client.send(*[client.out.seal(DATA, bytes([byte])) for byte in ASK * 20])
        pages = b""
        while pages.count(b'"hello"') < 20:
            pages += client.hear()
        for cut in (1, 4, 5, 6, 13, 29):
            record = client.out.seal(DATA, ASK)
            client.send(record[:cut])
            with Handmade(gate.port, pki.client(), version) as other:  # what the worker does meanwhile
                assert answered(other.say(ASK))
            assert answered(client.send(record[cut:], client.out.seal(DATA, b"")))


# What is authentic, and may be said

def test_empty_records_warnings_and_full_records_are_no_trouble(gate, pki, version):
    with Handmade(gate.port, pki.client(), version) as client:
        for _ in range(3):
            for _ in range(32):
                client.say(b"")
            assert answered(client.say(ASK))
        client.say(bytes([WARNING, USER_CANCELED]), ALERT)
        assert answered(client.say(ASK))
        whole = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        client.say(whole.replace(b"/ ", b"/ws ") + f"Sec-WebSocket-Key: {WebSocketWire.KEY}\r\n".encode()
                   + b"Sec-WebSocket-Version: 13\r\n\r\n")
        assert client.hear().startswith(b"HTTP/1.1 101")
        message = frame(TEXT, "x" * (CONTENT_MAX - 8))
        assert len(message) == CONTENT_MAX
        client.say(message)
        echoed = b""
        while len(echoed) < CONTENT_MAX - 4:  # not masked
            echoed += client.hear()
        assert echoed.endswith(b"x" * (CONTENT_MAX - 8))


def test_padding_is_no_content(gate, pki):
    with Handmade(gate.port, pki.client()) as client:
        for padding in (1, 255, 256, CONTENT_MAX - len(ASK)):
            assert answered(client.say(ASK, padding=padding))
        client.say(b"", padding=CONTENT_MAX)
        assert answered(client.say(ASK))


def test_keys_are_renewed_by_the_client_and_by_the_server(gate, pki):
    with Handmade(gate.port, pki.client()) as client:
        for asks in [False, True] * 8:
            before = client.into
            assert answered(client.renew(asks).say(ASK))
            assert (client.into is not before) == asks
        for _ in range(5):
            client.renew(asks=True)
        before = client.into.renewed().secret
        assert answered(client.say(ASK))
        assert client.into.secret == before  # one answer to all of them


def test_key_update_may_be_cut_over_records(gate, pki):
    with Handmade(gate.port, pki.client()) as client:
        for byte in key_update(asks=True):
            client.say(bytes([byte]), HANDSHAKE)
        client.out = client.out.renewed()
        assert answered(client.say(ASK))


def test_ticket_comes_before_the_answer_to_a_key_update(gate, pki):
    """The ticket is sealed by the keys of the handshake, whoever makes it."""
    with Handmade(gate.port, pki.client()) as client:
        client.renew(asks=True).say(ASK)
        kinds = [client.record() for _ in range(2)]
        assert [content[0] for _, content in kinds] == [NEW_SESSION_TICKET, KEY_UPDATE]
        client.into = client.into.renewed()
        assert client.record()[1].startswith(b"HTTP/1.1 200")


def test_nothing_begins_anew_and_nothing_ends_by_asking(gate, pki):
    with Handmade(gate.port, pki.client(), "1.2") as client:
        for cut in (1, 40):
            hello = message(CLIENT_HELLO, bytes(60))
            client.say(hello[:cut], HANDSHAKE).say(hello[cut:], HANDSHAKE)
            assert client.hear(ALERT) == bytes([WARNING, NO_RENEGOTIATION])
            assert answered(client.say(ASK))


def test_finished_may_be_cut_over_records(gate, pki):
    """Each of them counts."""
    with Handmade(gate.port, pki.client(), "1.2", cuts_finished=True) as client:
        for _ in range(3):
            assert answered(client.say(ASK))


# What is authentic, and may not

def says(content, kind=DATA, **more):
    return lambda client: client.say(content, kind, **more)


def again_and_again(content, kind, times=40):
    def do(client):
        client.send(*[client.out.seal(kind, content) for _ in range(times)])
    return do


MISTAKES = {
    "1.2": {
        "unknown type": (UNEXPECTED_MESSAGE, says(b"x", 99)),
        "change of cipher": (UNEXPECTED_MESSAGE, says(b"\1", CHANGE_CIPHER_SPEC)),
        "request for a hello": (UNEXPECTED_MESSAGE, says(message(HELLO_REQUEST), HANDSHAKE)),
        "key update": (UNEXPECTED_MESSAGE, says(key_update(), HANDSHAKE)),
        "data within a message": (UNEXPECTED_MESSAGE,
                                  lambda client: client.say(message(CLIENT_HELLO, bytes(60))[:9], HANDSHAKE).say(ASK)),
        "a message that never ends": (DECODE_ERROR, says(bytes([CLIENT_HELLO, 255, 255, 255]), HANDSHAKE)),
        "more than a record holds": (RECORD_OVERFLOW, says(bytes(CONTENT_MAX + 1))),
        "empty records": (UNEXPECTED_MESSAGE, again_and_again(b"", DATA)),
        "warnings": (UNEXPECTED_MESSAGE, again_and_again(bytes([WARNING, USER_CANCELED]), ALERT)),
    },
    "1.3": {
        "unknown type": (UNEXPECTED_MESSAGE, says(b"x", 99)),
        "change of cipher": (UNEXPECTED_MESSAGE, says(b"\1", CHANGE_CIPHER_SPEC)),
        "nothing but padding": (UNEXPECTED_MESSAGE, says(b"", None, padding=100)),
        "empty alert": (UNEXPECTED_MESSAGE, says(b"", ALERT)),
        "empty handshake": (UNEXPECTED_MESSAGE, says(b"", HANDSHAKE)),
        "half an alert": (DECODE_ERROR, says(bytes([FATAL]), ALERT)),
        "hello": (UNEXPECTED_MESSAGE, says(message(CLIENT_HELLO, bytes(60)), HANDSHAKE)),
        "ticket": (UNEXPECTED_MESSAGE, says(message(NEW_SESSION_TICKET, bytes(60)), HANDSHAKE)),
        "key update of a third kind": (ILLEGAL_PARAMETER, says(message(KEY_UPDATE, b"\2"), HANDSHAKE)),
        "key update without a word": (DECODE_ERROR, says(message(KEY_UPDATE), HANDSHAKE)),
        "key update of two bytes": (DECODE_ERROR, says(message(KEY_UPDATE, bytes(2)), HANDSHAKE)),
        "two key updates with one key": (UNEXPECTED_MESSAGE, says(key_update() * 2, HANDSHAKE)),
        "data within a message": (UNEXPECTED_MESSAGE, lambda client: client.say(key_update()[:3], HANDSHAKE).say(ASK)),
        "old keys after an update": (BAD_RECORD_MAC, lambda client: client.say(key_update(), HANDSHAKE).say(ASK)),
        "more than a record holds": (RECORD_OVERFLOW, says(bytes(CONTENT_MAX + 1))),
        "padding over the limit": (RECORD_OVERFLOW, says(b"x", padding=CONTENT_MAX)),
        "empty records": (UNEXPECTED_MESSAGE, again_and_again(b"", DATA)),
        "warnings": (UNEXPECTED_MESSAGE, again_and_again(bytes([WARNING, USER_CANCELED]), ALERT)),
    },
}


def test_mistakes_are_told_by_the_right_alert_and_end_that_connection_alone(gate, pki, version, bystander):
    for name, (alert, do) in MISTAKES[version].items():
        check(gate, pki, version, name, alert, do)


def test_fatal_alert_ends_the_connection_without_a_word(gate, pki, version, bystander):
    with Handmade(gate.port, pki.client(), version) as client:
        assert answered(client.say(ASK))
        client.say(bytes([FATAL, BAD_RECORD_MAC]), ALERT)
        assert client.ends()
    gate.wait_log("bad record mac")


def renew_again_and_again(client):
    for _ in range(40):
        client.renew()


def test_too_many_key_updates_end_the_connection(gate, pki, bystander):
    check(gate, pki, "1.3", "key updates", UNEXPECTED_MESSAGE, renew_again_and_again)
    gate.wait_log("too many key updates")
