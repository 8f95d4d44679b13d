"""Where an address leads: to the machine that uses it, or out of it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def only_here(host: str) -> bool:
    """Whether a host name or address leads nowhere but to the machine that uses it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def sign_in_url(base_url: str, port: int) -> str:
    """What links for signing in begin with: over plain http people sign in on the machine itself only."""
    parts = urlsplit(base_url)
    if parts.scheme == "https" or only_here(parts.hostname or ""):
        return base_url
    return f"http://127.0.0.1:{port}"
