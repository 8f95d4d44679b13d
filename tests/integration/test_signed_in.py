"""Signing in, who may see what, and that every endpoint says for whom it is."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from tests.support.people import form, held, hold, make_person, make_session, sign_in
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts.passwords import hash_password
from traceability.operations.accounts.people import change_person
from traceability.operations.accounts.roles import PartyKind, Right, Role
from traceability.operations.accounts.sessions import IDLE_MS, WHOLE_MS
from traceability.store.accounts import TrailEntry
from webapp.signedin import classification, requires, visitor

PASSWORD = "violets under seven bridges"
PARTIES: dict[str, str] = {}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    PARTIES.update(farm=world.party("Farm"), court=world.party("Authority"))
    with site_of(world) as app:
        yield world, app
    world.store.close()


def joined(world, login, **whose):
    """Somebody who has a password."""
    person = make_person(world.store, world.node, whose.pop("party", PARTIES["farm"]), login=login, **whose)
    with world.store.transaction() as tx:
        change_person(tx, world.node, person.id, password=hash_password(PASSWORD))
    return person


def test_every_endpoint_says_for_whom_it_is(place):
    _, app = place
    with app.app_context():
        silent = [rule.endpoint for rule in app.url_map.iter_rules() if classification(rule.endpoint) is None]
    assert silent == [], "add @public, @bearer or @requires(Right.X) of webapp.signedin to these views"


def test_an_endpoint_that_says_nothing_is_refused(place):
    _, app = place
    other = Flask("other", template_folder=app.root_path + "/templates")
    other.before_request_funcs = app.before_request_funcs
    other.config.update(app.config)
    other.add_url_rule("/silent", "silent", lambda: "secret")
    answer = other.test_client().get("/silent")
    assert answer.status_code == 403
    assert b"secret" not in answer.data


def test_who_is_not_signed_in_is_sent_to_sign_in_and_comes_back(place):
    world, app = place
    joined(world, "li")
    client = app.test_client()
    answer = client.get("/account?lang=zh")
    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/account?lang%3Dzh&lang=zh"
    assert "Set-Cookie" not in answer.headers
    page = client.get(answer.location)
    assert 'value="/account?lang=zh"' in page.text
    sent = {"login": " LI ", "password": PASSWORD, "next": "/account?lang=zh"}
    answer = client.post("/sign-in", data=sent)
    assert (answer.status_code, answer.location) == (303, "/account?lang=zh")
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    page = client.get(answer.location)
    assert page.status_code == 200
    assert "您的账户" in page.text


def test_signing_out_ends_the_session_in_the_store(place):
    world, app = place
    client = sign_in(app.test_client(), world.store, world.node, PARTIES["farm"])
    session = held(client) or ""
    assert client.get("/account").status_code == 200
    assert client.post("/sign-out", data=form(client)).status_code == 303
    assert held(client) is None
    assert hold(client, session).get("/account").status_code == 303
    with world.store.reading() as connection:
        actions = connection.execute(select(TrailEntry.action).order_by(TrailEntry.id.desc())).scalars()
        assert actions.first() == "session-ended"


def test_sessions_end_by_themselves(place):
    world, app = place
    client = sign_in(app.test_client(), world.store, world.node, PARTIES["farm"])
    world.wait(ms=IDLE_MS - 1)
    assert client.get("/account").status_code == 200
    world.wait(ms=IDLE_MS)
    assert client.get("/account").status_code == 303
    sign_in(client, world.store, world.node, PARTIES["farm"])
    for _ in range(WHOLE_MS // (IDLE_MS - 1)):
        world.wait(ms=IDLE_MS - 1)
        assert client.get("/account").status_code == 200
    world.wait(ms=IDLE_MS - 1)
    assert client.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("kind", "role", "second", "status"),
    [
        (PartyKind.AUTHORITY, Role.MANAGER, True, 200),
        (PartyKind.AUTHORITY, Role.MANAGER, False, 303),
        (PartyKind.PRODUCER, Role.MANAGER, True, 403),
    ],
)
def test_a_page_is_for_who_has_its_right(place, kind, role, second, status):
    world, app = place
    party = PARTIES["court"] if kind is PartyKind.AUTHORITY else PARTIES["farm"]

    @requires(Right.TRACE)
    def view():
        return visitor().actor.user

    if "probe" not in app.view_functions:
        app._got_first_request = False
        app.add_url_rule("/probe", "probe", view)
    client = sign_in(app.test_client(), world.store, world.node, party, kind, role, second=second)
    answer = client.get("/probe")
    assert answer.status_code == status
    if status == 200:
        assert len(answer.text) == 16


def test_a_role_of_before_gives_nothing_once_the_person_is_disabled(place):
    world, app = place
    person = make_person(world.store, world.node, PARTIES["farm"])
    client = hold(app.test_client(), make_session(world.store, world.node, person))
    assert client.get("/account").status_code == 200
    with world.store.transaction() as tx:
        change_person(tx, world.node, person.id, disabled_ms=tx.now_ms)
    assert client.get("/account").status_code == 303
