"""Who may use which route, as a table, and a site on which to try: rows are in ``tests/support/routes.py``.

A row of PAGES says which rights open a page and, where its address or its form names an object, how to
make one for a party. Another party's must answer as if there were none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.support.web import site_of
from tests.support.world import World, make_world
from traceability.operations.accounts.kinds import set_kind
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.tokens import Scope
from traceability.store.accounts import TrailEntry

ANYBODY: Final = "anybody"
REGULATOR: Final = "a regulator's token, for queries or recalls"
CODE: Final = "a code in the body"
Given: TypeAlias = "Mapping[str, str]"
Make: TypeAlias = "Callable[[Site, str], Given]"
Needs: TypeAlias = "frozenset[Scope] | str"


@dataclass
class Site:
    """An application, its world, and two parties of each kind, one's own and another; each has made a lot."""

    app: Flask
    world: World
    own: dict[PartyKind, str] = field(default_factory=dict)
    others: dict[PartyKind, str] = field(default_factory=dict)
    lots: dict[str, str] = field(default_factory=dict)
    made: dict[tuple[Make, str], Given] = field(default_factory=dict)
    cells: int = 0

    def __post_init__(self) -> None:
        with_kind = ((kind, parties) for kind in PartyKind for parties in (self.own, self.others))
        for kind, parties in with_kind:
            number = len(self.own) + len(self.others) + 1
            parties[kind] = party = self.world.party(f"{kind} {number}")
            with self.world.store.transaction() as tx:
                set_kind(tx, self.world.node, COMMAND_LINE, party, kind)
            self.lots[party] = self.world.harvest(party, f"L{number}")
        self.world.publish()

    def arguments(self, make: Make | None, party: str) -> Given:
        """What names an object of a party; made once for each party."""
        if make is None:
            return {}
        if (make, party) not in self.made:
            self.made[make, party] = make(self, party)
        return self.made[make, party]

    def cells_of(self, row: Page, *parties: str) -> Iterator[tuple[Given, str]]:
        """What a row's address names of each of these parties; of the first if it names nobody's."""
        for make in row.of or (None,):
            for party in parties if make else parties[:1]:
                yield {**row.given, **self.arguments(make, party)}, party

    def public(self, made: Given | Make) -> Given:
        """What the address of a public page names."""
        return self.arguments(made, self.own[PartyKind.PRODUCER]) if callable(made) else made

    def path(self, endpoint: str, method: str = "GET", **arguments: str) -> str:
        """The address of an endpoint; what is no part of its path is behind the question mark."""
        rules = [rule for rule in self.app.url_map.iter_rules() if rule.endpoint == endpoint]
        rule = next((rule for rule in rules if method in (rule.methods or ())), rules[0])
        within = {name: text for name, text in arguments.items() if name in rule.arguments}
        built = rule.build(within)
        assert built is not None, f"{endpoint} needs {sorted(rule.arguments)}, the row gives {arguments}"
        asked = urlencode({name: text for name, text in arguments.items() if name not in within})
        return built[1] + (f"?{asked}" if asked else "")

    def methods(self, endpoint: str) -> list[str]:
        """What an endpoint answers, but for what every one does."""
        rules = [rule for rule in self.app.url_map.iter_rules() if rule.endpoint == endpoint]
        return sorted({method for rule in rules for method in rule.methods or ()} - {"HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Page:
    """A row of PAGES; see ``page``."""

    rights: frozenset[Right]
    of: tuple[Make, ...] = ()
    over: frozenset[Right] = frozenset()
    only: frozenset[Right] | None = None
    given: Given = field(default_factory=dict)
    leads: bool = False

    def opens(self, rights: frozenset[Right], *, own: bool) -> bool:
        """Whether somebody with these rights sees the object, once the page let them in."""
        if self.only is not None:
            return bool(self.only & rights) and (own or not self.of or bool(self.over & rights))
        return own or not self.of or bool(self.over & rights)


def page(
    *rights: Right,
    of: Make | tuple[Make, ...] = (),
    over: tuple[Right, ...] = (),
    only: tuple[Right, ...] | None = None,
    given: Given | None = None,
    leads: bool = False,
) -> Page:
    """A row.

    Args:
        rights: any one of these opens it; none: everybody who is signed in.
        of: how to make what the address or the form names, for a party.
        over: any one of these opens another party's as well.
        only: without one of these the object is not there, whoever's it is.
        given: parts of the address that name nothing of anybody.
        leads: who still lacks an app for codes is led to it.
    """
    makes = of if isinstance(of, tuple) else (of,)
    least = None if only is None else frozenset(only)
    return Page(frozenset(rights), makes, frozenset(over), least, given or {}, leads)


def scopes(*needed: Scope) -> frozenset[Scope]:
    """Any one of these."""
    return frozenset(needed)


@contextmanager
def site_with(folder: Path) -> Iterator[Site]:
    """A site over a new world, in which no password is computed."""
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    try:
        with site_of(world) as app, pytest.MonkeyPatch.context() as patch:
            for module in ("own", "signin"):
                patch.setattr(f"traceability.operations.accounts.{module}.is_password", lambda *_: False)
            yield Site(app, world)
    finally:
        world.store.close()


def outcome(answer: TestResponse) -> str:
    """What became of a request, in a word."""
    where = answer.headers.get("Location", "")
    if answer.status_code == 303 and where.startswith("/sign-in?next="):
        return "sign in first"
    if answer.status_code == 303 and where.startswith("/account/app?lang="):
        return "app first"
    if answer.status_code == 403 and "<h1>You are signed out" in answer.text:
        return "sign in first"
    if answer.status_code == 403 and "<h1>This is not for you" in answer.text:
        return "forbidden"
    if answer.status_code >= 500 or answer.status_code in {401, 405}:
        return f"broken: {answer.status_code}"
    return "let in" if answer.status_code != 404 else "not there"


def trail_length(world: World) -> int:
    """How many entries the trail has."""
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(TrailEntry)).scalar_one()
