"""The verbs behind ``traceability recall`` by which two persons issue a recall and holders answer it."""

from __future__ import annotations

import json

import pytest

from tests.support.recalls import YOGHURT, A, chain
from tests.support.world import make_world
from traceability.__main__ import main

TEXTS = (
    *("--class", "1", "--hazard-en", "Salmonella", "--hazard-zh", "沙门氏菌"),
    *("--advice-en", "Do not eat it", "--advice-zh", "请勿食用"),
)


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Runs a verb on a node with a small trade; gives its JSON, or its exit code."""
    url = f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}"
    world = make_world(tmp_path / "node", url)
    parties = dict(zip(("farm", "packer", "dairy"), chain(world), strict=True))
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    monkeypatch.setenv("FT_DATABASE_URL", url)

    def run(*words, fails=0):
        named = [parties.get(word, word) for word in words]
        code = main(["recall", *named, "--json"])
        shown = capsys.readouterr()
        assert code == fails, shown
        return json.loads(shown.out) if not fails else shown.out + shown.err

    yield run
    world.store.close()


def test_a_recall_by_two_persons_from_the_first_lot_to_the_report(say, tmp_path):
    by = ("--party", "farm")
    contact = say("contact", "--party", "dairy", "--add", "quality@dairy.example")
    assert contact["contacts"][0]["channel"] == "email"
    case = say("open", "09520000000011/A", "--by", "fay", *by)
    assert (case["stage"], case["things"], case["origin"]) == ("open", 3, [A])
    assert say("propose", case["id"], "--yes", "--by", "fay", *by, *TEXTS)["number"] == 1
    assert say("withdraw", case["id"], "--by", "fay", *by)["number"] == 1
    made = say("propose", case["id"], "--yes", "--by", "fay", *by, *TEXTS)
    assert "yourself" in say("approve", case["id"], "--yes", "--by", "fay", *by, fails=1)
    done = say("approve", case["id"], "--confirm", made["digest"], "--by", "fred", *by)
    assert done["stage"] == "issued"
    (notice,) = say("notices", "--party", "dairy")["notices"]
    assert notice["case"] == case["id"]
    assert say("acknowledge", case["id"], "--by", "dan", "--party", "dairy")["by"] == "dan"
    answer = ("answer", case["id"], "09520000000011/Y", "--by", "dan", "--party", "dairy")
    say(*answer, "--quarantined", "11", fails=1)
    assert say(*answer, "--quarantined", "6.5", "--sold", "3") == {"quarantined": "6.5", "sold": "3"}
    shown = say("case", case["id"])
    assert (shown["acknowledged"], shown["notified"], shown["overdue"]) == (1, 3, [])
    assert shown["amounts"] == [{"unit": "KGM", "in_scope": "10", "recovered": "6.5"}]
    assert say("end", case["id"], "--by", "fay", *by)["outcome"] == "removed"
    file = tmp_path / "report.pdf"
    say("report", case["id"], "--out", str(file))
    assert file.read_bytes().startswith(b"%PDF-")
    assert say("list")["recalls"][0]["state"] == "closed"
    assert YOGHURT in say("show", case["id"])["named"]


def test_a_drill_leaves_no_recall(say):
    by = ("--party", "farm")
    drill = say("open", "09520000000011/A", "--drill", "--by", "fay", *by)
    say("propose", drill["id"], "--yes", "--by", "fay", *by, *TEXTS)
    say("approve", drill["id"], "--yes", "--by", "fred", *by)
    assert say("end", drill["id"], "--by", "fay", *by)["outcome"] == "done"
    other = say("open", "09520000000011/A", "--by", "fay", *by)
    assert say("drop", other["id"], "--by", "fay", *by)["outcome"] == "dropped"
    assert [case["drill"] for case in say("cases")["cases"]] == [False, True]
    assert say("list")["recalls"] == []
