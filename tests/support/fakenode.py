"""A node's double that only does what devices see of one: it settles counters and answers receipts."""

from __future__ import annotations

from collections import defaultdict

from firmware_sim.enrolment import Enrolment
from traceability import media
from traceability.identifiers import device_uri
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.sensing.receipt import Receipt, encode_receipt
from traceability.signing.keys import PublicKey, receipt_key

NODE = "node.example"
SITE = "test"


class FakeNode:
    """Takes every statement; ``refuse`` holds the reason codes of counters that it does not believe."""

    def __init__(self) -> None:
        self.secret = bytes(range(32))
        self.refuse: dict[int, str] = {}
        self.beacon: bytes | None = None
        self.taken: dict[str, dict[int, DeviceStatement]] = defaultdict(dict)
        self.equivocations: list[DeviceStatement] = []
        self.received: list[DeviceStatement] = []
        self._settled: dict[str, int] = defaultdict(lambda: -1)
        self._newest: dict[str, DeviceStatement] = {}
        self._declared: dict[str, set[int]] = defaultdict(set)

    def enrol(self, key: PublicKey) -> Enrolment:
        device = key.device_id
        return Enrolment(device, device_uri(NODE, device), NODE, SITE, self.key_of(device))

    def key_of(self, device: str) -> bytes:
        return receipt_key(self.secret, device)

    def take(self, body: bytes) -> bytes | None:
        """The receipt that a statement is answered with, if anything is settled yet."""
        statement = parse_statement(body)
        self.received.append(statement)
        taken = self.taken[statement.device]
        known = taken.setdefault(statement.counter, statement)
        if known.sha256 != statement.sha256:
            self.equivocations.append(statement)
        if statement.media_type == media.GAP:
            for gap in statement.gaps():
                self._declared[statement.device].update(range(gap.first, gap.last + 1))
        return self.receipt(statement.device)

    def restore(self, device: str, newest: int) -> None:
        """Be as it was when it had a device's statements up to this counter."""
        for counter in [c for c in self.taken[device] if c > newest]:
            del self.taken[device][counter]
        self._settled[device], self._newest[device] = newest, self.taken[device][newest]

    def receipt(self, device: str) -> bytes | None:
        taken, settled = self.taken[device], self._settled[device]
        while settled + 1 in taken or settled + 1 in self._declared[device]:
            settled += 1
            if settled in taken:
                self._newest[device] = taken[settled]
        self._settled[device] = settled
        newest = self._newest.get(device)
        if newest is None:
            return None
        refused = tuple((c, code) for c, code in sorted(self.refuse.items()) if c <= newest.counter)
        answer = Receipt(device, newest.boot, newest.counter, newest.sha256, refused, self.beacon)
        return encode_receipt(self.key_of(device), answer)
