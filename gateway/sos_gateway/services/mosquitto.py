"""Everything mosquitto needs: certificate authority, server certificate, one password for each, rules for each."""

import contextlib
import datetime
import ipaddress
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sos_wire import topics

from ..errors import ConfigError

GATEWAY = "gateway"
YEARS = 10


@dataclass(frozen=True, slots=True)
class Identities:
    """Who may speak to the broker."""

    hubs: tuple[str, ...] = ()
    devices: tuple[int, ...] = ()

    def users(self) -> list[str]:
        return [GATEWAY, *(f"hub-{h}" for h in self.hubs), *(f"device-{d}" for d in self.devices)]


def rules(who: Identities) -> str:
    """Return the access rules: each writes and reads its own topics, the gateway all; what is not named is refused."""
    lines = ["# Made by `socors broker`; change nothing here by hand.", "", f"user {GATEWAY}"]
    lines += [f"topic readwrite {topics.ROOT}/#", ""]
    for hub in who.hubs:
        lines.append(f"user hub-{hub}")
        lines += [f"topic write {topics.hub(hub, lane)}" for lane in ("up", "backlog")]
        lines += [f"topic read {topics.hub(hub, lane)}" for lane in ("down", "receipt")]
        lines.append("")
    for device in who.devices:
        lines.append(f"user device-{device}")
        lines += [f"topic write {topics.device(device, lane)}" for lane in ("alarm", "telemetry")]
        lines += [f"topic read {topics.device(device, 'down')}", ""]
    return "\n".join(lines)


def _private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificates(folder: Path, hosts: Iterable[str]) -> None:
    """Make a certificate authority and a server certificate for the hosts; what exists is kept."""
    if (folder / "server.crt").exists():
        return
    now = datetime.datetime.now(datetime.UTC)
    until = now + datetime.timedelta(days=365 * YEARS)
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Socors broker authority")])
    authority = (
        x509.CertificateBuilder(authority_name, authority_name, authority_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Socors broker")])
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    server = (
        x509.CertificateBuilder(authority_name, server_name, server_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .add_extension(_usage(signs=False), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    (folder / "ca.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "server.crt").write_bytes(server.public_bytes(serialization.Encoding.PEM))
    _private(folder / "ca.key", _pem(authority_key))
    _private(folder / "server.key", _pem(server_key))


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def write(folder: Path, who: Identities, hosts: Iterable[str], port: int = 8883) -> dict[str, str]:
    """Write everything mosquitto needs into a folder; return the passwords of users that are new.

    Passwords of users that exist are kept; they are stored hashed, so they are known only when they are made.
    """
    program = shutil.which("mosquitto_passwd")
    if program is None:
        raise ConfigError("mosquitto_passwd is not installed: install the package mosquitto and try again.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificates(folder, hosts)
    rights, passwords = folder / "acl", folder / "passwords"
    known = (
        {line.split(":")[0] for line in passwords.read_text().splitlines()} if passwords.exists() else set()
    )
    passwords.touch(mode=0o600)
    made: dict[str, str] = {}
    for user in who.users():
        if user not in known:
            made[user] = secrets.token_urlsafe(24)
            subprocess.run([program, "-b", str(passwords), user, made[user]], check=True, capture_output=True)
    _private(rights, rules(who).encode())
    (folder / "mosquitto.conf").write_text(_conf(folder, port))
    with contextlib.suppress(LookupError, PermissionError):
        # mosquitto started by root becomes the user mosquitto, who must be able to read what is his.
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "mosquitto", "mosquitto")
    return made


def _conf(folder: Path, port: int) -> str:
    return f"""# Made by `socors broker`.
listener {port}
cafile {folder / "ca.crt"}
certfile {folder / "server.crt"}
keyfile {folder / "server.key"}
tls_version tlsv1.2
allow_anonymous false
password_file {folder / "passwords"}
acl_file {folder / "acl"}
# No promise rests on the broker: it keeps nothing, devices and hubs send again.
persistence false
max_packet_size 262144
max_queued_messages 10000
# An alarm does not wait for a packet to fill.
set_tcp_nodelay true
"""
