"""A node in a folder of its own, with a clock that a test moves, and helpers for whole journeys.

    world = make_world(folder, url)           init, migrate, first checkpoint
    farm = world.party("Test Farm")           URI of a party
    truck = world.asset("TRUCK1")             URI of an asset
    probe = world.device(farm)                a Probe, enrolled
    world.install(farm, probe, truck)         at the world's time; ``at_ms`` says otherwise
    batch = world.harvest(farm, "L1")         URI of a batch with limits 0 to 5 degrees
    world.event("load", farm, batch, asset=truck)
    world.measure(probe, 4.5)                 one frame through Ingest, at the world's time
    world.wait(minutes=10)
    world.event("unload", farm, batch, asset=truck)
    world.publish()                           moves the clock on by a second first
    world.bundle(batch)                       bytes of the exported bundle

Nothing here knows the broker: frames go through ``operations.ingest`` directly.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.cosigned import Cosigner
from tests.support.databases import prepare
from tests.support.people import let_in
from tests.support.practice import practise
from tests.support.supply import trade
from traceability import identifiers
from traceability.identifiers import Batch
from traceability.operations.accounts.trail import Actor
from traceability.operations.capture import Captured
from traceability.operations.codes import new_code
from traceability.operations.configs import set_config
from traceability.operations.cosign import cosign
from traceability.operations.enrol import enrol_device, enrol_party
from traceability.operations.export import export_bundle
from traceability.operations.heartbeat import beat
from traceability.operations.ingest import Ingest, Ingested, Message
from traceability.operations.keyring import revoke_key, rotate_party_key
from traceability.operations.leap import confirm_clock
from traceability.operations.log import newest_beacon
from traceability.operations.masterdata import Asset, Place, Product, save
from traceability.operations.node import Node, init_node, load_node
from traceability.operations.publish import Published, publish
from traceability.operations.record import make_event, record_event
from traceability.operations.visitors.reports import DAY_MS, Kind, Told, file_report
from traceability.operations.visitors.scans import keep_scans
from traceability.sensing import topics
from traceability.sensing.config import Config
from traceability.sensing.frame import NO_PREVIOUS, Clock, Gap, encode_frame, encode_gap
from traceability.sensing.rotation import encode_rotation
from traceability.sensing.senml import Reading
from traceability.signing.disclosure import Audience
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request
from traceability.store.engine import Store, system_clock
from traceability.verification.bundle import encode_bundle
from traceability.verification.quorum import Witness

START_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z, where every world begins."""
MINUTE_MS = 60_000
GTIN = "0952000000001" + identifiers.check_digit("0952000000001")
LIMITS = {"lowMilliCelsius": 0, "highMilliCelsius": 5000, "maxGapSeconds": 1800}


@dataclass
class Probe:
    """A device under a test's hand; counter and previous hash go on by themselves."""

    key: PrivateKey
    uri: str
    stream: str = ""
    counter: int = 0
    prev: bytes = NO_PREVIOUS
    boot: int = 1
    site: str = "test"

    @property
    def device(self) -> str:
        return self.uri[-32:]

    @property
    def topic(self) -> str:
        return topics.frame_topic(self.site, self.device)

    def frame(self, readings: Sequence[Reading], **head: Any) -> bytes:
        """The next frame; ``head`` changes what would stand in its header."""
        at_s = max(r.at_ms for r in readings) // 1000
        return self._sealed(encode_frame(self.key, readings=readings, **self._head(at_s, head)))

    def gap(self, at_ms: int, *gaps: Gap, **head: Any) -> bytes:
        """The next statement, a gap."""
        return self._sealed(encode_gap(self.key, gaps=gaps, **self._head(at_ms // 1000, head)))

    def rotation(self, at_ms: int, following: PrivateKey | None = None, **head: Any) -> bytes:
        """The next statement, a rotation; from here on the next key signs."""
        following = following or PrivateKey.generate()
        own = {"stream": identifiers.device_keys(self.uri.split("/")[2], self.device)} | head
        body = encode_rotation(self.key, following, **self._head(at_ms // 1000, own))
        self.key = following
        return self._sealed(body)

    def _head(self, at_s: int, changes: dict[str, Any]) -> dict[str, Any]:
        usual: dict[str, Any] = {
            "issuer": self.uri,
            "stream": self.stream,
            "counter": self.counter,
            "boot": self.boot,
            "prev": self.prev,
            "uptime_s": 100 + self.counter,
            "clock": Clock.NETWORK,
            "issued_at": at_s,
        }
        return usual | changes

    def _sealed(self, body: bytes) -> bytes:
        self.counter, self.prev = self.counter + 1, hashlib.sha256(body).digest()
        return body


@dataclass
class World:
    """A node, its store and its time; see the module's own words."""

    node: Node
    store: Store
    now: list[int]
    gtin: str = GTIN
    ingesting: Ingest = field(init=False)

    def __post_init__(self) -> None:
        self.ingesting = Ingest(self.store, self.node)

    @property
    def now_ms(self) -> int:
        return self.now[0]

    def wait(self, *, minutes: float = 0, ms: int = 0) -> None:
        """Let time pass."""
        self.now[0] += int(minutes * MINUTE_MS) + ms

    def party(self, name: str, gln: str | None = None) -> str:
        return enrol_party(self.store, self.node, {"en": name, "zh": f"{name}（中）"}, gln).uri

    def asset(self, number: str) -> str:
        return identifiers.asset_uri(number, self.node.name)

    def device(self, owner: str, model: str = "FT-1") -> Probe:
        key = PrivateKey.generate()
        request = device_request(key, node=self.node.name, owner=owner, model=model, iat=self.now_ms // 1000)
        return Probe(key, enrol_device(self.store, self.node, request).uri)

    def install(
        self,
        party: str,
        probe: Probe,
        target: str,
        at_ms: int | None = None,
        roles: Mapping[str, str] | None = None,
    ) -> Captured:
        """Install a device; ``roles`` say what its channels measure."""
        probe.stream = target
        said = {"ft:channels": roles}
        return self._record(party, "install", at_ms, parentID=target, childEPCs=[probe.uri], **said)

    def remove(self, party: str, probe: Probe, at_ms: int | None = None) -> Captured:
        return self._record(party, "remove", at_ms, parentID=probe.stream, childEPCs=[probe.uri])

    def batch(self, lot: str) -> str:
        return identifiers.Batch(self.gtin, lot).uri(self.node.name)

    def harvest(self, party: str, *lots: str, at_ms: int | None = None, **ilmd: Any) -> str:
        """One event that creates a batch for each lot; the URI of the last."""
        uris = [self.batch(lot) for lot in lots]
        master = {"ft:product": {"en": "Strawberries", "zh": "草莓"}, "ft:temperature": dict(LIMITS)} | ilmd
        quantities = [{"epcClass": uri, "quantity": 10, "uom": "KGM"} for uri in uris]
        self._record(party, "harvest", at_ms, quantityList=quantities, ilmd=master)
        return uris[-1]

    def event(
        self, step: str, party: str, *batches: str, asset: str | None = None, at_ms: int | None = None
    ) -> Captured:
        """A step of one or several batches, into or out of ``asset`` if there is one."""
        named = [{"epcClass": uri} for uri in batches]
        if asset is not None:
            return self._record(party, step, at_ms, parentID=asset, childQuantityList=named)
        return self._record(party, step, at_ms, quantityList=named)

    def revoke(self, probe: Probe, suspected_s: int | None = None) -> None:
        """Its owner revokes a device's key."""
        revoke_key(self.store, self.node, probe.key.public.kid, suspected_s, "stolen")

    def measure(self, probe: Probe, *values: float, every_ms: int = MINUTE_MS, **head: Any) -> Ingested:
        """One frame whose last reading is now, the others before it, through Ingest."""
        return self.take(probe, self.frame(probe, *values, every_ms=every_ms, **head))

    def frame(self, probe: Probe, *values: float, every_ms: int = MINUTE_MS, **head: Any) -> bytes:
        """The frame that ``measure`` sends."""
        first = self.now_ms - every_ms * (len(values) - 1)
        readings = [Reading("air", "Cel", first + every_ms * i, v) for i, v in enumerate(values)]
        return probe.frame(readings, **head)

    def take(self, probe: Probe, *bodies: bytes) -> Ingested:
        """Send statements on a device's own topic."""
        return self.ingesting.ingest([Message(probe.topic, body) for body in bodies])

    def beacon(self) -> bytes | None:
        """What the newest published checkpoint is named by, as the next receipt would tell."""
        with self.store.reading() as connection:
            return newest_beacon(connection)

    def publish(self) -> Published | None:
        self.wait(ms=1000)
        return publish(self.store, self.node)

    def bundle(self, batch: str, audience: Audience = Audience.PUBLIC) -> bytes:
        with self.store.reading() as connection:
            return encode_bundle(export_bundle(connection, self.node, batch, audience))

    def _record(self, party: str, step: str, at_ms: int | None, **members: Any) -> Captured:
        event = make_event(step, self.now_ms if at_ms is None else at_ms, **members)
        return record_event(self.store, self.node, party, event)


def make_world(folder: Path, database_url: str, name: str | None = None) -> World:
    """A new node in ``folder`` with its tables and its first checkpoint."""
    now = [START_MS]
    prepare(database_url)
    store = Store(database_url, clock=lambda: now[0], checkpoints=True)
    if not store.is_current():
        store.migrate()
    world = World(init_node(folder, name), store, now)
    confirm_clock(folder, system_clock())  # commands in a test go by the real one, years after this world
    world.publish()
    return world


def copy_world(made: World, folder: Path) -> World:
    """A world of its own that is like one made in a folder as ``node`` and ``store.sqlite``, in another."""
    made.store.close()  # or reading the files would take its locks away
    shutil.copytree(made.node.folder.parent, folder, dirs_exist_ok=True)
    now = list(made.now)
    store = Store(f"sqlite:///{folder / 'store.sqlite'}", clock=lambda: now[0], checkpoints=True)
    return World(load_node(folder / "node"), store, now)


EAST = Cosigner("east")
"""The neighbour of ``tell_story``."""


@dataclass(frozen=True)
class Story:
    """What ``tell_story`` made: a small node in which every table has rows."""

    world: World
    farm: str
    carrier: str
    truck: str
    room: str
    probes: tuple[Probe, Probe]
    closed: str
    opened: str


def tell_story(world: World) -> Story:
    """Two parties, two devices, two batches; stays closed, amended and open; a gap, a hole, refusals.

    One party goes on with a new key half-way; the key of a third is revoked.
    """
    farm, carrier = world.party("Farm"), world.party("Carrier", identifiers_gln())
    truck, room = world.asset("TRUCK1"), world.asset("ROOM1")
    probe, other = world.device(carrier), world.device(farm)
    world.install(carrier, probe, truck)
    world.install(farm, other, room)
    batch = world.harvest(farm, "L1")
    second = world.harvest(farm, "L2")
    _drive(world, carrier, probe, batch, truck)
    world.publish()
    cosign(world.store, Witness("east", EAST.verifier, "http://east.example"), post=EAST.answer)
    rotate_party_key(world.store, world.node, carrier)
    former = enrol_party(world.store, world.node, {"en": "Former", "zh": "从前"})
    revoke_key(world.store, world.node, former.kid, None, "gave up its business")
    trade(world, farm, carrier)
    new_code(world.store, world.node, party=farm, model="FT-1")
    set_config(world.store, world.node, Config(other.device, 1, 60, 600))
    let_in(world.store, world.node, farm)
    _keep_by_heart(world, farm, room)
    visited(world, batch)
    world.event("receive", carrier, batch)
    practise(world.store, world.node, farm, second)
    world.event("store", farm, batch, second, asset=room)
    for value in (3.0, 3.5, 4.0):
        world.wait(minutes=10)
        world.measure(other, value, value, beacon=world.beacon())
    _misbehave(world, probe, other)
    world.remove(carrier, probe)
    beat(world.store, "gateway", {"error": None})
    world.publish()
    return Story(world, farm, carrier, truck, room, (probe, other), batch, second)


def identifiers_gln() -> str:
    """A GLN with a company prefix."""
    return "952000000002" + identifiers.check_digit("952000000002")


def _keep_by_heart(world: World, farm: str, room: str) -> None:
    """A product, a place and an asset."""
    names = {"en": "Strawberries", "zh": "草莓"}
    by = Actor(None, farm, "web")
    save(world.store, by, farm, Product(world.gtin, names, 0, 5000, shelf_life_days=7, uom="KGM"))
    save(world.store, by, farm, Place(identifiers_gln(), {"en": "Packing shed", "zh": "包装间"}))
    save(world.store, by, farm, Asset(room, {"en": "Cold room", "zh": "冷库"}))


def _drive(world: World, carrier: str, probe: Probe, batch: str, truck: str) -> None:
    """A stay with a warm hour, a gap, and a frame that comes late; closed, then amended."""
    world.measure(probe, 3.0)
    world.wait(minutes=5)
    world.event("load", carrier, batch, asset=truck)
    for value in (4.0, 6.5, 4.5):
        world.wait(minutes=10)
        world.measure(probe, value, beacon=world.beacon())
    world.wait(minutes=10)
    late = world.frame(probe, 5.5)
    probe.counter += 2
    world.take(probe, probe.gap(world.now_ms, Gap(5, 6, "flash-full")))
    world.wait(minutes=10)
    world.event("unload", carrier, batch, asset=truck)
    world.wait(minutes=5)
    world.measure(probe, 4.0, 4.0, prev=hashlib.sha256(b"lost").digest(), counter=probe.counter + 3)
    probe.counter += 3
    world.publish()
    world.take(probe, late)


def visited(world: World, batch: str) -> None:
    """Somebody reports a problem with a lot, and opens the code of one of its items."""
    told = Told(Kind.SPOILED, "It smells", "me@example.com")
    found = Batch(*identifiers.parse_stream(batch).values)
    file_report(world.store, world.node, found, told, bytes(16))
    with world.store.transaction() as tx:
        keep_scans(tx, {(bytes(16), world.now_ms // DAY_MS): 3})


def _misbehave(world: World, probe: Probe, other: Probe) -> None:
    """A duplicate, a clock ahead, a foreign stream, an equivocation, noise."""
    body = world.frame(probe, 4.2)
    world.take(probe, body, body)
    ahead = probe.frame([Reading("air", "Cel", world.now_ms + 60 * MINUTE_MS, 4.0)])
    elsewhere = other.frame([Reading("air", "Cel", world.now_ms, 4.0)], stream=probe.stream)
    twin = other.frame([Reading("air", "Cel", world.now_ms, 9.0)], counter=1)
    other.counter -= 1
    world.take(probe, ahead, b"not a statement")
    world.take(other, elsewhere, twin)
    world.ingesting.ingest([Message("ft/v1/elsewhere", b"noise"), Message("x", bytes(17_000))])
