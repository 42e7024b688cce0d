"""Sizes at which heads change, reserved bits, reserved opcodes, masks (sections 1, 3 and 4 of Autobahn's test suite)."""
import pytest

from play import BINARY, CLOSE, CONTINUATION, PING, TEXT, cases, exchange, frame, play, send

pytestmark = pytest.mark.checked

HELLO = (TEXT, b"hello")
SIZES = [0, 1, 125, 126, 127, 128, 65535, 65536]


def body(opcode, size):
    return (b"*" if opcode == TEXT else b"\xfe") * size


@pytest.mark.parametrize(**cases(*(
    (f"{name} of {size}", frame(opcode, body(opcode, size)), [(opcode, body(opcode, size))])
    for name, opcode in (("text", TEXT), ("binary", BINARY)) for size in SIZES)))
def test_sizes(door, path, case):
    with door.open(path) as wire:
        play(wire, case)


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
def test_a_message_in_chops_of_997_bytes(door, path, opcode):
    with door.open(path) as wire:
        send(wire, frame(opcode, body(opcode, 65536)), "octets", 997)
        assert wire.message() == (opcode, body(opcode, 65536))


BEFORE, AFTER = frame(TEXT, "hello"), frame(PING, "after")


@pytest.mark.parametrize(**cases(
    ("RSV3 on text", frame(TEXT, "hello", rsv=1), (), (), 1002),
    ("RSV2 on text after a good one", BEFORE + frame(TEXT, "hello", rsv=2) + AFTER, [HELLO], (), 1002),
    ("RSV2 and RSV3 on text", BEFORE + frame(TEXT, "hello", rsv=3) + AFTER, [HELLO], (), 1002),
    ("RSV1 on text, nothing negotiated", BEFORE + frame(TEXT, "hello", rsv=4) + AFTER, [HELLO], (), 1002),
    ("RSV1 and RSV3 on binary", frame(BINARY, b"\x00\xff", rsv=5), (), (), 1002),
    ("RSV1 and RSV2 on ping", frame(PING, "hello", rsv=6), (), (), 1002),
    ("all on close", frame(CLOSE, b"\x03\xe8", rsv=7), (), (), 1002),
    ("RSV1 on a continuation", frame(TEXT, "a", fin=False) + frame(CONTINUATION, "b", rsv=4), (), (), 1002),
))
def test_reserved_bits(door, path, cut, case):
    with door.open(path) as wire:
        play(wire, case, cut)


@pytest.mark.parametrize(**cases(*(
    row for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15) for row in (
        (f"opcode {opcode}, empty", frame(opcode), (), (), 1002),
        (f"opcode {opcode} between", BEFORE + frame(opcode, "x") + AFTER, [HELLO], (), 1002),
        (f"opcode {opcode}, not final", frame(opcode, "x", fin=False), (), (), 1002)))))
def test_reserved_opcodes(door, path, case):
    with door.open(path) as wire:
        play(wire, case)


@pytest.mark.parametrize(**cases(
    ("text", frame(TEXT, "x", mask=False), (), (), 1002),
    ("empty binary", frame(BINARY, mask=False), (), (), 1002),
    ("ping", frame(PING, "x", mask=False), (), (), 1002),
    ("close", frame(CLOSE, b"\x03\xe8", mask=False), (), (), 1002),
    ("second fragment", frame(TEXT, "a", fin=False) + frame(CONTINUATION, "b", mask=False), (), (), 1002),
))
def test_frames_of_clients_are_masked(door, path, cut, case):
    with door.open(path) as wire:
        play(wire, case, cut)


@pytest.mark.parametrize(**cases(
    ("125 in 16 bits", frame(BINARY, bytes(125), form=16), (), (), 1002),
    ("0 in 16 bits", frame(BINARY, form=16), (), (), 1002),
    ("65535 in 64 bits", frame(BINARY, bytes(65535), form=64), (), (), 1002),
    ("2^63", frame(BINARY, length=2**63, form=64), (), (), 1002),
    ("2^64 - 1", frame(BINARY, length=2**64 - 1, form=64), (), (), 1002),
))
def test_lengths_have_their_shortest_form(door, path, case):
    with door.open(path) as wire:
        play(wire, case)


def test_a_frame_that_is_announced_and_never_sent_harms_nobody(door, path):
    """2^63 - 1 bytes to come: the first of them are echoed, others are served, and pongs are not the frame's."""
    with door.open(path) as wire, door.open(path) as other:
        wire.send(frame(BINARY, b"first", length=2**63 - 1))
        opcode, payload, fin = wire.frame() if path == "/echo" else (BINARY, b"first", False)
        assert (opcode, fin) == (BINARY, False) and b"first".startswith(payload)
        exchange(other, frame(TEXT, "hello"))
        assert other.message() == HELLO
