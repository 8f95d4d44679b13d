"""What is said of bad cells of a sheet: the phrases of ``supply.sheets`` and ``operations.importrows``."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from traceability.operations.imports import Preview
from webapp.i18n import language, noted, translate

EXPECTED: Final = frozenset(
    {
        noted(
            "one of harvest, make, cool, pack, inspect, ship, receive, sell, destroy, store, retrieve, load, "
            "unload, or its Chinese word"
        ),
        noted("GTIN, 8 to 14 digits; format the column as text"),
        noted("lot code as on the label, at most 20 characters"),
        noted("how much, such as 12 or 12.5"),
        noted("UN/ECE Rec. 20: KGM, GRM, TNE, LTR; empty for pieces"),
        noted("such as 2026-05-01 07:30; a zone behind it if it is another"),
        noted("GLN, 13 digits, of one of your places"),
        noted("for ship and receive: GLN of to whom or from whom; of who has none, its number on this node"),
        noted("own number of a cold room or truck: store, retrieve, load, unload"),
        noted("for make: GTIN/LOT=12.5KGM; another after a semicolon"),
        noted("for harvest and make, such as 2026-05-08"),
        noted("text: a spreadsheet shortened this number"),
        noted("more than nothing"),
        noted("nothing where there is no quantity"),
        noted("own number of a cold room or truck"),
        noted("the number of another party that is enrolled on this node"),
        noted("the GTIN of one of your products: add it to your list"),
        noted("nothing: it is for store, retrieve, load and unload"),
        noted("nothing: it is for ship and receive"),
        noted("nothing: it is for make"),
        noted("nothing: it is for harvest and make"),
        noted("nothing"),
    }
)
"""In the words of the core; whatever else it says is a refusal, in English."""


def problem_rows(preview: Preview, most: int) -> list[tuple[str, str | Markup, str | Markup]]:
    """Each bad cell, what should stand there, and what does, or why it is refused."""
    found = []
    for problem in preview.problems[:most]:
        first = preview.waits.get(problem.pointer)
        expected = _said(problem.expected)
        if first is not None:
            expected = translate("Row %(n)d is to be put right first.", n=first)
        found.append((problem.pointer, expected, _said(problem.got)))
    return found


def _said(text: str) -> str | Markup:
    if text in EXPECTED or language() == "en":
        return translate(text)
    return Markup('<span lang="en">{}</span>').format(text)
