"""Queries on both databases: who sees what, page by page, and that nothing hidden can be found out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, select
from sqlalchemy import event as sql_event

from tests.support.world import START_MS, World, make_world
from traceability.errors import QueryError, QueryTooLargeError
from traceability.ledger.record import format_time
from traceability.operations import prefilter
from traceability.operations import query as querying
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.events import Reader, View, view_events
from traceability.operations.pagetoken import LIFE_MS, read_token
from traceability.operations.policies import set_exception
from traceability.operations.query import Page, run
from traceability.signing.disclosure import Audience
from traceability.store.projections import Event, Term
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, format_event_time
from traceability.supply.queries.query import Query, matches, parse_query

CONTEXTS = [*CONTEXT, {"ext": "https://ext.example/ns/"}]
PRODUCT = "https://id.gs1.org/01/09521141123454"
DOCKS = ("urn:epc:id:sgln:9521141.00005.A", "urn:epc:id:sgln:9521141.00005.B")
ANYBODY, REGULATOR = Reader(), Reader(regulator=True)
HIDDEN = {
    "EQ_readPoint": ([DOCKS[0]], ["urn:epc:id:sgln:9521141.00009.0"]),
    "WD_readPoint": (["urn:epc:id:sgln:9521141.00005.0"], ["urn:epc:id:sgln:9521141.00009.0"]),
    "EQ_bizTransaction_po": (["urn:epcglobal:cbv:bt:1:1"], ["urn:epcglobal:cbv:bt:1:2"]),
    "EQ_transformationID": (["urn:x:t:1"], ["urn:x:t:2"]),
    "GE_quantity_KGM": ("1", "100000"),
    "EQ_ext:price": (["7"], ["8"]),
    "EQ_eventID": (["urn:uuid:event-0"], ["urn:uuid:nothing"]),
}
"""What is not public: a value that events have, and one that none has."""


def behind(token: str | None) -> dict[str, str]:
    return {"nextPageToken": token} if token else {}


class Chain:
    """A farm, a shop that gets a third of its events, and a stranger with one of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.farm, self.shop, self.stranger = (world.party(n) for n in ("Farm", "Shop", "Stranger"))
        self.send(self.farm, *(self.event(i) for i in range(9)))
        world.wait(minutes=1)
        self.send(self.stranger, self.event(9, eventID="urn:uuid:own"))
        world.publish()

    def send(self, party: str, *events: dict[str, Any]) -> None:
        given = [Given(each, read_context(CONTEXTS), CONTEXTS) for each in events]
        answers = capture(self.world.store, self.world.node, party, given)
        assert not any(answer.refused for answer in answers)

    def event(self, number: int, **changes: Any) -> dict[str, Any]:
        """Number by number later; every third is for the shop; lots and docks alternate."""
        lot = {"epcClass": f"{PRODUCT}/10/L{number % 2}", "quantity": number + 1, "uom": "KGM"}
        buyer = self.shop if number % 3 == 0 else self.farm
        made = {
            "eventID": f"urn:uuid:event-{number}",
            "eventTime": format_event_time(START_MS + (number * 7 % 10) * 1000),
            "eventTimeZoneOffset": "+00:00",
            "readPoint": {"id": DOCKS[number % 2]},
            "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:1:1"}],
            "destinationList": [{"type": "owning_party", "destination": buyer}],
            "ext:price": 7,
            "ext:rank": number % 4,
        }
        if number == 8:
            made |= {"type": "TransformationEvent", "transformationID": "urn:x:t:1"}
            return made | {
                "inputQuantityList": [lot],
                "outputQuantityList": [lot | {"epcClass": f"{PRODUCT}/10/M"}],
            }
        step = "shipping" if number % 2 else "ext:washing"
        made |= {"type": "ObjectEvent", "action": "OBSERVE", "bizStep": step, "quantityList": [lot]}
        if number == 5:
            made["epcList"] = ["urn:epc:id:sgtin:9521141.012345.5"]
        return made | changes

    def query(self, **parameters: Any) -> Query:
        return parse_query(parameters, read_context(CONTEXTS), self.world.node.name)

    def page(self, reader: Reader, **parameters: Any) -> Page:
        with self.world.store.reading() as connection:
            return run(
                connection, self.world.node, self.query(**parameters), reader, now_ms=self.world.now_ms
            )

    def pages(self, reader: Reader, **parameters: Any) -> list[list[dict[str, Any]]]:
        """All pages of a query."""
        answers: list[list[dict[str, Any]]] = []
        token: str | None = None
        while True:
            page = self.page(reader, **parameters, **behind(token))
            answers.append([dict(found.event) for found in page.events])
            token = page.next_token
            if token is None:
                return answers

    def everything(self, reader: Reader, **parameters: Any) -> list[dict[str, Any]]:
        return [event for page in self.pages(reader, **parameters) for event in page]


@pytest.fixture
def chain(tmp_path, database_url) -> Iterator[Chain]:
    made = make_world(tmp_path / "node", database_url)
    yield Chain(made)
    made.store.close()


@pytest.fixture
def fresh(tmp_path) -> Iterator[Chain]:
    """For what does not depend on the database."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path}/store.sqlite")
    yield Chain(made)
    made.store.close()


@pytest.fixture(scope="module")
def lone(tmp_path_factory) -> Iterator[Chain]:
    """The same for what changes nothing."""
    folder = tmp_path_factory.mktemp("query")
    made = make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")
    yield Chain(made)
    made.store.close()


def numbers(events: list[dict[str, Any]]) -> list[int]:
    """Which of the chain's events these are, by their times."""
    return [int(event["eventTime"][17:19]) * 3 % 10 for event in events]


def test_a_party_sees_its_own_whole_its_partners_in_part_and_nobody_elses(chain):
    farm, shop = chain.everything(Reader(chain.farm)), chain.everything(Reader(chain.shop))
    assert sorted(numbers(farm)) == list(range(9))
    first = farm[numbers(farm).index(0)]
    assert first == chain.event(0) | {"recordTime": "2026-01-01T00:00:01.000Z"}
    assert sorted(numbers(shop)) == [0, 3, 6, 9]
    assert shop[0].keys() == chain.event(0).keys() - {
        "eventID",
        "bizTransactionList",
        "ext:price",
        "ext:rank",
    } | {"recordTime"}
    assert numbers(chain.everything(Reader(chain.stranger))) == [9]


def test_a_regulator_sees_all_of_all_and_anybody_what_is_public_of_all(chain):
    assert sorted(numbers(chain.everything(REGULATOR))) == list(range(10))
    assert chain.everything(REGULATOR)[:9] == chain.everything(Reader(chain.farm))
    public = chain.everything(ANYBODY)
    assert sorted(numbers(public)) == list(range(10))
    assert public[-1].keys() == {
        "type",
        "action",
        "bizStep",
        "eventTime",
        "eventTimeZoneOffset",
        "quantityList",
        "recordTime",
    }
    assert public[-1]["quantityList"] == [{"epcClass": f"{PRODUCT}/10/L1"}]


def test_what_a_party_makes_public_is_seen_and_can_be_asked_for(fresh):
    asked = {"EQ_readPoint": [DOCKS[0]]}
    assert fresh.everything(ANYBODY, **asked) == []
    set_exception(fresh.world.store, fresh.farm, "readPoint", Audience.PUBLIC)
    assert sorted(numbers(fresh.everything(ANYBODY, **asked))) == [0, 2, 4, 6, 8]
    set_exception(fresh.world.store, fresh.farm, "readPoint", Audience.REGULATOR)
    assert fresh.everything(Reader(fresh.shop), **asked) == []
    assert sorted(numbers(fresh.everything(Reader(fresh.farm), **asked))) == [0, 2, 4, 6, 8]


QUERIES: list[dict[str, Any]] = [
    {},
    {"eventType": ["TransformationEvent"]},
    {"EQ_action": ["OBSERVE"], "EQ_bizStep": ["shipping"]},
    {"EQ_bizStep": ["ext:washing"]},
    {"GE_eventTime": format_event_time(START_MS + 3000), "LT_eventTime": format_event_time(START_MS + 8000)},
    {"GE_recordTime": "2026-01-01T00:00:02.000Z"},
    {"EQ_readPoint": [DOCKS[1]]},
    {"WD_readPoint": ["urn:epc:id:sgln:9521141.00005.0"]},
    {"MATCH_epcClass": [f"{PRODUCT}/10/L1"]},
    {"MATCH_anyEPCClass": [f"{PRODUCT}/10/*"], "GT_quantity_GRM": 4000},
    {"MATCH_outputEPCClass": [f"{PRODUCT}/10/M", "urn:epc:idpat:sgtin:9521141.012345.*"]},
    {"MATCH_epc": ["urn:epc:idpat:sgtin:9521141.*.*"]},
    {"MATCH_anyEPC": ["urn:epc:idpat:sgtin:9521141.012345.*"]},
    {"EQ_bizTransaction_po": ["urn:epcglobal:cbv:bt:1:1"]},
    {"EQ_transformationID": ["urn:x:t:1"]},
    {"EQ_eventID": ["urn:uuid:event-3", "urn:uuid:event-4"]},
    {"EQ_ext:rank": ["2"]},
]


def test_the_store_leaves_out_nothing_that_matches_and_pages_lose_nothing(chain, monkeypatch):
    monkeypatch.setattr(querying, "CHUNK", 6)
    for reader in (ANYBODY, REGULATOR, Reader(chain.farm), Reader(chain.shop)):
        seen = brute_force(chain, reader)
        for number, parameters in enumerate(QUERIES):
            order = {"orderBy": ("eventTime", "recordTime")[number % 2]}
            monkeypatch.setattr(prefilter, "MAX_LISTED", 1 if number % 3 else 5_000)
            query = chain.query(**parameters)
            wanted = [e for e in seen if matches(query, e, read_context(CONTEXTS), {})]
            found = chain.everything(reader, perPage=4, **parameters, **order)
            assert sorted(numbers(found)) == sorted(numbers(wanted)), (reader, parameters)
            assert found or reader != REGULATOR, "a query that finds nothing tests nothing"
            times = [event[order["orderBy"]] for event in found]
            assert times == sorted(times, reverse=True)


def brute_force(chain: Chain, reader: Reader) -> list[dict[str, Any]]:
    """All that a reader may see, without any query."""
    with chain.world.store.reading() as connection:
        rows = connection.execute(select(Event.id, Event.statement, Event.party, Event.recorded_ms)).all()
        shared = select(Term.event).where(Term.name == "reader", Term.value == reader.party)
        partner = set(connection.execute(shared).scalars())
        wanted = {}
        for row in rows:
            if reader.regulator or row.party == reader.party:
                wanted[row.statement] = Audience.REGULATOR
            elif row.id in partner or reader == ANYBODY:
                wanted[row.statement] = Audience.PARTNER if row.id in partner else Audience.PUBLIC
        views = view_events(connection, wanted)
    times = {row.statement: format_time(row.recorded_ms) for row in rows}
    return [{**view.event, "recordTime": times[key]} for key, view in views.items()]


@pytest.mark.parametrize("parameter", HIDDEN)
def test_a_hidden_value_cannot_be_told_from_one_that_there_is_not(lone, parameter, monkeypatch):
    """The same answers, the same tokens but for the name of the query, the same questions to the store."""
    monkeypatch.setattr(querying, "MAX_OPENED", 4)
    monkeypatch.setattr(querying, "CHUNK", 2)
    there, nowhere = (trace(lone, ANYBODY, {parameter: value}) for value in HIDDEN[parameter])
    assert there == nowhere
    assert [count for count, _ in there[0]] == [0, 0, 0]
    assert lone.everything(REGULATOR, **{parameter: HIDDEN[parameter][0]})


@pytest.mark.parametrize(
    "parameter", ["EQ_bizTransaction_po", "EQ_transformationID", "EQ_ext:price", "EQ_eventID"]
)
def test_a_partner_cannot_tell_a_value_that_is_not_for_partners(lone, parameter, monkeypatch):
    monkeypatch.setattr(querying, "MAX_OPENED", 1)
    shop = Reader(lone.shop)
    there, nowhere = (trace(lone, shop, {parameter: value})[0] for value in HIDDEN[parameter])
    assert there == nowhere
    assert [count for count, _ in there] == [0] * 5


def test_a_partner_learns_nothing_of_what_a_policy_closed(fresh, monkeypatch):
    monkeypatch.setattr(querying, "MAX_OPENED", 1)
    set_exception(fresh.world.store, fresh.farm, "readPoint", Audience.REGULATOR)
    shop = Reader(fresh.shop)
    hidden = [trace(fresh, shop, {"EQ_readPoint": value})[0] for value in HIDDEN["EQ_readPoint"]]
    assert hidden[0] == hidden[1]
    assert len(hidden[0]) > 2


def test_what_somebodys_own_word_means_is_not_found_out_where_the_context_is_closed(fresh, monkeypatch):
    monkeypatch.setattr(querying, "MAX_OPENED", 4)
    set_exception(fresh.world.store, fresh.farm, "@context", Audience.REGULATOR)
    asked = [{"EQ_bizStep": [f"https://ext.example/ns/{word}"]} for word in ("washing", "nothing")]
    there, nowhere = (trace(fresh, ANYBODY, parameters) for parameters in asked)
    assert there == nowhere
    assert numbers(fresh.everything(Reader(fresh.farm), **asked[0]))


def trace(chain: Chain, reader: Reader, parameters: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """What can be seen of a query: its pages and where they go on; and what the store was asked for it."""
    asked: list[Any] = []

    def listen(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        named = list(values.values()) if isinstance(values, dict) else values
        asked.append((statement, [bytes(v) if isinstance(v, memoryview) else v for v in named]))

    pages: list[Any] = []
    token: str | None = None
    sql_event.listen(chain.world.store.engine, "before_cursor_execute", listen)
    try:
        while True:
            page = chain.page(reader, **parameters, **behind(token))
            token = page.next_token
            query = chain.query(**parameters, **behind(token))
            position = read_token(chain.world.node, query, reader, chain.world.now_ms)
            pages.append((len(page.events), position))
            if token is None:
                return pages, asked
    finally:
        sql_event.remove(chain.world.store.engine, "before_cursor_execute", listen)


def test_what_is_not_yet_in_the_log_is_not_shown(fresh):
    fresh.send(fresh.farm, fresh.event(1, eventID="urn:uuid:later"))
    assert fresh.everything(REGULATOR, EQ_eventID=["urn:uuid:later"]) == []
    fresh.world.publish()
    assert len(fresh.everything(REGULATOR, EQ_eventID=["urn:uuid:later"])) == 1


def test_pages_show_what_was_there_at_the_first_and_all_of_it_while_more_arrives(fresh):
    for order in ({}, {"orderBy": "eventTime"}, {"orderBy": "recordTime"}, {"orderBy": "ext:rank"}):
        before = fresh.everything(REGULATOR, **order)
        first = fresh.page(REGULATOR, perPage=4, **order)
        fresh.send(fresh.farm, fresh.event(1, eventID=f"urn:uuid:new-{order}"))
        fresh.world.publish()
        found = [dict(f.event) for f in first.events]
        token = first.next_token
        while token:
            page = fresh.page(REGULATOR, perPage=4, nextPageToken=token, **order)
            found += [dict(f.event) for f in page.events]
            token = page.next_token
        assert found == before


def test_a_page_looks_at_so_many_events_and_goes_on(lone, monkeypatch):
    monkeypatch.setattr(querying, "MAX_OPENED", 4)
    monkeypatch.setattr(querying, "CHUNK", 3)
    order = {"orderBy": "eventTime", "orderDirection": "ASC"}
    pages = lone.pages(REGULATOR, **{"EQ_ext:rank": ["3"], "perPage": 2}, **order)
    assert [numbers(page) for page in pages] == [[3], [], [7]]


def test_a_page_holds_so_many_characters_and_goes_on(lone, monkeypatch):
    order = {"orderBy": "eventTime", "orderDirection": "ASC"}
    whole = numbers(lone.everything(REGULATOR, **order))
    monkeypatch.setattr(querying, "MAX_SHOWN", 1)
    pages = lone.pages(REGULATOR, **order)
    assert [n for page in pages for n in numbers(page)] == whole
    assert max(map(len, pages)) == 1
    with pytest.raises(QueryTooLargeError, match="to order by"):
        lone.page(REGULATOR, orderBy="ext:rank")


def test_what_a_page_holds_goes_by_what_its_reader_sees(lone, monkeypatch):
    every = {"orderBy": "eventTime", "orderDirection": "ASC"}
    shown = [len(page) for page in lone.pages(ANYBODY, **every)]
    monkeypatch.setattr(querying, "MAX_SHOWN", 1_500)
    more, fewer = (len(lone.pages(reader, **every)) for reader in (REGULATOR, ANYBODY))
    assert len(shown) < fewer < more


def test_rows_that_cannot_match_are_passed_over_unopened_and_only_so_many(lone, monkeypatch):
    monkeypatch.setattr(querying, "MAX_PASSED", 4)
    monkeypatch.setattr(querying, "WINDOW", 3)
    opened: list[int] = []

    def view(connection: Connection, wanted: dict[bytes, Audience]) -> dict[bytes, View]:
        opened.append(len(wanted))
        return view_events(connection, wanted)

    monkeypatch.setattr(querying, "view_events", view)
    order = {"orderBy": "eventTime", "orderDirection": "ASC"}
    pages = lone.pages(REGULATOR, eventType=["TransformationEvent"], **order)
    assert [numbers(page) for page in pages] == [[], [8], []]
    assert sum(opened) == 1
    with pytest.raises(QueryTooLargeError, match="more than 4 events to order"):
        lone.page(REGULATOR, eventType=["TransformationEvent"], orderBy="ext:rank")


def test_what_too_many_events_name_is_not_listed_but_found_as_they_are_gone_through(lone, monkeypatch):
    monkeypatch.setattr(querying, "MAX_OPENED", 4)
    parameters = {"MATCH_epcClass": [f"{PRODUCT}/10/*"], "orderBy": "eventTime"}
    few, many = ({"LT_eventTime": format_event_time(START_MS + ms)} for ms in (2000, 5000))
    monkeypatch.setattr(prefilter, "MAX_LISTED", 3)
    assert [len(page) for page in lone.pages(REGULATOR, **parameters, **few)] == [2]
    assert [len(page) for page in lone.pages(REGULATOR, **parameters, **many)] == [3, 2]
    assert sorted(numbers(lone.everything(REGULATOR, **parameters))) == [0, 1, 2, 3, 4, 5, 6, 7, 9]


def test_no_page_follows_the_last_event(lone):
    assert [len(page) for page in lone.pages(REGULATOR, perPage=5)] == [5, 5]
    assert [len(page) for page in lone.pages(REGULATOR, perPage=10)] == [10]


def test_the_first_so_many_in_an_order_are_all_that_is_answered(lone):
    newest = lone.pages(REGULATOR, orderBy="eventTime", eventCountLimit=3, perPage=2)
    assert [len(page) for page in newest] == [2, 1]
    assert [event["eventTime"][17:19] for page in newest for event in page] == ["09", "08", "07"]
    assert len(lone.pages(REGULATOR, orderBy="eventTime", eventCountLimit=2, perPage=2)) == 1
    ranked = lone.everything(REGULATOR, orderBy="ext:rank", eventCountLimit=3, perPage=2)
    assert [event["ext:rank"] for event in ranked] == [3, 3, 2]


def test_more_events_than_were_allowed_are_an_error_at_once(lone):
    for order in ({}, {"orderBy": "ext:rank"}):
        assert len(lone.everything(REGULATOR, maxEventCount=10, perPage=3, **order)) == 10
        with pytest.raises(QueryTooLargeError, match="more than maxEventCount=9"):
            lone.page(REGULATOR, maxEventCount=9, perPage=3, **order)
    assert len(lone.everything(Reader(lone.shop), maxEventCount=4)) == 4


def test_an_extension_orders_those_that_have_it_and_leaves_the_others_last(lone, monkeypatch):
    up = lone.pages(REGULATOR, orderBy="ext:rank", orderDirection="ASC", perPage=4)
    assert [[event["ext:rank"] for event in page] for page in up] == [[0, 0, 0, 1], [1, 1, 2, 2], [3, 3]]
    assert sorted(numbers(lone.everything(ANYBODY, orderBy="ext:rank"))) == list(range(10))
    monkeypatch.setattr(querying, "MAX_SORTED", 9)
    with pytest.raises(QueryTooLargeError, match="more than 9 events to order"):
        lone.page(REGULATOR, orderBy="ext:rank")


def test_a_page_token_is_for_one_query_one_reader_one_node_and_one_hour(lone, tmp_path):
    token = lone.page(REGULATOR, perPage=2).next_token
    assert token is not None
    expires_ms = lone.page(REGULATOR, perPage=2).expires_ms
    assert expires_ms == lone.world.now_ms + LIFE_MS
    assert lone.page(REGULATOR, perPage=5, nextPageToken=token).events
    with pytest.raises(QueryError, match="another query"):
        lone.page(REGULATOR, nextPageToken=token, EQ_action=["OBSERVE"])
    with pytest.raises(QueryError, match="another reader"):
        lone.page(Reader(lone.farm), nextPageToken=token)
    for spoilt in ("A" + token[1:], token[:-8], token + "AAAA", "=", "x" * 500):
        with pytest.raises(QueryError, match="not a page token"):
            lone.page(REGULATOR, nextPageToken=spoilt)
    query = lone.query(nextPageToken=token)
    with lone.world.store.reading() as connection, pytest.raises(QueryError, match="has expired"):
        run(connection, lone.world.node, query, REGULATOR, now_ms=expires_ms)
    other = make_world(tmp_path / "other", f"sqlite:///{tmp_path}/other.sqlite")
    with (
        other.store.reading() as connection,
        pytest.raises(QueryError, match="not a page token of this node"),
    ):
        run(connection, other.node, query, REGULATOR, now_ms=other.now_ms)
    other.store.close()


def test_a_node_without_events_answers_an_empty_page(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path}/store.sqlite")
    query = parse_query({}, read_context(None), world.node.name)
    with world.store.reading() as connection:
        assert run(connection, world.node, query, ANYBODY, now_ms=0) == Page((), None, None)
    world.store.close()


def test_any_number_of_events_is_asked_for_in_one_parameter(world):
    with world.store.reading() as connection:
        some = prefilter._one_of(connection, Event.id, range(300_000))
        assert connection.execute(select(Event.id).where(some)).all() == []
