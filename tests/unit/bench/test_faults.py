"""The result file of the long rounds of faults, and its table in the documentation."""

from __future__ import annotations

from pathlib import Path

from bench import faults
from bench.faults import Came

AROUND = {"seed": 7, "commit": "abc", "at": "2026-01-01T00:00Z", "took_s": 3, "machine": "2 cores"}
ROW = faults.row_of(Came("kill -9", 500, 30_000), Came("PUBACK first", 1, 11, lost=10, doubled=1), AROUND)


def test_the_table_of_the_documentation_is_what_the_result_file_gives():
    rows = faults.read()
    assert rows, "docs/faults.json"
    remedy = "make soak ARGS=--table"
    assert faults.documented(faults.DOCUMENT.read_text("utf-8")) == faults.table(rows), remedy


def test_nothing_was_lost_doubled_or_forked_and_every_control_was_harmed():
    for name, row in faults.read().items():
        assert [row[word] for word in faults.HARMS] == [0, 0, 0], name
        assert any(row["control"][word] for word in faults.HARMS), name


def test_a_row_says_what_was_done_and_what_came_of_the_control():
    assert faults.table({"kill": ROW}).splitlines()[2] == (
        "| kill -9 | 500 | 30,000 frames | 0 | 0 | 0 | PUBACK first | 10 lost, 1 doubled of 11 in 1"
        " | 7, abc (2026-01-01) |"
    )


def test_a_new_row_takes_the_place_of_the_same_faults_and_leaves_the_others(tmp_path: Path):
    path, document = tmp_path / "faults.json", tmp_path / "page.md"
    faults.merge({"a": ROW, "b": ROW}, path)
    faults.merge({"b": ROW | {"seed": 8}}, path)
    assert {name: row["seed"] for name, row in faults.read(path).items()} == {"a": 7, "b": 8}
    document.write_text(f"before\n{faults.BEGIN}old\n{faults.END}behind\n", "utf-8")
    faults.document(document, path)
    text = document.read_text("utf-8")
    assert faults.documented(text) == faults.table(faults.read(path))
    assert text.partition(faults.BEGIN)[0] == "before\n"
    assert text.partition(faults.END)[2] == "behind\n"
