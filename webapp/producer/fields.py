"""What people type into forms: read field by field, and said beside the field where it is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from traceability.errors import IdentifierError, TraceabilityError
from webapp.i18n import in_english, noted, translate

MAX_CHARS: Final = 512
MISREAD: Final = noted("A digit or letter is wrong or missing: compare it with the label. In English:")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]{1,12}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})")
"""Written out: an exponent would name numbers with which nobody can compute."""
EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Fields:
    """The fields of a form; ``wrong`` are the messages, by field."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.given, self.wrong = given, dict[str, str]()

    def text(self, name: str, *, required: bool = False, most: int = 200) -> str:
        """A line of text; empty where there is none."""
        text = unicodedata.normalize("NFC", str(self.given.get(name, ""))[:MAX_CHARS]).strip()
        if required and not text:
            self.refuse(name, translate("This is needed."))
        elif len(text) > most or not text.isprintable():
            self.refuse(name, translate("At most %(n)d visible characters.", n=most))
        return text

    def number(self, name: str, *, least: Decimal | None = None, decimals: int = 6) -> Decimal | None:
        """A decimal number, with a point or a comma; None where there is none."""
        text = unicodedata.normalize("NFKC", self.text(name)).replace(",", ".").replace("\N{MINUS SIGN}", "-")
        if not text or name in self.wrong:
            return None
        number = Decimal(text) if _NUMBER.fullmatch(text) else None
        whole = number is not None and round(number, decimals) == number
        if number is None or not whole or (least is not None and number < least):
            self.refuse(name, translate("A number such as 12 or 12.5 is needed."))
            return None
        return number

    def whole(self, name: str, *, scale: int = 1, decimals: int = 0) -> int | None:
        """A number, as a whole one of its ``scale``: degrees as thousandths by 1000."""
        number = self.number(name, decimals=decimals)
        return None if number is None else int(number * scale)

    def day(self, name: str) -> str | None:
        """A day as YYYY-MM-DD."""
        text = self.text(name)
        try:
            return date.fromisoformat(text).isoformat() if text else None
        except ValueError:
            self.refuse(name, translate("A day such as 2026-05-01 is needed."))
            return None

    def moment(self, name: str, offset: str) -> int | None:
        """A local time, as a browser gives it, in milliseconds since 1970 UTC."""
        text = self.text(name, required=True)
        try:
            local = datetime.fromisoformat(text).replace(tzinfo=zone_of(offset))
            return (local - EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            if name not in self.wrong:
                self.refuse(name, translate("A time such as 2026-05-01 08:30 is needed."))
            return None

    def refuse(self, name: str, why: str | TraceabilityError) -> None:
        """Say what is wrong with a field."""
        self.wrong.setdefault(name, why if isinstance(why, str) else refusal(why))


def refusal(error: TraceabilityError) -> str:
    """What is wrong, for the page."""
    return in_english(error, MISREAD) if isinstance(error, IdentifierError) else in_english(error)


def zone_of(offset: str) -> timezone:
    """The zone of an offset such as ``+08:00``. Raises ValueError for what is none."""
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{offset}").tzinfo
    if zone is None or len(offset) != len("+08:00"):
        raise ValueError(f"not an offset: {offset!r}")
    return timezone(zone.utcoffset(None) or timedelta(0))


def local_text(at_ms: int, offset: str) -> str:
    """A time as a field of a browser holds it, to the second."""
    local = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone_of(offset))
    return local.replace(tzinfo=None).isoformat(timespec="seconds")
