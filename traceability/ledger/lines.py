"""Texts made of lines: the form that records, state leaves and stays share.

ASCII; every line ends with a newline and the first one names the format and its
version. Integers are decimal without plus sign, leading zeros or minus zero; bytes are
padded standard base64 (RFC 4648 section 4) with zero pad bits. So a value has one
encoding; ``LineReader.end`` makes sure of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from traceability.errors import MalformedError, OversizeError

MAX_INTEGER: Final = 2**63 - 1
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,19}")


def encode_lines(*lines: str) -> bytes:
    """The lines as ASCII, each ended by a newline."""
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def encode_base64(data: bytes) -> str:
    """Padded standard base64."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Bytes of padded standard base64.

    Raises:
        MalformedError: another alphabet, missing padding, or pad bits that are not zero.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"not base64: {text[:100]!r}") from error
    if encode_base64(data) != text:
        raise MalformedError(f"not the one base64 form of its bytes: {text[:100]!r}")
    return data


def decode_integer(text: str) -> int:
    """A decimal integer of at most 20 digits, in its only form.

    Raises:
        MalformedError: any other text.
    """
    if not _INTEGER.fullmatch(text):
        raise MalformedError(f"not a decimal integer in its shortest form: {text[:100]!r}")
    return int(text)


def require_range(what: str, value: int, low: int = 0, high: int = MAX_INTEGER) -> None:
    """Refuse (MalformedError) a value outside low..high, both included."""
    if not low <= value <= high:
        raise MalformedError(f"{what} must be {low} to {high}, not {value}")


def require_size(what: str, data: bytes, size: int) -> None:
    """Refuse (MalformedError) bytes of another length."""
    if len(data) != size:
        raise MalformedError(f"{what} has {size} bytes, not {len(data)}")


class LineReader:
    """Reads a text line by line; every method raises MalformedError where the form is broken."""

    __slots__ = ("_data", "_lines", "_position")

    def __init__(self, data: bytes, title: str, max_bytes: int) -> None:
        """Open a text whose first line must be ``title``."""
        if len(data) > max_bytes:
            raise OversizeError(f"a text of this kind has at most {max_bytes} bytes, not {len(data)}")
        if not data.isascii() or not data.endswith(b"\n"):
            raise MalformedError("the text must be ASCII and end with a newline")
        self._data = data
        self._lines = data[:-1].decode("ascii").split("\n")
        self._position = 0
        if (first := self.text()) != title:
            raise MalformedError(f"the first line must be {title!r}, not {first[:100]!r}")

    def text(self) -> str:
        """The next line."""
        if self._position == len(self._lines):
            raise MalformedError(f"the text ends after {self._position} lines")
        self._position += 1
        return self._lines[self._position - 1]

    def integer(self) -> int:
        """The next line, an integer."""
        return decode_integer(self.text())

    def data(self) -> bytes:
        """The next line, base64."""
        return decode_base64(self.text())

    def fields(self, *counts: int) -> list[str]:
        """The next line, as many fields as one of ``counts`` says, with one space between them."""
        parts = self.text().split(" ")
        if len(parts) not in counts:
            wanted = " or ".join(map(str, counts))
            raise MalformedError(f"line {self._position} must have {wanted} fields, not {len(parts)}")
        return parts

    def end(self, again: bytes) -> None:
        """Check that the value, encoded again, gives this very text."""
        if again != self._data:
            raise MalformedError(
                f"the text is not the one encoding of what its first {self._position} lines say"
            )
