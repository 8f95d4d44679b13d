"""Papers of an inspection: the report, what was sampled, and what a laboratory found in a sample.

Each is JSON in the one form that ``json_encode`` gives, deposited like any other document, with a media
type of its own. All have ``kind``, ``number`` (its own, such as ``I-20260501-7Q2MXA``) and ``about`` (URI
of the batch, asset or place), and ``corrects``, the SHA-256 of the paper that it takes the place of, if
there is one. Then

    report    inspector, day, reason, findings, verdict
    sample    inspection, mark, what, quantity, unit, takenAt, and seal if there is one
    result    sample, sampleDocument (SHA-256), analyte, method, value, unit, verdict, accreditation,
              day, and limit if there is one

Numbers are texts, as whoever measured wrote them: ``<10`` is a value. Sources: ISO/IEC 17025:2017, 7.8.2
and 7.8.5 (what reports of tests and of sampling say); Regulation (EU) 2017/625, articles 13 and 34.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields, validate

from traceability.errors import StatementError
from traceability.signing.strictjson import json_decode, json_encode

MAX_BYTES: Final = 65_536
MAX_TEXT: Final = 4_000
"""Characters of a reason, or of findings."""


class Kind(StrEnum):
    """What a paper is."""

    REPORT = "report"
    SAMPLE = "sample"
    RESULT = "result"


class Outcome(StrEnum):
    """What an inspector concludes."""

    SATISFACTORY = "satisfactory"
    UNSATISFACTORY = "unsatisfactory"
    FOLLOW_UP = "follow-up"


class Conformity(StrEnum):
    """What a laboratory concludes (ISO/IEC 17025, 7.8.6)."""

    CONFORMS = "conforms"
    DOES_NOT_CONFORM = "does-not-conform"
    INCONCLUSIVE = "inconclusive"


MEDIA_TYPES: Final[Mapping[Kind, str]] = {
    kind: f"application/vnd.food-traceability.inspection-{kind}+json" for kind in Kind
}


def _line(longest: int = 128, *, required: bool = True) -> fields.String:
    shown = validate.And(validate.Length(1, longest), validate.Predicate("isprintable"))
    return fields.String(required=required, validate=shown)


def _text() -> fields.String:
    return fields.String(required=True, validate=validate.And(validate.Length(1, MAX_TEXT), _allow_lines))


def _allow_lines(text: str) -> None:
    if text != text.strip() or not all(char.isprintable() or char == "\n" for char in text):
        raise ValidationError("lines of text that can be shown, without space around them")


_SHA256: Final = validate.Regexp(r"[0-9a-f]{64}\Z")
_MOMENT: Final = validate.Regexp(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z\Z")


class _Report(Schema):
    inspector = _line()
    day = fields.Date(required=True)
    reason = _text()
    findings = _text()
    verdict = fields.String(required=True, validate=validate.OneOf(list(Outcome)))


class _Sample(Schema):
    inspection = _line(32)
    mark = _line(64)
    what = _line()
    quantity = fields.String(required=True, validate=validate.Regexp(r"[0-9]{1,12}(?:\.[0-9]{1,6})?\Z"))
    unit = _line(16)
    takenAt = fields.String(required=True, validate=_MOMENT)  # noqa: N815 - as it stands in the document
    seal = _line(64, required=False)


class _Result(Schema):
    sample = _line(32)
    sampleDocument = fields.String(required=True, validate=_SHA256)  # noqa: N815
    analyte = _line()
    method = _line()
    value = _line(64)
    unit = _line(32)
    limit = _line(64, required=False)
    verdict = fields.String(required=True, validate=validate.OneOf(list(Conformity)))
    accreditation = _line()
    day = fields.Date(required=True)


_SHAPES: Final[Mapping[Kind, type[Schema]]] = {
    Kind.REPORT: _Report,
    Kind.SAMPLE: _Sample,
    Kind.RESULT: _Result,
}
MEMBERS: Final[Mapping[Kind, tuple[str, ...]]] = {
    kind: tuple(shape().fields) for kind, shape in _SHAPES.items()
}
"""The names of what each kind says, beside what all have."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as it is signed; ``says`` are the members of its kind, all texts.

    Raises:
        StatementError: something is missing, too much, too long, or of another form.
    """

    kind: Kind
    number: str
    about: str
    says: Mapping[str, str]
    corrects: str | None = None

    def __post_init__(self) -> None:
        if wrong := problems(self.kind, self.says):
            said = "; ".join(f"{name}: {text}" for name, text in wrong.items())
            raise StatementError(f"this {self.kind} is not complete: {said}")

    def encode(self) -> bytes:
        """The paper as it is deposited."""
        head = {"kind": self.kind.value, "number": self.number, "about": self.about}
        own = head | ({"corrects": self.corrects} if self.corrects else {})
        return json_encode({**self.says, **own})


def problems(kind: Kind, says: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with what a paper would say, by member; nothing if it can be signed."""
    return {name: " ".join(map(str, said)) for name, said in _SHAPES[kind]().validate(says).items()}


def parse_paper(data: bytes) -> Paper:
    """A paper as it was deposited.

    Raises:
        StatementError, EncodingError, OversizeError: these bytes are none, or not in the one form.
    """
    told: Any = json_decode(data, max_bytes=MAX_BYTES)
    if not isinstance(told, dict) or told.get("kind") not in list(Kind):
        raise StatementError("not a paper of an inspection")
    if not all(isinstance(value, str) for value in told.values()):
        raise StatementError("the members of a paper are texts")
    head = {name: told.pop(name, None) for name in ("kind", "number", "about", "corrects")}
    if not head["number"] or not head["about"]:
        raise StatementError("a paper has a number, and says what it is about")
    found = Paper(Kind(head["kind"]), head["number"], head["about"], told, head["corrects"])
    if found.encode() != data:
        raise StatementError("a paper in another form than the one it is deposited in")
    return found
