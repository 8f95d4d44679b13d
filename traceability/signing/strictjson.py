"""Strict JSON and base64url: whatever is written is read back, and a value has one text.

Text is written as RFC 8785 writes it: no whitespace, members sorted by UTF-16 code units,
the shortest escapes. Sorted rather than in order of insertion, because then a value has one
text wherever it was put together, and a canonical form can be checked by writing it again.
Numbers differ from RFC 8785: integers stay within 2^53 - 1 and fractions are
:class:`~decimal.Decimal`, written out plainly with the digits they have ("1.50" stays "1.50").

Source: RFC 8259, RFC 7493 (I-JSON), RFC 8785 3.2, RFC 4648 5.
"""

from __future__ import annotations

import base64
import json
from binascii import b2a_base64
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring as _quoted
from typing import Final, NoReturn, TypeAlias

from traceability.errors import EncodingError, OversizeError

Json: TypeAlias = "bool | int | Decimal | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH: Final = 16
"""Nesting of arrays and objects, either way; a scalar has depth 0."""
MAX_BYTES: Final = 262_144
"""256 KiB: the largest JSON text that is parsed unless the caller says otherwise."""
MAX_INTEGER: Final = 2**53 - 1
"""RFC 7493 2.2; larger ones belong in a string."""
MAX_NUMBER_CHARACTERS: Final = 64
"""As received and as written out plainly, without an exponent."""

_REMEDY: Final = (
    "Correct the JSON: UTF-8, names and texts in double quotes, no name twice, no comma at an end."
)
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def b64url(data: bytes) -> str:
    """Unpadded base64url (RFC 4648 5, RFC 7515 2)."""
    return b2a_base64(data, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """The bytes of an unpadded base64url text that has no second spelling.

    Raises:
        EncodingError: padding, a character outside the alphabet, an impossible length,
            or trailing bits that are not zero.
    """
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise EncodingError(f"not base64url: {error}") from error
    if b64url(raw) != text:
        raise EncodingError("not canonical unpadded base64url")
    return raw


def json_decode(text: bytes | str, *, max_depth: int = MAX_DEPTH, max_bytes: int = MAX_BYTES) -> Json:
    """One JSON value; objects become dict, arrays list, fractions Decimal with all their digits.

    Args:
        text: UTF-8 without a byte order mark.
        max_depth: nesting of arrays and objects that is still read.
        max_bytes: length of the text in bytes that is still read.

    Raises:
        OversizeError: longer than ``max_bytes``.
        EncodingError: not JSON, not UTF-8, a member named twice, NaN or Infinity, a number
            outside the limits above, half of a surrogate pair, nested too deeply.
    """
    try:
        raw = text.encode("utf-8") if isinstance(text, str) else text
        if len(raw) > max_bytes:
            raise OversizeError(f"JSON of {len(raw)} bytes, at most {max_bytes} are read")
        value: Json = _DECODER.decode(raw.decode("utf-8"))
    except RecursionError as error:
        raise _not_json("JSON nested too deeply") from error
    except ValueError as error:
        raise _not_json(f"not strict JSON: {error}") from error
    _require_plain(value, max_depth)
    return value


def json_encode(value: object) -> bytes:
    """The one UTF-8 text of a value made of mappings, lists, tuples, str, int, Decimal, bool, None.

    Raises:
        EncodingError: anything else (a float above all), a member name that is not text, a
            number outside the limits, half of a surrogate pair, nested deeper than MAX_DEPTH.
    """
    try:
        # Written here, for it is what every disclosure is: a list, and most of what is in it is text.
        if type(value) is list:
            texts = [_quoted(i) if type(i) is str else _written(i, MAX_DEPTH - 1) for i in value]
            return f"[{','.join(texts)}]".encode()
        return _written(value, MAX_DEPTH).encode()
    except UnicodeEncodeError as error:
        raise _not_json("half of a surrogate pair in a text") from error


def _not_json(why: str) -> EncodingError:
    return EncodingError(why, remedy=_REMEDY)


def _object(members: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(members)
    if len(result) != len(members):
        raise _not_json("a JSON object names a member twice")
    return result


def _integer(digits: str) -> int:
    _require_short(digits)
    return int(_written_number(int(digits)))


def _fraction(digits: str) -> Decimal:
    _require_short(digits)
    try:
        number = Decimal(digits)
    except ArithmeticError as error:
        raise _not_json("a number whose exponent is out of range") from error
    _written_number(number)
    return number


def _require_short(digits: str) -> None:
    if len(digits) > MAX_NUMBER_CHARACTERS:
        raise _not_json(f"a number of more than {MAX_NUMBER_CHARACTERS} characters")


def _constant(name: str) -> NoReturn:
    raise _not_json(f"{name} is not a JSON number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


def _require_plain(value: Json, depth_left: int) -> None:
    """Refuses what the parser lets through: depth, and halves of surrogate pairs."""
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _not_json("half of a surrogate pair in a text") from error
    elif isinstance(value, (list, dict)):
        if depth_left == 0:
            raise _not_json("JSON nested too deeply")
        if isinstance(value, dict):
            for name in value:
                _require_plain(name, 0)
            value = list(value.values())
        for item in value:
            _require_plain(item, depth_left - 1)


def _written(value: object, depth_left: int) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, Decimal)):
        return _written_number(value)
    # A dict is asked for first: whether something is a Mapping takes ten times as long to tell.
    if not isinstance(value, (dict, list, tuple, Mapping)):
        raise _not_json(f"{type(value).__name__} has no JSON form here")
    if depth_left == 0:
        raise _not_json("nested too deeply for JSON")
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_written(item, depth_left - 1) for item in value]) + "]"
    names = sorted_names(value)
    return "{" + ",".join([f"{_quoted(n)}:{_written(value[n], depth_left - 1)}" for n in names]) + "}"


def sorted_names(value: Mapping[str, object]) -> list[str]:
    """The names of an object's members by their UTF-16 code units (RFC 8785 3.2.3).

    Raises:
        EncodingError: a name that is not text, or half of a surrogate pair.
    """
    try:
        return sorted(value, key=None if "".join(value).isascii() else _utf16)
    except (TypeError, UnicodeEncodeError) as error:
        raise _not_json("a JSON member's name is a text") from error


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def _written_number(number: int | Decimal) -> str:
    if isinstance(number, Decimal):
        if not number.is_finite() or abs(number.adjusted()) > MAX_NUMBER_CHARACTERS:
            raise _not_json("a number that is not finite, or whose exponent is out of range")
        text = format(number, "f")
        _require_short(text)
        if "." in text:
            return text
        number = int(number)
    if abs(number) > MAX_INTEGER:
        raise _not_json("an integer beyond 2^53 - 1: write it as a text")
    return str(int(number))
