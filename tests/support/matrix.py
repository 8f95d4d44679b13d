"""Who may use which route: one row for each endpoint of the site, to be checked for everybody.

A new route fails ``tests/attacks/test_matrix.py`` until it has its row here:

    PUBLIC   pages for anybody: how to make an address, and what a stranger is answered
    API      what is answered by token: for each method the scopes that open it, or ANYBODY
    PAGES    pages for who is signed in: any one of which rights opens them, and, where the address names
             an object of a party, how to make one: ``of=`` a function from the site and a party to the
             arguments of the address. Of another party it must answer 404, but for those with a right
             over everybody's (``over=``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from flask import Flask

from tests.support.people import make_person, make_session
from tests.support.world import World
from traceability.operations.accounts.kinds import set_kind
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.accounts.sessions import find_session
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.tokens import Scope, new_token

ANYBODY: Final = "anybody"
REGULATOR: Final = "a regulator's token, for queries or recalls"
CODE: Final = "a code in the body"
Make: TypeAlias = "Callable[[Site, str], Mapping[str, str]]"
Needs: TypeAlias = "frozenset[Scope] | str"


@dataclass
class Site:
    """An application, its world, and two parties of each kind: one's own and another."""

    app: Flask
    world: World
    own: dict[PartyKind, str] = field(default_factory=dict)
    others: dict[PartyKind, str] = field(default_factory=dict)
    made: dict[tuple[Make, str], Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with_kind = ((kind, parties) for kind in PartyKind for parties in (self.own, self.others))
        for kind, parties in with_kind:
            parties[kind] = self.world.party(f"{kind} {len(self.own) + len(self.others)}")
            with self.world.store.transaction() as tx:
                set_kind(tx, self.world.node, COMMAND_LINE, parties[kind], kind)

    def arguments(self, row: Page, party: str) -> Mapping[str, str]:
        """What the address of a row's page names of a party; made once for each party."""
        if row.of is None:
            return {}
        if (row.of, party) not in self.made:
            self.made[row.of, party] = row.of(self, party)
        return self.made[row.of, party]

    def path(self, endpoint: str, **arguments: str) -> str:
        """The address of an endpoint."""
        rule = next(rule for rule in self.app.url_map.iter_rules() if rule.endpoint == endpoint)
        built = rule.build(arguments)
        assert built is not None, f"{endpoint} needs {sorted(rule.arguments)}, the row gives {arguments}"
        return built[1]


@dataclass(frozen=True)
class Page:
    """A row of PAGES."""

    rights: frozenset[Right]
    of: Make | None = None
    over: Right | None = None


def page(*rights: Right, of: Make | None = None, over: Right | None = None) -> Page:
    """A row: any one of these rights opens it; none: everybody who is signed in."""
    return Page(frozenset(rights), of, over)


def a_person(site: Site, party: str) -> Mapping[str, str]:
    """Somebody of a party."""
    return {"user": make_person(site.world.store, site.world.node, party, None).id}


def a_token(site: Site, party: str) -> Mapping[str, str]:
    """A token of a party."""
    name = f"token-{secrets.token_hex(4)}"
    new_token(site.world.store, site.world.node, party=party, scopes=[Scope.QUERY], days=1, name=name)
    return {"name": name}


def a_session(site: Site, party: str) -> Mapping[str, str]:
    """A session of somebody else of a party: never one's own to end."""
    store, node = site.world.store, site.world.node
    text = make_session(store, node, make_person(store, node, party, None))
    with store.reading() as connection:
        found = find_session(connection, node, text, store.clock())
    assert found is not None
    return {"short": found.short}


def scopes(*needed: Scope) -> frozenset[Scope]:
    """Any one of these."""
    return frozenset(needed)


_PEOPLE: Final = page(Right.PEOPLE, of=a_person, over=Right.ADMINISTER)
PAGES: Final[dict[str, Page]] = {
    "accounts.account": page(),
    "accounts.password": page(),
    "accounts.app": page(),
    "accounts.remove_app": page(),
    "accounts.codes": page(),
    "accounts.end_one": page(of=a_session),
    "accounts.end_others": page(),
    "accounts.people": page(Right.PEOPLE),
    "accounts.invite": page(Right.PEOPLE),
    "accounts.renew_link": _PEOPLE,
    "accounts.change_role": _PEOPLE,
    "accounts.disable": _PEOPLE,
    "accounts.enable": _PEOPLE,
    "accounts.forget_app": _PEOPLE,
    "accounts.tokens": page(Right.TOKENS),
    "accounts.make": page(Right.TOKENS),
    "accounts.revoke": page(Right.TOKENS, of=a_token),
    "accounts.trail": page(Right.PEOPLE),
    "accounts.trail_csv": page(Right.PEOPLE),
    "accounts.parties": page(Right.ADMINISTER),
    "accounts.enrol": page(Right.ADMINISTER),
    "accounts.change_kind": page(Right.ADMINISTER),
}

_LOT: Final = {"gtin": "09520000000011", "lot": "L1"}
PUBLIC: Final[dict[str, Mapping[str, str]]] = {
    "static": {"filename": "site.css"},
    "consumer.start": {},
    "consumer.batch": _LOT,
    "consumer.incomplete": {"rest": "x"},
    "consumer.qr_svg": _LOT,
    "consumer.qr_png": _LOT,
    "consumer.bundle": _LOT,
    "consumer.policy": {},
    "checking.any_bundle": {},
    "checking.bundle_of": _LOT,
    "documents.file": {"notice": "0" * 64},
    "regulator.page": {},
    "log.checkpoint": {},
    "log.proof": {},
    "log.tile": {"path": "tile/0/000"},
    "health.healthz": {},
    "health.metrics": {},
    "accounts.sign_in": {},
    "accounts.sign_out": {},
    "accounts.join": {"token": "x" * 43},
    "accounts.forgot": {},
    "accounts.reset": {"token": "x" * 43},
    "accounts.enter": {"token": "x" * 43},
}

API: Final[dict[str, tuple[Mapping[str, str], Mapping[str, Needs]]]] = {
    "enrol.application": ({}, {"POST": CODE}),
    "epcis.Top": ({}, {"GET": ANYBODY}),
    "epcis.Description": ({}, {"GET": ANYBODY}),
    "epcis.Captures": ({}, {"GET": scopes(Scope.CAPTURE), "POST": scopes(Scope.CAPTURE)}),
    "epcis.CaptureJob": ({"capture_id": "x"}, {"GET": scopes(Scope.CAPTURE)}),
    "epcis.Events": ({}, {"GET": ANYBODY, "POST": scopes(Scope.CAPTURE)}),
    "epcis.Event": ({"event_id": "x"}, {"GET": ANYBODY}),
    "epcis.Queries": ({}, {"GET": scopes(Scope.QUERY), "POST": scopes(Scope.QUERY)}),
    "epcis.Query": ({"query_name": "x"}, {"GET": scopes(Scope.QUERY), "DELETE": scopes(Scope.QUERY)}),
    "epcis.QueryEvents": ({"query_name": "x"}, {"GET": scopes(Scope.QUERY)}),
    "recalls.Recalls": ({}, {"GET": ANYBODY, "POST": scopes(Scope.RECALL)}),
    "recalls.Preview": ({}, {"POST": scopes(Scope.RECALL)}),
    "recalls.OneRecall": ({"recall_id": "x"}, {"GET": ANYBODY}),
    "recalls.Issue": ({"recall_id": "x"}, {"POST": scopes(Scope.RECALL)}),
    "recalls.Close": ({"recall_id": "x"}, {"POST": scopes(Scope.RECALL)}),
    "traces.Traces": ({}, {"GET": REGULATOR}),
    "traces.RecordsOfTheRule": ({}, {"GET": REGULATOR}),
}
