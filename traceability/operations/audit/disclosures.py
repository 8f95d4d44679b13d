"""Disclosures: each belongs to its statement, none is missing, and what is kept is not erased."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from typing import Final

from sqlalchemy import select

from traceability import media
from traceability.operations.audit.report import Run
from traceability.operations.disclosures import LOST, all_disclosures
from traceability.signing import sdjwt
from traceability.signing.digests import read_disclosure
from traceability.signing.disclosure import EVENT_CLAIM
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.parts import parse_part, require_erasable
from traceability.signing.strictjson import Json
from traceability.store.access import Erasure
from traceability.verification.statements import reveal_event

_ALWAYS: Final = frozenset({"type", "eventTime", "eventTimeZoneOffset"})
_UNNAMED: Final = {
    "ObjectEvent": {"action", "bizStep", "quantityList"},
    "AggregationEvent": {"action", "bizStep", "parentID", "childQuantityList"},
    "AssociationEvent": {"action", "bizStep", "parentID", "childEPCs"},
}
"""What the oldest statements have, by the type of event: they do not name what is kept."""


def read_disclosures(run: Run, statements: Collection[bytes]) -> None:
    """Read the disclosures of events that are to be compared, and why others of them are gone."""
    reasons: dict[bytes, dict[str, str]] = {}
    run.texts = all_disclosures(run.connection, statements) if statements else {}
    query = select(Erasure.statement, Erasure.digest, Erasure.part)
    for row in run.connection.execute(query.where(Erasure.statement.in_(statements))) if statements else ():
        reasons.setdefault(row.statement, {})[row.digest] = row.part
    run.reasons = reasons


def audit_disclosures(run: Run, statement: bytes, body: bytes, where: str) -> None:
    """Compare a statement's disclosures, which were read before, with the digests that were signed.

    For each digest there is its text, or a row of ``erasures`` that says why it went. What stood
    inside an erased one cannot be told any more, so of rows for digests that nothing names one is
    accepted only beside an erased one. That nothing was erased which must be kept shows when the
    statement is opened.
    """
    given = run.texts.get(statement, ())
    if not all(map(str.isascii, given)):
        run.found("disclosure", f"disclosures of {where}", "they are not ASCII")
        return
    texts = {sdjwt.digest_of(text): text for text in given}
    if list(texts) != sorted(texts) or len(texts) != len(given):
        run.found("disclosure", f"disclosures of {where}", "they do not stand once each, by their digests")
    parsed = sdjwt.parse(body)
    payload = parsed.payload
    named = list(digests_in(dict(payload)))
    for text in texts.values():
        named += digests_in(read_disclosure(text)[1])
    signed = {digest for digest, _ in named}
    for digest in sorted(texts.keys() - signed):
        run.found("disclosure", f"disclosure {digest} of {where}", "the statement does not name it")
    reasons = run.reasons.get(statement, {})
    lost = {digest for digest, part in reasons.items() if part == LOST}
    if lost:
        run.lost.append(f"{len(lost)} parts of {where}")
    erased = signed - texts.keys()
    for digest in sorted(erased & {digest for digest, is_element in named if is_element} - lost):
        run.found("disclosure", f"disclosure {digest} of {where}", "it names a batch, and was erased")
    parts = _audit_reasons(run, reasons, erased, texts.keys(), where)
    run.counts["erased"] += parts
    run.counts["disclosures"] += len(texts) + parts
    shown = tuple(texts[digest] for digest in sorted(signed & texts.keys()))
    is_event = parsed.typ == media.EVENT
    revealed = reveal_event(body, shown) if is_event else sdjwt.reveal(payload, shown)
    if EVENT_CLAIM in payload:
        _audit_kept(run, revealed.claims, where)


def _audit_reasons(run: Run, parts: Mapping[str, str], erased: Set[str], there: Set[str], where: str) -> int:
    """Each erased disclosure has a row that says why, of a part that may be erased; no other has one.

    Returns:
        How many rows there are.
    """
    for digest in sorted(erased - parts.keys()):
        run.found("disclosure", f"disclosure {digest} of {where}", "it is gone, and no row says why")
    for digest in sorted(parts.keys() & there if erased else parts.keys() - erased):
        run.found("disclosure", f"disclosure {digest} of {where}", "it is said to be erased")
    for digest in sorted(digest for digest, part in parts.items() if part != LOST):
        with run.noting("disclosure", f"disclosure {digest} of {where}"):
            require_erasable(parse_part(parts[digest]))
    return len(parts)


def _audit_kept(run: Run, claims: Mapping[str, Json], where: str) -> None:
    """What a statement names as kept is there; the oldest name nothing."""
    event, named = claims.get(EVENT_CLAIM), claims.get(KEPT_CLAIM)
    shown = event if isinstance(event, dict) else {}
    wanted = map(str, named) if isinstance(named, list) else _UNNAMED.get(str(shown.get("type")), ())
    for name in sorted({*wanted, *_ALWAYS} - set(kept_members(shown))):
        run.found("disclosure", f"{name} of {where}", "it must be kept, and was erased")


def digests_in(value: Json) -> Iterator[tuple[str, bool]]:
    """Every digest in a payload or in a disclosure, and whether it stands for an element of a list."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "...":
                yield str(item), True
            elif name == "_sd" and isinstance(item, list):
                yield from ((str(digest), False) for digest in item)
            else:
                yield from digests_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from digests_in(item)
