"""Checking a batch's stays: each entering event has one, its asset's part is whole, its sums are right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from traceability import media
from traceability.errors import BundleError, ChainMismatchError, TamperError
from traceability.ledger.stay import StayAmend, StayClose, StayOpen
from traceability.ledger.staydevice import DELIVERED, StayDevice
from traceability.sensing.coldchain import Limits
from traceability.sensing.frame import Clock, DeviceStatement
from traceability.supply.epcis.events import devices_of, entered_asset
from traceability.verification.beginning import limits_before
from traceability.verification.journey import Happening, StayView
from traceability.verification.roles import roles_in, roles_of
from traceability.verification.statements import Checked
from traceability.verification.stays import Curve, curves, series_of


def check_stays(batch: Checked, assets: Sequence[Checked], as_of_ms: int) -> tuple[StayView, ...]:
    """Check every stay of a batch against the stretches of its assets.

    Args:
        batch: the batch's whole stream.
        assets: one stretch for each stay, in the order of the stay-opens.
        as_of_ms: time of the state; until then an open stay is looked at.

    Raises:
        TamperError: an asset, a device or a record was left out, or a summary is not what the
            frames give.
        BundleError: there are more or fewer stretches than stays.
    """
    opens = [(n, c) for n, c in enumerate(batch.contents) if isinstance(c, StayOpen)]
    _check_entered(batch, opens)
    if len(opens) != len(assets):
        raise BundleError(
            f"the batch has {len(opens)} stays, the bundle holds {len(assets)} stretches of assets"
        )
    views = [_check_stay(batch, seq, o, a, as_of_ms) for (seq, o), a in zip(opens, assets, strict=True)]
    known = {seq for seq, _ in opens}
    for content in batch.contents:
        if isinstance(content, StayClose) and content.open_seq not in known:
            raise TamperError(f"a stay-close refers to record {content.open_seq}, which opens no stay")
    return tuple(views)


def check_loggers(batch: Checked, limits: Limits, as_of_ms: int) -> tuple[StayView, ...]:
    """The times with loggers that are packed with the batch, by their installation on it.

    Raises:
        TamperError: a frame of a device that no event installed on the batch.
    """
    statements = [c for c in batch.contents if isinstance(c, DeviceStatement)]
    installed: dict[str, list[tuple[int, int | None]]] = {}
    for event in batch.contents:
        if not isinstance(event, Happening) or event.event.get("action") == "OBSERVE":
            continue
        for device in devices_of(event.event):
            spans = installed.setdefault(device, [])
            if event.event.get("action") == "ADD":
                spans.append((event.happened_ms, None))
            elif spans:
                spans[-1] = (spans[-1][0], event.happened_ms)
    if strangers := {s.device for s in statements} - installed.keys():
        raise TamperError(
            "a device speaks that was not installed", expected=sorted(installed), got=sorted(strangers)
        )
    return tuple(
        _packed(batch, device, from_ms, to_ms, limits, as_of_ms)
        for device, spans in installed.items()
        for from_ms, to_ms in spans
    )


def _packed(
    batch: Checked,
    device: str,
    from_ms: int,
    removed_ms: int | None,
    limits: Limits,
    as_of_ms: int,
) -> StayView:
    to_ms = max(from_ms, as_of_ms if removed_ms is None else removed_ms)
    statements = [s for s in _statements(batch, batch.end) if s.device == device]
    missing, declared = _holes((), {device}, statements, batch.rotations)
    return StayView(
        opened=None,
        closed=None,
        from_ms=from_ms,
        to_ms=to_ms,
        left=removed_ms is not None,
        curves=curves(statements, {device}, limits, from_ms, to_ms),
        missing=missing,
        declared=declared,
        frames=sum(s.media_type == media.FRAME for s in statements),
        suspected=_suspected(batch, {device}),
        roles=roles_of(device, from_ms, batch.contents),
    )


def _check_entered(batch: Checked, opens: Sequence[tuple[int, StayOpen]]) -> None:
    """Every entering event is followed by its stay-open, and by no other."""
    entering = [
        c
        for c in batch.contents
        if isinstance(c, Happening) and c.event.get("action") == "ADD" and _asset(c) is not None
    ]
    events, stated = [event.seq for event in entering], [opened.entered_seq for _, opened in opens]
    if events != stated:
        raise TamperError("a stay was left out", expected=f"stays entered by records {events}", got=stated)
    for event, (_, opened) in zip(entering, opens, strict=True):
        _same("asset that the batch entered", _asset(event), opened.asset)
        _same("entering time of a stay", event.happened_ms, opened.entered_ms)


def _asset(happening: Happening) -> str | None:
    return entered_asset(happening.event, happening.node)


def _check_stay(batch: Checked, seq: int, opened: StayOpen, asset: Checked, as_of_ms: int) -> StayView:
    stretch = asset.stretch
    _same("asset of a stay", opened.asset, stretch.uri)
    _same("first record of an asset's part", opened.asset_count, stretch.first)
    _same("record hash before an asset's part", opened.asset_head, stretch.prev)
    closing = [(n, c) for n, c in enumerate(batch.contents) if isinstance(c, StayClose) and c.open_seq == seq]
    closes = [c for _, c in closing]
    _check_closes(closes, asset)
    left = _leaving(batch, seq, opened)
    final = closes[-1] if closes else None
    summed = [_check_close(left, opened, c, asset, limits_before(batch, n)) for n, c in closing]
    if final is None and stretch.place is None:
        raise BundleError(f"the open stay in {opened.asset} needs its asset's stream up to the state")
    if final is not None and asset.end != final.asset_count:
        raise TamperError("end of an asset's part", expected=final.asset_count, got=asset.end)
    end_ms = left.happened_ms if left is not None else max(as_of_ms, opened.entered_ms)
    statements = _statements(asset, asset.end)
    devices = _devices(opened, asset, asset.end, final, end_ms)
    missing, declared = _holes(opened.devices, devices, statements, asset.rotations)
    limits = limits_before(batch, len(batch.contents))
    return StayView(
        opened=opened,
        closed=final,
        from_ms=opened.entered_ms,
        to_ms=end_ms,
        left=left is not None,
        curves=summed[-1] if summed else curves(statements, devices, limits, opened.entered_ms, end_ms),
        missing=missing,
        declared=declared,
        frames=sum(s.media_type == media.FRAME and s.device in devices for s in statements),
        suspected=_suspected(asset, devices),
        roles=roles_in(opened, asset.between(asset.stretch.first, asset.end)),
    )


def _suspected(checked: Checked, devices: set[str]) -> int:
    """How many statements of these devices came while misuse of their key was suspected."""
    said = (checked.contents[seq - checked.stretch.first] for seq in checked.suspected)
    return sum(isinstance(c, DeviceStatement) and c.device in devices for c in said)


def _check_closes(closes: Sequence[StayClose], asset: Checked) -> None:
    if [isinstance(c, StayAmend) for c in closes] != [i > 0 for i in range(len(closes))]:
        raise TamperError("a stay is closed once and amended after that")
    if any(later.asset_count < earlier.asset_count for earlier, later in pairwise(closes)):
        raise TamperError("an amendment knows less than the summary before it")
    for closed in closes:
        if not asset.stretch.first <= closed.asset_count <= asset.end:
            raise TamperError("end of a stay's data", expected=f"at most {asset.end}", got=closed.asset_count)
        if closed.asset_head != asset.head_at(closed.asset_count):
            what = f"record hash of {asset.stretch.uri} before number {closed.asset_count}"
            raise ChainMismatchError(what, expected=closed.asset_head, got=asset.head_at(closed.asset_count))


def _check_close(
    leaving: Happening | None, opened: StayOpen, closed: StayClose, asset: Checked, limits: Limits
) -> tuple[Curve, ...]:
    """Recompute one summary from the frames that it says it was made from; the curves behind it."""
    if leaving is None:
        raise TamperError(f"the stay in {opened.asset} is closed, but no event says that the batch left")
    _same("leaving event of a stay", leaving.seq, closed.left_seq)
    _same("leaving time of a stay", leaving.happened_ms, closed.left_ms)
    _same("asset of a stay-close", opened.asset, closed.asset)
    stated = Limits(closed.low_milli_c, closed.high_milli_c, closed.max_gap_ms)
    _same("limits of a stay", limits, stated)
    statements = _statements(asset, closed.asset_count)
    devices = _devices(opened, asset, closed.asset_count, closed, closed.left_ms)
    for device in closed.devices:
        if device.end == DELIVERED and not _delivered(statements, device.device, closed.left_ms):
            raise TamperError(f"device {device.device} did not deliver past the end of its stay")
    found = curves(statements, devices, stated, opened.entered_ms, closed.left_ms)
    _same(f"summary of the stay in {closed.asset}", closed.series, tuple(series_of(c) for c in found))
    return found


def _devices(opened: StayOpen, asset: Checked, end: int, closed: StayClose | None, until_ms: int) -> set[str]:
    """The devices of a stay; refuses a stretch with frames of one that the stay leaves out."""
    installed = {d.device for d in opened.devices}
    stated = {d.device for d in closed.devices} if closed is not None else set(installed)
    added = {
        device
        for content in asset.between(asset.stretch.first, end)
        if isinstance(content, Happening) and content.event.get("action") == "ADD"
        for device in devices_of(content.event)
    }
    if closed is None:
        stated |= added
    spans = [(s.device, *_span(s)) for s in _statements(asset, end) if _is_dated(s)]
    spoke = {device for device, first, last in spans if first <= until_ms and last >= opened.entered_ms}
    if left_out := (installed | spoke) - stated:
        raise TamperError("a device was left out of a stay", expected=sorted(left_out), got=sorted(stated))
    begun = added | {device for device, first, _ in spans if first <= opened.entered_ms}
    if asset.stretch.first and (late := (installed | spoke) - begun):
        what = f"the part of {opened.asset} begins behind the beginning of the stay"
        raise TamperError(what, expected="a reading from before, or an installation", got=sorted(late))
    return stated


def _is_dated(statement: DeviceStatement) -> bool:
    return statement.media_type == media.FRAME and statement.clock is not Clock.UNSYNCHRONISED


def _span(statement: DeviceStatement) -> tuple[int, int]:
    """When a dated frame begins and ends, in milliseconds."""
    times = statement.columns().at_ms
    return min(times), max(times)


def _delivered(statements: Sequence[DeviceStatement], device: str, until_ms: int) -> bool:
    return any(s.device == device and _is_dated(s) and _span(s)[1] >= until_ms for s in statements)


def _statements(asset: Checked, end: int) -> list[DeviceStatement]:
    return [c for c in asset.between(asset.stretch.first, end) if isinstance(c, DeviceStatement)]


def _holes(
    starts: Sequence[StayDevice],
    devices: set[str],
    statements: Sequence[DeviceStatement],
    rotations: Sequence[DeviceStatement],
) -> tuple[dict[str, int], dict[str, int]]:
    """By device, counters between its first and last here that are missing, and that it declared lost.

    A counter that went into a rotation is neither: that stands on the device's key stream.
    """
    missing, declared = {}, {}
    first = {d.device: d.next_counter for d in starts}
    for device in sorted(devices):
        said = [s for s in statements if s.device == device]
        counters = sorted(s.counter for s in said)
        if not counters:
            continue
        start = min(first.get(device, counters[0]), counters[0])
        gaps = [(g.first, g.last) for s in said if s.media_type == media.GAP for g in s.gaps()]
        own = [*counters, *(r.counter for r in rotations if r.device == device)]
        known = _covered([(c, c) for c in own], start, counters[-1])
        covered = _covered([(c, c) for c in own] + gaps, start, counters[-1])
        if covered > known:
            declared[device] = covered - known
        if hole := counters[-1] + 1 - start - covered:
            missing[device] = hole
    return missing, declared


def _covered(ranges: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """How many of the numbers from ``start`` to ``end`` lie in at least one range."""
    covered, reached = 0, start
    for first, last in sorted(ranges):
        first, last = max(first, reached), min(last, end)
        if first <= last:
            covered, reached = covered + last + 1 - first, last + 1
    return covered


def _leaving(batch: Checked, seq: int, opened: StayOpen) -> Happening | None:
    """The first leaving event of that asset behind the stay-open."""
    for content in batch.contents[seq + 1 :]:
        if not isinstance(content, Happening) or content.event.get("action") != "DELETE":
            continue
        if _asset(content) == opened.asset:
            return content
    return None


def _same(what: str, expected: object, got: object) -> None:
    if expected != got:
        raise TamperError(what, expected=expected, got=got)
