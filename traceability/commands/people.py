"""``people list | invite | link | role | disable | enable | kind``: who may sign in, and as what."""

from __future__ import annotations

import argparse
import os
from typing import Any

from traceability.commands.verb import Answer, Opened, Verbs, add_group, add_verb, opened
from traceability.errors import UnknownSubjectError
from traceability.hosts import sign_in_url
from traceability.operations.accounts import managing
from traceability.operations.accounts.first import first_link
from traceability.operations.accounts.kinds import list_kinds, set_kind
from traceability.operations.accounts.letters import address_of
from traceability.operations.accounts.links import LASTS_MS, Purpose
from traceability.operations.accounts.own import FIRST
from traceability.operations.accounts.people import Person, find_login, list_people
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.enrol import find_party
from traceability.running.address import with_address
from traceability.settings import RunSettings, load


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "people",
        does="Say who may sign in at the site, and as what",
        example="traceability people invite li@dairy.example --party 9520000000028 --role manager",
    ).add_subparsers(metavar="WHAT", required=True)
    add_verb(
        group,
        "list",
        _list,
        does="List the people, their parties and roles",
        example="traceability people list",
    )
    _add_invite(group)
    link = _add_named(
        group, "link", _link, "Print a new link for somebody, to join or to choose a new password", FIRST
    )
    link.add_argument(
        "--forget-app", action="store_true", help="also forget the app for codes, if it is lost"
    )
    role = _add_named(group, "role", _role, "Give somebody another role, from now on", "li worker")
    role.add_argument("role", choices=[str(r) for r in Role if r is not Role.ADMINISTRATOR])
    _add_named(group, "disable", _disable, "Let somebody in no more, and end their sessions", "li")
    _add_named(group, "enable", _enable, "Let somebody in again", "li")
    kind = add_verb(
        group,
        "kind",
        _kind,
        does="Say what a party is: the rights of its people follow from it",
        example="traceability people kind 9520000000028 producer",
    )
    kind.add_argument("party", metavar="PARTY", help="GLN, pseudonym or URI of an enrolled party")
    kind.add_argument("kind", choices=[str(k) for k in PartyKind])


def _add_named(group: Verbs, name: str, handler: Any, does: str, example: str) -> argparse.ArgumentParser:
    verb = add_verb(group, name, handler, does=does, example=f"traceability people {name} {example}")
    verb.add_argument("login", metavar="NAME", help="by which the person signs in (people list)")
    return verb


def _add_invite(group: Verbs) -> None:
    verb = add_verb(
        group,
        "invite",
        _invite,
        does="Invite somebody, and print the link by which they join, this once",
        example="traceability people invite li@dairy.example --party 9520000000028 --role manager",
    )
    verb.add_argument("login", metavar="NAME", help="e-mail address, or a name to sign in by")
    verb.add_argument("--name", help="what the person is called (default: as they sign in)")
    verb.add_argument("--party", help="GLN, pseudonym or URI; without one, an administrator of the node")
    verb.add_argument(
        "--role",
        default=Role.MANAGER.value,
        choices=[str(r) for r in Role if r is not Role.ADMINISTRATOR],
        help="in that party (default: manager)",
    )


def _list(_: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = list_people(connection, here.node)
        kinds = list_kinds(connection, here.node)
    lines = tuple(f"{person.login}: {_words(person)}" for person in found)
    data = {
        "people": [_data(person) for person in found],
        "kinds": {party: kind.value for party, kind in kinds.items()},
    }
    return Answer(data, lines or ("nobody yet: traceability people invite --help",))


def _invite(args: argparse.Namespace) -> Answer:
    role = Role(args.role) if args.party else Role.ADMINISTRATOR
    with opened() as here:
        person, text = managing.invite(
            here.store,
            here.node,
            COMMAND_LINE,
            login=args.login,
            name=args.name or args.login,
            party=args.party,
            role=role,
            within=None,
        )
    return _shown(person.login, Purpose.INVITE, text)


def _link(args: argparse.Namespace) -> Answer:
    with opened() as here:
        if args.login == FIRST and (text := first_link(here.store, here.node)) is not None:
            return _shown(FIRST, Purpose.FIRST, text)
        user = _find(here, args.login)
        if args.forget_app:
            managing.remove_second_factor(here.store, here.node, COMMAND_LINE, user, within=None)
        purpose, text = managing.renew_link(here.store, here.node, COMMAND_LINE, user, within=None)
    return _shown(args.login, purpose, text)


def _role(args: argparse.Namespace) -> Answer:
    with opened() as here:
        user = _find(here, args.login)
        managing.change_role(here.store, here.node, COMMAND_LINE, user, Role(args.role), within=None)
    return Answer({"login": args.login, "role": args.role}, (f"{args.login} is {args.role} from now on",))


def _disable(args: argparse.Namespace) -> Answer:
    with opened() as here:
        managing.disable(here.store, here.node, COMMAND_LINE, _find(here, args.login), within=None)
    return Answer({"login": args.login, "disabled": True}, (f"{args.login} is disabled, and signed out",))


def _enable(args: argparse.Namespace) -> Answer:
    with opened() as here:
        managing.enable(here.store, here.node, COMMAND_LINE, _find(here, args.login), within=None)
    return Answer({"login": args.login, "disabled": False}, (f"{args.login} may sign in again",))


def _kind(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.transaction() as tx:
        party = find_party(tx.connection, here.node, args.party)
        set_kind(tx, here.node, COMMAND_LINE, party, PartyKind(args.kind))
    return Answer({"party": party, "kind": args.kind}, (f"{party} is a {args.kind}",))


def _find(here: Opened, login: str) -> str:
    with here.store.reading() as connection:
        user = find_login(connection, login)
    if user is None:
        raise UnknownSubjectError(
            f"nobody signs in as {login[:80]!r}", remedy="traceability people list shows the names."
        )
    return user


def _shown(login: str, purpose: Purpose, text: str) -> Answer:
    site = load(RunSettings, with_address(os.environ))
    address = address_of(sign_in_url(site.base_url, site.port), purpose, text)
    hours = LASTS_MS[purpose] // 3_600_000
    lines = (
        address,
        f"for {login} and nobody else; it works once, within {hours} hours, and is shown this once",
    )
    return Answer({"login": login, "link": address, "hours": hours}, lines)


def _words(person: Person) -> str:
    party = "" if person.party is None else f" of {person.party} ({person.kind or 'not said yet what it is'})"
    state = "disabled" if person.disabled_ms is not None else "" if person.joined else "not joined yet"
    app = "with an app" if person.second_factor else "no app"
    return ", ".join(filter(None, (f"{person.role}{party}", app, state)))


def _data(person: Person) -> dict[str, Any]:
    return {
        "login": person.login,
        "name": person.name,
        "party": person.party,
        "role": person.role.value,
        "joined": person.joined,
        "app": person.second_factor,
        "disabled": person.disabled_ms is not None,
    }
