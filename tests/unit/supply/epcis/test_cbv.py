"""The word lists of CBV 2.0: complete, and known in each spelling of a word."""

from __future__ import annotations

import pytest

from traceability.supply.epcis import cbv

LISTS = list(cbv.BY_FIELD.values())


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (cbv.BIZ_STEPS, 41),
        (cbv.DISPOSITIONS, 33),
        (cbv.TRANSACTION_TYPES, 13),
        (cbv.PARTY_TYPES, 3),
        (cbv.ERROR_REASONS, 2),
        (cbv.COMPONENTS, 14),
        (cbv.MEASUREMENT_TYPES, 72),
        (cbv.ALERT_TYPES, 2),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_list_has_as_many_words_as_the_standard(words, count):
    assert len(words.words) == count


@pytest.mark.parametrize("words", LISTS, ids=lambda words: words.name)
def test_a_word_is_known_bare_and_in_full(words):
    for word in words.words:
        assert words.has(word)
        assert words.has(words.web + word)
        assert words.has(words.urn + word)


@pytest.mark.parametrize("words", LISTS, ids=lambda words: words.name)
def test_the_word_that_messages_show_is_in_the_list(words):
    assert words.example in words.words


@pytest.mark.parametrize("text", ["transforming", "", "urn:epcglobal:cbv:bizstep:", "Receiving", "recalled"])
def test_what_is_no_business_step_is_not_known(text):
    assert not cbv.BIZ_STEPS.has(text)


def test_only_uris_of_the_standard_are_claimed_by_a_list():
    assert cbv.BIZ_STEPS.claims("urn:epcglobal:cbv:bizstep:transforming")
    assert cbv.BIZ_STEPS.claims("https://ref.gs1.org/cbv/BizStep-transforming")
    assert not cbv.BIZ_STEPS.claims("https://ns.example/steps/transforming")
    # The GS1 Web Vocabulary is larger than its measurement types.
    assert not cbv.MEASUREMENT_TYPES.claims("https://gs1.org/voc/Product")
