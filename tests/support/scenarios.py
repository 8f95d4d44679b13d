"""A small scenario as a document, to be changed by a test, and what comes of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from firmware_sim.staging.library import load_scenario
from firmware_sim.staging.model import Scenario

SMALL: dict[str, Any] = {
    "format": 1,
    "names": {"en": "Small", "zh": "小"},
    "tells": {"en": "Little", "zh": "少"},
    "party": {"en": "Firm", "zh": "公司"},
    "start": "2026-03-20T07:00:00+08:00",
    "lasts": "4h",
    "seed": 7,
    "show": {"device": "logger", "channel": "air", "goods": "pork"},
    "assets": {
        "room": {"names": {"en": "Room", "zh": "库"}, "profile": "cold-room", "climate": "hall"},
    },
    "goods": {
        "pork": {
            "product": "chilled-pork",
            "mass_kg": 3000,
            "begins": "0h",
            "begins_c": 3,
            "stays": [{"asset": "room", "from": "10m", "until": "4h"}],
        }
    },
    "devices": {"logger": {"profile": "logger", "asset": "room"}},
}


def small(**changes: Any) -> dict[str, Any]:
    """The document with other members."""
    return copy.deepcopy(SMALL) | changes


def written(folder: Path, document: Any, name: str = "small") -> Path:
    """A document as a file."""
    path = folder / f"{name}.yaml"
    path.write_text(
        document
        if isinstance(document, str)
        else yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    )
    return path


def loaded(folder: Path, **changes: Any) -> Scenario:
    """The small scenario with other members, as read from a file."""
    return load_scenario(str(written(folder, small(**changes))))
