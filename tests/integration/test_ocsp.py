"""OCSP stapling: responses that are fetched by errands, or named as files, as openssl s_client and gnutls-cli see them."""
import datetime
import json
import os
import re
import signal
import stat
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.gate import ECHO, HELLO, Gate, children, document, run, web
from support.ocsp import DAY, Responder, now
from support.wait import eventually

pytestmark = pytest.mark.checked

PATHS = {"/": HELLO, "ws": ECHO}
GATHER = 5  # s in which what is fetched is gathered
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def responder(directory, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    home = directory / "authority"
    home.mkdir()
    with Responder(home) as made:
        yield made


def staple(gate, *words):
    """What a client gets that asks: the status of the certificate, None if nothing is sent."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-servername", "localhost", "-status",
                           *words], input=b"Q\n", capture_output=True, timeout=90)
    text = done.stdout.decode(errors="replace")
    if "OCSP response: no response sent" in text:
        return None
    return re.search(r"Cert Status: (\w+)", text)[1]


def all_send(gate, status, *words):
    """Whether each of ten handshakes, and so each of two workers, sends that."""
    return all(staple(gate, *words) == status for _ in range(10))


def state_file(gate, responder, name="server"):
    return gate.directory / "crossgate-state" / "ocsp" / f"{responder.authority.fingerprint(name)}.der"


def check(directory, tls, **extension):
    Gate(directory).write(document(web(PATHS, tls=tls), **extension))
    return run("check", "--config", directory / "config.json")


# Fetched

@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_response_is_fetched_once_and_sent_by_all_workers(crossgate, responder, kind):
    gate = crossgate(web(PATHS, tls=responder.authority.leaf(kind=kind)))
    gate.wait_log("OCSP response for .*server.pem is fetched, and valid until 20")
    eventually(lambda: all_send(gate, "good", "-tls1_3"))
    assert all_send(gate, "good", "-tls1_2")
    assert [method for method, _ in responder.requests] == ["GET"]
    path = state_file(gate, responder)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    row, = json.loads(run("status", "--cbdir", gate.directory, "--json").stdout)["certificates"]
    assert row["ocsp"].startswith("good, until 20")
    assert "; OCSP: good, until 20" in run("status", "--cbdir", gate.directory).stdout


def test_gnutls_verifies_what_is_sent(crossgate, responder, tmp_path):
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: staple(gate) == "good")
    eventually(lambda: all_send(gate, "good"))
    saved = tmp_path / "response.der"
    done = subprocess.run(["gnutls-cli", "--x509cafile", responder.authority["root.pem"], "--save-ocsp", saved, "-p", str(gate.port),
                           "localhost"], input=b"", capture_output=True, timeout=90)
    assert b"The certificate is trusted" in done.stdout
    assert b"OCSP status request" in done.stdout
    assert saved.read_bytes() == state_file(gate, responder).read_bytes()


def test_client_that_does_not_ask_gets_none(crossgate, responder):
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: all_send(gate, "good"))
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", "-tls1_2", "-tlsextdebug", "-msg"],
                          input=b"Q\n", capture_output=True, timeout=90)
    assert b"ServerHelloDone" in done.stdout
    assert b"status request" not in done.stdout and b"CertificateStatus" not in done.stdout


def test_responder_that_knows_no_get_is_posted_to(crossgate, responder):
    posted = responder.authority.openssl
    responder.answer = lambda request: posted(request) if responder.requests[-1][0] == "POST" else (405, b"no GET here")
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: all_send(gate, "good"))
    assert [method for method, _ in responder.requests] == ["GET", "POST"]


def test_delegate_of_the_issuer_may_sign(crossgate, responder):
    authority = responder.authority
    tls = authority.leaf()
    signer, key = authority.delegate(ExtendedKeyUsageOID.OCSP_SIGNING)
    responder.answer = lambda _: authority.response(signer=signer, key=key)
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: all_send(gate, "good"))


def test_issuer_may_be_a_root_that_is_given_and_not_sent(crossgate, responder):
    authority = responder.authority
    tls = authority.leaf(by_root=True)
    responder.answer = lambda _: authority.response(by_root=True)
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: all_send(gate, "good"))


def test_restart_and_successors_send_what_is_known_without_asking(crossgate, responder):
    tls = responder.authority.leaf()
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: all_send(gate, "good"))
    responder.stop()
    before = gate.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(gate.workers()) == 2 and not set(gate.workers()) & set(before))
    assert all_send(gate, "good")
    gate.stop()
    gate = crossgate(web(PATHS, tls=tls), home=gate.directory)
    assert all_send(gate, "good")
    gate.reload()
    assert all_send(gate, "good")
    assert len(responder.requests) == 1
    assert "OCSP" not in gate.log


@pytest.mark.long
def test_response_is_replaced_before_it_ends(crossgate, responder):
    authority = responder.authority
    tls = authority.leaf()
    ends = now() + 20 * SECOND
    asked = []

    def answer(_):
        asked.append(now())
        return authority.response() if len(asked) > 1 else authority.response(begin=now() - 3600 * SECOND, end=ends)
    responder.answer = answer
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: len(asked) == 2, why="the first one is replaced")
    eventually(lambda: now() > ends + SECOND, why="it has ended")
    assert all_send(gate, "good")
    assert len(responder.requests) == 2
    assert "ended" not in gate.log


def test_several_certificates_are_asked_for_and_come_into_force_together(crossgate, responder):
    authority = responder.authority
    names = [f"server{n}" for n in range(9)]
    began = time.monotonic()
    gate = crossgate(*(web(PATHS, tls=authority.leaf(name)) for name in names))
    for port in gate.ports():
        gate.transports = [{"endpoint": {"port": port}}]
        eventually(lambda: staple(gate) == "good")
    assert len(responder.requests) == 9
    took = time.monotonic() - began
    assert len(re.findall("renewed|reloaded", gate.log)) <= 2 + took / GATHER


def told(gate):
    """What `crossgate status` says of OCSP, for people and for programs; nothing if that changes between the two."""
    text = run("status", "--cbdir", gate.directory).stdout
    row, = json.loads(run("status", "--cbdir", gate.directory, "--json").stdout)["certificates"]
    line = re.search("; OCSP: (.*)", text)
    return row["ocsp"] if row["ocsp"] == (line[1] if line else "") else ""


def test_status_tells_what_is_known(crossgate, responder):
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: told(gate).startswith("good, until 20"))


def test_status_tells_why_there_is_none(crossgate, responder):
    responder.answer = lambda _: (500, b"")
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: re.fullmatch("missing: http://.*answers with HTTP status 500", told(gate)))


def test_status_is_silent_where_there_is_nothing_to_ask(crossgate, responder):
    gate = crossgate(web(PATHS, tls=responder.authority.leaf(url=False)))
    assert told(gate) == ""


# What responders may do

def test_revoked_is_told_to_clients_and_once_to_the_operator(crossgate, responder):
    tls = responder.authority.leaf()
    responder.authority.revoke()
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: all_send(gate, "revoked"))
    gate.reload()
    assert len(re.findall(r"error +master: .*server.pem HAS BEEN REVOKED", gate.log)) == 1


def unknown(authority):
    return lambda _: authority.response(status=ocsp.OCSPCertStatus.UNKNOWN)


def ended(authority):
    return lambda _: authority.response(begin=now() - 9 * DAY, end=now() - DAY)


def early(authority):
    return lambda _: authority.response(begin=now() + DAY)


def of_another(authority):
    authority.leaf("other")
    return lambda _: authority.response("other")


def by_a_stranger(authority):
    signer, key = authority.impostor()
    return lambda _: authority.response(signer=signer, key=key)


def by_another_server(authority):
    signer, key = authority.delegate(ExtendedKeyUsageOID.SERVER_AUTH)
    return lambda _: authority.response(signer=signer, key=key)


def try_later(_):
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    return lambda _: later.public_bytes(Encoding.DER)


def rubbish(_):
    return lambda _: b"<html>no responder here</html>"


def surplus(authority):
    return lambda _: authority.response() + b"x"


def too_large(_):
    return lambda _: b"\x30\x83\x0f\xff\xff" + b"x" * (2 * 1024 * 1024)


def large(_):
    return lambda _: b"\x30\x82\xff\xf0" + b"x" * 0xfff0


def not_found(_):
    return lambda _: (404, b"not here")


def nothing(_):
    return lambda _: None


@pytest.mark.parametrize("answer, why", [
    (unknown, "does not know the certificate"), (ended, "has ended already"), (early, "begins in the future"),
    (of_another, "is about another certificate"), (by_a_stranger, "not signed by the certificate's issuer"),
    (by_another_server, "not signed by the certificate's issuer"), (try_later, "refuses to answer: trylater"),
    (rubbish, "it is no OCSP response"), (surplus, "it is no OCSP response"), (too_large, "the answer is too long"),
    (large, "it is no OCSP response"), (not_found, "HTTP status 404"), (nothing, "Empty reply")])
def test_bad_answer_is_not_sent_but_logged_once(crossgate, responder, answer, why):
    tls = responder.authority.leaf()
    responder.answer = answer(responder.authority)
    gate = crossgate(web(PATHS, tls=tls))
    gate.wait_log(rf"warning +master: no OCSP response for .*server\.pem: .*{why}.*next try is in (4[5-9]|[5-6]\d|7[0-5]) s")
    assert all_send(gate, None)
    asked = len(responder.requests)
    gate.reload()
    assert len(responder.requests) == asked  # a reload is no reason to try sooner
    assert len(re.findall("no OCSP response for", gate.log)) == 1
    assert not state_file(gate, responder).exists()


def test_responder_that_is_down_costs_nobody_anything(crossgate, responder):
    responder.stop()
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    gate.wait_log("no OCSP response for .*: http://127.0.0.1:.*Failed to connect")
    assert all_send(gate, None)


@pytest.mark.long
def test_responder_that_hangs_is_left_after_its_time(crossgate, responder):
    responder.answer = responder.hang
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: responder.requests)
    assert all_send(gate, None)
    gate.wait_log("no OCSP response for .*timed out")


def test_stop_does_not_wait_for_a_responder(crossgate, responder):
    responder.answer = responder.hang
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: responder.requests)
    errands = [pid for pid in children(gate.pid) if pid not in gate.workers()]
    assert len(errands) == 1
    with open(f"/proc/{errands[0]}/status") as file:
        users = re.search(r"Uid:(.*)", file.read())[1].split()
    assert "0" not in users
    gate.stop(5)
    eventually(lambda: not os.path.exists(f"/proc/{errands[0]}"))


def test_errand_ends_with_its_master(crossgate, responder):
    responder.answer = responder.hang
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: responder.requests)
    errands = [pid for pid in children(gate.pid) if pid not in gate.workers()]
    gate.is_stopped = True
    gate.kill(gate.workers())
    assert len(errands) == 1
    eventually(lambda: not os.path.exists(f"/proc/{errands[0]}"))


def test_certificate_that_is_replaced_meanwhile_gets_its_own(crossgate, responder):
    authority = responder.authority
    tls = authority.leaf()
    responder.answer = responder.hang
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: responder.requests)
    authority.leaf()  # in the same files
    responder.answer = authority.openssl
    gate.reload()
    eventually(lambda: all_send(gate, "good"))


def test_response_that_is_lost_is_fetched_again(crossgate, responder):
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    eventually(lambda: all_send(gate, "good"))
    state_file(gate, responder).unlink()
    gate.reload()
    eventually(lambda: len(responder.requests) == 2)
    eventually(lambda: state_file(gate, responder).exists() and all_send(gate, "good"))


@pytest.mark.parametrize("spoilt", [b"", b"rubbish", None])
def test_spoilt_memory_is_no_harm(crossgate, responder, directory, spoilt):
    tls = responder.authority.leaf()
    path = directory / "crossgate-state" / "ocsp" / f"{responder.authority.fingerprint()}.der"
    path.parent.mkdir(parents=True, mode=0o700)
    if spoilt is None:
        path.write_bytes(responder.authority.response(begin=now() - 9 * DAY, end=now() - DAY))
    else:
        path.write_bytes(spoilt)
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: all_send(gate, "good"))


def test_directory_that_cannot_be_written_is_said(crossgate, responder, directory):
    (directory / "crossgate-state").write_text("in the way")
    gate = crossgate(web(PATHS, tls=responder.authority.leaf()))
    gate.wait_log(r"no OCSP response for .*crossgate-state.*\(crossgate.state names it\)")
    assert all_send(gate, None)


@pytest.mark.parametrize("how", ["switched off", "no responder", "no issuer"])
def test_nobody_is_asked_without_need(crossgate, responder, directory, how):
    authority = responder.authority
    tls = authority.leaf(url=how != "no responder")
    if how == "switched off":
        tls["ocsp_stapling"] = False
    if how == "no issuer":
        with open(tls["certificate"]) as file:
            leaf, end, _ = file.read().partition("-----END CERTIFICATE-----\n")
        authority.write("server.pem", (leaf + end).encode())
    gate = crossgate(web(PATHS, tls=tls))
    assert all_send(gate, None)
    assert not responder.requests and "OCSP" not in gate.log
    assert not (directory / "crossgate-state").exists()


# Files

def openssl_file(responder, tmp_path, *words):
    """As an operator makes it."""
    path = tmp_path / "response.der"
    authority = responder.authority
    done = subprocess.run(["openssl", "ocsp", "-issuer", authority["chain.pem"], "-cert", authority["server.pem"], "-url",
                           responder.url, "-CAfile", authority["root.pem"], "-no_nonce", "-respout", path], capture_output=True,
                          text=True, timeout=90)
    assert "server.pem: " in done.stdout, done.stderr
    return path


@pytest.mark.parametrize("issuer", [True, False])
def test_file_is_sent_and_nobody_is_asked(crossgate, responder, tmp_path, issuer):
    tls = responder.authority.leaf()
    tls["ocsp_response"] = str(openssl_file(responder, tmp_path))
    if not issuer:
        responder.authority.write("server.pem", open(tls["certificate"], "rb").read().partition(b"-----END CERTIFICATE-----\n")[0] +
                                  b"-----END CERTIFICATE-----\n")
    gate = crossgate(web(PATHS, tls=tls))
    assert all_send(gate, "good")
    assert len(responder.requests) == 1  # that of openssl


def test_file_that_is_replaced_is_sent_after_a_reload(crossgate, responder, tmp_path):
    tls = responder.authority.leaf()
    tls["ocsp_response"] = str(openssl_file(responder, tmp_path))
    gate = crossgate(web(PATHS, tls=tls))
    responder.authority.revoke()
    openssl_file(responder, tmp_path)
    gate.reload()
    eventually(lambda: all_send(gate, "revoked"))


def test_file_in_pem_is_refused_with_a_remedy_that_works(responder, directory, tmp_path):
    tls = responder.authority.leaf()
    path = openssl_file(responder, tmp_path)
    text = subprocess.run(["openssl", "base64", "-in", path], capture_output=True, check=True).stdout
    pem = tmp_path / "response.pem"
    pem.write_bytes(b"-----BEGIN OCSP RESPONSE-----\n" + text + b"-----END OCSP RESPONSE-----\n")
    tls["ocsp_response"] = str(pem)
    done = check(directory, tls)
    assert done.returncode == 1 and "is in PEM form; an OCSP response is binary (DER)" in done.stdout + done.stderr
    remedy = re.search(r"sed .*\.der", done.stdout + done.stderr)[0]
    subprocess.run(["sh", "-c", remedy], check=True)
    assert (tmp_path / "response.pem.der").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("spoil, why", [
    (ended, "it has ended on 20"), (of_another, "is about another certificate"), (by_a_stranger, "is not signed by"),
    (unknown, "does not know the certificate"), (rubbish, "it is no OCSP response")])
def test_file_that_is_of_no_use_is_warned_of_and_not_sent(crossgate, responder, directory, tmp_path, spoil, why):
    tls = responder.authority.leaf()
    path = tmp_path / "response.der"
    path.write_bytes(spoil(responder.authority)(None))
    tls["ocsp_response"] = str(path)
    done = check(directory, tls)
    text = done.stdout + done.stderr
    assert done.returncode == 0
    assert re.search(rf"warning.*response.der is not sent: .*{why}", text) and "openssl ocsp -issuer" in text
    gate = crossgate(web(PATHS, tls=tls))
    assert all_send(gate, None)
    assert not responder.requests


def test_remedy_for_a_file_that_has_ended_works(responder, directory, tmp_path):
    tls = responder.authority.leaf()
    path = tmp_path / "response.der"
    path.write_bytes(responder.authority.response(begin=now() - 9 * DAY, end=now() - DAY))
    tls["ocsp_response"] = str(path)
    remedy = re.search(r"openssl ocsp [^;]*", (lambda done: done.stdout + done.stderr)(check(directory, tls)))[0]
    subprocess.run(["sh", "-c", remedy.replace("ISSUER.pem", responder.authority["chain.pem"])], capture_output=True, timeout=90)
    done = check(directory, tls)
    assert done.returncode == 0 and "is not sent" not in done.stdout + done.stderr


def test_file_that_is_missing_is_an_error(responder, directory):
    done = check(directory, {**responder.authority.leaf(), "ocsp_response": "nowhere.der"})
    assert done.returncode == 1 and "nowhere.der cannot be read" in done.stdout + done.stderr


@pytest.mark.long
def test_file_ends_while_we_serve(crossgate, responder, tmp_path):
    tls = responder.authority.leaf()
    path = tmp_path / "response.der"
    path.write_bytes(responder.authority.response(end=now() + 20 * SECOND))
    gate = crossgate(web(PATHS, tls={**tls, "ocsp_response": str(path)}))
    assert staple(gate) == "good"
    gate.wait_log("the OCSP response for .*server.pem has ended on 20.* and is not sent any more")
    assert all_send(gate, None)


# Must-staple

def test_must_staple_is_warned_of_until_there_is_one(crossgate, responder, directory):
    tls = responder.authority.leaf(must_staple=True)
    done = check(directory, tls)
    text = done.stdout + done.stderr
    assert done.returncode == 0 and "(must-staple), and there is none" in text and f"can this machine reach {responder.url} ?" in text
    gate = crossgate(web(PATHS, tls=tls))
    eventually(lambda: all_send(gate, "good"))
    assert "must-staple" not in (lambda done: done.stdout + done.stderr)(run("check", "--config", gate.config))


def test_must_staple_without_a_response_is_an_error_in_the_log_but_served(crossgate, responder):
    responder.stop()
    gate = crossgate(web(PATHS, tls=responder.authority.leaf(must_staple=True)))
    gate.wait_log("error +master: no OCSP response for .*server.pem")
    assert all_send(gate, None)


@pytest.mark.parametrize("how, remedy", [("off", "leave ocsp_stapling out"), ("no responder", "name a response, ocsp_response"),
                                         ("no issuer", "put the issuer's certificate into chain_certificates")])
def test_must_staple_that_cannot_be_had_says_what_to_do(responder, directory, how, remedy):
    tls = responder.authority.leaf(must_staple=True, url=how != "no responder")
    if how == "off":
        tls["ocsp_stapling"] = False
    if how == "no issuer":
        text = open(tls["certificate"]).read()
        responder.authority.write("server.pem", text[:text.index("-----END")].encode() + b"-----END CERTIFICATE-----\n")
    done = check(directory, tls)
    assert done.returncode == 0 and remedy in done.stdout + done.stderr


# The command that is none

@pytest.mark.parametrize("words", [[], ["ocsp"], ["acme"], ["--help"]])
def test_errand_is_nothing_to_start_by_hand(words):
    done = run("errand", *words)
    assert done.returncode == 2
    assert done.stderr == "crossgate errand: is started by `crossgate run` only\n"


def test_errand_with_somebody_elses_descriptor_is_none():
    with open("/dev/zero", "rb") as file:
        done = subprocess.run(["bash", "-c", 'exec 3</dev/zero; exec "$0" errand ocsp', os.environ["CROSSGATE_BINARY"]],
                              stdin=file, capture_output=True, text=True, timeout=90)
    assert done.returncode == 2
