"""Which critical tracking event an event is for a lot, and where a traceability lot code is assigned.

An event says so itself by ``ft:cte``, or it follows from its business step and from what happened to
the lot before, as in the EPCIS recommendations of GS1 US: the CBV has no words for most of the seven.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from traceability.supply.fsma.elements import ASSIGNING, Cte
from traceability.supply.fsma.history import (
    Happening,
    History,
    Life,
    is_cooling,
    is_harvest,
    is_landing,
    is_packing,
)
from traceability.supply.tracing.labels import product_of

SAID: Final[Mapping[str, Cte]] = {cte.value.replace(" ", "-"): cte for cte in Cte}
"""What ``ft:cte`` may say: ``harvesting``, ``initial-packing``, ``first-land-based-receiving``, ..."""
EXEMPT: Final = "ft:fromExempt"
"""True in an event by which food comes from a person to whom the rule does not apply."""
SENDING: Final = frozenset({"shipping"})
LEAVING: Final = frozenset({"shipping", "transporting", "departing"})
TAKING: Final = frozenset({"receiving"})


def cte_of(history: History, each: Happening, life: Life) -> tuple[Cte | None, str]:
    """The critical tracking event, or none and why not.

    Args:
        life: of the lot that it happens to.
    """
    said = SAID.get(str(each.told.event.get("ft:cte")))
    if said is not None:
        return said, ""
    if each.role in {"input", "output"}:
        return (Cte.PACKING if _packs(history, each) else Cte.TRANSFORMATION), ""
    if is_landing(each):
        return Cte.LANDING, ""
    if is_harvest(each):
        return Cte.HARVESTING, ""
    if is_packing(each) and life.packed is each:
        return Cte.PACKING, ""
    if is_cooling(each):
        return _cooling(each, life)
    return _moving(each, life)


def _cooling(each: Happening, life: Life) -> tuple[Cte | None, str]:
    if life.assigned is not None and life.assigned.told.at_ms < each.told.at_ms:
        return None, "cooled after it was packed: only cooling before that is recorded, 1.1325(b)"
    return Cte.COOLING, ""


def _moving(each: Happening, life: Life) -> tuple[Cte | None, str]:
    step, raw = each.told.step, life.raw(each.told.at_ms)
    if step in SENDING and not raw:
        return Cte.SHIPPING, ""
    if step in TAKING and not raw:
        return Cte.RECEIVING, ""
    if step in LEAVING - SENDING and raw:
        return None, "sent on before it was initially packed: part of harvesting or cooling, 1.1325"
    if step in SENDING:
        return None, "shipped before it was initially packed, 1.1340(c)"
    if step in TAKING:
        return None, "received before it was initially packed, 1.1345(c)"
    return None, f"{step or 'no business step'}: none of the seven events"


def _packs(history: History, each: Happening) -> bool:
    """Whether a transformation packs raw commodities: none of its inputs was packed, landed or made before.

    Where nothing is told of an input, it is one if what comes out is the same item at a higher level of
    packaging: a GTIN that differs in its indicator alone.
    """
    sides: dict[str, list[str]] = {"input": [], "output": []}
    for role, uris in sides.items():
        uris += [other.amount.uri for other in history.parts(each.told, role)]
    return bool(sides["input"]) and all(
        _raw(history.life(uri), each.told.at_ms, sides["output"]) for uri in sides["input"]
    )


def _raw(life: Life, at_ms: int, outputs: Iterable[str]) -> bool:
    if life.raw(at_ms):
        return True
    known = life.assigned or life.harvested or life.cooled
    own = (product_of(life.uri) or "")[1:13]
    return known is None and bool(own) and all((product_of(uri) or "")[1:13] == own for uri in outputs)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What is known of how a lot's code came to be; ``wrong`` where the rule does not allow it."""

    lot: str
    paragraph: str
    text: str
    wrong: bool = False
    event: str = ""


def assignments(history: History, lots: Iterable[str]) -> Iterator[Assignment]:
    """For each lot where its code was assigned, and where one was assigned that may not be (1.1320)."""
    for lot in lots:
        life = history.life(lot)
        yield from _assigned(history, life)
        for each in life.happenings:
            adds = each.told.event.get("action") == "ADD" and each.role == "epc"
            if adds and not (is_harvest(each) or is_landing(each)):
                text = f"a lot is made known at {each.told.step or 'an event without a business step'}"
                yield Assignment(
                    lot, "1.1320(b)", f"{text}: no code may be assigned there", True, each.told.name
                )


def _assigned(history: History, life: Life) -> Iterator[Assignment]:
    makers = [each for each in life.happenings if each.role == "output"]
    own = life.assigned
    if own is None:
        told = "a raw commodity: it gets a traceability lot code when it is initially packed"
        unknown = "no event here says where its code was assigned"
        yield Assignment(life.uri, "1.1320(a)", told if life.harvested or life.cooled else unknown)
        return
    cte, _ = cte_of(history, own, life)
    text = f"assigned at {cte}, {own.told.date}" if cte else "assigned"
    yield Assignment(life.uri, ASSIGNING.get(cte or Cte.SHIPPING, ""), text, event=own.told.name)
    for other in makers[1:]:
        if other.told.place() != own.told.place():
            yield Assignment(
                life.uri, "1.1310", f"assigned once more, {other.told.date}", True, other.told.name
            )
    if own.role == "output" and life.uri in {e.amount.uri for e in history.parts(own.told, "input")}:
        text = "what comes out bears the code of what went in"
        yield Assignment(life.uri, "1.1350(a)(2)(i)", text, True, own.told.name)
