"""What an enrolled device is handed: its address, and the key of its receipts, for it alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from traceability.errors import SettingsError
from traceability.operations.enrol import EnrolledDevice
from traceability.operations.node import Node
from traceability.sensing.topics import frame_topic


def device_answer(node: Node, enrolled: EnrolledDevice, site: str) -> dict[str, Any]:
    """What a device is told once it is enrolled; ``receipt_key`` is for it alone."""
    return {
        "device": enrolled.device,
        "uri": enrolled.uri,
        "node": node.name,
        "site": site,
        "receipt_key": enrolled.receipt_key.hex(),
        "topic": frame_topic(site, enrolled.device),
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    unfinished.unlink(missing_ok=True)
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
