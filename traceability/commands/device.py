"""``device install | replace | list``: where a device is, which takes whose place, and which there are."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from traceability.commands.installing import add_install
from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.commands.words import parse_moment
from traceability.identifiers import parse_device_id
from traceability.ledger.record import format_time
from traceability.operations.calibrations import Calibrated, list_devices
from traceability.operations.replace import Replacement, Uncovered, replace_device

MINUTE_MS = 60_000


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "device",
        does="List devices and their calibration, install one, or put one in the place of a dead one",
        example="traceability device list",
    ).add_subparsers(metavar="WHAT", required=True)
    add_verb(
        group,
        "list",
        _list,
        does="Show every device, where it is installed, and how its calibration stands",
        example="traceability device list",
    )
    add_install(group)
    verb = add_verb(
        group,
        "replace",
        _replace,
        does="Put another device in the place of a dead one; without --yes, only say what that does",
        example="traceability device replace 0123456789abcdef0123456789abcdef "
        "--by fedcba9876543210fedcba9876543210 --yes",
    )
    verb.add_argument("old", metavar="OLD", help="the device that is there: its 32 hexadecimal digits")
    verb.add_argument("--by", required=True, metavar="NEW", help="one of the same owner, installed nowhere")
    verb.add_argument(
        "--at", type=parse_moment, default="now", metavar="TIME", help="ISO 8601 with zone, or now"
    )
    verb.add_argument(
        "--farewell", action="store_true", help="end the old one's key too, which cannot be undone"
    )
    verb.add_argument("--yes", action="store_true", help="do it")


def _replace(args: argparse.Namespace) -> Answer:
    old, new = parse_device_id(args.old), parse_device_id(args.by)
    with opened() as here:
        made = replace_device(
            here.store,
            here.node,
            old,
            new,
            args.at.ms,
            offset=args.at.offset,
            farewell=args.farewell,
            preview=not args.yes,
        )
    last = _after(made) if args.yes else ("nothing was recorded: add --yes to do it",)
    return Answer(_shown(made, done=args.yes), (*_lines(made), *last), exit_code=0 if args.yes else 1)


def _list(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = list(list_devices(connection, here.node, here.store.clock()))
    lines = tuple(map(_device, found)) or ("no device is enrolled",)
    return Answer({"devices": [asdict(each) for each in found]}, lines)


def _device(each: Calibrated) -> str:
    own = each.certificate
    until = "" if own is None else f", certificate {own.number} until {own.valid_until}"
    spoilt = f", {each.unusable} of its owner cannot be read" if each.unusable else ""
    return f"{each.device}  {each.place or 'installed nowhere'}  calibration: {each.standing}{until}{spoilt}"


def _lines(made: Replacement) -> tuple[str, ...]:
    last = "measured nothing yet" if made.last_ms is None else f"measured last at {format_time(made.last_ms)}"
    return (
        f"device {made.old} leaves {made.target} at {format_time(made.at_ms)}; it {last}",
        f"device {made.new} measures it from then on",
        f"without data: {_minutes(made.gap_ms)} min, and until the new one measures",
        *(map(_line, made.batches) if made.batches else ("nothing is in there now",)),
        *(("what the old one says from now on is refused, for ever",) if made.parting else ()),
    )


def _line(each: Uncovered) -> str:
    return (
        f"  {each.batch}, in there since {format_time(each.entered_ms)}: {_minutes(each.gap_ms)} min "
        f"without data, {_minutes(each.allowed_ms)} are allowed between readings"
    )


def _minutes(ms: int) -> int:
    """Begun minutes: what is missing is never made less."""
    return -(-ms // MINUTE_MS)


def _after(made: Replacement) -> tuple[str, ...]:
    at = format_time(made.at_ms)
    if made.parting is not None:
        return ("recorded",)
    return (
        "recorded; if it was a mistake, and as long as the new one has measured nothing:",
        f"  traceability device replace {made.new} --by {made.old} --at {at} --yes",
        "if the old one never comes back:",
        f"  traceability key farewell --device {made.old} --yes",
    )


def _shown(made: Replacement, *, done: bool) -> dict[str, Any]:
    return {
        "done": done,
        "old": made.old,
        "new": made.new,
        "on": made.target,
        "at": format_time(made.at_ms),
        "last_measured": None if made.last_ms is None else format_time(made.last_ms),
        "gap_minutes": _minutes(made.gap_ms),
        "batches": [asdict(each) for each in made.batches],
        "farewell": made.parting is not None,
    }
