"""Master data of a lot, as the event by which it begins states them (``ilmd``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from traceability.errors import StatementError
from traceability.sensing.profiles import PROFILES


def lot_data(
    names: Mapping[str, str],
    *,
    temperature: Mapping[str, Any] | None = None,
    harvested: str | None = None,
    produced: str | None = None,
    best_before: str | None = None,
) -> dict[str, Any]:
    """The ``ilmd`` of a lot.

    Args:
        names: what the product is called, in ``en`` and ``zh``.
        temperature: as ``temperature_data`` makes it.
        harvested, produced, best_before: days such as ``2026-05-01``.
    """
    members: dict[str, Any] = {
        "ft:product": dict(names),
        "ft:temperature": None if temperature is None else dict(temperature),
        "cbvmda:harvestStartDate": harvested,
        "gs1:productionDate": produced,
        "cbvmda:bestBeforeDate": best_before,
    }
    return {name: value for name, value in members.items() if value is not None}


def temperature_data(
    low_milli_c: int | None, high_milli_c: int | None, max_gap_s: int, profile: str | None = None
) -> dict[str, Any] | None:
    """The limits of a lot, in thousandths of a degree Celsius; those of its profile where none are given.

    Returns:
        The member ``ft:temperature``, or None where there are no limits.

    Raises:
        StatementError: there is no such profile.
    """
    known = None if profile is None else PROFILES.get(profile)
    if profile is not None and known is None:
        raise StatementError(f"there is no profile {profile[:32]!r}: {', '.join(sorted(PROFILES))}")
    if known is not None and low_milli_c is None:
        low_milli_c, high_milli_c = known.low_milli_c, known.high_milli_c
    if low_milli_c is None or high_milli_c is None:
        return None
    limits: dict[str, Any] = {"lowMilliCelsius": low_milli_c, "highMilliCelsius": high_milli_c}
    return limits | {"maxGapSeconds": max_gap_s} | ({} if profile is None else {"profile": profile})


def best_before(day: date, shelf_life_days: int | None) -> str | None:
    """The last day of a shelf life that begins on a day."""
    return None if shelf_life_days is None else (day + timedelta(days=shelf_life_days)).isoformat()
