"""HTTP/1.1 by curl and by hand."""
import email.utils
import hashlib
import json
import os
import re
import subprocess
import time

import pytest

from support.gate import ECHO, HELLO, rss, web
from support.wait import eventually, throughout
from support.wire import Wire

BOUND = 9  # s in which something short must have happened, on a loaded machine: sooner than without being told


def curl(*words, timeout=60):
    done = subprocess.run(["curl", "-sS", *map(str, words)], capture_output=True, timeout=timeout)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def site(directory):
    """A directory to serve, with what must and must not be reached."""
    web_directory = directory / "web"
    (web_directory / "sub" / "deep").mkdir(parents=True)
    (directory / "secret.txt").write_text("secret")
    (web_directory / "index.html").write_text("<h1>home</h1>")
    (web_directory / "sub" / "index.html").write_text("<h1>sub</h1>")
    (web_directory / "hello.txt").write_text("hello, world\n")
    (web_directory / "app.js").write_text("let x;")
    (web_directory / "with space ü.txt").write_text("odd name")
    (web_directory / "empty").write_text("")
    (web_directory / "data.wasm").write_bytes(b"\0asm")
    (web_directory / "digits").write_text("".join(str(i % 10) for i in range(1000)))
    (web_directory / ".well-known").mkdir()
    (web_directory / ".well-known" / "token").write_text("acme")
    (web_directory / "out.txt").symlink_to("../secret.txt")
    (web_directory / "out-directory").symlink_to("..")
    (web_directory / "absolute.txt").symlink_to(directory / "secret.txt")
    (web_directory / "inside.txt").symlink_to("hello.txt")
    os.mkfifo(web_directory / "fifo")
    return web_directory


STATIC = {"type": "static", "directory": "web"}


@pytest.fixture
def gate(crossgate, pki, site):
    return crossgate(web({"/": STATIC, "json": HELLO, "ws": ECHO, "info": {"type": "nodeinfo"},
                          "old": {"type": "redirect", "url": "https://new.example/there"},
                          "more": {"type": "path", "paths": {"/": HELLO, "files": STATIC,
                                                             "even": {"type": "path", "paths": {"more": HELLO}}}}},
                         tls=pki.tls("ec")))


@pytest.fixture
def wire(gate, pki):
    with Wire(gate.port, pki.client()) as wire:
        yield wire


# Ordinary life, by curl

def url(gate, path):
    return f"https://localhost:{gate.port}{path}"


def test_curl_reads_a_page_over_http_1_1(gate, pki):
    out = curl("--cacert", pki["root.pem"], "-w", "|%{http_version} %{http_code} %{content_type}", url(gate, "/"))
    assert out.startswith(b"<h1>home</h1>|1.1 200 text/html")


def test_curl_keeps_the_connection(gate, pki):
    out = curl("--cacert", pki["root.pem"], "-w", "|%{num_connects}\n", url(gate, "/hello.txt"), url(gate, "/json"),
               url(gate, "/missing"), url(gate, "/sub/"))
    assert [line.rpartition(b"|")[2] for line in out.splitlines() if b"|" in line] == [b"1", b"0", b"0", b"0"]


def test_curl_over_plain_http(crossgate, site):
    gate = crossgate(web({"/": STATIC}))
    assert curl(f"http://127.0.0.1:{gate.port}/hello.txt") == b"hello, world\n"


def test_curl_over_a_unix_socket(crossgate, site, directory):
    gate = crossgate({"type": "web", "endpoint": {"type": "unix", "path": "front.sock"}, "paths": {"/": STATIC}})
    assert curl("--unix-socket", directory / "front.sock", "http://localhost/hello.txt") == b"hello, world\n"
    assert os.stat(directory / "front.sock").st_mode & 0o777 == 0o666
    gate.stop()


def test_curl_resumes_and_checks_a_download(gate, pki, tmp_path):
    part = tmp_path / "digits"
    part.write_text("0123456789" * 30)
    curl("--cacert", pki["root.pem"], "-C", "-", "-o", part, url(gate, "/digits"))
    assert part.read_text() == "0123456789" * 100


def test_big_file_arrives_intact(gate, site, pki, tmp_path):
    digest = hashlib.sha256()
    with open(site / "big", "wb") as file:
        for i in range(64):
            block = os.urandom(65536) * 16
            digest.update(block)
            file.write(block)
    curl("--cacert", pki["root.pem"], "-o", tmp_path / "got", url(gate, "/big"), timeout=120)
    assert hashlib.sha256((tmp_path / "got").read_bytes()).hexdigest() == digest.hexdigest()


def test_slow_reader_gets_all_and_costs_little_memory(gate, site, pki, sanitized):
    block = os.urandom(65536)
    with open(site / "big", "wb") as file:
        for _ in range(16 * 32):
            file.write(block)
    before = {pid: rss(pid) for pid in gate.workers()}
    with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
        wire.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.until(b"\r\n\r\n")
        # The server runs ahead as far as buffers reach; then it must stop reading the file.
        if not sanitized:
            throughout(lambda: all(rss(pid) < before[pid] + 8 * 2**20 for pid in before), 0.5)
        for _ in range(16 * 32):
            assert wire.exactly(65536) == block


# Keep-alive, pipelining, methods

def test_keep_alive_on_one_connection(wire):
    for _ in range(50):
        assert wire.request("/hello.txt").body == b"hello, world\n"


def test_pipelined_requests_are_answered_in_order(wire):
    targets = ["/hello.txt", "/json", "/missing", "/digits", "/empty", "/old", "/sub/"] * 20
    wire.send("".join(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n" for target in targets))
    statuses = [wire.response().status for _ in targets]
    assert statuses == [200, 200, 404, 200, 200, 302, 200] * 20


def test_pipelined_requests_split_anywhere(gate, pki):
    data = b"GET /json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2
    with Wire(gate.port, pki.client()) as wire:
        for cut in range(1, len(data)):
            wire.send(data[:cut]).send(data[cut:])
            assert wire.response().status == wire.response().status == 200


def test_connection_close_is_honoured(wire):
    answer = wire.request(headers=["Connection: close"])
    assert answer.get("Connection") == "close"
    assert wire.rest() == b""


def test_http_1_0_closes_unless_asked(gate, pki):
    with Wire(gate.port, pki.client()) as wire:
        wire.send("GET /hello.txt HTTP/1.0\r\n\r\n")
        assert wire.response().body == b"hello, world\n"
        assert wire.rest() == b""
    with Wire(gate.port, pki.client()) as wire:
        for _ in range(2):
            wire.send("GET /hello.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert wire.response().body == b"hello, world\n"


@pytest.mark.parametrize("target", ["/hello.txt", "/json", "/info", "/", "/missing", "/old"])
def test_head_is_get_without_the_body(wire, target):
    get = wire.request(target)
    head = wire.request(target, "HEAD")
    assert head.status == get.status
    for name in ("Content-Type", "Content-Length", "ETag", "Last-Modified", "Location"):
        assert head.get(name) == get.get(name)
    assert wire.request("/json").status == 200  # nothing of a body was in the way


@pytest.mark.parametrize("target", ["/hello.txt", "/json", "/info", "/old"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_get_405_with_allow(wire, target, method):
    answer = wire.request(target, method, body=b"x=1")
    assert answer.status == 405
    assert "GET" in answer.get("Allow") and "HEAD" in answer.get("Allow")
    assert wire.request("/json").status == 200  # the body was read past


def test_chunked_body_is_read_past(wire):
    wire.send("POST /json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5;x=y\r\nhello\r\n0\r\nTrailer: 1\r\n\r\n")
    assert wire.response().status == 405
    assert wire.request("/json").status == 200


def test_big_unwanted_body_ends_the_connection(wire):
    wire.send("POST /json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n")
    answer = wire.response()
    assert answer.status in (405, 413)
    assert answer.get("Connection") == "close"


def test_answers_carry_date_and_length(wire):
    answer = wire.request("/hello.txt")
    sent = email.utils.parsedate_to_datetime(answer.get("Date")).timestamp()
    assert abs(time.time() - sent) < 60
    assert answer.get("Content-Length") == "13"
    assert len(answer.all("Date")) == len(answer.all("Content-Length")) == 1


# Services

def test_json_is_served(wire):
    answer = wire.request("/json")
    assert answer.get("Content-Type").startswith("application/json")
    assert json.loads(answer.body) == {"hello": "world"}


def test_json_values_of_all_kinds_are_served(crossgate):
    values = [None, True, 12345678901234, 1.5, "ü\u2028\"\\", [], {}, {"a": [1, {"b": None}]}]
    gate = crossgate(web({"/": HELLO, **{f"v{i}": {"type": "json", "value": value} for i, value in enumerate(values)}}))
    with Wire(gate.port) as wire:
        assert [json.loads(wire.request(f"/v{i}").body) for i in range(len(values))] == values


def test_redirect_is_302_to_the_fixed_url(wire):
    for target in ("/old", "/old/deeper?x=1"):
        answer = wire.request(target)
        assert answer.status == 302
        assert answer.get("Location") == "https://new.example/there"


def test_nodeinfo_is_a_page(wire):
    answer = wire.request("/info")
    assert answer.status == 200
    assert answer.get("Content-Type").startswith("text/html")
    assert b"rossgate" in answer.body


def test_path_service_nests(wire):
    assert wire.request("/more").status == 200
    assert wire.request("/more/even/more").status == 200
    assert wire.request("/more/files/hello.txt").body == b"hello, world\n"
    assert wire.request("/more/even").status == 404


def test_no_root_path_gives_404(crossgate):
    gate = crossgate(web({"json": HELLO}))
    with Wire(gate.port) as wire:
        assert wire.request("/").status == 404
        assert wire.request("/other").status == 404
        assert wire.request("/json").status == 200


def test_sibling_path_wins_over_a_file(gate, site, pki):
    (site / "json").write_text("a file")
    with Wire(gate.port, pki.client()) as wire:
        assert json.loads(wire.request("/json").body) == {"hello": "world"}


def test_websocket_path_without_upgrade_says_so(wire):
    answer = wire.request("/ws")
    assert answer.status == 200
    assert b"WebSocket" in answer.body


def test_hsts_is_sent_when_configured_over_tls_only(crossgate, pki):
    options = {"hsts": True, "hsts_max_age": 600}
    gate = crossgate(web({"/": HELLO}, tls=pki.tls("ec"), options=options), web({"/": HELLO}, options=options))
    secure, plain = gate.ports()
    with Wire(secure, pki.client()) as wire:
        assert wire.request().get("Strict-Transport-Security") == "max-age=600"
    with Wire(plain) as wire:
        assert wire.request().get("Strict-Transport-Security") is None


# Static files

@pytest.mark.parametrize("target, kind", [("/index.html", "text/html"), ("/app.js", "javascript"),
                                          ("/hello.txt", "text/plain"), ("/data.wasm", "application/wasm")])
def test_static_names_the_media_type(wire, target, kind):
    assert kind in wire.request(target).get("Content-Type")


def test_static_serves_index_and_redirects_to_the_slash(wire):
    assert wire.request("/sub/").body == b"<h1>sub</h1>"
    answer = wire.request("/sub")
    assert answer.status in (301, 302, 308)
    assert answer.get("Location").endswith("/sub/")


def test_static_directory_without_index_is_not_listed(wire):
    assert wire.request("/sub/deep/").status in (403, 404)


def test_static_serves_well_known_and_odd_names(wire):
    assert wire.request("/.well-known/token").body == b"acme"
    assert wire.request("/with%20space%20%C3%BC.txt").body == b"odd name"
    assert wire.request("/inside.txt").body == b"hello, world\n"
    assert wire.request("/empty").body == b""


@pytest.mark.parametrize("target", [
    "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/sub/../../secret.txt", "/sub/%2e%2e/%2e%2e/secret.txt",
    "/....//secret.txt", "//secret.txt", "/..\\secret.txt", "/%252e%252e/secret.txt", "/out.txt", "/out-directory/secret.txt",
    "/absolute.txt", "/hello.txt/", "/hello.txt/x", "/hello.txt%00", "/fifo", "/proc/self/environ",
    "/out-directory/web/out-directory/secret.txt", "/sub/..;/secret.txt", "/%c0%ae%c0%ae/secret.txt",
])
def test_static_never_leaves_its_directory(gate, pki, target):
    with Wire(gate.port, pki.client()) as wire:
        answer = wire.request(target)
        assert answer.status in (301, 302, 400, 403, 404, 500), answer.head
        assert b"secret" not in answer.body


@pytest.mark.parametrize("asked, status, body, content_range", [
    ("bytes=0-4", 206, b"01234", "bytes 0-4/1000"),
    ("bytes=995-", 206, b"56789", "bytes 995-999/1000"),
    ("bytes=-3", 206, b"789", "bytes 997-999/1000"),
    ("bytes=998-2000", 206, b"89", "bytes 998-999/1000"),
    ("bytes=-5000", 206, None, "bytes 0-999/1000"),
    ("bytes=1000-", 416, None, "bytes */1000"),
    ("bytes=-0", 416, None, "bytes */1000"),
])
def test_range_is_answered(wire, asked, status, body, content_range):
    answer = wire.request("/digits", headers=[f"Range: {asked}"])
    assert answer.status == status
    assert answer.get("Content-Range") == content_range
    if body is not None:
        assert answer.body == body


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=a-b", "lines=1-2", "bytes=", "bytes=0-1,5-6", "bytes=-",
                                   "bytes=99999999999999999999999-"])
def test_range_that_is_not_understood_is_ignored_or_refused(wire, asked):
    answer = wire.request("/digits", headers=[f"Range: {asked}"])
    assert answer.status in (200, 206, 416)
    if answer.status == 200:
        assert len(answer.body) == 1000


def test_conditional_get(wire):
    first = wire.request("/hello.txt")
    etag, modified = first.get("ETag"), first.get("Last-Modified")
    assert etag and modified
    for headers, status in [([f"If-None-Match: {etag}"], 304), (["If-None-Match: *"], 304),
                            (['If-None-Match: "other"'], 200), ([f'If-None-Match: "x", {etag}'], 304),
                            ([f"If-Modified-Since: {modified}"], 304),
                            (["If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"], 200),
                            (["If-Modified-Since: nonsense"], 200),
                            (['If-None-Match: "other"', f"If-Modified-Since: {modified}"], 200)]:
        answer = wire.request("/hello.txt", headers=headers)
        assert answer.status == status, headers
        if status == 304:
            assert answer.get("ETag") == etag


def test_range_of_a_changed_file_is_the_whole_file(wire):
    answer = wire.request("/digits", headers=["Range: bytes=0-1", 'If-Range: "other"'])
    assert answer.status == 200 and len(answer.body) == 1000


def test_changed_file_has_another_etag(gate, site, pki):
    with Wire(gate.port, pki.client()) as wire:
        first = wire.request("/hello.txt").get("ETag")
        (site / "hello.txt").write_text("changed, and longer\n")
        again = wire.request("/hello.txt")
        assert again.body == b"changed, and longer\n" and again.get("ETag") != first


def test_cache_timeout_becomes_max_age(crossgate, site):
    gate = crossgate(web({"/": {**STATIC, "options": {"cache_timeout": 60}}}))
    with Wire(gate.port) as wire:
        assert "max-age=60" in wire.request("/hello.txt").get("Cache-Control")


def test_default_file_answers_for_what_is_not_there(crossgate, site):
    gate = crossgate(web({"/": {**STATIC, "options": {"default_file": "index.html"}}}))
    with Wire(gate.port) as wire:
        answer = wire.request("/some/view")
        assert answer.status == 200 and answer.body == b"<h1>home</h1>"


# What is not HTTP is refused: (name, bytes, statuses allowed); the connection ends after it.

GOOD = b"Host: localhost\r\n"
MALFORMED = [
    ("no host", b"GET / HTTP/1.1\r\n\r\n", {400}),
    ("two hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", {400}),
    ("host with a space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    ("host with a path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", {400}),
    ("host with a user", b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", {400}),
    ("space before the colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", {400}),
    ("folded header", b"GET / HTTP/1.1\r\n" + GOOD + b"X: a\r\n b\r\n\r\n", {400}),
    ("header without a colon", b"GET / HTTP/1.1\r\n" + GOOD + b"nonsense\r\n\r\n", {400}),
    ("header without a name", b"GET / HTTP/1.1\r\n" + GOOD + b": x\r\n\r\n", {400}),
    ("space in a header's name", b"GET / HTTP/1.1\r\n" + GOOD + b"a b: x\r\n\r\n", {400}),
    ("NUL in a header", b"GET / HTTP/1.1\r\n" + GOOD + b"X: a\0b\r\n\r\n", {400}),
    ("CR in a header", b"GET / HTTP/1.1\r\n" + GOOD + b"X: a\rb\r\n\r\n", {400}),
    ("control character in a header", b"GET / HTTP/1.1\r\n" + GOOD + b"X: a\x01b\r\n\r\n", {400}),
    ("bare LF ends a line", b"GET / HTTP/1.1\nHost: localhost\n\n", {400}),
    ("space before the first header", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", {400}),
    ("no version", b"GET /\r\n" + GOOD + b"\r\n", {400, 505}),
    ("version 0.9", b"GET / HTTP/0.9\r\n" + GOOD + b"\r\n", {400, 505}),
    ("version 2.0", b"GET / HTTP/2.0\r\n" + GOOD + b"\r\n", {505}),
    ("version 1.2", b"GET / HTTP/1.2\r\n" + GOOD + b"\r\n", {200, 400, 505}),
    ("version 1.10", b"GET / HTTP/1.10\r\n" + GOOD + b"\r\n", {400, 505}),
    ("version in lower case", b"GET / http/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("other protocol", b"GET / ICY/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    ("two spaces", b"GET  / HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("tab between", b"GET\t/\tHTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("no method", b"/ HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("method in lower case", b"get / HTTP/1.1\r\n" + GOOD + b"\r\n", {400, 405, 501}),
    ("method that is not one", b"G@T / HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("method unknown", b"BREW / HTTP/1.1\r\n" + GOOD + b"\r\n", {400, 405, 501}),
    ("CONNECT", b"CONNECT localhost:1 HTTP/1.1\r\n" + GOOD + b"\r\n", {400, 405, 501}),
    ("target without a slash", b"GET index.html HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("target with a fragment", b"GET /#x HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("target with a control character", b"GET /\x7f HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("target with a raw byte", b"GET /\xff HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("bad percent", b"GET /%zz HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("cut percent", b"GET /% HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("encoded NUL", b"GET /%00 HTTP/1.1\r\n" + GOOD + b"\r\n", {400, 404}),
    ("star for GET", b"GET * HTTP/1.1\r\n" + GOOD + b"\r\n", {400}),
    ("both lengths", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     {400}),
    ("two different lengths", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
     {400}),
    ("length list", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: 3, 4\r\n\r\nabcd", {400}),
    ("negative length", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: -1\r\n\r\n", {400}),
    ("signed length", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: +3\r\n\r\nabc", {400}),
    ("hexadecimal length", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: 0x3\r\n\r\nabc", {400}),
    ("length over 64 bits", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length: 99999999999999999999999\r\n\r\n", {400, 413}),
    ("empty length", b"POST / HTTP/1.1\r\n" + GOOD + b"Content-Length:\r\n\r\n", {400}),
    ("unknown transfer coding", b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: gzip\r\n\r\n", {400, 501}),
    ("chunked is not last", b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: chunked, gzip\r\n\r\n", {400, 501}),
    ("chunked twice", b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunked with a tab", b"POST / HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunked in 1.0", b"POST / HTTP/1.0\r\n" + GOOD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    ("chunk size that is not one", b"POST /json HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", {400, 405}),
    ("chunk size over 64 bits", b"POST /json HTTP/1.1\r\n" + GOOD + b"Transfer-Encoding: chunked\r\n\r\n"
     b"fffffffffffffffff\r\n", {400, 405, 413}),
    ("unknown expectation", b"GET / HTTP/1.1\r\n" + GOOD + b"Expect: magic\r\n\r\n", {417}),
    ("target over the limit", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + GOOD + b"\r\n", {414}),
    ("head over the limit", b"GET / HTTP/1.1\r\n" + GOOD + b"X: " + b"a" * 17000 + b"\r\n\r\n", {431}),
    ("too many headers", b"GET / HTTP/1.1\r\n" + GOOD + b"".join(b"X%d: a\r\n" % i for i in range(101)) + b"\r\n", {431}),
    ("endless header", b"GET / HTTP/1.1\r\n" + GOOD + b"X: " + b"a" * 200000, {431}),
    ("endless target", b"GET /" + b"a" * 200000, {414, 431}),
    ("endless method", b"A" * 200000, {400, 414, 431, 501}),
    ("noise", bytes(range(256)) * 4, {400}),
    ("TLS hello within TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), {400}),
]
ANSWERED_AND_KEPT = {404, 405, 417, 200, 501}


@pytest.mark.parametrize("name, data, statuses", MALFORMED, ids=[row[0] for row in MALFORMED])
def test_malformed_request_is_refused(gate, pki, name, data, statuses):
    pids = gate.workers()
    with Wire(gate.port, pki.client()) as wire:
        try:
            wire.send(data)
        except OSError:
            pass  # refused before all was sent
        answer = wire.response()
        assert answer.status in statuses, answer.head
        if answer.status not in ANSWERED_AND_KEPT:
            assert answer.get("Connection") == "close"
            wire.rest()
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/json").status == 200
    assert gate.workers() == pids


REFUSALS = [
    (b"GET / HTTP/1.1\r\n" + GOOD + b"X: " + b"a" * 17000 + b"\r\n\r\n", 431, "request head over the limit"),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + GOOD + b"\r\n", 414, "request target over the limit"),
    (b"GET / HTTP/2.0\r\n" + GOOD + b"\r\n", 505, "HTTP version not supported"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "request not understood"),
    (b"GET /missing HTTP/1.1\r\n" + GOOD + b"\r\n", 404, "nothing is served at this path"),
    (b"POST /json HTTP/1.1\r\n" + GOOD + b"\r\n", 405, "method not allowed for this path"),
    (b"GET / HTTP/1.1\r\n" + GOOD + b"Expect: magic\r\n\r\n", 417, "expectation not supported"),
    (b"GET /digits HTTP/1.1\r\n" + GOOD + b"Range: bytes=5000-\r\n\r\n", 416, "range not satisfiable"),
    (b"GET /locked HTTP/1.1\r\n" + GOOD + b"\r\n", 403, "not allowed"),
    (b"GET /ws HTTP/1.1\r\n" + GOOD + b"Upgrade: websocket\r\n\r\n", 426, "this path serves WebSocket connections only"),
]


@pytest.mark.parametrize("data, status, text", REFUSALS, ids=[str(row[1]) for row in REFUSALS])
def test_refusal_says_what_is_wrong(gate, pki, site, data, status, text):
    (site / "locked").write_text("x")
    os.chmod(site / "locked", 0)
    with Wire(gate.port, pki.client()) as wire:
        wire.send(data)
        answer = wire.response()
        assert (answer.status, answer.body.decode()) == (status, f"{status} {text}\n")


def test_file_that_the_workers_may_not_read_is_named_in_the_log(gate, pki, site):
    (site / "locked").write_text("x")
    os.chmod(site / "locked", 0)
    before = len(gate.log)
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/locked").status == 403
    gate.wait_log("not allowed: no permission to read locked", since=before)


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /json HTTP/1.1"
    b"\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nGET /json HTTP/1.1\r\n"
    b"Host: localhost\r\n\r\n",
])
def test_smuggled_request_is_not_answered(gate, pki, data):
    with Wire(gate.port, pki.client()) as wire:
        wire.send(data)
        assert wire.response().status == 400
        assert wire.rest() == b""


def test_error_page_does_not_echo_the_request(gate, pki):
    with Wire(gate.port, pki.client()) as wire:
        answer = wire.request("/<script>alert(1)</script>".replace("<", "%3C").replace(">", "%3E"))
        assert b"<script>" not in answer.body


def test_absolute_target_is_understood(wire):
    assert wire.request("http://localhost/hello.txt").status == 200


def test_empty_line_before_a_request_is_skipped(wire):
    wire.send("\r\nGET /json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.response().status == 200


def test_upgrade_to_something_else_is_ignored(wire):
    answer = wire.request("/hello.txt", headers=["Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"])
    assert answer.status == 200
    assert wire.request("/json").status == 200


def test_log_lines_cannot_be_forged(gate, pki):
    with Wire(gate.port, pki.client()) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHost: a\x1b[31m\r\n\r\n")
        assert wire.response().status == 400
    assert "\x1b[31m" not in gate.log


# Slow and silent clients, at each stage

@pytest.fixture
def short(crossgate, pki, site):
    """short("idle_timeout") starts a server for which that limit is short, and all others are as ever: whoever is late because the
    machine is busy meets no limit that he does not want to meet."""
    return lambda limit, ms=700: crossgate(web({"/": STATIC, "json": HELLO, "ws": ECHO}, tls=pki.tls("ec")), web({"/": HELLO}),
                                           limits={limit: ms}, workers=1)


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_silent_client_before_the_handshake_is_dropped(short, said):
    gate = short("handshake_timeout")
    with Wire(gate.port) as wire:
        wire.send(said)
        assert wire.ends(BOUND)
    gate.wait_log("TLS handshake took too long")


def test_slow_handshake_is_dropped_though_bytes_keep_coming(short):
    """The deadline of a handshake is a total, not an idle time."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
    with Wire(short("handshake_timeout").port) as wire:
        began = time.monotonic()
        assert not wire.send_slowly(hello, 0.1)
        assert time.monotonic() - began < BOUND


def test_silent_client_before_the_first_request_is_dropped(short, pki):
    with Wire(short("head_timeout").port, pki.client()) as wire:
        assert wire.ends(BOUND)


def test_client_silent_within_a_head_gets_408(short, pki):
    gate = short("head_timeout", 2000)  # from the handshake on, and by then we have to have said something
    with Wire(gate.port, pki.client()) as wire:
        wire.send("GET / HTTP/1.1\r\nHost: local")
        assert wire.response().status == 408
        assert wire.rest() == b""
    gate.wait_log("request head took too long")


def test_slow_head_gets_408_though_bytes_keep_coming(short, pki):
    with Wire(short("head_timeout", 2000).port, pki.client()) as wire:
        began = time.monotonic()
        assert not wire.send_slowly(b"GET / HTTP/1.1\r\nX: " + b"a" * 500, 0.1)
        assert time.monotonic() - began < BOUND
        assert wire.response().status == 408


def test_idle_connection_between_requests_ends_quietly(short, pki):
    with Wire(short("idle_timeout").port, pki.client()) as wire:
        assert wire.request("/json").status == 200
        assert wire.rest() == b""


def test_missing_body_ends_the_connection(short, pki):
    with Wire(short("body_timeout").port, pki.client()) as wire:
        wire.send("POST /json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        assert wire.response().status in (405, 408)
        assert wire.ends(BOUND)


def test_client_that_does_not_read_is_dropped(short, site, pki):
    with open(site / "big", "wb") as file:
        file.truncate(64 * 2**20)
    gate = short("send_timeout")
    with Wire(gate.port, pki.client(), receive_buffer=65536) as wire:
        wire.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        gate.wait_log("peer does not read", 25)  # sooner than without the limit


@pytest.mark.long
def test_slow_but_steady_reader_is_not_dropped(short, site, pki):
    """send_timeout is about progress, not about a total."""
    with open(site / "big", "wb") as file:
        file.truncate(12 * 2**20)
    with Wire(short("send_timeout", 3000).port, pki.client(), receive_buffer=65536) as wire:
        wire.send("GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wire.until(b"\r\n\r\n")
        began = time.monotonic()
        wire.read_slowly(12 * 2**20, 262144, 0.12)
        assert time.monotonic() - began > 5


def test_connections_end_while_others_are_served(short):
    """Two hundred silent clients cost nothing but their places."""
    secure, plain = short("handshake_timeout").ports()
    silent = [Wire(secure) for _ in range(200)]
    with Wire(plain) as wire:
        for _ in range(20):
            assert wire.request().status == 200
    assert all(wire.ends(BOUND) for wire in silent)


def test_access_log_has_a_line_per_request_when_asked(crossgate):
    gate = crossgate(web({"/": HELLO}, options={"access_log": True}))
    with Wire(gate.port) as wire:
        wire.request("/some/path?x=1")
    eventually(lambda: re.search(r"GET /some/path\?x=1.* 200", gate.log), why="access log line")
