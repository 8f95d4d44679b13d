"""A database that was restored from an old backup, and the way back to what was signed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import delete, select, update

from tests.support.broker import HOST, free_port
from tests.support.recovery import mirror_of, restore, with_programs
from tests.support.web import served, site_of
from tests.support.witness import serving
from tests.support.world import Probe, World, copy_world, make_world
from traceability import media
from traceability.__main__ import main
from traceability.errors import LostStatementError, UnknownSignerError, UnrecoverableError
from traceability.ledger.merkle import verify_consistency
from traceability.ledger.note import Note, parse_checkpoint, parse_note, sign_note
from traceability.ledger.record import commit
from traceability.ledger.state import stream_hash
from traceability.operations import chain
from traceability.operations.audit import audit, audit_connection
from traceability.operations.backup import back_up
from traceability.operations.cosign import cosign
from traceability.operations.keptstate import kept_state
from traceability.operations.keyring import renew_party_key, revoke_key, rotate_party_key
from traceability.operations.lock import Lock
from traceability.operations.log import latest_checkpoint, log_entries, read_tiles
from traceability.operations.node import init_node, load_node
from traceability.operations.recallscope import Lost
from traceability.operations.recover import restore as restoring
from traceability.operations.recover.leaves import mirrored
from traceability.operations.recover.offers import Offers, Wanted
from traceability.operations.recover.restore import recover
from traceability.operations.recover.walk import walk
from traceability.sensing.frame import Gap
from traceability.sensing.receipt import open_receipt
from traceability.signing.disclosure import Audience
from traceability.signing.keys import PrivateKey, receipt_key
from traceability.store import models
from traceability.store.access import Erasure
from traceability.verification.bundle import encode_bundle, parse_bundle
from traceability.verification.policy import format_policy
from traceability.verification.quorum import Group, Quorum, Witness
from traceability.verification.verdict import check
from traceability.witness.memory import create

Cli = Callable[..., tuple[int, Any]]


@dataclass(frozen=True)
class Loss:
    """What is there of a node whose database is that of its backup, though it signed more since.

    ``sent`` are its device's frames since the first; ``note`` is the newest checkpoint, of ``size``.
    ``bundles`` are of the first lot, and of the second for a regulator and for everybody.
    """

    world: World
    farm: str
    truck: str
    probe: Probe
    first: str
    second: str
    mirror: Path
    file: Path
    sent: tuple[bytes, ...]
    bundles: tuple[bytes, ...]
    note: str
    size: int


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a verb on a world's node; its exit code and what it says, or the error that it ends with."""

    def run(world: World, *words: object) -> tuple[int, Any]:
        monkeypatch.setenv("FT_DATA", str(world.node.folder))
        monkeypatch.setenv("FT_DATABASE_URL", world.store.url)
        capsys.readouterr()
        code = main([str(word) for word in words] + ["--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out or err)

    return run


@pytest.fixture
def programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own programs, where a test runs on it."""
    if "postgresql" in request.node.callspec.params.values():
        with_programs(request.getfixturevalue("postgres"), monkeypatch)


def lose(world: World, folder: Path) -> Loss:
    """A node that is backed up, goes on for a while, and loses its database."""
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    first = world.harvest(farm, "L1")
    world.measure(probe, 3.0)
    world.publish()
    world.wait(minutes=5)
    sent = [world.frame(probe, 3.5)]
    world.take(probe, sent[0])  # recorded, and not yet published
    back_up(world.store, folder / "node.backup")
    for value in (4.0, 4.5, 5.0):
        world.wait(minutes=1)
        sent.append(world.frame(probe, value))
        world.take(probe, sent[-1])
        world.event("ship", farm, first)
        world.publish()
    second = world.harvest(farm, "L2")
    world.publish()
    audiences = ((first, Audience.PUBLIC), (second, Audience.REGULATOR), (second, Audience.PUBLIC))
    bundles = tuple(world.bundle(batch, audience) for batch, audience in audiences)
    mirror = mirror_of(world, folder / "mirror")
    latest = newest(world)
    restore(world, folder / "node.backup")
    kept = mirror, folder / "node.backup", tuple(sent), bundles, latest.note, latest.size
    return Loss(world, farm, truck, probe, first, second, *kept)


def newest(world: World) -> Any:
    """The row of the newest published checkpoint."""
    with world.store.reading() as connection:
        return latest_checkpoint(connection)


@pytest.fixture(scope="module")
def lost_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loss]:
    """One such node on SQLite, to be copied."""
    folder = tmp_path_factory.mktemp("lost")
    made = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    yield lose(made, folder)
    made.store.close()


@pytest.fixture
def loss(lost_once: Loss, tmp_path: Path) -> Iterator[Loss]:
    """A copy of its own for each test."""
    world, probe = copy_world(lost_once.world, tmp_path), replace(lost_once.probe)
    mirror, file = tmp_path / "mirror", tmp_path / "node.backup"
    yield replace(lost_once, world=world, probe=probe, mirror=mirror, file=file)
    world.store.close()


LOST = 7
"""Records of ``lose`` that no backup has: three frames, three events, and the event of the second lot."""


def test_a_restored_database_is_refused_shown_and_brought_to_what_was_signed(
    world: World, cli: Cli, tmp_path: Path, programs: None
):
    """The whole way, on both databases, with a full witness that cosigns before and after."""
    found = lose(world, tmp_path)
    assert found.file.stat().st_mode & 0o777 == 0o600
    code, said = cli(world, "publish", "--once")
    assert (code, said["error"]) == (1, "log-conflict")
    assert "traceability recover" in said["remedy"]
    before = rows_of(world)
    code, shown = cli(world, "recover", "--mirror", found.mirror)
    assert (code, shown["done"]) == (0, False)
    assert rows_of(world) == before
    code, done = cli(world, "recover", "--mirror", found.mirror, "--yes")
    assert (code, done) == (0, shown | {"done": True})
    counts = {"checkpoints": 4, "records": LOST + 1, "here": 1, "given_back": 0, "lost": LOST}
    assert counts.items() <= done.items()
    assert newest(world).note == found.note
    (truck,) = (stream for stream in done["streams"] if stream["stream"] == found.truck)
    assert (truck["lost"], truck["types"]) == (3, {"frame": 3})
    code, again = cli(world, "recover", "--mirror", found.mirror, "--yes")
    assert (code, again["done"], again["checkpoints"], again["lost"]) == (0, False, 0, LOST)
    taken = world.take(found.probe, *found.sent)
    assert [outcome.word for outcome in taken.outcomes] == ["duplicate", "accepted", "accepted", "accepted"]
    for number, bundle in enumerate(found.bundles[:2]):
        (tmp_path / f"{number}.bundle").write_bytes(bundle)
    offered = ("--bundle", tmp_path / "0.bundle", "--bundle", tmp_path / "1.bundle")
    code, given = cli(world, "recover", *offered, "--yes")
    assert (code, given["given_back"], given["lost"]) == (0, 4, 0)
    assert world.publish() is None
    world.harvest(found.farm, "L3")
    world.publish()
    assert audit(world.store, world.node).lines()[:-1] == []


def test_a_stay_that_was_closed_is_not_closed_again(lone: World, cli: Cli, tmp_path: Path):
    """The text that closed it is lost; who has the bundle brings it back."""
    farm, truck = lone.party("Farm"), lone.asset("TRUCK1")
    probe = lone.device(farm)
    lone.install(farm, probe, truck)
    batch = lone.harvest(farm, "L1")
    lone.event("load", farm, batch, asset=truck)
    lone.publish()
    lone.wait(minutes=5)
    lone.event("unload", farm, batch, asset=truck)
    lone.wait(minutes=1)
    lone.measure(probe, 3.0, 3.0)
    back_up(lone.store, tmp_path / "node.backup")
    lone.publish()
    (tmp_path / "a.bundle").write_bytes(lone.bundle(batch))
    mirror = mirror_of(lone, tmp_path / "mirror")
    restore(lone, tmp_path / "node.backup")
    assert cli(lone, "recover", "--mirror", mirror, "--yes")[1]["lost"] == 1
    lone.harvest(farm, "L2")
    lone.publish()
    cli(lone, "recover", "--bundle", tmp_path / "a.bundle", "--yes")
    lone.harvest(farm, "L3")
    lone.publish()
    assert audit(lone.store, lone.node).lines()[:-1] == []
    assert check(lone.bundle(batch), lone.node.policy).exit_code == 0


def test_what_was_recorded_again_since_does_not_come_back_a_second_time(
    lone: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """With the random salts of earlier versions nobody could tell that it was the same."""
    farm, truck = lone.party("Farm"), lone.asset("TRUCK1")
    probe = lone.device(farm)
    lone.install(farm, probe, truck)
    batch = lone.harvest(farm, "L1")
    lone.event("load", farm, batch, asset=truck)
    lone.publish()
    back_up(lone.store, tmp_path / "node.backup")
    frame = lone.frame(probe, 4.0)
    with monkeypatch.context() as patched:
        patched.setattr(chain, "make_salt", lambda *_: secrets.token_bytes(16))
        lone.take(probe, frame)
    lone.publish()
    (tmp_path / "a.bundle").write_bytes(lone.bundle(batch))
    mirror = mirror_of(lone, tmp_path / "mirror")
    restore(lone, tmp_path / "node.backup")
    cli(lone, "recover", "--mirror", mirror, "--yes")
    assert lone.take(probe, frame).outcomes[0].word == "accepted"
    lone.publish()
    _, done = cli(lone, "recover", "--bundle", tmp_path / "a.bundle", "--yes")
    assert (done["given_back"], done["lost"]) == (0, 1)
    assert audit(lone.store, lone.node).findings == ()


def test_an_event_that_was_entered_again_since_does_not_come_back_beside_itself(
    lone: World, cli: Cli, tmp_path: Path
):
    farm = lone.party("Farm")
    batch = lone.harvest(farm, "L1")
    lone.publish()
    back_up(lone.store, tmp_path / "node.backup")
    at_ms = lone.now_ms
    lone.event("ship", farm, batch, at_ms=at_ms)
    lone.publish()
    (tmp_path / "a.bundle").write_bytes(lone.bundle(batch, Audience.REGULATOR))
    mirror = mirror_of(lone, tmp_path / "mirror")
    restore(lone, tmp_path / "node.backup")
    cli(lone, "recover", "--mirror", mirror, "--yes")
    assert not lone.event("ship", farm, batch, at_ms=at_ms).known
    _, done = cli(lone, "recover", "--bundle", tmp_path / "a.bundle", "--yes")
    assert (done["given_back"], done["lost"]) == (0, 1)
    lone.publish()
    assert audit(lone.store, lone.node).findings == ()


CHANGES: Final[tuple[tuple[dict[str, Any], bool], ...]] = (
    ({"commitment": b"?" * 32}, False),
    ({"statement": None, "salt": None}, False),
    ({"statement": None, "salt": None, "commitment": b"?" * 32}, False),
    ({"statement": None, "salt": None, "commitment": ...}, True),
)
"""What is done to a record, and whether it looks like one that was lost; ... is its true commitment."""


def test_the_audit_does_not_take_a_record_for_lost_in_silence(loss: Loss, cli: Cli):
    world, record = loss.world, models.Record
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    one, where = (record.stream == stream_hash(loss.first), record.seq == 0), f"record 0 of {loss.first}"
    for change, is_lost in CHANGES:
        with world.store.engine.connect() as connection, connection.begin() as changing:
            row = connection.execute(select(record).where(*one)).one()
            true = {"commitment": commit(row.statement, row.salt)}
            values = {name: true[name] if value is ... else value for name, value in change.items()}
            connection.execute(update(record).where(*one).values(values))
            reports = [audit_connection(connection, world.node, only_bytes=only) for only in (False, True)]
            changing.rollback()
        for report in reports:
            assert (where in report.lost) == is_lost, change
            assert len(report.lost) == LOST + is_lost
            assert any(finding.where == where for finding in report.findings) != is_lost, change


def test_full_witnesses_cosign_before_and_after(lone: World, cli: Cli, tmp_path: Path):
    address = f"http://{HOST}:{free_port()}"
    with serving(tmp_path, url=address) as witness:
        witness.memory.trust(lone.node.policy.log, f"{address}/log")
        neighbour = Witness("full", witness.service.verifier, witness.address)
        demand(lone, neighbour)
        farm = lone.party("Farm")
        lone.publish()
        back_up(lone.store, tmp_path / "node.backup")
        lone.harvest(farm, "L1")
        lone.publish()
        with served(lone, address):
            assert cosign(lone.store, neighbour) is not None
        restore(lone, tmp_path / "node.backup")
        (tmp_path / "w").mkdir()
        (tmp_path / "w" / "witness.sqlite").symlink_to(tmp_path / "w.sqlite")
        assert cli(lone, "recover", "--mirror", tmp_path / "w", "--yes")[1]["done"]
        lone.harvest(farm, "L2")
        published = lone.publish()
        with served(lone, address):
            signed = cosign(lone.store, neighbour)
            assert (published and published.size) == (signed and signed.size)
            code, found = cli(lone, "recover", "--from", address)
        assert (code, found["checkpoints"]) == (0, 0)
        assert witness.memory.evidence() == []


def test_the_log_goes_on_from_there_and_the_audit_names_the_lost_and_nothing_else(loss: Loss, cli: Cli):
    world = loss.world
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    report = audit(world.store, world.node)
    assert (report.findings, len(report.lost), report.exit_code) == ((), LOST, 2)
    world.harvest(loss.farm, "L3")
    published = world.publish()
    assert published is not None
    assert published.size == loss.size + 2
    with world.store.reading() as connection:
        assert len(log_entries(connection, 0, published.size)) == published.size
        proof = read_tiles(connection).consistency_proof(loss.size, published.size)
    old, new = (parse_checkpoint(parse_note(each.encode()).text) for each in (loss.note, newest(world).note))
    verify_consistency(old.size, new.size, old.root, new.root, proof)
    assert check(world.bundle(world.batch("L3")), world.node.policy).exit_code == 0
    code, said = cli(world, "audit")
    assert (code, said["ok"], len(said["lost"])) == (2, True, LOST)


def test_the_state_is_kept_as_the_publisher_would_have_kept_it(loss: Loss, cli: Cli, tmp_path: Path):
    """Also for the checkpoints just before the newest, which readers may still be shown."""
    world = loss.world
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    with world.store.reading() as connection:
        sizes = connection.execute(select(models.Checkpoint)).all()
        for checkpoint in sizes:
            heads = kept_state(connection, checkpoint).heads([stream_hash(loss.truck)])
            assert len(heads) == (checkpoint.size > sizes[0].size)
    assert len(sizes) == 6


def test_what_needs_a_lost_statement_is_not_shown_and_says_why(loss: Loss, cli: Cli):
    world = loss.world
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    for batch in (loss.first, loss.second):
        with pytest.raises(LostStatementError):
            world.bundle(batch)
        with site_of(world) as app:
            answer = app.test_client().get(f"/01/{world.gtin}/10/{batch.rpartition('/')[2]}")
        assert answer.status_code == 503
        assert "lost" in answer.text
        assert "not an all-clear" in answer.text
    code, said = cli(world, "batch", "code", f"{world.gtin}/L1")
    assert (code, said["error"]) == (1, "statement-lost")


def test_recalls_and_traces_name_the_lots_of_which_events_were_lost(loss: Loss, cli: Cli):
    world, lot = loss.world, f"{loss.world.gtin}/L1"
    for known in (True, False):
        if not known:
            cli(world, "recover", "--mirror", loss.mirror, "--yes")
        _, seen = cli(world, "recall", "preview", lot)
        lost = {each["why"]: each["things"] for each in seen["lost"]}
        _, traced = cli(world, "trace", lot, "--forward")
        named = [] if known else [loss.first, loss.second]
        assert lost.get(Lost.STATEMENT.value, []) == traced.get("lost", []) == named


def test_bundles_give_statements_back_at_once_or_later(loss: Loss, cli: Cli, tmp_path: Path):
    world = loss.world
    for number, bundle in enumerate(loss.bundles[:2]):
        (tmp_path / f"{number}.bundle").write_bytes(bundle)
    _, done = cli(world, "recover", "--mirror", loss.mirror, "--bundle", tmp_path / "0.bundle", "--yes")
    assert (done["given_back"], done["lost"]) == (3, LOST - 3)
    assert audit(world.store, world.node).findings == ()
    assert world.bundle(loss.first) == loss.bundles[0]
    _, later = cli(world, "recover", "--bundle", tmp_path / "1.bundle", "--yes")
    assert (later["done"], later["given_back"], later["lost"]) == (True, 1, LOST - 4)
    assert world.bundle(loss.second, Audience.REGULATOR) == loss.bundles[1]
    report = audit(world.store, world.node)
    assert (report.findings, [where.rpartition(" of ")[2] for where in report.lost]) == ((), [loss.truck] * 3)


def test_of_an_event_comes_back_what_its_bundle_shows_and_the_audit_names_the_rest(
    loss: Loss, cli: Cli, tmp_path: Path
):
    world = loss.world
    (tmp_path / "public.bundle").write_bytes(loss.bundles[2])
    cli(world, "recover", "--mirror", loss.mirror, "--bundle", tmp_path / "public.bundle", "--yes")
    assert world.bundle(loss.second) == loss.bundles[2]
    assert world.bundle(loss.second, Audience.REGULATOR) != loss.bundles[1]
    report = audit(world.store, world.node)
    assert report.findings == ()
    assert f"3 parts of record 0 of {loss.second}" in report.lost
    with world.store.transaction() as tx:
        tx.connection.execute(delete(Erasure))
    found = audit(world.store, world.node).findings
    assert {f.text for f in found} == {"it is gone, and no row says why"}


def test_what_a_device_still_holds_takes_its_old_place_and_is_not_recorded_twice(loss: Loss, cli: Cli):
    world = loss.world
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    taken = world.take(loss.probe, *reversed(loss.sent))
    assert [outcome.word for outcome in taken.outcomes] == ["accepted", "accepted", "accepted", "duplicate"]
    assert world.publish() is None, "nothing is new: they are in the log already"
    report = audit(world.store, world.node)
    assert (report.findings, len(report.lost)) == ((), LOST - 3)
    (answer,) = taken.answers
    told = open_receipt(receipt_key(world.node.secret, loss.probe.device), answer.payload)
    assert told.counter == 4
    again = world.take(loss.probe, *loss.sent)
    assert {outcome.word for outcome in again.outcomes} == {"duplicate"}


def test_a_receipt_covers_nothing_that_was_lost_until_the_device_has_declared_it(loss: Loss, cli: Cli):
    world, probe = loss.world, loss.probe
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    key = receipt_key(world.node.secret, probe.device)
    (answer,) = world.measure(probe, 4.0).answers
    assert open_receipt(key, answer.payload).counter == 1
    (answer,) = world.take(probe, probe.gap(world.now_ms, Gap(2, 4, "receipted"))).answers
    assert open_receipt(key, answer.payload).counter == 6
    world.publish()
    assert audit(world.store, world.node).findings == ()


def test_a_statement_alone_is_taken_by_its_commitment(loss: Loss, cli: Cli, tmp_path: Path):
    world = loss.world
    files = []
    for number, body in enumerate(loss.sent[1:]):
        files.append(tmp_path / f"{number}.cose")
        files[-1].write_bytes(body)
    (tmp_path / "noise").write_bytes(b"noise")
    offered = [word for file in (*files, tmp_path / "noise") for word in ("--statement", file)]
    _, done = cli(world, "recover", "--mirror", loss.mirror, *offered, "--yes")
    assert (done["given_back"], done["lost"]) == (3, LOST - 3)
    assert audit(world.store, world.node).findings == ()
    (answer,) = world.take(loss.probe, loss.sent[3]).answers
    assert open_receipt(receipt_key(world.node.secret, loss.probe.device), answer.payload).counter == 4


def test_keys_that_were_made_since_come_back_with_a_bundle(lone: World, cli: Cli, tmp_path: Path):
    """Not their private halves: such a key can be revoked, and its party given a new one."""
    farm = lone.party("Farm")
    lone.publish()
    back_up(lone.store, tmp_path / "node.backup")
    late = lone.party("Late Farm")
    probe, room = lone.device(late), lone.asset("ROOM1")
    lone.install(late, probe, room)
    batch = lone.harvest(late, "L1")
    lone.event("store", late, batch, asset=room)
    lone.wait(minutes=1)
    lone.measure(probe, 3.1)
    lone.publish()
    (tmp_path / "a.bundle").write_bytes(lone.bundle(batch))
    mirror = mirror_of(lone, tmp_path / "w")
    restore(lone, tmp_path / "node.backup")
    code, done = cli(lone, "recover", "--mirror", mirror, "--bundle", tmp_path / "a.bundle", "--yes")
    assert (code, done["lost"]) == (0, 0)
    assert check(lone.bundle(batch), lone.node.policy).exit_code == 0
    found = audit(lone.store, lone.node).findings
    assert [(f.code, f.text) for f in found] == [("custody", "this row is missing")]
    with pytest.raises(UnknownSignerError):
        lone.harvest(late, "L2")
    assert lone.measure(probe, 3.0).outcomes[0].word == "accepted"
    with lone.store.reading() as connection:
        kid = connection.execute(select(models.Key.kid).where(models.Key.subject == late)).scalar_one()
    revoke_key(lone.store, lone.node, kid, None, "its private half was lost")
    renew_party_key(lone.store, lone.node, late)
    assert lone.harvest(late, "L2")
    assert lone.harvest(farm, "L3")
    lone.publish()
    assert audit(lone.store, lone.node).findings == ()


def test_nobody_signs_with_a_key_that_a_lost_statement_may_have_ended(lone: World, cli: Cli, tmp_path: Path):
    farm = lone.party("Farm")
    lone.publish()
    back_up(lone.store, tmp_path / "node.backup")
    rotate_party_key(lone.store, lone.node, farm)
    lone.publish()
    mirror = mirror_of(lone, tmp_path / "w")
    restore(lone, tmp_path / "node.backup")
    assert cli(lone, "recover", "--mirror", mirror, "--yes")[1]["lost"] == 1
    with pytest.raises(LostStatementError):
        lone.harvest(farm, "L1")


def test_nothing_is_summed_up_where_statements_are_lost(lone: World, cli: Cli, tmp_path: Path):
    """A stay that is closed without them would be wrong once they are given back."""
    farm, truck = lone.party("Farm"), lone.asset("TRUCK1")
    probe = lone.device(farm)
    lone.install(farm, probe, truck)
    batch = lone.harvest(farm, "L1")
    lone.measure(probe, 3.0)
    lone.event("load", farm, batch, asset=truck)
    lone.publish()
    back_up(lone.store, tmp_path / "node.backup")
    lone.wait(minutes=5)
    hot = lone.frame(probe, 9.0)
    lone.take(probe, hot)
    lone.publish()
    mirror = mirror_of(lone, tmp_path / "w")
    restore(lone, tmp_path / "node.backup")
    cli(lone, "recover", "--mirror", mirror, "--yes")
    lone.wait(minutes=5)
    lone.event("unload", farm, batch, asset=truck)
    lone.wait(minutes=1)
    lone.measure(probe, 3.0)
    lone.publish()
    with lone.store.reading() as connection:
        assert connection.execute(select(models.Stay.close_seq)).scalar_one() is None
    lone.take(probe, hot)
    lone.publish()
    assert audit(lone.store, lone.node).lines()[:-1] == []
    verdict = check(lone.bundle(batch), lone.node.policy)
    assert (verdict.exit_code, verdict.journey is not None) == (0, True)
    assert verdict.journey is not None
    assert verdict.journey.stays[0].closed is not None
    assert verdict.journey.stays[0].frames == 3


def demand(world: World, *witnesses: Witness) -> None:
    """All of these must have signed, says the node's policy from now on."""
    group = Group("all", len(witnesses), tuple(witness.name for witness in witnesses))
    policy = replace(world.node.policy, quorum=Quorum(witnesses, (group,), "all"))
    (world.node.folder / "policy").write_text(format_policy(policy))
    world.node = load_node(world.node.folder)


def test_without_a_lock_the_witnesses_say_what_is_the_newest(loss: Loss, cli: Cli, tmp_path: Path):
    world = loss.world
    world.node.lock_path.unlink()
    code, said = cli(world, "recover", "--mirror", loss.mirror, "--yes")
    assert (code, said["error"]) == (1, "not-recoverable")
    assert "no witnesses" in said["message"]
    with serving(tmp_path) as witness:
        witness.memory.trust(world.node.policy.log)
        demand(world, Witness("light", witness.service.verifier, witness.address))
        assert cli(world, "recover", "--mirror", loss.mirror, "--yes")[1]["done"]
        assert Lock(world.node.lock_path).newest() == loss.note.encode()
        assert witness.memory.held(world.node.origin).size == loss.size


def test_without_a_lock_a_witness_that_has_seen_more_keeps_it_from_being_forgotten(
    loss: Loss, cli: Cli, tmp_path: Path
):
    world = loss.world
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    with serving(tmp_path) as witness:
        witness.memory.trust(world.node.policy.log)
        light = Witness("light", witness.service.verifier, witness.address)
        demand(world, light)
        world.harvest(loss.farm, "L3")
        world.publish()
        cosign(world.store, light)
        restore(world, loss.file)
        world.node.lock_path.unlink()
        code, said = cli(world, "recover", "--mirror", loss.mirror, "--yes")
        assert (code, said["error"]) == (1, "behind")
    code, said = cli(world, "recover", "--mirror", loss.mirror, "--yes")
    assert (code, said["error"]) == (1, "not-recoverable"), "nor is it taken on trust while they are away"


def original(loss: Loss) -> dict[str, Any]:
    """What a changed copy is made from."""
    return {"note": loss.note, "full": loss.mirror}


def refused(cli: Cli, loss: Loss, mirror: Path, code: str, *words: object) -> str:
    """What is said where nothing may be changed."""
    before = rows_of(loss.world)
    failed, said = cli(loss.world, "recover", "--mirror", mirror, *words, "--yes")
    assert (failed, said["error"]) == (1, code), said
    assert rows_of(loss.world) == before
    return str(said["message"])


def rows_of(world: World) -> dict[str, list[Any]]:
    with world.store.reading() as connection:
        tables = models.Base.metadata.sorted_tables
        return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in tables}


def test_a_copy_that_says_something_else_than_this_store_is_a_fork_and_says_where(
    loss: Loss, cli: Cli, tmp_path: Path
):
    def forge(entries: list[bytes]) -> list[bytes]:
        return [entries[0], entries[1].replace(b"\nA", b"\nB", 1), *entries[2:]]

    mirror = mirror_of(loss.world, tmp_path / "forged", forge, **original(loss))
    assert "leaf 1 is another one here" in refused(cli, loss, mirror, "not-recoverable")


@pytest.mark.parametrize("at", [-2, -1], ids=["a record", "the state"])
def test_a_copy_with_a_changed_leaf_behind_this_store_does_not_give_what_was_signed(
    loss: Loss, cli: Cli, tmp_path: Path, at: int
):
    def damage(entries: list[bytes]) -> list[bytes]:
        digit = entries[at].rindex(b"Z") - 1
        changed = b"1" if entries[at][digit : digit + 1] != b"1" else b"2"
        entries[at] = entries[at][:digit] + changed + entries[at][digit + 1 :]
        return entries

    mirror = mirror_of(loss.world, tmp_path / "damaged", damage, **original(loss))
    assert "is not what was signed" in refused(cli, loss, mirror, "not-recoverable")


def test_a_copy_that_is_too_short_is_not_enough(loss: Loss, cli: Cli, tmp_path: Path):
    mirror = mirror_of(
        loss.world,
        tmp_path / "short",
        lambda entries: entries[:-2],
        note=loss.note,
        full=loss.mirror,
    )
    assert f"of the {loss.size} leaves" in refused(cli, loss, mirror, "behind")


def test_a_copy_of_another_log_is_none(loss: Loss, cli: Cli, tmp_path: Path):
    other = init_node(tmp_path / "other", "other.example")
    mirror = mirror_of(loss.world, tmp_path / "theirs", node=other)
    assert "other.example/log" in refused(cli, loss, mirror, "bad-setting")
    (tmp_path / "empty").mkdir()
    refused(cli, loss, tmp_path / "empty", "bad-setting")
    create(tmp_path / "empty" / "witness.sqlite", "w.example/1")
    assert "light" in refused(cli, loss, tmp_path / "empty", "bad-setting")


def test_a_checkpoint_by_another_key_is_not_followed(loss: Loss, cli: Cli, tmp_path: Path):
    world = loss.world
    signed = parse_note(loss.note.encode())
    stranger = sign_note(signed.text, world.node.origin, PrivateKey.generate())
    forged = Note(signed.text, (stranger,)).encode().decode()
    mirror = mirror_of(world, tmp_path / "theirs", note=forged, full=loss.mirror)
    assert "no signature by a known key" in refused(cli, loss, mirror, "bad-signature")


def test_a_bundle_with_another_statement_is_not_taken(loss: Loss, cli: Cli, tmp_path: Path):
    bundle = parse_bundle(loss.bundles[0])
    subject, *others = bundle.streams
    links = (*subject.links[:-1], replace(subject.links[-1], statement=subject.links[0].statement))
    changed = replace(bundle, streams=(replace(subject, links=links), *others))
    (tmp_path / "changed").write_bytes(encode_bundle(changed))
    said = refused(cli, loss, loss.mirror, "not-recoverable", "--bundle", tmp_path / "changed")
    assert "changed is not taken" in said
    offers = Offers(loss.world.node)
    offers.add_bundle(loss.bundles[0], "honest")
    wanted = Wanted(loss.first, 1, 0, media.EVENT, bytes(32), bytes(32), 0)
    assert offers.find(wanted) is None, "only the commitment in the log decides"


def test_a_store_that_was_used_since_it_was_restored_is_left_alone(loss: Loss, cli: Cli):
    loss.world.event("ship", loss.farm, loss.first)
    assert "used since it was restored" in refused(cli, loss, loss.mirror, "not-recoverable")


def test_what_was_recorded_since_by_a_clock_that_stands_behind_cannot_come_after(loss: Loss, cli: Cli):
    loss.world.wait(minutes=-15)
    loss.world.harvest(loss.farm, "L9")
    assert "the log has it nowhere" in refused(cli, loss, loss.mirror, "not-recoverable")


def test_what_is_recorded_of_other_things_since_stays(loss: Loss, cli: Cli):
    world = loss.world
    world.wait(minutes=60)
    batch = world.harvest(loss.farm, "L9")
    assert cli(world, "recover", "--mirror", loss.mirror, "--yes")[1]["done"]
    assert world.publish() is not None
    assert check(world.bundle(batch), world.node.policy).exit_code == 0


def test_a_lock_that_was_restored_too_does_not_make_it_forget_what_it_signed(loss: Loss, cli: Cli):
    world = loss.world
    old = newest(world)
    Lock(world.node.lock_path).swap(loss.note.encode(), old.note.encode())
    assert cli(world, "recover", "--mirror", loss.mirror, "--yes")[1]["done"]
    assert Lock(world.node.lock_path).newest() == loss.note.encode()


def test_whoever_dies_in_the_middle_has_changed_nothing(
    loss: Loss, cli: Cli, monkeypatch: pytest.MonkeyPatch
):
    world, before = loss.world, rows_of(loss.world)
    with mirrored(loss.mirror, world.node.origin) as leaves, world.store.reading() as connection:
        walked = walk(connection, world.node, leaves, loss.note.encode())
    for point in ("insert_new", "update_all", "put_all", "insert_all", "keep_pages", "_lock", "_fill"):
        with monkeypatch.context() as patched:
            patched.setattr(restoring, point, stop)
            with pytest.raises(Stopped):
                recover(world.store, world.node, walked, Offers(world.node))
        assert rows_of(world) == before, point
    assert cli(world, "recover", "--mirror", loss.mirror, "--yes")[1]["done"]
    assert audit(world.store, world.node).findings == ()


def test_a_node_without_its_key_goes_on_under_no_other(loss: Loss, cli: Cli):
    file = loss.world.node.folder / "keys" / "log.pem"
    file.write_bytes(PrivateKey.generate().to_pem(None))
    assert "log.pem" in refused(cli, loss, loss.mirror, "not-recoverable")


def test_a_store_that_is_ahead_of_its_lock_is_none_to_recover(lone: World, cli: Cli, tmp_path: Path):
    farm, old = lone.party("Farm"), newest(lone)
    mirror = mirror_of(lone, tmp_path / "mirror")
    lone.harvest(farm, "L1")
    lone.publish()
    Lock(lone.node.lock_path).swap(newest(lone).note.encode(), old.note.encode())
    code, said = cli(lone, "recover", "--mirror", mirror, "--yes")
    assert (code, said["error"]) == (1, "not-recoverable")


def test_what_was_seen_is_not_done_to_a_store_that_moved_on(loss: Loss, cli: Cli):
    world, locked = loss.world, loss.note.encode()
    with mirrored(loss.mirror, world.node.origin) as leaves, world.store.reading() as connection:
        walked = walk(connection, world.node, leaves, locked)
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    with pytest.raises(UnrecoverableError, match="this very moment"):
        recover(world.store, world.node, walked, Offers(world.node))


class Stopped(Exception):
    """The program died here."""


def stop(*_: Any, **__: Any) -> None:
    raise Stopped


def test_a_backup_is_whole_private_and_never_in_the_place_of_another(lone: World, cli: Cli, tmp_path: Path):
    world = lone
    world.harvest(world.party("Farm"), "L1")
    published = world.publish()
    file = tmp_path / "node.backup"
    code, made = cli(world, "backup", file)
    assert (code, made["entries"]) == (0, published and published.size)
    assert (file.stat().st_mode & 0o777, file.stat().st_size) == (0o600, made["bytes"])
    assert [path.name for path in tmp_path.glob("node.backup*")] == ["node.backup"]
    code, said = cli(world, "backup", file)
    assert (code, said["error"]) == (1, "conflict")
    code, said = cli(world, "backup", tmp_path / "nowhere" / "file")
    assert (code, said["error"]) == (1, "bad-file")
    restore(world, file)
    assert audit(world.store, world.node).lines()[:-1] == []


def test_a_backup_of_postgresql_says_what_to_run_where_its_program_is_not(
    world: World, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if world.store.url.startswith("sqlite"):
        return
    monkeypatch.setenv("PATH", str(tmp_path))
    code, said = cli(world, "backup", tmp_path / "node.backup")
    assert (code, said["error"]) == (1, "bad-setting")
    assert "pg_dump --format=custom" in said["remedy"]
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho another version >&2\nexit 1\n")
    (tmp_path / "pg_dump").chmod(0o700)
    code, said = cli(world, "backup", tmp_path / "node.backup")
    assert "another version" in said["message"]
    assert not (tmp_path / "node.backup").exists()


def test_a_store_that_is_not_behind_needs_no_mirror_and_one_that_is_does(loss: Loss, cli: Cli):
    world = loss.world
    code, said = cli(world, "recover", "--yes")
    assert (code, said["error"]) == (1, "bad-setting")
    assert "--mirror" in said["remedy"]
    cli(world, "recover", "--mirror", loss.mirror, "--yes")
    code, said = cli(world, "recover", "--yes")
    assert (code, said["done"], said["lost"]) == (0, False, LOST)
