"""The parts of an EPCIS event: which are hidden behind digests, for whom, and which are never erased.

One tree of rules decides everything; paths are inside the event (``("type",)``,
``("quantityList", 0, "uom")``).

*Hidden.* Every member of the event is a disclosure of its own, without exception: the signed
text tells a stranger how many members an event has, and nothing else. So is every element
of the lists that name batches, and inside such an element all but the name itself
(quantity and unit can be withheld from somebody who may know the batch); and every member
of ``ilmd`` and of ``errorDeclaration``. All other members are shown or withheld whole.

*Audiences* are nested: what the public sees, chain partners see, and the regulator sees all.
What no rule names is for the regulator alone, other words with the prefix ``ft`` too: a prefix
means what its writer says it means.

*Kept* parts are public, can never be withheld from those who may see a batch's page, and are
never erased: which batch, and what happened when, including that the event was later
declared an error and why a lot is recalled. They hold no personal data. With nothing but them
a verifier still sees that the statement speaks about the batch. *Lasting* parts are not for
everybody, but are not erased either: recalls go by what a batch was made of, and stays by what the
channels of a device measure.

Sensor readings inside events are for partners, as a path does not tell a temperature from a
position; consumers see what the batch's stays and its own frames say.

Source: EPCIS 2.0 7.4 (members of events), CBV 2.0 (master data of lots), the GS1 Web Vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeAlias

from traceability.errors import ConflictError, StatementError
from traceability.signing.digests import Path

MAX_PART: Final = 1_024
"""Characters of a part's name."""

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

Part: TypeAlias = tuple[str, ...]
"""A part by its names alone, without the numbers of list elements: ``("quantityList", "uom")``."""


class Audience(StrEnum):
    """Who may see a part; ordered from the widest to the narrowest: PUBLIC < PARTNER < REGULATOR."""

    PUBLIC = "public"
    PARTNER = "partner"
    REGULATOR = "regulator"

    def _rank(self) -> int:
        return _RANKS[self]

    def __lt__(self, other: str) -> bool:
        return self._rank() < Audience(other)._rank()

    def __le__(self, other: str) -> bool:
        return self._rank() <= Audience(other)._rank()

    def __gt__(self, other: str) -> bool:
        return self._rank() > Audience(other)._rank()

    def __ge__(self, other: str) -> bool:
        return self._rank() >= Audience(other)._rank()


_RANKS: Final = {audience: rank for rank, audience in enumerate(Audience)}


@dataclass(frozen=True, slots=True)
class Rule:
    """How one part is treated.

    ``parts`` are rules by member name; ``each`` is for every element of a list. A part with
    neither is never divided. A ``plain`` part stands open in the part around it. No policy
    changes the audience of a ``fixed`` part. A ``lasting`` part is never erased, nor is a kept one.
    """

    audience: Audience
    kept: bool = False
    plain: bool = False
    fixed: bool = False
    lasting: bool = False
    parts: Mapping[str, Rule] = field(default_factory=dict)
    each: Rule | None = None


_KEPT: Final = Rule(Audience.PUBLIC, kept=True)
_PUBLIC: Final = Rule(Audience.PUBLIC)
_PARTNER: Final = Rule(Audience.PARTNER)
_REGULATOR: Final = Rule(Audience.REGULATOR)
_HASHES: Final = Rule(Audience.REGULATOR, fixed=True)
_LINEAGE: Final = Rule(Audience.PARTNER, lasting=True)

_EPCS: Final = Rule(Audience.PUBLIC, kept=True, each=_KEPT)
_BATCH: Final = {
    "epcClass": Rule(Audience.PUBLIC, kept=True, plain=True),
    "quantity": _PARTNER,
    "uom": _PARTNER,
}
_QUANTITIES: Final = Rule(Audience.PUBLIC, kept=True, each=Rule(Audience.PUBLIC, kept=True, parts=_BATCH))

_PRINTED: Final = (
    "cbvmda:bestBeforeDate",
    "cbvmda:countryOfOrigin",
    "cbvmda:growingMethodCode",
    "cbvmda:harvestEndDate",
    "cbvmda:harvestStartDate",
    "cbvmda:itemExpirationDate",
    "cbvmda:lotNumber",
    "cbvmda:preservationTechniqueCode",
    "cbvmda:productionDate",
    "cbvmda:sellByDate",
    "cbvmda:storageStateCode",
    "gs1:bestBeforeDate",
    "gs1:countryOfOrigin",
    "gs1:expirationDate",
    "gs1:firstFreezeDate",
    "gs1:growingMethod",
    "gs1:harvestDate",
    "gs1:harvestDateEnd",
    "gs1:harvestDateStart",
    "gs1:hasBatchLotNumber",
    "gs1:packagingDate",
    "gs1:preservationTechnique",
    "gs1:productionDate",
    "gs1:sellByDate",
)
"""Master data of a lot that stand on labels anyway."""
_WEIGHTS: Final = ("drainedWeight", "grossWeight", "netWeight")
_ILMD: Final = Rule(
    Audience.PUBLIC,
    kept=True,
    parts={
        **dict.fromkeys(_PRINTED, _PUBLIC),
        **{f"{prefix}:{name}": _PARTNER for prefix in ("cbvmda", "gs1") for name in _WEIGHTS},
        "ft:product": _PUBLIC,
        "ft:temperature": _KEPT,
        "ft:parents": Rule(Audience.PARTNER, lasting=True, each=_LINEAGE),
    },
)
_EVENT: Final = Rule(
    Audience.PUBLIC,
    kept=True,
    parts={
        "@context": _PUBLIC,
        "type": _KEPT,
        "action": _KEPT,
        "eventTime": _KEPT,
        "eventTimeZoneOffset": _KEPT,
        "recordTime": _PUBLIC,
        "bizStep": _KEPT,
        "disposition": _KEPT,
        "parentID": _KEPT,
        "epcList": _EPCS,
        "childEPCs": _EPCS,
        "inputEPCList": _EPCS,
        "outputEPCList": _EPCS,
        "quantityList": _QUANTITIES,
        "childQuantityList": _QUANTITIES,
        "inputQuantityList": _QUANTITIES,
        "outputQuantityList": _QUANTITIES,
        "errorDeclaration": Rule(
            Audience.PUBLIC,
            kept=True,
            parts={"declarationTime": _KEPT, "reason": _KEPT, "correctiveEventIDs": _HASHES},
        ),
        "ilmd": _ILMD,
        "readPoint": _PARTNER,
        "bizLocation": _PARTNER,
        "sourceList": _PARTNER,
        "destinationList": _PARTNER,
        "persistentDisposition": _PARTNER,
        "sensorElementList": _PARTNER,
        "transformationID": _LINEAGE,
        "eventID": _HASHES,
        "bizTransactionList": _REGULATOR,
        "certificationInfo": _REGULATOR,
        "ft:asset": _PUBLIC,
        "ft:channels": Rule(Audience.PUBLIC, lasting=True),
        "ft:region": _PUBLIC,
        "ft:regionCentre": _PUBLIC,
        "ft:recall": _KEPT,
    },
)


@lru_cache(maxsize=4096)
def kept(path: Path) -> bool:
    """Whether the part at ``path`` is never withheld from who may see the page, and never erased."""
    return all(rule.kept for rule in rules_on(path))


@lru_cache(maxsize=4096)
def hide_event(path: Path) -> bool:
    """Whether the part at ``path`` is a disclosure of its own."""
    rules = list(rules_on(path))
    return 0 < len(path) < len(rules) and not rules[-1].plain


def part_of(path: Path) -> Part:
    """The part that a path leads to, in whatever element of a list it is."""
    return tuple(step for step in path if isinstance(step, str))


def format_part(part: Part) -> str:
    """A part as people write it: ``readPoint``, ``ilmd/ft:person``, ``quantityList/uom``."""
    return "/".join(part)


def parse_part(text: str) -> Part:
    """A part from its name.

    Raises:
        StatementError: longer than ``MAX_PART``, not printable, or not a part of its own.
    """
    if not 1 <= len(text) <= MAX_PART or not text.isprintable() or " " in text:
        raise StatementError(f"{text[:MAX_PART]!r} does not name a part: 1 to {MAX_PART} visible characters")
    part = tuple(_names(text))
    rule_of(part)
    return part


def _names(text: str) -> Iterator[str]:
    """The steps of a part's name; a member that is named by a URI is one step, the last."""
    while "/" in text and not _URI.match(text):
        name, _, text = text.partition("/")
        yield name
    yield text


def require_erasable(part: Part) -> None:
    """Refuses what is never erased.

    Raises:
        ConflictError: it is kept, or recalls go by it.
        StatementError: it is not a part of its own.
    """
    rule = rule_of(part)
    if rule.kept or rule.lasting:
        why = "says which batch and what happened when" if rule.kept else "is what recalls or stays go by"
        raise ConflictError(f"{format_part(part)} {why}: it is never erased")


def changeable() -> dict[Part, Audience]:
    """The parts that the tree names and a policy may open or close, with their audiences by default."""
    return {
        part: rule.audience
        for part, rule in _named(_EVENT, ())
        if not (rule.kept or rule.fixed or rule.plain)
    }


def _named(rule: Rule, part: Part) -> Iterator[tuple[Part, Rule]]:
    inner = rule.parts or (rule.each.parts if rule.each is not None else {})
    for name, below in inner.items():
        yield (*part, name), below
        yield from _named(below, (*part, name))


def rule_of(part: Part) -> Rule:
    """The rule of a part that is a disclosure of its own wherever it stands."""
    rule = _EVENT
    for depth, name in enumerate(part):
        if rule.each is not None and depth:
            rule = rule.each
        if not rule.parts:
            whole = format_part(part[:depth])
            raise StatementError(f"{whole} is not divided: name it whole, not {format_part(part)}")
        rule = _part(rule, name)
    if not part or rule.plain:
        raise StatementError(f"{format_part(part)!r} is not a part of its own")
    return rule


def rules_on(path: Path) -> Iterator[Rule]:
    """The rules met on the way from the event to a part, as far as the tree divides it."""
    rule = _EVENT
    yield rule
    for step in path:
        if not rule.parts and rule.each is None:
            return
        rule = _part(rule, step)
        yield rule


def _part(rule: Rule, step: str | int) -> Rule:
    if isinstance(step, int):
        return rule.each or _REGULATOR
    return rule.parts.get(step, _REGULATOR)
