"""A data folder that an earlier version wrote: this version opens, migrates, audits and goes on with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import select

from tests.fixtures.make_data import FOLDER
from traceability.operations.audit import audit
from traceability.operations.export import export_bundle
from traceability.operations.keptstate import keep_missing
from traceability.operations.node import load_node, secret_files
from traceability.operations.prepare import prepare_node
from traceability.operations.publish import publish
from traceability.operations.reproject import project_missing
from traceability.operations.rollups import fold_missing
from traceability.settings import NodeSettings, load
from traceability.store import models
from traceability.store.engine import Store
from traceability.verification.bundle import encode_bundle
from traceability.verification.verdict import check

MAX_BYTES = 300 * 1024


def test_the_folder_of_version_1_opens_migrates_audits_and_goes_on(tmp_path: Path):
    folder = tmp_path / "data"
    shutil.copytree(FOLDER, folder)
    node = load_node(folder)
    for secret in secret_files(folder):
        secret.chmod(0o600)
    store = Store(f"sqlite:///{folder / 'node.sqlite'}")
    store.migrate()
    assert store.is_current()
    assert project_missing(store, node.name) >= 5
    assert project_missing(store, node.name) == 0
    assert keep_missing(store) > 5
    assert keep_missing(store) == 0
    assert fold_missing(store) >= 5
    report = audit(store, node)
    assert report.lines()[:-1] == []
    assert report.counts["records"] >= 25
    bundle = (folder / "bundle.json").read_bytes()
    assert check(bundle, node.policy).exit_code == 0
    publish(store, node)
    with store.reading() as connection:
        streams = select(models.Stream.uri).join(models.Batch, models.Batch.stream == models.Stream.hash)
        for batch in connection.execute(streams.order_by(models.Stream.uri)).scalars():
            assert check(encode_bundle(export_bundle(connection, node, batch)), node.policy).exit_code == 0
    store.close()


def test_preparing_the_folder_of_version_1_keeps_its_state(tmp_path: Path):
    folder = tmp_path / "data"
    shutil.copytree(FOLDER, folder)
    for secret in secret_files(folder):
        secret.chmod(0o600)
    settings = load(NodeSettings, {"FT_DATA": str(folder)})
    said: list[str] = []
    node, new = prepare_node(settings, say=said.append)
    assert not new
    assert said[-1].startswith("building the state of")
    store = Store(settings.database_url)
    assert audit(store, node).lines()[:-1] == []
    store.close()


def test_the_fixture_is_small_and_says_that_its_keys_are_test_keys():
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
    assert "test keys" in (FOLDER / "README.md").read_text("utf-8")
