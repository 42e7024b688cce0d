"""Screenshots as pixels: PNG with 8 bits per channel, as browsers write it (RGB or RGBA, not interlaced)."""
import struct
import zlib


def _chunks(data):
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(data):
        size, kind = struct.unpack("!I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size


def _nearest(left, up, corner):
    """Paeth's predictor."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda one: abs(guess - one))


def _unfiltered(kind, line, above, step):
    for i in range(len(line)):
        left, up, corner = line[i - step] if i >= step else 0, above[i], above[i - step] if i >= step else 0
        line[i] = (line[i] + (0, left, up, (left + up) // 2, _nearest(left, up, corner))[kind]) & 0xFF
    return line


def pixels(data):
    """Rows of (red, green, blue)."""
    chunks = list(_chunks(data))
    width, height, depth, colour, _, _, interlaced = struct.unpack("!IIBBBBB", dict(chunks)[b"IHDR"])
    assert (depth, interlaced) == (8, 0) and colour in (2, 6)
    step = 3 if colour == 2 else 4
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    above, rows = bytearray(width * step), []
    for start in range(0, height * (width * step + 1), width * step + 1):
        line = bytearray(raw[start + 1:start + 1 + width * step])
        above = _unfiltered(raw[start], line, above, step) if raw[start] else line
        rows.append([tuple(above[i:i + 3]) for i in range(0, width * step, step)])
    return rows
