"""Steps that people record: from what was entered to the event that will be signed, and what is odd about it.

The web and the command line make the same events by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from traceability.errors import StatementError
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.capture import Captured
from traceability.operations.node import Node
from traceability.operations.recallstatus import answers_of
from traceability.operations.record import make_event, record_event
from traceability.operations.stock import Stock, stock_of
from traceability.store.engine import Store, Transaction
from traceability.supply.epcis import units
from traceability.supply.epcis.events import STEPS
from traceability.supply.lineage import Amount
from traceability.supply.position import MEMBER as CENTRE
from traceability.supply.recall import Answer

UOM_REMEDY: Final = "Codes have capitals: KGM kilogram, GRM gram, TNE tonne, LTR litre; none means pieces."
_ENDS_THERE: Final = frozenset({"ship", "load", "destroy"})
"""After these steps the goods are not at the place where they happened."""
_OWNERS: Final[Mapping[str, tuple[str, str]]] = {
    "ship": ("source", "destination"),
    "receive": ("destination", "source"),
}
"""Steps by which goods change their owner: what the one who records is, and what the partner is."""


class Caution(StrEnum):
    """What a person should look at again before signing; none of it is forbidden."""

    MORE_THAN_LEFT = "more-than-left"
    NOTHING_LEFT = "nothing-left"
    OTHER_UNIT = "other-unit"
    RECALLED = "recalled"
    BEFORE_IT_BEGAN = "before-it-began"
    INSIDE = "inside-an-asset"


@dataclass(frozen=True, slots=True)
class Where:
    """Where it happened: the URI of a place, for partners, and as coarse as the public may know.

    ``centre`` is the region's middle, as ``ft:regionCentre`` has it.
    """

    place: str | None = None
    region: Mapping[str, str] | None = None
    centre: str | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """A cold room or truck that goods go into or come out of: URI, and what the public calls it."""

    uri: str
    names: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """What a person entered.

    Attributes:
        step: one of ``STEPS``.
        of: the batch that it is about, or that is made, and how much of it.
        at_ms, offset: when, in milliseconds, and the local time it was given in.
        partner: URI of the party that it goes to or comes from.
        inputs: what it is made of.
        ilmd: master data of a batch that begins, as ``operations.masterdata`` makes them.
        event_id: the event's name; the same entry sent twice under one is recorded once. Without one
            the event is named by its hash.
        arrives: nothing of the batch is recorded here: what is known of it begins with its receiving.
    """

    step: str
    of: Amount
    at_ms: int
    offset: str = "+00:00"
    where: Where = Where()
    asset: Asset | None = None
    partner: str | None = None
    inputs: tuple[Amount, ...] = ()
    ilmd: Mapping[str, Any] = field(default_factory=dict)
    event_id: str | None = None
    arrives: bool = False

    @property
    def begins(self) -> bool:
        """Whether the batch comes to be by it."""
        return STEPS[self.step].biz_step == "creating_class_instance"

    @property
    def looked_at(self) -> tuple[Amount, ...]:
        """The batches of which there may be too little: what is used up, or what it is about."""
        return self.inputs if self.begins else (self.of,)

    @property
    def moves(self) -> bool:
        """Whether goods go into an asset or come out of one."""
        return STEPS[self.step].type == "AggregationEvent"


def event_of(entered: Entered, party: str) -> dict[str, Any]:
    """The event for what a party entered; not checked against what is recorded.

    Raises:
        StatementError: an asset is missing or too much, or a unit is not known.
    """
    members: dict[str, Any] = {"eventID": entered.event_id, "ilmd": dict(entered.ilmd) or None}
    members |= _things(entered) | _where(entered) | _owners(entered, party)
    return make_event(entered.step, entered.at_ms, offset=entered.offset, **members)


def cautions(connection: Connection, node: str, party: str, entered: Entered) -> tuple[Caution, ...]:
    """What is odd about an entry, by what is recorded; in the order of ``Caution``."""
    uris = [amount.uri for amount in entered.looked_at]
    stocks = {uri: stock_of(connection, node, party, uri) for uri in uris}
    return odd_about(entered, stocks, answers_of(connection, uris))


def odd_about(
    entered: Entered, stocks: Mapping[str, Stock], answers: Mapping[str, Answer]
) -> tuple[Caution, ...]:
    """The same, by what is left of each batch and whether it is recalled."""
    amounts = entered.looked_at
    found = {each for amount in amounts for each in _odd(entered, amount, stocks[amount.uri])}
    if any(answers.get(amount.uri) in {Answer.RECALLED, Answer.HELD} for amount in amounts):
        found.add(Caution.RECALLED)
    return tuple(each for each in Caution if each in found)


def check_uom(uom: str | None) -> str | None:
    """The unit itself.

    Raises:
        StatementError: not a code of UN/ECE Recommendation 20.
    """
    if uom is not None and not units.known(uom):
        raise StatementError(f"{uom[:16]!r} is not {units.wanted(uom)}", remedy=UOM_REMEDY)
    return uom


def plain(number: Decimal | None) -> int | Decimal | None:
    """A whole number as int: 120 and 120.0 are written alike."""
    return int(number) if number is not None and number == int(number) else number


def _things(entered: Entered) -> dict[str, Any]:
    if entered.moves != (entered.asset is not None):
        needed = "needs an asset" if entered.moves else "does not name an asset"
        raise StatementError(f"{entered.step} {needed}: load and store do, unload and retrieve")
    named = [_amount(entered.of)]
    if entered.asset is not None:
        names = None if entered.asset.names is None else dict(entered.asset.names)
        return {"parentID": entered.asset.uri, "childQuantityList": named, "ft:asset": names}
    if STEPS[entered.step].type == "TransformationEvent":
        used = [_amount(amount) for amount in entered.inputs]
        return {"inputQuantityList": used, "outputQuantityList": named}
    return {"quantityList": named}


def _amount(amount: Amount) -> dict[str, Any]:
    members = {
        "epcClass": amount.uri,
        "quantity": plain(amount.quantity),
        "uom": None if amount.quantity is None else check_uom(amount.uom),
    }
    return {name: value for name, value in members.items() if value is not None}


def _where(entered: Entered) -> dict[str, Any]:
    where = entered.where
    region = None if where.region is None else dict(where.region)
    coarse = {"ft:region": region, CENTRE: where.centre}
    if where.place is None:
        return coarse
    there = {"id": where.place}
    stays = entered.step not in _ENDS_THERE
    return {"readPoint": there, "bizLocation": there if stays else None, **coarse}


def _owners(entered: Entered, party: str) -> dict[str, Any]:
    if entered.partner is None:
        return {}
    if entered.step not in _OWNERS:
        raise StatementError(f"{entered.step} names no partner: {' and '.join(_OWNERS)} do")
    own, other = _OWNERS[entered.step]
    return {
        f"{role}List": [{"type": "owning_party", role: uri}]
        for role, uri in ((own, party), (other, entered.partner))
    }


def _odd(entered: Entered, amount: Amount, stock: Stock) -> Iterator[Caution]:
    if stock.began_ms is not None and entered.at_ms < stock.began_ms:
        yield Caution.BEFORE_IT_BEGAN
    if stock.inside is not None and not entered.moves:
        yield Caution.INSIDE
    if entered.step == "receive":
        return
    if stock.left == 0:
        yield Caution.NOTHING_LEFT
    elif stock.left is not None and amount.quantity is not None:
        wanted = stock.in_its_unit(amount)
        if wanted is None:
            yield Caution.OTHER_UNIT
        elif wanted > stock.left:
            yield Caution.MORE_THAN_LEFT


def record_entered(store: Store, node: Node, actor: Actor, party: str, entered: Entered) -> Captured:
    """Record what a person entered, and say in the trail who did.

    Raises:
        as ``event_of`` and ``record.record_event``.
    """

    def beside(tx: Transaction, answers: Sequence[Captured]) -> None:
        if not answers[0].known:
            note(tx, actor, "step-recorded", entered.of.uri, step=entered.step, event=answers[0].sha256.hex())

    return record_event(store, node, party, event_of(entered, party), beside, arrives=entered.arrives)
