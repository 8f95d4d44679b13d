"""``alarm list | acknowledge``: what is wrong now, and who has seen it."""

from __future__ import annotations

import argparse

from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.ledger.record import format_time
from traceability.operations.alarms import Shown, acknowledge, list_alarms


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "alarm",
        does="Show what is wrong with watched goods and devices, and say that you have seen it",
        example="traceability alarm list",
    ).add_subparsers(metavar="WHAT", required=True)
    verb = add_verb(
        group,
        "list",
        _list,
        does="List the alarms that are open, the newest first",
        example="traceability alarm list --all",
    )
    verb.add_argument("--all", action="store_true", help="those that are over, too")
    verb = add_verb(
        group,
        "acknowledge",
        _acknowledge,
        does="Say who has seen an alarm and what is done about it; it ends when it is over",
        example='traceability alarm acknowledge 0123456789abcdef0123456789abcdef --by "Li Wei" '
        '--note "door closed"',
    )
    verb.add_argument("alarm", metavar="ID", help="its number (alarm list)")
    verb.add_argument("--by", required=True, metavar="NAME", help="who says so")
    verb.add_argument("--note", default="", metavar="TEXT", help="what was found or done")


def _list(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        found = list_alarms(connection, ended=args.all)
    lines = tuple(map(_line, found)) or ("no alarm is open",)
    return Answer({"alarms": [alarm.to_json() for alarm in found]}, lines)


def _acknowledge(args: argparse.Namespace) -> Answer:
    with opened() as here:
        alarm = acknowledge(here.store, args.alarm, args.by, args.note)
    return Answer(alarm.to_json(), (_line(alarm),))


def _line(alarm: Shown) -> str:
    over = f", over since {format_time(alarm.ended_ms)}" if alarm.ended_ms is not None else ""
    seen = f", seen by {alarm.acknowledged_by}: {alarm.note}" if alarm.acknowledged_by is not None else ""
    since = format_time(alarm.began_ms)
    return f"{alarm.id}  {alarm.kind}  {alarm.stream}  device {alarm.device}  since {since}{over}{seen}"
