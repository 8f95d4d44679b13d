"""``config set | show``: how a device is to work, sent to it over the air."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any, Final

from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened
from traceability.commands.words import parse_milli
from traceability.identifiers import parse_device_id
from traceability.ledger.record import format_time
from traceability.operations.configs import (
    Configured,
    configs_of,
    next_version,
    reported_version,
    set_config,
)
from traceability.sensing.config import Config

FIRST: Final = {"reading_s": 60, "frame_s": 600}
"""Where a device was never told anything, and is told one of the two now."""


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    group = add_group(
        verbs,
        "config",
        does="Say how often a device measures and sends, and what it alarms of at once",
        example="traceability config show 0123456789abcdef0123456789abcdef",
    ).add_subparsers(metavar="WHAT", required=True)
    verb = add_verb(
        group,
        "set",
        _set,
        does="Set how a device works; without --yes, only say what that would be",
        example="traceability config set 0123456789abcdef0123456789abcdef --reading 60 --frame 600 "
        "--limit air=0:5 --yes",
    )
    verb.add_argument("device", metavar="DEVICE", help="its 32 hexadecimal digits")
    verb.add_argument("--reading", type=int, metavar="S", help="seconds from one reading to the next")
    verb.add_argument("--frame", type=int, metavar="S", help="seconds from one frame to the next")
    verb.add_argument(
        "--limit",
        action="append",
        type=_limit,
        metavar="CHANNEL=LOW:HIGH",
        help="what is outside is sent at once; degrees Celsius (again for each; in the place of all before)",
    )
    verb.add_argument("--no-limits", action="store_true", help="no limits any more")
    verb.add_argument("--yes", action="store_true", help="send it")
    show = add_verb(
        group,
        "show",
        _show,
        does="Show what a device was told, and since when it works by it",
        example="traceability config show 0123456789abcdef0123456789abcdef",
    )
    show.add_argument("device", metavar="DEVICE", help="its 32 hexadecimal digits")


def _limit(text: str) -> tuple[str, tuple[int, int]]:
    name, equals, ends = text.partition("=")
    low, colon, high = ends.partition(":")
    if not (equals and colon):
        raise argparse.ArgumentTypeError(f"{text!r} is not a limit such as air=0:5")
    return name, (parse_milli(low), parse_milli(high))


def _set(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    with opened() as here:
        with here.store.reading() as connection:
            known = configs_of(connection, here.node, device)
            version = next_version(connection, device)
        before = known[-1].config if known else None
        wanted = _wanted(args, device, version, before)
        if args.yes:
            made = set_config(here.store, here.node, wanted)
            return Answer(_data(made), (_line(made), "it goes to the device when the device speaks next"))
    lines = (
        f"would set {_told(wanted)}",
        f"in the place of {_told(before)}" if before else "the device was never told anything by this node",
        "nothing was done: add --yes to send it",
    )
    return Answer(_data(Configured(wanted, 0)) | {"made": None}, lines, exit_code=1)


def _wanted(args: argparse.Namespace, device: str, version: int, before: Config | None) -> Config:
    """What is asked for; what is not named stays as it was."""
    named = {"reading_s": args.reading, "frame_s": args.frame}
    changes: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if args.limit or args.no_limits:
        changes["limits"] = dict(args.limit or ())
    if before is None:
        return Config(device, version, **(FIRST | changes))
    return replace(before, version=version, **changes)


def _show(args: argparse.Namespace) -> Answer:
    device = parse_device_id(args.device)
    with opened() as here, here.store.reading() as connection:
        known = configs_of(connection, here.node, device)
        reported = reported_version(connection, device)
    data = {"device": device, "in_force": reported or None, "configs": [_data(each) for each in known]}
    said = f"it says that version {reported} is in force" if reported else "it never said how it works"
    return Answer(data, (*map(_line, known), said))


def _data(made: Configured) -> dict[str, Any]:
    times = {"made": made.made_ms, "sent": made.sent_ms, "in_force_since": made.in_force_ms}
    return {
        "device": made.config.device,
        "version": made.config.version,
        "reading_s": made.config.reading_s,
        "frame_s": made.config.frame_s,
        "limits_milli_c": {name: list(limits) for name, limits in made.config.limits.items()},
        **{name: None if at_ms is None else format_time(at_ms) for name, at_ms in times.items()},
    }


def _told(config: Config) -> str:
    limits = [f"{name} {low / 1000:g} to {high / 1000:g} °C" for name, (low, high) in config.limits.items()]
    alarms = f"alarm outside of {', '.join(limits)}" if limits else "no limits"
    return (
        f"version {config.version}: a reading every {config.reading_s} s, a frame every {config.frame_s} s, "
        f"{alarms}"
    )


def _line(made: Configured) -> str:
    if made.in_force_ms is not None:
        state = f"in force since {format_time(made.in_force_ms)}"
    elif made.sent_ms is not None:
        state = f"sent {format_time(made.sent_ms)}, no word from the device since"
    else:
        state = "not sent yet"
    return f"{_told(made.config)}; {state}"
