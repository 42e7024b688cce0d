"""Keys and certificates of a run: the same ones for every candidate."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

KEYS = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}
NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"


def openssl(*words):
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["openssl", *map(str, words)], check=True, **nowhere)


class Keys:
    """Below one directory: KIND.key, KIND.pem, both with the Diffie-Hellman parameters as KIND-whole.pem, and dh.pem (ffdhe2048)."""

    def __init__(self, home):
        self.home = home
        self.dh = home / "dh.pem"
        openssl("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", self.dh)
        for kind, words in KEYS.items():
            openssl("genpkey", *words, "-out", self.key(kind))
            openssl("req", "-x509", "-key", self.key(kind), "-out", self.certificate(kind), "-days", 30, "-subj", "/CN=localhost",
                    "-addext", NAMES)
            parts = (self.certificate(kind), self.key(kind), self.dh)
            self.whole(kind).write_text("".join(part.read_text() for part in parts))
        roots = "".join(self.certificate(kind).read_text() for kind in KEYS)
        self.roots = home / "roots.pem"
        self.roots.write_text(roots)

    def key(self, kind):
        return self.home / f"{kind}.key"

    def certificate(self, kind):
        return self.home / f"{kind}.pem"

    def whole(self, kind):
        return self.home / f"{kind}-whole.pem"

    def many(self, count):
        """`count` certificates for names of their own, with the EC key."""
        paths = [self.home / f"host{number}.pem" for number in range(count)]
        missing = [path for path in paths if not path.exists()]
        with ThreadPoolExecutor(len(KEYS)) as pool:
            list(pool.map(self._make, missing))
        return paths

    def _make(self, path):
        openssl("req", "-x509", "-key", self.key("ec"), "-out", path, "-days", 30, "-subj", f"/CN={path.stem}",
                "-addext", f"subjectAltName=DNS:{path.stem}.example")
