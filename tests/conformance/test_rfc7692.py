"""permessage-deflate, frame by frame: the reserved bit, fragments, takeover, and all kinds of DEFLATE blocks."""
import os
import zlib

import pytest

from play import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Inflater, cases, close_frame, frame, play

pytestmark = pytest.mark.checked

RSV1, RSV2, RSV3 = 4, 2, 1
OFFER = "permessage-deflate; client_max_window_bits"
HELLO = (TEXT, b"Hello")
# Section 7.2.3, by its numbers.
ONE_BLOCK = b"\xf2\x48\xcd\xc9\xc9\x07\x00"
REFERRING = b"\xf2\x00\x11\x00\x00"
NOT_COMPRESSED = b"\x00\x05\x00\xfa\xffHello\x00"
FINAL = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"
TWO_BLOCKS = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"
EMPTY = b"\x00"


def packed(payload, opcode=TEXT, **more):
    return frame(opcode, payload, rsv=RSV1, **more)


def deflated(data, level=6, strategy=zlib.Z_DEFAULT_STRATEGY):
    deflater = zlib.compressobj(level, wbits=-15, strategy=strategy)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def in_fragments(payload, size, opcode=TEXT, between=b""):
    parts = [payload[at:at + size] for at in range(0, len(payload), size)]
    last = len(parts) - 1
    return between.join(frame(CONTINUATION if i else opcode, part, fin=i == last, rsv=0 if i else RSV1)
                        for i, part in enumerate(parts))


@pytest.fixture(params=["/packed", "/alone", "/packed-relay", "/alone-relay"])
def path(request):
    return request.param


@pytest.fixture
def talk(door, path):
    """talk(case, cut) plays a case with a client that has agreed on compression."""
    def start(case, cut="whole"):
        with door.open(path, [f"Sec-WebSocket-Extensions: {OFFER}"]) as wire:
            play(wire, case, cut, Inflater(takeover=path.startswith("/packed")))
    return start


@pytest.mark.parametrize(**cases(
    ("one block", packed(ONE_BLOCK), [HELLO]),
    ("in two fragments", packed(ONE_BLOCK[:3], fin=False) + frame(CONTINUATION, ONE_BLOCK[3:]), [HELLO]),
    ("not compressed inside", packed(NOT_COMPRESSED), [HELLO]),
    ("a final block", packed(FINAL), [HELLO]),
    ("two blocks", packed(TWO_BLOCKS), [HELLO]),
    ("an empty message", packed(EMPTY), [(TEXT, b"")]),
    ("an empty message of a fixed block", packed(b"\x02\x00", BINARY), [(BINARY, b"")]),
    ("not compressed at all", frame(TEXT, "Hello"), [HELLO]),
    ("one after the other", packed(ONE_BLOCK) + frame(TEXT, "plain") + packed(FINAL) + packed(EMPTY) + packed(TWO_BLOCKS),
     [HELLO, (TEXT, b"plain"), HELLO, (TEXT, b""), HELLO]),
    ("binary", packed(NOT_COMPRESSED, BINARY), [(BINARY, b"Hello")]),
))
def test_the_examples(talk, cut, case):
    talk(case, cut)


LARGE = (b"0123456789" * 9000) + os.urandom(2000)


@pytest.mark.parametrize(**cases(*(
    (f"level {level}, {name}", packed(deflated(LARGE, level, strategy), BINARY), [(BINARY, LARGE)])
    for level in (0, 1, 9)
    for name, strategy in (("default", zlib.Z_DEFAULT_STRATEGY), ("Huffman only", zlib.Z_HUFFMAN_ONLY),
                           ("runs", zlib.Z_RLE), ("fixed codes", zlib.Z_FIXED)))))
def test_blocks_of_all_kinds(talk, case):
    talk(case)


@pytest.mark.parametrize(**cases(*(
    (f"of {size}", in_fragments(TWO_BLOCKS, size), [HELLO]) for size in (1, 2, 5)),
    ("with empty ones", packed(b"", fin=False) + frame(CONTINUATION, ONE_BLOCK, fin=False) + frame(CONTINUATION), [HELLO]),
    ("with pings between", in_fragments(ONE_BLOCK, 1, between=frame(PING, "x")), [HELLO], [b"x"] * 6),
    ("with pongs between", in_fragments(ONE_BLOCK, 3, between=frame(PONG, "x")), [HELLO]),
    ("large", in_fragments(deflated(LARGE), 100, BINARY), [(BINARY, LARGE)]),
))
def test_fragments(talk, case):
    talk(case)


@pytest.mark.parametrize(**cases(
    ("RSV1 on a continuation", packed(ONE_BLOCK[:3], fin=False) + frame(CONTINUATION, ONE_BLOCK[3:], rsv=RSV1), (), (), 1002),
    ("RSV1 on a continuation only", frame(TEXT, "a", fin=False) + frame(CONTINUATION, ONE_BLOCK, rsv=RSV1), (), (), 1002),
    ("RSV1 on ping", frame(PING, "x", rsv=RSV1), (), (), 1002),
    ("RSV1 on pong", frame(PONG, "x", rsv=RSV1), (), (), 1002),
    ("RSV1 on close", frame(CLOSE, b"\x03\xe8", rsv=RSV1), (), (), 1002),
    ("RSV2", frame(TEXT, ONE_BLOCK, rsv=RSV2), (), (), 1002),
    ("RSV1 and RSV3", frame(TEXT, ONE_BLOCK, rsv=RSV1 | RSV3), (), (), 1002),
    ("RSV1 on a reserved opcode", frame(3, ONE_BLOCK, rsv=RSV1), (), (), 1002),
))
def test_reserved_bits(talk, cut, case):
    talk(case, cut)


@pytest.mark.parametrize(**cases(
    ("reserved block type", packed(b"\x07\x00"), (), (), 1007),
    ("ends within a block", packed(ONE_BLOCK[:4]), (), (), 1007),
    ("stored length that is wrong", packed(b"\x00\x05\x00\xfa\xfeHello\x00"), (), (), 1007),
    ("a reference to nothing", packed(REFERRING), (), (), 1007),
    ("after a good one", packed(ONE_BLOCK) + packed(b"\xff\xff"), [HELLO], (), 1007),
    ("no UTF-8 inside", packed(deflated(b"\xc3(")), (), (), 1007),
    ("half a character at the end", packed(deflated("é".encode()[:1])), (), (), 1007),
))
def test_what_cannot_be_understood(talk, cut, case):
    talk(case, cut)


def test_messages_may_refer_to_earlier_ones_only_with_takeover(talk, path):
    """Section 7.2.3.2, and section 7.1.1: what was not agreed must not be."""
    sent = packed(ONE_BLOCK) + packed(REFERRING)
    if path.startswith("/packed"):
        talk(*cases(("", sent, [HELLO, HELLO]))["argvalues"])
    else:
        talk(*cases(("", sent, [HELLO], (), 1007))["argvalues"])


def test_nothing_is_compressed_that_was_not_agreed(door, path):
    with door.open(path) as wire:
        wire.send(frame(TEXT, "Hello" * 100))
        assert wire.message() == (TEXT, b"Hello" * 100)
        wire.send(packed(ONE_BLOCK))
        assert wire.close_code() == 1002
        wire.send(close_frame(1002))
