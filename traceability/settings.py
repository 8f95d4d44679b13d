"""Settings: environment variables named ``FT_...``, one frozen dataclass a program.

Every name is a row of ``SETTINGS``; an unknown ``FT_`` name is refused, since a misspelt
setting that is silently ignored is the worst kind.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from traceability.errors import ForeignTopicError, SettingsError
from traceability.peer import require_address
from traceability.sensing.topics import parse_site

EMBEDDED: Final = "embedded://"
"""``FT_MQTT_URL=embedded://127.0.0.1:1884``: the node's own broker, on another port than 1883."""

TLS_AUTHORITY: Final = "ca.pem"
TLS_CERTIFICATE: Final = "client.pem"
TLS_KEY: Final = "client.key"
"""What ``FT_MQTT_TLS`` holds: who signs the broker's certificate; this client's own, if it has one."""

Settings = TypeVar("Settings", bound="NodeSettings | SimulatorSettings")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What every verb of the command line needs."""

    data: Path
    database_url: str


@dataclass(frozen=True, slots=True)
class GatewaySettings(NodeSettings):
    """The gateway. ``sites``: whose devices it takes from; of all if none is named.

    ``device_rate`` messages a second are taken of each device, and ``device_burst`` at once after a rest.
    The others are the ways by which it tells people of alarms; what is empty is not used.
    """

    mqtt_url: str
    mqtt_tls: Path | None
    sites: tuple[str, ...]
    device_rate: int
    device_burst: int
    webhook_url: str
    webhook_secret: str
    webhook_private: bool
    smtp_url: str
    mail_from: str
    mail_to: str


@dataclass(frozen=True, slots=True)
class WebSettings(NodeSettings):
    """The web site. ``base_url`` is what QR codes and links begin with; mail is for forgotten passwords."""

    base_url: str
    mqtt_url: str
    mqtt_tls: Path | None
    smtp_url: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The simulated devices: a flash folder and a broker, as real ones have."""

    data: Path
    mqtt_url: str
    mqtt_tls: Path | None


@dataclass(frozen=True, slots=True)
class RunSettings(WebSettings):
    """The supervisor: all of the above, and where to listen."""

    host: str
    port: int
    demo: bool
    sites: tuple[str, ...]


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:
        raise ValueError("a port is a number from 1 to 65535")
    return int(text)


def _many(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 1_000_000:
        raise ValueError("a number from 1 to 1,000,000 is needed")
    return int(text)


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("say 0 or 1")
    return text == "1"


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        extra = parts.path not in {"", "/"} or parts.query or parts.fragment
        if parts.scheme not in schemes or not parts.hostname or extra or parts.port == 0:
            raise ValueError(f"an address such as {schemes[0]}://host:port is needed, without a path")
        return text.rstrip("/")

    return parse


def _mqtt(text: str) -> str:
    address = f"mqtt://{text.removeprefix(EMBEDDED)}" if text.startswith(EMBEDDED) else text
    return _url("mqtt", "mqtts")(address)


def _folder(text: str) -> Path | None:
    if text and not (Path(text) / TLS_AUTHORITY).is_file():
        raise ValueError(f"a folder with {TLS_AUTHORITY} is needed")
    return Path(text).absolute() if text else None


def _sites(text: str) -> tuple[str, ...]:
    names = [name.strip() for name in text.split(",")] if text else []
    try:
        return tuple(sorted({parse_site(name) for name in names}))
    except ForeignTopicError as error:
        raise ValueError(f"sites with commas between are needed: {error}") from error


def tls_context(folder: Path | None) -> ssl.SSLContext:
    """How to speak TLS with the broker whose ``mqtt_tls`` this is.

    Without a folder the machine's own authorities count, and no certificate is shown.

    Raises:
        SettingsError: something in it is no certificate, or no key.
    """
    if folder is None:
        return ssl.create_default_context()
    try:
        context = ssl.create_default_context(cafile=folder / TLS_AUTHORITY)
        if (folder / TLS_CERTIFICATE).exists():
            context.load_cert_chain(folder / TLS_CERTIFICATE, folder / TLS_KEY)
    except OSError as error:
        raise SettingsError(f"the certificates in {folder} cannot be used: {error}") from error
    return context


def runs_own_broker(environ: Mapping[str, str]) -> bool:
    """Whether `traceability run` starts the embedded broker: no other one is named."""
    named = environ.get("FT_MQTT_URL", "")
    return not named or named.startswith(EMBEDDED)


def _host(text: str) -> str:
    if not text or any(c.isspace() or c == "/" for c in text):
        raise ValueError("a host name or address is needed")
    return text


def _optional(parse: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: parse(text) if text else ""


def _secret(text: str) -> str:
    if len(text) < 16:
        raise ValueError("at least 16 characters are needed")
    return text


def _smtp(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("an address such as smtps://user:password@host:465 is needed")
    return text


def parse_mailbox(text: str) -> str:
    """An e-mail address as it was written; ValueError if it is none."""
    name, at, host = text.partition("@")
    if not (name and at and host) or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("an address such as name@host is needed")
    return text


def lan_address() -> str:
    """This machine's address in its local network; the loopback address if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only picks the outgoing interface
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def listens_everywhere(host: str) -> bool:
    """Whether a listening address stands for all of this machine's addresses."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def only_here(host: str) -> bool:
    """Whether a host name or address leads nowhere but to the machine that uses it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def sign_in_url(settings: RunSettings) -> str:
    """What links for signing in begin with: over plain http people sign in on the machine itself only."""
    parts = urlsplit(settings.base_url)
    if parts.scheme == "https" or only_here(parts.hostname or ""):
        return settings.base_url
    return f"http://127.0.0.1:{settings.port}"


def _default_base_url(chosen: Mapping[str, Any]) -> str:
    host = lan_address() if listens_everywhere(chosen["host"]) else chosen["host"]
    return f"http://{f'[{host}]' if ':' in host else host}:{chosen['port']}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default (text, or made from the settings above it), parser and help."""

    default: str | Callable[[Mapping[str, Any]], str]
    parse: Callable[[str], Any]
    help: str


SETTINGS: Final[Mapping[str, Setting]] = {
    "data": Setting("./data", lambda text: Path(text).absolute(), "folder of keys and database"),
    "host": Setting("127.0.0.1", _host, "where to listen; 0.0.0.0 lets phones in"),
    "port": Setting("8000", _port, "port of the web site"),
    "base_url": Setting(_default_base_url, _url("http", "https"), "what links and QR codes begin with"),
    "database_url": Setting(
        lambda chosen: f"sqlite:///{chosen['data'] / 'node.sqlite'}",
        str,
        "SQLAlchemy URL: SQLite or PostgreSQL",
    ),
    "mqtt_url": Setting(
        "mqtt://127.0.0.1:1883", _mqtt, "broker; the embedded one if not set, or if embedded://"
    ),
    "mqtt_tls": Setting(
        "", _folder, "for mqtts://, a folder with ca.pem, and client.pem, client.key if asked"
    ),
    "sites": Setting("", _sites, "sites that the gateway takes from, with commas between; all if not set"),
    "device_rate": Setting("50", _many, "messages a second that the gateway takes of one device"),
    "device_burst": Setting("500", _many, "how many of them at once, after a rest"),
    "webhook_url": Setting("", _optional(require_address), "where alarms are posted; https"),
    "webhook_secret": Setting("", _optional(_secret), "what posted alarms are signed with; 16 characters"),
    "webhook_private": Setting("0", _switch, "1: FT_WEBHOOK_URL may be in a private network"),
    "smtp_url": Setting("", _optional(_smtp), "mail server: smtp://USER:PASSWORD@HOST:PORT or smtps://"),
    "mail_from": Setting("", _optional(parse_mailbox), "whom e-mails of the node come from"),
    "mail_to": Setting("", _optional(parse_mailbox), "whom those about alarms go to"),
    "demo": Setting("1", _switch, "1: play the strawberry journey; 0: start empty"),
}


SECRET: Final = frozenset({"webhook_secret", "smtp_url"})
"""Whose values are never shown."""


def load(cls: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Read one program's settings.

    Raises:
        SettingsError: an ``FT_`` name is unknown or a value does not parse.
    """
    known = {f"FT_{name.upper()}" for name in SETTINGS}
    unknown = sorted(name for name in environ if name.startswith("FT_") and name not in known)
    if unknown:
        raise SettingsError(f"unknown setting {unknown[0]}; the settings are {', '.join(sorted(known))}")
    chosen: dict[str, Any] = {}
    for name, setting in SETTINGS.items():
        default = setting.default if isinstance(setting.default, str) else setting.default(chosen)
        text = environ.get(f"FT_{name.upper()}") or default
        try:
            chosen[name] = setting.parse(text)
        except ValueError as error:
            shown = "..." if name in SECRET else repr(text)
            raise SettingsError(f"FT_{name.upper()}={shown}: {error}") from error
    wanted = {f.name for f in fields(cls)}
    return cls(**{name: value for name, value in chosen.items() if name in wanted})


def environment(settings: Any) -> dict[str, str]:
    """The environment that gives a child process the same settings."""
    values = {f.name: getattr(settings, f.name) for f in fields(settings)}
    return {f"FT_{name.upper()}": _written(value) for name, value in values.items()}


def _written(value: Any) -> str:
    """A value as it stands in the environment."""
    if isinstance(value, tuple):
        return ",".join(value)
    if value is None:
        return ""
    return str(int(value) if isinstance(value, bool) else value)
