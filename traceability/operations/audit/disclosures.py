"""Disclosures: each belongs to its statement, none is missing, and what is kept is not erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import select

from traceability.operations.audit.report import Run
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM
from traceability.signing.strictjson import Json, b64url_decode, json_decode
from traceability.store import models

_NAMING: Final = {
    "ObjectEvent": {"quantityList"},
    "AggregationEvent": {"parentID", "childQuantityList"},
    "AssociationEvent": {"parentID", "childEPCs"},
}
"""What names the batch, asset or device, by the type of event: never erased."""


def audit_disclosures(run: Run, statement: bytes, body: bytes, where: str) -> None:
    """Compare a statement's disclosures with the digests that were signed.

    An erased one (its body is NULL) is counted. What stood inside it cannot be told any more,
    so of rows without a body that no digest names one is accepted only beside an erased one.
    That nothing was erased which must be kept shows when the event is opened.
    """
    table = models.Disclosure
    query = select(table.digest, table.body).where(table.statement == statement)
    rows = {row.digest: row.body for row in run.connection.execute(query)}
    run.counts["disclosures"] += len(rows)
    texts = {digest: text for digest, text in rows.items() if text is not None}
    for digest, text in texts.items():
        if not text.isascii() or sdjwt.digest_of(text) != digest:
            run.found("disclosure", f"disclosure {digest} of {where}", "its text has another digest")
            return
    payload = sdjwt.parse(body).payload
    named = list(_digests(dict(payload)))
    for text in texts.values():
        named += _digests(json_decode(b64url_decode(text)))
    signed = {digest for digest, _ in named}
    for digest in sorted(signed - rows.keys()):
        run.found("disclosure", f"disclosure {digest} of {where}", "its row is missing")
    erased = signed & (rows.keys() - texts.keys())
    for digest in sorted(rows.keys() - signed):
        if digest in texts or not erased:
            run.found("disclosure", f"disclosure {digest} of {where}", "the statement does not name it")
    for digest in sorted(erased & {digest for digest, is_element in named if is_element}):
        run.found("disclosure", f"disclosure {digest} of {where}", "it names a batch, and was erased")
    run.counts["erased"] += len(rows) - len(texts)
    event = sdjwt.reveal(payload, [texts[d] for d in sorted(signed & texts.keys())]).claims.get(EVENT_CLAIM)
    _audit_kept(run, event if isinstance(event, dict) else {}, where)


def _audit_kept(run: Run, event: Mapping[str, Json], where: str) -> None:
    kept = {"type", "action", "eventTime", "eventTimeZoneOffset", "bizStep"}
    kept |= _NAMING.get(str(event.get("type")), set())
    for name in sorted(kept - event.keys()):
        run.found("disclosure", f"{name} of {where}", "it must be kept, and was erased")


def _digests(value: Json) -> Iterator[tuple[str, bool]]:
    """Every digest in a payload or in a disclosure, and whether it stands for an element of a list."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "...":
                yield str(item), True
            elif name == "_sd" and isinstance(item, list):
                yield from ((str(digest), False) for digest in item)
            else:
                yield from _digests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _digests(item)
