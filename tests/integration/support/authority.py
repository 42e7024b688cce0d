"""A small ACME authority over HTTPS that does as it is told: right by itself, wrong where a test wants it so.

    with Authority(pki) as authority:
        authority.say("order", lambda request, right: (429, {"Retry-After": "120"}, problem("rateLimited", "too many")))
        authority.judge = lambda name, kind: problem("connection", "nobody there") if kind == "http-01" else None

`say` puts itself in the place of all answers to one kind of request: directory, nonce, account, order (new ones), orders,
authorization, challenge, finalize, certificate, renewal. `right()` makes the answer that would have been given: a triple of
status, fields and body; a body that is no bytes becomes JSON. Every request that is signed is verified before: signature,
nonce, URL, key or account."""
import base64
import datetime
import http.server
import json
import ssl
import threading
import types

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import ports
from .pki import _certificate as sign, _ec as new_key

ERROR = "urn:ietf:params:acme:error:"


def problem(kind, detail, **more):
    return {"type": ERROR + kind, "detail": detail, **more}


def window(start, end):
    """Renewal information: datetimes without zone, UTC."""
    return {"suggestedWindow": {"start": f"{start.isoformat()}Z", "end": f"{end.isoformat()}Z"}}


def _decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text):
    return int.from_bytes(_decode(text), "big")


class Authority:
    def __init__(self, pki, renewal=True):
        self.port = ports.take()
        self.origin = f"https://localhost:{self.port}"
        self.directory = f"{self.origin}/directory/"
        self.authorities = pki["root.pem"]
        self.terms = "https://localhost/terms"
        self.renewal = renewal
        self.judge = lambda name, kind: None  # None: valid; else the problem
        self.offered = ("http-01", "dns-01", "tls-alpn-01")
        self.proved = set()   # names that need no proof any more
        self.asked = []       # (what, path), in order
        self.placed = []      # payloads of new orders
        self.contacts = []
        self.wrongs = []      # what was wrong with requests; has to be empty in the end
        self._said = {}
        self._nonces, self._count = set(), 0
        self._account_key = None
        self._orders, self._authorizations, self._certificates = [], [], []
        self._pki = pki
        self._ca_key = new_key()
        self.ca = sign("Fake Authority", self._ca_key, "Fake Authority", self._ca_key, ca=True)

    def say(self, what, answer):
        self._said[what] = answer
        return self

    def count(self, what):
        return sum(1 for asked, _ in self.asked if asked == what)

    def __enter__(self):
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                authority._handle(self)

            do_GET = do_HEAD = do_POST = handle_any

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.socket = self._pki.server().wrap_socket(self._server.socket, server_side=True,
                                                             do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind, *_):
        self._server.shutdown()
        self._server.server_close()
        assert kind or not self.wrongs, self.wrongs

    def nonce(self):
        self._count += 1
        nonce = f"nonce-{self._count}"
        self._nonces.add(nonce)
        return nonce

    def issue(self, names, public_key, **more):
        """A certificate for the key."""
        return sign(names[0], types.SimpleNamespace(public_key=lambda: public_key), "Fake Authority", self._ca_key,
                    names=[*map(x509.DNSName, names)], **more)

    def pem(self, *certificates):
        return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)

    # From a request to its answer

    def _handle(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        what, _, rest = handler.path[1:].partition("/")
        request = types.SimpleNamespace(method=handler.command, path=handler.path, rest=rest, payload=None, kid=None,
                                        accept=handler.headers.get("Accept"), body=handler.rfile.read(length))
        self.asked.append((what, handler.path))
        if request.method == "POST" and not self._verify(request, handler.headers.get("Content-Type")):
            self._send(handler, 400, {}, problem("badNonce", "unknown nonce"))
            return

        def right():
            return getattr(self, "answer_" + what)(request)

        self._send(handler, *(self._said[what](request, right) if what in self._said else right()))

    def _send(self, handler, status, fields, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if handler.command != "GET":  # neither the directory nor renewal information has to bring one
            fields = {"Replay-Nonce": self.nonce(), **fields}
        fields = {"Content-Length": str(len(data)), **fields}
        try:
            handler.send_response(status)
            for name, value in fields.items():
                if value is not None:
                    handler.send_header(name, value)
            handler.end_headers()
            if handler.command != "HEAD":
                handler.wfile.write(data)
        except (OSError, ssl.SSLError):
            handler.close_connection = True

    def _verify(self, request, content_type):
        """False: the nonce is none of ours. Anything else that is wrong is the client's error, and kept."""
        jws = json.loads(request.body)
        header = json.loads(_decode(jws["protected"]))
        payload = _decode(jws["payload"])
        request.payload = json.loads(payload) if payload else None
        request.kid = header.get("kid")
        signature = _decode(jws["signature"])
        if "jwk" in header:
            jwk = header["jwk"]
            self._account_key = ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]),
                                                              ec.SECP256R1()).public_key()
        self._expect(set(header) == {"alg", "nonce", "url", "kid" if request.kid else "jwk"}, f"members: {header}")
        self._expect(header["alg"] == "ES256" and len(signature) == 64, f"signature: {header}")
        self._expect(header["url"] == self.origin + request.path, f"url: {header}")
        self._expect(request.kid == (None if request.path.startswith("/account/new") else f"{self.origin}/account/1"),
                     f"account: {request.path} {header}")
        self._expect(content_type == "application/jose+json", f"content type {content_type}")
        try:
            self._account_key.verify(
                encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")),
                f"{jws['protected']}.{jws['payload']}".encode(), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            self.wrongs.append(f"the signature for {request.path} is wrong")
        known = header["nonce"] in self._nonces
        self._nonces.discard(header["nonce"])
        return known

    def _expect(self, fact, what):
        if not fact:
            self.wrongs.append(what)

    # The right answers

    def answer_directory(self, _):
        links = {"newNonce": "nonce/new", "newAccount": "account/new", "newOrder": "order/new"}
        if self.renewal:
            links["renewalInfo"] = "renewal"
        return 200, {}, {**{name: f"{self.origin}/{path}" for name, path in links.items()},
                         "meta": {"termsOfService": self.terms} if self.terms else {}}

    def answer_nonce(self, _):
        return 200, {}, b""

    def answer_account(self, request):
        known = bool(self.contacts)
        self.contacts.append(request.payload.get("contact"))
        if self.terms and request.rest == "new":
            self._expect(request.payload.get("termsOfServiceAgreed") is True, "terms")
        return 200 if known else 201, {"Location": f"{self.origin}/account/1"}, \
            {"status": "valid", "contact": self.contacts[0]}

    def answer_order(self, request):
        self.placed.append(request.payload)
        names = [one["value"] for one in request.payload["identifiers"]]
        first = len(self._authorizations)
        self._authorizations += [{"name": name, "status": "valid" if name in self.proved else "pending", "errors": {},
                                  "tried": []} for name in names]
        self._orders.append({"names": names, "authorizations": range(first, first + len(names)), "certificate": None})
        number = len(self._orders) - 1
        return 201, {"Location": f"{self.origin}/orders/{number}"}, self.order(number)

    def order(self, number):
        """The document of an order."""
        order = self._orders[number]
        states = [self._authorizations[one]["status"] for one in order["authorizations"]]
        status = ("valid" if order["certificate"] is not None else "invalid" if "invalid" in states
                  else "pending" if "pending" in states else "ready")
        document = {"status": status, "finalize": f"{self.origin}/finalize/{number}",
                    "identifiers": [{"type": "dns", "value": name} for name in order["names"]],
                    "authorizations": [f"{self.origin}/authorization/{one}" for one in order["authorizations"]]}
        if status == "valid":
            document["certificate"] = f"{self.origin}/certificate/{order['certificate']}"
        return document

    def answer_orders(self, request):
        return 200, {}, self.order(int(request.rest))

    def answer_authorization(self, request):
        number = int(request.rest)
        authorization = self._authorizations[number]
        challenges = []
        # When a challenge has been decided on, no other is shown any more, as with Let's Encrypt.
        for kind in authorization["tried"] or self.offered:
            challenge = {"type": kind, "url": f"{self.origin}/challenge/{number}/{kind}",
                         "token": f"token-{number}-{kind}", "status": "pending"}
            if kind in authorization["errors"]:
                challenge.update(status="invalid", error=authorization["errors"][kind])
            challenges.append(challenge)
        return 200, {}, {"status": authorization["status"], "challenges": challenges,
                         "identifier": {"type": "dns", "value": authorization["name"]}}

    def answer_challenge(self, request):
        number, kind = request.rest.split("/")
        authorization = self._authorizations[int(number)]
        self._expect(request.payload == {}, f"response to a challenge: {request.payload}")
        authorization["tried"].append(kind)
        wrong = self.judge(authorization["name"], kind)
        authorization["status"] = "invalid" if wrong else "valid"
        if wrong:
            authorization["errors"][kind] = wrong
        return 200, {}, {"type": kind, "url": self.origin + request.path, "status": "processing"}

    def answer_finalize(self, request):
        number = int(request.rest)
        asked = x509.load_der_x509_csr(_decode(request.payload["csr"]))
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self._expect(sorted(names.get_values_for_type(x509.DNSName)) == sorted(self._orders[number]["names"]), "names")
        self._certificates.append(self.issue(self._orders[number]["names"], asked.public_key()))
        self._orders[number]["certificate"] = len(self._certificates) - 1
        return 200, {}, self.order(number)

    def answer_certificate(self, request):
        self._expect(request.accept == "application/pem-certificate-chain", f"Accept: {request.accept}")
        return 200, {}, self.pem(self._certificates[int(request.rest)], self.ca)

    def answer_renewal(self, _):
        now = datetime.datetime.utcnow().replace(microsecond=0)
        return 200, {"Retry-After": "21600"}, window(now, now + datetime.timedelta(days=2))
