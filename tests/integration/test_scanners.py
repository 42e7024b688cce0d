"""Scanners of TLS servers against the front door: sslscan, and testssl.sh, which may find nothing above LOW."""
import json
import shutil
import subprocess
import xml.etree.ElementTree

import pytest

from support.gate import ECHO, HELLO, web
from support.ocsp import Responder
from support.wait import eventually

pytestmark = pytest.mark.released

# Settings of endpoint.tls by name, with the kind of key, and what has to be seen of them.
SETTINGS = {
    "default": ("rsa", {}, {"1.2", "1.3"}),
    "intermediate": ("ec", {"profile": "intermediate"}, {"1.2", "1.3"}),
    "modern": ("ec", {"profile": "modern"}, {"1.3"}),
}

# What testssl.sh 3.0 cannot do says nothing of the server. Its severity is WARN.
NOT_DONE = {
    "engine_problem",  # its OpenSSL, Debian's, has no GOST
    "scanproblem",     # in its own log of how it went
    # It looks for a ticket in a TLS 1.3 session, and has hung up before tickets come: test_resumption.py shows them.
    "sessionresumption_ticket",
}


@pytest.fixture(params=SETTINGS)
def scanned(request, crossgate, directory, monkeypatch):
    """(gate, authority, versions): an authority that answers who asks for revocation, and a staple of its."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    kind, more, versions = SETTINGS[request.param]
    home = directory / "authority"
    home.mkdir()
    with Responder(home) as responder:
        tls = responder.authority.leaf(kind=kind)
        gate = crossgate(web({"/": HELLO, "ws": ECHO}, tls={**tls, **more}, options={"hsts": True}))
        gate.wait_log("OCSP response for .*server.pem is fetched")
        yield gate, responder, versions


@pytest.mark.skipif(not shutil.which("sslscan"), reason="no sslscan here")
def test_sslscan(scanned):
    gate, _, versions = scanned
    done = subprocess.run(["sslscan", "--xml=-", "--no-colour", f"localhost:{gate.port}"], capture_output=True, timeout=380)
    scan = xml.etree.ElementTree.fromstring(done.stdout).find("ssltest")
    enabled = {(row.get("type"), row.get("version")) for row in scan.iter("protocol") if row.get("enabled") == "1"}
    assert enabled == {("tls", version) for version in versions}
    assert {row.get("vulnerable") for row in scan.iter("heartbleed")} == {"0"}
    assert {row.get("supported") for row in scan.iter("renegotiation")} == {"0"}
    assert {row.get("supported") for row in scan.iter("compression")} <= {"0"}
    suites = list(scan.iter("cipher"))
    assert {row.get("sslversion") for row in suites} == {f"TLSv{version}" for version in versions}
    assert all(int(row.get("bits")) >= 128 and row.get("strength") in ("acceptable", "strong") for row in suites)
    assert all("DHE" in row.get("cipher") for row in suites if row.get("sslversion") == "TLSv1.2")
    assert all(int(row.get("bits")) >= 112 for row in scan.iter("group"))


@pytest.mark.skipif(not shutil.which("testssl"), reason="no testssl.sh here")
@pytest.mark.long
@pytest.mark.timeout(900)
def test_testssl(scanned, directory):
    gate, responder, versions = scanned
    report = directory / "report.json"
    done = subprocess.run(
        ["testssl", "--quiet", "--warnings", "off", "--color", "0", "--ip", "one", "--phone-out", "--add-ca",
         responder.authority["root.pem"], "--jsonfile", report, "-p", "-s", "-f", "-P", "-S", "-h", "-U",
         f"localhost:{gate.port}"], capture_output=True, text=True, timeout=800, stdin=subprocess.DEVNULL)
    print(done.stdout)
    found = {}
    for row in json.loads(report.read_text()):
        found.setdefault(row["id"], []).append((row["severity"], row["finding"]))
    above = {name: rows for name, rows in found.items() if name not in NOT_DONE and
             any(severity not in ("OK", "INFO", "LOW") for severity, _ in rows)}
    assert not above
    # It has looked, and has seen what is there.
    for version in ("1.2", "1.3"):
        (_, finding), = found[f"TLS{version.replace('.', '_')}"]
        assert finding.startswith("offered") == (version in versions)
    assert found["cert_chain_of_trust"] == [("OK", "passed.")]
    assert found["OCSP_stapling"] == [("OK", "offered")]
    assert found["cert_ocspRevoked"] == [("OK", "not revoked")] * 2  # says the staple, says the responder
    assert [severity for severity, _ in found["heartbleed"] + found["secure_client_renego"] + found["ROBOT"]] == ["OK"] * 3
