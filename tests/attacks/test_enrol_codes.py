"""One-time codes for sensors: used twice, too late, for another firm, sent again, read or made by others."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select

from firmware_sim.device import Device, Pack
from firmware_sim.enrolling import request_enrolment
from firmware_sim.flash import Flash
from tests.support.web import served, site_of
from tests.support.world import World
from traceability.errors import ConflictError, UnknownSubjectError
from traceability.operations.audit import audit
from traceability.operations.codes import applicants, approve, new_code, reject
from traceability.operations.ingest import Message
from traceability.operations.tally import ACCEPTED
from traceability.sensing import topics
from traceability.sensing.senml import Reading
from traceability.signing import cbor
from traceability.signing.application import encode_application, read_code, write_code
from traceability.signing.keys import PrivateKey, receipt_key
from traceability.signing.keystatement import device_request
from traceability.signing.possession import prove_possession
from traceability.store import access
from webapp.api.enrol import MAX_REFUSED

DAY_MINUTES = 24 * 60


class Applicant:
    """A sensor that nobody knows yet, with a code."""

    def __init__(self, world: World, owner: str, code: str, model: str = "FT-1") -> None:
        self.key, self.code, self.attempt = PrivateKey.generate(), read_code(code), 0
        node = world.node.name
        self.request = device_request(self.key, node=node, owner=owner, model=model, iat=1)

    @property
    def device(self) -> str:
        return self.key.public.device_id

    def body(self) -> bytes:
        self.attempt += 1
        return encode_application(self.key, self.request, self.code, self.attempt)


def code_of(world: World, owner: str, model: str = "FT-1") -> str:
    return new_code(world.store, world.node, party=owner, model=model)[0]


def post(app: Flask, body: bytes) -> tuple[int, str]:
    answer = app.test_client().post("/enrol", data=body, base_url=app.config["BASE_URL"])
    told: Any = answer.json
    return answer.status_code, told.get("code") or told["state"]


PENDING, ENROLLED = (202, "pending"), (200, "enrolled")
NO_CODE, CONFLICT = (403, "bad-enrol-code"), (409, "conflict")


def test_a_sensor_enrols_itself_once_a_person_has_compared_its_fingerprint(world: World, tmp_path: Path):
    """The simulator through the real transport, from its code to its first frame."""
    owner = world.party("Farm")
    batch, code = world.harvest(owner, "L1"), code_of(world, owner)
    flash = Flash(tmp_path / "flash")
    flash.start(world.now_ms)
    said = {"node": world.node.name, "owner": owner, "model": "FT-1"}
    with served(world) as address:
        assert request_enrolment(flash, address, code, **said) is None
        with world.store.reading() as connection:
            (waiting,) = applicants(connection, world.now_ms)
        assert (waiting.device, waiting.owner, waiting.model) == (flash.device, owner, "FT-1")
        approve(world.store, world.node, waiting.device)
        enrolment = request_enrolment(flash, address, code.lower().replace("-", " "), **said)
        with pytest.raises(ConflictError, match="bad-enrol-code"):
            request_enrolment(flash, address, write_code(bytes(10)), **said)
    assert enrolment is not None
    assert enrolment.receipt_key == receipt_key(world.node.secret, flash.device)
    world._record(owner, "install", None, parentID=batch, childEPCs=[enrolment.uri])
    world.wait(minutes=5)
    device = Device(flash, enrolment, batch)
    device.measure([Pack(world.now_ms, (Reading("air", "Cel", world.now_ms - 1, 4.0),))])
    topic = topics.frame_topic(enrolment.site, enrolment.device)
    (outcome,) = world.ingesting.ingest([Message(topic, body) for body in device.due(0.0)]).outcomes
    assert outcome.word == ACCEPTED
    flash.close()
    world.publish()
    assert audit(world.store, world.node).ok


def test_nothing_is_enrolled_before_a_person_approves_and_nothing_of_whom_one_turns_away(lone: World):
    owner = lone.party("Farm")
    sensor = Applicant(lone, owner, code_of(lone, owner))
    with site_of(lone) as app:
        assert [post(app, sensor.body()) for _ in range(2)] == [PENDING, PENDING]
        with pytest.raises(UnknownSubjectError, match="does not wait"):
            approve(lone.store, lone.node, PrivateKey.generate().public.device_id)
        reject(lone.store, sensor.device)
        assert post(app, sensor.body()) == NO_CODE
        with pytest.raises(UnknownSubjectError):
            approve(lone.store, lone.node, sensor.device)


def test_a_code_is_good_for_one_sensor(lone: World):
    owner = lone.party("Farm")
    code = code_of(lone, owner)
    first, second = Applicant(lone, owner, code), Applicant(lone, owner, code)
    with site_of(lone) as app:
        assert post(app, first.body()) == PENDING
        assert post(app, second.body()) == NO_CODE
        approve(lone.store, lone.node, first.device)
        assert (post(app, second.body()), post(app, first.body())) == (NO_CODE, ENROLLED)
        with pytest.raises(UnknownSubjectError):
            approve(lone.store, lone.node, first.device)
        again = Applicant(lone, owner, code_of(lone, owner))
        again.key, again.request = first.key, first.request
        assert post(app, again.body()) == PENDING
        with pytest.raises(ConflictError, match="enrolled already"):
            approve(lone.store, lone.node, first.device)


def test_a_code_is_good_for_one_firm_one_model_one_node_and_a_day(lone: World):
    owner, other = lone.party("Farm"), lone.party("Other")
    code = code_of(lone, owner)
    foreign = Applicant(lone, owner, code)
    foreign.request = device_request(foreign.key, node="other.example", owner=owner, model="FT-1", iat=1)
    with site_of(lone) as app:
        assert post(app, Applicant(lone, other, code).body()) == NO_CODE
        assert post(app, Applicant(lone, owner, code, "FT-2").body()) == NO_CODE
        assert post(app, foreign.body()) == CONFLICT
        sensor = Applicant(lone, owner, code)
        lone.wait(minutes=DAY_MINUTES, ms=-1)
        assert post(app, sensor.body()) == PENDING, "the control: none of these has spent it"
        lone.wait(ms=1)
        assert post(app, sensor.body()) == NO_CODE
        with pytest.raises(UnknownSubjectError):
            approve(lone.store, lone.node, sensor.device)


def test_an_application_that_somebody_overheard_is_worth_nothing(lone: World):
    """Neither the same again, nor the code of it by another key, nor its request with another proof."""
    owner = lone.party("Farm")
    sensor = Applicant(lone, owner, code_of(lone, owner))
    heard, thief = sensor.body(), PrivateKey.generate()
    about = cbor.encode([secrets.token_bytes(32), sensor.code, 9])
    with site_of(lone) as app:
        assert post(app, heard) == PENDING
        approve(lone.store, lone.node, sensor.device)
        assert post(app, heard) == CONFLICT
        forged = encode_application(thief, sensor.request, sensor.code, 9)
        assert post(app, forged)[1] == "bad-signature"
        assert (
            post(app, cbor.encode([sensor.request, prove_possession(sensor.key, about)]))[1]
            == "bad-signature"
        )
        assert post(app, cbor.encode([sensor.request, heard]))[1] == "bad-statement"
        assert post(app, b"\xff")[1] == "bad-encoding"
        assert post(app, bytes(100_000))[0] == 413
        assert post(app, sensor.body()) == ENROLLED, "the control"


def test_who_reads_or_writes_the_database_makes_no_code(lone: World):
    owner, table = lone.party("Farm"), access.EnrolCode
    code = code_of(lone, owner)
    with lone.store.reading() as connection:
        row = connection.execute(select(table.__table__)).one()._asdict()
    assert read_code(code) not in row["mac"]
    guessed = secrets.token_bytes(10)
    with lone.store.transaction() as tx:
        tx.connection.execute(insert(table).values(row | {"mac": guessed + bytes(22)}))
    with site_of(lone) as app:
        assert post(app, Applicant(lone, owner, write_code(guessed)).body()) == NO_CODE
        assert post(app, Applicant(lone, owner, code).body()) == PENDING, "the control"


def test_who_tries_codes_is_asked_to_wait_and_nobody_else_is(lone: World):
    owner = lone.party("Farm")
    sensor = Applicant(lone, owner, code_of(lone, owner))
    wrong = [Applicant(lone, owner, write_code(secrets.token_bytes(10))) for _ in range(2)]
    with site_of(lone) as app:
        answers = [post(app, wrong[0].body()) for _ in range(MAX_REFUSED + 1)]
        assert answers == [NO_CODE] * MAX_REFUSED + [(429, "too-often")]
        asked = {"base_url": app.config["BASE_URL"], "environ_base": {"REMOTE_ADDR": "10.0.0.9"}}
        elsewhere = app.test_client().post("/enrol", data=sensor.body(), **asked)
        assert elsewhere.status_code == 202
        refused = app.test_client().post("/enrol", data=sensor.body(), base_url=app.config["BASE_URL"])
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
        lone.wait(minutes=1)
        assert post(app, sensor.body()) == PENDING
