"""Two pages that somebody looks at: what others sign and answer arrives there by itself, by both ways."""

from __future__ import annotations

import pytest

from tests.support.people import sign_in_browser
from tests.support.practice import taking_part
from tests.support.recalls import NOTICE
from tests.support.web import served
from tests.support.world import make_world
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.sessions import end_sessions
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.recalling.answers import Fate, answer
from traceability.operations.recalling.cases import look_at, open_case
from traceability.operations.recalling.closing import close_case
from traceability.operations.recalling.notices import acknowledge
from traceability.operations.recalling.proposals import approve, propose
from traceability.supply.recall import Outcome, State

pytestmark = pytest.mark.browser
WITHOUT_STREAMS = "delete window.EventSource"
BATCH = "01/09520000000011/10/L1"


@pytest.fixture
def place(tmp_path):
    """A lot in a truck with a probe, and its recall, of which its firm was told; served."""
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}")
    farm, office, truck = world.party("Farm"), world.party("Food Authority"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    lot = world.harvest(farm, "L1")
    world.event("load", farm, lot, asset=truck)
    world.wait(minutes=1)
    world.measure(probe, 3.5)
    world.publish()
    one, two = (taking_part(name, office, regulator=True) for name in ("ada", "ben"))
    case = open_case(world.store, world.node, one, [lot])
    with world.store.reading() as connection:
        seen = look_at(connection, world.node, case).digest(NOTICE, State.ISSUED)
    propose(world.store, world.node, one, case.id, NOTICE, seen)
    approve(world.store, world.node, two, case.id, seen)
    world.publish()
    with served(world) as address:
        yield world, farm, office, probe, lot, case.id, address
    world.store.close()


def open_pages(chromium, place, *, streams):
    """The case and the lot as an authority has them open, who types in one and reads the other."""
    world, _, office, _, _, case, address = place
    context = chromium.new_context(viewport={"width": 1280, "height": 700})
    person = sign_in_browser(context, address, world.store, world.node, office, PartyKind.AUTHORITY)
    if not streams:
        context.add_init_script(WITHOUT_STREAMS)
        context.clock.install()
    pages = [context.new_page() for _ in range(2)]
    for page, path in zip(pages, (f"recalls/{case}", f"batches/{BATCH}"), strict=True):
        page.goto(f"{address}/regulator/{path}?lang=en")
        page.get_by_text("This page keeps itself up to date.").wait_for()
    pages[0].locator("[name=note]").fill("half a sent")
    pages[1].locator("[data-part=events] .scroll").focus()
    pages[1].evaluate(
        "window.before = document.querySelector('[data-part=temperature] svg'); scrollTo(0, 500)"
    )
    return context, person, pages


@pytest.mark.sweep(part=3, of="a journey in the browser")
@pytest.mark.parametrize("streams", [True, False], ids=["told", "asked for"])
def test_an_answer_and_a_reading_arrive_while_somebody_looks(chromium, place, streams):
    world, farm, _, probe, lot, case, _ = place
    holder = taking_part("dan", farm)
    context, person, (recall, batch) = open_pages(chromium, place, streams=streams)
    waits = Waits(context, streams)
    for page in (recall, batch):
        assert (
            page.locator("[data-part] :is(form, input, select, textarea):not([data-own] *)").count() == 0
        ), "is typed in"
    acknowledge(world.store, holder, case)
    answer(world.store, holder, case, lot, {Fate.SOLD: "0"}, uom="KGM")
    world.wait(minutes=1)
    world.measure(probe, 4.5)
    world.publish()
    waits.until(recall, "[data-part=effect]", "1 of 1 holders acknowledged")
    waits.until(recall, "[data-part=log]", "Sold already: 0")
    waits.until(batch, "[data-part=temperature]", "4.5 °C")
    waits.until(batch, ".live [role=status]", "4.5 °C")
    assert recall.input_value("[name=note]") == "half a sent"
    assert recall.evaluate("document.activeElement.name") == "note"
    assert batch.evaluate("document.activeElement.className") == "wide scroll"
    assert batch.evaluate("document.querySelector('[data-part=temperature] svg') === before")
    assert batch.evaluate("scrollY") == 500
    assert recall.locator("[data-stale]").is_hidden()
    ben = taking_part("ben", world.party("Another office"), regulator=True)
    close_case(world.store, world.node, ben, case, Outcome.REMOVED, "")
    waits.until(recall, "[data-stale]", "What can be done here has changed")
    assert recall.input_value("[name=note]") == "half a sent"
    with world.store.transaction() as tx:
        end_sessions(tx, COMMAND_LINE, person.id)
    for page in (recall, batch):
        waits.until(page, ".live", "This page is no longer kept up to date.")
    context.close()


class Waits:
    """Until a page says something; where it asks by the clock, time passes meanwhile."""

    def __init__(self, context, streams):
        self._context, self._streams = context, streams

    def until(self, page, selector, text):
        if self._streams:
            page.locator(f"{selector}:visible").filter(has_text=text).first.wait_for()
            return
        for _ in range(100):
            if text in page.inner_text(selector):
                return
            self._context.clock.run_for(1000)
        raise AssertionError(f"{selector} never said {text!r}, but {page.inner_text(selector)!r}")
