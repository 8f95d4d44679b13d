"""One event of each kind with every member filled, and everything that everybody is shown of it.

Each member holds a value that stands nowhere else, so whether somebody sees it is whether it is in what
they were given: as it is, in base64 at any depth, or in a file of a package.

    planted = plant(site)
    table(planted)        a line for each member: on which page or answer who sees it
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from flask.testing import FlaskClient

from tests.support.matrix import Site
from tests.support.objects import a_notice, batch_of
from tests.support.people import hold, make_person, make_session
from tests.support.world import LIMITS
from traceability.gs1 import check_digit
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.trail import Actor
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.sharing import View, new_link
from traceability.operations.tokens import Scope, new_token
from traceability.operations.visitors.reports import Kind, Told, file_report
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.events import format_event_time

CONTEXT: Final[list[Any]] = [
    "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
    {"ft": "https://food-traceability.example/ns/1#", "x": "https://x.example/ns/"},
]
WHO: Final = {
    "stranger": None,
    "maker": PartyKind.PRODUCER,
    "partner": PartyKind.PROCESSOR,
    "firm": PartyKind.RETAILER,
    "authority": PartyKind.AUTHORITY,
    "laboratory": PartyKind.LABORATORY,
    "bank": PartyKind.BANK,
}
"""The partner is named in each event as whom the goods go to; the firm in none."""
TYPES: Final = (
    "ObjectEvent",
    "AggregationEvent",
    "TransformationEvent",
    "TransactionEvent",
    "AssociationEvent",
)


@dataclass
class Planted:
    """A site, what stands in which member, and links for reading."""

    site: Site
    values: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    notice: str = ""


def gs1(key: str, number: int) -> str:
    """A GLN behind a key of GS1 that stands nowhere else."""
    digits = f"9520{number:08d}"
    return f"https://id.gs1.org/{key}/{digits}{check_digit(digits)}"


def plant(site: Site) -> Planted:
    """Record the events, publish them, lend links and report a problem."""
    made = Planted(site)
    world, maker = site.world, site.own[PartyKind.PRODUCER]
    for number, kind in enumerate(TYPES):
        event, values = event_of(site, kind, number)
        (done,) = capture(world.store, world.node, maker, [Given(event, read_context(CONTEXT), CONTEXT)])
        assert done.refused is None, done.refused
        made.values |= {f"{kind}.{name}": value for name, value in values.items()}
    told = Told(Kind.SPOILED, "words of a report", "contact of a report")
    made.reference = file_report(world.store, world.node, batch_of(site, maker), told, None)
    made.values |= {"Report.words": told.words, "Report.contact": told.contact}
    world.publish()
    made.notice = a_notice(site, maker)["case_id"]
    for who, view, regulator in (
        (PartyKind.PRODUCER, View.BATCH, False),
        (PartyKind.AUTHORITY, View.BATCH, True),
        (PartyKind.AUTHORITY, View.TRACE, True),
    ):
        actor = Actor("somebody", site.own[who], "web")
        text, _ = new_link(world.store, world.node, actor, view, site.lots[maker], 1, regulator=regulator)
        made.links[f"link of {'authority' if regulator else 'maker'}: {view}"] = text
    return made


def event_of(site: Site, kind: str, number: int) -> tuple[dict[str, Any], dict[str, str]]:
    """An event of a kind about the maker's lot, and what stands in its members."""
    base = 100 * (number + 1)
    lot, partner = site.lots[site.own[PartyKind.PRODUCER]], site.own[PartyKind.PROCESSOR]
    values = {
        "readPoint": gs1("414", base + 1),
        "bizLocation": gs1("414", base + 2),
        "sourceList": gs1("417", base + 3),
        "destinationList": gs1("417", base + 4),
        "bizTransactionList": f"urn:epcglobal:cbv:bt:9520000000103:PO-{base + 5}77",
        "certificationInfo": f"https://accreditation.example/certificate/{base}6",
        "sensorElementList": f"-{base + 7}.0625",
        "quantity": f"{base + 8}.015625",
        "x:note": f"note {base + 9} to ourselves",
        "ft:region": f"Region {base + 10}",
        "ft:price": f"{base + 11}.80 CNY",
        "ilmd.x:recipe": f"{base + 12} spoons of vanilla",
        "ilmd.ft:person": f"Wang {base + 13}",
        "parentID": f"https://id.gs1.org/8004/95200{base + 14}X",
        "transformationID": f"urn:uuid:5f1c8ba2-5c40-4fd6-9d7d-3a1f3a5b0{base + 15}",
    }
    event: dict[str, Any] = {
        "type": kind,
        "eventTime": format_event_time(site.world.now_ms + number),
        "eventTimeZoneOffset": "+08:00",
        "bizStep": "inspecting",
        "disposition": "in_progress",
        "readPoint": {"id": values["readPoint"]},
        "bizLocation": {"id": values["bizLocation"]},
        "sourceList": [{"type": "owning_party", "source": values["sourceList"]}],
        "destinationList": [
            {"type": "owning_party", "destination": values["destinationList"]},
            {"type": "possessing_party", "destination": partner},
        ],
        "bizTransactionList": [{"type": "po", "bizTransaction": values["bizTransactionList"]}],
        "certificationInfo": values["certificationInfo"],
        "sensorElementList": [
            {
                "sensorReport": [
                    {"type": "Temperature", "value": Decimal(values["sensorElementList"]), "uom": "CEL"}
                ]
            }
        ],
        "x:note": values["x:note"],
        "ft:region": {"en": values["ft:region"], "zh": values["ft:region"]},
        "ft:price": values["ft:price"],
    }
    amount = [{"epcClass": lot, "quantity": Decimal(values["quantity"]), "uom": "KGM"}]
    ilmd = {
        "ft:product": {"en": "Berries", "zh": "草莓"},
        "ft:temperature": dict(LIMITS),
        "x:recipe": values["ilmd.x:recipe"],
        "ft:person": values["ilmd.ft:person"],
    }
    more: Mapping[str, dict[str, Any]] = {
        "ObjectEvent": {"action": "ADD", "quantityList": amount, "ilmd": ilmd, "bizStep": "commissioning"},
        "AggregationEvent": {
            "action": "ADD",
            "parentID": values["parentID"],
            "childQuantityList": amount,
            "bizStep": "packing",
        },
        "TransformationEvent": {
            "inputQuantityList": amount,
            "outputQuantityList": [{"epcClass": f"{lot}.OUT", "quantity": 1, "uom": "KGM"}],
            "transformationID": values["transformationID"],
            "ilmd": ilmd,
        },
        "TransactionEvent": {"action": "ADD", "quantityList": amount, "parentID": values["parentID"]},
        "AssociationEvent": {
            "action": "ADD",
            "parentID": values["parentID"],
            "childQuantityList": amount,
        },
    }
    whole = {**event, **more[kind]}
    names = {name for name in values if name in whole or (name.startswith("ilmd.") and "ilmd" in whole)}
    return whole, {name: values[name] for name in values if name in names | {"quantity"}}


def shown(planted: Planted) -> Iterator[tuple[str, str, bytes]]:
    """Everything that there is to see: where, for whom, and what."""
    site = planted.site
    found = batch_of(site, site.own[PartyKind.PRODUCER])
    lot, uri = f"/01/{found.gtin}/10/{found.lot}", site.lots[site.own[PartyKind.PRODUCER]]
    anybody = {
        "page": lot,
        "bundle": f"/bundle{lot}",
        "notices": "/notices",
        "report's page": f"/reported/{planted.reference}",
        **{name: f"/shared/{text}" for name, text in planted.links.items()},
    }
    pages = {
        "console batch": f"/console/batches{lot}",
        "console batches": "/console/batches.csv",
        "console notice": f"/console/notices/{planted.notice}",
        "own reports": "/console/reports",
        "all reports": "/regulator/reports",
        "regulator batch": f"/regulator/batches{lot}",
        "regulator trace": f"/regulator/trace?thing={uri}",
        "trace file": f"/regulator/trace?thing={uri}&file=json",
        "records file": f"/regulator/records?thing={uri}&file=csv",
        "evidence": f"/regulator/evidence.zip?thing={uri}",
        "recall case": f"/regulator/recalls/{planted.notice}",
    }
    answers = {"events": "/epcis/events?perPage=100", "trace API": f"/trace?thing={uri}"}
    for who, kind in WHO.items():
        client = _client(site, kind)
        for name, path in ({} if kind else anybody).items() | pages.items():
            yield name, who, client.get(path).data
        headers = _token(site, kind)
        for name, path in answers.items():
            yield name, who, client.get(path, headers=headers).data


def table(planted: Planted) -> str:
    """A line for each member: where it is seen, and by whom; ``all`` is everybody who can ask there."""
    seen: dict[str, dict[str, list[str]]] = {name: {} for name in planted.values}
    for where, who, data in shown(planted):
        texts = b"\n".join(layers(data))
        for name, value in planted.values.items():
            if value.encode() in texts:
                seen[name].setdefault(where, []).append(who)
    lines = []
    for name, places in seen.items():
        lines.append(name)
        lines += [f"    {where}: {', '.join(who)}" for where, who in sorted(places.items())]
    return "\n".join(lines) + "\n"


def layers(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """Some bytes, the files of a package, and what every run of base64 in them decodes to."""
    if data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for name in packed.namelist():
                yield from layers(packed.read(name), depth)
        return
    yield data
    for run in re.findall(rb"[A-Za-z0-9+/_-]{16,}", data) if depth else ():
        standard = run.translate(bytes.maketrans(b"-_", b"+/"))
        try:
            yield from layers(base64.b64decode(standard + b"=" * (-len(standard) % 4)), depth - 1)
        except binascii.Error:
            continue


def _client(site: Site, kind: PartyKind | None) -> FlaskClient:
    client = site.app.test_client()
    if kind is None:
        return client
    person = make_person(site.world.store, site.world.node, site.own[kind], kind)
    return hold(client, make_session(site.world.store, site.world.node, person))


def _token(site: Site, kind: PartyKind | None) -> dict[str, str]:
    if kind is None:
        return {}
    scopes, office = [Scope.QUERY], kind is PartyKind.AUTHORITY
    store, node = site.world.store, site.world.node
    name = f"{kind}-{site.cells}"
    site.cells += 1
    text, _ = new_token(store, node, party=site.own[kind], scopes=scopes, days=1, name=name, regulator=office)
    return {"Authorization": f"Bearer {text}"}
