"""What each kind of client may do at the broker, in NATS' words: ``.`` for ``/``, ``*`` for ``+``.

Source: docs.nats.io, "MQTT", for ``$MQTT.sub.>``: the broker itself delivers QoS 1 on those subjects,
as the client; no client can name one in a subscription.
"""

from __future__ import annotations

from typing import Any, Final

from traceability.operations.credentials import GATEWAY, PROBE, Guest

_DELIVERIES: Final = "$MQTT.sub.>"
_UP: Final = ("frame", "status")
_DOWN: Final = ("receipt", "config")


def permissions(guest: Guest) -> dict[str, Any]:
    """The members ``pub`` and ``sub`` of a NATS user's claims; what they do not allow is refused."""
    if guest.kind == PROBE:
        return {"pub": {"deny": [">"]}, "sub": {"deny": [">"]}}
    if guest.kind == GATEWAY:
        return _allowed([f"ft.v1.*.*.{kind}" for kind in _DOWN], ["ft.v1.*.*.frame"])
    own = f"ft.v1.{guest.site}.{guest.device}"
    return _allowed([f"{own}.{kind}" for kind in _UP], [f"{own}.{kind}" for kind in _DOWN])


def _allowed(publish: list[str], subscribe: list[str]) -> dict[str, Any]:
    return {"pub": {"allow": publish}, "sub": {"allow": [*subscribe, _DELIVERIES]}}
