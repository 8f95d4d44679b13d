"""The chart and the map of a batch in a real browser: zoomed by keyboard, from this site, accessible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.browser import broken_rules
from tests.support.drawn import Drawn, draw_lot
from tests.support.people import sign_in_browser
from tests.support.web import served
from traceability.operations.accounts.roles import PartyKind

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

pytestmark = pytest.mark.browser

REFUSED = "addEventListener('securitypolicyviolation', e => console.error('CSP', e.violatedDirective))"
GROUND = """() => {
  const canvas = document.querySelector('.curves canvas'), drawing = canvas.getContext('2d');
  return drawing.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.slice(0, 3).join();
}"""
"""The colour in the middle of the chart."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Drawn, str]]:
    made = draw_lot(tmp_path_factory.mktemp("charts"))
    with served(made.world) as address:
        yield made, address
    made.world.store.close()


@pytest.fixture
def context(chromium: Browser, drawn: tuple[Drawn, str]) -> Iterator[BrowserContext]:
    """A browser of the firm, which notes what it was refused, complained about, or asked of others."""
    made, address = drawn
    context = chromium.new_context(viewport={"width": 360, "height": 800}, locale="en-GB")
    context.add_init_script(REFUSED)
    said: list[str] = []
    context.on("console", lambda told: said.append(told.text) if told.type == "error" else None)
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.on("request", lambda asked: None if asked.url.startswith(address) else said.append(asked.url))
    sign_in_browser(context, address, made.world.store, made.world.node, made.farm, PartyKind.PRODUCER)
    yield context
    context.close()
    assert said == []


def window(page: Page) -> list[float]:
    """From when to when the chart is drawn."""
    return [float(text) for text in (page.locator(".curves").get_attribute("data-window") or "").split()]


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_chart_and_map_take_the_place_of_the_drawings_and_go_by_keyboard(context, drawn):
    made, address = drawn
    page = context.new_page()
    page.goto(f"{address}{made.console}?lang=en")
    page.locator(".curves canvas").wait_for()
    page.locator(".leaflet-marker-icon").first.wait_for()
    for drawing in ("svg.plot", "svg.map"):
        assert not page.locator(drawing).is_visible()
    _chart(page)
    _map(page)
    _parts_come_anew(page)
    _the_page_follows(page, made)
    _a_channel_goes(page)
    assert broken_rules(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    light = page.evaluate(GROUND)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => ({GROUND})() !== light", arg=light)
    assert broken_rules(page, ("color-contrast",)) == []
    page.emulate_media(media="print")
    assert page.locator("svg.plot").is_visible()
    assert not page.locator(".curves").is_visible()


def _chart(page: Page) -> None:
    """Every reading in turn, zoomed and moved; what the cursor says is said to those who do not see it."""
    chart = page.get_by_role("slider", name="Time in the chart")
    whole = window(page)
    chart.focus()
    press(page, "Home")
    first = chart.get_attribute("aria-valuetext")
    assert first is not None
    assert "1. Cold room" in first
    press(page, "ArrowRight", "ArrowRight")
    assert "probe in the goods 3.0°C · return air 2.5°C · supply air 1.0°C" in page.inner_text(".readout")
    assert chart.get_attribute("aria-valuetext") == page.inner_text(".readout")
    press(page, "+")
    zoomed = window(page)
    assert zoomed[1] - zoomed[0] == pytest.approx((whole[1] - whole[0]) / 2)
    page.get_by_role("button", name="Later").click()
    moved = window(page)
    assert moved[0] > zoomed[0]
    assert moved[1] - moved[0] == pytest.approx(zoomed[1] - zoomed[0])
    chart.focus()
    press(page, "End")
    assert window(page)[1] == pytest.approx(whole[1])
    press(page, "0")
    assert window(page) == whole
    page.get_by_label("supply air").uncheck()
    assert "supply air" not in page.inner_text(".readout")
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 60, steps=3)
    page.mouse.up()
    drag = window(page)
    assert whole[0] < drag[0] < drag[1] < whole[1]


def _map(page: Page) -> None:
    """Every place has its name, is reached by Tab, and is told of on Enter."""
    markers = page.locator(".leaflet-marker-icon")
    names = markers.evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
    assert names == ["1. Dali", "2. Kunming", "3. Shanghai"]
    page.get_by_role("region", name="Map of the places").focus()
    press(page, "Tab", "Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == names[1]
    press(page, "Enter")
    assert "Kunming" in page.locator(".leaflet-popup").inner_text()
    assert page.evaluate("document.activeElement.closest('.leaflet-popup') !== null")
    press(page, "Escape")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == names[1]
    assert page.locator(".leaflet-container path.land").evaluate("e => e.getBBox().width") > 100


def _parts_come_anew(page: Page) -> None:
    """What a page that follows by itself puts in the place of its parts is mounted again, as it was."""
    before = window(page)
    page.evaluate("""async () => {
      const text = await (await fetch(location.href, { headers: { "X-Live": "1" } })).text();
      const fresh = new DOMParser().parseFromString(text, "text/html");
      for (const figure of document.querySelectorAll("figure.chart")) {
        const which = figure.dataset.land ? "[data-land]" : "[data-numbers]";
        figure.replaceWith(document.adoptNode(fresh.querySelector(which)));
      }
      document.dispatchEvent(new Event("parts"));
    }""")
    page.locator(".curves canvas").wait_for()
    page.locator(".leaflet-marker-icon").first.wait_for()
    assert window(page) == before
    assert not page.get_by_label("supply air").is_checked()
    assert page.locator(".uplot").count() == 1


def _the_page_follows(page: Page, made: Drawn) -> None:
    """Brought up to date by live.js, the page leaves chart and map to their script."""
    said = page.locator("[data-part=said] > ol > li")
    before = said.count()
    made.world.event("pack", made.farm, made.world.batch("L1"))
    made.world.publish()
    said.nth(before).wait_for()
    assert page.locator(".uplot").count() == 1
    assert page.locator(".leaflet-marker-icon").count() == 3
    assert not page.locator("svg.plot").is_visible()


def _a_channel_goes(page: Page) -> None:
    """What has other lines when a page follows by itself is drawn anew; the others stay as they are."""

    def without(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        route.fulfill(response=answer, json=told | {"lines": told["lines"][:2]})

    page.route("**/temperature/**", without)
    page.evaluate("document.dispatchEvent(new Event('parts'))")
    page.wait_for_function("() => document.querySelectorAll('.drawn input').length === 2")
    assert page.locator(".uplot").count() == 1
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("slider").focus()
    press(page, "End", "ArrowLeft")
    assert "return air 2.5°C" in page.inner_text(".readout")
    assert "supply air" not in page.inner_text(".readout")
