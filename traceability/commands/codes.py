"""``enrol code | pending | approve | reject``: a device enrols itself, a person compares its fingerprint."""

from __future__ import annotations

import argparse
import re

from traceability.commands.verb import Answer, Verbs, add_verb, opened
from traceability.commands.words import read_party
from traceability.identifiers import parse_device_id
from traceability.ledger.record import format_time
from traceability.operations.codes import applicants, approve, new_code, reject


def add(enrol: Verbs) -> None:
    """Add these verbs to the group ``enrol``."""
    verb = add_verb(
        enrol,
        "code",
        _code,
        does="Make a code with which one device applies to be enrolled, within a day",
        example="traceability enrol code --model FT-1",
    )
    verb.add_argument("--party", help="whose device: GLN, pseudonym or URI (default: the only one here)")
    verb.add_argument("--model", required=True, metavar="TEXT", help="what the device says that it is")
    verb.add_argument("--site", default="main", help="the site in its topic: a-z, 0-9 and - (default: main)")
    add_verb(
        enrol,
        "pending",
        _pending,
        does="Show the devices that applied with a code and wait for approval",
        example="traceability enrol pending",
    )
    for name, handler, does in (
        ("approve", _approve, "Enrol a device that applied, once you have compared its fingerprint"),
        ("reject", _reject, "Turn a device away that applied; its code is spent"),
    ):
        example = f"traceability enrol {name} 0123-4567-89ab-cdef-0123-4567-89ab-cdef"
        verb = add_verb(enrol, name, handler, does=does, example=example)
        verb.add_argument("device", metavar="FINGERPRINT", type=_device, help="as the device itself shows it")


def _device(text: str) -> str:
    return parse_device_id(re.sub(r"[\s-]", "", text).lower())


def fingerprint(device: str) -> str:
    """A device's id in groups, as a person compares it."""
    return "-".join(device[i : i + 4] for i in range(0, len(device), 4))


def _code(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        code, until_ms = new_code(here.store, here.node, party=party, model=args.model, site=args.site)
    until = format_time(until_ms)
    lines = (
        code,
        f"for one device of model {args.model} of {party}, until {until}; it is not shown again",
        "next: when the device has applied, traceability enrol pending",
    )
    return Answer({"code": code, "party": party, "model": args.model, "until": until}, lines)


def _pending(_: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = applicants(connection, here.store.clock())
    data = [
        {"device": a.device, "fingerprint": fingerprint(a.device), "party": a.owner, "model": a.model}
        for a in found
    ]
    lines = [
        f"{fingerprint(a.device)}  {a.model} of {a.owner}, until {format_time(a.until_ms)}" for a in found
    ]
    return Answer({"pending": data}, tuple(lines) or ("no device waits",))


def _approve(args: argparse.Namespace) -> Answer:
    with opened() as here:
        enrolled = approve(here.store, here.node, args.device)
    lines = (
        f"enrolled {enrolled.uri} of {enrolled.owner}",
        "it fetches its answer when it applies the next time, within a day",
        f"next: traceability install --device {enrolled.device} --on ASSET",
    )
    return Answer({"device": enrolled.device, "uri": enrolled.uri, "party": enrolled.owner}, lines)


def _reject(args: argparse.Namespace) -> Answer:
    with opened() as here:
        reject(here.store, args.device)
    return Answer({"device": args.device}, (f"device {args.device} was turned away; its code is spent",))
