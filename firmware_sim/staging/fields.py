"""What a value in a scenario may be; each field knows its unit and what it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from marshmallow import Schema, ValidationError, fields

from firmware_sim.plan import Text
from traceability.errors import Problem, ScenarioError

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
DAY_S: Final = 86_400
LONGEST_S: Final = 60 * DAY_S
_AFTER: Final = re.compile(r"(?=.)(?:([0-9]{1,2})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?", re.ASCII)
LONGEST_TEXT: Final = 400
SOURCE: Final = "where these constants are from, or that they are assumed"
SHOWN: Final = 60


class Shape(Schema):
    """A mapping with exactly its keys."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        unknown = f"one of the keys {', '.join(sorted(self.fields))}"
        self.error_messages = {**self.error_messages, "unknown": unknown, "type": "a mapping"}


class Value(fields.Field[Any]):
    """A value with ``unit`` and ``does`` for the documentation; ``expected`` for whoever wrote another."""

    def __init__(self, does: str, *, unit: str = "", expected: str = "", **options: Any) -> None:
        self.expected = expected
        messages: dict[str, Any] = {"required": expected, "null": expected}
        metadata = {"does": does, "unit": unit}
        optional = "load_default" in options
        super().__init__(required=not optional, metadata=metadata, error_messages=messages, **options)

    def refuse(self) -> ValidationError:
        """The refusal of another value."""
        return ValidationError(self.expected)


class Number(Value):
    """A number within bounds, both included."""

    def __init__(self, does: str, unit: str, low: float, high: float, **options: Any) -> None:
        self.low, self.high = low, high
        phrase = f"a number from {low:g} to {high:g}{f' {unit}' if unit else ''}"
        super().__init__(does, unit=unit, expected=phrase, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse()
        if not self.low <= value <= self.high:
            raise self.refuse()
        return float(value)


class Whole(Value):
    """A whole number within bounds, both included."""

    def __init__(self, does: str, unit: str, low: int, high: int, **options: Any) -> None:
        self.low, self.high = low, high
        phrase = f"a whole number from {low} to {high}{f' {unit}' if unit else ''}"
        super().__init__(does, unit=unit, expected=phrase, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise self.refuse()
        return value


class Switch(Value):
    """True or false."""

    def __init__(self, does: str, **options: Any) -> None:
        super().__init__(does, expected="true or false", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> bool:
        if not isinstance(value, bool):
            raise self.refuse()
        return value


class Choice(Value):
    """One of some words."""

    def __init__(self, does: str, words: tuple[str, ...], **options: Any) -> None:
        self.words = words
        super().__init__(does, unit="word", expected=f"one of {', '.join(words)}", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise self.refuse()
        return value


class Name(Value):
    """A name of something that is described elsewhere."""

    def __init__(self, does: str, **options: Any) -> None:
        phrase = "a name: a small letter, then small letters, digits and hyphens, at most 32"
        super().__init__(does, unit="name", expected=phrase, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise self.refuse()
        return value


class Words(Value):
    """A text for people."""

    def __init__(self, does: str, **options: Any) -> None:
        phrase = f"a text of 1 to {LONGEST_TEXT} characters"
        super().__init__(does, unit="text", expected=phrase, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
            raise self.refuse()
        return value


class BothWords(Value):
    """A text in English and Chinese."""

    def __init__(self, does: str, **options: Any) -> None:
        super().__init__(does, unit="en, zh", expected="texts {en: ..., zh: ...}", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Text:
        if not isinstance(value, Mapping) or set(value) != {"en", "zh"}:
            raise self.refuse()
        if not all(isinstance(text, str) and 0 < len(text) <= LONGEST_TEXT for text in value.values()):
            raise self.refuse()
        return Text(value["en"], value["zh"])


class Moment(Value):
    """A time with its zone, as Unix time in milliseconds."""

    def __init__(self, does: str, **options: Any) -> None:
        phrase = "a time with its zone, such as 2026-05-12T07:30:00+08:00, on a whole minute"
        super().__init__(does, unit="ISO 8601", expected=phrase, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        try:
            moment = datetime.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise self.refuse() from error
        if moment.tzinfo is None or moment.second or moment.microsecond or moment.year < 1980:
            raise self.refuse()
        return int(moment.timestamp()) * 1000


class After(Value):
    """A length of time, or a time after the start, in seconds."""

    def __init__(self, does: str, **options: Any) -> None:
        phrase = f"a time such as 45m, 3h20m or 2d6h, at most {LONGEST_S // DAY_S}d"
        super().__init__(does, unit="d, h, m", expected=phrase, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> int:
        match = _AFTER.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise self.refuse()
        days, hours, minutes = (int(digits or 0) for digits in match.groups())
        seconds = days * DAY_S + hours * 3600 + minutes * 60
        if seconds > LONGEST_S:
            raise self.refuse()
        return seconds


class Part(Value):
    """A mapping of its own shape."""

    def __init__(self, does: str, shape: type[Shape], **options: Any) -> None:
        self.shape = shape
        super().__init__(does, unit="mapping", expected="a mapping", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        return self.shape().load(value)


class Parts(Value):
    """Named mappings of one shape."""

    def __init__(self, does: str, shape: type[Shape], **options: Any) -> None:
        self.shape = shape
        super().__init__(does, unit="name: mapping", expected="names with a mapping each", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.refuse()
        found, wrong = {}, {}
        for name, told in value.items():
            try:
                if not NAME.fullmatch(name):
                    raise ValidationError("a name of small letters, digits and hyphens, at most 32")
                found[name] = self.shape_of(told).load(told)
            except ValidationError as error:
                wrong[name] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return found

    def shape_of(self, told: Any) -> Shape:
        """The shape that one of them has."""
        return self.shape()


class Listed(Value):
    """A list of mappings; which shape each has, its word under ``tag`` says, if there are several."""

    def __init__(self, does: str, shapes: Mapping[str, type[Shape]], tag: str = "", **options: Any) -> None:
        self.shapes, self.tag = shapes, tag
        super().__init__(does, unit="list", expected="a list", **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise self.refuse()
        found, wrong = [], {}
        for number, told in enumerate(value):
            try:
                found.append(self._shape(told).load(told))
            except ValidationError as error:
                wrong[number] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return tuple(found)

    def _shape(self, told: Any) -> Shape:
        if not self.tag:
            return next(iter(self.shapes.values()))()
        word = told.get(self.tag) if isinstance(told, Mapping) else None
        if not isinstance(word, str) or word not in self.shapes:
            raise ValidationError({self.tag: [f"one of {', '.join(self.shapes)}"]})
        return self.shapes[word]()


def load_shape(shape: type[Shape], told: Any, where: str) -> Any:
    """A document in its shape.

    Raises:
        ScenarioError: it has another; names the file, each wrong place and what was expected there.
    """
    try:
        return shape().load(told)
    except ValidationError as error:
        raise misshapen(where, list(_problems(error.messages, told, ""))) from error


def misshapen(where: str, problems: list[Problem]) -> ScenarioError:
    """The refusal of a file, with everything that is wrong with it."""
    lines = "".join(f"\n  {problem}" for problem in problems)
    return ScenarioError(f"{where} is not as it should be:{lines}", problems=problems)


def _problems(messages: Any, told: Any, pointer: str) -> list[Problem]:
    if isinstance(messages, Mapping):
        found = []
        for key, below in messages.items():
            if key == "_schema":
                found += _problems(below, told, pointer)
            else:
                found += _problems(below, _member(told, key), f"{pointer}/{key}")
        return found
    got = "nothing" if told is None else repr(told)
    return [Problem(pointer, str(text), got if len(got) <= SHOWN else f"{got[:SHOWN]}…") for text in messages]


def _member(told: Any, key: Any) -> Any:
    if isinstance(told, Mapping):
        return told.get(key)
    if isinstance(told, list) and isinstance(key, int) and key < len(told):
        return told[key]
    return None
