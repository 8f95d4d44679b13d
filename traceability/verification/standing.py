"""Whether a batch is recalled, as far as its checked bundle can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from traceability.ledger.record import format_time
from traceability.supply.recall import Answer, Recall, answer_of
from traceability.verification.journey import Happening, Journey

UNKNOWN: Final = "unknown"
IN_WORDS: Final = (
    "Everything that was asked holds.",
    "Something does not match: do not rely on this file.",
    "Nothing contradicts it, but not everything could be checked.",
)
"""What a verdict comes to, by its exit code."""
PROVEN: Final = (
    "These records are genuine",
    "These records are not those of the label",
    "Nothing contradicts these records, though not all could be checked",
)
"""The same as the beginning of a sentence, where there are records to speak of."""
ALARMS: Final[Mapping[Answer | None, str]] = {
    Answer.RECALLED: "this lot is RECALLED: do not eat or sell it",
    Answer.HELD: "this lot is HELD: do not eat or sell it until that is over",
}
"""How that sentence ends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a batch's own events say of recalls.

    Attributes:
        answer: the worst that holds now; None if that could not be checked.
        recalls: those that the answer rests on, each with the event that says so.
        as_of_ms: until when the events are known; None where nothing could be checked.
        made_of_others: whether it was made from something else, of which these events say nothing.
    """

    answer: Answer | None
    recalls: tuple[tuple[Recall, Happening], ...] = ()
    as_of_ms: int | None = None
    made_of_others: bool = False

    def words(self, names: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
        """The answer in one word, and what it rests on; ``names`` of parties, by URI."""
        if self.answer is None or self.as_of_ms is None:
            return UNKNOWN, "this could not be checked: do not take it as an all-clear"
        said = [f"by {names[event.party]['en']}: {recall.hazard['en']}" for recall, event in self.recalls]
        word = self.answer.upper() if self.answer is Answer.RECALLED else self.answer
        said.append(f"as of {format_time(self.as_of_ms)}")
        if self.made_of_others and self.answer not in ALARMS:
            said.append("of this lot alone: what it was made from has proofs of its own")
        return str(word), "; ".join(said)

    def last_line(self, exit_code: int) -> str:
        """What a verdict comes to; of a lot that is held or recalled nobody shall read that all is well."""
        if self.answer in ALARMS:
            return f"{PROVEN[exit_code]}, and by them {ALARMS[self.answer]}."
        return IN_WORDS[exit_code]

    def to_json(self) -> dict[str, Any]:
        """The same for programs; ``by`` is a party's URI."""
        return {
            "answer": UNKNOWN if self.answer is None else self.answer.value,
            "as_of": None if self.as_of_ms is None else format_time(self.as_of_ms),
            "recalls": [
                recall.member() | {"by": event.party, "at": format_time(event.happened_ms)}
                for recall, event in self.recalls
            ],
        }


def standing_of(journey: Journey | None, *, vouched: bool = True) -> Standing:
    """Where a batch stands.

    A recall that is there is told in any case. That there is none is told only if every statement
    of the batch's stream is shown and its signers are vouched for.

    Args:
        journey: as it was checked; None if something does not match.
        vouched: whether somebody the verifier trusts stands for the signers.
    """
    if journey is None:
        return Standing(None)
    answer = answer_of(recall for recall, _ in journey.recalls)
    known = vouched and all(record.shown for record in journey.records if record.stream == journey.batch)
    if answer in {Answer.NONE, Answer.CLEARED} and not known:
        return Standing(None, as_of_ms=journey.as_of_ms)
    found = tuple((recall, said) for recall, said in journey.recalls if recall.answer is answer)
    made_of_others = journey.created["type"] == "TransformationEvent"
    return Standing(answer, found, journey.as_of_ms, made_of_others)
