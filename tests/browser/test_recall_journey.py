"""A recall from a lot's code to its closing, by two persons and a holder, by keyboard alone; and a drill."""

from __future__ import annotations

import pytest

from tests.support.browser import broken_rules
from tests.support.people import sign_in_browser
from tests.support.recalls import chain
from tests.support.web import served
from tests.support.world import make_world
from traceability.operations.accounts.roles import PartyKind

pytestmark = pytest.mark.browser
LOOKS = [(360, "light", "zh"), (1280, "dark", "en"), (360, "dark", "en"), (1280, "light", "zh")]
SAID = {
    "hazard-en": "Salmonella",
    "hazard-zh": "沙门氏菌",
    "advice-en": "Do not eat it",
    "advice-zh": "请勿食用",
}


class Desk:
    """A page that is used by keyboard alone."""

    def __init__(self, context, address):
        self.address, self.page = address, context.new_page()

    def go(self, path):
        answer = self.page.goto(f"{self.address}{path}?lang=en")
        assert answer.status == 200
        return self

    def reach(self, selector):
        """Press Tab until something has the focus."""
        for _ in range(80):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return self.page.keyboard
        raise AssertionError(f"{selector} is not reached by Tab")

    def type(self, name, text):
        self.reach(f"[name='{name}']").type(text)

    def press(self, action, key="Enter"):
        """The button of the form that is sent there."""
        with self.page.expect_navigation():
            self.reach(f"form[action*='{action}'] button:not([formaction])").press(key)

    def accessible(self, looks=2):
        """No rule is broken, and nothing is wider than the page."""
        for width, scheme, lang in LOOKS[:looks]:
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.emulate_media(color_scheme=scheme)
            self.page.goto(self.page.url.partition("?")[0] + f"?lang={lang}")
            assert broken_rules(self.page) == [], (self.page.url, width, scheme)
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert self.page.evaluate(wide) == 0
        self.page.goto(self.page.url.partition("?")[0] + "?lang=en")


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
        desk.reach("[name='drill']").press("Space")
    desk.press("/regulator/recalls")
    desk.reach("[name='recallClass']").press("Space")
    for name, text in SAID.items():
        desk.type(name, text)
    desk.press("/propose")
    return "/" + desk.page.url.partition("?")[0].split("/", 3)[3]


def test_a_recall_goes_from_a_code_to_its_closing_by_keyboard_alone(desks):
    world, (ada, ben, dan) = desks
    case = proposed(ada)
    ben.go(case).press("/approve")
    assert "The recall is issued" in ben.page.inner_text("[role=status]")
    world.publish()
    page = world.batch("Y").partition("id.gs1.org")[2]
    assert dan.page.goto(f"{dan.address}{page}").status == 200
    assert dan.page.query_selector(".recall.recalled") is not None
    dan.go("/console/notices").reach("a[href*='/console/notices/R-']")
    with dan.page.expect_navigation():
        dan.page.keyboard.press("Enter")
    dan.press("/acknowledge")
    for name, text in (("quarantined", "0"), ("quarantined", "7")):
        dan.type(name, text)
    dan.press("/answer")
    dan.accessible()
    ada.go(case)
    ada.accessible(looks=4)
    assert "1 of 3 holders acknowledged" in ada.page.inner_text("main")
    ada.reach("[name='outcome']").press("Space")
    ada.type("note", "back in the store")
    ada.press("/close")
    assert "removed from sale" in ada.page.inner_text("main")


def test_a_drill_is_practised_by_keyboard_alone_and_no_page_is_red(desks):
    world, (ada, ben, dan) = desks
    case = proposed(ada, drill=True)
    ben.go(case).press("/approve")
    world.publish()
    page = world.batch("Y").partition("id.gs1.org")[2]
    dan.page.goto(f"{dan.address}{page}")
    assert dan.page.query_selector(".recall.recalled") is None
    assert "This is a drill" in ben.page.inner_text("main")
    ada.go("/regulator/recalls").accessible()
