"""Files that cost whoever opens them far more than whoever sends them: pictures and sheets."""

from __future__ import annotations

import io
import zipfile

import pytest
from openpyxl import Workbook
from PIL import Image

from traceability.errors import MalformedError, OversizeError, PictureError
from traceability.operations import pictures
from traceability.operations.pictures import remake_picture
from traceability.supply.sheets.table import MAX_TAGS, read_table

SPREADSHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def progressive(side: int, again: int) -> bytes:
    """A JPEG in several scans, the last of them, which says next to nothing, some more times."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(out, "JPEG", progressive=True)
    data = out.getvalue()[:-2]
    return data + data[data.rindex(b"\xff\xda") :] * again + b"\xff\xd9"


def hiding(data: bytes) -> bytes:
    """The same, with a comment before its scans in which the picture seems to end."""
    return data[:2] + b"\xff\xfe\x00\x04\xff\xd9" + data[2:]


def workbook(sheet: str = "") -> bytes:
    """A workbook, with what stands in its sheet exchanged."""
    whole, out = io.BytesIO(), io.BytesIO()
    book = Workbook()
    book.active.append(["step"])
    book.save(whole)
    parts = {"xl/worksheets/sheet1.xml": sheet and f"<worksheet {SPREADSHEET}>{sheet}</worksheet>"}
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as write:
        for name in read.namelist():
            write.writestr(name, parts.get(name) or read.read(name))
    return out.getvalue()


def test_a_jpeg_of_a_few_bytes_is_not_decoded_over_and_over():
    assert remake_picture(progressive(300, 10), 100, 10_000)
    for bomb in (progressive(300, 60), hiding(progressive(300, 60))):
        with pytest.raises(PictureError, match="scans"):
            remake_picture(bomb, 100, 10_000)


def test_the_larger_a_jpeg_the_fewer_scans(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_SCANNED", 1_000_000)
    assert remake_picture(progressive(300, 0), 100, 10_000)
    for bomb in (progressive(300, 5), progressive(400, 0)):
        with pytest.raises(PictureError, match="scans"):
            remake_picture(bomb, 100, 10_000)


def test_a_preview_in_a_photo_is_no_scan_of_it(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_SCANNED", 0)
    preview, out = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (9, 9)).save(preview, "JPEG")
    Image.new("RGB", (90, 90)).save(out, "JPEG", comment=preview.getvalue())
    assert out.getvalue().count(b"\xff\xda") == 2
    assert remake_picture(out.getvalue() + preview.getvalue(), 80, 10_000)


@pytest.mark.parametrize(
    "sheet",
    [
        '<dimension ref="A1:XFD1048576"/><sheetData><row r="9"><c r="A9"/></row></sheetData>',
        "<sheetData></sheetData>",
    ],
)
def test_a_sheet_is_not_filled_up_to_the_size_that_it_claims(sheet):
    assert read_table(workbook(sheet)) == ()


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="999999999"><c r="A999999999"/></row>',
        "".join(f'<row r="{n}"><c r="XFD{n}"/></row>' for n in range(1, 200)),
    ],
)
def test_a_cell_at_the_end_of_the_world_is_not_walked_to(rows):
    with pytest.raises(OversizeError, match="without end"):
        read_table(workbook(f"<sheetData>{rows}</sheetData>"))


def test_a_line_of_nothing_is_refused_as_fast_as_a_line_of_something():
    with pytest.raises(OversizeError, match="without end"):
        read_table(b"step,lot\n" + b"," * 4_000_000)
    assert len(read_table(b"step,lot\n" + b"," * 1_000_000)) == 1


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16"])
def test_no_word_of_a_workbook_stands_for_many(encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE sst [<!ENTITY a "{"A" * 1000}">]>'
    strings = f"{head}<sst {SPREADSHEET}><si><t>{'&a;' * 50}</t></si></sst>"
    out = io.BytesIO(workbook())
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("xl/more.xml", strings.encode(encoding))
    with pytest.raises(MalformedError, match="document type"):
        read_table(out.getvalue())


def test_a_workbook_has_only_so_many_tags():
    with pytest.raises(OversizeError, match="tags"):
        read_table(workbook(f"<sheetData>{'<row/>' * MAX_TAGS}</sheetData>"))
