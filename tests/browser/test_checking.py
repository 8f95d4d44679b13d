"""Checking in the visitor's own browser: by the site's page, and by one file from the disk, offline."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import webapp
from tests.support.browser import broken_rules
from tests.support.cosigned import Cosigner, cosigned, policy_text
from tests.support.recalls import make
from tests.support.web import served, site_of
from tests.support.world import World, make_world
from traceability.identifiers import Batch, parse_stream
from traceability.ledger import note
from traceability.ledger.tracecode import trace_code
from traceability.operations.capture import capture
from traceability.operations.deposit import deposit, describe
from traceability.operations.draft import Given
from traceability.supply.epcis.context import read_context
from traceability.supply.notice import Purpose
from traceability.supply.recall import Recall, State, recall_events
from traceability.verification.bundle import parse_bundle
from traceability.verification.standing import IN_WORDS
from webapp.consumer.checking import PROGRAM, WHOLE
from webapp.i18n import catalog

STATIC = Path(webapp.__file__).parent / "static"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("checking")
    made = make_world(folder / "node", f"sqlite:///{folder}/node.sqlite")
    farm = made.party("Farm")
    batch, probe = made.harvest(farm, "L1"), made.device(farm)
    made.install(farm, probe, batch)
    made.publish()
    made.wait(minutes=10)
    made.measure(probe, 3.0, 3.5, beacon=made.beacon())
    made.publish()
    yield made
    made.store.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that notes what it asked for, and what the browser refused or complained about."""
    if not (STATIC / PROGRAM).is_file():
        pytest.skip("the verifier for browsers is not built: make verifier")
    context = chromium.new_context()
    opened = context.new_page()
    yield opened
    context.close()


def complaints(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def answers(page: Page) -> dict[str, tuple[str, str]]:
    """What the page shows: of each part its word and its text."""
    rows = page.locator("#answers > div").all()
    return {
        str(row.get_attribute("data-part")): (
            row.locator(".status").text_content() or "" if row.locator(".status").count() else "",
            row.locator("dd").text_content() or "",
        )
        for row in rows
    }


def file(name: str, data: bytes) -> Any:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


def in_a_browser(test: Callable[..., None]) -> Callable[..., None]:
    """All of them are one sweep: what they are about is tested without a browser too, by tests/verifier."""
    for mark in (pytest.mark.browser, pytest.mark.sweep(part=6, of="a check in the browser")):
        mark(test)
    return test


@in_a_browser
@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_the_site_s_page_checks_a_lot_in_the_words_of_the_lot_s_page(world: World, page: Page, tongue: str):
    batch = Batch(*parse_stream(world.batch("L1")).values)
    asked: list[str] = []
    workers: list[str] = []
    said = complaints(page)
    page.on("request", lambda request: asked.append(request.url))
    page.on("worker", lambda worker: workers.append(worker.url))
    with served(world) as address:
        page.goto(f"{address}{batch.path}?lang={tongue}")
        told = [
            text.split("\n", 1)[1].strip()
            for text in page.locator("details .answers > div:has(.status)").all_text_contents()
        ]
        when = catalog(tongue).get("when signed", "when signed")
        signed = page.locator(f"details .answers > div:has(dt:text-is('{when}')) dd").text_content()
        page.locator("details:has(a[href*='/check/'])").click()
        page.locator("a[href*='/check/']").click()
        expect(page.locator("#answers")).to_be_hidden()
        page.locator("#check button").click()
        expect(page.locator("#said")).to_have_text(catalog(tongue).get(IN_WORDS[0], IN_WORDS[0]))
        shown = answers(page)
        assert [shown[name][1] for name in ("signed", "unchanged", "complete", "fresh")] == told
        assert shown["times"][1] == signed
        assert shown["recall"][0] == catalog(tongue).get("none", "none")
        assert {urlsplit(url).netloc for url in asked} == {urlsplit(address).netloc}
        assert (len(workers), said) == (min(4, page.evaluate("navigator.hardwareConcurrency")), [])


@in_a_browser
def test_the_documents_of_a_lot_are_named_in_the_page_s_language_and_by_the_file_from_the_disk(
    world: World, page: Page
):
    lab = world.party("Lab")
    batch = world.harvest(lab, "PAPERS")
    notice = describe(b"x", "报告.pdf", batch, Purpose.ANALYSIS)
    deposit(world.store, world.node, lab, b"x", notice)
    world.publish()
    with served(world) as address:
        places = {f"{address}/check?lang=zh": "由Lab", (STATIC / WHOLE).as_uri(): "through the node by Lab"}
        for place, words in places.items():
            page.goto(place)
            page.set_input_files("[name=bundle]", file("x.json", world.bundle(batch)))
            page.set_input_files("[name=policy]", file("policy", world.node.policy_text.encode()))
            page.locator("#check button").click()
            expect(page.locator("#said")).to_have_attribute("data-exit-code", "0")
            said = answers(page)["documents"][1]
            assert all(word in said for word in (words, "报告.pdf", notice.sha256))
            page.set_input_files("[name=bundle]", file("x.json", world.bundle(world.batch("L1"))))
            page.locator("#check button").click()
            expect(page.locator("[data-part=documents]")).to_be_hidden()


@in_a_browser
def test_one_character_too_many_is_a_plain_no_in_the_page_s_language(world: World, page: Page):
    other = world.bundle(world.batch("L1")).replace(b'"salt":"', b'"salt":"A', 1)
    with served(world) as address:
        page.goto(f"{address}/check?lang=zh")
        page.set_input_files("[name=bundle]", file("x.json", other))
        page.locator("#check button").click()
        expect(page.locator("#said")).to_have_attribute("data-exit-code", "1")
        expect(page.locator("#said")).to_contain_text("bad-bundle")
        assert answers(page)["unchanged"][0] == "不成立"


@in_a_browser
@pytest.mark.parametrize("own", [True, False])
def test_a_signature_that_is_none_is_found_by_helpers_with_and_without_the_browser_s_own_cryptography(
    world: World, page: Page, own: bool
):
    signed = note.parse_note(parse_bundle(world.bundle(world.batch("L1"))).checkpoint).signatures[0]
    genuine = base64.b64encode(signed.key_id + signed.value)
    forged = base64.b64encode(signed.key_id + bytes([signed.value[0] ^ 1]) + signed.value[1:])
    policy = world.node.policy_text.encode()
    page.route("http://node.example/", lambda route: route.fulfill(path=STATIC / WHOLE))
    page.goto((STATIC / WHOLE).as_uri() if own else "http://node.example/")
    assert page.evaluate("crypto.subtle !== undefined") == own
    page.set_input_files("[name=policy]", file("policy", policy))
    for changed, code in ((genuine, "0"), (forged, "1")):
        bundle = world.bundle(world.batch("L1")).replace(genuine, changed)
        page.set_input_files("[name=bundle]", file("proof.json", bundle))
        recheck(page, code)
    expect(page.locator("#said")).to_contain_text("bad-signature")


@in_a_browser
def test_a_label_s_code_is_compared_in_the_browser_too(world: World, page: Page):
    uri = world.batch("L1")
    record, *others = parse_bundle(world.bundle(uri)).streams[0].records()
    more = len(others) + 2
    with served(world) as address:
        page.goto(f"{address}/check{Batch(*parse_stream(uri).values).path}?lang=en")
        for typed, code, shown, told, recall in (
            ("", "0", None, "", "none"),
            (trace_code(1, record.hash).text.lower(), "0", "holds", "The first 1 records", "none"),
            (trace_code(1, bytes(32)).text, "1", "fails", "These are not the records", "unknown"),
            (
                trace_code(more, bytes(32)).text,
                "2",
                "unknown",
                f"Your label was printed at {more} rec",
                "unknown",
            ),
        ):
            page.fill("[name=code]", typed)
            page.locator("#check button").click()
            expect(page.locator("#said")).to_have_attribute("data-exit-code", code)
            assert page.locator("[data-part=label]").is_visible() == (shown is not None)
            assert answers(page)["label"][0] == (shown or "")
            assert answers(page)["label"][1].startswith(told)
            assert answers(page)["recall"][0] == recall
        page.fill("[name=code]", "1-2345")
        page.locator("#check button").click()
        expect(page.locator("#said")).to_contain_text("This cannot be used. (a trace code is a number and 32")


@in_a_browser
def test_one_file_from_the_disk_checks_without_any_network(world: World, page: Page):
    east, now_ms = Cosigner("east"), int(page.evaluate("Date.now()"))
    bundle = cosigned(world.bundle(world.batch("L1")), (east, now_ms // 1000))
    policy = policy_text(world.node.policy_text, "quorum east", by=(east,)).encode()
    asked, said = [], complaints(page)
    page.context.set_offline(True)
    page.on("request", lambda request: asked.append(request.url))
    page.goto((STATIC / WHOLE).as_uri())
    page.set_input_files("[name=bundle]", file("proof.json", bundle))
    for given, code in (
        (None, "2"),
        (policy, "0"),
        (policy.replace(b"quorum east\n", b"quorum none\n"), "0"),
    ):
        if given is not None:
            page.set_input_files("[name=policy]", file("policy", given))
        page.locator("#check button").click()
        expect(page.locator("#said")).to_have_attribute("data-exit-code", code)
    assert answers(page)["fresh"][0] == "holds 成立"
    page.set_input_files("[name=policy]", file("policy", policy[:-1]))
    page.locator("#check button").click()
    expect(page.locator("#said")).to_contain_text("the last line does not end with a newline")
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []
    assert said == []


@in_a_browser
def test_the_file_from_the_disk_compares_by_a_proof_that_is_chosen_and_needs_no_worker(
    world: World, page: Page
):
    page.add_init_script("delete globalThis.Worker")
    page.context.set_offline(True)
    page.goto((STATIC / WHOLE).as_uri())
    page.set_input_files("[name=policy]", file("policy", world.node.policy_text.encode()))
    sizes, remembered = [], ""
    for _ in range(2):
        world.publish()
        bundle = world.bundle(world.batch("L1"))
        sizes.append(note.parse_checkpoint(note.parse_note(parse_bundle(bundle).checkpoint).text).size)
        page.set_input_files("[name=bundle]", file("proof.json", bundle))
        remembered = recheck(page, "0")
        world.event("ship", world.party(f"Carrier {len(sizes)}"), world.batch("L1"))
    assert f"/log/proof?first={sizes[0]}&second={sizes[1]}" in remembered
    with site_of(world) as app:
        proof = app.test_client().get(f"/log/proof?first={sizes[0]}&second={sizes[1]}").data
    page.set_input_files("[name=growth]", file("growth.json", proof))
    assert "has only grown" in recheck(page, "0")


def recheck(page: Page, code: str) -> str:
    """Checks again; what the page remembers, once it has said how that came out."""
    page.locator("#check button").click()
    expect(page.locator("#said")).to_have_attribute("data-exit-code", code)
    return page.locator("#remembered").text_content() or ""


@in_a_browser
def test_the_browser_remembers_the_log_and_alarms_when_it_is_not_continued(world: World, page: Page):
    old = world.bundle(world.batch("L1"))
    batch = Batch(*parse_stream(world.batch("L1")).values)
    proofs = "**/log/proof?*"
    with served(world) as address:
        page.goto(f"{address}/check{batch.path}?lang=en")
        assert "for the first time" in recheck(page, "0")
        assert "stands as this browser remembers" in recheck(page, "0")
        world.event("ship", world.party("Shipper"), world.batch("L1"))
        world.publish()
        page.route(proofs, lambda route: route.abort())
        assert "gave no proof" in recheck(page, "2")
        page.unroute(proofs)
        assert "only grown" in recheck(page, "0")
        page.set_input_files("[name=bundle]", file("old.json", old))
        assert "or an old state is shown" in recheck(page, "1")
        expect(page.locator("#said")).to_contain_text("or an old state is shown")
        shown = answers(page)
        assert (shown["unchanged"][0], shown["fresh"][0], shown["recall"][0]) == (
            "unknown",
            "fails",
            "unknown",
        )
        page.fill("[name=code]", trace_code(1, bytes(32)).text)
        assert "or an old state is shown" in recheck(page, "1")
        expect(page.locator("#said")).to_contain_text("(label-mismatch)")
        shown = answers(page)
        assert (shown["label"][0], shown["recall"][0]) == ("fails", "unknown")
        with page.expect_download() as download:
            page.locator("#evidence").click()
        notes = json.loads(Path(download.value.path()).read_text())["notes"]
        assert notes[1].encode() == parse_bundle(old).checkpoint
        page.locator("#forget").click()
        assert page.evaluate("localStorage.length") == 0
        expect(page.locator("#evidence")).to_be_hidden()


@in_a_browser
def test_another_root_of_a_size_that_was_seen_is_said_to_be_a_rewritten_log(world: World, page: Page):
    node, signed = world.node, note.parse_note(parse_bundle(world.bundle(world.batch("L1"))).checkpoint)
    text = replace(note.parse_checkpoint(signed.text), root=bytes(32)).text()
    other = note.Note(text, (note.sign_note(text, node.origin, node.log_key),)).encode().decode()
    kept = json.dumps({"note": other, "time_ms": 1, "against": []})
    batch = Batch(*parse_stream(world.batch("L1")).values)
    with served(world) as address:
        page.goto(f"{address}/check{batch.path}?lang=zh")
        page.evaluate(
            "([name, kept]) => localStorage.setItem(name, kept)",
            [f"traceability log {node.policy.log.vkey()}", kept],
        )
        assert "日志被改写" in recheck(page, "1")
        assert [answers(page)[name][0] for name in ("unchanged", "complete", "fresh")] == ["不成立"] * 3


@in_a_browser
def test_a_recalled_lot_is_never_said_to_be_in_order(world: World, page: Page):
    maker = world.party("Maker")
    uri = world.harvest(maker, "BAD")
    words = {"en": "Glass", "zh": "玻璃"}
    recall = Recall("R1", State.ISSUED, 1, (uri,), words, words, "+86 23 0000 0000")
    for event in recall_events(recall, [uri], world.now_ms):
        capture(world.store, world.node, maker, [Given(event, read_context(event["@context"]))])
    world.publish()
    with served(world) as address:
        page.goto(f"{address}/check{Batch(*parse_stream(uri).values).path}?lang=zh")
        recheck(page, "0")
        expect(page.locator("#said")).to_contain_text("已被召回：请勿食用或销售")
        assert "玻璃" in answers(page)["recall"][1]


@in_a_browser
@pytest.mark.parametrize(
    ("tongue", "witnessed", "alone"),
    [("en", "as witnessed by east for", "of this lot alone"), ("zh", "由 east 核对并见证", "仅指本批")],
)
def test_it_says_who_read_the_whole_log_and_that_ingredients_have_proofs_of_their_own(
    world: World, page: Page, tongue: str, witnessed: str, alone: str
):
    east, now_s = Cosigner("east"), int(page.evaluate("Date.now()")) // 1000
    uri = world.batch(f"JAM-{tongue}")
    make(world, world.party("Maker of jam"), [world.batch("L1")], uri, 100)
    world.publish()
    policy = policy_text(world.node.policy_text, "group complete 1 east", "quorum complete", by=(east,))
    with served(world) as address:
        page.goto(f"{address}/check?lang={tongue}")
        page.set_input_files("[name=bundle]", file("x", cosigned(world.bundle(uri), (east, now_s))))
        page.set_input_files("[name=policy]", file("policy", policy.encode()))
        recheck(page, "0")
        shown = answers(page)
    assert witnessed in shown["complete"][1]
    assert shown["recall"][0] == catalog(tongue).get("none", "none")
    assert alone in shown["recall"][1]


@in_a_browser
def test_on_plain_http_it_checks_without_the_browser_s_own_cryptography(world: World, page: Page):
    batch, address = Batch(*parse_stream(world.batch("L1")).values), "http://node.example"
    with site_of(world, base_url=address) as app:

        def answer(route: Route) -> None:
            got = app.test_client().get(route.request.url.removeprefix(address), base_url=address)
            route.fulfill(status=got.status_code, headers=dict(got.headers), body=got.data)

        page.route(f"{address}/**", answer)
        page.goto(f"{address}/check{batch.path}?lang=en")
        assert page.evaluate("[isSecureContext, crypto.subtle === undefined]") == [False, True]
        recheck(page, "0")


@in_a_browser
def test_after_a_check_the_page_fits_a_small_screen_and_speaks_to_a_screen_reader(world: World, page: Page):
    batch = Batch(*parse_stream(world.batch("L1")).values)
    page.set_viewport_size({"width": 360, "height": 740})
    with served(world) as address:
        page.goto(f"{address}/check{batch.path}?lang=zh")
        recheck(page, "0")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert [page.locator(place).get_attribute("role") for place in ("#said", "#remembered")] == [
            "status"
        ] * 2
        assert broken_rules(page) == []


def test_the_page_names_the_hash_of_the_file_for_the_disk(world: World, page: Page):
    with site_of(world) as app:
        answer = app.test_client().get("/check?lang=en")
    assert hashlib.sha256((STATIC / WHOLE).read_bytes()).hexdigest() in answer.text


def test_only_the_page_that_checks_may_fetch(world: World):
    with site_of(world) as app:
        policies = {
            path: app.test_client().get(path).headers["Content-Security-Policy"] for path in ("/", "/check")
        }
    assert policies["/check"] == f"{policies['/']}; connect-src 'self'"
    assert "connect-src" not in policies["/"]


def test_a_node_without_the_program_says_so(world: World, tmp_path: Path):
    with site_of(world) as app:
        app.static_folder = str(tmp_path)
        answer = app.test_client().get("/check?lang=en")
    assert answer.status_code == 200
    assert "was not built on this node" in answer.text
    assert 'id="check"' not in answer.text


def test_an_address_that_names_no_lot_is_refused(world: World):
    with site_of(world) as app:
        assert app.test_client().get("/check/01/123/10/L1").status_code == 400
