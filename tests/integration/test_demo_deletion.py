"""The demonstration is deleted with its node; nothing else is, unless somebody says so."""

from __future__ import annotations

import fcntl
import json
import os

import pytest

from tests.support.world import make_world
from traceability.__main__ import main
from traceability.operations.node import init_node
from traceability.operations.verifierfile import deposit_verifier
from traceability.running.demo import market
from traceability.store.engine import Store

FARM = ("enrol", "party", "--name-en", "Farm", "--name-zh", "农场", "--gln", "4012345000009")
NUMBER = ("--party", "9521101000016", "--gtin", "04012345000153", "--lot", "A")
LOT = ("batch", "new", "--product-en", "X", "--product-zh", "某", *NUMBER)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A node with a little market, closed, and the environment that names it."""
    folder = tmp_path / "node"
    world = make_world(folder, f"sqlite:///{folder / 'node.sqlite'}")
    monkeypatch.setattr(market, "DAYS", 1)
    market.open_market(world.store, world.node, world.now_ms)
    deposit_verifier(world.store, world.node, b"<!doctype html>")  # each start enrols an operator so
    (folder / "demo").mkdir()
    (folder / "demo" / "plan.json").write_text('{"node": "x", "parties": []}')
    world.store.close()
    for name in [name for name in os.environ if name.startswith("FT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FT_DATA", str(folder))
    return folder


def run(capsys, *words):
    code = main(["demo", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_preview_counts_and_deletes_nothing(data, capsys):
    before = sorted(data.rglob("*"))
    code, said, _ = run(capsys, "--delete", "--json")
    found = json.loads(said)
    assert code == 0
    assert found["deleted"] is False
    assert found["parties"] == 12 + 1, "the operator of the node is one, too"
    assert found["batches"] > 0
    assert found["records"] > found["batches"]
    assert found["foreign"] == []
    _, said, _ = run(capsys, "--delete")
    assert "nothing is deleted yet" in said
    assert set(before) <= set(data.rglob("*"))


def test_the_node_goes_and_another_one_can_begin(data, capsys):
    was = json.loads((data / "node.json").read_text())["name"]
    (data / "notes.txt").write_text("mine")
    (data / "tls").mkdir()
    code, said, _ = run(capsys, "--delete", "--yes")
    assert code == 0
    assert was in said
    assert "its log, its keys, its database" in said
    assert "what stays in the folder: notes.txt, tls" in said
    assert "FT_DEMO=0 make run" in said
    left = {path.name for path in data.iterdir()}
    assert left == {"notes.txt", "tls", "run.lock", "publisher.lock"}
    assert init_node(data).name != was


@pytest.mark.parametrize("lock", ["run.lock", "publisher.lock"])
def test_nothing_is_deleted_while_the_node_runs(data, capsys, lock):
    with (data / lock).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, said = run(capsys, "--delete", "--yes", "--everything")
    assert code == 1
    assert "runs, so nothing of it is deleted" in said
    assert (data / "node.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (FARM, "party"),
        (LOT, "batch"),
    ],
)
def test_what_is_not_of_the_demonstration_is_named_and_kept(data, capsys, words, named):
    assert main(list(words)) == 0
    capsys.readouterr()
    _, said, _ = run(capsys, "--delete")
    assert f"not of the demonstration: {named} " in said
    code, _, said = run(capsys, "--delete", "--yes")
    assert code == 1
    assert "1 things here are not of the demonstration" in said
    assert (data / "node.sqlite").exists()
    assert run(capsys, "--delete", "--yes", "--everything")[0] == 0
    assert not (data / "node.sqlite").exists()


def test_a_node_without_a_demonstration_is_kept(data, capsys):
    (data / "demo" / "plan.json").unlink()
    (data / "demo").rmdir()
    code, _, said = run(capsys, "--delete", "--yes")
    assert code == 1
    assert "holds no demonstration" in said
    assert (data / "node.json").exists()


@pytest.mark.parametrize("word", ["--yes", "--everything"])
def test_a_word_for_deleting_alone_deletes_nothing(data, capsys, word):
    code, _, said = run(capsys, word)
    assert code == 1
    assert "belong to --delete" in said


def test_tables_that_are_elsewhere_go_too_and_nothing_beside_them(database_url):
    store = Store(database_url)
    with store.transaction() as tx:
        tx.connection.exec_driver_sql("create table of_somebody_else (a integer)")
    store.drop_tables()
    assert not store.is_current()
    with store.transaction() as tx:
        tx.connection.exec_driver_sql("insert into of_somebody_else values (1)")
    store.migrate()
    assert store.is_current()
    store.close()
