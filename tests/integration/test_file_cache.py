"""Files that many ask for are kept for a moment: whoever asks after a change is answered as if they were not."""
import os
import time

import pytest

from support.gate import web
from support.wire import Wire

SETTLED = 3  # s since its last change, after which a file may be kept
OLD, NEW = b"o" * 12000, b"n" * 12000
CHANGES = {
    "replaced": lambda path: replace(path, NEW),
    "overwritten": lambda path: path.write_bytes(NEW),
    "truncated": lambda path: os.truncate(path, 100),
    "grown": lambda path: path.write_bytes(OLD + NEW),
    "deleted": lambda path: path.unlink(),
    "denied": lambda path: path.chmod(0),
    "linked": lambda path: turn(path, "other"),
    "escaped": lambda path: turn(path, "../secret"),
}
ANSWERS = {"replaced": (200, NEW), "overwritten": (200, NEW), "truncated": (200, OLD[:100]), "grown": (200, OLD + NEW), "deleted": 404,
           "denied": 403, "linked": (200, b"other"), "escaped": 404}


def replace(path, data):
    other = path.with_suffix(".new")
    other.write_bytes(data)
    other.rename(path)


def turn(path, to):
    """Has a link lead elsewhere, in one step."""
    other = path.with_suffix(".new")
    other.symlink_to(to)
    other.rename(path)


@pytest.fixture
def site(directory):
    """Files that may be kept; "linked" and "escaped" are links to one of them."""
    path = directory / "web"
    path.mkdir()
    (directory / "secret").write_bytes(b"secret")
    (path / "other").write_bytes(b"other")
    for name in (*CHANGES, "sent"):
        (path / name).write_bytes(OLD)
    for name in ("linked", "escaped"):
        (path / name).unlink()
        (path / name).symlink_to("sent")
    time.sleep(max(0, int(time.time()) + SETTLED + 0.05 - time.time()))
    return path


def asked(wire, name):
    answer = wire.request(f"/{name}")
    return (200, answer.body) if answer.status == 200 else answer.status


def send_while_it_is_replaced(gate, site):
    """Nobody reads, until the file is another one: each answer is of one of the two, and the later ones are of the new one."""
    count = 400
    with Wire(gate.port, receive_buffer=4096) as wire:
        wire.send("GET /sent HTTP/1.1\r\nHost: localhost\r\n\r\n" * count)
        first = wire.response()
        replace(site / "sent", NEW)
        answers = [first, *(wire.response() for _ in range(count - 1))]
        assert asked(wire, "sent") == (200, NEW)
    etags = {body: {answer.get("ETag") for answer in answers if answer.body == body} for body in (OLD, NEW)}
    assert len(etags[OLD]) == len(etags[NEW]) == 1 and etags[OLD] != etags[NEW]
    bodies = [answer.body for answer in answers]
    assert bodies == sorted(bodies, reverse=True)


def test_no_change_is_missed(crossgate, site):
    gate = crossgate(web({"/": {"type": "static", "directory": "web"}}), workers=1)
    with Wire(gate.port) as wire:
        for name in (*CHANGES, "sent") * 2:
            assert asked(wire, name) == (200, OLD), name
        for name, change in CHANGES.items():
            change(site / name)
            assert asked(wire, name) == ANSWERS[name], name
            assert asked(wire, name) == ANSWERS[name], name
    send_while_it_is_replaced(gate, site)
