"""Recalls and traces on the site: the API, and the page for authorities."""

from __future__ import annotations

import pytest

from tests.support.recalls import LATE, MIX, NOTICE, SAID, YOGHURT, A, Site, make
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.recallextend import extend_recalls
from traceability.operations.tokens import Scope


@pytest.fixture
def site(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'site.sqlite'}")
    with site_of(world) as app:
        yield Site(world, app)
    world.store.close()


@pytest.fixture(scope="module")
def trade(tmp_path_factory):
    """The same for tests that change nothing."""
    folder = tmp_path_factory.mktemp("trade")
    world = make_world(folder / "node", f"sqlite:///{folder / 'site.sqlite'}")
    with site_of(world) as app:
        yield Site(world, app)
    world.store.close()


def preview(site, *lots, **said):
    answer = site.post("/recalls/preview", {"origin": list(lots), **said})
    assert answer.status_code == 200, answer.json
    return answer.json


def issued(site, state="issued"):
    seen = preview(site, A, **SAID)
    order = {"id": seen["id"], "state": state, "origin": [A], "scope": seen["scope"][state], **SAID}
    answer = site.post("/recalls", order)
    assert answer.status_code == 201, answer.json
    return order, answer


def test_a_recall_is_previewed_held_issued_and_closed_and_anybody_sees_it(site):
    seen = preview(site, "09520000000011/A")
    assert (seen["things"], seen["named"], seen["open"], "scope" in seen) == (3, [A, MIX, YOGHURT], [], False)
    assert [lost["why"] for lost in seen["lost"]] == [
        "shipped, and never received",
        "how much was made is not known",
    ]
    order, answer = issued(site, "hold")
    path = answer.headers["Location"]
    assert (path, answer.json["things"]) == (f"/recalls/{order['id']}", 3)
    told = site.ask("GET", "/recalls").json["recalls"]
    assert [(each["id"], each["state"], each["hazard"]["zh"]) for each in told] == [
        (order["id"], "hold", NOTICE.hazard["zh"])
    ]
    assert preview(site, A)["open"] == [order["id"]]
    answer = site.post(f"{path}/issue", {"scope": order["scope"]})
    assert (answer.status_code, answer.json["code"]) == (409, "scope-changed")
    assert answer.json["preview"]["open"] == []
    answer = site.post(f"{path}/issue", {"scope": answer.json["preview"]["scope"]["issued"]})
    assert (answer.status_code, answer.json["state"], answer.json["by"]) == (200, "issued", site.authority)
    answer = site.post(f"{path}/close", {"outcome": "removed"})
    assert (answer.status_code, answer.json["state"], answer.json["outcome"]) == (200, "closed", "removed")
    site.world.wait(ms=1)
    answer = site.post(f"{path}/close", {"outcome": "safe"})
    assert (answer.status_code, answer.json["outcome"]) == (200, "safe")
    assert site.post(f"{path}/close", {"outcome": "removed"}).status_code == 409


def test_a_firm_sees_the_reach_of_its_own_lots_only(site):
    tokens = {party: site.token(party, [Scope.RECALL]) for party in (site.farm, site.packer)}
    answers = [site.post("/recalls/preview", {"origin": [MIX]}, tokens[party]) for party in tokens]
    assert [answer.status_code for answer in answers] == [403, 200]
    assert "holders" not in answers[0].get_data(as_text=True)


def test_how_far_it_reaches_is_for_regulators_and_whoever_opened_it(site):
    order, _ = issued(site)
    path = f"/recalls/{order['id']}"
    others = [None, site.token(site.farm, [Scope.QUERY])]
    for token in others:
        for told in (
            site.ask("GET", path, token).json,
            site.ask("GET", "/recalls", token).json["recalls"][0],
        ):
            assert told.keys() & {"things", "named"} == set()
    for party in (site.authority, site.office):
        token = party if party.startswith("ft_") else site.token(party, [Scope.QUERY])
        told = site.ask("GET", path, token).json
        assert (told["things"], told["named"]) == (3, [A, MIX, YOGHURT])


def test_the_same_order_twice_is_done_once(site):
    order, _ = issued(site)
    answer = site.post("/recalls", order)
    assert (answer.status_code, answer.json["id"]) == (200, order["id"])
    assert len(site.ask("GET", "/recalls").json["recalls"]) == 1
    answer = site.post("/recalls", {**order, "recallClass": 2})
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")


def test_a_scope_that_changed_is_refused_with_the_new_preview(site):
    seen = preview(site, A, **SAID)
    make(site.world, site.dairy, [YOGHURT], LATE, 60)
    order = {"id": seen["id"], "state": "issued", "origin": [A], "scope": seen["scope"]["issued"], **SAID}
    answer = site.post("/recalls", order)
    assert (answer.status_code, answer.json["code"]) == (409, "scope-changed")
    new = answer.json["preview"]
    assert (new["things"], new["scope"] == seen["scope"]) == (4, False)
    assert site.post("/recalls", {**order, "scope": new["scope"]["issued"]}).status_code == 201


def test_what_is_made_later_is_in_the_answer_one_publish_later(site):
    order, _ = issued(site)
    make(site.world, site.dairy, [YOGHURT], LATE, 60)
    extend_recalls(site.world.store, site.world.node)
    site.world.publish()
    assert LATE in site.ask("GET", f"/recalls/{order['id']}", site.office).json["named"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("thing=09520000000011/A", [A, MIX, YOGHURT, "https://id.gs1.org/00/095200000000000011"]),
        ("thing=09520000000011/A&depth=1", [A, MIX]),
        (
            "thing=urn:epc:class:lgtin:9520000.000001.MIX&direction=backward&stopAt=creating_class_instance",
            None,
        ),
        ("thing=09520000000011/A&stopAt=shipping", [A, MIX]),
        ("thing=09520000000011/A&to=2025-12-31T22:00:00Z", [A]),
    ],
)
def test_a_trace_is_asked_by_its_address(trade, query, wanted):
    answer = trade.ask("GET", f"/trace?{query}", trade.office)
    assert answer.status_code == 200, answer.json
    uris = [thing["uri"] for thing in answer.json["things"]]
    assert uris == wanted if wanted else set(uris) > {MIX, A}


def test_a_trace_begins_at_a_party_in_a_period(trade):
    period = "from=2025-12-31T00:00:00Z&to=2025-12-31T23:59:00Z"
    answer = trade.ask("GET", f"/trace?party={trade.farm}&{period}", trade.office)
    assert {A, MIX} < {thing["uri"] for thing in answer.json["things"]}
    assert trade.ask("GET", f"/trace?party={trade.farm}", trade.office).json["code"] == "bad-query"


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("application/json", b'{"direction"'),
        ("text/csv", b"uri,kind"),
        ("application/graphml+xml", b"<?xml"),
        ("image/svg+xml", b"<svg"),
    ],
)
def test_a_trace_comes_in_the_form_that_is_asked_for(trade, kind, begins):
    answer = trade.ask("GET", "/trace?thing=09520000000011/A", trade.office, headers={"Accept": kind})
    assert (answer.mimetype, answer.data.startswith(begins)) == (kind, True)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("thing=09520000000011/NONE", 404, "unknown-subject"),
        ("thing=nothing", 400, "bad-identifier"),
        ("", 400, "bad-query"),
        ("thing=09520000000011/A&place=9520000000004", 400, "bad-query"),
        ("thing=09520000000011/A&direction=up", 400, "bad-query"),
        ("thing=09520000000011/A&depth=-1", 400, "bad-query"),
        ("thing=09520000000011/A&depth=99999", 400, "bad-query"),
        ("thing=09520000000011/A&depth=1&depth=2", 400, "bad-query"),
        ("thing=09520000000011/A&from=yesterday", 400, "bad-query"),
        ("thing=09520000000011/A&what=1", 400, "bad-query"),
        ("thing=09520000000011/A&stopAt=nowhere", 400, "bad-identifier"),
    ],
)
def test_what_cannot_be_traced_is_refused_with_a_problem_document(trade, query, status, code):
    answer = trade.ask("GET", f"/trace?{query}", trade.office)
    assert (answer.status_code, answer.json["code"], answer.mimetype) == (
        status,
        code,
        "application/problem+json",
    )


def test_a_trace_is_for_regulators(trade):
    assert trade.ask("GET", "/trace?thing=09520000000011/A").status_code == 401
    firm = trade.token(trade.farm, [Scope.QUERY])
    assert trade.ask("GET", "/trace?thing=09520000000011/A", firm).json["code"] == "forbidden"
