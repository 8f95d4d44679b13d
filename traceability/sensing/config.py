"""How a device is to work, as its node tells it: how often it measures and sends, and what is alarming.

A configuration is a tagged COSE_Mac0 (RFC 9052 section 6.2) under the secret that only the node and
one device hold, of a type of its own. Its payload is the deterministic CBOR map

    {1: device, 2: version, 3: seconds from one reading to the next, 4: seconds from one
     frame to the next, 5: {channel: [lowest, highest], ...}}

with limits in thousandths of a degree Celsius. It is the whole of what is set, not a change of it.
Versions of a device only grow: it takes a higher one than its own, and nothing else. Each frame
that it signs from then on holds a reading ``config`` in the unit ``count``: the version in force.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from traceability import media
from traceability.errors import ConfigError
from traceability.sensing.frame import U32, read_text, read_uint
from traceability.sensing.senml import Reading
from traceability.signing import cbor, cose

CHANNEL: Final = "config"
UNIT: Final = "count"
SHORTEST_S: Final = 10
LONGEST_READING_S: Final = 3600
LONGEST_FRAME_S: Final = 86_400
MAX_READINGS: Final = 300
"""Readings of one channel in a frame: three channels of them fit into a SenML pack of 1,000."""
MAX_LIMITS: Final = 8
COLDEST_MILLI_C: Final = -100_000
WARMEST_MILLI_C: Final = 100_000
"""Below dry ice and above boiling water no food is watched."""

_DEVICE, _VERSION, _READING, _FRAME, _LIMITS = range(1, 6)
_FIELDS: Final = frozenset({_DEVICE, _VERSION, _READING, _FRAME, _LIMITS})
_DEVICE_FORM: Final = re.compile(r"[0-9a-f]{32}")
_CHANNEL_FORM: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Config:
    """What a device is to do from ``version`` on, 1 or more.

    ``reading_s`` and ``frame_s`` are in seconds, the second a multiple of the first. ``limits`` hold, by
    channel, the coldest and the warmest that is no alarm, in thousandths of a degree.

    Raises:
        ConfigError: what no device would be well advised to do.
    """

    device: str
    version: int
    reading_s: int
    frame_s: int
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not SHORTEST_S <= self.reading_s <= LONGEST_READING_S:
            raise ConfigError(f"a reading every {SHORTEST_S} to {LONGEST_READING_S} s, not {self.reading_s}")
        if not self.reading_s <= self.frame_s <= LONGEST_FRAME_S or self.frame_s % self.reading_s:
            raise ConfigError(
                f"a frame every {self.reading_s} to {LONGEST_FRAME_S} s, after a whole number of readings,"
                f" not every {self.frame_s} s"
            )
        if self.frame_s // self.reading_s > MAX_READINGS:
            raise ConfigError(f"at most {MAX_READINGS} readings of a channel in a frame")
        if self.version < 1:
            raise ConfigError("versions of a configuration begin with 1")
        if len(self.limits) > MAX_LIMITS:
            raise ConfigError(f"limits for at most {MAX_LIMITS} channels")
        for name, (low, high) in self.limits.items():
            if not COLDEST_MILLI_C <= low < high <= WARMEST_MILLI_C:
                raise ConfigError(
                    f"limits of {name} from {low / 1000:g} to {high / 1000:g} degrees: the first below the"
                    f" second, both from {COLDEST_MILLI_C // 1000} to {WARMEST_MILLI_C // 1000}"
                )

    def is_alarming(self, reading: Reading) -> bool:
        """Whether a reading is outside the limits of its channel."""
        limits = self.limits.get(reading.name)
        if limits is None or reading.unit != "Cel":
            return False
        return not limits[0] <= reading.value * 1000 <= limits[1]


def encode_config(secret: bytes, config: Config) -> bytes:
    """A configuration for one device, under the secret that it shares with the node.

    Raises:
        StatementError: a device or a channel whose name is none.
    """
    fields: dict[int, object] = {
        _DEVICE: config.device,
        _VERSION: config.version,
        _READING: config.reading_s,
        _FRAME: config.frame_s,
        _LIMITS: {name: list(limits) for name, limits in config.limits.items()},
    }
    _read(fields)
    return cose.mac0(secret, typ=media.CONFIG, payload=cbor.encode(fields))


def open_config(secret: bytes, data: bytes) -> Config:
    """The configuration in a message, authenticated; whose it is and whether it is newer the device judges.

    Raises:
        SignatureMismatchError: not made with this secret.
        EncodingError, OversizeError, StatementError: not a configuration.
        ConfigError: one, but with values outside the bounds.
    """
    return _read(cbor.decode(cose.open_mac0(secret, data, typ=media.CONFIG)))


def version_in(readings: tuple[Reading, ...]) -> Reading | None:
    """What a frame says of the configuration that is in force, if it says anything."""
    return next((r for r in readings if r.name == CHANNEL and r.unit == UNIT), None)


def _read(fields: object) -> Config:
    if not isinstance(fields, Mapping) or set(fields) != _FIELDS:
        raise ConfigError("a configuration is a map of five fields")
    return Config(
        device=read_text(fields[_DEVICE], _DEVICE_FORM, "the device"),
        version=read_uint(fields[_VERSION], U32, "the version"),
        reading_s=read_uint(fields[_READING], U32, "the time between readings"),
        frame_s=read_uint(fields[_FRAME], U32, "the time between frames"),
        limits=_read_limits(fields[_LIMITS]),
    )


def _read_limits(rows: object) -> dict[str, tuple[int, int]]:
    if not isinstance(rows, Mapping):
        raise ConfigError("limits are a map by channel")
    limits: dict[str, tuple[int, int]] = {}
    for name, row in rows.items():
        if not isinstance(row, list) or len(row) != 2 or not all(type(end) is int for end in row):
            raise ConfigError("limits are [lowest, highest], in whole thousandths of a degree")
        limits[read_text(name, _CHANNEL_FORM, "a channel")] = row[0], row[1]
    return limits
