"""A node with an asset, and devices that sign whatever a test wants."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from traceability import identifiers
from traceability.operations.enrol import enrol_device, enrol_party
from traceability.operations.ingest import Message
from traceability.operations.node import Node, init_node
from traceability.operations.record import make_event, record_event
from traceability.operations.tally import WORDS
from traceability.sensing import topics
from traceability.sensing.frame import NO_PREVIOUS, Clock, Gap, encode_frame, encode_gap
from traceability.sensing.senml import Reading
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request
from traceability.store import models
from traceability.store.engine import Store

SITE = "test"
PERIOD_MS = 60_000
INSTALLED_BEFORE_MS = 10 * 24 * 3600 * 1000
FIRST_BEFORE_MS = 9 * 24 * 3600 * 1000


@dataclass
class Sensor:
    """A device: counter and chain go on with every statement it makes."""

    key: PrivateKey
    uri: str
    stream: str
    receipt_key: bytes
    began_ms: int
    counter: int = 0
    prev: bytes = NO_PREVIOUS
    made: list[bytes] = field(default_factory=list)

    @property
    def device(self) -> str:
        return self.key.public.device_id

    @property
    def topic(self) -> str:
        return topics.frame_topic(SITE, self.device)

    def head(self, **changes: Any) -> dict[str, Any]:
        """The header of the next statement, with changes."""
        counter = changes.get("counter", self.counter)
        return {
            "issuer": self.uri,
            "stream": self.stream,
            "counter": counter,
            "boot": 1,
            "prev": self.prev,
            "uptime_s": 60 * min(counter, 1_000_000) + 60,
            "clock": Clock.NETWORK,
            "issued_at": self.at_ms(min(counter, 10_000)) // 1000 + 1,
        } | changes

    def at_ms(self, counter: int) -> int:
        """When the reading of a counter is taken."""
        return self.began_ms + counter * PERIOD_MS

    def frame(self, value: float = 4.5, at_ms: int | None = None, **changes: Any) -> bytes:
        """The next frame; the chain goes on from it."""
        at_ms = self.at_ms(min(self.counter, 10_000)) if at_ms is None else at_ms
        head = self.head(**changes)
        body = encode_frame(self.key, readings=[Reading("air", "Cel", at_ms, value)], **head)
        return self._go_on(body, head["counter"])

    def gap(self, *gaps: Gap, **changes: Any) -> bytes:
        """The next statement, a gap."""
        head = self.head(**changes)
        return self._go_on(encode_gap(self.key, gaps=gaps, **head), head["counter"])

    def frames(self, count: int) -> list[bytes]:
        """The next frames."""
        return [self.frame() for _ in range(count)]

    def message(self, body: bytes) -> Message:
        """A statement as it comes from the broker."""
        return Message(self.topic, body)

    def _go_on(self, body: bytes, counter: int) -> bytes:
        self.counter, self.prev = counter + 1, hashlib.sha256(body).digest()
        self.made.append(body)
        return body


@dataclass
class World:
    """A node, its store, a party, and an asset of its own."""

    node: Node
    store: Store
    party: str
    asset: str

    def sensor(self, *, installed: bool = True, on: str | None = None) -> Sensor:
        """A new device, enrolled and installed on the asset or on another one."""
        key, now_ms, asset = PrivateKey.generate(), int(time.time() * 1000), on or self.asset
        request = device_request(key, node=self.node.name, owner=self.party, model="test", iat=now_ms // 1000)
        enrolled = enrol_device(self.store, self.node, request)
        if installed:
            since_ms = now_ms - INSTALLED_BEFORE_MS
            event = make_event("install", since_ms, parentID=asset, childEPCs=[enrolled.uri])
            record_event(self.store, self.node, self.party, event)
        return Sensor(key, enrolled.uri, asset, enrolled.receipt_key, now_ms - FIRST_BEFORE_MS)

    def stranger(self) -> Sensor:
        """A device that nobody enrolled."""
        key, now_ms = PrivateKey.generate(), int(time.time() * 1000)
        uri = identifiers.device_uri(self.node.name, key.public.device_id)
        return Sensor(key, uri, self.asset, bytes(32), now_ms - FIRST_BEFORE_MS)

    def accepted(self, sensor: Sensor) -> list[bytes]:
        """The bytes of a device's accepted statements, by counter."""
        said, body = models.DeviceStatement, models.Statement.body
        query = select(body).join(said, said.sha256 == models.Statement.sha256).order_by(said.counter)
        with self.store.reading() as connection:
            return list(connection.execute(query.where(said.device == sensor.device)).scalars())

    def accepted_count(self) -> int:
        """How many statements of devices are accepted in all."""
        said = models.DeviceStatement
        with self.store.reading() as connection:
            query = select(func.count()).select_from(said).where(said.outcome == "accepted")
            return int(connection.execute(query).scalar_one())

    def tallies(self) -> dict[str, dict[str, int]]:
        """The tallies by source; each adds up, or this fails."""
        with self.store.reading() as connection:
            rows = connection.execute(select(models.Tally.__table__)).all()
        for row in rows:
            assert row.received == sum(getattr(row, word) for word in WORDS)
        return {row.source: row._asdict() for row in rows}

    def quarantined(self) -> list[tuple[str, str, bytes]]:
        """Source, code and body of what was kept, in order."""
        table = models.Quarantine
        with self.store.reading() as connection:
            rows = connection.execute(select(table.source, table.code, table.body).order_by(table.id))
            return [(r.source, r.code, r.body) for r in rows]


def make_world(folder: Path, database_url: str) -> World:
    """A node in a folder that is not there yet, with its tables."""
    node, store = init_node(folder), Store(database_url)
    store.migrate()
    party = enrol_party(store, node, {"en": "Test Farm", "zh": "试验农场"})
    return World(node, store, party.uri, identifiers.asset_uri("TRUCK1", node.name))
