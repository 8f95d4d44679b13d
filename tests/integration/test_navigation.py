"""Where people find their pages: at the top by what they may do, between the parts, and in their language."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.integration.test_console import PRODUCT, harvest, keep
from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import GTIN, make_world
from traceability.operations.accounts.roles import PartyKind, Role

MOST = 9
LOT = f"01/{GTIN}/10/LINKED"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("navigation")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    kinds = [PartyKind.PRODUCER, PartyKind.CARRIER, PartyKind.AUTHORITY, PartyKind.LABORATORY, PartyKind.BANK]
    parties = {kind: world.party(kind.title()) for kind in kinds}
    with site_of(world) as app:

        def client(kind, role=Role.MANAGER):
            party = None if kind is None else parties[kind]
            return sign_in(app.test_client(), world.store, world.node, party, kind, role)

        farm = client(PartyKind.PRODUCER)
        assert keep(farm, "products", PRODUCT).status_code == 303
        harvest(farm, "LINKED")
        world.publish()
        yield world, client
    world.store.close()


def entries(page):
    nav = page[page.index('<div class="places"') :]
    found = re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', nav[: nav.index("</nav>")])
    return [(unescape(address), text) for address, text in found]


def links(page):
    return [unescape(address) for address in re.findall(r'href="([^"]+)"', page.rpartition("</nav>")[2])]


@pytest.mark.parametrize(
    ("kind", "role", "first", "there", "missing"),
    [
        (
            PartyKind.PRODUCER,
            Role.MANAGER,
            "Overview",
            {"Products and places", "Recalls", "People"},
            {"Trace"},
        ),
        (
            PartyKind.PRODUCER,
            Role.WORKER,
            "Overview",
            {"Record a step", "Recall notices"},
            {"People", "Recalls"},
        ),
        (PartyKind.PRODUCER, Role.VIEWER, "Overview", {"Batches"}, {"Record a step", "Recall notices"}),
        (PartyKind.CARRIER, Role.WORKER, "Overview", {"Record a step"}, {"Products and places"}),
        (PartyKind.AUTHORITY, Role.MANAGER, "Search", {"Trace", "Recalls", "Inspections"}, {"Overview"}),
        (PartyKind.AUTHORITY, Role.VIEWER, "Search", {"Trace"}, {"Inspections", "People"}),
        (PartyKind.LABORATORY, Role.WORKER, "Inspections", set(), {"Search", "Overview"}),
        (PartyKind.BANK, Role.WORKER, "Overview", {"Batches"}, {"Record a step"}),
        (None, Role.ADMINISTRATOR, "Parties", {"People", "Audit trail"}, {"Tokens", "Overview"}),
    ],
)
def test_everybody_finds_what_they_may_and_nothing_else(place, kind, role, first, there, missing):
    _, client = place
    person = client(kind, role)
    begin = person.get("/account/begin?lang=en")
    assert begin.status_code == 303
    page = person.get(begin.location)
    assert page.status_code == 200
    found = entries(page.text)
    words = [text for _, text in found]
    assert words[0] == first
    assert words[-1] == "Your account"
    assert len(words) <= MOST
    assert there <= set(words)
    assert not missing & set(words)
    assert 'aria-current="page">' + first in page.text
    for address, text in found:
        assert person.get(address).status_code == 200, text


def test_a_batch_of_the_console_leads_to_labels_recall_and_a_link_that_opens(place):
    _, client = place
    farm = client(PartyKind.PRODUCER)
    page = farm.get(f"/console/batches/{LOT}?lang=en").text
    assert f"/console/labels/{LOT}?lang=en" in links(page)
    recall = next(address for address in links(page) if address.startswith("/console/recalls?"))
    assert f">{GTIN}/LINKED</textarea>" in farm.get(recall).text
    assert farm.get(f"/console/labels/{LOT}").status_code == 200
    lent = farm.post(
        "/regulator/links?lang=en", data=form(farm, view="batch", subject=f"{GTIN}/LINKED", days="7")
    )
    (shared,) = re.findall(r'class="code" href="https?://[^/]+(/shared/[^"]+)"', lent.text)
    assert farm.get(shared).status_code == 200
    worker = client(PartyKind.PRODUCER, Role.VIEWER).get(f"/console/batches/{LOT}?lang=en").text
    assert not any("/labels/" in address or "/recalls" in address for address in links(worker))
    assert "Lend this view" not in worker


def test_an_authority_s_batch_leads_to_a_case_and_an_inspection_with_the_lot_filled_in(place):
    _, client = place
    officer = client(PartyKind.AUTHORITY)
    page = officer.get(f"/regulator/batches/{LOT}?lang=en").text
    found = links(page)
    case = next(a for a in found if a.startswith("/regulator/recalls?"))
    assert f">{GTIN}/LINKED</textarea>" in officer.get(case).text
    about = next(a for a in found if a.startswith("/regulator/inspections?about="))
    assert f"{GTIN}/10/LINKED" in officer.get(about).text
    assert any(a.startswith("/regulator/evidence.zip?") for a in found)
    viewer = client(PartyKind.AUTHORITY, Role.VIEWER).get(f"/regulator/batches/{LOT}?lang=en").text
    assert not any(a.startswith(("/regulator/recalls?", "/regulator/inspections?")) for a in links(viewer))


def test_a_case_that_is_signed_can_be_lent_by_an_authority(place):
    _, client = place
    officer = client(PartyKind.AUTHORITY, Role.WORKER)
    opened = officer.post("/regulator/recalls", data=form(officer, lots=f"{GTIN}/LINKED"))
    page = officer.get(opened.location).text
    assert "Lend this view" not in page, "nothing is signed yet"
    reach = re.findall(r'name="seen" value="([^"]*)"', page)[0]
    texts = {f"{name}-{tongue}": "x" for name in ("hazard", "advice") for tongue in ("en", "zh")}
    case = opened.location.partition("?")[0]
    held = officer.post(case + "/hold", data=form(officer, recallClass="1", seen=reach, contact="", **texts))
    assert held.status_code == 303, held.text
    page = officer.get(case + "?lang=en").text
    assert "Lend this view" in page
    lent = officer.post(
        "/regulator/links", data=form(officer, view="recall", subject=case.rpartition("/")[2], days="1")
    )
    (shared,) = re.findall(r'class="code" href="https?://[^/]+(/shared/[^"]+)"', lent.text)
    assert officer.get(shared).status_code == 200


def other_language(page):
    return unescape(re.findall(r'<a href="([^"]+)" lang="zh"', page)[0])


@pytest.mark.parametrize(
    ("path", "sent", "leads_to"),
    [
        ("/console/products/new", {"name_en": ""}, "/console/products/new?lang=zh"),
        (f"/console/record/harvest?gtin={GTIN}", {"lot": ""}, f"/console/record/harvest?gtin={GTIN}&lang=zh"),
        ("/console/recalls", {"lots": "nonsense"}, "/console/recalls?lang=zh"),
        ("/account/password", {"old": "x", "new": "y"}, "/account?lang=zh"),
        ("/regulator/links", {"view": "batch", "subject": "x", "days": "0"}, "/regulator/links?lang=zh"),
    ],
)
def test_another_language_after_a_refused_form_leads_to_the_form(place, path, sent, leads_to):
    _, client = place
    farm = client(PartyKind.PRODUCER)
    answer = farm.post(path, data=form(farm, **sent))
    assert answer.status_code in {200, 400, 403}
    address = other_language(answer.text)
    assert address == leads_to
    assert farm.get(address).status_code == 200


def test_a_stranger_s_report_that_was_refused_stays_in_its_lot(place):
    _, client = place
    stranger = client(PartyKind.BANK)
    path = stranger.get(f"/{LOT}?lang=en").text
    report = next(a for a in links(path) if a.startswith("/report"))
    answer = stranger.post(report, data=form(stranger, words=""))
    assert other_language(answer.text).partition("?")[0] == report.partition("?")[0]
