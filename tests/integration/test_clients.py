"""Programs of other people against the front door: pages, WebSockets, and their certificates all the way to the backend."""
import json

import pytest

from support import chromium
from support.backend import Backend, reverseproxy
from support.gate import ECHO, HELLO, run, web
from support.origin import Origin, answer
from support.picture import pixels
from support.visitors import ECHO_ON_PAGE, SAID, VISITORS, is_here, nss_home

from test_facts import told_of

pytestmark = pytest.mark.released

PAGE = {"type": "static", "directory": "public"}


@pytest.fixture(params=VISITORS)
def visitor(request):
    if not is_here(VISITORS[request.param]):
        pytest.skip(f"no {request.param} here")
    return VISITORS[request.param]


def public(directory, text):
    """A directory with this page."""
    path = directory / "public"
    path.mkdir()
    path.chmod(0o755)
    (path / "index.html").write_text(text)


def versions(gate):
    """Of which versions the handshakes have been, as the server has counted them."""
    done = run("status", "--cbdir", gate.directory, "--json")
    counted = json.loads(done.stdout)["handshakes"]
    of_tls12 = counted["full_tls12"] + counted["resumed_tls12"]
    return {version for version, count in (("1.2", of_tls12), ("1.3", counted["full"] + counted["resumed"] - of_tls12)) if count}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_page_and_websocket_with_both_kinds_of_key(crossgate, pki, directory, visitor, version):
    public(directory, "the page")
    gate = crossgate(*(web({"/": PAGE, "ws": ECHO}, tls=pki.tls(kind)) for kind in ("rsa", "ec")))
    for page, echo in visitor.visit(gate.ports(), pki, directory, version):
        assert "the page" in page and echo in (SAID, None)
    assert versions(gate) == {version}


def node_behind(origin, backend):
    return {"/": origin.service(), "ws": reverseproxy(backend)}


def greet(origin, peer, request):
    return answer(b"the page", headers=["Content-Type: text/html"])


def test_certificate_of_each_client_reaches_the_backend(crossgate, pki, directory, visitor):
    if visitor is VISITORS["chromium"] and not chromium.can_have_policy():
        pytest.skip("no mount namespaces here")
    with Origin(greet) as origin, Backend() as backend:
        gate = crossgate(web(node_behind(origin, backend), tls=pki.tls("ec", ca_certificates=[pki["devices.pem"]])))
        (page, echo), = visitor.visit([gate.port], pki, directory, device=True)
        assert "the page" in page and echo in (SAID, None)
        heads = [dict(request.headers) for request in origin.requests] + [headers for _, headers in backend.requests]
        assert len(heads) >= 1 + (echo is not None)
        for head in heads:
            assert {name.lower(): value for name, value in head.items() if "client-" in name.lower()} == told_of(pki["device.pem"])
        with pytest.raises(AssertionError if visitor is not VISITORS["python"] else OSError):
            (directory / "again").mkdir()
            visitor.visit([gate.port], pki, directory / "again")
        assert len(origin.requests) + len(backend.requests) == len(heads)


# Echoes, and then paints itself.
PAINTED = """<!doctype html><title>Crossgate</title><body style="margin: 0; background: #f00; font: 40px sans-serif"><script>
const socket = new WebSocket(`wss://${location.host}/ws`)
socket.onopen = () => socket.send("#080")
socket.onmessage = event => {
    document.body.style.background = event.data
    document.body.textContent = "Echoed"
    window.isEchoed = true
}
</script>"""
PAINT = """new Promise(resolve => {
    const look = () => window.isEchoed ? requestAnimationFrame(() => requestAnimationFrame(resolve)) : setTimeout(look, 10)
    look()
})"""


@pytest.mark.skipif(not chromium.PATH, reason="no Chromium here")
def test_chromium_paints_what_its_script_has_echoed(crossgate, pki, directory):
    public(directory, PAINTED)
    gate = crossgate(web({"/": PAGE, "ws": ECHO}, tls=pki.tls("ec")))
    with chromium.Chromium(directory, nss_home(pki, directory)) as browser:
        security, _ = browser.visit(f"https://localhost:{gate.port}/", PAINT, screenshot=directory / "page.png")
    rows = pixels((directory / "page.png").read_bytes())
    assert security == "secure"
    assert {len(row) for row in rows} == {800} and len(rows) > 300
    assert rows[-1][-1] == (0, 0x88, 0)
    written = sum(pixel == (0, 0, 0) for row in rows[:60] for pixel in row)
    assert 100 < written < 10000


# What a page of another origin has to do first: Chromium gives up a WebSocket of a server that asks for a certificate, unless it
# knows from a request what to answer.
FETCH_AND_ECHO = """fetch("https://HOST/", {mode: "no-cors"}).then(() => ECHO)"""


@pytest.mark.skipif(not chromium.PATH, reason="no Chromium here")
def test_browser_without_certificate_enters_where_one_is_optional(crossgate, pki, directory):
    with Origin(greet) as origin, Backend() as backend:
        tls = pki.tls("ec", ca_certificates=[pki["devices.pem"]], client_certificates="optional")
        gate = crossgate(*(web(node_behind(origin, backend), tls=tls) for _ in range(2)), web({"/": HELLO}, tls=pki.tls("ec")))
        own, foreign, page = gate.ports()
        from_elsewhere = FETCH_AND_ECHO.replace("ECHO", ECHO_ON_PAGE.replace("${location.host}", "HOST"))
        with chromium.Chromium(directory, nss_home(pki, directory)) as browser:
            assert browser.visit(f"https://localhost:{own}/", "document.body.textContent", ECHO_ON_PAGE) == ["secure", "the page", SAID]
            assert browser.visit(f"https://localhost:{page}/", from_elsewhere.replace("HOST", f"localhost:{foreign}")) == ["secure", SAID]
        assert [headers["X-TLS-Client-Verify"] for _, headers in backend.requests] == ["NONE"] * 2
        assert {verdict for request in origin.requests for verdict in request.all("X-TLS-Client-Verify")} == {"NONE"}
