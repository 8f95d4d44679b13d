"""``device install``: put a device in its place, and say what each of its channels measures."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any, Final

from traceability.commands.verb import Answer, add_verb, opened
from traceability.commands.words import parse_moment, read_target
from traceability.errors import StatementError
from traceability.identifiers import parse_device_id
from traceability.ledger.record import format_time
from traceability.operations.install import Installation, Stated, install_device
from traceability.sensing.channels import Role

WORDS: Final = {
    Role.AIR_RETURN: "the air that comes back from the goods",
    Role.AIR_SUPPLY: "the air that is blown in",
    Role.PRODUCT: "the goods",
    Role.AMBIENT: "the surroundings",
    Role.OTHER: "something else",
}


def add_install(group: Any) -> None:
    """Add this verb to those of ``device``."""
    verb = add_verb(
        group,
        "install",
        _install,
        does="Say where a device is and what its channels measure; without --yes, only show what that does",
        example="traceability device install 0123456789abcdef0123456789abcdef --on TRUCK-7 "
        "--channel return=air-return --channel supply=air-supply --yes",
    )
    verb.add_argument("device", metavar="ID", help="the device's 32 hexadecimal digits")
    verb.add_argument(
        "--on",
        required=True,
        metavar="ASSET|BATCH",
        help="an asset (own number, 8004/GIAI or URI) or a batch (GTIN/LOT, path or URI)",
    )
    verb.add_argument(
        "--channel",
        action="append",
        default=[],
        type=_channel,
        metavar="NAME=ROLE",
        help=f"what a temperature channel measures: {', '.join(Role)}; goods are judged by product, else by "
        "air-return, and by what is not named here; may be repeated",
    )
    verb.add_argument(
        "--at", type=parse_moment, default="now", metavar="TIME", help="ISO 8601 with zone, or now"
    )
    verb.add_argument("--yes", action="store_true", help="do it")


def _channel(text: str) -> tuple[str, Role]:
    name, _, role = text.partition("=")
    if not name or role not in list(Role):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=ROLE with a role of {', '.join(Role)}")
    return name, Role(role)


def _install(args: argparse.Namespace) -> Answer:
    roles: dict[str, Role] = dict(args.channel)
    if len(roles) < len(args.channel):
        raise StatementError("a channel is named twice: say its role once")
    with opened() as here:
        made = install_device(
            here.store,
            here.node,
            parse_device_id(args.device),
            read_target(here.node, args.on),
            args.at.ms,
            roles,
            offset=args.at.offset,
            preview=not args.yes,
        )
    last = "recorded" if args.yes else "nothing was recorded: add --yes to do it"
    return Answer({"done": args.yes, **asdict(made)}, (*_lines(made), last), exit_code=0 if args.yes else 1)


def _lines(made: Installation) -> tuple[str, ...]:
    inside = (f"  {uri} is in there now" for uri in made.inside)
    channels = map(_line, made.channels) if made.channels else ["it has measured no temperature yet"]
    place = f"device {made.device} measures {made.target} from {format_time(made.at_ms)} on"
    return (place, *channels, *inside)


def _line(each: Stated) -> str:
    what = "not said" if each.role is None else WORDS[each.role]
    judged = "goods are judged by it" if each.judges else "goods are not judged by it"
    return f"  {each.name}: {what}; {judged}{'' if each.measured else ' (never measured until now)'}"
