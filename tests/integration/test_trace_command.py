"""Trace and recall at the command line: what they print, write and refuse."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.recalls import MIX, PALLET, YOGHURT, A, chain
from tests.support.world import World, make_world
from traceability.__main__ import main
from traceability.operations.node import Node
from traceability.operations.recallextend import extend_recalls
from traceability.operations.tokens import Scope, new_token
from traceability.store import models
from traceability.store.engine import Store

LOT = "09520000000011/A"
SAID = (
    *("--class", "1", "--hazard-en", "Salmonella", "--hazard-zh", "沙门氏菌"),
    *("--advice-en", "Do not eat it", "--advice-zh", "请勿食用"),
)


@dataclass(frozen=True)
class Trade:
    """A node whose firms have traded."""

    made: World
    farm: str
    packer: str
    dairy: str

    @property
    def node(self) -> Node:
        return self.made.node

    @property
    def store(self) -> Store:
        return self.made.store


def trade(folder: Path) -> Iterator[Trade]:
    made = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    yield Trade(made, *chain(made))
    made.store.close()


@pytest.fixture
def world(tmp_path):
    yield from trade(tmp_path)


@pytest.fixture(scope="module")
def still(tmp_path_factory):
    """The same for tests that change nothing."""
    yield from trade(tmp_path_factory.mktemp("trade"))


def called(party: str, name: str) -> str:
    """A party as a line of the answer names it."""
    return f"{name} ({party.rpartition('/')[2]})"


def command_line(made, monkeypatch, capsys):
    """Run a verb; returns its exit code, its output (parsed if it is JSON) and its complaints."""
    for name in [n for n in os.environ if n.startswith("FT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FT_DATA", str(made.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", made.store.url)

    def run(*words):
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return code, json.loads(said.out) if "--json" in words and said.out else said.out, said.err

    return run


@pytest.fixture
def cli(world, monkeypatch, capsys):
    return command_line(world, monkeypatch, capsys)


@pytest.fixture
def ask(still, monkeypatch, capsys):
    return command_line(still, monkeypatch, capsys)


def refuses(cli, code, *words):
    status, out, complaint = cli(*words)
    assert (status, out) == (1, "")
    assert re.search(rf"\[{code}\]", complaint), complaint
    return complaint


def test_a_trace_is_a_table_indented_by_depth_with_what_is_to_be_looked_at(ask, still):
    code, out, _ = ask("trace", LOT, "--forward")
    lines, dairy = out.splitlines(), called(still.dairy, "Dairy")
    assert (code, lines[0]) == (0, "forward: 4 things, 2 processes")
    assert lines[1] == f"  {A}  batch  {called(still.packer, 'Packer')}"
    assert lines[2] == f"    {MIX}  batch  10 KGM  {dairy}"
    assert lines[3] == f"      {YOGHURT}  batch  10 KGM  {dairy}  ! shipped, not received"
    assert PALLET in lines[4]


def test_a_trace_says_what_does_not_add_up_and_where_it_was_cut(cli, world):
    from tests.support.recalls import lots, say

    say(
        world,
        world.dairy,
        "TransformationEvent",
        60,
        inputQuantityList=lots(YOGHURT),
        outputQuantityList=[{"epcClass": f"{A}2", "quantity": 12, "uom": "KGM"}],
    )
    _, out, _ = cli("trace", "09520000000011/Y", "--forward")
    assert re.search(r"! more out than in: event:[0-9a-f]{64}: 12 KGM out, 10 in", out)
    assert (
        cli("trace", LOT, "--forward", "--depth", "1")[1]
        .splitlines()[0]
        .endswith("cut at the limit of depth")
    )


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["09520000000011/Y", "--backward"], 5),
        ([A, "--forward", "--stop-at", "shipping"], 2),
        ([LOT, "--forward", "--to", "2025-12-31T22:00Z"], 1),
        (["urn:epc:id:sscc:9520000.0000000001", "--backward"], 5),
        (["/01/09520000000011/10/A", "--forward", "--contact"], 4),
    ],
)
def test_a_trace_begins_and_ends_where_it_is_told(ask, words, wanted):
    code, told, _ = ask("trace", *words, "--json")
    assert (code, len(told["things"])) == (0, wanted)


def test_a_trace_begins_at_a_party_in_a_period(ask, still):
    period = ("--from", "2025-12-31T00:00Z", "--to", "2026-01-01T00:00Z")
    _, told, _ = ask("trace", "--party", still.farm, *period, "--forward", "--json")
    assert len(told["starts"]) == 2
    assert "needs a period" in refuses(ask, "bad-query", "trace", "--party", still.farm, "--forward")


@pytest.mark.parametrize("kind", ["table", "json", "csv", "graphml", "svg"])
def test_a_trace_is_written_in_every_form(ask, tmp_path, kind):
    _, out, _ = ask("trace", LOT, "--forward", "--format", kind)
    path = tmp_path / "out"
    code, said, _ = ask("trace", LOT, "--forward", "--format", kind, "--out", path)
    assert (code, said) == (0, f"wrote {path}: forward: 4 things, 2 processes\n")
    assert path.read_text("utf-8").splitlines() == out.splitlines()


def test_a_traces_format_is_what_its_file_ends_with(ask, tmp_path):
    for ending, begin in (("svg", "<svg"), ("CSV", "uri,kind"), ("txt", "forward:"), ("json", "{")):
        path = tmp_path / f"out.{ending}"
        assert ask("trace", LOT, "--forward", "--out", path)[0] == 0
        assert path.read_text("utf-8").startswith(begin)
    for path, *words in (["x.svg", "--format", "csv"], ["x.png"]):
        refuses(ask, "malformed", "trace", LOT, "--forward", "--out", tmp_path / path, *words)
        assert not (tmp_path / path).exists()


def test_a_trace_of_nothing_is_refused(ask, tmp_path):
    refuses(ask, "bad-query", "trace", "--forward")
    refuses(ask, "unknown-subject", "trace", "09520000000011/NONE", "--forward")
    refuses(ask, "bad-identifier", "trace", "nothing", "--forward")
    refuses(ask, "bad-file", "trace", LOT, "--forward", "--out", tmp_path / "no" / "folder")
    with pytest.raises(SystemExit):
        ask("trace", LOT)


def test_a_preview_shows_the_scope_and_writes_it(ask, still, tmp_path):
    code, out, _ = ask("recall", "preview", LOT, "--csv", tmp_path / "s.csv", "--svg", tmp_path / "s.svg")
    assert (code, out.splitlines()[0]) == (0, f"3 things are reached from {A}")
    assert "  step 1: 1 batch" in out
    assert f"  with {called(still.dairy, 'Dairy')} at no known place: 2" in out
    assert f"  not traced: shipped, and never received (1): {YOGHURT}" in out
    assert "digest" not in out
    rows = list(csv.DictReader((tmp_path / "s.csv").read_text("utf-8").splitlines()))
    assert [(row["uri"], row["how"]) for row in rows] == [
        (A, "start"),
        (MIX, "affected"),
        (YOGHURT, "affected"),
    ]
    assert (tmp_path / "s.svg").read_text().startswith("<svg")
    digests = re.findall(
        r"^digest ([0-9a-f]{64}) \(to (\w+)\)$", ask("recall", "preview", LOT, *SAID)[1], re.MULTILINE
    )
    assert [verb for _, verb in digests] == ["hold", "issue"]
    assert digests[0][0] != digests[1][0]


def test_a_recall_is_held_issued_extended_shown_and_closed(cli, world):
    scope = cli("recall", "preview", LOT, *SAID, "--json")[1]["scope"]
    code, refused, _ = cli(
        "recall", "hold", LOT, *SAID, "--party", world.farm, "--confirm", scope["issued"], "--json"
    )
    assert (code, refused["error"]) == (1, "scope-changed")
    digest = scope["hold"]
    code, held, _ = cli("recall", "hold", LOT, *SAID, "--party", world.farm, "--confirm", digest, "--json")
    assert (code, held["state"], held["things"]) == (0, "hold", 3)
    _, again, _ = cli("recall", "preview", LOT, *SAID)
    assert (
        f"! {held['id']} is open and names this already: hold by {called(world.farm, 'Farm')}, 3 things"
        in again
    )
    code, out, _ = cli("recall", "issue", held["id"], "--party", world.farm, "--yes")
    assert (code, f"{held['id']} issued since" in out) == (0, True)
    assert extend_recalls(world.store, world.node).added == {held["id"]: 0}
    _, out, _ = cli("recall", "list")
    assert re.fullmatch(rf"{held['id']} issued since \S+, 3 things: Salmonella\n", out)
    _, out, _ = cli("recall", "show", held["id"])
    assert out.splitlines()[1] == "hazard: Salmonella / 沙门氏菌"
    assert out.splitlines()[-3:] == [A, MIX, YOGHURT]
    code, closed, _ = cli("recall", "close", held["id"], "--outcome", "safe", "--party", world.farm, "--json")
    assert (code, closed["state"], closed["outcome"]) == (0, "closed", "safe")
    ended = f"{held['id']} closed (safe: nothing was wrong with it) since "
    assert cli("recall", "list")[1].startswith(ended)
    assert cli("recall", "show", held["id"])[1].startswith(ended)
    assert "is open and names" not in cli("recall", "preview", LOT)[1]
    refuses(cli, "conflict", "recall", "issue", held["id"], "--party", world.farm, "--yes")


def test_a_scope_that_changed_is_refused_with_the_new_preview(ask, still):
    code, out, _ = ask("recall", "issue", LOT, *SAID, "--party", still.farm, "--confirm", "0" * 64)
    assert (code, "[scope-changed]" in out, "3 things are reached" in out) == (1, True, True)
    code, told, _ = ask("recall", "issue", LOT, *SAID, "--party", still.farm, "--confirm", "0" * 64, "--json")
    assert (code, told["error"], told["preview"]["things"]) == (1, "scope-changed", 3)
    assert ask("recall", "list")[1] == "there are no recalls\n"


@pytest.mark.parametrize(("typed", "signed"), [("yes\n", True), ("no\n", False), ("", False)])
def test_who_is_asked_sees_the_scope_first(cli, world, monkeypatch, typed, signed):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    code, _, said = cli("recall", "issue", LOT, *SAID, "--party", world.farm)
    assert (code == 0, "3 things are reached" in said) == (signed, True)
    assert ("there are no recalls" in cli("recall", "list")[1]) is not signed


def test_what_is_not_confirmed_or_not_said_is_not_issued(ask, still, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert "--confirm " in refuses(ask, "refused", "recall", "issue", LOT, *SAID, "--party", still.farm)
    refuses(ask, "refused", "recall", "issue", LOT, "--party", still.farm, "--yes")
    refuses(ask, "malformed", "recall", "issue", LOT, "--class", "9", "--party", still.farm, "--yes")
    refuses(ask, "forbidden", "recall", "issue", LOT, *SAID, "--party", still.packer, "--yes")
    refuses(ask, "unknown-subject", "recall", "show", "R-20260101-000000")
    refuses(ask, "malformed", "recall", "issue", "R-20260101-000000", LOT, "--party", still.farm, "--yes")


def test_a_party_with_a_regulators_token_recalls_anything(cli, world):
    new_token(
        world.store,
        world.node,
        party=world.packer,
        scopes=[Scope.QUERY],
        days=3650,
        name="office",
        regulator=True,
    )
    assert cli("recall", "issue", LOT, *SAID, "--party", world.packer, "--yes")[0] == 0


def test_publish_says_which_recall_it_could_not_extend(cli, world):
    cli("recall", "issue", LOT, *SAID, "--party", world.farm, "--yes")
    with world.store.reading() as connection:
        kid = connection.execute(select(models.Key.kid).where(models.Key.subject == world.farm)).scalar_one()
    assert cli("key", "revoke", kid.hex(), "--reason", "gone", "--yes")[0] == 0
    code, out, _ = cli("publish", "--once")
    assert (code, "could not be extended" in out, "published" in out) == (1, True, True)
