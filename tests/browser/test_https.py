"""A phone by https, under a name that is not of the machine itself, as camera and cookies need it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, ViewportSize

from tests.support.broker import free_port
from tests.support.people import make_person
from tests.support.secure import NAME, TlsSite, name_browser, tls_site
from tests.support.web import listening, site_of
from tests.support.world import GTIN, World, make_world
from traceability.operations.accounts.passwords import hash_password
from traceability.operations.accounts.people import change_person

pytestmark = pytest.mark.browser

PASSWORD = "violets under seven bridges"
PHONE: ViewportSize = {"width": 360, "height": 740}
CONTEXT = (
    "[isSecureContext, 'getUserMedia' in (navigator.mediaDevices || {}), !!(window.crypto || {}).subtle]"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[World, TlsSite]]:
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    farm = world.party("Farm")
    world.harvest(farm, "L1")
    world.publish()
    person = make_person(world.store, world.node, farm, login="li")
    with world.store.transaction() as tx:
        change_person(tx, world.node, person.id, password=hash_password(PASSWORD))
    with tls_site(world, tmp_path) as served:
        yield world, served
    world.store.close()


@pytest.mark.sweep(part=1, of="a phone on another name")
def test_a_phone_reads_signs_in_and_has_its_camera_and_its_cookie(
    site: tuple[World, TlsSite], chromium: Browser
):
    _, served = site
    with served.browser(chromium) as browser:
        context = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True)
        page = context.new_page()
        answer = page.goto(f"{served.url}/01/{GTIN}/10/L1")
        assert answer is not None
        assert answer.status == 200
        assert page.evaluate(CONTEXT) == [True, True, True]
        assert context.cookies() == []
        page.goto(f"{served.url}/account")
        page.fill("input[name=login]", "li")
        page.fill("input[name=password]", PASSWORD)
        page.click("form.lookup button")
        page.wait_for_url(f"{served.url}/account**")
        (cookie,) = context.cookies()
        assert (cookie["name"], cookie["domain"], cookie["path"]) == ("__Host-ft", NAME, "/")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        page.goto(f"{served.url}/account")
        assert page.locator("form[action*=sign-out]").count() == 1
    # The control: a browser that was not told of this key does not come in, so the one above did by trust.
    with name_browser(chromium) as stranger, pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        stranger.new_page().goto(served.url)


@pytest.mark.sweep(part=1, of="a phone on another name")
def test_over_plain_http_under_the_same_name_there_is_neither(site: tuple[World, TlsSite], chromium: Browser):
    """The control: what the first test finds is due to https, not to a machine that trusts itself."""
    world, _ = site
    port = free_port()
    address = f"http://{NAME}:{port}"
    with (
        site_of(world, base_url=address) as app,
        listening(app, port),
        name_browser(chromium) as browser,
    ):
        page = browser.new_page()
        page.goto(address)
        assert page.evaluate(CONTEXT) == [False, False, False]
        page.goto(f"{address}/sign-in")
        assert page.locator("input[name=password]").count() == 0
