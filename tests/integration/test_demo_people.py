"""People of the demonstration come in by links, only they, and only where a node shows it."""

from __future__ import annotations

from unicodedata import east_asian_width

import pytest

from tests.support.people import make_person
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts.demonstration import HOST, demo_link, end_demonstration, invent
from traceability.operations.accounts.kinds import set_kind
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.people import change_person, load_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.running.announcement import people_lines
from traceability.running.demo.people import PEOPLE


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo-people")
    made = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    yield made
    made.store.close()


@pytest.fixture(scope="module")
def court(world):
    party = world.party("Court")
    with world.store.transaction() as tx:
        set_kind(tx, world.node, COMMAND_LINE, party, PartyKind.AUTHORITY)
    return party


@pytest.fixture(scope="module")
def app(world):
    with site_of(world, demo=True) as made:
        yield made


def link_for(world, party, key="chief", role=Role.MANAGER):
    """An invented person of a party, and a link to look around by."""
    with world.store.transaction() as tx:
        person = invent(tx, world.node, key, "Chief 主任", party, role)
        return person, demo_link(tx, world.node, person.id)


def test_a_link_lets_in_once_as_with_an_app_and_to_the_first_page_of_the_role(world, court, app):
    _, text = link_for(world, court)
    client = app.test_client()
    shown = client.get(f"/enter/{text}?lang=en")
    assert shown.status_code == 200
    assert "invented" in shown.text
    came = client.post(f"/enter/{text}?lang=en")
    assert (came.status_code, came.location) == (303, "/regulator?lang=en")
    page = client.get(came.location)
    assert page.status_code == 200, "no app for codes is asked for"
    assert "A demonstration" in page.text
    assert app.test_client().post(f"/enter/{text}").status_code == 404


def test_a_node_that_shows_no_demonstration_refuses_the_link(world, court):
    _, text = link_for(world, court)
    with site_of(world, demo=False) as plain:
        client = plain.test_client()
        assert client.get(f"/enter/{text}").status_code == 404
        assert client.post(f"/enter/{text}").status_code == 404
        assert client.get("/account").status_code == 303, "nobody is signed in"
    with site_of(world, demo=True) as showing:
        assert showing.test_client().post(f"/enter/{text}").status_code == 303, "it was not used up"


def test_a_link_stands_in_for_the_app_of_nobody_else(world, court, app):
    other = make_person(world.store, world.node, court, PartyKind.AUTHORITY)
    with world.store.transaction() as tx:
        assert demo_link(tx, world.node, other.id) is None
        text = new_link(tx, world.node, COMMAND_LINE, other.id, Purpose.DEMO)
    assert app.test_client().post(f"/enter/{text}").status_code == 404


def test_who_took_the_name_over_by_a_password_is_no_longer_let_in_by_a_link(world, court, app):
    person, text = link_for(world, court, "taken")
    with world.store.transaction() as tx:
        change_person(tx, world.node, person.id, password="$argon2id$...")
        assert demo_link(tx, world.node, person.id) is None
    assert app.test_client().post(f"/enter/{text}").status_code == 404


def test_a_link_of_another_kind_lets_nobody_look_around(world, court, app):
    person, _ = link_for(world, court, "other")
    with world.store.transaction() as tx:
        text = new_link(tx, world.node, COMMAND_LINE, person.id, Purpose.INVITE)
    assert app.test_client().post(f"/enter/{text}").status_code == 404


def test_a_start_without_the_demonstration_ends_sessions_and_links_and_the_next_one_lets_in_again(
    world, court, app
):
    person, text = link_for(world, court, "guest")
    client = app.test_client()
    assert client.post(f"/enter/{text}").status_code == 303
    _, waiting = link_for(world, court, "guest")
    assert end_demonstration(world.store, world.node) >= 1
    assert end_demonstration(world.store, world.node) == 0
    assert client.get("/account").status_code == 303, "the session has ended"
    assert app.test_client().post(f"/enter/{waiting}").status_code == 404
    with world.store.reading() as connection:
        assert load_person(connection, world.node, person.id).disabled_ms is not None
    _, again = link_for(world, court, "guest")
    assert app.test_client().post(f"/enter/{again}").status_code == 303


def test_nobody_signs_in_by_a_password_as_somebody_of_the_demonstration(world, court, app):
    link_for(world, court, "locked")
    for password in ("", "demo", "$argon2id$..."):
        said = {"login": f"locked{HOST}", "password": password}
        assert app.test_client().post("/sign-in", data=said).status_code == 403


def test_what_is_printed_fits_a_terminal():
    links = [(each, "x" * 43) for each in PEOPLE if each.what]
    lines = people_lines("http://127.0.0.1:8000", links)
    assert len(lines) < 32
    wide = {line: sum(1 + (east_asian_width(char) in "WF") for char in line) for line in lines}
    assert max(wide.values()) <= 80, max(wide, key=wide.__getitem__)
