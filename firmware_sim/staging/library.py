"""The shipped profiles and scenarios by name, and one's own by path."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from firmware_sim.staging.check import check
from firmware_sim.staging.document import read_document
from firmware_sim.staging.fields import load_shape
from firmware_sim.staging.model import Library, Scenario
from firmware_sim.staging.schema import ProfilesFileShape, library_of
from firmware_sim.staging.script import ScenarioShape, fitted
from traceability.errors import FileError

PROFILES: Final = Path(__file__).parent.parent / "profiles"
SCENARIOS: Final = Path(__file__).parent.parent / "scenarios"


def shipped() -> list[str]:
    """The names of the scenarios that come with the simulator."""
    return sorted(path.stem for path in SCENARIOS.glob("*.yaml"))


@lru_cache(maxsize=1)
def shipped_profiles() -> Library:
    """The profiles that come with the simulator.

    Raises:
        ScenarioError: a file that somebody changed.
    """
    library = Library()
    for path in sorted(PROFILES.glob("*.yaml")):
        library = library.with_own(load_shape(ProfilesFileShape, read_document(path), str(path)))
    return library


def load_scenario(named: str, *, seed: int | None = None) -> Scenario:
    """A shipped scenario by its name, or one's own by its path.

    Args:
        seed: in the place of its own.

    Raises:
        FileError: no such scenario.
        ScenarioError: not one; names the file, every wrong place and what was expected there.
    """
    is_path = named.endswith((".yaml", ".yml")) or "/" in named
    path = Path(named) if is_path else SCENARIOS / f"{named}.yaml"
    if not is_path and named not in shipped():
        raise FileError(
            f"there is no scenario {named!r}",
            remedy=f"Take one of {', '.join(shipped())}, or name a file that ends with .yaml.",
        )
    document = read_document(path)
    told = load_shape(ScenarioShape, document, str(path))
    scenario = Scenario(
        key=path.stem,
        names=told["names"],
        tells=told["tells"],
        party=told["party"],
        start_ms=told["start"],
        lasts_s=told["lasts"],
        seed=told["seed"] if seed is None else seed,
        library=shipped_profiles().with_own(library_of(told)),
        assets=told["assets"],
        goods=told["goods"],
        devices=fitted(told["devices"], told["lasts"]),
        troubles=told["faults"],
        attacks=told["attacks"],
        show=told["show"],
        orders=told["configs"],
    )
    check(scenario, document, str(path))
    return scenario
