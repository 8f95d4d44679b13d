"""``init``, ``enrol party|device|devices``, ``install``, ``remove``: what a node is made of."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from traceability.commands import codes
from traceability.commands.files import read_file
from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened, progress
from traceability.commands.words import parse_moment, read_party, read_target
from traceability.errors import FileError, TraceabilityError
from traceability.identifiers import device_uri, parse_device_id
from traceability.operations.enrol import (
    MAIN_SITE,
    Asked,
    device_owner,
    enrol_device,
    enrol_devices,
    enrol_party,
    read_request,
)
from traceability.operations.handover import device_answer, write_private
from traceability.operations.node import Node
from traceability.operations.prepare import prepare_node
from traceability.operations.record import make_event, record_event
from traceability.sensing.topics import frame_topic
from traceability.settings import NodeSettings, load


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    verb = add_verb(
        verbs,
        "init",
        _init,
        does="Make a node: its folder (FT_DATA), keys, tables and first checkpoint",
        example="FT_DATA=./data traceability init --node dali.example",
    )
    verb.add_argument("--node", metavar="NAME", help="its name for ever, a host name (default: a random one)")
    enrol = add_group(
        verbs,
        "enrol",
        does="Make a firm or a device known",
        example='traceability enrol party --name-en "Cangshan Farm" --name-zh 苍山农场',
    ).add_subparsers(metavar="WHAT", required=True)
    _add_party(enrol)
    _add_device(enrol)
    _add_devices(enrol)
    codes.add(enrol)
    for name, does in (("install", "Say what a device measures"), ("remove", "End an installation")):
        _add_installation(verbs, name, does)


def _add_party(enrol: Verbs) -> None:
    verb = add_verb(
        enrol,
        "party",
        _enrol_party,
        does="Make a firm known, with a key that this node keeps for it",
        example='traceability enrol party --name-en "Cangshan Farm" --name-zh 苍山农场',
    )
    verb.add_argument("--name-en", required=True, metavar="TEXT", help="its name in English")
    verb.add_argument("--name-zh", required=True, metavar="TEXT", help="its name in Chinese")
    verb.add_argument("--gln", help="its GLN of 13 digits (default: a random pseudonym)")
    verb.add_argument(
        "--prefix",
        action="append",
        default=[],
        metavar="DIGITS",
        help="a GS1 company prefix that it holds: nobody else makes what bears it (again for each)",
    )


def _add_device(enrol: Verbs) -> None:
    verb = add_verb(
        enrol,
        "device",
        _enrol_device,
        does="Make a device known: its owner's key countersigns the request that the device made",
        example="traceability enrol device request.json --out enrolled.json",
    )
    verb.add_argument("request", metavar="REQUEST.json", type=Path, help="its key statement; - for stdin")
    verb.add_argument(
        "--site", default=MAIN_SITE, help="the site in its topic: a-z, 0-9 and - (default: main)"
    )
    verb.add_argument("--out", metavar="FILE", type=Path, help="write the answer there, for its owner alone")


def _add_devices(enrol: Verbs) -> None:
    verb = add_verb(
        enrol,
        "devices",
        _enrol_devices,
        does="Make many devices known at once, or none of them; without --yes, only say what that does",
        example="traceability enrol devices --from requests.jsonl --out enrolled.jsonl --yes",
    )
    verb.add_argument(
        "--from",
        dest="requests",
        required=True,
        metavar="REQUESTS.jsonl",
        type=Path,
        help="the devices' own key statements, one a line; - for stdin",
    )
    verb.add_argument("--site", default=MAIN_SITE, help="the site in their topics (default: main)")
    verb.add_argument(
        "--out", required=True, metavar="FILE", type=Path, help="the answers, one a line, for the owner alone"
    )
    verb.add_argument("--yes", action="store_true", help="do it")


def _add_installation(verbs: Verbs, name: str, does: str) -> None:
    verb = add_verb(
        verbs,
        name,
        _record_installation,
        does=does,
        example=f"traceability {name} --device 0123456789abcdef0123456789abcdef --on TRUCK-7",
    )
    verb.set_defaults(step=name)
    verb.add_argument("--device", required=True, metavar="ID", help="the device's 32 hexadecimal digits")
    verb.add_argument(
        "--on",
        required=True,
        metavar="ASSET|BATCH",
        help="an asset (own number, 8004/GIAI or URI) or a batch (GTIN/LOT, path or URI)",
    )
    verb.add_argument("--party", help="who says so: GLN, pseudonym or URI (default: the device's owner)")
    verb.add_argument(
        "--at", type=parse_moment, default="now", metavar="TIME", help="ISO 8601 with zone, or now"
    )


def _init(args: argparse.Namespace) -> Answer:
    settings = load(NodeSettings, os.environ)
    node, new = prepare_node(settings, args.node, progress)
    first = f"{'made' if new else 'there already:'} node {node.name} in {settings.data}"
    lines = (
        first,
        f"its policy, for those who verify: {settings.data / 'policy'}",
        'next: traceability enrol party --name-en "..." --name-zh "..."',
    )
    return Answer(
        {"node": node.name, "folder": str(settings.data), "created": new, "policy": node.policy_text}, lines
    )


def _enrol_party(args: argparse.Namespace) -> Answer:
    with opened() as here:
        names = {"en": args.name_en, "zh": args.name_zh}
        party = enrol_party(here.store, here.node, names, args.gln, args.prefix)
    return Answer(
        {"party": party.uri, "kid": party.kid.hex()},
        (f"enrolled {party.uri}", "its key is kept by this node; it signs what is recorded with --party"),
    )


def _check_answerable(args: argparse.Namespace) -> None:
    """Refuse what would be refused later before anything is recorded."""
    frame_topic(args.site, "0" * 32)
    if args.out is not None and not os.access(args.out.absolute().parent, os.W_OK):
        raise FileError(f"{args.out} cannot be written: no such folder, or not allowed")


def _enrol_device(args: argparse.Namespace) -> Answer:
    request = read_file(args.request)
    _check_answerable(args)
    with opened() as here:
        enrolled = enrol_device(here.store, here.node, request, args.site)
        data = device_answer(here.node, enrolled, args.site)
    text = json.dumps(data, indent=2)
    if args.out is None:
        return Answer(data, (text,))
    write_private(args.out, text + "\n")
    return Answer(
        data,
        (
            f"enrolled {enrolled.uri} of {enrolled.owner}",
            f"wrote {args.out}: hand it to the device alone: it holds what proves both to each other",
            f"next: traceability install --device {enrolled.device} --on ASSET",
        ),
    )


def _enrol_devices(args: argparse.Namespace) -> Answer:
    requests = [line for line in read_file(args.requests).splitlines() if line.strip()]
    _check_answerable(args)
    with opened() as here:
        asked = [_read_request(here.node, number, line) for number, line in enumerate(requests, 1)]
        owners = sorted({each.owner for each in asked})
        data = {"devices": len(asked), "owners": owners}
        if not args.yes:
            told = f"would enrol {len(asked):,} devices of {', '.join(owners) or 'nobody'}"
            return Answer(data, (told, "nothing was done: add --yes to do it"), exit_code=1)
        enrolled = enrol_devices(here.store, here.node, requests, args.site)
        answers = [json.dumps(device_answer(here.node, each, args.site)) + "\n" for each in enrolled]
    write_private(args.out, "".join(answers))
    lines = (
        f"enrolled {len(enrolled):,} devices of {', '.join(owners)}",
        f"wrote {args.out}: hand each device its line alone: it holds what proves both to each other",
    )
    return Answer(data, lines)


def _read_request(node: Node, number: int, line: bytes) -> Asked:
    """One line of many; raises what ``read_request`` does, and says which line."""
    try:
        return read_request(node, line)
    except TraceabilityError as error:
        error.args = (f"request {number}: {error}",)
        raise


def _record_installation(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    with opened() as here:
        target = read_target(here.node, args.on)
        with here.store.reading() as connection:
            owner = device_owner(connection, here.node, device)
            party = read_party(connection, here.node, args.party or owner)
        uri = device_uri(here.node.name, device)
        event = make_event(args.step, args.at.ms, offset=args.at.offset, parentID=target, childEPCs=[uri])
        recorded = record_event(here.store, here.node, party, event)
    done = "installed on" if args.step == "install" else "removed from"
    return Answer(
        {"device": device, "on": target, "at": event["eventTime"], "sha256": recorded.sha256.hex()},
        (f"device {device} {done} {target} at {event['eventTime']}",),
    )
