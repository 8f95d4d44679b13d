"""Recalls: what is reached is named and signed, all or nothing; who may; how it goes on and is followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update

from tests.support.recalls import (
    ITEM,
    LATE,
    LOT,
    MIX,
    NOTICE,
    PALLET,
    YOGHURT,
    A,
    B,
    chain,
    lots,
    make,
    order,
    say,
)
from tests.support.world import World, make_world
from traceability.commands.publisher import Publisher
from traceability.commands.verb import Opened
from traceability.errors import (
    ClockAheadError,
    ConflictError,
    EventError,
    ForbiddenError,
    IdentifierError,
    MalformedError,
    ScopeChangedError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.operations import recall as recalling
from traceability.operations.audit import audit, audit_connection
from traceability.operations.heartbeat import newest_beats
from traceability.operations.keyring import revoke_key
from traceability.operations.recall import (
    Issuer,
    close,
    extend_recalls,
    hold,
    issue,
    issuer_of,
)
from traceability.operations.recallscope import Lost, read_notice, scope
from traceability.operations.recallstatus import find_recall, list_recalls, load_recall, named_things
from traceability.operations.tokens import Scope as TokenScope
from traceability.operations.tokens import new_token
from traceability.settings import NodeSettings, load
from traceability.store import models, projections
from traceability.supply import recall as supply_recall
from traceability.supply.epcis.events import format_event_time
from traceability.supply.recall import Outcome, State


@pytest.fixture
def world(tmp_path, database_url) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.fixture
def small(tmp_path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'small.sqlite'}")
    yield made
    made.store.close()


def status(world: World, recall_id: str) -> Any:
    with world.store.reading() as connection:
        return find_recall(connection, recall_id)


def named(world: World, recall_id: str) -> set[str]:
    with world.store.reading() as connection:
        return set(named_things(connection, recall_id))


def counts(world: World) -> list[int]:
    tables = (
        *(models.Record, models.Statement, models.Stream, models.Disclosure),
        *(projections.Event, projections.Recall, projections.Recalled),
    )
    with world.store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables]


def publish(world: World) -> Mapping[str, int]:
    """What the publisher does in a turn."""
    done = extend_recalls(world.store, world.node)
    assert not done.failed
    world.publish()
    return done.added


def sound(world: World) -> bool:
    report = audit(world.store, world.node)
    assert report.findings == ()
    return report.ok


def test_a_preview_shows_what_is_reached_who_has_it_and_what_is_not_known_and_writes_nothing(small):
    _, packer, dairy = chain(small)
    before = counts(small)
    with small.store.reading() as connection:
        found = scope(connection, small.node, [A]).described(connection)
    assert found.things == (A, MIX, YOGHURT)
    assert found.steps == [(0, {"batch": 1}), (1, {"batch": 1}), (2, {"batch": 1})]
    assert [(h.party, h.things) for h in found.holders] == sorted(
        [(dairy, 2), (packer, 1)], key=lambda h: -h[1]
    )
    assert found.quantities == [("09520000000011", "20", "KGM")]
    lost = dict(found.lost)
    assert lost[Lost.NOT_RECEIVED] == (YOGHURT,)
    assert lost[Lost.NO_QUANTITY] == (A,)
    assert Lost.CUT not in lost
    assert counts(small) == before


def test_a_hold_is_issued_and_closed_on_everything_that_is_reached(world):
    farm, _, _ = chain(world)
    wanted = order(world, A)
    done = hold(world.store, world.node, Issuer(farm), wanted)
    assert (done.state, done.things, done.party) == (State.HOLD, 3, farm)
    assert named(world, wanted.id) == {A, MIX, YOGHURT}
    world.wait(minutes=5)
    done = issue(world.store, world.node, Issuer(farm), order(world, A, recall_id=wanted.id))
    assert (done.state, done.since_ms) == (State.ISSUED, world.now_ms)
    publish(world)
    world.wait(minutes=5)
    done = close(world.store, world.node, Issuer(farm), wanted.id, Outcome.REMOVED)
    with world.store.reading() as connection:
        said = load_recall(connection, done)
        listed = list_recalls(connection)
        streams = select(models.Stream.uri, models.Stream.length)
        lengths = {row.uri: row.length for row in connection.execute(streams)}
    assert (said.state, said.outcome, said.hazard) == (State.CLOSED, Outcome.REMOVED, NOTICE.hazard)
    assert [each.id for each in listed] == [wanted.id]
    assert (lengths[A], lengths[MIX], lengths[B]) == (2 + 3, 4 + 3, 2)
    publish(world)
    assert sound(world)


def test_the_same_order_again_changes_nothing_and_another_under_its_id_is_refused(small):
    farm, _, _ = chain(small)
    wanted = order(small, A)
    first = issue(small.store, small.node, Issuer(farm), wanted)
    before = counts(small)
    assert issue(small.store, small.node, Issuer(farm), wanted) == first
    assert counts(small) == before
    with pytest.raises(ConflictError, match="other words"):
        issue(small.store, small.node, Issuer(farm), replace(wanted, notice=replace(NOTICE, recall_class=3)))
    with pytest.raises(ConflictError, match="other lots"):
        issue(small.store, small.node, Issuer(farm), replace(wanted, origins=(B,)))
    with pytest.raises(ConflictError, match="cannot become hold"):
        hold(small.store, small.node, Issuer(farm), wanted)
    closed = close(small.store, small.node, Issuer(farm), wanted.id, Outcome.SAFE)
    assert close(small.store, small.node, Issuer(farm), wanted.id, Outcome.SAFE) == closed
    with pytest.raises(ConflictError, match="closed as safe"):
        close(small.store, small.node, Issuer(farm), wanted.id, Outcome.REMOVED)
    with pytest.raises(ConflictError, match="cannot become issued"):
        issue(small.store, small.node, Issuer(farm), wanted)


def test_what_was_not_seen_is_not_issued(small):
    farm, packer, _ = chain(small)
    wanted = order(small, A)
    make(small, packer, [MIX], LATE, 60)
    before = counts(small)
    with pytest.raises(ScopeChangedError):
        issue(small.store, small.node, Issuer(farm), wanted)
    other = replace(order(small, A), notice=replace(NOTICE, advice={"en": "Eat it", "zh": "可以食用"}))
    with pytest.raises(ScopeChangedError):
        issue(small.store, small.node, Issuer(farm), other)
    assert counts(small) == before


def test_a_firm_recalls_what_it_made_and_goes_on_with_its_own_only(small):
    farm, packer, _ = chain(small)
    authority = small.party("Authority")
    for issuer, lot in ((packer, A), (farm, MIX)):
        with pytest.raises(ForbiddenError):
            hold(small.store, small.node, Issuer(issuer), order(small, lot))
    held = hold(small.store, small.node, Issuer(packer), order(small, MIX))
    with pytest.raises(ForbiddenError):
        issue(small.store, small.node, Issuer(farm), order(small, MIX, recall_id=held.id))
    with pytest.raises(ForbiddenError):
        close(small.store, small.node, Issuer(farm), held.id, Outcome.SAFE)
    done = issue(
        small.store, small.node, Issuer(authority, regulator=True), order(small, MIX, recall_id=held.id)
    )
    assert (done.party, done.by) == (packer, authority)
    assert close(small.store, small.node, Issuer(packer), held.id, Outcome.REMOVED).by == packer
    publish(small)
    assert sound(small)


def test_a_party_is_a_regulator_while_a_token_says_so(small):
    party = small.party("Authority")

    def regulator() -> bool:
        with small.store.reading() as connection:
            return issuer_of(connection, party, small.now_ms).regulator

    scopes = [TokenScope.QUERY]
    new_token(small.store, small.node, party=party, scopes=scopes, days=1, name="firm")
    assert not regulator()
    new_token(small.store, small.node, party=party, scopes=scopes, days=1, name="office", regulator=True)
    assert regulator()
    small.wait(minutes=24 * 60)
    assert not regulator()


def test_what_is_made_later_is_reached_one_publish_later_and_a_closed_recall_no_more(world):
    farm, _, dairy = chain(world)
    first = issue(world.store, world.node, Issuer(farm), order(world, A))
    second = issue(world.store, world.node, Issuer(farm), order(world, B))
    assert publish(world) == {first.id: 0, second.id: 0}
    close(world.store, world.node, Issuer(farm), second.id, Outcome.REMOVED)
    world.wait(minutes=1)
    make(world, dairy, [YOGHURT], LATE, 60)
    assert publish(world) == {first.id: 1}
    assert named(world, first.id) == {A, MIX, YOGHURT, LATE}
    assert LATE not in named(world, second.id)
    assert publish(world) == {}
    found = status(world, first.id)
    assert (found.since_ms, found.by) == (first.since_ms, farm)
    assert sound(world)


def test_what_is_unrelated_wakes_no_recall(small):
    farm, packer, _ = chain(small)
    issue(small.store, small.node, Issuer(farm), order(small, A))
    publish(small)
    make(small, packer, [LOT + "C", LOT + "D"], LOT + "E", 60)
    say(small, packer, minutes=70, bizStep="shipping", quantityList=lots(MIX))
    assert publish(small) == {}


def test_what_is_packed_into_a_recalled_unit_later_is_reached(small):
    _, _, dairy = chain(small)
    done = issue(small.store, small.node, Issuer(dairy), order(small, PALLET))
    publish(small)
    assert named(small, done.id) == {PALLET, YOGHURT}
    say(small, dairy, "AggregationEvent", 60, action="ADD", parentID=PALLET, childQuantityList=lots(LATE))
    assert publish(small) == {done.id: 1}
    assert LATE in named(small, done.id)


def test_what_was_held_is_issued_even_if_a_correction_took_its_link_away(small):
    farm, _, dairy = chain(small)
    made: dict[str, Any] = {
        "inputQuantityList": lots(MIX),
        "outputQuantityList": lots(LATE),
        "eventID": "urn:uuid:wrong",
    }
    say(small, dairy, "TransformationEvent", 60, **made)
    held = hold(small.store, small.node, Issuer(farm), order(small, A))
    declared = {"declarationTime": format_event_time(small.now_ms), "reason": "did_not_occur"}
    say(small, dairy, "TransformationEvent", 60, **made, errorDeclaration=declared)
    done = issue(small.store, small.node, Issuer(farm), order(small, A, recall_id=held.id))
    assert (done.state, done.things) == (State.ISSUED, 4)
    with small.store.reading() as connection:
        query = select(models.Stream.length).where(models.Stream.uri == LATE)
        assert connection.execute(query).scalar_one() == len(["made", "held", "declared", "issued"])


def test_who_says_a_recall_does_not_become_the_holder(small):
    _, packer, dairy = chain(small)
    authority = small.party("Authority")
    hold(small.store, small.node, Issuer(authority, regulator=True), order(small, A))
    with small.store.reading() as connection:
        found = scope(connection, small.node, [A]).described(connection)
    assert {holder.party for holder in found.holders} == {packer, dairy}


TRANSFORMATION = "urn:uuid:b1a1c1d1-0000-4000-8000-000000000001"
TWO_PARTS: Sequence[tuple[str, int, Mapping[str, Any]]] = [
    ("TransformationEvent", 60, {"transformationID": TRANSFORMATION, "inputQuantityList": lots(MIX)}),
    ("TransformationEvent", 61, {"transformationID": TRANSFORMATION, "outputQuantityList": lots(LATE)}),
]
LATER: Mapping[str, Sequence[tuple[str, int, Mapping[str, Any]]]] = {
    "in two parts": TWO_PARTS,
    "the end first": TWO_PARTS[::-1],
    "a pallet is repacked": [
        ("TransformationEvent", 61, {"inputEPCList": [PALLET], "outputQuantityList": lots(LATE)}),
    ],
    "an item of the lot": [
        ("ObjectEvent", 60, {"action": "ADD", "epcList": [ITEM], "ilmd": {"cbvmda:lotNumber": "MIX"}})
    ],
}


@pytest.mark.parametrize("what", LATER)
def test_whatever_becomes_known_later_is_reached_in_whatever_order_it_comes(small, what):
    """A publisher that works between any two events ends with the same things as one trace at the end."""
    farm, _, dairy = chain(small)
    done = issue(small.store, small.node, Issuer(farm), order(small, A))
    publish(small)
    for kind, minutes, members in LATER[what]:
        say(small, dairy, kind, minutes, **members)
        publish(small)
    with small.store.reading() as connection:
        wanted = set(scope(connection, small.node, [A]).things)
    assert named(small, done.id) == wanted
    assert wanted & {LATE, ITEM}


def test_what_a_correction_brings_to_light_is_reached_and_what_it_takes_away_stays_recalled(small):
    """Y left the pallet before the pallet was repacked; the event that said so is declared an error."""
    farm, _, dairy = chain(small)
    out = {"action": "DELETE", "parentID": PALLET, "childQuantityList": [{"epcClass": YOGHURT}]}
    say(small, dairy, "AggregationEvent", 55, **out, eventID="urn:uuid:left")
    say(small, dairy, "TransformationEvent", 60, inputEPCList=[PALLET], outputQuantityList=lots(LATE))
    done = issue(small.store, small.node, Issuer(farm), order(small, A))
    publish(small)
    assert LATE not in named(small, done.id)
    declared = {"declarationTime": format_event_time(small.now_ms), "reason": "did_not_occur"}
    say(small, dairy, "AggregationEvent", 55, **out, eventID="urn:uuid:left", errorDeclaration=declared)
    publish(small)
    assert LATE in named(small, done.id)
    say(small, dairy, "AggregationEvent", 56, **out)
    publish(small)
    assert LATE in named(small, done.id)
    assert sound(small)


def test_what_is_recorded_between_trace_and_transaction_is_reached(small, monkeypatch):
    farm, packer, _ = chain(small)
    wanted, drafts = order(small, A), recalling._drafts

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(recalling, "_drafts", drafts)
        make(small, packer, [MIX], LATE, 60)
        return drafts(*arguments)

    monkeypatch.setattr(recalling, "_drafts", meanwhile)
    done = issue(small.store, small.node, Issuer(farm), wanted)
    assert LATE not in named(small, done.id)
    assert publish(small) == {done.id: 1}
    assert LATE in named(small, done.id)


def test_a_recall_that_went_on_meanwhile_is_not_overtaken(world, monkeypatch):
    farm, _, _ = chain(world)
    held, drafts = hold(world.store, world.node, Issuer(farm), order(world, A)), recalling._drafts
    wanted = order(world, A, recall_id=held.id)

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(recalling, "_drafts", drafts)
        close(world.store, world.node, Issuer(farm), held.id, Outcome.SAFE)
        return drafts(*arguments)

    monkeypatch.setattr(recalling, "_drafts", meanwhile)
    with pytest.raises(ConflictError, match="at this very moment"):
        issue(world.store, world.node, Issuer(farm), wanted)
    assert status(world, held.id).state is State.CLOSED


def test_a_recall_of_many_things_is_all_or_nothing(small, monkeypatch):
    """Three events; one of them cannot be recorded."""
    monkeypatch.setattr(supply_recall, "PER_EVENT", 10)
    farm = small.party("Farm")
    say(small, farm, action="ADD", quantityList=lots(A))
    many = [{"epcClass": f"{LOT}P{number}"} for number in range(24)]
    say(small, farm, "TransformationEvent", 10, inputQuantityList=lots(A), outputQuantityList=many)
    before, wanted = counts(small), order(small, A)
    real = supply_recall.recall_events

    def ahead(*arguments: Any) -> Any:
        events = real(*arguments)
        events[1]["eventTime"] = format_event_time(small.now_ms + 10**9)
        return events

    monkeypatch.setattr(recalling, "recall_events", ahead)
    with pytest.raises(ClockAheadError):
        issue(small.store, small.node, Issuer(farm), wanted)
    assert counts(small) == before
    monkeypatch.setattr(recalling, "recall_events", real)
    told: list[tuple[int, int]] = []
    done = issue(small.store, small.node, Issuer(farm), wanted, lambda *share: told.append(share))
    assert (done.things, told) == (25, [(1, 3), (2, 3), (3, 3)])
    publish(small)
    assert sound(small)


def test_whose_key_is_gone_keeps_the_recall_waiting_and_the_others_are_extended(small):
    farm, packer, dairy = chain(small)
    lost = issue(small.store, small.node, Issuer(farm), order(small, A))
    kept = issue(small.store, small.node, Issuer(packer), order(small, MIX))
    publish(small)
    with small.store.reading() as connection:
        kid = connection.execute(select(models.Key.kid).where(models.Key.subject == farm)).scalar_one()
    revoke_key(small.store, small.node, kid, None, "closed its business")
    make(small, dairy, [YOGHURT], LATE, 60)
    done = extend_recalls(small.store, small.node)
    assert (done.added, [e.code for e in done.failed.values()]) == ({kept.id: 1}, ["unknown-signer"])
    assert (status(small, lost.id).stale, status(small, kept.id).stale) == (True, False)
    publisher = Publisher(Opened(load(NodeSettings, {"FT_DATA": "."}), small.node, small.store))
    small.wait(ms=1000)
    publisher.turn()
    with small.store.reading() as connection:
        assert newest_beats(connection)["publisher"].detail["error"] == "unknown-signer"
        unpublished = select(func.count()).where(models.Record.log_index.is_(None))
        assert connection.execute(unpublished).scalar_one() == 0


def test_a_recall_begins_with_lots_that_are_known(small):
    small.party("Farm")
    refused: Sequence[tuple[Sequence[str], type[TraceabilityError]]] = [
        ([LOT + "UNKNOWN"], UnknownSubjectError),
        (["https://id.gs1.org/01/09520000000011"], IdentifierError),
        (["https://id.gs1.org/414/9520000000004"], IdentifierError),
        (["no uri"], IdentifierError),
        ([], MalformedError),
        ([f"{LOT}{number}" for number in range(101)], MalformedError),
    ]
    with small.store.reading() as connection:
        for origins, error in refused:
            with pytest.raises(error):
                scope(connection, small.node, origins)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"recallClass": 4}, "/recallClass"),
        ({"recallClass": None}, "/recallClass"),
        ({"hazard": {"en": "x"}}, "/hazard/zh"),
        ({"hazard": "x"}, "/hazard"),
        ({"advice": {"en": "x" * 201, "zh": "x"}}, "/advice/en"),
        ({"advice": {"en": "two\nlines", "zh": "x"}}, "/advice/en"),
        ({"hazard": {"en": "x", "zh": "\u202efdp.exe"}}, "/hazard/zh"),
        ({"contact": ["x"]}, "/contact"),
        ({"contact": "\0"}, "/contact"),
    ],
)
def test_texts_that_cannot_be_said_are_refused_with_their_place(changes, pointer):
    said = {"recallClass": 1, "hazard": dict(NOTICE.hazard), "advice": dict(NOTICE.advice), **changes}
    with pytest.raises(EventError) as refused:
        read_notice(said)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_an_audit_finds_rows_of_recalls_that_no_event_gives(small):
    farm, _, _ = chain(small)
    done = issue(small.store, small.node, Issuer(farm), order(small, A))
    publish(small)
    assert sound(small)
    changes = [
        update(projections.Recall).values(state="closed"),
        update(projections.Recall).values(party="https://id.gs1.org/417/9520000000004"),
        update(projections.Recall).values(since_ms=1),
        delete(projections.Recalled).where(projections.Recalled.recall == done.id),
        update(projections.Recall).values(stale=True),
    ]
    codes = []
    for change in changes:
        with small.store.engine.connect() as connection, connection.begin() as rolled_back:
            connection.execute(change)
            codes.append({f.code for f in audit_connection(connection, small.node).findings})
            rolled_back.rollback()
    assert codes == [{"recall"}, {"recall"}, {"recall"}, {"recalled"}, set()]
