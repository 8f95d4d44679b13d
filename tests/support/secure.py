"""The site over https under a name that is not of this machine, and browsers that believe its authority.

    with tls_site(world, tmp_path) as site, site.browser(chromium) as browser:
        page = browser.new_context().new_page()
        page.goto(site.url)

The browser is told where the name leads, and which one key it takes without a known authority: the page is a
secure context as on a real phone, which it would not be for an error that was merely ignored.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from playwright.sync_api import Browser

from tests.support.broker import HOST, free_port
from tests.support.browser import ARGUMENTS, find_chromium
from tests.support.web import listening, site_of
from tests.support.world import World
from traceability.certificates import Authority

NAME = "food.test"


@dataclass(frozen=True)
class TlsSite:
    """Where it is, the application itself, and the files of its certificate."""

    url: str
    app: Flask
    certificate: Path
    key: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """For clients in Python: believes this authority alone."""
        return ssl.create_default_context(cafile=self.authority)

    @contextmanager
    def browser(self, beside: Browser) -> Iterator[Browser]:
        """A browser that finds the name and believes the certificate's key."""
        with name_browser(beside, self.certificate) as browser:
            yield browser


def make_certificate(folder: Path, *hosts: str) -> tuple[Path, Path, Path]:
    """Certificate, key and authority for a site, in a folder."""
    certificate = Authority(folder).server(hosts or (NAME,), 30)
    return certificate, folder / "server.key", folder / "ca.pem"


@contextmanager
def tls_site(world: World, folder: Path, name: str = NAME) -> Iterator[TlsSite]:
    """The site of a world, by https."""
    certificate, key, authority = make_certificate(folder / "tls", name)
    port = free_port()
    url = f"https://{name}:{port}"
    with site_of(world, base_url=url) as app, listening(app, port, (certificate, key)):
        yield TlsSite(url, app, certificate, key, authority)


@contextmanager
def name_browser(beside: Browser, *certificates: Path, name: str = NAME) -> Iterator[Browser]:
    """A Chromium for which a name leads to this machine, and that believes these certificates' keys.

    It is started ``beside`` another: Playwright runs once in a process.
    """
    keys = ",".join(map(spki, certificates))
    own = (f"--host-resolver-rules=MAP {name} {HOST}", f"--ignore-certificate-errors-spki-list={keys}")
    browser = beside.browser_type.launch(executable_path=find_chromium(), args=[*ARGUMENTS, *own])
    try:
        yield browser
    finally:
        browser.close()


def spki(certificate: Path) -> str:
    """SHA-256 of a certificate's public key, as browsers pin it."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(data).digest()).decode()
