"""What a batch's labels say: from the event that began it, its trace code, and where its page is.

Labels are printed, not recorded: a serial number on a pack names one pack for whoever reads it, and is a
thing of its own in the records only once an event commissions it (docs/labels.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection

from traceability.errors import LabelError, UnknownSubjectError
from traceability.identifiers import Batch, encode_value
from traceability.labels.layout import Label
from traceability.labels.pdf import MAX_LABELS
from traceability.labels.text import Caption
from traceability.ledger.state import stream_hash
from traceability.ledger.tracecode import ALPHABET
from traceability.operations.events import batch_event
from traceability.operations.node import Node
from traceability.operations.prefixes import owners_of
from traceability.operations.tracecode import read_trace_code

RANDOM_CHARS: Final = 12
"""60 bits: nobody who has some serial numbers can guess another."""
LEAST_DIGITS: Final = 6
MAX_FIRST: Final = 999_999_999

_DATES: Final[Mapping[Caption, tuple[str, ...]]] = {
    Caption.HARVESTED: ("cbvmda:harvestEndDate", "cbvmda:harvestStartDate"),
    Caption.PRODUCED: ("cbvmda:productionDate",),
    Caption.FROZEN: ("cbvmda:firstFreezeDate",),
    Caption.SELL_BY: ("cbvmda:sellByDate",),
    Caption.BEST_BEFORE: ("cbvmda:bestBeforeDate",),
    Caption.USE_BY: ("cbvmda:itemExpirationDate",),
}
"""Which master data of CBV stands under which caption: the first that is there."""
_LONGEST_DATE: Final = 10


class Serials(StrEnum):
    """Which serial numbers labels bear: none, ones that nobody can guess, or 000001 and so on."""

    NONE = "none"
    RANDOM = "random"
    ORDER = "order"


def require_own(connection: Connection, node: Node, batch: Batch, party: str | None) -> None:
    """Whether a batch is this party's to label.

    Raises:
        UnknownSubjectError: it is another's, or there is none.
    """
    uri = batch.uri(node.name)
    ((_, owner),) = owners_of(connection, [uri])
    if owner is None or owner != party:
        raise UnknownSubjectError(f"{uri} is no batch of yours")


def read_label(
    connection: Connection, node: Node, batch: Batch, *, base_url: str, language: str, now_ms: int
) -> Label:
    """The label of a batch, without a serial number.

    Args:
        connection: a snapshot (``Store.reading``).
        base_url: where the node's site is, as in ``FT_BASE_URL``.
        language: of captions and name, ``en`` or ``zh``.
        now_ms: the node's clock.

    Raises:
        UnknownSubjectError: no such batch on this node.
        NotPublishedError: no published checkpoint covers it yet, so it has no trace code.
        LostStatementError, ChainMismatchError: see ``read_trace_code``.
    """
    uri = batch.uri(node.name)
    code = read_trace_code(connection, node, uri, now_ms)
    ilmd = batch_event(connection, stream_hash(uri)).get("ilmd")
    master = ilmd if isinstance(ilmd, Mapping) else {}
    names = master.get("ft:product")
    name = names.get(language) or names.get("en") if isinstance(names, Mapping) else None
    facts = (
        (Caption.GTIN, batch.gtin),
        (Caption.LOT, batch.lot),
        *_dates(master),
        (Caption.CODE, code.text),
    )
    return Label(base_url + batch.path, str(name or ""), facts, urlsplit(base_url).netloc, language)


def numbered(label: Label, serials: Serials, count: int, first: int = 1) -> list[Label]:
    """So many labels; each with a serial number of its own, if they bear any.

    Args:
        count: 1 to ``MAX_LABELS``.
        first: the first number in order, 1 to ``MAX_FIRST``.

    Raises:
        LabelError: one of them is out of range.
    """
    if not 1 <= count <= MAX_LABELS:
        raise LabelError(f"1 to {MAX_LABELS} labels are made at once, not {count}")
    if not 1 <= first <= MAX_FIRST:
        raise LabelError(f"serial numbers begin with 1 to {MAX_FIRST:,}, not {first}")
    if serials is Serials.NONE:
        return [label] * count
    if serials is Serials.ORDER:
        return [with_serial(label, f"{first + i:0{LEAST_DIGITS}}") for i in range(count)]
    return [
        with_serial(label, "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS)))
        for _ in range(count)
    ]


def with_serial(label: Label, serial: str) -> Label:
    """The label of one item: its serial number behind the lot, in print and in the link (AI 21)."""
    facts = [fact for fact in label.facts if fact[0] is not Caption.SERIAL]
    behind = 1 + max(i for i, (caption, _) in enumerate(facts) if caption in (Caption.GTIN, Caption.LOT))
    facts.insert(behind, (Caption.SERIAL, serial))
    return replace(label, link=f"{label.link}/21/{encode_value(serial)}", facts=tuple(facts))


def _random_serial() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))


def _dates(master: Mapping[str, Any]) -> Iterator[tuple[Caption, str]]:
    """Days as they were recorded; nothing that is longer than a day is."""
    for caption, members in _DATES.items():
        for member in members:
            day = master.get(member)
            if isinstance(day, str) and len(day) == _LONGEST_DATE and day.isascii():
                yield caption, day
                break
