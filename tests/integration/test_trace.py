"""Traces from the tables, on both databases: the same story, the same answers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, update

from tests.support.databases import BACKENDS, prepare
from tests.support.lineage import NODE, Chain, lot, minute, party, place, unit
from tests.support.links import Graph
from tests.support.postgres import Postgres
from traceability.errors import QueryError, QueryTooLargeError, UnknownSubjectError
from traceability.operations import trace as tracing
from traceability.operations.describe import describe
from traceability.operations.graph import Stops, StoredLinks
from traceability.operations.node import Node
from traceability.operations.trace import Request, trace
from traceability.store.engine import Store
from traceability.store.projections import Link, Thing
from traceability.supply.epcis.cbv import BIZ_STEPS
from traceability.supply.lineage import LinkKind, thing_id
from traceability.supply.tracing import trace as supply_trace
from traceability.supply.tracing.balance import Verdict
from traceability.supply.tracing.tables import render_csv, to_json
from traceability.supply.tracing.trace import Direction, Flag, Options
from traceability.supply.tracing.walk import walk

BACKWARD = Options(Direction.BACKWARD)


@pytest.fixture(scope="module", params=BACKENDS)
def stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One database for all: what a test adds to it is rolled back."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('trace') / 'store.sqlite'}"
        prepare(url)
        yield from _opened(url)
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.fresh_database(request.getfixturevalue("postgres_tables")) as url:
        yield from _opened(url)


def _opened(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture
def empty(stores: Store) -> Iterator[Connection]:
    with stores.engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


@pytest.fixture
def story(empty: Connection) -> Connection:
    """Strawberries of three farms and milk of two become yoghurt; one pallet is used twice."""
    chain = Chain(empty)
    for number in (1, 2, 3):
        chain.harvest(f"S{number}", at=number, where=number)
    chain.harvest("M1", "M2", at=1, where=4)
    chain.pack("P1", ["S1"], at=4, where=1)
    chain.ship("P1", at=5, where=1)
    chain.ship("P1", at=8, where=6, step="receiving")
    chain.unpack("P1", ["S1"], at=9, where=6)
    chain.pack("P1", ["S3"], at=10, where=6)
    chain.make(["S1", "S2", "S3"], ["X1", "X2"], at=20, where=6)
    chain.make(["M1", "M2"], ["C1"], at=18, where=7)
    chain.make(["X1", "C1"], ["Y1", "Y2"], at=40, where=7)
    chain.make(["X2", "Z1"], ["J1"], at=45, where=7)
    chain.pack("P3", ["Y1", "Y2"], at=50, where=7)
    chain.ship("P3", at=55, where=7)
    return empty


NAMES = {lot(name): name for name in ("S1", "S2", "S3", "M1", "M2", "X1", "X2", "C1", "Y1", "Y2", "J1", "Z1")}
NAMES |= {unit(name): name for name in ("P1", "P3")}


def answer(connection, request):
    return trace(connection, Node(Path("unused"), NODE), request)


def names(connection, request):
    found = answer(connection, request)
    return {NAMES[found.name(thing.id)] for thing in found.walked.things}


def test_a_lot_is_traced_to_all_that_was_made_of_it_and_to_what_holds_it(story):
    found = answer(story, Request((lot("S1"),)))
    told = {NAMES[found.name(t.id)]: (t.depth, found.how(t), t.at_ms) for t in found.walked.things}
    assert told == {
        "S1": (0, "start", None),
        "P1": (1, "carrying", minute(4)),
        "X1": (1, "affected", minute(20)),
        "X2": (1, "affected", minute(20)),
        "Y1": (2, "affected", minute(40)),
        "Y2": (2, "affected", minute(40)),
        "J1": (2, "affected", minute(45)),
        "P3": (3, "carrying", minute(50)),
    }
    assert list(told.values()) == sorted(told.values(), key=lambda row: (row[0], row[2] or 0))
    assert (found.walked.cut, found.cycles) == (None, ())
    assert gc.isenabled()


def test_a_product_is_traced_back_to_every_farm(story):
    assert names(story, Request((lot("Y1"),), options=BACKWARD)) == {
        *("Y1", "X1", "C1", "S1", "S2", "S3", "M1", "M2"),
        *("P1", "P3"),
    }
    assert names(story, Request((lot("J1"),), options=BACKWARD)) == {"J1", "X2", "Z1", "S1", "S2", "S3", "P1"}


def test_any_spelling_of_a_thing_is_traced(story):
    spelled = lot("S1").replace("https://id.gs1.org", "https://shop.example/de")
    assert "Y1" in names(story, Request((spelled,)))


def test_a_pallet_is_traced_to_its_contents_and_on(story):
    assert names(story, Request((unit("P3"),))) == {"P3", "Y1", "Y2"}
    assert names(story, Request((unit("P3"),), options=BACKWARD)) >= {"Y1", "Y2", "S1", "M2"}


def test_neighbours_on_a_pallet_are_reached_only_when_asked_for_and_there_together(story):
    apart = Options(contact=True, depth=2)
    assert "S3" not in names(story, Request((lot("S1"),), options=apart)), "S3 came after S1 had left"
    Chain(story, first=100).pack("P1", ["S2"], at=7, where=1)
    assert "S2" not in names(story, Request((lot("S1"),), options=Options(depth=2)))
    assert "S2" in names(story, Request((lot("S1"),), options=apart))


def test_a_trace_starts_from_all_that_was_at_a_place_in_a_period(story):
    period = (minute(40), minute(50))
    assert names(story, Request(place=place(7), period=period)) == {
        "X1",
        "C1",
        "Y1",
        "Y2",
        "X2",
        "Z1",
        "J1",
        "P3",
    }
    back = Request(place=place(7), period=(minute(18), minute(18)), options=BACKWARD)
    assert names(story, back) == {"M1", "M2", "C1"}


def test_what_happened_before_a_thing_was_there_does_not_count(story):
    found = names(story, Request(place=place(6), period=(minute(20), minute(20))))
    assert "P1" in found, "S3 is still on it"
    assert names(story, Request((lot("S1"),), options=Options(from_ms=minute(21)))) == {"S1"}


def test_a_trace_starts_from_all_that_a_party_had(story):
    assert names(story, Request(party=party(4), period=(minute(0), minute(9)))) >= {"M1", "M2", "C1", "Y1"}
    with pytest.raises(UnknownSubjectError):
        names(story, Request(party=party(9), period=(minute(0), minute(9))))
    Chain(story, first=100).read_by(9, where=4)
    assert names(story, Request(party=party(9), period=(minute(0), minute(9)))) >= {"M1", "M2", "C1", "Y1"}


def test_an_asset_that_was_there_is_no_start_and_its_years_are_not_read(story):
    truck = "https://id.gs1.org/8004/95210000TRUCK"
    chain = Chain(story, first=100)
    chain.event("ObjectEvent", "OBSERVE", "arriving", 60, 8, epcList=[truck])
    chain.event("AggregationEvent", "ADD", "loading", 70, 2, parentID=truck, childEPCs=[unit("P3")])
    with pytest.raises(UnknownSubjectError):
        names(story, Request(place=place(8), period=(minute(60), minute(60))))
    found = described_all(story, Request((lot("Y1"),)))
    assert thing_id(truck) in {thing.id for thing in found.walked.things}
    assert thing_id(truck) not in found.details


@pytest.mark.parametrize(
    "stops",
    [
        Stops(biz_steps=frozenset({BIZ_STEPS.web + "receiving"})),
        Stops(places=frozenset({place(7)})),
        Stops(parties=frozenset({party(7)})),
    ],
)
def test_a_trace_stops_where_it_is_told_to(story, stops):
    found = answer(story, Request((lot("S1"),), stops=stops))
    stopped = {NAMES[found.name(thing)] for thing in found.walked.stopped}
    expected = {"P1"} if stops.biz_steps else {"X1", "X2"}
    assert stopped == expected
    reached = {NAMES[found.name(t.id)] for t in found.walked.things}
    assert ("Y1" in reached) is bool(stops.biz_steps)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (Request(), QueryError),
        (Request((lot("S1"),), place=place(1)), QueryError),
        (Request(place=place(1)), QueryError),
        (Request((lot("S9"),)), UnknownSubjectError),
        (Request(place=place(99), period=(0, minute(99))), UnknownSubjectError),
    ],
)
def test_a_request_that_cannot_be_answered_says_why(story, request_, error):
    with pytest.raises(error):
        answer(story, request_)


def test_a_trace_starts_from_only_so_many_things(story, monkeypatch):
    monkeypatch.setattr(tracing, "MAX_STARTS", 2)
    for period in ((0, minute(99)), (minute(40), minute(40))):
        with pytest.raises(QueryTooLargeError, match="narrow the period"):
            answer(story, Request(place=place(7), period=period))
    with pytest.raises(QueryTooLargeError, match="at most 2"):
        answer(story, Request((lot("S1"), lot("S2"), lot("S3"))))


def described_all(connection, request):
    return describe(connection, answer(connection, request))


def described(connection, request):
    found = described_all(connection, request)
    details = {NAMES[found.name(t.id)]: found.details.get(t.id) for t in found.walked.things}
    return found, details


def test_a_described_trace_tells_places_parties_quantities_and_what_is_missing(story):
    found, details = described(story, Request((lot("J1"),), options=BACKWARD))
    assert (details["X2"].first_place, details["X2"].last_place) == (place(6), place(7))
    assert (details["X2"].first_party, details["X2"].last_party) == (party(6), party(7))
    assert (details["X2"].first_ms, details["X2"].last_ms) == (minute(20), minute(45))
    assert (details["X2"].quantity, details["X2"].uom) == ("100", "KGM")
    assert (details["X2"].flags, details["S1"].flags) == ((), ())
    assert details["Z1"].flags == (Flag.NO_ORIGIN,), "nobody said where it came from"
    verdicts = {p.at_ms: found.balances[p.id][0].verdict for p in found.walked.processes}
    assert verdicts == {minute(45): Verdict.HOLDS, minute(20): Verdict.HOLDS}
    assert "no origin" in render_csv(found)


def test_what_was_shipped_and_never_received_is_flagged(story):
    _, details = described(story, Request((lot("S1"),)))
    assert details["P1"].flags == ()
    assert details["P3"].flags == (Flag.NOT_RECEIVED,)


def test_a_product_without_its_lot_and_a_stop_are_flagged(story):
    product = lot("S1").rpartition("/10/")[0]
    quantity = [{"epcClass": product, "quantity": 5, "uom": "KGM"}]
    outputs = [{"epcClass": lot("J1"), "quantity": 1, "uom": "KGM"}]
    members = {"inputQuantityList": quantity, "outputQuantityList": outputs}
    Chain(story, first=100).event("TransformationEvent", None, "other", 46, 7, **members)
    stops = Stops(places=frozenset({place(6)}))
    found = described_all(story, Request((lot("J1"),), options=BACKWARD, stops=stops))
    flags = {found.name(t.id): found.details[t.id].flags for t in found.walked.things}
    assert flags[lot("X2")] == (Flag.STOPPED,)
    (nameless,) = [uri for uri in flags if uri.startswith(product + "#")]
    assert flags[nameless] == (Flag.NO_LOT,)


def test_an_annulled_event_no_longer_counts_as_seen(story):
    """The rows of links are taken away by capture; places, holders and stops leave the event out."""
    chain = Chain(story, first=100)
    chain.ship("P3", at=56, where=8, step="receiving")
    assert described(story, Request((lot("Y1"),)))[1]["P3"].flags == ()
    Chain(story).annul(100)
    details = described(story, Request((lot("Y1"),)))[1]
    assert details["P3"].flags == (Flag.NOT_RECEIVED,)
    assert details["P3"].last_place == place(7)
    with pytest.raises(UnknownSubjectError):
        names(story, Request(place=place(8), period=(0, minute(99))))


def test_more_things_than_are_asked_for_at_a_time_give_the_same_answer(story, monkeypatch):
    requests = [Request((lot("S1"),)), Request((lot("Y1"),), options=BACKWARD)]
    whole = [to_json(described(story, request)[0]) for request in requests]
    monkeypatch.setattr(supply_trace, "CHUNK", 1)
    assert [to_json(described(story, request)[0]) for request in requests] == whole


def test_quantities_decide_when_a_lot_has_left_a_pallet(empty):
    lots = {"child": lot("S1"), "parent": unit("P1")}
    things = [{"id": thing_id(uri), "uri": uri} for uri in (*lots.values(), lot("Y1"), "event:1")]
    empty.execute(insert(Thing), things)
    child, parent, made, process = (row["id"] for row in things)
    rows = [
        (child, LinkKind.PACK, 1, parent, "10"),
        (child, LinkKind.TAKE, 2, parent, "4"),
        (parent, LinkKind.INPUT, 5, process, None),
        (process, LinkKind.OUTPUT, 5, made, None),
    ]
    columns = ("src", "kind", "at_ms", "dst", "quantity")
    empty.execute(
        insert(Link), [{**dict(zip(columns, row, strict=True)), "event": 1, "uom": "KGM"} for row in rows]
    )
    assert names(empty, Request((lot("S1"),))) == {"S1", "P1", "Y1"}
    assert names(empty, Request((lot("Y1"),), options=BACKWARD)) == {"S1", "P1", "Y1"}
    empty.execute(update(Link).where(Link.kind == int(LinkKind.TAKE)).values(quantity="10"))
    assert names(empty, Request((lot("S1"),))) == {"S1", "P1"}
    assert names(empty, Request((lot("Y1"),), options=BACKWARD)) == {"P1", "Y1"}


def test_both_databases_answer_as_the_same_links_in_memory_do(empty):
    chain = Chain(empty)
    chain.harvest(*(f"S{number}" for number in range(60)), at=1)
    for number in range(50):
        ins, outs = [f"S{number}", f"S{number + 7}"], [f"X{number}", f"S{number + 9}"]
        chain.make(ins, outs, at=2 + number % 7)
        chain.pack(f"P{number % 5 + 1}", [f"X{number}"], at=3 + number % 5)
    columns = (Link.src, Link.kind, Link.at_ms, Link.dst, Link.quantity, Link.uom)
    graph = Graph([tuple(row) for row in empty.execute(select(*columns))])
    both = [Options(direction, contact=contact) for direction in Direction for contact in (False, True)]
    for options in (*both, Options(depth=2), Options(max_things=9)):
        links = StoredLinks(empty)
        if links.few:
            start, ahead = [thing_id(lot("S9"))], links.ahead([thing_id(lot("S9"))], options, limit=999)
            assert sorted(ahead) == sorted(graph.ahead(start, options, limit=999))
        found = answer(empty, Request((lot("S9"),), options=options)).walked
        known = walk(graph, {thing_id(lot("S9")): None}, options)
        assert len(found.things) > 1
        assert (found.things, found.processes, found.packed) == (known.things, known.processes, known.packed)
        assert (sorted(found.links), found.cut) == (sorted(known.links), known.cut)
