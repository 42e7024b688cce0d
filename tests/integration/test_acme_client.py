"""The ACME client against pebble, and against an authority that does what none should."""
import datetime
import email.utils
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding

from support.acme_client import HTTP_01, TLS_ALPN_01, Client
from support.authority import Authority, problem, window
from support.pebble import Pebble
from support.pki import _certificate as sign, _ec as new_key

pytestmark = pytest.mark.checked


def names_of(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(names.get_values_for_type(x509.DNSName))


def is_signed_by(certificate, issuer):
    """Raises if not."""
    issuer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                               *([ec.ECDSA(certificate.signature_hash_algorithm)]
                                 if isinstance(issuer.public_key(), ec.EllipticCurvePublicKey)
                                 else [padding.PKCS1v15(), certificate.signature_hash_algorithm]))
    return True


@pytest.fixture
def pebble(directory, pki):
    """pebble(…) starts an authority that answers its own challenges with what a client for it publishes; without `http` or
    `tls` nobody listens there."""
    started = []

    def start(http=True, tls=True, **more):
        authority = Pebble(directory, pki, **more)
        if http:
            authority.serve_http()
        if tls:
            authority.serve_tls()
        started.append(authority.start())

        def publish(kind, name, token, key_authorization):
            if kind == "http-01" and http:
                authority.answer_http(token, key_authorization)
            if kind == "tls-alpn-01" and tls:
                authority.answer_tls(name, key_authorization)
            return True

        return authority, Client(directory, authority.directory, authority.authorities, publish)

    yield start
    for authority in started:
        authority.stop()


@pytest.fixture
def fake(pki, directory):
    """An authority of our own, and a client for it."""
    with Authority(pki) as authority:
        yield authority, Client(directory, authority.directory, authority.authorities)


# pebble

@pytest.mark.parametrize("kinds, kind", [(HTTP_01, "http-01"), (TLS_ALPN_01, "tls-alpn-01"),
                                         (HTTP_01 | TLS_ALPN_01, "http-01")])
def test_certificate(pebble, kinds, kind):
    authority, client = pebble()
    client.issue("box1.example.com", "box2.example.com", kinds=kinds, email="admin@example.com")
    assert client.error is None, client.error
    leaf, intermediate = client.certificates()
    assert names_of(leaf) == ["box1.example.com", "box2.example.com"]
    assert leaf.public_key().public_numbers() == client.key.public_key().public_numbers()
    assert is_signed_by(leaf, intermediate)
    assert is_signed_by(intermediate, x509.load_pem_x509_certificate(authority.root().encode()))
    assert sorted(what[:2] for what in client.published) == [(kind, "box1.example.com"), (kind, "box2.example.com")]
    assert authority.is_known(leaf.serial_number)


def test_bad_nonces_and_slow_validation(pebble):
    authority, client = pebble(bad_nonces=40, sleep=1)
    client.issue("box1.example.com")
    assert client.error is None, client.error


def test_default_chain(pebble):
    """Of several, and a long one."""
    authority, client = pebble(chain=3, roots=2, days=6)
    client.issue("box1.example.com")
    assert client.error is None, client.error
    chain = client.certificates()
    assert len(chain) == 4 and is_signed_by(chain[-1], x509.load_pem_x509_certificate(authority.root().encode()))
    assert chain[0].not_valid_after - chain[0].not_valid_before <= datetime.timedelta(days=6)


def test_same_account_again(pebble):
    authority, client = pebble(reuse=100)
    client.issue("box1.example.com", email="old@example.com")
    assert client.error is None, client.error
    first = client.certificates()[0]
    client.issue("box1.example.com", email="new@example.com")
    assert client.error is None, client.error
    assert client.published == [], "what is valid is not proved again"
    assert client.certificates()[0].serial_number != first.serial_number


def test_next_kind_when_one_fails(pebble):
    authority, client = pebble(http=False)
    client.issue("box1.example.com", "box2.example.com")
    assert client.error is None, client.error
    for name in ("box1.example.com", "box2.example.com"):
        assert sorted({what[0] for what in client.published if what[1] == name}) == ["http-01", "tls-alpn-01"]
        assert sum(what[:2] == ("http-01", name) for what in client.published) == 1
    assert any("http-01 failed" in text and "connection refused" in text for text in client.progress)


def test_no_kind_works(pebble):
    authority, client = pebble(http=False, tls=False)
    client.issue("box1.example.com")
    assert client.error.startswith("box1.example.com: tls-alpn-01 failed: Failed to connect"), client.error
    assert not client.hopeless and [what[0] for what in client.published] == ["http-01", "tls-alpn-01"]


def test_name_that_does_not_resolve(pebble):
    authority, client = pebble(resolves=False)
    client.issue("box1.example.com", kinds=HTTP_01)
    assert client.error.startswith("box1.example.com: http-01 failed: ") and not client.hopeless
    authority.resolve("box1.example.com", "127.0.0.1")
    client.issue("box1.example.com", kinds=HTTP_01)
    assert client.error is None, client.error


def test_name_is_refused(pebble):
    authority, client = pebble(blocked=["blocked.example.com"])
    client.issue("blocked.example.com")
    assert "blocked.example.com" in client.error and client.hopeless


def test_binding_is_wanted(pebble):
    authority, client = pebble(eab=True)
    client.issue("box1.example.com")
    assert "bound to one of its customers" in client.error and client.hopeless


def test_authority_is_down_and_comes_back(pebble):
    authority, client = pebble()
    authority.stop()
    client.issue("box1.example.com")
    assert "Connection refused" in client.error or "connect" in client.error, client.error
    assert not client.hopeless
    authority.start()
    client.issue("box1.example.com")
    assert client.error is None, client.error


def test_stranger_is_not_trusted(pebble, pki):
    authority, client = pebble()
    client.authorities = pki["devices.pem"]
    client.issue("box1.example.com")
    assert "certificate" in client.error and not client.published


# What has to be put right before anything can work

def test_terms(fake):
    authority, client = fake
    client.issue("box1.example.com", agree=False)
    assert client.error == ("the authority's terms have to be agreed to: read https://localhost/terms, "
                            "then set agree_tos to true")
    assert client.hopeless and authority.count("account") == 0
    authority.terms = None
    client.issue("box1.example.com", agree=False)
    assert client.error is None, client.error


def test_wildcard(fake):
    authority, client = fake
    client.issue("box1.example.com", "*.example.com")
    assert client.error.startswith("*.example.com: http-01 and tls-alpn-01 cannot prove a wildcard")
    assert client.hopeless and authority.asked == []


@pytest.mark.parametrize("names, kinds, error", [
    ([], 3, "a certificate can have 1 to 100 names, not 0"),
    ([f"box{i}.example.com" for i in range(101)], 3, "a certificate can have 1 to 100 names, not 101"),
    (["box1.example.com"], 0, "no challenge can be answered: neither http-01 nor tls-alpn-01"),
])
def test_impossible_orders(fake, names, kinds, error):
    authority, client = fake
    client.issue(*names, kinds=kinds, request=["box1.example.com"])
    assert client.error == error and client.hopeless and authority.asked == []


def test_account_key_is_none(fake):
    authority, client = fake
    client.account.write_text("nonsense")
    client.issue("box1.example.com")
    assert client.error == "the account's key cannot be used: it is no private key for P-256 in PEM form"


def test_directory_is_no_https_url(fake):
    authority, client = fake
    client.directory = client.directory.replace("https", "http")
    client.issue("box1.example.com")
    assert client.error == "the authority's directory has to be an https URL"


# An authority that does what it should

def test_contact_that_has_changed(fake):
    authority, client = fake
    client.issue("box1.example.com", email="old@example.com")
    client.issue("box1.example.com", email="old@example.com")
    assert authority.contacts == [["mailto:old@example.com"]] * 2
    client.issue("box1.example.com", email="new@example.com")
    assert authority.contacts[3:] == [["mailto:new@example.com"]]
    assert client.error is None, client.error


def test_hundred_names(fake):
    authority, client = fake
    names = [f"box{i}.example.com" for i in range(100)]
    authority.proved = {*names[:98]}
    client.issue(*names)
    assert client.error is None, client.error
    assert [what[1] for what in client.published] == names[98:], "what is valid is not proved again"
    assert names_of(client.certificates()[0]) == sorted(names)


def test_nonces_are_used_again(fake):
    authority, client = fake
    client.issue("box1.example.com")
    assert authority.count("nonce") == 1


def test_kind_that_cannot_be_published(fake):
    authority, client = fake
    client.publish = lambda kind, *_: kind == "tls-alpn-01"
    client.issue("box1.example.com")
    assert client.error is None, client.error
    assert authority.count("challenge") == 1 and authority.count("order") == 1


def test_nothing_can_be_published(fake):
    authority, client = fake
    client.publish = lambda *_: False
    client.issue("box1.example.com")
    assert client.error == "box1.example.com: none of the challenges that the authority offers can be answered"
    assert [what[0] for what in client.published] == ["http-01", "tls-alpn-01"]


def test_only_other_kinds_are_offered(fake):
    authority, client = fake
    authority.offered = ("dns-01",)
    client.issue("box1.example.com")
    assert client.error == "box1.example.com: none of the challenges that the authority offers can be answered"
    assert client.published == []


def test_new_order_after_a_failure(fake):
    """What failed is not tried again, what is left is, in a new order."""
    authority, client = fake
    authority.judge = lambda name, kind: problem("connection", "no") if (name, kind) == ("b.example.com", "http-01") else None
    client.issue("a.example.com", "b.example.com")
    assert client.error is None, client.error
    assert [what[:2] for what in client.published] == [
        ("http-01", "a.example.com"), ("http-01", "b.example.com"),
        ("http-01", "a.example.com"), ("tls-alpn-01", "b.example.com")]
    assert "b.example.com: http-01 failed: no (connection)" in client.progress


def test_challenge_fails(fake):
    authority, client = fake
    authority.judge = lambda name, kind: problem("unauthorized", "wrong \x1b[31manswer", subproblems=[
        {"detail": "404", "identifier": {"type": "dns", "value": name}}])
    client.issue("box1.example.com", kinds=HTTP_01)
    assert client.error == ("box1.example.com: http-01 failed: wrong ?[31manswer; box1.example.com: 404 (unauthorized)")
    assert not client.hopeless and authority.count("order") == 1


# Replacing and renewal information

@pytest.fixture
def certificate(fake, directory):
    """File of one that the authority has issued, and its name in renewal information."""
    authority, _ = fake
    issued = authority.issue(["box1.example.com"], new_key().public_key())
    (directory / "old.pem").write_bytes(authority.pem(issued, authority.ca))
    return directory / "old.pem"


def test_replaces(fake, certificate):
    authority, client = fake
    client.issue("box1.example.com", replaces=certificate)
    assert client.error is None, client.error
    assert authority.placed[0]["replaces"].count(".") == 1


@pytest.mark.parametrize("kind", ["alreadyReplaced", "malformed", "unauthorized"])
def test_replaces_is_refused(fake, certificate, kind):
    authority, client = fake
    authority.say("order", lambda request, right: (409, {}, problem(kind, "no")) if "replaces" in request.payload else right())
    client.issue("box1.example.com", replaces=certificate)
    assert client.error is None, client.error
    assert ["replaces" in order for order in authority.placed] == [False] and authority.count("order") == 2


def test_replaces_without_renewal_information(fake, certificate):
    authority, client = fake
    authority.renewal = False
    client.issue("box1.example.com", replaces=certificate)
    assert "replaces" not in authority.placed[0]


def test_window(fake, certificate):
    authority, client = fake
    client.window(certificate)
    assert client.error is None, client.error
    assert client.times[1] - client.times[0] == 2 * 86400 and abs(client.times[0] - time.time()) < 60
    assert client.retry_after == 21600
    path = authority.asked[-1][1]
    assert path.startswith("/renewal/") and path.count(".") == 1


def test_window_is_over(fake, certificate):
    authority, client = fake
    past = datetime.datetime(2025, 1, 2, 4)
    authority.say("renewal", lambda *_: (200, {}, window(past, past + datetime.timedelta(hours=1))))
    client.window(certificate)
    assert client.times == (1735790400, 1735794000) and client.retry_after == 21600


@pytest.mark.parametrize("field, seconds", [("1", 60), ("100000000", 86400), ("7200", 7200), ("soon", 21600)])
def test_window_again(fake, certificate, field, seconds):
    authority, client = fake
    authority.say("renewal", lambda request, right: (200, {"Retry-After": field}, right()[2]))
    client.window(certificate)
    assert client.retry_after == seconds


@pytest.mark.parametrize("body", [
    b"", b"[]", {}, {"suggestedWindow": 7}, {"suggestedWindow": {"start": "2025-01-02T04:00:00Z"}},
    {"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-02T04:00:00Z"}},
    {"suggestedWindow": {"start": "tomorrow", "end": "2025-01-02T04:00:00Z"}},
])
def test_window_is_garbage(fake, certificate, body):
    authority, client = fake
    authority.say("renewal", lambda *_: (200, {}, body))
    client.window(certificate)
    assert client.error == "the authority sent renewal information that cannot be understood"


def test_window_is_not_offered(fake, certificate):
    authority, client = fake
    authority.renewal = False
    client.window(certificate)
    assert client.error == "the authority does not offer renewal information"


def test_window_is_not_known(fake, certificate, pki):
    authority, client = fake
    authority.say("renewal", lambda *_: (404, {}, problem("malformed", "never heard of it")))
    client.window(certificate)
    assert client.error == "the authority refuses: never heard of it (malformed)"
    client.window(pki["garbage.pem"])
    assert client.error == "the certificate has no authority key identifier to ask by"


# Refusals

@pytest.mark.parametrize("what", ["directory", "nonce", "account", "order", "authorization", "challenge", "finalize",
                                  "orders", "certificate"])
def test_rate_limit(fake, what):
    authority, client = fake
    authority.say(what, lambda *_: (429, {"Retry-After": "3600"}, problem("rateLimited", "too many certificates")))
    client.issue("box1.example.com")
    assert client.retry_after == 3600 and not client.hopeless
    if what != "nonce":  # HEAD has no body
        assert client.error == "the authority refuses: too many certificates (rateLimited)"


def test_rate_limit_until_a_date(fake):
    authority, client = fake
    date = email.utils.formatdate(time.time() + 7200, usegmt=True)
    authority.say("order", lambda *_: (429, {"Retry-After": date}, problem("rateLimited", "too many")))
    client.issue("box1.example.com")
    assert 7100 < client.retry_after <= 7200


@pytest.mark.parametrize("field, seconds", [("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", 0), ("-5", 0), (None, 0),
                                            ("99999999999999999999", 0), ("4000000000", 604800), ("0", 0)])
def test_rate_limit_of_odd_length(fake, field, seconds):
    authority, client = fake
    authority.say("order", lambda *_: (503, {"Retry-After": field}, b"busy"))
    client.issue("box1.example.com")
    assert client.retry_after == seconds and "answered 503" in client.error


@pytest.mark.parametrize("kind, hopeless", [("rejectedIdentifier", 1), ("userActionRequired", 1), ("serverInternal", 0)])
def test_hopeless_refusals(fake, kind, hopeless):
    authority, client = fake
    authority.say("order", lambda *_: (403, {}, problem(kind, "no")))
    client.issue("box1.example.com")
    assert client.hopeless == hopeless and client.error == f"the authority refuses: no ({kind})"


def test_bad_nonces_for_ever(fake):
    authority, client = fake
    authority.say("account", lambda *_: (400, {}, problem("badNonce", "not this one")))
    client.issue("box1.example.com")
    assert client.error == "the authority refused its own nonces 10 times in a row"
    assert authority.count("account") == 10


def test_bad_nonces_for_a_while(fake):
    authority, client = fake
    refused = []

    def answer(request, right):
        refused.append(request.path)
        return (400, {}, problem("badNonce", "not this one")) if len(refused) % 3 else right()

    for what in ("account", "order", "authorization", "challenge", "finalize", "orders", "certificate"):
        authority.say(what, answer)
    client.issue("box1.example.com")
    assert client.error is None, client.error


@pytest.mark.parametrize("nonce", [None, "", "a b", "x" * 5000])
def test_no_nonce(fake, nonce):
    authority, client = fake
    authority.say("nonce", lambda *_: (200, {"Replay-Nonce": nonce}, b""))
    client.issue("box1.example.com")
    assert client.error == "the authority gives no nonce that can be used (Replay-Nonce)"


# Nonsense

GARBAGE = {
    "not JSON": b"<html>hello</html>",
    "list": b"[]",
    "empty": b"",
    "deep": b'{"status":' + b"[" * 100000 + b"]" * 100000 + b"}",
    "no UTF-8": b'{"status":"\xff"}',
    "NUL": b'{"status":"valid\\u0000"}',
    "300 KB": b'{"status":"valid"}' + b" " * 300000,
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("what, error", [
    ("directory", "is not the directory of an ACME authority"),
    ("order", "sent an order that cannot be understood"),
    ("authorization", "sent an authorization that cannot be understood"),
    ("finalize", "sent an order that cannot be understood"),
    ("orders", "sent an order that cannot be understood"),
    ("certificate", "what was sent is no chain of certificates in PEM form"),
])
def test_garbage(fake, what, error, garbage):
    authority, client = fake
    authority.say(what, lambda request, right: (200, right()[1], garbage))
    client.issue("box1.example.com")
    assert error in client.error and not client.hopeless


@pytest.mark.parametrize("what", ["directory", "order", "certificate"])
def test_body_without_end(fake, what):
    authority, client = fake
    authority.say(what, lambda request, right: (200, right()[1], b"x" * 1100000))
    client.issue("box1.example.com")
    assert "the answer is too long" in client.error


@pytest.mark.parametrize("what", ["directory", "account", "order", "certificate"])
def test_redirect_is_not_followed(fake, what):
    authority, client = fake
    authority.say(what, lambda *_: (302, {"Location": authority.origin + "/elsewhere"}, b""))
    client.issue("box1.example.com")
    assert "answered 302" in client.error and authority.count("elsewhere") == 0


@pytest.mark.parametrize("name", ["newNonce", "newAccount", "newOrder"])
def test_plain_urls_in_the_directory(fake, name):
    authority, client = fake

    def answer(request, right):
        status, fields, body = right()
        return status, fields, {**body, name: body[name].replace("https", "http")}

    authority.say("directory", answer)
    client.issue("box1.example.com")
    assert "is not the directory of an ACME authority" in client.error and authority.count("order") == 0


@pytest.mark.parametrize("what", ["account", "order"])
@pytest.mark.parametrize("place", [None, "http://localhost/account/1", "/account/1", "https://localhost/\x7f"])
def test_location(fake, what, place):
    authority, client = fake
    authority.say(what, lambda request, right: (201, {"Location": place}, right()[2]))
    client.issue("box1.example.com")
    assert client.error == "the authority does not say where what it made can be found (Location)"


@pytest.mark.parametrize("change", [{"authorizations": ["http://localhost/authorization/0"]}, {"finalize": "http://localhost/"},
                                    {"authorizations": ["https://localhost/authorization/0"] * 101}, {"status": "valid"}])
def test_orders_that_are_no_good(fake, change):
    authority, client = fake
    authority.say("order", lambda request, right: (201, right()[1], {**right()[2], **change}))
    client.issue("box1.example.com")
    assert client.error == "the authority sent an order that cannot be understood"


def test_order_becomes_invalid(fake):
    authority, client = fake
    authority.say("finalize", lambda request, right: (200, {}, {
        **authority.order(0), "status": "invalid", "error": problem("caa", "CAA forbids it")}))
    client.issue("box1.example.com")
    assert client.error == "the authority has given the order up: CAA forbids it (caa)" and not client.hopeless


def test_name_is_refused_late(fake):
    """By the order, or by a challenge: either way nobody but the operator can help."""
    authority, client = fake
    authority.judge = lambda name, kind: problem("rejectedIdentifier", "never")
    client.issue("box1.example.com")
    assert client.error == "box1.example.com: tls-alpn-01 failed: never (rejectedIdentifier)" and client.hopeless
    authority.judge = lambda name, kind: None
    authority.say("finalize", lambda request, right: (200, {}, {
        **right()[2], "status": "invalid", "error": problem("rejectedIdentifier", "never")}))
    client.issue("box1.example.com")
    assert client.error == "the authority has given the order up: never (rejectedIdentifier)" and client.hopeless


def test_order_stays_ready_for_a_while(fake):
    """It is finalized once all the same."""
    authority, client = fake
    seen = []

    def answer(request, right):
        status, fields, body = right()
        seen.append(body["status"])
        return status, fields, {**body, "status": "ready"} if seen.count("valid") < 3 else body

    authority.say("finalize", answer).say("orders", answer)
    client.issue("box1.example.com")
    assert client.error is None, client.error
    assert authority.count("finalize") == 1 and seen.count("valid") == 3


def test_order_is_processed_for_a_while(fake):
    authority, client = fake
    seen = []

    def answer(request, right):
        status, fields, body = right()
        seen.append(body["status"])
        return status, fields, {**body, "status": "processing"} if len(seen) < 3 and body["status"] == "valid" else body

    authority.say("finalize", answer).say("orders", answer)
    client.issue("box1.example.com")
    assert client.error is None, client.error
    assert authority.count("finalize") == 1


@pytest.mark.parametrize("status", ["expired", "revoked", "deactivated", "new", None])
def test_authorization_is_of_no_use(fake, status):
    authority, client = fake
    authority.say("authorization", lambda request, right: (200, {}, {**right()[2], "status": status}))
    client.issue("box1.example.com")
    assert client.error == "box1.example.com: the authority's authorization is not valid any more"


def test_authorization_for_somebody_else(fake):
    authority, client = fake
    authority.say("authorization", lambda request, right: (200, {}, {
        **right()[2], "identifier": {"type": "dns", "value": "evil\x1b.example.com"}}))
    client.issue("box1.example.com")
    assert client.error == "the authority wants a proof for evil?.example.com, which was not ordered"
    assert client.published == []


def test_token_that_is_a_path(fake):
    authority, client = fake

    def answer(request, right):
        status, fields, body = right()
        for challenge in body["challenges"]:
            challenge["token"] = "../../etc/passwd"
        return status, fields, body

    authority.say("authorization", answer)
    client.issue("box1.example.com")
    assert client.published == [] and "none of the challenges" in client.error


WITHIN = 5000  # ms: what comes before the wait has to be done by then, on any machine


@pytest.mark.long
def test_pending_for_ever(fake):
    authority, client = fake
    authority.say("authorization", lambda request, right: (200, {}, {**right()[2], "status": "pending"}))
    client.issue("box1.example.com", within=WITHIN)
    assert client.error == "the authority was too slow: box1.example.com has not been validated in time"


@pytest.mark.long
def test_processing_for_ever(fake):
    authority, client = fake
    authority.say("finalize", lambda request, right: (200, {}, {**authority.order(0), "status": "processing"}))
    authority.say("orders", lambda request, right: (200, {}, {**right()[2], "status": (
        "ready" if authority.count("finalize") == 0 else "processing")}))
    client.issue("box1.example.com", within=WITHIN)
    assert client.error == "the authority was too slow: the certificate has not been issued in time"


@pytest.mark.parametrize("slow, undone", [
    ("account", "the order has not been placed"), ("authorization", "box1.example.com has not been validated"),
    ("finalize", "the certificate has not been issued")])
@pytest.mark.long
def test_too_slow(fake, slow, undone):
    """The time is over before a request: the step that it is for is named all the same."""
    authority, client = fake
    authority.say(slow, lambda request, right: (time.sleep(WITHIN / 1000), right())[1])
    client.issue("box1.example.com", within=WITHIN)
    assert client.error == f"the authority was too slow: {undone} in time" and not client.hopeless
    assert authority.count(slow) == 1


def test_asked_to_wait_for_too_long(fake):
    authority, client = fake
    authority.say("challenge", lambda request, right: (200, {"Retry-After": "86400"}, right()[2]))
    client.issue("box1.example.com")
    assert "has not been validated in time" in client.error and client.retry_after == 86400


def test_server_that_does_not_answer(fake):
    authority, client = fake
    over = threading.Event()
    authority.say("order", lambda request, right: (over.wait(60), right())[1])
    client.issue("box1.example.com", timeout=500)
    over.set()
    assert "imed out" in client.error


# Certificates that are not what was asked for

def delivery(authority, *pieces):
    authority.say("certificate", lambda *_: (200, {}, b"".join(pieces)))


@pytest.mark.parametrize("kind, error", [
    ("other key", "it is for another key than that of the request"),
    ("other names", "it lacks a name that was asked for"),
    ("expired", "it has expired already; is this machine's clock right?"),
    ("reversed", "it is for another key than that of the request"),
    ("other issuer", "one certificate of its chain is not signed by the next one"),
    ("key in it", "what was sent is no chain of certificates in PEM form"),
])
def test_delivery(fake, kind, error):
    authority, client = fake
    public = client.key.public_key()
    stranger_key = new_key()
    stranger = sign("Fake Authority", stranger_key, "Fake Authority", stranger_key, ca=True)
    leaf = {"other key": lambda: authority.issue(["box1.example.com"], new_key().public_key()),
            "other names": lambda: authority.issue(["box2.example.com"], public),
            "expired": lambda: authority.issue(["box1.example.com"], public, begin=-3, end=-1)}.get(
                kind, lambda: authority.issue(["box1.example.com"], public))()
    delivery(authority, *{"reversed": [authority.pem(authority.ca, leaf)],
                          "other issuer": [authority.pem(leaf, stranger)],
                          "key in it": [authority.pem(leaf), client.account.read_bytes()]}.get(
                              kind, [authority.pem(leaf, authority.ca)]))
    client.issue("box1.example.com")
    assert client.error == f"the authority's certificate cannot be used: {error}" and client.chain is None


def test_delivery_is_written_anew(fake):
    authority, client = fake
    leaf = authority.issue(["BOX1.example.com"], client.key.public_key())
    delivery(authority, b"# remark\x1b\n", authority.pem(leaf), b"\r\nsubject=/CN=x\n", authority.pem(authority.ca))
    client.issue("box1.example.com")
    assert client.error is None, client.error
    assert client.chain.encode() == authority.pem(leaf, authority.ca)
