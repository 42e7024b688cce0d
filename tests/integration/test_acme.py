"""Certificates that an authority issues to us: `tls.acme`, against pebble, the test server of Let's Encrypt."""
import contextlib
import datetime
import json
import os
import re
import shutil
import signal
import ssl
import stat
import subprocess
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from support import ports
from support.authority import Authority, problem, window
from support.gate import ECHO, HELLO, children, document, run, tcp, web
from support.pebble import Pebble
from support.pki import _ec as new_key
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

pytestmark = pytest.mark.checked

BOX, OTHER = "box1.example.com", "box2.example.com"


class Site:
    """A front door with a plain and a TLS transport, and the authority that it asks."""

    def __init__(self, crossgate, directory, pki):
        self.crossgate, self.directory, self.pki = crossgate, directory, pki
        self.plain, self.secure = ports.take(), ports.take()
        self.pebbles = []
        self.gate = None

    def authority(self, start=True, **more):
        pebble = Pebble(self.directory, self.pki, http_port=self.plain, tls_port=self.secure, **more)
        self.pebbles.append(pebble)
        return pebble.start() if start else pebble

    def config(self, pebble, domains=(BOX,), **acme):
        self.acme = {"email": "admin@example.com", "domains": list(domains), "directory": pebble.directory,
                     "agree_tos": True, "ca_certificates": [pebble.authorities], **acme}
        return document(
            web({"/": {"type": "redirect", "url": "https://elsewhere.example.com/"}}, endpoint=tcp(self.plain)),
            web({"/": HELLO, "ws": ECHO}, endpoint=tcp(self.secure), tls={"acme": self.acme}),
            state="state")

    def start(self, pebble, workers=2, config=None, **acme):
        self.gate = self.crossgate(config=config or self.config(pebble, **acme), workers=workers)
        return self.gate

    def shown(self, name=BOX):
        """The certificate that a visitor gets."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with Wire(self.secure, context, server_name=name) as wire:
            return x509.load_der_x509_certificate(wire.socket.getpeercert(binary_form=True))

    def is_placeholder(self, name=BOX):
        shown = self.shown(name)
        return shown.issuer == shown.subject

    def shown_by_all(self):
        """The certificate that every worker shows, since twenty connections are spread over both; None if they differ."""
        first = self.shown()
        return first if self.all_show(first.serial_number) else None

    def all_show(self, serial):
        return all(self.shown().serial_number == serial for _ in range(20))

    def wait_other(self, *serials, timeout=60):
        """Until all visitors get a certificate that the authority has issued, and that is none of these; its serial number."""
        def issued():
            shown = self.shown_by_all()
            return shown and shown.issuer != shown.subject and shown.serial_number not in serials and shown
        return eventually(issued, timeout, why="a certificate of the authority is served by every worker").serial_number

    def wait_issued(self, timeout=60):
        return self.wait_other(timeout=timeout)

    def trusts(self, pebble):
        """A context of a visitor that trusts what the authority issues."""
        return ssl.create_default_context(cadata=pebble.root())

    def status_of(self, target):
        """Of the answer of the plain transport."""
        with Wire(self.plain) as wire:
            return wire.request(target).status

    def status(self):
        done = run("status", "--config", self.gate.config, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["acme"]

    def kept(self, pebble, name=BOX):
        return self.gate.directory / "state" / "acme" / f"localhost:{pebble.port}" / f"{name}.pem"


@pytest.fixture
def site(crossgate, directory, pki):
    made = Site(crossgate, directory, pki)
    yield made
    for pebble in made.pebbles:
        pebble.stop()


def moment(seconds):
    """That many seconds from now, as status writes it."""
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextlib.contextmanager
def undecided(pki, *offered):
    """(authority, decided): an authority that has not made up its mind about any proof until `decided` is set."""
    decided = threading.Event()

    def answer(request, right):
        status, fields, body = right()
        return status, fields, body if decided.is_set() else {**body, "status": "pending"}

    with Authority(pki) as authority:
        authority.offered = offered
        authority.say("authorization", answer)
        yield authority, decided


def orders(pebble):
    return pebble.count("Added order")


# From nothing to a certificate

def test_a_placeholder_at_once_then_the_real_one_and_no_connection_is_lost(site):
    pebble = site.authority(start=False)
    gate = site.start(pebble)
    assert site.is_placeholder() and {site.shown().serial_number for _ in range(20)} == {site.shown().serial_number}
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with WebSocketWire(site.secure, context) as wire:
        wire.open()
        gate.wait_log("acme: no certificate for box1.example.com: .*; next try at ")
        pebble.start()
        workers = gate.workers()
        gate.signal(signal.SIGHUP)  # an operator who knows that it is back does not want to wait
        serial = site.wait_issued()
        assert pebble.is_known(serial)
        wire.send(frame(TEXT, "still there"))
        assert wire.message() == (TEXT, b"still there")
    assert gate.workers() == workers
    with Wire(site.secure, site.trusts(pebble), server_name=BOX) as wire:
        assert wire.request().status == 200
    gate.wait_log("acme: the certificate for box1.example.com is issued: it ends at .*, and is renewed at ")


def test_a_reload_to_another_authority_asks_that_one_only_and_keeps_its_word(site):
    before = site.authority(start=False)
    gate = site.start(before)
    gate.wait_log("acme: no certificate for .*; next try at .*crossgate reload")
    pebble, since = site.authority(), len(gate.log)
    gate.reload(site.config(pebble), expect="reloaded: ")
    site.wait_issued()
    assert re.findall(r"is ordered from (\S+)", gate.log[since:]) == [pebble.directory]
    said = gate.wait_log("and is renewed at (.*)").group(1)
    eventually(lambda: site.status()[0]["state"] == "valid", why="what was issued is in force")
    assert site.status()[0]["next_order"] == said


def test_a_placeholder_outlives_reloads_until_it_is_for_other_domains(site):
    pebble = site.authority(start=False)
    gate = site.start(pebble)
    serial = site.shown().serial_number
    gate.reload()
    assert site.all_show(serial)
    assert f"EC 256, self-signed, 89 days left: {BOX}" in run("check", "--config", gate.config).stdout
    gate.reload(site.config(pebble, domains=[BOX, OTHER]))
    shown = site.shown(OTHER)
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {BOX, OTHER}
    assert shown.serial_number != serial and site.all_show(shown.serial_number)


@pytest.mark.long
def test_an_authority_that_comes_back_is_asked_again_without_a_word(site):
    pebble = site.authority(start=False)
    gate = site.start(pebble)
    gate.wait_log("acme: no certificate for .*; next try at ")
    pebble.start()
    site.wait_issued(120)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_each_challenge_alone_and_two_names(site, challenge):
    pebble = site.authority()
    gate = site.start(pebble, domains=[BOX, OTHER], challenges=[challenge])
    site.wait_issued()
    names = site.shown().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {BOX, OTHER}
    for name in (BOX, OTHER):
        gate.wait_log(f"the challenge {challenge} for {name} is answered")
    other = "tls-alpn-01" if challenge == "http-01" else "http-01"
    assert f"the challenge {other}" not in gate.log


def test_without_a_plain_transport_tls_alpn_01_is_used(site):
    pebble = site.authority()
    config = site.config(pebble)
    del config["workers"][0]["transports"][0]
    gate = site.start(pebble, config=config)
    site.wait_issued()
    gate.wait_log("the challenge tls-alpn-01 for box1.example.com is answered")


def test_an_authority_needs_no_client_certificate(site, pki):
    pebble = site.authority()
    config = site.config(pebble, challenges=["tls-alpn-01"])
    config["workers"][0]["transports"][1]["endpoint"]["tls"]["ca_certificates"] = [pki["devices.pem"]]
    gate = site.start(pebble, config=config)
    gate.wait_log("acme: the certificate for box1.example.com is issued")
    assert "the challenge tls-alpn-01 for box1.example.com is answered" in gate.log  # to its end


def test_http_01_on_a_universal_transport(site):
    pebble = site.authority()
    config = site.config(pebble, challenges=["http-01"])
    config["workers"][0]["transports"][0] = {
        "type": "universal", "endpoint": tcp(site.plain), "web": {"paths": {"/": HELLO}}}
    gate = site.start(pebble, config=config)
    site.wait_issued()
    gate.wait_log("the challenge http-01 for box1.example.com is answered")


def test_two_endpoints_share_a_certificate(site):
    pebble = site.authority()
    config = site.config(pebble)
    second = ports.take()
    config["workers"][0]["transports"].append(web({"/": HELLO}, endpoint=tcp(second), tls={"acme": site.acme}))
    site.start(pebble, config=config)
    serial = site.wait_issued()
    site.secure = second
    assert site.wait_issued() == serial
    assert orders(pebble) == 1 and len(site.status()) == 1


def test_one_of_several_certificates_by_name(site, pki):
    pebble = site.authority()
    config = site.config(pebble)
    config["workers"][0]["transports"][1]["endpoint"]["tls"] = {**pki.tls("ec"), "certificates": [{"acme": site.acme}]}
    site.start(pebble, config=config)
    own = site.shown("localhost").serial_number
    serial = site.wait_issued()
    assert pebble.is_known(serial) and site.shown("localhost").serial_number == own


def test_one_order_at_a_time(site):
    pebble = site.authority(sleep=1)
    config = site.config(pebble)
    second = ports.take()
    config["workers"][0]["transports"].append(
        web({"/": HELLO}, endpoint=tcp(second), tls={"acme": {**site.acme, "domains": [OTHER]}}))
    gate = site.start(pebble, config=config)
    gate.wait_log("acme: the certificate for box1.example.com is issued")
    gate.wait_log("acme: the certificate for box2.example.com is issued")
    lines = [line for line in gate.log.splitlines() if "is ordered from" in line or "is issued" in line]
    assert ["is ordered" in line for line in lines] == [True, False, True, False]
    assert pebble.count("There are now 1 accounts") == 1 and pebble.count("There are now 2 accounts") == 0


# What is kept

def test_a_restart_uses_what_is_kept(site):
    pebble = site.authority()
    gate = site.start(pebble)
    serial = site.wait_issued()
    gate.stop()
    assert orders(pebble) == 1
    site.crossgate.gates.clear()
    gate = site.crossgate(config=site.config(pebble), home=gate.directory)
    site.gate = gate
    assert site.all_show(serial)  # from the first connection on
    gate.reload(expect="reloaded: 2 transports")
    assert orders(pebble) == 1 and "acme: a certificate" not in gate.log
    entry, = site.status()
    assert entry["state"] == "valid" and entry["trouble"] == "" and entry["next_order"] < entry["not_after"]


def test_files_are_for_their_owner_only(site):
    pebble = site.authority()
    gate = site.start(pebble)
    site.wait_issued()
    state = gate.directory / "state"
    for path in [state, *state.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} has mode {mode:o}"
    kept = site.kept(pebble).read_text()
    assert kept.count("PRIVATE KEY-----") == 2 and kept.count("BEGIN CERTIFICATE") >= 2
    assert {path.name for path in state.rglob("*.*") if path.is_file()} == {"account.key", f"{BOX}.pem"}


def test_a_domain_more_is_a_new_order_and_the_old_certificate_serves_until_then(site):
    pebble = site.authority()
    gate = site.start(pebble)
    serial = site.wait_issued()
    pebble.stop()
    gate.reload(site.config(pebble, domains=[BOX, OTHER]), expect="acme: no certificate for box1.example.com, box2")
    assert site.all_show(serial)
    assert site.status()[0]["state"] == "incomplete"
    pebble.start()
    gate.signal(signal.SIGHUP)
    site.wait_other(serial)
    names = site.shown().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {BOX, OTHER}


@pytest.mark.long
def test_a_renewal_replaces_what_is_served(site):
    pebble = site.authority(start=False)
    config = json.loads(pebble._config.read_text())
    config["pebble"]["certificateValidityPeriod"] = 45
    pebble._config.write_text(json.dumps(config))
    pebble.start()
    gate = site.start(pebble)
    first = site.wait_issued()
    since = len(gate.log)
    second = site.wait_other(first, timeout=90)
    assert pebble.is_known(second) and "no certificate" not in gate.log[since:]
    assert site.status()[0]["issued"] >= 2 and site.status()[0]["failed"] == 0


def test_a_damaged_file_is_replaced(site):
    pebble = site.authority()
    gate = site.start(pebble)
    serial = site.wait_issued()
    gate.stop()
    kept = site.kept(pebble)
    kept.write_text(kept.read_text()[:700])
    site.crossgate.gates.clear()
    site.gate = site.crossgate(config=site.config(pebble), home=gate.directory)
    assert f"warning: {kept} is not used: " in site.gate.log
    site.wait_other(serial)


# What goes wrong

def test_bad_nonces_are_no_obstacle(site):
    pebble = site.authority(bad_nonces=50)
    site.start(pebble)
    site.wait_issued(120)


def test_a_challenge_that_fails_leaves_all_as_it_was(site):
    pebble = site.authority(resolves=False)
    gate = site.start(pebble)
    gate.wait_log("acme: no certificate for box1.example.com: .*; next try at ")
    gate.wait_log("acme: box1.example.com: the authority asks port (80|443) of each address that DNS has")
    assert site.is_placeholder()
    entry, = site.status()
    assert entry["state"] == "placeholder" and entry["failed"] == 1 and BOX in entry["trouble"]
    assert "(the placeholder for" in run("check", "--config", gate.config).stdout
    assert entry["next_order"] > moment(0)
    # What is configured for the path decides again.
    eventually(lambda: site.status_of("/.well-known/acme-challenge/abc") == 302)


def test_a_name_that_the_authority_refuses_waits_for_a_reload(site):
    pebble = site.authority(blocked=[BOX])
    gate = site.start(pebble)
    gate.wait_log("error +master: acme: no certificate for box1.example.com: .*not tried again before a reload")
    assert site.status()[0]["next_order"] is None
    gate.reload(site.config(pebble, domains=[OTHER]), expect="acme: the certificate for box2.example.com is issued")


def test_state_that_cannot_be_written_is_found_before_the_authority_is_asked(site):
    pebble = site.authority()
    config = site.config(pebble)
    (site.directory / "state").write_text("a file where a directory should be")
    gate = site.start(pebble, config=config)
    gate.wait_log("acme: no certificate for box1.example.com: .*state.*; next try at ")
    assert site.is_placeholder() and orders(pebble) == 0
    os.unlink(site.directory / "state")
    gate.signal(signal.SIGHUP)
    site.wait_issued()


def test_an_errand_that_dies_is_a_failed_order(site, pki):
    with undecided(pki, "http-01") as (authority, decided):
        gate = site.start(authority)
        gate.wait_log("acme: box1.example.com: answering http-01")
        errand, = [pid for pid in children(gate.pid) if "errand" in open(f"/proc/{pid}/cmdline").read()]
        os.kill(errand, signal.SIGKILL)
        gate.wait_log("acme: no certificate for box1.example.com: the process for acme .*was killed.*; next try at ")
        assert site.is_placeholder()
        decided.set()
        gate.signal(signal.SIGHUP)
        site.wait_issued()


def test_a_stop_during_an_order(site, pki):
    with undecided(pki, "http-01") as (authority, _):
        gate = site.start(authority)
        gate.wait_log("acme: box1.example.com: answering http-01")
        gate.stop()


# What else an authority may say

def test_who_is_told_to_wait_waits_even_if_an_operator_does_not(site, pki):
    with Authority(pki) as authority:
        authority.say("order", lambda request, right: (429, {"Retry-After": "7200"},
                                                       problem("rateLimited", "too many certificates")))
        gate = site.start(authority)
        gate.wait_log("acme: no certificate for box1.example.com: .*too many certificates.*; next try at ")
        assert site.status()[0]["next_order"] > moment(7000)
        gate.reload(expect="reloaded: 2 transports")
        assert site.status()[0]["next_order"] > moment(7000)
        assert authority.count("order") == 1 and site.is_placeholder()


def test_terms_that_are_not_agreed_to_need_a_person(site, pki):
    with Authority(pki) as authority:
        authority.say("account", lambda request, right: (403, {}, problem("userActionRequired", "new terms of service")))
        gate = site.start(authority)
        gate.wait_log("error +master: acme: no certificate .*new terms of service.*not tried again before a reload")
        asked = authority.count("account")
        gate.reload(expect="is ordered from")  # he may have agreed somewhere else
        eventually(lambda: authority.count("account") > asked)


def keep(site, authority, **more):
    """A certificate of that authority, as if an earlier run had kept it."""
    key = new_key()
    leaf = authority.issue([BOX], key.public_key(), **more)
    directory = site.directory / "state" / "acme" / f"localhost:{authority.port}"
    directory.mkdir(parents=True, mode=0o700)
    path = directory / f"{BOX}.pem"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()) + authority.pem(leaf))
    path.chmod(0o600)
    return leaf


def test_an_authority_says_when_to_renew(site, pki):
    """A certificate that will be revoked, say: long before two thirds of its life are over."""
    now = datetime.datetime.utcnow().replace(microsecond=0)
    hour = datetime.timedelta(hours=1)
    with Authority(pki) as authority:
        leaf = keep(site, authority)
        authority.say("renewal", lambda request, right: (200, {}, window(now + 2 * hour, now + 3 * hour)))
        gate = site.start(authority)
        assert site.all_show(leaf.serial_number)
        gate.reload(expect="acme: the certificate for box1.example.com is renewed at .*, as the authority recommends")
        assert moment(7100) < site.status()[0]["next_order"] < moment(10900) and authority.placed == []
        authority.say("renewal", lambda request, right: (200, {}, window(now - 2 * hour, now - hour)))
        gate.reload(expect="acme: the certificate for box1.example.com is issued")
        site.wait_other(leaf.serial_number)
        placed, = authority.placed
        assert placed["replaces"]
        assert {name["value"] for name in placed["identifiers"]} == {BOX}


def test_what_is_late_is_renewed_at_once(site, pki):
    with Authority(pki, renewal=False) as authority:
        leaf = keep(site, authority, begin=-80, end=10)
        gate = site.start(authority)
        gate.wait_log("acme: the certificate for box1.example.com is issued")
        site.wait_other(leaf.serial_number)


def test_a_certificate_for_somebody_else_is_not_kept(site, pki):
    with Authority(pki) as authority:
        foreign = authority.pem(authority.issue([OTHER], new_key().public_key()))
        authority.say("certificate", lambda request, right: (200, {"Content-Type": "application/pem-certificate-chain"},
                                                             foreign))
        gate = site.start(authority)
        gate.wait_log("acme: no certificate for box1.example.com: .*; next try at ")
        assert site.is_placeholder()
        assert not list((gate.directory / "state").rglob("*.pem"))


def test_both_workers_answer_while_the_authority_asks(site, pki):
    """Each has sockets of its own: of forty connections no worker is spared."""
    answers, token = [], "token-0-http-01"

    def judge(name, kind):
        for _ in range(40):
            with Wire(site.plain) as wire:
                answers.append(wire.request(f"/.well-known/acme-challenge/{token}"))
        return None

    with Authority(pki) as authority:
        authority.offered = ("http-01",)
        authority.judge = judge
        gate = site.start(authority)
        gate.wait_log("acme: the certificate for box1.example.com is issued")
        assert {answer.status for answer in answers} == {200} and len({answer.body for answer in answers}) == 1
        assert answers[0].body.decode().startswith(f"{token}.")
        assert answers[0].get("Content-Type") == "text/plain"
        assert all(f"worker {i}: the challenge http-01 for box1.example.com is answered" in gate.log for i in (0, 1))
        eventually(lambda: {site.status_of(f"/.well-known/acme-challenge/{token}") for _ in range(20)} == {302})


def test_a_worker_that_dies_during_the_challenge_is_replaced_by_one_that_answers(site, pki):
    statuses = []

    def judge(name, kind):
        worker, = [pid for pid in children(site.gate.pid) if b"worker" in open(f"/proc/{pid}/cmdline", "rb").read()]
        os.kill(worker, signal.SIGKILL)
        with Wire(site.plain) as wire:  # waits in the queue of the socket, which outlives the worker
            statuses.append(wire.request("/.well-known/acme-challenge/token-0-http-01").status)
        return None

    with Authority(pki) as authority:
        authority.judge = judge
        gate = site.start(authority, workers=1)
        gate.wait_log("acme: the certificate for box1.example.com is issued")
        assert statuses == [200] and "was killed by signal 9" in gate.log


# Who else asks

def visit_with_acme_tls(site, authority):
    gate = site.start(authority, challenges=["tls-alpn-01"])
    gate.wait_log("acme: box1.example.com: answering tls-alpn-01")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["acme-tls/1"])
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Wire(site.secure, context, server_name=OTHER)
    context.set_alpn_protocols(["http/1.1"])
    with Wire(site.secure, context, server_name=BOX) as wire:
        assert wire.request().status == 200
    context.set_alpn_protocols(["http/1.1", "acme-tls/1"])
    with Wire(site.secure, context, server_name=BOX) as wire:
        assert wire.request().status == 200
    context.set_alpn_protocols(["acme-tls/1"])
    with Wire(site.secure, context, server_name=BOX) as wire:
        assert wire.socket.selected_alpn_protocol() == "acme-tls/1"
        leaf = x509.load_der_x509_certificate(wire.socket.getpeercert(binary_form=True))
        proof = leaf.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
        assert proof.critical
        try:  # nothing is served there
            assert wire.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").rest() == b""
        except OSError:
            pass


def test_others_who_speak_acme_tls_are_told_that_we_do_not(site, pki):
    with undecided(pki, "tls-alpn-01") as (authority, decided):
        visit_with_acme_tls(site, authority)
        decided.set()
        site.wait_issued()


# Other clients go on as they did

@pytest.mark.skipif(not shutil.which("lego"), reason="needs lego")
def test_lego_with_a_webroot(site, pki):
    pebble = site.authority()
    webroot, home = site.directory / "webroot", site.directory / "lego"
    (webroot / ".well-known" / "acme-challenge").mkdir(parents=True)
    for path in (webroot, *webroot.rglob("*")):
        path.chmod(0o755)
    gate = site.crossgate(
        web({"/": {"type": "redirect", "url": "https://elsewhere.example.com/"},
             ".well-known": {"type": "static", "directory": str(webroot / ".well-known")}}, endpoint=tcp(site.plain)),
        web({"/": HELLO}, endpoint=tcp(site.secure), tls=pki.tls("ec")))
    done = subprocess.run(
        ["lego", "--server", pebble.directory, "--email", "admin@example.com", "--accept-tos", "--domains", BOX,
         "--path", str(home), "--http", "--http.webroot", str(webroot), "run"],
        env={**os.environ, "LEGO_CA_CERTIFICATES": pebble.authorities}, capture_output=True, text=True, timeout=120,
        umask=0o022)
    assert done.returncode == 0, done.stderr
    files = home / "certificates" / BOX
    config = document(*gate.transports)
    config["workers"][0]["transports"][1]["endpoint"]["tls"] = {"key": f"{files}.key", "certificate": f"{files}.crt"}
    gate.reload(config, expect="reloaded: 2 transports")
    with Wire(site.secure, site.trusts(pebble), server_name=BOX) as wire:
        assert wire.request().status == 200
