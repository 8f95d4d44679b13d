"""Every page of the site, for each role, at both widths and in both languages: axe finds nothing, nothing
sticks out, and no text is of the other language.
"""

from __future__ import annotations

from collections.abc import Iterator

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


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[tuple[Site, str]]:
    folder = tmp_path_factory.mktemp("every-page")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with site_of(world) as app:
        site = Site(app, world)
        with served(world) as address:
            yield site, address
    world.store.close()


def paths(site: Site, visitor: str, seen: set[str]) -> Iterator[str]:
    """What a visitor may read and nobody before did: what answers with a page."""
    kind = VISITORS[visitor]
    rights = rights_of(kind, Role.MANAGER if kind else Role.ADMINISTRATOR)
    own = site.own[kind or PartyKind.PRODUCER]
    if visitor == "nobody":
        found = {name: site.public(made) for name, made in PUBLIC.items()}
    else:
        rows = {name: row for name, row in PAGES.items() if not row.rights or row.rights & rights}
        found = {
            name: next(site.cells_of(row, own))[0]
            for name, row in rows.items()
            if row.opens(rights, own=True)
        }
    for name, arguments in found.items():
        if "GET" in site.methods(name) and name not in seen:
            seen.add(name)
            yield site.path(name, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme", "lang", "rules"), LOOKS)
def test_axe_finds_nothing_on_any_page_of_any_role(place, chromium, width, scheme, lang, rules):
    site, address = place
    wrong, seen, looked = [], set[str](), 0
    for visitor, kind in VISITORS.items():
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        if visitor != "nobody":
            sign_in_browser(
                context, address, site.world.store, site.world.node, kind and site.own[kind], kind
            )
        page, fetched = context.new_page(), context.request
        for path in paths(site, visitor, seen):
            asked = f"{address}{path}{'&' if '?' in path else '?'}lang={lang}"
            answer = fetched.get(asked)
            if answer.status == 204 or not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            page.goto(asked)
            looked += 1
            wrong += [f"{visitor} {path}: {rule}" for rule in broken_rules(page, rules)]
            if path != BILINGUAL:
                wrong += [f"{visitor} {path}: {text}" for text in foreign_texts(page, lang, *PartyKind)]
            if not page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"):
                wrong.append(f"{visitor} {path}: wider than the window")
        context.close()
    assert "\n".join(wrong) == ""
    assert looked > 45
