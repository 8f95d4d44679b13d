"""An evidence package: everything of some batches as one ZIP that can be checked without this node.

    README.txt          what is in it and how to check it, in English and Chinese
    SHA256SUMS          of every other file
    case.json           at which checkpoint, which batches, what came of checking each, which documents
    policy.txt          the keys of this node, to be compared with a copy from elsewhere
    verify.html         a verifier for browsers, where it was built
    bundles/            one file a batch, as an authority sees it
    documents/          the files that the notices in the bundles name
    calibration/        certificates of the devices that measured the batches
    trace/              where each came from and what became of it, as CSV and SVG
    records/            the records of the traceability rule, as XLSX and CSV

The same request at the same checkpoint gives the same bytes: files stand in one order and bear the time
of the checkpoint, at which the bundles are checked too. A bundle that does not verify is in it all the
same, and ``case.json`` says so.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from typing import IO, Any, Final

from sqlalchemy import Connection

from traceability.errors import NotPublishedError, QueryError, QueryTooLargeError, TraceabilityError
from traceability.identifiers import encode_value, parse_stream
from traceability.ledger.record import format_time
from traceability.operations.calibrations import Certificates
from traceability.operations.describe import describe
from traceability.operations.documents import read_document
from traceability.operations.events import Reader
from traceability.operations.evidencetext import readme
from traceability.operations.export import export_bundle
from traceability.operations.fsma import Asked as RecordsAsked
from traceability.operations.fsma import find_records
from traceability.operations.log import latest_checkpoint
from traceability.operations.node import Node
from traceability.operations.trace import trace
from traceability.operations.tracerequest import Asked as TraceAsked
from traceability.operations.tracerequest import read_thing
from traceability.signing.disclosure import Audience
from traceability.store.engine import AnyRow
from traceability.supply.fsma import tables, workbook
from traceability.supply.tracing.picture import render_svg
from traceability.supply.tracing.tables import render_csv
from traceability.supply.tracing.trace import Direction
from traceability.verification.bundle import encode_bundle
from traceability.verification.journey import Document, Journey
from traceability.verification.verdict import Verdict, check

MAX_BATCHES: Final = 100
MAX_BYTES: Final = 512 * 1024 * 1024
"""Of all files together, before they are packed."""
MAX_TRACED: Final = 10_000
"""Things in the trace of one batch."""


@dataclass(frozen=True, slots=True)
class Packed:
    """What was written: at which checkpoint, how many files, and the batches with whether each verifies."""

    size: int
    at_ms: int
    files: int
    batches: tuple[tuple[str, bool], ...]


@dataclass(slots=True)
class _Package:
    """The ZIP as it grows; its files bear one time, and are counted."""

    archive: zipfile.ZipFile
    at_ms: int
    sums: dict[str, str] = field(default_factory=dict)
    taken: int = 0

    def add(self, name: str, content: bytes | str) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.taken += len(data)
        if self.taken > MAX_BYTES:
            raise QueryTooLargeError(
                f"this evidence is more than {MAX_BYTES // 1024**2} MiB", remedy="Pack fewer batches at once."
            )
        made = datetime.fromtimestamp(self.at_ms // 1000, UTC)
        entry = zipfile.ZipInfo(name, made.timetuple()[:6])
        entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
        self.archive.writestr(entry, data)
        self.sums[name] = hashlib.sha256(data).hexdigest()


def pack_evidence(
    connection: Connection,
    node: Node,
    batches: Sequence[str],
    out: IO[bytes],
    *,
    verifier: bytes | None = None,
    language: str = "en",
) -> Packed:
    """Write the evidence of some batches, as an authority sees them.

    Args:
        connection: a snapshot (``Store.reading``).
        batches: ``GTIN/LOT``, paths or URIs.
        out: written from its beginning, and not closed.
        verifier: the bytes of ``verify.html``.
        language: of the heads of the records, ``en`` or ``zh``.

    Raises:
        QueryError: no batch, or too many.
        QueryTooLargeError: more than ``MAX_BYTES``.
        UnknownSubjectError, NotPublishedError, LostStatementError: see ``export_bundle``.
    """
    uris = sorted({read_thing(node, text) for text in batches})
    if not 1 <= len(uris) <= MAX_BATCHES:
        raise QueryError(f"evidence is of 1 to {MAX_BATCHES} batches, not of {len(uris)}")
    latest = latest_checkpoint(connection)
    if latest is None:
        raise NotPublishedError("this node has not published a checkpoint yet")
    with zipfile.ZipFile(out, "w") as archive:
        package = _Package(archive, latest.time_ms)
        told = [
            _add_batch(package, connection, node, uri, name, latest)
            for uri, name in zip(uris, _names(uris), strict=True)
        ]
        _add_records(package, connection, node, uris, language)
        case = {"checkpoint": _checkpoint(latest), "node": node.name, "batches": told}
        package.add("case.json", json.dumps(case, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        package.add("policy.txt", node.policy_text)
        if verifier is not None:
            package.add("verify.html", verifier)
        package.add("README.txt", readme(node.name, latest.time_ms, latest.size, package.sums))
        lines = (f"{sha256}  {name}\n" for name, sha256 in sorted(package.sums.items()))
        package.add("SHA256SUMS", "".join(lines))
    verified = tuple((each["batch"], each["verifies"]) for each in told)
    return Packed(latest.size, latest.time_ms, len(package.sums), verified)


def _checkpoint(latest: AnyRow) -> dict[str, Any]:
    origin, size, root, *_ = latest.note.split("\n")
    return {"origin": origin, "size": int(size), "root": root, "time": format_time(latest.time_ms)}


def _names(uris: Sequence[str]) -> Iterator[str]:
    """A file name for each batch; also where a file system does not tell small letters from capitals."""
    seen: set[str] = set()
    for uri in uris:
        batch = parse_stream(uri).batch
        name = f"{batch.gtin}-{encode_value(batch.lot)}"
        if name.casefold() in seen:
            name += "-" + hashlib.sha256(uri.encode()).hexdigest()[:8]
        seen.add(name.casefold())
        yield name


def _add_batch(
    package: _Package, connection: Connection, node: Node, uri: str, name: str, latest: AnyRow
) -> dict[str, Any]:
    """The files of one batch, and what ``case.json`` says of it."""
    bundle = encode_bundle(export_bundle(connection, node, uri, Audience.REGULATOR, latest))
    package.add(f"bundles/{name}.bundle.json", bundle)
    verdict = check(bundle, node.policy, latest.time_ms)
    journey = verdict.journey
    for direction in (Direction.BACKWARD, Direction.FORWARD):
        asked = TraceAsked([uri], direction, max_things=MAX_TRACED)
        found = describe(connection, trace(connection, node, asked.request(node)))
        package.add(f"trace/{name}-{direction}.csv", render_csv(found))
        package.add(f"trace/{name}-{direction}.svg", render_svg(found))
    if journey is not None:
        _add_certificates(package, connection, node, journey)
    documents = [_add_document(package, node, each) for each in journey.documents] if journey else []
    return {"batch": uri, "bundle": f"bundles/{name}.bundle.json", **_said(verdict), "documents": documents}


def _said(verdict: Verdict) -> dict[str, Any]:
    failure = verdict.failure
    return {
        "verifies": verdict.exit_code != 1,
        "answers": {part.name: part.status.value for part in verdict.parts},
        "failure": None if failure is None else failure.code,
    }


def _add_document(package: _Package, node: Node, document: Document) -> dict[str, Any]:
    """The file of a notice, where it is here as it was signed; else why it is not."""
    notice = document.notice
    said = {**notice.members(), "by": document.party, "recorded": format_time(document.recorded_ms)}
    said |= {"notice": document.statement.hex(), "file": None}
    try:
        data = read_document(node.folder, notice.sha256)
    except TraceabilityError as error:
        return said | {"missing": error.code}
    plain = "".join(
        c if c.isascii() and (c.isalnum() or c in "-._") else "_" for c in notice.name or "unnamed"
    )
    name = f"documents/{notice.sha256[:16]}-{plain}"
    if name not in package.sums:
        package.add(name, data)
    return said | {"file": name}


def _add_certificates(package: _Package, connection: Connection, node: Node, journey: Journey) -> None:
    devices = sorted({curve.device[-32:] for stay in journey.stays for curve in stay.curves})
    for device, kept in Certificates(node).of(connection, devices).items():
        for number, certificate in enumerate(kept.certificates, 1):
            name = f"calibration/{device}-{number}.json"
            if name not in package.sums:
                package.add(name, certificate.encode())


def _add_records(
    package: _Package, connection: Connection, node: Node, uris: Sequence[str], language: str
) -> None:
    asked = RecordsAsked(uris, language=language)
    found = find_records(connection, node, asked, Reader(regulator=True))
    package.add("records/records.xlsx", workbook.render_xlsx(found, language))
    package.add("records/records.csv", tables.render_csv(found, language))


def evidence_bytes(connection: Connection, node: Node, batches: Sequence[str], **options: Any) -> bytes:
    """The package in memory; the arguments are those of ``pack_evidence``."""
    out = BytesIO()
    pack_evidence(connection, node, batches, out, **options)
    return out.getvalue()
