"""The import and an alarm in a real browser: by keyboard alone, the page follows by itself; accessible."""

from __future__ import annotations

import pytest

from tests.support.browser import broken_rules
from tests.support.people import sign_in_browser
from tests.support.web import served
from tests.support.world import GTIN, make_world
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.alarms import look
from traceability.operations.masterdata import Product, save
from traceability.operations.watching import Watch
from traceability.sensing.senml import Reading

pytestmark = pytest.mark.browser
SHEET = f"step\tproduct\tlot\tquantity\tunit\ttime\nharvest\t{GTIN}\tK1\tmany\tKGM\t2025-12-31 07:30\n"


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    """A firm with a product, and a warm room of which nobody has heard yet."""
    folder = tmp_path_factory.mktemp("import")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    party = world.party("Farm")
    save(world.store, Actor(None, party, "web"), party, Product(GTIN, {"en": "Berries", "zh": "草莓"}))
    probe = world.device(party)
    world.install(party, probe, world.asset("ROOM1"))
    world.wait(minutes=1)
    world.event("store", party, world.harvest(party, "L1"), asset=world.asset("ROOM1"))
    for value in (4, 7, 7, 7):
        world.wait(minutes=5)
        world.take(probe, probe.frame([Reading("air", "Cel", world.now_ms, value)]))
    with served(world) as address:
        yield world, party, address
    world.store.close()


@pytest.fixture
def page(chromium, farm):
    world, party, address = farm
    context = chromium.new_context(viewport={"width": 360, "height": 800}, locale="en-GB")
    sign_in_browser(context, address, world.store, world.node, party, role=Role.MANAGER)
    yield context.new_page()
    context.close()


def press(page, text, most=60):
    """Go on by the tab key until what has the focus says so, and press it."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(document.activeElement.textContent || '').trim()") == text:
            page.keyboard.press("Enter")
            page.wait_for_load_state()
            return
    raise AssertionError(f"the tab key does not come to {text!r}")


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_a_sheet_is_pasted_put_right_and_recorded_by_keyboard(farm, page):
    _, _, address = farm
    page.goto(f"{address}/console/import?lang=en")
    assert broken_rules(page) == []
    page.focus("textarea")
    page.keyboard.insert_text(SHEET)
    press(page, "Look at it")
    assert "how much, such as 12 or 12.5" in page.inner_text("table.problems")
    assert broken_rules(page) == []
    page.focus("textarea")
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(SHEET.replace("many", "12"))
    press(page, "Look at it")
    page.wait_for_selector("button[name=record]")
    assert broken_rules(page) == []
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Recorded: 1 steps")


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_an_alarm_comes_by_itself_and_is_written_about_by_keyboard(farm, page):
    world, _, address = farm
    page.goto(f"{address}/console/alarms?lang=en")
    assert "There was no alarm yet" in page.inner_text("main")
    look(world.store, Watch(), ())
    page.wait_for_selector("text=outside its limits · ROOM1", timeout=15_000)
    assert broken_rules(page) == []
    page.focus("a.card")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=What was done about it")
    for name in ("product", "cause", "prevention"):
        page.focus(f"textarea[name={name}]")
        page.keyboard.insert_text(f"{name} told")
    press(page, "Write it down")
    page.wait_for_selector("text=A second person verifies it")
    assert "cause told" in page.inner_text("main")
    assert broken_rules(page) == []
    page.emulate_media(media="print")
    assert not page.is_visible("text=I have seen it")
