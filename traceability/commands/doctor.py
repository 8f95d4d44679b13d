"""``doctor``: whether this machine is fit for the node, one line a question."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, func, select, text

from traceability.broker import answers_at
from traceability.commands.verb import Answer, Verbs, add_verb
from traceability.errors import SettingsError, TraceabilityError
from traceability.ledger.record import format_time
from traceability.operations.credentials import PROBE, own_credential
from traceability.operations.ingest import MAX_AHEAD_MS
from traceability.operations.leap import confirm_clock, require_plausible
from traceability.operations.node import Node, load_node, secret_files
from traceability.operations.verifierfile import Standing, look_up
from traceability.running.address import with_address
from traceability.running.verifierfile import served_verifier
from traceability.secretfiles import check_mode
from traceability.settings import GatewaySettings, NodeSettings, RunSettings, load, tls_context
from traceability.signing.keys import check_library
from traceability.sitecertificate import read_pair
from traceability.store import models
from traceability.store.engine import Store, system_clock

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"

EXPIRES_SOON: Final = timedelta(days=14)
FREE_WARN_BYTES: Final = 2 * 1024**3
FREE_FAIL_BYTES: Final = 200 * 1024**2
WANTED_FLAGS: Final = {"journal_mode": "wal", "synchronous": "2", "secure_delete": "1"}
"""What SQLite must report; ``synchronous`` 2 is FULL."""

WAL_RESET_RACE: Final = ((3, 7, 0), (3, 51, 2))
"""First and last SQLite version in which two checkpoints at once can lose a commit (sqlite.org/wal.html)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question; ``remedy`` is what to do about it."""

    check: str
    level: str
    found: str
    remedy: str = ""


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "doctor",
        _doctor,
        does="Check settings, keys, database, disk, clock and broker; exit code 1 if something is broken",
        example="traceability doctor --json",
    )
    verb.add_argument(
        "--clock-is-right",
        action="store_true",
        help="confirm this machine's clock, after a look at another one, where it is a year ahead of the log",
    )


def _doctor(args: argparse.Namespace) -> Answer:
    if args.clock_is_right:
        confirm_clock(load(NodeSettings, os.environ).data, system_clock())
    findings = examine(os.environ)
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<4}  {finding.check}: {finding.found}")
        if finding.remedy:
            lines.append(f"      {finding.remedy}")
    failed = any(f.level == FAIL for f in findings)
    return Answer(
        {"healthy": not failed, "findings": [asdict(f) for f in findings]}, tuple(lines), int(failed)
    )


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """All questions; a question that cannot be asked for want of an earlier answer is left out."""
    try:
        settings = load(GatewaySettings, with_address(environ))
    except SettingsError as error:
        return [_failed("settings", error)]
    return [
        Finding("settings", OK, f"data in {settings.data}"),
        _ask("libsodium", check_library, "judges Ed25519 keys strictly"),
        check_sqlite(sqlite3.sqlite_version_info),
        *_node(settings),
        _broker(settings),
        *_site(environ),
        *_verifier(),
    ]


def _node(settings: GatewaySettings) -> list[Finding]:
    try:
        node = load_node(settings.data)
    except TraceabilityError as error:
        return [_failed("node", error)]
    return [
        Finding("node", OK, node.name),
        *(
            _ask(f"key {p.name}", partial(check_mode, p), "only its owner reads it")
            for p in secret_files(node.folder)
        ),
        check_disk(shutil.disk_usage(settings.data).free),
        *_database(settings.database_url, node),
    ]


def _ask(check: str, question: Callable[[], None], good: str) -> Finding:
    try:
        question()
    except TraceabilityError as error:
        return _failed(check, error)
    return Finding(check, OK, good)


def check_sqlite(version: tuple[int, ...]) -> Finding:
    """Whether this SQLite has the WAL-reset race, which the node avoids by one single checkpointer."""
    shown = ".".join(map(str, version))
    first, last = WAL_RESET_RACE
    if first <= version <= last:
        advice = "Upgrade to 3.51.3 or later; until then let nothing but this program open the database."
        return Finding("SQLite version", WARN, f"{shown} has the WAL-reset race", advice)
    return Finding("SQLite version", OK, shown)


def check_disk(free_bytes: int) -> Finding:
    """Whether there is room in the data folder."""
    shown = f"{free_bytes / 1024**3:.1f} GiB free"
    advice = "Make room, or move FT_DATA to a larger disk: without room nothing can be recorded."
    if free_bytes < FREE_WARN_BYTES:
        return Finding("disk", FAIL if free_bytes < FREE_FAIL_BYTES else WARN, shown, advice)
    return Finding("disk", OK, shown)


def check_clock(now_ms: int, newest_ms: int | None) -> Finding:
    """Whether this machine's clock stands behind what it recorded itself."""
    now = format_time(now_ms)
    if newest_ms is not None and newest_ms - now_ms > MAX_AHEAD_MS:
        advice = "Set the clock (NTP); until it passes that time nothing is signed."
        return Finding(
            "clock", FAIL, f"it is {now}, but the newest record is of {format_time(newest_ms)}", advice
        )
    if newest_ms is not None and newest_ms > now_ms:
        return Finding(
            "clock", WARN, f"{now} is {newest_ms - now_ms} ms behind the newest record", "Use NTP."
        )
    return Finding("clock", OK, now)


def _database(url: str, node: Node) -> list[Finding]:
    store = Store(url)
    try:
        current = store.is_current()
        findings = [Finding("database", OK, "reachable")]
        if not current:
            advice = "Run: traceability init (it brings the tables to this version)."
            return [*findings, Finding("tables", FAIL, "of another version", advice)]
        findings.append(Finding("tables", OK, "of this version"))
        findings += _sqlite_flags(store) if store.engine.dialect.name == "sqlite" else []
        with store.reading() as connection:
            newest = connection.execute(select(func.max(models.Record.time_ms))).scalar_one()
            logged = check_logged(connection, node, served_verifier())
            signed = connection.execute(select(func.max(models.Checkpoint.time_ms))).scalar_one()
        return [*findings, _clock(node, newest, signed), *logged]
    except TraceabilityError as error:
        return [_failed("database", error)]
    finally:
        store.close()


def _clock(node: Node, newest_ms: int | None, signed_ms: int | None) -> Finding:
    now_ms = system_clock()
    try:
        require_plausible(node.folder, now_ms, signed_ms)
    except TraceabilityError as error:
        return _failed("clock", error)
    return check_clock(now_ms, newest_ms)


def _sqlite_flags(store: Store) -> list[Finding]:
    """The flags as the database itself reports them, not as they were asked for."""
    with store.reading() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in WANTED_FLAGS}
    return [check_flag(name, str(value), WANTED_FLAGS[name]) for name, value in found.items()]


def check_flag(name: str, got: str, wanted: str) -> Finding:
    """Whether a PRAGMA is what durability needs."""
    if got == wanted:
        return Finding(name, OK, got)
    advice = "Keep the database on a local disk, WAL does not work over a network."
    return Finding(name, FAIL, f"{got}, but {wanted} is needed", advice)


def _broker(settings: GatewaySettings) -> Finding:
    url = settings.mqtt_url
    if answers_at(url, user=_probe(settings), tls=partial(tls_context, settings.mqtt_tls)):
        return Finding("broker", OK, f"{url} answers MQTT")
    advice = "Start it: traceability run, or the broker that FT_MQTT_URL names."
    return Finding("broker", WARN, f"{url} does not answer MQTT", advice)


def _site(environ: Mapping[str, str]) -> list[Finding]:
    """The site's certificate, if it has one of its own."""
    here = load(RunSettings, with_address(environ))
    if here.tls_cert is None or here.tls_key is None:
        return []
    host = urlsplit(here.base_url).hostname or ""
    return check_certificate(here.tls_cert, here.tls_key, host, datetime.now(UTC))


def check_certificate(certificate: Path, key: Path, host: str, now: datetime) -> list[Finding]:
    """Whether browsers take the site's certificate, for how long yet, and who can read its key."""
    try:
        found = read_pair(certificate, key, now)
    except TraceabilityError as error:
        return [_failed("certificate", error)]
    shown = f"valid until {found.until:%Y-%m-%d}"
    finding = Finding("certificate", OK, shown)
    if not found.is_for(host):
        advice = f"Get one for {host}, or set FT_BASE_URL to a name that it is for."
        finding = Finding("certificate", WARN, f"{shown}, but not for {host}", advice)
    elif found.until - now < EXPIRES_SOON:
        advice = "Renew it and start again; browsers refuse the site from that day on."
        finding = Finding("certificate", WARN, shown, advice)
    return [finding, _ask("certificate's key", partial(check_mode, key), "only its owner reads it")]


def _probe(settings: GatewaySettings) -> tuple[str, str] | None:
    """What to show the broker; nothing if there is no node that has a password there."""
    try:
        shown = own_credential(load_node(settings.data), PROBE)
    except TraceabilityError:
        return None
    return shown.username, shown.password


def _verifier() -> list[Finding]:
    path = served_verifier()
    return [] if path is None else [check_verifier(path)]


def check_verifier(path: Path) -> Finding:
    """Whether the file that checks in a browser was built, and the hash by which others know it."""
    if not path.is_file():
        advice = "make verifier builds it; without it nobody can check in a browser."
        return Finding("verify.html", WARN, "not built", advice)
    return Finding("verify.html", OK, f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


def check_logged(connection: Connection, node: Node, path: Path | None) -> list[Finding]:
    """Whether the file that the site serves for checking is one that the log names."""
    check = "verify.html in the log"
    if path is None or not path.is_file():
        return []
    try:
        found = look_up(connection, node, path.read_bytes())
    except TraceabilityError as error:
        return [_failed(check, error)]
    if found.standing is Standing.OTHER:
        advice = "Built anew? traceability run puts it into the log. If not, somebody changed the file."
        return [Finding(check, FAIL, f"SHA-256 {found.sha256} is not one that the log names", advice)]
    if found.standing is Standing.NONE:
        return [Finding(check, WARN, "none was ever put there", "traceability run does it when it starts.")]
    since = "" if found.since_ms is None else format_time(found.since_ms)
    if found.index is None:
        return [
            Finding(
                check, WARN, f"recorded {since}, in no checkpoint yet", "Look whether the publisher runs."
            )
        ]
    return [Finding(check, OK, f"since {since}, leaf {found.index}")]


def _failed(check: str, error: TraceabilityError) -> Finding:
    return Finding(check, FAIL, f"{error} [{error.code}]", error.remedy())
