"""Who issues certificates for names, for clients, and lists of those that are revoked."""
import datetime
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
PEM = serialization.Encoding.PEM


def _subject(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Issuer:
    """issuer.issue("a", ["a.example"]) writes a.key and a.pem, and returns them as an object of a configuration."""

    def __init__(self, directory, name="Test Names"):
        self.directory = Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.directory.chmod(0o755)
        self._name, self._key, self._serials = _subject(name), ec.generate_private_key(ec.SECP256R1()), {}
        self._keys = {}
        self.path = str(self.directory / f"{name.lower().replace(' ', '-')}.pem")
        certificate = self._sign(name, self._key, self._name, None, authority=True)
        Path(self.path).write_bytes(certificate.public_bytes(PEM))

    def _sign(self, common, key, issuer, names, authority=False, usage=None, end=60):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder()
                   .subject_name(_subject(common)).issuer_name(issuer).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - DAY)
                   .not_valid_after(now + end * DAY)
                   .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _new_key(self, kind):
        """Made once per kind: what tests are about is the certificates."""
        if kind not in self._keys:
            self._keys[kind] = (rsa.generate_private_key(public_exponent=65537, key_size=2048) if kind == "rsa"
                                else ec.generate_private_key(ec.SECP256R1()))
        return self._keys[kind]

    def issue(self, stem, names=None, kind="ec", common=None, client=False, end=60):
        key = self._new_key(kind)
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        certificate = self._sign(common or stem, key, self._name, names, usage=usage, end=end)
        self._serials[stem] = certificate.serial_number
        paths = {"key": str(self.directory / f"{stem}.key"), "certificate": str(self.directory / f"{stem}.pem")}
        Path(paths["certificate"]).write_bytes(certificate.public_bytes(PEM))
        descriptor = os.open(paths["key"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return paths

    def revoke(self, stem, *revoked, begin=-2, end=30):
        """A list in which these stems are revoked; its path."""
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self._name)
                   .last_update(now + begin * DAY).next_update(now + end * DAY))
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(self._serials[one]).revocation_date(now - DAY).build())
        path = self.directory / f"{stem}.crl"
        path.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        return str(path)

    def client(self, stem=None, directory=None, **more):
        """An ssl.SSLContext that trusts the authority, with the client certificate `stem` (of `directory`)."""
        context = ssl.create_default_context(cafile=self.path)
        if stem:
            place = Path(directory or self.directory)
            context.load_cert_chain(place / f"{stem}.pem", place / f"{stem}.key")
        for key, value in more.items():
            setattr(context, key, value)
        return context
