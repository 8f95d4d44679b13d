"""A gateway's link without a broker."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from gateway.link import Delivery, Link
from traceability.operations.ingest import Message


class Heap(Link):
    """A link without a broker: a heap of deliveries, and what was acknowledged of it."""

    def __init__(self) -> None:
        super().__init__("mqtt://127.0.0.1:1", f"test-{secrets.token_hex(6)}", ())
        self.acknowledged = 0

    def turn(self, wait_s: float, enough: int) -> None:
        """Nothing more comes by itself."""

    def publish(self, topic: str, payload: bytes) -> None:
        """A receipt: nobody is there."""

    def acknowledge(self, deliveries: Iterable[Delivery]) -> None:
        self.acknowledged += len(list(deliveries))

    def put(self, message: Message) -> None:
        self.waiting.append(Delivery(message, 1, self.generation))
