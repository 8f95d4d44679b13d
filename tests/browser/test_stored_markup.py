"""Markup in every field that outsiders write does nothing on any page, for nobody who opens it."""

from __future__ import annotations

import pytest

from tests.support.people import sign_in_browser
from tests.support.web import served, site_of
from tests.support.world import make_world
from tests.support.xss import addresses, crawl, follower, infest
from traceability.operations.accounts.roles import PartyKind

pytestmark = pytest.mark.browser

VISITORS = {
    "nobody": ("", None),
    "a firm": ("farm", PartyKind.PRODUCER),
    "an authority": ("Authority", PartyKind.AUTHORITY),
    "a laboratory": ("Laboratory", PartyKind.LABORATORY),
    "an administrator": (None, None),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("markup")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    infested = infest(world)
    with served(world) as address:
        yield infested, address
    world.store.close()


@pytest.mark.slow
@pytest.mark.sweep(part=2, of="a look at every page")
@pytest.mark.parametrize("visitor", VISITORS)
def test_markup_in_every_field_does_nothing_on_any_page(place, chromium, visitor):
    infested, address = place
    world, (name, kind) = infested.world, VISITORS[visitor]
    by = "public" if visitor == "nobody" else "signed-in"
    with site_of(world, base_url=address) as app:
        seeds = list(addresses(app, infested, by))
        own = follower(app, by)
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    try:
        if by == "signed-in":
            party = infested.parties[0] if name == "farm" else name and world.party(f"<x-pwned>{name}")
            sign_in_browser(context, address, world.store, world.node, party, kind)
        found = crawl(context.new_page(), address, seeds, own)
    finally:
        context.close()
    assert "\n".join(found.wrong) == ""
    broken = {page for page in found.seen if page.startswith("5")} - {"503 healthz"}  # no broker runs here
    assert broken == set()
    assert sum(found.seen.values()) > 10
