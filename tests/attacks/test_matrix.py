"""Every route, asked by everybody: strangers, each role of each kind of party, each token, each stolen id.

The routes are those of the application, the expectations those of tests/support/matrix.py: a route
without a row fails, and so does a row without a route.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from tests.support.matrix import ANYBODY, API, CODE, PAGES, PUBLIC, REGULATOR, Site, page
from tests.support.people import form, hold, make_person, make_session
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts.roles import PartyKind, Right, Role, needs_second_factor, rights_of
from traceability.operations.accounts.trail import COMMAND_LINE, note
from traceability.operations.tokens import Scope, new_token
from traceability.store.accounts import TrailEntry
from webapp.signedin import classification

SAFE = {"GET", "HEAD", "OPTIONS"}
PERSONAS = [
    (None, Role.ADMINISTRATOR, True),
    (None, Role.ADMINISTRATOR, False),
    *((kind, role, True) for kind in PartyKind for role in set(Role) - {Role.ADMINISTRATOR}),
    *((PartyKind.AUTHORITY, role, False) for role in sorted(set(Role) - {Role.ADMINISTRATOR})),
]
PERSONAS.sort(key=str)
EVERYTHING_NEW = "of tests/support/matrix.py: add a row that says who may, and how its address is made"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("matrix")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    world.publish()
    with site_of(world) as app:
        yield Site(app, world)
    world.store.close()


def methods_of(site: Site, endpoint: str) -> list[str]:
    rules = [rule for rule in site.app.url_map.iter_rules() if rule.endpoint == endpoint]
    return sorted({method for rule in rules for method in rule.methods or ()} - {"HEAD", "OPTIONS"})


def test_every_route_has_its_row_and_every_row_its_route(site: Site):
    with site.app.app_context():
        found = {rule.endpoint: classification(rule.endpoint) for rule in site.app.url_map.iter_rules()}
    by = {"public": set(PUBLIC), "bearer": set(API), "signed-in": set(PAGES)}
    assert None not in found.values()
    for word, rows in by.items():
        routes = {endpoint for endpoint, said in found.items() if said is not None and said.by == word}
        assert sorted(routes - rows) == [], f"not in {word} {EVERYTHING_NEW}"
        assert sorted(rows - routes) == [], f"rows of tests/support/matrix.py without a {word} route"
    for endpoint, (_, needs) in API.items():
        assert sorted(needs) == methods_of(site, endpoint), endpoint
    for endpoint, row in PAGES.items():
        said = found[endpoint]
        assert said is not None
        assert said.rights == row.rights, endpoint


def outcome(answer) -> str:
    """What became of a request, in a word."""
    where = answer.headers.get("Location", "")
    if answer.status_code == 303 and where.startswith("/sign-in?next="):
        return "sign in first"
    if answer.status_code == 303 and where.startswith("/account/app"):
        return "app first"
    if answer.status_code == 403 and "<h1>You are signed out" in answer.text:
        return "sign in first"
    if answer.status_code == 403 and "<h1>This is not for you" in answer.text:
        return "forbidden"
    if answer.status_code >= 500 or answer.status_code in {401, 405}:
        return f"broken: {answer.status_code}"
    return "let in" if answer.status_code != 404 else "not there"


def wrong_cells(site: Site, kind: PartyKind | None, role: Role, second: bool) -> tuple[list[str], int]:
    """Every page that answers this persona otherwise than the rows say, and how many were asked."""
    store, node = site.world.store, site.world.node
    own = None if kind is None else site.own[kind]
    person = make_person(store, node, own, kind, role)
    rights = rights_of(kind, role) if second or not needs_second_factor(kind, role) else frozenset()
    wrong, asked = [], 0
    client = hold(site.app.test_client(), make_session(store, node, person, second=second))
    for endpoint, row in PAGES.items():
        others = site.others[kind or PartyKind.PRODUCER]
        for whose in (own or others, others) if row.of else (own,):
            arguments = site.arguments(row, whose or "")
            for method in methods_of(site, endpoint):
                data = form(client) if method not in SAFE else None
                got = outcome(client.open(site.path(endpoint, **arguments), method=method, data=data))
                expected = {"let in"}
                if row.rights and not rights and not second:
                    expected = {"app first"}
                elif row.rights and not rights & row.rights:
                    expected = {"forbidden"}
                elif row.of and (whose != own or endpoint == "accounts.end_one"):
                    expected = {"let in"} if row.over in rights else {"not there"}
                asked += 1
                if got not in expected:
                    wrong.append(f"{method} {endpoint} of {'own' if whose == own else 'others'}: {got}")
    return wrong, asked


@pytest.mark.parametrize(("kind", "role", "second"), PERSONAS)
def test_each_role_of_each_kind_of_party_is_let_in_where_it_may_and_nowhere_else(site, kind, role, second):
    wrong, asked = wrong_cells(site, kind, role, second)
    assert wrong == []
    assert asked >= len(PAGES)


def test_strangers_and_holders_of_tokens_are_sent_to_sign_in(site: Site):
    text, _ = new_token(
        site.world.store,
        site.world.node,
        party=site.own[PartyKind.AUTHORITY],
        scopes=Scope,
        days=1,
        name="all",
        regulator=True,
    )
    for endpoint, row in PAGES.items():
        arguments = site.arguments(row, site.own[PartyKind.PRODUCER])
        for method in methods_of(site, endpoint):
            for headers in ({}, {"Authorization": f"Bearer {text}"}, {"Cookie": "ft-this-machine=x"}):
                client = site.app.test_client(use_cookies=False)
                answer = client.open(site.path(endpoint, **arguments), method=method, headers=headers)
                assert outcome(answer) == "sign in first", (method, endpoint, headers)
                assert "Set-Cookie" not in answer.headers


def test_public_pages_answer_everybody_alike(site: Site):
    person = make_person(site.world.store, site.world.node, None)
    session = make_session(site.world.store, site.world.node, person)
    client = hold(site.app.test_client(), session)
    for endpoint, arguments in PUBLIC.items():
        if "GET" not in methods_of(site, endpoint):
            continue
        path = site.path(endpoint, **arguments)
        stranger, member = site.app.test_client().get(path), client.get(path)
        assert stranger.status_code == member.status_code, endpoint
        assert outcome(stranger) in {"let in", "not there"} or endpoint == "health.healthz", endpoint


@pytest.fixture(scope="module")
def credentials(site: Site) -> dict[str, tuple[dict[str, str], frozenset[Scope], bool]]:
    """Headers, what they are good for, and whether as a regulator's."""
    firm, court = site.own[PartyKind.PRODUCER], site.own[PartyKind.AUTHORITY]
    found: dict[str, tuple[dict[str, str], frozenset[Scope], bool]] = {
        "none": ({}, frozenset(), False),
        "guessed": ({"Authorization": f"Bearer ft_{'x' * 43}"}, frozenset(), False),
        "password": ({"Authorization": "Basic YTpi"}, frozenset(), False),
    }
    for scope in Scope:
        for regulator in (False, True):
            text, made = new_token(
                site.world.store,
                site.world.node,
                party=court if regulator else firm,
                scopes=[scope],
                days=1,
                name=f"{scope}-{regulator}",
                regulator=regulator,
            )
            shown = {"Authorization": f"Bearer {text}"}
            found[made.access.name] = (shown, frozenset((scope,)), regulator)
    person = make_person(site.world.store, site.world.node, court, PartyKind.AUTHORITY)
    session = make_session(site.world.store, site.world.node, person)
    found["cookie"] = ({"Cookie": f"ft-this-machine={session}"}, frozenset(), False)
    return found


def test_the_api_opens_to_tokens_with_the_scope_and_to_no_cookie(site: Site, credentials):
    wrong = []
    for endpoint, (arguments, methods) in API.items():
        for method, needs in methods.items():
            for name, (headers, scopes, regulator) in credentials.items():
                path = site.path(endpoint, **arguments)
                client = site.app.test_client(use_cookies=False)
                status = client.open(path, method=method, headers=headers).status_code
                if may(needs, scopes, regulator=regulator):
                    fits = status < 500 and status not in {401, 403}
                elif needs == ANYBODY:
                    # Who comes with a token that is not valid is told so, wherever a token counts.
                    fits = status < 500 if "Authorization" in headers else status not in {401, 403, 500}
                else:
                    fits = status == (403 if scopes else 401)
                if not fits:
                    wrong.append(f"{method} {endpoint} with {name}: {status}")
    assert wrong == []


def may(needs, scopes, *, regulator: bool) -> bool:
    if needs == CODE:
        return True
    if needs == REGULATOR:
        return regulator and bool(scopes & {Scope.QUERY, Scope.RECALL})
    return needs != ANYBODY and bool(needs & scopes)


def trail_length(site: Site) -> int:
    with site.world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(TrailEntry)).scalar_one()


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
    for endpoint, row in {**PAGES, "accounts.sign_out": page()}.items():
        client = able[min(row.rights)] if row.rights else clients[0]
        arguments = site.arguments(row, site.own[PartyKind.PRODUCER])
        path, before = site.path(endpoint, **arguments), trail_length(site)
        for method in set(methods_of(site, endpoint)) - SAFE:
            for data, headers in (
                ({}, {}),
                ({}, {"Sec-Fetch-Site": "same-origin"}),
                (other, {}),
                (form(client), {"Sec-Fetch-Site": "cross-site"}),
                (form(client), {"Sec-Fetch-Site": "same-site"}),
                (form(client), {"Origin": "https://evil.example"}),
            ):
                answer = client.open(path, method=method, data=data, headers=headers)
                assert answer.status_code == 403, (endpoint, data, headers)
                assert "This is not for you" not in answer.text
        assert trail_length(site) == before, endpoint
        assert client.get("/account").status_code == 200


@pytest.mark.parametrize(
    "endpoint", [name for name in PUBLIC if name.startswith(("accounts.", "regulator."))]
)
def test_another_site_cannot_sign_a_browser_in_or_use_its_links(site: Site, endpoint):
    path = site.path(endpoint, **PUBLIC[endpoint])
    for method in set(methods_of(site, endpoint)) - SAFE:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert site.app.test_client().open(path, method=method, headers=headers).status_code == 403


def test_looking_changes_nothing(site: Site):
    """No route that is only read writes anything of which the trail would tell."""
    store, node = site.world.store, site.world.node
    client = hold(site.app.test_client(), make_session(store, node, make_person(store, node, None)))
    with store.transaction() as tx:
        note(tx, COMMAND_LINE, "probe", "the trail works")
    before = trail_length(site)
    for endpoint, row in PAGES.items():
        if "GET" in methods_of(site, endpoint) and row.of is None:
            client.get(site.path(endpoint))
    assert trail_length(site) == before
