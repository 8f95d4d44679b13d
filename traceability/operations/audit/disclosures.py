"""Disclosures: each belongs to its statement, none is missing, and what is kept is not erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Final

from sqlalchemy import select

from traceability.operations.audit.report import Run
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.parts import parse_part, require_erasable
from traceability.signing.strictjson import Json, b64url_decode, json_decode
from traceability.store import models
from traceability.store.access import Erasure

_ALWAYS: Final = frozenset({"type", "eventTime", "eventTimeZoneOffset"})
_UNNAMED: Final = {
    "ObjectEvent": {"action", "bizStep", "quantityList"},
    "AggregationEvent": {"action", "bizStep", "parentID", "childQuantityList"},
    "AssociationEvent": {"action", "bizStep", "parentID", "childEPCs"},
}
"""What the oldest statements have, by the type of event: they do not name what is kept."""


def audit_disclosures(run: Run, statement: bytes, body: bytes, where: str) -> None:
    """Compare a statement's disclosures with the digests that were signed.

    An erased one (its body is NULL) is counted; a row of ``erasures`` says why it went. What stood
    inside it cannot be told any more, so of rows without a body that no digest names one is
    accepted only beside an erased one. That nothing was erased which must be kept shows when the
    event is opened.
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
    _audit_reasons(run, statement, rows.keys() - texts.keys(), where)
    _audit_kept(run, sdjwt.reveal(payload, [texts[d] for d in sorted(signed & texts.keys())]).claims, where)


def _audit_reasons(run: Run, statement: bytes, erased: Set[str], where: str) -> None:
    """Each erased disclosure has a row that says why, of a part that may be erased; no other has one."""
    query = select(Erasure.digest, Erasure.part).where(Erasure.statement == statement)
    parts = {row.digest: row.part for row in run.connection.execute(query)}
    for digest in sorted(erased ^ parts.keys()):
        what = "it was erased, and no row says why" if digest in erased else "it is said to be erased"
        run.found("disclosure", f"disclosure {digest} of {where}", what)
    for digest in sorted(erased & parts.keys()):
        with run.noting("disclosure", f"disclosure {digest} of {where}"):
            require_erasable(parse_part(parts[digest]))


def _audit_kept(run: Run, claims: Mapping[str, Json], where: str) -> None:
    """What a statement names as kept is there; the oldest name nothing."""
    event, named = claims.get(EVENT_CLAIM), claims.get(KEPT_CLAIM)
    shown = event if isinstance(event, dict) else {}
    wanted = map(str, named) if isinstance(named, list) else _UNNAMED.get(str(shown.get("type")), ())
    for name in sorted({*wanted, *_ALWAYS} - set(kept_members(shown))):
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
