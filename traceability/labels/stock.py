"""Label papers: sheets of common office sizes and rolls, with the place of every label in millimetres.

Sizes, margins and pitches are the makers' (Avery L7160, L7163, L7165, 5160, 5163; 70 x 37 mm is Avery 3474
and Herma 4464); every one of them stands centred on its sheet, which the tests check. A roll's page is one
label.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from traceability.errors import LabelError

A4: Final = (210.0, 297.0)
LETTER: Final = (215.9, 279.4)
INCH: Final = 25.4
PRINTER_EDGE_MM: Final = 4.3
"""What an office printer leaves white at the edge of a sheet: a sixth of an inch, and a little."""
HEAD_DOTS_PER_INCH: Final = 203
"""The coarsest usual print head of label printers."""


@dataclass(frozen=True, slots=True)
class Stock:
    """One kind of label paper; all lengths in millimetres.

    Attributes:
        name: what it is chosen by.
        page: width and height of the sheet; of a roll, of one label.
        label: width and height of one label.
        columns, rows: how many stand on a sheet.
        first: left and top edge of the first label.
        pitch: from one label's edge to the next one's, across and down.
        margin: stays white inside each label: printers and cutters are not exact.
    """

    name: str
    page: tuple[float, float]
    label: tuple[float, float]
    columns: int = 1
    rows: int = 1
    first: tuple[float, float] = (0.0, 0.0)
    pitch: tuple[float, float] = (0.0, 0.0)
    margin: float = 1.5

    @property
    def places(self) -> int:
        """How many labels a page has."""
        return self.columns * self.rows

    @property
    def roll(self) -> bool:
        """Whether each label is a page of its own."""
        return self.places == 1

    @property
    def size(self) -> str:
        """A label's size as people write it."""
        return f"{round(self.label[0], 1):g} x {round(self.label[1], 1):g} mm"

    def corner(self, place: int) -> tuple[float, float]:
        """Left and top edge of a label, in the order of reading; the first place is 0."""
        row, column = divmod(place, self.columns)
        return self.first[0] + column * self.pitch[0], self.first[1] + row * self.pitch[1]

    def places_from(self, start: int, count: int) -> Iterator[tuple[int, int]]:
        """Page and place of each of ``count`` labels, where the first place of the first page is 1.

        Raises:
            LabelError: the first page has no such place.
        """
        if not 1 <= start <= self.places:
            raise LabelError(f"{self.name} has the places 1 to {self.places}, not {start}")
        for number in range(start - 1, start - 1 + count):
            yield divmod(number, self.places)


STOCKS: Final = {
    stock.name: stock
    for stock in (
        Stock("L7160", A4, (63.5, 38.1), 3, 7, (7.21, 15.15), (66.04, 38.1)),
        Stock("L7163", A4, (99.1, 38.1), 2, 7, (4.65, 15.15), (101.6, 38.1)),
        Stock("L7165", A4, (99.1, 67.7), 2, 4, (4.65, 13.1), (101.6, 67.7), 2.0),
        Stock("70x37", A4, (70.0, 37.0), 3, 8, (0.0, 0.5), (70.0, 37.0), PRINTER_EDGE_MM),
        Stock(
            *("5160", LETTER, (2.625 * INCH, INCH), 3, 10),
            *((0.1875 * INCH, 0.5 * INCH), (2.75 * INCH, INCH)),
        ),
        Stock(
            *("5163", LETTER, (4 * INCH, 2 * INCH), 2, 5),
            *((0.15625 * INCH, 0.5 * INCH), (4.1875 * INCH, 2 * INCH), 2.0),
        ),
        Stock("roll-50x30", (50.0, 30.0), (50.0, 30.0)),
        Stock("roll-100x50", (100.0, 50.0), (100.0, 50.0), margin=2.0),
        Stock("roll-100x150", (100.0, 150.0), (100.0, 150.0), margin=3.0),
    )
}
"""By name, in the order in which they are offered."""


def parse_stock(name: str) -> Stock:
    """The paper of a name. Raises LabelError for one that is not known."""
    found = STOCKS.get(name)
    if found is None:
        raise LabelError(f"{name[:40]!r} is no label paper that is known: {', '.join(STOCKS)}")
    return found
