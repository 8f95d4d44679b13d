"""What a hostile visitor tries on the site: markup in lots, other hosts, other methods, paths, writing."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.web import site_of
from tests.support.world import GTIN, make_world
from traceability.identifiers import CSET82, Batch
from traceability.verification.bundle import parse_bundle
from webapp import signedin
from webapp.database import snapshot
from webapp.http import CONTENT_POLICY

SIGNS = "".join(sorted(CSET82))
LOTS = [
    *(SIGNS[start : start + 20] for start in range(0, len(SIGNS), 20)),
    "<script>alert(1)",
    "\"onload='x'><b>&lt;",
    "a/../b",
    "a/./b//c/",
    "//example.com/x",
    "/L1",
    "%2F%2e%2e%00%",
    "100%+1?x=1",
    "x.svg",
    "x/10/y",
    "%(x)s",
]
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    made = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm = made.party(HOSTILE)
    ilmd: dict[str, Any] = {"cbvmda:bestBeforeDate": "2026-13-99"}
    ilmd["ft:product"] = {"en": HOSTILE, "zh": HOSTILE + "\u202e"}
    made.harvest(farm, *LOTS, "L1", "b", "a/b", **ilmd)
    made.publish()
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def app(world):
    with site_of(world, base_url="https://node.example:8443") as made:
        yield made


@pytest.fixture
def site(app):
    return app.test_client()


@pytest.fixture(scope="module")
def listed(app):
    """The links of the start page."""
    page = app.test_client().get("/?lang=en").text
    return [part.partition('"')[0] for part in page.split('href="')[1:]]


@pytest.mark.parametrize("lot", LOTS)
def test_every_sign_that_a_lot_may_have_survives_page_links_code_and_proof(site, world, listed, lot):
    path = Batch(GTIN, lot).path
    answer = site.get(path, query_string={"lang": "en"})
    assert answer.status_code == 200
    escaped = lot.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace('"', "&#34;").replace("'", "&#39;")
    assert f'<bdi class="code">{escaped}</bdi>' in answer.text
    assert f'href="{path}?lang=zh"' in answer.text
    assert f"{path}?lang=en" in listed
    for prefix, suffix in (("/qr", ".svg"), ("/qr", ".png"), ("/bundle", "")):
        assert f'"{prefix}{path}{suffix}"' in answer.text
        assert site.get(f"{prefix}{path}{suffix}").status_code == 200
    proof = site.get(f"/bundle{path}")
    assert parse_bundle(proof.data).subject == world.batch(lot)
    name = proof.headers["Content-Disposition"].partition("filename=")[2]
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
    typed = site.get("/", query_string={"gtin": GTIN, "lot": lot, "lang": "en"})
    assert typed.location == f"{path}?lang=en"


def test_names_that_hold_markup_are_text(site):
    for path in ("/", Batch(GTIN, "L1").path):
        page = site.get(path, query_string={"lang": "zh"}).text
        assert HOSTILE not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    "query", ["lang=<script>alert(1)</script>", "gtin=<script>&lot=<script>", "lot=" + "x" * 50_000]
)
def test_nothing_of_a_query_comes_back_as_markup(site, query):
    answer = site.get(f"/?{query}")
    assert answer.status_code in {200, 400}
    assert "<script>" not in answer.text
    assert len(answer.data) < 10_000


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("node.example:8443", 200),
        ("node.example", 200),
        ("NODE.example:8443", 200),
        ("127.0.0.1:8443", 200),
        ("localhost", 200),
        ("[::1]:8443", 200),
        ("evil.example", 400),
        ("node.example.evil.example", 400),
        ("evil.example:8443", 400),
        ("evil.example#node.example", 400),
        ("node.example@evil.example", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
def test_only_the_nodes_own_name_and_loopback_are_answered(site, host, status):
    for path in ("/", "/static/site.css", "/log/checkpoint", "/nothing"):
        answer = site.get(path, headers={"Host": host})
        assert answer.status_code == (404 if (status, path) == (200, "/nothing") else status)
        assert "evil" not in answer.text


def test_a_base_url_with_an_ipv6_address_is_answered(world):
    with site_of(world, base_url="http://[2001:db8::7]:8000") as app:
        site = app.test_client()
        assert site.get("/", headers={"Host": "[2001:db8::7]:8000"}).status_code == 200
        assert site.get("/", headers={"Host": "[2001:db8::8]:8000"}).status_code == 400
        assert site.get(f"/qr{Batch(GTIN, 'L1').path}.png").status_code == 200


def test_what_a_client_says_about_a_proxy_changes_nothing(site):
    path = Batch(GTIN, "L1").path
    forged = {"Host": "evil.example", "Proto": "gopher", "Prefix": "/evil", "For": "192.0.2.9", "Port": "1"}
    headers = {f"X-Forwarded-{name}": value for name, value in forged.items()}
    headers["Forwarded"] = "host=evil.example"
    for address in (path, f"/qr{path}.svg", f"/?gtin={GTIN}&lot=L1"):
        plain, with_them = site.get(address), site.get(address, headers=headers)
        assert with_them.data == plain.data
        assert with_them.location == plain.location


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/log/checkpoint", Batch(GTIN, "L1").path])
def test_nothing_but_reading_is_served(site, method, path):
    answer = site.open(path, method=method, data=b"x" if method == "POST" else None)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


LETTING_IN = {f"accounts.{name}" for name in ("sign_in", "sign_out", "join", "forgot", "reset", "enter")}


def test_no_public_route_but_a_few_takes_anything_but_reading(app):
    for rule in app.url_map.iter_rules():
        with app.app_context():
            found = signedin.classification(rule.endpoint)
        assert found is not None, rule
        if found.by == "signed-in":
            continue
        if rule.endpoint in LETTING_IN:  # tests/attacks/test_accounts.py
            continue
        if rule.endpoint.startswith(("epcis.", "recalls.", "traces.", "regulator.")):  # with a token
            continue
        if rule.endpoint == "reporting.send":  # tests/integration/test_reports.py
            assert rule.methods == {"POST"}
            continue
        if rule.endpoint == "enrol.application":  # with a code
            assert rule.methods == {"POST"}
            continue
        assert rule.methods - ({"OPTIONS"} if rule.endpoint == "static" else set()) == {"GET", "HEAD"}, rule


def test_head_answers_as_get_does_without_a_body(site):
    for path in ("/", Batch(GTIN, "L1").path, "/log/checkpoint"):
        asked = site.head(path)
        assert (asked.status_code, asked.data) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/../0/000.p/1",
        "tile/0/%2e%2e/000.p/1",
        "tile/0%2f000.p%2f1x",
        "tile//0/000.p/1",
        "../healthz",
        "tile/00/000.p/1",
        "tile/0/0.p/1",
        "tile/0/x000/000.p/1",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/-1",
        "tile/0/000.p/1/",
        "tile/0/999.p/1",
        "tile/64/000.p/1",
        "tile/63/000.p/1",
        "tile/-1/000.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x999/" * 400 + "999",
        "tile/entries/x999/x999/x999/x999/x999/x999/999.p/255",
        "tile/entries/000.p/9999999999999999999999",
        "tile/0/٠٠٠.p/1",
        "checkpoint/",
        "checkpoint%00",
        "",
    ],
)
def test_a_path_beside_the_logs_own_is_404(site, path):
    assert site.get("/log/tile/0/000.p/1").status_code == 200
    assert site.get(f"/log/{path}").status_code == 404


@pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "....//app.py"])
def test_static_files_end_at_their_folder(site, path):
    assert site.get(f"/static/{path}").status_code == 404


@pytest.mark.parametrize(
    ("path", "caching"),
    [
        ("/", "no-store"),
        (Batch(GTIN, "L1").path, "no-store"),
        (Batch(GTIN, "NOPE").path, "no-store"),
        ("/01/1/10/x", "no-store"),
        ("/nothing", "no-store"),
        (f"/bundle{Batch(GTIN, 'L1').path}", "no-store"),
        (f"/qr{Batch(GTIN, 'L1').path}.svg", "public, max-age=86400"),
        ("/policy", "no-store"),
        ("/healthz", "no-store"),
        ("/metrics", "no-store"),
        ("/log/checkpoint", "no-cache"),
        ("/log/nothing", "no-store"),
        ("/static/site.css", "no-cache"),
    ],
)
def test_every_answer_carries_the_rules_for_the_browser(site, path, caching):
    for headers in ({}, {"Host": "evil.example"}, {"Accept-Encoding": "gzip"}):
        answer = site.get(path, headers=headers)
        assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"] == ("no-store" if "Host" in headers else caching)
    for unsafe in ("unsafe", "*", "data:", "http"):
        assert unsafe not in CONTENT_POLICY


def test_no_page_holds_a_script_a_style_or_a_handler_of_its_own(site):
    for path in ("/", Batch(GTIN, "L1").path, Batch(GTIN, "NOPE").path, "/01/1/10/x"):
        page = site.get(path).text.lower()
        assert " style=" not in page
        assert "<style" not in page
        assert page.count("<script") == page.count('<script src="/static/') == 1
        assert " onload=" not in page
        assert " onclick=" not in page


def test_text_is_compressed_for_those_who_take_it_and_is_the_same_text(site):
    path = Batch(GTIN, "L1").path
    for address in (path, f"/bundle{path}", "/static/site.css", f"/qr{path}.svg"):
        plain = site.get(address)
        packed = site.get(address, headers={"Accept-Encoding": "gzip, br"})
        assert (packed.content_encoding, plain.content_encoding) == ("gzip", None)
        assert gzip.decompress(packed.data) == plain.data
        assert packed.content_length == len(packed.data) < len(plain.data)
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert "Accept-Encoding" in plain.headers["Vary"]
        refused = site.get(address, headers={"Accept-Encoding": "gzip;q=0"})
        assert refused.content_encoding is None
    tile = site.get("/log/tile/0/000.p/2", headers={"Accept-Encoding": "gzip"})
    assert tile.content_encoding is None
    css = site.get("/static/site.css", headers={"Accept-Encoding": "gzip"})
    assert css.headers["ETag"].startswith("W/")
    again = site.get(
        "/static/site.css", headers={"Accept-Encoding": "gzip", "If-None-Match": css.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_the_site_cannot_write(tmp_path, database_url):
    world = make_world(tmp_path / "node", database_url)
    with site_of(world) as app:
        for statement in (
            "DELETE FROM checkpoints",
            "UPDATE streams SET length = 7",
            "CREATE TABLE t (a int)",
        ):
            with app.app_context(), pytest.raises(DBAPIError, match=r"read-?only"):
                snapshot().execute(text(statement))
    world.store.close()


def test_addresses_in_pages_are_relative_so_no_host_name_can_be_slipped_in(site):
    page = site.get(Batch(GTIN, "L1").path).text
    for attribute in ("href", "src", "action"):
        for part in page.split(f' {attribute}="')[1:]:
            assert urlsplit(part.partition('"')[0]).netloc == ""


def test_what_one_visitor_types_is_never_shown_to_another(world, app):
    """The page is kept while the log stands still; nothing of a request may be kept with it."""
    path, host = Batch(GTIN, "L1").path, "https://node.example:8443"
    with site_of(world, base_url=host) as fresh:
        first = fresh.test_client().get(f"{path}?lang=en&lot=EVIL&gtin=666", base_url=host)
        assert "EVIL" in first.text, "what was typed stays in the form of who typed it"
        other = fresh.test_client().get(f"{path}?lang=en", base_url=host)
        again = fresh.test_client().get(f"{path}?lang=en", base_url=host)
        chinese = fresh.test_client().get(f"{path}?lang=zh", base_url=host)
    assert other.text == again.text
    assert "EVIL" not in other.text
    assert "666" not in other.text
    assert '<html lang="zh-Hans">' in chinese.text
