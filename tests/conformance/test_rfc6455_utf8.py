"""UTF-8 in messages, and that what is wrong is found at once (section 6 of Autobahn's test suite)."""
import pytest

from play import CONTINUATION, TEXT, Transcript, cases, frame, play, send

pytestmark = pytest.mark.checked

GREETING = "Hello-µ@ßöäüàá-UTF-8!!".encode()
KOSME = "κόσμε".encode()

VALID = [
    "", "24", "c2a2", "e282ac", "f0a4ada2", "cebae1bdb9cf83cebcceb5",
    # first and last of each length
    "00", "7f", "c280", "dfbf", "e0a080", "efbfbf", "f0908080", "f48fbfbf",
    # around the surrogates, and what is no character
    "ed9fbf", "ee8080", "efbfbd", "efb790", "efb7af", "efbfbe", "f09fbfbe", "f09fbfbf", "f3bfbfbe", "f48fbfbe",
]
INVALID = [
    # continuation bytes alone
    "80", "bf", "80bf", "80bf80", "".join(f"{n:02x}" for n in range(0x80, 0xC0)),
    # lead bytes alone
    *(f"{n:02x}20" for n in range(0xC0, 0x100)),
    # cut characters
    "c2", "df", "e0a0", "efbf", "e0", "f09080", "f48fbf", "f0", "cebae1bdb9cf83cebcce",
    # bytes that are never there
    "fe", "ff", "fefeffff",
    # longer than need be
    "c080", "c0af", "c1bf", "e080af", "e09fbf", "f08080af", "f08fbfbf", "f8808080af", "fc80808080af",
    # surrogates
    "eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf", "eda080edb080", "edafbfedbfbf",
    # beyond Unicode
    "f4908080", "f5808080", "f7bfbfbf", "f888808080", "fbbfbfbfbf", "fc8480808080", "fdbfbfbfbfbf",
]


def octets(data):
    """A message with a fragment for each byte."""
    if not data:
        return frame(TEXT)
    return b"".join(frame(CONTINUATION if i else TEXT, data[i:i + 1], fin=i == len(data) - 1) for i in range(len(data)))


@pytest.mark.parametrize(**cases(
    ("greeting", frame(TEXT, GREETING), [(TEXT, GREETING)]),
    ("greeting, cut between characters", frame(TEXT, GREETING[:7], fin=False) + frame(CONTINUATION, GREETING[7:]),
     [(TEXT, GREETING)]),
    ("greeting, a fragment for each byte", octets(GREETING), [(TEXT, GREETING)]),
    ("empty fragments around a character", frame(TEXT, fin=False) + frame(CONTINUATION, "µ", fin=False)
     + frame(CONTINUATION), [(TEXT, "µ".encode())]),
    ("empty fragment within a character", frame(TEXT, b"\xc2", fin=False) + frame(CONTINUATION, fin=False)
     + frame(CONTINUATION, b"\xb5"), [(TEXT, "µ".encode())]),
    ("surrogates after good text", frame(TEXT, KOSME + b"\xed\xa0\x80edited"), (), (), 1007),
    ("the same, a fragment for each byte", octets(KOSME + b"\xed\xa0\x80edited"), (), (), 1007),
    ("cut at the end, empty last fragment", frame(TEXT, b"\xce", fin=False) + frame(CONTINUATION), (), (), 1007),
    ("cut at the end, next message goes on", frame(TEXT, b"\xce") + frame(TEXT, b"\xba"), (), (), 1007),
))
def test_texts(door, path, cut, case):
    with door.open(path) as wire:
        play(wire, case, cut)


def test_valid_sequences(door, path):
    """All on one connection: whole, by the byte, and far enough from the start that words are read at once."""
    with door.open(path) as wire:
        for text in map(bytes.fromhex, VALID):
            for whole in (text, b"a" * 37 + text + b"z" * 37):
                send(wire, frame(TEXT, whole) + octets(whole))
                assert [wire.message(), wire.message()] == [(TEXT, whole)] * 2


@pytest.mark.parametrize("text", INVALID, ids=lambda text: text[:16])
def test_invalid_sequences(door, text):
    text = bytes.fromhex(text)
    for sent in (frame(TEXT, text), octets(text), frame(TEXT, b"a" * 37 + text + b"z" * 37)):
        with door.open("/echo") as wire:
            wire.send(sent)
            assert wire.close_code() == 1007


def code_of(wire):
    said = Transcript(wire)
    while not said.closed:
        said.read()
    return said.code


@pytest.mark.parametrize("bad", [b"\xf4\x90\x80\x80", b"\xf4\x90", b"\xed\xa0", b"\xff", b"\xc0", b"\xe0\x80"],
                         ids=lambda bad: bad.hex())
@pytest.mark.parametrize("within", ["message", "frame"])
def test_fails_fast(door, path, bad, within):
    """The rest of the message, or of the frame, is never sent: the fault is found at the byte that cannot be made good."""
    with door.open(path) as wire:
        if within == "message":
            wire.send(frame(TEXT, KOSME, fin=False) + frame(CONTINUATION, bad, fin=False))
        else:
            wire.send(frame(TEXT, KOSME + bad, length=100))
        assert code_of(wire) == 1007


def test_what_can_still_be_made_good_is_waited_for(door, path):
    with door.open(path) as wire:
        wire.send(frame(TEXT, KOSME + b"\xf4\x8f\xbf", fin=False) + frame(9, "p"))
        while wire.frame()[0] != 10:
            pass
        wire.send(frame(CONTINUATION, b"\xbf") + frame(TEXT, "next"))
        while wire.frame()[1] != b"next":
            pass


def test_binary_is_not_text(door, path):
    with door.open(path) as wire:
        for text in map(bytes.fromhex, INVALID):
            send(wire, frame(2, text))
            assert wire.message() == (2, text)
