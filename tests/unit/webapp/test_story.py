"""Every step that a party can record has its words."""

from __future__ import annotations

from traceability.supply.epcis.events import STEPS
from webapp.consumer.timeline import STEP_WORDS
from webapp.i18n import catalog


def test_every_step_of_a_batch_has_a_word_in_both_languages():
    steps = {(s.biz_step, s.action) for s in STEPS.values() if s.type != "AssociationEvent"}
    assert steps <= STEP_WORDS.keys()
    assert set(STEP_WORDS.values()) <= catalog("zh").keys()
