"""The command line: what it writes, and what it refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from queue import SimpleQueue

import pytest

from firmware_sim.staging.library import load_scenario, shipped
from firmware_sim.staging.offline import said
from firmware_sim.staging.plot import Plot, spans
from firmware_sim.staging.program import parser, stage
from tests.support.scenarios import small, written
from traceability.errors import FileError

SVG = "{http://www.w3.org/2000/svg}"


def run(*words):
    stage(parser().parse_args([str(word) for word in words]), SimpleQueue())


def test_folder_truth_and_picture_are_written(tmp_path, capsys):
    path = written(tmp_path, small())
    run(path, "--out", tmp_path / "out", "--truth", tmp_path / "t.jsonl", "--plot", tmp_path / "p.svg")
    assert "24 frames and 0 forged ones" in capsys.readouterr().out
    assert len((tmp_path / "out/frames.jsonl").read_text().splitlines()) == 24
    assert json.loads((tmp_path / "t.jsonl").read_text().splitlines()[0])["name"] == "logger"
    assert ET.parse(tmp_path / "p.svg").getroot().tag == f"{SVG}svg"


def test_truth_of_an_earlier_run_into_a_folder_is_replaced(tmp_path, capsys):
    path = written(tmp_path, small())
    for _ in range(2):
        run(path, "--out", tmp_path / "out", "--truth", tmp_path / "t.jsonl")
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 240


@pytest.mark.parametrize(
    "words", [("--speed", "0"), ("--speed", "nan"), ("--speed", "fast"), ("--seed", "-1")]
)
def test_speed_or_seed_that_is_none_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["strawberries", *words])
    assert "is no s" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--truth", "--plot"])
def test_place_that_cannot_be_written_is_refused(tmp_path, option, capsys):
    path, taken = written(tmp_path, small()), tmp_path / "taken"
    taken.write_text("a file")
    words = {"--out": taken, "--truth": taken / "t", "--plot": taken / "p.svg"}
    chosen = {"--out": tmp_path / "out"} | {option: words[option]}
    with pytest.raises(FileError, match="cannot be written"):
        run(path, *(word for pair in chosen.items() for word in pair))


def test_help_names_every_shipped_scenario():
    text = " ".join(parser().format_help().split())
    assert all(name in text for name in shipped())


def drawn(name_or_path):
    scenario = load_scenario(str(name_or_path))
    plot = Plot(scenario)
    for _ in said(scenario, plot):
        pass
    return ET.fromstring(plot.svg(scenario))


def shapes(root, kind):
    """What is drawn of one kind, without the keys of the legend."""
    return [e for e in root if e.get("class") == kind and e.tag != f"{SVG}line"]


def test_picture_has_a_line_for_each_stretch_a_hatch_for_each_gap_and_marks_what_is_outside(tmp_path):
    faults = [
        {"fault": "dead", "device": "logger", "from": "2h", "until": "3h"},
        {"fault": "door-open", "asset": "room", "from": "1h", "until": "1h20m"},
    ]
    root = drawn(written(tmp_path, small(faults=faults)))
    assert len(shapes(root, "measured")) == 2
    assert len(shapes(root, "gap")) == 1
    assert len(shapes(root, "hot")) == 1
    assert shapes(root, "true") == []
    assert [float(e.get("width")) > 40 for e in shapes(root, "trouble")] == [True, True]


def test_picture_shows_what_a_clone_claims():
    root = drawn("clone-and-thief")
    (claimed,) = shapes(root, "claimed")
    heights = {point.split(",")[1] for point in claimed.get("points").split()}
    assert len(heights) == 1
    assert len(shapes(root, "attack")) == 1


def test_spans_join_what_follows_closely():
    assert spans([(0, 1.0), (60, 1.0), (300, 1.0)], 100) == [(0, 60), (300, 300)]
