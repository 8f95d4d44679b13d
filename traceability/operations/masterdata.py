"""What a firm keeps by heart: its products, places and assets, to be offered when a step is recorded.

These are working rows and no evidence. An event gets a copy of what it needs, and keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

from sqlalchemy import Connection, delete, or_, select

from traceability.errors import StatementError, UnknownSubjectError
from traceability.identifiers import GS1_HOST, Kind, parse_gln, parse_gtin, parse_stream
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.lotdata import lot_data, temperature_data
from traceability.operations.steps import check_uom
from traceability.store import masterdata as tables
from traceability.store.engine import AnyRow, Store
from traceability.store.models import Base
from traceability.store.rows import put_all

MAX_NAME: Final = 200
MAX_DAYS: Final = 3650
MAX_GAP_S: Final = 7 * 86_400
_MILLI_C: Final = range(-100_000, 200_001)
_LATITUDE: Final = range(-90_000_000, 90_000_001)
_LONGITUDE: Final = range(-180_000_000, 180_000_001)
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Product:
    """A product, by its GTIN-14.

    Attributes:
        names: in ``en`` and ``zh``.
        low_milli_c, high_milli_c: its limits in thousandths of a degree Celsius; those of its
            ``profile`` (``sensing.profiles``), if there are none.
        max_gap_s: longest time between readings, in seconds.
        uom: the unit that is offered, UN/ECE Rec. 20; None for pieces.
        picture: name of its file, as ``operations.productpictures`` gave it.
    """

    MODEL: ClassVar[type[Base]] = tables.Product
    KEY: ClassVar[str] = "gtin"
    WORD: ClassVar[str] = "product"

    gtin: str
    names: Mapping[str, str]
    low_milli_c: int | None = None
    high_milli_c: int | None = None
    max_gap_s: int = 1800
    profile: str | None = None
    shelf_life_days: int | None = None
    uom: str | None = None
    picture: str | None = None

    def check(self) -> None:
        """Raises StatementError or IdentifierError for what no lot could be begun with."""
        if parse_gtin(self.gtin) != self.gtin:
            raise StatementError(f"a product's GTIN has 14 digits, not {len(self.gtin)}")
        if (self.low_milli_c is None) != (self.high_milli_c is None):
            raise StatementError("the coldest and the warmest allowed go together")
        for milli_c in (self.low_milli_c, self.high_milli_c):
            _require(milli_c, _MILLI_C, "a limit in thousandths of a degree Celsius")
        if self.low_milli_c is not None and self.high_milli_c is not None:
            _require(self.low_milli_c, range(_MILLI_C.start, self.high_milli_c + 1), "the coldest allowed")
        _require(self.max_gap_s, range(1, MAX_GAP_S + 1), "the longest time between readings in seconds")
        _require(self.shelf_life_days, range(MAX_DAYS + 1), "a shelf life in days")
        check_uom(self.uom)
        temperature_data(self.low_milli_c, self.high_milli_c, self.max_gap_s, self.profile)

    def lot_data(self, step: str, day: str, until: str | None) -> dict[str, Any]:
        """The ``ilmd`` of a lot of it that begins by a step on a day; ``until``: best before."""
        limits = temperature_data(self.low_milli_c, self.high_milli_c, self.max_gap_s, self.profile)
        begun = {"harvested" if step == "harvest" else "produced": day}
        return lot_data(self.names, temperature=limits, best_before=until, **begun)

    def columns(self) -> dict[str, Any]:
        """Its row, but for whose it is."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "names"}

    @classmethod
    def of_row(cls, row: AnyRow) -> Self:
        """From its row."""
        limits = (row.low_milli_c, row.high_milli_c, row.max_gap_s, row.profile)
        return cls(row.gtin, _names(row), *limits, row.shelf_life_days, row.uom, row.picture)


@dataclass(frozen=True, slots=True)
class Place:
    """A place, by its GLN, in millionths of a degree; ``region`` is what the public is told of it."""

    MODEL: ClassVar[type[Base]] = tables.Place
    KEY: ClassVar[str] = "gln"
    WORD: ClassVar[str] = "place"

    gln: str
    names: Mapping[str, str]
    latitude_udeg: int | None = None
    longitude_udeg: int | None = None
    region: Mapping[str, str] | None = None

    def check(self) -> None:
        """Raises StatementError or IdentifierError for what is no place."""
        parse_gln(self.gln)
        if (self.latitude_udeg is None) != (self.longitude_udeg is None):
            raise StatementError("latitude and longitude go together")
        _require(self.latitude_udeg, _LATITUDE, "a latitude in millionths of a degree")
        _require(self.longitude_udeg, _LONGITUDE, "a longitude in millionths of a degree")
        if self.region is not None:
            _require_names(self.region)

    def columns(self) -> dict[str, Any]:
        """Its row, but for whose it is."""
        region = self.region or {}
        own = {"gln": self.gln, "latitude_udeg": self.latitude_udeg, "longitude_udeg": self.longitude_udeg}
        return {**own, "region_en": region.get("en"), "region_zh": region.get("zh")}

    @classmethod
    def of_row(cls, row: AnyRow) -> Self:
        """From its row."""
        region = {"en": row.region_en, "zh": row.region_zh} if row.region_en else None
        return cls(row.gln, _names(row), row.latitude_udeg, row.longitude_udeg, region)


@dataclass(frozen=True, slots=True)
class Asset:
    """A cold room, truck or field, by the URI of its stream."""

    MODEL: ClassVar[type[Base]] = tables.Asset
    KEY: ClassVar[str] = "uri"
    WORD: ClassVar[str] = "asset"

    uri: str
    names: Mapping[str, str]

    @property
    def number(self) -> str:
        """Its number as people type it: a node's own as it is, a GIAI behind ``8004/``."""
        stream = parse_stream(self.uri)
        return f"8004/{stream.values[0]}" if stream.host == GS1_HOST else stream.values[0]

    def check(self) -> None:
        """Raises StatementError or IdentifierError for what is no asset."""
        if parse_stream(self.uri).kind is not Kind.ASSET:
            raise StatementError(f"{self.uri} is not an asset")

    def columns(self) -> dict[str, Any]:
        """Its row, but for whose it is."""
        return {"uri": self.uri}

    @classmethod
    def of_row(cls, row: AnyRow) -> Self:
        """From its row."""
        return cls(row.uri, _names(row))


Item = TypeVar("Item", Product, Place, Asset)


def save(store: Store, actor: Actor, party: str, item: Product | Place | Asset) -> None:
    """Keep a product, place or asset of a party (by its URI), in the place of what had its number.

    Raises:
        StatementError, IdentifierError: what no event could state.
    """
    _require_names(item.names)
    item.check()
    names = {f"name_{tongue}": item.names[tongue] for tongue in ("en", "zh")}
    with store.transaction() as tx:
        row = {"party": party, **item.columns(), **names, "changed_ms": tx.now_ms}
        put_all(tx, item.MODEL, [row])
        note(tx, actor, f"{item.WORD}-kept", str(row[item.KEY]), name=item.names["en"])


def forget(store: Store, actor: Actor, party: str, kind: type[Item], number: str) -> None:
    """Take one of a party's things off its list; what was recorded with it stays.

    Raises:
        UnknownSubjectError: it is not there.
    """
    with store.transaction() as tx:
        find(tx.connection, party, kind, number)
        table = kind.MODEL.__table__
        this = (table.c.party == party, table.c[kind.KEY] == number)
        tx.connection.execute(delete(kind.MODEL).where(*this))
        note(tx, actor, f"{kind.WORD}-forgotten", number)


def find(connection: Connection, party: str, kind: type[Item], number: str) -> Item:
    """One of a party's things by its GTIN, GLN or URI.

    Raises:
        UnknownSubjectError: it is not there.
    """
    table = kind.MODEL.__table__
    query = select(table).where(table.c.party == party, table.c[kind.KEY] == number)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"there is no {kind.WORD} {number[:64]!r} among those of {party}")
    return kind.of_row(row)


def list_items(
    connection: Connection,
    party: str,
    kind: type[Item],
    *,
    search: str = "",
    after: str = "",
    limit: int = PAGE,
) -> Sequence[Item]:
    """A party's things in the order of their numbers.

    Args:
        search: what stands in a name or number.
        after: the number behind which the list goes on.
    """
    table = kind.MODEL.__table__
    number = table.c[kind.KEY]
    query = select(table).where(table.c.party == party, number > after)
    if search:
        places = (table.c.name_en, table.c.name_zh, number)
        query = query.where(or_(*(place.icontains(search, autoescape=True) for place in places)))
    rows = connection.execute(query.order_by(number).limit(limit))
    return [kind.of_row(row) for row in rows]


def numbers_in_use(connection: Connection, kind: type[Item]) -> set[str]:
    """The numbers that any party of this node gave such a thing."""
    column = kind.MODEL.__table__.c[kind.KEY]
    return set(connection.execute(select(column).distinct()).scalars())


def _names(row: AnyRow) -> dict[str, str]:
    return {"en": row.name_en, "zh": row.name_zh}


def _require_names(names: Mapping[str, str]) -> None:
    for tongue in ("en", "zh"):
        name = names.get(tongue, "")
        if not 1 <= len(name.strip()) <= MAX_NAME or not name.isprintable():
            raise StatementError(f"a name has 1 to {MAX_NAME} visible characters in English and in Chinese")


def _require(number: int | None, allowed: range, what: str) -> None:
    if number is not None and number not in allowed:
        raise StatementError(f"{what} is {allowed.start} to {allowed.stop - 1}, not {number}")
