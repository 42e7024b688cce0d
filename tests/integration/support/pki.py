"""Keys and certificates of all kinds that the tests need, made once per run."""
import datetime
import fcntl
import ipaddress
import os
import ssl
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DATA = Path(__file__).parent.parent / "data"
DAY = datetime.timedelta(days=1)


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _rsa(bits=2048):
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _ec():
    return ec.generate_private_key(ec.SECP256R1())


def _certificate(subject, key, issuer, issuer_key, *, ca=False, names=None, begin=-1, end=90, usage=None):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder()
               .subject_name(_name(subject)).issuer_name(_name(issuer))
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + begin * DAY).not_valid_after(now + end * DAY)
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                              critical=False))
    if ca:
        builder = builder.add_extension(
            x509.KeyUsage(digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                          key_encipherment=False, data_encipherment=False, key_agreement=False,
                          encipher_only=False, decipher_only=False), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


LOCAL = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
         x509.IPAddress(ipaddress.ip_address("::1"))]
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


class Pki:
    """Files by name: pki["rsa.pem"]. Leaves are signed by `intermediate`, which `root` signed."""

    def __init__(self, directory):
        self.directory = Path(directory)

    def __getitem__(self, name):
        path = self.directory / name
        assert path.exists(), f"the PKI has no {name}"
        return str(path)

    def tls(self, kind="rsa", **more):
        """An `endpoint.tls` object: key, certificate and chain."""
        return {"key": self[f"{kind}.key"], "certificate": self[f"{kind}.pem"],
                "chain_certificates": [self["chain.pem"]], **more}

    def client(self, kind=None, **more):
        """An ssl.SSLContext that trusts root, with a client certificate if asked."""
        context = ssl.create_default_context(cafile=self["root.pem"])
        if kind:
            context.load_cert_chain(self[f"{kind}.pem"], self[f"{kind}.key"])
        for key, value in more.items():
            setattr(context, key, value)
        return context

    def server(self, kind="rsa"):
        """An ssl.SSLContext for a backend."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self[f"{kind}-fullchain.pem"], self[f"{kind}.key"])
        return context


def _make(directory):
    def write(name, *items):
        data = b"".join(items)
        path = directory / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if name.endswith(".key") else 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(path, 0o600 if name.endswith(".key") else 0o644)

    def pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    def private(key, passphrase=None):
        protection = (serialization.BestAvailableEncryption(passphrase) if passphrase
                      else serialization.NoEncryption())
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)

    root_key, inter_key = _ec(), _ec()
    root = _certificate("Test Root", root_key, "Test Root", root_key, ca=True, end=3650)
    inter = _certificate("Test Intermediate", inter_key, "Test Root", root_key, ca=True, end=1800)
    write("root.pem", pem(root))
    write("chain.pem", pem(inter))

    def leaf(kind, key, issuer="Test Intermediate", issuer_key=inter_key, **more):
        certificate = _certificate("localhost", key, issuer, issuer_key, names=LOCAL, usage=SERVER, **more)
        write(f"{kind}.key", private(key))
        write(f"{kind}.pem", pem(certificate))
        write(f"{kind}-fullchain.pem", pem(certificate), pem(inter))
        write(f"{kind}-fullchain-root.pem", pem(certificate), pem(inter), pem(root))
        return certificate

    rsa_key = _rsa()
    certificate = leaf("rsa", rsa_key)
    leaf("rsa3072", _rsa(3072))
    leaf("ec", _ec())
    leaf("renewed", _ec())
    leaf("expired", rsa_key, begin=-60, end=-1)
    leaf("future", rsa_key, begin=30, end=60)
    leaf("weak", _rsa(1024))
    write("other.key", private(_rsa()))
    write("locked.key", private(rsa_key, b"secret"))
    write("reversed.pem", pem(inter), pem(certificate))
    write("open.key.txt", private(rsa_key))  # readable by others
    write("garbage.pem", b"-----BEGIN CERTIFICATE-----\nnot base64 at all!\n-----END CERTIFICATE-----\n")
    write("empty.pem", b"")

    client_ca_key = _ec()
    client_ca = _certificate("Test Devices", client_ca_key, "Test Devices", client_ca_key, ca=True, end=3650)
    write("devices.pem", pem(client_ca))
    key = _ec()
    write("device.key", private(key))
    write("device.pem", pem(_certificate("meter-17", key, "Test Devices", client_ca_key, usage=CLIENT)))
    key = _ec()
    write("stranger.key", private(key))
    write("stranger.pem", pem(_certificate("stranger", key, "stranger", key, usage=CLIENT)))

    # `openssl dhparam` takes minutes for a good size, and parameters are no secret: these are kept with the tests.
    for name in ("dhparam-2-2048.pem", "dhparam-5-2048.pem", "dhparam-2-4096.pem"):
        write(name, (DATA / name).read_bytes())
    subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe4096",
                    "-out", directory / "ffdhe4096.pem"], check=True, capture_output=True)
    write("dhparam-1024.pem", (DATA / "dhparam-1024.pem").read_bytes())


def self_signed(directory, name, begin, end):
    """NAME.key and NAME.pem for NAME.test, valid from `begin` to `end` days from now. An `endpoint.tls` object."""
    key = _ec()
    certificate = _certificate(f"{name}.test", key, f"{name}.test", key, names=[x509.DNSName(f"{name}.test")], begin=begin,
                               end=end, usage=SERVER)
    paths = {"key": Path(directory) / f"{name}.key", "certificate": Path(directory) / f"{name}.pem"}
    paths["key"].touch(0o600)
    paths["key"].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
    paths["certificate"].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return {part: str(path) for part, path in paths.items()}


def shared(directory):
    """The one PKI of a run: made by whichever process comes first."""
    directory = Path(directory)
    directory.mkdir(exist_ok=True)
    os.chmod(directory, 0o755)
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "done").exists():
            _make(directory)
            (directory / "done").touch()
    return Pki(directory)
