"""What a firm tries with numbers that are another's: make them, pack them, recall them, register them too."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import event as listening
from sqlalchemy import func, select, text

from tests.support.recalls import NOTICE, order
from tests.support.supply import given, quantities, send
from tests.support.world import make_world
from traceability.errors import ConflictError, ForbiddenError, ForeignPrefixError, IdentifierError
from traceability.identifiers import check_digit
from traceability.operations.enrol import enrol_party
from traceability.operations.prefixes import (
    add_prefixes,
    allow,
    disallow,
    list_prefixes,
    register,
    remove_prefix,
)
from traceability.operations.recall import Issuer, hold, issue
from traceability.store import access, models, projections
from traceability.supply.recall import State

PREFIX = "9520001"
GS1 = "https://id.gs1.org"


def key(digits: str) -> str:
    return digits + check_digit(digits)


GTIN = key(f"1{PREFIX}00010")
LOT = f"{GS1}/01/{GTIN}/10/A"
ITEM = f"{GS1}/01/{GTIN}/21/7"
SSCC = f"{GS1}/00/{key(f'3{PREFIX}000000001')}"
OWN = f"{GS1}/01/{key('0952000200010')}/10/MINE"
OWN_SSCC = f"{GS1}/00/{key('0' + '9520002' + '000000001')}"
NOBODYS = f"{GS1}/01/{key('0952000300010')}/10/X"
TABLES = (
    *(models.Record, models.Statement, models.Stream, models.Disclosures, models.Batch),
    *(projections.Event, projections.Thing, access.CompanyPrefix, models.Key),
)


def trade(world):
    """The holder of a prefix, and another firm that has one of its own."""
    holder = enrol_party(world.store, world.node, {"en": "Holder", "zh": "持有人"}, None, [PREFIX]).uri
    other = enrol_party(world.store, world.node, {"en": "Other", "zh": "他人"}, None, ["9520002"]).uri
    return holder, other


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A node with both firms, for what changes neither of them."""
    folder = tmp_path_factory.mktemp("prefixes")
    made = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    yield made, *trade(made)
    made.store.close()


def counts(world):
    with world.store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in TABLES]


def said(world, kind, **members):
    return given(kind, world.now_ms, **members)


def ask(world, party, kind, **members):
    (done,) = send(world, party, said(world, kind, **members))
    return done.refused


def add(world, party, uri):
    return ask(world, party, "ObjectEvent", action="ADD", quantityList=quantities(uri))


MAKES: dict[str, tuple[str, dict[str, Any]]] = {
    "lot": ("ObjectEvent", {"action": "ADD", "quantityList": quantities(LOT)}),
    "lot in a urn": (
        "ObjectEvent",
        {"action": "ADD", "quantityList": quantities(f"urn:epc:class:lgtin:{PREFIX}.100010.B")},
    ),
    "lot behind another host": (
        "ObjectEvent",
        {"action": "ADD", "quantityList": quantities(f"https://other.example/01/{GTIN}/10/C")},
    ),
    "item": ("ObjectEvent", {"action": "ADD", "epcList": [ITEM]}),
    "logistic unit": ("ObjectEvent", {"action": "ADD", "epcList": [SSCC]}),
    "piece": ("ObjectEvent", {"action": "ADD", "epcList": [f"{GS1}/8006/{GTIN}0102/21/7"]}),
    "output": (
        "TransformationEvent",
        {"inputQuantityList": quantities(OWN), "outputQuantityList": quantities(OWN, LOT)},
    ),
    "output item": (
        "TransformationEvent",
        {"inputQuantityList": quantities(OWN), "outputEPCList": [ITEM]},
    ),
    "packed lot": (
        "AggregationEvent",
        {"action": "ADD", "parentID": SSCC, "childQuantityList": quantities(OWN)},
    ),
    "packed unit": ("AggregationEvent", {"action": "ADD", "parentID": SSCC, "childEPCs": [OWN_SSCC]}),
    "packed case": (
        "AggregationEvent",
        {"action": "ADD", "parentID": ITEM, "childQuantityList": quantities(OWN)},
    ),
    "associated": (
        "AssociationEvent",
        {"action": "ADD", "parentID": SSCC, "childQuantityList": quantities(OWN)},
    ),
}


@pytest.mark.parametrize("name", MAKES)
def test_what_bears_anothers_prefix_is_made_and_packed_by_its_holder_alone(shared, name):
    world, holder, other = shared
    kind, members = MAKES[name]
    before = counts(world)
    error = ask(world, other, kind, **members)
    assert isinstance(error, ForeignPrefixError)
    assert error.code == "not-your-prefix"
    assert f"company prefix {PREFIX} of Holder" in str(error)
    assert GTIN in str(error) or SSCC in str(error)
    assert f"prefix allow {PREFIX} --party {other}" in error.remedy()
    assert counts(world) == before
    if "output" not in name:
        assert ask(world, holder, kind, **members) is None


def test_it_is_so_on_every_database_and_of_a_document_all_or_the_rest(world):
    holder, other = trade(world)
    events = [
        said(world, "ObjectEvent", action="ADD", quantityList=quantities(uri)) for uri in (OWN, LOT, NOBODYS)
    ]
    before = counts(world)
    assert [bool(done.refused) for done in send(world, other, *events)] == [False, True, False]
    assert counts(world) == before
    assert [bool(d.refused) for d in send(world, other, *events, proceed=True)] == [False, True, False]
    assert add(world, holder, LOT) is None


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("ObjectEvent", {"bizStep": "receiving", "quantityList": quantities(LOT)}),
        ("ObjectEvent", {"bizStep": "shipping", "epcList": [SSCC, ITEM]}),
        ("ObjectEvent", {"action": "DELETE", "epcList": [ITEM]}),
        (
            "TransformationEvent",
            {"inputQuantityList": quantities(LOT), "outputQuantityList": quantities(OWN)},
        ),
        ("AggregationEvent", {"action": "ADD", "parentID": OWN_SSCC, "childQuantityList": quantities(LOT)}),
        ("AggregationEvent", {"action": "ADD", "parentID": OWN_SSCC, "childEPCs": [SSCC]}),
        ("AggregationEvent", {"parentID": SSCC, "childQuantityList": quantities(LOT)}),
        ("AggregationEvent", {"action": "DELETE", "parentID": SSCC, "childQuantityList": quantities(LOT)}),
        (
            "AggregationEvent",
            {
                "action": "ADD",
                "parentID": f"{GS1}/8003/0{key(PREFIX + '00001')}7",
                "childQuantityList": quantities(LOT),
            },
        ),
        ("AggregationEvent", {"action": "ADD", "parentID": SSCC, "childEPCs": [f"{GS1}/8004/9520002LOG"]}),
        ("ObjectEvent", {"action": "ADD", "epcList": [f"{GS1}/8004/{PREFIX}CRATE"]}),
        ("ObjectEvent", {"action": "ADD", "quantityList": quantities(NOBODYS)}),
    ],
)
def test_to_name_to_hand_on_and_to_use_up_is_everybodys(shared, kind, members):
    world, _, other = shared
    assert ask(world, other, kind, **members) is None


def test_a_contract_maker_makes_as_long_as_it_may(world):
    holder, other = trade(world)
    assert allow(world.store, PREFIX, other).allowed == (other,)
    assert allow(world.store, PREFIX, other).allowed == (other,)
    assert add(world, other, LOT) is None
    assert disallow(world.store, PREFIX, other).allowed == ()
    assert isinstance(add(world, other, LOT + "2"), ForeignPrefixError)
    third = world.party("Third")
    allow(world.store, PREFIX, third)
    assert isinstance(add(world, other, LOT + "2"), ForeignPrefixError)
    with pytest.raises(ConflictError):
        allow(world.store, PREFIX, holder)
    assert set(allow(world.store, PREFIX, other).allowed) == {other, third}
    assert [add(world, each, f"{LOT}{n}") for n, each in enumerate((other, third, holder), 3)] == [None] * 3
    assert remove_prefix(world.store, PREFIX).party == holder
    assert add(world, world.party("Anybody"), LOT + "6") is None


def test_what_was_recorded_once_is_answered_and_can_be_declared_an_error(lone):
    _, other = trade(lone)
    allow(lone.store, PREFIX, other)
    made = said(lone, "ObjectEvent", action="ADD", eventID="urn:x:1", quantityList=quantities(LOT))
    assert send(lone, other, made)[0].refused is None
    disallow(lone.store, PREFIX, other)
    assert send(lone, other, made)[0].known
    wrong = {"errorDeclaration": {"declarationTime": "2026-01-01T00:00:00Z"}, **made.event}
    assert ask(lone, other, "ObjectEvent", **wrong) is None


def test_an_error_declaration_makes_nothing_that_its_event_did_not_make(lone):
    _, other = trade(lone)
    wrong = {"declarationTime": "2026-01-01T00:00:00Z"}
    making = {"action": "ADD", "quantityList": quantities(LOT), "errorDeclaration": wrong}
    assert isinstance(ask(lone, other, "ObjectEvent", eventID="urn:x:1", **making), ForeignPrefixError)
    assert ask(lone, other, "ObjectEvent", eventID="urn:x:2", quantityList=quantities(LOT)) is None
    assert isinstance(ask(lone, other, "ObjectEvent", eventID="urn:x:2", **making), ForeignPrefixError)


def test_who_named_a_lot_first_does_not_recall_it_and_its_holder_does(world):
    holder, other = trade(world)
    assert ask(world, other, "ObjectEvent", bizStep="receiving", quantityList=quantities(LOT)) is None
    with pytest.raises(ForbiddenError, match=PREFIX):
        issue(world.store, world.node, Issuer(other), order(world, LOT))
    done = issue(world.store, world.node, Issuer(holder), order(world, LOT))
    assert (done.party, done.things) == (holder, 1)


def test_a_contract_maker_does_not_recall_what_bears_its_customers_name(lone):
    holder, other = trade(lone)
    allow(lone.store, PREFIX, other)
    assert add(lone, other, LOT) is None
    with pytest.raises(ForbiddenError):
        issue(lone.store, lone.node, Issuer(other), order(lone, LOT))
    assert issue(lone.store, lone.node, Issuer(holder), order(lone, LOT)).party == holder


def test_who_squatted_before_a_prefix_was_held_loses_what_it_took(lone):
    holder, other = trade(lone)
    remove_prefix(lone.store, PREFIX)
    assert add(lone, other, LOT) is None
    with pytest.raises(ForbiddenError):
        hold(lone.store, lone.node, Issuer(holder), order(lone, LOT, state=State.HOLD))
    held = hold(lone.store, lone.node, Issuer(other), order(lone, LOT, state=State.HOLD))
    add_prefixes(lone.store, holder, [PREFIX])
    with pytest.raises(ForbiddenError):
        issue(lone.store, lone.node, Issuer(other), order(lone, LOT, notice=NOTICE, recall_id=held.id))
    assert issue(lone.store, lone.node, Issuer(holder), order(lone, LOT)).party == holder


@pytest.mark.parametrize("prefix", [PREFIX, "952000", "9520", f"{PREFIX}0", f"{PREFIX}00012"])
def test_no_firm_is_enrolled_with_a_prefix_that_another_holds_begins_or_continues(shared, prefix):
    world, _, _ = shared
    before = counts(world)
    with pytest.raises(ConflictError, match=PREFIX):
        enrol_party(world.store, world.node, {"en": "Thief", "zh": "贼"}, None, ["9530001", prefix])
    assert counts(world) == before


@pytest.mark.parametrize(
    "prefix", ["", "952", "9520001000000", "952000x", "٩٥٢٠", "2000001", "0200001", "0400", "000001", "0000"]
)
def test_digits_that_are_no_company_prefix_are_refused_and_nobody_is_enrolled(shared, prefix):
    world, _, _ = shared
    before = counts(world)
    with pytest.raises(IdentifierError):
        enrol_party(world.store, world.node, {"en": "Thief", "zh": "贼"}, None, [prefix])
    assert counts(world) == before


@pytest.mark.parametrize("enrolled", [False, True])
def test_of_two_that_register_at_once_one_is_refused(world, enrolled):
    first, second = world.party("First"), world.party("Second")
    refused: list[ConflictError] = []

    def late() -> None:
        try:
            if enrolled:
                enrol_party(world.store, world.node, {"en": "New", "zh": "新"}, None, [f"{PREFIX}0"])
            else:
                add_prefixes(world.store, second, [f"{PREFIX}0"])
        except ConflictError as error:
            refused.append(error)

    thread = threading.Thread(target=late)
    with world.store.transaction() as tx:
        register(tx, first, [PREFIX])
        thread.start()
        if tx.locking:
            wait_until(lambda: not thread.is_alive() or waiting(world))
    thread.join()
    assert len(refused) == 1
    with world.store.reading() as connection:
        assert [each.prefix for each in list_prefixes(connection)] == [PREFIX]


def test_a_permission_is_not_taken_back_while_an_event_is_recorded(world):
    """Whoever takes it back knows that nothing more is made from then on."""
    _, other = trade(world)
    allow(world.store, PREFIX, other)
    thread = threading.Thread(target=disallow, args=(world.store, PREFIX, other))
    with world.store.transaction() as tx:
        thread.start()
        if tx.locking:
            wait_until(lambda: not thread.is_alive() or waiting(world))
        assert thread.is_alive()
    thread.join()
    assert isinstance(add(world, other, LOT), ForeignPrefixError)


def waiting(world) -> bool:
    with world.store.reading() as connection:
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'")
        return bool(connection.execute(query).scalar_one())


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("lots", [1, 80])
def test_a_run_reads_prefixes_once_and_one_that_makes_nothing_never(lone, lots):
    holder, _ = trade(lone)
    read: list[str] = []

    @listening.listens_for(lone.store.engine, "before_cursor_execute")
    def count(_connection, _cursor, statement, *_):
        if "company_prefixes" in statement:
            read.append(statement)

    uris = [f"{GS1}/01/{key(f'0{PREFIX}{number:05d}')}/10/A" for number in range(lots)]
    events = [said(lone, "ObjectEvent", action="ADD", quantityList=quantities(uri)) for uri in uris]
    assert not any(done.refused for done in send(lone, holder, *events))
    assert len(read) == 1
    seen = [said(lone, "ObjectEvent", bizStep="shipping", quantityList=quantities(uri)) for uri in uris]
    send(lone, holder, *seen)
    assert len(read) == 1


def test_a_prefix_among_many_is_found_however_many_numbers_are_made(shared):
    world, _, other = shared
    uris = [f"{GS1}/01/{key(f'0{number:04d}00100010')}/10/A" for number in range(9000, 9090)]
    assert isinstance(
        ask(world, other, "ObjectEvent", action="ADD", quantityList=quantities(*uris, LOT)),
        ForeignPrefixError,
    )
