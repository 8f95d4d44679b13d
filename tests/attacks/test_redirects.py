"""A label's code leads to this site and to no other: no parameter of any route sends a visitor elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest
from flask import Flask, redirect, request
from werkzeug.routing import Rule
from werkzeug.wrappers import Response

from tests.support.web import site_of
from tests.support.world import GTIN, World, make_world
from webapp.signedin import public

HOME = "https://node.example:8443"
NAMES = (
    *("next", "url", "to", "r", "u", "goto", "target", "dest", "destination", "continue", "return", "back"),
    *("returnTo", "return_to", "redirect", "redirect_uri", "redirect_url", "callback", "ref", "link"),
    *("code", "lot", "gtin", "lang", "state"),
)
ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "///evil.example",
    "https://node.example@evil.example",
    "\t//evil.example",
    "javascript:alert(1)//evil.example",
)
HOLE = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("redirects")
    made = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    made.harvest(made.party("Farm"), "L1", "//evil.example")
    made.publish()
    yield made
    made.store.close()


def addresses(rule: Rule) -> Iterator[str]:
    """A route with something in each of its places: what there is, and what leads elsewhere."""
    holes: list[str] = HOLE.findall(rule.rule)
    for value in ("L1", *ELSEWHERE) if set(holes) - {"gtin"} else ("",):
        address = rule.rule
        for name in holes:
            address = HOLE.sub(GTIN if name == "gtin" else quote(value), address, count=1)
        yield address


def read(app: Flask) -> list[Rule]:
    """Every route that is read, of whatever part of the site: a new one is asked too."""
    return [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]


def leads_elsewhere(app: Flask, rules: Iterable[Rule]) -> set[str]:
    """Those of these routes that sent somebody to another host, however they were asked."""
    client, found = app.test_client(), set()
    for rule in rules:
        for number, address in enumerate(addresses(rule)):
            queries = [{}] if number else [*(dict.fromkeys(NAMES, v) for v in ELSEWHERE)]
            for query in [*queries, *(_typed() if rule.rule == "/" else ())]:
                answer = client.get(address, query_string=query, base_url=HOME)
                places = (
                    answer.headers.get(name, "") for name in ("Location", "Content-Location", "Refresh")
                )
                if any(_is_elsewhere(place) for place in places):
                    found.add(rule.rule)
                assert answer.status_code < 500 or rule.rule in {"/healthz", "/metrics"}, address
    return found


def _typed() -> Iterator[dict[str, str]]:
    """The one form that redirects: a GTIN and a lot that somebody typed."""
    for lot, lang in product(("L1", *ELSEWHERE), ("en", "//evil.example")):
        yield {"gtin": GTIN, "lot": lot[:20], "lang": lang, "next": ELSEWHERE[0]}


def _is_elsewhere(place: str) -> bool:
    """Whether a browser would leave the site; it reads a backslash as a slash, and strips white space."""
    read = urlsplit(urljoin(HOME, re.sub(r"[\t\n\r]", "", place).strip().replace("\\", "/")))
    return bool(place) and (read.scheme, read.netloc) != tuple(urlsplit(HOME)[:2])


def test_no_parameter_of_any_route_leads_to_another_host(world: World):
    with site_of(world, base_url=HOME) as app:
        assert leads_elsewhere(app, read(app)) == set()
        assert app.test_client().get(f"/?gtin={GTIN}&lot=L1", base_url=HOME).status_code == 303


@pytest.mark.parametrize("parameter", ["next", "lot"])
def test_a_route_that_would_is_found(world: World, parameter: str):
    """The control: a route of the kind that is not there."""
    with site_of(world, base_url=HOME) as app:

        @app.get("/leave")
        @public
        def leave() -> Response:
            return redirect(request.args.get(parameter, "/"))

        (added,) = [rule for rule in read(app) if rule.rule == "/leave"]
        assert leads_elsewhere(app, [added]) == {"/leave"}
