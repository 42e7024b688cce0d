"""The closing handshake (section 7 of Autobahn's test suite)."""
import pytest

from play import BINARY, CLOSE, CONTINUATION, PING, TEXT, Transcript, cases, close_frame, frame, play, send

pytestmark = pytest.mark.checked

VALID = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]
INVALID = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


def end(wire):
    """Reads to the server's Close and to the end of the connection, which is clean."""
    said = Transcript(wire)
    while not said.closed:
        said.read()
    assert wire.rest() == b""
    return said


@pytest.mark.parametrize("after", [
    b"", close_frame(1000), frame(PING, "x"), frame(TEXT, "x"), frame(3), b"\xff" * 100,
], ids=["nothing", "close", "ping", "text", "reserved opcode", "rubbish"])
def test_nothing_counts_after_a_close(door, path, cut, after):
    with door.open(path) as wire:
        wire.send(frame(TEXT, "hello"))
        assert wire.message() == (TEXT, b"hello")
        send(wire, close_frame(1000), cut)
        try:
            wire.send(after)
        except OSError:
            pass  # it has left already
        said = end(wire)
        assert (said.code, said.messages, said.pongs) == (1000, [], [])


def test_a_close_may_come_within_a_message(door, path):
    with door.open(path) as wire:
        wire.send(frame(TEXT, "fragment1", fin=False) + close_frame(1000) + frame(CONTINUATION, "fragment2"))
        said = end(wire)
        assert (said.code, said.messages) == (1000, [])


def test_a_long_message_is_echoed_before_the_close(door):
    with door.open("/echo") as wire:
        send(wire, frame(BINARY, bytes(256 * 1024)) + close_frame(1000) + frame(PING, "x"))
        said = end(wire)
        assert (said.code, said.messages, said.pongs) == (1000, [(BINARY, bytes(256 * 1024))], [])


REASON = "Hello World! ü€😀"


@pytest.mark.parametrize("sent", [
    close_frame(), close_frame(1000), close_frame(1000, REASON.encode()), close_frame(1000, b"*" * 123),
], ids=["without a code", "with a code", "with a reason", "with the longest reason"])
def test_forms_of_a_close(door, path, cut, sent):
    with door.open(path) as wire:
        send(wire, sent, cut)
        assert end(wire).code == 1000


@pytest.mark.parametrize(**cases(
    ("one byte", frame(CLOSE, b"\x03"), (), (), 1002),
    ("a reason of 124 bytes", close_frame(1000, b"*" * 124), (), (), 1002),
    ("a reason that is not UTF-8", close_frame(1000, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"), (), (), 1007),
    ("a reason with a cut character", close_frame(1000, b"ab\xe2\x82"), (), (), 1007),
    ("not final", frame(CLOSE, b"\x03\xe8", fin=False), (), (), 1002),
    *((f"code {code}", close_frame(code), (), (), 1002) for code in INVALID),
    *((f"code {code} with a reason", close_frame(code, b"why"), (), (), 1002) for code in INVALID),
))
def test_closes_that_are_none(door, path, case):
    with door.open(path) as wire:
        play(wire, case)


@pytest.mark.parametrize("code", VALID)
def test_codes(door, path, code):
    with door.open(path) as wire:
        wire.send(close_frame(code))
        said = end(wire)
        assert (said.code, said.reason) == (1000, "")


@pytest.mark.parametrize("code", VALID)
@pytest.mark.parametrize("reason", ["", REASON, "*" * 123], ids=["", "reason", "longest"])
def test_codes_and_reasons_that_come_back(door, code, reason):
    with door.open("/polite") as wire:
        wire.send(close_frame(code, reason.encode()))
        said = end(wire)
        assert (said.code, said.reason) == (code, reason)
