"""What an enrolled device is handed: its address, its password and the key of its receipts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from traceability.errors import FileError
from traceability.operations.enrol import EnrolledDevice
from traceability.operations.node import Node
from traceability.secretfiles import write_whole
from traceability.sensing.topics import frame_topic


def device_answer(node: Node, enrolled: EnrolledDevice, site: str) -> dict[str, Any]:
    """What a device is told once it is enrolled; ``receipt_key`` and ``password`` are for it alone.

    At the broker its client identifier is its id.
    """
    return {
        "device": enrolled.device,
        "uri": enrolled.uri,
        "node": node.name,
        "site": site,
        "receipt_key": enrolled.receipt_key.hex(),
        "topic": frame_topic(site, enrolled.device),
        "username": enrolled.credential.username,
        "password": enrolled.credential.password,
    }


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    try:
        write_whole(path, text.encode("utf-8"), 0o600)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror}") from error
