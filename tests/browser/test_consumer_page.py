"""The consumer page in a real browser: accessible, small, readable without a script, silent to others."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from tests.support.browser import broken_rules
from tests.support.desk import LOOKS
from tests.support.jam import map_jam
from tests.support.web import served
from tests.support.world import GTIN, LIMITS, make_world, tell_story
from traceability.identifiers import Batch
from traceability.ledger.state import stream_hash
from traceability.ledger.tracecode import trace_code
from traceability.operations.capture import capture
from traceability.operations.deposit import deposit, describe
from traceability.operations.draft import Given
from traceability.operations.record import make_event, record_event
from traceability.store import models
from traceability.supply.epcis.context import read_context
from traceability.supply.notice import Purpose
from traceability.supply.recall import Recall, State, recall_events

pytestmark = pytest.mark.browser

CLOSED = Batch(GTIN, "L1").path
PENDING, BROKEN = Batch(GTIN, "PENDING").path, Batch(GTIN, "BROKEN").path
MADE, HELD, RECALLED, MAPPED = (Batch(GTIN, lot).path for lot in ("MADE", "HELD", "RECALLED", "MAPPED"))
OTHER_LABEL = trace_code(1, bytes(32)).text
PAGES = {
    "batch": (CLOSED, 200),
    "a label that does not fit": (f"{CLOSED}?code={OTHER_LABEL}", 200),
    "a label typed wrongly": (f"{CLOSED}?code=1-2345", 200),
    "made of others": (MADE, 200),
    "with a map and a picture": (MAPPED, 200),
    "held": (HELD, 200),
    "recalled": (RECALLED, 200),
    "one item of a lot": (f"{CLOSED}/21/S1", 200),
    "report a problem": (f"/report{CLOSED}", 200),
    "all recalls": ("/notices", 200),
    "start": ("/", 200),
    "check in the browser": (f"/check{CLOSED}", 200),
    "unknown lot": (Batch(GTIN, "NOPE").path, 404),
    "typed wrongly": ("/?gtin=123&lot=x", 400),
    "not yet published": (PENDING, 503),
    "does not match": (BROKEN, 200),
}
"""All four for pages of batches; the first two, which differ in everything, for the others."""
MOST_REQUESTS = 5
MOST_BYTES = 50_000


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    story = tell_story(world)
    broken = world.harvest(story.farm, "BROKEN")
    _make(world, story)
    world.publish()
    with world.store.transaction() as tx:
        record = models.Record
        tx.connection.execute(update(record).where(record.stream == stream_hash(broken)).values(time_ms=1))
    world.harvest(story.farm, "PENDING")
    yield world
    world.store.close()


def _make(world, story):
    """Three lots made of the story's two: one in order, one held, one recalled; and two documents."""
    ilmd = {"ft:product": {"en": "Strawberry yoghurt", "zh": "草莓酸奶"}, "ft:temperature": dict(LIMITS)}
    inputs = [{"epcClass": uri} for uri in (story.closed, story.opened)]
    for lot in ("MADE", "HELD", "RECALLED"):
        made = [{"epcClass": world.batch(lot)}]
        lists: dict[str, Any] = {"inputQuantityList": inputs, "outputQuantityList": made, "ilmd": ilmd}
        record_event(world.store, world.node, story.farm, make_event("make", world.now_ms, **lists))
    map_jam(world, story)
    papers = (("检验报告.pdf", b"report"), ("a-very-long-" * 9 + "name.jpg", b"picture"))
    notices = [describe(data, name, story.closed, Purpose.ANALYSIS) for name, data in papers]
    for notice, (_, data) in zip(notices, papers, strict=True):
        deposit(world.store, world.node, story.farm, data, notice)
    sha256 = notices[1].sha256
    (world.node.folder / "documents" / sha256[:2] / sha256).write_bytes(b"another")
    hazard = {"en": "Glass was found in a jar.", "zh": "在一瓶产品中发现玻璃。"}
    advice = {"en": "Do not eat it. Bring it back to the shop.", "zh": "请勿食用，请退回商店。"}
    for lot, state in (("HELD", State.HOLD), ("RECALLED", State.ISSUED)):
        recall = Recall(lot, state, 1, (story.closed,), hazard, advice, "+86 23 0000 0000")
        for event in recall_events(recall, [world.batch(lot), story.closed], world.now_ms):
            given = Given(event, read_context(event["@context"]))
            capture(world.store, world.node, story.farm, [given])


@pytest.fixture(scope="module")
def address(told):
    with served(told) as address:
        yield address


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with served(world) as address:
        yield address
    world.store.close()


@pytest.fixture
def opened(chromium):
    """Opens a page in a context of its own; what the console says is an error unless it is expected."""
    contexts, said = [], []

    def open_page(address, *, width=360, scheme="light", zone="Asia/Shanghai", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme, timezone_id=zone, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(address)
        return page

    yield open_page
    for context in contexts:
        assert context.cookies() == []
        context.close()
    assert [text for text in said if "server responded with a status of" not in text] == []


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.sweep(part=1)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible_at_both_widths_languages_and_schemes(opened, address, name):
    path, status = PAGES[name]
    separator = "&" if "?" in path else "?"
    page = opened("about:blank")
    for width, scheme, lang in LOOKS if name in {"batch", "recalled"} else LOOKS[:2]:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        answer = page.goto(f"{address}{path}{separator}lang={lang}")
        assert answer.status == status
        assert broken_rules(page) == [], (width, scheme, lang)
        assert overflow(page) == 0


@pytest.mark.sweep(part=1)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_an_empty_node_is_accessible(opened, empty, scheme):
    page = opened(f"{empty}/?lang=en", scheme=scheme)
    assert "traceability batch new" in page.inner_text("pre")
    assert broken_rules(page) == []
    assert overflow(page) == 0


@pytest.mark.sweep(part=2)
@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("path", [CLOSED, "/", PENDING, RECALLED, MAPPED])
def test_nothing_scrolls_sideways_at_320_pixels_even_with_text_twice_as_large(opened, address, path, lang):
    page = opened(f"{address}{path}?lang={lang}", width=320)
    assert overflow(page) == 0
    page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    page.evaluate("document.documentElement.style.setProperty('font-size', '200%')")
    assert overflow(page) == 0


@pytest.mark.sweep(part=1)
@pytest.mark.parametrize("path", [CLOSED, MADE, MAPPED])
def test_the_page_is_small_and_asks_nobody_else(opened, address, path):
    requests = []
    page = opened("about:blank")
    page.on("requestfinished", lambda request: requests.append(request))
    page.goto(f"{address}{path}")
    page.wait_for_load_state("networkidle")
    assert 0 < len(requests) <= MOST_REQUESTS
    assert {urlsplit(request.url).netloc for request in requests} == {urlsplit(address).netloc}
    sizes = [request.sizes() for request in requests]
    assert sum(s["responseBodySize"] + s["responseHeadersSize"] for s in sizes) < MOST_BYTES
    assert requests[0].response().header_value("content-encoding") == "gzip"


def test_without_a_script_the_page_says_the_same(opened, address):
    scripted = opened(f"{address}{CLOSED}?lang=en", zone="Etc/UTC")
    plain = opened(f"{address}{CLOSED}?lang=en", java_script_enabled=False)
    assert plain.locator("main").text_content() == scripted.locator("main").text_content()
    assert plain.locator("main svg.plot polyline").count() > 0
    plain.get_by_text("Check it yourself").click()
    assert plain.get_by_text("Download the proof").is_visible()


def test_the_map_is_a_drawing_with_the_same_places_as_a_list(opened, address):
    page = opened(f"{address}{MAPPED}?lang=en", java_script_enabled=False)
    assert page.locator("svg.map .number").all_text_contents() == ["1", "3"]
    names = page.locator("#places li strong").all_text_contents()
    assert names == ["Dali, Yunnan", "Roadside", "Shanghai"]
    assert "no position is published" in page.locator("#places li").nth(1).inner_text()
    assert "About 2150 km from place to place" in page.locator("p.lead").first.inner_text()
    assert page.locator("img.product").evaluate("i => i.complete && i.naturalWidth") > 100
    shared = page.locator("[data-share]")
    assert shared.locator(".whole").inner_text() == f"{address}{MAPPED}"
    assert not shared.locator("button").is_visible()


def test_the_address_is_copied_and_on_paper_there_is_nothing_to_press(opened, address):
    page = opened(f"{address}{MAPPED}?lang=en")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    page.locator("[data-share] button").click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{address}{MAPPED}"
    page.emulate_media(media="print")
    assert page.locator("button:visible, a.button:visible, form:visible").count() == 0
    assert page.locator("svg.map").is_visible()


def test_without_a_script_a_label_s_code_is_typed_in_and_answered_where_it_was_typed(opened, address):
    page = opened(f"{address}{CLOSED}?lang=zh", java_script_enabled=False)
    code = page.inner_text("section.label .code")
    for typed, said in (
        (code.lower(), "一致。"),
        (OTHER_LABEL, "不一致：请勿采信本页。"),
        ("7", "这不是溯源码"),
    ):
        page.fill("#label [name=code]", typed)
        with page.expect_navigation():
            page.locator("#label button").click()
        assert page.url.endswith("#label")
        assert page.locator("#label strong").inner_text().startswith(said)
        assert page.input_value("#label [name=code]") == typed
        assert page.locator("#label strong").bounding_box()["y"] < 200


def test_without_a_script_a_recall_is_first_and_ingredients_fold_out_by_keyboard(opened, address):
    page = opened(f"{address}{RECALLED}?lang=en", java_script_enabled=False)
    first = page.locator("main > :first-child")
    assert first.inner_text().startswith("RECALLED: do not eat")
    assert first.bounding_box()["y"] < 100
    ingredient = page.locator("details.ingredient").first
    assert "recalled" in ingredient.locator("summary").inner_text()
    assert "outside its limits for" in ingredient.locator("summary").inner_text()
    assert not ingredient.get_by_text("its own page").is_visible()
    ingredient.locator("summary").focus()
    page.keyboard.press("Enter")
    link = ingredient.get_by_role("link", name="its own page")
    assert link.is_visible()
    with page.expect_navigation():
        link.click()
    assert page.url == f"{address}{CLOSED}?lang=en"


def test_times_are_shown_in_the_readers_zone_with_utc_on_hover(opened, address):
    london = opened(f"{address}{CLOSED}?lang=en", zone="Europe/London")
    kathmandu = opened(f"{address}{CLOSED}?lang=en", zone="Asia/Kathmandu")
    first = ".timeline li:first-child time >> nth=0"
    assert (
        london.get_attribute(first, "title")
        == kathmandu.get_attribute(first, "title")
        == "2026-01-01T00:00:01Z"
    )
    assert london.inner_text(first) == "1 Jan 2026, 00:00"
    assert kathmandu.inner_text(first) == "1 Jan 2026, 05:45"
    assert london.inner_text(".zone") == "UTC+00:00"
    assert kathmandu.inner_text(".zone") == "UTC+05:45"


def test_the_table_keeps_its_meaning_on_a_narrow_screen(opened, address):
    page = opened(f"{address}{CLOSED}?lang=en", width=360)
    table = page.get_by_role("table", name="Temperature by place")
    assert table.get_by_role("columnheader").count() == 7
    assert table.get_by_role("rowheader").count() == 2
    assert table.get_by_role("cell").count() == 12


def test_a_lot_typed_into_the_form_leads_to_its_page(opened, address):
    page = opened(f"{address}/?lang=zh")
    page.locator("input[name=gtin]").fill(GTIN[1:])
    page.locator("input[name=lot]").fill("L1")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.url == f"{address}{CLOSED}?lang=zh"
