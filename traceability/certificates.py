"""A small certificate authority for broker, clients and site: files in one folder, for one owner.

    authority.key                    signs the others: keep it away from the broker (mode 0600)
    ca.pem                           its certificate: whom clients and brokers believe
    server.pem, server.key           the broker's, or the site's
    clients/NAME/ca.pem, client.pem, client.key
                                     a client's: such a folder is what FT_MQTT_TLS names

ECDSA on P-256, which every TLS 1.2 library of a device knows. Source: RFC 5280.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from traceability.errors import MalformedError, SettingsError
from traceability.secretfiles import read_secret, write_whole
from traceability.settings import TLS_CERTIFICATE, TLS_KEY
from traceability.settingvalues import TLS_AUTHORITY

AUTHORITY_KEY: Final = "authority.key"
AUTHORITY_DAYS: Final = 3650
MAX_DAYS: Final = 825
_EARLIER: Final = timedelta(hours=1)
"""Clocks of devices are behind at times."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}(/[0-9a-f]{32})?")


class Authority:
    """The authority of a folder; made, with a new key, if there is none.

    Raises:
        SettingsError: what is there cannot be read, or others can read its key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / AUTHORITY_KEY).exists():
            self._make()
        try:
            key = load_pem_private_key(read_secret(folder / AUTHORITY_KEY), None)
            self._certificate = x509.load_pem_x509_certificate((folder / TLS_AUTHORITY).read_bytes())
        except (OSError, ValueError) as error:
            raise SettingsError(f"no authority in {folder}: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SettingsError(f"{folder / AUTHORITY_KEY} is no ECDSA key")
        self._key = key

    def server(self, hosts: Sequence[str], days: int) -> Path:
        """A server's certificate, new or again; where it is.

        Args:
            hosts: names and addresses under which clients reach it; the first is its name.
            days: how long it is valid, 1 to 825.

        Raises:
            MalformedError: no host, or days out of range.
        """
        if not hosts:
            raise MalformedError("a server's certificate needs a host name or address")
        key, path = ec.generate_private_key(ec.SECP256R1()), self.folder / "server.pem"
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        builder = self._builder(hosts[0][:64], key, usage, days)
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        self._write(builder.add_extension(names, critical=False), key, path, self.folder / "server.key")
        return path

    def client(self, name: str, days: int) -> Path:
        """A client's certificate, new or again, in a folder of its own, which is returned.

        Args:
            name: what Mosquitto's ``use_identity_as_username`` takes as its user name: ``gateway``, or
                a device's ``{site}/{device}``.
            days: how long it is valid, 1 to 825.

        Raises:
            MalformedError: no such name, or days out of range.
        """
        if not _NAME.fullmatch(name):
            raise MalformedError(f"no name of a client: {name[:80]!r}")
        key = ec.generate_private_key(ec.SECP256R1())
        folder = self.folder / "clients" / name.replace("/", "-")
        builder = self._builder(name, key, ExtendedKeyUsageOID.CLIENT_AUTH, days)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(folder / TLS_AUTHORITY, (self.folder / TLS_AUTHORITY).read_bytes(), 0o644)
        self._write(builder, key, folder / TLS_CERTIFICATE, folder / TLS_KEY)
        return folder

    def _make(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _subject("food-traceability local authority")
        builder = _dated(name, name, key, AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = _usage(key_cert_sign=True, crl_sign=True)
        made = builder.add_extension(usage, critical=True).sign(key, SHA256())
        write_whole(self.folder / TLS_AUTHORITY, made.public_bytes(Encoding.PEM), 0o644)
        write_whole(self.folder / AUTHORITY_KEY, _pem(key), 0o600)

    def _builder(
        self, name: str, key: ec.EllipticCurvePrivateKey, usage: x509.ObjectIdentifier, days: int
    ) -> x509.CertificateBuilder:
        if not 1 <= days <= MAX_DAYS:
            raise MalformedError(f"a certificate is valid for 1 to {MAX_DAYS} days, not {days}")
        builder = _dated(_subject(name), self._certificate.subject, key, days)
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _write(
        self, builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, path: Path, key_path: Path
    ) -> None:
        write_whole(key_path, _pem(key), 0o600)
        write_whole(path, builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM), 0o644)


def _dated(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now, public = datetime.now(UTC), key.public_key()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _EARLIER).not_valid_after(now + timedelta(days=days))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**(dict.fromkeys(names, False) | wanted))


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text)
    except ValueError as error:
        raise MalformedError(f"no host name: {text[:80]!r}") from error


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
