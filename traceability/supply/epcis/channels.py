"""What the channels of a device measure, as the event says that installs it: ``ft:channels``.

An object of channel names and roles: ``{"return": "air-return", "supply": "air-supply"}``. What follows
from a role is in :mod:`traceability.sensing.channels`; here is only what may be said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from traceability.supply.epcis.events import devices_of

MEMBER: Final = "ft:channels"
MAX_CHANNELS: Final = 16
ROLES: Final = ("air-return", "air-supply", "product", "ambient", "other")

FIELD: Final = fields.Dict(
    fields.String(validate=validate.Regexp(r"[a-z0-9][a-z0-9_-]{0,31}\Z")),
    fields.String(validate=validate.OneOf(ROLES)),
    data_key=MEMBER,
    validate=validate.Length(1, MAX_CHANNELS),
)


def channels_of(event: Mapping[str, Any]) -> dict[str, str]:
    """The roles that an installing event says, by channel, in order of their names.

    None where it installs nothing, or says them in another form: a node of before did not look at
    this member, and a channel without a role counts in any case.
    """
    said = event.get(MEMBER)
    if said is None or event.get("action") != "ADD" or not devices_of(event):
        return {}
    try:
        found: dict[str, str] = FIELD.deserialize(said)
    except ValidationError:
        return {}
    return dict(sorted(found.items()))
