"""What people type, and what it means on this node: times, limits, batches, assets, parties."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from sqlalchemy import Connection, select

from traceability.errors import UnknownSignerError
from traceability.identifiers import Kind, parse_stream
from traceability.operations.enrol import find_party
from traceability.operations.node import Node
from traceability.operations.verifierfile import operator_of
from traceability.store import models
from traceability.supply.scanned import read_asset, read_batch

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH: Final = re.compile(r"([0-9]{8,14})/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, and the local time it was given in (``+08:00``)."""

    ms: int
    offset: str

    @property
    def date(self) -> date:
        """The local date."""
        sign = -1 if self.offset[0] == "-" else 1
        shift = sign * timedelta(hours=int(self.offset[1:3]), minutes=int(self.offset[4:6]))
        return (_EPOCH + timedelta(milliseconds=self.ms) + shift).date()


def parse_moment(text: str) -> Moment:
    """``now``, or an ISO 8601 time with its zone."""
    try:
        at = datetime.now(UTC).astimezone() if text == "now" else datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-05-01T08:30+08:00") from error
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone: write {text}+08:00, or {text}Z")
    return Moment((at - _EPOCH) // timedelta(milliseconds=1), at.isoformat()[-6:])


def parse_milli(text: str) -> int:
    """Degrees Celsius with at most three decimals, as thousandths."""
    number = parse_decimal(text)
    if number != (rounded := round(number, 3)):
        raise argparse.ArgumentTypeError(f"{text!r} has more than three decimals")
    return int(rounded * 1000)


def parse_decimal(text: str) -> Decimal:
    """A number as people write it: 12 or 12.5."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error
    if not number.is_finite() or abs(number) >= 10**12:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number that is used here")
    return number


def parse_date(text: str) -> str:
    """A date as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date: write 2026-05-01") from error


def read_target(node: Node, text: str) -> str:
    """The URI of what a device is installed on: a batch (``GTIN/LOT``, path, URI) or an asset."""
    if _BATCH.fullmatch(text) or text.startswith("/01/"):
        return read_batch(text).uri(node.name)
    if text.startswith(("https://", "http://")) and parse_stream(text).kind is Kind.BATCH:
        return text
    return read_asset(text, node.name)


def read_party(connection: Connection, node: Node, text: str | None) -> str:
    """The URI of a party by GLN, pseudonym or URI; without one, the only one in custody here.

    The node's operator is only meant where it is named.

    Raises:
        UnknownSubjectError: no such party.
        UnknownSignerError: none was named, and there is none here or more than one.
    """
    if text is not None:
        return find_party(connection, node, text)
    query = select(models.Key.subject).join(models.Custody).order_by(models.Key.subject)
    parties = connection.execute(query.where(models.Key.subject != operator_of(node))).scalars().all()
    if not parties:
        raise UnknownSignerError("there is no party on this node yet: traceability enrol party --help")
    if len(parties) > 1:
        raise UnknownSignerError(
            f"there are {len(parties)} parties here, and none was named",
            remedy=f"Add --party and one of {', '.join(parties)}.",
        )
    return parties[0]
