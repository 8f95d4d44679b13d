"""What every answer carries, whoever asks for whatever: rules for the browser, no cookie, nothing kept.

Every route of the site, for a stranger and for the manager of each kind of party, over plain http on the
machine itself and over https.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from tests.support.matrix import Site, page, site_with
from tests.support.people import form, held, hold, make_person, make_session
from tests.support.routes import API, PAGES, PUBLIC
from tests.support.web import site_of
from traceability.operations.accounts.roles import PartyKind
from webapp.http import ALONE, CAMERA, CONTENT_POLICY, SCANNING
from webapp.signedin import SAFE

KINDS = [None, *sorted(PartyKind)]
FETCHING = f"{CONTENT_POLICY}; connect-src 'self'"
POLICIES = {CONTENT_POLICY, FETCHING, SCANNING, ALONE}
CAMERAS = {"console.choose", "console.step"}
"""The pages that read codes: there alone the camera and the decoder are allowed."""
KEPT = {
    "static",
    "console.picture",
    "pictures.picture",
    "documents.file",
    "notices.atom",
    "notices.json_feed",
    "consumer.qr_svg",
    "consumer.qr_png",
    "consumer.bundle",
    "log.checkpoint",
    "log.tile",
    "log.proof",
    "epcis.Description",
}
"""Open to everybody and the same for everybody: what others may keep for a time."""

RENEWED = {"accounts.app", "accounts.remove_app"}
"""After these a browser holds another session."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with site_with(tmp_path_factory.mktemp("headers")) as made:
        yield made


def client_of(site: Site, kind: PartyKind | None):
    person = make_person(site.world.store, site.world.node, kind and site.own[kind], kind)
    return hold(site.app.test_client(), make_session(site.world.store, site.world.node, person))


def every_address(site: Site) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and path of everything that there is."""
    rows = {endpoint: row.of[0] if row.of else row.given for endpoint, row in PAGES.items()}
    rows |= PUBLIC | {endpoint: arguments for endpoint, (arguments, _) in API.items()}
    for endpoint, made in rows.items():
        for method in site.methods(endpoint):
            yield endpoint, method, site.path(endpoint, method, **site.public(made))


def faults(answer: TestResponse, endpoint: str) -> Iterator[str]:
    """What is wrong with what an answer carries."""
    headers = answer.headers
    policy = headers.get("Content-Security-Policy")
    if policy not in POLICIES or "frame-ancestors 'none'" not in policy:
        yield f"policy {policy}"
    if policy == SCANNING and endpoint not in CAMERAS:
        yield "may run WebAssembly"
    if (headers.get("Permissions-Policy") == CAMERA) != (policy == SCANNING):
        yield "camera"
    for name, wanted in (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ):
        if headers.getlist(name) != [wanted]:
            yield f"{name}: {headers.getlist(name)}"
    if headers.get("Cache-Control") != "no-store" and endpoint not in KEPT:
        yield f"Cache-Control: {headers.get('Cache-Control')}"
    if answer.status_code != 204 and not headers.get("Content-Type") and answer.data:
        yield "no Content-Type"
    if "Access-Control-Allow-Credentials" in headers:
        yield "other sites may ask with cookies"


def test_no_answer_to_a_stranger_sets_a_cookie_or_lacks_a_rule(site: Site):
    wrong = []
    for endpoint, method, path in every_address(site):
        for address in (path, f"{path}{'&' if '?' in path else '?'}lang=zh"):
            client = site.app.test_client(use_cookies=False)
            answer = client.open(address, method=method)
            wrong += [f"{method} {endpoint}: {fault}" for fault in faults(answer, endpoint)]
            if "Set-Cookie" in answer.headers and endpoint != "accounts.sign_out":
                wrong.append(f"{method} {endpoint}: a cookie")
    assert wrong == []


@pytest.mark.sweep(part=1)
@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_to_anybody_signed_in_may_be_kept_or_lacks_a_rule(site: Site, kind):
    wrong = []
    client = client_of(site, kind)
    session, own = held(client) or "?", {"Accept-Encoding": "gzip"}
    for endpoint, method, path in every_address(site):
        if endpoint in {"accounts.sign_out", "accounts.end_others"}:
            continue
        data = form(client) if method not in SAFE else None
        answer = client.open(path, method=method, data=data, headers=own)
        wrong += [f"{method} {endpoint}: {fault}" for fault in faults(answer, endpoint)]
        if endpoint in PAGES and "Content-Encoding" in answer.headers:
            wrong.append(f"{method} {endpoint}: its length tells what is in it")
        if endpoint in RENEWED:
            session = held(client) or "?"
        elif "Set-Cookie" in answer.headers:
            wrong.append(f"{method} {endpoint}: {answer.headers['Set-Cookie'].split('=')[0]} again")
        if session.encode() in answer.data:
            wrong.append(f"{method} {endpoint}: the session is on the page")
    assert wrong == []


@pytest.mark.parametrize("path", ["/nothing", "/console/nothing", "/regulator/x/y", "/01/x", "/epcis/x"])
def test_pages_that_there_are_not_carry_the_same(site: Site, path):
    for client in (site.app.test_client(), client_of(site, PartyKind.PRODUCER)):
        for method in ("GET", "POST", "PUT", "TRACE"):
            assert list(faults(client.open(path, method=method), "none")) == [], (method, path)


def test_over_https_the_browser_is_told_to_stay_there(site: Site):
    base = "https://node.example"
    with site_of(site.world, base_url=base) as app:
        client = app.test_client(use_cookies=False)
        for path in ("/", "/sign-in", "/console", "/notices", "/epcis/", "/static/site.css", "/nothing"):
            answer = client.get(path, base_url=base)
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
            assert "Set-Cookie" not in answer.headers


def test_signing_out_takes_the_cookie_away(site: Site):
    client = client_of(site, PartyKind.PRODUCER)
    answer = client.post("/sign-out", data=form(client))
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert "Max-Age=0" in cookie
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert page().opens(frozenset(), own=False), "a row without an object is everybody's"
