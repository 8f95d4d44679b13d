"""Values to put where a statement wants another kind of value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from traceability.signing import strictjson

ODD: list[Any] = [None, True, False, 0, -1, 5, 12, 1234, Decimal("1.5"), Decimal("1E-7"), Decimal("1E+2")]
ODD += ["", "x", "é", "\U0001f955" * 200, "\U0001f955" * 201, "a" * 201, [], {}, ["x"], {"x": 1}]


def written(value: object) -> bytes:
    return strictjson.json_encode(value)
