"""Hiding and opening parts of an object: the rules of RFC 9901 4.2 and 7.1, and attacks on them."""

from __future__ import annotations

from itertools import count
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import EncodingError, OversizeError, ProofMismatchError, StatementError
from traceability.signing import digests
from traceability.signing.digests import MAX_CLAIMS_DEPTH, conceal, digest_of, random_salt, reveal
from traceability.signing.strictjson import b64url, json_decode, json_encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4).filter(
    lambda text: text not in ("_sd", "_sd_alg", "...")
)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.decimals(-9, 9, places=2) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
).map(lambda value: json_decode(json_encode(value)))
CLAIMS = st.dictionaries(TEXT, VALUES, max_size=4)


def salts():
    """Salts that are 0, 1, 2, ... as 16 bytes."""
    numbers = count()
    return lambda: next(numbers).to_bytes(16, "big")


def disclosure(*parts: object) -> str:
    return b64url(json_encode(list(parts)))


def payload_of(**claims: object):
    return json_decode(json_encode({**claims, "_sd_alg": "sha-256"}))


def fate(path) -> int:
    """0, 1 or 2 from a path, by a hash: a coin that falls the same way again."""
    return sum(json_encode([*path])) % 3


def pruned(value, path, shown, hidden):
    """What is left of claims if of the hidden paths only the shown ones are opened: the model."""
    if isinstance(value, dict):
        items = [(name, (*path, name)) for name in value]
        return {n: pruned(value[n], p, shown, hidden) for n, p in items if p not in hidden or p in shown}
    if isinstance(value, list):
        items = [(index, (*path, index)) for index in range(len(value))]
        return [pruned(value[i], p, shown, hidden) for i, p in items if p not in hidden or p in shown]
    return value


@given(CLAIMS, st.integers(0, 2))
def test_any_claims_round_trip_whatever_is_hidden(claims, chosen):
    payload, disclosures = conceal(claims, lambda path: fate(path) != chosen, salts())
    revealed = reveal(payload, [d.text for d in reversed(disclosures)])
    assert revealed.claims == claims
    assert revealed.hidden == 0
    assert revealed.paths == {d.digest: d.path for d in disclosures}
    assert digests.paths(payload, [d.text for d in disclosures]) == revealed.paths


@given(CLAIMS, st.data())
def test_any_subset_closed_under_parents_shows_just_that(claims, data):
    payload, disclosures = conceal(claims, lambda path: fate(path) != 0, salts())
    hidden = {d.path for d in disclosures}
    chosen = data.draw(st.sets(st.sampled_from(sorted(hidden, key=repr)))) if hidden else set()
    shown = {
        path for path in chosen if all(path[:n] in chosen for n in range(len(path)) if path[:n] in hidden)
    }
    revealed = reveal(payload, [d.text for d in disclosures if d.path in shown])
    assert revealed.claims == pruned(claims, (), shown, hidden)
    assert set(revealed.paths.values()) == shown


@given(CLAIMS)
def test_a_child_without_its_parent_is_refused(claims):
    payload, disclosures = conceal(claims, lambda path: True, salts())
    for inner in disclosures:
        if len(inner.path) > 1:
            with pytest.raises(ProofMismatchError):
                reveal(payload, [inner.text])


def test_everything_hidden_leaves_only_digests():
    payload, disclosures = conceal({"a": [1, {"b": 2}]}, lambda path: True, salts())
    assert payload.keys() == {"_sd", "_sd_alg"}
    assert [d.path for d in disclosures] == [("a", 0), ("a", 1, "b"), ("a", 1), ("a",)]
    assert reveal(payload, []) == digests.Revealed({}, {}, 1)


def test_an_index_counts_withheld_elements():
    payload, disclosures = conceal({"a": [1, 2, 3]}, lambda path: len(path) == 2, salts())
    revealed = reveal(payload, [disclosures[2].text])
    assert revealed.claims == {"a": [3]}
    assert list(revealed.paths.values()) == [("a", 2)]
    assert revealed.hidden == 2


def test_digests_are_sorted_so_that_their_order_tells_nothing():
    payload, _ = conceal(dict.fromkeys("abcdefgh", 0), lambda path: True, salts())
    digests_found = cast("list[str]", payload["_sd"])
    assert digests_found == sorted(digests_found)


@pytest.mark.parametrize(
    ("content", "text", "digest"),
    [
        (
            '["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]',
            "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
        ),
        (
            '["lklxF5jMYlGTPUovMNIvCA", "US"]',
            "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0",
            "pFndjkZ_VCzmyTa6UjlZo3dh-ko8aIKQc9DlGzhaVYo",
        ),
        (
            '["2GLC42sKQveCfGfryNRN9w", "given_name", "John"]',
            "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
            "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4",
        ),
    ],
)
def test_the_examples_of_the_rfc_have_their_digests(content, text, digest):
    assert b64url(content.encode()) == text
    assert digest_of(text) == digest


def test_disclosures_written_with_spaces_are_read():
    member = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0"
    element = "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0"
    payload = payload_of(_sd=[digest_of(member)], nationalities=["DE", {"...": digest_of(element)}])
    assert reveal(payload, [member, element]).claims == {
        "family_name": "Möbius",
        "nationalities": ["DE", "US"],
    }


def test_an_object_whose_members_are_all_withheld_is_empty():
    assert reveal(payload_of(a={"_sd": ["x"]}, b=[{"...": "y"}], c={"_sd": []}), []).claims == {
        "a": {},
        "b": [],
        "c": {},
    }


X = disclosure("salt", "x", 1)
X_AGAIN = disclosure("other", "x", 2)
E = disclosure("salt", 1)


@pytest.mark.parametrize(
    ("payload", "opened"),
    [
        (payload_of(_sd=[digest_of(X)] * 2), [X]),
        (payload_of(_sd=["decoy", "decoy"]), []),
        (payload_of(_sd=[digest_of(X)], a={"_sd": [digest_of(X)]}), [X]),
        (payload_of(_sd=["twice"], a=[{"...": "twice"}]), []),
        (
            payload_of(_sd=[digest_of(d := disclosure("s", "a", {"_sd": ["twice"]}))], b={"_sd": ["twice"]}),
            [d],
        ),
        (payload_of(_sd=[digest_of(X)]), [X, X]),
        (payload_of(_sd=[digest_of(X)], x=0), [X]),
        (payload_of(_sd=[digest_of(X), digest_of(X_AGAIN)]), [X, X_AGAIN]),
        (payload_of(_sd=[digest_of(d := disclosure("s", "_sd", []))]), [d]),
        (payload_of(_sd=[digest_of(d := disclosure("s", "...", "x"))]), [d]),
        (payload_of(_sd=[digest_of(d := disclosure("s", "_sd_alg", "sha-256"))]), [d]),
        (payload_of(a={"_sd": [digest_of(d := disclosure("s", "_sd_alg", "sha-256"))]}), [d]),
        (payload_of(_sd=[digest_of(d := disclosure("s", 1, "x"))]), [d]),
        (payload_of(_sd=[digest_of(d := disclosure(1, "x", "x"))]), [d]),
        (payload_of(_sd=[digest_of(E)]), [E]),
        (payload_of(_sd=[digest_of(d := disclosure("s", "x", 1, 2))]), [d]),
        (payload_of(_sd=[digest_of(d := b64url(b'{"s":1,"x":2,"y":3}'))]), [d]),
        (payload_of(_sd=[digest_of(d := b64url(b'"sxy"'))]), [d]),
        (payload_of(a=[{"...": digest_of(X)}]), [X]),
        (payload_of(a=[{"...": digest_of(d := disclosure("s"))}]), [d]),
        (payload_of(a=[{"...": digest_of(E), "b": 1}]), [E]),
        (payload_of(a=[{"...": 1}]), []),
        (payload_of(a=[{"...": None}]), []),
        (payload_of(a={"...": "x"}), []),
        (payload_of(**{"...": "x"}), []),
        (payload_of(a=[{"...": digest_of(d := disclosure("s", {"...": digest_of(E)}))}]), [d, E]),
        (payload_of(a={"_sd_alg": "sha-256"}), []),
        (payload_of(_sd=[digest_of(d := disclosure("s", "x", {"_sd_alg": "sha-256"}))]), [d]),
        (payload_of(_sd="x"), []),
        (payload_of(_sd={}), []),
        (payload_of(_sd=None), []),
        (payload_of(_sd=[1]), []),
        (payload_of(_sd=[["x"]]), []),
        ({}, []),
        ({"_sd_alg": "sha-512"}, []),
        ({"_sd_alg": ["sha-256"]}, []),
    ],
)
def test_what_the_rfc_or_the_profile_forbids_is_refused(payload, opened):
    with pytest.raises(StatementError):
        reveal(payload, opened)


def test_a_disclosure_nobody_signed_is_refused():
    with pytest.raises(ProofMismatchError, match=digest_of(X)):
        reveal(payload_of(_sd=["decoy"]), [X])


def test_a_digest_in_plain_text_is_no_reference():
    with pytest.raises(ProofMismatchError):
        reveal(payload_of(a=digest_of(X), b=[digest_of(X)]), [X])


def test_every_changed_character_of_a_disclosure_is_noticed():
    payload = payload_of(_sd=[digest_of(X)])
    for position in range(len(X)):
        changed = X[:position] + ("A" if X[position] != "A" else "B") + X[position + 1 :]
        with pytest.raises((ProofMismatchError, EncodingError)):
            reveal(payload, [changed])


@pytest.mark.parametrize(
    "text", [X + "=", X + "~", "é", "\ud800", "", b64url(b'["s","x",NaN]'), b64url(b"[")]
)
def test_a_lax_disclosure_is_refused(text):
    with pytest.raises(EncodingError):
        reveal(payload_of(_sd=["x"]), [text])


@pytest.mark.parametrize("name", ["_sd", "...", "_sd_alg"])
@pytest.mark.parametrize("wrap", [lambda c: c, lambda c: {"a": c}, lambda c: {"a": [[c]]}])
def test_reserved_names_in_claims_are_refused(name, wrap):
    with pytest.raises(StatementError, match="reserved"):
        conceal(wrap({name: []}), lambda path: False, salts())


def test_weak_salts_are_refused():
    with pytest.raises(StatementError, match="15 bytes"):
        conceal({"a": 1}, lambda path: True, lambda: bytes(15))
    with pytest.raises(StatementError, match="repeat"):
        conceal({"a": [1, 1]}, lambda path: len(path) == 2, lambda: bytes(16))


def test_salts_are_sixteen_random_bytes():
    assert len({random_salt() for _ in range(8)}) == 8
    assert {len(random_salt())} == {16}


def test_claims_are_an_object_of_json_values():
    with pytest.raises(StatementError):
        conceal(cast("Any", ["a"]), lambda path: True, salts())
    with pytest.raises(EncodingError):
        conceal({"a": 1.5}, lambda path: True, salts())


def nested(levels: int) -> object:
    return [nested(levels - 1)] if levels else 0


def test_claims_nest_to_a_limit_plain_or_disclosed():
    for hide in (lambda path: True, lambda path: False):
        payload, disclosures = conceal({"event": nested(MAX_CLAIMS_DEPTH - 1)}, hide, salts())
        assert reveal(payload, [d.text for d in disclosures]).claims == {
            "event": nested(MAX_CLAIMS_DEPTH - 1)
        }
        with pytest.raises(EncodingError):
            conceal({"event": nested(MAX_CLAIMS_DEPTH)}, hide, salts())


def test_disclosures_inside_one_another_do_not_nest_deeper():
    opened: list[str] = []
    value: object = 0
    for number in range(MAX_CLAIMS_DEPTH):
        opened.append(disclosure(f"salt {number}", value))
        value = [{"...": digest_of(opened[-1])}]
    with pytest.raises(StatementError, match="deeper"):
        reveal(payload_of(event=value), opened)
    with pytest.raises(StatementError, match="deeper"):
        reveal(payload_of(event=nested(MAX_CLAIMS_DEPTH)), [])
    with pytest.raises(StatementError, match="deeper"):
        reveal(payload_of(event=json_decode('{"a":' * MAX_CLAIMS_DEPTH + "0" + "}" * MAX_CLAIMS_DEPTH)), [])


def test_there_are_limits_to_number_and_length(monkeypatch):
    claims = {"a": [0, 1, 2]}
    payload, disclosures = conceal(claims, lambda path: len(path) == 2, salts())
    texts = [d.text for d in disclosures]
    for name, enough in (("MAX_DISCLOSURES", 3), ("MAX_DISCLOSURES_BYTES", sum(map(len, texts)))):
        with monkeypatch.context() as patch:
            patch.setattr(digests, name, enough)
            assert reveal(payload, texts).claims == claims
            patch.setattr(digests, name, enough - 1)
            with pytest.raises(OversizeError):
                reveal(payload, texts)
            with pytest.raises(OversizeError):
                conceal(claims, lambda path: len(path) == 2, salts())
