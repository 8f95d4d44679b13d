"""Whoever changes the database without the keys is found: every column, every kind of row, k of k.

The cases are made from the schema. A new column fails the first test here until somebody says
whether the audit protects it, or why it is not evidence. `make test` tries a sample of the cases,
another one each time; `make soak` tries all.
"""

from __future__ import annotations

import os
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    LargeBinary,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy import Integer as IntegerType
from sqlalchemy.exc import DBAPIError

from tests.support.databases import BACKENDS
from tests.support.world import Story, World, make_world, tell_story
from traceability.ledger.state import StateTree
from traceability.operations.accounts.trail import Actor
from traceability.operations.alarms import look
from traceability.operations.audit import Report, audit, audit_connection
from traceability.operations.corrective import FIELDS, Hand, write_report
from traceability.operations.disclosures import SEPARATOR, split_texts
from traceability.operations.enrol import device_owner
from traceability.operations.inspecting import plan
from traceability.operations.keptstate import grown_heads
from traceability.operations.project import OPAQUE
from traceability.operations.publish import publish
from traceability.operations.sharing import View, new_link
from traceability.operations.watching import Watch
from traceability.signing.sdjwt import digest_of
from traceability.store import access, models, projections

PROTECTED = "protected"
WORK = "not evidence: the node's word on what people did about a recall; its steps are events"
SEALED = "not evidence: who may do what; the MAC is checked whenever one does"
TABLES = models.Base.metadata.tables
CLASSIFICATION: dict[str, dict[str, str]] = {
    "streams": dict.fromkeys(("hash", "uri", "length", "head", "time_ms"), PROTECTED),
    "statements": dict.fromkeys(("sha256", "body"), PROTECTED),
    "records": dict.fromkeys(
        ("stream", "seq", "time_ms", "media_type", "statement", "salt", "commitment", "hash", "log_index"),
        PROTECTED,
    ),
    "disclosures": dict.fromkeys(("statement", "texts"), PROTECTED),
    "keys": dict.fromkeys(
        ("kid", "subject", "public", "stream", "from_ms", "until_ms", "first_counter", "last_counter"),
        PROTECTED,
    ),
    "custody": dict.fromkeys(("kid", "sealed"), PROTECTED),
    "devices": dict.fromkeys(("id", "kid", "settled"), PROTECTED),
    "device_statements": dict.fromkeys(
        ("device", "counter", "sha256", "prev", "boot", "outcome", "stream", "seq", "from_ms", "to_ms"),
        PROTECTED,
    ),
    "gaps": dict.fromkeys(("device", "first", "last", "statement"), PROTECTED),
    "installations": dict.fromkeys(("device", "from_ms", "to_ms", "stream"), PROTECTED),
    "batches": dict.fromkeys(("stream", "statement", "begun"), PROTECTED),
    "stays": dict.fromkeys(
        (
            "batch",
            "open_seq",
            "asset",
            "asset_from",
            "entered_ms",
            "left_ms",
            "leave_seq",
            "close_seq",
            "asset_to",
        ),
        PROTECTED,
    )
    | {"settled": "not evidence: whether the publisher looks again; all see what is not closed"},
    "series": dict.fromkeys(("id", "stream", "device", "name", "unit"), PROTECTED),
    "rollups": dict.fromkeys(
        (
            *("series", "from_ms", "n", "low_milli", "high_milli", "total_milli"),
            *("first_ms", "first_milli", "last_ms", "last_milli"),
        ),
        PROTECTED,
    ),
    "alarms": dict.fromkeys(
        (
            *("id", "kind", "stream", "device", "began_ms", "raised_ms", "ended_ms", "detail"),
            *("acknowledged_ms", "acknowledged_by", "note"),
        ),
        "not evidence: what the node told people; what it rests on is in frames",
    ),
    "corrective_rows": dict.fromkeys(
        ("alarm", "number", "party", "kind", "of", "by", "name", "says", "made_ms"),
        "not evidence: what people wrote about an alarm; deposited, it is a signed document",
    ),
    "deliveries": dict.fromkeys(
        ("alarm", "event", "channel", "due_ms", "tries", "done_ms", "error"),
        "not evidence: whether somebody was told",
    ),
    **{
        name: dict.fromkeys(columns, "not evidence: what a firm keeps by heart; events have their own copy")
        for name, columns in {
            "products": (
                *("party", "gtin", "name_en", "name_zh", "low_milli_c", "high_milli_c", "max_gap_s"),
                *("profile", "shelf_life_days", "uom", "picture", "changed_ms"),
            ),
            "places": (
                *("party", "gln", "name_en", "name_zh", "latitude_udeg", "longitude_udeg"),
                *("region_en", "region_zh", "changed_ms"),
            ),
            "assets": ("party", "uri", "name_en", "name_zh", "changed_ms"),
        }.items()
    },
    "device_configs": dict.fromkeys(
        ("device", "version", "body", "frame_s", "made_ms", "sent_ms", "in_force_ms", "pending"),
        "not evidence: what a device is asked to do, under a MAC; what it does stands in its frames",
    ),
    "papers": dict.fromkeys(
        (
            *("id", "kind", "party", "by", "about", "inspection", "sample", "laboratory", "asked_ms"),
            *("says", "state", "document", "statement", "created_ms", "signed_ms"),
        ),
        "not evidence: drafts of inspections; what was signed is a document with its notice",
    ),
    "shared_links": dict.fromkeys(
        (
            *("id", "party", "by", "regulator", "view", "subject", "options", "created_ms", "expires_ms"),
            *("revoked_ms", "used_ms", "mac"),
        ),
        "not evidence: who may read for a while, under a MAC",
    ),
    "cosignatures": dict.fromkeys(
        ("size", "witness", "time_s", "line"),
        "not evidence: another machine's word, which whoever reads it checks against a key of their own",
    ),
    "checkpoints": dict.fromkeys(("size", "time_ms", "leaf", "note", "published", "beacon"), PROTECTED),
    "tiles": dict.fromkeys(("level", "number", "hashes"), PROTECTED),
    "state_pages": dict.fromkeys(("level", "number", "body"), PROTECTED),
    "past_state_pages": dict.fromkeys(
        ("size", "level", "number", "body"),
        "not evidence: for who is shown a checkpoint of just now, and compared with its signed root then",
    ),
    "tallies": dict.fromkeys(
        (
            *("source", "received", "accepted", "duplicate", "rejected", "quarantined", "flooded"),
            *("unkept", "kept_bytes"),
        ),
        PROTECTED,
    )
    | {"flooded_ms": "not evidence: when an alarm ends"},
    "quarantine": {
        "id": "not evidence: only orders the list for people",
        "received_ms": "not evidence: the node's word on what it refused",
        "source": PROTECTED,
        "topic": "not evidence: what a stranger wrote; where it decides the source, that is checked",
        "code": "not evidence: the node's word; that of a genuine statement is in device_statements too",
        "detail": "not evidence: a sentence for people",
        "size": PROTECTED,
        "sha256": PROTECTED,
        "body": PROTECTED,
    },
    "events": dict.fromkeys(
        (
            *("id", "statement", "event_id", "corrects", "content", "party", "type", "action", "at_ms"),
            *("recorded_ms", "biz_step", "disposition", "read_point", "biz_location", "transformation"),
        ),
        PROTECTED,
    ),
    "terms": dict.fromkeys(("name", "value", "event"), PROTECTED),
    "things": dict.fromkeys(("id", "uri"), PROTECTED),
    "mentions": dict.fromkeys(("thing", "at_ms", "event", "role"), PROTECTED),
    "links": dict.fromkeys(("src", "kind", "at_ms", "dst", "event", "quantity", "uom"), PROTECTED),
    "recalls": dict.fromkeys(("id", "party", "state", "since_ms", "event"), PROTECTED)
    | {"stale": "not evidence: a note of what is still to be traced"},
    "recalled": dict.fromkeys(("thing", "recall"), PROTECTED),
    "captures": dict.fromkeys(
        ("id", "party", "created_ms", "finished_ms", "behaviour", "recorded", "problems"),
        "not evidence: what somebody was told; the events themselves are",
    ),
    "spent": dict.fromkeys(
        ("stream", "party", "period", "size"),
        "not evidence: how much more a party may record",
    ),
    "tokens": dict.fromkeys(
        ("sha256", "name", "party", "scopes", "regulator", "created_ms", "expires_ms", "revoked_ms", "mac"),
        "not evidence: who may ask; the MAC is checked whenever one does",
    ),
    "enrol_codes": dict.fromkeys(
        ("mac", "party", "model", "site", "expires_ms", "device", "request", "attempt", "approved"),
        "not evidence: which device may ask to be enrolled; a person approves it",
    ),
    "party_kinds": dict.fromkeys(("party", "kind", "since_ms", "mac"), SEALED),
    "users": dict.fromkeys(
        (
            *("id", "login", "name", "party", "role", "password", "totp", "totp_step"),
            *("created_ms", "disabled_ms", "mac"),
        ),
        SEALED,
    ),
    "sessions": dict.fromkeys(("id", "user", "second", "created_ms", "proved_ms", "mac"), SEALED)
    | dict.fromkeys(("seen_ms", "network", "agent", "said"), "not evidence: what a page tells of a session"),
    "one_time_links": dict.fromkeys(("id", "purpose", "user", "created_ms", "expires_ms", "mac"), SEALED),
    "recovery_codes": dict.fromkeys(("id", "user"), "not evidence: a MAC of a code, which stands for itself"),
    "trail": dict.fromkeys(
        ("id", "at_ms", "user", "party", "via", "network", "action", "subject", "detail"),
        "not evidence: the node's word on who did what",
    ),
    "reports": dict.fromkeys(
        (
            *("id", "batch", "serial", "party", "kind", "words", "contact", "photo", "made_ms", "network"),
            *("state", "answer", "answered_by", "answered_ms", "erased_ms"),
        ),
        "not evidence: what a shopper wrote, and what was answered",
    ),
    "report_deliveries": dict.fromkeys(
        ("report", "channel", "due_ms", "tries", "done_ms", "error"), "not evidence: who was told"
    ),
    "attempts": dict.fromkeys(("id", "due_ms"), "not evidence: tries to sign in that failed"),
    "scans": dict.fromkeys(("item", "day", "networks"), "not evidence: how often a code was opened"),
    "recall_cases": dict.fromkeys(
        (
            *("id", "drill", "mailing", "party", "origin", "things", "opened_by", "opened_ms", "found_ms"),
            *("event", "issued_ms", "closed_by", "closed_party", "closed_ms", "outcome", "note"),
        ),
        WORK,
    ),
    "recall_proposals": dict.fromkeys(
        (
            *("case", "number", "notice", "digest", "things", "party", "proposed_by", "proposed_ms"),
            *(
                "withdrawn_by",
                "withdrawn_party",
                "withdrawn_ms",
                "approved_by",
                "approved_ms",
                "approved_digest",
            ),
        ),
        WORK,
    ),
    "recall_notices": dict.fromkeys(
        ("case", "party", "made_ms", "due_ms", "acknowledged_by", "acknowledged_ms"), WORK
    ),
    "recall_items": dict.fromkeys(("case", "party", "thing", "amount", "uom", "place", "last"), WORK),
    "recall_answers": dict.fromkeys(
        ("id", "case", "party", "thing", "fate", "amount", "uom", "beyond", "note", "by", "at_ms"),
        "not evidence: what holders say that became of goods",
    ),
    "recall_deliveries": dict.fromkeys(
        ("case", "party", "event", "channel", "address", "due_ms", "tries", "done_ms", "error"),
        "not evidence: whether somebody was told",
    ),
    "recall_contacts": dict.fromkeys(
        ("party", "channel", "address", "since_ms"), "not evidence: where somebody is told"
    ),
    "queries": dict.fromkeys(("party", "name", "query", "created_ms"), "not evidence: what somebody asks"),
    "policies": dict.fromkeys(
        ("party", "product", "part", "audience"), "not evidence: to whom things are shown"
    ),
    "company_prefixes": dict.fromkeys(
        ("prefix", "party", "since_ms"), "not evidence: the node's word on whose a prefix is"
    ),
    "prefix_permissions": dict.fromkeys(
        ("prefix", "party", "since_ms"), "not evidence: the node's word on for whom a prefix is open"
    ),
    "erasures": dict.fromkeys(
        ("statement", "digest", "part", "party", "reason", "at_ms"),
        "not evidence: the node's word on why a part is gone; that it is gone is counted",
    ),
    "heartbeats": dict.fromkeys(("program", "at_ms", "detail"), "not evidence: whether a program lives"),
}
NAMED_BY = {
    "streams": {"stream", "record"},
    "statements": {"statement"},
    "records": {"record", "log", "statement", "stream"},
    "disclosures": {"disclosure"},
    "keys": {"key"},
    "custody": {"custody"},
    "devices": {"device"},
    "device_statements": {"device-statement"},
    "gaps": {"gap"},
    "installations": {"installation"},
    "batches": {"batch"},
    "stays": {"stay"},
    "series": {"rollup"},
    "rollups": {"rollup"},
    "checkpoints": {"checkpoint", "lock"},
    "tiles": {"tile"},
    "state_pages": {"state"},
    "tallies": {"tally"},
    "quarantine": {"quarantine", "tally"},
    "events": {"event"},
    "terms": {"term"},
    "things": {"thing"},
    "mentions": {"mention"},
    "links": {"link"},
    "recalls": {"recall"},
    "recalled": {"recalled"},
}
"""By which words the audit names what is wrong with a table."""

HASHED = {"streams", "statements", "records", "checkpoints", "tiles", "state_pages"}
"""Tables of which every byte is hashed, or says what a hash is of."""

DERIVED = frozenset(
    ("events", "terms", "things", "mentions", "links", "recalls", "recalled", "series", "rollups")
)
"""Tables whose rows are compared whole, whatever the column: one kind of change a column is enough."""

SHARE = 4
"""One case in so many is tried in `make test`."""

Change = Callable[[Connection], None]


@dataclass(frozen=True)
class Case:
    """One attack: on which table, what, and the change itself; of those on one column, its name."""

    table: str
    what: str
    change: Change
    column: str | None = None


@dataclass
class Attacked:
    """A node whose database is changed and put back, again and again."""

    backend: str
    story: Story

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """As the attacker: no foreign key hinders, and in the end nothing has happened."""
        with self.story.world.store.engine.connect() as connection:
            if self.backend == "sqlite":
                raw = connection.connection.dbapi_connection
                assert raw is not None
                raw.execute("PRAGMA foreign_keys=OFF")
            with connection.begin() as transaction:
                if self.backend == "postgresql":
                    connection.execute(text("SET LOCAL session_replication_role = replica"))
                yield connection
                transaction.rollback()

    def cases(self) -> list[Case]:
        """Every attack."""
        with self.connection() as connection:
            rows = {
                name: list(connection.execute(ordered(table)).mappings()) for name, table in TABLES.items()
            }
        cases = [*column_cases(rows), *row_cases(rows), *knowing_cases(rows)]
        return cases + list(disclosure_cases(rows["disclosures"]))

    def audit_after(self, change: Change, *, only_bytes: bool = False) -> Report | None:
        """What the audit says after a change; None if the database itself does not allow it."""
        with self.connection() as connection:
            try:
                change(connection)
            except DBAPIError:
                return None
            return audit_connection(connection, self.story.world.node, only_bytes=only_bytes)


def alarmed(world: World) -> Story:
    """A whole story, whose last device falls silent; the word left of it, an inspection, and a link."""
    story = tell_story(world)
    bureau = Actor("an inspector", story.farm, "web")
    plan(world.store, world.node, bureau, story.closed, {"reason": "a complaint"})
    new_link(world.store, world.node, bureau, View.BATCH, story.closed, 7, regulator=True)
    world.wait(minutes=31)
    (raised, *_) = look(world.store, Watch(since_ms=0), ("webhook",))
    with world.store.reading() as connection:
        owner = device_owner(connection, world.node, raised.alarm.device)
    hand = Hand("0123456789abcdef", "Li Wei", owner, Actor(None, owner, "web"))
    write_report(world.store, hand, raised.alarm.id, dict.fromkeys(FIELDS, "door closed"))
    return story


@pytest.fixture(scope="module", params=BACKENDS)
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("tampering")
    if request.param == "sqlite":
        yield Attacked("sqlite", alarmed(make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")))
        return
    with request.getfixturevalue("postgres").fresh_database() as url:
        story = alarmed(make_world(folder / "node", url))
        yield Attacked("postgresql", story)
        story.world.store.close()


def test_every_column_is_classified():
    schema = {name: set(table.columns.keys()) for name, table in TABLES.items()}
    assert {name: set(columns) for name, columns in CLASSIFICATION.items()} == schema
    for columns in CLASSIFICATION.values():
        assert all(word == PROTECTED or word.startswith("not evidence: ") for word in columns.values())


def test_the_database_has_no_column_beside_them(attacked: Attacked):
    """A migration could make one that no model names."""
    found = inspect(attacked.story.world.store.engine)
    schema = {name: {c["name"] for c in found.get_columns(name)} for name in found.get_table_names()}
    assert schema.pop("alembic_version") == {"version_num"}
    assert schema == {name: set(columns) for name, columns in CLASSIFICATION.items()}


def test_an_untouched_store_passes_and_has_rows_in_every_table(attacked: Attacked):
    steps: list[tuple[str, int, int]] = []
    report = audit(attacked.story.world.store, attacked.story.world.node, lambda *step: steps.append(step))
    assert report.lines()[:-1] == []
    assert report.ok
    assert report.to_json()["ok"] is True
    assert report.counts["records"] >= 25
    assert report.counts["stays"] == 3
    assert steps[-1][0] == "log"
    assert steps[-1][1] == steps[-1][2]
    with attacked.connection() as connection:
        for name, table in TABLES.items():
            assert connection.execute(select(table)).first() is not None, name


@pytest.fixture
def tried(attacked: Attacked, pytestconfig: pytest.Config) -> list[Case]:
    """The attacks to try: all in `make soak`, else a sample; on PostgreSQL a quarter as many."""
    every = attacked.cases()
    named = {(case.table, case.column) for case in every if case.column}
    protected = {(t, c) for t, columns in CLASSIFICATION.items() for c in columns if columns[c] == PROTECTED}
    assert named == protected
    seed = 0 if os.environ.get("CI") else secrets.randbits(32)
    share = 1 if pytestconfig.pluginmanager.hasplugin("bench.soak") else SHARE
    print(f"seed {seed}")
    return sample(every, seed, share if attacked.backend == "sqlite" else 4 * share)


def test_every_change_is_named(
    attacked: Attacked,
    tried: list[Case],
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
):
    missed, impossible, found = [], Counter[str](), Counter[str]()
    for case in tried:
        report = attacked.audit_after(case.change)
        if report is None:
            impossible[case.table] += 1
        elif NAMED_BY[case.table] & {f.code for f in report.findings}:
            found[case.table] += 1
        else:
            missed.append(f"{case.table}: {case.what}: {[f.code for f in report.findings]}")
    assert "\n".join(missed) == ""
    possible = len(tried) - impossible.total()
    summary = f"{attacked.backend}: {found.total()} of {possible} changes of the store are named by the audit"
    record_property("tampering", summary)
    with capsys.disabled():
        print(f"\n{summary} ({impossible.total()} more the database itself refuses)")
    assert set(found) == set(NAMED_BY)


def test_every_change_of_what_was_hashed_is_named_by_an_audit_of_the_bytes(
    attacked: Attacked, tried: list[Case]
):
    cases = [case for case in tried if case.table in HASHED]
    assert {case.table for case in cases} == HASHED
    for case in cases:
        report = attacked.audit_after(case.change, only_bytes=True)
        assert report is None or NAMED_BY[case.table] & {f.code for f in report.findings}, case


def test_the_columns_that_are_no_evidence_do_not_alarm(attacked: Attacked):
    def change(connection: Connection) -> None:
        connection.execute(update(models.Quarantine).values(received_ms=1, detail="x"))
        connection.execute(update(models.Heartbeat).values(at_ms=1, detail="{}"))

    report = attacked.audit_after(change)
    assert report is not None
    assert report.ok


def test_an_erased_disclosure_is_counted_and_a_kept_one_is_named(attacked: Attacked):
    counted, named = 0, 0
    table = models.Disclosures
    with attacked.connection() as connection:
        rows = [(row, each) for row in connection.execute(select(table)) for each in split_texts(row.texts)]
        erased_before = connection.execute(select(func.count()).select_from(access.Erasure)).scalar_one()
    for found, gone in rows[:: 6 if attacked.backend == "sqlite" else 18]:

        def erase(connection: Connection, found: Any = found, gone: str = gone) -> None:
            left = [each for each in split_texts(found.texts) if each != gone]
            setting_texts(found._mapping, left)(connection)
            row = {"statement": found.statement, "digest": digest_of(gone), "part": "readPoint"}
            row |= {"party": "https://x"}
            connection.execute(insert(access.Erasure).values(row | {"reason": "asked to", "at_ms": 1}))

        report = attacked.audit_after(erase)
        assert report is not None
        assert report.counts["erased"] == erased_before + 1
        kept = any(finding.code == "disclosure" for finding in report.findings)
        counted += not kept
        named += kept
    assert counted
    assert named


def test_a_database_put_back_to_yesterday_is_named_and_never_signed_again(attacked: Attacked):
    report = attacked.audit_after(roll_back)
    assert report is not None
    assert {f.code for f in report.findings} == {"lock"}


def test_the_audit_goes_on_behind_what_it_finds(attacked: Attacked):
    def change(connection: Connection) -> None:
        connection.execute(update(models.Tally).values(received=models.Tally.received + 1))
        connection.execute(update(models.Stream).values(length=models.Stream.length + 1))
        connection.execute(update(models.Tile).values(hashes=b"x"))

    report = attacked.audit_after(change)
    assert report is not None
    assert {"tally", "stream", "tile"} <= {f.code for f in report.findings}
    assert len([f for f in report.findings if f.code == "stream"]) == report.counts["streams"]
    assert len(report.lines()) == len(report.findings) + 1


def test_an_installation_whose_statement_is_nowhere_is_named(attacked: Attacked):
    """The audit asks of a stay what the event said that began it, and must not fall over that."""

    def change(connection: Connection) -> None:
        event = projections.Event
        installing = select(event.id).where(event.type == "AssociationEvent")
        for number, key in enumerate(connection.execute(installing).scalars().all()):
            nowhere = bytes([number]) * 32
            connection.execute(update(event).where(event.id == key).values(statement=nowhere))

    report = attacked.audit_after(change)
    assert report is not None
    assert "event" in {f.code for f in report.findings}


def test_a_crash_between_staging_and_applying_is_no_alarm(attacked: Attacked):
    def change(connection: Connection) -> None:
        newest = select(models.Checkpoint.size).order_by(models.Checkpoint.size.desc()).limit(1)
        size = connection.execute(newest).scalar_one()
        connection.execute(
            update(models.Checkpoint).where(models.Checkpoint.size == size).values(published=False)
        )
        keep_state_of(connection, before_the_newest(connection))

    report = attacked.audit_after(change)
    assert report is not None
    assert report.ok


def sample(cases: list[Case], seed: int, share: int) -> list[Case]:
    """One in so many, and of each table one: the audit's rules are the same on both databases."""
    dice = random.Random(seed)
    one = {case.table: case for case in dice.sample(cases, len(cases)) if case.column}
    return [case for case in cases if dice.randrange(share) == 0 or case is one[case.table]]


def ordered(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)


def column_cases(rows: dict[str, list[Any]]) -> Iterator[Case]:
    """For every protected column a change, of another kind and in another row than the one before."""
    for name, columns in CLASSIFICATION.items():
        table, protected = TABLES[name], [c for c, word in columns.items() if word == PROTECTED]
        own = [row for row in rows[name] if name != "quarantine" or row["size"] <= 16_384]
        for turn, column_name in enumerate(protected, start=1):
            column, first = table.columns[column_name], turn % len(own)
            rows_in_turn = own[first:] + own[:first]
            tries = [(row, v) for row in rows_in_turn for v in values_in_turn(column, row, own, turn)]
            yield set_first(table, column, tries)
    events = TABLES["events"]
    for row in rows["events"]:
        if row["event_id"].startswith(OPAQUE):  # a name that nothing but the event itself can tell
            yield set_value(events, row, events.columns["event_id"], f"{row['event_id'][:-1]}-")
    first = rows["checkpoints"][0]
    yield set_value(TABLES["checkpoints"], first, TABLES["checkpoints"].columns["published"], False)


def values_in_turn(column: Column[Any], row: Any, rows: list[Any], turn: int) -> list[Any]:
    values = list(changed_values(column, row, rows))
    first = turn % max(len(values), 1)
    return values[first:] + values[:first]


def changed_values(column: Column[Any], row: Any, rows: list[Any]) -> Iterator[Any]:
    old = row[column.name]
    others = [r[column.name] for r in rows if r[column.name] not in {old, None}]
    if isinstance(column.type, Boolean):
        yield not old
    elif isinstance(old, bytes):
        yield bytes([old[0] ^ 1]) + old[1:]
        yield old[:-1] + bytes([old[-1] ^ 128])
        yield old[:-1]
    elif isinstance(old, str):
        middle = len(old) // 2
        yield old[:middle] + ("0" if old[middle] != "0" else "1") + old[middle + 1 :]
        yield old[:-1]
    elif isinstance(old, int):
        yield old + 1
        yield old - 1
    elif isinstance(column.type, LargeBinary):
        yield bytes(32)
    elif isinstance(column.type, IntegerType):
        yield 0
    else:
        yield "https://id.gs1.org/414/9520000000028"
    yield from others[:1]
    if column.nullable and old is not None:
        yield None


def set_first(table: Table, column: Column[Any], tries: list[tuple[Any, Any]]) -> Case:
    """One value of the column changed, in the first row and to the first value that the database allows."""

    def change(connection: Connection) -> None:
        for row, value in tries:
            with suppress(DBAPIError), connection.begin_nested():
                must_change(connection, update(table).where(*is_row(table, row)).values({column: value}))
                return
        raise AssertionError(f"nobody can change {column}, so nothing protects it either")

    return Case(table.name, f"{column.name}, one of {len(tries)} ways", change, column.name)


def set_value(table: Table, row: Any, column: Column[Any], value: Any) -> Case:
    def change(connection: Connection) -> None:
        done = connection.execute(update(table).where(*is_row(table, row)).values({column: value}))
        assert done.rowcount == 1

    return Case(table.name, f"{column.name} of {key_of(table, row)} set to {value!r:.80}", change)


def is_row(table: Table, row: Any) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key.columns]


def key_of(table: Table, row: Any) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in table.primary_key.columns)


def row_cases(rows: dict[str, list[Any]]) -> Iterator[Case]:
    """Rows deleted, inserted, swapped, and moved to another stream."""
    for name in NAMED_BY:
        table, own = TABLES[name], rows[name]
        for row in {key_of(table, r): r for r in (own[0], own[-1])}.values():
            yield Case(name, f"delete {key_of(table, row)}", deleting(table, row))
        yield Case(name, "insert a copy", inserting(table, own[-1]))
        free = [c.name for c in table.columns if not c.primary_key]
        unlike = [row for row in own[1:] if any(row[c] != own[0][c] for c in free)]
        if unlike and name != "quarantine":
            yield Case(name, "swap two rows", swapping(table, own[0], unlike[-1]))
        for column in table.columns:
            if any(key.column.table.name == "streams" for key in column.foreign_keys):
                for row in own[:2]:
                    others = [s["hash"] for s in rows["streams"] if s["hash"] != row[column.name]]
                    if row[column.name] is not None:
                        yield set_value(table, row, column, others[0])


def disclosure_cases(rows: list[Any]) -> Iterator[Case]:
    """Of some events one disclosure gone, all in another order, one twice, one of another event."""
    for turn, row in enumerate(rows[:3]):
        texts = split_texts(row["texts"])
        gone, foreign = turn % len(texts), split_texts(rows[turn - 1]["texts"])[0]
        for what, changed in (
            ("one is gone", texts[:gone] + texts[gone + 1 :]),
            ("another order", texts[::-1]),
            ("one twice", [texts[gone], *texts]),
            ("one of another event", sorted([*texts, foreign], key=digest_of)),
        ):
            yield Case("disclosures", f"{what} of {row['statement'].hex()}", setting_texts(row, changed))


def setting_texts(row: Any, texts: list[str]) -> Change:
    table = models.Disclosures
    values = {"texts": SEPARATOR.join(texts)}
    return lambda connection: must_change(
        connection, update(table).where(table.statement == row["statement"]).values(values)
    )


def deleting(table: Table, row: Any) -> Change:
    return lambda connection: must_change(connection, delete(table).where(*is_row(table, row)))


def must_change(connection: Connection, statement: Any) -> None:
    assert connection.execute(statement).rowcount == 1


def inserting(table: Table, row: Any) -> Change:
    """A copy under another key; everything unique is changed with it."""
    unique = {c.name for c in table.columns if c.unique or c.primary_key}
    if table.name == "records":
        unique = {"seq", "log_index", "statement"}
    copy = dict(row)
    for name in unique & copy.keys():
        value = copy[name]
        if isinstance(value, bytes):
            copy[name] = bytes([value[0] ^ 1]) + value[1:]
        elif isinstance(value, str):
            copy[name] = ("0" if value[0] != "0" else "1") + value[1:]
        elif isinstance(value, int):
            copy[name] = value + 1

    def change(connection: Connection) -> None:
        connection.execute(insert(table).values(copy))

    return change


def swapping(table: Table, one: Any, other: Any) -> Change:
    """Two rows exchange everything but their keys; tables of keys only exchange a key with a third value."""
    unique = {c.name for c in table.columns if c.unique}

    def change(connection: Connection) -> None:
        columns = [c.name for c in table.columns if not c.primary_key]
        differing = [c for c in columns if one[c] != other[c]]
        assert differing
        for name in unique & set(differing):
            place = b"?" if isinstance(one[name], bytes) else "?" if isinstance(one[name], str) else -1
            must_change(connection, update(table).where(*is_row(table, one)).values({name: place}))
        for row, values in ((other, one), (one, other)):
            new = {name: values[name] for name in differing}
            must_change(connection, update(table).where(*is_row(table, row)).values(new))

    return change


def knowing_cases(rows: dict[str, list[Any]]) -> Iterator[Case]:
    """Attackers who know the schema and leave it consistent."""
    for stream in rows["streams"]:
        if stream["length"] > 1:
            yield Case("records", f"cut the tail of {stream['uri']}", cutting(stream))
    yield Case("records", "move a record to the end of another stream", move_record)
    yield Case("checkpoints", "cut the newest", cut_checkpoint)
    yield Case("tiles", "cut the last hash", cut_tile)
    yield Case("state_pages", "the state of yesterday", lambda c: keep_state_of(c, before_the_newest(c)))
    yield Case("checkpoints", "put the whole database back", roll_back)
    yield Case("tallies", "a device without any row", drop_tally)


def cutting(stream: Any) -> Change:
    """The newest record is gone, and the stream's row, its statement and what was derived say the same."""

    def change(connection: Connection) -> None:
        record, said = models.Record, models.DeviceStatement
        own = select(record).where(record.stream == stream["hash"]).order_by(record.seq)
        before, last = connection.execute(own).all()[-2:]
        key = (record.stream == last.stream, record.seq == last.seq)
        must_change(connection, delete(record).where(*key))
        connection.execute(delete(said).where(said.stream == last.stream, said.seq == last.seq))
        left = connection.execute(select(record.seq).where(record.statement == last.statement)).first()
        if left is None:
            for table, name in (
                (models.Disclosures, models.Disclosures.statement),
                (models.Gap, models.Gap.statement),
                (models.Statement, models.Statement.sha256),
            ):
                connection.execute(delete(table).where(name == last.statement))
        shorter = {"length": before.seq + 1, "head": before.hash, "time_ms": before.time_ms}
        must_change(
            connection, update(models.Stream).where(models.Stream.hash == last.stream).values(shorter)
        )

    return change


def move_record(connection: Connection) -> None:
    record, stream = models.Record, models.Stream
    longest, *_, target = connection.execute(select(stream).order_by(stream.length.desc())).all()
    last = (record.stream == longest.hash, record.seq == longest.length - 1)
    must_change(connection, update(record).where(*last).values(stream=target.hash, seq=target.length))
    must_change(
        connection, update(stream).where(stream.hash == longest.hash).values(length=longest.length - 1)
    )
    must_change(connection, update(stream).where(stream.hash == target.hash).values(length=target.length + 1))


def cut_checkpoint(connection: Connection) -> None:
    table = models.Checkpoint
    newest = connection.execute(select(table.size).order_by(table.size.desc())).scalars().first()
    must_change(connection, delete(table).where(table.size == newest))


def cut_tile(connection: Connection) -> None:
    table = models.Tile
    tile = connection.execute(select(table).where(table.level == 0)).one()
    shorter = update(table).where(table.level == 0).values(hashes=tile.hashes[:-32])
    must_change(connection, shorter)


def roll_back(connection: Connection) -> None:
    """Yesterday's copy: the newest checkpoint was never made."""
    table, tile = models.Checkpoint, models.Tile
    before = before_the_newest(connection)
    must_change(connection, delete(table).where(table.size > before))
    keep_state_of(connection, before)
    record = models.Record
    connection.execute(update(record).where(record.log_index >= before).values(log_index=None))
    hashes = connection.execute(select(tile.hashes).where(tile.level == 0)).scalar_one()
    must_change(connection, update(tile).where(tile.level == 0).values(hashes=hashes[: 32 * before]))


def before_the_newest(connection: Connection) -> int:
    """Size of the last checkpoint but one."""
    table = models.Checkpoint
    _, before = connection.execute(select(table.size).order_by(table.size.desc()).limit(2)).scalars()
    return int(before)


def keep_state_of(connection: Connection, size: int) -> None:
    """The pages of the state as they were at the checkpoint of this size."""
    pages = StateTree(grown_heads(connection, 0, size)).pages.items()
    connection.execute(delete(models.StatePage))
    rows = [{"level": level, "number": number, "body": body} for (level, number), body in pages]
    connection.execute(insert(models.StatePage), rows)


def drop_tally(connection: Connection) -> None:
    table = models.Tally
    source = connection.execute(select(table.source).where(table.source != "unknown")).scalars().first()
    must_change(connection, delete(table).where(table.source == source))


def test_publishing_again_after_a_roll_back_is_refused(attacked: Attacked):
    """The publisher, not only the audit, sees it; nothing is signed."""
    from traceability.errors import LogConflictError

    store, node = attacked.story.world.store, attacked.story.world.node
    with store.transaction() as tx:
        saved = {
            t: list(tx.connection.execute(select(TABLES[t])).mappings())
            for t in ("checkpoints", "tiles", "state_pages")
        }
        indexes = tx.connection.execute(select(models.Record.hash, models.Record.log_index)).all()
        roll_back(tx.connection)
    try:
        with pytest.raises(LogConflictError):
            publish(store, node)
    finally:
        with store.transaction() as tx:
            for name, kept in saved.items():
                tx.connection.execute(delete(TABLES[name]))
                tx.connection.execute(insert(TABLES[name]), [dict(row) for row in kept])
            for digest, index in indexes:
                one = update(models.Record).where(models.Record.hash == digest)
                tx.connection.execute(one.values(log_index=index))
    assert audit(store, node).ok
