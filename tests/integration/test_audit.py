"""An audit shared by processes: the same findings, one snapshot, and no result when one of them is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import delete, func, insert, select, update

from tests.support.world import Probe, World, make_world, tell_story
from traceability import media
from traceability.__main__ import main
from traceability.commands.verb import show_share
from traceability.errors import WorkerLostError
from traceability.ledger.state import stream_hash
from traceability.operations.audit import Report, audit, audit_connection, chains, devices, projections
from traceability.operations.audit.report import Progress
from traceability.operations.audit.workers import Workers
from traceability.operations.chain import Entry, append
from traceability.operations.tally import ACCEPTED
from traceability.sensing.frame import parse_statement
from traceability.signing.keys import PrivateKey
from traceability.store import models

DEADLINE_S = 30


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[World]:
    """A node on SQLite alone, where the database makes no difference."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts so small that every stream of a story falls into several."""
    monkeypatch.setattr(chains, "RANGE", 3)
    monkeypatch.setattr(devices, "RANGE", 2)
    monkeypatch.setattr(projections, "RANGE", 2)


def spoil(world: World) -> None:
    """Something wrong in many tables and places."""
    record, said, statement = models.Record, models.DeviceStatement, models.Statement
    with world.store.transaction() as tx:
        own = tx.connection.execute(select(record.stream, func.max(record.seq)).group_by(record.stream)).all()
        for stream, last in own[::2]:
            where = (record.stream == stream, record.seq == last // 2)
            tx.connection.execute(update(record).where(*where).values(salt=bytes(16)))
        tx.connection.execute(update(said).where(said.counter == 2).values(boot=9))
        tx.connection.execute(update(said).where(said.counter == 1).values(seq=1_000))
        for (name,) in tx.connection.execute(select(record.statement).where(record.seq == 3)).all():
            tx.connection.execute(update(statement).where(statement.sha256 == name).values(body=b"?"))
        tx.connection.execute(update(models.Stay).values(asset_from=models.Stay.asset_from + 1))
        tx.connection.execute(update(models.Tile).values(hashes=bytes(32)))
        tx.connection.execute(update(models.Stream).values(time_ms=1))
        tx.connection.execute(delete(models.Installation))


def test_findings_are_the_same_whoever_does_the_parts(world: World, request: pytest.FixtureRequest):
    tell_story(world)
    spoil(world)
    large = audit(world.store, world.node, workers=1)
    request.getfixturevalue("small_parts")
    alone, shared = (audit(world.store, world.node, workers=number) for number in (1, 3))
    named = {"record", "device-statement", "statement", "stay", "tile", "stream", "installation"}
    assert named <= {finding.code for finding in alone.findings}
    assert any("no genuine record 1000 of its stream says so" in line for line in alone.lines())
    assert shared.to_json() == alone.to_json()
    assert shared.lines() == alone.lines()
    assert sorted(large.lines()) == sorted(alone.lines())


def test_an_untouched_store_holds_in_parts_of_any_size(lone: World, small_parts: None):
    tell_story(lone)
    report = audit(lone.store, lone.node, workers=1)
    assert report.lines()[:-1] == []
    assert report.counts["stays"] == 3


def test_all_processes_see_one_snapshot_while_others_write(world: World, small_parts: None):
    tell_story(world)
    with Workers(world.store, world.node, 1) as workers, world.store.reading() as connection:
        workers.share(connection)
        world.event("ship", world.party("Late"), world.harvest(world.party("Later"), "LATE"))
        world.publish()
        report = audit_connection(connection, world.node, perform=workers.perform)
    newest = "the store's newest checkpoint is not the newest that was signed"
    assert [finding.text for finding in report.findings] == [newest]
    assert audit(world.store, world.node, workers=1).counts["records"] > report.counts["records"]


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


def test_a_killed_process_ends_the_audit_with_an_error_and_no_result(lone: World, small_parts: None):
    tell_story(lone)
    workers = Workers(lone.store, lone.node, 2)
    with pytest.raises(WorkerLostError, match=r"was ended by SIGKILL while it read \w+") as lost:
        shared_audit(lone, workers, lambda *_: workers.processes[0].kill())
    assert lost.value.code == "worker-lost"
    assert all(process.returncode is not None for process in workers.processes)


def test_a_process_that_fails_ends_the_audit_too(
    lone: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(chains, "audit_range", chains.chain_tasks)  # which takes other arguments
    with pytest.raises(WorkerLostError, match="ended with exit code 1 while it read"):
        audit(lone.store, lone.node, workers=2)
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


def test_progress_is_told_up_to_the_whole_of_each_kind(lone: World, small_parts: None):
    tell_story(lone)
    steps: dict[str, list[tuple[int, ...]]] = {}
    report = shared_audit(
        lone, Workers(lone.store, lone.node, 1), lambda what, *share: steps.setdefault(what, []).append(share)
    )
    assert {"records", "log", "events", "device statements", "batches with stays"} <= steps.keys()
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

    def report(self, *, signatures: bool = True) -> Report:
        return audit(self.world.store, self.world.node, workers=1, signatures=signatures)

    def named(self, *, signatures: bool = True) -> list[str]:
        findings = self.report(signatures=signatures).findings
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


def test_a_forged_signature_is_named_unless_signatures_are_left_out(chained: Chained):
    body = chained.world.frame(chained.probe, 4.5, 4.5)
    chained.put(body[:-40] + bytes([body[-40] ^ 1]) + body[-39:], chained.truck)
    (text,) = chained.named()
    assert "Ed25519 signature" in text
    assert chained.named(signatures=False) == []


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


def test_leaving_signatures_out_is_said(chained: Chained):
    report = chained.report(signatures=False)
    assert report.lines()[-1] == "not checked: the signatures of frames"
    assert report.to_json()["unchecked"] == ["the signatures of frames"]
    assert "unchecked" not in chained.report().to_json()


def test_the_command_line_audits_as_asked_and_refuses_what_makes_no_sense(
    chained: Chained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    chained.world.publish()
    monkeypatch.setenv("FT_DATA", str(chained.world.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", chained.world.store.url)
    assert main(["audit", "--workers", "1", "--no-signatures"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "not checked: the signatures of frames"
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
