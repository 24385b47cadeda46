"""Who this server is and whom it knows: its CA and certificate, bearer tokens, kubeconfigs. All kept in the data folder."""

from __future__ import annotations

import datetime
import ipaddress
import json
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USERS = ("admin", "portal", "observer", "nobody")
YEARS = datetime.timedelta(days=3650)


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner may read, in one step."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    part.write_text(text)
    part.rename(path)


def tokens(folder: Path) -> dict[str, str]:
    """user → bearer token, made at random the first time."""
    path = folder / "tokens.json"
    if not path.exists():
        write_private(path, json.dumps({user: secrets.token_hex(16) for user in USERS}, indent=2))
    known: dict[str, str] = json.loads(path.read_text())
    return known


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """(CA certificate, server certificate, server key) as PEM files, made the first time. The CA's own key is not kept."""
    authority, certificate, key = folder / "ca.crt", folder / "server.crt", folder / "server.key"
    if not (authority.exists() and certificate.exists() and key.exists()):
        _make(authority, certificate, key)
    return authority, certificate, key


def _make(authority: Path, certificate: Path, key: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"meshportal sandbox {secrets.token_hex(4)}")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def issue(subject: x509.Name, public: ec.EllipticCurvePublicKey, extensions: list[tuple[x509.ExtensionType, bool]]) -> bytes:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + YEARS)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = issue(ca_name, ca_key.public_key(), [(x509.BasicConstraints(True, 0), True), (usage, True), (identifier, False)])
    server = issue(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "meshportal sandbox api")]),
        server_key.public_key(),
        [
            (x509.SubjectAlternativeName(names), False),
            (x509.BasicConstraints(False, None), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
        ],
    )
    pem = server_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(key, pem.decode())
    certificate.write_bytes(server + ca)
    authority.write_bytes(ca)


def kubeconfigs(folder: Path, server: str, authority: Path) -> dict[str, str]:
    """user → path of a kubeconfig for this server, rewritten at every start because the port may change."""
    made = {}
    for user, token in tokens(folder).items():
        path = folder / f"{user}.kubeconfig"
        cluster = {"server": server, "certificate-authority": str(authority)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "sandbox",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user}}],
        }
        write_private(path, json.dumps(config, indent=2))
        made[user] = str(path)
    return made
