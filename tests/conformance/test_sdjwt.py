"""The cases of the SD-JWT reference implementation: issue, disclose and verify give its claims.

Signed here with Ed25519 and shown in the compact form. Not part of this project's profile,
and therefore checked to be refused rather than half supported: key binding, the two JSON
serializations, header parameters of an issuer's own, ES256.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from traceability.errors import MalformedError, StatementError
from traceability.signing import sdjwt
from traceability.signing.keys import PrivateKey
from traceability.signing.strictjson import b64url, json_encode

CASES = [
    "array_data_types",
    "array_full_sd",
    "array_in_sd",
    "array_nested_in_plain",
    "array_none_disclosed",
    "array_of_nulls",
    "array_of_objects",
    "array_of_scalars",
    "array_recursive_sd",
    "array_recursive_sd_some_disclosed",
    "header_mod",
    "json_serialization_flattened",
    "json_serialization_general",
    "key_binding",
    "no_sd",
    "object_data_types",
    "recursions",
]
KEY = PrivateKey.from_seed(bytes([2]) * 32)
TYP = "application/example+sd-jwt"
REGISTERED = {"iss": "https://example.com/issuer", "iat": 1_683_000_000}


class Specification:
    """One specification.yml: its values, and the paths of its user claims that are tagged ``!sd``."""

    def __init__(self, file: Path) -> None:
        self.loader = yaml.SafeLoader(file.read_text(encoding="utf-8"))
        root = self.loader.get_single_node()
        assert isinstance(root, yaml.MappingNode)
        self.hidden: set[sdjwt.Path] = set()
        self.values: dict[str, Any] = {}
        for name, node in root.value:
            self.values[name.value] = self.value(node, ())

    def value(self, node: yaml.Node, path: sdjwt.Path) -> object:
        """The plain value of a node; on the way notes what is to be hidden."""
        if isinstance(node, yaml.MappingNode):
            return {self.name(key, path): self.value(item, (*path, key.value)) for key, item in node.value}
        if isinstance(node, yaml.SequenceNode):
            items = enumerate(node.value)
            return [self.element(item, (*path, index)) for index, item in items]
        assert isinstance(node, yaml.ScalarNode)
        node.tag = self.loader.resolve(yaml.ScalarNode, node.value, (node.style is None, False))
        value = self.loader.construct_object(node)
        return Decimal(node.value) if isinstance(value, float) else value

    def name(self, key: yaml.ScalarNode, path: sdjwt.Path) -> str:
        if key.tag == "!sd":
            self.hidden.add((*path, key.value))
        return str(key.value)

    def element(self, item: yaml.Node, path: sdjwt.Path) -> object:
        if item.tag == "!sd":
            self.hidden.add(path)
        return self.value(item, path)


def wanted(choice: object, path: sdjwt.Path) -> bool:
    """Whether the holder's choices show the hidden part at a path."""
    for step in path:
        if isinstance(choice, dict):
            choice = choice.get(step)
        elif isinstance(choice, list) and isinstance(step, int) and step < len(choice):
            choice = choice[step]
        else:
            return False
    return choice not in (None, False)


@pytest.fixture(params=CASES)
def case(request, conformance: Path) -> Specification:
    return Specification(conformance / "sdjwt" / "testcases" / request.param / "specification.yml")


def issued(specification: Specification) -> sdjwt.Issued:
    claims = REGISTERED | specification.values["user_claims"]
    return sdjwt.issue(KEY, claims, specification.hidden.__contains__, typ=TYP)


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
