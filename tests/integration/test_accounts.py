"""People from the first administrator on: invited, joined, reset, disabled; their apps, tokens and trail."""

from __future__ import annotations

import base64
import csv
import email
import email.policy
import html
import io
import re

import pyotp
import pytest
from sqlalchemy import func, select

from tests.support.gateway import wait_until
from tests.support.people import form, held, hold, let_in, make_person, make_session, sign_in
from tests.support.telling import mail_server
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts import own
from traceability.operations.accounts.first import first_link
from traceability.operations.accounts.kinds import kind_of
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.people import find_login, load_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.sessions import PROOF_MS, end_sessions, find_session
from traceability.operations.accounts.totp import take_code
from traceability.operations.accounts.trail import COMMAND_LINE, Wanted, list_trail
from traceability.operations.tokens import Scope, find_token, new_token
from traceability.store.accounts import RecoveryCode

PASSWORD = "violets under seven bridges"
OTHER = "nine lanterns over the river"
LINK = re.compile(r"http://127\.0\.0\.1:8000(/(?:join|reset|enter)/[\w-]{43})")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accounts")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with site_of(world) as app:
        yield world, app
    world.store.close()


def found(pattern, text):
    """The group of a pattern that is somewhere in a page or letter; the whole where it has none."""
    match = re.search(pattern, html.unescape(text))
    assert match is not None, text
    return match.group(match.re.groups)


def read_letter(letter):
    return email.message_from_string(letter, policy=email.policy.default).get_content()


def person_of(world, login):
    with world.store.reading() as connection:
        return load_person(connection, world.node, find_login(connection, login) or "")


def actions(world, most=20):
    with world.store.reading() as connection:
        return [entry.action for entry in list_trail(connection, Wanted(), most)]


def link_in(page):
    return found(LINK, page.text)


def code_of(page, world):
    secret = found(r'<span class="code">([A-Z2-7 ]+)</span>', page.text).replace(" ", "")
    return pyotp.TOTP(secret).at(world.now_ms // 1000)


def join(app, path, **said):
    client = app.test_client()
    said = {"login": "", "name": "Somebody", "password": PASSWORD, "again": PASSWORD} | said
    return client, client.post(path, data=said)


def set_up_app(client, world):
    page = client.get("/account/app")
    return client.post("/account/app", data=form(client, code=code_of(page, world)))


def test_from_nobody_to_a_firm_with_a_manager_and_a_token(place):
    world, app = place
    path = f"/join/{first_link(world.store, world.node)}"
    assert "You are invited to administer this node." in app.test_client().get(path).text
    client, answer = join(app, path, login="Root@example.org", name="Ada")
    assert (answer.status_code, answer.location) == (303, "/account/begin?lang=en")
    assert client.get(answer.location).location == "/account/app?lang=en"
    assert first_link(world.store, world.node) is None

    # Nothing may be done before an app is set up.
    answer = client.get("/parties")
    assert (answer.status_code, answer.location) == (303, "/account/app?lang=en")
    before = held(client) or ""
    codes = set_up_app(client, world)
    assert codes.status_code == 200
    assert len(re.findall(r"<li>[a-z2-7]{4}(?:-[a-z2-7]{4}){3}</li>", codes.text)) == 10
    assert held(client) != before
    assert client.get("/parties").status_code == 200
    assert hold(app.test_client(), before).get("/account").status_code == 303

    made = form(client, name_en="Farm", name_zh="农场", kind="producer")
    answer = client.post("/parties", data=made)
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert "The party is enrolled. Invite its first manager now." in page.text
    farm = found(r'<option value="(https://[^"]+)" selected>Farm</option>', page.text)
    with world.store.reading() as connection:
        assert kind_of(connection, world.node, farm) is PartyKind.PRODUCER
    assert "The party is enrolled." not in client.get("/people").text

    invited = form(client, name="Li", login="Li", role="manager", party=farm)
    shown = client.post("/people", data=invited)
    manager, answer = join(app, link_in(shown), name="Li Wei", login="somebody-else")
    assert answer.status_code == 303
    li = person_of(world, "li")
    assert (li.name, li.party, li.role) == ("Li Wei", farm, Role.MANAGER)
    assert manager.get("/parties").status_code == 403
    assert manager.get("/people").status_code == 200

    shown = manager.post("/tokens", data=form(manager, name="till", scope=["capture", "query"], days="30"))
    token = found(r"ft_[\w-]{43}", shown.text)
    assert token not in manager.get("/tokens").text
    with world.store.reading() as connection:
        access = find_token(connection, world.node, token, world.now_ms, Scope.QUERY)
        assert (access.party, access.regulator) == (farm, False)
    assert manager.post("/tokens/till/revoke", data=form(manager)).status_code == 303
    assert "revoked" in manager.get("/tokens").text
    assert actions(world, 3) == ["token-revoked", "token-made", "person-joined"]
    assert {"party-enrolled", "party-kind-set", "person-added", "link-made"} <= set(actions(world))


@pytest.fixture(scope="module")
def firm(place):
    world, app = place
    return world, app, world.party("Dairy")


def client_of(firm, role=Role.MANAGER, **more):
    world, app, party = firm
    return sign_in(app.test_client(), world.store, world.node, party, PartyKind.PROCESSOR, role, **more)


def test_a_link_is_good_once_and_looking_does_not_use_it(firm):
    world, app, party = firm
    person = make_person(world.store, world.node, party, PartyKind.PROCESSOR)
    with world.store.transaction() as tx:
        text = new_link(tx, world.node, COMMAND_LINE, person.id, Purpose.INVITE)
    for _ in range(2):
        assert app.test_client().get(f"/join/{text}").status_code == 200
    assert join(app, f"/join/{text}", password="short", again="short")[1].status_code == 400
    assert join(app, f"/join/{text}", again=OTHER)[1].status_code == 400
    assert join(app, f"/join/{text}")[1].status_code == 303
    for path in (f"/join/{text}", f"/reset/{text}"):
        answer = app.test_client().get(path)
        assert answer.status_code == 404
        assert "This link does not work" in answer.text
    with world.store.transaction() as tx:
        text = new_link(tx, world.node, COMMAND_LINE, person.id, Purpose.RESET)
    assert app.test_client().get(f"/join/{text}").status_code == 404
    world.wait(minutes=24 * 60)
    assert app.test_client().get(f"/reset/{text}").status_code == 404


def test_a_manager_resets_a_password_and_all_sessions_end(firm):
    _, app, _ = firm
    manager = client_of(firm)
    shown = manager.post("/people", data=form(manager, name="Mo", login="mo", role="worker"))
    worker, _ = join(app, link_in(shown))
    assert worker.get("/people").status_code == 403
    user = person_of(firm[0], "mo").id
    shown = manager.post(f"/people/{user}/link", data=form(manager))
    path = link_in(shown)
    assert path.startswith("/reset/")
    assert worker.get("/account").status_code == 200
    answer = app.test_client().post(path, data={"password": OTHER, "again": OTHER})
    assert (answer.status_code, answer.location) == (303, "/sign-in?lang=en")
    assert worker.get("/account").status_code == 303
    said = {"login": "mo", "password": PASSWORD}
    assert app.test_client().post("/sign-in", data=said).status_code == 403
    assert app.test_client().post("/sign-in", data=said | {"password": OTHER}).status_code == 303


def test_roles_change_at_once_and_the_disabled_are_out(firm):
    world, app, party = firm
    manager = client_of(firm)
    person = make_person(world.store, world.node, party, PartyKind.PROCESSOR, Role.WORKER)
    other = hold(app.test_client(), make_session(world.store, world.node, person))
    assert other.get("/people").status_code == 403
    asked = f"/people/{person.id}"
    assert manager.post(f"{asked}/role", data=form(manager, role="manager")).status_code == 303
    assert other.get("/people").status_code == 200
    assert manager.post(f"{asked}/role", data=form(manager, role="administrator")).status_code == 400
    assert manager.post(f"{asked}/disable", data=form(manager)).status_code == 303
    assert other.get("/people").status_code == 303
    assert manager.post(f"{asked}/link", data=form(manager)).status_code == 409
    assert manager.post(f"{asked}/enable", data=form(manager)).status_code == 303
    with world.store.reading() as connection:
        mine = list_trail(connection, Wanted(action="person-enabled"), 1)[0]
    user = find_user(world, mine.login)
    for verb in ("disable", "link", "role", "app/remove"):
        assert manager.post(f"/people/{user}/{verb}", data=form(manager, role="viewer")).status_code == 409


def find_user(world, login):
    with world.store.reading() as connection:
        return find_login(connection, login)


def test_a_code_counts_once_and_a_recovery_code_once(firm):
    world, app, _ = firm
    manager = client_of(firm)
    shown = manager.post("/people", data=form(manager, name="Yu", login="yu", role="worker"))
    worker, _ = join(app, link_in(shown))
    page = worker.get("/account/app")
    secret = found(r'<span class="code">([A-Z2-7 ]+)</span>', page.text).replace(" ", "")
    codes = set_up_app(worker, world)
    recovery = found(r"<li>([a-z2-7-]{19})</li>", codes.text)

    def enter(code):
        said = {"login": "yu", "password": PASSWORD, "code": code}
        return app.test_client().post("/sign-in", data=said).status_code

    assert enter("") == 403
    assert enter(pyotp.TOTP(secret).at(world.now_ms // 1000)) == 403, "used when it was set up"
    world.wait(ms=30_000)
    assert enter(pyotp.TOTP(secret).at(world.now_ms // 1000)) == 303
    assert enter(pyotp.TOTP(secret).at(world.now_ms // 1000)) == 403
    world.wait(minutes=5)
    assert enter(recovery.upper()) == 303
    assert enter(recovery) == 403
    user = person_of(world, "yu").id
    with world.store.reading() as connection:
        left = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user == user)
        assert connection.execute(left).scalar_one() == 9
    assert manager.post(f"/people/{user}/app/remove", data=form(manager)).status_code == 303
    world.wait(minutes=5)
    assert enter("") == 303


def test_the_password_is_asked_again_before_it_or_the_app_is_changed(firm):
    world, app, _ = firm
    manager = client_of(firm)
    shown = manager.post("/people", data=form(manager, name="An", login="an", role="worker"))
    worker, _ = join(app, link_in(shown))
    again = {"password": OTHER, "again": OTHER}
    for wrong in ({}, {"current": OTHER}):
        assert worker.post("/account/password", data=form(worker, **again, **wrong)).status_code == 403
    world.wait(ms=PROOF_MS + 1)
    code = code_of(worker.get("/account/app"), world)
    assert worker.post("/account/app", data=form(worker, code=code)).status_code == 403
    assert worker.post("/account/codes", data=form(worker)).status_code == 403
    worker.post("/account/app", data=form(worker, code=code, current=PASSWORD))
    assert person_of(world, "an").second_factor
    second = hold(app.test_client(), make_session(world.store, world.node, person_of(world, "an")))
    before = held(worker)
    changed = worker.post("/account/password", data=form(worker, current=PASSWORD, **again))
    assert changed.status_code == 303
    assert held(worker) != before
    assert "Your password was changed" in worker.get("/account").text
    assert second.get("/account").status_code == 303
    assert worker.post("/account/app/remove", data=form(worker)).status_code == 303
    assert not person_of(world, "an").second_factor


def test_one_sees_and_ends_ones_own_sessions_and_no_others(firm):
    world, app, party = firm
    person, stranger = (make_person(world.store, world.node, party, PartyKind.PROCESSOR) for _ in range(2))
    one, two, three = (
        hold(app.test_client(), make_session(world.store, world.node, who))
        for who in (person, person, stranger)
    )
    page = one.get("/account")
    (short,) = re.findall(r"/account/sessions/([0-9a-f]{16})/end", page.text)
    assert three.post(f"/account/sessions/{short}/end", data=form(three)).status_code == 404
    assert two.get("/account").status_code == 200
    assert one.post(f"/account/sessions/{short}/end", data=form(one)).status_code == 303
    assert two.get("/account").status_code == 303
    two = hold(app.test_client(), make_session(world.store, world.node, person))
    assert one.post("/account/sessions/end", data=form(one)).status_code == 303
    assert (one.get("/account").status_code, two.get("/account").status_code) == (200, 303)


def test_the_trail_is_the_partys_own_in_pages_and_as_a_file(firm):
    world, app, party = firm
    manager = client_of(firm, login="trail-reader")
    manager.post("/people", data=form(manager, name="=1+1", login="formula", role="viewer"))
    page = manager.get("/trail?action=person-added&who=trail-reader")
    assert "formula" in page.text
    assert "/people" in manager.get("/account").text
    other = world.party("Other")
    stranger = sign_in(app.test_client(), world.store, world.node, other, PartyKind.CARRIER)
    assert "trail-reader" not in stranger.get("/trail").text
    table = list(csv.reader(io.StringIO(manager.get("/trail.csv?action=person-added").text)))
    assert table[0][:2] == ["time", "who"]
    assert ["trail-reader", party] in [row[1:3] for row in table[1:]]
    for _ in range(51):
        manager.post("/people", data=form(manager, name="x", login="formula", role="none"))
        stranger.post("/account/sessions/end", data=form(stranger))
    administrator = sign_in(app.test_client(), world.store, world.node, None)
    assert "trail-reader" in administrator.get("/trail").text


def test_who_forgot_a_password_gets_a_link_by_e_mail_and_strangers_the_same_answer(firm):
    world, _, party = firm
    make_person(world.store, world.node, party, PartyKind.PROCESSOR, login="pending@example.org")
    with mail_server() as taker, site_of(world, smtp_url=taker.url) as app:
        manager = sign_in(app.test_client(), world.store, world.node, party, PartyKind.PROCESSOR)
        invited = form(manager, name="Zu", login="zu@example.org", role="viewer")
        assert "It was also sent to zu@example.org." in manager.post("/people", data=invited).text
        path = found(LINK, read_letter(taker.mails.pop()))
        join(app, path)
        answers = {
            app.test_client().post("/reset", data={"login": login}).text
            for login in ("nobody@example.org", "pending@example.org", "zu@example.org")
        }
        assert len(answers) == 1
        assert "Set-Cookie" not in app.test_client().get("/reset").headers
        wait_until(lambda: bool(taker.mails), "the letter")
        (letter,) = taker.mails
        assert "To: zu@example.org" in letter
        path = found(LINK, read_letter(letter))
        assert path.startswith("/reset/")
        said = {"password": OTHER, "again": OTHER}
        assert app.test_client().post(path, data=said).status_code == 303
        asked = [app.test_client().post("/reset", data={"login": "zu@example.org"}) for _ in range(5)]
        assert [answer.status_code for answer in asked] == [200] * 4 + [429]
        wait_until(lambda: len(taker.mails) == 2, "the one other letter")


def test_without_a_mail_server_the_page_says_whom_to_ask(place):
    page = place[1].test_client().get("/reset")
    assert "can give you a link" in page.text
    assert "Send the link" not in page.text


def test_recalls_and_tokens_of_programs_stand_in_the_trail(place):
    world, app = place
    farm = world.party("Orchard")
    lot = world.harvest(farm, "T1")
    world.publish()
    text, _ = new_token(world.store, world.node, party=farm, scopes=[Scope.RECALL], days=1, name="recaller")
    with world.store.reading() as connection:
        (made,) = list_trail(connection, Wanted(action="token-made", subject="recaller"), 5)
    assert (made.via, made.detail["of"]) == ("command line", farm)
    shown = {"Authorization": f"Bearer {text}"}
    texts = {"hazard": {"en": "x", "zh": "x"}, "advice": {"en": "y", "zh": "y"}, "contact": "z"}
    asked = {"origin": [lot], "recallClass": 1, **texts}
    preview = app.test_client().post("/recalls/preview", json=asked, headers=shown)
    assert preview.status_code == 200, preview.text
    order = asked | {"state": "hold", "scope": preview.json["scope"]["hold"], "id": preview.json["id"]}
    assert app.test_client().post("/recalls", json=order, headers=shown).status_code == 201
    with world.store.reading() as connection:
        (held_lot,) = list_trail(connection, Wanted(party=farm, action="recall-hold"), 5)
    assert (held_lot.via, held_lot.subject) == ("token recaller", preview.json["id"])


def test_either_database_keeps_people_sessions_links_and_the_trail(world):
    farm = world.party("Farm")
    person = let_in(world.store, world.node, farm)
    text = make_session(world.store, world.node, person)
    with world.store.transaction() as tx:
        link = new_link(tx, world.node, COMMAND_LINE, person.id, Purpose.INVITE)
    said = {"login": "", "name": "Li", "password": PASSWORD, "network": "n", "agent": "a"}
    second = own.join(world.store, world.node, link, **said)
    with world.store.reading() as connection:
        sessions = [find_session(connection, world.node, each, world.now_ms) for each in (text, second)]
    opened = [session for session in sessions if session is not None]
    assert [(session.person.name, session.second) for session in opened] == [("Li", True), ("Li", False)]
    last = opened[-1]
    _, codes = own.set_up_app(world.store, world.node, COMMAND_LINE, last, app_code(world, last))
    with world.store.transaction() as tx:
        assert take_code(tx, world.node, person.id, codes[0])
        assert not take_code(tx, world.node, person.id, codes[0])
        assert end_sessions(tx, COMMAND_LINE, person.id) == 3
    with world.store.reading() as connection:
        entries = list_trail(connection, Wanted(party=farm), 50)
    assert {"person-joined", "second-factor-set-up", "sessions-ended"} <= {e.action for e in entries}


def app_code(world, session):
    return pyotp.TOTP(base64.b32encode(own.app_secret(world.node, session)).decode()).at(world.now_ms // 1000)
