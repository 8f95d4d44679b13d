"""Damaged copies of inputs, the same in every run: what two readers of one format must judge alike."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Final

_ODD: Final = (
    b"",
    b"\x00",
    b"\n",
    b"\n\n",
    b" ",
    b"\t",
    b"0",
    b"-",
    b"+",
    b"=",
    b"~",
    b".",
    b"%",
    b"/",
    b"{}",
)
_WIDE: Final = ("é", "\xa0", "\ufeff", "\u2028", "\x85", "\U0001f955")


def damaged(originals: Iterable[bytes], count: int, *, seed: int = 1) -> list[bytes]:
    """Each original as it is, and ``count`` copies of each with one or two changes."""
    chance = random.Random(seed)
    found: list[bytes] = []
    for original in originals:
        found.append(original)
        for _ in range(count):
            copy = _changed(original, chance)
            found.append(copy if chance.random() < 0.8 else _changed(copy, chance))
    return found


def damaged_text(originals: Iterable[str], count: int, *, seed: int = 1) -> list[str]:
    """The same of texts; a change that is no UTF-8 becomes an odd character."""
    raw = damaged([text.encode("utf-8", "surrogatepass") for text in originals], count, seed=seed)
    return [text.decode("utf-8", "replace") for text in raw]


def noise(count: int, longest: int, *, seed: int = 1) -> list[bytes]:
    """Random bytes, also short ones and none."""
    chance = random.Random(seed)
    return [chance.randbytes(chance.randrange(longest)) for _ in range(count)]


def _changed(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.randrange(1, 5))
    piece = chance.choice(_pieces(data, chance))
    return data[:at] + piece + data[end if chance.random() < 0.6 else at :]


def _pieces(data: bytes, chance: random.Random) -> Sequence[bytes]:
    """What can be put in: odd bytes, a flipped one, a copied stretch, a character beyond ASCII."""
    start = chance.randrange(len(data) + 1)
    flipped = bytes([data[start % len(data)] ^ 1 << chance.randrange(8)]) if data else b"a"
    return (
        chance.choice(_ODD),
        flipped,
        data[start : start + chance.randrange(1, 40)],
        chance.choice(_WIDE).encode(),
        chance.randbytes(1),
    )
