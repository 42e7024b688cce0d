"""What answers by itself: files with their encoded forms and listings, redirects, paths, testee workers."""
import gzip
import html.parser
import json
import os
import re
import subprocess
import time
import urllib.parse

import pytest

from support.backend import Backend
from support.gate import HELLO, document, run, tcp, web
from support.origin import Origin
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

STATIC = {"type": "static", "directory": "web"}
LISTED = {**STATIC, "options": {"enable_directory_listing": True}}
LISTINGS_MAX = 32  # of a worker, in memory at a time
BOUND = 8  # s in which something short must have happened, on a loaded machine


def curl(*words, timeout=60):
    done = subprocess.run(["curl", "-sS", *map(str, words)], capture_output=True, timeout=timeout)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def site(directory):
    path = directory / "web"
    path.mkdir()
    return path


# Listings

class Links(html.parser.HTMLParser):
    """The links of a page, as (target, text)."""

    def __init__(self, page):
        super().__init__()
        self.links, self._target = [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        assert tag in ("html", "head", "meta", "title", "body", "h1", "table", "tr", "th", "td", "a", "p"), tag
        if tag == "a":
            self._target = dict(attributes)["href"]

    def handle_data(self, data):
        if self._target is not None:
            self.links.append((self._target, data))
            self._target = None


ODD = ["a b", "ü€", "<img src=x onerror=alert(1)>", "%41", "mailto:x", "#fragment", "?query", "&amp;", "quote'\"", "back\\slash",
       "semi;colon", "comma,", "plus+", "index.rpy", "javascript:alert(1)"]


def test_each_link_of_a_listing_leads_to_its_file(crossgate, site):
    (site / "<odd> & dir").mkdir()
    for name in ODD:
        (site / "<odd> & dir" / name).write_text(f"content of {name}")
    (site / "<odd> & dir" / ".secret").write_text("hidden")
    (site / "<odd> & dir" / "away").symlink_to("/etc/passwd")
    (site / "<odd> & dir" / "inner").mkdir()
    gate = crossgate(web({"files": LISTED}))
    start = f"http://127.0.0.1:{gate.port}/files"
    page = curl("-L", start).decode()
    first, = [target for target, text in Links(page).links if text == "<odd> & dir/"]
    # The visitor came without a slash at the end, and was led to where relative links are right.
    below = urllib.parse.urljoin(start + "/", first)
    links = Links(curl(below).decode()).links
    assert [text for _, text in links] == ["../", "inner/", *sorted(ODD, key=lambda name: name.encode())]
    for target, name in links[2:]:
        assert curl(urllib.parse.urljoin(below, target)).decode() == f"content of {name}"
    assert urllib.parse.urljoin(below, links[0][0]) == start + "/"


def test_listing_is_off_unless_asked_for_and_an_index_wins(crossgate, site):
    (site / "empty").mkdir()
    (site / "indexed").mkdir()
    (site / "indexed" / "index.htm").write_text("the index")
    gate = crossgate(web({"/": STATIC, "listed": LISTED}))
    with Wire(gate.port) as wire:
        assert wire.request("/empty/").status == 404
        answer = wire.request("/listed/empty/")
        assert answer.status == 200
        assert [text for _, text in Links(answer.body.decode()).links] == ["../"]
        assert wire.request("/listed/indexed/").body == b"the index"
        head = wire.request("/listed/empty/", "HEAD")
        assert (head.status, head.get("Content-Type")) == (200, "text/html; charset=utf-8")
        assert wire.request("/listed/empty/").body == answer.body


def test_long_listing_reaches_a_slow_reader_whole(crossgate, site):
    names = [f"{i:05d}-{'x' * 180}" for i in range(3000)]
    for name in names:
        (site / name).touch()
    gate = crossgate(web({"/": LISTED}))
    with Wire(gate.port, receive_buffer=65536) as wire, Wire(gate.port) as other:
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert other.request("/none").status == 404
        answer = wire.response()
        assert [text for _, text in Links(answer.body.decode()).links] == names


def test_listings_that_nobody_reads_are_bounded(crossgate, site):
    """Each costs its names in memory until it is sent."""
    for i in range(3000):
        (site / f"{i:05d}-{'x' * 180}").touch()
    gate = crossgate(web({"/": LISTED}), workers=1)
    asked = []
    for _ in range(LISTINGS_MAX):
        wire = Wire(gate.port, receive_buffer=4096).send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.until(b"\r\n").startswith(b"HTTP/1.1 200")
        asked.append(wire)
    with Wire(gate.port) as wire:
        assert wire.request("/").status == 503
        gate.wait_log("too many directory listings are being sent")
        for other in asked:
            other.close()
        eventually(lambda: wire.request("/").status == 200, why="room for a listing again")


def test_listing_over_http_1_0_ends_with_the_connection(crossgate, site):
    (site / "a").touch()
    gate = crossgate(web({"/": LISTED}))
    with Wire(gate.port) as wire:
        wire.send("GET / HTTP/1.0\r\n\r\n")
        answer = wire.response()
        assert answer.get("Transfer-Encoding") is None
        assert answer.body.endswith(b"</html>\n")


# Encoded forms

def brotli(data):
    """A brotli stream that holds the bytes as they are (RFC 7932 section 9.2)."""
    return (len(data) - 1 << 4 | 1 << 20).to_bytes(3, "little") + data + b"\3"


PLAIN = "".join(f"line {i}\n" for i in range(2000)).encode()


@pytest.fixture
def encoded(crossgate, site):
    (site / "app.js").write_bytes(PLAIN)
    (site / "app.js.gz").write_bytes(gzip.compress(PLAIN))
    (site / "app.js.br").write_bytes(brotli(PLAIN))
    return crossgate(web({"/": STATIC, "plain": {**STATIC, "options": {"precompressed": False}}}))


@pytest.mark.parametrize("accepts, encoding", [("gzip", "gzip"), ("br", "br"), ("gzip, br", "br"),
                                               ("gzip, br;q=0.5", "gzip"), ("gzip;q=0, br;q=0", None)])
def test_curl_gets_and_decodes_what_it_accepts(encoded, site, tmp_path, accepts, encoding):
    url = f"http://127.0.0.1:{encoded.port}/app.js"
    curl("--compressed", "-H", f"Accept-Encoding: {accepts}", "-D", tmp_path / "head", "-o", tmp_path / "body", url)
    head = (tmp_path / "head").read_text()
    assert (tmp_path / "body").read_bytes() == PLAIN
    found = re.search(r"(?m)^Content-Encoding: (\w+)\r?$", head)
    assert (found[1] if found else None) == encoding
    assert "Vary: Accept-Encoding" in head and "javascript" in head
    size = {"gzip": (site / "app.js.gz").stat().st_size, "br": len(PLAIN) + 4, None: len(PLAIN)}[encoding]
    assert f"Content-Length: {size}" in head


def test_encoded_form_is_resumed_as_it_is(encoded, site, tmp_path):
    whole = (site / "app.js.gz").read_bytes()
    part = tmp_path / "part.gz"
    part.write_bytes(whole[:100])
    curl("-H", "Accept-Encoding: gzip", "-C", "-", "-o", part, f"http://127.0.0.1:{encoded.port}/app.js")
    assert part.read_bytes() == whole


def test_encoded_form_has_validators_of_its_own(encoded):
    with Wire(encoded.port) as wire:
        plain = wire.request("/app.js")
        packed = wire.request("/app.js", headers=["Accept-Encoding: gzip"])
        assert gzip.decompress(packed.body) == plain.body == PLAIN
        assert plain.get("ETag") != packed.get("ETag")
        again = wire.request("/app.js", headers=["Accept-Encoding: gzip", f"If-None-Match: {packed.get('ETag')}"])
        assert (again.status, again.get("Vary")) == (304, "Accept-Encoding")
        other = wire.request("/app.js", headers=[f"If-None-Match: {packed.get('ETag')}"])
        assert (other.status, other.body) == (200, PLAIN)
        mixed = wire.request("/app.js", headers=["Range: bytes=0-9", f"If-Range: {packed.get('ETag')}"])
        assert (mixed.status, mixed.body) == (200, PLAIN)


def test_encoded_form_that_was_forgotten_is_not_sent(encoded, site):
    (site / "app.js").write_text("changed")
    later = time.time() + 5
    os.utime(site / "app.js", (later, later))
    with Wire(encoded.port) as wire:
        answer = wire.request("/app.js", headers=["Accept-Encoding: gzip, br"])
        assert (answer.body, answer.get("Content-Encoding")) == (b"changed", None)


def test_encoded_forms_may_be_switched_off(encoded):
    with Wire(encoded.port) as wire:
        answer = wire.request("/plain/app.js", headers=["Accept-Encoding: gzip, br"])
        assert (answer.body, answer.get("Content-Encoding"), answer.get("Vary")) == (PLAIN, None, None)


# CORS: any page may read, none with credentials.

def test_no_page_of_another_origin_reads_with_credentials(crossgate, site):
    (site / "a.txt").write_text("a")
    gate = crossgate(web({"/": LISTED, "json": HELLO, "closed": {**HELLO, "options": {"allow_cross_origin": False}}}))
    with Wire(gate.port) as wire:
        for target, allowed in [("/a.txt", "*"), ("/json", "*"), ("/closed", None), ("/", None)]:
            answer = wire.request(target, headers=["Origin: https://evil.example", "Cookie: a=b"])
            assert answer.status == 200
            assert answer.get("Access-Control-Allow-Origin") == allowed
            assert answer.get("Access-Control-Allow-Credentials") is None


def test_json_options_do_what_they_say(crossgate):
    value = {"b": [1, "ü"], "a": {"c": None}}
    gate = crossgate(web({name: {"type": "json", "value": value, "options": options} for name, options in [
        ("plain", {}), ("pretty", {"prettify": True}), ("fresh", {"discourage_caching": True})]}))
    with Wire(gate.port) as wire:
        plain, pretty, fresh = (wire.request(f"/{name}") for name in ("plain", "pretty", "fresh"))
        assert json.loads(plain.body) == json.loads(pretty.body) == value
        assert b"\n" not in plain.body and b" " not in plain.body
        assert pretty.body.decode() == json.dumps(value, indent=3, sort_keys=True, ensure_ascii=False)
        assert (plain.get("Cache-Control"), fresh.get("Cache-Control")) == (None, "no-store")


# Redirects and paths

def test_redirect_leads_to_the_same_place_over_tls(crossgate, pki, site):
    (site / "a b").mkdir()
    (site / "a b" / "ü.txt").write_text("found")
    secure = web({"/": STATIC}, tls=pki.tls("ec"))
    port = secure["endpoint"]["port"]
    plain = web({"/": {"type": "redirect", "url": f"https://localhost:{port}/", "keep_path": True, "status": 308},
                 "old": {"type": "redirect", "url": f"https://localhost:{port}/a%20b", "keep_path": True}})
    gate = crossgate(secure, plain)
    start = f"http://localhost:{plain['endpoint']['port']}"
    for path, status in [("/a%20b/%C3%BC.txt?x=1", 308), ("/old/%c3%bc.txt", 302)]:
        out = curl("-L", "--cacert", pki["root.pem"], "-w", "|%{num_redirects} %{url_effective}", start + path)
        assert out.startswith(b"found|1 https://localhost:"), out
    with Wire(gate.ports()[1]) as wire:
        answer = wire.request("/a%20b/?x=%0d%0aSet-Cookie:%20a", "POST", body=b"x=1")
        assert answer.status == 308
        assert answer.get("Location") == f"https://localhost:{port}/a%20b/?x=%0d%0aSet-Cookie:%20a"
        assert wire.request("/old/x", "POST", body=b"x=1").status == 405


def test_longest_path_wins(crossgate, site):
    (site / "token").write_text("acme")

    def value(text):
        return {"type": "json", "value": text}

    nested = {"type": "path", "paths": {"/": value("a"), "b": value("never"), "c.d/e": value("cde")}}
    gate = crossgate(web({"/": value("rest"), "app.js": value("app"), "a": nested, "a/b": value("ab"),
                          ".well-known/acme-challenge": STATIC}))
    with Wire(gate.port) as wire:
        for target, expected in [("/app.js", "app"), ("/app.js/x", "app"), ("/app.jsx", "rest"), ("/a", "a"), ("/a/b", "ab"),
                                 ("/a/b/c", "ab"), ("/a/bc", "a"), ("/a/c.d/e/f", "cde"), ("/a/c.d", "a"),
                                 ("/.well-known/other", "rest"), ("/%61%70p%2ejs", "app")]:
            assert json.loads(wire.request(target).body) == expected, target
        assert wire.request("/.well-known/acme-challenge/token").body == b"acme"
        assert wire.request("/.well-known/acme-challenge/none").status == 404


def test_strict_check_refuses_paths_that_crossbar_does_not_know(directory):
    path = directory / "config.json"
    path.write_text(json.dumps(document(web({"/": HELLO, ".well-known": HELLO, "a/b": HELLO}))))
    assert run("check", "--config", path).returncode == 0
    done = run("check", "--config", path, "--strict")
    assert done.returncode == 1
    assert done.stderr.count("extension") + done.stdout.count("extension") >= 2


# Options of web transports

def test_client_timeout_ends_idle_connections(crossgate):
    gate = crossgate(web({"/": HELLO}, options={"client_timeout": 1}))
    with Wire(gate.port) as wire:
        assert wire.request().status == 200
        assert wire.ends(BOUND)


def test_client_timeout_null_leaves_it_to_the_limits(crossgate):
    gate = crossgate(web({"/": HELLO}, options={"client_timeout": None}), web({"/": HELLO}, options={"client_timeout": 3600}),
                     limits={"idle_timeout": 500})
    null, long = gate.ports()
    with Wire(long) as kept, Wire(null) as wire:
        assert kept.request().status == wire.request().status == 200
        assert wire.ends(BOUND)
        assert kept.request().status == 200  # its own limit wins


def test_hsts_has_crossbars_age_unless_told(crossgate, pki):
    gate = crossgate(web({"/": HELLO, "none": {"type": "path", "paths": {}}}, tls=pki.tls("ec"), options={"hsts": True}),
                     web({"/": HELLO}, tls=pki.tls("ec"), options={"hsts": True, "hsts_max_age": 0}),
                     web({"/": HELLO}, tls=pki.tls("ec"), options={"hsts": False, "hsts_max_age": 5}))
    for port, expected in zip(gate.ports(), ["max-age=31536000", "max-age=0", None]):
        with Wire(port, pki.client()) as wire:
            assert wire.request().get("Strict-Transport-Security") == expected
    with Wire(gate.port, pki.client()) as wire:
        assert wire.request("/none").get("Strict-Transport-Security") == "max-age=31536000"  # errors, too


def test_access_log_is_off_unless_asked_for(crossgate):
    gate = crossgate(web({"/": HELLO}), web({"/": HELLO}, options={"access_log": True}))
    quiet, talking = gate.ports()
    with Wire(quiet) as wire:
        wire.request("/quiet")
    with Wire(talking) as wire:
        wire.request("/talking")
    gate.wait_log("GET /talking 200")
    assert "/quiet" not in gate.log


# Workers

def test_testee_worker_echoes(crossgate):
    transport = {"type": "websocket", "endpoint": tcp()}
    gate = crossgate(config={"version": 2, "workers": [{"type": "websocket-testee", "transport": transport}]})
    with WebSocketWire(gate.port) as wire:
        wire.open("/any/path")
        wire.send(frame(TEXT, "hello"))
        assert wire.message() == (TEXT, b"hello")


def test_disabled_worker_does_not_listen(crossgate, monkeypatch):
    monkeypatch.setenv("CROSSGATE_TEST_OFF", "yes")
    kept, left_out, by_name = web({"/": HELLO}), web({"/": HELLO}), web({"/": HELLO})
    gate = crossgate(config={"version": 2, "workers": [
        {"type": "router", "transports": [left_out], "options": {"disabled": True}},
        {"type": "router", "transports": [by_name], "options": {"disabled": "${CROSSGATE_TEST_OFF}"}},
        {"type": "router", "transports": [kept], "options": {"disabled": False}}]})
    with Wire(kept["endpoint"]["port"]) as wire:
        assert wire.request().status == 200
    for transport in (left_out, by_name):
        with pytest.raises(ConnectionRefusedError):
            Wire(transport["endpoint"]["port"])


# What no file answers

def test_fallback_is_asked_for_what_is_not_there(crossgate, site):
    (site / "index.html").write_text("the page")
    (site / "empty").mkdir()
    with Origin() as origin:
        gate = crossgate(web({"/": {**STATIC, "fallback": origin.service()}}))
        with Wire(gate.port) as wire:
            assert wire.request("/").body == b"the page"
            assert wire.request("/index.html", "HEAD").status == 200
            for target in ("/api/list?x=1", "/.env", "/empty/", "/index.html/", "/%41"):
                assert wire.request(target).body == b"hello", target
            assert wire.request("/index.html", "POST", body=b"order").body == b"hello"
            assert wire.request("/api", "GET", body=b"question").body == b"hello"
            assert wire.request("/api", "HEAD").status == 200
        assert [(request.method, request.target, request.body) for request in origin.requests] == [
            ("GET", "/api/list?x=1", b""), ("GET", "/.env", b""), ("GET", "/empty/", b""), ("GET", "/index.html/", b""),
            ("GET", "/%41", b""), ("POST", "/index.html", b"order"), ("GET", "/api", b"question"), ("HEAD", "/api", b"")]


def test_fallback_relays_websockets(crossgate, site):
    (site / "ws").write_text("a file of that name")
    with Backend() as backend:
        service = {"type": "reverseproxy", "host": "127.0.0.1", "port": backend.port, "websocket": True}
        gate = crossgate(web({"/": {**STATIC, "fallback": service}}))
        with WebSocketWire(gate.port) as wire:
            wire.open("/ws?x=1").send(frame(TEXT, "hello"))
            assert wire.message() == (TEXT, b"hello")
        with Wire(gate.port) as wire:
            assert wire.request("/ws").body == b"a file of that name"
        assert [path for path, _ in backend.requests] == ["/ws?x=1"]


def test_fallback_beside_a_default_file_is_refused(directory, site):
    service = {**STATIC, "options": {"default_file": "index.html"}, "fallback": HELLO}
    (directory / "config.json").write_text(json.dumps(document(web({"/": service}))))
    done = run("check", "--cbdir", directory)
    assert done.returncode == 1 and "fallback is never asked" in done.stdout + done.stderr
