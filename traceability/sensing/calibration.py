"""Calibration certificates: what a laboratory found when it compared a device with a reference.

A certificate is JSON in the one form that ``json_encode`` gives. Numbers are thousandths of the unit.

    device           the id of the device that was compared
    number           of the certificate, as the laboratory writes it
    laboratory       who compared
    accreditation    of the laboratory after ISO/IEC 17025, as its accreditation body writes it
    calibrated       date of the comparison, YYYY-MM-DD
    validUntil       last day on which its owner relies on it
    points           unit, reference, indicated, and the expanded uncertainty (k = 2)
    file             SHA-256 of the certificate as the laboratory signed it; optional

Source: ISO/IEC 17025:2017, 7.8.4 (what such a certificate says); the validity is the owner's choice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from traceability.errors import StatementError
from traceability.signing.strictjson import json_decode, json_encode

UNITS: Final = ("Cel", "%RH")
MAX_BYTES: Final = 65_536
_TEXT: Final = validate.And(validate.Length(1, 128), validate.Predicate("isprintable"))


class _Milli(fields.Decimal):
    """A number with at most three decimals, as thousandths."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:
        number: Decimal = super()._deserialize(value, attr, data, **options)
        scaled = number * 1000
        if abs(scaled) > 10**9 or scaled != scaled.to_integral_value():
            raise ValidationError("a number with at most three decimals is needed")
        return int(scaled)


class _PointShape(Schema):
    unit = fields.String(required=True, validate=validate.OneOf(UNITS))
    reference = _Milli(required=True)
    indicated = _Milli(required=True)
    uncertainty = _Milli(required=True, validate=validate.Range(1))


class _Shape(Schema):
    device = fields.String(required=True, validate=validate.Regexp(r"[0-9a-f]{32}\Z"))
    number = fields.String(required=True, validate=_TEXT)
    laboratory = fields.String(required=True, validate=_TEXT)
    accreditation = fields.String(required=True, validate=_TEXT)
    calibrated = fields.Date(required=True)
    valid_until = fields.Date(required=True, data_key="validUntil")
    points = fields.List(fields.Nested(_PointShape), required=True, validate=validate.Length(1, 64))
    file = fields.String(validate=validate.Regexp(r"[0-9a-f]{64}\Z"))

    @validates_schema(skip_on_field_errors=True)
    def _ordered(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["valid_until"] < data["calibrated"]:
            raise ValidationError("is before the day of the calibration", "validUntil")


@dataclass(frozen=True, slots=True)
class Point:
    """One comparison; ``unit`` is of SenML, the numbers are its thousandths."""

    unit: str
    reference: int
    indicated: int
    uncertainty: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate; ``file`` is the SHA-256 of the laboratory's own document, if there is one."""

    device: str
    number: str
    laboratory: str
    accreditation: str
    calibrated: date
    valid_until: date
    points: tuple[Point, ...]
    file: str | None = None

    def holds_on(self, day: date) -> bool:
        """Whether a day (UTC) lies in its validity, both ends included."""
        return self.calibrated <= day <= self.valid_until

    def encode(self) -> bytes:
        """The certificate as it is deposited."""
        told: dict[str, Any] = {
            "device": self.device,
            "number": self.number,
            "laboratory": self.laboratory,
            "accreditation": self.accreditation,
            "calibrated": self.calibrated.isoformat(),
            "validUntil": self.valid_until.isoformat(),
            "points": [
                [point.unit, point.reference, point.indicated, point.uncertainty] for point in self.points
            ],
        }
        return json_encode(told if self.file is None else {**told, "file": self.file})


class Lack(StrEnum):
    """Why no certificate holds on a day."""

    EXPIRED = "expired"
    EARLY = "not yet valid"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Uncertified:
    """Days from the first to the last, of those that were asked for, on which none holds, and why."""

    lack: Lack
    first: date
    last: date


def uncertified(certificates: Collection[Certificate], days: Iterable[date]) -> list[Uncertified]:
    """The days (UTC) on which none of a device's certificates holds, whenever they were deposited."""
    found: list[Uncertified] = []
    for lack, group in groupby(sorted(set(days)), lambda day: _lack(certificates, day)):
        own = list(group)
        if lack is not None:
            found.append(Uncertified(lack, own[0], own[-1]))
    return found


def _lack(certificates: Collection[Certificate], day: date) -> Lack | None:
    if any(each.holds_on(day) for each in certificates):
        return None
    if not certificates:
        return Lack.NONE
    return Lack.EXPIRED if any(each.valid_until < day for each in certificates) else Lack.EARLY


def read_typed(typed: Mapping[str, Any]) -> Certificate:
    """A certificate as a person writes it, in whole units.

    Raises:
        StatementError: a member is missing, wrong or unknown, or it ends before it begins.
    """
    try:
        told: Mapping[str, Any] = _Shape().load(typed)
    except ValidationError as error:
        raise StatementError(
            f"not a calibration certificate: {error.messages}",
            remedy="docs/coldchain.md shows one; correct the members that are named.",
        ) from error
    return _certificate(told, tuple(Point(**point) for point in told["points"]))


def parse_certificate(data: bytes) -> Certificate:
    """A certificate as it was deposited.

    Raises:
        StatementError, EncodingError, OversizeError: these bytes are none, or not in the one form.
    """
    told: Any = json_decode(data, max_bytes=MAX_BYTES)
    points = told.get("points") if isinstance(told, dict) else None
    if not isinstance(points, list) or not all(isinstance(p, list) and len(p) == 4 for p in points):
        raise StatementError("a calibration certificate has points of four members")
    if not all(type(number) is int for point in points for number in point[1:]):
        raise StatementError("the points of a certificate are whole thousandths")
    names = ("unit", "reference", "indicated", "uncertainty")
    typed = [
        {n: v if n == "unit" else str(Decimal(v) / 1000) for n, v in zip(names, p, strict=True)}
        for p in points
    ]
    found = read_typed({**told, "points": typed})
    if found.encode() != data:
        raise StatementError("a calibration certificate in another form than the one it is deposited in")
    return found


def _certificate(told: Mapping[str, Any], points: tuple[Point, ...]) -> Certificate:
    return Certificate(
        told["device"],
        told["number"],
        told["laboratory"],
        told["accreditation"],
        told["calibrated"],
        told["valid_until"],
        points,
        told.get("file"),
    )
