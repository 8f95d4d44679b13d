"""Sheets that firms bring: every cell is read as it stands, or named with what should stand there."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import Workbook

from traceability.errors import MalformedError, OversizeError
from traceability.identifiers import Batch
from traceability.supply.sheets.steps import COLUMNS, WORDS, read_steps
from traceability.supply.sheets.table import (
    MAX_CHARS,
    MAX_LINES,
    MAX_ROWS,
    MAX_UNPACKED_BYTES,
    read_table,
    write_table,
)
from traceability.supply.sheets.template import write_template

HEAD = "step,product,lot,quantity,unit,time,place,partner,asset,made_from,best_before"
ROW = "harvest,02000000000015,L1,120,KGM,2026-05-01 07:30,,,,,2026-05-08"


def steps(*rows, head=HEAD, offset="+08:00"):
    return read_steps(read_table("\n".join([head, *rows]).encode()), offset)


def workbook(*rows) -> bytes:
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def test_a_row_says_what_stands_in_its_cells():
    (found,) = steps(ROW).rows
    assert (found.step, found.batch.gtin, found.batch.lot) == ("harvest", "02000000000015", "L1")
    assert (found.quantity, found.uom, found.best_before) == (Decimal(120), "KGM", "2026-05-08")
    assert (found.when.at_ms, found.when.offset) == (1_777_591_800_000, "+08:00")
    assert str(found.when.day) == "2026-05-01"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_csv_is_read_as_spreadsheet_programs_save_it_in_both_languages(encoding, between):
    head = between.join(column.chinese for column in COLUMNS[:6])
    row = between.join(["采收", "02000000000015", "草莓1", "", "", "2026/05/01 07:30"])
    if encoding == "gb18030":
        row = row.replace("草莓1", "L1")
    found = read_steps(read_table(f"{head}\r\n{row.replace('草莓1', 'L1')}\r\n".encode(encoding)), "+08:00")
    assert [each.step for each in found.rows] == ["harvest"]


def test_a_workbook_is_read_with_its_own_numbers_and_times():
    head = [column.name for column in COLUMNS[:6]]
    data = workbook(
        head, ["ship", 2000000000015, 17, 12.5, "KGM", datetime.fromisoformat("2026-05-01T07:30")]
    )
    (found,) = read_steps(read_table(data), "+08:00").rows
    assert (found.batch.gtin, found.batch.lot, found.quantity) == ("02000000000015", "17", Decimal("12.5"))
    assert found.when.at_ms == 1_777_591_800_000


def test_every_bad_cell_is_named_with_what_should_stand_there():
    found = steps(
        ROW,
        "pick,02000000000016,L" + "x" * 30 + ",-1,kg,yesterday,123,456,,02000000000015/L1=lots,8 May",
        ",,,,,,,,,,",
        "ship,6.90123E+12,L1,,,2026-05-01,,,,,",
    )
    cells = [problem.pointer for problem in found.problems]
    assert cells == ["A3", "B3", "C3", "F3", "D3", "E3", "G3", "H3", "J3", "K3", "B5"]
    assert "shortened" in found.problems[-1].expected
    assert "'pick'" in found.problems[0].got
    assert len(found.rows) == 1, "a row with a bad cell is not recorded without it"


def test_columns_may_stand_in_another_order_and_be_left_out():
    found = steps(
        "2026-05-01T07:30Z,L1,02000000000015,ship,what is this", head="time,lot,product,step,remark"
    )
    assert found.problems == ()
    assert found.cell(found.rows[0].row, "product") == "C2"
    assert found.rows[0].when.offset == "+00:00"


@pytest.mark.parametrize(
    ("head", "says"),
    [("step,product,time", "lot"), ("step,step,product,lot,time", "two columns"), ("a,b", "step")],
)
def test_a_head_that_lacks_or_repeats_a_column_is_refused(head, says):
    with pytest.raises(MalformedError, match=says):
        steps(ROW, head=head)


def test_what_a_batch_is_made_of_is_a_list():
    (found,) = steps(
        "make,02000000000015,J1,6,KGM,2026-05-01,,,,02000000000015/A=2.5KGM; 02000000000015/B,"
    ).rows
    assert [(part.batch.lot, part.quantity, part.uom) for part in found.parts] == [
        ("A", Decimal("2.5"), "KGM"),
        ("B", None, None),
    ]


def test_the_template_is_read_back_and_its_example_holds():
    for language in ("en", "zh"):
        found = read_steps(read_table(write_template(language)), "+08:00")
        assert found.problems == ()
        assert [row.step for row in found.rows] == ["harvest"]
    assert write_template() == write_template(), "the same bytes each time"


def test_every_step_has_its_own_chinese_word():
    assert len(set(WORDS.values())) == len(WORDS)


@pytest.mark.parametrize("data", [b"PK\x03\x04nonsense", b"\xff\xfe\x00\x01", b"a\0b,c", b'"open,\n' * 3])
def test_what_is_no_sheet_is_refused(data):
    with pytest.raises((MalformedError, OversizeError)):
        read_steps(read_table(data), "+08:00")


def test_a_bomb_is_not_unpacked():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (MAX_UNPACKED_BYTES + 1))
    with pytest.raises(OversizeError, match="unpacked"):
        read_table(packed.getvalue())


def test_too_many_rows_and_too_long_cells_are_refused():
    with pytest.raises(OversizeError, match=f"{MAX_ROWS} rows"):
        steps(*[ROW] * (MAX_ROWS + 1))
    with pytest.raises(OversizeError, match="A2"):
        steps("x" * (MAX_CHARS + 1))


@pytest.mark.parametrize("between", [",", "\t"])
def test_a_table_that_is_written_is_read_again_under_the_same_numbers(between):
    odd = [
        [],
        ["step", "product", "lot", "time"],
        [],
        [],
        ["a,b;c\td", "", 'say "x"', "two\nlines"],
        [],
        ["x"],
    ]
    table = read_table(workbook(*odd))
    assert [row.number for row in table] == [2, 5, 7]
    assert read_table(write_table(table, between).encode()) == table


def test_what_stands_far_below_everything_else_is_refused():
    rows = "\n" * MAX_LINES
    assert len(read_table(f"{HEAD}\n{ROW}{rows}".encode())) == 2
    with pytest.raises(OversizeError, match="below row"):
        read_table(f"{HEAD}\n{rows}{ROW}".encode())


@pytest.mark.parametrize("moment", ["0001-01-01 00:00-14:00", "1969-12-31 23:59", "9999-12-31 23:59-14:00"])
def test_a_time_of_another_age_is_a_bad_cell(moment):
    found = steps(ROW.replace("2026-05-01 07:30", moment))
    assert [problem.pointer for problem in found.problems] == ["F2"]


def test_a_partner_is_named_by_gln_or_by_its_number_on_this_node():
    (found,) = steps(ROW.replace(",,,,,", ",,00000000000000aa,,,")).rows
    assert found.partner == "00000000000000aa"
    assert steps(ROW.replace(",,,,,", ",,Farm,,,")).problems[0].pointer == "H2"


def test_a_row_names_its_batch_whatever_else_is_wrong_with_it():
    table = read_table(f"{HEAD}\n{ROW.replace('harvest', 'dance')}\ndance,12".encode())
    found = read_steps(table, "+08:00")
    assert [found.batch(row) for row in table[1:]] == [Batch("02000000000015", "L1"), None]


def test_the_page_for_people_shows_the_same_columns_and_steps():
    page = (Path(__file__).parents[3] / "docs" / "import.md").read_text("utf-8")
    shown = [f"| `{c.name}` | {c.chinese} | {'yes' if c.needed else ''} | {c.says} |" for c in COLUMNS]
    shown += [f"| `{word}` | {chinese} |" for word, chinese in WORDS.items()]
    assert [line for line in page.splitlines() if line.startswith("| `")] == shown
