"""Malformed statements without end: genuine ones, changed where their structure has joints, or grown anew.

Many are signed by their device after the change, so that they come past the signature.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import cbor2

from tests.support.grown import HOSTILE, grown_payload
from traceability.errors import TraceabilityError
from traceability.sensing.frame import COUNTER
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey

HEADS: Final = tuple(
    map(bytes.fromhex, ("9f", "5f", "bf", "ff", "f97e00", "c249ff", "fb7ff0", "1bffffffffffffffff"))
) + tuple(map(bytes.fromhex, ("5b7fffffffffffffff", "9b00000000ffffffff", "3bffffffffffffffff")))
"""Beginnings of CBOR items: of no end, too long, of no or another shortest form."""


class Mutator:
    """Makes malformed statements out of genuine ones.

    Args:
        dice: where all chance comes from.
        genuine: statements to begin from, of one device.
        key: what signs again; the device's own.
    """

    def __init__(self, dice: random.Random, genuine: Sequence[bytes], key: PrivateKey) -> None:
        self._dice, self._genuine, self._key = dice, genuine, key
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            *(self._flip, self._cut, self._insert, self._splice, self._oversize, self._nest, self._noise),
            *(self._envelope, self._header, self._header, self._payload, self._payload),
            *(self._grown, self._grown),
        )

    def make(self) -> bytes:
        """The next one; never one of the genuine statements."""
        while True:
            body = self._dice.choice(self._ways)(self._dice.choice(self._genuine))
            if body not in self._genuine:
                return body

    def _flip(self, body: bytes) -> bytes:
        changed = bytearray(body)
        for _ in range(self._dice.randint(1, 4)):
            changed[self._dice.randrange(len(body))] ^= 1 << self._dice.randrange(8)
        return bytes(changed)

    def _cut(self, body: bytes) -> bytes:
        return body[: self._dice.randrange(len(body))]

    def _insert(self, body: bytes) -> bytes:
        at, gone = self._dice.randrange(len(body)), self._dice.randrange(3)
        return body[:at] + self._dice.choice(HEADS) + body[at + gone :]

    def _splice(self, body: bytes) -> bytes:
        other = self._dice.choice(self._genuine)
        return body[: self._dice.randrange(len(body))] + other[self._dice.randrange(len(other)) :]

    def _oversize(self, body: bytes) -> bytes:
        return body + bytes(self._dice.choice((1, 100, 16_384 - len(body), 16_385 - len(body), 20_000)))

    def _nest(self, body: bytes) -> bytes:
        return (
            self._dice.choice((b"\x81", b"\xd2", b"\xa1\x01", b"\x9f")) * self._dice.randrange(1, 8_000)
            + body[:40]
        )

    def _noise(self, body: bytes) -> bytes:
        return self._dice.randbytes(self._dice.randrange(0, 400))

    def _envelope(self, body: bytes) -> bytes:
        """Another tag, or a part too many, too few or of another type."""
        parts = list(cbor2.loads(body).value)
        place = self._dice.randrange(4)
        way = self._dice.randrange(4)
        if way == 0:
            return bytes(cbor2.dumps(cbor2.CBORTag(self._dice.choice((0, 17, 61, 98, 2**40)), parts)))
        if way == 1:
            del parts[place]
        elif way == 2:
            parts.insert(place, parts[place])
        else:
            parts[place] = self._dice.choice(HOSTILE)
        return bytes(cbor2.dumps(cbor2.CBORTag(18, parts)))

    def _header(self, body: bytes) -> bytes:
        header, payload = self._opened(body)
        return self._signed(self._changed(header), payload)

    def _payload(self, body: bytes) -> bytes:
        header, payload = self._opened(body)
        raw = _encoded(self._changed(cbor2.loads(payload)))
        return self._signed(header, self._flip(raw) if self._dice.random() < 0.2 else raw)

    def _grown(self, body: bytes) -> bytes:
        """Its own header, over a payload that nobody wrote."""
        header, _ = self._opened(body)
        claims = header[cose.CLAIMS]
        return self._signed(header, _encoded(grown_payload(self._dice, claims[1], claims[6])))

    def _opened(self, body: bytes) -> tuple[dict[Any, Any], bytes]:
        """Header and payload; mostly under a number that nobody used, or there would be one refusal alone."""
        protected, _, payload, _ = cbor2.loads(body).value
        header = dict(cbor2.loads(protected))
        if self._dice.random() < 0.8:
            header[COUNTER] = self._dice.randrange(1_000, 2**40)
        return header, payload

    def _changed(self, value: Any) -> Any:
        """A value somewhere inside is hostile, gone, doubled or of another name."""
        if not (isinstance(value, dict | list) and value) or self._dice.random() < 0.1:
            return self._dice.choice(HOSTILE)
        tree: Any = value
        place: Any = self._dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        way = self._dice.random()
        if way < 0.15:
            del tree[place]
        elif way < 0.3 and isinstance(value, list):
            tree.insert(place, tree[place])
        elif way < 0.3:
            tree[self._dice.choice((-65_536, -65_543, 0, 2, 99, "x"))] = tree[place]
        else:
            tree[place] = self._changed(tree[place])
        return tree

    def _signed(self, header: Any, payload: bytes) -> bytes:
        protected = _encoded(header)
        signature = self._key.sign(cbor2.dumps(["Signature1", protected, b"", payload]))
        return bytes(cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature])))


def _encoded(value: Any) -> bytes:
    """Deterministic where that is possible, so that what is inside is looked at."""
    try:
        return cbor.encode(value)
    except TraceabilityError:
        return bytes(cbor2.dumps(value, canonical=True))
