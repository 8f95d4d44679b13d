"""Depositing documents: once each, by whom it is said, kept as they were, and handed out as attachments."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from sqlalchemy import func, select

from tests.support.web import site_of
from tests.support.world import World
from traceability.__main__ import main
from traceability.errors import (
    ConflictError,
    FileError,
    OversizeError,
    QuotaError,
    StatementError,
    TamperError,
    UnknownSignerError,
    UnknownSubjectError,
)
from traceability.identifiers import parse_stream, party_deposits
from traceability.operations import deposit as deposits
from traceability.operations import documents
from traceability.operations.audit import audit
from traceability.operations.deposit import deposit, describe, find_notice, notices_on
from traceability.operations.documents import State, document_state, keep_document, read_document
from traceability.operations.erase import erase
from traceability.store import models
from traceability.supply.notice import Purpose
from traceability.verification.verdict import check
from webapp.consumer.documents import SHOWN

HTML = b"<script>alert(1)</script>"


@pytest.fixture
def farm(world: World) -> str:
    return world.party("Farm")


def count(world: World) -> int:
    with world.store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(models.Record)).scalar_one())


def kept(world: World) -> list[str]:
    return sorted(path.name for path in world.node.folder.glob("documents/*/*"))


def test_a_document_is_kept_and_its_notice_recorded_once(world: World, farm: str):
    batch = world.harvest(farm, "L1")
    notice, before = describe(b"x", "a.pdf", batch, Purpose.CERTIFICATE), count(world)
    first, again = (deposit(world.store, world.node, farm, b"x", notice) for _ in range(2))
    renamed = deposit(world.store, world.node, farm, b"x", describe(b"x", "b.pdf", batch))
    assert (first.known, again.known, renamed.known) == (False, True, True)
    assert (first.seq, first.statement) == (again.seq, again.statement) == (renamed.seq, renamed.statement)
    assert renamed.notice == notice
    assert count(world) == before + 1
    assert kept(world) == [hashlib.sha256(b"x").hexdigest()]
    with world.store.reading() as connection:
        assert [each.notice for each in notices_on(connection, batch)] == [notice]
    world.publish()
    assert audit(world.store, world.node).ok


def test_the_same_file_of_another_party_or_about_another_batch_is_another_notice(lone: World):
    farm, lab = lone.party("Farm"), lone.party("Lab")
    one, two = lone.harvest(farm, "L1"), lone.harvest(farm, "L2")
    made = [
        deposit(lone.store, lone.node, party, b"x", describe(b"x", "a", subject))
        for party, subject in (
            (farm, one),
            (lab, one),
            (farm, two),
            (farm, party_deposits(lone.node.name, farm)),
        )
    ]
    assert [each.known for each in made] == [False] * 4
    assert len(kept(lone)) == 1


def test_what_cannot_be_deposited_leaves_nothing_behind(lone: World, monkeypatch: pytest.MonkeyPatch):
    farm, lab = lone.party("Farm"), lone.party("Lab")
    batch, unknown = lone.harvest(farm, "L1"), lone.batch("NOPE")
    notice, before = describe(b"x", "a", batch), count(lone)
    theirs = describe(b"x", "a", party_deposits(lone.node.name, lab))
    nobody = farm.replace(farm[-16:], "0" * 16)
    cases: list[tuple[type[Exception], str, bytes, Any]] = [
        (UnknownSubjectError, farm, b"x", describe(b"x", "a", unknown)),
        (UnknownSubjectError, farm, b"x", describe(b"x", "a", lone.asset("TRUCK"))),
        (ConflictError, farm, b"x", theirs),
        (ConflictError, farm, b"y", notice),
        (UnknownSignerError, nobody, b"x", notice),
    ]
    for error, party, data, given in cases:
        with pytest.raises(error):
            deposit(lone.store, lone.node, party, data, given)
    for name in ("../a", "a/b", "a\x00", "", "x" * 129):
        with pytest.raises(StatementError):
            describe(b"x", name, batch)
    with pytest.raises(OversizeError, match="16,777,216"):
        describe(bytes(documents.MAX_BYTES + 1), "a", batch)
    assert (count(lone), kept(lone)) == (before, [])
    monkeypatch.setattr(deposits, "MAX_ON_STREAM", 1)
    deposit(lone.store, lone.node, farm, b"x", notice)
    with pytest.raises(QuotaError):
        deposit(lone.store, lone.node, farm, b"y", describe(b"y", "a", batch))
    assert deposit(lone.store, lone.node, farm, b"x", notice).known
    assert not deposit(lone.store, lone.node, lab, b"y", describe(b"y", "a", batch)).known


def test_a_notice_is_not_recorded_where_the_file_cannot_be_kept(lone: World):
    farm = lone.party("Farm")
    batch, before = lone.harvest(farm, "L1"), count(lone)
    (lone.node.folder / "documents").write_text("in the way")
    with pytest.raises(FileError):
        deposit(lone.store, lone.node, farm, b"x", describe(b"x", "a", batch))
    assert count(lone) == before


def test_a_kept_file_is_itself_changed_gone_or_healed(tmp_path: Path):
    sha256 = keep_document(tmp_path, b"x")
    path = tmp_path / "documents" / sha256[:2] / sha256
    assert (read_document(tmp_path, sha256), document_state(tmp_path, sha256)) == (b"x", State.KEPT)
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(b"y")
    assert document_state(tmp_path, sha256) is State.CHANGED
    with pytest.raises(TamperError):
        read_document(tmp_path, sha256)
    assert keep_document(tmp_path, b"x") == sha256
    assert document_state(tmp_path, sha256) is State.KEPT
    path.unlink()
    assert document_state(tmp_path, sha256) is State.GONE
    with pytest.raises(UnknownSubjectError):
        read_document(tmp_path, sha256)
    assert [entry.name for entry in path.parent.iterdir()] == []


@pytest.mark.parametrize("name", ["../../node.json", "..", "", "A" * 64, "0" * 63, "/etc/passwd"])
def test_only_a_hash_names_a_kept_file(tmp_path: Path, name: str):
    with pytest.raises(UnknownSubjectError, match="not the SHA-256"):
        read_document(tmp_path, name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PDF", "application/pdf"),
        ("a.html", "text/html"),
        ("a", "application/octet-stream"),
        ("a.exe", "application/octet-stream"),
    ],
)
def test_the_media_type_follows_from_the_ending(name: str, kind: str):
    assert describe(b"", name, "https://id.gs1.org/01/09520000000011/10/L1").media_type == kind


def test_the_page_names_documents_and_hands_them_out_as_attachments(lone: World):
    farm = lone.party("Farm")
    batch = lone.harvest(farm, "L1")
    made = deposit(
        lone.store, lone.node, farm, HTML, describe(HTML, "检验 <b>.html", batch, Purpose.ANALYSIS)
    )
    with site_of(lone) as app:
        client, address = app.test_client(), f"/document/{made.statement.hex()}"
        assert client.get(address).status_code == 404
        lone.publish()
        path = parse_stream(batch).batch.path
        for lang, words in (
            ("en", ("Documents", "Laboratory report", "Deposited by Farm")),
            ("zh", ("检验报告", "存证")),
        ):
            page = client.get(f"{path}?lang={lang}").text
            assert all(word in page for word in words)
            assert "检验 &lt;b&gt;.html" in page
            assert f'href="{address}"' in page
        given = client.get(address)
        assert (given.status_code, given.data) == (200, HTML)
        assert given.headers["Content-Disposition"].startswith("attachment; filename=")
        assert given.headers["X-Content-Type-Options"] == "nosniff"
        assert given.headers["Content-Security-Policy"].startswith("default-src 'none'; sandbox")
        assert given.mimetype == "text/html"


def test_a_changed_or_lost_file_is_said_and_not_handed_out(lone: World):
    farm = lone.party("Farm")
    batch = lone.harvest(farm, "L1")
    made = deposit(lone.store, lone.node, farm, b"x", describe(b"x", "a.txt", batch))
    lone.publish()
    path, address = parse_stream(batch).batch.path, f"/document/{made.statement.hex()}"
    file = lone.node.folder / "documents" / made.notice.sha256[:2] / made.notice.sha256
    for change, words, status in (
        (lambda: file.write_bytes(b"y"), "is not the one that was deposited", 500),
        (lambda: file.unlink(), "is not kept here any more", 404),
    ):
        change()
        with site_of(lone) as app:
            answer = app.test_client().get(address)
            page = app.test_client().get(f"{path}?lang=en").text
        assert (answer.status_code, words in answer.text, words in page) == (status, True, True)
        assert f'href="{address}"' not in page
        assert "Content-Disposition" not in answer.headers


def test_the_audit_finds_a_file_that_was_changed_and_none_that_is_gone(lone: World):
    farm = lone.party("Farm")
    made = deposit(lone.store, lone.node, farm, b"x", describe(b"x", "a.txt", lone.harvest(farm, "L1")))
    lone.publish()
    file = lone.node.folder / "documents" / made.notice.sha256[:2] / made.notice.sha256
    file.write_bytes(b"y")
    (finding,) = audit(lone.store, lone.node).findings
    assert (finding.code, finding.where.startswith("the file of record 1 of")) == ("document", True)
    file.unlink()
    assert audit(lone.store, lone.node).ok


@pytest.mark.parametrize("notice", ["0" * 64, "x" * 64, "0" * 63, "A" * 64, "..%2f..%2fnode.json", "%00"])
def test_no_other_address_hands_out_a_file(lone: World, notice: str):
    with site_of(lone) as app:
        assert app.test_client().get(f"/document/{notice}").status_code in {400, 404}


def test_an_event_is_no_notice(lone: World):
    farm = lone.party("Farm")
    event = lone.event("inspect", farm, lone.harvest(farm, "L1"))
    lone.publish()
    with lone.store.reading() as connection, pytest.raises(UnknownSubjectError):
        find_notice(connection, event.sha256)


def test_the_name_of_a_notice_is_erased_for_good_and_nothing_else_of_it(world: World, farm: str):
    batch = world.harvest(farm, "L1")
    made = deposit(world.store, world.node, farm, b"x", describe(b"x", "Wang Li.pdf", batch))
    notice = made.statement.hex()
    for part in ("sha256", "size", "subject", "mediaType", "purpose", "notice/name"):
        with pytest.raises(ConflictError, match="never erased"):
            erase(world.store, world.node, farm, notice, part, "asked to")
    with pytest.raises(UnknownSubjectError):
        erase(world.store, world.node, world.party("Other"), notice, "name", "asked to")
    (gone,) = erase(world.store, world.node, farm, notice, "name", "asked to")
    assert list(gone.parts.values()) == ["name"]
    with pytest.raises(UnknownSubjectError, match="before"):
        erase(world.store, world.node, farm, notice, "name", "asked to")
    world.publish()
    assert audit(world.store, world.node).ok
    data = world.bundle(batch)
    verdict = check(data, world.node.policy, file=b"x")
    assert (verdict.exit_code, verdict.journey and verdict.journey.documents[0].notice.name) == (0, None)
    with site_of(world) as app:
        assert "Name withheld" in app.test_client().get(f"{parse_stream(batch).batch.path}?lang=en").text
        given = app.test_client().get(f"/document/{notice}")
    assert (given.data, made.notice.sha256 in given.headers["Content-Disposition"]) == (b"x", True)


def test_a_page_shows_the_newest_and_counts_the_others(lone: World):
    farm = lone.party("Farm")
    batch = lone.harvest(farm, "L1")
    for number in range(SHOWN + 2):
        lone.wait(ms=1)
        data = str(number).encode()
        deposit(lone.store, lone.node, farm, data, describe(data, f"n{number}.txt", batch))
    lone.publish()
    with site_of(lone) as app:
        page = app.test_client().get(f"{parse_stream(batch).batch.path}?lang=en").text
    assert "n21.txt" in page
    assert "n2.txt" in page
    assert "n1.txt" not in page
    assert "2 older ones are named in the proof" in page


Cli: TypeAlias = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line of a node with a farm and a batch; answers are parsed."""
    for name in [n for n in os.environ if n.startswith("FT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main([*words, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out or said.err), said.err

    assert run("init", "--node", "dali.example")[0] == 0
    return run


def test_at_the_command_line_a_document_is_previewed_deposited_exported_and_found(cli: Cli, tmp_path: Path):
    farm = cli("enrol", "party", "--name-en", "Farm", "--name-zh", "农场")[1]["party"]
    batch = cli("batch", "new", "--product-en", "Pears", "--product-zh", "梨")[1]["uri"]
    known = parse_stream(batch).batch
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    words = (
        "deposit",
        "report.pdf",
        "--on",
        f"{known.gtin}/{known.lot}",
        "--as",
        farm,
        "--purpose",
        "analysis",
    )
    code, seen, _ = cli(*words)
    assert (code, seen["deposited"]) == (0, False)
    assert seen["notice"] == {
        "mediaType": "application/pdf",
        "name": "report.pdf",
        "purpose": "analysis",
        "sha256": hashlib.sha256(b"%PDF").hexdigest(),
        "size": 4,
        "subject": batch,
    }
    assert not (tmp_path / "node" / "documents").exists()
    first, again = cli(*words, "--yes")[1], cli(*words, "--yes")[1]
    assert (first["known"], again["known"], first["statement"]) == (False, True, again["statement"])
    own = cli("deposit", "report.pdf", "--on", farm, "--name", "牌照.pdf", "--yes")[1]
    assert own["notice"]["subject"] == party_deposits("dali.example", farm)
    assert cli("publish", "--once")[0] == 0
    assert cli("export", f"{known.gtin}/{known.lot}", "--out", "b.json")[0] == 0
    verify = ("verify", "b.json", "--policy", "node/policy", "--document")
    code, verdict, _ = cli(*verify, "report.pdf")
    assert (code, verdict["file"]["status"], len(verdict["documents"])) == (0, "holds", 1)
    (tmp_path / "report.pdf").write_bytes(b"%PDG")
    code, verdict, _ = cli(*verify, "report.pdf")
    assert (code, verdict["file"]["status"], verdict["failure"]) == (1, "fails", None)
    assert cli(*words[:2], "--on", f"{known.gtin}/NOPE", "--yes")[1]["error"] == "unknown-subject"
    assert cli("deposit", "none.pdf", "--on", farm)[1]["error"] == "bad-file"
    assert cli("deposit", "report.pdf", "--on", farm, "--name", "../x")[1]["error"] == "bad-statement"
