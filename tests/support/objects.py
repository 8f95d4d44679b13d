"""One object of each kind for any party, as arguments of an address or fields of a form.

What a party of that kind could not make through the site is made all the same: so each row is about who
may see it, whatever its owner is.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from functools import lru_cache

from PIL import Image

from tests.support.matrix import Given, Site
from tests.support.people import make_person, make_session
from tests.support.practice import taking_part
from tests.support.recalls import NOTICE
from tests.unit.supply.test_inspection import SAMPLE
from traceability.gs1 import check_digit
from traceability.identifiers import Batch, parse_stream, place_uri
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.sessions import find_session
from traceability.operations.accounts.trail import Actor
from traceability.operations.inspecting import ask_laboratory, plan, sign, take_sample
from traceability.operations.lots import lot_events
from traceability.operations.masterdata import Asset, Place, Product, save
from traceability.operations.recalling.cases import look_at, open_case
from traceability.operations.recalling.proposals import approve, propose
from traceability.operations.sharing import View, new_link
from traceability.operations.tokens import Scope, new_token
from traceability.operations.visitors.reports import Kind, Told, file_report
from traceability.store.alarms import Alarm
from traceability.store.rows import insert_all
from traceability.supply.recall import State

NAMES: Mapping[str, str] = {"en": "Mine", "zh": "我的"}


def batch_of(site: Site, party: str) -> Batch:
    """The lot that a party has made."""
    return parse_stream(site.lots[party]).batch


def a_lot(site: Site, party: str) -> Given:
    """The lot that a party has made."""
    found = batch_of(site, party)
    return {"gtin": found.gtin, "lot": found.lot}


def a_subject(site: Site, party: str) -> Given:
    """The same, as something to be watched."""
    return {"name": "subject", "key": stream_hash(site.lots[party]).hex()}


def a_mistake(site: Site, party: str) -> Given:
    """An event of a party that can be taken back, of a lot of its own."""
    uri = site.world.harvest(party, f"M{secrets.token_hex(4)}")
    with site.world.store.reading() as connection:
        event = lot_events(connection, party, uri)[0].event_id
    return {"event": event, "corrects": event}


def a_device(site: Site, party: str) -> Given:
    """A device of a party."""
    return {"device": site.world.device(party).device}


def an_alarm(site: Site, party: str) -> Given:
    """An alarm of a party's device."""
    device, number = site.world.device(party).device, secrets.token_hex(16)
    with site.world.store.transaction() as tx:
        row = {"id": number, "kind": "battery", "stream": stream_hash(site.lots[party]), "device": device}
        insert_all(tx, Alarm, [row | {"began_ms": tx.now_ms, "raised_ms": tx.now_ms, "detail": "{}"}])
    return {"number": number}


def a_person(site: Site, party: str) -> Given:
    """Somebody of a party."""
    return {"user": make_person(site.world.store, site.world.node, party, None).id}


def a_token(site: Site, party: str) -> Given:
    """A token of a party."""
    name = f"token-{secrets.token_hex(4)}"
    new_token(site.world.store, site.world.node, party=party, scopes=[Scope.QUERY], days=1, name=name)
    return {"name": name}


def a_session(site: Site, party: str) -> Given:
    """A session of somebody else of a party: never one's own to end."""
    store, node = site.world.store, site.world.node
    text = make_session(store, node, make_person(store, node, party, None))
    with store.reading() as connection:
        found = find_session(connection, node, text, store.clock())
    assert found is not None
    return {"short": found.short}


def a_product(site: Site, party: str) -> Given:
    """A product that a party describes under a number that is nobody else's."""
    kept = Product(_numbered(site, "0952"), NAMES, 0, 5000, uom="KGM")
    save(site.world.store, _actor(party), party, kept)
    return {"kind": "products", "number": kept.gtin}


def a_place(site: Site, party: str) -> Given:
    """A place of a party."""
    kept = Place(_numbered(site, "952"), NAMES)
    save(site.world.store, _actor(party), party, kept)
    return {"kind": "places", "number": kept.gln}


def a_known_place(site: Site, party: str) -> Given:
    """The same, as a search names it."""
    return {"thing": place_uri(a_place(site, party)["number"], site.world.node.name)}


def a_firm(_: Site, party: str) -> Given:
    """The party itself, as a search names it."""
    return {"party": party}


def an_asset(site: Site, party: str) -> Given:
    """A room of a party."""
    number = f"ROOM{secrets.token_hex(4)}"
    save(site.world.store, _actor(party), party, Asset(site.world.asset(number), NAMES))
    return {"kind": "assets", "number": number}


def a_case(site: Site, party: str) -> Given:
    """A case about the lot of a party, opened by it."""
    person = taking_part("opener", party, regulator=party in _offices(site))
    return {"case_id": open_case(site.world.store, site.world.node, person, [site.lots[party]]).id}


def a_notice(site: Site, party: str) -> Given:
    """A notice to a party that holds its lot, of a drill of somebody else."""
    store, node, office = site.world.store, site.world.node, site.own[PartyKind.AUTHORITY]
    one, other = (taking_part(name, office, regulator=True) for name in ("one", "other"))
    case = open_case(store, node, one, [site.lots[party]], drill=True)
    with store.reading() as connection:
        seen = look_at(connection, node, case).digest(NOTICE, State.ISSUED)
    propose(store, node, one, case.id, NOTICE, seen)
    approve(store, node, other, case.id, seen)
    return {"case_id": case.id, "thing": site.lots[party]}


def a_report(site: Site, party: str) -> Given:
    """What a shopper reported of the lot of a party, with a photo."""
    told = Told(Kind.SPOILED, "It smells", "me@example.com", photo())
    return {"reference": file_report(site.world.store, site.world.node, batch_of(site, party), told, None)}


def a_report_to_erase(site: Site, party: str) -> Given:
    """Another one, that may be empty afterwards."""
    return a_report(site, party)


@lru_cache
def photo() -> bytes:
    """A small picture."""
    kept = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(kept, "PNG")
    return kept.getvalue()


def a_lent_link(site: Site, party: str) -> Given:
    """A link for reading that a party gave out, as it is listed."""
    return {"number": _lend(site, party)[1]}


def an_open_link(site: Site, party: str) -> Given:
    """The same, as whoever it was lent to has it."""
    return {"text": _lend(site, party)[0]}


def _lend(site: Site, party: str) -> tuple[str, str]:
    store, node, lot = site.world.store, site.world.node, site.lots[party]
    office = party == site.own[PartyKind.AUTHORITY]
    text, made = new_link(store, node, _actor(party), View.BATCH, lot, 1, regulator=office)
    return text, made.id


def an_inspection(site: Site, party: str) -> Given:
    """An inspection of its own lot, planned by a party."""
    made = plan(site.world.store, site.world.node, _actor(party), site.lots[party], {})
    return {"number": made.id}


def a_sample(site: Site, party: str) -> Given:
    """A sample that a party noted."""
    number = an_inspection(site, party)["number"]
    return {"number": take_sample(site.world.store, site.world.node, _actor(party), number, {}).id}


def an_asked_sample(site: Site, party: str) -> Given:
    """A signed sample of an authority about which a party was asked."""
    store, node, office = site.world.store, site.world.node, _actor(site.own[PartyKind.AUTHORITY])
    inspection = plan(store, node, office, site.lots[party], {})
    says = {name: text for name, text in SAMPLE.items() if name != "inspection"}
    sample = take_sample(store, node, office, inspection.id, says)
    sign(store, node, office, sample.id)
    ask_laboratory(store, node, office, sample.id, party)
    return {"number": sample.id}


def _numbered(site: Site, prefix: str) -> str:
    """A number of GS1 that no object has yet: a GTIN-14 or a GLN, by its prefix."""
    digits = f"{prefix}{len(site.made):09d}"
    return digits + check_digit(digits)


def _actor(party: str) -> Actor:
    return Actor("somebody", party, "web")


def _offices(site: Site) -> set[str]:
    return {parties[PartyKind.AUTHORITY] for parties in (site.own, site.others)}
