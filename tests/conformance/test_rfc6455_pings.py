"""Pings and pongs (section 2 of Autobahn's test suite)."""
import pytest

from play import CONTINUATION, PING, PONG, TEXT, cases, frame, play

pytestmark = pytest.mark.checked

TEN = [f"payload {i}".encode() for i in range(10)]


@pytest.mark.parametrize(**cases(
    ("empty", frame(PING), (), [b""]),
    ("text", frame(PING, "Hello, world!"), (), [b"Hello, world!"]),
    ("binary", frame(PING, b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"), (), [b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"]),
    ("125 bytes", frame(PING, b"\xfe" * 125), (), [b"\xfe" * 125]),
    ("126 bytes", frame(PING, b"\xfe" * 126), (), (), 1002),
    ("126 bytes announced", frame(PING, length=126), (), (), 1002),
    ("pong nobody asked for, empty", frame(PONG) + frame(PING, "x"), (), [b"x"]),
    ("pong nobody asked for", frame(PONG, "unsolicited") + frame(PING, "x"), (), [b"x"]),
    ("pong of 126 bytes", frame(PONG, bytes(126)), (), (), 1002),
    ("ten pings", b"".join(frame(PING, p) for p in TEN), (), TEN),
    ("between messages", frame(TEXT, "a") + frame(PING, "p") + frame(TEXT, "b"), [(TEXT, b"a"), (TEXT, b"b")], [b"p"]),
    ("between fragments", b"".join([frame(TEXT, "a", fin=False), frame(PING, "1"), frame(CONTINUATION, "b", fin=False),
                                    frame(PONG, "2"), frame(PING, "3"), frame(CONTINUATION, "c")]),
     [(TEXT, b"abc")], [b"1", b"3"]),
    ("ping that is not final", frame(PING, "a", fin=False) + frame(CONTINUATION, "b"), (), (), 1002),
    ("pong that is not final", frame(PONG, "a", fin=False) + frame(CONTINUATION, "b"), (), (), 1002),
))
def test_pings(door, path, cut, case):
    with door.open(path) as wire:
        play(wire, case, cut)
