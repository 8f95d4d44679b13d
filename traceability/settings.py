"""Settings: environment variables named ``FT_...``, one frozen dataclass a program.

Every name is a row of ``SETTINGS``; an unknown ``FT_`` name is refused, since a misspelt
setting that is silently ignored is the worst kind.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from traceability.errors import SettingsError
from traceability.peer import require_address
from traceability.settingvalues import (
    EMBEDDED,
    TLS_AUTHORITY,
    optional,
    parse_file,
    parse_folder,
    parse_host,
    parse_mailbox,
    parse_many,
    parse_mqtt,
    parse_port,
    parse_proxies,
    parse_secret,
    parse_sites,
    parse_smtp,
    parse_switch,
    url_of,
)

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
    """The web site. ``base_url`` is what QR codes and links begin with; mail is for forgotten passwords.

    ``proxies`` may say who asks; ``demo``: links let people of the demonstration in.
    """

    base_url: str
    mqtt_url: str
    mqtt_tls: Path | None
    smtp_url: str
    mail_from: str
    proxies: tuple[str, ...] = field(default=(), kw_only=True)
    demo: bool = field(default=False, kw_only=True)


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
    sites: tuple[str, ...]
    tls_cert: Path | None = field(default=None, kw_only=True)
    tls_key: Path | None = field(default=None, kw_only=True)


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


def _default_base_url(chosen: Mapping[str, Any]) -> str:
    host = lan_address() if listens_everywhere(chosen["host"]) else chosen["host"]
    scheme = "http" if chosen["tls_cert"] is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{chosen['port']}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its default (text, or made from the settings above it), parser and help."""

    default: str | Callable[[Mapping[str, Any]], str]
    parse: Callable[[str], Any]
    help: str


SETTINGS: Final[Mapping[str, Setting]] = {
    "data": Setting("./data", lambda text: Path(text).absolute(), "folder of keys and database"),
    "host": Setting("127.0.0.1", parse_host, "where to listen; 0.0.0.0 lets phones in"),
    "port": Setting("8000", parse_port, "port of the web site"),
    "tls_cert": Setting("", parse_file, "certificate of the web site, and of its authority (PEM): https"),
    "tls_key": Setting("", parse_file, "its private key (PEM)"),
    "proxies": Setting("", parse_proxies, "addresses of reverse proxies, which may say who asks"),
    "base_url": Setting(_default_base_url, url_of("http", "https"), "what links and QR codes begin with"),
    "database_url": Setting(
        lambda chosen: f"sqlite:///{chosen['data'] / 'node.sqlite'}",
        str,
        "SQLAlchemy URL: SQLite or PostgreSQL",
    ),
    "mqtt_url": Setting(
        "mqtt://127.0.0.1:1883", parse_mqtt, "broker; the embedded one if not set, or if embedded://"
    ),
    "mqtt_tls": Setting(
        "", parse_folder, "for mqtts://, a folder with ca.pem, and client.pem, client.key if asked"
    ),
    "sites": Setting(
        "", parse_sites, "sites that the gateway takes from, with commas between; all if not set"
    ),
    "device_rate": Setting("50", parse_many, "messages a second that the gateway takes of one device"),
    "device_burst": Setting("500", parse_many, "how many of them at once, after a rest"),
    "webhook_url": Setting("", optional(require_address), "where alarms are posted; https"),
    "webhook_secret": Setting(
        "", optional(parse_secret), "what posted alarms are signed with; 16 characters"
    ),
    "webhook_private": Setting("0", parse_switch, "1: FT_WEBHOOK_URL may be in a private network"),
    "smtp_url": Setting("", optional(parse_smtp), "mail server: smtp://USER:PASSWORD@HOST:PORT or smtps://"),
    "mail_from": Setting("", optional(parse_mailbox), "whom e-mails of the node come from"),
    "mail_to": Setting("", optional(parse_mailbox), "whom those about alarms go to"),
    "demo": Setting("1", parse_switch, "1: show a world with people, links for each; 0: begin for real"),
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
    if (chosen["tls_cert"] is None) != (chosen["tls_key"] is None):
        raise SettingsError("FT_TLS_CERT and FT_TLS_KEY go together: give both, or none")
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
