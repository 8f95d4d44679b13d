"""The console in a real browser: by keyboard alone, by a photo, without a connection; accessible."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
import qrcode

from tests.support.browser import broken_rules
from tests.support.people import sign_in_browser
from tests.support.web import served
from tests.support.world import GTIN, make_world
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.masterdata import Asset, Place, Product, save

pytestmark = pytest.mark.browser

LOOKS = [(360, "light", "zh"), (1280, "dark", "en"), (360, "dark", "en"), (1280, "light", "zh")]
MOST_KEYS, MOST_S = 45, 30
ANOTHERS = """() => new Promise((done) => {
  const asked = indexedDB.open("console", 1);
  asked.onsuccess = () => {
    const entries = asked.result.transaction("entries", "readwrite").objectStore("entries");
    const entry = { id: "x", person: "another", url: "/console/record/pack", body: "", kept: 0 };
    entries.put(entry).onsuccess = done;
  };
})"""
"""Leaves an entry of somebody else on the phone."""


@pytest.fixture(scope="module")
def farm(tmp_path_factory):
    """A firm with a product, a place, a room, and two batches; its site."""
    folder = tmp_path_factory.mktemp("console")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    party, _ = world.party("Farm"), world.party("Shop")
    by = Actor(None, party, "web")
    names = {"en": "Strawberries", "zh": "草莓"}
    save(world.store, by, party, Product(GTIN, names, 0, 5000, shelf_life_days=7, uom="KGM"))
    region = {"en": "Dali", "zh": "大理"}
    save(world.store, by, party, Place("9520000000004", {"en": "Shed", "zh": "包装间"}, region=region))
    save(world.store, by, party, Asset(world.asset("ROOM1"), {"en": "Cold room", "zh": "冷库"}))
    world.harvest(party, "L1")
    world.wait(minutes=1)
    world.harvest(party, "L2")
    world.publish()
    with served(world) as address:
        yield world, party, address
    world.store.close()


@pytest.fixture
def signed_in(chromium, farm):
    """Opens pages as a worker or manager; what the console of the browser says is an error."""
    world, party, address = farm
    contexts, said = [], []

    def open_page(path, role=Role.WORKER, **options):
        options = {"viewport": {"width": 360, "height": 800}, "locale": "en-GB"} | options
        context = chromium.new_context(**options)
        contexts.append(context)
        sign_in_browser(context, address, world.store, world.node, party, role=role)
        page = context.new_page()
        page.clock.set_fixed_time(world.now_ms / 1000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{address}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    unexpected = ("server responded with a status of", "ERR_INTERNET_DISCONNECTED")
    assert [text for text in said if not any(known in text for known in unexpected)] == []


def type_keys(page, text):
    page.keyboard.type(text)
    return len(text)


def tab_to(page, text, most=40):
    """Go on by the tab key until what has the focus says so; how often it was pressed."""
    for pressed in range(1, most + 1):
        page.keyboard.press("Tab")
        if page.evaluate("(document.activeElement.textContent || '').trim()") == text:
            return pressed
    raise AssertionError(f"no {text} within {most} tabs")


def test_a_worker_ships_a_batch_in_three_screens_by_keyboard_alone(farm, signed_in, record_property):
    world, _, _ = farm
    page = signed_in("/console/record?lang=en")
    begun = time.monotonic()
    keys = type_keys(page, f"{GTIN} L1") + 1
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "Screen 2 of 3" in page.inner_text("main")
    keys += tab_to(page, "Ship") + 1
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "Screen 3 of 3" in page.inner_text("main")
    assert page.evaluate("document.activeElement.name") == "sign"
    with page.expect_navigation():
        page.keyboard.press("Enter")
    keys += 1
    took_s = time.monotonic() - begun
    assert "Recorded: Shipped." in page.inner_text("main")
    record_property("keys", keys)
    record_property("seconds", round(took_s, 1))
    assert keys <= MOST_KEYS
    assert took_s < MOST_S
    world.publish()
    page.get_by_role("link", name="Its page for everybody").click()
    assert "Shipped" in page.inner_text(".timeline")


def test_a_photo_of_a_label_is_read_in_the_browser_by_files_of_this_site_alone(farm, signed_in, tmp_path):
    _, _, address = farm
    image = tmp_path / "label.png"
    qrcode.make(f"https://id.gs1.org/01/{GTIN}/10/L2").save(image)
    blank = tmp_path / "blank.png"
    qrcode.make("x").get_image().point(lambda _: 255).save(blank)
    page = signed_in("/console/record?lang=en")
    asked = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).netloc))
    page.wait_for_selector("#scan:not([hidden])")
    page.set_input_files("#photo", blank)
    page.get_by_text("No code was found").wait_for()
    with page.expect_navigation():
        page.set_input_files("#photo", image)
    assert "L2" in page.inner_text("main")
    assert "Screen 2 of 3" in page.inner_text("main")
    assert set(asked) == {urlsplit(address).netloc}


def test_an_entry_signed_without_a_connection_waits_and_is_sent_once_there_is_one(farm, signed_in):
    _, _, address = farm
    page = signed_in(f"/console/record/pack?code={GTIN}/L2&lang=en")
    page.wait_for_selector("#queue[data-ready=yes]", state="attached")
    page.evaluate(ANOTHERS)
    page.context.set_offline(True)
    page.get_by_role("button", name="Sign and record").click()
    page.wait_for_selector("#queue:not([hidden])")
    assert page.inner_text("#queue").endswith(": 1")
    assert broken_rules(page) == []
    page.context.set_offline(False)
    page.wait_for_selector("#queue", state="hidden")
    page.goto(f"{address}/console/batches/01/{GTIN}/10/L2?lang=en")
    assert page.inner_text(".timeline").count("Packed") >= 1
    page.goto(f"{address}/console?lang=en")
    page.wait_for_selector("#queue[data-ready=yes]", state="attached")
    assert page.locator("#queue").is_hidden()


PAGES = (
    "/console",
    "/console/record",
    f"/console/record/step?code={GTIN}/L1",
    f"/console/record/ship?code={GTIN}/L2",
    "/console/record/make",
    f"/console/batches/01/{GTIN}/10/L2",
    "/console/batches",
    "/console/products",
    f"/console/products/{GTIN}",
    "/console/places/new",
    "/console/assets",
)


def test_pages_are_accessible_at_both_widths_languages_and_schemes(farm, signed_in):
    _, _, address = farm
    page = signed_in("/console?lang=en", role=Role.MANAGER)
    for number, path in enumerate(PAGES):
        for width, scheme, lang in LOOKS[:2] if number % 2 else LOOKS[2:]:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
            assert broken_rules(page) == [], (path, width, scheme, lang)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width, lang)
    page.set_viewport_size({"width": 320, "height": 800})
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
