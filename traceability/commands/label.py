"""``label``: a file of labels for a printer, from what is recorded of a batch."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from traceability.commands.files import write_file
from traceability.commands.verb import Answer, Verbs, add_verb, opened
from traceability.labels.pdf import draw_labels, render_pdf
from traceability.labels.stock import STOCKS
from traceability.labels.text import LANGUAGES
from traceability.operations.labels import Serials, numbered, read_label
from traceability.running.address import with_address
from traceability.settings import WebSettings, load
from traceability.supply.scanned import read_batch

PAPERS: Final = "\n".join(
    f"  {stock.name:<13} {stock.size}, "
    + ("one after another" if stock.roll else f"{stock.places} on a sheet")
    for stock in STOCKS.values()
)


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "label",
        _label,
        does="Write a PDF file of labels for a batch, to be printed at 100 %",
        example="traceability label 02000000000015/20260501-1 --paper L7160 --out labels.pdf",
    )
    verb.epilog = f"{verb.epilog}\n\npapers:\n{PAPERS}"
    verb.add_argument("batch", metavar="BATCH", help="GTIN/LOT, Digital Link path or URI")
    verb.add_argument("--paper", required=True, choices=STOCKS, metavar="NAME", help="one of those below")
    verb.add_argument("--out", required=True, type=Path, metavar="FILE", help="where the PDF file goes")
    verb.add_argument("--count", type=int, metavar="N", help="how many (default: what is left of the sheet)")
    verb.add_argument(
        "--start", type=int, default=1, metavar="PLACE", help="first place of a used sheet that is left (1)"
    )
    verb.add_argument(
        "--serials",
        type=Serials,
        choices=list(Serials),
        default=Serials.NONE,
        metavar="HOW",
        help="a serial number for each item: none, random (cannot be guessed) or order (default: none)",
    )
    verb.add_argument(
        "--first", type=int, default=1, metavar="N", help="first number, with --serials order (1)"
    )
    verb.add_argument("--lang", choices=LANGUAGES, default="en", help="language of the labels (default: en)")


def _label(args: argparse.Namespace) -> Answer:
    stock, base_url = STOCKS[args.paper], load(WebSettings, with_address(os.environ)).base_url
    batch = read_batch(args.batch)
    count = max(1, stock.places - args.start + 1) if args.count is None else args.count
    with opened() as here, here.store.reading() as connection:
        plain = read_label(
            connection, here.node, batch, base_url=base_url, language=args.lang, now_ms=here.store.clock()
        )
    labels = numbered(plain, args.serials, count, args.first)
    drawings = draw_labels(labels, stock)
    title = f"{batch.gtin}/{batch.lot} ({stock.name})"
    write_file(args.out, render_pdf(drawings, stock, args.start, title=title, language=args.lang))
    fit, missing = drawings[0].fit, drawings[0].missing
    told = {
        "file": str(args.out),
        "paper": stock.name,
        "labels": len(labels),
        "link": plain.link,
        "links": list(dict.fromkeys(label.link for label in labels)),
        "module_mm": round(fit.module, 3),
        "text_pt": fit.size_pt,
        "missing": missing,
    }
    lines = [
        f"{len(labels)} labels on {stock.name} ({stock.size}) in {args.out}",
        f"code: modules of {fit.module:.2f} mm, error correction {fit.level}; text: {fit.size_pt:g} pt",
        "print it at 100 %, not fitted to the page, and scan one before you stick them on",
    ]
    if missing:
        lines.append(f"not in the label's typeface, and printed as 〓: {' '.join(missing)}")
    return Answer(told, tuple(lines))
