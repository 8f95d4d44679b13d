"""A device in a stay: what it says next and, on entering, what its channels are; on leaving, how it ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from traceability.errors import MalformedError
from traceability.ledger.lines import LineReader, decode_integer, require_range

MAX_COUNTER: Final = 2**64
"""One past the highest counter of a device: what comes next after it."""
MAX_CHANNELS: Final = 16
"""Channels of one device of which a role is said, at most."""

DELIVERED: Final = "delivered"
UNINSTALLED: Final = "uninstalled"
SILENT: Final = "silent"
ENDS: Final = frozenset({DELIVERED, UNINSTALLED, SILENT})
"""Why a device has nothing more to say about a stay."""

Channels: TypeAlias = tuple[tuple[str, str], ...]
"""Name and role of a device's channels, by name, each once."""

_DEVICE: Final = re.compile(r"[0-9a-f]{32}")
_CHANNEL: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}=(air-return|air-supply|product|ambient|other)")


@dataclass(frozen=True, slots=True)
class StayDevice:
    """A device that was installed on the asset.

    Attributes:
        device: its id, 32 hex digits.
        next_counter: the first counter not recorded before the asset's count.
        end: one of ``ENDS`` on leaving, None on entering.
        channels: on entering, the roles that the event says by which it was installed; none on leaving.
    """

    device: str
    next_counter: int
    end: str | None = None
    channels: Channels = ()

    def __post_init__(self) -> None:
        require_device(self.device)
        require_range("a device's next counter", self.next_counter, high=MAX_COUNTER)
        if self.channels:
            self._require_channels()

    def _require_channels(self) -> None:
        if self.end is not None or len(self.channels) > MAX_CHANNELS:
            raise MalformedError(f"roles of at most {MAX_CHANNELS} channels are said, and on entering")
        for pair in self._pairs():
            if not _CHANNEL.fullmatch(pair):
                raise MalformedError(f"not a channel and its role: {pair[:200]!r}")
        if any(first[0] >= second[0] for first, second in pairwise(self.channels)):
            raise MalformedError("channels must be sorted, each once")

    def _pairs(self) -> list[str]:
        return [f"{name}={role}" for name, role in self.channels]

    def line(self) -> str:
        """``{device} {next counter}``, then on entering its channels if any, and on leaving its end."""
        return " ".join(
            (self.device, str(self.next_counter), *filter(None, [self.end, ",".join(self._pairs())]))
        )


def parse_device(lines: LineReader, *, ends: bool) -> StayDevice:
    """The device in the next line of a text.

    Raises:
        MalformedError: the line is not one of a device.
    """
    if ends:
        device, counter, end = lines.fields(3)
        return StayDevice(device, decode_integer(counter), end)
    device, counter, *said = lines.fields(2, 3)
    pairs = (pair.partition("=") for pair in "".join(said).split(",") if said)
    channels = tuple((name, role) for name, _, role in pairs)
    return StayDevice(device, decode_integer(counter), None, channels)


def require_device(device: str) -> None:
    """Refuse (MalformedError) what is not the id of a device."""
    if not _DEVICE.fullmatch(device):
        raise MalformedError(f"a device's id has 32 lower-case hex digits: {device[:100]!r}")
