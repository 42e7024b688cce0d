"""Large messages, many messages, chops of all sizes, limits, and automatic fragments (sections 9 and 10 of Autobahn's test
suite, in sizes that leave time for other tests)."""
import os

import pytest

from play import BINARY, CONTINUATION, LIMITS, PING, TEXT, cases, exchange, frame, play, send

pytestmark = pytest.mark.checked

KIB = 1024
MIB = 1024 * KIB


def body(opcode, size):
    return ("BAsd7&jh23" * (size // 10 + 1)).encode()[:size] if opcode == TEXT else os.urandom(size)


def fragments(opcode, data, size):
    starts = range(0, len(data), size)
    return b"".join(frame(CONTINUATION if at else opcode, data[at:at + size], fin=at == starts[-1]) for at in starts)


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [64 * KIB, 256 * KIB, MIB, 4 * MIB])
def test_large_messages(door, path, opcode, size):
    data = body(opcode, size)
    with door.open(path) as wire:
        exchange(wire, frame(opcode, data))
        assert wire.message() == (opcode, data)


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB])
def test_large_messages_in_fragments(door, path, opcode, size):
    data = body(opcode, 512 * KIB)
    with door.open(path) as wire:
        exchange(wire, fragments(opcode, data, size))
        assert wire.message() == (opcode, data)


@pytest.mark.parametrize("size", [64, 128, 256, 512, KIB, 2 * KIB])
def test_large_messages_in_chops(door, path, size):
    data = body(TEXT, 128 * KIB)
    with door.open(path) as wire:
        for at in range(0, len(sent := frame(TEXT, data)), size):
            exchange(wire, sent[at:at + size])
        assert wire.message() == (TEXT, data)


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", [0, 16, 64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB])
def test_many_round_trips(door, path, opcode, size):
    data = body(opcode, size)
    with door.open(path) as wire:
        for _ in range(100):
            exchange(wire, frame(opcode, data))
            assert wire.message() == (opcode, data)


def test_many_messages_at_once_keep_their_order(door, path):
    with door.open(path) as wire:
        exchange(wire, b"".join(frame(TEXT, f"{i} " * (i % 50)) for i in range(2000)))
        for i in range(2000):
            assert wire.message() == (TEXT, (f"{i} " * (i % 50)).encode())


F, M = LIMITS["max_frame_size"], LIMITS["max_message_size"]
FULL = frame(BINARY, bytes(F), fin=False) + frame(CONTINUATION, bytes(F), fin=False) * (M // F - 2)


@pytest.mark.parametrize(**cases(
    ("frame at its limit", frame(BINARY, bytes(F)), [(BINARY, bytes(F))]),
    ("frame over its limit", frame(BINARY, bytes(F + 1)), (), (), 1009),
    ("frame announced over its limit", frame(BINARY, length=F + 1), (), (), 1009),
    ("frame announced over all limits", frame(TEXT, length=2**62), (), (), 1009),
    ("continuation over its limit", frame(TEXT, fin=False) + frame(CONTINUATION, bytes(F + 1)), (), (), 1009),
    ("message at its limit", FULL + frame(CONTINUATION, bytes(F)), [(BINARY, bytes(M))]),
    ("message at its limit, empty end", FULL + frame(CONTINUATION, bytes(F), fin=False) + frame(CONTINUATION),
     [(BINARY, bytes(M))]),
    ("message over its limit", FULL + frame(CONTINUATION, bytes(F), fin=False) + frame(CONTINUATION, b"x"), (), (), 1009),
    ("messages are counted one by one", frame(BINARY, bytes(F)) * 8, [(BINARY, bytes(F))] * 8),
    ("pings are not counted", FULL + frame(PING, bytes(125)) + frame(CONTINUATION, bytes(F)),
     [(BINARY, bytes(M))], [bytes(125)]),
))
def test_limits(door, case):
    with door.open("/limits") as wire:
        play(wire, case)


@pytest.mark.parametrize("size", [0, 1299, 1300, 1301, 2600, 65536, MIB])
def test_automatic_fragments(door, size):
    data = body(TEXT, size)
    with door.open("/fragments") as wire:
        exchange(wire, frame(TEXT, data))
        whole, fin = [], False
        while not fin:
            opcode, payload, fin = wire.frame()
            assert opcode == (CONTINUATION if whole else TEXT)
            assert len(payload) <= 1300
            whole.append(payload)
        assert b"".join(whole) == data
        assert len(whole) >= (size + 1299) // 1300
        send(wire, frame(PING, bytes(125)))
        assert wire.frame() == (10, bytes(125), True)
