"""@context without fetching: what prefixes and words mean, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import OversizeError, StatementError
from traceability.supply.epcis.context import (
    EPCIS_CONTEXT,
    MAX_ENTRIES,
    MAX_IRI,
    MAX_PREFIX,
    NAMESPACE,
    PREFIXES,
    VOCABULARIES,
    read_context,
    reduce_word,
    require_epcis,
)

EXAMPLE = {"ex": "https://example.com/ns/"}
STANDARD = read_context([EPCIS_CONTEXT, EXAMPLE])


def test_the_epcis_context_brings_its_prefixes_and_others_only_their_name():
    assert read_context(EPCIS_CONTEXT).prefixes == PREFIXES
    opaque = read_context(["https://example.com/context.jsonld"])
    assert opaque.prefixes == {}
    assert opaque.urls == ("https://example.com/context.jsonld",)


@pytest.mark.parametrize("version", ["", "2.0.0/", "2.0.1/", "2.1/"])
def test_every_version_of_the_epcis_context_is_known(version):
    require_epcis(read_context(f"https://ref.gs1.org/standards/epcis/{version}epcis-context.jsonld"))


@pytest.mark.parametrize(
    "context",
    [
        None,
        [],
        EXAMPLE,
        "https://example.com/epcis-context.jsonld",
        "https://ref.gs1.org/standards/epcis/epcis-context.jsonld.example.com",
        "https://example.com/?https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
    ],
)
def test_a_document_without_the_epcis_context_is_refused(context):
    with pytest.raises(StatementError, match="EPCIS context"):
        require_epcis(read_context(context))


def test_an_events_own_context_is_added_and_the_later_meaning_stands():
    both = read_context([EPCIS_CONTEXT, EXAMPLE], [{"ex": "https://example.com/other/", "more": "urn:x:"}])
    assert both.expand_name("ex:a") == "https://example.com/other/a"
    assert both.expand_name("more:a") == "urn:x:a"
    assert both.expand_name("cbv:a") == "https://ref.gs1.org/cbv/a"


@pytest.mark.parametrize(
    "context",
    [
        7,
        True,
        [None],
        [[EPCIS_CONTEXT]],
        "no IRI",
        "",
        {"ex": 7},
        {"ex": None},
        {"ex": {"@id": "https://example.com/ns/"}},
        {"ex": "ns"},
        {"ex": "https://example.com/{ns}"},
        {"ex": "https://example.com/n s/"},
        {"ex": "https://example.com/ns/\n"},
        {"": "https://example.com/ns/"},
        {"ex:a": "https://example.com/ns/"},
        {"ex\n": "https://example.com/ns/"},
        {"@vocab": "https://example.com/ns/"},
        {"@base": "https://example.com/ns/"},
    ],
)
def test_a_context_of_another_shape_is_refused(context):
    with pytest.raises(StatementError, match="@context"):
        read_context(context)


@pytest.mark.parametrize("scheme", ["urn", "https", "HTTP", "ni", "geo"])
def test_no_prefix_can_turn_an_identifier_into_another(scheme):
    with pytest.raises(StatementError, match="scheme"):
        read_context([EPCIS_CONTEXT, {scheme: "https://example.com/ns/"}])


@pytest.mark.parametrize(
    ("prefix", "namespace"),
    [
        ("gs1", "https://gs1.org/voc/"),
        ("gs1", "https://ref.gs1.org/voc/"),
        ("cbvmda", "urn:epcglobal:cbv:mda"),
        ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
        ("epcis", "https://ns.gs1.org/epcis/"),
    ],
)
@pytest.mark.parametrize("epcis", [True, False])
def test_a_standard_prefix_may_be_repeated_in_every_published_spelling(prefix, namespace, epcis):
    context = read_context([*([EPCIS_CONTEXT] if epcis else []), {prefix: namespace}])
    assert context.prefixes[prefix] == PREFIXES[prefix]


@pytest.mark.parametrize("prefix", sorted(PREFIXES))
@pytest.mark.parametrize("first", [True, False])
def test_a_standard_prefix_cannot_get_another_meaning(prefix, first):
    entries = [EPCIS_CONTEXT, {prefix: "https://example.com/ns/"}]
    with pytest.raises(StatementError, match=prefix):
        read_context(entries if first else entries[::-1])


def test_size_is_bounded():
    one = {f"p{i}": "https://example.com/ns/" for i in range(MAX_ENTRIES - 1)}
    read_context(EPCIS_CONTEXT, one)
    for context in (
        one | {"q": "https://example.com/"},
        [EPCIS_CONTEXT] * MAX_ENTRIES,
        {"ex": "https://" + "a" * MAX_IRI},
        "https://" + "a" * MAX_IRI,
    ):
        with pytest.raises(OversizeError):
            read_context(EPCIS_CONTEXT, context)
    with pytest.raises(StatementError):
        read_context({"a" * (MAX_PREFIX + 1): "https://example.com/ns/"})


@pytest.mark.parametrize("name", ["foo", "other:foo", "ex:", ":foo", "ex://foo", "https://example.com/x"])
def test_a_name_without_a_known_prefix_stays_as_it_is(name):
    assert STANDARD.expand_name(name) == name


@pytest.mark.parametrize(
    ("field", "uri", "spellings"),
    [
        (
            "bizStep",
            "https://ref.gs1.org/cbv/BizStep-shipping",
            [
                "cbv:BizStep-shipping",
                "urn:epcglobal:cbv:bizstep:shipping",
                "http://ref.gs1.org/cbv/BizStep-shipping",
                "https://ns.gs1.org/cbv/BizStep-shipping",
            ],
        ),
        ("disposition", "https://ref.gs1.org/cbv/Disp-active", ["urn:epcglobal:cbv:disp:active"]),
        ("persistentDisposition", "https://ref.gs1.org/cbv/Disp-recalled", ["cbv:Disp-recalled"]),
        ("bizTransactionList", "https://ref.gs1.org/cbv/BTT-po", ["urn:epcglobal:cbv:btt:po"]),
        ("sourceList", "https://ref.gs1.org/cbv/SDT-location", ["urn:epcglobal:cbv:sdt:location"]),
        ("destinationList", "https://ref.gs1.org/cbv/SDT-location", ["cbv:SDT-location"]),
        (
            "errorDeclaration",
            "https://ref.gs1.org/cbv/ER-incorrect_data",
            ["urn:epcglobal:cbv:er:incorrect_data"],
        ),
        (
            "sensorReport",
            "https://gs1.org/voc/Temperature",
            ["gs1:Temperature", "https://www.gs1.org/voc/Temperature", "https://ref.gs1.org/voc/Temperature"],
        ),
        ("exception", "https://gs1.org/voc/ALARM_CONDITION", ["gs1:ALARM_CONDITION"]),
        ("component", "https://ref.gs1.org/cbv/Comp-latitude", ["cbv:Comp-latitude"]),
    ],
)
def test_every_spelling_of_a_word_has_one_uri_and_one_bare_word(field, uri, spellings):
    bare = reduce_word(field, uri)
    assert ":" not in bare
    assert {STANDARD.expand_word(field, text) for text in (bare, uri, *spellings)} == {uri}


def test_every_field_of_words_is_tested_above():
    (mark,) = [
        mark
        for mark in test_every_spelling_of_a_word_has_one_uri_and_one_bare_word.pytestmark
        if mark.name == "parametrize"
    ]
    assert {row[0] for row in mark.args[1]} == set(VOCABULARIES)


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/steps/cooling",
        "urn:epcglobal:cbv:bt:9521141000000:1",
        "unknown:BizStep-shipping",
        "not a word",
        "",
    ],
)
def test_what_is_no_word_of_the_vocabulary_stays_as_it_is(text):
    assert STANDARD.expand_word("bizStep", text) == text
    assert reduce_word("bizStep", text) == text


def test_a_word_of_somebodys_own_vocabulary_is_expanded_and_not_reduced():
    uri = STANDARD.expand_word("bizStep", "ex:cooling")
    assert uri == "https://example.com/ns/cooling"
    assert reduce_word("bizStep", uri) == uri


def test_only_what_a_bare_word_can_say_is_reduced_to_one():
    assert (
        reduce_word("bizStep", "https://ref.gs1.org/cbv/BizStep-a/b") == "https://ref.gs1.org/cbv/BizStep-a/b"
    )
    assert reduce_word("bizStep", "https://ref.gs1.org/cbv/BizStep-") == "https://ref.gs1.org/cbv/BizStep-"


@given(
    field=st.sampled_from(sorted(VOCABULARIES)),
    word=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,30}", fullmatch=True),
)
def test_bare_words_come_back(field, word):
    assert reduce_word(field, STANDARD.expand_word(field, word)) == word


@given(text=st.text(max_size=60))
def test_a_value_with_white_space_is_never_taken_for_a_curie(text):
    value = f"ex:{text} {text}"
    assert STANDARD.expand_value(value) == value


def test_the_projects_own_prefix_means_nothing_else():
    assert read_context({"ft": NAMESPACE}).prefixes["ft"] == NAMESPACE
    with pytest.raises(StatementError, match="the prefix ft"):
        read_context({"ft": "https://example.com/ft/"})
