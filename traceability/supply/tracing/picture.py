"""A trace as a picture (SVG): boxes for things, small circles for processes, from left to right.

It is read by people, so a large trace shows of each depth the most important things and one box for the
rest. Colours come from the page's style sheet by the classes below, with presentation attributes that are
readable alone, on a light or a dark ground: the page allows no style of the picture's own.

    trace-box       a thing, and how it came in (``start`` ``affected`` ...); ``flagged``; ``more``: the rest
    trace-process   a process; ``flagged`` where more came out than went in
    trace-edge      what went in or came out; ``packed`` what was inside what
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree as ET

from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.balance import Verdict
from traceability.supply.tracing.labels import kind_of, label_of, product_of
from traceability.supply.tracing.layers import Edge, Layout, Node, Size, lay_out
from traceability.supply.tracing.tables import utc
from traceability.supply.tracing.trace import Direction, Reached, Trace

MAX_BOXES: Final = 60
MAX_PROCESSES: Final = 120
BOX: Final = Size(146, 46)
CIRCLE: Final = Size(11, 11)
MARGIN: Final = 10
SVG: Final = "http://www.w3.org/2000/svg"
_LEVELS: Final = 14
_HOLDING: Final = ("carrying", "held")
_HOW: Final = ("start", "affected", "source", *_HOLDING)
"""What is shown rather than left to the rest, first to last."""
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Pages = Callable[[str], "str | None"]
"""From a thing's URI to the address of its page, if it has one."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the picture says, in the reader's language; ``{}`` is a number."""

    title: str = "Trace"
    more: str = "+{} more"
    until: str = "until"
    more_out: str = "more out than in"


@dataclass(slots=True)
class _Drawn:
    """What is drawn: things (None for the rest of a level), processes, and edges (packed or not)."""

    boxes: dict[Node, Reached | None] = field(default_factory=dict)
    rest: dict[Node, int] = field(default_factory=dict)
    circles: dict[Node, Reached] = field(default_factory=dict)
    edges: dict[Edge, bool] = field(default_factory=dict)


def render_svg(
    trace: Trace,
    *,
    names: Mapping[str, str] | None = None,
    page_of: Pages = lambda _: None,
    words: Words | None = None,
) -> str:
    """The picture of a trace.

    Args:
        names: what products are called, by GTIN-14, and single things by their URIs.
        page_of: where a box leads to.
    """
    words = words or Words()
    drawn = _choose(trace)
    sizes = {**dict.fromkeys(drawn.boxes, BOX), **dict.fromkeys(drawn.circles, CIRCLE)}
    layout = lay_out(sizes, drawn.edges)
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    ET.register_namespace("", SVG)
    box = f"{-MARGIN} {-MARGIN} {width:g} {height:g}"
    size = {"width": f"{width:g}", "height": f"{height:g}", "viewBox": box}
    root = ET.Element(_tag("svg"), {"class": "trace", "role": "group", "aria-label": words.title, **size})
    for edge, packed in drawn.edges.items():
        if edge[0] != edge[1]:
            root.append(_edge(layout, edge, packed=packed, into_box=edge[1] in drawn.boxes))
    for node, process in drawn.circles.items():
        root.append(_circle(trace, layout.centres[node], process, words))
    for node, thing in drawn.boxes.items():
        if thing is None:
            root.append(_rest(layout.centres[node], words.more.format(drawn.rest[node])))
        else:
            root.append(_thing(trace, layout.centres[node], thing, names or {}, page_of))
    return ET.tostring(root, encoding="unicode")


def _choose(trace: Trace) -> _Drawn:
    drawn = _Drawn()
    nodes = _boxes(trace, drawn)
    ins: dict[int, dict[Node, None]] = defaultdict(dict)
    outs: dict[int, dict[Node, None]] = defaultdict(dict)
    for src, kind, _, dst in sorted(trace.walked.links):
        if kind == LinkKind.INPUT and src in nodes:
            ins[dst][nodes[src]] = None
        elif kind == LinkKind.OUTPUT and dst in nodes:
            outs[src][nodes[dst]] = None
    for process in trace.walked.processes:
        before, behind = ins[process.id], outs[process.id]
        single = any(n not in drawn.rest for n in before) and any(n not in drawn.rest for n in behind)
        if (single or not drawn.rest) and len(drawn.circles) < MAX_PROCESSES:
            node = f"process {process.id}"
            drawn.circles[node] = process
            drawn.edges |= {(n, node): False for n in before} | {(node, n): False for n in behind}
        else:
            drawn.edges |= {(one, other): False for one in before for other in behind}
    depth = {thing.id: thing.depth for thing in trace.walked.things}
    for child, parent, _, _ in sorted(trace.walked.packed):
        if child in nodes and parent in nodes:
            edge = nodes[child], nodes[parent]
            up = (
                depth[child] <= depth[parent]
                if trace.direction is Direction.FORWARD
                else depth[child] >= depth[parent]
            )
            drawn.edges.setdefault(edge if up else edge[::-1], True)
    return drawn


def _boxes(trace: Trace, drawn: _Drawn) -> dict[int, Node]:
    """The box of each thing: its own, or that of the rest of its level."""
    things = trace.walked.things
    levels: dict[int, list[Reached]] = defaultdict(list)
    for thing in things:
        levels[min(thing.depth, _LEVELS) if len(things) > MAX_BOXES else 0].append(thing)
    quota = MAX_BOXES // max(1, len(levels)) if len(things) > MAX_BOXES else MAX_BOXES
    nodes: dict[int, Node] = {}
    for level, found in levels.items():
        found.sort(
            key=lambda t: (
                t.id not in trace.starts,
                trace.how(t) in {"carrying", "held"},
                not _flags(trace, t),
            )
        )
        shown = len(found) if len(found) <= quota else quota - 1
        for thing in found[:shown]:
            nodes[thing.id] = f"thing {thing.id}"
            drawn.boxes[nodes[thing.id]] = thing
        if found[shown:]:
            drawn.boxes[f"rest {level}"] = None
            drawn.rest[f"rest {level}"] = len(found) - shown
            nodes.update((thing.id, f"rest {level}") for thing in found[shown:])
    return nodes


def _flags(trace: Trace, thing: Reached) -> list[str]:
    detail = trace.details.get(thing.id)
    return [flag.value for flag in detail.flags] if detail else []


def _edge(layout: Layout, edge: Edge, *, packed: bool, into_box: bool) -> ET.Element:
    (x, y), *rest = layout.paths[edge]
    way = f"M{x:.1f} {y:.1f}"
    for number, (to_x, to_y) in enumerate(rest):
        if number % 2 == 0:
            way += f"H{to_x:.1f}"
        else:
            middle = (x + to_x) / 2
            way += f"C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        x, y = to_x, to_y
    if into_box:
        back = 5 if layout.paths[edge][0][0] < x else -5
        way += f"m{-back} -3.5l{back} 3.5l{-back} 3.5"
    look = {"fill": "none", "stroke": "currentColor", "stroke-opacity": ".55", "stroke-width": "1.3"}
    if packed:
        look["stroke-dasharray"] = "4 3"
    return ET.Element(
        _tag("path"), {"class": "trace-edge packed" if packed else "trace-edge", "d": way, **look}
    )


def _circle(trace: Trace, at: tuple[float, float], process: Reached, words: Words) -> ET.Element:
    wrong = any(b.verdict is Verdict.MORE_OUT for b in trace.balances.get(process.id, ()))
    group = ET.Element(_tag("g"), {"class": "trace-process flagged" if wrong else "trace-process"})
    lines = [utc(process.at_ms), *([words.more_out] if wrong else [])]
    _child(group, "title", {}, "\n".join(lines))
    look = {"fill": "currentColor", "r": f"{CIRCLE.width / 2:g}"}
    _child(group, "circle", {"cx": f"{at[0]:.1f}", "cy": f"{at[1]:.1f}", **look})
    return group


def _thing(
    trace: Trace, at: tuple[float, float], thing: Reached, names: Mapping[str, str], page_of: Pages
) -> ET.Element:
    uri, flags = trace.name(thing.id), _flags(trace, thing)
    name = names.get(uri) or names.get(product_of(uri) or "")
    what, which = label_of(uri)
    look = [
        "trace-box",
        "start" if thing.id in trace.starts else thing.mode.value,
        *(["flagged"] if flags else []),
    ]
    group = ET.Element(_tag("g"), {"class": " ".join(look)})
    told = [name, uri, kind_of(uri).value, utc(thing.at_ms), *_places(trace, thing), *flags]
    _child(group, "title", {}, "\n".join(line for line in told if line))
    _frame(group, at, thing.id in trace.starts, dashed=trace.how(thing) in _HOLDING)
    _text(group, at[0], at[1] - 4, _shorten(name or what), "600")
    _text(group, at[0], at[1] + 13, ("! " if flags else "") + which, "400")
    page = page_of(uri)
    if page is None:
        return group
    link = ET.Element(_tag("a"), {"href": _legal(page)})
    link.append(group)
    return link


def _places(trace: Trace, thing: Reached) -> list[str | None]:
    detail = trace.details.get(thing.id)
    if detail is None:
        return []
    amount = f"{detail.quantity} {detail.uom or ''}".strip() if detail.quantity else None
    return [amount, detail.last_place, detail.last_party]


def _rest(at: tuple[float, float], text: str) -> ET.Element:
    group = ET.Element(_tag("g"), {"class": "trace-box more"})
    _frame(group, at, False, dashed=True)
    _text(group, at[0], at[1] + 4, text, "400")
    return group


def _frame(group: ET.Element, at: tuple[float, float], strong: bool, *, dashed: bool) -> None:
    look = {
        "fill": "var(--card, Canvas)",
        "stroke": "currentColor",
        "stroke-width": "2.5" if strong else "1.2",
    }
    if dashed:
        look["stroke-dasharray"] = "5 3"
    place = {"x": f"{at[0] - BOX.width / 2:.1f}", "y": f"{at[1] - BOX.height / 2:.1f}"}
    size = {"width": f"{BOX.width:g}", "height": f"{BOX.height:g}", "rx": "6"}
    _child(group, "rect", {**place, **size, **look})


def _text(group: ET.Element, x: float, y: float, text: str, weight: str) -> None:
    look = {"text-anchor": "middle", "font-size": "12", "font-weight": weight, "fill": "currentColor"}
    _child(
        group,
        "text",
        {"x": f"{x:.1f}", "y": f"{y:.1f}", "font-family": "system-ui, sans-serif", **look},
        text,
    )


def _shorten(text: str, longest: int = 18) -> str:
    """A name is known by its beginning; a Chinese character is as wide as two others."""
    width = 0
    for place, char in enumerate(text):
        width += 2 if char > "\u2e80" else 1
        if width > longest:
            return text[: max(0, place - 1)] + "…"
    return text


def _child(parent: ET.Element, name: str, attributes: dict[str, str], text: str | None = None) -> None:
    ET.SubElement(parent, _tag(name), attributes).text = None if text is None else _legal(text)


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _tag(name: str) -> str:
    return f"{{{SVG}}}{name}"
