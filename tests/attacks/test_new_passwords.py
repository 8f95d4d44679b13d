"""While somebody chooses another password: the old one tried without end, links asked for or read."""

from __future__ import annotations

import pytest

from tests.support.people import make_person, make_session
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.errors import SignInError
from traceability.operations.accounts import signin
from traceability.operations.accounts.letters import Letters
from traceability.operations.accounts.links import Purpose, new_link, use_link
from traceability.operations.accounts.own import AGAIN_MS, ask_for_link, change_password
from traceability.operations.accounts.passwords import hash_password, is_password
from traceability.operations.accounts.people import change_person
from traceability.operations.accounts.sessions import end_sessions, find_session, list_sessions
from traceability.operations.accounts.trail import COMMAND_LINE

PASSWORD = "violets under seven bridges"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choosing")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with site_of(world) as app:
        yield world, app, world.party("Farm"), hash_password(PASSWORD)
    world.store.close()


def joined(place, login):
    world, _, party, hashed = place
    person = make_person(world.store, world.node, party, login=login)
    with world.store.transaction() as tx:
        change_person(tx, world.node, person.id, password=hashed)
    return person


def attempt(app, login, where):
    said = {"login": login, "password": PASSWORD}
    return app.test_client().post("/sign-in", data=said, environ_base={"REMOTE_ADDR": where})


@pytest.mark.parametrize("changes", [{"password": None}, {"disabled_ms": 1}])
def test_nobody_slips_in_with_the_old_password_while_another_is_chosen(place, monkeypatch, changes):
    world, app, _, _ = place
    login = f"hurried-{next(iter(changes))}".replace("_", "-")
    person = joined(place, login)
    assert attempt(app, login, where="198.51.100.41").status_code == 303
    real = is_password

    def meanwhile(kept, password):
        found = real(kept, password)
        with world.store.transaction() as tx:
            change_person(tx, world.node, person.id, **changes)
            end_sessions(tx, COMMAND_LINE, person.id)
        return found

    monkeypatch.setattr(signin, "is_password", meanwhile)
    assert attempt(app, login, where="198.51.100.42").status_code == 403
    with world.store.reading() as connection:
        assert list_sessions(connection, world.node, person.id, world.now_ms) == []


def test_no_stranger_ends_the_link_of_who_forgot_a_password_or_fills_the_mailbox(place):
    world, _, _, _ = place
    person = joined(place, "forgetful@example.org")
    asked = [ask_for_link(world.store, world.node, "forgetful@example.org", "x") for _ in range(3)]
    assert asked[0] is not None
    assert asked[1:] == [None, None]
    with world.store.transaction() as tx:
        assert use_link(tx, world.node, asked[0][1], {Purpose.RESET}).person.id == person.id
    assert ask_for_link(world.store, world.node, "forgetful@example.org", "x") is not None
    world.wait(ms=AGAIN_MS)
    assert ask_for_link(world.store, world.node, "forgetful@example.org", "x") is not None


def test_other_letters_for_the_same_name_give_no_new_patience(place, monkeypatch):
    names = ("ann@example.org", "ANN@example.org", "\uff41nn@example.org", "a\uff4en@example.org")
    with site_of(place[0], smtp_url="smtp://127.0.0.1:9") as posting:
        monkeypatch.setattr(Letters, "forgotten", lambda *_: None)
        asked = [
            posting.test_client().post(
                "/reset", data={"login": name}, environ_base={"REMOTE_ADDR": f"203.0.113.{number}"}
            )
            for number, name in enumerate((*names, *names))
        ]
    assert [answer.status_code for answer in asked] == [200] * 5 + [429] * 3


def test_a_link_that_somebody_else_read_is_over_once_another_password_is_chosen(place):
    world, _, _, _ = place
    person = joined(place, "careful@example.org")
    with world.store.transaction() as tx:
        text = new_link(tx, world.node, COMMAND_LINE, person.id, Purpose.RESET)
    browser = make_session(world.store, world.node, person)
    with world.store.reading() as connection:
        session = find_session(connection, world.node, browser, world.now_ms)
    assert session is not None
    change_password(world.store, world.node, COMMAND_LINE, session, "seven violets under a bridge")
    with world.store.transaction() as tx, pytest.raises(SignInError):
        use_link(tx, world.node, text, {Purpose.RESET})
