"""Rising by oneself: other roles, other parties, other people's factors, fields that no form has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.support.matrix import Site, site_with, trail_length
from tests.support.people import form, hold, make_person, make_session
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.people import Person, load_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.trail import COMMAND_LINE, network_of
from traceability.store import accounts as tables

MORE = {"role": "administrator", "party": "", "kind": "authority", "regulator": "1", "second": "1"}
"""Fields that decide what somebody may do, sent with every form."""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with site_with(tmp_path_factory.mktemp("people")) as made:
        yield made


def person_of(site: Site, kind: PartyKind | None, role: Role = Role.MANAGER) -> tuple[Person, Any]:
    party = None if kind is None else site.own[kind]
    person = make_person(site.world.store, site.world.node, party, kind, role)
    session = make_session(site.world.store, site.world.node, person)
    return person, hold(site.app.test_client(), session)


def now(site: Site, person: Person) -> Person:
    with site.world.store.reading() as connection:
        return load_person(connection, site.world.node, person.id)


@pytest.mark.parametrize("verb", ["role", "disable", "enable", "link", "app/remove"])
@pytest.mark.parametrize("kind", [PartyKind.PRODUCER, PartyKind.AUTHORITY, None])
def test_nobody_manages_themselves(site: Site, kind, verb):
    """So there is always one manager left, and no role or factor is one's own to change."""
    person, client = person_of(site, kind)
    before = trail_length(site.world)
    answer = client.post(f"/people/{person.id}/{verb}", data=form(client, role="viewer"))
    assert answer.status_code == 409
    assert trail_length(site.world) == before
    assert now(site, person) == person


@pytest.mark.parametrize(
    "path", ["/account/password", "/account/app", "/account/codes", "/account/app/remove"]
)
@pytest.mark.parametrize("role", [Role.WORKER, Role.VIEWER])
def test_fields_that_no_form_has_change_nobody(site: Site, path, role):
    person, client = person_of(site, PartyKind.PRODUCER, role)
    client.post(path, data=form(client, **MORE, user="0" * 16, login="other", disabled_ms="0"))
    after = now(site, person)
    assert (after.role, after.party, after.kind, after.login) == (
        role,
        person.party,
        person.kind,
        person.login,
    )


@pytest.mark.parametrize("role", ["administrator", "Administrator", "manager ", "\x00", "", "owner"])
def test_no_manager_makes_an_administrator_or_a_role_that_there_is_not(site: Site, role):
    _, client = person_of(site, PartyKind.AUTHORITY)
    other, _ = person_of(site, PartyKind.AUTHORITY, Role.VIEWER)
    assert client.post(f"/people/{other.id}/role", data=form(client, role=role)).status_code == 400
    sent = form(client, **MORE | {"role": role}, name="New", login=f"new-{len(role)}-{role[:1].strip()}")
    assert client.post("/people", data=sent).status_code == 400
    assert now(site, other).role is Role.VIEWER


def test_an_invitation_joins_the_party_and_the_role_that_it_was_for(site: Site):
    """Whatever is sent along, under the name that it was for."""
    store, node = site.world.store, site.world.node
    party = site.own[PartyKind.RETAILER]
    invited = make_person(store, node, party, PartyKind.RETAILER, Role.VIEWER, login="invited")
    with store.transaction() as tx:
        link = new_link(tx, node, COMMAND_LINE, invited.id, Purpose.INVITE)
    words = "violets under seven bridges"
    sent = {**MORE, "login": "somebody-else", "name": "In", "password": words, "again": words}
    assert site.app.test_client().post(f"/join/{link}", data=sent).status_code == 303
    after = now(site, invited)
    assert (after.login, after.role, after.party) == ("invited", Role.VIEWER, party)
    assert site.app.test_client().post(f"/join/{link}", data=sent).status_code == 404, "it is used up"


@pytest.mark.parametrize("path", ["/people", "/console", "/regulator", "/parties", "/trail", "/tokens"])
def test_without_the_second_factor_no_page_with_a_right_opens(site: Site, path):
    """By no header, no other session and no address: only the page that sets one up."""
    store, node = site.world.store, site.world.node
    for kind, party in ((PartyKind.AUTHORITY, site.own[PartyKind.AUTHORITY]), (None, None)):
        person = make_person(store, node, party, kind)
        make_session(store, node, person)
        client = hold(site.app.test_client(), make_session(store, node, person, second=False))
        for headers in (
            {},
            {"X-Live": "1"},
            {"X-HTTP-Method-Override": "GET"},
            {"X-Original-URL": "/account"},
        ):
            for asked in (path, f"{path}?second=1", f"{path}?lang=zh"):
                answer = client.get(asked, headers=headers)
                assert answer.status_code == 303
                assert answer.location.startswith("/account/app")


def test_a_regulators_token_is_an_authoritys_alone(site: Site):
    for kind in PartyKind:
        _, client = person_of(site, kind)
        sent = form(client, name=f"t-{kind}", scope="recall", days="1", regulator="1", party=site.own[kind])
        answer = client.post("/tokens", data=sent)
        assert (answer.status_code == 200) == (kind is PartyKind.AUTHORITY), kind


@pytest.mark.parametrize("host", ["evil.test", "localhost.evil.test", "127.0.0.1@evil.test", "evil.test:80"])
def test_a_link_by_mail_leads_to_this_site_whatever_the_request_says(site: Site, host):
    """The host of a request is the node's own or the request is refused; a proxy's word is nobody's."""
    client = site.app.test_client()
    headers = {"X-Forwarded-Host": host, "X-Forwarded-For": "9.9.9.9", "Forwarded": f"host={host}"}
    _, manager = person_of(site, PartyKind.PRODUCER)
    colleague, _ = person_of(site, PartyKind.PRODUCER, Role.WORKER)
    answer = manager.post(f"/people/{colleague.id}/link", data=form(manager), headers=headers)
    assert answer.status_code == 200
    assert "evil" not in answer.text
    assert client.post("/reset", data={"login": "x"}, headers={"Host": host}).status_code == 400


def test_the_trail_names_the_network_that_asked_and_no_header(site: Site):
    _, client = person_of(site, PartyKind.PRODUCER)
    sent = form(client, name="t-network", scope="query", days="1")
    client.post("/tokens", data=sent, headers={"X-Forwarded-For": "9.9.9.9", "X-Real-IP": "9.9.9.9"})
    entry = tables.TrailEntry
    with site.world.store.reading() as connection:
        networks = (
            connection.execute(select(entry.network).order_by(entry.id.desc()).limit(1)).scalars().all()
        )
    assert networks == [network_of("127.0.0.1")]
