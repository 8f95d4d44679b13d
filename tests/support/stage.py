"""Somebody of each kind at a site, each with a browser or a token, and new objects for them to act on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support import objects
from tests.support.matrix import Make, Site
from tests.support.people import form, hold, make_person, make_session
from tests.support.recalls import NOTICE
from traceability.operations.accounts.demonstration import invent
from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.people import Person, add_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.sessions import Session, find_session
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.node import Node
from traceability.operations.recalling.cases import find_case, look_at
from traceability.operations.tokens import Scope, new_token
from traceability.store.engine import Store
from traceability.supply.recall import State

HAZARD: Final = {
    "recallClass": "1",
    "contact": str(NOTICE.contact),
    **{f"hazard-{tongue}": text for tongue, text in NOTICE.hazard.items()},
    **{f"advice-{tongue}": text for tongue, text in NOTICE.advice.items()},
}


@dataclass
class Stage:
    """A site with a client for each kind of visitor: ``firm``, ``mate``, ``office``, ``lab``, ``admin``."""

    site: Site
    people: dict[str, Person] = field(default_factory=dict)
    clients: dict[str, FlaskClient] = field(default_factory=dict)
    alarm: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        own = self.site.own
        kinds = {
            "firm": PartyKind.PRODUCER,
            "mate": PartyKind.PRODUCER,
            "third": PartyKind.PRODUCER,
            "office": PartyKind.AUTHORITY,
            "clerk": PartyKind.AUTHORITY,
            "lab": PartyKind.LABORATORY,
        }
        for who, kind in kinds.items():
            self._let_in(who, make_person(self.store, self.node, own[kind], kind))
        self._let_in("admin", make_person(self.store, self.node, None))
        self.alarm = self.at(objects.an_alarm, "firm")  # as the watchman raises it, for nobody
        self.clients["stranger"] = self.site.app.test_client()

    @property
    def store(self) -> Store:
        return self.site.world.store

    @property
    def node(self) -> Node:
        return self.site.world.node

    def party(self, who: str) -> str:
        return str(self.people[who].party)

    def another_session(self, who: str) -> Session:
        """The same person, at another machine."""
        text = make_session(self.store, self.node, self.people[who])
        with self.store.reading() as connection:
            found = find_session(connection, self.node, text, self.store.clock())
        assert found is not None
        return found

    def post(self, who: str, endpoint: str, /, **sent: str) -> TestResponse:
        """Send a form to a route; what its address names is taken out of what is sent."""
        client = self.clients[who]
        path = self.site.path(endpoint, "POST", **sent).partition("?")[0]
        return client.post(f"{path}?lang=en", data=form(client, **sent))

    def at(self, make: Make, who: str) -> dict[str, str]:
        """A new object of somebody's party."""
        return dict(make(self.site, self.party(who)))

    def lot(self, who: str) -> str:
        """A new lot of somebody's party."""
        return self.site.world.harvest(self.party(who), f"N{secrets.token_hex(4)}")

    def case(self, who: str) -> str:
        """A new case of somebody's party about a new lot."""
        lot = self.lot(who)
        answer = self.post(who, cases(who, "opened"), lots=lot)
        assert answer.status_code == 303, answer.text
        return answer.location.partition("?")[0].rpartition("/")[2]

    def reach(self, case_id: str) -> str:
        """What a page about a case says of the scope that it shows."""
        with self.store.reading() as connection:
            return look_at(connection, self.node, find_case(connection, case_id)).reach

    def digest(self, case_id: str) -> str:
        """What whoever approves a proposal confirms."""
        with self.store.reading() as connection:
            found = look_at(connection, self.node, find_case(connection, case_id))
        return found.digest(NOTICE, State.ISSUED)

    def proposed(self, who: str) -> str:
        """A case with a proposal that waits."""
        case_id = self.case(who)
        self.post(who, cases(who, "proposed"), case_id=case_id, seen=self.reach(case_id), **HAZARD)
        return case_id

    def token(self, who: str, scope: Scope) -> Mapping[str, str]:
        """The header of a new token of somebody's party."""
        given = {"party": self.party(who), "scopes": [scope], "days": 1, "name": secrets.token_hex(8)}
        text, _ = new_token(self.store, self.node, **given)  # type: ignore[arg-type]
        return {"Authorization": f"Bearer {text}"}

    def ask(self, method: str, endpoint: str, scope: Scope, body: Any, **named: str) -> TestResponse:
        """Ask the API, as a machine of the firm."""
        headers = {**self.token("firm", scope), "Content-Type": "application/json", "Prefer": "respond-async"}
        path = self.site.path(endpoint, method, **named)
        client = self.site.app.test_client(use_cookies=False)
        data = json.dumps(body) if body is not None else None
        return client.open(path, method=method, headers=headers, data=data)

    def link(self, purpose: Purpose) -> str:
        """A one-time link of somebody new."""
        with self.store.transaction() as tx:
            name, party = secrets.token_hex(8), self.party("firm")
            if purpose is Purpose.DEMO:
                person = invent(tx, self.node, name, "Mei", party, Role.WORKER)
            else:
                person = add_person(
                    tx, self.node, COMMAND_LINE, login=name, name="Mei", party=party, role=Role.WORKER
                )
            return new_link(tx, self.node, COMMAND_LINE, person.id, purpose)

    def _let_in(self, who: str, person: Person) -> None:
        self.people[who] = person
        client = self.site.app.test_client()
        self.clients[who] = hold(client, make_session(self.store, self.node, person))


def cases(who: str, name: str) -> str:
    """The endpoint of a case as an authority works on it, or a firm."""
    return f"{'office' if who in {'office', 'clerk'} else 'firm'}_recalls.{name}"
