"""Excursions that last: of the curves by which goods are judged, those that are outside and not back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection

from traceability.operations.measured import Channel, cells_in
from traceability.operations.places import Key, Place, Trouble
from traceability.operations.roles import channels_since
from traceability.sensing import channels
from traceability.sensing.channels import Role
from traceability.sensing.coldchain import Limits, Sample
from traceability.sensing.episodes import Rule, Span, episodes, is_back, joined, switched_on
from traceability.store.engine import AnyRow

MINUTE_MS: Final = 60_000
LOOK_BACK_MS: Final = 6 * 60 * MINUTE_MS
FRESH_MS: Final = 30 * MINUTE_MS
"""So long a reading says how it is now."""
AIR: Final = Rule(500, 10 * MINUTE_MS)
PRODUCT: Final = Rule(300, 0)
"""Air may be outside for ten minutes, goods not at all; by so much both must come back (assumed)."""


@dataclass(slots=True)
class Outside:
    """Looks for excursions; remembers what the channels of an installed device measure."""

    _stated: dict[tuple[bytes, str, int], dict[str, str]] = field(default_factory=dict)

    def look(
        self,
        connection: Connection,
        places: Sequence[Place],
        limits: Mapping[bytes, list[Limits]],
        now_ms: int,
    ) -> Iterator[tuple[Key, Trouble]]:
        """Judging curves whose newest reading is not well inside all limits; of others no cell is read."""
        masks: dict[bytes, tuple[Span, ...]] = {}
        counted: dict[bytes, frozenset[int]] = {}
        for place, channel, newest in ((p, c, n) for p in places for c, n in p.channels if c.unit == "Cel"):
            stream, last = place.stream, Sample(newest.last_ms, newest.last_milli)
            if all(
                is_back(last, each, PRODUCT) and is_back(last, each, AIR) for each in limits.get(stream, ())
            ):
                continue
            air = not channels.is_product(channel.name, self._role(connection, place, channel))
            rule = AIR if air else PRODUCT
            doubted = [each for each in limits[stream] if not is_back(last, each, rule)]
            if doubted and stream not in counted:
                counted[stream] = self._judging(connection, [p for p in places if p.stream == stream], now_ms)
            if not doubted or channel.id not in counted[stream]:
                continue
            if air and stream not in masks:
                masks[stream] = _masks(connection, places, stream, now_ms)
            samples = _samples(cells_in(connection, channel, now_ms - LOOK_BACK_MS, now_ms)) or [last]
            for each in doubted:
                trouble = _outside(channel, samples, each, rule, masks[stream] if air else ())
                if newest.last_ms < now_ms - FRESH_MS:
                    trouble = replace(trouble, lasting=True)  # what is past wakes nobody
                yield (stream, place.device, "excursion"), trouble

    def _judging(self, connection: Connection, places: Sequence[Place], now_ms: int) -> frozenset[int]:
        """The channels of a place by which goods are judged; when a probe is silent the air is, too."""
        every = [(p, c, newest) for p in places for c, newest in p.channels if c.unit == "Cel"]
        roles = {c.id: self._role(connection, place, c) for place, c, _ in every}
        fresh = {c.id: roles[c.id] for _, c, newest in every if newest.last_ms >= now_ms - FRESH_MS}
        return channels.judging(roles) | channels.judging(fresh)

    def _role(self, connection: Connection, place: Place, channel: Channel) -> Role | None:
        key = place.stream, place.device, place.since_ms
        if key not in self._stated:
            self._stated[key] = dict(channels_since(connection, *key))
        said = self._stated[key].get(channel.name)
        return None if said is None else Role(said)


def _outside(
    channel: Channel, samples: Sequence[Sample], limits: Limits, rule: Rule, masks: Sequence[Span]
) -> Trouble:
    """What to say of a curve that is not back: that it is outside, or only that it is not back."""
    said = {"channel": channel.name, "low_milli_c": limits.low_milli_c, "high_milli_c": limits.high_milli_c}
    for episode in episodes(samples, limits, rule, masks):
        if episode.ongoing:
            return Trouble(episode.from_ms, said | {"extreme_milli_c": episode.extreme_milli_c})
    return Trouble(samples[-1].at_ms, said, lasting=True)


def _samples(cells: Iterable[AnyRow]) -> list[Sample]:
    """The ends of each cell, and between them the value that is farthest from both, if there is one."""
    found: dict[int, int] = {}
    for cell in cells:
        found[cell.first_ms] = cell.first_milli
        between_ms = (cell.first_ms + cell.last_ms) // 2
        ends = sorted((cell.first_milli, cell.last_milli))
        beyond = max((ends[0] - cell.low_milli, cell.low_milli), (cell.high_milli - ends[1], cell.high_milli))
        if beyond[0] > 0 and cell.first_ms < between_ms < cell.last_ms:
            found[between_ms] = beyond[1]
        found[cell.last_ms] = cell.last_milli
    return [Sample(at_ms, found[at_ms]) for at_ms in sorted(found)]


def _masks(connection: Connection, places: Sequence[Place], stream: bytes, now_ms: int) -> tuple[Span, ...]:
    spans: list[Span] = []
    for channel, _ in (pair for place in places if place.stream == stream for pair in place.channels):
        if channel.unit == "/" and channels.channel_of(channel.name) in channels.SWITCHES:
            cells = cells_in(connection, channel, now_ms - LOOK_BACK_MS, now_ms)
            spans += switched_on(_samples(cells), FRESH_MS)
    return joined(spans)
