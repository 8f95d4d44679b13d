"""A shopper's whole story on a phone, by keyboard alone and in two languages: from a label to a recall."""

from __future__ import annotations

import pytest

from tests.support.desk import Desk
from tests.support.jam import map_jam
from tests.support.people import sign_in_browser
from tests.support.printed import cut, pages, read
from tests.support.recalls import order
from tests.support.tongues import foreign_texts
from tests.support.web import served
from tests.support.world import make_world, tell_story
from traceability.labels.stock import STOCKS
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.recall import Issuer, issue

pytestmark = pytest.mark.browser

NAMES = ("Farm", "Carrier", "Office", "east")
"""Of firms and a neighbour, which stand in texts of both languages."""


class Shopper(Desk):
    """Somebody with a phone, who reads every page to its end and finds no word of the other language."""

    def read(self, lang):
        """What the page says, everything unfolded."""
        assert self.page.get_attribute("html", "lang") == {"zh": "zh-Hans", "en": "en"}[lang]
        self.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
        assert foreign_texts(self.page, lang, *NAMES) == []
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 360
        return self.main()


@pytest.fixture
def place(chromium, tmp_path):
    """A lot of jam that is sold; a phone, the firm's desk, the authority's."""
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    story = tell_story(world)
    jam, office = map_jam(world, story), world.party("Office")
    world.publish()
    with served(world) as address:
        phone = chromium.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", has_touch=True)
        desks = [chromium.new_context(locale="en-GB", color_scheme="dark") for _ in range(2)]
        for context, party, kind in zip(
            desks, (story.farm, office), (PartyKind.PRODUCER, PartyKind.AUTHORITY), strict=True
        ):
            sign_in_browser(context, address, world.store, world.node, party, kind)
        yield world, story, jam, Shopper(phone, address, "zh"), *(Desk(each, address) for each in desks)
        assert phone.cookies() == []
        for context in (phone, *desks):
            context.close()
    world.store.close()


def label_on(firm, jam):
    """What a phone reads on the printed label."""
    path = "/01/" + jam.partition("/01/")[2]
    sheet = firm.page.context.request.get(f"{firm.address}/console/labels.pdf{path}?tongue=zh")
    (found,) = read(cut(next(pages(sheet.body())), next(iter(STOCKS.values())), 1))
    assert found == f"{firm.address}{path}"
    return found


def report(phone):
    """Say what is wrong, in a form in the other language; the reference."""
    phone.reach("[name='kind']").key("ArrowDown")
    phone.type("words", "罐盖是鼓的").type("contact", "me@example.com").press("/report/")
    phone.read("zh")
    return phone.page.inner_text("main .facts .code")


def answer(desk, path, said=""):
    """What the desk's list of reports says; answered, if there is something to say."""
    text = desk.go(path).main()
    if said:
        desk.skip().type("answer", said).press("/answer")
    return text


@pytest.mark.sweep(part=3, of="a journey in the browser")
def test_a_shopper_reads_reports_and_hears_of_a_recall_in_both_languages(place):
    world, story, jam, phone, firm, office = place
    label = label_on(firm, jam)
    phone.page.goto(label)
    said = phone.read("zh")
    assert phone.page.inner_text("main > :first-child h2") == "这一批没有召回"
    assert phone.page.locator("svg.map .number").all_text_contents() == ["1", "3"]
    assert phone.page.locator("#places li strong").all_text_contents() == ["云南大理", "路边", "上海"]
    for text in ("草莓酱", "发货", "收货", "jam.jpg"):
        assert text in said
    phone.key("Tab")
    assert phone.page.locator("a.skip:focus").bounding_box()["x"] >= 0
    phone.follow("header a[hreflang='en']")
    assert phone.page.url == f"{label}?lang=en"
    assert "No recall for this lot" in phone.read("en")
    phone.follow("main a.button[href*='/report/']").read("en")
    phone.follow("header a[hreflang='zh']").read("zh")
    reference = report(phone)
    assert "罐盖是鼓的" in answer(office, "/regulator/reports")
    assert "罐盖是鼓的" in answer(firm, "/console/reports", "请退回商店")
    phone.page.reload()
    assert "请退回商店" in phone.read("zh")

    issue(world.store, world.node, Issuer(story.farm), order(world, jam))
    world.publish()
    phone.page.goto(label)
    assert phone.page.inner_text("main > :first-child h2") == "已召回：请勿食用"
    phone.read("zh")
    phone.skip().follow("main .recall a[href*='/notices/']")
    assert "沙门氏菌" in phone.read("zh")
    phone.follow("header a[hreflang='en']")
    assert "Salmonella" in phone.read("en")
    phone.follow("main a[href*='/notices?']").read("en")
    feed = phone.page.get_attribute("main a[href*='/notices.atom']", "href")
    assert "Salmonella" in phone.page.context.request.get(f"{phone.address}{feed}").text()
    assert reference.startswith("P-")
