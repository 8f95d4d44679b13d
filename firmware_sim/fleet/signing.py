"""Signing a fleet before it is played, so that a load costs the one who makes it next to nothing.

Every device has a key of its own, at random. It signs the device's request and all of its frames,
and is forgotten with this program: nothing in the folder can sign.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from firmware_sim.device import Pack, following, sign_frame
from firmware_sim.flash import Memory
from firmware_sim.fleet.folder import FLEET, FRAMES, INSTALL, LENGTH_BYTES, REQUESTS, TRUTH, Fleet
from firmware_sim.physics.noise import noise, quantised
from traceability.errors import FileError
from traceability.identifiers import asset_uri, device_uri
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request

MODEL: Final = "FT-FLEET"
CHANNEL: Final = "air"
MEAN_C, SPREAD_C, STEP_C = 4.0, 0.4, 0.1
CONTEXT: Final = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"


@dataclass(slots=True)
class Pen:
    """One device while it signs."""

    key: PrivateKey
    uri: str
    stream: str
    memory: Memory


def sign_fleet(fleet: Fleet, folder: Path, say: Callable[[int], None] = lambda done: None) -> None:
    """Write everything but the node's answers into a folder that is not there yet.

    Args:
        say: told the number of counters that are signed, after each.

    Raises:
        FileError: it is there, or cannot be written.
    """
    pens = [_pen(fleet, number) for number in range(fleet.devices)]
    try:
        folder.mkdir(parents=True)
        requests = "".join(_request(fleet, pen) + "\n" for pen in pens)
        (folder / REQUESTS).write_text(requests, encoding="utf-8")
        (folder / INSTALL).write_text(json.dumps(_installations(fleet, pens)) + "\n", encoding="utf-8")
        with ExitStack() as files:
            frames = files.enter_context((folder / FRAMES).open("wb"))
            truth = files.enter_context((folder / TRUTH).open("w", encoding="utf-8"))
            for counter in range(fleet.frames):
                for number, pen in enumerate(pens):
                    _sign(fleet, number, pen, frames, truth)
                say(counter + 1)
        (folder / FLEET).write_text(fleet.to_json(), encoding="utf-8")
    except OSError as error:
        raise FileError(f"{folder} cannot be written: {error.strerror}") from error


def _pen(fleet: Fleet, number: int) -> Pen:
    key = PrivateKey.generate()
    stream = asset_uri(f"FLEET{number // fleet.per_asset + 1}", fleet.node)
    uri = device_uri(fleet.node, key.public.device_id)
    return Pen(key, uri, stream, replace(Memory(), boot=1, booted_ms=fleet.begins_ms))


def _request(fleet: Fleet, pen: Pen) -> str:
    iat = fleet.begins_ms // 1000
    return device_request(pen.key, node=fleet.node, owner=fleet.owner, model=MODEL, iat=iat).decode()


def _sign(fleet: Fleet, number: int, pen: Pen, frames: IO[bytes], truth: IO[str]) -> None:
    counter = pen.memory.counter
    begins_ms = fleet.begins_ms + counter * fleet.interval_ms
    every_ms = fleet.interval_ms // fleet.readings
    values = [_measured(fleet, number, counter * fleet.readings + i) for i in range(fleet.readings)]
    readings = tuple(Reading(CHANNEL, "Cel", begins_ms + i * every_ms, v) for i, v in enumerate(values))
    body = sign_frame(pen.key, pen.uri, pen.stream, pen.memory, Pack(begins_ms + fleet.interval_ms, readings))
    pen.memory = following(pen.memory, body)
    frames.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
    row = {
        "device": pen.key.public.device_id,
        "counter": counter,
        "sha256": sha256(body).hexdigest(),
        "from_ms": begins_ms,
        "every_ms": every_ms,
        "measured": {CHANNEL: values},
    }
    truth.write(json.dumps(row) + "\n")


def _measured(fleet: Fleet, number: int, reading: int) -> float:
    """Degrees Celsius, in the steps of the sensor."""
    value = quantised(MEAN_C + SPREAD_C * noise(fleet.seed, f"fleet {number}", reading), STEP_C)
    return round(value, 1)


def _installations(fleet: Fleet, pens: list[Pen]) -> dict[str, object]:
    """An EPCIS document of one association an asset, as of when the first frame begins."""
    at = datetime.fromtimestamp(fleet.begins_ms / 1000, UTC).isoformat(timespec="milliseconds")
    at = at.replace("+00:00", "Z")
    firsts = range(0, len(pens), fleet.per_asset)
    events = [
        {
            "type": "AssociationEvent",
            "action": "ADD",
            "bizStep": "installing",
            "disposition": "active",
            "eventTime": at,
            "eventTimeZoneOffset": "+00:00",
            "parentID": pens[first].stream,
            "childEPCs": [pen.uri for pen in pens[first : first + fleet.per_asset]],
        }
        for first in firsts
    ]
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": at,
        "epcisBody": {"eventList": events},
    }
