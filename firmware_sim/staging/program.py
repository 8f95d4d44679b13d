"""``python -m firmware_sim SCENARIO``: a scenario into a folder, or against a gateway."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from firmware_sim.link import Arrival
from firmware_sim.staging.library import load_scenario, shipped
from firmware_sim.staging.model import Scenario
from firmware_sim.staging.offline import write_folder
from firmware_sim.staging.online import AT_ONCE, speak
from firmware_sim.staging.plot import Plot
from firmware_sim.staging.truth import Several, TruthFile
from traceability.errors import FileError
from traceability.settings import SimulatorSettings, load

FASTEST: Final = 100_000.0
"""What is faster than that is ``max``."""


def parser() -> argparse.ArgumentParser:
    """The command line; without a scenario the devices of the journey are played."""
    made = argparse.ArgumentParser(
        prog="python -m firmware_sim",
        description="Plays the devices of the demonstration's journey, or of a scenario.",
        epilog=f"Scenarios that come along: {', '.join(shipped())}. More: docs/simulator.md.",
    )
    made.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="a name, or a file that ends with .yaml"
    )
    made.add_argument(
        "--speed", type=_speed, metavar="real|N|max", help="real time (default), N times as fast, or at once"
    )
    made.add_argument("--seed", type=_seed, metavar="N", help="of weather and noise, in the scenario's place")
    made.add_argument("--truth", type=Path, metavar="FILE", help="what was true, as JSON lines")
    made.add_argument("--plot", type=Path, metavar="FILE.svg", help="a picture of what the scenario shows")
    made.add_argument(
        "--out", type=Path, metavar="DIR", help="signed frames into this folder, without any gateway"
    )
    return made


def stage(wanted: argparse.Namespace, arrivals: SimpleQueue[Arrival]) -> None:
    """Play what the command line wants.

    Raises:
        ScenarioError, FileError: the scenario, or a file to write.
        SettingsError, ConflictError: see ``online.speak``.
    """
    scenario = load_scenario(wanted.scenario, seed=wanted.seed)
    truth, plot = TruthFile(wanted.truth, goes_on=wanted.out is None), Plot(scenario)
    records = Several(truth, plot)
    print(f"{scenario.names.en}: {scenario.tells.en}", flush=True)
    try:
        if wanted.out is not None:
            done = write_folder(scenario, wanted.out, records)
            print(f"{done.frames} frames and {done.forged} forged ones in {wanted.out}", flush=True)
            played: Scenario | None = scenario
        else:
            settings = load(SimulatorSettings, os.environ)
            speed = wanted.speed or 1.0
            played = speak(scenario, settings, speed, records, arrivals)
    finally:
        truth.close()
    if wanted.plot is not None and played is not None:
        _write(wanted.plot, lambda: plot.svg(played))


def _write(path: Path, draw: Callable[[], str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draw(), encoding="utf-8")
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error


def _speed(text: str) -> float:
    if text in {"real", "max"}:
        return 1.0 if text == "real" else AT_ONCE
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 1 <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no speed: real, max, or a number from 1 to {FASTEST:g}"
        )
    return speed


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: a whole number from 0 to {2**31}")
    return int(text)
