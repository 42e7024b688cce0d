"""Fragments in and out of order (section 5 of Autobahn's test suite)."""
import pytest

from play import BINARY, CONTINUATION, PING, TEXT, cases, frame, play

pytestmark = pytest.mark.checked

HELLO = (TEXT, b"hello")


def fragments(*parts, opcode=TEXT, between=b""):
    """One message, a frame for each part."""
    last = len(parts) - 1
    return between.join(frame(CONTINUATION if i else opcode, part, fin=i == last) for i, part in enumerate(parts))


LOST = frame(CONTINUATION, "nothing to continue")
LOST_TOO = frame(CONTINUATION, "nothing to continue", fin=False)
AFTER = frame(TEXT, "hello")
FIVE = [f"fragment{i}" for i in range(1, 6)]
WHOLE = [(TEXT, "".join(FIVE).encode())]


@pytest.mark.parametrize(**cases(
    ("two", fragments("frag", "ment"), [(TEXT, b"fragment")]),
    ("two, binary", fragments(b"\xff", b"\xfe", opcode=BINARY), [(BINARY, b"\xff\xfe")]),
    ("two, a ping between", fragments("frag", "ment", between=frame(PING, "p")), [(TEXT, b"fragment")], [b"p"]),
    ("five", fragments(*FIVE), WHOLE),
    ("five, pings between", fragments(*FIVE, between=frame(PING, "p")), WHOLE, [b"p"] * 4),
    ("five, empty ones between", fragments("a", "", "b", "", ""), [(TEXT, b"ab")]),
    ("all empty", fragments("", "", ""), [(TEXT, b"")]),
    ("one by one", fragments(*("x" * 50)), [(TEXT, b"x" * 50)]),
    ("messages of both kinds", fragments("a", "b") + fragments(b"c", b"d", opcode=BINARY) + AFTER,
     [(TEXT, b"ab"), (BINARY, b"cd"), HELLO]),
    ("continuation of nothing", LOST + AFTER, (), (), 1002),
    ("continuation of nothing, not final", LOST_TOO + AFTER, (), (), 1002),
    ("continuation after a message", AFTER + LOST, [HELLO], (), 1002),
    ("continuation after fragments", fragments("hel", "lo") + LOST_TOO + AFTER, [HELLO], (), 1002),
    ("continuation after fragments, twice", (LOST_TOO + AFTER) * 2, (), (), 1002),
    ("text within a message", frame(TEXT, "a", fin=False) + frame(TEXT, "b"), (), (), 1002),
    ("text within a message, not final", frame(TEXT, "a", fin=False) + frame(TEXT, "b", fin=False), (), (), 1002),
    ("binary within a text", frame(TEXT, "a", fin=False) + frame(BINARY, "b"), (), (), 1002),
    ("text within an empty beginning", frame(BINARY, fin=False) + frame(TEXT, "b"), (), (), 1002),
))
def test_fragments(door, path, cut, case):
    with door.open(path) as wire:
        play(wire, case, cut)


def test_a_message_may_take_its_time(door, path):
    """What came before a pause is not held back for what follows, and pings are answered within."""
    with door.open(path) as wire:
        wire.send(frame(TEXT, "fragment1", fin=False) + frame(CONTINUATION, "fragment2", fin=False) + frame(PING, "p1"))
        parts = []
        while True:
            opcode, payload, fin = wire.frame()
            if opcode == 10:
                assert payload == b"p1"
                break
            parts.append(payload)
        wire.send(frame(CONTINUATION, "fragment3", fin=False) + frame(PING, "p2") + frame(CONTINUATION, "fragment4"))
        pongs, done = [], False
        while not done or not pongs:
            opcode, payload, fin = wire.frame()
            if opcode == 10:
                pongs.append(payload)
            else:
                parts.append(payload)
                done = fin
        assert pongs == [b"p2"]
        assert b"".join(parts) == b"fragment1fragment2fragment3fragment4"
