"""What profiles and scenarios become once they are read. Times are seconds after the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from firmware_sim.flash import CAPACITY
from firmware_sim.physics.clock import ClockKind
from firmware_sim.physics.cooling import Machine
from firmware_sim.physics.food import Food
from firmware_sim.physics.outdoors import Climate
from firmware_sim.physics.route import Route
from firmware_sim.physics.sensor import Battery, Probe
from firmware_sim.physics.thermal import Box
from firmware_sim.plan import Text

QUANTITIES: Final[Mapping[str, str]] = {
    "air": "Cel",
    "supply": "Cel",
    "product": "Cel",
    "outside": "Cel",
    "soil": "Cel",
    "soil-water": "/",
    "humidity": "%RH",
    "light": "lx",
    "door": "/",
    "battery": "V",
    "charge": "%EL",
    "lat": "lat",
    "lon": "lon",
    "speed": "m/s",
}
"""What a channel can measure, with its SenML unit."""
BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "soil-water": (0.0, 1.0),
    "humidity": (0.0, 100.0),
    "light": (0.0, 200_000.0),
    "door": (0.0, 1.0),
    "charge": (0.0, 100.0),
    "speed": (0.0, 150.0),
}
"""What noise must not lead a sensor out of."""
BOXED: Final = frozenset({"supply", "product", "door"})
OPEN: Final = frozenset({"soil", "soil-water", "light"})
MOVING: Final = frozenset({"lat", "lon", "speed"})
POWERED: Final = frozenset({"battery", "charge"})
"""What only a box, only a field, only what is on a route, and only what runs on a battery has."""


@dataclass(frozen=True, slots=True)
class Product:
    """Goods of one kind: limits in degrees Celsius, ``lag_s`` as stowed in moving air."""

    names: Text
    low_c: float
    high_c: float
    max_gap_s: int
    keeps_days: int
    lag_s: float
    food: Food


@dataclass(frozen=True, slots=True)
class AssetProfile:
    """A box, with a refrigeration unit or without, or, where ``box`` is None, a field."""

    box: Box | None
    machine: Machine | None
    humidity: float


@dataclass(frozen=True, slots=True)
class Channel:
    """What a channel of a device measures, and how well."""

    measures: str
    probe: Probe


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """A kind of device: how often it measures, and how long a frame is.

    Its radio is on every ``wakes_ms``, or always, if that is 0; ``flash`` frames fit into its flash,
    which reserves ``counter_block`` counters at a time.
    """

    model: str
    reading_ms: int
    frame_ms: int
    channels: Mapping[str, Channel]
    battery: Battery | None
    clock: ClockKind | None = None
    wakes_ms: int = 0
    flash: int = CAPACITY
    counter_block: int = 0


@dataclass(frozen=True, slots=True)
class Road:
    """A route, and the climate at each of its places by name."""

    route: Route
    climates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """Profiles by name."""

    climates: Mapping[str, Climate] = field(default_factory=dict)
    products: Mapping[str, Product] = field(default_factory=dict)
    assets: Mapping[str, AssetProfile] = field(default_factory=dict)
    devices: Mapping[str, DeviceProfile] = field(default_factory=dict)
    routes: Mapping[str, Road] = field(default_factory=dict)

    def with_own(self, own: Library) -> Library:
        """These and some more; one's own of the same name takes the place."""
        return Library(
            {**self.climates, **own.climates},
            {**self.products, **own.products},
            {**self.assets, **own.assets},
            {**self.devices, **own.devices},
            {**self.routes, **own.routes},
        )


@dataclass(frozen=True, slots=True)
class Asset:
    """A monitored asset of a scenario, in one climate or on a route."""

    names: Text
    profile: str
    climate: str | None
    route: str | None
    departs_s: int
    setpoint_c: float | None
    begins_c: float | None


@dataclass(frozen=True, slots=True)
class Stay:
    """Goods in an asset."""

    asset: str
    from_s: int
    until_s: int


@dataclass(frozen=True, slots=True)
class Goods:
    """A batch: begun at a temperature, out of others where ``made_of`` names them, in kilograms."""

    product: str
    mass_kg: int
    begins_s: int
    begins_c: float
    made_of: Mapping[str, int]
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A device on an asset, from one time to another."""

    profile: str
    asset: str
    from_s: int
    until_s: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong: ``kind`` of ``faults``, with ``asset`` or ``device``; ``by`` where it has a size."""

    kind: str
    from_s: int
    until_s: int
    asset: str | None = None
    device: str | None = None
    channel: str | None = None
    by: float = 0.0


@dataclass(frozen=True, slots=True)
class Order:
    """What the owner of a device sends it over the air; limits in thousandths of a degree, by channel."""

    device: str
    from_s: int
    reading_s: int
    frame_s: int
    limits: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Attack:
    """What somebody does with a device's key: ``kind`` of ``attacks``; claims ``says_c`` degrees.

    ``revoked_s`` is when the owner ends the key.
    """

    kind: str
    device: str
    from_s: int
    until_s: int
    says_c: float
    revoked_s: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a plot draws: a device's channel, and the goods whose limits count."""

    device: str
    channel: str
    goods: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario; ``start_ms`` is Unix time."""

    key: str
    names: Text
    tells: Text
    party: Text
    start_ms: int
    lasts_s: int
    seed: int
    library: Library
    assets: Mapping[str, Asset]
    goods: Mapping[str, Goods]
    devices: Mapping[str, Fitted]
    troubles: tuple[Trouble, ...]
    attacks: tuple[Attack, ...]
    show: Shown
    orders: tuple[Order, ...] = ()

    def at_ms(self, after_s: int) -> int:
        """A time as Unix time in milliseconds."""
        return self.start_ms + after_s * 1000

    @property
    def end_ms(self) -> int:
        """Its end."""
        return self.at_ms(self.lasts_s)

    def profile(self, device: str) -> DeviceProfile:
        """What kind of device it is."""
        return self.library.devices[self.devices[device].profile]

    def machine(self, asset: str) -> Machine | None:
        """An asset's refrigeration unit, at the asset's own set point."""
        here = self.assets[asset]
        machine = self.library.assets[here.profile].machine
        if machine is None or here.setpoint_c is None:
            return machine
        return replace(machine, setpoint_c=here.setpoint_c)

    def until_s(self, device: str) -> int:
        """When a device measures for the last time: its end, or when it is stolen."""
        stolen = [a.from_s for a in self.attacks if a.kind == "stolen-key" and a.device == device]
        return min([self.devices[device].until_s, *stolen])

    def during(self, kind: str, **of: str) -> tuple[Trouble, ...]:
        """The troubles of one kind with an asset or a device."""
        return tuple(
            t
            for t in self.troubles
            if t.kind == kind and all(getattr(t, name) == value for name, value in of.items())
        )
