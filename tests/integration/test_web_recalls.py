"""Point 1 of the page, and what a product is made of: said from checked bundles, in both languages."""

from __future__ import annotations

import gzip
import re
import shutil
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.web import site_of
from tests.support.world import GTIN, LIMITS, World, make_world
from traceability.identifiers import Batch
from traceability.ledger.state import stream_hash
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.node import load_node
from traceability.operations.record import make_event
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import CONTEXT
from traceability.supply.recall import Outcome, Recall, State, recall_events
from webapp.consumer.ingredients import LISTED, MOST
from webapp.consumer.journeys import Journeys

HAZARD = {"en": "Salmonella <b>found</b>", "zh": "检出沙门氏菌"}
ADVICE = {"en": "Bring it back to the shop.", "zh": "请退回商店。"}
NONE = {"en": "No recall for this lot", "zh": "这一批没有召回"}
RECALLED = {"en": "RECALLED: do not eat", "zh": "已召回：请勿食用"}
HELD = {"en": "Held: under examination, do not eat until it is cleared", "zh": "正在检验：查清之前请勿食用"}
CLEARED = {
    "en": "A recall of this lot was closed: nothing was wrong with it",
    "zh": "这一批的召回已解除：没有发现问题",
}
UNCHECKED = {"en": "Could not check whether this lot is recalled", "zh": "无法核对这一批是否被召回"}
LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """A folder with a node that knows a jam of a mix of two farms' lots, and of sugar; and its time."""
    folder = tmp_path_factory.mktemp("kitchen")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm, other, kitchen = world.party("Farm"), world.party("Other"), world.party("Kitchen")
    world.harvest(farm, "F1")
    world.harvest(other, "F2")
    world.harvest(other, "SUGAR")
    say(world, kitchen, made("MIX", world.batch("F1"), world.batch("F2")))
    say(world, kitchen, made("JAM", world.batch("MIX"), world.batch("SUGAR")))
    world.publish()
    world.store.close()
    return folder, world.now_ms


@pytest.fixture
def world(kitchen, tmp_path):
    """A copy of that node, to do with as a test likes."""
    folder, now_ms = kitchen
    copy, now = shutil.copytree(folder, tmp_path / "copy"), [now_ms]
    store = Store(f"sqlite:///{copy / 'node.sqlite'}", clock=lambda: now[0], checkpoints=True)
    yield World(load_node(copy / "node"), store, now)
    store.close()


@pytest.fixture
def site(world):
    with site_of(world) as app:
        yield app.test_client()


def made(lot: str, *inputs: str, product: str = "Jam") -> dict[str, Any]:
    """The event by which a lot is made of others."""
    ilmd = {"ft:product": {"en": f"{product} {lot}", "zh": f"果酱{lot}"}, "ft:temperature": dict(LIMITS)}
    output = f"https://id.gs1.org{Batch(GTIN, lot).path}"
    return {
        "inputQuantityList": [{"epcClass": uri, "quantity": 2, "uom": "KGM"} for uri in inputs],
        "outputQuantityList": [{"epcClass": output, "quantity": 3, "uom": "KGM"}],
        "ilmd": ilmd,
    }


def say(world: World, party: str, members: dict[str, Any]) -> None:
    """Record a transformation as a program would: of things that need not be known."""
    event = make_event("make", world.now_ms, **members)
    (captured,) = capture(world.store, world.node, party, [Given(event, read_context(CONTEXT))])
    assert captured.refused is None


def recall(world: World, *lots: str, state: State = State.ISSUED, **members: Any) -> None:
    """Say of lots that they are recalled, because of F1; published."""
    said = Recall("R1", state, 1, (world.batch("F1"),), HAZARD, ADVICE, "Ask 12345", **members)
    world.wait(minutes=1)
    party = world.party("Authority")
    for event in recall_events(said, [world.batch(lot) for lot in lots], world.now_ms):
        capture(world.store, world.node, party, [Given(event, read_context(event["@context"]))])
    world.publish()


def page(site, lot: str, lang: str = "en") -> str:
    answer = site.get(Batch(GTIN, lot).path, query_string={"lang": lang})
    assert answer.status_code == 200
    return unescape(answer.text)


def point(site, lot: str, lang: str = "en") -> str:
    """Point 1 of a lot's page, as text, with its state in front."""
    html = site.get(Batch(GTIN, lot).path, query_string={"lang": lang}).text
    found = re.search(r'<section class="recall ([a-z-]+)".*?</section>', html, re.DOTALL)
    assert found is not None
    assert html.index(found[0]) < html.index("<h1")
    assert "<svg" in found[0], "an icon stands beside the words"
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[0]))
    return unescape(f"{found[1]}: {text}")


# What it is made of.


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ingredients_fold_out_with_their_own_journeys_and_theirs_inside(site, lang):
    shown = page(site, "JAM", lang)
    section = shown.partition({"en": "What it is made of", "zh": "由什么制成"}[lang])[2]
    section = section.partition({"en": "The way here", "zh": "一路走来"}[lang])[0]
    assert section.count("<details") == section.count("</details>") == 4
    for lot in ("MIX", "F1", "F2", "SUGAR"):
        assert f'href="{Batch(GTIN, lot).path}?lang={lang}"' in section
    mix = section.index("Kitchen")
    assert mix < section.index({"en": "Farm", "zh": "Farm（中）"}[lang]) < section.index("SUGAR")
    for words in {
        "en": ("Made on 1 Jan 2026", "Used in another product", "The batch begins"),
        "zh": ("2026年1月1日制成", "用于制作其他产品", "批次建立"),
    }[lang]:
        assert words in re.sub(r"<[^>]+>", "", section)
    assert "KGM" not in shown
    assert "What it is made of" not in page(site, "F1")


def test_an_ingredient_that_was_only_named_or_is_told_already_is_said_so(world, site):
    kitchen = world.party("Cook")
    foreign = "https://id.gs1.org/01/09520000000028/10/ELSEWHERE"
    item = "https://id.gs1.org/01/09520000000028/21/7"
    say(world, kitchen, made("PIE", foreign, item, world.batch("F1"), world.batch("MIX")))
    world.publish()
    shown = page(site, "PIE")
    assert "Unnamed product</bdi> · <bdi>not recorded here" in shown
    assert "How this lot came to be is not recorded here." in shown
    assert f"{item}</bdi>:\nnot recorded on this node" in shown
    assert shown.count("told elsewhere on this page") == 1, "F1 is told once, as an ingredient of the pie"
    assert "Ingredients that could not be checked: 1" in point(site, "PIE")


def test_what_was_made_of_itself_ends(world, site):
    kitchen = world.party("Cook")
    say(world, kitchen, made("A", world.batch("B")))
    say(world, kitchen, made("B", world.batch("A")))
    say(world, kitchen, made("SELF", world.batch("SELF")))
    world.publish()
    for lot, folds in (("A", 1), ("B", 1), ("SELF", 0)):
        shown = page(site, lot)
        assert shown.count('<details class="ingredient') == folds
        assert shown.count("told elsewhere on this page") == 1


def test_an_ingredient_that_does_not_match_is_said_and_nothing_of_it_is_shown(world, site):
    with world.store.transaction() as tx:
        record = models.Record
        of_farm = update(record).where(record.stream == stream_hash(world.batch("F1")), record.seq == 0)
        tx.connection.execute(of_farm.values(time_ms=1))
    world.publish()
    world.harvest(world.party("Cook"), "X")
    world.publish()
    shown = page(site, "JAM")
    assert "its records do not match: nothing of them is shown" in shown
    assert "Farm" not in shown
    assert "Other" in shown
    assert point(site, "JAM").startswith("none: ")
    assert "Ingredients that could not be checked: 1" in point(site, "JAM")


def test_a_page_looks_at_few_journeys_and_has_links_to_the_others(world, site, monkeypatch):
    kitchen, many = world.party("Cook"), [f"M{n}" for n in range(LISTED + 5)]
    world.harvest(kitchen, *many)
    say(world, kitchen, made("SOUP", *(world.batch(lot) for lot in many)))
    world.publish()
    looked: list[str] = []

    def load(self, connection, batch):
        looked.append(batch)
        return real(self, connection, batch)

    real = Journeys.load
    monkeypatch.setattr(Journeys, "load", load)
    answer = site.get(
        Batch(GTIN, "SOUP").path, query_string={"lang": "en"}, headers={"Accept-Encoding": "gzip"}
    )
    shown = gzip.decompress(answer.data).decode()
    assert len(looked) == 1 + MOST
    assert shown.count('<details class="ingredient') == MOST
    assert shown.count("told on its own page") == LISTED - MOST
    assert "Further ingredients: 5" in shown
    assert len(answer.data) < 50_000


def test_a_page_is_not_kept_longer_than_the_checks_of_its_ingredients(world, site):
    journeys = site.application.extensions["journeys"]
    now = [0.0]
    journeys._clock = lambda: now[0]
    page(site, "F1")
    now[0] = 9.0
    page(site, "JAM")
    with world.store.reading() as connection:
        kept = journeys.load(connection, world.batch("JAM"))
    assert journeys.page(kept, "en") is not None
    now[0] = 10.0
    assert journeys.page(kept, "en") is None, "it rests on the check of F1, which is ten seconds old"
    assert journeys.page(kept, "zh") is None


# Point 1.


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_recall_is_said_with_the_time_of_the_checkpoint(world, site, lang):
    said = point(site, "JAM", lang)
    assert said.startswith("none: ")
    assert NONE[lang] in said
    assert {"en": "1 Jan 2026, 00:00", "zh": "2026年1月1日 00:00"}[lang] in said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_recall_says_why_what_to_do_whom_to_ask_who_and_which_lot_it_began_with(world, site, lang):
    recall(world, "F1", "MIX", "JAM")
    said = point(site, "JAM", lang)
    assert said.startswith("recalled: ")
    told = [RECALLED[lang], HAZARD[lang], ADVICE[lang], "Ask 12345", "JAM", "Authority"]
    told += {
        "en": ["serious harm", "It was made with Strawberries, lot F1."],
        "zh": ["严重危害", "草莓（批号 F1）"],
    }[lang]
    for words in told:
        assert words in said
    assert NONE[lang] not in said
    shown = page(site, "JAM", lang)
    assert f"<title>{RECALLED[lang]}" in shown
    assert shown.count('class="ingredient alarm"') == 2, "of the mix and of the farm's lot"
    assert '<li class="alarm"' in shown.partition({"en": "The way here", "zh": "一路走来"}[lang])[2]
    assert "<b>found" not in site.get(Batch(GTIN, "JAM").path, query_string={"lang": lang}).text
    assert said.count(HAZARD[lang]) == 1, "the same recall of its ingredients is not told again"
    of_farm = point(site, "F1")
    assert "It was made with" not in of_farm
    assert "It began with" not in of_farm, "it began with this lot itself"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_held_lot_is_not_to_be_eaten_until_it_is_cleared(world, site, lang):
    recall(world, "JAM", state=State.HOLD)
    said = point(site, "JAM", lang)
    assert said.startswith("held: ")
    assert HELD[lang] in said
    assert RECALLED[lang] not in said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_recall_that_was_closed_as_safe_is_told_and_alarms_nobody(world, site, lang):
    recall(world, "F1", "JAM")
    recall(world, "F1", "JAM", state=State.CLOSED, outcome=Outcome.SAFE)
    said = point(site, "JAM", lang)
    assert said.startswith("cleared: ")
    assert CLEARED[lang] in said
    assert RECALLED[lang] not in said
    assert HAZARD[lang] not in said


def test_what_was_removed_from_sale_stays_red_and_says_so(world, site):
    recall(world, "F1", "JAM")
    recall(world, "F1", "JAM", state=State.CLOSED, outcome=Outcome.REMOVED)
    said = point(site, "JAM")
    assert said.startswith("recalled: ")
    assert RECALLED["en"] in said
    assert "Whoever recalled it says that it is off the shelves." in said


def test_the_start_page_lists_what_was_made_and_not_all_that_is_named(world, site):
    named = {"epcClass": world.batch("NAMED"), "quantity": 1, "uom": "KGM"}
    event = make_event("ship", world.now_ms, quantityList=[named])
    capture(world.store, world.node, world.party("Shop"), [Given(event, read_context(CONTEXT))])
    world.publish()
    shown = site.get("/?lang=en").text
    assert ("JAM" in shown, "NAMED" in shown) == (True, False)
    assert "NAMED" in page(site, "NAMED")


@pytest.mark.parametrize(
    ("members", "word"),
    [
        ({}, "recalled"),
        ({"state": State.HOLD}, "held for examination"),
        ({"state": State.CLOSED, "outcome": Outcome.REMOVED}, "recalled"),
        ({"state": State.CLOSED, "outcome": Outcome.SAFE}, None),
    ],
)
def test_the_start_page_marks_the_lots_that_are_recalled_or_held(world, site, members, word):
    recall(world, "F1", "JAM", **members)
    cards = re.findall(r'<li><a class="card".*?</li>', site.get("/?lang=en").text, re.DOTALL)
    alarms = {re.findall(r"<bdi>([A-Z0-9]+)</bdi>", card)[0]: 'class="alarm"' in card for card in cards}
    marked = word is not None
    assert alarms == {"F1": marked, "JAM": marked, "MIX": False, "F2": False, "SUGAR": False}
    assert sum(word is not None and f"{word}</span>" in card for card in cards) == 2 * marked


@pytest.mark.parametrize(
    ("state", "answer", "words"),
    [
        (State.ISSUED, "ingredient-recalled", "An ingredient is recalled: Strawberries, lot F1"),
        (State.HOLD, "ingredient-held", "An ingredient is held for examination: Strawberries, lot F1"),
    ],
)
def test_an_ingredients_recall_is_said_even_if_it_has_not_reached_the_product(
    world, site, state, answer, words
):
    recall(world, "F1", state=state)
    said = point(site, "JAM")
    assert said.startswith(f"{answer}: ")
    assert words in said
    assert HAZARD["en"] in said
    assert "This lot itself has not been recalled so far." in said
    assert NONE["en"] not in said
    assert "ingredient alarm" in page(site, "JAM")
    assert point(site, "SUGAR").startswith("none: ")


def test_two_recalls_of_one_lot_are_both_told(world, site):
    recall(world, "JAM")
    said = Recall("R2", State.ISSUED, 2, (world.batch("JAM"),), {"en": "Glass", "zh": "玻璃"}, ADVICE)
    for event in recall_events(said, [world.batch("JAM")], world.now_ms):
        capture(world.store, world.node, world.party("B"), [Given(event, read_context(event["@context"]))])
    world.publish()
    both = point(site, "JAM")
    assert HAZARD["en"] in both
    assert "Glass" in both
    assert "temporary harm" in both


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_does_not_match_cannot_be_called_free_of_recalls(world, site, lang):
    with world.store.transaction() as tx:
        record = models.Record
        own = update(record).where(record.stream == stream_hash(world.batch("JAM")), record.seq == 0)
        tx.connection.execute(own.values(time_ms=1))
    said = point(site, "JAM", lang)
    assert said.startswith("unchecked: ")
    assert UNCHECKED[lang] in said
    assert NONE[lang] not in said


def test_a_withheld_statement_in_the_lots_own_stream_leaves_it_unchecked(world, site):
    journeys = site.application.extensions["journeys"]
    with world.store.reading() as connection:
        checked = journeys.load(connection, world.batch("JAM"))
    journey = checked.verdict.journey
    hidden = replace(journey, records=(replace(journey.records[0], shown=False), *journey.records[1:]))
    entry = journeys._kept[world.batch("JAM")]
    entry.result._result = replace(checked, verdict=replace(checked.verdict, journey=hidden))
    assert point(site, "JAM").startswith("unchecked: ")


def test_a_recall_is_a_line_of_the_timeline_and_no_part_of_the_way(world, site):
    kitchen, room = world.party("Keeper"), world.asset("ROOM1")
    probe, jam = world.device(kitchen), world.batch("JAM")
    world.install(kitchen, probe, room)
    world.event("store", kitchen, jam, asset=room)
    for _ in range(2):
        world.wait(minutes=10)
        world.measure(probe, 3.0)
    world.event("retrieve", kitchen, jam, asset=room)
    world.publish()
    before = re.search(r'<p class="lead">.*?</p>', page(site, "JAM"))
    assert before is not None
    assert "Measured: 3.0" in before[0]
    world.wait(minutes=600)
    recall(world, "JAM")
    after = page(site, "JAM")
    assert before[0] in after, "the time until the recall is not time without a sensor"
    assert "<h3>Recalled</h3>" in after
