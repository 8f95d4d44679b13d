"""Who sees what: a change is shown on a real event before it is made, and holds for what is there already."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import GTIN, make_world
from traceability.operations.accounts.roles import Role
from traceability.operations.policies import list_exceptions
from traceability.store.accounts import TrailEntry

PART = "quantityList/quantity"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disclosure")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    parties = {name: world.party(name) for name in ("Farm", "Shop")}
    world.harvest(parties["Farm"], "L1")
    with site_of(world) as app:
        yield world, app, parties
    world.store.close()


def exceptions(place, name="Farm"):
    with place[0].store.reading() as connection:
        return list_exceptions(connection, place[2][name])


def ask(client, **fields):
    return client.post("/console/disclosure?lang=en", data=form(client, **fields))


def before_and_after(page: str) -> dict[str, tuple[str, str]]:
    table = page[page.index("<caption>") : page.index("</table>")]
    found = re.findall(r'<tr><th scope="row">(.*?)</th>.*?</td><td>(.*?)</td><td>(.*?)</td></tr>', table)
    return {part: (before, re.sub("<[^>]*>", "", after)) for part, before, after in found}


def test_a_change_is_shown_on_an_event_and_made_when_it_is_confirmed(place):
    world, app, parties = place
    farm = sign_in(app.test_client(), world.store, world.node, parties["Farm"])
    page = farm.get("/console/disclosure?lang=en&event=0").text
    assert "the default holds" in page
    wanted = {"part": PART, "audience": "public", "product": "", "event": "0"}
    shown = ask(farm, **wanted)
    assert shown.status_code == 200, shown.text
    rows = before_and_after(shown.text)
    changed = {part: row for part, row in rows.items() if row[0] != row[1]}
    assert changed == {"Quantity": ("partners and authorities see it", "everybody sees it")}
    assert exceptions(place) == ()
    assert ask(farm, **wanted, confirm="1").status_code == 303
    assert [(e.part, e.product, str(e.audience)) for e in exceptions(place)] == [(PART, "", "public")]
    page = farm.get("/console/disclosure?lang=en&event=0").text
    assert page.index("Everybody") < page.index(">Quantity<") < page.index("Also partners")
    assert ask(farm, **wanted | {"audience": "regulator", "product": GTIN}, confirm="1").status_code == 303
    closed = before_and_after(ask(farm, **wanted | {"audience": "default", "product": GTIN}).text)
    assert closed["Quantity"] == ("only authorities see it", "everybody sees it")
    assert ask(farm, **wanted | {"audience": "default"}, confirm="1").status_code == 303
    assert [(e.part, e.product) for e in exceptions(place)] == [(PART, GTIN)]
    with world.store.reading() as connection:
        noted = select(TrailEntry.action).where(TrailEntry.subject == parties["Farm"])
        actions = connection.execute(noted).scalars().all()
    assert actions.count("disclosure-changed") == 2
    assert actions.count("disclosure-reset") == 1
    assert exceptions(place, "Shop") == ()


@pytest.mark.parametrize(
    "change", [{"part": "eventID"}, {"part": "nonsense"}, {"audience": "all"}, {"product": "123"}]
)
def test_what_cannot_be_changed_is_said_and_kept_as_typed(place, change):
    world, app, parties = place
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    answer = ask(shop, **{"part": PART, "audience": "public", "product": "", "confirm": "1"} | change)
    assert answer.status_code == 409
    assert "Nothing was changed" in answer.text
    assert exceptions(place, "Shop") == ()


def test_a_firm_without_events_is_told_and_a_worker_has_no_such_page(place):
    world, app, parties = place
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    assert "recorded nothing yet" in shop.get("/console/disclosure?lang=en&event=99999999").text
    assert ask(shop, part=PART, audience="public", product="").status_code == 200
    worker = sign_in(app.test_client(), world.store, world.node, parties["Farm"], role=Role.WORKER)
    assert worker.get("/console/disclosure").status_code == 403
    assert ask(worker, part=PART, audience="public", confirm="1").status_code == 403
