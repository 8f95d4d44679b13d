"""What the channels of a stay's devices measure, as the events say that installed them.

The stay-open repeats what was said of the devices that were there on entering; of one that came later
the event itself stands in the asset's part, as that of a logger does in the batch's own chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from traceability.ledger.stay import StayOpen
from traceability.sensing.channels import Role
from traceability.supply.epcis.channels import channels_of
from traceability.supply.epcis.events import devices_of
from traceability.verification.journey import Happening

Roles: TypeAlias = dict[tuple[str, str], Role]
"""By device and channel."""


def roles_in(opened: StayOpen, contents: Sequence[object]) -> Roles:
    """The roles that were said for a stay; ``contents`` are those of the asset's part."""
    there = {d.device: d.channels for d in opened.devices}
    said = [(d, dict(channels)) for d, channels in there.items()]
    for event in (c for c in contents if isinstance(c, Happening)):
        late = event.happened_ms > opened.entered_ms
        said += [(d, channels_of(event.event)) for d in _added(event) if late or d not in there]
    return _agreed(said)


def roles_of(device: str, from_ms: int, contents: Sequence[object]) -> Roles:
    """The roles that were said of a logger's channels when it was packed with the batch."""
    events = [c for c in contents if isinstance(c, Happening) and c.happened_ms == from_ms]
    return _agreed((device, channels_of(event.event)) for event in events if device in _added(event))


def _added(event: Happening) -> tuple[str, ...]:
    return devices_of(event.event) if event.event.get("action") == "ADD" else ()


def _agreed(said: Iterable[tuple[str, Mapping[str, str]]]) -> Roles:
    """The roles on which all that was said of a device agrees; one that is not said counts as it is."""
    by_device: dict[str, Mapping[str, str]] = {}
    for device, channels in said:
        before = by_device.get(device, channels)
        by_device[device] = {name: role for name, role in channels.items() if before.get(name) == role}
    return {(d, name): Role(role) for d, channels in by_device.items() for name, role in channels.items()}
