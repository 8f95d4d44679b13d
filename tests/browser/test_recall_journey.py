"""A recall from a lot's code to its closing, by two persons and a holder, by keyboard alone; and a drill."""

from __future__ import annotations

import pytest

from tests.support.desk import Desk
from tests.support.people import sign_in_browser
from tests.support.recalls import chain
from tests.support.web import served
from tests.support.world import make_world
from traceability.operations.accounts.roles import PartyKind

pytestmark = pytest.mark.browser
SAID = {
    "hazard-en": "Salmonella",
    "hazard-zh": "沙门氏菌",
    "advice-en": "Do not eat it",
    "advice-zh": "请勿食用",
}


@pytest.fixture
def desks(chromium, tmp_path):
    """Somebody who proposes, somebody who approves, and a holder."""
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}")
    _, _, dairy = chain(world)
    office = world.party("Food Authority")
    world.publish()
    people = ((office, PartyKind.AUTHORITY), (office, PartyKind.AUTHORITY), (dairy, PartyKind.PROCESSOR))
    with served(world) as address:
        contexts = [chromium.new_context(viewport={"width": 1280, "height": 800}) for _ in people]
        for context, (party, kind) in zip(contexts, people, strict=True):
            sign_in_browser(context, address, world.store, world.node, party, kind)
        yield world, [Desk(context, address) for context in contexts]
        for context in contexts:
            context.close()
    world.store.close()


def proposed(desk, *, drill=False):
    """A case about lot A that was proposed; its path."""
    desk.go("/regulator/recalls").type("lots", "09520000000011/A")
    if drill:
        desk.reach("[name='drill']").key("Space")
    desk.press("/regulator/recalls")
    desk.reach("[name='recallClass']").key("Space")
    for name, text in SAID.items():
        desk.type(name, text)
    desk.press("/propose")
    return "/" + desk.page.url.partition("?")[0].split("/", 3)[3]


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_a_recall_goes_from_a_code_to_its_closing_by_keyboard_alone(desks):
    world, (ada, ben, dan) = desks
    case = proposed(ada)
    ben.go(case).press("/approve")
    assert "The recall is issued" in ben.page.inner_text("[role=status]")
    world.publish()
    page = world.batch("Y").partition("id.gs1.org")[2]
    assert dan.page.goto(f"{dan.address}{page}").status == 200
    assert dan.page.query_selector(".recall.recalled") is not None
    dan.go("/console/notices").follow("a[href*='/console/notices/R-']").press("/acknowledge")
    for name, text in (("quarantined", "0"), ("quarantined", "7")):
        dan.type(name, text)
    dan.press("/answer")
    dan.accessible()
    ada.go(case)
    ada.accessible(looks=4)
    assert "1 of 3 holders acknowledged" in ada.main()
    ada.reach("[name='outcome']").key("Space")
    ada.type("note", "back in the store")
    ada.press("/close")
    assert "removed from sale" in ada.main()


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_a_drill_is_practised_by_keyboard_alone_and_no_page_is_red(desks):
    world, (ada, ben, dan) = desks
    case = proposed(ada, drill=True)
    ben.go(case).press("/approve")
    world.publish()
    page = world.batch("Y").partition("id.gs1.org")[2]
    dan.page.goto(f"{dan.address}{page}")
    assert dan.page.query_selector(".recall.recalled") is None
    assert "This is a drill" in ben.main()
    ada.go("/regulator/recalls").accessible()
