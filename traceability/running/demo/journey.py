"""The people of the journey: firms that enrol, install devices and record their steps.

The simulated devices write what is to happen (``demo/plan.json``) and their requests; this
program answers each with ``enrolled.json``, says ``ready`` when all are installed, and records
the firms' steps in order of time, each once the device of its asset has delivered up to it: as
in life, so that stays are closed with their readings and not amended later. How a scenario wants
devices to work is set like that, too. Whatever is
recorded already is skipped, so the program can be ended and started at any time. At the end the
packer deposits a laboratory's report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import func, select

from traceability import media
from traceability.identifiers import device_uri
from traceability.ledger.state import stream_hash
from traceability.operations.configs import configs_of, next_version, set_config
from traceability.operations.credentials import Credential, renew_credential
from traceability.operations.deposit import deposit, describe
from traceability.operations.enrol import EnrolledDevice, enrol_device, enrol_party
from traceability.operations.events import load_event
from traceability.operations.handover import device_answer, write_private
from traceability.operations.node import Node
from traceability.operations.record import make_event, record_event
from traceability.sensing.config import Config
from traceability.signing.keys import receipt_key
from traceability.signing.keystatement import parse_key_statement
from traceability.store import models
from traceability.store.engine import Store
from traceability.supply.epcis.events import STEPS, format_event_time
from traceability.supply.notice import Purpose

SITE: Final = "demo"
OFFSET: Final = "+08:00"
POLL_S: Final = 0.2
PATIENCE_S: Final = 30.0
"""A device that delivers nothing for so long is no longer waited for."""

_KEYED: Final = ("parties", "assets", "devices", "batches")
_NAMED: Final = {
    "ObjectEvent": "quantityList",
    "AggregationEvent": "childQuantityList",
    "TransformationEvent": "outputQuantityList",
}
"""Where an event names the batch that it is about."""

REPORTED: Final = "packed-a"
REPORTER: Final = "packer"
REPORT: Final = """\
An invented laboratory report for a demonstration / 演示用的虚构检验报告

Sample / 样品      {en} / {zh}
GTIN, lot / 批号   {gtin}, {lot}

Salmonella in 25 g / 沙门氏菌（25 g）           not detected / 未检出
Listeria monocytogenes in 25 g / 单增李斯特菌   not detected / 未检出
Residues of pesticides / 农药残留               below the limits / 未超出限量
"""

Entry = Mapping[str, Any]


def folder(data: Path) -> Path:
    """Where devices and people of the demo meet, below the node's data folder."""
    return data / "demo"


def first_batch(data: Path) -> str | None:
    """The URI of the batch whose page is shown first; None while the journey is not planned yet."""
    planned = kept_plan(data)
    return None if planned is None else str(planned["batches"][0]["uri"])


def kept_plan(data: Path) -> Entry | None:
    """What is to happen, if the simulated devices have written it already."""
    try:
        planned: Entry = json.loads((folder(data) / "plan.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return planned


def is_the_journey(plan: Entry) -> bool:
    """Whether a plan is that of the demonstration, and of no scenario."""
    return any(batch["key"] == REPORTED for batch in plan["batches"])


def play(store: Store, node: Node, plan: Entry) -> int:
    """Play the people's part to its end.

    Returns:
        How many events were recorded; 0 when all of them were there.
    """
    place = folder(node.folder)
    journey = Journey(store, node, plan)
    journey.enrol_parties()
    for device in plan["devices"]:
        _wait_for(place / "devices" / device["key"] / "request.json")
        journey.enrol(device, place / "devices" / device["key"])
    write_private(place / "ready", "")
    recorded = 0
    for told in sorted((*plan["steps"], *plan.get("configs", ())), key=itemgetter("at_ms")):
        if "step" in told:
            recorded += journey.record(told)
        else:
            journey.configure(told)
    if is_the_journey(plan):
        journey.deposit_report()
    return recorded


class Journey:
    """What is planned, and what of it this node knows already."""

    def __init__(self, store: Store, node: Node, plan: Entry) -> None:
        self._store, self._node = store, node
        self._plan = {kind: {e["key"]: e for e in plan[kind]} for kind in _KEYED}
        self._installs = {s["device"]: s for s in plan["steps"] if s["step"] == "install"}
        self._ids: dict[str, str] = {}
        self._on_asset: dict[str, str] = {}

    def enrol_parties(self) -> None:
        """Make the firms known."""
        known = self._subjects()
        for party in self._plan["parties"].values():
            if party["uri"] not in known:
                prefixes = [party["prefix"]] if "prefix" in party else []
                enrol_party(self._store, self._node, party["names"], party["gln"], prefixes)

    def enrol(self, device: Entry, place: Path) -> None:
        """Make a device known and install it; only then it hears that it may begin."""
        enrolled = self._enrolled(place)
        self._ids[device["key"]] = enrolled.device
        self._on_asset[device["asset"]] = enrolled.device
        self.record(self._installs[device["key"]])
        answer = device_answer(self._node, enrolled, SITE)
        write_private(place / "enrolled.json", json.dumps(answer, indent=1) + "\n")

    def record(self, step: Entry) -> bool:
        """Record a step unless it is there; returns whether it was not."""
        event = self._event(step)
        if _what(event) in self._known(event):
            return False
        if "batch" in step and "asset" in step:
            self._await_device(self._on_asset[step["asset"]], step["at_ms"])
        party = self._plan["parties"][step["party"]]["uri"]
        record_event(self._store, self._node, party, event)
        return True

    def configure(self, wanted: Entry) -> None:
        """Set how a device is to work, once it has delivered up to the time; no event is recorded."""
        device = self._ids[wanted["device"]]
        while self._store.clock() < wanted["at_ms"]:
            time.sleep(POLL_S)
        self._await_device(device, wanted["at_ms"])
        limits = {name: (low, high) for name, (low, high) in wanted.get("limits", {}).items()}
        with self._store.reading() as connection:
            known = [each.config for each in configs_of(connection, self._node, device)]
            version = next_version(connection, device)
        config = Config(device, version, wanted["reading_s"], wanted["frame_s"], limits)
        if not any(replace(each, version=version) == config for each in known):
            set_config(self._store, self._node, config)

    def deposit_report(self) -> None:
        """The packer deposits what a laboratory wrote about the strawberries."""
        batch, party = self._plan["batches"][REPORTED], self._plan["parties"][REPORTER]["uri"]
        data = REPORT.format(gtin=batch["gtin"], lot=batch["lot"], **batch["product"]).encode("utf-8")
        notice = describe(data, f"{batch['lot']} 检验报告.txt", batch["uri"], Purpose.ANALYSIS)
        deposit(self._store, self._node, party, data, notice)

    def _enrolled(self, place: Path) -> EnrolledDevice:
        request = (place / "request.json").read_bytes()
        asked = parse_key_statement(request)
        if asked.subject not in self._subjects():
            return enrol_device(self._store, self._node, request, SITE)
        device, owner = asked.key.device_id, str(asked.owner)
        credential = self._told(place) or renew_credential(self._store, device, owner, SITE)
        key = receipt_key(self._node.secret, device)
        return EnrolledDevice(device, asked.subject, owner, key, credential)

    @staticmethod
    def _told(place: Path) -> Credential | None:
        """The credential that a device was handed already."""
        try:
            told = json.loads((place / "enrolled.json").read_text("utf-8"))
            return Credential(told["username"], told["password"])
        except (FileNotFoundError, KeyError):
            return None

    def _subjects(self) -> set[str]:
        """Everybody who is enrolled here."""
        with self._store.reading() as connection:
            return set(connection.execute(select(models.Key.subject)).scalars())

    def _event(self, step: Entry) -> dict[str, Any]:
        members: dict[str, Any] = {"ft:region": step["region"]}
        if "position" in step:
            members["ft:regionCentre"] = step["position"]
        if "asset" in step:
            asset = self._plan["assets"][step["asset"]]
            members |= {"parentID": asset["uri"], "ft:asset": asset["names"]}
        if "device" in step:
            members["childEPCs"] = [device_uri(self._node.name, self._ids[step["device"]])]
            channels = self._plan["devices"][step["device"]].get("channels")
            if channels and step["step"] == "install":
                members["ft:channels"] = channels
        else:
            kind = STEPS[step["step"]]
            members[_NAMED[kind.type]] = [self._amount(step)]
            members |= self._hands(step)
            if kind.biz_step == "creating_class_instance":
                members["ilmd"] = self._master_data(step)
            if step.get("inputs"):
                members["inputQuantityList"] = [self._amount(given) for given in step["inputs"]]
        return make_event(step["step"], step["at_ms"], offset=OFFSET, **members)

    def _amount(self, named: Entry) -> dict[str, Any]:
        """A batch and how much of it."""
        batch = self._plan["batches"][named["batch"]]
        return {"epcClass": batch["uri"], "quantity": named["quantity"], "uom": batch["uom"]}

    def _hands(self, step: Entry) -> dict[str, Any]:
        """From whom to whom: what is shipped changes its owner, what is loaded its holder."""
        if "destination" not in step:
            return {}
        kind = "possessing_party" if "asset" in step else "owning_party"
        uris = {role: self._plan["parties"][step[role]]["uri"] for role in ("source", "destination")}
        return {f"{role}List": [{"type": kind, role: uri}] for role, uri in uris.items()}

    def _master_data(self, step: Entry) -> dict[str, Any]:
        batch = self._plan["batches"][step["batch"]]
        return {
            "ft:product": batch["product"],
            "ft:temperature": {
                "lowMilliCelsius": batch["low_milli_c"],
                "highMilliCelsius": batch["high_milli_c"],
                "maxGapSeconds": batch["max_gap_s"],
                **({"profile": batch["profile"]} if batch.get("profile") else {}),
            },
            "cbvmda:bestBeforeDate": batch["best_before"],
            f"cbvmda:{batch.get('dated', 'harvestStartDate')}": _day(step["at_ms"]),
        }

    def _known(self, event: Entry) -> Iterator[tuple[Any, ...]]:
        """What is recorded on the stream that an event would go onto."""
        named = next((event[name] for name in _NAMED.values() if name in event), None)
        stream = named[0]["epcClass"] if named else event["parentID"]
        table, key = models.Record, stream_hash(stream)
        query = select(models.Statement.sha256).join(table)
        query = query.where(table.stream == key, table.media_type == media.EVENT)
        with self._store.reading() as connection:
            for statement in connection.execute(query).scalars().all():
                yield _what(load_event(connection, statement))

    def _await_device(self, device: str, at_ms: int) -> None:
        """Wait until a device has delivered up to a time, as long as it delivers at all."""
        newest, deadline = -1, time.monotonic() + PATIENCE_S
        table = models.DeviceStatement
        query = select(func.max(table.to_ms)).where(table.device == device)
        while time.monotonic() < deadline:
            with self._store.reading() as connection:
                delivered = connection.execute(query).scalar_one() or 0
            if delivered >= at_ms:
                return
            if delivered > newest:
                newest, deadline = delivered, time.monotonic() + PATIENCE_S
            time.sleep(POLL_S)


def _what(event: Entry) -> tuple[Any, ...]:
    """What tells one step of a journey from another."""
    return event["bizStep"], event.get("action"), event["eventTime"], tuple(event.get("childEPCs", ()))


def _day(at_ms: int) -> str:
    return format_event_time(at_ms, OFFSET)[:10]


def _wait_for(path: Path) -> None:
    """Wait until the simulated devices have written a file."""
    while not path.exists():
        time.sleep(POLL_S)
