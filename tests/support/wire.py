"""A gateway between a real store and a line that a test holds in its hand: no broker, no waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.flood import Gate, Limits
from gateway.link import Delivery, Link
from gateway.service import Gateway
from tests.support.sensor import World
from traceability.operations.ingest import Ingest, Message


class Wire(Link):
    """What a broker would have: deliveries as they are put on, acknowledgements and receipts as they come."""

    def __init__(self) -> None:
        super().__init__("mqtt://127.0.0.1", "wire", ())
        self.acknowledged: list[int] = []
        self.receipts: dict[str, list[bytes]] = defaultdict(list)
        self._last = 0

    def put(self, *messages: Message) -> None:
        """Deliver messages, each under a number of its own."""
        for message in messages:
            self._last += 1
            self.waiting.append(Delivery(message, self._last, self.generation))

    def turn(self, wait_s: float, enough: int) -> None:
        """Nothing more comes by itself."""

    def publish(self, topic: str, payload: bytes) -> None:
        self.receipts[topic.split("/")[3]].append(payload)

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        self.acknowledged += [delivery.mid for delivery in deliveries]


@dataclass
class Gated:
    """A gateway whose gate has the test's own time.

    Attributes:
        now_s: moved on by ``turns`` as the gateway would wait.
    """

    world: World
    limits: Limits
    wire: Wire = field(default_factory=Wire)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.gateway = Gateway(Ingest(self.world.store, self.world.node), self.wire)
        self.gateway.gate = Gate(self.limits, lambda: self.now_s)

    def turns(self, count: int = 1, each_s: float = 0.1) -> None:
        """Let the gateway take so many handfuls; time passes behind each."""
        for _ in range(count):
            self.gateway.turn()
            self.now_s += each_s
