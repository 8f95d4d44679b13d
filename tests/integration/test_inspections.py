"""Inspections: drafts are rows, what is finished is signed, a laboratory sees what it was asked about."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import select

from tests.support.world import World
from tests.unit.supply.test_inspection import REPORT, RESULT, SAMPLE
from traceability.errors import (
    ConflictError,
    IdentifierError,
    QuotaError,
    StatementError,
    UnknownSubjectError,
)
from traceability.identifiers import party_deposits, place_uri
from traceability.operations import inspecting
from traceability.operations.accounts.trail import Actor
from traceability.operations.audit import audit
from traceability.operations.deposit import notices_on
from traceability.operations.documents import read_document
from traceability.operations.inspecting import (
    add_result,
    ask_laboratory,
    party_of,
    plan,
    sign,
    take_sample,
    withdraw,
    write,
)
from traceability.operations.inspections import (
    asked_of,
    asked_samples,
    inspections_of,
    list_inspections,
    show_case,
)
from traceability.store.accounts import TrailEntry
from traceability.supply.inspection import MEDIA_TYPES, Kind, parse_paper
from traceability.supply.notice import Purpose


def without(says: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in says.items() if name not in names}


SAMPLED, FOUND = without(SAMPLE, "inspection"), without(RESULT, "sample", "sampleDocument")


@pytest.fixture
def bureau(world: World) -> Actor:
    return Actor("Wang Fang", world.party("Bureau"), "web")


@pytest.fixture
def lab(world: World) -> Actor:
    return Actor("Li Na", world.party("Laboratory"), "web")


@pytest.fixture
def batch(world: World) -> str:
    return world.harvest(world.party("Farm"), "L1")


def test_every_finished_paper_is_a_signed_document_on_the_batch(
    world: World, bureau: Actor, lab: Actor, batch: str
):
    store, node = world.store, world.node
    inspection = plan(store, node, bureau, batch, {"reason": "A complaint"})
    with pytest.raises(StatementError, match="findings"):
        sign(store, node, bureau, inspection.id)
    write(store, bureau, inspection.id, REPORT)
    sample = take_sample(store, node, bureau, inspection.id, SAMPLED)
    signed = sign(store, node, bureau, sample.id)
    ask_laboratory(store, node, bureau, sample.id, party_of(lab))
    result = add_result(store, node, lab, sample.id, FOUND)
    sign(store, node, lab, result.id)
    sign(store, node, bureau, inspection.id)
    world.publish()
    with store.reading() as connection:
        notices = list(notices_on(connection, batch))
        case = show_case(connection, node, inspection.id)
        papers = [parse_paper(read_document(node.folder, each.notice.sha256)) for each in notices]
        done = select(TrailEntry.action).where(TrailEntry.via == "web").order_by(TrailEntry.id)
        actions = connection.execute(done).scalars().all()
    assert [(each.party, each.notice.purpose) for each in notices] == [
        (party_of(bureau), Purpose.INSPECTION),
        (party_of(lab), Purpose.ANALYSIS),
        (party_of(bureau), Purpose.INSPECTION),
    ]
    assert [each.kind for each in papers] == [Kind.SAMPLE, Kind.RESULT, Kind.REPORT]
    assert [each.notice.media_type for each in notices] == [MEDIA_TYPES[each.kind] for each in papers]
    assert papers[1].says["sampleDocument"] == (signed.document or b"").hex()
    assert {each.about for each in papers} == {batch}
    ((shown, results),) = case.samples
    assert (shown.id, [each.id for each in results]) == (sample.id, [result.id])
    assert actions == [
        *("report-begun", "paper-written", "sample-begun", "paper-signed", "laboratory-asked"),
        *("result-begun", "paper-signed", "paper-signed"),
    ]
    assert audit(store, node).ok


def test_a_correction_is_a_new_document_that_names_the_old_one(lone: World):
    bureau = Actor("Wang Fang", lone.party("Bureau"), "web")
    batch = lone.harvest(lone.party("Farm"), "L1")
    number = plan(lone.store, lone.node, bureau, batch, REPORT).id
    first = sign(lone.store, lone.node, bureau, number)
    assert sign(lone.store, lone.node, bureau, number).document == first.document
    write(lone.store, bureau, number, {"findings": "It was cold room 3."})
    second = sign(lone.store, lone.node, bureau, number)
    old, new = (read_document(lone.node.folder, (each.document or b"").hex()) for each in (first, second))
    assert parse_paper(old).says["findings"] == REPORT["findings"]
    assert parse_paper(new).says["findings"] == "It was cold room 3."
    assert parse_paper(new).corrects == (first.document or b"").hex()
    with pytest.raises(ConflictError, match="signed"):
        withdraw(lone.store, bureau, number)


def test_a_laboratory_sees_what_it_was_asked_about_and_nothing_else(lone: World):
    bureau, lab, other = (Actor(name, lone.party(name), "web") for name in ("Bureau", "Lab", "Other lab"))
    batch = lone.harvest(lone.party("Farm"), "L1")
    inspection = plan(lone.store, lone.node, bureau, batch, REPORT).id
    asked, mine = (take_sample(lone.store, lone.node, bureau, inspection, SAMPLED).id for _ in range(2))
    with pytest.raises(ConflictError, match="not signed"):
        ask_laboratory(lone.store, lone.node, bureau, asked, party_of(lab))
    sign(lone.store, lone.node, bureau, asked)
    sign(lone.store, lone.node, bureau, mine)
    ask_laboratory(lone.store, lone.node, bureau, asked, party_of(lab))
    with lone.store.reading() as connection:
        assert [each.id for each, _ in asked_samples(connection, lone.node, party_of(lab))] == [asked]
        assert asked_samples(connection, lone.node, party_of(other)) == []
        for party, sample in ((party_of(lab), mine), (party_of(other), asked), (party_of(bureau), asked)):
            with pytest.raises(UnknownSubjectError):
                asked_of(connection, party, sample)
    for writer, sample in ((lab, mine), (other, asked)):
        with pytest.raises(UnknownSubjectError):
            add_result(lone.store, lone.node, writer, sample, FOUND)
    with pytest.raises(ConflictError, match="was asked"):
        ask_laboratory(lone.store, lone.node, bureau, asked, party_of(other))
    with pytest.raises(UnknownSubjectError):
        write(lone.store, lab, inspection, {"findings": "All is well."})


def test_what_a_laboratory_is_still_writing_is_its_own(lone: World):
    bureau, lab = Actor("B", lone.party("Bureau"), "web"), Actor("L", lone.party("Lab"), "web")
    batch = lone.harvest(lone.party("Farm"), "L1")
    inspection = plan(lone.store, lone.node, bureau, batch, REPORT).id
    sample = take_sample(lone.store, lone.node, bureau, inspection, SAMPLED).id
    sign(lone.store, lone.node, bureau, sample)
    ask_laboratory(lone.store, lone.node, bureau, sample, party_of(lab))
    result = add_result(lone.store, lone.node, lab, sample, FOUND).id

    def seen() -> list[tuple[str, str]]:
        with lone.store.reading() as connection:
            ((_, results),) = show_case(connection, lone.node, inspection).samples
        return [(each.says["value"], each.state) for each in results]

    assert seen() == []
    sign(lone.store, lone.node, lab, result)
    write(lone.store, lab, result, {"value": "detected"})
    assert seen() == [(RESULT["value"], "signed")]
    write(lone.store, bureau, sample, {"what": "Something else"})
    with lone.store.reading() as connection:
        ((shown, _),) = asked_samples(connection, lone.node, party_of(lab))
    assert shown.says["what"] == SAMPLE["what"]


def test_a_place_has_no_stream_so_its_papers_are_among_the_deposits_of_who_signs(lone: World):
    bureau = Actor("Wang Fang", lone.party("Bureau"), "web")
    place = place_uri("9520000000004", lone.node.name)
    number = plan(lone.store, lone.node, bureau, place, REPORT).id
    sign(lone.store, lone.node, bureau, number)
    with lone.store.reading() as connection:
        (notice,) = notices_on(connection, party_deposits(lone.node.name, party_of(bureau)))
        assert [each.id for each in inspections_of(connection, place)] == [number]
        assert [each.id for each in list_inspections(connection, party_of(bureau))] == [number]
    assert parse_paper(read_document(lone.node.folder, notice.notice.sha256)).about == place


def test_what_cannot_be_opened_leaves_nothing(lone: World, monkeypatch: pytest.MonkeyPatch):
    bureau = Actor("Wang Fang", lone.party("Bureau"), "web")
    for about, error in (
        (lone.batch("NONE"), UnknownSubjectError),
        ("https://id.gs1.org/00/095200000000000011", StatementError),
        ("nonsense", IdentifierError),
        (party_deposits(lone.node.name, party_of(bureau)), StatementError),
    ):
        with pytest.raises(error):
            plan(lone.store, lone.node, bureau, about, {})
    batch = lone.harvest(lone.party("Farm"), "L1")
    with pytest.raises(StatementError, match="no 'colour'"):
        plan(lone.store, lone.node, bureau, batch, {"colour": "red"})
    with pytest.raises(StatementError, match="more than"):
        plan(lone.store, lone.node, bureau, batch, {"findings": "x" * 20_000})
    number = plan(lone.store, lone.node, bureau, batch, {}).id
    monkeypatch.setattr(inspecting, "MAX_OPEN", 1)
    take_sample(lone.store, lone.node, bureau, number, SAMPLED)
    with pytest.raises(QuotaError):
        take_sample(lone.store, lone.node, bureau, number, SAMPLED)
    withdraw(lone.store, bureau, number)
    with pytest.raises(ConflictError, match="withdrawn"):
        sign(lone.store, lone.node, bureau, number)
    with lone.store.reading() as connection:
        assert list_inspections(connection) == []
