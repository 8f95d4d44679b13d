"""The text of a PDF that ReportLab wrote in Helvetica and a two-byte font: its strings, in their order."""

from __future__ import annotations

import base64
import re
import zlib

_STREAM = re.compile(rb"/Filter \[ /ASCII85Decode /FlateDecode \].*?stream\r?\n(.*?)endstream", re.DOTALL)
_WIDE = re.compile(rb"/Name /(F\d+)\s.{0,40}?/Type0", re.DOTALL)
_TOKEN = re.compile(rb"/(F\d+)\S* [\d.]+ Tf|\(((?:[^()\\]|\\.)*)\)", re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def text_of(pdf: bytes) -> str:
    """All strings that are drawn, a line each."""
    wide, found = set(_WIDE.findall(pdf)), []
    for stream in _STREAM.findall(pdf):
        font = b""
        for token in _TOKEN.finditer(zlib.decompress(base64.a85decode(b"<~" + stream.strip(), adobe=True))):
            font = token[1] or font
            if token[2]:
                found.append(_plain(token[2]).decode("utf-16-be" if font in wide else "cp1252", "replace"))
    return "\n".join(found)


def _plain(string: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        said = match[1]
        return bytes([int(said, 8)]) if len(said) == 3 else _SHORT.get(said, said)

    return _ESCAPE.sub(one, string)
