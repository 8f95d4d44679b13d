"""Finding key data elements: for each of them where in the events of a lot it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from traceability.supply.fsma.case import Case, Found, at_place, described, from_event, missing
from traceability.supply.fsma.elements import SEEDS, Cte, Element
from traceability.supply.fsma.history import Happening, Life
from traceability.supply.fsma.master import attributes_of, lot_code
from traceability.supply.fsma.told import Told
from traceability.supply.fsma.tracking import LEAVING, TAKING
from traceability.supply.lineage import Amount

_BEFORE_PACKING: Final = frozenset({Cte.HARVESTING, Cte.COOLING})
_REFERENCE: Final = "ft:lotCodeSourceReference"


def find(case: Case, element: Element) -> Found:
    """The value of an element, with as many cells as it has columns."""
    found = _FINDERS[element.key](case)
    cells = found.cells or ("",) * len(element.columns)
    return Found(cells, found.source, found.lacking)


def _tlc(case: Case, amount: Amount | None, member: str) -> Found:
    if amount is None:
        return missing("the event does not say what was used")
    text, lot = lot_code(amount.uri)
    return Found((text,), member, "" if lot else "a product without its lot: no traceability lot code")


def _quantity(case: Case, amount: Amount | None, told: Told) -> Found:
    if amount is None:
        return missing("no event says how much")
    if amount.quantity is None:
        return missing(told.why_not("quantity"))
    return Found((f"{amount.quantity:f}", amount.uom or ""), from_event(case, told, "quantity and uom"))


def _product(case: Case, life: Life) -> Found:
    found = case.masters.product(life.uri, case.told.party, case.attributes(life))
    return described(found, "GTIN")


def _used_product(case: Case) -> Found:
    if case.used is None:
        return missing("the event does not say what was used")
    return _product(case, case.history.life(case.used.uri))


def _commodity(case: Case) -> Found:
    found = case.masters.commodity(case.raw.uri, case.told.party, case.attributes(case.raw))
    return described(found, "GTIN")


def _species(case: Case) -> Found:
    own = case.attributes(case.life)
    return described(case.masters.species(case.life.uri, case.told.party, own), "ilmd and GTIN")


def _documents(case: Case) -> Found:
    """Its own documents; a harvest's or cooling's may be those of bringing it in or sending it on."""
    events = [case.told]
    if case.cte in _BEFORE_PACKING:
        around = (case.life.last(TAKING, case.told.at_ms), case.life.first(LEAVING, case.told.at_ms))
        events += [each.told for each in around if each is not None]
    for told in events:
        if found := told.documents():
            kinds, numbers = ("; ".join(part) for part in zip(*found, strict=True))
            untyped = "" if all(kind for kind, _ in found) else "a document without its type"
            return Found((kinds, numbers), from_event(case, told, "bizTransactionList"), untyped)
    return missing(case.told.why_not("bizTransactionList"))


def _recipient(case: Case) -> Found:
    """Whom it goes to: as the event says, or the next that sends it on; else as whoever took it says."""
    sent = case.told
    if case.cte in _BEFORE_PACKING:
        leaving = case.life.first(LEAVING, case.told.at_ms)
        sent = case.told if leaving is None else leaving.told
    if uri := sent.end("destinationList"):
        return case.describe(uri, from_event(case, sent, "destinationList"), sent)
    later = (each for each in case.life.happenings if each.told.at_ms >= sent.at_ms)
    taken = next((each for each in later if each.told.step in TAKING or each.role == "input"), None)
    if taken is not None and taken.told is not case.told and taken.told.place()[1]:
        return at_place(case, taken, "")
    return missing(sent.why_not("destinationList"))


def _previous(case: Case, told: Told | None = None) -> Found:
    taken = told or case.told
    if uri := taken.end("sourceList"):
        return case.describe(uri, from_event(case, taken, "sourceList"), taken)
    sent = case.life.last(LEAVING, taken.at_ms)
    known = sent is not None and sent.told.place()[1]
    return at_place(case, sent if known else None, taken.why_not("sourceList"))


def _farm(case: Case) -> Found:
    if case.raw.harvested is not None:
        return at_place(case, case.raw.harvested, "")
    taken = case.raw.first(TAKING, 0)
    if taken is not None and (uri := taken.told.end("sourceList")):
        return case.describe(uri, from_event(case, taken.told, "sourceList"), taken.told)
    return missing("no event says where it was harvested")


def _field(case: Case) -> Found:
    """The growing area: as the event names it, or the business location of the harvest."""
    harvest = case.raw.harvested
    if harvest is None:
        return missing("no event says where it was harvested")
    told = harvest.told
    if name := attributes_of(told.ilmd).get("field"):
        return Found((name,), from_event(case, told, "ilmd/ft:field"))
    if attributes_of(told.ilmd).get("container"):
        return Found(())
    _, farm = told.place("readPoint")
    member, uri = told.place("bizLocation")
    if not uri:
        return missing(told.why_not("bizLocation"))
    named = case.masters.location(uri, told.party)
    same = "the same place as the farm: no field is named" if uri == farm else ""
    return Found((named.text,), from_event(case, told, member), same)


def _container(case: Case) -> Found:
    harvest = case.raw.harvested
    name = attributes_of(harvest.told.ilmd).get("container", "") if harvest else ""
    return Found((name,), "ilmd/ft:container" if name else "")


def _harvester(case: Case) -> Found:
    """Business name and phone number: of the owner who sends it away, or of who recorded the harvest."""
    harvest = case.raw.harvested
    if harvest is None:
        return missing("no event says who harvested it")
    leaving = case.raw.first(LEAVING, harvest.told.at_ms)
    uri = leaving.told.end("sourceList", kinds=("owning_party",)) if leaving else ""
    source = from_event(case, leaving.told, "sourceList") if leaving and uri else "who recorded the harvest"
    return described(case.masters.contact(uri or harvest.told.party, harvest.told.party), source)


def _date(case: Case) -> Found:
    return Found((case.told.date,), "eventTime")


def _other_date(case: Case, each: Happening | None, why: str) -> Found:
    return Found((each.told.date,), from_event(case, each.told, "eventTime")) if each else missing(why)


def _received(case: Case) -> Happening | None:
    return case.raw.last(TAKING, case.told.at_ms)


def _received_quantity(case: Case) -> Found:
    each = _received(case)
    if each is not None and each.amount.quantity is not None:
        return _quantity(case, each.amount, each.told)
    return _quantity(case, case.used or case.amount, case.told)


def _source_received(case: Case) -> Found:
    each = _received(case)
    return _previous(case, each.told if each else None)


def _source(case: Case) -> Found:
    """The place where the lot code was assigned, and the reference that may stand for its description."""
    assigned = case.life.assigned
    given = (case.told, assigned.told) if assigned else (case.told,)
    reference = next((text for told in given if (text := _reference_of(told))), "")
    place = at_place(case, assigned, "no event here says where this lot code was assigned")
    if reference:
        return Found(((place.cells or ("",))[0], reference), place.source or _REFERENCE)
    return Found((*place.cells, "") if place.cells else (), place.source, place.lacking)


def _assigned_at(case: Case) -> Found:
    """Where the event assigned the lot code: that place is its source."""
    place = at_place(case, case.told, "")
    cells = (*place.cells, *place.cells, _reference_of(case.told)) if place.cells else ()
    return Found(cells, place.source, place.lacking)


def _reference_of(told: Told) -> str:
    return str(told.event.get(_REFERENCE) or told.ilmd.get(_REFERENCE) or "")


def _harvest_range(case: Case) -> Found:
    own = {name.rpartition(":")[2]: value for name, value in case.told.ilmd.items()}
    first = own.get("harvestDateStart") or own.get("harvestStartDate") or own.get("harvestDate")
    last = own.get("harvestDateEnd") or own.get("harvestEndDate") or own.get("harvestDate")
    area = own.get("catchZone") or own.get("catchArea")
    areas = "; ".join(map(str, area)) if isinstance(area, list) else str(area or "")
    dates = " to ".join(str(day) for day in (first, last) if day)
    lacking = [
        word for word, there in (("first day", first), ("last day", last), ("locations", area)) if not there
    ]
    why = f"{case.told.why_not('ilmd member')} for {', '.join(lacking)}" if lacking else ""
    return Found((dates, areas) if dates or areas else (), "ilmd", why)


def _seeds(case: Case, part: int) -> Found:
    """What 1.1330(b) asks of sprouts; nothing else says that a food is sprouts."""
    given = case.told.ilmd.get("ft:sprouts")
    if not isinstance(given, Mapping):
        return Found(())
    member, what = SEEDS[part]
    value = given.get(member)
    return Found((f"{member}: {value}",), "ilmd/ft:sprouts") if value else missing(f"no {what} in ft:sprouts")


_FINDERS: Final[Mapping[str, Callable[[Case], Found]]] = {
    "tlc": lambda case: _tlc(case, case.amount, "epcClass"),
    "quantity": lambda case: _quantity(case, case.amount, case.told),
    "product": lambda case: _product(case, case.life),
    "commodity": _commodity,
    "species": _species,
    "location": lambda case: at_place(case, case.told, ""),
    "assigned_at": _assigned_at,
    "date": _date,
    "documents": _documents,
    "recipient": _recipient,
    "previous": lambda case: _previous(case) if case.cte is Cte.RECEIVING else _source_received(case),
    "farm": _farm,
    "field": _field,
    "container": _container,
    "harvester": _harvester,
    "harvest_date": lambda case: _other_date(case, case.raw.harvested, "no event says when it was harvested"),
    "cooled_at": lambda case: at_place(case, case.raw.cooled, "") if case.raw.cooled else Found(()),
    "cooling_date": lambda case: _other_date(case, case.raw.cooled, ""),
    "received_date": lambda case: _other_date(
        case, _received(case), "no event says when the packer received it"
    ),
    "received_quantity": _received_quantity,
    "used_tlc": lambda case: _tlc(case, case.used, "epcClass of what was used"),
    "used_product": _used_product,
    "used_quantity": lambda case: _quantity(case, case.used, case.told),
    "source": _source,
    "harvest_range": _harvest_range,
    **{f"seeds_{part}": partial(_seeds, part=part) for part in SEEDS},
}
"""By the key of an element."""
