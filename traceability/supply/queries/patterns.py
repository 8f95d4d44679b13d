"""Patterns that stand for many identifiers: EPC patterns, and Digital Links that end with ``*``.

``urn:epc:idpat:sgtin:9521141.012345.*`` means all items of that product, and the product itself
where an event names the class; ``urn:epc:idpat:sgtin:9521141.*.*`` all of that firm's.
``https://id.gs1.org/01/09521141123454/10/*`` means all lots. Either is compared with canonical URIs.

Source: EPCIS 2.0 8.2.7.1.1 (what matches); GS1 Tag Data Standard 2.0, 8 (pure identity patterns:
from the first ``*`` on, all parts are ``*``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

from traceability.errors import QueryError
from traceability.gs1 import KEYS, Part, Scheme, check_digit, encode_value
from traceability.gs1.keys import PREFIX_LENGTHS
from traceability.gs1.table import DIGITS
from traceability.identifiers import GS1_HOST

_IDPAT: Final = re.compile(r"urn:epc:idpat:([a-z]{1,16}):([^\s:]{1,256})")
_LINK: Final = re.compile(r"https?://([^/?#@\s]{1,253})(?:/[^?#\s]*?)??(/[0-9]{2,4}/[^?#\s]*)?\*")
_SCHEMES: Final = {scheme.name: scheme for scheme in KEYS}
_BARE: Final = re.compile(r"/[0-9]{2,4}/.{0,6}")
"""The beginning of a path that too many things share to look them up by it."""
_SHORT: Final = 24
_PRIMARY: Final = frozenset(scheme.ais[0] for scheme in KEYS)
_DIGITS: Final = "[0-9]{{{}}}"

_Token: TypeAlias = tuple[str, bool]
"""A piece of a path: a literal (True), or a regular expression."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern over canonical URIs; whatever matches begins with one of ``prefixes``, if there are any."""

    text: str
    uri: re.Pattern[str]
    prefixes: tuple[str, ...]

    def matches(self, uri: str) -> bool:
        """Whether a canonical URI is one of those meant."""
        return self.uri.fullmatch(uri) is not None


def is_pattern(text: str) -> bool:
    """Whether a text stands for many identifiers."""
    return text.startswith("urn:epc:idpat:") or text.endswith("*")


def parse_pattern(text: str, node: str) -> Pattern:
    """Read a pattern.

    Raises:
        QueryError: ``*`` where none can be, or the parts are not those of the key.
    """
    found = _IDPAT.fullmatch(text)
    if found is None:
        return _open_end(text, node)
    scheme, parts = _SCHEMES.get(f"id:{found[1]}"), found[2].split(".")
    if scheme is None:
        return _unknown_scheme(text, found[1], parts)
    parts = found[2].split(".", len(scheme.parts))
    wild = parts.index("*") if "*" in parts else len(parts)
    if len(parts) != len(scheme.parts) + 1 or any(part != "*" for part in parts[wild:]) or "" in parts:
        raise QueryError(
            f"{text[:128]!r} is not a pattern: {len(scheme.parts) + 1} parts between dots, "
            "and from the first * on all of them are *"
        )
    head, rest = _path(scheme, [None if part == "*" else unquote(part) for part in parts])
    return _pattern(text, (GS1_HOST, node), head, rest)


def below_place(uri: str) -> Pattern:
    """A place and what lies in it: a location number with any extension (AI 254) lies in the one without."""
    return Pattern(uri, re.compile(re.escape(uri) + "(?:/254/.+)?"), (uri,))


def _pattern(text: str, hosts: tuple[str, ...], head: str, rest: str) -> Pattern:
    known = tuple(dict.fromkeys(hosts))
    uri = re.compile(f"https://(?:{'|'.join(map(re.escape, known))}){re.escape(head)}{rest}")
    prefixes = () if _BARE.fullmatch(head) else tuple(f"https://{host}{head}" for host in known)
    return Pattern(text, uri, prefixes)


def _open_end(text: str, node: str) -> Pattern:
    """A URI whose end is left open; a Digital Link on whatever host means the canonical ones."""
    if "*" in text[:-1] or not text.endswith("*"):
        raise QueryError(f"{text[:128]!r} is not a pattern: a URI has one *, as its last character")
    found = _LINK.fullmatch(text)
    if found is None or found[2] is None or found[2].split("/")[1] not in _PRIMARY:
        stem = text[:-1]
        return Pattern(text, re.compile(re.escape(stem) + ".*"), (stem,) if len(stem) > _SHORT else ())
    return _pattern(text, (GS1_HOST, node, found[1].lower()), found[2], ".*")


def _unknown_scheme(text: str, name: str, parts: list[str]) -> Pattern:
    """A pattern over EPCs that are no GS1 keys, and so stay URNs."""
    regex = r"\.".join(r"[^.]+" if part == "*" else re.escape(part) for part in parts)
    return Pattern(text, re.compile(f"urn:epc:id:{name}:{regex}"), ())


def _path(scheme: Scheme, parts: list[str | None]) -> tuple[str, str]:
    """A Digital Link path: its literal beginning, and a regular expression for the rest.

    Args:
        parts: company prefix, reference and the others of a URN; None where they are ``*``.
    """
    prefix, reference, *others = parts
    pieces = iter([_number(scheme, prefix, reference), *map(_piece, others, scheme.parts[1:])])
    written: list[list[_Token]] = []
    for ai, inner in scheme.elements:
        written.append([(f"/{ai}/", True), *(token for _ in inner for token in next(pieces))])
    if scheme.absent and others[-1] == scheme.absent:
        written.pop()
    # A class stands behind its application identifier and number alone: all its items, and itself.
    optional = written.pop() if len(written) > 1 and not any(known for _, known in written[-1][1:]) else []
    tokens = [token for element in written for token in element]
    known = next((i for i, token in enumerate(tokens) if not token[1]), len(tokens))
    tail = f"(?:{_regex(optional)})?" if optional else ""
    return "".join(text for text, _ in tokens[:known]), _regex(tokens[known:]) + tail


def _number(scheme: Scheme, prefix: str | None, reference: str | None) -> list[_Token]:
    """The key proper, as far as it is known from the company prefix and the reference."""
    number = scheme.number
    if prefix is None:
        return _piece(None, number)
    if len(prefix) not in PREFIX_LENGTHS or not DIGITS.issuperset(prefix):
        raise QueryError(f"{prefix[:64]!r} is not a GS1 company prefix: 6 to 12 digits")
    if not number.checked:
        return [(prefix, True), *_piece(reference, number)]
    first, moved = "0" if scheme.first_digit == "zero" else "", scheme.first_digit == "moved"
    left = number.longest - 1 - len(first + prefix)
    if reference is None:
        indicator: list[_Token] = [(_DIGITS.format(1), False)] if moved else [(first, True)]
        return [*indicator, (prefix, True), (_DIGITS.format(left + 1 - moved), False)]
    if len(reference) != left or not DIGITS.issuperset(reference):
        raise QueryError(f"{reference[:64]!r} behind company prefix {prefix} should be {left} digits")
    digits = first + (reference[0] + prefix + reference[1:] if moved and reference else prefix + reference)
    return [(digits + check_digit(digits), True)]


def _piece(value: str | None, part: Part) -> list[_Token]:
    if value is not None:
        return [(encode_value(value), True)]
    fixed = part.chars == DIGITS and part.shortest == part.longest
    return [(_DIGITS.format(part.longest) if fixed else "[^/]*", False)]


def _regex(tokens: list[_Token]) -> str:
    return "".join(re.escape(text) if known else text for text, known in tokens)
