"""Where a node was last started: kept in its folder, for the verbs that are typed in another terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from traceability.operations.handover import write_private
from traceability.settings import NodeSettings, load

NAMES: Final = ("FT_HOST", "FT_PORT", "FT_TLS_CERT", "FT_TLS_KEY", "FT_BASE_URL", "FT_MQTT_URL")
"""The settings that say where a node listens."""
FILE: Final = "run.json"


def keep_address(data: Path, environ: Mapping[str, str]) -> None:
    """Note in the data folder with which of these settings the node was started.

    Raises:
        FileError: the folder cannot be written to.
    """
    write_private(
        data / FILE, json.dumps({name: environ[name] for name in NAMES if environ.get(name)}) + "\n"
    )


def with_address(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which, unless it says otherwise, the node is where it was last started.

    Raises:
        SettingsError: a setting does not parse.
    """
    try:
        kept = json.loads((load(NodeSettings, environ).data / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        kept = {}
    known = {name: str(kept[name]) for name in NAMES if isinstance(kept, dict) and name in kept}
    return known | {name: text for name, text in environ.items() if text or name not in known}
