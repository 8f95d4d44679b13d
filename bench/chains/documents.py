"""What happens as EPCIS 2.0: events as dictionaries, and documents of many.

Every third firm writes EPC URNs, the others GS1 Digital Links. Events have no ``eventID``: whoever
captures them gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from bench.chains.happening import WORDS, Amount, Firm, Happening
from traceability.gs1 import parse_digital_link
from traceability.supply.epcis.events import CONTEXT, format_event_time

PREFIX_LENGTH: Final = 8
DAY_MS: Final = 86_400_000
SHELF_DAYS: Final = 14


def documents(things: Iterable[Happening], size: int) -> Iterator[dict[str, Any]]:
    """Documents of that many events each, the last one perhaps of fewer."""
    source = iter(things)
    while part := list(islice(source, size)):
        yield {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": format_event_time(part[-1].at_ms),
            "epcisBody": {"eventList": [event(happening) for happening in part]},
        }


def event(happening: Happening) -> dict[str, Any]:
    """One event, as its firm would write it."""
    words, firm = WORDS[happening.step], happening.firm
    members = {
        "type": words.type,
        "eventTime": format_event_time(happening.at_ms),
        "eventTimeZoneOffset": "+00:00",
        "action": words.action,
        "bizStep": words.biz_step,
        "disposition": words.disposition,
        "readPoint": {"id": _written(firm.place, firm)},
        "bizLocation": {"id": _written(firm.place, firm)},
        "parentID": happening.parent and _written(happening.parent, firm),
        "transformationID": happening.process,
        "epcList": [_written(unit, firm) for unit in happening.units],
        "quantityList": _quantities(happening.lots, firm),
        "childQuantityList": _quantities(happening.children, firm),
        "inputQuantityList": _quantities(happening.inputs, firm),
        "outputQuantityList": _quantities(happening.outputs, firm),
        **_handover(happening),
        **_master_data(happening),
    }
    return {name: value for name, value in members.items() if value}


def _quantities(amounts: Iterable[Amount], firm: Firm) -> list[dict[str, Any]]:
    return [{"epcClass": _written(a.uri, firm), "quantity": a.mass_kg, "uom": "KGM"} for a in amounts]


def _handover(happening: Happening) -> dict[str, Any]:
    """Whose it was, whose it will be, and the dispatch advice."""
    if happening.receiver is None:
        return {}
    firm, (unit,) = happening.firm, happening.units
    advice = f"urn:epcglobal:cbv:bt:{firm.gln}:{unit.rpartition('/')[2]}"
    holds, will_hold = (_written(each.party, firm) for each in (firm, happening.receiver))
    return {
        "bizTransactionList": [{"type": "desadv", "bizTransaction": advice}],
        "sourceList": [{"type": "possessing_party", "source": holds}],
        "destinationList": [{"type": "possessing_party", "destination": will_hold}],
    }


def _master_data(happening: Happening) -> dict[str, Any]:
    """What is said of a lot when it begins."""
    if happening.step != "harvest" and not happening.outputs:
        return {}
    best_before = format_event_time(happening.at_ms + SHELF_DAYS * DAY_MS)[:10]
    return {"ilmd": {"cbvmda:bestBeforeDate": best_before, "cbvmda:countryOfOrigin": "NL"}}


def _written(uri: str, firm: Firm) -> str:
    """An identifier in the way in which a firm writes them."""
    return _as_urn(uri) if int(firm.prefix) % 3 == 0 else uri


@lru_cache(maxsize=4096)
def _as_urn(uri: str) -> str:
    return parse_digital_link(uri).urn(PREFIX_LENGTH)
