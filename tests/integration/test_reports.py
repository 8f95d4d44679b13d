"""A shopper reports a problem: it reaches the lot's firm and the authority, nobody else, not for ever."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import GTIN, make_world
from traceability.errors import TooOftenError, UnreachableError
from traceability.identifiers import Batch
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.mail import Mail
from traceability.operations.outbox import Letter, deliver
from traceability.operations.visitors import reports
from traceability.operations.visitors.networks import Networks
from traceability.operations.visitors.reports import DAY_MS, KEPT_DAYS, PER_NETWORK, Kind, Told, file_report
from traceability.operations.visitors.telling import REPORTS
from traceability.store.accounts import TrailEntry
from traceability.store.visitors import Report

BATCH = Batch(GTIN, "L1")
FORM = f"/report{BATCH.path}"
TOLD = Told(Kind.FOREIGN, "A piece of glass", "me@example.com")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm = world.party("Farm")
    world.harvest(farm, "L1")
    world.publish()
    with site_of(world) as app:
        yield world, app, farm
    world.store.close()


def rows(world, table=Report):
    with world.store.reading() as connection:
        return connection.execute(select(table)).all()


def send(client, address="203.0.113.9", **fields: Any):
    data = {"kind": "foreign-object", "words": "A piece of glass"} | fields
    return client.post(FORM, data=data, environ_base={"REMOTE_ADDR": address})


def jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Secret camera"
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_a_report_goes_to_the_firm_and_the_authority_and_is_answered_to_its_writer(place):
    world, app, farm = place
    shopper = app.test_client()
    assert b"multipart/form-data" in shopper.get(FORM).data
    sent = send(shopper, contact="me@example.com", serial="7", photo=(io.BytesIO(jpeg()), "glass.jpg"))
    assert sent.status_code == 303
    assert "Set-Cookie" not in sent.headers
    page = sent.location.partition("?")[0]
    reference = page.rpartition("/")[2]
    told = shopper.get(sent.location)
    assert reference in told.text
    assert "glass" not in told.text
    owner = sign_in(app.test_client(), world.store, world.node, farm)
    other = sign_in(app.test_client(), world.store, world.node, world.party("Rival"))
    office = sign_in(
        app.test_client(), world.store, world.node, world.party("Authority"), PartyKind.AUTHORITY, Role.WORKER
    )
    for client, list_page, sees in (
        (owner, "/console/reports", True),
        (other, "/console/reports", False),
        (office, "/regulator/reports", True),
    ):
        assert ("A piece of glass" in client.get(list_page).text) == sees
        photo = client.get(f"/reports/{reference}/photo.jpg")
        assert photo.status_code == (200 if sees else 404)
        assert b"Secret" not in photo.data
    assert owner.get("/regulator/reports").status_code == 403
    answer = f"/reports/{reference}/answer"
    assert other.post(answer, data=form(other, answer="Sorry")).status_code == 404
    assert owner.post(answer, data={"answer": "Sorry"}).status_code == 403  # without the form's own text
    assert owner.post(answer, data=form(owner, answer=" ")).status_code == 400
    assert owner.post(answer, data=form(owner, answer="We stopped the line")).status_code == 303
    assert "We stopped the line" in shopper.get(page).text
    assert office.post(answer, data=form(office, answer="Inspected", close="on")).status_code == 303
    assert owner.post(answer, data=form(owner, answer="More")).status_code == 400
    erase = f"/reports/{reference}/erase"
    assert other.post(erase, data=form(other)).status_code == 404
    assert owner.post(erase, data=form(owner)).status_code == 303
    assert "A piece of glass" not in office.get("/regulator/reports").text
    (row,) = [row for row in rows(world) if row.id == reference]
    assert (row.words, row.contact, row.photo, row.state) == (None, None, None, "closed")
    said = [entry.action for entry in rows(world, TrailEntry) if entry.subject == reference]
    assert said == ["problem-reported", "report-answered", "report-closed", "report-erased"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "nonsense"}, "Choose what is wrong."),
        ({"words": "  "}, "Say in a few words"),
        ({"words": "x" * 1001}, "Say in a few words"),
        ({"photo": (b"GIF89a<script>", "x.jpg")}, "no photo that can be opened"),
    ],
)
def test_what_is_wrong_with_a_form_is_said_and_what_was_typed_stays(place, fields, said):
    world, app, _ = place
    before = len(rows(world))
    if "photo" in fields:
        fields = {"photo": (io.BytesIO(fields["photo"][0]), fields["photo"][1])}
    answer = send(app.test_client(), contact="me@example.com", **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert 'value="me@example.com"' in answer.text
    assert len(rows(world)) == before


def test_a_lot_that_is_not_recorded_has_no_reports(place):
    _, app, _ = place
    unknown = app.test_client().post(f"/report/01/{GTIN}/10/NOPE", data={"kind": "ill", "words": "x"})
    assert unknown.status_code == 404
    assert app.test_client().get("/reported/P-0000000000").status_code == 404


def test_one_network_sends_a_few_a_day_and_the_others_still_can(place):
    world, app, _ = place
    client = app.test_client()
    statuses = [send(client, f"8.8.8.{n}").status_code for n in range(PER_NETWORK + 1)]
    assert statuses == [303] * PER_NETWORK + [429]
    assert send(client, "192.0.2.1").status_code == 303  # an address of nobody's, as behind a proxy
    assert send(client, "9.9.9.9").status_code == 303
    world.wait(ms=DAY_MS)
    assert send(client, "8.8.8.1").status_code == 303


def test_a_lot_is_not_drowned_from_many_networks(lone, monkeypatch):
    monkeypatch.setattr(reports, "PER_BATCH", 2)
    lone.harvest(lone.party("Farm"), "L1")
    for network in (b"1" * 16, b"2" * 16):
        file_report(lone.store, lone.node, BATCH, TOLD, network)
    with pytest.raises(TooOftenError):
        file_report(lone.store, lone.node, BATCH, TOLD, b"3" * 16)


def test_networks_are_forgotten_after_a_day_and_words_after_a_year(lone):
    lone.harvest(lone.party("Farm"), "L1")
    first = file_report(lone.store, lone.node, BATCH, TOLD, b"1" * 16)
    lone.wait(ms=DAY_MS)
    file_report(lone.store, lone.node, BATCH, TOLD, b"2" * 16)
    found = {row.id: row for row in rows(lone)}
    assert found[first].network is None
    assert found[first].words == TOLD.words
    lone.wait(ms=int(timedelta(days=KEPT_DAYS).total_seconds() * 1000))
    file_report(lone.store, lone.node, BATCH, TOLD, None)
    kept = {row.id: row for row in rows(lone)}[first]
    assert (kept.words, kept.contact, kept.photo, kept.kind) == (None, None, None, "foreign-object")


def test_the_hash_of_a_network_says_nothing_on_the_next_day():
    networks = Networks()
    assert networks.tag("198.51.100.7", 0) is None  # kept free for examples, and so of nobody
    today = networks.tag("8.8.8.8", 0)
    assert networks.tag("8.8.8.200", 1) == networks.tag("::ffff:8.8.8.1", 2) == today
    assert networks.tag("8.8.9.8", 1) != today
    assert networks.tag("8.8.8.8", DAY_MS) != today
    assert Networks().tag("8.8.8.8", 0) != today
    assert [networks.tag(a, 0) for a in ("127.0.0.1", "10.0.0.1", "fe80::1%eth0", "", None)] == [None] * 5
    assert networks.tag("2001:4860:1::1", 0) == networks.tag("2001:4860:1:ffff::9", 0)


def test_word_goes_out_once_without_a_word_of_the_person_and_again_if_it_was_not_taken(lone):
    lone.harvest(lone.party("Farm"), "L1")
    reference = file_report(lone.store, lone.node, BATCH, TOLD, None)
    taken: list[Letter] = []

    def refuse(letter: Letter) -> None:
        raise UnreachableError("closed")

    (error,) = deliver(lone.store, REPORTS, {"email": taken.append, "webhook": refuse})
    assert isinstance(error, UnreachableError)
    assert deliver(lone.store, REPORTS, {"email": taken.append, "webhook": refuse}) == []
    lone.wait(minutes=1)
    assert deliver(lone.store, REPORTS, {"email": taken.append, "webhook": taken.append}) == []
    assert [letter.key for letter in taken] == [f"{reference}-reported"] * 2
    assert TOLD.words not in f"{taken[0]}"
    assert TOLD.contact not in f"{taken[0]}"
    message = Mail("smtp://127.0.0.1:1", "a@example.com", "b@example.com", "node")._message(taken[0])
    assert message["Message-ID"] == f"<{reference}-reported@node>"
