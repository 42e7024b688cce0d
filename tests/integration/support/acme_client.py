"""The ACME client alone, as tests/unit/acme/client.c wraps it: one call, with all that its caller was asked and told."""
import subprocess
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .gate import ALARMING, binary

HTTP_01, TLS_ALPN_01 = 1, 2


def program():
    path = Path(binary()).parent / "tests/unit/acme_client"
    assert path.exists(), f"{path} is not there: build with tests (scripts/install-packages --tests)"
    return path


def write_key(path):
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    return key


def write_request(path, names, key):
    request = (x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
               .add_extension(x509.SubjectAlternativeName([*map(x509.DNSName, names)]), critical=False)
               .sign(key, hashes.SHA256()))
    path.write_bytes(request.public_bytes(serialization.Encoding.PEM))


class Client:
    """Keeps account key and certificate key from one call to the next. `publish(kind, name, token, key_authorization)` says
    whether the challenge is answered now."""

    def __init__(self, home, directory, authorities, publish=lambda *_: True):
        self.home = home
        self.directory, self.authorities, self.publish = directory, authorities, publish
        self.account, self.request = home / "account.key", home / "request.pem"
        write_key(self.account)
        self.key = write_key(home / "certificate.key")

    def issue(self, *names, kinds=HTTP_01 | TLS_ALPN_01, agree=True, request=None, **more):
        write_request(self.request, request or names, self.key)
        self._run("issue", account=self.account, request=self.request, names=",".join(names), kinds=kinds,
                  agree="yes" if agree else "no", **more)
        return self

    def window(self, certificate, **more):
        self._run("window", certificate=certificate, **more)
        return self

    def certificates(self):
        end = "-----END CERTIFICATE-----\n"
        return [x509.load_pem_x509_certificate((block + end).encode()) for block in self.chain.split(end)[:-1]]

    def _run(self, verb, **words):
        words = {"directory": self.directory, "authorities": self.authorities, "timeout": 10000, "within": 60000, **words}
        self.published, self.withdrawn, self.progress = [], [], []
        self.chain = self.error = self.times = None
        self.retry_after, self.hopeless = 0, False
        process = subprocess.Popen([program(), verb, *(f"{name}={value}" for name, value in words.items())],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        guard = threading.Timer(90, process.kill)
        guard.start()
        try:
            for line in process.stdout:
                self._hear(process, *line.rstrip("\n").partition(" ")[::2])
            complaints = process.stderr.read()
            self.status = process.wait()
        finally:
            guard.cancel()
            process.stdin.close()
            process.stdout.close()
            process.stderr.close()
        assert not ALARMING.search(complaints) and self.status in (0, 1), f"{self.status}: {complaints}"
        assert (self.status == 0) == (self.error is None)
        assert self.withdrawn == [challenge[:3] for challenge in self.published], "each challenge is withdrawn"

    def _hear(self, process, what, rest):
        if self.chain is not None:
            self.chain += f"{what} {rest}".rstrip() + "\n"
        elif what == "chain":
            self.chain = ""
        elif what == "publish":
            self.published.append(tuple(rest.split(" ")))
            process.stdin.write("yes\n" if self.publish(*self.published[-1]) else "no\n")
            process.stdin.flush()
        elif what == "withdraw":
            self.withdrawn.append(tuple(rest.split(" ")))
        elif what == "progress":
            self.progress.append(rest)
        elif what == "error":
            self.error = rest
        elif what == "window":
            self.times = tuple(map(int, rest.split(" ")))
        else:
            assert what in ("retry_after", "hopeless"), what
            setattr(self, what, int(rest))
