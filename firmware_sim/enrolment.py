"""What a device is told when it is enrolled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from traceability.errors import ForeignTopicError, MalformedError, SettingsError
from traceability.identifiers import device_uri, parse_device_id, parse_node_name
from traceability.sensing import topics
from traceability.signing.keys import KEY_BYTES


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a device is told when it is enrolled; ``receipt_key`` has 32 bytes.

    The broker knows it by ``username`` and ``password``; without, the broker lets everybody in.
    """

    device: str
    uri: str
    node: str
    site: str
    receipt_key: bytes
    username: str = ""
    password: str = ""


def read_enrolment(path: Path) -> Enrolment:
    """The file that whoever enrolled the device put beside its request.

    JSON: ``{"device", "uri", "node", "site", "receipt_key"}``, the key in hexadecimal, and, if the
    broker asks for them, ``"username"`` and ``"password"``.

    Raises:
        SettingsError: not such a file.
    """
    try:
        return parse_enrolment(path.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not the answer to an enrolment: {error}") from error


def parse_enrolment(text: str) -> Enrolment:
    """The answer to an enrolment; see ``read_enrolment``.

    Raises:
        ValueError: it is none.
    """
    try:
        told = json.loads(text)
        device, node = parse_device_id(told["device"]), parse_node_name(told["node"])
        secret = bytes.fromhex(told["receipt_key"])
        topics.frame_topic(told["site"], device)
        user = str(told.get("username", "")), str(told.get("password", ""))
        if told["uri"] != device_uri(node, device) or len(secret) != KEY_BYTES:
            raise ValueError("uri or receipt_key does not fit the device")
    except (KeyError, TypeError, MalformedError, ForeignTopicError) as error:
        raise ValueError(str(error)) from error
    return Enrolment(device, told["uri"], node, told["site"], secret, *user)
