"""A scenario as a picture: what a sensor measured, how warm the goods truly were, excursions and gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from firmware_sim.cast import CHINA
from firmware_sim.staging.actor import Interval
from firmware_sim.staging.model import Scenario

WIDTH: Final = 960
LEFT: Final = 132
RIGHT: Final = 16
TOP: Final = 92
PLOT_HEIGHT: Final = 300
STRIP: Final = 18
COLUMN_PX: Final = 1.0
"""Of all points in one column of this width, the lowest and the highest are drawn."""
HOUR_MS: Final = 3_600_000
LONGEST_JOIN: Final = 2.5
"""Readings further apart than so many of their intervals are not joined: a gap."""

Point = tuple[int, float]
Span = tuple[int, int]

STYLE: Final = """
text{font:13px system-ui,sans-serif;fill:#222}.small{font-size:12px;fill:#555}
.title{font-size:17px;font-weight:600}
.grid{stroke:#ddd}.band{fill:#e3f1e4}.gap{fill:url(#hatch)}.measured{fill:none;stroke:#1f5fa8;stroke-width:1.4}
.product{fill:none;stroke:#b3541e;stroke-width:2.4;stroke-dasharray:7 3}
.claimed{fill:none;stroke:#8a1c7c;stroke-width:2;stroke-dasharray:2 3}
.hot{fill:#d1495b}.true{fill:#b3541e}.trouble{fill:#777}.attack{fill:#8a1c7c}.hatch{stroke:#999;stroke-width:2}
"""


@dataclass(frozen=True, slots=True)
class _Scale:
    from_ms: int
    to_ms: int
    low: float
    high: float

    def x(self, at_ms: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at_ms - self.from_ms) / (self.to_ms - self.from_ms)

    def y(self, temp_c: float) -> float:
        share = (min(max(temp_c, self.low), self.high) - self.low) / (self.high - self.low)
        return TOP + PLOT_HEIGHT * (1 - share)


class Plot:
    """Records what a picture needs; ``svg`` draws it."""

    def __init__(self, scenario: Scenario) -> None:
        self._show = scenario.show
        self._measured: list[Point] = []
        self._product: list[Point] = []
        self._claimed: list[Point] = []

    def write(self, interval: Interval, device: str, counter: int) -> None:
        """Take what the shown device took."""
        if interval.device != self._show.device:
            return
        for taken in interval.taken:
            self._measured.append((taken.at_ms, taken.measured[self._show.channel]))
            if taken.product_c is not None:
                self._product.append((taken.at_ms, taken.product_c))
        if interval.forged is not None:
            self._claimed += [
                (r.at_ms, float(r.value)) for r in interval.forged.readings if r.name == self._show.channel
            ]

    def svg(self, scenario: Scenario) -> str:
        """The picture; with nothing measured, its frame and what went wrong."""
        product = scenario.library.products[scenario.goods[self._show.goods].product]
        fitted = scenario.devices[self._show.device]
        from_ms, to_ms = scenario.at_ms(fitted.from_s), scenario.at_ms(fitted.until_s)
        spikes = [
            (scenario.at_ms(t.from_s), scenario.at_ms(t.until_s))
            for t in scenario.during("spike", device=self._show.device)
        ]
        usual = [c for t, c in self._measured if not any(a <= t < b for a, b in spikes)]
        values = [*usual, *(c for _, c in self._product), product.high_c]
        lowest = max(product.low_c, min(values) - 3)
        low, high = min([*values, lowest]), max(values)
        margin = max((high - low) * 0.06, 0.5)
        scale = _Scale(from_ms, to_ms, low - margin, high + margin)
        join_ms = int(LONGEST_JOIN * scenario.profile(self._show.device).reading_ms)
        outside = [(t, c) for t, c in self._measured if not product.low_c <= c <= product.high_c]
        warm = [(t, c) for t, c in self._product if not product.low_c <= c <= product.high_c]
        strips = [
            ("measured outside", "hot", spans(outside, join_ms)),
            ("goods outside", "true", spans(warm, join_ms)),
            *_troubles(scenario, self._show.device),
        ]
        parts = [
            *_frame(scenario, scale, product.low_c, product.high_c),
            *(_box(scale, span, TOP, PLOT_HEIGHT, "gap") for span in self._gaps(from_ms, to_ms, join_ms)),
            *_lines(scale, self._claimed, "claimed", join_ms),
            *_lines(scale, self._measured, "measured", join_ms),
            *_lines(scale, self._product, "product", join_ms),
            *_strips(scale, strips),
        ]
        height = TOP + PLOT_HEIGHT + 44 + STRIP * len(strips)
        return _document(scenario, parts, height)

    def _gaps(self, from_ms: int, to_ms: int, join_ms: int) -> list[Span]:
        times = [from_ms, *(t for t, _ in self._measured), to_ms]
        return [(a, b) for a, b in pairwise(times) if b - a > join_ms]


def spans(points: Sequence[Point], join_ms: int) -> list[Span]:
    """From when to when points follow each other closely."""
    found: list[Span] = []
    for at_ms, _ in points:
        if found and at_ms - found[-1][1] <= join_ms:
            found[-1] = (found[-1][0], at_ms)
        else:
            found.append((at_ms, at_ms))
    return found


def _troubles(scenario: Scenario, device: str) -> list[tuple[str, str, list[Span]]]:
    """What goes wrong with the device or its asset, a strip for each kind."""
    asset = scenario.devices[device].asset
    kinds: dict[str, list[Span]] = {}
    for t in scenario.troubles:
        if t.device == device or t.asset == asset:
            kinds.setdefault(t.kind, []).append((scenario.at_ms(t.from_s), scenario.at_ms(t.until_s)))
    found = [(kind, "trouble", times) for kind, times in kinds.items()]
    attacks = [a for a in scenario.attacks if a.device == device]
    return found + [
        (a.kind, "attack", [(scenario.at_ms(a.from_s), scenario.at_ms(a.until_s))]) for a in attacks
    ]


def _frame(scenario: Scenario, scale: _Scale, low_c: float, high_c: float) -> Iterable[str]:
    top, bottom = scale.y(high_c), scale.y(low_c)
    width = WIDTH - LEFT - RIGHT
    yield f'<rect class="band" x="{LEFT}" y="{top:.1f}" width="{width}" height="{bottom - top:.1f}"/>'
    span = scale.high - scale.low
    step = next(s for s in (1, 2, 5, 10, 20) if span <= 8 * s or s == 20)
    for degrees in range(int(-(-scale.low // step)) * step, int(scale.high) + 1, step):
        y = scale.y(degrees)
        text = f"{degrees}".replace("-", "\N{MINUS SIGN}")
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text} °C</text>'
    hours = (scale.to_ms - scale.from_ms) / HOUR_MS
    every_ms = next(h for h in (1, 2, 3, 6, 12, 24, 240) if hours <= 12 * h) * HOUR_MS
    shift_ms = 8 * HOUR_MS
    first = -(-(scale.from_ms + shift_ms) // every_ms) * every_ms - shift_ms
    for at_ms in range(first, scale.to_ms + 1, every_ms):
        moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(CHINA)
        x, y = scale.x(at_ms), TOP + PLOT_HEIGHT
        text = f"{moment:%d %b}" if moment.hour == 0 else f"{moment:%H:%M}"
        anchor = "end" if x > WIDTH - 40 else "middle"
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{y + 5}"/>'
        yield f'<text class="small" x="{x:.1f}" y="{y + 20}" text-anchor="{anchor}">{text}</text>'


def _lines(scale: _Scale, points: Sequence[Point], kind: str, join_ms: int) -> Iterable[str]:
    piece: list[Point] = []
    for point in points:
        if piece and point[0] - piece[-1][0] > join_ms:
            yield _line(scale, piece, kind)
            piece = []
        piece.append(point)
    if piece:
        yield _line(scale, piece, kind)


def _line(scale: _Scale, points: Sequence[Point], kind: str) -> str:
    columns: dict[int, list[Point]] = {}
    for point in points:
        columns.setdefault(int(scale.x(point[0]) / COLUMN_PX), []).append(point)
    kept: list[Point] = []
    for column in columns.values():
        kept += sorted({min(column, key=_temperature), max(column, key=_temperature)})
    path = " ".join(f"{scale.x(t):.1f},{scale.y(c):.1f}" for t, c in kept)
    return f'<polyline class="{kind}" points="{path}"/>'


def _temperature(point: Point) -> float:
    return point[1]


def _strips(scale: _Scale, strips: Sequence[tuple[str, str, list[Span]]]) -> Iterable[str]:
    for number, (name, kind, times) in enumerate(strips):
        y = TOP + PLOT_HEIGHT + 34 + STRIP * number
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y + 12}" y2="{y + 12}"/>'
        yield from (_box(scale, span, y, 11, kind) for span in times)
        yield f'<text class="small" x="{LEFT - 8}" y="{y + 10}" text-anchor="end">{escape(name)}</text>'


def _box(scale: _Scale, span: Span, y: float, height: float, kind: str) -> str:
    left, right = (scale.x(min(max(t, scale.from_ms), scale.to_ms)) for t in span)
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{y}" width="{max(right - left, 1.5):.1f}"'
        f' height="{height}"/>'
    )


def _document(scenario: Scenario, parts: Iterable[str], height: int) -> str:
    show = scenario.show
    goods = scenario.library.products[scenario.goods[show.goods].product].names.en
    title = escape(scenario.names.en)
    legend = (
        (LEFT, "measured", f"{show.device}, {show.channel}: measured"),
        (LEFT + 300, "product", f"{goods}: true"),
        *([(LEFT + 540, "claimed", "claimed by a clone or thief")] if scenario.attacks else []),
    )
    keys = "".join(
        f'<line class="{kind}" x1="{x}" x2="{x + 30}" y1="68" y2="68"/>'
        f'<text x="{x + 38}" y="72">{escape(text)}</text>'
        for x, kind, text in legend
    )
    begun_ms = scenario.at_ms(scenario.devices[show.device].from_s)
    begun = datetime.fromtimestamp(begun_ms / 1000, UTC).astimezone(CHINA)
    below = f"from {begun:%d %b %Y, %H:%M} (UTC+8); green: allowed; hatched: no data"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img"><title>{title}</title><style>{STYLE}</style>'
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text class="title" x="{LEFT}" y="26">{title}</text>'
        f'<text class="small" x="{LEFT}" y="46">{escape(below)}</text>{keys}{"".join(parts)}</svg>\n'
    )
