"""Which parts of an EPCIS event are hidden behind digests, and who may see each of them.

One tree of rules decides everything; paths are inside the event (``("type",)``,
``("quantityList", 0, "uom")``).

*Hidden.* Every member of the event is a disclosure of its own, without exception: the signed
text tells a stranger how many members an event has, and nothing else. So is every element
of the lists that name batches, and inside such an element all but the name itself
(quantity and unit can be withheld from somebody who may know the batch); and every member
of ``ilmd`` and of ``errorDeclaration``. All other members are shown or withheld whole.

*Audiences* are nested: what the public sees, chain partners see, and the regulator sees all.
What no rule names is for the regulator alone. An inner part is never for a wider audience than
the part around it, so the disclosures of an audience always include the parents they need.
A page may show fewer: of the elements that name batches, the one of its own batch is enough.

*Kept* parts are public, can never be withheld from those who may see a batch's page, and are
never erased: which batch, and what happened when, including that the event was later
declared an error. They hold no personal data. With nothing but them a verifier still sees
that the statement speaks about the batch.

Sensor readings inside events are for partners, as a path does not tell a temperature from a
position; consumers see what the batch's stays and its own frames say. ``eventID`` is a hash
over the whole event, by which hidden fields could be guessed: it is for those who see every field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from traceability.errors import StatementError
from traceability.signing.digests import Path
from traceability.signing.strictjson import Json

EVENT_CLAIM: Final = "event"
"""Where the event stands among the claims of a statement; ``iss`` and ``iat`` stand beside it."""


class Audience(StrEnum):
    """Who may see a part; ordered from the widest to the narrowest: PUBLIC < PARTNER < REGULATOR."""

    PUBLIC = "public"
    PARTNER = "partner"
    REGULATOR = "regulator"

    def _rank(self) -> int:
        return list(Audience).index(self)

    def __lt__(self, other: str) -> bool:
        return self._rank() < Audience(other)._rank()

    def __le__(self, other: str) -> bool:
        return self._rank() <= Audience(other)._rank()

    def __gt__(self, other: str) -> bool:
        return self._rank() > Audience(other)._rank()

    def __ge__(self, other: str) -> bool:
        return self._rank() >= Audience(other)._rank()


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one part is treated.

    ``parts`` are rules by member name, ``ft:`` standing for all members of this project's
    vocabulary that have no rule of their own; ``each`` is for every element of a list.
    A part with neither is never divided. A ``plain`` part stands open in the part around it.
    """

    audience: Audience
    kept: bool = False
    plain: bool = False
    parts: Mapping[str, _Rule] = field(default_factory=dict)
    each: _Rule | None = None


_KEPT: Final = _Rule(Audience.PUBLIC, kept=True)
_PUBLIC: Final = _Rule(Audience.PUBLIC)
_PARTNER: Final = _Rule(Audience.PARTNER)
_REGULATOR: Final = _Rule(Audience.REGULATOR)

_EPCS: Final = _Rule(Audience.PUBLIC, kept=True, each=_KEPT)
_BATCH: Final = {
    "epcClass": _Rule(Audience.PUBLIC, kept=True, plain=True),
    "quantity": _PARTNER,
    "uom": _PARTNER,
}
_QUANTITIES: Final = _Rule(Audience.PUBLIC, kept=True, each=_Rule(Audience.PUBLIC, kept=True, parts=_BATCH))

_VOCABULARY: Final = {
    "ft:": _PUBLIC,
    "ft:contact": _REGULATOR,
    "ft:document": _REGULATOR,
    "ft:note": _REGULATOR,
    "ft:person": _REGULATOR,
    "ft:position": _REGULATOR,
    "ft:price": _REGULATOR,
}
_MASTER_DATA: Final = {
    "cbvmda:bestBeforeDate": _PUBLIC,
    "cbvmda:countryOfOrigin": _PUBLIC,
    "cbvmda:growingMethodCode": _PUBLIC,
    "cbvmda:harvestEndDate": _PUBLIC,
    "cbvmda:harvestStartDate": _PUBLIC,
    "cbvmda:itemExpirationDate": _PUBLIC,
    "cbvmda:lotNumber": _PUBLIC,
    "cbvmda:preservationTechniqueCode": _PUBLIC,
    "cbvmda:productionDate": _PUBLIC,
    "cbvmda:sellByDate": _PUBLIC,
    "cbvmda:storageStateCode": _PUBLIC,
    "cbvmda:grossWeight": _PARTNER,
    "cbvmda:netWeight": _PARTNER,
}
_EVENT: Final = _Rule(
    Audience.PUBLIC,
    kept=True,
    parts={
        "@context": _PUBLIC,
        "type": _KEPT,
        "action": _KEPT,
        "eventTime": _KEPT,
        "eventTimeZoneOffset": _KEPT,
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
        "errorDeclaration": _Rule(
            Audience.PUBLIC, kept=True, parts={"declarationTime": _KEPT, "reason": _KEPT}
        ),
        "ilmd": _Rule(
            Audience.PUBLIC, kept=True, parts=_MASTER_DATA | _VOCABULARY | {"ft:temperature": _KEPT}
        ),
        "readPoint": _PARTNER,
        "bizLocation": _PARTNER,
        "sourceList": _PARTNER,
        "destinationList": _PARTNER,
        "persistentDisposition": _PARTNER,
        "sensorElementList": _PARTNER,
        "eventID": _REGULATOR,
        "bizTransactionList": _REGULATOR,
        "certificationInfo": _REGULATOR,
        **_VOCABULARY,
    },
)


def audience_of(path: Path) -> Audience:
    """The widest audience that may see the part at ``path``."""
    return max(rule.audience for rule in _rules(path))


def kept(path: Path) -> bool:
    """Whether the part at ``path`` is never withheld from who may see the page, and never erased."""
    return all(rule.kept for rule in _rules(path))


def hide_event(path: Path) -> bool:
    """Whether the part at ``path`` is a disclosure of its own."""
    rules = list(_rules(path))
    return 0 < len(path) < len(rules) and not rules[-1].plain


def hide_claims(path: Path) -> bool:
    """The same for the claims of a statement: what :func:`traceability.signing.sdjwt.issue` asks."""
    return path[:1] == (EVENT_CLAIM,) and hide_event(path[1:])


def digests_for(audience: Audience, paths: Mapping[str, Path]) -> frozenset[str]:
    """The digests whose disclosures an audience gets, parents included.

    Args:
        audience: who asks.
        paths: of all disclosures of one event statement, by digest, from its claims.
    """
    return frozenset(digest for digest, path in paths.items() if audience_of(_inside(path)) <= audience)


def kept_digests(paths: Mapping[str, Path]) -> frozenset[str]:
    """The digests whose disclosures are never withheld and never erased."""
    return frozenset(digest for digest, path in paths.items() if kept(_inside(path)))


def require_policy(claims: Mapping[str, Json], paths: Mapping[str, Path]) -> None:
    """Checks, before it is recorded, that a statement hides exactly what this policy hides.

    Who signs with a key of their own divides the event alone; what stands in plain then can
    never be withheld or erased.

    Args:
        claims: all of them, as revealed with every disclosure.
        paths: of those disclosures, by digest.

    Raises:
        StatementError: a part that must be a disclosure of its own is not, or the reverse.
    """
    wanted = {path for path in _places(dict(claims), ()) if hide_claims(path)}
    if differing := wanted ^ set(paths.values()):
        place = min("/".join(map(str, path)) for path in differing)
        raise StatementError(f"the policy for events and the statement differ about {place}")


def _rules(path: Path) -> Iterator[_Rule]:
    """The rules met on the way from the event to a part, as far as the tree divides it."""
    rule = _EVENT
    yield rule
    for step in path:
        if not rule.parts and rule.each is None:
            return
        rule = _part(rule, step)
        yield rule


def _part(rule: _Rule, step: str | int) -> _Rule:
    if isinstance(step, int):
        return rule.each or _REGULATOR
    family = "ft:" if step.startswith("ft:") else step
    return rule.parts.get(step) or rule.parts.get(family) or _REGULATOR


def _inside(path: Path) -> Path:
    if path[:1] != (EVENT_CLAIM,) or len(path) == 1:
        raise StatementError("an event statement hides parts of its event and nothing else")
    return path[1:]


def _places(value: Json, path: Path) -> Iterator[Path]:
    """The path of every member and element, inner ones too."""
    steps: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        steps = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    for step, item in steps:
        yield (*path, step)
        yield from _places(item, (*path, step))
