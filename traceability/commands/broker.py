"""``broker``: who may connect to the MQTT broker, and with which certificates."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from traceability.broker import nats_url
from traceability.certificates import MAX_DAYS, Authority
from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.doorkeeper.config import admission_config
from traceability.doorkeeper.service import Doorkeeper, serve
from traceability.errors import FileError, TraceabilityError
from traceability.identifiers import parse_device_id
from traceability.ledger.record import format_time
from traceability.operations.credentials import (
    GATEWAY,
    PROBE,
    own_credential,
    renew_credential,
    revoke_credential,
)
from traceability.operations.enrol import MAIN_SITE, device_owner
from traceability.operations.handover import write_private
from traceability.sensing.topics import gateway_client
from traceability.store.engine import system_clock

PROGRAM: Final = "doorkeeper"


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "broker",
        does="Say who may connect to the MQTT broker",
        example="traceability broker revoke 0123456789abcdef0123456789abcdef",
    ).add_subparsers(metavar="WHAT", required=True)
    _add_devices(group)
    admit = add_verb(
        group,
        "admit",
        _admit,
        does="Let devices and gateways in at a NATS broker, and throw out who was revoked, until Ctrl-C",
        example="traceability broker admit --nats nats://127.0.0.1:4222",
    )
    admit.add_argument(
        "--nats",
        metavar="URL,...",
        help="its servers, of which one is used while it answers (default: that of `traceability run`)",
    )
    add_verb(
        group,
        "admission",
        _admission,
        does="Print the part of a NATS configuration that lets in nobody but by `broker admit`",
        example="traceability broker admission",
    )
    add_verb(
        group,
        "own",
        _own,
        does="Print what the node's own programs show the broker, for a broker that keeps a list itself",
        example="traceability broker own --json",
    )
    certificates = add_verb(
        group,
        "certificates",
        _certificates,
        does="Make certificates for TLS: a local authority, the broker's, and clients' (mqtts)",
        example="traceability broker certificates ./tls --server broker.example --client gateway",
    )
    certificates.add_argument(
        "folder", metavar="FOLDER", type=Path, help="where the authority is, or will be"
    )
    certificates.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="HOST",
        help="name or address of the broker (again for each)",
    )
    certificates.add_argument(
        "--client",
        action="append",
        default=[],
        metavar="NAME",
        help="a client: gateway, or a device's SITE/DEVICE (again for each)",
    )
    certificates.add_argument(
        "--days",
        type=int,
        default=365,
        metavar="N",
        help=f"how long they are valid, 1 to {MAX_DAYS} (default: 365)",
    )


def _add_devices(group: Verbs) -> None:
    renew = add_verb(
        group,
        "renew",
        _renew,
        does="Give a device a new password; the one before ends at once",
        example="traceability broker renew 0123456789abcdef0123456789abcdef --out credential.json",
    )
    renew.add_argument("--site", default=MAIN_SITE, help="the site in its topics (default: main)")
    renew.add_argument("--out", metavar="FILE", type=Path, help="write it there, for its owner alone")
    revoke = add_verb(
        group,
        "revoke",
        _revoke,
        does="End a device's password and its connection, within two seconds",
        example="traceability broker revoke 0123456789abcdef0123456789abcdef",
    )
    for verb in (renew, revoke):
        verb.add_argument("device", metavar="DEVICE", help="its 32 hexadecimal digits")


def _renew(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    with opened() as here:
        with here.store.reading() as connection:
            owner = device_owner(connection, here.node, device)
        made = renew_credential(here.store, device, owner, args.site)
    data = {"device": device, "site": args.site, "username": made.username, "password": made.password}
    if args.out is None:
        return Answer(data, (json.dumps(data, indent=2),))
    write_private(args.out, json.dumps(data, indent=2) + "\n")
    return Answer(data, (f"wrote {args.out}: hand it to the device alone",))


def _revoke(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    with opened() as here:
        revoke_credential(here.store, device)
    lines = (
        f"device {device} cannot connect any more; what it signed stays as it is",
        f"to let it in again: traceability broker renew {device}",
    )
    return Answer({"device": device, "revoked": True}, lines)


def _admission(_: argparse.Namespace) -> Answer:
    with opened() as here:
        text = admission_config(here.node)
    return Answer({"config": text}, tuple(text.splitlines()))


def _own(_: argparse.Namespace) -> Answer:
    with opened() as here:
        shown = [own_credential(here.node, name) for name in (GATEWAY, PROBE)]
        client = gateway_client(here.node.name)
    users = {each.username: each.password for each in shown}
    lines = [f"{name} {password}" for name, password in users.items()]
    return Answer({"users": users, "gateway_client": client}, tuple(lines))


def _certificates(args: argparse.Namespace) -> Answer:
    try:
        authority = Authority(args.folder)
        made = [str(authority.server(args.server, args.days))] if args.server else []
        made += [str(authority.client(name, args.days)) for name in args.client]
    except OSError as error:
        raise FileError(f"{args.folder} cannot be written: {error.strerror}") from error
    lines = [f"wrote {path}" for path in made]
    return Answer(
        {"authority": str(args.folder / "ca.pem"), "made": made},
        (f"the authority is {args.folder / 'ca.pem'}; keep authority.key away from the broker", *lines),
    )


def _admit(args: argparse.Namespace) -> Answer:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    servers = cycle(args.nats.split(",")) if args.nats else None
    with opened() as here:

        def make() -> Doorkeeper:
            url = next(servers) if servers else nats_url(here.settings.data / "broker")
            return Doorkeeper(here.store, here.node, url)

        serve(make, stop, _log)
    return Answer({"ended": True}, ())


def _log(message: str, error: TraceabilityError | None) -> None:
    """One JSON line on stderr."""
    more: dict[str, Any] = {"code": error.code, "remedy": error.remedy()} if error else {}
    entry = {"time": format_time(system_clock()), "level": "error" if error else "info", "program": PROGRAM}
    print(json.dumps(entry | {"message": message} | more), file=sys.stderr, flush=True)
