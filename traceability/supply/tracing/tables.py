"""A trace written down: as JSON, as a table in CSV, as a graph in GraphML.

The table has one row a thing. GraphML (http://graphml.graphdrawing.org) is what graph programs read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final
from xml.etree import ElementTree as ET

from traceability.supply.csvtext import csv_text
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.balance import Balance
from traceability.supply.tracing.labels import kind_of
from traceability.supply.tracing.packing import BEGINNING, FOREVER
from traceability.supply.tracing.trace import Detail, Reached, Trace

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
GRAPHML: Final = "http://graphml.graphdrawing.org/xmlns"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in the table; everything is text, empty where it is not known."""

    uri: str
    kind: str
    depth: str
    how: str
    at: str
    quantity: str
    unit: str
    last_place: str
    last_party: str
    last_seen: str
    flags: str


def lines(trace: Trace) -> Iterator[Line]:
    """The table, in the order of the trace."""
    for thing in trace.walked.things:
        detail, uri = trace.details.get(thing.id, Detail()), trace.name(thing.id)
        yield Line(
            uri,
            kind_of(uri).value,
            str(thing.depth),
            trace.how(thing),
            utc(thing.at_ms),
            detail.quantity or "",
            detail.uom or "",
            detail.last_place or "",
            detail.last_party or "",
            utc(detail.last_ms),
            "; ".join(flag.value for flag in detail.flags),
        )


def utc(at_ms: int | None) -> str:
    """A time as ``2026-01-31T08:00:00.000Z``; empty if there is none."""
    if at_ms is None or not BEGINNING < at_ms < FOREVER:
        return ""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def render_csv(trace: Trace) -> str:
    """The table as CSV; see ``write_csv``."""
    return write_csv(lines(trace))


def write_csv(table: Iterable[Line]) -> str:
    """Lines as CSV with a head, times in UTC; see ``supply.csvtext``."""
    return csv_text((field.name for field in fields(Line)), map(astuple, table))


def to_json(trace: Trace) -> dict[str, Any]:
    """A trace as JSON values; quantities are text, times UTC, links in order."""
    return {
        "direction": trace.direction.value,
        "starts": sorted(map(trace.name, trace.starts)),
        "cut": trace.walked.cut,
        "things": [_thing(line) for line in lines(trace)],
        "processes": [_process(trace, process) for process in trace.walked.processes],
        "links": sorted(_links(trace), key=itemgetter("at", "kind", "from", "to")),
        "packed": sorted(_packed(trace), key=itemgetter("from", "child", "parent")),
        "cycles": [list(group) for group in trace.cycles],
    }


def _thing(line: Line) -> dict[str, Any]:
    """A line of the table; what is not known is left out."""
    row = {field.name: getattr(line, field.name) for field in fields(line) if getattr(line, field.name)}
    flags = line.flags.split("; ") if line.flags else []
    return {**row, "depth": int(line.depth), "flags": flags}


def _process(trace: Trace, process: Reached) -> dict[str, Any]:
    balances = [_balance(each) for each in trace.balances.get(process.id, ())]
    return {
        "uri": trace.name(process.id),
        "depth": process.depth,
        "at": utc(process.at_ms),
        "balance": balances,
    }


def _balance(found: Balance) -> dict[str, Any]:
    def said(amount: Decimal, *, complete: bool) -> dict[str, Any]:
        return {"amount": f"{amount:f}", "complete": complete}

    return {
        "dimension": found.dimension,
        "unit": found.unit,
        "in": said(found.amount_in, complete=found.complete_in),
        "out": said(found.amount_out, complete=found.complete_out),
        "difference": f"{found.difference:f}",
        "share": None if found.share is None else f"{found.share:f}",
        "verdict": found.verdict.value,
    }


def _links(trace: Trace) -> Iterator[dict[str, Any]]:
    for row in dict.fromkeys(trace.walked.links):  # two events may say the same
        src, kind, at_ms, dst = row
        link = {
            "from": trace.name(src),
            "kind": LinkKind(kind).name.lower(),
            "at": utc(at_ms),
            "to": trace.name(dst),
        }
        quantity, uom = trace.quantities.get(row, (None, None))
        yield link | ({"quantity": quantity, "uom": uom} if quantity is not None else {})


def _packed(trace: Trace) -> Iterator[dict[str, Any]]:
    for child, parent, start, end in trace.walked.packed:
        yield {
            "child": trace.name(child),
            "parent": trace.name(parent),
            "from": utc(start),
            "until": utc(end),
        }


def render_graphml(trace: Trace) -> str:
    """A trace as GraphML: things and processes as nodes, links and packings as edges."""
    ET.register_namespace("", GRAPHML)
    root = ET.Element(_tag("graphml"))
    for kind, names in (("node", _NODE_KEYS), ("edge", _EDGE_KEYS)):
        for name in names:
            described = {"id": f"{kind}-{name}", "for": kind, "attr.name": name, "attr.type": "string"}
            ET.SubElement(root, _tag("key"), described)
    graph = ET.SubElement(root, _tag("graph"), {"id": "trace", "edgedefault": "directed"})
    told = to_json(trace)
    for thing in told["things"]:
        _data(ET.SubElement(graph, _tag("node"), {"id": _legal(thing["uri"])}), "node", thing)
    for process in told["processes"]:
        node = ET.SubElement(graph, _tag("node"), {"id": _place(process["uri"])})
        verdicts = [f"{each['dimension']}: {each['verdict']}" for each in process["balance"]]
        _data(node, "node", {**process, "kind": "process", "flags": verdicts})
    for link in told["links"]:
        source, target = link["from"], link["to"]
        ends = (source, _place(target)) if link["kind"] == "input" else (_place(source), target)
        _edge(graph, ends, link)
    for stay in told["packed"]:
        told_edge = {"kind": "inside", "at": stay["from"], "until": stay["until"]}
        _edge(graph, (stay["child"], stay["parent"]), told_edge)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


_NODE_KEYS: Final = (
    *("uri", "kind", "depth", "how", "at", "quantity", "unit"),
    *("last_place", "last_party", "last_seen", "flags"),
)
_EDGE_KEYS: Final = ("kind", "at", "until", "quantity", "uom")
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2) has no way to write."""


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", text)


def _place(process: str) -> str:
    """A process's node: its name could be a thing's, too."""
    return "process " + _legal(process)


def _edge(graph: ET.Element, ends: tuple[str, str], told: dict[str, Any]) -> None:
    source, target = map(_legal, ends)
    _data(ET.SubElement(graph, _tag("edge"), {"source": source, "target": target}), "edge", told)


def _data(element: ET.Element, kind: str, told: dict[str, Any]) -> None:
    for name in _NODE_KEYS if kind == "node" else _EDGE_KEYS:
        value = told.get(name, "")
        text = "; ".join(value) if isinstance(value, list) else str(value)
        if text:
            ET.SubElement(element, _tag("data"), {"key": f"{kind}-{name}"}).text = _legal(text)


def _tag(name: str) -> str:
    return f"{{{GRAPHML}}}{name}"
