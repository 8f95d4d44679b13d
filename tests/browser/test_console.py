"""The console in a real browser: by its camera, without a connection; accessible."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from tests.support.browser import broken_rules, camera_browser
from tests.support.desk import LOOKS, Desk
from tests.support.people import sign_in_browser
from tests.support.printed import cut, pages
from tests.support.web import served
from tests.support.world import GTIN, make_world
from traceability.labels.stock import STOCKS
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.masterdata import Asset, Place, Product, save

pytestmark = pytest.mark.browser

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


def printed_label(stack, chromium, world, party, address):
    """The first label of a sheet, as it comes from the printer."""
    context = stack.enter_context(closing(chromium.new_context()))
    sign_in_browser(context, address, world.store, world.node, party, role=Role.WORKER)
    sheet = context.request.get(f"{address}/console/labels.pdf/01/{GTIN}/10/L2")
    return cut(next(pages(sheet.body())), next(iter(STOCKS.values())), 1)


def test_the_camera_reads_a_printed_label_live_and_without_it_there_is_a_photo(farm, chromium, tmp_path):
    world, party, address = farm
    with ExitStack() as stack:
        label = printed_label(stack, chromium, world, party, address)
        browser = stack.enter_context(camera_browser(chromium, label, tmp_path / "label.mjpeg"))
        context = browser.new_context(viewport={"width": 360, "height": 800}, locale="en-GB")
        sign_in_browser(context, address, world.store, world.node, party, role=Role.WORKER)
        desk = Desk(context, address).go("/console/record")
        desk.page.wait_for_selector("#scan:not([hidden])")
        desk.reach("#camera").key("Enter")
        desk.page.get_by_text("The camera is not allowed here.").wait_for()
        assert broken_rules(desk.page) == []
        assert desk.page.locator("#photo, #code").count() == 2
        context.grant_permissions(["camera"], origin=address)
        with desk.leaving():
            desk.key("Enter")
        assert "Screen 2 of 3" in desk.main()
        assert "L2" in desk.main()


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


@pytest.mark.sweep(part=2, of="a look at every page")
@pytest.mark.parametrize("path", PAGES)
def test_pages_are_accessible_at_both_widths_languages_and_schemes(farm, signed_in, path):
    _, _, address = farm
    page = signed_in("/console?lang=en", role=Role.MANAGER)
    for width, scheme, lang in LOOKS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
        assert broken_rules(page) == [], (path, width, scheme, lang)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width, lang)
    page.set_viewport_size({"width": 320, "height": 800})
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
