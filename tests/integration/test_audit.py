"""An audit shared by processes: the same findings, one snapshot, and no result when one of them is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import delete, func, insert, literal, select, update

from tests.support.world import Probe, World, copy_world, make_world, tell_story
from traceability import media
from traceability.__main__ import main
from traceability.commands.verb import show_share
from traceability.errors import WorkerLostError
from traceability.ledger.record import chain_hashes
from traceability.ledger.state import stream_hash
from traceability.operations.audit import (
    Report,
    audit,
    audit_connection,
    chains,
    devices,
    projections,
    records,
)
from traceability.operations.audit.report import LEFT_OUT, Progress
from traceability.operations.audit.tasks import perform_here
from traceability.operations.audit.workers import Workers
from traceability.operations.chain import Entry, append
from traceability.operations.tally import ACCEPTED
from traceability.sensing.frame import parse_statement
from traceability.signing.keys import PrivateKey
from traceability.store import models
from traceability.store.readings import Rollup

DEADLINE_S = 30


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A node of which a story was told, on SQLite, to be copied."""
    folder = tmp_path_factory.mktemp("once")
    made = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    tell_story(made)
    yield made
    made.store.close()


@pytest.fixture
def told(once: World, tmp_path: Path) -> Iterator[World]:
    """A copy of its own for each test, where the database makes no difference."""
    copy = copy_world(once, tmp_path)
    yield copy
    copy.store.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that every stream of a story falls into several."""
    monkeypatch.setattr(records, "RANGE", 3)
    monkeypatch.setattr(devices, "RANGE", 2)
    monkeypatch.setattr(projections, "RANGE", 2)


def spoil(world: World) -> None:
    """Something wrong in many tables and places."""
    record, statement = models.Record, models.Statement
    spoil_derived(world)
    with world.store.transaction() as tx:
        own = tx.connection.execute(select(record.stream, func.max(record.seq)).group_by(record.stream)).all()
        for stream, last in own[::2]:
            where = (record.stream == stream, record.seq == last // 2)
            tx.connection.execute(update(record).where(*where).values(salt=bytes(16)))
        for (name,) in tx.connection.execute(select(record.statement).where(record.seq == 3)).all():
            tx.connection.execute(update(statement).where(statement.sha256 == name).values(body=b"?"))
        tx.connection.execute(update(models.Tile).values(hashes=bytes(32)))
        tx.connection.execute(update(models.Stream).values(time_ms=1))


def spoil_derived(world: World) -> None:
    """Something wrong that the publisher does not look at."""
    said = models.DeviceStatement
    stray = select(literal(7), *list(Rollup.__table__.columns)[1:]).limit(1)
    with world.store.transaction() as tx:
        tx.connection.execute(update(said).where(said.counter == 2).values(boot=9))
        tx.connection.execute(update(said).where(said.counter == 1).values(seq=1_000))
        tx.connection.execute(update(models.Stay).values(asset_from=models.Stay.asset_from + 1))
        tx.connection.execute(delete(models.Installation))
        tx.connection.execute(update(Rollup).values(n=Rollup.n + 1))
        tx.connection.execute(insert(Rollup).from_select(Rollup.__table__.columns.keys(), stray))


def test_findings_are_the_same_whoever_does_the_parts(told: World, request: pytest.FixtureRequest):
    spoil(told)
    large = audit(told.store, told.node, workers=1)
    request.getfixturevalue("small_parts")
    alone, shared = (audit(told.store, told.node, workers=number) for number in (1, 3))
    named = {"record", "device-statement", "statement", "stay", "tile", "stream", "installation", "rollup"}
    assert named <= {finding.code for finding in alone.findings}
    assert any("no genuine record 1000 of its stream says so" in line for line in alone.lines())
    assert shared.to_json() == alone.to_json()
    assert shared.lines() == alone.lines()
    assert sorted(large.lines()) == sorted(alone.lines())


def test_an_untouched_store_holds_in_parts_of_any_size(once: World, small_parts: None):
    report = audit(once.store, once.node, workers=1)
    assert report.lines()[:-1] == []
    assert report.counts["stays"] == 3


def test_all_processes_see_one_snapshot_while_others_write(world: World, small_parts: None):
    tell_story(world)
    spoil_derived(world)
    with Workers(world.store, world.node, 1) as workers, world.store.reading() as connection:
        workers.share(connection)
        world.event("ship", world.party("Late"), world.harvest(world.party("Later"), "LATE"))
        world.publish()
        shared, alone = (
            audit_connection(connection, world.node, perform=perform)
            for perform in (workers.perform, perform_here)
        )
    newest = "the store's newest checkpoint is not the newest that was signed"
    assert {"device-statement", "stay", "installation"} <= {finding.code for finding in shared.findings}
    assert shared.findings[-1].text == newest
    assert shared.to_json() == alone.to_json()
    assert audit(world.store, world.node, workers=1).counts["records"] > shared.counts["records"]


def test_a_shared_snapshot_is_seen_by_who_begins_to_read_later(world: World):
    statements = select(func.count()).select_from(models.Statement)
    with world.store.reading() as one, world.store.sharing(one) as snapshot:
        if one.dialect.name == "postgresql":  # SQLite lets nobody write meanwhile
            world.party("Late")
        with world.store.reading(snapshot) as other:
            assert other.execute(statements).scalar_one() == one.execute(statements).scalar_one()
    assert world.party("Later")


def shared_audit(world: World, workers: Workers, progress: Progress | None = None) -> Report:
    with workers, world.store.reading() as connection:
        workers.share(connection)
        return audit_connection(connection, world.node, progress, perform=workers.perform)


def test_a_killed_process_ends_the_audit_with_an_error_and_no_result(once: World, small_parts: None):
    workers = Workers(once.store, once.node, 2)
    with pytest.raises(WorkerLostError, match=r"was ended by SIGKILL while it read \w+") as lost:
        shared_audit(once, workers, lambda *_: workers.processes[0].kill())
    assert lost.value.code == "worker-lost"
    assert all(process.returncode is not None for process in workers.processes)


def test_a_process_that_fails_ends_the_audit_too(
    lone: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(chains, "audit_range", chains.chain_tasks)  # which takes other arguments
    with pytest.raises(WorkerLostError, match="ended with exit code 1 while it read"):
        shared_audit(lone, Workers(lone.store, lone.node, 1))
    assert "TypeError" in capfd.readouterr().err


def test_an_interrupted_audit_leaves_no_process(lone: World):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    workers = Workers(lone.store, lone.node, 1)
    with pytest.raises(KeyboardInterrupt):
        shared_audit(lone, workers, interrupt)
    assert all(process.returncode is not None for process in workers.processes)


def test_the_processes_end_when_the_audit_is_killed(lone: World):
    program = (
        "import sys; from pathlib import Path; from traceability.store.engine import Store;"
        " from traceability.operations.node import load_node;"
        " from traceability.operations.audit.workers import Workers;"
        " workers = Workers(Store(sys.argv[1]), load_node(Path(sys.argv[2])), 1);"
        " print('started', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, lone.store.url, str(lone.node.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as helper:
        assert helper.stdout is not None
        assert helper.stdout.readline() == b"started\n"
        helper.kill()
        # The processes have inherited its output: that ends when the last of them has ended.
        assert helper.communicate(timeout=DEADLINE_S)[0] == b""


def test_progress_is_told_up_to_the_whole_of_each_kind(once: World, small_parts: None):
    steps: dict[str, list[tuple[int, ...]]] = {}
    report = audit(
        once.store, once.node, lambda what, *share: steps.setdefault(what, []).append(share), workers=1
    )
    assert {"records", "log", "events", "device statements", "batches with stays", "readings"} <= steps.keys()
    assert steps["records"][-1] == (report.counts["records"], report.counts["records"])
    assert len(steps["records"]) > 1
    for shares in steps.values():
        assert shares == sorted(shares)
        assert shares[-1][0] == shares[-1][1]


def test_a_terminal_shows_one_line_that_is_kept_up_to_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    show_share("records", 4_000, 10_000)
    show_share("records", 10_000, 10_000)
    assert capsys.readouterr().err == "\r\x1b[Krecords 4,000 of 10,000\r\x1b[Krecords 10,000 of 10,000\n"


@dataclass
class Chained:
    """A frame that stands in a chain and in its device's row, whatever is wrong with it."""

    world: World
    probe: Probe
    other: Probe
    truck: str

    def put(self, body: bytes, stream: str) -> None:
        said = parse_statement(body)
        span = [reading.at_ms for reading in said.readings()]
        row = {"device": said.device, "counter": said.counter, "sha256": said.sha256, "prev": said.prev}
        row |= {"boot": said.boot, "outcome": ACCEPTED, "stream": stream_hash(stream)}
        with self.world.store.transaction() as tx:
            (record,) = append(tx, self.world.node, [Entry(stream, media.FRAME, body)])
            row |= {"seq": record.seq, "from_ms": min(span), "to_ms": max(span)}
            tx.connection.execute(insert(models.DeviceStatement).values(row))

    def report(self, *, only_bytes: bool = False) -> Report:
        return audit(self.world.store, self.world.node, workers=1, only_bytes=only_bytes)

    def named(self, *, only_bytes: bool = False) -> list[str]:
        findings = self.report(only_bytes=only_bytes).findings
        return [finding.text for finding in findings if finding.code == "statement"]


@pytest.fixture
def chained(lone: World) -> Chained:
    """A truck with two devices; the first has sent a frame, so that the next is known in all its pieces."""
    owner, truck = lone.party("Carrier"), lone.asset("TRUCK1")
    probe, other = lone.device(owner), lone.device(owner)
    for each in (probe, other):
        lone.install(owner, each, truck)
        lone.wait(minutes=10)
        lone.measure(each, 4.5, 4.5)
    lone.wait(minutes=10)
    return Chained(lone, probe, other, truck)


def test_a_genuine_frame_is_not_named(chained: Chained):
    chained.put(chained.world.frame(chained.probe, 4.5, 4.5), chained.truck)
    assert chained.named() == []


def test_a_forged_signature_is_named_unless_only_bytes_are_asked_for(chained: Chained):
    body = chained.world.frame(chained.probe, 4.5, 4.5)
    chained.put(body[:-40] + bytes([body[-40] ^ 1]) + body[-39:], chained.truck)
    (text,) = chained.named()
    assert "Ed25519 signature" in text
    assert chained.named(only_bytes=True) == []


def test_a_frame_on_another_stream_is_named(chained: Chained):
    chained.put(chained.world.frame(chained.probe, 4.5, 4.5), chained.world.asset("ROOM1"))
    (text,) = chained.named()
    assert "something else" in text


def test_a_frame_in_the_name_of_another_device_is_named(chained: Chained):
    chained.put(chained.world.frame(chained.probe, 4.5, 4.5, issuer=chained.other.uri), chained.truck)
    (text,) = chained.named()
    assert "issuer of record" in text


def test_a_frame_by_a_stranger_is_named(chained: Chained):
    stranger = Probe(PrivateKey.generate(), chained.probe.uri, chained.truck, chained.probe.counter)
    chained.put(chained.world.frame(stranger, 4.5, 4.5), chained.truck)
    (text,) = chained.named()
    assert "no key statement" in text


def test_a_frame_before_its_key_was_in_force_is_named(chained: Chained):
    earlier, body_of = chained.world.asset("EARLIER"), replace(chained.probe)
    body_of.stream = earlier
    body = chained.world.frame(body_of, 4.5)
    chained.world.wait(minutes=-1_000)
    with chained.world.store.transaction() as tx:
        tx.connection.execute(update(models.Key).values(from_ms=0))
        tx.connection.execute(update(models.Checkpoint).values(time_ms=0))
    chained.put(body, earlier)
    (text,) = chained.named()
    assert "is in force from" in text


def test_a_frame_whose_bytes_are_those_of_a_twin_is_named(chained: Chained):
    twin = replace(chained.probe)
    first, second = chained.world.frame(chained.probe, 4.5), chained.world.frame(twin, 4.5, uptime_s=9)
    chained.put(first, chained.truck)
    table = models.Statement
    with chained.world.store.transaction() as tx:
        own = table.sha256 == parse_statement(first).sha256
        tx.connection.execute(update(table).where(own).values(body=second))
    assert chained.named() == ["the statement's bytes are not those that were recorded"]


def test_what_an_audit_of_the_bytes_leaves_out_is_said(chained: Chained):
    report = chained.report(only_bytes=True)
    assert report.lines()[-2:] == [f"not checked: {what}" for what in LEFT_OUT]
    assert report.to_json()["unchecked"] == list(LEFT_OUT)
    assert "unchecked" not in chained.report().to_json()


def test_the_command_line_audits_as_asked_and_refuses_what_makes_no_sense(
    chained: Chained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    chained.world.publish()
    monkeypatch.setenv("FT_DATA", str(chained.world.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", chained.world.store.url)
    assert main(["audit", "--workers", "1", "--bytes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"not checked: {LEFT_OUT[-1]}"
    assert main(["audit", "--url", "http://127.0.0.1:1", "--policy", "x", "--workers", "2"]) == 1
    assert "for an audit of this node" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["audit", "--workers", "0"])


CHANGES: Final[tuple[tuple[type[models.Base], dict[str, object]], ...]] = (
    (models.Record, {"time_ms": models.Record.time_ms - 3_600_000}),
    (models.Record, {"salt": bytes(16)}),
    (models.Record, {"hash": bytes(32)}),
    (models.Record, {"seq": 40}),
    (models.Record, {"media_type": media.GAP}),
    (models.Record, {"log_index": 9_999}),
    (models.DeviceStatement, {"boot": 9}),
    (models.DeviceStatement, {"counter": 90}),
    (models.DeviceStatement, {"prev": bytes(32)}),
    (models.DeviceStatement, {"from_ms": 1}),
    (models.DeviceStatement, {"to_ms": 1}),
    (models.DeviceStatement, {"outcome": "clock-ahead"}),
    (models.DeviceStatement, {"stream": None}),
)


def test_a_frame_whose_columns_were_changed_is_named(chained: Chained):
    for value in (4.5, 4.25, 4.5):
        chained.put(chained.world.frame(chained.probe, value), chained.truck)
    own = stream_hash(chained.truck)
    for model, change in CHANGES:
        table, code = model.__table__, "record" if model is models.Record else "device-statement"
        with chained.world.store.engine.connect() as connection, connection.begin() as changing:
            newest = connection.execute(
                select(func.max(table.c.seq)).where(table.c.stream == own)
            ).scalar_one()
            place = (table.c.stream == own, table.c.seq == newest - ("seq" not in change))
            assert connection.execute(update(model).where(*place).values(change)).rowcount == 1
            report = audit_connection(connection, chained.world.node)
            changing.rollback()
        assert code in {finding.code for finding in report.findings}, change


def test_a_record_earlier_than_the_one_before_it_is_named_though_its_hash_is_right(chained: Chained):
    record, stream, own = models.Record, models.Stream, stream_hash(chained.truck)
    query = select(record).where(record.stream == own).order_by(record.seq.desc()).limit(2)
    with chained.world.store.engine.connect() as connection, connection.begin() as changing:
        last, before = connection.execute(query).all()
        at_ms = before.time_ms - 1
        link = (at_ms, last.media_type, last.statement, last.salt)
        (made,) = chain_hashes(chained.truck, last.seq, before.hash, [link])
        place = (record.stream == own, record.seq == last.seq)
        connection.execute(update(record).where(*place).values(time_ms=at_ms, hash=made))
        connection.execute(update(stream).where(stream.hash == own).values(time_ms=at_ms, head=made))
        report = audit_connection(connection, chained.world.node, only_bytes=True)
        changing.rollback()
    earlier = "its time is earlier than that of the record before it"
    assert [finding.text for finding in report.findings] == [earlier]


def test_a_leaf_that_was_moved_is_named_by_its_place(once: World):
    record = models.Record
    with once.store.engine.connect() as connection, connection.begin() as changing:
        connection.execute(update(record).where(record.log_index == 2).values(log_index=9_999))
        report = audit_connection(connection, once.node, only_bytes=True)
        changing.rollback()
    assert ("leaf 2", "it is missing") in {(finding.where, finding.text) for finding in report.findings}
