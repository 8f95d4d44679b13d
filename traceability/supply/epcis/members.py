"""The kinds of members that EPCIS events are made of, as marshmallow fields.

A field here checks and never converts: an event stays as it was written. An object is a
:class:`Shape`, which says with fields what may stand in it. Marshmallow's own ``load`` tries
every field that an object could have and builds a result; :meth:`Shape.faults` looks only at the
members that are there and builds none, because every event passes through here.

Source: EPCIS 2.0 7 and 10, and its JSON schema 2.0.1; GS1 keys: CBV 2.0 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields
from marshmallow.types import ErrorMessages

from traceability.errors import IdentifierError
from traceability.gs1 import KEYS, parse_key
from traceability.supply.epcis import units
from traceability.supply.epcis.cbv import WordList

MAX_ELEMENTS: Final = 1000
"""Elements of one list, and of all lists of EPCs and quantities of an event together."""
MAX_URI: Final = 512
MAX_PROBLEMS: Final = 20
"""Of one event that many are named; of one list, what follows them is not looked at."""

Faults = dict[str | int, Any]
"""What marshmallow calls messages: by member or index, texts or the faults further in."""

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]+")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
)
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_FOREIGN_EPC: Final = re.compile(r"urn:epc:id:(?:adi|bic|gid|imovn|usdod):.+")
_PRIMARY: Final = "|".join(sorted({scheme.ais[0] for scheme in KEYS}))
_LINK: Final = re.compile(
    rf"https?://(?:id\.gs1\.org/|[^/?#]+/(?:[^?#]*/)?(?:{_PRIMARY})/[0-9]{{6}})", re.IGNORECASE
)


def is_time(text: object) -> bool:
    """Whether ``text`` is a real time with an offset, from 1970 on, with up to nine decimals."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return False
    try:
        return datetime.fromisoformat(text) >= _EPOCH
    except ValueError:
        return False


@lru_cache(maxsize=8192)
def _key_fault(uri: str) -> str | None:
    """Why a URI that looks like a GS1 key is none.

    Any ``urn:epc:`` does, any link to id.gs1.org, and a link to another host that has the number
    of a key behind its application identifier; every other URI is somebody's own. Kept, because
    places, parties and products come again and again.
    """
    if not uri.lower().startswith("urn:epc:") and not _LINK.match(uri):
        return None
    if _FOREIGN_EPC.fullmatch(uri):
        return None
    try:
        parse_key(uri)
    except IdentifierError as error:
        return f"a well-formed GS1 key: {error}"
    return None


def _says(text: str) -> ErrorMessages:
    return {"null": text, "required": text, "invalid": text}


class Member(fields.Field[Any]):
    """Any JSON value but null; the kinds below narrow it."""

    default_error_messages = _says("a value")

    def accepts(self, value: Any) -> bool:
        """Whether the value is of this kind."""
        return True

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not self.accepts(value):
            raise self.make_error("invalid")
        return value


class Text(Member):
    default_error_messages = _says("a text")

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str)


class Flag(Member):
    default_error_messages = _says("true or false")

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


class Pattern(Member):
    """A text of a given form."""

    def __init__(self, pattern: str, wanted: str, **kwargs: Any) -> None:
        self.pattern = re.compile(pattern, re.ASCII)
        super().__init__(error_messages=_says(wanted), **kwargs)

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and self.pattern.fullmatch(value) is not None


class Time(Member):
    default_error_messages = _says(
        "a date and time with an offset, such as 2026-04-17T09:26:42.5+02:00, from 1970 on"
    )

    def accepts(self, value: Any) -> bool:
        return is_time(value)


class Number(Member):
    """An integer or a decimal."""

    default_error_messages = _says("a number")

    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, (int, Decimal)) and not isinstance(value, bool) and Decimal(value).is_finite()
        )


class Amount(Number):
    default_error_messages = _says("a number that is not negative")

    def accepts(self, value: Any) -> bool:
        return super().accepts(value) and value >= 0


class Unit(Member):
    """A unit that quantities of goods are given in."""

    default_error_messages = _says(units.wanted(""))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, str) or not units.known(value):
            raise ValidationError(units.wanted(value if isinstance(value, str) else ""))
        return value


class Uri(Member):
    default_error_messages = _says(f"a URI of at most {MAX_URI} visible ASCII characters")

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and len(value) <= MAX_URI and _URI.fullmatch(value) is not None


class Identifier(Uri):
    """The URI of a thing, place, party or document; if it is a GS1 key, a correct one."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        super()._deserialize(value, attr, data, **kwargs)
        fault = _key_fault(value)
        if fault:
            raise ValidationError(fault)
        return value


class Word(Uri):
    """A word of a CBV list, or a URI or CURIE of somebody's own vocabulary."""

    def __init__(self, words: WordList, **kwargs: Any) -> None:
        self.words = words
        wanted = f"a CBV {words.name} such as {words.example}, or the URI of a word of your own"
        super().__init__(error_messages=_says(wanted), **kwargs)

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        return self.words.has(value) or (super().accepts(value) and not self.words.claims(value))


class Each(fields.List[Any]):
    """A list of members of one kind."""

    default_error_messages = _says(f"a list of at most {MAX_ELEMENTS} elements")

    def __init__(
        self, inner: fields.Field[Any], *, least: int = 0, unique: bool = False, **kwargs: Any
    ) -> None:
        self.least, self.unique = least, unique
        if least:
            kwargs["error_messages"] = _says(f"a list of {least} to {MAX_ELEMENTS} elements")
        super().__init__(inner, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list) or not self.least <= len(value) <= MAX_ELEMENTS:
            raise self.make_error("invalid")
        found: Faults = {}
        for index, item in enumerate(value):
            try:
                self.inner.deserialize(item)
            except ValidationError as error:
                found[index] = error.messages
                if len(found) == MAX_PROBLEMS:
                    break
        if found:
            raise ValidationError(found)
        if self.unique and len(set(value)) < len(value):
            raise ValidationError("a list in which nothing stands twice")
        return value


class OneOrMore(Each):
    """One member alone, or a list of them."""

    default_error_messages = _says(f"a text, or a list of at most {MAX_ELEMENTS} of them")

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, str):
            return self.inner.deserialize(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Shape(Schema):
    """What may stand in an object."""

    extensible: ClassVar[bool] = True
    """Whether names with a prefix, and absolute IRIs, are members of somebody's own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._members = {field.data_key or name: field for name, field in self.fields.items()}
        self._needed = [name for name, field in self._members.items() if field.required]

    def rules(self, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What the members must be together: each breach as a member and what was expected of it."""
        yield from ()

    def faults(self, value: Mapping[str, Any]) -> Faults:
        """What is wrong with an object; empty if nothing is."""
        found: Faults = {}
        for name, member in value.items():
            field = self._members.get(name)
            if field is None:
                if not (self.extensible and ":" in name):
                    found[name] = [self._unknown()]
                continue
            try:
                field.deserialize(member, name, value)
            except ValidationError as error:
                found[name] = error.messages
        for name in self._needed:
            if name not in value:
                found[name] = [self._members[name].error_messages["required"]]
        return found or {name: [wanted] for name, wanted in self.rules(value)}

    def _unknown(self) -> str:
        names = ", ".join(self._members)
        if not self.extensible:
            return f"one of {names}"
        return "a name with a prefix of your own" + (f", or one of {names}" if names else "")


class Part(fields.Nested):
    """An object inside an event."""

    default_error_messages = _says("an object")

    def _deserialize(
        self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any
    ) -> Any:
        shape = self.schema
        if not isinstance(value, dict) or not isinstance(shape, Shape):
            raise self.make_error("invalid")
        found = shape.faults(value)
        if found:
            raise ValidationError(found)
        return value
