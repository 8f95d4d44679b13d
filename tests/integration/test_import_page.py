"""The page of the import: a file or pasted cells, looked at first, recorded whole; nothing typed is lost."""

from __future__ import annotations

import io
import re
from html import unescape

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import GTIN, make_world
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.masterdata import Product, save
from traceability.store import models
from traceability.supply.sheets.table import MAX_BYTES, read_table
from webapp.producer.sheetwords import EXPECTED

HEAD = "step,product,lot,quantity,unit,time,partner"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("importpage")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm = world.party("Farm")
    save(world.store, Actor(None, farm, "web"), farm, Product(GTIN, {"en": "Strawberries", "zh": "草莓"}))
    world.wait(minutes=600)
    with site_of(world) as app:
        yield world, app, farm
    world.store.close()


@pytest.fixture
def farm(place):
    world, app, party = place
    return sign_in(app.test_client(), world.store, world.node, party, role=Role.WORKER)


def count(world):
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(models.Record)).scalar_one()


def send(client, table="", *, file=None, lang="en", **fields):
    sent = form(client, table=table, offset="+00:00", **fields)
    if file is not None:
        sent["file"] = FileStorage(io.BytesIO(file), "steps.xlsx")
    boundary, body = encode_multipart(sent)
    kind = f'multipart/form-data; boundary="{boundary}"'
    return client.post(f"/console/import?lang={lang}", data=body, content_type=kind)


def confirm(client, page):
    """What the page's button to record sends."""
    table = unescape(re.findall(r'type="hidden" name="table" value="([^"]*)"', page)[0])
    return send(client, table.replace("\n", "\r\n"), record="1")


def rows(*lots, step="harvest"):
    return "\n".join([HEAD, *(f"{step},{GTIN},{lot},5,KGM,2026-01-01 07:30," for lot in lots)])


def test_a_workbook_is_looked_at_and_recorded_once(place, farm):
    world, _, _ = place
    book, out = Workbook(), io.BytesIO()
    for line in ["", *rows("X-1", "X-2").splitlines()]:
        book.active.append(line.split(",") if line else [])
    book.save(out)
    before = count(world)
    page = send(farm, file=out.getvalue())
    assert page.status_code == 200, page.text
    assert "Steps that will be recorded: 2" in page.text
    assert 'scope="row">3<' in page.text, "rows keep the numbers that the spreadsheet shows"
    assert count(world) == before
    answer = confirm(farm, page.text)
    assert answer.status_code == 303, answer.text
    assert "Recorded: 2 steps" in farm.get(answer.location).text
    after = count(world)
    assert after == before + 2
    again = send(farm, file=out.getvalue())
    assert "nothing new in it" in again.text
    assert confirm(farm, page.text).status_code == 303
    assert count(world) == after


def test_a_sheet_with_a_bad_cell_is_never_recorded_and_stays_to_be_put_right(place, farm):
    world, _, _ = place
    before = count(world)
    for more in ({}, {"record": "1"}):
        page = send(farm, rows("Y-1") + f"\npack,{GTIN},Y-1,many,KGM,2026-01-02 07:30,", **more)
        assert page.status_code == 409
        assert '<th scope="row" class="code">D3</th><td>how much, such as 12 or 12.5</td>' in page.text
        assert "many" in page.text[page.text.index("<textarea") :]
        assert 'name="record"' not in page.text
    assert count(world) == before


def test_bad_cells_are_told_in_chinese(farm):
    bad = f"dance,12,,x,kilo,soon,Farm\nship,{GTIN},Z,0,,2026-01-01,0000000000000abc"
    page = send(farm, f"{HEAD}\n{bad}", lang="zh").text
    table = page[page.index('<table class="problems">') : page.index("</table>")]
    assert table.count("<tr>") == 10
    expected = re.findall(r"</th><td>(.*?)</td>", table)
    assert [text for text in expected if "lang=" in text or text in EXPECTED] == []


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"table": ""}, "Choose a file"),
        ({"table": "a,b\n1,2"}, "names no column"),
        ({"table": rows()}, "no row below"),
        ({"table": "", "file": b"PK\x03\x04 nothing"}, "not an XLSX workbook"),
        ({"table": "", "file": b"x" * (MAX_BYTES + 1)}, "at most"),
        ({"table": rows("Q") + "\r" + "\0"}, "neither CSV"),
    ],
)
def test_what_is_no_sheet_is_said_and_nothing_is_recorded(place, farm, sent, said):
    world, _, _ = place
    before = count(world)
    page = send(farm, **sent)
    assert page.status_code == 400
    assert said in page.text
    assert count(world) == before


def test_a_large_sheet_is_read_and_a_larger_request_is_not(place, farm):
    page = send(farm, rows(*(f"N{n}" for n in range(1500))) + "\n" * 600_000)
    assert page.status_code == 200, "what is typed may be as large as a file"
    assert "The first 100 are shown" in page.text
    assert send(farm, "x" * (MAX_BYTES + 2 * 1024 * 1024)).status_code == 413


def test_templates_are_there_in_both_languages(farm):
    for tongue, first in (("en", "step"), ("zh", "步骤")):
        answer = farm.get(f"/console/import/steps-{tongue}.xlsx")
        assert answer.mimetype.endswith("spreadsheetml.sheet")
        assert read_table(answer.data)[0].cells[0] == first
    assert farm.get("/console/import/steps-xx.xlsx").status_code == 404


def test_who_may_not_record_may_not_import(place):
    world, app, party = place
    viewer = sign_in(app.test_client(), world.store, world.node, party, role=Role.VIEWER)
    assert viewer.get("/console/import").status_code == 403
    assert send(viewer, rows("V-1")).status_code == 403
    stranger = app.test_client().post("/console/import", data={"table": rows("V-1")})
    assert stranger.status_code == 403


def test_the_page_says_what_is_odd_before_anything_is_signed(place, farm):
    ships = "\n".join(f"ship,{GTIN},O-1,{n},KGM,2026-01-01 07:40," for n in (4, 3))
    page = send(farm, f"{rows('O-1')}\n{ships}")
    assert page.status_code == 200, page.text
    assert "something is odd about 1 rows" in page.text
    assert page.text.count("more than you have left") == 1
