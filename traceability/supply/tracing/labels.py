"""What people call the things of a trace: their kinds, and labels short enough for a box."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final
from urllib.parse import unquote


class ThingKind(StrEnum):
    """What the URI of a thing names."""

    BATCH = "batch"
    ITEM = "item"
    UNIT = "logistic unit"
    ASSET = "asset"
    PRODUCT = "product without lot"
    OTHER = "other"


_KINDS: Final = (
    (ThingKind.BATCH, re.compile(r"https://[^/]+/01/(?P<key>\d{14})/10/(?P<part>[^/]+)")),
    (ThingKind.ITEM, re.compile(r"https://[^/]+/(?:01|8006)/(?P<key>\d{14,18})/(?:21|235)/(?P<part>[^/]+)")),
    (ThingKind.UNIT, re.compile(r"https://[^/]+/00/(?P<part>\d{18})")),
    (ThingKind.ASSET, re.compile(r"https://[^/]+/(?:8003|8004)/(?P<part>[^/#]+)")),
    (
        ThingKind.PRODUCT,
        re.compile(r"https://[^/]+/(?:01|8003|8006|8010|253|255)/(?P<key>[^/#]+)#[0-9a-f]{16}"),
    ),
)


def kind_of(uri: str) -> ThingKind:
    """The kind of a thing, by its canonical URI."""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(uri)), ThingKind.OTHER)


def product_of(uri: str) -> str | None:
    """The GTIN-14 (or the like) of a batch, an item or a product without its lot."""
    for _, pattern in _KINDS:
        if found := pattern.fullmatch(uri):
            return found.groupdict().get("key")
    return None


def parts_of(uri: str) -> tuple[ThingKind, str, str]:
    """Its kind, the number of its product (or the like), and which one of those: a lot, a serial number."""
    for kind, pattern in _KINDS:
        if found := pattern.fullmatch(uri):
            parts = found.groupdict()
            return kind, parts.get("key") or "", unquote(parts.get("part") or "")
    return ThingKind.OTHER, "", uri


def label_of(uri: str, longest: int = 15) -> tuple[str, str]:
    """Two short lines: which product or kind it is, and which one of those."""
    for kind, pattern in _KINDS:
        if found := pattern.fullmatch(uri):
            parts = found.groupdict()
            product, which = (parts.get("key") or "").lstrip("0"), unquote(parts.get("part") or "lot unknown")
            return _cut(product or kind.value, longest), _cut(which, longest)
    return _cut(uri.partition(":")[0], longest), _cut(uri.rpartition(":")[2].rpartition("/")[2], longest)


def _cut(text: str, longest: int) -> str:
    """At most so many characters: the end of a number tells most."""
    return text if len(text) <= longest else "…" + text[1 - longest :]
