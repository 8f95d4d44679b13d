"""Another site that acts through the browser of somebody who is signed in, at each unsafe route."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.matrix import Site, page, site_with, trail_length
from tests.support.people import form, hold, make_person, make_session
from tests.support.routes import API, PAGES, PUBLIC
from traceability.operations.accounts.roles import PartyKind, Right, Role, rights_of
from webapp.signedin import SAFE

ELSEWHERE = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.test"},
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with site_with(tmp_path_factory.mktemp("crosssite")) as made:
        yield made


def test_no_form_of_another_site_or_session_changes_anything(site: Site):
    """Whatever the browser says or leaves out; each unsafe route of the application."""
    store, node = site.world.store, site.world.node
    firm = make_person(store, node, site.own[PartyKind.PRODUCER])
    court = make_person(store, node, site.own[PartyKind.AUTHORITY], PartyKind.AUTHORITY)
    clients = [
        hold(site.app.test_client(), make_session(store, node, person))
        for person in (firm, court, make_person(store, node, None))
    ]
    other = form(hold(site.app.test_client(), make_session(store, node, firm)))
    able = {Right.ADMINISTER: clients[2]} | dict.fromkeys(
        rights_of(PartyKind.AUTHORITY, Role.MANAGER), clients[1]
    )
    able |= dict.fromkeys(rights_of(PartyKind.PRODUCER, Role.MANAGER), clients[0])
    asked = 0
    for endpoint, row in {**PAGES, "accounts.sign_out": page()}.items():
        client = able[min(row.rights)] if row.rights else clients[0]
        ((arguments, _), *_) = site.cells_of(row, site.own[PartyKind.PRODUCER])
        before = trail_length(site.world)
        for method in set(site.methods(endpoint)) - SAFE:
            path = site.path(endpoint, method, **arguments)
            for data, headers in (
                ({}, {}),
                ({}, {"Sec-Fetch-Site": "same-origin"}),
                ({"csrf": ""}, {"X-CSRF-Token": "x"}),
                (other, {}),
                *((form(client), elsewhere) for elsewhere in ELSEWHERE),
            ):
                answer = client.open(path, method=method, data={**data, **arguments}, headers=headers)
                asked += 1
                assert answer.status_code == 403, (endpoint, data, headers)
                assert "This is not for you" not in answer.text
        assert trail_length(site.world) == before, endpoint
        assert client.get("/account").status_code == 200
    assert asked > 300


@pytest.mark.parametrize("endpoint", PUBLIC)
def test_another_site_cannot_use_what_is_open_to_everybody(site: Site, endpoint):
    path = site.path(endpoint, **site.public(PUBLIC[endpoint]))
    before = trail_length(site.world)
    for method in set(site.methods(endpoint)) - SAFE:
        for headers in ELSEWHERE:
            assert site.app.test_client().open(path, method=method, headers=headers).status_code == 403
    assert trail_length(site.world) == before


def test_a_cookie_is_no_credential_of_the_api(site: Site):
    """With the form's own text, from the site's own pages, as the most powerful of each: 401 all the same."""
    store, node = site.world.store, site.world.node
    for kind in (PartyKind.PRODUCER, PartyKind.AUTHORITY):
        person = make_person(store, node, site.own[kind], kind)
        client = hold(site.app.test_client(), make_session(store, node, person))
        for endpoint, (arguments, methods) in API.items():
            for method in set(methods) - SAFE - ({"POST"} if endpoint == "enrol.application" else set()):
                headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": form(client)["csrf"]}
                answer = client.open(
                    site.path(endpoint, **arguments), method=method, headers=headers, json={}
                )
                assert answer.status_code == 401, (method, endpoint)
