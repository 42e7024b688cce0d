"""An authority that names an OCSP responder in what it issues, and the responder: HTTP by Python, answers by `openssl ocsp`, or whatever
a test wants to have said."""
import base64
import datetime
import http.server
import os
import ssl
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from . import pki, ports

DAY = datetime.timedelta(days=1)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def issue(subject, key, issuer, issuer_key, *extensions, ca=False):
    def name(common):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])

    builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now() - DAY).not_valid_after(now() + 90 * DAY)
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class Authority:
    """Files in the directory: root.pem, NAME.key and NAME.pem (leaf and intermediate)."""

    def __init__(self, directory, url):
        self.directory, self.url = Path(directory), url
        self.root_key, self.key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.root = issue("Staple Root", self.root_key, "Staple Root", self.root_key, ca=True)
        self.certificate = issue("Staple Intermediate", self.key, "Staple Root", self.root_key, ca=True)
        self.leaves, self.revoked, self.lock = {}, {}, threading.Lock()
        self.write("root.pem", _pem(self.root))
        self.write("chain.pem", _pem(self.certificate))
        self.write("ca.key", _private(self.key))

    def __getitem__(self, name):
        return str(self.directory / name)

    def write(self, name, data):
        descriptor = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if name.endswith("key") else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)

    def leaf(self, name="server", kind="ec", must_staple=False, url=True, by_root=False):
        key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
        extensions = [x509.SubjectAlternativeName(pki.LOCAL), x509.ExtendedKeyUsage([pki.SERVER])]
        if url:
            place = x509.UniformResourceIdentifier(self.url)
            extensions.append(x509.AuthorityInformationAccess(
                [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)]))
        if must_staple:
            extensions.append(x509.TLSFeature([x509.TLSFeatureType.status_request]))
        issuer, issuer_key = ("Staple Root", self.root_key) if by_root else ("Staple Intermediate", self.key)
        certificate = issue("localhost", key, issuer, issuer_key, *extensions)
        self.leaves[name] = certificate
        self.write(f"{name}.key", _private(key))
        self.write(f"{name}.pem", _pem(certificate) + (b"" if by_root else _pem(self.certificate)))
        return self.tls(name, **({"chain_certificates": [self["root.pem"]]} if by_root else {}))

    def tls(self, name="server", **more):
        return {"key": self[f"{name}.key"], "certificate": self[f"{name}.pem"], **more}

    def client(self):
        """An ssl.SSLContext that trusts it."""
        return ssl.create_default_context(cafile=self["root.pem"])

    def fingerprint(self, name="server"):
        return self.leaves[name].fingerprint(hashes.SHA256()).hex()

    @staticmethod
    def impostor():
        """(certificate, key) of one that bears the intermediate's name."""
        key = ec.generate_private_key(ec.SECP256R1())
        return issue("Staple Intermediate", key, "Staple Intermediate", key, ca=True), key

    def delegate(self, *usages):
        """(certificate, key) of one that the intermediate has certified for these uses."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions = [x509.ExtendedKeyUsage(list(usages))] if usages else []
        return issue("Staple Delegate", key, "Staple Intermediate", self.key, *extensions), key

    def response(self, name="server", begin=None, end=None, status=ocsp.OCSPCertStatus.GOOD, signer=None, key=None, by_root=False):
        """DER, with anything in it."""
        issuer, issuer_key = (self.root, self.root_key) if by_root else (self.certificate, self.key)
        begin = begin or now() - datetime.timedelta(hours=1)
        revoked = now() - DAY if status == ocsp.OCSPCertStatus.REVOKED else None
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=self.leaves[name], issuer=issuer, algorithm=hashes.SHA1(), cert_status=status,
            this_update=begin, next_update=end or begin + 7 * DAY, revocation_time=revoked, revocation_reason=None)
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer or issuer)
        if signer:
            builder = builder.certificates([signer])
        return builder.sign(key or issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def openssl(self, request, *words):
        """What `openssl ocsp` answers as the authority's responder."""
        with self.lock:
            return self._openssl(request, *words)

    def _openssl(self, request, *words):
        lines = []
        for name, leaf in self.leaves.items():
            end = leaf.not_valid_after.strftime("%y%m%d%H%M%SZ")
            gone = self.revoked.get(name, "")
            lines.append("\t".join(["R" if gone else "V", end, gone, f"{leaf.serial_number:X}".zfill(40), "unknown", f"/CN={name}"]))
        self.write("index.txt", "\n".join(lines).encode() + b"\n")
        self.write("request.der", request)
        subprocess.run(["openssl", "ocsp", "-index", self["index.txt"], "-CA", self["chain.pem"], "-rsigner", self["chain.pem"],
                        "-rkey", self["ca.key"], "-reqin", self["request.der"], "-respout", self["response.der"], "-ndays", "7",
                        *words], check=True, capture_output=True, timeout=90)
        return (self.directory / "response.der").read_bytes()

    def revoke(self, name="server"):
        self.revoked[name] = now().strftime("%y%m%d%H%M%SZ")


class Responder:
    """`answer(request)` returns bytes, or (HTTP status, bytes), or None to hang up; without it `openssl ocsp` answers."""

    def __init__(self, directory, port=None):
        self.port = port or ports.take()
        self.url = f"http://127.0.0.1:{self.port}/ocsp"
        self.authority = Authority(directory, self.url)
        self.answer = self.authority.openssl
        self.requests = []  # (method, request)
        self.server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        responder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                encoded = urllib.parse.unquote(self.path.partition("/ocsp/")[2])
                self.reply(base64.b64decode(encoded, validate=True))

            def do_POST(self):
                assert self.headers["Content-Type"] == "application/ocsp-request"
                self.reply(self.rfile.read(int(self.headers["Content-Length"])))

            def reply(self, request):
                responder.requests.append((self.command, request))
                said = responder.answer(request)
                if said is None:
                    return
                status, body = said if isinstance(said, tuple) else (200, said)
                self.send_response(status)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @staticmethod
    def hang(_):
        time.sleep(60)
