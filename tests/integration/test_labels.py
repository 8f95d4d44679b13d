"""From a recorded batch to a file of labels, and back from what a phone reads on one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.printed import pages, read, words
from tests.support.world import GTIN, World
from traceability.__main__ import main
from traceability.errors import LabelError, NotPublishedError, UnknownSubjectError
from traceability.identifiers import Batch
from traceability.labels.layout import Label
from traceability.labels.text import Caption
from traceability.operations.labels import Serials, numbered, read_label, with_serial
from traceability.operations.tracecode import read_trace_code

BASE_URL = "https://trace.farm.example"


def label_of(world: World, lot: str, language: str = "en") -> Label:
    with world.store.reading() as connection:
        return read_label(
            connection,
            world.node,
            Batch(GTIN, lot),
            base_url=BASE_URL,
            language=language,
            now_ms=world.now_ms,
        )


@pytest.fixture
def farm(lone: World) -> str:
    return lone.party("Farm")


def test_a_label_says_what_was_recorded_and_nothing_else(lone: World, farm: str):
    dates: dict[str, Any] = {
        "cbvmda:bestBeforeDate": "2026-01-09",
        "cbvmda:harvestStartDate": "2026-01-01",
        "cbvmda:sellByDate": "soon <b>",
    }
    batch = lone.harvest(farm, "L/1", **dates)
    lone.publish()
    label = label_of(lone, "L/1", "zh")
    with lone.store.reading() as connection:
        code = read_trace_code(connection, lone.node, batch, lone.now_ms)
    assert label.link == f"{BASE_URL}/01/{GTIN}/10/L%2F1"
    assert (label.name, label.host) == ("草莓", "trace.farm.example")
    assert label.facts == (
        (Caption.GTIN, GTIN),
        (Caption.LOT, "L/1"),
        (Caption.HARVESTED, "2026-01-01"),
        (Caption.BEST_BEFORE, "2026-01-09"),
        (Caption.CODE, code.text),
    )
    assert label_of(lone, "L/1").name == "Strawberries"


def test_a_batch_that_is_not_in_the_log_has_no_label(lone: World, farm: str):
    lone.harvest(farm, "L1")
    with pytest.raises(NotPublishedError):
        label_of(lone, "L1")
    with pytest.raises(UnknownSubjectError):
        label_of(lone, "L2")


def test_serial_numbers_are_of_one_label_each(lone: World, farm: str):
    lone.harvest(farm, "L1")
    lone.publish()
    plain = label_of(lone, "L1")
    assert numbered(plain, Serials.NONE, 3) == [plain] * 3
    ordered = numbered(plain, Serials.ORDER, 3, first=999_999)
    assert [dict(label.facts)[Caption.SERIAL] for label in ordered] == ["999999", "1000000", "1000001"]
    assert ordered[0].link == f"{plain.link}/21/999999"
    assert [caption for caption, _ in ordered[0].facts][:3] == [Caption.GTIN, Caption.LOT, Caption.SERIAL]
    drawn = numbered(plain, Serials.RANDOM, 100)
    assert len({label.link for label in drawn}) == 100
    assert {len(dict(label.facts)[Caption.SERIAL]) for label in drawn} == {12}
    assert with_serial(plain, "A/1").link.endswith("/21/A%2F1")
    for count, first in ((0, 1), (501, 1), (1, 0), (1, 10**9)):
        with pytest.raises(LabelError):
            numbered(plain, Serials.ORDER, count, first)


def test_the_command_writes_a_file_that_a_phone_reads(
    lone: World,
    farm: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    named: dict[str, Any] = {"ft:product": {"en": "Pears", "zh": "梨𠮷"}}
    lone.harvest(farm, "L1", **named)
    lone.publish()
    for name, value in (("DATA", lone.node.folder), ("DATABASE_URL", lone.store.url), ("BASE_URL", BASE_URL)):
        monkeypatch.setenv(f"FT_{name}", str(value))
    out = tmp_path / "labels.pdf"
    words_of = ["label", f"{GTIN}/L1", "--paper", "L7165", "--out", str(out), "--lang", "zh", "--json"]
    assert main([*words_of, "--start", "6", "--serials", "random"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["labels"], told["missing"], len(told["links"])) == (3, "𠮷", 3)
    (page,) = pages(out.read_bytes())
    assert sorted(read(page)) == sorted(told["links"])
    assert "梨〓" in words(out.read_bytes())
    assert main([*words_of, "--start", "9"]) == 1
    assert main(["label", f"{GTIN}/L9", "--paper", "5160", "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert "[bad-label]" in said or '"bad-label"' in said
    assert "unknown-subject" in said
    assert main(["label", f"{GTIN}/L1", "--paper", "5160", "--out", str(tmp_path / "no" / "x.pdf")]) == 1
