"""A simulated fleet on a node: signed, enrolled, installed; and its truth beside what the node has."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import select

from firmware_sim.fleet.folder import ENROLLED, INSTALL, REQUESTS, TRUTH, Fleet
from firmware_sim.fleet.signing import sign_fleet
from tests.support.sensor import SITE
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.enrol import enrol_devices, enrol_party
from traceability.operations.handover import device_answer
from traceability.operations.node import Node
from traceability.sensing.frame import parse_statement
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.epcis.context import read_context

INTERVAL_MS = 600_000


@dataclass(frozen=True)
class Compared:
    """Readings that devices truly measured and a node does not have, and that it has and none measured."""

    lost: int
    invented: int


def make_fleet(
    store: Store, node: Node, folder: Path, devices: int, frames: int, per_asset: int = 10
) -> Fleet:
    """Sign a fleet of a new party, whose last frame ends now; enrolled and installed."""
    owner = enrol_party(store, node, {"en": "Fleet", "zh": "车队"}).uri
    begins_ms = int(time.time()) * 1000 - frames * INTERVAL_MS
    fleet = Fleet(node.name, owner, devices, frames, 10, per_asset, INTERVAL_MS, begins_ms, 1)
    sign_fleet(fleet, folder)
    answers = enrol_devices(store, node, (folder / REQUESTS).read_bytes().splitlines(), SITE)
    told = "".join(json.dumps(device_answer(node, each, SITE)) + "\n" for each in answers)
    (folder / ENROLLED).write_text(told, "utf-8")
    document = json.loads((folder / INSTALL).read_text("utf-8"))
    context = read_context(document["@context"])
    events = [Given(event, context) for event in document["epcisBody"]["eventList"]]
    refused = [done.refused for done in capture(store, node, owner, events) if done.refused]
    if refused:
        raise refused[0]
    return fleet


def compare(store: Store, folder: Path) -> Compared:
    """The truth of a fleet beside the readings of every statement of devices that the node took."""
    truth: dict[tuple[str, int], Counter[tuple[str, int, float]]] = {}
    for row in map(json.loads, (folder / TRUTH).read_text("utf-8").splitlines()):
        for channel, values in row["measured"].items():
            times = count(row["from_ms"], row["every_ms"])
            said = [(channel, at_ms, value) for at_ms, value in zip(times, values, strict=False)]
            truth.setdefault((row["device"], row["counter"]), Counter()).update(said)
    invented = 0
    for device, counter, body in _taken(store):
        found = Counter((r.name, r.at_ms, r.value) for r in parse_statement(body).readings())
        left = truth.get((device, counter), Counter())
        invented += (found - left).total()
        left.subtract(found & left)
    return Compared(sum(left.total() for left in truth.values()), invented)


def _taken(store: Store) -> Iterator[tuple[str, int, bytes]]:
    """Device, counter and bytes of what a node accepted."""
    said, statement = models.DeviceStatement, models.Statement
    query = select(said.device, said.counter, statement.body).join(statement, said.sha256 == statement.sha256)
    with store.reading() as connection:
        for row in connection.execute(query.where(said.outcome == "accepted")):
            yield row.device, row.counter, row.body
