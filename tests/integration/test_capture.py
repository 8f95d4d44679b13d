"""Capturing: named, signed, chained on everything it names, once; or refused, and nothing half-stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support import supply
from tests.support.supply import BLEND, LOT, OTHER, PALLET, quantities, send
from tests.support.world import START_MS, World
from traceability.errors import ClockAheadError, ConflictError, UnknownSignerError
from traceability.identifiers import asset_uri
from traceability.operations.audit import audit
from traceability.operations.capture import record_drafts
from traceability.operations.draft import Given, draft_event
from traceability.operations.enrol import signing_key
from traceability.operations.events import view_event
from traceability.operations.export import export_bundle
from traceability.operations.keyring import rotate_party_key
from traceability.signing.disclosure import Audience
from traceability.signing.strictjson import b64url_decode, json_decode, json_encode
from traceability.store import models, projections
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT, format_event_time
from traceability.supply.lineage import LinkKind, thing_id
from traceability.supply.recall import Recall, State, recall_events
from traceability.verification.bundle import encode_bundle
from traceability.verification.stays import NO_LIMITS
from traceability.verification.verdict import check

TABLES = (models.Record, models.Statement, models.Stream, models.Disclosures, models.Batch)


def given(kind: str = "ObjectEvent", at_ms: int = START_MS, **members: Any) -> Given:
    return supply.given(kind, at_ms, **members)


def counts(world: World) -> list[int]:
    with world.store.reading() as connection:
        tables = (*TABLES, projections.Event, projections.Mention, projections.Link)
        return [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables]


def links(world: World) -> set[tuple[int, int, int]]:
    table = projections.Link
    with world.store.reading() as connection:
        rows = connection.execute(select(table.src, table.kind, table.dst))
        return {(row.src, row.kind, row.dst) for row in rows}


def test_an_event_stands_on_the_stream_of_everything_it_names_however_it_is_written(world):
    farm = world.party("Farm")
    named = ["urn:epc:id:sscc:9520000.0000000001", "https://id.gs1.org/01/09520000000011/21/7"]
    lot = "urn:epc:class:lgtin:9520000.000001.A"
    (done,) = send(world, farm, given(epcList=named, quantityList=quantities(lot)))
    assert {uri for uri, _ in done.records} == {LOT, named[1], "https://id.gs1.org/00/095200000000000011"}
    with world.store.reading() as connection:
        view = view_event(connection, done.sha256, Audience.REGULATOR)
    assert view.event["epcList"] == named
    assert view.event["quantityList"] == quantities(lot)
    assert '"quantity":1.50' in json_encode(view.event).decode()
    assert view.context == CONTEXT


def test_an_event_that_names_nothing_goes_onto_the_stream_of_its_party(world):
    farm = world.party("Farm")
    (done,) = send(world, farm, given(quantityList=[{"epcClass": "https://id.gs1.org/01/09520000000011"}]))
    ((uri, seq),) = done.records
    assert (uri.startswith(f"https://{world.node.name}/stream/events/"), seq) == (True, 0)
    world.publish()
    assert audit(world.store, world.node).ok


def test_the_same_event_is_recorded_once_and_another_under_its_name_is_refused(world):
    farm = world.party("Farm")
    (first,) = send(world, farm, given(epcList=[LOT]))
    before = counts(world)
    world.wait(minutes=1)
    (again,) = send(world, farm, given(epcList=[LOT]))
    assert (again.known, again.event_id, again.records) == (True, first.event_id, first.records)
    (other,) = send(world, farm, given(epcList=[OTHER], eventID=first.event_id))
    assert isinstance(other.refused, ConflictError)
    assert counts(world) == before


def test_two_parties_may_say_the_same(world):
    one, two = world.party("One"), world.party("Two")
    (first,), (second,) = (send(world, party, given(epcList=[LOT])) for party in (one, two))
    assert first.event_id == second.event_id
    assert not second.known
    assert [seq for _, seq in (*first.records, *second.records)] == [0, 1]


def test_one_refusal_refuses_all_and_leaves_nothing_unless_the_rest_may_proceed(world):
    farm = world.party("Farm")
    before = counts(world)
    events = [given(epcList=[LOT]), given(at_ms=START_MS + 10**9, epcList=[OTHER]), given(epcList=[BLEND])]
    answers = send(world, farm, *events)
    assert [type(a.refused) for a in answers] == [type(None), ClockAheadError, type(None)]
    assert not any(a.records for a in answers)
    assert counts(world) == before
    answers = send(world, farm, *events, proceed=True)
    assert [bool(a.records) for a in answers] == [True, False, True]
    with world.store.reading() as connection:
        uris = set(connection.execute(select(models.Stream.uri)).scalars())
    assert OTHER not in uris
    world.publish()
    assert audit(world.store, world.node).ok


def test_a_party_without_a_key_here_records_nothing(world):
    with pytest.raises(UnknownSignerError):
        send(world, "https://id.gs1.org/417/9520000000004", given(epcList=[LOT]))


def test_lineage_follows_events_and_an_error_declaration_takes_its_links_away(world):
    packer = world.party("Packer")
    blend = given(
        "TransformationEvent", inputQuantityList=quantities(LOT, OTHER), outputQuantityList=quantities(BLEND)
    )
    (done,) = send(world, packer, blend)
    kinds = sorted(kind for _, kind, _ in links(world))
    assert kinds == [LinkKind.INPUT, LinkKind.INPUT, LinkKind.OUTPUT]
    declared = {"declarationTime": format_event_time(world.now_ms), "reason": "incorrect_data"}
    wrong = replace(blend, event={**blend.event, "eventID": done.event_id, "errorDeclaration": declared})
    (declaration,) = send(world, packer, wrong)
    assert (declaration.refused, declaration.known) == (None, False)
    assert links(world) == set()
    late = world.party("Late")
    send(world, late, wrong)
    (after,) = send(world, late, blend)
    assert (after.refused, links(world)) == (None, set())
    world.publish()
    assert audit(world.store, world.node).ok


def test_a_batch_begins_with_the_event_that_makes_it_whatever_came_before(world):
    farm = world.party("Farm")
    send(world, farm, given(quantityList=quantities(LOT), bizStep="receiving"))
    made = given(
        quantityList=quantities(LOT), action="ADD", ilmd={"ft:product": {"en": "Berries", "zh": "莓"}}
    )
    (done,) = send(world, farm, made)
    with world.store.reading() as connection:
        row = connection.execute(select(models.Batch)).one()
    assert (row.statement, row.begun) == (done.sha256, True)
    world.publish()
    assert audit(world.store, world.node).ok


def test_what_enters_an_asset_without_sensors_has_a_stay_all_the_same(world):
    farm, truck = world.party("Farm"), asset_uri("TRUCK", world.node.name)
    send(world, farm, given(quantityList=quantities(LOT), action="ADD"))
    inside: dict[str, Any] = {"parentID": truck, "childQuantityList": quantities(LOT)}
    (loaded,) = send(world, farm, given("AggregationEvent", **inside, action="ADD"))
    assert {uri for uri, _ in loaded.records} == {LOT, truck}
    (again,) = send(world, farm, given("AggregationEvent", START_MS + 1, **inside, action="ADD"))
    assert isinstance(again.refused, ConflictError)
    world.wait(minutes=1)
    (left,) = send(world, farm, given("AggregationEvent", world.now_ms, **inside, action="DELETE"))
    assert [uri for uri, _ in left.records] == [LOT]
    world.publish()
    world.publish()
    assert audit(world.store, world.node).ok


def test_packing_onto_a_pallet_is_on_the_pallets_stream_too(world):
    farm = world.party("Farm")
    (done,) = send(
        world,
        farm,
        given("AggregationEvent", parentID=PALLET, childQuantityList=quantities(LOT), action="ADD"),
    )
    assert {uri for uri, _ in done.records} == {LOT, PALLET}
    assert links(world) == {(thing_id(LOT), LinkKind.PACK, thing_id(PALLET))}


def test_a_batch_of_which_only_the_use_is_known_has_no_limits_of_what_was_made_of_it(world):
    maker, truck = world.party("Maker"), asset_uri("TRUCK", world.node.name)
    cold = {"lowMilliCelsius": 0, "highMilliCelsius": 5000, "maxGapSeconds": 600}
    made: dict[str, Any] = {
        "inputQuantityList": quantities(LOT),
        "outputQuantityList": quantities(BLEND),
    }
    send(world, maker, given("TransformationEvent", **made, ilmd={"ft:temperature": cold}))
    inside: dict[str, Any] = {"parentID": truck, "childQuantityList": quantities(LOT)}
    for action in ("ADD", "DELETE"):
        world.wait(minutes=1)
        send(world, maker, given("AggregationEvent", world.now_ms, **inside, action=action))
    world.publish()
    world.publish()
    with world.store.reading() as connection:
        bundle = encode_bundle(export_bundle(connection, world.node, LOT))
    journey = check(bundle, world.node.policy).journey
    assert journey is not None
    assert journey.limits == NO_LIMITS
    assert journey.stays[0].closed is not None
    assert audit(world.store, world.node).ok


def test_what_was_signed_by_a_key_that_is_gone_is_not_recorded(world):
    farm = world.party("Farm")
    with world.store.reading() as connection:
        key = signing_key(connection, world.node, farm)
    draft = draft_event(world.node.name, farm, key, given(quantityList=quantities(LOT)), world.now_ms)
    rotate_party_key(world.store, world.node, farm)
    before = counts(world)
    with pytest.raises(ConflictError, match="at this very moment"), world.store.transaction() as tx:
        record_drafts(tx, world.node, farm, [draft])
    assert counts(world) == before


@pytest.mark.parametrize("member", ["ft:recall", "bizStep", "ilmd"])
def test_what_is_never_withheld_is_missed_when_a_bundle_leaves_it_out(world, member):
    farm, text = world.party("Farm"), {"en": "Glass", "zh": "玻璃"}
    send(world, farm, given(quantityList=quantities(LOT), action="ADD", bizStep="commissioning", ilmd={}))
    recall = Recall("R-1", State.ISSUED, 1, (LOT,), text, text)
    (event,) = recall_events(recall, [LOT], START_MS)
    send(world, farm, Given(event, read_context(CONTEXT)))
    world.publish()
    with world.store.reading() as connection:
        bundle = export_bundle(connection, world.node, LOT)
    assert check(encode_bundle(bundle), world.node.policy).exit_code == 0

    def others(texts: tuple[str, ...]) -> tuple[str, ...]:
        held = {text: json_decode(b64url_decode(text)) for text in texts}
        return tuple(t for t in texts if not (isinstance(p := held[t], list) and p[1:2] == [member]))

    shown = {sha256: others(texts) for sha256, texts in bundle.disclosures.items()}
    assert shown != bundle.disclosures
    assert check(encode_bundle(replace(bundle, disclosures=shown)), world.node.policy).exit_code == 1
