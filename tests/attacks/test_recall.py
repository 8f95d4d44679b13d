"""What an enemy tries with recalls and traces: other people's lots and ids, markup, huge input, no right."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from tests.support.people import sign_in
from tests.support.recalls import LOT, MIX, NOTICE, SAID, A, B, Site, chain, order
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.errors import ForbiddenError
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.recall import Issuer, close, hold, issue
from traceability.operations.tokens import Scope
from traceability.store import models, projections
from traceability.supply.epcis.context import NAMESPACE
from traceability.supply.recall import Outcome, State

MARKUP = "<script>alert(1)</script>\"'&"
LISTS = ("/recalls", "/recalls/R-20260101-000000")
WRITES = (
    "/recalls",
    "/recalls/preview",
    "/recalls/R-20260101-000000/issue",
    "/recalls/R-20260101-000000/close",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recalls")
    world = make_world(folder / "node", f"sqlite:///{folder / 'site.sqlite'}")
    with site_of(world) as app:
        yield Site(world, app)
    world.store.close()


@pytest.fixture
def unchanged(site):
    """What is refused leaves no row behind."""
    before = rows(site)
    yield
    assert rows(site) == before


def rows(site):
    tables = (models.Record, models.Stream, projections.Event, projections.Recall, projections.Recalled)
    with site.world.store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables]


def problem(answer, status, code):
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.json["code"] == code
    return answer.json


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", WRITES)
def test_nobody_recalls_without_a_token_for_recalls(site, path):
    problem(site.client.post(path, json={"origin": [A]}), 401, "bad-token")
    reading = site.token(site.authority, [Scope.CAPTURE, Scope.QUERY], regulator=True)
    problem(site.post(path, {"origin": [A]}, reading), 403, "forbidden")


@pytest.mark.parametrize("path", LISTS)
def test_a_token_that_is_not_valid_is_not_treated_as_none(site, path):
    problem(site.ask("GET", path, "ft_" + "x" * 43), 401, "bad-token")


@pytest.mark.usefixtures("unchanged")
def test_a_recall_is_not_captured_as_an_event(site):
    """A firm writes the member itself: nobody would have traced its scope."""
    event = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ft": NAMESPACE}],
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "quantityList": [{"epcClass": MIX}],
        "ft:recall": {"id": "R-20260101-000000", "state": "closed", "outcome": "safe", "origin": [A], **SAID},
    }
    answer = site.post("/epcis/events", event, site.token(site.farm, [Scope.CAPTURE]))
    assert problem(answer, 400, "bad-event")["errors"][0]["pointer"] == "/ft:recall"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"origin": []}, 400, "malformed"),
        ({"origin": "no list"}, 400, "bad-event"),
        ({"origin": [1]}, 400, "bad-event"),
        ({"origin": [A] * 2000 + [f"{LOT}{n}" for n in range(101)]}, 400, "malformed"),
        ({"origin": [LOT + "NONE"]}, 404, "unknown-subject"),
        ({"origin": ["\0"]}, 400, "bad-identifier"),
        ({"origin": ["https://id.gs1.org/414/9520000000004"]}, 400, "bad-identifier"),
        ({"origin": ["x" * 200_000]}, 400, "bad-identifier"),
        ({"hazard": {"en": "x" * 201, "zh": "x"}}, 400, "bad-event"),
        ({"hazard": {"en": "x", "zh": "x", "fr": "x"}}, 400, "bad-event"),
        ({"advice": {"en": "one\ntwo", "zh": "x"}}, 400, "bad-event"),
        ({"advice": [[[[]]]]}, 400, "bad-event"),
        ({"recallClass": "1"}, 400, "bad-event"),
        ({"recallClass": True}, 400, "bad-event"),
        ({"state": "closed"}, 400, "bad-event"),
        ({"state": {}}, 400, "bad-event"),
        ({"id": "../../x"}, 400, "malformed"),
        ({"id": "R-20260101-00000\u0660"}, 400, "malformed"),
        ({"id": 7}, 400, "bad-event"),
        ({"scope": "0" * 64}, 409, "scope-changed"),
        ({"scope": None}, 400, "bad-event"),
        ({"outcome": "safe"}, 400, "bad-event"),
    ],
)
def test_an_order_of_another_form_is_refused_and_nothing_is_said(site, changes, status, code):
    said = {"state": "hold", "origin": [A], "scope": "x", **SAID, **changes}
    problem(site.post("/recalls", said), status, code)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"origin":["a"],"origin":["b"]}', b"[" * 100_000])
def test_a_body_that_is_no_order_is_refused(site, body):
    answer = site.ask("POST", "/recalls/preview", site.office, data=body, content_type="application/json")
    assert problem(answer, 400, answer.json["code"])["code"] in {"bad-event", "bad-encoding", "oversize"}


@pytest.mark.usefixtures("unchanged")
def test_a_body_that_is_too_large_is_refused(site):
    body = json.dumps({"origin": ["x" * 300_000]})
    answer = site.ask("POST", "/recalls/preview", site.office, data=body, content_type="application/json")
    problem(answer, 413, "oversize")


@pytest.mark.parametrize("name", ["x", "R-20260101-000000", "R-20260101-00000O", "..%2f..", "R" * 3000])
def test_a_recall_that_there_is_not_is_not_found(site, name):
    answer = site.ask("GET", f"/recalls/{name}")
    assert problem(answer, 404, answer.json["code"])["code"] in {"unknown-subject", "no-such-resource"}


@pytest.mark.parametrize("path", ["/recalls/%00", "/epcis/events/%00", "/epcis/events?MATCH_anyEPC=a%00"])
def test_no_address_has_a_nul_character(site, path):
    assert site.ask("GET", path).status_code == 400


def test_markup_in_texts_stays_text(site):
    texts = {"hazard": {"en": MARKUP, "zh": MARKUP}, "advice": {"en": MARKUP, "zh": MARKUP}}
    said = {**SAID, **texts, "contact": MARKUP}
    seen = site.post("/recalls/preview", {"origin": [B], **said}).json
    answer = site.post(
        "/recalls", {"state": "issued", "origin": [B], "scope": seen["scope"]["issued"], **said}
    )
    assert (answer.status_code, answer.json["hazard"]["en"]) == (201, MARKUP)
    assert answer.mimetype == "application/json"
    site.world.publish()
    page = site.client.get("/01/09520000000011/10/B").text
    assert "RECALLED" in page
    assert "<script>alert" not in page


@pytest.mark.parametrize("field", ["thing", "direction", "contact", "file", "q"])
def test_markup_in_an_address_stays_text(site, field):
    who = (site.world.store, site.world.node, site.authority, PartyKind.AUTHORITY)
    client = sign_in(site.client.application.test_client(), *who)
    for path in ("trace", "records", ""):
        page = client.get(f"/regulator/{path}".rstrip("/"), query_string={"thing": A, field: MARKUP})
        assert page.status_code in {200, 400, 404}
        assert "<script>alert" not in page.text


def test_the_page_takes_no_token(site):
    for token in ({"token": site.office}, {}):
        page = site.client.get("/regulator/trace", query_string={"thing": A, **token})
        assert page.status_code == 303
    bearer = {"Authorization": f"Bearer {site.office}"}
    assert site.client.get(f"/regulator/trace?thing={A}", headers=bearer).status_code == 303
    assert site.client.post("/regulator/trace", data={"token": site.office, "thing": A}).status_code == 405


def test_a_firm_does_not_reach_for_what_is_not_its_own(tmp_path):
    """It recalls a competitor's lot, closes the recall of another, takes its id."""
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'own.sqlite'}")
    farm, packer, _ = chain(world)
    with pytest.raises(ForbiddenError):
        issue(world.store, world.node, Issuer(packer), order(world, A, MIX))
    held = hold(world.store, world.node, Issuer(farm), order(world, A, state=State.HOLD))
    with pytest.raises(ForbiddenError):
        close(world.store, world.node, Issuer(packer), held.id, Outcome.SAFE)
    with pytest.raises(ForbiddenError):
        hold(
            world.store,
            world.node,
            Issuer(packer),
            order(world, MIX, notice=NOTICE, recall_id=held.id, state=State.HOLD),
        )
    world.store.close()
