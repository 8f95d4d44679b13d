"""Checking in the visitor's own browser: by the site's page, and by one file from the disk, offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

import webapp
from tests.support.cosigned import Cosigner, cosigned, policy_text
from tests.support.web import served, site_of
from tests.support.world import World, make_world
from traceability.identifiers import Batch, parse_stream
from traceability.ledger.tracecode import trace_code
from traceability.verification.bundle import parse_bundle
from traceability.verification.standing import IN_WORDS
from traceability.verification.verdict import check
from webapp.consumer.checking import PROGRAM, WHOLE

STATIC = Path(webapp.__file__).parent / "static"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("checking")
    made = make_world(folder / "node", f"sqlite:///{folder}/node.sqlite")
    made.harvest(made.party("Farm"), "L1")
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


@pytest.mark.browser
def test_the_site_s_page_checks_a_lot_and_asks_only_the_site(world: World, page: Page):
    uri = world.batch("L1")
    batch = Batch(*parse_stream(uri).values)
    verdict = check(world.bundle(uri), world.node.policy)
    asked, said = [], complaints(page)
    page.on("request", lambda request: asked.append(request.url))
    with served(world) as address:
        page.goto(f"{address}{batch.path}?lang=en")
        page.get_by_text("Check it yourself").click()
        page.get_by_role("link", name="Check in your browser").click()
        expect(page.locator("#answers")).to_be_hidden()
        page.locator("#check button").click()
        expect(page.locator("#said")).to_have_text(IN_WORDS[0])
        shown = answers(page)
        assert {name: text for name, (_, text) in shown.items() if name not in {"recall", "label"}} == {
            part.name: part.text for part in verdict.parts
        }
        assert shown["recall"][0] == "none"
        assert {urlsplit(url).netloc for url in asked} == {urlsplit(address).netloc}
        assert said == []


@pytest.mark.browser
def test_one_character_too_many_is_a_plain_no_in_the_page_s_language(world: World, page: Page):
    other = world.bundle(world.batch("L1")).replace(b'"salt":"', b'"salt":"A', 1)
    with served(world) as address:
        page.goto(f"{address}/check?lang=zh")
        page.set_input_files("[name=bundle]", file("x.json", other))
        page.locator("#check button").click()
        expect(page.locator("#said")).to_have_attribute("data-exit-code", "1")
        expect(page.locator("#said")).to_contain_text("bad-bundle")
        assert answers(page)["unchanged"][0] == "不成立"


@pytest.mark.browser
def test_a_label_s_code_is_compared_in_the_browser_too(world: World, page: Page):
    uri = world.batch("L1")
    (record,) = parse_bundle(world.bundle(uri)).streams[0].records()
    with served(world) as address:
        page.goto(f"{address}/check{Batch(*parse_stream(uri).values).path}?lang=en")
        for typed, code, shown in (
            ("", "0", None),
            (trace_code(1, record.hash).text.lower(), "0", "holds"),
            (trace_code(1, bytes(32)).text, "1", "fails"),
            (trace_code(2, bytes(32)).text, "2", "unknown"),
        ):
            page.fill("[name=code]", typed)
            page.locator("#check button").click()
            expect(page.locator("#said")).to_have_attribute("data-exit-code", code)
            assert page.locator("[data-part=label]").is_visible() == (shown is not None)
            assert answers(page)["label"][0] == (shown or "")
        page.fill("[name=code]", "1-2345")
        page.locator("#check button").click()
        expect(page.locator("#said")).to_contain_text("This cannot be used. (a trace code is a number and 32")


@pytest.mark.browser
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
    assert [url for url in asked if not url.startswith("file:")] == []
    assert said == []


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
