"""The folder of a fleet that was signed.

fleet.json        the fleet itself (``Fleet``)
requests.jsonl    each device's own request to be enrolled, one a line
frames.bin        each frame behind its length (4 bytes, big-endian): counter by counter, and for
                  each counter the devices in the order of their requests
truth.jsonl       what each frame says: device, counter, sha256, and what was measured
install.json      an EPCIS 2.0 document that installs the devices on their assets
enrolled.jsonl    the node's answers, from ``traceability enrol devices``; secret
played            once the counters are used up
"""

from __future__ import annotations

import json
import mmap
from array import array
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from firmware_sim.enrolment import Enrolment, parse_enrolment
from traceability.errors import ConflictError, SettingsError
from traceability.signing.keystatement import parse_key_statement

LENGTH_BYTES: Final = 4
FLEET: Final = "fleet.json"
REQUESTS: Final = "requests.jsonl"
FRAMES: Final = "frames.bin"
TRUTH: Final = "truth.jsonl"
INSTALL: Final = "install.json"
ENROLLED: Final = "enrolled.jsonl"
PLAYED: Final = "played"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What was signed: ``frames`` of ``readings`` each for every device, ``per_asset`` of them on one asset.

    The first frame begins at ``begins_ms`` (Unix time); each covers ``interval_ms``.
    """

    node: str
    owner: str
    devices: int
    frames: int
    readings: int
    per_asset: int
    interval_ms: int
    begins_ms: int
    seed: int

    def to_json(self) -> str:
        """For ``fleet.json``."""
        return json.dumps(asdict(self), indent=2) + "\n"


class Frames:
    """The signed frames, in their file: no copy is held. Ended by ``close``.

    Raises:
        SettingsError: no such file, or not as many frames as the fleet has.
    """

    def __init__(self, path: Path, fleet: Fleet) -> None:
        self._devices, self._begins = fleet.devices, array("Q")
        try:
            with path.open("rb") as file:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # a mapped file is not empty
            raise SettingsError(f"{path} holds no frames: {error}") from error
        at = 0
        while at + LENGTH_BYTES <= len(self._data):
            self._begins.append(at + LENGTH_BYTES)
            at += LENGTH_BYTES + int.from_bytes(self._data[at : at + LENGTH_BYTES], "big")
        if at != len(self._data) or len(self._begins) != fleet.devices * fleet.frames:
            self.close()
            raise SettingsError(
                f"{path} does not hold {fleet.frames} frames of each of {fleet.devices} devices"
            )

    def body(self, device: int, counter: int) -> bytes:
        """A frame by the place of its device and its counter."""
        begin = self._begins[counter * self._devices + device]
        length = int.from_bytes(self._data[begin - LENGTH_BYTES : begin], "big")
        return self._data[begin : begin + length]

    def close(self) -> None:
        """Let the file go."""
        self._data.close()


def read_fleet(folder: Path) -> Fleet:
    """What a folder says of its fleet.

    Raises:
        SettingsError: it holds none.
    """
    try:
        return Fleet(**json.loads((folder / FLEET).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"{folder} holds no fleet, see `fleet sign`: {error}") from error


def read_enrolments(folder: Path, fleet: Fleet) -> list[Enrolment]:
    """What the node told each device, in the order of their requests.

    Raises:
        SettingsError: no answers yet, or not those of this fleet's devices.
    """
    path = folder / ENROLLED
    try:
        told = [parse_enrolment(line) for line in path.read_text("utf-8").splitlines()]
        asked = (folder / REQUESTS).read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path}: not the answers of a node: {error}",
            remedy=f"traceability enrol devices --from {folder / REQUESTS} --out {path} --yes",
        ) from error
    if len(told) != fleet.devices or not all(map(_fits, told, asked)):
        raise SettingsError(f"{path} answers other requests than those of {folder / REQUESTS}")
    return told


def _fits(told: Enrolment, request: str) -> bool:
    return parse_key_statement(request.encode()).subject == told.uri


def use_up(folder: Path) -> None:
    """Note that the counters are used: to a device that began anew, the node's receipts were a clone's.

    Raises:
        ConflictError: they are already.
    """
    try:
        (folder / PLAYED).touch(exist_ok=False)
    except FileExistsError as error:
        raise ConflictError(
            f"{folder} was played before: its counters are used up",
            remedy="Sign another fleet: python -m firmware_sim fleet sign --help",
        ) from error
