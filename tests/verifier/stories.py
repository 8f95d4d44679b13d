"""Batches of every kind in one node: monitored, packed with a logger, blended, recalled, with lost keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.support.supply import BLEND, LOT, OTHER
from tests.support.world import LIMITS, Probe, Story, World, tell_story
from traceability.operations.capture import capture
from traceability.operations.deposit import deposit, describe
from traceability.operations.draft import Given
from traceability.operations.enrol import signing_key
from traceability.operations.farewell import say_farewell
from traceability.operations.keyring import renew_party_key, revoke_key, rotate_party_key
from traceability.operations.replace import replace_device
from traceability.signing.keys import PrivateKey
from traceability.supply.epcis.context import read_context
from traceability.supply.notice import Purpose
from traceability.supply.recall import Outcome, Recall, State, recall_events

WORDS = {"en": "Salmonella", "zh": "沙门氏菌"}
SAFE, REMOVED = ({"state": State.CLOSED, "outcome": outcome} for outcome in Outcome)
RECALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cleared", {"state": State.ISSUED}),
    ("cleared", SAFE),
    ("held", {"state": State.HOLD, "contact": "+86 873 000"}),
    ("recalled", {"state": State.ISSUED}),
    ("removed", {"state": State.ISSUED}),
    ("removed", REMOVED),
    ("both", {"state": State.ISSUED}),
    ("both", {"id": "R2", "state": State.HOLD}),
    ("both", {"id": "R2", **SAFE}),
)


@dataclass(frozen=True)
class Told:
    """The story of ``tests.support.world`` and what happened beside it.

    Attributes:
        batches: URI by a word for what is special about it.
        logger: packed with the batch ``packing``.
        rotated: the logger of the batch ``rotated``, with each of its keys.
    """

    story: Story
    batches: dict[str, str]
    logger: Probe
    rotated: tuple[Probe, ...]

    @property
    def world(self) -> World:
        return self.story.world

    def key(self, party: str) -> PrivateKey:
        """The key that a party has now."""
        with self.world.store.reading() as connection:
            return signing_key(connection, self.world.node, party)


def tell(world: World) -> Told:
    """Tell everything, and publish it."""
    story = tell_story(world)
    batches = {"closed": story.closed, "opened": story.opened, "lot": LOT, "other": OTHER, "blend": BLEND}
    for lot in dict.fromkeys(("none", *(lot for lot, _ in RECALLS))):
        batches[lot] = world.harvest(story.farm, lot)
    for lot, members in RECALLS:
        _recall(world, story.farm, batches[lot], **members)
    batches["packed"], _ = _packed(world, story.farm, removed=True)
    batches["packing"], logger = _packed(world, story.farm, removed=False)
    batches["keys"] = _keys(world)
    batches["stolen"] = _stolen(world, story.farm)
    batches["parted"] = _parted(world, story.farm)
    batches["rotated"], rotated = _rotated(world, story.farm)
    batches["papers"] = _papers(story)
    batches["replaced"] = _replaced(world, story.carrier)
    world.publish()
    return Told(story, batches, logger, rotated)


def _recall(world: World, farm: str, batch: str, **members: Any) -> None:
    recall = replace(Recall("R1", State.HOLD, 1, (batch,), WORDS, WORDS), **members)
    for event in recall_events(recall, [batch], world.now_ms):
        capture(world.store, world.node, farm, [Given(event, read_context(event["@context"]))])
    world.wait(ms=1)


def _packed(world: World, farm: str, *, removed: bool, lot: str | None = None) -> tuple[str, Probe]:
    """A logger in the box: three frames, the second of which never arrives."""
    ilmd: dict[str, Any] = {"ft:temperature": LIMITS | {"profile": "strawberry"}}  # no verdict knows it
    logger, batch = world.device(farm), world.harvest(farm, lot or f"P{removed:d}", **ilmd)
    world.install(farm, logger, batch)
    for value in (3.0, 6.0, 4.0):
        world.wait(minutes=10)
        body = world.frame(logger, value, beacon=world.beacon())
        if value != 6.0:
            world.take(logger, body)
        world.publish()
    if removed:
        world.remove(farm, logger)
    return batch, logger


def _stolen(world: World, farm: str) -> str:
    """A logger in the box whose key is revoked; what came before is kept, the last of it under suspicion."""
    batch, logger = _packed(world, farm, removed=False, lot="STOLEN")
    world.wait(minutes=1)
    since_s = world.now_ms // 1000
    world.measure(logger, 4.5)
    world.revoke(logger, since_s)
    world.measure(logger, 9.0)
    return batch


def _parted(world: World, farm: str) -> str:
    """A logger that is taken out of use; the frame that was on the way still comes."""
    batch, logger = _packed(world, farm, removed=False, lot="PARTED")
    world.wait(minutes=10)
    late = world.frame(logger, 4.5)
    world.remove(farm, logger)
    say_farewell(world.store, world.node, logger.device, logger.counter - 1)
    world.take(logger, late, world.frame(logger, 9.0))
    return batch


def _replaced(world: World, carrier: str) -> str:
    """A stay in which one sensor dies and another takes its place an hour later."""
    van, old, new = world.asset("VAN1"), world.device(carrier), world.device(carrier)
    world.install(carrier, old, van, roles={"air": "air-return", "door": "ambient"})
    batch = world.harvest(carrier, "REPLACED")
    world.event("load", carrier, batch, asset=van)
    world.wait(minutes=10)
    world.measure(old, 4.0)
    world.wait(minutes=60)
    replace_device(world.store, world.node, old.device, new.device, world.now_ms)
    new.stream = van
    world.wait(minutes=10)
    world.measure(new, 4.5)
    world.event("unload", carrier, batch, asset=van)
    world.wait(minutes=31)
    return batch


def _rotated(world: World, farm: str) -> tuple[str, tuple[Probe, ...]]:
    """A logger that goes on with other keys twice, and of whose backlog a part comes after that."""
    batch, logger = _packed(world, farm, removed=False, lot="ROTATED")
    world.wait(minutes=10)
    late = world.frame(logger, 4.5)
    first = replace(logger)
    world.take(logger, logger.rotation(world.now_ms), world.frame(logger, 4.0))
    second = replace(logger)
    world.take(logger, logger.rotation(world.now_ms))
    world.wait(minutes=10)
    world.measure(logger, 3.5)
    world.take(logger, late)
    return batch, (first, second, replace(logger))


def _papers(story: Story) -> str:
    """Documents of two parties, one of them twice under other names, and one about the truck meanwhile."""
    world, files = story.world, {"a.pdf": b"a", "检验 报告.txt": b"b", "c": b""}
    batch = world.harvest(story.farm, "PAPERS")
    for name, data in files.items():
        deposit(world.store, world.node, story.farm, data, describe(data, name, batch, Purpose.ANALYSIS))
    deposit(world.store, world.node, story.carrier, b"a", describe(b"a", "again.pdf", batch))
    world.event("load", story.farm, batch, asset=story.truck)
    deposit(
        world.store, world.node, story.carrier, b"t", describe(b"t", "t.jpg", story.truck, Purpose.PICTURE)
    )
    return batch


def _keys(world: World) -> str:
    """A party that rotates its key, loses the next one to a thief, and gets a third."""
    party = world.party("Unlucky")
    batch = world.harvest(party, "KEYS")
    world.wait(minutes=1)
    rotate_party_key(world.store, world.node, party)
    world.event("inspect", party, batch)
    world.wait(minutes=1)
    since_s = world.now_ms // 1000
    world.event("ship", party, batch)
    world.wait(minutes=1)
    with world.store.reading() as connection:
        stolen = signing_key(connection, world.node, party).public.kid
    revoke_key(world.store, world.node, stolen, since_s, "stolen")
    renew_party_key(world.store, world.node, party)
    world.wait(minutes=1)
    world.event("receive", party, batch)
    return batch
