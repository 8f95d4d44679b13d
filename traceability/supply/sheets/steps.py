"""The sheet of steps: a row a step, in the order in which they are recorded.

docs/import.md shows the same columns to people; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from traceability.errors import IdentifierError, MalformedError, Problem, StatementError
from traceability.identifiers import Batch, parse_gln, parse_gtin, parse_lot
from traceability.supply.epcis import units
from traceability.supply.scanned import read_batch
from traceability.supply.sheets.table import Row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUANTITY: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_SHORTENED: Final = re.compile(r"[0-9.]+E\+[0-9]+", re.IGNORECASE)
_PARENT: Final = re.compile(r"(.+)=([0-9]{1,12}(?:\.[0-9]{1,6})?)([A-Za-z0-9]*)", re.DOTALL)
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{16}")
_OFFSET: Final = re.compile(r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]")

WORDS: Final[Mapping[str, str]] = {
    "harvest": "采收",
    "make": "加工",
    "cool": "预冷",
    "pack": "包装",
    "inspect": "检验",
    "ship": "发货",
    "receive": "收货",
    "sell": "销售",
    "destroy": "销毁",
    "store": "入库",
    "retrieve": "出库",
    "load": "装车",
    "unload": "卸车",
}
"""The steps that a row can be, and their Chinese words: either is taken."""


@dataclass(frozen=True, slots=True)
class Part:
    """A batch that something is made of, and how much of it: in ``uom``, or pieces."""

    batch: Batch
    quantity: Decimal | None = None
    uom: str | None = None


@dataclass(frozen=True, slots=True)
class When:
    """A time: milliseconds since 1970 UTC, and the local time that it was given in."""

    at_ms: int
    offset: str

    @property
    def day(self) -> date:
        """The local date."""
        zone = datetime.fromisoformat(f"1970-01-01T00:00:00{self.offset}").tzinfo
        return (_EPOCH + timedelta(milliseconds=self.at_ms)).astimezone(zone).date()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sheet: its heads, whether each row needs it, and what stands in it, for people."""

    name: str
    chinese: str
    needed: bool
    says: str
    example: str


COLUMNS: Final = (
    Column("step", "步骤", True, f"one of {', '.join(WORDS)}, or its Chinese word", "harvest"),
    Column("product", "商品条码", True, "GTIN, 8 to 14 digits; format the column as text", "02000000000015"),
    Column("lot", "批号", True, "lot code as on the label, at most 20 characters", "20260501-1"),
    Column("quantity", "数量", False, "how much, such as 12 or 12.5", "120"),
    Column("unit", "单位", False, "UN/ECE Rec. 20: KGM, GRM, TNE, LTR; empty for pieces", "KGM"),
    Column(
        "time",
        "时间",
        True,
        "such as 2026-05-01 07:30; a zone behind it if it is another",
        "2026-05-01 07:30",
    ),
    Column("place", "地点", False, "GLN, 13 digits, of one of your places", ""),
    Column(
        "partner",
        "对方",
        False,
        "for ship and receive: GLN of to whom or from whom; of who has none, its number on this node",
        "",
    ),
    Column("asset", "设备", False, "own number of a cold room or truck: store, retrieve, load, unload", ""),
    Column("made_from", "原料批次", False, "for make: GTIN/LOT=12.5KGM; another after a semicolon", ""),
    Column("best_before", "保质期至", False, "for harvest and make, such as 2026-05-08", ""),
)
"""In the order of the template; other orders are taken, and columns that are not there count as empty."""


@dataclass(frozen=True, slots=True)
class StepRow:
    """What a row says. Of what it does not say there is None, or nothing."""

    row: Row
    step: str
    batch: Batch
    when: When
    quantity: Decimal | None = None
    uom: str | None = None
    place: str | None = None
    partner: str | None = None
    asset: str | None = None
    parts: tuple[Part, ...] = ()
    best_before: str | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """What a sheet says: the rows that can be read, what is wrong in others, and where each column stands."""

    rows: tuple[StepRow, ...]
    problems: tuple[Problem, ...]
    places: Mapping[str, int]

    def cell(self, row: Row, column: str) -> str:
        """What a spreadsheet calls a cell; the first of the row where the column is not there."""
        return row.reference(self.places.get(column, 0))

    def batch(self, row: Row) -> Batch | None:
        """The batch that a row names, whatever else of it cannot be read; None if that cannot be either."""
        texts = dict(enumerate(row.cells))
        product, lot = (texts.get(self.places[name], "") for name in ("product", "lot"))
        try:
            return Batch(_gtin(product), parse_lot(lot))
        except IdentifierError:
            return None


def read_steps(table: Sequence[Row], offset: str) -> Steps:
    """The steps of a sheet.

    Args:
        offset: from UTC, such as ``+08:00``, of times that say none.

    Returns:
        With a problem for each bad cell, its pointer such as ``C7``.

    Raises:
        MalformedError: there is no row, or the head lacks a column that is needed or names one twice.
    """
    if not _OFFSET.fullmatch(offset):
        raise MalformedError(f"{offset[:16]!r} is not an offset from UTC such as +08:00")
    if len(table) < 2:
        raise MalformedError("there is no row below the head", remedy="Write one row for each step.")
    places = _places(table[0])
    rows: list[StepRow] = []
    problems: list[Problem] = []
    for row in table[1:]:
        found = _Reading(row, places, offset).read()
        problems += found if isinstance(found, list) else []
        rows += [found] if isinstance(found, StepRow) else []
    return Steps(tuple(rows), tuple(problems), places)


def _places(head: Row) -> dict[str, int]:
    names = {column.name: column.name for column in COLUMNS}
    names |= {column.chinese: column.name for column in COLUMNS}
    found: dict[str, int] = {}
    for place, text in enumerate(head.cells):
        name = names.get(text.casefold().replace(" ", "_").rstrip("*"))
        if name is None:
            continue
        if name in found:
            raise MalformedError(f"two columns are called {name}", remedy="Take one of them away.")
        found[name] = place
    missing = [column.name for column in COLUMNS if column.needed and column.name not in found]
    if missing:
        raise MalformedError(
            f"the first row names no column {', '.join(missing)}",
            remedy="Keep the first row of the template as it is.",
        )
    return found


class _Reading:
    """One row, cell by cell; what is wrong is collected."""

    def __init__(self, row: Row, places: Mapping[str, int], offset: str) -> None:
        self._row, self._places, self._offset = row, places, offset
        self._problems: list[Problem] = []

    def read(self) -> StepRow | list[Problem]:
        step = self._take("step", _step)
        gtin, lot = self._take("product", _gtin), self._take("lot", parse_lot)
        when = self._take("time", lambda text: _when(text, self._offset))
        rest = {
            "quantity": self._take("quantity", _quantity),
            "uom": self._take("unit", _unit),
            "place": self._take("place", parse_gln),
            "partner": self._take("partner", _partner),
            "asset": self._take("asset", str),
            "parts": self._take("made_from", _parts) or (),
            "best_before": self._take("best_before", _date),
        }
        if self._problems or step is None or gtin is None or lot is None or when is None:
            return self._problems
        return StepRow(self._row, step, Batch(gtin, lot), when, **rest)

    def _take(self, name: str, read: Callable[[str], Any]) -> Any:
        place = self._places.get(name)
        text = self._row.cells[place] if place is not None and place < len(self._row.cells) else ""
        column = next(each for each in COLUMNS if each.name == name)
        try:
            if text:
                return read(text)
            if column.needed:
                raise StatementError("nothing")
        except (IdentifierError, StatementError, ValueError):
            says = "text: a spreadsheet shortened this number" if _SHORTENED.fullmatch(text) else column.says
            cell = self._row.reference(place or 0)
            self._problems.append(Problem(cell, says, repr(text[:80]) if text else "nothing"))
        return None


def read_part(text: str) -> Part:
    """A batch and how much of it: ``GTIN/LOT``, or ``GTIN/LOT=12.5KGM``.

    Raises:
        StatementError: what stands behind ``=`` is no amount.
        IdentifierError: what stands before it is no batch.
    """
    if "=" not in text:
        return Part(read_batch(text))
    found = _PARENT.fullmatch(text)
    if found is None:
        raise StatementError(
            f"{text[:128]!r}: behind = stands how much of it, such as 12.5KGM",
            remedy="If = belongs to the lot, give its path: /01/GTIN/10/LOT, with %3D for =.",
        )
    return Part(read_batch(found[1]), Decimal(found[2]), _unit(found[3]) if found[3] else None)


def _step(text: str) -> str:
    by_chinese = {chinese: word for word, chinese in WORDS.items()}
    word = by_chinese.get(text, text.casefold())
    if word not in WORDS:
        raise StatementError(f"{text!r} is no step")
    return word


def _gtin(text: str) -> str:
    return parse_gtin("".join(text.split()))


def _when(text: str, offset: str) -> When:
    moment = datetime.fromisoformat(text.replace("/", "-"))
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(moment.isoformat() + offset)
    shown = moment.isoformat()[-6:]
    if not _OFFSET.fullmatch(shown) or not 1970 <= moment.year < 9999:
        raise StatementError(f"{text!r} has no zone of whole minutes, or is of another age")
    return When((moment - _EPOCH) // timedelta(milliseconds=1), shown)


def _partner(text: str) -> str:
    return text if _PSEUDONYM.fullmatch(text) else parse_gln(text)


def _quantity(text: str) -> Decimal:
    if not _QUANTITY.fullmatch(text):
        raise StatementError(f"{text!r} is no quantity")
    return Decimal(text)


def _unit(text: str) -> str:
    if not units.known(text):
        raise StatementError(f"{text!r} is not {units.wanted(text)}")
    return text


def _parts(text: str) -> tuple[Part, ...]:
    return tuple(read_part(each.strip()) for each in text.split(";") if each.strip())


def _date(text: str) -> str:
    return date.fromisoformat(text.replace("/", "-")[:10]).isoformat()
