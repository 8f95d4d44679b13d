"""Whether a genuine statement is believed here and now: beside what its device said before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from typing import Final

from sqlalchemy import BindParameter, Select, bindparam, select
from sqlalchemy.orm import aliased

from traceability import media
from traceability.errors import (
    BrokenDeviceChainError,
    ClockAheadError,
    EquivocationError,
    KeyNotInForceError,
    KeyRefusedError,
    NotInstalledError,
    QuotaError,
    TraceabilityError,
    UnsupportedStatementError,
)
from traceability.ledger.record import format_time
from traceability.ledger.state import stream_hash
from traceability.operations.tally import ACCEPTED, DUPLICATE, QUARANTINED
from traceability.sensing.frame import NO_PREVIOUS, Clock, DeviceStatement, Gap
from traceability.sensing.rotation import read_rotation
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.store.ranges import given, ranges

MAX_AHEAD_MS: Final = 5 * 60 * 1000
MAX_KEYS: Final = 500
"""So many keys a device may have, one a week for nine years: all are read to know the newest."""

_device, _installation = models.Device, models.Installation
_key, _said = models.Key, models.DeviceStatement
_THESE: Final[BindParameter[list[str]]] = bindparam("devices", expanding=True)
_LOCKED: Final = (
    select(_device.id, _device.settled).where(_device.id.in_(_THESE)).order_by(_device.id).with_for_update()
)
_own: Final = aliased(models.Key)
_KEYS: Final = (
    select(_device.id, _key.kid, _key.until_ms, _key.first_counter, _key.last_counter)
    .select_from(_device)
    .join(_own, _own.kid == _device.kid)
    .join(_key, _key.stream == _own.stream)
    .where(_device.id.in_(_THESE))
)
_REACHED: Final = (
    select(_said.counter)
    .where(_said.outcome == ACCEPTED, _said.device == bindparam("of"))
    .order_by(_said.counter.desc())
    .limit(1)
)
_INSTALLED: Final = select(
    _installation.device, _installation.stream, _installation.from_ms, _installation.to_ms
).where(_installation.device.in_(_THESE))


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one counter; ``outcome`` is ``accepted`` or a reason code."""

    sha256: bytes
    prev: bytes
    outcome: str


@dataclass(frozen=True, slots=True)
class Held:
    """A key of a device as of now: ended when, and up to which counter it is taken still.

    ``until_ms`` is None while it is in force, ``last`` if nothing more is taken behind its end. It
    speaks from the counter ``first`` on.
    """

    until_ms: int | None = None
    first: int = 0
    last: int | None = None

    def signs(self, counter: int) -> bool:
        """Whether a statement with this counter is taken now."""
        if counter < self.first:
            return False
        return self.until_ms is None or (self.last is not None and counter <= self.last)


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a device was installed, by the stream's hash; ``to_ms`` is None while it still is."""

    stream: bytes
    from_ms: int
    to_ms: int | None


@dataclass(slots=True)
class Known:
    """What the store knows of one device, extended as its statements are decided.

    Every counter up to ``settled`` has an answer; ``since`` is the first that the device may
    not have heard of. ``reached`` is the highest counter that was accepted, -1 if none was or if
    nobody asks for it. ``taken`` are keys that nobody may bring in for a second time.
    """

    settled: int
    since: int
    reached: int = -1
    keys: dict[bytes, Held] = field(default_factory=dict)
    taken: set[bytes] = field(default_factory=set)
    seen: dict[int, Seen] = field(default_factory=dict)
    installed: list[Installed] = field(default_factory=list)

    def beside(self, counter: int) -> tuple[Seen | None, Seen | None]:
        """What stands before and behind a counter; what a key said behind its end says nothing of either."""
        seen = (self.seen.get(counter - 1), self.seen.get(counter + 1))
        before, after = (s if s and s.outcome != KeyNotInForceError.code else None for s in seen)
        return before, after


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a statement.

    ``outcome`` is what its device is told; ``span`` is from its first reading to its last, in
    milliseconds, None without a clock; ``gaps`` are counters that it declares lost. ``settles``:
    its counter has its answer by this, accepted or not.
    """

    word: str
    outcome: str
    refusal: TraceabilityError | None = None
    span: tuple[int, int] | None = None
    gaps: tuple[Gap, ...] = ()
    settles: bool = True


def load_known(tx: Transaction, statements: Sequence[DeviceStatement]) -> dict[str, Known]:
    """Lock the devices of a handful, and read what stands beside their statements."""
    counters: dict[str, set[int]] = defaultdict(set)
    for statement in statements:
        counters[statement.device].add(statement.counter)
    if not counters:
        return {}
    devices = sorted(counters)
    known = {
        r.id: Known(r.settled, min(r.settled + 1, *counters[r.id]))
        for r in tx.connection.execute(_LOCKED, {"devices": devices})
    }
    near = given(tx.connection, (span for d in devices for span in _beside(d, counters[d])))
    for r in tx.connection.execute(_said_beside(tx.connection.dialect.name), near):
        known[r.device].seen[r.counter] = Seen(r.sha256, r.prev, r.outcome)
    for i in tx.connection.execute(_INSTALLED, {"devices": devices}):
        known[i.device].installed.append(Installed(i.stream, i.from_ms, i.to_ms))
    for k in tx.connection.execute(_KEYS, {"devices": devices}):
        known[k.id].keys[k.kid] = Held(k.until_ms, k.first_counter, k.last_counter)
    rotations = [s for s in statements if s.media_type == media.ROTATION]
    asking = {s.device for s in rotations} | {s.device for s in statements if s.clock is Clock.UNSYNCHRONISED}
    for name in asking & known.keys():
        reached = tx.connection.execute(_REACHED, {"of": name}).scalar_one_or_none()
        known[name].reached = -1 if reached is None else reached
    if rotations:
        taken = _taken(tx, rotations)
        for state in known.values():
            state.taken = taken
    return known


def _taken(tx: Transaction, rotations: Sequence[DeviceStatement]) -> set[bytes]:
    """Those of the keys that rotations bring which somebody has brought in before."""
    kids: list[bytes] = []
    for statement in rotations:
        with suppress(TraceabilityError):  # `decide` says what is wrong with it
            kids.append(read_rotation(statement).key.kid)
    return set(tx.connection.execute(select(models.Key.kid).where(models.Key.kid.in_(kids))).scalars())


@cache
def _said_beside(dialect: str) -> Select[str, int, bytes, bytes, str]:
    near, said = ranges(dialect), models.DeviceStatement
    return select(said.device, said.counter, said.sha256, said.prev, said.outcome).select_from(
        near.join(said, (said.device == near.c.key) & said.counter.between(near.c.first, near.c.last))
    )


def _beside(device: str, counters: Iterable[int]) -> Iterator[tuple[str, int, int]]:
    """The counters of a handful with the ones next to them, as few ranges."""
    ordered = sorted(counters)
    breaks = [place for place in range(1, len(ordered)) if ordered[place] - ordered[place - 1] > 2]
    for begin, end in pairwise((0, *breaks, len(ordered))):
        yield device, ordered[begin] - 1, ordered[end - 1] + 1


def decide(statement: DeviceStatement, known: Known, now_ms: int) -> Admission:
    """What becomes of a genuine statement; ``known`` has seen it from now on."""
    earlier = known.seen.get(statement.counter)
    if earlier is not None and earlier.sha256 == statement.sha256:
        return Admission(DUPLICATE, earlier.outcome, settles=False)
    span: tuple[int, int] | None = None
    try:
        if earlier is not None:
            raise EquivocationError(f"counter {statement.counter} was used for another statement")
        _check_key(statement, known)
        _check_neighbours(statement, known)
        span, gaps = _read(statement)
        _check_clock(statement, span, now_ms)
        if statement.media_type == media.ROTATION:
            _go_on(statement, known, now_ms)
        else:
            _check_installed(statement, span, known, now_ms)
        admission = Admission(ACCEPTED, ACCEPTED, None, span, gaps)
        known.reached = max(known.reached, statement.counter)
    except TraceabilityError as refusal:
        settles = _settles(statement.counter, refusal, known)
        admission = Admission(QUARANTINED, refusal.code, refusal, span, settles=settles)
    if admission.settles:
        known.seen[statement.counter] = Seen(statement.sha256, statement.prev, admission.outcome)
    return admission


def _settles(counter: int, refusal: TraceabilityError, known: Known) -> bool:
    """What another key of the device may still say under this counter is not answered by a refusal."""
    if isinstance(refusal, KeyNotInForceError):
        return not any(held.signs(counter) for held in known.keys.values())
    return not isinstance(refusal, EquivocationError)


def _go_on(statement: DeviceStatement, known: Known, now_ms: int) -> None:
    """Take the next key of a device: from here on it speaks, and the old one up to here."""
    key, held = read_rotation(statement).key, known.keys[statement.kid]
    if len(known.keys) >= MAX_KEYS:
        raise QuotaError(f"it has had {MAX_KEYS} keys", remedy="Enrol the device anew, with a new key.")
    if statement.counter < known.reached:
        raise BrokenDeviceChainError(f"counter {known.reached} behind this rotation is spent on the old key")
    if key.kid in known.taken:
        raise KeyRefusedError("the next key of the device", expected="a new one", got=key.kid)
    known.taken.add(key.kid)
    known.keys[statement.kid] = replace(held, until_ms=now_ms, last=statement.counter)
    known.keys[key.kid] = Held(first=statement.counter + 1)


def _check_key(statement: DeviceStatement, known: Known) -> None:
    held = known.keys[statement.kid]
    if held.until_ms is not None and statement.media_type == media.ROTATION:
        raise KeyNotInForceError(f"key {statement.kid.hex()} ended: it brings no other one in")
    if held.signs(statement.counter):
        return
    if statement.counter < held.first:
        raise KeyNotInForceError(f"key {statement.kid.hex()} speaks from counter {held.first} on")
    ended = format_time(held.until_ms or 0)
    limit = "" if held.last is None else f"; up to counter {held.last} it is taken still"
    raise KeyNotInForceError(f"key {statement.kid.hex()} of the device ended at {ended}{limit}")


def _check_neighbours(statement: DeviceStatement, known: Known) -> None:
    before, after = known.beside(statement.counter)
    if before is not None and before.sha256 != statement.prev:
        raise BrokenDeviceChainError(f"statement {statement.counter} does not follow the one before it")
    if after is not None and after.prev != statement.sha256:
        raise BrokenDeviceChainError(f"the one after statement {statement.counter} follows another")
    if statement.counter == 0 and statement.prev != NO_PREVIOUS:
        raise BrokenDeviceChainError("the first statement of a device follows none")


def _read(statement: DeviceStatement) -> tuple[tuple[int, int] | None, tuple[Gap, ...]]:
    if statement.media_type == media.GAP:
        return None, statement.gaps()
    if statement.media_type == media.ROTATION:
        return None, ()
    if statement.media_type != media.FRAME:
        raise UnsupportedStatementError(f"{statement.media_type} is not taken yet")
    times = statement.columns().at_ms
    return (None if statement.clock is Clock.UNSYNCHRONISED else (min(times), max(times))), ()


def _check_clock(statement: DeviceStatement, span: tuple[int, int] | None, now_ms: int) -> None:
    ahead_ms = max(span[1] if span else 0, (statement.issued_at or 0) * 1000) - now_ms
    if ahead_ms > MAX_AHEAD_MS:
        raise ClockAheadError(f"the device's clock is {ahead_ms // 1000} s ahead")


def _check_installed(
    statement: DeviceStatement, span: tuple[int, int] | None, known: Known, now_ms: int
) -> None:
    """What bears no time is believed while the device is installed; later only if it fills a hole."""
    timeless = statement.clock is Clock.UNSYNCHRONISED and statement.counter > known.reached
    stream = stream_hash(statement.stream)
    for place in known.installed:
        first_ms, last_ms = span or (place.from_ms, now_ms if timeless else place.from_ms)
        within = place.from_ms <= first_ms and (place.to_ms is None or last_ms <= place.to_ms)
        if place.stream == stream and within:
            return
    raise NotInstalledError(f"device {statement.device} was not installed on {statement.stream} then")
