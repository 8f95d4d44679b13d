"""``recall notices | acknowledge | answer | contact``: what holders of recalled goods are told, and say."""

from __future__ import annotations

import argparse

from traceability.commands.recallcase import ID, add_person, person_of
from traceability.commands.verb import Answer, Verbs, add_verb, opened
from traceability.commands.words import read_party
from traceability.ledger.record import format_time
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.outbox import WEBHOOK
from traceability.operations.recalling.answers import Fate, answer
from traceability.operations.recalling.contacts import (
    add_contact,
    addresses_of,
    remove_contact,
    secret_of,
)
from traceability.operations.recalling.notices import acknowledge, items_of, notices_to
from traceability.operations.tracerequest import read_thing


def add(recall: Verbs) -> None:
    """Add these verbs behind ``recall``."""
    verb = add_verb(
        recall,
        "notices",
        _notices,
        does="List what a party is told of recalls, and what it has or had of them",
        example="traceability recall notices --party 9520008000013",
    )
    _add_party(verb)
    verb = add_verb(
        recall,
        "acknowledge",
        _acknowledge,
        does="Say that a notice was read",
        example=f"traceability recall acknowledge {ID} --by dan --party 9520008000013",
    )
    verb.add_argument("id", metavar="ID", help="of the case or drill")
    add_person(verb)
    _add_answer(recall)
    verb = add_verb(
        recall,
        "contact",
        _contact,
        does="Show the addresses by which holders are told of recalls, or add or remove one",
        example="traceability recall contact --party 9520008000013 --add quality@dairy.example",
    )
    _add_party(verb)
    change = verb.add_mutually_exclusive_group()
    change.add_argument("--add", metavar="ADDRESS", help="an e-mail address, or a webhook's https address")
    change.add_argument("--remove", metavar="ADDRESS", help="one that is there")


def _add_answer(recall: Verbs) -> None:
    verb = add_verb(
        recall,
        "answer",
        _answer,
        does="Say what became of a recalled lot; what is said later counts instead",
        example=f"traceability recall answer {ID} 09520000000011/Y --quarantined 6.5 --sold 3 --by dan",
    )
    verb.add_argument("id", metavar="ID", help="of the case or drill")
    verb.add_argument("lot", metavar="LOT", help="GTIN/LOT, path, URI or URN")
    for fate in Fate:
        verb.add_argument(f"--{fate}", metavar="AMOUNT", help="how much, such as 12 or 12.5")
    verb.add_argument("--unit", metavar="CODE", help="such as KGM, where the lot's own is not known")
    verb.add_argument("--note", default="", metavar="TEXT", help="what is to be remembered")
    verb.add_argument("--beyond", action="store_true", help="it is more than should be there, and that is so")
    add_person(verb)


def _add_party(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--party", help="GLN, pseudonym or URI (default: the only party)")


def _notices(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        party = read_party(connection, here.node, args.party)
        found = [
            (notice, items_of(connection, notice.case, party)) for notice in notices_to(connection, party)
        ]
    lines = []
    for notice, items in found:
        seen = f"acknowledged by {notice.acknowledged_by}" if notice.acknowledged_by else "not acknowledged"
        drill = ", a drill" if notice.case.startswith("D-") else ""
        lines.append(f"{notice.case}{drill}: {seen}, due {format_time(notice.due_ms)}")
        lines += [f"  {item.thing} {item.amount or '?'} {item.uom or ''}".rstrip() for item in items]
    data = [
        {
            "case": notice.case,
            "due": format_time(notice.due_ms),
            "acknowledged": notice.acknowledged_ms is not None,
            "items": [{"thing": item.thing, "amount": item.amount, "unit": item.uom} for item in items],
        }
        for notice, items in found
    ]
    return Answer({"notices": data}, tuple(lines) or ("there are no notices",))


def _acknowledge(args: argparse.Namespace) -> Answer:
    with opened() as here:
        notice = acknowledge(here.store, person_of(here, args), args.id)
    at = format_time(notice.acknowledged_ms or 0)
    return Answer(
        {"case": args.id, "by": notice.acknowledged_by, "at": at},
        (f"{args.id}: acknowledged by {notice.acknowledged_by} at {at}",),
    )


def _answer(args: argparse.Namespace) -> Answer:
    amounts = {fate: said for fate in Fate if (said := getattr(args, fate.value)) is not None}
    with opened() as here:
        now = answer(
            here.store,
            person_of(here, args),
            args.id,
            read_thing(here.node, args.lot),
            amounts,
            uom=args.unit,
            note=args.note,
            beyond=args.beyond,
        )
    lines = tuple(f"{each.fate}: {each.amount:f} {each.uom or 'pieces'}" for each in now)
    return Answer({each.fate.value: f"{each.amount:f}" for each in now}, lines or ("nothing was said yet",))


def _contact(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            named = args.party is not None or args.add or args.remove
            party = read_party(connection, here.node, args.party) if named else None
        if args.remove:
            remove_contact(here.store, COMMAND_LINE, party or "", args.remove)
        found = [add_contact(here.store, COMMAND_LINE, party or "", args.add)] if args.add else []
        if not args.add:
            with here.store.reading() as connection:
                found = addresses_of(connection, None if party is None else [party])
        rows = [
            (each, secret_of(here.node, each.address) if each.channel == WEBHOOK and args.add else "")
            for each in found
        ]
    lines = tuple(
        f"{each.party} {each.address}" + (f": posts are signed with {secret}" if secret else "")
        for each, secret in rows
    )
    data = [{"party": each.party, "channel": each.channel, "address": each.address} for each in found]
    return Answer({"contacts": data}, lines or ("there are no addresses",))
