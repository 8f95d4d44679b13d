"""Getting in as somebody else: by guessing, by planted cookies and links, by rows of the database."""

from __future__ import annotations

from base64 import b32encode

import pytest
from argon2 import PasswordHasher
from pyotp import TOTP
from sqlalchemy import insert, select, update

from tests.support.people import form, held, hold, make_person, make_session, sign_in
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.passwords import hash_password
from traceability.operations.accounts.people import change_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.totp import new_secret, set_up
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.store import accounts as tables
from traceability.supply.csvtext import harmless

PASSWORD = "violets under seven bridges"
ELSEWHERE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("breaking-in")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with site_of(world) as app:
        yield world, app, world.party("Farm"), hash_password(PASSWORD)
    world.store.close()


def joined(place, login, kind=PartyKind.PRODUCER, role=Role.MANAGER, **changes):
    world, _, party, hashed = place
    person = make_person(world.store, world.node, party, kind, role, login=login)
    with world.store.transaction() as tx:
        change_person(tx, world.node, person.id, password=hashed, **changes)
    return person


def attempt(app, login, password=PASSWORD, where="198.51.100.7", **more):
    said = {"login": login, "password": password, **more}
    return app.test_client().post("/sign-in", data=said, environ_base={"REMOTE_ADDR": where})


def test_guessing_is_slowed_down_and_nobody_is_locked_out_by_others(place):
    world, app, _, _ = place
    joined(place, "owner")
    assert attempt(app, "owner", where="192.0.2.1").status_code == 303
    for _ in range(5):
        assert attempt(app, "owner", "wrong").status_code == 403
    answer = attempt(app, "owner")
    assert answer.status_code == 429, "even the right password is not looked at"
    wait_s = int(answer.headers["Retry-After"])
    assert 1 <= wait_s <= 30
    assert attempt(app, "owner", where="192.0.2.1").status_code == 303, "the owner is not hindered"
    world.wait(ms=wait_s * 1000)
    assert attempt(app, "owner").status_code == 303


def test_one_network_tries_only_so_many_names(place, monkeypatch):
    app = place[1]
    monkeypatch.setattr("traceability.operations.accounts.signin.is_password", lambda *_: False)
    statuses = [attempt(app, f"name{n}", where="198.51.100.99").status_code for n in range(31)]
    assert statuses == [403] * 30 + [429]


def test_who_is_there_cannot_be_told_by_answer_or_by_work(place, monkeypatch):
    world, app, _, _ = place
    joined(place, "present")
    joined(place, "gone", disabled_ms=world.now_ms)
    make_person(world.store, world.node, place[2], login="pending")
    with_app = joined(place, "with-app")
    with world.store.transaction() as tx:
        set_up_any(tx, world.node, with_app.id)
    computed, real = [], PasswordHasher.verify

    def count(*arguments):
        computed.append(1)
        return real(*arguments)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    asked = {
        "present": "wrong",
        "gone": PASSWORD,
        "pending": "wrong",
        "nobody": "wrong",
        "with-app": PASSWORD,
    }
    answers = {}
    for number, (login, password) in enumerate({**asked, "not a name!": "wrong"}.items()):
        before = len(computed)
        answer = attempt(app, login, password, where=f"198.51.100.{20 + number}")
        answers[login] = (
            answer.status_code,
            answer.text.replace(f'value="{login}"', ""),
            len(computed) - before,
        )
    assert len(set(answers.values())) == 1, {k: (v[0], v[2]) for k, v in answers.items()}
    assert answers["nobody"][::2] == (403, 1)


def set_up_any(tx, node, user):
    secret = new_secret(node, b"any")
    code = TOTP(b32encode(secret).decode()).at(tx.now_ms // 1000)
    return set_up(tx, node, COMMAND_LINE, user, secret, code)


def test_a_session_that_was_put_into_a_browser_is_not_the_one_signed_in(place):
    """Session fixation: what the browser held before is worth nothing afterwards, and never becomes it."""
    world, app, party, _ = place
    joined(place, "fixed")
    attacker = sign_in(app.test_client(), world.store, world.node, party)
    planted = held(attacker) or ""
    for text in (planted, "x" * 43):
        victim = hold(app.test_client(), text)
        said = {"login": "fixed", "password": PASSWORD}
        answer = victim.post("/sign-in", data=form(victim, **said), environ_base=ELSEWHERE)
        assert answer.status_code == 303
        assert held(victim) not in {planted, text}
        assert "fixed" in victim.get("/account").text
    assert attacker.get("/account").status_code == 303, "the session that was planted has ended"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/ok\r\nSet-Cookie: a=b",
        "evil.example",
        "",
    ],
)
def test_signing_in_leads_to_no_other_site(place, address):
    login = f"walker-{address.encode().hex()}"[:60]
    joined(place, login)
    answer = attempt(place[1], login, next=address, where="192.0.2.77")
    assert answer.status_code == 303
    assert answer.location == "/account/begin?lang=en"
    assert [name for name in answer.headers.getlist("Set-Cookie") if not name.startswith("ft-")] == []


def test_the_cookie_is_for_this_host_over_https_and_for_no_script(place):
    world, _, _, _ = place
    joined(place, "careful")
    with site_of(world, base_url="https://node.example") as app:
        client = app.test_client()
        sent = {"login": "careful", "password": PASSWORD}
        answer = client.post("/sign-in", data=sent, base_url="https://node.example", environ_base=ELSEWHERE)
        name, *flags = answer.headers["Set-Cookie"].split("; ")
        assert name.startswith("__Host-ft=")
        assert set(flags) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}


def test_nobody_signs_in_over_plain_http_but_on_the_machine_itself(place):
    world, _, party, _ = place
    joined(place, "plain")
    person = make_person(world.store, world.node, party)
    session = make_session(world.store, world.node, person)
    with world.store.transaction() as tx:
        link = new_link(tx, world.node, COMMAND_LINE, person.id, Purpose.INVITE)
    with site_of(world, base_url="http://192.168.7.7:8000") as app:
        client, there = app.test_client(use_cookies=False), {"base_url": "http://192.168.7.7:8000"}
        for path in ("/sign-in", f"/join/{link}", "/reset", f"/reset/{link}", f"/enter/{link}"):
            for answer in (client.get(path, **there), client.post(path, data={}, **there)):
                assert answer.status_code == 403
                assert "FT_TLS_CERT" in answer.text
                assert "Set-Cookie" not in answer.headers
        stolen = {"Cookie": f"ft-this-machine={session}"}
        assert client.get("/account", headers=stolen, **there).status_code == 303
        assert client.get("/account", headers=stolen, base_url="http://127.0.0.1:8000").status_code == 200


@pytest.mark.parametrize("path", ["/account", "/account/app", "/people", "/tokens", "/trail", "/nothing"])
def test_private_pages_are_kept_by_nobody_and_their_length_tells_nothing(place, path):
    world, app, party, _ = place
    client = sign_in(app.test_client(), world.store, world.node, party)
    answer = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Content-Encoding" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert (held(client) or "?") not in answer.text


def change(world, table, where, **values):
    with world.store.transaction() as tx:
        tx.connection.execute(update(table).where(where).values(**values))


USERS = tables.User


@pytest.mark.parametrize(
    "values",
    [
        {"role": "administrator", "party": None},
        {"role": "manager"},
        {"party": "https://node.example/party/0000000000000000"},
        {"password": "$argon2id$v=19$m=65536,t=3,p=4$x$y"},
        {"totp": b"x" * 48},
        {"totp_step": 10**9},
        {"login": "somebody-else"},
        {"disabled_ms": 1},
    ],
)
def test_who_writes_to_the_table_of_people_shuts_them_out_and_gains_nothing(place, values):
    world, app, party, _ = place
    person = make_person(world.store, world.node, party, role=Role.WORKER)
    client = hold(app.test_client(), make_session(world.store, world.node, person))
    assert client.get("/account").status_code == 200
    change(world, USERS, USERS.id == person.id, **values)
    assert client.get("/account").status_code == 303
    manager = sign_in(app.test_client(), world.store, world.node, party)
    assert person.login not in manager.get("/people").text


def test_an_administrator_that_was_written_into_the_table_does_not_get_in(place):
    world, app, _, hashed = place
    person = joined(place, "pattern", role=Role.VIEWER)
    with world.store.transaction() as tx:
        row = tx.connection.execute(select(USERS).where(USERS.id == person.id)).one()._asdict()
        made = {
            "id": "f" * 16,
            "login": "intruder",
            "role": "administrator",
            "party": None,
            "password": hashed,
        }
        tx.connection.execute(insert(USERS).values(row | made))
    assert attempt(app, "intruder", where="192.0.2.88").status_code == 403


def test_a_session_or_link_that_was_written_or_moved_to_another_opens_nothing(place):
    world, app, party, _ = place
    worker, boss = (
        make_person(world.store, world.node, party, role=role) for role in (Role.WORKER, Role.MANAGER)
    )
    table = tables.Session
    for values in (
        {"user": boss.id},
        {"second": False},
        {"created_ms": world.now_ms + 1},
        {"proved_ms": 10**14},
    ):
        client = hold(app.test_client(), make_session(world.store, world.node, worker))
        change(world, table, table.user == worker.id, **values)
        assert client.get("/account").status_code == 303, values
    for values in ({"user": boss.id}, {"purpose": "demo"}, {"expires_ms": 10**14}):
        with world.store.transaction() as tx:
            text = new_link(tx, world.node, COMMAND_LINE, worker.id, Purpose.RESET)
        assert app.test_client().get(f"/reset/{text}").status_code == 200
        change(world, tables.OneTimeLink, tables.OneTimeLink.user == worker.id, **values)
        for path in (f"/reset/{text}", f"/enter/{text}"):
            assert app.test_client().get(path).status_code == 404, values


def test_a_firm_does_not_become_an_authority_by_a_row_of_the_table(place):
    world, app, party, _ = place
    client = sign_in(app.test_client(), world.store, world.node, party)
    assert client.get("/people").status_code == 200
    table = tables.PartyKindRow
    kept = PartyKind.PRODUCER.value
    change(world, table, table.party == party, kind="authority")
    assert client.get("/people").status_code == 403
    regulator = form(client, name="x", scope="query", days="1", regulator="1")
    assert client.post("/tokens", data=regulator).status_code == 403
    change(world, table, table.party == party, kind=kept)
    assert client.get("/people").status_code == 200
    assert client.post("/tokens", data=regulator).status_code == 403


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＠SUM(A1)"]
)
def test_no_spreadsheet_takes_a_cell_of_the_trail_for_a_formula(cell):
    assert harmless(cell) == f"'{cell}"
    assert harmless(f"a{cell}") == f"a{cell}"


def test_a_manager_neither_sees_nor_reaches_people_of_another_party(place):
    world, app, party, _ = place
    other = world.party("Other")
    stranger = make_person(world.store, world.node, other, PartyKind.CARRIER, login="far-away")
    manager = sign_in(app.test_client(), world.store, world.node, party)
    assert "far-away" not in manager.get("/people").text
    for verb in ("link", "role", "disable", "enable", "app/remove"):
        data = form(manager, role="viewer")
        assert manager.post(f"/people/{stranger.id}/{verb}", data=data).status_code == 404
    invited = form(manager, name="Own", login="own-one", role="administrator", party="")
    assert manager.post("/people", data=invited).status_code == 400
    smuggled = form(manager, name="Own", login="own-two", role="viewer", party=other)
    assert manager.post("/people", data=smuggled).status_code == 200
    with world.store.reading() as connection:
        found = connection.execute(select(USERS.party).where(USERS.login == "own-two")).scalar_one()
    assert found == party
