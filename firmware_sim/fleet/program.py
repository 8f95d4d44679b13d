"""``python -m firmware_sim fleet sign|play``."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console

from firmware_sim.flash import CAPACITY
from firmware_sim.fleet.connections import Coming, allow_files
from firmware_sim.fleet.folder import (
    ENROLLED,
    FRAMES,
    INSTALL,
    REQUESTS,
    Fleet,
    Frames,
    read_enrolments,
    read_fleet,
    use_up,
)
from firmware_sim.fleet.play import Now, Play, Shape
from firmware_sim.fleet.schedule import Pace
from firmware_sim.fleet.signing import sign_fleet
from firmware_sim.fleet.view import closing, viewing
from traceability.errors import FileError, MalformedError, SettingsError
from traceability.identifiers import parse_node_name, parse_party
from traceability.settings import SimulatorSettings, load, tls_context

MOST_DEVICES: Final = 25_000
"""A machine has some 28,000 ports for connections to one address (RFC 6056, section 3.2; Linux)."""
MOST_READINGS: Final = 100
LONGEST_INTERVAL_S: Final = 86_400


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m firmware_sim fleet",
        description="Loads a node with thousands of devices. More: docs/simulator.md.",
    )
    verbs = made.add_subparsers(metavar="VERB", required=True)
    _add_sign(verbs.add_parser("sign", help="sign all frames into a folder, before anything is sent"))
    _add_play(verbs.add_parser("play", help="send them by a schedule, and follow the receipts"))
    return made


def _add_sign(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(handler=_sign)
    verb.add_argument("folder", type=Path, metavar="DIR", help="a folder that is not there yet")
    verb.add_argument("--node", required=True, metavar="NAME", help="the node's name")
    verb.add_argument("--owner", required=True, metavar="URI", help="the party that owns them")
    for name, most, default, what in (
        ("devices", MOST_DEVICES, 10_000, "how many"),
        ("frames", CAPACITY, 12, "of each"),
        ("readings", MOST_READINGS, 10, "in a frame"),
        ("per-asset", MOST_DEVICES, 10, "devices on one asset"),
        ("interval", LONGEST_INTERVAL_S, 600, "seconds of a frame"),
        ("seed", 2**31, 1, "of what is measured"),
    ):
        kind, told = _whole(0 if name == "seed" else 1, most), f"{what} (default: {default})"
        verb.add_argument(f"--{name}", type=kind, metavar="N", default=default, help=told)


def _add_play(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(handler=_play)
    verb.add_argument("folder", type=Path, metavar="DIR", help="of `fleet sign`, with the node's answers")
    for name, least, default, what in (
        ("connect", 0.01, 100.0, "devices that come a second, before the first frame"),
        ("rate", 0.01, 100.0, "frames a second"),
        ("ramp", 0, 0.0, "seconds in which the rate is reached"),
        ("jitter", 0, 0.0, "seconds by which a frame comes late at most"),
        ("burst", 0, 0.0, "seconds of which all frames come at once"),
        ("back", 0.01, 1.0, "seconds in which a lost connection is tried again at first"),
        ("patience", 0, 60.0, "seconds to wait for one more receipt at the end"),
    ):
        told = f"{what} (default: {default:g})"
        verb.add_argument(f"--{name}", type=_number(least), metavar="X", default=default, help=told)
    told = "lose every connection so many seconds after the first frame (again for each)"
    verb.add_argument("--storm", type=_number(0), metavar="X", action="append", default=[], help=told)
    seed = _whole(0, 2**31)
    verb.add_argument("--seed", type=seed, metavar="N", default=1, help="of jitter and back-off (default: 1)")
    verb.add_argument("--report", type=Path, metavar="FILE.json", help="the figures at the end")


def main(words: list[str], stopping: Callable[[], bool]) -> int:
    """Do what the command line says; 0, or 1 if not every frame has its receipt.

    Raises:
        TraceabilityError: what is wrong with the folder, the settings or the words.
    """
    wanted = parser().parse_args(words)
    code: int = wanted.handler(wanted, stopping)
    return code


def _sign(wanted: argparse.Namespace, _: Callable[[], bool]) -> int:
    try:
        node, _owner = parse_node_name(wanted.node), parse_party(wanted.owner)
    except MalformedError as error:
        raise SettingsError(f"--node or --owner: {error}") from error
    interval_ms, now_ms = 1000 * wanted.interval, time.time_ns() // 1_000_000
    fleet = Fleet(
        node=node,
        owner=wanted.owner,
        devices=wanted.devices,
        frames=wanted.frames,
        readings=wanted.readings,
        per_asset=wanted.per_asset,
        interval_ms=interval_ms,
        begins_ms=(now_ms // 1000) * 1000 - wanted.frames * interval_ms,
        seed=wanted.seed,
    )
    console, folder = Console(), wanted.folder
    with console.status("signing") as status:
        sign_fleet(fleet, folder, lambda done: status.update(f"signing {done:,} of {fleet.frames:,}"))
    print(f"{fleet.devices * fleet.frames:,} frames of {fleet.devices:,} devices in {folder}")
    print(f"next: traceability enrol devices --from {folder / REQUESTS} --out {folder / ENROLLED} --yes")
    print(f"      {folder / INSTALL} installs them, see docs/epcis.md, Capture")
    return 0


def _play(wanted: argparse.Namespace, stopping: Callable[[], bool]) -> int:
    fleet = read_fleet(wanted.folder)
    enrolments = read_enrolments(wanted.folder, fleet)
    settings = load(SimulatorSettings, os.environ)
    allow_files(fleet.devices)
    pace = Pace(wanted.rate, wanted.ramp, wanted.jitter, wanted.burst, wanted.seed)
    tls = tls_context(settings.mqtt_tls) if urlsplit(settings.mqtt_url).scheme == "mqtts" else None
    coming = Coming(settings.mqtt_url, wanted.connect, wanted.back, wanted.seed, tls)
    shape = Shape(coming, pace, tuple(wanted.storm), wanted.patience)
    frames = Frames(wanted.folder / FRAMES, fleet)
    try:
        use_up(wanted.folder)
        play = Play(fleet, frames, enrolments, shape)
        now = _run(play, stopping)
    finally:
        frames.close()
    print("\n".join(closing(now)), flush=True)
    if wanted.report is not None:
        _write(wanted.report, now)
    return 0 if now.received == now.frames else 1


def _run(play: Play, stopping: Callable[[], bool]) -> Now:
    shown_s = -math.inf
    try:
        with viewing(Console()) as view:
            while not play.over and not stopping():
                play.turn()
                if time.monotonic() - shown_s >= view.every_s:
                    shown_s = time.monotonic()
                    view.show(play.now())
            now = play.now()
            view.show(now)
            return now
    finally:
        play.close()


def _write(path: Path, now: Now) -> None:
    try:
        path.write_text(json.dumps(now.as_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read


def _number(least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number < math.inf:
            raise argparse.ArgumentTypeError(f"{text!r} is no number of at least {least:g}")
        return number

    return read
