"""Every route, asked by everybody: strangers, each role of each kind of party, each token, each stolen id.

The routes are those of the application, the expectations those of tests/support/routes.py: a route
without a row fails, and so does a row without a route. How many were asked is printed (``pytest -s``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from urllib.parse import quote

import pytest

from tests.support.matrix import ANYBODY, CODE, REGULATOR, Page, Site, outcome, site_with, trail_length
from tests.support.people import form, hold, make_person, make_session
from tests.support.routes import API, PAGES, PUBLIC
from traceability.gs1 import check_digit
from traceability.operations.accounts.roles import PartyKind, Right, Role, needs_second_factor, rights_of
from traceability.operations.accounts.trail import COMMAND_LINE, note
from traceability.operations.tokens import Scope, new_token
from webapp.signedin import SAFE, classification

PERSONAS = [
    (None, Role.ADMINISTRATOR, True),
    (None, Role.ADMINISTRATOR, False),
    *((kind, role, True) for kind in PartyKind for role in set(Role) - {Role.ADMINISTRATOR}),
    *((PartyKind.AUTHORITY, role, False) for role in sorted(set(Role) - {Role.ADMINISTRATOR})),
]
PERSONAS.sort(key=str)
UNQUOTED = "!$'()*,/:;?@"
"""What stands as it is in the queries of links."""
EVERYTHING_NEW = "of tests/support/routes.py: add a row that says who may, and how its address is made"
LOOKERS = (PartyKind.PRODUCER, PartyKind.AUTHORITY, PartyKind.LABORATORY)
REFUSED = {"forbidden", "not there", "app first", "sign in first"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with site_with(tmp_path_factory.mktemp("matrix")) as made:
        yield made
        routes = len(PAGES) + len(PUBLIC) + len(API)
        print(f"\n{routes} routes ({len(PAGES)} signed in), {len(PERSONAS)} personas, {made.cells:,} cells")


def test_every_route_has_its_row_and_every_row_its_route(site: Site):
    with site.app.app_context():
        found = {rule.endpoint: classification(rule.endpoint) for rule in site.app.url_map.iter_rules()}
    by = {"public": set(PUBLIC), "bearer": set(API), "signed-in": set(PAGES)}
    assert None not in found.values()
    for word, rows in by.items():
        routes = {endpoint for endpoint, said in found.items() if said is not None and said.by == word}
        assert sorted(routes - rows) == [], f"not in {word} {EVERYTHING_NEW}"
        assert sorted(rows - routes) == [], f"rows of tests/support/routes.py without a {word} route"
    for endpoint, (_, needs) in API.items():
        assert sorted(needs) == site.methods(endpoint), endpoint
    for endpoint, row in PAGES.items():
        said = found[endpoint]
        assert said is not None
        assert said.rights == row.rights, endpoint


def expected(row: Page, rights: frozenset[Right], *, second: bool, own: bool) -> str:
    """What becomes of a request for a page, by its row."""
    if row.rights and not rights & row.rights:
        return "forbidden" if rights or second else "app first"
    if row.leads and not second:
        return "app first"
    return "let in" if row.opens(rights, own=own) else "not there"


def wrong_cells(site: Site, kind: PartyKind | None, role: Role, second: bool) -> Iterator[str]:
    """Every page that answers this persona otherwise than the rows say, or writes though it refuses."""
    store, node = site.world.store, site.world.node
    own = None if kind is None else site.own[kind]
    others = site.others[kind or PartyKind.PRODUCER]
    person = make_person(store, node, own, kind, role)
    rights = rights_of(kind, role) if second or not needs_second_factor(kind, role) else frozenset()
    client = hold(site.app.test_client(), make_session(store, node, person, second=second))
    for endpoint, row in PAGES.items():
        shut = bool(row.rights and not rights & row.rights)  # nothing of anybody is looked for then
        parties = [party for party in (own, others) if party][: 1 if shut else 2]
        for arguments, party in site.cells_of(row, *parties):
            mine = party == own
            for method in site.methods(endpoint):
                data = form(client, **arguments) if method not in SAFE else None
                before = trail_length(site.world) if data else 0
                got = outcome(client.open(site.path(endpoint, method, **arguments), method=method, data=data))
                site.cells += 1
                if got != expected(row, rights, second=second, own=mine):
                    yield f"{method} {endpoint} of {'own' if mine else 'others'}: {got}"
                if data and got in REFUSED and trail_length(site.world) != before:
                    yield f"{method} {endpoint} of {'own' if mine else 'others'}: {got}, and it wrote"


@pytest.mark.sweep(part=3)
@pytest.mark.parametrize(("kind", "role", "second"), PERSONAS)
def test_each_role_of_each_kind_of_party_is_let_in_where_it_may_and_nowhere_else(site, kind, role, second):
    before = site.cells
    assert list(wrong_cells(site, kind, role, second)) == []
    assert site.cells - before >= len(PAGES)


@pytest.mark.sweep(part=1)
@pytest.mark.parametrize("kind", [PartyKind.PRODUCER, PartyKind.AUTHORITY, PartyKind.LABORATORY])
def test_what_is_anothers_is_answered_as_what_there_is_not(site: Site, kind: PartyKind):
    """Word for word, so that nobody learns which numbers there are."""
    store, node = site.world.store, site.world.node
    rights = rights_of(kind, Role.MANAGER)
    client = hold(
        site.app.test_client(), make_session(store, node, make_person(store, node, site.own[kind], kind))
    )
    told = []
    for endpoint, row in PAGES.items():
        if not row.of or not rights & row.rights or row.opens(rights, own=False):
            continue
        for make in row.of:
            theirs = site.arguments(make, site.others[kind])
            named = {name: text for name, text in theirs.items() if name not in {"kind", "gtin"}}
            none = {**theirs, **{name: _another(text) for name, text in named.items()}}
            method = site.methods(endpoint)[0]
            texts = []
            for arguments in (theirs, none):
                data = form(client, **arguments) if method not in SAFE else None
                answer = client.open(site.path(endpoint, method, **arguments), method=method, data=data)
                text = f"{answer.status_code} {answer.text}"
                for name in named:
                    for shown in (arguments[name], quote(arguments[name], safe=UNQUOTED)):
                        text = text.replace(shown, name)
                texts.append(text)
            site.cells += 1
            if texts[0] != texts[1]:
                told.append(f"{endpoint}: {_difference(*texts)}")
    assert told == []


def _another(text: str) -> str:
    """A number that nothing has, and looks like this one."""
    if text.isdigit():
        digits = f"{(int(text[:-1]) + 5000):0{len(text) - 1}}"
        return digits + check_digit(digits)
    middle = len(text) // 2
    return text[:middle] + ("7" if text[middle] != "7" else "2") + text[middle + 1 :]


def _difference(one: str, other: str) -> str:
    lines = zip_longest(one.splitlines(), other.splitlines())
    return next((f"{a!r} is not {b!r}" for a, b in lines if a != b), "")


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
    before = trail_length(site.world)
    for endpoint, row in PAGES.items():
        ((arguments, _), *_) = site.cells_of(row, site.own[PartyKind.PRODUCER])
        before = trail_length(site.world)
        for method in site.methods(endpoint):
            for headers in ({}, {"Authorization": f"Bearer {text}"}, {"Cookie": "ft-this-machine=x"}):
                client = site.app.test_client(use_cookies=False)
                answer = client.open(site.path(endpoint, method, **arguments), method=method, headers=headers)
                site.cells += 1
                assert outcome(answer) == "sign in first", (method, endpoint, headers)
                assert "Set-Cookie" not in answer.headers
        assert trail_length(site.world) == before, endpoint


def test_public_pages_answer_everybody_alike(site: Site):
    person = make_person(site.world.store, site.world.node, None)
    session = make_session(site.world.store, site.world.node, person)
    client = hold(site.app.test_client(), session)
    for endpoint, made in PUBLIC.items():
        if "GET" not in site.methods(endpoint):
            continue
        path = site.path(endpoint, **site.public(made))
        stranger, member = site.app.test_client().get(path), client.get(path)
        site.cells += 2
        assert stranger.status_code == member.status_code, endpoint
        assert outcome(stranger) in {"let in", "not there"} or endpoint == "health.healthz", endpoint
        assert outcome(stranger) == "let in" or not callable(made), endpoint


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
                site.cells += 1
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


def test_looking_changes_nothing(site: Site):
    """No route that is only read writes anything of which the trail would tell, whoever looks."""
    store, node = site.world.store, site.world.node
    people = [make_person(store, node, None)]
    people += [make_person(store, node, site.own[kind], kind) for kind in LOOKERS]
    clients = [hold(site.app.test_client(), make_session(store, node, person)) for person in people]
    with store.transaction() as tx:
        note(tx, COMMAND_LINE, "probe", "the trail works")
    for endpoint, row in PAGES.items():
        if "GET" not in site.methods(endpoint):
            continue
        ((arguments, _), *_) = site.cells_of(row, site.own[PartyKind.PRODUCER])
        path, before = site.path(endpoint, **arguments), trail_length(site.world)
        for client in clients:
            client.get(path)
        assert trail_length(site.world) == before, endpoint
