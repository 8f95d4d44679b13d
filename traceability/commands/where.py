"""Where a step happened, as coarse as the public may know: the options, and what they say."""

from __future__ import annotations

import argparse

from traceability.errors import StatementError
from traceability.operations.steps import Where
from traceability.supply.position import COARSE_DECIMALS, parse_position


def add_where(verb: argparse.ArgumentParser) -> None:
    """The options that name a region and its position."""
    verb.add_argument("--region-en", metavar="TEXT", help="where, as coarse as the public may know")
    verb.add_argument("--region-zh", metavar="TEXT", help="the same in Chinese")
    verb.add_argument(
        "--position", type=_position, metavar="LAT,LON", help="the region's middle, to a tenth of a degree"
    )


def where(args: argparse.Namespace) -> Where:
    """What the options say.

    Raises:
        StatementError: a name in one language alone.
    """
    if (args.region_en is None) != (args.region_zh is None):
        raise StatementError("--region-en and --region-zh go together")
    region = None if args.region_en is None else {"en": args.region_en, "zh": args.region_zh}
    return Where(region=region, centre=args.position)


def _position(text: str) -> str:
    found = parse_position(f"geo:{text}")
    if found is None or found.decimals > COARSE_DECIMALS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a latitude and longitude in degrees, each with one decimal at most: 25.6,100.2"
        )
    return f"geo:{text}"
