"""One firm's whole story by keyboard alone: from the terminal's link to a printed label and a shipment."""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

import pytest
from PIL import Image
from pyotp import TOTP

from tests.support.desk import Desk
from tests.support.printed import cut, pages, read
from tests.support.web import served
from tests.support.world import make_world
from traceability.__main__ import main
from traceability.labels.stock import STOCKS

pytestmark = pytest.mark.browser

PASSWORD = "seven-violets"
MOST_KEYS, MOST_PAGES, MOST_S = 22, 4, 30
"""From a batch's page to a shipment that is recorded."""
EXPECTED = "server responded with a status of"


@pytest.fixture
def node(chromium, tmp_path):
    """A node that nobody knows yet, and desks for whoever comes.

    What a browser complains of is an error, and so is asking another site for anything.
    """
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    contexts, said, asked = [], [], set()
    with served(world) as address:

        def desk(**options):
            context = chromium.new_context(locale="en-GB", accept_downloads=True, **options)
            contexts.append(context)
            made = Desk(context, address)
            made.page.clock.set_fixed_time(world.now_ms / 1000)
            made.page.on("console", lambda message: said.append(message.text))
            made.page.on("pageerror", lambda error: said.append(str(error)))
            made.page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
            return made

        yield world, address, desk
        for context in contexts:
            context.close()
    world.store.close()
    assert asked == {urlsplit(address).netloc}
    assert [text for text in said if EXPECTED not in text] == []


def first_link(world, address, monkeypatch, capsys):
    """What the terminal prints for the first administrator."""
    monkeypatch.setenv("FT_DATA", str(world.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", world.store.url)
    monkeypatch.setenv("FT_BASE_URL", address)
    assert main(["people", "link", "administrator"]) == 0
    return re.findall(rf"{address}/join/\S+", capsys.readouterr().out)[0]


def join(desk, link, login, name):
    """Open a link, and choose how to sign in."""
    desk.go(link)
    if login:
        desk.type("login", login).type("name", name)
    desk.type("password", PASSWORD).type("again", PASSWORD).enter()


def set_up_app(desk, now_ms):
    """Read the key, and type the code that an app would show."""
    secret = desk.page.inner_text("figure ~ p .code").replace(" ", "")
    desk.type("code", TOTP(secret).at(now_ms // 1000)).enter()
    assert desk.page.locator(".columns li").count() == 10
    desk.follow("a.button[href*='/account/begin']")


def invite_first(desk, kind, name, login):
    """Make a party, and invite its first person; the link that is handed over."""
    desk.skip().type("name_en", "Hill Farm").type("name_zh", "山坡农场").type("kind", kind)
    desk.press("/parties")
    desk.skip().type("name", name).type("login", login).press("/people?")
    assert "within 7 days" in desk.main()
    return desk.page.inner_text("main .card .code")


def describe(phone):
    """A product and a place, led on by the overview."""
    phone.skip().follow("main ol a[href*='/products/new']")
    phone.skip().type("name_en", "Strawberries").type("name_zh", "草莓")
    phone.type("low_c", "0").type("high_c", "8").type("days", "7").enter()
    phone.follow("nav a[href*='/console?']")
    phone.skip().follow("main ol a[href*='/places/new']")
    phone.skip().type("name_en", "Packing shed").type("name_zh", "包装间")
    phone.type("region_en", "Dali, Yunnan").type("region_zh", "云南大理").enter()


def harvest(phone):
    """A batch begins; the path of its page for everybody."""
    phone.follow("nav a[href*='/console?']")
    phone.skip().follow("main ol a[href*='/console/record']").follow("a[href*='/record/harvest']")
    phone.type("quantity", "25").type("place", "P").reach("[name='sign']").enter()
    assert "Recorded: " in phone.main()
    return urlsplit(phone.page.url).path.removeprefix("/console/batches")


def record_without_scanning(phone, lot, folder):
    """Pack the batch, by typing what stands on its page: there is no code in the photo."""
    _, gtin, _, number = lot[1:].split("/")
    Image.new("L", (60, 60), 255).save(folder / "blank.png")
    phone.follow("nav a[href*='/console/record']")
    phone.page.wait_for_selector("#scan:not([hidden])")
    phone.attach("#photo", folder / "blank.png")
    phone.page.get_by_text("No code was found").wait_for()
    phone.type("code", f"{gtin} {number}").enter()
    phone.skip().follow("a[href*='/record/pack']").enter()
    assert "Recorded: Packed." in phone.main()


def print_label(phone, folder):
    """Take the file for the printer by the page's own button; the first label of it as a picture."""
    phone.skip().follow("a[href*='/console/labels/']").skip()
    phone.reach("form.printing button[formaction]")
    with phone.page.expect_download() as taken:
        phone.key("Enter")
    taken.value.save_as(folder / "labels.pdf")
    (sheet,) = pages((folder / "labels.pdf").read_bytes())
    stock = next(iter(STOCKS.values()))
    cut(sheet, stock, 1).save(folder / "label.png")
    return folder / "label.png"


def ship(phone, printed):
    """Scan what was printed, choose the step, sign."""
    phone.follow("nav a[href*='/console/record']")
    phone.page.wait_for_selector("#scan:not([hidden])")
    with phone.leaving():
        phone.attach("#photo", printed)
    phone.skip().follow("a[href*='/record/ship']").enter()
    assert "Recorded: Shipped." in phone.main()


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_a_firm_goes_from_its_invitation_to_a_printed_label_and_a_shipment(
    node, tmp_path, monkeypatch, capsys, record_property
):
    world, address, desk = node
    office = desk(viewport={"width": 1280, "height": 800})
    join(office, first_link(world, address, monkeypatch, capsys), "ada", "Ada")
    set_up_app(office, world.now_ms)
    link = invite_first(office, "P", "Li Wei", "li")

    phone = desk(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)
    join(phone, link, None, None)
    describe(phone)
    lot = harvest(phone)
    record_without_scanning(phone, lot, tmp_path)
    world.publish()
    printed = print_label(phone, tmp_path)
    assert read(Image.open(printed)) == [f"{address}{lot}"]
    begun, (phone.keys, phone.sent) = time.monotonic(), (0, 0)
    ship(phone, printed)
    took_s = time.monotonic() - begun
    for name, value in (("keys", phone.keys), ("pages", phone.sent), ("seconds", round(took_s, 1))):
        record_property(name, value)
    assert (phone.keys <= MOST_KEYS, phone.sent <= MOST_PAGES, took_s < MOST_S) == (True, True, True)
    world.publish()
    phone.skip().follow(f"a[href^='{lot}']")
    assert "Shipped" in phone.page.inner_text(".timeline")
