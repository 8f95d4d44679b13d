"""The pages of authorities and laboratories, as somebody signed in sees them, and what others do not."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.people import form, sign_in
from tests.support.supply import BLEND, LOT, PALLET
from tests.support.web import site_of
from tests.support.world import Story, World, identifiers_gln, make_world, tell_story
from tests.unit.supply.test_inspection import REPORT, RESULT, SAMPLE
from traceability.identifiers import place_uri
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.deposit import notices_on
from traceability.operations.record import make_event, record_event

BATCH = "/regulator/batches/01/09520000000011/10/L1"


@dataclass
class Office:
    """A node with a site, and people of an authority, a laboratory and a farm who are signed in."""

    story: Story
    app: Flask
    bureau: str
    lab: str

    @property
    def world(self) -> World:
        return self.story.world

    def client(self, party: str, kind: PartyKind, role: Role = Role.MANAGER) -> FlaskClient:
        return sign_in(self.app.test_client(), self.world.store, self.world.node, party, kind, role)

    def inspector(self, role: Role = Role.WORKER) -> FlaskClient:
        return self.client(self.bureau, PartyKind.AUTHORITY, role)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    world = make_world(folder / "node", f"sqlite:///{folder / 'store.sqlite'}")
    story = tell_story(world)
    bureau, lab = world.party("Bureau"), world.party("Laboratory")
    world.publish()
    with site_of(world) as app:
        yield Office(story, app, bureau, lab)
    world.store.close()


def text_of(client: FlaskClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    return answer.text


def test_the_search_says_what_it_took_the_text_for_and_leads_on(office: Office):
    client = office.inspector()
    page = text_of(client, "/regulator?q=09520000000011/L1")
    assert f'href="{BATCH}?lang=en"' in page
    assert "a batch, item, logistic unit or asset" in page
    nothing = text_of(client, "/regulator?q=9520000000059&lang=zh")
    assert "未找到" in nothing
    assert 'value="9520000000059"' in nothing
    assert "R-20260101-TEST00" in text_of(client, "/regulator")
    hostile = text_of(client, "/regulator?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in hostile


def leads(client: FlaskClient, asked: str, page: str) -> str:
    """The page that the one hit of a search leads to."""
    (address,) = set(re.findall(rf'<h3><a href="(/regulator/{page}[^"]+)"', text_of(client, asked)))
    return text_of(client, unescape(address))


def test_places_firms_and_devices_that_were_found_have_a_page_each(office: Office):
    client, world, story = office.inspector(), office.world, office.story
    shed = place_uri(identifiers_gln(), world.node.name)
    packed = [{"epcClass": world.harvest(story.farm, "AT-SHED")}]
    event = make_event("pack", world.now_ms, quantityList=packed, readPoint={"id": shed})
    record_event(world.store, world.node, story.farm, event)
    place = leads(client, f"/regulator?q={identifiers_gln()}", "places")
    for text in ("<h1><bdi>Packing shed", ">Farm</bdi>", "AT-SHED</bdi></a>", "Packed"):
        assert text in place, text
    firm = leads(client, "/regulator?q=Carrier", "firms")
    assert "in force" in firm
    number = story.probes[0].device
    assert f'href="/regulator/devices/{number}?lang=en"' in firm
    device = leads(client, f"/regulator?q={number}", "devices")
    for text in ("°C", world.asset("TRUCK1"), ">Carrier</bdi>", "never calibrated"):
        assert text in device, text
    assert "未找到" not in text_of(client, f"/regulator/devices/{number}?lang=zh")
    assert "/regulator/recalls/R-20260101-TEST00" in text_of(client, "/regulator?q=R-20260101-TEST00")
    for none in ("places?thing=https://id.gs1.org/414/9520000000059", "firms?party=x", "places"):
        text_of(client, f"/regulator/{none}", 404)
    text_of(client, f"/regulator/devices/{'0' * 32}", 404)
    lab = office.client(office.lab, PartyKind.LABORATORY)
    assert "This is not for you" in text_of(lab, f"/regulator/devices/{number}", 403)


def test_a_batch_is_shown_with_proof_events_devices_and_what_stands_beside(office: Office):
    page = text_of(office.inspector(), BATCH)
    for text in ("Strawberries", "Carrier", "What is proven", "never calibrated", "Messages of it that were"):
        assert text in page, text
    assert page.count('role="rowheader"') >= 6
    for way in ("trace?", "records?", "evidence.zip?"):
        assert f"/regulator/{way}" in page
    chinese = text_of(office.inspector(), f"{BATCH}?lang=zh")
    assert "已证明的内容" in chinese
    text_of(office.inspector(), "/regulator/batches/01/09520000000011/10/NONE", 404)


def test_a_trace_has_one_address_and_picture_and_table_have_the_same_things(office: Office):
    client = office.inspector()
    page = text_of(client, f"/regulator/trace?thing={LOT}&direction=forward&contact=1")
    (svg,) = re.findall(r"<svg[^>]* class=\"trace\".*?</svg>", page, re.DOTALL)
    boxes = len(re.findall(r'class="trace-box', svg))
    assert boxes == len(re.findall(r'<th scope="row">', page)) > 2
    assert BLEND.rpartition("/")[2] in page
    assert 'name="direction" value="forward" checked' in page
    for file in ("json", "csv", "graphml", "svg"):
        answer = client.get(f"/regulator/trace?thing={LOT}&file={file}")
        assert answer.headers["Content-Disposition"] == f"attachment; filename=trace.{file}"
        assert PALLET in answer.get_data(as_text=True)
    for thing, status in (("09520000000011/NONE", 404), ("?", 400)):
        refused = text_of(client, f"/regulator/trace?thing={thing}", status)
        assert f'value="{thing}"' in refused
        assert "<svg class" not in refused


def test_the_spreadsheet_is_there_with_what_is_missing_by_event(office: Office):
    client = office.inspector()
    page = text_of(client, f"/regulator/records?thing={LOT}")
    assert "1.13" in page
    assert "missing" in page
    assert "178/2002" in page
    sheet = client.get(f"/regulator/records?thing={LOT}&file=xlsx")
    with zipfile.ZipFile(BytesIO(sheet.data)) as book:
        assert "xl/workbook.xml" in book.namelist()
    assert LOT.rpartition("/")[2] in client.get(f"/regulator/records?thing={LOT}&file=csv").text
    assert "Traceability lot code" in text_of(client, "/regulator/records/glossary")
    assert "no day such as" in text_of(client, f"/regulator/records?thing={LOT}&from=yesterday", 400)
    assert 'value="123"' in text_of(client, "/regulator/records?food=123", 400)
    text_of(client, "/regulator/records?thing=09520000000011/NONE", 404)


def test_the_evidence_is_one_file(office: Office):
    answer = office.inspector().get(f"/regulator/evidence.zip?thing={office.story.closed}&thing={LOT}")
    assert answer.mimetype == "application/zip"
    with zipfile.ZipFile(BytesIO(answer.data)) as archive:
        assert sum(name.startswith("bundles/") for name in archive.namelist()) == 2
    assert office.inspector().get("/regulator/evidence.zip").status_code == 400


def test_the_status_page_says_in_words_how_the_log_is(office: Office):
    office.story.world.publish()
    page = text_of(office.inspector(), "/regulator/status")
    assert "Everything that was recorded is in it." in page
    assert "Nobody witnesses this log" in page
    assert "clock-ahead" in page


def test_an_inspection_from_its_plan_to_a_signed_result(office: Office):
    inspector, lab = office.inspector(), office.client(office.lab, PartyKind.LABORATORY, Role.WORKER)
    batch = office.story.closed

    def send(client: FlaskClient, address: str, **fields: Any) -> str:
        answer = client.post(address, data=form(client, **fields))
        assert answer.status_code == 303, answer.text
        return str(answer.location).partition("?")[0]

    inspection = send(inspector, "/regulator/inspections", about=batch)
    paper = inspection.replace("inspections", "papers")
    assert send(inspector, paper, do="sign", reason="A complaint") == paper  # not complete: nothing is signed
    kept = text_of(inspector, paper)
    assert "A complaint</textarea>" in kept
    assert kept.count('aria-invalid="true"') >= 2
    sample = send(inspector, f"{inspection}/samples")
    mine = {name: value for name, value in SAMPLE.items() if name != "inspection"}
    assert send(inspector, sample, do="sign", **mine) == inspection
    number = sample.rpartition("/")[2]
    assert SAMPLE["what"] not in text_of(lab, "/regulator/inspections")
    send(inspector, f"/regulator/samples/{number}/laboratory", laboratory=office.lab)
    assert SAMPLE["what"] in text_of(lab, "/regulator/inspections")
    result = send(lab, f"/regulator/samples/{number}/results")
    found = {name: value for name, value in RESULT.items() if not name.startswith("sample")}
    send(lab, result, do="sign", **found)
    send(inspector, paper, do="sign", **REPORT)
    page = text_of(inspector, inspection)
    assert RESULT["analyte"] in page
    assert page.count("The signed document") == 3
    with office.world.store.reading() as connection:
        assert [each.party for each in notices_on(connection, batch)] == [
            office.bureau,
            office.lab,
            office.bureau,
        ]
    # What is another's is not there.
    other = office.client(office.world.party("Other"), PartyKind.LABORATORY)
    for client, address in (
        (lab, inspection),
        (lab, paper),
        (inspector, result),
        (other, result),
        (other, f"/regulator/papers/{number}"),
    ):
        text_of(client, address, 404)
    refused = other.post(f"/regulator/samples/{number}/results", data=form(other))
    assert refused.status_code == 404
    assert other.post(result, data=form(other, do="sign")).status_code == 404


def test_who_may_see_what(office: Office):
    pages = (
        "",
        BATCH.removeprefix("/regulator"),
        "/trace",
        "/records",
        "/evidence.zip",
        "/status",
        "/inspections",
    )
    farmer = office.client(office.story.farm, PartyKind.PRODUCER)
    viewer = office.inspector(Role.VIEWER)
    for page in pages:
        address = f"/regulator{page}"
        assert office.app.test_client().get(address).status_code == 303, page
        assert farmer.get(address).status_code == 403, page
        assert viewer.get(address).status_code == (
            403 if page == "/inspections" else 400 if "zip" in page else 200
        )
    refused = viewer.post("/regulator/inspections", data=form(viewer, about=LOT))
    assert refused.status_code == 403
    forged = office.inspector().post("/regulator/inspections", data={"about": LOT})
    assert forged.status_code == 403


def lend(office: Office, client: FlaskClient, view: str, subject: str, **more: Any) -> str:
    fields = form(client, view=view, subject=subject, **{"days": "7", **more})
    answer = client.post("/regulator/links", data=fields)
    assert answer.status_code == 200, answer.text
    (address,) = re.findall(r'href="http://[^/]+(/shared/[^"]+)"', answer.text)
    return str(address)


@pytest.mark.parametrize(
    ("view", "subject", "shows"),
    [
        ("batch", LOT, "What is proven"),
        ("trace", LOT, 'class="trace"'),
        ("recall", "R-20260101-TEST00", "Glass was found in it"),
    ],
)
def test_a_lent_view_opens_for_anybody_and_shows_that_view_alone(
    office: Office, view: str, subject: str, shows: str
):
    address = lend(office, office.inspector(), view, subject)
    stranger = office.app.test_client()
    answer = stranger.get(address)
    assert (answer.status_code, shows in answer.text) == (200, True)
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    assert "/regulator/" not in answer.text
    assert "<form" not in answer.text
    for other in (f"{address}A", f"{address[:-1]}", "/shared/x", f"{address}/01/09520000000028/10/C"):
        assert stranger.get(other).status_code == 404, other
    assert stranger.post(address).status_code in {404, 405}
    assert stranger.get(BATCH).status_code == 303


def test_a_link_that_is_taken_back_or_over_opens_nothing(office: Office):
    client = office.inspector()
    office.world.wait(ms=1)
    address = lend(office, client, "batch", LOT, days="1")
    listed = text_of(client, "/regulator/links")
    assert address.rpartition("/")[2] not in listed
    (number,) = set(re.findall(r"/regulator/links/([0-9a-f]{64})/revoke", listed)[:1])
    assert client.post(f"/regulator/links/{number}/revoke", data=form(client)).status_code == 303
    assert office.app.test_client().get(address).status_code == 404
    second = lend(office, client, "batch", LOT, days="1")
    office.world.wait(minutes=24 * 60)
    assert office.app.test_client().get(second).status_code == 404
    client = office.inspector()
    for days in ("0", "91", "x", "99999999999999999999"):
        fields = form(client, view="batch", subject=LOT, days=days)
        assert client.post("/regulator/links", data=fields).status_code == 400, days


def test_a_firm_lends_what_is_its_own(office: Office):
    farmer = office.client(office.story.farm, PartyKind.PRODUCER)
    address = lend(office, farmer, "batch", office.story.closed)
    assert "Alarms" not in office.app.test_client().get(address).text
    fields = form(farmer, view="trace", subject=LOT, days="7")
    assert farmer.post("/regulator/links", data=fields).status_code == 403
