"""Everything that is known of one batch, for who judges it: what was proven, and what stands beside it.

Proven is what comes out of checking the bundle as its reader is shown it. Beside it stand alarms,
refused messages and inspections, which are rows of this node and prove nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from traceability.ledger.state import stream_hash
from traceability.operations.alarms import Shown as Alarm
from traceability.operations.alarms import alarms_on
from traceability.operations.calibrations import Certificates, Standing, day_of, standing_of
from traceability.operations.cosign import shown_checkpoint
from traceability.operations.events import Reader
from traceability.operations.export import export_bundle
from traceability.operations.inspections import Shown as Paper
from traceability.operations.inspections import inspections_of
from traceability.operations.node import Node
from traceability.operations.nodehealth import Refused, refusals
from traceability.sensing.calibration import Certificate, Uncertified, uncertified
from traceability.signing.disclosure import Audience
from traceability.verification.bundle import encode_bundle
from traceability.verification.journey import Journey
from traceability.verification.verdict import Verdict, check


@dataclass(frozen=True, slots=True)
class Instrument:
    """A device that measured the batch.

    ``uncertified`` are the days on which it did so without a certificate that held; ``lost`` counts
    certificates whose file is gone or was changed; ``refused`` are its messages that were not taken.
    """

    device: str
    first_ms: int
    last_ms: int
    standing: Standing
    certificate: Certificate | None
    uncertified: tuple[Uncertified, ...]
    lost: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Dossier:
    """What there is of a batch (URI). ``verdict.journey`` is None if something does not match."""

    batch: str
    verdict: Verdict
    bundle: bytes
    instruments: tuple[Instrument, ...]
    alarms: tuple[Alarm, ...]
    inspections: tuple[Paper, ...]


def audience_of(reader: Reader) -> Audience:
    """What a reader of a whole batch is shown."""
    if reader.regulator:
        return Audience.REGULATOR
    return Audience.PUBLIC if reader.anonymous else Audience.PARTNER


def open_dossier(connection: Connection, node: Node, batch: str, reader: Reader, now_ms: int) -> Dossier:
    """The dossier of a batch as a reader may see it; only an authority sees what stands beside the proof.

    Args:
        connection: a snapshot (``Store.reading``).

    Raises:
        UnknownSubjectError, NotPublishedError, LostStatementError, LogConflictError: see ``export_bundle``.
    """
    as_of = shown_checkpoint(connection, node, now_ms)
    bundle = encode_bundle(export_bundle(connection, node, batch, audience_of(reader), as_of))
    verdict = check(bundle, node.policy, now_ms)
    if verdict.journey is None:
        return Dossier(batch, verdict, bundle, (), (), ())
    instruments = tuple(_instruments(connection, node, verdict.journey, day_of(now_ms)))
    if not reader.regulator:
        return Dossier(batch, verdict, bundle, instruments, (), ())
    alarms = tuple(_alarms(connection, verdict.journey))
    return Dossier(batch, verdict, bundle, instruments, alarms, tuple(inspections_of(connection, batch)))


def _instruments(connection: Connection, node: Node, journey: Journey, today: date) -> Sequence[Instrument]:
    times: dict[str, list[int]] = {}
    for stay in journey.stays:
        for curve in stay.curves:
            times.setdefault(curve.device[-32:], []).extend(sample.at_ms for sample in curve.samples)
    measured = {device: found for device, found in sorted(times.items()) if found}
    refused = refusals(connection, list(measured))
    found = []
    for device, kept in Certificates(node).of(connection, list(measured)).items():
        days = {day_of(at_ms) for at_ms in measured[device]}
        found.append(
            Instrument(
                device,
                min(measured[device]),
                max(measured[device]),
                standing_of(kept.farthest, today),
                kept.farthest,
                tuple(uncertified(kept.certificates, days)),
                kept.lost,
                tuple(each for each in refused if each.source == device),
            )
        )
    return found


def _alarms(connection: Connection, journey: Journey) -> list[Alarm]:
    """Those on the batch, and those on its places while it was there."""
    stays = [(stay.opened.asset, stay.from_ms, stay.to_ms) for stay in journey.stays if stay.opened]
    streams = {stream_hash(uri) for uri in (journey.batch, *(asset for asset, _, _ in stays))}

    def meant(alarm: Alarm) -> bool:
        ended_ms = alarm.ended_ms if alarm.ended_ms is not None else journey.as_of_ms
        return alarm.stream == journey.batch or any(
            asset == alarm.stream and alarm.began_ms <= to_ms and ended_ms >= from_ms
            for asset, from_ms, to_ms in stays
        )

    return [alarm for alarm in alarms_on(connection, streams) if meant(alarm)]
