"""Recalls: what is reached is named and signed, all or nothing; who may; how it goes on and is followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
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
from tests.support.world import World
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
from traceability.operations import recallscope
from traceability.operations.audit import audit, audit_connection
from traceability.operations.heartbeat import newest_beats
from traceability.operations.keyring import revoke_key
from traceability.operations.recall import (
    Issuer,
    close,
    hold,
    issue,
    issuer_of,
)
from traceability.operations.recallextend import extend_recalls
from traceability.operations.recallscope import Lost, read_notice, scope
from traceability.operations.recallstatus import find_recall, list_recalls, load_recall, named_things
from traceability.operations.tokens import Scope as TokenScope
from traceability.operations.tokens import new_token
from traceability.settings import NodeSettings, load
from traceability.store import models, projections
from traceability.supply import recall as supply_recall
from traceability.supply.epcis.events import format_event_time
from traceability.supply.recall import Outcome, State
from traceability.supply.tracing.trace import Options


def status(world: World, recall_id: str) -> Any:
    with world.store.reading() as connection:
        return find_recall(connection, recall_id)


def named(world: World, recall_id: str) -> set[str]:
    with world.store.reading() as connection:
        return set(named_things(connection, recall_id))


def counts(world: World) -> list[int]:
    tables = (
        *(models.Record, models.Statement, models.Stream, models.Disclosures),
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


def test_a_preview_shows_what_is_reached_who_has_it_and_what_is_not_known_and_writes_nothing(lone):
    _, packer, dairy = chain(lone)
    before = counts(lone)
    with lone.store.reading() as connection:
        found = scope(connection, lone.node, [A]).described(connection)
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
    assert counts(lone) == before


def test_a_hold_is_issued_and_closed_on_everything_that_is_reached(world):
    farm, _, _ = chain(world)
    wanted = order(world, A, state=State.HOLD)
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


def test_the_same_order_again_changes_nothing_and_another_under_its_id_is_refused(lone):
    farm, _, _ = chain(lone)
    wanted = order(lone, A)
    first = issue(lone.store, lone.node, Issuer(farm), wanted)
    before = counts(lone)
    assert issue(lone.store, lone.node, Issuer(farm), wanted) == first
    assert counts(lone) == before
    with pytest.raises(ConflictError, match="other words"):
        issue(lone.store, lone.node, Issuer(farm), replace(wanted, notice=replace(NOTICE, recall_class=3)))
    with pytest.raises(ConflictError, match="other lots"):
        issue(lone.store, lone.node, Issuer(farm), replace(wanted, origins=(B,)))
    with pytest.raises(ConflictError, match="cannot become hold"):
        hold(lone.store, lone.node, Issuer(farm), wanted)
    closed = close(lone.store, lone.node, Issuer(farm), wanted.id, Outcome.SAFE)
    assert close(lone.store, lone.node, Issuer(farm), wanted.id, Outcome.SAFE) == closed
    with pytest.raises(ConflictError, match="closed as safe"):
        close(lone.store, lone.node, Issuer(farm), wanted.id, Outcome.REMOVED)
    with pytest.raises(ConflictError, match="cannot become issued"):
        issue(lone.store, lone.node, Issuer(farm), wanted)


def test_what_was_not_seen_is_not_issued(lone):
    farm, packer, _ = chain(lone)
    wanted = order(lone, A)
    make(lone, packer, [MIX], LATE, 60)
    before = counts(lone)
    with pytest.raises(ScopeChangedError):
        issue(lone.store, lone.node, Issuer(farm), wanted)
    other = replace(order(lone, A), notice=replace(NOTICE, advice={"en": "Eat it", "zh": "可以食用"}))
    with pytest.raises(ScopeChangedError):
        issue(lone.store, lone.node, Issuer(farm), other)
    assert counts(lone) == before


def test_a_firm_recalls_what_it_made_and_goes_on_with_its_own_only(lone):
    farm, packer, _ = chain(lone)
    authority = lone.party("Authority")
    for issuer, lot in ((packer, A), (farm, MIX)):
        with pytest.raises(ForbiddenError):
            hold(lone.store, lone.node, Issuer(issuer), order(lone, lot, state=State.HOLD))
    held = hold(lone.store, lone.node, Issuer(packer), order(lone, MIX, state=State.HOLD))
    with pytest.raises(ForbiddenError):
        issue(lone.store, lone.node, Issuer(farm), order(lone, MIX, recall_id=held.id))
    with pytest.raises(ForbiddenError):
        close(lone.store, lone.node, Issuer(farm), held.id, Outcome.SAFE)
    done = issue(
        lone.store, lone.node, Issuer(authority, regulator=True), order(lone, MIX, recall_id=held.id)
    )
    assert (done.party, done.by) == (packer, authority)
    assert close(lone.store, lone.node, Issuer(packer), held.id, Outcome.REMOVED).by == packer
    publish(lone)
    assert sound(lone)


def test_a_regulator_says_that_nothing_was_wrong_where_a_firm_closed_its_lie_as_removed(lone):
    farm, packer, _ = chain(lone)
    office = Issuer(lone.party("Authority"), regulator=True)
    done = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    close(lone.store, lone.node, Issuer(farm), done.id, Outcome.REMOVED)
    for firm in (farm, packer):
        with pytest.raises((ConflictError, ForbiddenError)):
            close(lone.store, lone.node, Issuer(firm), done.id, Outcome.SAFE)
    lone.wait(minutes=1)
    assert close(lone.store, lone.node, office, done.id, Outcome.SAFE).by == office.party
    with lone.store.reading() as connection:
        assert load_recall(connection, find_recall(connection, done.id)).outcome is Outcome.SAFE
    with pytest.raises(ConflictError):
        close(lone.store, lone.node, office, done.id, Outcome.REMOVED)
    publish(lone)
    assert sound(lone)


def test_a_recall_that_was_not_traced_to_its_end_keeps_saying_so(lone, monkeypatch):
    farm, _, _ = chain(lone)
    done = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    monkeypatch.setattr(recallscope, "Options", partial(Options, max_things=2))
    for _ in range(2):
        failed = extend_recalls(lone.store, lone.node).failed
        assert "not complete" in str(failed[done.id])
    monkeypatch.undo()
    assert not extend_recalls(lone.store, lone.node).failed


def test_a_party_is_a_regulator_while_a_token_says_so(lone):
    party = lone.party("Authority")

    def regulator() -> bool:
        with lone.store.reading() as connection:
            return issuer_of(connection, lone.node, party, lone.now_ms).regulator

    scopes = [TokenScope.QUERY]
    new_token(lone.store, lone.node, party=party, scopes=scopes, days=1, name="firm")
    assert not regulator()
    new_token(lone.store, lone.node, party=party, scopes=scopes, days=1, name="office", regulator=True)
    assert regulator()
    lone.wait(minutes=24 * 60)
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


def test_what_is_unrelated_wakes_no_recall(lone):
    farm, packer, _ = chain(lone)
    issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    publish(lone)
    make(lone, packer, [LOT + "C", LOT + "D"], LOT + "E", 60)
    say(lone, packer, minutes=70, bizStep="shipping", quantityList=lots(MIX))
    assert publish(lone) == {}


def test_what_is_packed_into_a_recalled_unit_later_is_reached(lone):
    _, _, dairy = chain(lone)
    done = issue(lone.store, lone.node, Issuer(dairy), order(lone, PALLET))
    publish(lone)
    assert named(lone, done.id) == {PALLET, YOGHURT}
    say(lone, dairy, "AggregationEvent", 60, action="ADD", parentID=PALLET, childQuantityList=lots(LATE))
    assert publish(lone) == {done.id: 1}
    assert LATE in named(lone, done.id)


def test_what_was_held_is_issued_even_if_a_correction_took_its_link_away(lone):
    farm, _, dairy = chain(lone)
    made: dict[str, Any] = {
        "inputQuantityList": lots(MIX),
        "outputQuantityList": lots(LATE),
        "eventID": "urn:uuid:wrong",
    }
    say(lone, dairy, "TransformationEvent", 60, **made)
    held = hold(lone.store, lone.node, Issuer(farm), order(lone, A, state=State.HOLD))
    declared = {"declarationTime": format_event_time(lone.now_ms), "reason": "did_not_occur"}
    say(lone, dairy, "TransformationEvent", 60, **made, errorDeclaration=declared)
    done = issue(lone.store, lone.node, Issuer(farm), order(lone, A, recall_id=held.id))
    assert (done.state, done.things) == (State.ISSUED, 4)
    with lone.store.reading() as connection:
        query = select(models.Stream.length).where(models.Stream.uri == LATE)
        assert connection.execute(query).scalar_one() == len(["made", "held", "declared", "issued"])


def test_who_says_a_recall_does_not_become_the_holder(lone):
    _, packer, dairy = chain(lone)
    authority = lone.party("Authority")
    hold(lone.store, lone.node, Issuer(authority, regulator=True), order(lone, A, state=State.HOLD))
    with lone.store.reading() as connection:
        found = scope(connection, lone.node, [A]).described(connection)
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
def test_whatever_becomes_known_later_is_reached_in_whatever_order_it_comes(lone, what):
    """A publisher that works between any two events ends with the same things as one trace at the end."""
    farm, _, dairy = chain(lone)
    done = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    publish(lone)
    for kind, minutes, members in LATER[what]:
        say(lone, dairy, kind, minutes, **members)
        publish(lone)
    with lone.store.reading() as connection:
        wanted = set(scope(connection, lone.node, [A]).things)
    assert named(lone, done.id) == wanted
    assert wanted & {LATE, ITEM}


def test_what_a_correction_brings_to_light_is_reached_and_what_it_takes_away_stays_recalled(lone):
    """Y left the pallet before the pallet was repacked; the event that said so is declared an error."""
    farm, _, dairy = chain(lone)
    out = {"action": "DELETE", "parentID": PALLET, "childQuantityList": [{"epcClass": YOGHURT}]}
    say(lone, dairy, "AggregationEvent", 55, **out, eventID="urn:uuid:left")
    say(lone, dairy, "TransformationEvent", 60, inputEPCList=[PALLET], outputQuantityList=lots(LATE))
    done = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    publish(lone)
    assert LATE not in named(lone, done.id)
    declared = {"declarationTime": format_event_time(lone.now_ms), "reason": "did_not_occur"}
    say(lone, dairy, "AggregationEvent", 55, **out, eventID="urn:uuid:left", errorDeclaration=declared)
    publish(lone)
    assert LATE in named(lone, done.id)
    say(lone, dairy, "AggregationEvent", 56, **out)
    publish(lone)
    assert LATE in named(lone, done.id)
    assert sound(lone)


def test_what_is_recorded_between_trace_and_transaction_is_reached(lone, monkeypatch):
    farm, packer, _ = chain(lone)
    wanted, drafts = order(lone, A), recalling.drafts_of

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(recalling, "drafts_of", drafts)
        make(lone, packer, [MIX], LATE, 60)
        return drafts(*arguments)

    monkeypatch.setattr(recalling, "drafts_of", meanwhile)
    done = issue(lone.store, lone.node, Issuer(farm), wanted)
    assert LATE not in named(lone, done.id)
    assert publish(lone) == {done.id: 1}
    assert LATE in named(lone, done.id)


def test_the_table_of_a_scope_has_a_row_for_everything_that_is_named(lone):
    chain(lone)
    with lone.store.reading() as connection:
        found = scope(connection, lone.node, [A], named=[LATE])
    assert sorted(row.uri for row in found.rows) == list(found.things)
    assert [row.how for row in found.rows] == ["start", "affected", "affected", "named before"]


def test_a_recall_that_went_on_meanwhile_is_not_overtaken(world, monkeypatch):
    farm, _, _ = chain(world)
    held, drafts = (
        hold(world.store, world.node, Issuer(farm), order(world, A, state=State.HOLD)),
        recalling.drafts_of,
    )
    wanted = order(world, A, recall_id=held.id)

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.setattr(recalling, "drafts_of", drafts)
        close(world.store, world.node, Issuer(farm), held.id, Outcome.SAFE)
        return drafts(*arguments)

    monkeypatch.setattr(recalling, "drafts_of", meanwhile)
    with pytest.raises(ConflictError, match="at this very moment"):
        issue(world.store, world.node, Issuer(farm), wanted)
    assert status(world, held.id).state is State.CLOSED


def test_a_recall_of_many_things_is_all_or_nothing(lone, monkeypatch):
    """Three events; one of them cannot be recorded."""
    monkeypatch.setattr(supply_recall, "PER_EVENT", 10)
    farm = lone.party("Farm")
    say(lone, farm, action="ADD", quantityList=lots(A))
    many = [{"epcClass": f"{LOT}P{number}"} for number in range(24)]
    say(lone, farm, "TransformationEvent", 10, inputQuantityList=lots(A), outputQuantityList=many)
    before, wanted = counts(lone), order(lone, A)
    real = supply_recall.recall_events

    def ahead(*arguments: Any) -> Any:
        events = real(*arguments)
        events[1]["eventTime"] = format_event_time(lone.now_ms + 10**9)
        return events

    monkeypatch.setattr(recalling, "recall_events", ahead)
    with pytest.raises(ClockAheadError):
        issue(lone.store, lone.node, Issuer(farm), wanted)
    assert counts(lone) == before
    monkeypatch.setattr(recalling, "recall_events", real)
    told: list[tuple[int, int]] = []
    done = issue(lone.store, lone.node, Issuer(farm), wanted, lambda *share: told.append(share))
    assert (done.things, told) == (25, [(1, 3), (2, 3), (3, 3)])
    publish(lone)
    assert sound(lone)


def test_whose_key_is_gone_keeps_the_recall_waiting_and_the_others_are_extended(lone):
    farm, packer, dairy = chain(lone)
    lost = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    kept = issue(lone.store, lone.node, Issuer(packer), order(lone, MIX))
    publish(lone)
    with lone.store.reading() as connection:
        kid = connection.execute(select(models.Key.kid).where(models.Key.subject == farm)).scalar_one()
    revoke_key(lone.store, lone.node, kid, None, "closed its business")
    make(lone, dairy, [YOGHURT], LATE, 60)
    done = extend_recalls(lone.store, lone.node)
    assert (done.added, [e.code for e in done.failed.values()]) == ({kept.id: 1}, ["unknown-signer"])
    assert (status(lone, lost.id).stale, status(lone, kept.id).stale) == (True, False)
    publisher = Publisher(Opened(load(NodeSettings, {"FT_DATA": "."}), lone.node, lone.store))
    lone.wait(ms=1000)
    publisher.turn()
    with lone.store.reading() as connection:
        assert newest_beats(connection)["publisher"].detail["error"] == "unknown-signer"
        unpublished = select(func.count()).where(models.Record.log_index.is_(None))
        assert connection.execute(unpublished).scalar_one() == 0


def test_a_recall_begins_with_lots_that_are_known(lone):
    lone.party("Farm")
    refused: Sequence[tuple[Sequence[str], type[TraceabilityError]]] = [
        ([LOT + "UNKNOWN"], UnknownSubjectError),
        (["https://id.gs1.org/01/09520000000011"], IdentifierError),
        (["https://id.gs1.org/414/9520000000004"], IdentifierError),
        (["no uri"], IdentifierError),
        ([], MalformedError),
        ([f"{LOT}{number}" for number in range(101)], MalformedError),
    ]
    with lone.store.reading() as connection:
        for origins, error in refused:
            with pytest.raises(error):
                scope(connection, lone.node, origins)


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


def test_an_audit_finds_rows_of_recalls_that_no_event_gives(lone):
    farm, _, _ = chain(lone)
    done = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
    publish(lone)
    assert sound(lone)
    changes = [
        update(projections.Recall).values(state="closed"),
        update(projections.Recall).values(party="https://id.gs1.org/417/9520000000004"),
        update(projections.Recall).values(since_ms=1),
        delete(projections.Recalled).where(projections.Recalled.recall == done.id),
        update(projections.Recall).values(stale=True),
    ]
    codes = []
    for change in changes:
        with lone.store.engine.connect() as connection, connection.begin() as rolled_back:
            connection.execute(change)
            codes.append({f.code for f in audit_connection(connection, lone.node).findings})
            rolled_back.rollback()
    assert codes == [{"recall"}, {"recall"}, {"recall"}, {"recalled"}, set()]
