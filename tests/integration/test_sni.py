"""Certificates by server name, client certificates by name, lists of revoked ones, profiles."""
import json
import re
import ssl
import subprocess

import pytest

from support.issuer import Issuer
from support.backend import Backend, reverseproxy
from support.gate import ECHO, HELLO, run, tcp, web
from support.wait import eventually
from support.wire import TEXT, WebSocketWire, Wire, frame

PATHS = {"/": HELLO, "ws": ECHO}
SAY = "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    return Issuer(tmp_path_factory.mktemp("names"))


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    """Of client certificates: alice and bob."""
    issuer = Issuer(tmp_path_factory.mktemp("devices"), "Test Devices")
    issuer.issue("alice", client=True)
    issuer.issue("bob", client=True)
    return issuer


def endpoint(names, *more, **keys):
    """An endpoint.tls whose documented pair is for default.example."""
    return {**names.issue("default", ["default.example"]), "certificates": list(more), **keys}


def s_client(gate, name, *words, say="Q\n"):
    server = ["-servername", name] if name else ["-noservername"]
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{gate.port}", *server, *words],
                          input=say.encode(), capture_output=True, timeout=90)
    return (done.stdout + done.stderr).decode(errors="replace")


def subject(text):
    """The common name of the server's certificate."""
    found = re.search(r"^subject=CN = (.*)$", text, re.MULTILINE)
    return found and found[1]


def served(gate, name, *words):
    return subject(s_client(gate, name, *words))


# Which certificate

def test_each_name_gets_its_certificate(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("a", ["a.example", "www.a.example"]),
                                             names.issue("b", ["b.example"]))), workers=1)
    for name, wanted in [("default.example", "default"), ("a.example", "a"), ("www.a.example", "a"),
                         ("b.example", "b"), ("B.Example", "b"), ("unknown.example", "default"),
                         ("x.b.example", "default"), ("127.0.0.1", "default"), (None, "default")]:
        assert served(gate, name) == wanted, name
        assert served(gate, name, "-tls1_2") == wanted, name


def test_wildcard_stands_for_one_label_and_gives_way_to_the_exact_name(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("wild", ["*.w.example"]),
                                             names.issue("exact", ["exact.w.example"]))), workers=1)
    for name, wanted in [("x.w.example", "wild"), ("y.w.example", "wild"), ("exact.w.example", "exact"),
                         ("w.example", "default"), ("x.y.w.example", "default")]:
        assert served(gate, name) == wanted, name


def test_common_name_counts_only_without_alternative_names(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("old", common="old.example"),
                                             names.issue("new", ["new.example"], common="other.example"))), workers=1)
    assert "the common name of its subject" in gate.log
    assert served(gate, "old.example") == "old.example"
    assert served(gate, "other.example") == "default"


@pytest.mark.parametrize("client", ["curl", "gnutls", "python"])
def test_other_clients_verify_the_name(crossgate, names, client):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("a", ["a.example"]))), workers=1)
    if client == "curl":
        done = subprocess.run(["curl", "-sS", "--cacert", names.path, "--resolve", f"a.example:{gate.port}:127.0.0.1",
                               f"https://a.example:{gate.port}/"], capture_output=True, text=True, timeout=90)
        assert json.loads(done.stdout) == HELLO["value"], done.stderr
    elif client == "gnutls":
        done = subprocess.run(["gnutls-cli", "--x509cafile", names.path, "--sni-hostname", "a.example",
                               "--verify-hostname", "a.example", "-p", str(gate.port), "127.0.0.1"],
                              input=SAY.format("a.example").encode(), capture_output=True, timeout=90)
        assert b"The certificate is trusted" in done.stdout and b"HTTP/1.1 200" in done.stdout, done.stderr
    else:
        with Wire(gate.port, names.client(), server_name="a.example") as wire:
            assert wire.request(host="a.example").status == 200


def test_name_counts_when_the_client_has_to_say_hello_twice(crossgate, names):
    """HelloRetryRequest: the client's first key share is for a group that is not offered."""
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("a", ["a.example"]), strict_sni=True,
                                             groups=["P-384"])), workers=1)
    text = s_client(gate, "a.example", "-tls1_3", "-msg", "-groups", "P-256:P-384")
    assert text.count("ClientHello") == 2 and subject(text) == "a"


def test_rawsocket_has_certificates_by_name(crossgate, names):
    transport = {"type": "rawsocket", "endpoint": tcp(tls=endpoint(names, names.issue("a", ["a.example"])))}
    gate = crossgate(transport, workers=1, words=["--backend", "rs://127.0.0.1:9"])
    assert served(gate, "a.example") == "a"


def test_server_says_that_it_has_used_the_name(crossgate, names):
    """RFC 6066 section 3: an empty server_name extension."""
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("a", ["a.example"]))), workers=1)
    used = 'TLS server extension "server name"'
    for version in ("-tls1_2", "-tls1_3"):
        assert used in s_client(gate, "a.example", version, "-tlsextdebug")
        assert used not in s_client(gate, "unknown.example", version, "-tlsextdebug")


def test_keys_of_different_kinds_are_chosen_by_what_the_client_supports(crossgate, names):
    rsa = names.issue("both-rsa", ["both.example"], kind="rsa")
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("both-ec", ["both.example"]), rsa)), workers=1)
    assert served(gate, "both.example") == "both-ec"
    for words, wanted in [(["-sigalgs", "RSA-PSS+SHA256"], "both-rsa"), (["-sigalgs", "ECDSA+SHA256"], "both-ec"),
                          (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "both-rsa"),
                          (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "both-ec")]:
        assert served(gate, "both.example", *words) == wanted, words


def test_pair_and_certificate_for_one_name_are_side_by_side(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("default-rsa", ["default.example"], kind="rsa"))), workers=1)
    assert served(gate, "default.example", "-sigalgs", "RSA-PSS+SHA256") == "default-rsa"
    assert served(gate, "default.example") == "default"


def test_wildcard_completes_the_kinds_of_key_of_an_exact_name(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("wild-rsa", ["*.k.example"], kind="rsa"),
                                             names.issue("exact-ec", ["a.k.example"]))), workers=1)
    assert served(gate, "a.k.example") == "exact-ec"
    assert served(gate, "a.k.example", "-sigalgs", "RSA-PSS+SHA256") == "wild-rsa"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_strict_refuses_unknown_and_missing_names(crossgate, names, version):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("a", ["a.example"]), strict_sni=True)), workers=1)
    for name in ("unknown.example", None):
        text = s_client(gate, name, version)
        assert "SSL alert number 112" in text and not subject(text)  # unrecognized_name
    gate.wait_log("no certificate for the server name")
    for name, wanted in [("a.example", "a"), ("default.example", "default")]:
        assert served(gate, name, version) == wanted


def test_reload_brings_new_names(crossgate, names):
    paths = web(PATHS, tls=endpoint(names))
    gate = crossgate(paths, workers=1)
    assert served(gate, "a.example") == "default"
    paths["endpoint"]["tls"]["certificates"] = [names.issue("a", ["a.example"])]
    gate.reload({"version": 2, "workers": [{"type": "router", "transports": [paths]}]})
    assert eventually(lambda: served(gate, "a.example") == "a")


def test_many_certificates(crossgate, names):
    many = [names.issue(f"many{i}", [f"host{i}.example"]) for i in range(400)]
    gate = crossgate(web(PATHS, tls=endpoint(names, *many)))
    for i in (0, 199, 399):
        assert served(gate, f"host{i}.example") == f"many{i}"


# Client certificates by name

@pytest.fixture
def mixed(crossgate, names, devices):
    """default.example asks for none, opt.example takes one, must.example wants one, also.example has the policy of opt."""
    clients = {"ca_certificates": [devices.path]}
    backend = Backend()
    with backend:
        gate = crossgate(web({"/": HELLO, "ws": ECHO, "node": reverseproxy(backend)}, tls=endpoint(
            names,
            {**names.issue("opt", ["opt.example"]), "client_certificates": "optional", **clients},
            {**names.issue("must", ["must.example"]), **clients},
            {**names.issue("also", ["also.example"]), "client_certificates": "optional", **clients})), workers=1)
        gate.backend = backend
        yield gate


def connected(gate, names, name, who=None, devices=None, **more):
    context = names.client(who, devices and devices.directory, **more)
    return WebSocketWire(gate.port, context, server_name=name)


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_name_has_its_policy(mixed, names, devices, version):
    for name in ("default.example", "opt.example"):
        with connected(mixed, names, name, maximum_version=version) as wire:
            assert wire.request(host=name).status == 200
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with connected(mixed, names, "must.example", maximum_version=version) as wire:
            wire.request(host="must.example")
    for name in ("opt.example", "must.example"):
        with connected(mixed, names, name, "alice", devices, maximum_version=version) as wire:
            assert wire.request(host=name).status == 200


def test_only_names_with_a_policy_ask(mixed):
    asks = "Acceptable client certificate CA names\nCN = Test Devices"
    assert asks not in s_client(mixed, "default.example")
    for name in ("opt.example", "must.example"):
        assert asks in s_client(mixed, name)


@pytest.mark.parametrize("version", VERSIONS)
def test_optional_does_not_mean_any(mixed, pki, names, version):
    """A certificate that is presented has to be good."""
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with connected(mixed, names, "opt.example", "stranger", pki, maximum_version=version) as wire:
            wire.request(host="opt.example")
    mixed.wait_log("client certificate missing or not accepted")


def test_node_learns_whether_there_was_one(mixed, names, devices):
    cases = [("default.example", None, None), ("opt.example", None, "NONE"), ("opt.example", "alice", "SUCCESS"),
             ("must.example", "bob", "SUCCESS")]
    for count, (name, who, verified) in enumerate(cases, 1):
        with connected(mixed, names, name, who, devices) as wire:
            forged = ["X-TLS-Client-Verify: SUCCESS", "X-TLS-Client-Subject: CN=root"]
            assert wire.upgrade("/node", forged, host=name).status == 101
        assert eventually(lambda: len(mixed.backend.requests) == count)
        _, headers = mixed.backend.requests[-1]
        assert headers.get("X-TLS-Client-Verify") == verified
        assert headers.get("X-TLS-Client-Subject") == (f"CN={who}" if who else None)


def test_host_of_another_policy_is_misdirected(mixed, names, devices):
    with connected(mixed, names, "default.example") as wire:
        for host in ("must.example", "MUST.example", f"must.example:{mixed.port}", "must.example.", "opt.example"):
            assert wire.request(host=host).status == 421, host
        assert wire.request(host="default.example").status == 200  # the connection stays
        assert wire.request(host="unknown.example").status == 200  # a handshake would have been the same
    with connected(mixed, names, "must.example", "alice", devices) as wire:
        for host in ("default.example", "unknown.example", "127.0.0.1", "[::1]:443"):
            assert wire.request(host=host).status == 421, host
        assert wire.request(host="must.example").status == 200
    mixed.wait_log("host asks for other client certificates than this connection was made with")


def test_host_of_the_same_policy_is_served(mixed, names, devices):
    with connected(mixed, names, "opt.example", "alice", devices) as wire:
        assert wire.request(host="also.example").status == 200


def test_absolute_target_counts_as_host(mixed, names):
    with connected(mixed, names, "default.example") as wire:
        assert wire.request(target="https://must.example/", host="default.example").status == 421


def test_request_without_host_is_one_for_the_default(mixed, names, devices):
    with connected(mixed, names, "must.example", "alice", devices) as wire:
        assert wire.send("GET / HTTP/1.0\r\n\r\n").response().status == 421
    with connected(mixed, names, "default.example") as wire:
        assert wire.send("GET / HTTP/1.0\r\n\r\n").response().status == 200


def test_body_of_a_misdirected_request_is_dropped(mixed, names):
    with connected(mixed, names, "default.example") as wire:
        assert wire.request(method="POST", host="must.example", body=b"x" * 1000).status == 421
        assert wire.request(host="default.example").status == 200


def test_misdirected_websocket_is_not_opened(mixed, names):
    with connected(mixed, names, "default.example") as wire:
        for path in ("/ws", "/node"):
            assert wire.upgrade(path, host="must.example").status == 421
        assert mixed.backend.requests == []
        assert wire.upgrade("/ws", host="default.example").status == 101
        wire.send(frame(TEXT, "hello"))
        assert wire.message() == (TEXT, b"hello")


def test_with_one_policy_any_host_is_served(crossgate, names, devices):
    gate = crossgate(web(PATHS, tls=endpoint(names, names.issue("a", ["a.example"]),
                                             ca_certificates=[devices.path])), workers=1)
    with connected(gate, names, "default.example", "alice", devices) as wire:
        assert wire.request(host="a.example").status == 200
        assert wire.request(host="unknown.example").status == 200


def test_own_part_of_a_policy_goes_before_the_endpoints(crossgate, names, devices, pki):
    """The endpoint wants certificates of one authority, a name those of another, and a name none."""
    gate = crossgate(web(PATHS, tls=endpoint(
        names, {**names.issue("a", ["a.example"]), "ca_certificates": [pki["devices.pem"]]},
        {**names.issue("b", ["b.example"]), "client_certificates": "none"},
        ca_certificates=[devices.path])), workers=1)
    with connected(gate, names, "default.example", "alice", devices) as wire:
        assert wire.request(host="default.example").status == 200
    with connected(gate, names, "a.example", "device", pki) as wire:
        assert wire.request(host="a.example").status == 200
    with connected(gate, names, "b.example") as wire:
        assert wire.request(host="b.example").status == 200
    for name, who, of in [("a.example", "alice", devices), ("default.example", "device", pki)]:
        with pytest.raises(ssl.SSLError, match="(?i)alert"):
            with connected(gate, names, name, who, of) as wire:
                wire.request(host=name)


# Resumption

def resumes(gate, tmp_path, first, again, version, words=()):
    session = str(tmp_path / "session")
    text = s_client(gate, first, version, "-sess_out", session, "-ign_eof", *words, say=SAY.format(first))
    assert "New, TLS" in text and "200 OK" in text, text
    text = s_client(gate, again, version, "-sess_in", session, "-ign_eof", *words, say=SAY.format(again))
    assert re.search("^(New|Reused), TLS", text, re.MULTILINE), text
    return "Reused, TLS" in text


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_ticket_is_good_for_its_own_name_and_policy_only(mixed, devices, tmp_path, version):
    alice = ["-cert", str(devices.directory / "alice.pem"), "-key", str(devices.directory / "alice.key")]
    for name in ("default.example", "opt.example", "must.example"):
        assert resumes(mixed, tmp_path, name, name, version, alice)
    for first, again in [("default.example", "must.example"), ("opt.example", "must.example"),
                         ("must.example", "default.example"), ("must.example", "opt.example"),
                         ("opt.example", "also.example")]:
        assert not resumes(mixed, tmp_path, first, again, version, alice), (first, again)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_ticket_does_not_stand_in_for_a_certificate(mixed, tmp_path, version):
    """Got where none is asked for, it must not open the door where one is required."""
    session = str(tmp_path / "session")
    say = SAY.format("default.example")
    assert "200 OK" in s_client(mixed, "default.example", version, "-sess_out", session, "-ign_eof", say=say)
    text = s_client(mixed, "must.example", version, "-sess_in", session, "-ign_eof", say=SAY.format("must.example"))
    assert "200 OK" not in text and "alert" in text


# Lists of revoked certificates

@pytest.mark.parametrize("version", VERSIONS)
def test_revoked_certificate_is_refused(crossgate, names, devices, version):
    crl = devices.revoke("revoked", "bob")
    gate = crossgate(web(PATHS, tls=endpoint(names, ca_certificates=[devices.path], crl_files=[crl])), workers=1)
    with connected(gate, names, "default.example", "alice", devices, maximum_version=version) as wire:
        assert wire.request().status == 200
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with connected(gate, names, "default.example", "bob", devices, maximum_version=version) as wire:
            wire.request()
    gate.wait_log("certificate revoked")


def test_expired_list_refuses_every_client(crossgate, names, devices):
    crl = devices.revoke("expired", "bob", begin=-30, end=-1)
    gate = crossgate(web(PATHS, tls=endpoint(names, ca_certificates=[devices.path], crl_files=[crl])), workers=1)
    assert "HAS EXPIRED: every client" in gate.log
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with connected(gate, names, "default.example", "alice", devices) as wire:
            wire.request()
    gate.wait_log("CRL has expired")


def test_list_may_be_that_of_one_name(crossgate, names, devices):
    crl = devices.revoke("one", "alice", "bob")
    gate = crossgate(web(PATHS, tls=endpoint(names, {**names.issue("a", ["a.example"]), "crl_files": [crl]},
                                             ca_certificates=[devices.path])), workers=1)
    with connected(gate, names, "default.example", "alice", devices) as wire:
        assert wire.request(host="default.example").status == 200
    with pytest.raises(ssl.SSLError, match="(?i)alert"):
        with connected(gate, names, "a.example", "alice", devices) as wire:
            wire.request(host="a.example")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_ticket_is_not_good_under_another_list(crossgate, names, devices, tmp_path, version):
    """A client that is revoked must not come back by its ticket, which carries its certificate unchecked."""
    clients = {"ca_certificates": [devices.path]}
    alice = ["-cert", str(devices.directory / "alice.pem"), "-key", str(devices.directory / "alice.key")]
    gate = crossgate(web(PATHS, tls=endpoint(
        names, {**names.issue("a", ["a.example"]), **clients, "crl_files": [devices.revoke("none")]},
        {**names.issue("b", ["b.example"]), **clients, "crl_files": [devices.revoke("bobs", "bob")]})), workers=1)
    assert resumes(gate, tmp_path, "a.example", "a.example", version, alice)
    assert not resumes(gate, tmp_path, "a.example", "b.example", version, alice)


# Versions and profiles

def test_modern_profile_is_tls_1_3_only(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, profile="modern")), workers=1)
    assert "New, TLSv1.3" in s_client(gate, "default.example")
    assert "alert protocol version" in s_client(gate, "default.example", "-tls1_2")


def test_intermediate_profile_has_no_cbc_and_no_dhe(crossgate, names):
    rsa = names.issue("i-rsa", ["i.example"], kind="rsa")
    gate = crossgate(web(PATHS, tls=endpoint(names, rsa, profile="intermediate")), workers=1)
    for suite in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"):
        assert f"Cipher is {suite}" in s_client(gate, "i.example", "-tls1_2", "-cipher", suite)
    for suite in ("ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
        assert "handshake failure" in s_client(gate, "i.example", "-tls1_2", "-cipher", suite)


def test_versions_groups_suites_and_algorithms_are_as_told(crossgate, names):
    gate = crossgate(web(PATHS, tls=endpoint(names, max_version="1.2", groups=["P-384"])), workers=1)
    text = s_client(gate, "default.example")
    assert "New, TLSv1.2" in text and re.search("Server Temp Key: ECDH, (P-384|secp384r1), 384 bits", text)
    gate = crossgate(web(PATHS, tls=endpoint(names, ciphersuites=["TLS_CHACHA20_POLY1305_SHA256"], min_version="1.3",
                                             signature_algorithms=["ecdsa_secp256r1_sha256"])), workers=1)
    assert "Cipher is TLS_CHACHA20_POLY1305_SHA256" in s_client(gate, "default.example")
    assert "alert protocol version" in s_client(gate, "default.example", "-tls1_2")
    assert "handshake failure" in s_client(gate, "default.example", "-sigalgs", "RSA-PSS+SHA256")


# What check says

def check(directory, tls):
    path = directory / "check.json"
    path.write_text(json.dumps({"version": 2, "workers": [{"type": "router", "transports": [web(PATHS, tls=tls)]}]}))
    done = run("check", "--config", path)
    return done.returncode, done.stdout + done.stderr


def test_check_warns_of_a_certificate_that_is_never_used_for_a_name(names, directory):
    status, text = check(directory, endpoint(names, names.issue("a1", ["a.example", "b.example"]),
                                             names.issue("a2", ["a.example", "b.example", "c.example"])))
    assert status == 0
    assert re.search(r"a2\.pem is not used for a\.example and 1 more of its names: .*a1\.pem comes first", text)
    assert "$.workers[0].transports[0].endpoint.tls.certificates[1]\n" in text


def test_check_refuses_two_policies_for_one_name(names, devices, directory):
    status, text = check(directory, endpoint(
        names, names.issue("p1", ["p.example"]),
        {**names.issue("p2", ["p.example"], kind="rsa"), "ca_certificates": [devices.path]}))
    assert status == 1
    assert re.search(r"p1\.pem and .*p2\.pem are both for p\.example, but ask for different client certificates", text)


@pytest.mark.parametrize("count", [1, 3, 40])
def test_check_shows_certificates_as_many_as_can_be_read(names, directory, count):
    more = [names.issue(f"shown{i}", [f"shown{i}.example"], end=20 + i) for i in range(count - 1)]
    status, text = check(directory, endpoint(names, *more))
    lines = re.findall(r"EC 256, \d+ days left: .*", text)
    assert status == 0 and len(lines) == min(count, 11)
    assert "default.example" in lines[0]
    assert ("and 29 more, which end later" in text) == (count == 40)
    if count == 40:  # those that end first
        assert all(f"shown{i}.example" in lines[i + 1] for i in range(10))


def test_check_judges_lists_of_revoked_certificates(names, devices, directory, pki):
    broken = directory / "broken.crl"
    broken.write_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    good = devices.revoke("good", "bob")
    for files, of, expected, said in [
            ([good], devices.path, 0, None),
            ([str(broken)], devices.path, 1, "is damaged: its list of revoked certificates cannot be decoded"),
            ([devices.path], devices.path, 1, "holds a certificate and no list of revoked certificates (CRL)"),
            ([good], pki["devices.pem"], 0, "is a list of CN=Test Devices, which is not among the ca_certificates"),
            ([names.revoke("foreign")], devices.path, 0, "there is no list of CN=Test Devices"),
            ([devices.revoke("old", end=-1, begin=-5)], devices.path, 0, "HAS EXPIRED"),
            ([devices.revoke("early", begin=2)], devices.path, 0, "is NOT VALID YET"),
            ([devices.revoke("soon", end=0.5)], devices.path, 0, "ends within a day")]:
        status, text = check(directory, endpoint(names, ca_certificates=[of], crl_files=files))
        assert status == expected, text
        assert said in text if said else "warning" not in text, text
    status, text = check(directory, endpoint(names, crl_files=[good]))
    assert status == 0 and "crl_files have no use where clients are not asked for a certificate" in text
    unused = "ca_certificates have no use where clients are not asked for a certificate"
    none = {"ca_certificates": [devices.path], "client_certificates": "none"}
    assert unused in check(directory, endpoint(names, **none))[1]
    assert unused in check(directory, endpoint(names, {**names.issue("u", ["u.example"]), **none}))[1]
    assert unused not in check(directory, endpoint(
        names, {**names.issue("u", ["u.example"]), "client_certificates": "require"}, **none))[1]


@pytest.mark.parametrize("keys, said, remedy", [
    ({"profile": "modern", "ciphers": "ECDHE+AESGCM"}, "ciphers are for TLS 1.2, which profile \"modern\" does not offer",
     "leave ciphers out"),
    ({"profile": "modern", "max_version": "1.2"}, "max_version \"1.2\" is below profile \"modern\"", "raise max_version"),
    ({"min_version": "1.3", "max_version": "1.2"}, "max_version \"1.2\" is below min_version \"1.3\"", "raise max_version"),
    ({"groups": ["X25591"]}, "\"X25591\" is not the name of a group", "did you mean X25519?"),
    ({"signature_algorithms": ["rsa_pss_rsae_sha256"]}, "none of the list can be used with the key", "ecdsa_secp256r1_sha256"),
    ({"max_version": "1.2", "ciphersuites": ["TLS_AES_128_GCM_SHA256"]}, "which max_version \"1.2\" does not offer",
     "leave ciphersuites out"),
    ({"client_certificates": "optional"}, "cannot be judged without ca_certificates", "name the authorities"),
    ({"profile": "old"}, "profile must be \"modern\" or \"intermediate\"", ""),
    ({"min_version": "1.1"}, "min_version must be \"1.2\" or \"1.3\"", ""),
])
def test_check_refuses_contradictions(names, directory, keys, said, remedy):
    status, text = check(directory, endpoint(names, **keys))
    assert status == 1
    assert said in text and remedy in text, text
