"""A journey as data: who, what, where and when, in a form that another program can read.

``Plan.to_json`` is the contract between the simulated devices and whoever records the
parties' events: an object with ``seed``, ``node``, ``start_ms``, ``now_ms`` and arrays
``parties``, ``assets``, ``devices``, ``batches``, ``steps``, ``faults``, ``configs``, whose members are
those of the classes below. A member that is null or empty is left out. Times are Unix milliseconds;
texts for people are ``{"en", "zh"}``; ``party``, ``asset``, ``batch`` and ``device`` refer to
another entry by its ``key``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol, TypeVar

from traceability.errors import SettingsError, UnknownSubjectError


@dataclass(frozen=True, slots=True)
class Text:
    """A text for people, in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Party:
    """A firm; ``uri`` follows from ``gln`` (13 digits); ``prefix`` is its GS1 company prefix."""

    key: str
    names: Text
    gln: str
    uri: str
    prefix: str | None


@dataclass(frozen=True, slots=True)
class Asset:
    """A monitored asset; ``kind`` is one of ``chamber.KINDS``, ``uri`` follows from ``giai``."""

    key: str
    names: Text
    kind: str
    party: str
    giai: str
    uri: str


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """A device: installed at ``from_ms``; measures until ``until_ms``, for ever where that is None.

    ``channels`` are its temperatures and what each measures (``ft:channels``); none: the air alone.
    """

    key: str
    model: str
    party: str
    asset: str
    from_ms: int
    until_ms: int | None
    channels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """A batch: limits in thousandths of a degree Celsius, ``best_before`` as YYYY-MM-DD.

    ``dated`` says which of its dates is the day on which it came to be: a word of CBV master data;
    ``profile`` what kind of product it is (``sensing.profiles``).
    """

    key: str
    gtin: str
    lot: str
    uri: str
    product: Text
    low_milli_c: int
    high_milli_c: int
    max_gap_s: int
    best_before: str
    quantity: int
    uom: str
    dated: str = "harvestStartDate"
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """How much of a batch went into another, in its own unit."""

    batch: str
    quantity: int


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One event: ``step`` is one of ``STEPS`` in ``traceability.supply.epcis.events``.

    ``batch`` for what happens to a batch, with ``asset`` where it enters or leaves one, and
    ``inputs`` where it is made of others; ``device`` and ``asset`` for an installation.
    ``quantity`` in the batch's unit. ``source`` and ``destination`` are the parties between which
    goods change hands: for a load their holder changes, for a shipment their owner. ``position`` is a
    ``geo`` URI of the middle of the region.
    """

    at_ms: int
    party: str
    step: str
    region: Text
    batch: str | None = None
    asset: str | None = None
    device: str | None = None
    quantity: int | None = None
    inputs: tuple[Input, ...] = ()
    source: str | None = None
    destination: str | None = None
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong on the way: ``door`` (an asset's, open) or ``dead`` (a device measures nothing)."""

    kind: str
    key: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class ConfigPlan:
    """How a device's owner wants it to work from a time on; ``limits`` in thousandths of a degree."""

    at_ms: int
    device: str
    reading_s: int
    frame_s: int
    limits: dict[str, tuple[int, int]] = field(default_factory=dict)


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


Entry = TypeVar("Entry", bound=_Keyed)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole journey; ``steps`` in order of time; the first of ``batches`` is the one to show first."""

    seed: int
    node: str
    start_ms: int
    now_ms: int
    parties: tuple[Party, ...]
    assets: tuple[Asset, ...]
    devices: tuple[DevicePlan, ...]
    batches: tuple[BatchPlan, ...]
    steps: tuple[StepPlan, ...]
    faults: tuple[Fault, ...]
    configs: tuple[ConfigPlan, ...] = ()

    def device(self, key: str) -> DevicePlan:
        """A device by its key. Raises UnknownSubjectError."""
        return _find(self.devices, key)

    def batch(self, key: str) -> BatchPlan:
        """A batch by its key. Raises UnknownSubjectError."""
        return _find(self.batches, key)

    def asset(self, key: str) -> Asset:
        """An asset by its key. Raises UnknownSubjectError."""
        return _find(self.assets, key)

    def party(self, key: str) -> Party:
        """A party by its key. Raises UnknownSubjectError."""
        return _find(self.parties, key)

    def to_json(self) -> str:
        """The plan as described at the top of this module."""
        return json.dumps(asdict(self, dict_factory=_without_empty), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Read what ``to_json`` wrote.

        Raises:
            SettingsError: something else.
        """
        try:
            told = {"faults": [], "configs": []} | json.loads(text)
            lists = {name: tuple(_entry(kind, row) for row in told[name]) for name, kind in _LISTS.items()}
            return cls(told["seed"], told["node"], told["start_ms"], told["now_ms"], **lists)
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(f"not a journey's plan: {error!r}") from error


_LISTS: dict[str, type[Any]] = {
    "parties": Party,
    "assets": Asset,
    "devices": DevicePlan,
    "batches": BatchPlan,
    "steps": StepPlan,
    "faults": Fault,
    "configs": ConfigPlan,
}


def _entry(kind: type[Any], row: dict[str, Any]) -> Any:
    texts = {name: Text(**row[name]) for name in ("names", "product", "region") if name in row}
    absent = {f.name: None for f in fields(kind) if f.name in {"until_ms", "prefix"}}
    inputs = {"inputs": tuple(Input(**given) for given in row["inputs"])} if "inputs" in row else {}
    limits = (
        {"limits": {name: tuple(ends) for name, ends in row["limits"].items()}} if "limits" in row else {}
    )
    return kind(**absent | row | texts | inputs | limits)


def _without_empty(members: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in members if value not in (None, (), {})}


def _find(entries: Sequence[Entry], key: str) -> Entry:
    for entry in entries:
        if entry.key == key:
            return entry
    raise UnknownSubjectError(f"the journey has no {key!r}: it has {', '.join(e.key for e in entries)}")
