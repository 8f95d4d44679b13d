"""An evidence package is unpacked by a stranger, who checks every file of it without the node."""

from __future__ import annotations

import hashlib
import json
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.support.supply import BLEND, LOT
from tests.support.world import Story, World, copy_world, make_world, tell_story
from traceability.__main__ import main
from traceability.errors import QueryError, QueryTooLargeError, UnknownSubjectError
from traceability.identifiers import encode_value
from traceability.ledger.state import stream_hash
from traceability.operations import evidence
from traceability.operations.deposit import deposit, describe
from traceability.operations.evidence import evidence_bytes
from traceability.store import models

HOSTILE = 'a b"c:d=1.html'


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("evidence")
    story = tell_story(make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}"))
    world = story.world
    for data, name in ((b"%PDF report", "report.pdf"), (b"<script>", HOSTILE)):
        deposit(world.store, world.node, story.farm, data, describe(data, name, story.closed))
    world.publish()
    return story


@pytest.fixture
def story(told: Story, tmp_path: Path) -> Story:
    world = copy_world(told.world, tmp_path / "copy")
    return Story(world, *(getattr(told, name) for name in list(Story.__dataclass_fields__)[1:]))


def packed(world: World, *batches: str) -> bytes:
    with world.store.reading() as connection:
        return evidence_bytes(connection, world.node, batches, verifier=b"<html>")


def test_a_stranger_checks_every_file_of_it(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    world, out = story.world, tmp_path / "case.zip"
    monkeypatch.setenv("FT_DATA", str(world.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", world.store.url)
    assert main(["evidence", story.closed, LOT, "--out", str(out)]) == 0
    assert "files, as of" in capsys.readouterr().out
    monkeypatch.delenv("FT_DATA")
    monkeypatch.delenv("FT_DATABASE_URL")
    (folder := tmp_path / "unpacked").mkdir()
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {*sums, "SHA256SUMS"}
    for name, sha256 in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256
    case = json.loads((folder / "case.json").read_text())
    for each in case["batches"]:
        words = ["verify", str(folder / each["bundle"]), "--policy", str(folder / "policy.txt")]
        assert main(words) == 0, capsys.readouterr()
        for document in each["documents"]:
            assert main([*words, "--document", str(folder / document["file"])]) == 0
    assert [len(each["documents"]) for each in case["batches"]] == [0, 2]
    readme = (folder / "README.txt").read_text()
    assert "sha256sum -c SHA256SUMS" in readme
    assert "证据包" in readme
    assert {name.split("/")[0] for name in files} >= {"bundles", "documents", "trace", "records"}
    assert main(["evidence", LOT, "--out", str(out)]) == 1  # what is there is not written over


def test_the_same_request_at_the_same_checkpoint_gives_the_same_bytes(story: Story):
    first = packed(story.world, story.closed, BLEND)
    story.world.wait(minutes=90)
    assert packed(story.world, BLEND, story.closed, BLEND) == first


def test_names_in_it_are_safe_wherever_it_is_unpacked(story: Story):
    farm = story.farm
    lots = story.world.harvest(farm, "x/y"), story.world.harvest(farm, "X/Y")
    story.world.publish()
    with zipfile.ZipFile(BytesIO(packed(story.world, story.closed, *lots))) as archive:
        names = archive.namelist()
    assert len({name.casefold() for name in names}) == len(names)
    assert all(set(name) <= set(encode_value(name)) | {"/", "%"} for name in names)
    assert not any(name.startswith("/") or ".." in name.split("/") for name in names)


def test_a_document_that_is_gone_and_a_batch_that_was_changed_are_named(story: Story):
    world = story.world
    sha256 = hashlib.sha256(b"<script>").hexdigest()
    (world.node.folder / "documents" / sha256[:2] / sha256).unlink()
    with zipfile.ZipFile(BytesIO(packed(world, story.closed))) as archive:
        (batch,) = json.loads(archive.read("case.json"))["batches"]
    assert {each["name"]: each.get("missing") for each in batch["documents"]} == {
        "report.pdf": None,
        HOSTILE: "unknown-subject",
    }
    record = models.Record
    with world.store.transaction() as tx:
        some = (record.stream == stream_hash(story.closed), record.seq == 0)
        tx.connection.execute(update(record).where(*some).values(time_ms=record.time_ms + 1))
    with zipfile.ZipFile(BytesIO(packed(world, story.closed))) as archive:
        (batch,) = json.loads(archive.read("case.json"))["batches"]
    assert (batch["verifies"], batch["documents"]) == (False, [])
    assert batch["failure"]


def test_how_much_it_may_be(story: Story, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(QueryError):
        packed(story.world)
    with pytest.raises(UnknownSubjectError):
        packed(story.world, story.world.batch("NONE"))
    monkeypatch.setattr(evidence, "MAX_BYTES", 1000)
    with pytest.raises(QueryTooLargeError):
        packed(story.world, LOT)
