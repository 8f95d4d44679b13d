"""Public notices of recalls: a list, a page for each, and the same as feeds (Atom, JSON Feed 1.1).

Holds and drills are not in them: see ``operations.recalling.public``.

Source: RFC 4287 (Atom); jsonfeed.org/version/1.1; USDA FSIS and FDA recall notices for what stands first.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, current_app, render_template, request, url_for

from traceability.errors import IdentifierError
from traceability.identifiers import Batch, Kind, parse_stream
from traceability.operations.recalling.public import PublicNotice, public_notice, public_notices
from traceability.signing.strictjson import json_encode
from traceability.supply.recall import Outcome
from webapp.api.access import node
from webapp.consumer.recalls import CLASSES
from webapp.database import snapshot
from webapp.i18n import language, named, show_utc, translate
from webapp.signedin import public

notices = Blueprint("notices", __name__)
ATOM: Final = "http://www.w3.org/2005/Atom"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
JSON_FEED: Final = "https://jsonfeed.org/version/1.1"
KEPT_S: Final = 60
"""A reader of feeds may keep one so long."""


@dataclass(frozen=True, slots=True)
class Lot:
    """One thing that a notice names: as it stands on a pack, and its page if it has one here."""

    product: str
    gtin: str
    code: str
    batch: Batch | None


@notices.get("/notices")
@public
def every() -> str:
    """All notices, the newest first."""
    return render_template("notices.html", notices=public_notices(snapshot()), classes=CLASSES)


@notices.get("/notices/<recall>")
@public
def one(recall: str) -> str:
    """One notice: what is wrong with what, what to do, whom to ask."""
    found = public_notice(snapshot(), recall)
    return render_template("notice.html", notice=found, lots=list(_lots(found)), classes=CLASSES)


@notices.get("/notices.atom")
@public
def atom() -> Response:
    """The notices as an Atom feed."""
    ET.register_namespace("", ATOM)
    return _feed(_atom(public_notices(snapshot())), "application/atom+xml")


@notices.get("/notices.json")
@public
def json_feed() -> Response:
    """The notices as a JSON feed."""
    found = public_notices(snapshot())
    feed = {
        "version": JSON_FEED,
        "title": _title(),
        "language": _tongue(),
        "home_page_url": _address("notices.every"),
        "feed_url": _address("notices.json_feed"),
        "items": [_item(notice) for notice in found],
    }
    return _feed(json_encode(feed), "application/feed+json")


def changed_ms(notice: PublicNotice) -> int:
    """When a notice last said something new."""
    return notice.issued_ms if notice.closed_ms is None else notice.closed_ms


def ended(notice: PublicNotice) -> str:
    """How a recall ended, in words; empty while it is open."""
    if notice.outcome is None:
        return ""
    if notice.outcome is Outcome.SAFE:
        return translate("Closed: nothing was wrong.")
    return translate("Closed: the goods were removed from sale. Whoever still has them must not eat them.")


def _lots(notice: PublicNotice) -> Iterator[Lot]:
    for uri in notice.lots:
        batch = _batch(uri)
        gtin = batch.gtin if batch is not None else uri.partition("/01/")[2][:14]
        code = batch.lot if batch is not None else uri.partition("id.gs1.org/")[2] or uri
        yield Lot(named(notice.products.get(gtin)), gtin, code, batch)


def _batch(uri: str) -> Batch | None:
    try:
        stream = parse_stream(uri)
    except IdentifierError:
        return None
    return stream.batch if stream.kind is Kind.BATCH else None


def _item(notice: PublicNotice) -> dict[str, Any]:
    address = _address("notices.one", recall=notice.id)
    return {
        "id": f"urn:traceability:{node().name}:recall:{notice.id}",
        "url": address,
        "title": named(notice.title),
        "content_text": _text(notice),
        "date_published": show_utc(notice.issued_ms),
        "date_modified": show_utc(changed_ms(notice)),
        "authors": [{"name": named(names, uri)} for uri, names in notice.parties.items()],
    }


def _text(notice: PublicNotice) -> str:
    """The whole notice as plain text."""
    title = translate("Lots")
    lots = ", ".join(" ".join(filter(None, (lot.product, lot.code))) for lot in _lots(notice))
    lines = [
        ended(notice),
        f"{translate('Why')}: {named(notice.hazard)}",
        translate(CLASSES[notice.recall_class]) if notice.recall_class in CLASSES else "",
        f"{translate('What to do')}: {named(notice.advice)}",
        f"{translate('Whom to ask')}: {notice.contact}" if notice.contact else "",
        f"{title}: {lots}",
    ]
    return "\n".join(filter(None, lines))


def _atom(found: Sequence[PublicNotice]) -> bytes:
    feed = ET.Element(f"{{{ATOM}}}feed", {XML_LANG: _tongue()})
    newest = max(map(changed_ms, found), default=0)
    _add(feed, "id", f"urn:traceability:{node().name}:notices")
    _add(feed, "title", _title())
    _add(feed, "updated", show_utc(newest))
    _add(feed, "link", rel="self", type="application/atom+xml", href=_address("notices.atom"))
    _add(feed, "link", rel="alternate", type="text/html", href=_address("notices.every"))
    for item in map(_item, found):
        entry = _add(feed, "entry")
        for name, key in (("id", "id"), ("title", "title"), ("published", "date_published")):
            _add(entry, name, item[key])
        _add(entry, "updated", item["date_modified"])
        for author in item["authors"]:
            _add(_add(entry, "author"), "name", author["name"])
        _add(entry, "link", rel="alternate", type="text/html", href=item["url"])
        _add(entry, "content", item["content_text"], type="text")
    return bytes(ET.tostring(feed, "utf-8", xml_declaration=True))


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    element.text = None if text is None else "".join(c for c in text if c.isprintable() or c in "\n\t")
    return element


def _feed(data: bytes, mimetype: str) -> Response:
    """A feed, as it is; who has this very one is told so."""
    response = Response(data, mimetype=mimetype)
    response.cache_control.max_age = KEPT_S
    response.cache_control.public = True
    response.vary.add("Accept-Language")
    response.add_etag()
    response.make_conditional(request)
    return response


def _title() -> str:
    return translate("Food recalls on %(node)s", node=node().name)


def _tongue() -> str:
    return "zh-Hans" if language() == "zh" else "en"


def _address(endpoint: str, **values: Any) -> str:
    path: str = url_for(endpoint, **values, lang=language())
    return str(current_app.config["BASE_URL"]) + path


def names_of(notice: PublicNotice) -> Mapping[str, str]:
    """Who opened it and who spoke last, by URI."""
    return {uri: named(names, uri) for uri, names in notice.parties.items()}


notices.add_app_template_global(changed_ms, "changed_ms")
notices.add_app_template_global(ended, "ended")
notices.add_app_template_global(names_of, "names_of")
