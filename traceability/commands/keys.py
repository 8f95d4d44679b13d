"""``key list | rotate | revoke | renew | farewell``: what becomes of a key after it was enrolled."""

from __future__ import annotations

import argparse
import re
from dataclasses import asdict
from typing import Any

from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.commands.words import parse_moment, read_party
from traceability.identifiers import parse_device_id
from traceability.ledger.record import format_time
from traceability.operations.enrol import EnrolledParty
from traceability.operations.farewell import Parting, device_signers, plan_farewell, say_farewell
from traceability.operations.keyring import (
    find_key,
    party_keys,
    renew_party_key,
    revoke_key,
    rotate_party_key,
)
from traceability.verification.signer import Signer


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "key",
        does="List, rotate, revoke or renew keys, or end a device",
        example="traceability key list",
    ).add_subparsers(metavar="WHAT", required=True)
    for name, handler, does in (
        ("list", _list, "Show every key that a firm or a device ever had, the newest last"),
        ("rotate", _rotate, "Go on with a new key; the old one signs for it and is deleted"),
        ("renew", _renew, "Give a firm whose key was revoked a new one"),
    ):
        verb = add_verb(group, name, handler, does=does, example=f"traceability key {name}")
        verb.add_argument("--party", help="whose: GLN, pseudonym or URI (default: the only one here)")
        if name == "list":
            verb.add_argument("--device", metavar="ID", help="or of which device: 32 hexadecimal digits")
    _add_revoke(group)
    _add_farewell(group)


def _add_revoke(group: Verbs) -> None:
    verb = add_verb(
        group,
        "revoke",
        _revoke,
        does="End the key of a firm or a device for ever; without --yes, only say what that does",
        example='traceability key revoke 0123456789abcdef0123456789abcdef --reason "laptop stolen" --yes',
    )
    verb.add_argument("kid", type=_kid, metavar="KEY", help="its 32 hexadecimal digits (key list)")
    verb.add_argument("--reason", required=True, metavar="TEXT", help="why; anyone can read it")
    verb.add_argument(
        "--suspected-since",
        type=parse_moment,
        metavar="TIME",
        help="what it signed from then on is flagged: ISO 8601 with zone, or now",
    )
    verb.add_argument("--yes", action="store_true", help="do it: it cannot be undone")


def _add_farewell(group: Verbs) -> None:
    verb = add_verb(
        group,
        "farewell",
        _farewell,
        does="End a device that is taken out of use; without --yes, only say what that does",
        example="traceability key farewell --device 0123456789abcdef0123456789abcdef --yes",
    )
    verb.add_argument("--device", required=True, metavar="ID", help="its 32 hexadecimal digits")
    verb.add_argument(
        "--last",
        type=int,
        metavar="N",
        help="the last counter that may still be on the way (default: the highest that came)",
    )
    verb.add_argument("--yes", action="store_true", help="do it: it cannot be undone")


def _kid(text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a key: 32 hexadecimal digits, as key list shows")
    return bytes.fromhex(text)


def _list(args: argparse.Namespace) -> Answer:
    if args.device is not None:
        return _list_device(parse_device_id(args.device))
    with opened() as here, here.store.reading() as connection:
        party = read_party(connection, here.node, args.party)
        keys = list(party_keys(connection, here.node, party).by_kid.values())
    return Answer({"party": party, "keys": [_shown(key) for key in keys]}, (party, *map(_line, keys)))


def _list_device(device: str) -> Answer:
    with opened() as here, here.store.reading() as connection:
        keys = list(device_signers(connection, here.node, device).by_kid.values())
    return Answer({"device": device, "keys": [_shown(key) for key in keys]}, (device, *map(_line, keys)))


def _farewell(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    with opened() as here:
        if args.yes:
            done = say_farewell(here.store, here.node, device, args.last)
            return Answer(asdict(done) | {"kid": done.kid.hex()}, _parting(done, "took"))
        with here.store.reading() as connection:
            planned = plan_farewell(connection, here.node, device, args.last)
    lines = (*_parting(planned, "would take"), "nothing was done: it cannot be undone, so add --yes to do it")
    return Answer(asdict(planned) | {"kid": planned.kid.hex()}, lines, exit_code=1)


def _parting(parting: Parting, word: str) -> tuple[str, ...]:
    up_to = f"up to counter {parting.last}" if parting.last >= 0 else "not even its first"
    return (
        f"{word} leave of device {parting.device}, whose highest counter so far is {parting.reached}",
        f"of what it says from now on nothing is accepted but {up_to}, whatever times it claims",
        f"messages up to there that did not come yet: {parting.holes}",
    )


def _rotate(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        return _new_key(rotate_party_key(here.store, here.node, party))


def _renew(args: argparse.Namespace) -> Answer:
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        return _new_key(renew_party_key(here.store, here.node, party))


def _revoke(args: argparse.Namespace) -> Answer:
    since = args.suspected_since
    with opened() as here:
        with here.store.reading() as connection:
            key = find_key(connection, args.kid)
        if args.yes:
            suspected_s = None if since is None else since.ms // 1000
            revoked = revoke_key(here.store, here.node, args.kid, suspected_s, args.reason)
            return Answer(_shown(revoked), (_line(revoked), *_next(key)))
    told = f"what it signed from {format_time(since.ms)} on" if since else "nothing that it signed"
    lines = (
        f"would revoke key {args.kid.hex()} of {key.subject}: {args.reason}",
        f"{told} is flagged; all of it stays valid, and nothing that it signs later is accepted",
        "nothing was done: it cannot be undone, so add --yes to do it",
    )
    return Answer(_shown(key), lines, exit_code=1)


def _next(ended: Signer) -> list[str]:
    """What is left to do once a key was revoked."""
    if ended.until_ms is not None:
        return []
    if ended.owner is None:
        return [f"next: traceability key renew --party {ended.subject}"]
    device = ended.subject[-32:]
    return [f"next: traceability remove --device {device} --on ASSET, and enrol another one in its place"]


def _new_key(made: EnrolledParty) -> Answer:
    lines = (f"{made.uri} signs with key {made.kid.hex()} from now on", "it is kept by this node")
    return Answer({"party": made.uri, "kid": made.kid.hex()}, lines)


def _shown(key: Signer) -> dict[str, Any]:
    revoked = key.revocation
    suspected_s = revoked.suspected_s if revoked else None
    return {
        "kid": key.key.kid.hex(),
        "device" if key.owner else "party": key.subject,
        "custody": key.custody,
        "from": format_time(key.from_ms),
        "until": None if key.until_ms is None else format_time(key.until_ms),
        "revoked": revoked.reason if revoked else None,
        "suspected_since": None if suspected_s is None else format_time(suspected_s * 1000),
    }


def _line(key: Signer) -> str:
    shown = _shown(key)
    line = f"{shown['kid']}  from {shown['from']}  until {shown['until'] or 'now in force'}"
    if key.last is not None:
        line = f"{line}  last counter: {key.last}"
    if key.revocation is None:
        return line
    suspected = f", misuse suspected since {shown['suspected_since']}" if shown["suspected_since"] else ""
    return f"{line}  revoked: {shown['revoked']}{suspected}"
