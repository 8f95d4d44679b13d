"""What a channel of a device measures, by its name: the air, the goods, a door, a defrost."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """What a channel is about."""

    AIR = "air"
    PRODUCT = "product"
    DOOR = "door"
    DEFROST = "defrost"


_WORDS: Final = {
    "product": Channel.PRODUCT,
    "probe": Channel.PRODUCT,
    "core": Channel.PRODUCT,
    "pulp": Channel.PRODUCT,
    "door": Channel.DOOR,
    "defrost": Channel.DEFROST,
}
_WORD: Final = re.compile(r"[a-z]+")
SWITCHES: Final = frozenset({Channel.DOOR, Channel.DEFROST})
"""Channels that say, in the unit ``/``, whether something is on."""


def channel_of(name: str) -> Channel:
    """What a channel measures, by the first word of its name: ``probe-2`` is about the goods.

    Whatever is not named otherwise is about the air: that is what most sensors measure.
    """
    word = _WORD.match(name)
    return _WORDS.get(word.group() if word else "", Channel.AIR)
