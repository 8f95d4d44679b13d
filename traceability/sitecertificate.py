"""The certificate with which the site speaks TLS: whether its two files fit, until when, and for whom."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from traceability.certificates import Authority
from traceability.errors import SettingsError
from traceability.settings import RunSettings, lan_address
from traceability.settingvalues import TLS_AUTHORITY

FOLDER: Final = "tls"
"""In the data folder: the local authority of ``run --tls`` and the certificate it made."""
DAYS: Final = 397
"""Browsers take no site's certificate that is valid for longer."""
RENEW_BEFORE: Final = timedelta(days=30)
_REMEDY: Final = "Name the two files that belong together, or leave both settings out: docs/https.md."


@dataclass(frozen=True, slots=True)
class SiteCertificate:
    """What a certificate says: until when it is valid, and for which names and addresses."""

    until: datetime
    names: frozenset[str]

    def is_for(self, host: str) -> bool:
        """Whether a browser takes it for this host."""
        host = host.lower()
        return host in self.names or f"*.{host.partition('.')[2]}" in self.names


def read_pair(certificate: Path, key: Path, now: datetime) -> SiteCertificate:
    """Read and compare both files.

    Raises:
        SettingsError: one cannot be read, they do not belong together, or it is not valid now.
    """
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        private = load_pem_private_key(key.read_bytes(), None)
    except (OSError, ValueError, TypeError, IndexError) as error:
        raise SettingsError(
            f"FT_TLS_CERT={certificate} and FT_TLS_KEY={key}: {error}", remedy=_REMEDY
        ) from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*form) != found.public_key().public_bytes(*form):
        raise SettingsError(f"{key} is not the key of {certificate}", remedy=_REMEDY)
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        raise SettingsError(
            f"{certificate} is valid from {found.not_valid_before_utc:%Y-%m-%d} to "
            f"{found.not_valid_after_utc:%Y-%m-%d}, not now",
            remedy="Renew it where you had it from, and start again.",
        )
    return SiteCertificate(found.not_valid_after_utc, _names(found))


def make_local(settings: RunSettings) -> tuple[Path, Path]:
    """The files of a local authority's certificate for this machine, made anew if it must be.

    Raises:
        SettingsError: the authority's files cannot be read, or others can read its key.
    """
    folder = settings.data / FOLDER
    hosts = list(dict.fromkeys(_hosts(settings)))
    certificate, key = folder / "server.pem", folder / "server.key"
    if not _serves(certificate, key, hosts):
        Authority(folder).server(hosts, DAYS)
    return certificate, key


def authority_of(settings: RunSettings) -> Path | None:
    """The file of the local authority, if the site's certificate is one of its."""
    if settings.tls_cert is None or settings.tls_cert.parent != settings.data / FOLDER:
        return None
    return settings.data / FOLDER / TLS_AUTHORITY


def only_this(certificate: Path) -> ssl.SSLContext:
    """How to speak with the site on this machine, whatever it is called: this certificate and no other."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _serves(certificate: Path, key: Path, hosts: Sequence[str]) -> bool:
    now = datetime.now(UTC)
    try:
        found = read_pair(certificate, key, now)
    except SettingsError:
        return False
    return found.until - now > RENEW_BEFORE and found.names >= {host.lower() for host in hosts}


def _hosts(settings: RunSettings) -> list[str]:
    """Under which names phones and this machine itself may call the site."""
    named = urlsplit(settings.base_url).hostname or ""
    own = socket.gethostname()
    try:
        x509.DNSName(own)
    except ValueError:
        own = ""
    return [host for host in (named, lan_address(), own, "localhost", "127.0.0.1", "::1") if host]


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    names = found.get_values_for_type(x509.DNSName)
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset([*(name.lower() for name in names), *map(str, addresses)])
