"""What a channel of a device measures: by its name, or as the event says that installed the device.

A name tells the air from the goods, and a door and a defrost from both. It does not tell the air that
blows out of a cooling unit from the air that comes back to it; the party that installs a device can
(``ft:channels``), and from then on the goods are judged by the right one (docs/adr/0043).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar


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


class Role(StrEnum):
    """What a temperature channel measures, in the words of ``ft:channels``."""

    AIR_RETURN = "air-return"
    AIR_SUPPLY = "air-supply"
    PRODUCT = "product"
    AMBIENT = "ambient"
    OTHER = "other"


_Key = TypeVar("_Key")


def judging(roles: Mapping[_Key, Role | None]) -> frozenset[_Key]:
    """By which of a place's temperature channels goods are judged.

    By the probes in the goods where there are any, else by the air that comes back from them (EN 12830,
    ATP); never by the air that is blown in, nor by what is outside. A channel of which nothing is said
    (None) always counts, so that leaving something out makes nothing look better.
    """
    best = Role.PRODUCT if Role.PRODUCT in roles.values() else Role.AIR_RETURN
    return frozenset(key for key, role in roles.items() if role in (None, best))


def is_product(name: str, role: Role | None) -> bool:
    """Whether a channel is about the goods: as its role says, else its name."""
    return channel_of(name) is Channel.PRODUCT if role is None else role is Role.PRODUCT
