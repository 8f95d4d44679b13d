"""Pages of products, places, rooms and vehicles: lists, forms, and a file for a spreadsheet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from flask import Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from traceability.errors import IdentifierError, MalformedError
from traceability.operations.accounts.roles import Right
from traceability.operations.masterdata import (
    PAGE,
    Place,
    Product,
    find,
    forget,
    list_items,
    numbers_in_use,
    save,
)
from traceability.operations.numbers import known_batches, next_own_gln, next_own_gtin
from traceability.operations.productpictures import drop_picture, keep_picture
from traceability.sensing.profiles import PROFILES
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import language, named, translate
from webapp.producer.blueprint import console, own_party
from webapp.producer.csvfile import csv_file
from webapp.producer.fields import Fields
from webapp.producer.kinds import KINDS, key_of, number_of
from webapp.signedin import requires, say, visitor
from webapp.units import UNITS

MAX_FORM: Final = 13 * 1024 * 1024
"""Bytes of a form with a picture."""
ALL: Final = 10_000
"""Rows of a file."""


@console.get("/console/products", defaults={"kind": "products"}, endpoint="products")
@console.get("/console/places", defaults={"kind": "places"}, endpoint="places")
@console.get("/console/assets", defaults={"kind": "assets"}, endpoint="assets")
@requires(Right.RECORD, Right.PRODUCTS)
def listed(kind: str) -> str:
    """A list, in the order of the numbers, a page at a time."""
    search, after = request.args.get("q", "")[:80], request.args.get("after", "")[:512]
    known = KINDS[kind]
    found = list_items(snapshot(), own_party(), known.cls, search=search, after=after, limit=PAGE + 1)
    more = getattr(found[PAGE - 1], known.cls.KEY) if len(found) > PAGE else None
    rows = [(number_of(item), item, known.row(item)) for item in found[:PAGE]]
    return render_template(
        "producer/items.html",
        kind=kind,
        known=known,
        rows=rows,
        search=search,
        after=after,
        more=more,
        may=Right.PRODUCTS in visitor().rights,
    )


@console.get("/console/<any(products,places,assets):kind>.csv")
@requires(Right.RECORD, Right.PRODUCTS)
def items_file(kind: str) -> Response:
    """The whole list, for a spreadsheet."""
    items = list_items(snapshot(), own_party(), KINDS[kind].cls, limit=ALL)
    filled = [KINDS[kind].fill(item) for item in items]
    head = list(filled[0]) if filled else ["number"]
    return csv_file(f"{kind}.csv", head, (list(row.values()) for row in filled))


@console.get("/console/<any(products,places,assets):kind>/new")
@requires(Right.PRODUCTS)
def new_item(kind: str) -> str:
    """The form for a new one."""
    return _form(kind, {"gap_min": 30, "uom": "KGM"} if kind == "products" else {}, "")


@console.post("/console/<any(products,places,assets):kind>/new")
@requires(Right.PRODUCTS, max_bytes=MAX_FORM)
def add_item(kind: str) -> str | BaseResponse:
    """Keep a new one."""
    return _save(kind, "")


@console.get("/console/<any(products,places,assets):kind>/<lot:number>")
@requires(Right.RECORD, Right.PRODUCTS)
def item(kind: str, number: str) -> str:
    """One of them, to be changed by those who may."""
    found = _find(kind, number)
    return _form(kind, KINDS[kind].fill(found), number)


@console.post("/console/<any(products,places,assets):kind>/<lot:number>")
@requires(Right.PRODUCTS, max_bytes=MAX_FORM)
def change_item(kind: str, number: str) -> str | BaseResponse:
    """Change it, or take it off the list."""
    found = _find(kind, number)
    if "forget" not in request.form:
        return _save(kind, number)
    forget(store(), visitor().actor, own_party(), KINDS[kind].cls, getattr(found, found.KEY))
    if isinstance(found, Product) and found.picture:
        drop_picture(node().folder, found.picture)
    say(translate("It is off the list. What was recorded with it stays as it is."))
    return redirect(url_for(f"console.{kind}", lang=language()), 303)


def _find(kind: str, number: str) -> Any:
    known = KINDS[kind]
    return find(snapshot(), own_party(), known.cls, key_of(known, number))


def _save(kind: str, number: str) -> str | BaseResponse:
    known, fields = KINDS[kind], Fields(request.form)
    kept = _find(kind, number) if number else None
    made = known.read(fields, getattr(kept, known.cls.KEY) if kept else "")
    dropped = None
    if not fields.wrong:
        made = _numbered(made)
        if isinstance(made, Product):
            made, dropped = _pictured(fields, made, kept)
    if not fields.wrong:
        try:
            save(store(), visitor().actor, own_party(), made)
        except (MalformedError, IdentifierError) as error:
            fields.refuse("number", error)
    if fields.wrong:
        return _form(kind, request.form, number, fields.wrong)
    if dropped:
        drop_picture(node().folder, dropped)
    say(translate("%(name)s is kept.", name=named(made.names)))
    return redirect(url_for(f"console.{kind}", lang=language()), 303)


def _numbered(made: Any) -> Any:
    """With the next number of this node's own, where nobody gave one."""
    with store().reading() as connection:
        if isinstance(made, Product) and not made.gtin:
            taken = {batch.gtin for batch in known_batches(connection)}
            return replace(made, gtin=next_own_gtin(taken | numbers_in_use(connection, Product)))
        if isinstance(made, Place) and not made.gln:
            return replace(made, gln=next_own_gln(numbers_in_use(connection, Place)))
    return made


def _pictured(fields: Fields, made: Product, kept: Product | None) -> tuple[Product, str | None]:
    """With its picture, and the name of one that is no longer needed."""
    before = kept.picture if kept else None
    sent = request.files.get("picture")
    data = sent.read() if sent is not None else b""
    if not data:
        gone = before if "no_picture" in request.form else None
        return replace(made, picture=None if gone else before), gone
    try:
        return replace(made, picture=keep_picture(node().folder, data)), before
    except MalformedError as error:
        fields.refuse("picture", error)
        return made, None


def _form(kind: str, given: Any, number: str, wrong: Any = None) -> str:
    return render_template(
        "producer/item.html",
        kind=kind,
        known=KINDS[kind],
        given=given,
        number=number,
        wrong=wrong or {},
        profiles=PROFILES,
        units=UNITS,
        may=Right.PRODUCTS in visitor().rights,
    )
