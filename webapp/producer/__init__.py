"""The console of firms: what they make, where, and every step that they record."""

from webapp.producer import (
    alarms,
    batches,
    corrections,
    devices,
    disclosure,
    home,
    importing,
    items,
    recording,
)
from webapp.producer.blueprint import console

__all__ = [
    "alarms",
    "batches",
    "console",
    "corrections",
    "devices",
    "disclosure",
    "home",
    "importing",
    "items",
    "recording",
]
