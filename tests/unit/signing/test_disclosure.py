"""Who may see which part of an event, and what is never withheld."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability import media
from traceability.errors import ConflictError, StatementError
from traceability.signing import sdjwt
from traceability.signing.disclosure import (
    DEFAULT,
    Audience,
    Policy,
    digests_for,
    hide_claims,
    hide_event,
    kept,
    kept_digests,
    require_policy,
    strictest,
)
from traceability.signing.keys import PrivateKey
from traceability.signing.parts import changeable, parse_part

KEY = PrivateKey.from_seed(bytes([2]) * 32)
PUBLIC, PARTNER, REGULATOR = Audience.PUBLIC, Audience.PARTNER, Audience.REGULATOR
BATCH = "https://id.gs1.org/01/09506000134352/10/LOT-1"
EVENT: dict[str, Any] = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
    "type": "ObjectEvent",
    "eventID": "ni:///sha-256;df7bb3c352fef055578554f09f5e2aa41782150ced7bd0b8af24dd3ccb30ba69?ver=CBV2.0",
    "action": "ADD",
    "eventTime": "2026-03-01T06:00:00.000Z",
    "eventTimeZoneOffset": "+08:00",
    "bizStep": "commissioning",
    "disposition": "active",
    "epcList": ["https://id.gs1.org/00/095060001343520000"],
    "quantityList": [{"epcClass": BATCH, "quantity": 250, "uom": "KGM", "ft:price": "9.80"}],
    "readPoint": {"id": "https://id.gs1.org/414/9506000134369"},
    "sourceList": [{"type": "owning_party", "source": "https://id.gs1.org/417/9506000134352"}],
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9506000134352:A123"}],
    "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 4, "uom": "CEL"}]}],
    "ilmd": {
        "cbvmda:lotNumber": "LOT-1",
        "cbvmda:netWeight": "1",
        "ft:product": "Pak choi",
        "ft:parents": [BATCH + "-A", {"epcClass": BATCH + "-B", "quantity": 3}],
        "x:farmer": "Wang",
    },
    "errorDeclaration": {"declarationTime": "2026-03-02T06:00:00.000Z", "correctiveEventIDs": ["ni:///x"]},
    "ft:region": "Shouguang",
    "ft:position": "36.85,118.74",
    "x:note": "unknown to the table",
}
CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"x": "https://x.example/"}]
CLAIMS = {
    "iss": "https://id.gs1.org/417/9506000134352",
    "iat": 1_772_344_800,
    "event": EVENT,
    "context": CONTEXT,
}

NAMES = st.sampled_from(
    [*EVENT, "epcClass", "quantity", "ft:any", "ft:parents", "reason", "[]", "childEPCs", "zzz"]
)
PATHS = st.lists(NAMES | st.integers(0, 3), max_size=5).map(tuple)
PARTS = st.sampled_from([*changeable(), ("x:note",), ("ilmd", "x:farmer"), ("quantityList", "x:grade")])
POLICIES = st.dictionaries(PARTS, st.sampled_from(Audience)).map(Policy)


def issued() -> tuple[sdjwt.SdJwt, sdjwt.Issued]:
    made = sdjwt.issue(KEY, CLAIMS, hide_claims, typ=media.EVENT)
    return sdjwt.parse(made.statement, typ=media.EVENT), made


def seen(digests: frozenset[str]) -> dict[str, Any]:
    statement, made = SHARED
    shown = [d.text for d in made.disclosures if d.digest in digests]
    event = sdjwt.reveal(statement.payload, shown).claims["event"]
    assert isinstance(event, dict)
    return {**event}


SHARED = issued()
PLACES = sdjwt.paths(SHARED[0].payload, [d.text for d in SHARED[1].disclosures])


def test_audiences_are_ordered_by_width_not_by_name():
    assert sorted([REGULATOR, PARTNER, PUBLIC]) == [PUBLIC, PARTNER, REGULATOR]
    assert PUBLIC < PARTNER < REGULATOR
    assert REGULATOR > PARTNER >= PARTNER >= PUBLIC
    assert PARTNER <= PARTNER
    assert not PARTNER < PUBLIC
    assert max(PARTNER, PUBLIC) is PARTNER


@pytest.mark.parametrize(
    ("path", "audience", "hidden", "never_erased"),
    [
        (("type",), PUBLIC, True, True),
        (("eventTime",), PUBLIC, True, True),
        (("parentID",), PUBLIC, True, True),
        (("epcList",), PUBLIC, True, True),
        (("epcList", 7), PUBLIC, True, True),
        (("childQuantityList", 0), PUBLIC, True, True),
        (("quantityList", 0, "epcClass"), PUBLIC, False, True),
        (("quantityList", 0, "quantity"), PARTNER, True, False),
        (("inputQuantityList", 3, "uom"), PARTNER, True, False),
        (("quantityList", 0, "ft:price"), REGULATOR, True, False),
        (("epcList", "oddly", "an object"), REGULATOR, False, False),
        (("quantityList", 0, 0), REGULATOR, True, False),
        (("epcList", "[]"), REGULATOR, True, False),
        (("readPoint",), PARTNER, True, False),
        (("readPoint", "id"), PARTNER, False, False),
        (("sourceList", 0, "source"), PARTNER, False, False),
        (("sensorElementList",), PARTNER, True, False),
        (("eventID",), REGULATOR, True, False),
        (("bizTransactionList",), REGULATOR, True, False),
        (("certificationInfo",), REGULATOR, True, False),
        (("somethingNew",), REGULATOR, True, False),
        (("ilmd",), PUBLIC, True, True),
        (("ilmd", "ft:temperature"), PUBLIC, True, True),
        (("ilmd", "ft:product"), PUBLIC, True, False),
        (("ilmd", "ft:name"), REGULATOR, True, False),
        (("ilmd", "gs1:bestBeforeDate"), PUBLIC, True, False),
        (("ilmd", "gs1:netWeight"), PARTNER, True, False),
        (("ilmd", "gs1:catchZone"), REGULATOR, True, False),
        (("ilmd", "ft:parents"), PARTNER, True, False),
        (("ilmd", "ft:parents", 1), PARTNER, True, False),
        (("ilmd", "ft:parents", 1, "quantity"), PARTNER, False, False),
        (("transformationID",), PARTNER, True, False),
        (("recordTime",), PUBLIC, True, False),
        (("bizTransactionList", 0, "bizTransaction"), REGULATOR, False, False),
        (("ft:recall",), PUBLIC, True, True),
        (("ft:recall", "hazard"), PUBLIC, False, True),
        (("ft:anything",), REGULATOR, True, False),
        (("ilmd", "cbvmda:netWeight"), PARTNER, True, False),
        (("ilmd", "x:farmer"), REGULATOR, True, False),
        (("ilmd", "ft:person"), REGULATOR, True, False),
        (("ft:region",), PUBLIC, True, False),
        (("ft:region", "inner"), PUBLIC, False, False),
        (("ft:price",), REGULATOR, True, False),
        (("errorDeclaration",), PUBLIC, True, True),
        (("errorDeclaration", "reason"), PUBLIC, True, True),
        (("errorDeclaration", "correctiveEventIDs"), REGULATOR, True, False),
        ((), PUBLIC, False, True),
    ],
)
def test_the_table_row_by_row(path, audience, hidden, never_erased):
    assert (DEFAULT.audience_of(path), hide_event(path), kept(path)) == (audience, hidden, never_erased)


@given(PATHS, POLICIES)
def test_an_inner_part_is_never_for_more_people_than_what_is_around_it(path, policy):
    for length in range(len(path)):
        assert policy.audience_of(path[:length]) <= policy.audience_of(path)
        assert kept(path[:length]) or not kept(path)


@given(PATHS, POLICIES)
def test_what_is_kept_is_public_whatever_the_policy(path, policy):
    assert not kept(path) or policy.audience_of(path) is PUBLIC


@given(PATHS)
def test_only_parts_of_the_event_are_hidden(path):
    assert hide_claims(("event", *path)) == hide_event(path)
    assert not hide_claims(path)
    assert not hide_claims(("iss",))


def test_a_stranger_with_the_statement_alone_sees_nothing_of_the_event():
    revealed = sdjwt.reveal(SHARED[0].payload, [])
    assert revealed.claims == {name: CLAIMS[name] for name in ("iss", "iat")} | {"event": {}}
    assert revealed.hidden == len(EVENT) + 1


def test_what_is_kept_says_which_batch_and_what_happened_when():
    assert seen(kept_digests(PLACES)) == {
        "type": "ObjectEvent",
        "action": "ADD",
        "eventTime": "2026-03-01T06:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "bizStep": "commissioning",
        "disposition": "active",
        "epcList": ["https://id.gs1.org/00/095060001343520000"],
        "quantityList": [{"epcClass": BATCH}],
        "errorDeclaration": {"declarationTime": "2026-03-02T06:00:00.000Z"},
        "ilmd": {},
    }


def test_audiences_see_more_and_more():
    public, partner, regulator = (seen(digests_for(audience, PLACES)) for audience in Audience)
    assert public["ilmd"] == {"cbvmda:lotNumber": "LOT-1", "ft:product": "Pak choi"}
    assert public["ft:region"] == "Shouguang"
    assert (
        public.keys() & {"readPoint", "sourceList", "eventID", "bizTransactionList", "ft:position", "x:note"}
        == set()
    )
    assert partner["quantityList"] == [{"epcClass": BATCH, "quantity": 250, "uom": "KGM"}]
    assert partner.keys() - public.keys() == {"readPoint", "sourceList", "sensorElementList"}
    assert regulator == EVENT


def test_the_context_of_the_document_is_public_and_can_be_erased():
    shown = [d.text for d in SHARED[1].disclosures if d.digest in digests_for(PUBLIC, PLACES)]
    assert sdjwt.reveal(SHARED[0].payload, shown).claims["context"] == CONTEXT
    where = {path: digest for digest, path in PLACES.items()}
    assert where["context",] not in kept_digests(PLACES)
    closed = Policy({parse_part("@context"): REGULATOR})
    assert where["context",] not in digests_for(PARTNER, PLACES, closed)


def test_a_party_opens_and_closes_parts_of_its_events():
    policy = Policy(
        {
            parse_part("readPoint"): PUBLIC,
            parse_part("quantityList/quantity"): PUBLIC,
            parse_part("ilmd/ft:parents"): PUBLIC,
            parse_part("x:note"): PARTNER,
            parse_part("ilmd/cbvmda:lotNumber"): REGULATOR,
        }
    )
    public, partner = (seen(digests_for(audience, PLACES, policy)) for audience in (PUBLIC, PARTNER))
    assert public["readPoint"] == EVENT["readPoint"]
    assert public["quantityList"] == [{"epcClass": BATCH, "quantity": 250}]
    assert public["ilmd"] == {"ft:product": "Pak choi", "ft:parents": EVENT["ilmd"]["ft:parents"]}
    assert partner["x:note"] == EVENT["x:note"]
    assert "x:note" not in public
    assert "cbvmda:lotNumber" not in partner["ilmd"]
    assert seen(digests_for(REGULATOR, PLACES, policy)) == EVENT


@given(POLICIES, st.sampled_from(Audience))
def test_the_hash_over_the_event_goes_exactly_to_those_who_see_everything_else(policy, audience):
    given_away = digests_for(audience, PLACES, policy)
    hash_digest = next(digest for digest, path in PLACES.items() if path == ("event", "eventID"))
    assert (hash_digest in given_away) == (given_away >= PLACES.keys() - {hash_digest})


def test_an_event_of_which_everything_is_public_shows_its_hash_to_everybody():
    event = {name: EVENT[name] for name in ("type", "eventTime", "eventID", "readPoint")}
    made = sdjwt.issue(KEY, CLAIMS | {"event": event}, hide_claims, typ=media.EVENT)
    places = sdjwt.paths(sdjwt.parse(made.statement).payload, [d.text for d in made.disclosures])
    assert digests_for(PUBLIC, places) < places.keys()
    assert digests_for(PUBLIC, places, Policy({("readPoint",): PUBLIC})) == places.keys()


@given(st.lists(POLICIES, min_size=1, max_size=3), PATHS)
def test_of_several_policies_the_strictest_holds(policies, path):
    assert strictest(policies).audience_of(path) >= max(p.audience_of(path) for p in policies)
    if len(policies) == 1:
        assert strictest(policies) == policies[0]


@pytest.mark.parametrize(
    "part",
    ["type", "quantityList", "epcList", "ilmd", "ilmd/ft:temperature", "ft:recall", "errorDeclaration"],
)
def test_no_policy_withholds_what_is_kept(part):
    with pytest.raises(ConflictError, match="never withheld"):
        Policy({parse_part(part): REGULATOR})


@pytest.mark.parametrize("part", ["eventID", "errorDeclaration/correctiveEventIDs"])
def test_no_policy_opens_a_hash_over_a_whole_event(part):
    with pytest.raises(ConflictError, match="every part"):
        Policy({parse_part(part): PUBLIC})


def test_a_policy_is_about_parts():
    for part in ((), ("readPoint", "id"), ("quantityList", "epcClass")):
        with pytest.raises(StatementError):
            Policy({part: PUBLIC})


def test_a_statement_that_hides_more_than_parts_of_its_event_has_no_audience():
    for path in (("event",), ("subject",)):
        with pytest.raises(StatementError):
            digests_for(PUBLIC, {"digest": path})
        with pytest.raises(StatementError):
            kept_digests({"digest": path})


def test_statements_made_by_the_policy_pass_it():
    require_policy(sdjwt.reveal(SHARED[0].payload, [d.text for d in SHARED[1].disclosures]).claims, PLACES)


@pytest.mark.parametrize(
    "hide",
    [
        lambda path: False,
        lambda path: True,
        lambda path: hide_claims(path) and path[-1] != "uom",
        lambda path: hide_claims(path) or path[-1] == "epcClass",
        lambda path: hide_claims(path) or path == ("event",),
        lambda path: hide_claims(path) and path != ("context",),
        lambda path: hide_claims(path) and path[-2:] != ("ft:parents", 0),
    ],
)
def test_statements_divided_in_another_way_do_not(hide):
    made = sdjwt.issue(KEY, CLAIMS, hide, typ=media.EVENT)
    revealed = sdjwt.reveal(sdjwt.parse(made.statement).payload, [d.text for d in made.disclosures])
    with pytest.raises(StatementError, match="policy"):
        require_policy(revealed.claims, revealed.paths)
