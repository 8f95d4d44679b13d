"""What stands for a visitor's network: a hash under a salt that is random, never stored, and new each day.

So nobody can tell later from where a report or a scan came, also not who runs the node.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import threading
from typing import Final

DAY_MS: Final = 86_400_000
WIDTHS: Final = {4: 24, 6: 48}
"""Bits of an address that name a network: a few hundred neighbours with IPv4, a site with IPv6."""


class Networks:
    """Hashes of the networks of one process; equal within a day and never after it."""

    def __init__(self) -> None:
        self._day, self._salt = -1, b""
        self._lock = threading.Lock()

    def tag(self, address: str | None, now_ms: int) -> bytes | None:
        """16 bytes for a network; None for an address that tells nothing, as behind a proxy of one's own."""
        network = _network(address)
        if network is None:
            return None
        with self._lock:
            if now_ms // DAY_MS != self._day:
                self._day, self._salt = now_ms // DAY_MS, secrets.token_bytes(32)
            return hmac.digest(self._salt, network.encode(), hashlib.sha256)[:16]


def _network(address: str | None) -> str | None:
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if not found.is_global:
        return None
    return str(ipaddress.ip_network((found, WIDTHS[found.version]), strict=False))
