"""The cases of the SD-JWT reference implementation: issue, disclose and verify give its claims.

Signed here with Ed25519 and shown in the compact form. Not part of this project's profile,
and therefore checked to be refused rather than half supported: key binding, the two JSON
serializations, header parameters of an issuer's own, ES256.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.selective import CASES, KEY, REGISTERED, TYP, Specification, issued, wanted
from traceability.errors import MalformedError, StatementError
from traceability.signing import sdjwt
from traceability.signing.strictjson import b64url, json_encode


@pytest.fixture(params=CASES)
def case(request, conformance: Path) -> Specification:
    return Specification(conformance / "sdjwt" / "testcases" / request.param / "specification.yml")


def test_the_list_of_cases_is_the_folder(conformance: Path):
    folders = (conformance / "sdjwt" / "testcases").iterdir()
    assert sorted(folder.name for folder in folders if folder.is_dir()) == CASES


def test_every_tagged_part_becomes_one_disclosure(case: Specification):
    assert {d.path for d in issued(case).disclosures} == case.hidden


def test_all_disclosures_give_all_claims(case: Specification):
    made = issued(case)
    revealed = sdjwt.reveal(sdjwt.parse(made.statement).payload, [d.text for d in made.disclosures])
    assert revealed.claims == REGISTERED | case.values["user_claims"]
    assert revealed.hidden == 0


def test_what_the_holder_discloses_is_what_the_verifier_gets(case: Specification):
    made = issued(case)
    statement = sdjwt.parse(made.statement, typ=TYP)
    statement.verify(KEY.public)
    shown = [d.text for d in made.disclosures if wanted(case.values["holder_disclosed_claims"], d.path)]
    claims = sdjwt.reveal(statement.payload, shown).claims
    assert claims == REGISTERED | case.values["expect_verified_user_claims"]


def test_what_lies_outside_the_profile_is_refused(case: Specification):
    statement = issued(case).statement
    header, payload, signature = statement[:-1].decode().split(".")
    if case.values.get("key_binding"):
        with pytest.raises(StatementError):
            sdjwt.parse(statement + b"e30.e30.c2ln")
    if case.values.get("serialization_format") == "json":
        flattened = {
            "protected": header,
            "payload": payload,
            "signature": signature,
            "header": {"disclosures": []},
        }
        with pytest.raises(MalformedError):
            sdjwt.parse(json_encode(flattened))
    for extra in ({"alg": "ES256"}, case.values.get("extra_header_parameters") or {"x": 1}):
        members = {"alg": "Ed25519", "kid": b64url(KEY.public.kid), "typ": "example+sd-jwt"} | extra
        signing_input = f"{b64url(json.dumps(members).encode())}.{payload}"
        forged = f"{signing_input}.{b64url(KEY.sign(signing_input.encode()))}~"
        with pytest.raises(StatementError):
            sdjwt.parse(forged.encode())
