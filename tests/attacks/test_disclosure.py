"""What was not disclosed cannot be read, guessed or joined from what is served; what was erased is gone.

Everything here looks at bytes: those of a bundle with all its layers of base64 and JSON, those of
the log, those of the database's files.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.support.world import World, make_world
from traceability.ledger.record import GENESIS, Record, commit
from traceability.operations.audit import audit
from traceability.operations.capture import Captured, capture
from traceability.operations.disclosures import disclosures_of
from traceability.operations.draft import Given
from traceability.operations.erase import erase
from traceability.operations.policies import set_exception
from traceability.signing import sdjwt
from traceability.signing.disclosure import Audience
from traceability.signing.strictjson import b64url, b64url_decode, json_decode
from traceability.store import models, projections
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.eventhash import event_hash

PUBLIC, PARTNER, REGULATOR = Audience
CONTEXT: list[Any] = [
    "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
    {"ft": "https://food-traceability.example/ns/1#", "x": "https://x.example/ns/"},
]
FOR_PARTNERS = {
    "readPoint": "https://id.gs1.org/414/9520000000103",
    "bizLocation": "https://id.gs1.org/414/9520000000110",
    "sourceList": "https://id.gs1.org/417/9520000000127",
    "destinationList": "https://id.gs1.org/417/9520000000134",
    "inputQuantityList/quantity": "7341.250625",
    "outputQuantityList/quantity": "6612.75",
    "inputQuantityList/uom": '"TNE"',
    "transformationID": "urn:uuid:5f1c8ba2-5c40-4fd6-9d7d-3a1f3a5be6a1",
    "persistentDisposition": "partially_dispensed",
    "sensorElementList": "-18.625",
    "ilmd/cbvmda:netWeight": "431.875",
}
FOR_AUTHORITIES = {
    "bizTransactionList": "urn:epcglobal:cbv:bt:9520000000103:PO-88171",
    "certificationInfo": "https://accreditation.example/certificate/5512",
    "ilmd/ft:person": "Wang Xiaoming",
    "ilmd/x:recipe": "two spoons of vanilla",
    "ft:price": "18.80 CNY",
    "x:note": "called him on 13800001111",
    "errorDeclaration/x:by": "Zhang Wei",
    "inputQuantityList/x:bid": "bid-4471",
}
SECRETS = FOR_PARTNERS | FOR_AUTHORITIES


def event_of(world: World) -> dict[str, Any]:
    """A transformation, declared an error, with a planted value in every part that is hidden."""
    inputs = [world.batch("MILK"), world.batch("BERRIES")]
    secret = SECRETS
    return {
        "type": "TransformationEvent",
        "bizStep": "commissioning",
        "disposition": "active",
        "eventTime": "2025-12-31T23:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "inputQuantityList": [
            {
                "epcClass": inputs[0],
                "quantity": Decimal(secret["inputQuantityList/quantity"]),
                "uom": secret["inputQuantityList/uom"].strip('"'),
                "x:bid": secret["inputQuantityList/x:bid"],
            },
            {"epcClass": inputs[1], "quantity": 3, "uom": "KGM"},
        ],
        "outputQuantityList": [
            {
                "epcClass": world.batch("YOGHURT"),
                "quantity": Decimal(secret["outputQuantityList/quantity"]),
                "uom": "KGM",
            }
        ],
        "transformationID": secret["transformationID"],
        "readPoint": {"id": secret["readPoint"]},
        "bizLocation": {"id": secret["bizLocation"]},
        "sourceList": [{"type": "owning_party", "source": secret["sourceList"]}],
        "destinationList": [{"type": "owning_party", "destination": secret["destinationList"]}],
        "persistentDisposition": {"set": [secret["persistentDisposition"]]},
        "sensorElementList": [
            {
                "sensorReport": [
                    {"type": "Temperature", "value": Decimal(secret["sensorElementList"]), "uom": "CEL"}
                ]
            }
        ],
        "bizTransactionList": [{"type": "po", "bizTransaction": secret["bizTransactionList"]}],
        "certificationInfo": secret["certificationInfo"],
        "ilmd": {
            "ft:product": {"en": "Yoghurt", "zh": "酸奶"},
            "cbvmda:bestBeforeDate": "2026-02-01",
            "cbvmda:netWeight": secret["ilmd/cbvmda:netWeight"],
            "ft:person": secret["ilmd/ft:person"],
            "x:recipe": secret["ilmd/x:recipe"],
        },
        "ft:price": secret["ft:price"],
        "x:note": secret["x:note"],
    }


def declared(event: dict[str, Any], name: str) -> dict[str, Any]:
    """The same event as its party declares it an error."""
    error = {"declarationTime": "2026-01-01T00:00:00.000Z", "x:by": SECRETS["errorDeclaration/x:by"]}
    return event | {"eventID": name, "errorDeclaration": error}


@dataclass(frozen=True)
class Told:
    """A node with the event above and its declaration, published."""

    world: World
    folder: Path
    party: str
    event: Captured
    declaration: Captured

    def record(self, event: dict[str, Any]) -> Captured:
        given = Given(event, read_context(CONTEXT), CONTEXT)
        (made,) = capture(self.world.store, self.world.node, self.party, [given])
        assert made.refused is None, made.refused
        return made


def tell(folder: Path) -> Told:
    folder.mkdir(exist_ok=True)
    world = make_world(folder / "node", f"sqlite:///{folder}/store.sqlite")
    nobody = Captured("")
    blank = Told(world, folder, world.party("Dairy"), nobody, nobody)
    event = blank.record(event_of(world))
    declaration = blank.record(declared(event_of(world), event.event_id))
    world.publish()
    return Told(world, folder, blank.party, event, declaration)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    made = tell(tmp_path_factory.mktemp("disclosure"))
    yield made
    made.world.store.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Told]:
    """For what changes something."""
    made = tell(tmp_path / "own")
    yield made
    made.world.store.close()


def layers(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """Some bytes, and what every run of base64 in them, of either alphabet, decodes to."""
    yield data
    for run in re.findall(rb"[A-Za-z0-9+/_-]{16,}", data) if depth else ():
        standard = run.translate(bytes.maketrans(b"-_", b"+/"))
        try:
            inner = base64.b64decode(standard + b"=" * (-len(standard) % 4))
        except binascii.Error:
            continue
        yield from layers(inner, depth - 1)


def served(told: Told, audience: Audience, lot: str = "YOGHURT") -> list[bytes]:
    return list(layers(told.world.bundle(told.world.batch(lot), audience)))


def holds(found: list[bytes], value: str) -> bool:
    return any(value.encode("utf-8") in layer for layer in found)


def hidden_from(audience: Audience) -> dict[str, str]:
    return {PUBLIC: SECRETS, PARTNER: FOR_AUTHORITIES, REGULATOR: {}}[audience]


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("lot", ["MILK", "YOGHURT"])
def test_nothing_undisclosed_can_be_read_and_everything_disclosed_can(
    told: Told, audience: Audience, lot: str
):
    found = served(told, audience, lot)
    hidden = hidden_from(audience)
    assert [part for part, value in hidden.items() if holds(found, value)] == []
    shown = {part: value for part, value in SECRETS.items() if part not in hidden}
    assert [part for part, value in shown.items() if not holds(found, value)] == []
    assert holds(found, told.world.batch(lot))


@pytest.mark.parametrize("audience", Audience)
def test_the_hash_over_the_event_is_shown_only_to_those_who_see_everything(told: Told, audience: Audience):
    found = served(told, audience)
    name = told.event.event_id
    digits = re.findall("[0-9a-f]{64}", name)[0]
    holding = holds(found, digits) or any(bytes.fromhex(digits) in layer for layer in found)
    assert holding == (audience is REGULATOR)
    assert name == event_hash(event_of(told.world), read_context(CONTEXT))


def test_a_party_cannot_open_the_hash_by_opening_all_but_one_part(own: Told):
    for part in SECRETS:
        if part != "ilmd/ft:person":
            set_exception(own.world.store, own.party, part, PUBLIC)
    found = served(own, PUBLIC)
    assert holds(found, SECRETS["x:note"])
    assert not holds(found, SECRETS["ilmd/ft:person"])
    assert not holds(found, own.event.event_id)
    set_exception(own.world.store, own.party, "ilmd/ft:person", PUBLIC)
    assert holds(served(own, PUBLIC), own.event.event_id) is False, "the declaration hides who declared"
    set_exception(own.world.store, own.party, "inputQuantityList/uom", PARTNER, own.world.gtin)
    assert not holds(served(own, PUBLIC), SECRETS["inputQuantityList/uom"])


@pytest.mark.parametrize("audience", [PUBLIC, PARTNER])
def test_no_guess_at_a_hidden_value_can_be_confirmed(told: Told, audience: Audience):
    """The guesser has every byte served, the true value, and knows how digests are made."""
    found = served(told, audience)
    digests = {run.decode() for layer in found for run in re.findall(rb"[A-Za-z0-9_-]{43}", layer)}
    with told.world.store.reading() as connection:
        texts = disclosures_of(connection, told.event.sha256)
    closed = [each for each in texts if not any(each.encode() in layer for layer in found)]
    statement = told.event.sha256
    salts = {salt_of(each) for each in texts if each not in closed}
    salts |= {"", b64url(bytes(16)), b64url(statement), b64url(statement[:16])}
    assert len(salts) > 8
    assert len(digests & {sdjwt.digest_of(each) for each in closed}) >= 8
    for each in closed:
        salt = salt_of(each)
        assert not any(salt.encode() in layer or b64url_decode(salt) in layer for layer in found)
        content = b64url_decode(each)
        for known in salts:
            guess = content.replace(salt.encode(), known.encode(), 1)
            assert sdjwt.digest_of(b64url(guess)) not in digests


def salt_of(disclosure: str) -> str:
    content = json_decode(b64url_decode(disclosure))
    assert isinstance(content, list)
    return str(content[0])


def test_the_streams_of_one_event_cannot_be_joined_through_the_log(told: Told):
    """Of the records of one event nothing is alike but the kind of statement, the number and the time."""
    texts = log_texts(told)
    rows = [line for line in texts if line[1] in {uri for uri, _ in told.event.records}]
    own = [line for line in rows if line[2] == "0"]
    assert len(own) == len(told.event.records) == 3
    for place in (1, 6):
        assert len({line[place] for line in own}) == 3
    assert {(line[0], line[2], line[4], line[5]) for line in own} == {
        (own[0][0], own[0][2], own[0][4], own[0][5])
    }
    everything = "\n".join("\n".join(line) for line in texts).encode()
    statement = told.event.sha256
    assert not any(statement in layer or statement.hex().encode() in layer for layer in layers(everything))
    with told.world.store.reading() as connection:
        salts = connection.execute(select(models.Record.salt)).scalars().all()
    assert len(set(salts)) == len(salts)
    assert not any(salt in layer for layer in layers(everything) for salt in salts if salt)
    assert not any(base64.b64encode(commit(statement, bytes(16))) in layer for layer in layers(everything))


def log_texts(told: Told) -> list[list[str]]:
    """The lines of every record in the log, as anyone reads them there."""
    record = models.Record
    query = select(record, models.Stream.uri).join(models.Stream).order_by(record.stream, record.seq)
    texts, heads = [], dict[bytes, bytes]()
    with told.world.store.reading() as connection:
        for row in connection.execute(query):
            prev = heads.get(row.stream, GENESIS)
            made = Record(
                row.uri, row.seq, prev, row.time_ms, row.media_type, commit(row.statement, row.salt)
            )
            assert made.hash == row.hash
            heads[row.stream] = row.hash
            texts.append(made.text().decode("ascii").splitlines())
    return texts


ERASED = (
    "ilmd/ft:person",
    "readPoint",
    "bizLocation",
    "sourceList",
    "bizTransactionList",
    "inputQuantityList/quantity",
    "x:note",
)


def on_disk(told: Told) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(told.folder.glob("store.sqlite*")))


def traces(data: bytes, value: bytes) -> bool:
    """Whether a value stands in the data, plainly or inside base64url at any alignment.

    Its first and last characters at an alignment may be a neighbour's too: what is left of a
    value of ten bytes or more stands nowhere by chance.
    """
    assert len(value) >= 10, value
    spellings = [value]
    for shift in range(3):
        whole = base64.urlsafe_b64encode(bytes(shift) + value)
        spellings.append(whole[4 * (shift > 0) : len(whole) - 4])
    return any(spelling in data for spelling in spellings)


def test_what_was_erased_is_nowhere_on_disk_and_everything_else_still_holds(own: Told):
    world = own.world
    secrets = {part: SECRETS[part].encode() for part in ERASED}
    secrets["eventID"] = re.findall("[0-9a-f]{64}", own.event.event_id)[0].encode()
    with world.store.reading() as connection:
        contents = connection.execute(select(projections.Event.content)).scalars().all()
    secrets |= {f"content {number}": content for number, content in enumerate(contents)}
    found_before, before = audit(world.store, world.node).findings, on_disk(own)
    assert [part for part, value in secrets.items() if not traces(before, value)] == []
    for part in ERASED:
        erase(world.store, world.node, own.party, own.declaration.sha256.hex(), part, "asked to")
    assert world.store.scrub()
    after = on_disk(own)
    assert [part for part, value in secrets.items() if traces(after, value)] == []
    assert traces(after, SECRETS["ilmd/x:recipe"].encode())
    report = audit(world.store, world.node)
    assert report.findings == found_before
    assert report.counts["erased"] == 2 * len(ERASED) + 4
    for audience in Audience:
        found = served(own, audience)
        assert holds(found, world.batch("YOGHURT"))
        assert [part for part in ERASED if holds(found, SECRETS[part])] == []
        assert not holds(found, own.event.event_id)


def test_an_erasure_that_nobody_gave_a_reason_for_is_named(own: Told):
    table = models.Disclosures
    with own.world.store.transaction() as tx:
        tx.connection.execute(update(table).where(table.statement == own.event.sha256).values(texts=""))
    found = audit(own.world.store, own.world.node).findings
    assert any(finding.code == "disclosure" for finding in found)
