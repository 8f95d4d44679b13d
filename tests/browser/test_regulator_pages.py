"""An authority's pages in a real browser: from a number to the spreadsheet by keyboard; axe finds nothing."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import broken_rules
from tests.support.people import sign_in_browser
from tests.support.supply import LOT
from tests.support.web import served
from tests.support.world import Story, make_world, tell_story
from tests.unit.supply.test_inspection import REPORT, SAMPLE
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.trail import Actor
from traceability.operations.calibrations import add_certificate
from traceability.operations.deposit import deposit, describe
from traceability.operations.inspecting import ask_laboratory, plan, sign, take_sample
from traceability.operations.sharing import View, new_link
from traceability.sensing.calibration import read_typed

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser

BATCH = "/regulator/batches/01/09520000000011/10/L1"
OTHERS = (
    "/regulator?q=A",
    "/regulator?q=9520000000059",
    "/regulator",
    f"/regulator/records?thing={LOT}",
    "/regulator/records/glossary",
    "/regulator/inspections",
    "/regulator/links",
    "/regulator/status",
)
"""Looked at once; the others twice."""
LOOKS = [(360, "light", "zh"), (1280, "dark", "en")]
POINT = {"unit": "Cel", "reference": "0", "indicated": "0.1", "uncertainty": "0.2"}


@dataclass
class Office:
    """A served site, and what there is to see on it."""

    address: str
    story: Story
    bureau: str
    lab: str
    inspection: str
    draft: str
    shared: str

    def enter(self, browser: Browser, width: int, scheme: str, party: str, kind: PartyKind) -> BrowserContext:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        sign_in_browser(context, self.address, self.story.world.store, self.story.world.node, party, kind)
        return context


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    story = tell_story(make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}"))
    world = story.world
    store, node = world.store, world.node
    bureau, lab = world.party("Market Supervision Bureau"), world.party("Food Laboratory")
    typed = {
        "device": story.probes[0].device,
        "number": "K-1",
        "laboratory": "Lab",
        "accreditation": "CNAS L1",
        "calibrated": "2025-06-01",
        "validUntil": "2025-12-31",
        "points": [POINT],
    }
    add_certificate(store, node, story.probes[0].device, read_typed(typed))
    deposit(store, node, story.farm, b"x", describe(b"x", "delivery note.pdf", story.closed))
    actor = Actor("wang", bureau, "web")
    inspection = plan(store, node, actor, story.closed, REPORT).id
    sample = take_sample(
        store, node, actor, inspection, {k: v for k, v in SAMPLE.items() if k != "inspection"}
    ).id
    sign(store, node, actor, sample)
    ask_laboratory(store, node, actor, sample, lab)
    sign(store, node, actor, inspection)
    draft = take_sample(store, node, actor, inspection, {"mark": "S2", "quantity": "a lot"}).id
    text, _ = new_link(store, node, actor, View.BATCH, story.closed, 7, regulator=True)
    world.publish()
    with served(world) as address:
        yield Office(address, story, bureau, lab, inspection, draft, f"/shared/{text}")
    world.store.close()


def fits(page: Page) -> bool:
    """Whether nothing but what scrolls by itself is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_from_a_number_to_the_spreadsheet_by_keyboard(office: Office, chromium: Browser, tmp_path: Path):
    context = office.enter(chromium, 1280, "light", office.bureau, PartyKind.AUTHORITY)
    page = context.new_page()
    page.goto(f"{office.address}/regulator?lang=en")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("(01)09520000000011(10)A")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Found: 1").wait_for()
    _tab_to(page, "9520000000011 / A")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What is proven").wait_for()
    _tab_to(page, "What became of it")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="All things").wait_for()
    assert page.locator("svg.trace").count() == 1
    _zoom(page)
    page.go_back()
    _tab_to(page, "Records of the traceability rule")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="How complete they are").wait_for()
    _tab_to(page, "XLSX")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    download.value.save_as(tmp_path / "records.xlsx")
    with zipfile.ZipFile(tmp_path / "records.xlsx") as book:
        assert book.testzip() is None
    context.close()


def _zoom(page: Page) -> None:
    """The picture of the trace, larger by key, button and wheel, moved by arrows, and whole again."""
    frame = page.get_by_role("region", name="Picture of the trace")
    width, left = "e => e.firstElementChild.getBoundingClientRect().width", "e => e.scrollLeft"
    widths = [frame.evaluate(width)]
    frame.focus()
    for act in (
        lambda: page.keyboard.press("+"),
        page.get_by_role("button", name="Zoom in").click,
        lambda: frame.dispatch_event("wheel", {"deltaY": -100, "ctrlKey": True, "cancelable": True}),
    ):
        act()
        widths.append(frame.evaluate(width))
    assert widths == sorted(set(widths)), "each made it larger"
    frame.evaluate("e => e.scrollTo(0, 0)")
    page.get_by_role("button", name="Right").click()
    moved = frame.evaluate(left)
    assert moved > 0
    frame.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("([e, moved]) => e.scrollLeft < moved", arg=[frame.element_handle(), moved])
    page.keyboard.press("0")
    assert frame.evaluate("e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight")
    assert frame.evaluate(width) < widths[-1]


def _tab_to(page: Page, text: str) -> None:
    """Go on by the Tab key until what has the focus in the page itself says this."""
    focused = "document.activeElement.closest('nav') ? '' : document.activeElement.textContent.trim()"
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(focused) == text:
            return
    raise AssertionError(f"{text!r} cannot be reached by keyboard")


@pytest.mark.sweep(part=2, of="a look at every page")
@pytest.mark.parametrize(("width", "scheme", "lang"), LOOKS)
def test_nothing_is_found_by_axe_and_nothing_is_wider_than_the_window(
    office: Office, chromium: Browser, width: int, scheme: str, lang: str
):
    context = office.enter(chromium, width, scheme, office.bureau, PartyKind.AUTHORITY)
    page = context.new_page()
    for path in (
        BATCH,
        f"/regulator/trace?thing={LOT}&contact=1",
        f"/regulator/papers/{office.draft}",
        *(OTHERS if width < 1000 else ()),
        *((f"/regulator/inspections/{office.inspection}", office.shared) if width < 1000 else ()),
    ):
        page.goto(f"{office.address}{path}{'&' if '?' in path else '?'}lang={lang}")
        assert broken_rules(page) == [], path
        assert fits(page), path
    context.close()
    context = office.enter(chromium, width, scheme, office.lab, PartyKind.LABORATORY)
    page = context.new_page()
    page.goto(f"{office.address}/regulator/inspections?lang={lang}")
    assert SAMPLE["what"] in page.content()
    assert broken_rules(page) == []
    assert fits(page)
    context.close()
