"""``readings``: what was measured in a place, by the hour or the day, and against the limits in force."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection

from traceability.commands.verb import Answer, Verbs, add_verb, opened
from traceability.commands.words import parse_milli, read_target
from traceability.errors import StatementError
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.calibrations import Certificates, day_of
from traceability.operations.inforce import InForce, Outside, limits_in_force, outside_by
from traceability.operations.measured import (
    DAY_MS,
    HOUR_MS,
    Channel,
    Summary,
    channels_on,
    exposure_of,
    summaries,
)
from traceability.operations.roles import channels_at
from traceability.sensing.calibration import UNITS, Uncertified, uncertified
from traceability.sensing.channels import Role, judging
from traceability.sensing.coldchain import Exposure, Limits
from traceability.sensing.profiles import PROFILES
from traceability.sensing.rollup import CELL_MS
from traceability.verification.stays import DEFAULT_GAP_MS

EVERY: Final = {"5min": CELL_MS, "hour": HOUR_MS, "day": DAY_MS}


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "readings",
        _readings,
        does="Show what was measured in a place: lowest, mean, highest, time covered, time outside limits",
        example="traceability readings ROOM-1 --by hour --last 24 --profile fresh-fish",
    )
    verb.add_argument("place", metavar="ASSET|BATCH", help="where: own number, 8004/GIAI, GTIN/LOT or URI")
    verb.add_argument("--by", choices=EVERY, default="hour", help="length of an interval (default: hour)")
    verb.add_argument(
        "--last", type=int, default=24, metavar="N", help="how many intervals, the present one too"
    )
    verb.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        metavar="KIND",
        help="limits of this product, not of the lots there",
    )
    verb.add_argument("--low", type=parse_milli, metavar="C", help="coldest allowed, degrees Celsius")
    verb.add_argument("--high", type=parse_milli, metavar="C", help="warmest allowed, degrees Celsius")


def _readings(args: argparse.Namespace) -> Answer:
    limits, every = _limits(args), EVERY[args.by]
    if not 1 <= args.last <= 10_000:
        raise StatementError("--last is a number from 1 to 10000")
    with opened() as here, here.store.reading() as connection:
        now_ms = here.store.clock()
        end_ms = now_ms - now_ms % every + every
        span = end_ms - args.last * every, end_ms
        found: list[dict[str, Any]] = []
        lines: list[str] = []
        days: dict[str, set[date]] = defaultdict(set)
        target = read_target(here.node, args.place)
        channels = channels_on(connection, target)
        roles = _roles(connection, stream_hash(target), channels, now_ms)
        judged = judging(roles)
        stated = [] if limits is None else [InForce(span[0], now_ms, limits)]
        pieces = stated or limits_in_force(connection, target, span[0], now_ms)
        for channel in channels:
            rows = summaries(connection, channel, every, *span, DEFAULT_GAP_MS)
            against = _against(connection, channel, pieces)
            outside = outside_by(against, every) if against else None
            counts = channel in judged if channel.unit == "Cel" else None
            shown = _shown(channel, rows, outside) | {"role": roles.get(channel), "counts": counts}
            shown["exposure"] = asdict(against[0]) if against and stated else None
            found.append(shown)
            lines += [_title(channel, roles.get(channel), counts), *_lines(rows, against, outside)]
            if channel.unit in UNITS and rows:
                days[channel.device] |= {day_of(row.from_ms) for row in rows}
        kept = Certificates(here.node).of(connection, days)
        lacking = {device: uncertified(kept[device].certificates, days[device]) for device in days}
    lines += [_lack(device, each) for device, lacks in lacking.items() for each in lacks]
    uncalibrated = [{"device": device, **asdict(each)} for device, lacks in lacking.items() for each in lacks]
    told = {"channels": found, "uncalibrated": uncalibrated, "limits": [asdict(each) for each in pieces]}
    return Answer(told, tuple(lines) or ("nothing was measured there",))


def _limits(args: argparse.Namespace) -> Limits | None:
    profile = PROFILES.get(args.profile)
    if (args.low is None) != (args.high is None):
        raise StatementError("--low and --high go together")
    if args.low is not None:
        return Limits(args.low, args.high, DEFAULT_GAP_MS)
    return None if profile is None else Limits(profile.low_milli_c, profile.high_milli_c, DEFAULT_GAP_MS)


def _against(connection: Connection, channel: Channel, pieces: list[InForce]) -> list[Exposure]:
    """What a channel comes to in each piece; only temperatures have limits."""
    if channel.unit != "Cel":
        return []
    return [exposure_of(connection, channel, each.limits, each.from_ms, each.to_ms) for each in pieces]


def _shown(channel: Channel, rows: list[Summary], outside: dict[int, Outside] | None) -> dict[str, Any]:
    shown = [asdict(row) | {"mean_milli": row.mean_milli} for row in rows]
    if outside is not None:
        shown = [row | asdict(outside.get(row["from_ms"], Outside())) for row in shown]
    return {"device": channel.device, "name": channel.name, "unit": channel.unit, "intervals": shown}


def _lack(device: str, lack: Uncertified) -> str:
    days = f"{lack.first} to {lack.last}" if lack.first != lack.last else f"{lack.first}"
    return f"{device} measured without a valid calibration certificate on {days}: {lack.lack}"


def _roles(
    connection: Connection, stream: bytes, channels: list[Channel], now_ms: int
) -> dict[Channel, Role | None]:
    """What each temperature channel measures, by the newest installation of its device here."""
    said = {c.device: dict(channels_at(connection, stream, c.device, now_ms)) for c in channels}
    words = {c: said[c.device].get(c.name) for c in channels if c.unit == "Cel"}
    return {c: None if word is None else Role(word) for c, word in words.items()}


def _title(channel: Channel, role: Role | None, counts: bool | None) -> str:
    what = channel.unit if role is None else f"{channel.unit}, {role}"
    return f"{channel.device} {channel.name} ({what}){' not counted for goods' if counts is False else ''}"


def _lines(rows: list[Summary], against: list[Exposure], outside: dict[int, Outside] | None) -> Iterator[str]:
    for row in rows:
        low, mean, high = (f"{n / 1000:8.2f}" for n in (row.low_milli, row.mean_milli, row.high_milli))
        said = f"{row.n} readings, {_minutes(row.covered_ms)} covered"
        if outside is not None and (out := outside.get(row.from_ms)) is not None:
            said += f", above for {_minutes(out.above_ms)}, below for {_minutes(out.below_ms)}"
        yield f"  {format_time(row.from_ms)} {low} {mean} {high}  {said}"
    if against:
        above, below = sum(each.above_ms for each in against), sum(each.below_ms for each in against)
        unknown = _minutes(sum(each.unknown_ms for each in against))
        yield f"  above for {_minutes(above)}, below for {_minutes(below)}, without data for {unknown}"


def _minutes(ms: int) -> str:
    return f"{ms // 60_000} min"
