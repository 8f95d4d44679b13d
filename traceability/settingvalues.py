"""From the text of a setting to its value; a ValueError says what is needed instead."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from traceability.errors import ForeignTopicError
from traceability.sensing.topics import parse_site

EMBEDDED: Final = "embedded://"
"""``FT_MQTT_URL=embedded://127.0.0.1:1884``: the node's own broker, on another port than 1883."""

TLS_AUTHORITY: Final = "ca.pem"


def parse_port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def parse_many(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 1_000_000:
        raise ValueError("a number from 1 to 1,000,000 is needed")
    return int(text)


def parse_switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("say 0 or 1")
    return text == "1"


def url_of(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        extra = parts.path not in {"", "/"} or parts.query or parts.fragment
        if parts.scheme not in schemes or not parts.hostname or extra or parts.port == 0:
            raise ValueError(f"an address such as {schemes[0]}://host:port is needed, without a path")
        return text.rstrip("/")

    return parse


def parse_mqtt(text: str) -> str:
    address = f"mqtt://{text.removeprefix(EMBEDDED)}" if text.startswith(EMBEDDED) else text
    return url_of("mqtt", "mqtts")(address)


def parse_folder(text: str) -> Path | None:
    if text and not (Path(text) / TLS_AUTHORITY).is_file():
        raise ValueError(f"a folder with {TLS_AUTHORITY} is needed")
    return Path(text).absolute() if text else None


def parse_sites(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")] if text else []
    try:
        return tuple(sorted({parse_site(name) for name in names}))
    except ForeignTopicError as error:
        raise ValueError(f"sites with commas between are needed: {error}") from error


def parse_host(text: str) -> str:
    if not text or any(c.isspace() or c == "/" for c in text):
        raise ValueError("a host name or address is needed")
    return text


def optional(parse: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: parse(text) if text else ""


def parse_secret(text: str) -> str:
    if len(text) < 16:
        raise ValueError("at least 16 characters are needed")
    return text


def parse_smtp(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("an address such as smtps://user:password@host:465 is needed")
    return text


def parse_mailbox(text: str) -> str:
    name, at, host = text.partition("@")
    if not (name and at and host) or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("an address such as name@host is needed")
    return text


def parse_file(text: str) -> Path | None:
    """A file that is there; whether it is the right one is looked at where it is used."""
    if text and not Path(text).is_file():
        raise ValueError("there is no such file")
    return Path(text).absolute() if text else None


def parse_proxies(text: str) -> tuple[str, ...]:
    """Addresses and networks, such as ``127.0.0.1, 10.1.0.0/24``."""
    names = [name.strip() for name in text.split(",")] if text else []
    try:
        found = tuple(str(ipaddress.ip_network(name)) for name in names)
    except ValueError as error:
        raise ValueError(f"addresses or networks with commas between are needed: {error}") from error
    if any(ipaddress.ip_network(name).prefixlen == 0 for name in found):
        raise ValueError("the whole internet is no proxy: name the addresses that yours has")
    return found
