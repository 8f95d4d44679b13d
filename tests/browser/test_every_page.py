"""Every page of the site, for each role, at both widths and in both languages: axe finds nothing, nothing
sticks out, and no text is of the other language.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.support.browser import broken_rules
from tests.support.matrix import Site
from tests.support.people import sign_in_browser
from tests.support.routes import PAGES, PUBLIC
from tests.support.tongues import foreign_texts
from tests.support.web import served, site_of
from tests.support.world import make_world
from traceability.operations.accounts.roles import PartyKind, Role, rights_of

pytestmark = pytest.mark.browser

LOOKS = [(360, "light", "zh", None), (1280, "dark", "en", ("color-contrast", "scrollable-region-focusable"))]
"""Everything is looked for once; in the dark and on a wide window what may be otherwise there."""
BILINGUAL = "/regulator/records/glossary"
"""Its table has a column for each language."""
VISITORS = {
    "nobody": None,
    "a firm": PartyKind.PRODUCER,
    "an authority": PartyKind.AUTHORITY,
    "a laboratory": PartyKind.LABORATORY,
    "an administrator": None,
}
LEAST = {"nobody": 8, "a firm": 25, "an authority": 8, "a laboratory": 0, "an administrator": 1}
"""Fewer pages than these are not looked at, or the walk has gone wrong."""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[tuple[Site, str]]:
    folder = tmp_path_factory.mktemp("every-page")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with site_of(world) as app:
        site = Site(app, world)
        with served(world) as address:
            yield site, address
    world.store.close()


def paths(site: Site, visitor: str) -> Iterator[str]:
    """What a visitor may read and nobody before in the table did: what answers with a page."""
    before = list(VISITORS)[: list(VISITORS).index(visitor)]
    seen = {name for each in before for name in _open_to(site, each)}
    for name, arguments in _open_to(site, visitor).items():
        if "GET" in site.methods(name) and name not in seen:
            yield site.path(name, **arguments)


def _open_to(site: Site, visitor: str) -> dict[str, Mapping[str, str]]:
    """Routes that let a visitor in, with the arguments of an own object."""
    if visitor == "nobody":
        return {name: site.public(made) for name, made in PUBLIC.items()}
    kind = VISITORS[visitor]
    rights = rights_of(kind, Role.MANAGER if kind else Role.ADMINISTRATOR)
    own = site.own[kind or PartyKind.PRODUCER]
    rows = {name: row for name, row in PAGES.items() if not row.rights or row.rights & rights}
    return {
        name: next(site.cells_of(row, own))[0] for name, row in rows.items() if row.opens(rights, own=True)
    }


@pytest.mark.slow
@pytest.mark.sweep(part=2, of="a look at every page")
@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize(("width", "scheme", "lang", "rules"), LOOKS)
def test_no_page_has_a_fault_or_the_other_language(place, chromium, visitor, width, scheme, lang, rules):
    (site, address), kind = place, VISITORS[visitor]
    wrong, looked = [], 0
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    if visitor != "nobody":
        sign_in_browser(context, address, site.world.store, site.world.node, kind and site.own[kind], kind)
    page, fetched = context.new_page(), context.request
    for path in paths(site, visitor):
        asked = f"{address}{path}{'&' if '?' in path else '?'}lang={lang}"
        answer = fetched.get(asked)
        if answer.status == 204 or not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        page.goto(asked)
        looked += 1
        wrong += [f"{path}: {rule}" for rule in broken_rules(page, rules)]
        if path != BILINGUAL:
            wrong += [f"{path}: {text}" for text in foreign_texts(page, lang, *PartyKind)]
        if not page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
            wrong.append(f"{path}: wider than the window")
    context.close()
    assert "\n".join(wrong) == ""
    assert looked >= LEAST[visitor]
