"""Malformed statements in great number, with genuine ones among them, through the gateway's own hands."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from bench.faults import Came
from bench.measure import resident_mb
from gateway.flood import Limits
from gateway.service import HANDFUL, Gateway
from tests.support.broker import Broker
from tests.support.bursts import burst, publish
from tests.support.databases import prepare
from tests.support.gateway import GatewayProcess, publishing, wait_until
from tests.support.heap import Heap
from tests.support.mutator import Mutator
from tests.support.outcome import Outcome
from tests.support.sensor import Sensor, World, make_world
from tests.support.witnessed import doubled, lost
from traceability.broker import MAX_PAYLOAD_BYTES
from traceability.errors import TraceabilityError
from traceability.operations.ingest import Ingest, Ingested, Message
from traceability.operations.tally import NOTHING, WORDS
from traceability.sensing import frame
from traceability.sensing.frame import DeviceStatement, Gap

GENUINE_EVERY = 50
TENTHS = 10
GROWN_MB = 24
"""So much more memory at most between the second tenth of a million and the last, of which 16 are page cache
of SQLite and what is remembered of items; a hundred bytes kept of each message would be 80."""
UNFORESEEN = "not foreseen"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'node.sqlite'}"
    prepare(url)
    made = make_world(tmp_path / "node", url)
    yield made
    made.store.close()


class Listening(Ingest):
    """Remembers the reason codes."""

    def __init__(self, world: World) -> None:
        super().__init__(world.store, world.node)
        self.codes: Counter[str] = Counter()
        self.aside: list[Message] = []

    def ingest(self, messages: Sequence[Message], flooded: Mapping[str, int] = NOTHING) -> Ingested:
        done = super().ingest(messages, flooded)
        self.codes.update(outcome.code or outcome.word for outcome in done.outcomes)
        return done

    def set_aside(self, message: Message, error: Exception) -> Ingested:
        self.aside.append(message)
        return super().set_aside(message, error)


class Flood:
    """A device that signs anything, strangers' noise in its name, and one that behaves among them."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.good, bad = world.sensor(), world.sensor()
        usual = [bad.frame(float(value)) for value in range(20)]
        bad.counter += 5
        usual += [bad.gap(Gap(20, 24, "flash-full")), bad.frame(), bad.frame(-3.25)]
        self.bad, self.mutator = bad, Mutator(dice, usual, bad.key)
        self.heap, self.ingest = Heap(), Listening(world)
        self.gateway = Gateway(self.ingest, self.heap, Limits(1_000_000, 1_000_000))
        self.sent = 0
        self.resident_mb: list[float] = []

    def run(self, number: int) -> None:
        """So many malformed ones, by handfuls, and every now and then a genuine one."""
        for count in range(1, number + 1):
            self._put(self.bad, self.mutator.make())
            if count % GENUINE_EVERY == 0:
                self._put(self.good, self.good.frame(at_ms=self.good.began_ms + self.good.counter))
            if len(self.heap.waiting) >= HANDFUL or count == number:
                self.take()
            if count % max(number // TENTHS, 1) == 0:
                self.resident_mb.append(round(resident_mb(), 1))

    def take(self) -> None:
        while self.heap.waiting or self.gateway._left:
            self.gateway._take()

    def _put(self, sensor: Sensor, body: bytes) -> None:
        topic = sensor.topic
        if sensor is self.bad and self.dice.random() < 0.02:
            topic = self.dice.choice(
                ("", "ft/v1", topic.upper(), f"{topic}/x", f"ft/v1/\0/{sensor.device}/frame")
            )
        self.heap.put(Message(topic, body))
        self.sent += 1


@pytest.mark.fault("malformed", short=3_000, long=1_000_000)
def test_every_malformed_statement_is_answered_and_no_genuine_one_is_lost(
    world: World, rounds: int, dice: random.Random, outcome: Outcome
):
    flood = Flood(world, dice)
    flood.run(rounds)
    tallies = world.tallies()
    words = {word: sum(tally[word] for tally in tallies.values()) for word in WORDS}
    print(flood.ingest.codes.most_common(), words, flood.resident_mb)
    assert flood.ingest.aside == [], "a refusal that nobody foresaw"
    assert flood.heap.acknowledged == flood.sent == sum(t["received"] for t in tallies.values())
    assert flood.sent == sum(words.values())
    _, second, *_, last = flood.resident_mb
    assert last - second < GROWN_MB, flood.resident_mb
    missing, twice = lost(world, [flood.good]), doubled(world)
    memory = tuple(flood.resident_mb)
    came = Came("malformed statements", rounds, flood.sent, missing, twice, 0, "messages", memory)
    outcome.held(came)


@pytest.mark.fault("malformed", short=100, long=20_000)
@pytest.mark.slow
def test_through_a_broker_too_every_one_is_answered_by_a_gateway_that_lives_on(
    world: World, broker: Broker, tmp_path: Path, rounds: int, dice: random.Random
):
    flood = Flood(world, dice)
    with GatewayProcess(world, broker.url, tmp_path) as gateway, publishing(broker.url) as publisher:
        gateway.wait_connected()
        for done in range(GENUINE_EVERY, rounds + 1, GENUINE_EVERY):
            bodies = [flood.mutator.make() for _ in range(GENUINE_EVERY)]
            moments = [(flood.bad, body) for body in bodies if len(body) < MAX_PAYLOAD_BYTES]
            publish(publisher, moments + burst([flood.good], 1))
            if done % HANDFUL == 0 or done == rounds:  # a broker in haste hands some out twice
                wait_until(lambda: received(world) >= publisher.sent, f"{done} messages are counted")
        print(received(world), "counted of", publisher.sent, "sent")
        assert gateway.stop() == 0
        assert "Traceback" not in gateway.log
        assert "could not be handled" not in gateway.log
    assert lost(world, [flood.good]) == doubled(world) == 0


def received(world: World) -> int:
    return sum(tally["received"] for tally in world.tallies().values())


@pytest.mark.fault("malformed")
def test_an_error_that_stops_a_handful_would_lose_the_genuine_ones_in_it(
    world: World, dice: random.Random, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
):
    parse = frame.parse_statement

    def careless(data: bytes) -> DeviceStatement:
        try:
            return parse(data)
        except TraceabilityError as refusal:
            raise ValueError(UNFORESEEN) from refusal

    monkeypatch.setattr(frame, "parse_statement", careless)
    flood = Flood(world, dice)
    monkeypatch.setattr(flood.gateway, "_handle", lambda messages, _: [flood.ingest.ingest(messages)])
    with pytest.raises(ValueError, match=UNFORESEEN):
        flood.run(HANDFUL)
    missing = lost(world, [flood.good])
    outcome.control(Came("refusals that are not foreseen", 1, len(flood.good.made), missing, unit="messages"))
