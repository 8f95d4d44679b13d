"""The fields that the parts of a bundle are made of."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from traceability.errors import MalformedError
from traceability.ledger import lines
from traceability.ledger.record import parse_time

MAX_PROOF: Final = 63


class Base64(fields.Field[bytes]):
    """Bytes in padded standard base64, of a fixed size if one is given."""

    def __init__(self, size: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.size = size

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bytes:
        if not isinstance(value, str):
            raise ValidationError("base64 text is needed")
        try:
            decoded = lines.decode_base64(value)
        except MalformedError as error:
            raise ValidationError(str(error)) from error
        if self.size is not None and len(decoded) != self.size:
            raise ValidationError(f"{self.size} bytes are needed")
        return decoded


class Time(fields.Field[int]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        try:
            return parse_time(str(value))
        except MalformedError as error:
            raise ValidationError(str(error)) from error


def count(**options: Any) -> fields.Integer:
    return fields.Integer(required=True, strict=True, validate=validate.Range(0, 2**53), **options)


def hashes() -> fields.List[bytes]:
    return fields.List(Base64(32), required=True, validate=validate.Length(max=MAX_PROOF))
