"""Word to holders: by their own addresses, in both languages, marked in a drill, and to nobody else."""

from __future__ import annotations

import hashlib
import hmac
import json
from email import message_from_string

import pytest

from gateway.watchman import postman_of
from tests.support.cases import Office
from tests.support.people import make_person
from tests.support.recalls import MIX, YOGHURT, lots, say
from tests.support.telling import http_server, mail_server
from traceability.errors import MalformedError, UnknownSubjectError
from traceability.operations.accounts.people import change_person
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.outbox import FIRST_DELAY_MS
from traceability.operations.recalling.closing import close_case
from traceability.operations.recalling.contacts import add_contact, addresses_of, remove_contact, secret_of
from traceability.operations.recalling.letters import waiting_words
from traceability.operations.recalling.notices import notices_of
from traceability.settings import GatewaySettings, load
from traceability.supply.recall import Outcome


@pytest.fixture
def office(lone):
    return Office(lone)


def postman(office, **settings):
    given = {"FT_WEBHOOK_PRIVATE": "1"} | settings
    return postman_of(office.world.store, office.world.node, load(GatewaySettings, given))


def text_of(mail):
    payload = message_from_string(mail).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_a_holder_is_posted_what_it_has_under_its_own_secret(office):
    world = office.world
    with http_server() as taker:
        add_contact(world.store, office.dan.actor, office.dairy, taker.url)
        case = office.issued()
        postman(office).turn()
        close_case(world.store, world.node, office.ada, case.id, Outcome.REMOVED)
        postman(office).turn()
    issued, closed = (json.loads(each.body) for each in taker.given)
    assert (issued["event"], issued["case"], issued["drill"]) == ("recall-issued", case.id, False)
    assert (issued["hazard"]["zh"], issued["recallClass"], issued["party"]) == ("沙门氏菌", 1, office.dairy)
    assert [(item["thing"], item["amount"], item["last"]) for item in issued["items"]] == [
        *((MIX, "0", True), (YOGHURT, "10", True))
    ]
    assert (closed["event"], closed["outcome"]) == ("recall-closed", "removed")
    time_s, _, mac = taker.given[0].headers["ft-signature"].partition(",v1=")
    signed = f"{time_s.removeprefix('t=')}.".encode() + taker.given[0].body
    secret = secret_of(world.node, taker.url)
    assert mac == hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def test_managers_get_an_e_mail_in_both_languages_and_workers_none(office):
    world = office.world
    boss = make_person(world.store, world.node, office.dairy, login="boss@dairy.example")
    make_person(world.store, world.node, office.dairy, role=Role.WORKER, login="hand@dairy.example")
    make_person(world.store, world.node, office.packer, login="boss@packer.example")
    with world.store.transaction() as tx:
        change_person(tx, world.node, boss.id, password="x")
    with mail_server() as taker:
        case = office.issued()
        postman(office, FT_SMTP_URL=taker.url, FT_MAIL_FROM="node@example.org").turn()
    (mail,) = taker.mails
    assert message_from_string(mail)["To"] == "boss@dairy.example"
    text = text_of(mail)
    for said in ("Salmonella / 沙门氏菌", case.id, YOGHURT, "+86 873 000", "acknowledge by"):
        assert said in text
    assert "DRILL" not in text


def test_a_drill_writes_to_nobody_unless_that_is_chosen_and_then_says_so(office):
    with http_server() as taker:
        add_contact(office.world.store, office.dan.actor, office.dairy, taker.url)
        add_contact(office.world.store, office.dan.actor, office.dairy, "cold@dairy.example")
        quiet = office.issued(drill=True)
        with office.world.store.reading() as connection:
            assert waiting_words(connection, quiet.id) == []
        with mail_server() as mails:
            office.issued(drill=True, mailing=True)
            postman(office, FT_SMTP_URL=mails.url, FT_MAIL_FROM="node@example.org").turn()
    assert [json.loads(each.body)["drill"] for each in taker.given] == [True]
    (mail,) = mails.mails
    assert "DRILL, no recall" in text_of(mail)
    assert "DRILL" in str(message_from_string(mail)["Subject"]) or "=?utf-8?" in mail


def test_an_address_that_fails_is_tried_later_and_hinders_no_other(office):
    with http_server() as broken, http_server() as taker:
        broken.status = 500
        for party, address in ((office.dairy, broken.url), (office.packer, taker.url)):
            add_contact(office.world.store, office.dan.actor, party, address)
        case = office.issued()
        postman(office).turn()
        postman(office).turn()
        assert (len(broken.given), len(taker.given)) == (1, 1)
        with office.world.store.reading() as connection:
            ((party, _, _, tries, error),) = waiting_words(connection, case.id)
        assert (party, tries, "answers 500" in error) == (office.dairy, 1, True)
        broken.status = 204
        office.world.wait(ms=FIRST_DELAY_MS)
        postman(office).turn()
    assert len(broken.given) == 2


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b c", "ftp://x.example", "a@b\nBcc: c@d", "a@" + "b" * 600]
)
def test_an_address_is_one_that_can_be_written_to(office, address):
    with pytest.raises(MalformedError):
        add_contact(office.world.store, office.dan.actor, office.dairy, address)


def test_an_address_is_kept_once_and_forgotten(office):
    store, actor = office.world.store, office.dan.actor
    add_contact(store, actor, office.dairy, "cold@dairy.example")
    add_contact(store, actor, office.dairy, "cold@dairy.example")
    with store.reading() as connection:
        assert [each.address for each in addresses_of(connection)] == ["cold@dairy.example"]
    remove_contact(store, actor, office.dairy, "cold@dairy.example")
    with pytest.raises(UnknownSubjectError):
        remove_contact(store, actor, office.dairy, "cold@dairy.example")


def test_an_authority_that_spoke_of_a_lot_holds_none_of_it(office):
    world = office.world
    make_person(world.store, world.node, office.ada.party, PartyKind.AUTHORITY)
    say(world, office.ada.party, minutes=90, bizStep="inspecting", quantityList=lots(YOGHURT))
    case = office.issued()
    with world.store.reading() as connection:
        assert office.ada.party not in {each.party for each in notices_of(connection, case.id)}
