"""A trace written down: JSON, CSV, GraphML."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree as ET

import pytest

from tests.support.traced import traced
from traceability.supply.lineage import LinkKind
from traceability.supply.tracing.tables import GRAPHML, render_csv, render_graphml, to_json, utc
from traceability.supply.tracing.trace import Detail, Direction, Flag, Options

INPUT, OUTPUT, PACK, UNPACK = LinkKind.INPUT, LinkKind.OUTPUT, LinkKind.PACK, LinkKind.UNPACK
MILK = "https://id.gs1.org/01/09521000000742/10/M1"
CHEESE = "https://id.gs1.org/01/09521000000834/10/C1"
PALLET = "https://id.gs1.org/00/095210000000000018"
PLACE, PARTY = "https://id.gs1.org/414/9521000000018", "https://id.gs1.org/417/9521000000018"
AT = 1_767_225_600_000
LINKS = [
    (MILK, INPUT, AT, "event:1", "10"),
    ("event:1", OUTPUT, AT, CHEESE, "11"),
    (CHEESE, PACK, AT + 1, PALLET, "11"),
    (CHEESE, UNPACK, AT + 5000, PALLET, "11"),
]
DETAIL = Detail(
    last_ms=AT, last_place=PLACE, last_party=PARTY, quantity="11", uom="KGM", flags=(Flag.NO_ORIGIN,)
)


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_has_one_row_a_thing():
    table = rows(render_csv(traced(LINKS, MILK, details={CHEESE: DETAIL})))
    assert [row["uri"] for row in table] == [MILK, CHEESE, PALLET]
    assert table[1] == {
        "uri": CHEESE,
        "kind": "batch",
        "depth": "1",
        "how": "affected",
        "at": "2026-01-01T00:00:00.000Z",
        "quantity": "11",
        "unit": "KGM",
        "last_place": PLACE,
        "last_party": PARTY,
        "last_seen": "2026-01-01T00:00:00.000Z",
        "flags": "no origin",
    }
    assert [row["how"] for row in table] == ["start", "affected", "carrying"]


def test_backward_it_tells_sources_from_what_only_held_something():
    table = rows(render_csv(traced(LINKS, CHEESE, Options(Direction.BACKWARD))))
    assert {row["uri"]: row["how"] for row in table} == {CHEESE: "start", MILK: "source", PALLET: "held"}


@pytest.mark.parametrize("name", ['=cmd|"/c calc"!A1', "+1", "-1", "@sum", "\tx", "\rx", "\n=1"])
def test_no_cell_is_a_formula(name):
    text = render_csv(traced([(name, INPUT, AT, "event:1", "1")], name))
    (row,) = rows(text)
    assert row["uri"] == "'" + name


def test_json_tells_the_whole_trace():
    told = to_json(traced(LINKS, MILK, details={CHEESE: DETAIL}))
    assert json.loads(json.dumps(told)) == told
    assert told["starts"] == [MILK]
    assert told["things"][0] == {"uri": MILK, "kind": "batch", "depth": 0, "how": "start", "flags": []}
    assert told["things"][1]["flags"] == ["no origin"]
    (process,) = told["processes"]
    assert process["balance"] == [
        {
            "dimension": "mass",
            "unit": "KGM",
            "in": {"amount": "10", "complete": True},
            "out": {"amount": "11", "complete": True},
            "difference": "-1",
            "share": "1.1000",
            "verdict": "more out than in",
        }
    ]
    assert [(link["kind"], link["quantity"]) for link in told["links"]] == [("input", "10"), ("output", "11")]
    assert told["packed"] == [
        {
            "child": CHEESE,
            "parent": PALLET,
            "from": "2026-01-01T00:00:00.001Z",
            "until": "2026-01-01T00:00:05.000Z",
        }
    ]
    assert (told["cycles"], told["cut"]) == ([], None)


def test_cycles_are_reported_with_the_things_on_them():
    rework = [*LINKS, (CHEESE, INPUT, AT + 9, "event:2", "1"), ("event:2", OUTPUT, AT + 9, MILK, "1")]
    assert to_json(traced(rework, MILK))["cycles"] == [[MILK, CHEESE]]
    itself = [(MILK, INPUT, AT, "event:1", "1"), ("event:1", OUTPUT, AT, MILK, "1")]
    assert to_json(traced(itself, MILK))["cycles"] == [[MILK]]


def test_graphml_is_well_formed_whatever_things_are_called():
    wild = "urn:x:<&\"'>\x00\x1b\uffff]]>"
    links = [
        (wild, INPUT, AT, "event:1", "1"),
        ("event:1", OUTPUT, AT, MILK, "1"),
        (MILK, PACK, AT, PALLET, "1"),
    ]
    root = ET.fromstring(render_graphml(traced(links, wild)))
    graph = root.find(f"{{{GRAPHML}}}graph")
    assert graph is not None
    nodes = {node.get("id") for node in graph.iter(f"{{{GRAPHML}}}node")}
    assert nodes == {"urn:x:<&\"'>\ufffd\ufffd\ufffd]]>", MILK, PALLET, "process event:1"}
    edges = [(edge.get("source"), edge.get("target")) for edge in graph.iter(f"{{{GRAPHML}}}edge")]
    assert {end for edge in edges for end in edge} == nodes
    assert len(edges) == 3
    keys = {key.get("id") for key in root.iter(f"{{{GRAPHML}}}key")}
    assert {data.get("key") for data in graph.iter(f"{{{GRAPHML}}}data")} <= keys


def test_a_time_that_is_not_known_is_empty():
    assert (utc(None), utc(0), utc(-(1 << 62)), utc(1 << 62)) == ("", "1970-01-01T00:00:00.000Z", "", "")
