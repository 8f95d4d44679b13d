"""This project's own words in events: the members with the prefix ``ft``.

``ft:region`` says where, as coarse as the party publishes it, and ``ft:regionCentre`` where on a map its
middle is (:mod:`traceability.supply.position`); ``ft:asset`` what an asset is called; ``ft:channels``
what the channels of an installed device measure (:mod:`traceability.supply.epcis.channels`);
``ft:recall`` that a lot is held or recalled, and why (:mod:`traceability.supply.recall`).
``ft:cte``, ``ft:fromExempt`` and ``ft:lotCodeSourceReference`` say what the US traceability rule
asks and an event does not show, ``ft:masterData`` describes the place, party or product that the
event names (:mod:`traceability.supply.fsma`).
In ``ilmd`` stand ``ft:product`` (name), ``ft:temperature`` (limits as integers, and what kind of
product they are for) and ``ft:parents`` (what a lot was split or merged from). Texts for people
are given in English and Chinese. Other members with this prefix are kept as they are; none of the
system's rules read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate, validates_schema

from traceability.errors import Problem
from traceability.supply.epcis import channels
from traceability.supply.position import COARSE_DECIMALS, parse_position

MAX_PARENTS: Final = 1000
MAX_ATTRIBUTES: Final = 100
CTES: Final = (
    *("harvesting", "cooling", "initial-packing", "first-land-based-receiving", "shipping", "receiving"),
    "transformation",
)
"""The critical tracking events of 21 CFR 1.1310, as ``ft:cte`` says them."""
_MEMBERS: Final = frozenset(
    {
        *("ft:region", "ft:regionCentre", "ft:asset", "ft:recall", "ilmd"),
        channels.MEMBER,
        *("ft:cte", "ft:fromExempt", "ft:lotCodeSourceReference", "ft:masterData"),
    }
)


class Names(Schema):
    """A text in both languages."""

    en = fields.String(required=True, validate=validate.Length(1, 200))
    zh = fields.String(required=True, validate=validate.Length(1, 200))


class _Temperature(Schema):
    lowMilliCelsius = fields.Integer(required=True, strict=True, validate=validate.Range(-100_000, 100_000))
    highMilliCelsius = fields.Integer(required=True, strict=True, validate=validate.Range(-100_000, 100_000))
    maxGapSeconds = fields.Integer(required=True, strict=True, validate=validate.Range(1, 86_400))
    profile = fields.String(validate=validate.Regexp(r"[a-z0-9-]{1,32}\Z"))

    @validates_schema
    def ordered(self, data: dict[str, Any], **_: Any) -> None:
        if data["lowMilliCelsius"] >= data["highMilliCelsius"]:
            raise ValidationError("a low limit below the high limit", "lowMilliCelsius")


class _Recall(Schema):
    id = fields.String(required=True, validate=validate.Regexp(r"[A-Za-z0-9._-]{1,64}\Z"))
    state = fields.String(required=True, validate=validate.OneOf(("hold", "issued", "closed")))
    recallClass = fields.Integer(required=True, strict=True, validate=validate.OneOf((1, 2, 3)))
    origin = fields.List(
        fields.String(validate=validate.Length(1, 512)), required=True, validate=validate.Length(1, 100)
    )
    hazard = fields.Nested(Names, required=True)
    advice = fields.Nested(Names, required=True)
    contact = fields.String(validate=validate.Length(1, 200))
    outcome = fields.String(validate=validate.OneOf(("safe", "removed")))

    @validates_schema
    def ended(self, data: dict[str, Any], **_: Any) -> None:
        if (data["state"] == "closed") != ("outcome" in data):
            raise ValidationError("an outcome when, and only when, the recall is closed", "outcome")


class _Ilmd(Schema):
    class Meta:
        unknown = EXCLUDE

    product = fields.Nested(Names, data_key="ft:product")
    temperature = fields.Nested(_Temperature, data_key="ft:temperature")
    parents = fields.List(fields.Raw(), data_key="ft:parents", validate=validate.Length(1, MAX_PARENTS))


def _coarse(text: str) -> None:
    """Refuse an exact place where everybody reads it; that belongs in ``readPoint``."""
    found = parse_position(text)
    if found is None or found.decimals > COARSE_DECIMALS:
        raise ValidationError("geo:LATITUDE,LONGITUDE in degrees with at most one decimal")


class _Own(Schema):
    class Meta:
        unknown = EXCLUDE

    cte = fields.String(data_key="ft:cte", validate=validate.OneOf(CTES))
    from_exempt = fields.Boolean(data_key="ft:fromExempt", truthy={True}, falsy={False})
    reference = fields.String(data_key="ft:lotCodeSourceReference", validate=validate.Length(1, 200))
    master = fields.Dict(
        fields.String(validate=validate.Length(1, 100)),
        fields.String(validate=validate.Length(1, 500)),
        data_key="ft:masterData",
        validate=validate.Length(1, MAX_ATTRIBUTES),
    )

    region = fields.Nested(Names, data_key="ft:region")
    position = fields.String(data_key="ft:regionCentre", validate=_coarse)
    asset = fields.Nested(Names, data_key="ft:asset")
    channels = channels.FIELD
    recall = fields.Nested(_Recall, data_key="ft:recall")
    ilmd = fields.Nested(_Ilmd)


_OWN: Final = _Own()
_IN_OURS: Final = {
    "Missing data for required field.": "a value: this member is required",
    "Field may not be null.": "a value that is not null",
    "Unknown field.": "no member of this name",
    "Not a valid integer.": "a whole number",
    "Not a valid string.": "a text",
    "Not a valid list.": "a list",
    "Invalid input type.": "an object",
}
"""What marshmallow says is wrong, as what is expected."""


def check_vocabulary(event: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with an event's own words; the rest of it is the model's business."""
    if _MEMBERS.isdisjoint(event):
        return []
    return list(_problems("", _OWN.validate(dict(event)), event))


def _problems(pointer: str, found: Any, got: Any) -> Iterator[Problem]:
    """What marshmallow found, one problem for each member."""
    if isinstance(found, Mapping):
        for name, inner in sorted(found.items(), key=lambda item: str(item[0])):
            below = got.get(name) if isinstance(got, Mapping) else None
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _problems(pointer + step, inner, below)
    else:
        yield Problem(
            pointer, ", ".join(_IN_OURS.get(str(each), str(each)) for each in found), repr(got)[:80]
        )
