"""What the people of the demonstration do about alarms: one is verified, one waits for a second person.

The alarms are raised by the watchman of the gateway, as any: of a truck whose door stood open, and of two
devices whose certificates end. Who is ended in between goes on there; what a visitor did meanwhile stays.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import select

from traceability.ledger.state import stream_hash
from traceability.operations.accounts.people import Person
from traceability.operations.accounts.trail import Actor
from traceability.operations.alarms import Shown
from traceability.operations.calibrations import Certificates, add_certificate, day_of
from traceability.operations.corrective import Hand, Record, record_of, see_alarm, verify_report, write_report
from traceability.operations.node import Node
from traceability.operations.overdue import OVER
from traceability.operations.ownalarms import Wanted, list_own
from traceability.running.demo import journey
from traceability.running.demo.casework import VIA
from traceability.sensing.calibration import read_typed
from traceability.store import models
from traceability.store.engine import Store

EXCURSION: Final = "excursion"
ROOM: Final = "cold-room"
WARM: Final = "truck-b"
DUE: Final = "truck-a"
YEAR: Final = timedelta(days=365)
POINT: Final = {"unit": "Cel", "reference": "0", "indicated": "0.1", "uncertainty": "0.1"}

_STOP: Final = {
    "limit": "0 – 5 °C (strawberries 草莓)",
    "measured": "A punnet behind the door rose above 5 °C; the return air to more than 10 °C.\n"
    "车门旁的草莓超过 5 °C；回风温度超过 10 °C。",
    "product": "178 kg stay on the truck; three punnets were opened, firm and dry. To be sold first.\n"
    "178 公斤继续运输；抽查三盒，果实坚实干燥，优先销售。",
    "cause": "The rear door was not latched after a check at the service area (invented).\n"
    "服务区检查后后门未锁紧（虚构）。",
    "prevention": "The driver looks at the door lamp before leaving, and notes it on the sheet of the stop.\n"
    "发车前检查门灯，并在停车记录上签注。",
}
_LAPSED: Final = {
    "limit": "A valid certificate for each sensor 每个传感器须有有效校准证书",
    "measured": "The certificate ended yesterday; the sensor measured on. 证书昨日到期，传感器仍在测量。",
    "product": "Readings of that day were compared with a hand thermometer: 0.1 K apart. Nothing is held.\n"
    "与手持温度计比对，相差 0.1 K，产品无需封存。",
    "cause": "The date stood on no list. 到期日未列入计划。",
    "prevention": "Certificates are ordered when the node says that they are due, 30 days before.\n"
    "系统提前 30 天提示时即安排校准。",
}
FOUND: Final = "The new certificate is deposited, the alarm is over. 新证书已存档，报警已解除。"


@dataclass(frozen=True, slots=True)
class Answers:
    """The people at work; both are by their keys."""

    store: Store
    node: Node
    parties: Mapping[str, str]
    people: Mapping[str, Person]
    plan: Mapping[str, Any]

    def do(self) -> None:
        """Do all of it; an alarm is waited for no longer than a device that delivers nothing."""
        deadline = time.monotonic() + journey.PATIENCE_S
        while not self.step() and time.monotonic() < deadline:
            time.sleep(journey.POLL_S)

    def step(self) -> bool:
        """Do what can be done now; whether nothing is left."""
        today = day_of(self.store.clock())
        if self._valid_until(ROOM) is None:
            self._certify(ROOM, today - YEAR, today - timedelta(days=1))
        if self._valid_until(DUE) is None:
            self._certify(DUE, today - YEAR + timedelta(days=12), today + timedelta(days=12))
        return all([self._renew(today), self._explain()])

    def _explain(self) -> bool:
        """The driver says what was done about the warm truck; somebody else is to verify it."""
        alarm = self._alarm(WARM, "haulier", EXCURSION)
        if alarm is not None:
            self._report(self._hand("driver"), alarm, _STOP)
        return alarm is not None

    def _renew(self, today: date) -> bool:
        """Of the cold room, a certificate that lapsed: reported, renewed, and once that helped, verified."""
        alarm, packer = self._alarm(ROOM, "packer", OVER), self._hand("packer")
        if alarm is None:
            return False
        record = self._report(self._hand("quality"), alarm, _LAPSED)
        if (self._valid_until(ROOM) or today) < today:
            self._certify(ROOM, today, today + YEAR)
        if alarm.ended_ms is None or record.report is None:
            return False
        if record.verification is None:
            verify_report(self.store, packer, alarm.id, record.report.number, FOUND)
        return True

    def _report(self, hand: Hand, alarm: Shown, says: Mapping[str, str]) -> Record:
        if alarm.acknowledged_ms is None:
            see_alarm(self.store, hand, alarm.id, "")
        if self._record(alarm).report is None:
            write_report(self.store, hand, alarm.id, says)
        return self._record(alarm)

    def _record(self, alarm: Shown) -> Record:
        with self.store.reading() as connection:
            return record_of(connection, alarm.id)

    def _alarm(self, asset: str, party: str, kind: str) -> Shown | None:
        """The first of this kind that there was on an asset."""
        with self.store.reading() as connection:
            found: Sequence[Shown] = list_own(connection, self.parties[party], Wanted(kind=kind))
        own = [alarm for alarm in found if alarm.stream == self._asset(asset)]
        return min(own, key=lambda alarm: alarm.raised_ms, default=None)

    def _valid_until(self, asset: str) -> date | None:
        device = self._device(asset)
        if device is None:
            return None
        with self.store.reading() as connection:
            own = Certificates(self.node).of(connection, [device])[device].farthest
        return None if own is None else own.valid_until

    def _certify(self, asset: str, calibrated: date, until: date) -> None:
        device = self._device(asset)
        if device is None:
            return
        told = {
            "device": device,
            "number": f"K-{calibrated:%Y%m%d}",
            "laboratory": "Yunnan Metrology (invented 虚构)",
            "accreditation": "CNAS L0000 (invented 虚构)",
            "calibrated": f"{calibrated}",
            "validUntil": f"{until}",
            "points": [POINT],
        }
        add_certificate(self.store, self.node, device, read_typed(told))

    def _device(self, asset: str) -> str | None:
        """What measures there, unless a visitor took it off."""
        table = models.Installation
        query = select(table.device).where(table.stream == stream_hash(self._asset(asset)))
        with self.store.reading() as connection:
            return connection.execute(query.where(table.to_ms.is_(None)).limit(1)).scalar_one_or_none()

    def _asset(self, key: str) -> str:
        return next(str(each["uri"]) for each in self.plan["assets"] if each["key"] == key)

    def _hand(self, key: str) -> Hand:
        person = self.people[key]
        return Hand(person.id, person.name, str(person.party), Actor(person.id, person.party, VIA))
