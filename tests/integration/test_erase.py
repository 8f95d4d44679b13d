"""Erasing: a part of an event is gone for good, the proofs hold, and what recalls need stays."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.event import listens_for

from tests.support.gateway import wait_until
from tests.support.world import World
from traceability.commands.publisher import Publisher
from traceability.commands.verb import Opened
from traceability.errors import ConflictError, StatementError, UnknownSubjectError
from traceability.operations.audit import audit
from traceability.operations.capture import Captured, capture
from traceability.operations.disclosures import disclosures_of
from traceability.operations.draft import Given
from traceability.operations.erase import erase, newest_erasure, preview_erasure
from traceability.operations.events import load_event
from traceability.operations.project import NO_CONTENT
from traceability.settings import NodeSettings, load
from traceability.signing.disclosure import Audience
from traceability.signing.sdjwt import digest_of
from traceability.store import projections
from traceability.store.access import Erasure
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT
from traceability.verification.verdict import check

PLACE = "https://id.gs1.org/414/9520000000103"
DOCUMENT = "urn:epcglobal:cbv:bt:9520000000103:PO-1"


def record(world: World, party: str, event: dict[str, Any]) -> Captured:
    (made,) = capture(world.store, world.node, party, [Given(event, read_context(CONTEXT), CONTEXT)])
    assert made.refused is None, made.refused
    return made


def mixing(world: World, **members: Any) -> dict[str, Any]:
    return {
        "type": "TransformationEvent",
        "bizStep": "commissioning",
        "eventTime": "2025-12-31T22:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "inputQuantityList": [{"epcClass": world.batch("IN"), "quantity": Decimal("7.5"), "uom": "KGM"}],
        "outputQuantityList": [{"epcClass": world.batch("OUT"), "quantity": 6, "uom": "KGM"}],
        "readPoint": {"id": PLACE},
        "bizTransactionList": [{"type": "po", "bizTransaction": DOCUMENT}],
        "ilmd": {"ft:product": {"en": "Jam", "zh": "果酱"}, "ft:person": "Wang"},
        "transformationID": "urn:uuid:5f1c8ba2-5c40-4fd6-9d7d-3a1f3a5be6a1",
    } | members


def rows(world: World, table: Any) -> list[Any]:
    with world.store.reading() as connection:
        return list(connection.execute(select(table).order_by(*table.__table__.primary_key.columns)))


def left(world: World, made: Captured) -> dict[str, Any]:
    with world.store.reading() as connection:
        return load_event(connection, made.sha256)


def test_a_part_is_gone_and_everything_else_still_verifies(world: World):
    farm = world.party("Farm")
    made = record(world, farm, mixing(world))
    world.publish()
    before = left(world, made)
    erased = erase(world.store, world.node, farm, made.event_id, "ilmd/ft:person", "asked to")
    assert [sorted(each.parts.values()) for each in erased] == [["eventID", "ilmd/ft:person"]]
    after = left(world, made)
    assert after["ilmd"] == {"ft:product": {"en": "Jam", "zh": "果酱"}}
    assert after == {k: v for k, v in before.items() if k != "eventID"} | {"ilmd": after["ilmd"]}
    assert check(world.bundle(world.batch("OUT"), Audience.REGULATOR), world.node.policy).exit_code != 1
    report = audit(world.store, world.node)
    assert report.lines()[:-1] == []
    assert report.counts["erased"] == 2
    with world.store.reading() as connection:
        assert newest_erasure(connection) == world.now_ms
    (row,) = {(r.statement, r.party, r.reason, r.at_ms) for r in rows(world, Erasure)}
    assert row == (made.sha256, farm, "asked to", world.now_ms)


def test_rows_for_queries_are_made_again_from_what_is_left(world: World):
    farm = world.party("Farm")
    made = record(world, farm, mixing(world))
    things, mentions = rows(world, projections.Thing), rows(world, projections.Mention)
    links = rows(world, projections.Link)
    assert [(link.quantity, link.uom) for link in links if link.quantity] == [("7.5", "KGM"), ("6", "KGM")]
    for part in ("readPoint", "bizTransactionList", "inputQuantityList/quantity"):
        erase(world.store, world.node, farm, made.sha256.hex(), part, "asked to")
    (event,) = rows(world, projections.Event)
    assert (event.read_point, event.content) == (None, NO_CONTENT)
    assert event.event_id == f"erased:{made.sha256[:8].hex()}"
    assert event.transformation == mixing(world)["transformationID"]
    assert rows(world, projections.Term) == []
    assert (rows(world, projections.Thing), rows(world, projections.Mention)) == (things, mentions)
    after = rows(world, projections.Link)
    assert [link[:5] for link in after] == [link[:5] for link in links]
    assert [link.quantity for link in after if link.quantity] == ["6"]


def test_an_error_declaration_repeats_the_event_so_the_part_goes_from_both(world: World):
    farm, other = world.party("Farm"), world.party("Other")
    made = record(world, farm, mixing(world))
    foreign = record(world, other, mixing(world))
    assert foreign.event_id == made.event_id
    error = {"declarationTime": "2026-01-01T00:00:00.000Z", "x:by": "Zhang"}
    declared = record(world, farm, mixing(world, eventID=made.event_id, errorDeclaration=error))
    erased = erase(world.store, world.node, farm, made.event_id, "ilmd/ft:person", "asked to")
    assert [each.statement for each in erased] == [made.sha256, declared.sha256]
    assert "ft:person" not in str(left(world, made)) + str(left(world, declared))
    assert left(world, foreign)["ilmd"]["ft:person"] == "Wang"
    named = {row.event_id for row in rows(world, projections.Event) if row.party == farm}
    assert named == {f"erased:{made.sha256[:8].hex()}"}
    (opaque,) = named
    (again,) = erase(world.store, world.node, farm, opaque, "errorDeclaration/x:by", "asked to")
    assert again.statement == declared.sha256
    assert {row.event_id for row in rows(world, projections.Event) if row.party == farm} == named


def test_a_declaration_that_names_the_event_forgets_its_hash_too(lone: World):
    farm = lone.party("Farm")
    wrong = mixing(lone, readPoint={"id": PLACE[:-2] + "10"})
    first = record(lone, farm, wrong)
    right = record(lone, farm, mixing(lone))
    error = {"declarationTime": "2026-01-01T00:00:00.000Z", "correctiveEventIDs": [right.event_id]}
    declared = record(lone, farm, wrong | {"eventID": first.event_id, "errorDeclaration": error})
    erased = erase(lone.store, lone.node, farm, right.event_id, "ilmd/ft:person", "asked to")
    assert {each.statement: sorted(each.parts.values()) for each in erased} == {
        right.sha256: ["eventID", "ilmd/ft:person"],
        declared.sha256: ["errorDeclaration/correctiveEventIDs"],
    }
    assert left(lone, declared)["eventID"] == first.event_id
    assert audit(lone.store, lone.node).lines()[:-1] == []


def test_what_is_not_erased_is_refused_and_nothing_changes(lone: World):
    farm = lone.party("Farm")
    made = record(lone, farm, mixing(lone))
    for part, error, message in (
        ("type", ConflictError, "never erased"),
        ("inputQuantityList", ConflictError, "never erased"),
        ("ilmd", ConflictError, "never erased"),
        ("transformationID", ConflictError, "go by"),
        ("ilmd/ft:parents", ConflictError, "go by"),
        ("readPoint/id", StatementError, "not divided"),
        ("bizLocation", UnknownSubjectError, "has no bizLocation"),
    ):
        with pytest.raises(error, match=message):
            erase(lone.store, lone.node, farm, made.event_id, part, "asked to")
    assert left(lone, made) == mixing(lone) | {"eventID": made.event_id}


def test_only_a_partys_own_events_with_a_reason(lone: World):
    farm, other = lone.party("Farm"), lone.party("Other")
    made = record(lone, farm, mixing(lone))
    for event in (made.event_id, made.sha256.hex(), "ni:///unknown", "0" * 64):
        party = other if made.sha256.hex() == event or event == made.event_id else farm
        with pytest.raises(UnknownSubjectError, match="has no event"):
            erase(lone.store, lone.node, party, event, "readPoint", "asked to")
    for reason in ("", "x" * 201, "a\nb"):
        with pytest.raises(StatementError, match="reason"):
            erase(lone.store, lone.node, farm, made.event_id, "readPoint", reason)
    erase(lone.store, lone.node, farm, made.event_id, "readPoint", "asked to")
    with pytest.raises(UnknownSubjectError, match="erased before"):
        erase(lone.store, lone.node, farm, made.sha256.hex(), "readPoint", "asked to")


def test_of_two_erasures_at_once_neither_puts_back_what_the_other_took(world: World):
    farm = world.party("Farm")
    made = record(world, farm, mixing(world))
    failures: list[Exception] = []

    def other() -> None:
        try:
            erase(world.store, world.node, farm, made.sha256.hex(), "readPoint", "asked to")
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=other)

    def waits() -> bool:
        """Whether the other one waits for a lock; in SQLite nothing can be read of that."""
        if world.store.engine.dialect.name == "sqlite":
            return True
        held = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with world.store.reading() as connection:
            return bool(connection.execute(held).scalar_one())

    @listens_for(world.store.engine, "before_cursor_execute")
    def meanwhile(_c: Any, _cursor: Any, statement: str, _p: Any, _context: Any, _many: Any) -> None:
        if statement.startswith("UPDATE disclosures") and thread.ident is None:
            thread.start()
            wait_until(lambda: waits() or not thread.is_alive(), "the other erasure waits or is done")

    erase(world.store, world.node, farm, made.event_id, "ilmd/ft:person", "asked to")
    thread.join()
    assert failures == []
    event = left(world, made)
    assert "readPoint" not in event
    assert "ft:person" not in event["ilmd"]
    assert audit(world.store, world.node).lines()[:-1] == []


def test_a_preview_changes_nothing(lone: World):
    farm = lone.party("Farm")
    made = record(lone, farm, mixing(lone))
    with lone.store.reading() as connection:
        (found,) = preview_erasure(connection, farm, made.event_id, "inputQuantityList/uom")
    assert sorted(found.parts.values()) == ["eventID", "inputQuantityList/uom"]
    assert left(lone, made) == mixing(lone) | {"eventID": made.event_id}


def test_the_audit_names_what_is_gone_without_a_reason_and_a_kept_part_with_one(lone: World):
    farm = lone.party("Farm")
    made = record(lone, farm, mixing(lone))
    erase(lone.store, lone.node, farm, made.event_id, "readPoint", "asked to")
    with lone.store.transaction() as tx:
        tx.connection.execute(delete(Erasure).where(Erasure.part == "eventID"))
    (finding,) = audit(lone.store, lone.node).findings
    assert "no row says why" in finding.text
    with lone.store.transaction() as tx:
        tx.connection.execute(update(Erasure).values(part="ilmd/ft:parents"))
        digest = digest_of(disclosures_of(tx.connection, made.sha256)[0])
        row = {"statement": made.sha256, "digest": digest, "part": "x:a", "party": farm}
        tx.connection.execute(insert(Erasure).values(row | {"reason": "r", "at_ms": 1}))
    said = [finding.text for finding in audit(lone.store, lone.node).findings]
    assert any("never erased" in text for text in said)
    assert any("said to be erased" in text for text in said)


def test_the_publisher_takes_erased_bytes_out_of_the_wal_as_soon_as_nobody_reads(lone: World, tmp_path: Path):
    farm = lone.party("Farm")
    made = record(lone, farm, mixing(lone))
    publisher = Publisher(Opened(load(NodeSettings, {"FT_DATA": str(tmp_path)}), lone.node, lone.store))
    wal = tmp_path / "store.sqlite-wal"
    publisher.turn()
    lone.wait(ms=1000)
    assert wal.stat().st_size > 0
    erase(lone.store, lone.node, farm, made.event_id, "readPoint", "asked to")
    with lone.store.reading() as connection:
        newest_erasure(connection)
        publisher.turn()
        assert wal.stat().st_size > 0
    publisher.turn()
    assert wal.stat().st_size == 0 or PLACE.encode() not in wal.read_bytes()
