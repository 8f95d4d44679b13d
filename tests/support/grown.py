"""Payloads that grow along the grammar of what devices send, each part right, nearly right or hostile."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import cbor2

from traceability.sensing.frame import GAP_REASONS
from traceability.sensing.senml import UNITS
from traceability.signing.keys import KEY_BYTES

HOSTILE: Final[tuple[Any, ...]] = (
    *(None, True, -1, 0, 2**31, 2**32, 2**62 + 1, 2**63, 2**64 - 1, -(2**64), 2**80),
    *(0.0, float("nan"), float("inf"), 1e308, -0.0),
    *("", "\0", "é" * 600, "https://", b"", bytes(32), bytes(4096)),
    *([], [[]], {}, {1: {2: {3: []}}}, cbor2.CBORTag(18, []), cbor2.undefined),
)
LABELS: Final = (-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, "n", "v", 2.0)
"""Those of RFC 8428 that a pack may have, those that it may not, and some that are none."""
_DEEPEST: Final = 6


def grown_payload(dice: random.Random, issuer: str, at_s: int) -> Any:
    """A pack, a list of gaps, a next key with its proof, or anything else.

    Args:
        issuer: the device's URI, with which a pack begins.
        at_s: Unix seconds that the device may tell.
    """
    way = dice.random()
    if way < 0.6:
        return _pack(dice, issuer, at_s)
    if way < 0.8:
        return [_gap(dice) for _ in range(dice.randrange(5))]
    if way < 0.85:
        return [dice.randbytes(KEY_BYTES), dice.randbytes(64)]
    return grown_item(dice)


def grown_item(dice: random.Random, depth: int = 0) -> Any:
    """Any item of CBOR, with others in it."""
    if depth == _DEEPEST or dice.random() < 0.4:
        return dice.choice(HOSTILE)
    inner: Sequence[Any] = [grown_item(dice, depth + 1) for _ in range(dice.randrange(4))]
    makes: tuple[Callable[[], Any], ...] = (
        lambda: list(inner),
        lambda: {dice.choice(LABELS): each for each in inner},
        lambda: cbor2.CBORTag(dice.randrange(2**16), list(inner)),
    )
    return dice.choice(makes)()


def _pack(dice: random.Random, issuer: str, at_s: int) -> Any:
    count = dice.choice((0, 1, 1, 2, 3, 10, 1_001))
    records = [_record(dice, at_s) for _ in range(count)]
    if records and dice.random() < 0.9:
        records[0] |= {-2: f"{issuer}/", -3: at_s}
    return records


def _record(dice: random.Random, at_s: int) -> dict[Any, Any]:
    """One that is right, with mostly one thing in it that is not."""
    unit = dice.choice(tuple(UNITS))
    record: dict[Any, Any] = {0: dice.choice(("air", "a" * 32, "Air", "a" * 33, "é", "")), 1: unit}
    record |= {2: dice.choice((4.5, 0, UNITS[unit].low, UNITS[unit].high, UNITS[unit].high * 2 + 1))}
    record |= {6: dice.choice((0, 1, -at_s, 0.5, 2**40))}
    if dice.random() < 0.4:
        record[dice.choice(LABELS)] = dice.choice((*HOSTILE, at_s, "Cel"))
    if dice.random() < 0.2:
        del record[dice.choice(tuple(record))]
    return record


def _gap(dice: random.Random) -> Any:
    """Two counters and a reason; at times too few, too many, or the other way round."""
    first = dice.choice((0, 5, 2**40, 2**63, -1))
    gap = [first, first + dice.choice((0, 1, 2**20, -1)), dice.choice((*sorted(GAP_REASONS), "", "lost", 7))]
    return gap if dice.random() < 0.8 else gap[: dice.randrange(3)]
