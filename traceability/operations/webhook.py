"""Posting to an address that the operator names: signed, bounded, and not into one's own network.

The body is the letter's data as JSON, with the ``node``. Its headers:

    Idempotency-Key   the same whenever the same word is sent again
    FT-Signature      t={Unix seconds},v1={hex HMAC-SHA256 of "{t}." and the body, under the secret}

TLS is required but for a loopback address. The name is looked up once, every address that it has
must be public unless ``private`` is said, and the connection goes to one of just these. No
redirect is followed: whoever answers 2xx has taken it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from traceability.errors import SettingsError, UnreachableError
from traceability.operations.outbox import Letter
from traceability.peer import bounded, require_address

SECONDS: Final = 10.0
"""For connecting, and again for the whole answer."""
MAX_ANSWER: Final = 65_536
SIGNATURE: Final = "FT-Signature"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post; ``private`` allows addresses that are not public, loopback among them."""

    url: str
    secret: str
    node: str
    private: bool = False

    def send(self, letter: Letter) -> None:
        """Post one word.

        Raises:
            SettingsError: the address is not allowed.
            UnreachableError: nobody answers, not in time, or not with 2xx.
        """
        body = json.dumps({"node": self.node, **letter.data}, ensure_ascii=False).encode()
        parts = urlsplit(require_address(self.url))
        headers = {"Content-Type": "application/json", "Idempotency-Key": letter.key}
        headers[SIGNATURE] = sign(self.secret, int(time.time()), body)
        try:
            status = self._post(parts.hostname or "", parts.path or "/", body, headers)
        except (OSError, HTTPException, ValueError) as error:
            raise UnreachableError(f"{self.url} does not answer: {error}") from error
        if not 200 <= status < 300:
            raise UnreachableError(f"{self.url} answers {status}")

    def _post(self, host: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._address(host, port)
        kind = _Tls if parts.scheme == "https" else _Plain
        connection = kind(host, port, timeout=SECONDS)
        connection.address = address
        connection.response_class = bounded(MAX_ANSWER, SECONDS)
        try:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def _address(self, host: str, port: int) -> str:
        """One of the host's addresses, after all of them were looked at."""
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos]
        if not self.private and not all(a.is_global and not a.is_multicast for a in found):
            raise SettingsError(
                f"{host} is in a private network: FT_WEBHOOK_PRIVATE=1 allows that",
            )
        if urlsplit(self.url).scheme != "https" and not all(address.is_loopback for address in found):
            raise SettingsError(f"{self.url} is not https, which only a loopback address may do without")
        return str(found[0])


def sign(secret: str, at_s: int, body: bytes) -> str:
    """The signature of a body that is sent at a time."""
    mac = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={mac.hexdigest()}"


class _Plain(HTTPConnection):
    """To an address that was looked up before."""

    address = ""

    def connect(self) -> None:
        """Connect to that address, whatever the name leads to by now."""
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class _Tls(HTTPSConnection):
    """The same with TLS, for the host's name."""

    address = ""

    def connect(self) -> None:
        """Connect to that address, and check that it has a certificate for the name."""
        plain = socket.create_connection((self.address, self.port), self.timeout)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
