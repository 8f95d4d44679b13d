"""``prefix add | remove | allow | disallow | list``: whose a GS1 company prefix is, for whom it is open."""

from __future__ import annotations

import argparse
from typing import Any

from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.commands.words import read_party
from traceability.operations.names import Called, party_names
from traceability.operations.prefixes import (
    Held,
    add_prefixes,
    allow,
    disallow,
    list_prefixes,
    remove_prefix,
)


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "prefix",
        does="Say whose a GS1 company prefix is: nobody else makes what bears it",
        example="traceability prefix add 9520001 --party 9520001000010",
    ).add_subparsers(metavar="WHAT", required=True)
    verb = add_verb(
        group,
        "add",
        _add,
        does="Say that a firm holds company prefixes",
        example="traceability prefix add 9520001 --party 9520001000010",
    )
    verb.add_argument("prefix", nargs="+", metavar="DIGITS", help="4 to 12 digits, as GS1 issued them")
    verb.add_argument("--party", help="who holds them: GLN, pseudonym or URI (default: the only one here)")
    verb = add_verb(
        group,
        "remove",
        _remove,
        does="Take a prefix from its holder, and from all for whom it is open",
        example="traceability prefix remove 9520001",
    )
    verb.add_argument("prefix", metavar="DIGITS", help="one that is held (prefix list)")
    for name, handler, does in (
        ("allow", _allow, "Open a prefix for another firm, such as a contract maker or a repacker"),
        ("disallow", _disallow, "Take that back; what was made meanwhile stays"),
    ):
        verb = add_verb(
            group,
            name,
            handler,
            does=does,
            example=f"traceability prefix {name} 9520001 --party 9520004000017",
        )
        verb.add_argument("prefix", metavar="DIGITS", help="one that is held (prefix list)")
        verb.add_argument("--party", required=True, help="for whom: GLN, pseudonym or URI")
    verb = add_verb(
        group,
        "list",
        _list,
        does="List who holds which prefix, and for whom it is open",
        example="traceability prefix list",
    )
    verb.add_argument("--party", help="only what it holds: GLN, pseudonym or URI")


def _add(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        held = add_prefixes(here.store, party, args.prefix)
    prefixes = [each.prefix for each in held]
    return Answer({"party": party, "prefixes": prefixes}, (f"{party} holds {', '.join(prefixes)}",))


def _remove(args: argparse.Namespace) -> Answer:
    with opened() as here:
        held = remove_prefix(here.store, args.prefix)
    return Answer(_shown(held), (f"{held.prefix} is no longer held by {held.party}",))


def _allow(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        held = allow(here.store, args.prefix, party)
    return Answer(_shown(held), (f"{held.prefix} of {held.party} is open for {party}",))


def _disallow(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        held = disallow(here.store, args.prefix, party)
    return Answer(_shown(held), (f"{held.prefix} of {held.party} is no longer open for {party}",))


def _list(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        party = None if args.party is None else read_party(connection, here.node, args.party)
        held = list_prefixes(connection, party)
        known = party_names(connection, {uri for each in held for uri in (each.party, *each.allowed)})
    called = Called(parties={uri: names["en"] for uri, names in known.items()})
    lines = tuple(_line(each, called) for each in held)
    none = ("nobody holds a prefix yet: traceability prefix add --help",)
    return Answer({"prefixes": [_shown(each) for each in held]}, lines or none)


def _line(held: Held, called: Called) -> str:
    opened_for = f", open for {', '.join(map(called.party, held.allowed))}" if held.allowed else ""
    return f"{held.prefix:<12}  {called.party(held.party)}{opened_for}"


def _shown(held: Held) -> dict[str, Any]:
    return {"prefix": held.prefix, "party": held.party, "allowed": list(held.allowed)}
