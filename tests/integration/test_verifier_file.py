"""``verify.html`` in the log: deposited once by the operator, and said wherever another file is served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update

from tests.support.web import site_of
from tests.support.world import World
from traceability.commands import doctor
from traceability.commands.words import read_party
from traceability.errors import (
    LogConflictError,
    ProofMismatchError,
    SignatureMismatchError,
    TamperError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.identifiers import party_deposits
from traceability.ledger.proof import parse_proof, verify_proof
from traceability.ledger.record import GENESIS, Record, commit
from traceability.ledger.state import stream_hash
from traceability.operations.audit import audit
from traceability.operations.deposit import deposit, describe
from traceability.operations.documents import read_document
from traceability.operations.enrol import add_key, signing_key
from traceability.operations.keyring import revoke_key
from traceability.operations.verifierfile import Logged, Standing, deposit_verifier, look_up, operator_of
from traceability.running import verifierfile
from traceability.running.verifierfile import deposit_served
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import party_statement
from traceability.store import models
from traceability.supply.notice import Purpose

SERVED = ("built/verify.html", "built/verify.js", "built/./verify.html", "./built//verify.html")
FIRST, SECOND = b"<!doctype html>first", b"<!doctype html>second"


def standing(world: World, data: bytes) -> Logged:
    with world.store.reading() as connection:
        return look_up(connection, world.node, data)


def stream(world: World) -> str:
    return party_deposits(world.node.name, operator_of(world.node))


def test_a_file_is_waiting_until_a_checkpoint_covers_it_and_then_in_the_log(world: World):
    assert standing(world, FIRST).standing is Standing.NONE
    assert not deposit_verifier(world.store, world.node, FIRST).known
    at_ms = world.now_ms
    waiting = standing(world, FIRST)
    assert (waiting.standing, waiting.since_ms, waiting.index) == (Standing.WAITING, at_ms, None)
    world.publish()
    found = standing(world, FIRST)
    assert (found.standing, found.since_ms) == (Standing.LOGGED, at_ms)
    assert found.index is not None
    assert audit(world.store, world.node).ok
    assert read_document(world.node.folder, found.sha256) == FIRST


def test_what_only_a_staged_checkpoint_covers_is_still_waiting(lone: World):
    deposit_verifier(lone.store, lone.node, FIRST)
    with lone.store.transaction() as tx:
        mine = models.Record.stream == stream_hash(stream(lone))
        tx.connection.execute(update(models.Record).where(mine).values(log_index=1_000))
    assert standing(lone, FIRST).standing is Standing.WAITING


def test_an_operator_whom_the_registrar_did_not_enrol_is_not_believed(lone: World):
    key, other, operator = PrivateKey.generate(), PrivateKey.generate(), operator_of(lone.node)
    body = party_statement(
        key, other, node=lone.node.name, party=operator, names={"en": "O", "zh": "O"}, custody="node", iat=1
    )
    with lone.store.transaction() as tx:
        add_key(tx, lone.node, body, key)
    deposit_verifier(lone.store, lone.node, FIRST)
    lone.publish()
    with pytest.raises(SignatureMismatchError):
        standing(lone, FIRST)


def test_the_same_file_is_deposited_once_and_each_new_one_beside_it(lone: World):
    made = [deposit_verifier(lone.store, lone.node, data) for data in (FIRST, FIRST, SECOND, FIRST)]
    assert [(each.seq, each.known) for each in made] == [(0, False), (0, True), (1, False), (0, True)]
    lone.publish()
    assert {standing(lone, data).standing for data in (FIRST, SECOND)} == {Standing.LOGGED}


def test_any_other_file_is_told_apart(lone: World):
    deposit_verifier(lone.store, lone.node, FIRST)
    lone.publish()
    for other in (SECOND, FIRST + b"\n", FIRST[:-1], b""):
        assert standing(lone, other).standing is Standing.OTHER


def test_what_another_party_deposits_is_no_word_of_the_operator(lone: World):
    farm = lone.party("Farm")
    own = party_deposits(lone.node.name, farm)
    deposit(lone.store, lone.node, farm, FIRST, describe(FIRST, "verify.html", own, Purpose.VERIFIER))
    lone.publish()
    assert standing(lone, FIRST).standing is Standing.NONE


def test_another_document_of_the_operator_is_no_verifier(lone: World):
    deposit_verifier(lone.store, lone.node, FIRST)
    notice = describe(SECOND, "verify.html", stream(lone), Purpose.OTHER)
    deposit(lone.store, lone.node, operator_of(lone.node), SECOND, notice)
    lone.publish()
    assert standing(lone, SECOND).standing is Standing.OTHER


def test_the_operator_is_known_by_the_policy_alone_and_is_not_meant_by_who_names_no_party(lone: World):
    deposit_verifier(lone.store, lone.node, FIRST)
    assert operator_of(lone.node).endswith(lone.node.policy.registrar.key.kid.hex()[:16])
    with lone.store.reading() as connection, pytest.raises(UnknownSignerError):
        read_party(connection, lone.node, None)
    farm = lone.party("Farm")
    with lone.store.reading() as connection:
        assert read_party(connection, lone.node, None) == farm
        assert read_party(connection, lone.node, operator_of(lone.node)) == operator_of(lone.node)


def test_a_deposit_that_was_taken_out_of_the_store_or_changed_there_is_not_believed(lone: World):
    for data in (FIRST, SECOND):
        deposit_verifier(lone.store, lone.node, data)
    lone.publish()
    with lone.store.reading() as connection:
        size = connection.execute(select(func.max(models.Checkpoint.size))).scalar_one()
    record, name = models.Record, stream_hash(stream(lone))
    last = (record.stream == name) & (record.seq == 1)
    for change, error in (
        (delete(record).where(last), LogConflictError),
        (update(record).where(last).values(time_ms=record.time_ms + 1), TamperError),
        (update(record).where(last).values(log_index=None), LogConflictError),
        (update(record).where(last).values(log_index=size - 1), ProofMismatchError),
        (update(models.Disclosures).values(texts=""), TraceabilityError),
    ):
        with lone.store.transaction() as tx:
            tx.connection.execute(change)
            with pytest.raises(error):
                look_up(tx.connection, lone.node, SECOND)
            tx.connection.rollback()
    assert standing(lone, SECOND).standing is Standing.LOGGED


@pytest.fixture
def built(lone: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the site serves, to be edited."""
    folder = tmp_path / "static" / "built"
    folder.mkdir(parents=True)
    (folder / "verify.js").write_bytes(b"// program")
    path = folder / "verify.html"
    path.write_bytes(FIRST)
    monkeypatch.setattr(verifierfile, "served_verifier", lambda: path)
    monkeypatch.setattr(doctor, "served_verifier", lambda: path)
    return path


@contextmanager
def site(world: World, built: Path) -> Iterator[Flask]:
    """The site, with the folder of that file as its static one."""
    with site_of(world) as app:
        app.static_folder = str(built.parents[1])
        yield app


def said(world: World, path: Path) -> doctor.Finding:
    with world.store.reading() as connection:
        (finding,) = doctor.check_logged(connection, world.node, path)
    return finding


def test_the_page_and_doctor_follow_the_served_file_from_its_build_to_its_edit(lone: World, built: Path):
    with site(lone, built) as app:

        def given(name: str) -> int:
            return app.test_client().get(f"/static/{name}").status_code

        def page(lang: str = "en") -> str:
            answer = app.test_client().get(f"/check?lang={lang}")
            assert answer.status_code == 200
            return str(answer.text)

        assert "was ever put into the log" in page()
        assert said(lone, built).level == doctor.WARN
        assert "goes into the log" in (deposit_served(lone.store, lone.node) or "")
        assert "with the next checkpoint" in page()
        assert said(lone, built).level == doctor.WARN
        lone.publish()
        good, finding = page(), said(lone, built)
        assert (finding.level, finding.found.startswith("since 2026-01-01T00:00:01")) == (doctor.OK, True)
        assert "sha256sum verify.html" in good
        assert 'src="/static/built/verify.js"' in good
        assert 'download="verify.html"' in good

        assert [given(name) for name in SERVED] == [200] * len(SERVED)

        built.write_bytes(FIRST + b"<script>lie</script>")
        for lang, words in (("en", "is not one that the log names"), ("zh", "不是日志所登记的文件")):
            bad = page(lang)
            assert words in bad
            assert "verify.js" not in bad
            assert 'download="verify.html"' not in bad
        assert (said(lone, built).level, "not one that the log names" in said(lone, built).found) == (
            doctor.FAIL,
            True,
        )

        assert [given(name) for name in SERVED] == [404] * len(SERVED)

        built.write_bytes(FIRST)
        assert page() == good
        assert [given(name) for name in SERVED] == [200] * len(SERVED)
        assert said(lone, built).level == doctor.OK


def test_the_proof_that_the_page_links_to_leads_to_the_notice(lone: World, built: Path):
    deposit_served(lone.store, lone.node)
    lone.publish()
    with site(lone, built) as app:
        address = re.search(r'href="(/log/proof\?index=\d+)"', app.test_client().get("/check").text)
        assert address is not None
        proof = parse_proof(app.test_client().get(address[1]).data)
    with lone.store.reading() as connection:
        row = connection.execute(select(models.Record).where(models.Record.log_index == proof.index)).one()
    leaf = Record(stream(lone), 0, GENESIS, row.time_ms, row.media_type, commit(row.statement, row.salt))
    verify_proof(proof, leaf.hash, [lone.node.policy.log])


def test_a_store_that_does_not_match_closes_the_page(lone: World, built: Path):
    deposit_served(lone.store, lone.node)
    lone.publish()
    with lone.store.transaction() as tx:
        tx.connection.execute(update(models.Record).values(time_ms=models.Record.time_ms + 1))
    assert said(lone, built).level == doctor.FAIL
    with site(lone, built) as app:
        page = app.test_client().get("/check").text
    assert "is not one that the log names" in page
    assert "verify.js" not in page


def test_a_node_starts_without_the_file_and_without_a_key_of_its_operator(lone: World, built: Path):
    assert deposit_served(lone.store, lone.node) is not None
    assert deposit_served(lone.store, lone.node) is None
    with lone.store.reading() as connection:
        key = signing_key(connection, lone.node, operator_of(lone.node))
    revoke_key(lone.store, lone.node, key.public.kid, None, "lost")
    built.write_bytes(SECOND)
    assert "was not put into the log" in (deposit_served(lone.store, lone.node) or "")
    built.unlink()
    assert deposit_served(lone.store, lone.node) is None
