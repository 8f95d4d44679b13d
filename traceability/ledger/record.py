"""A record: the log's unit, which commits to one statement and names its place in one stream.

Its text is seven lines (docs/formats.md, Record). The record hash is the RFC 6962 leaf
hash of that text: the hash chain of a stream and the log's tree use the same 32 bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from traceability import media
from traceability.errors import ChainMismatchError, IdentifierError, MalformedError
from traceability.ledger import merkle
from traceability.ledger.lines import LineReader, encode_base64, require_range, require_size

TITLE: Final = "food-traceability/record/v1"
GENESIS: Final = bytes(merkle.HASH_SIZE)
"""The previous hash of a stream's first record."""
SALT_SIZE: Final = 16
MAX_STREAM: Final = 512
MAX_RECORD: Final = 1024
"""Bytes of a record's text, at most; half of it is the stream's URI."""
MAX_TIME_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z in milliseconds since 1970."""

Link: TypeAlias = tuple[int, str, bytes, bytes]
"""Of a record its time in ms, media type, SHA-256 of the statement, and salt."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{3})Z")
_STREAM: Final = re.compile(rf"[!-~]{{1,{MAX_STREAM}}}")


@dataclass(frozen=True, slots=True)
class Record:
    """One record; only well-formed ones can be made.

    Attributes:
        stream: URI of the stream, 1 to 512 printable ASCII characters without spaces.
        seq: number in the stream, from 0.
        prev: record hash of the stream's previous record, 32 bytes; ``GENESIS`` for the first.
        time_ms: when the node recorded it, milliseconds since 1970 UTC.
        media_type: of the statement, one of ``media.RECORDED``.
        commitment: see ``commit``, 32 bytes.

    Raises:
        IdentifierError: the stream's URI.
        MalformedError: any other attribute.
    """

    stream: str
    seq: int
    prev: bytes
    time_ms: int
    media_type: str
    commitment: bytes

    def __post_init__(self) -> None:
        require_stream(self.stream)
        require_range("a sequence number", self.seq)
        require_size("the previous record hash", self.prev, merkle.HASH_SIZE)
        require_range("a time in ms", self.time_ms, high=MAX_TIME_MS)
        require_size("a commitment", self.commitment, merkle.HASH_SIZE)
        if self.media_type not in media.RECORDED:
            raise MalformedError(f"a record cannot commit to a statement of type {self.media_type[:100]!r}")

    def text(self) -> bytes:
        """The seven lines: the leaf data in the log."""
        return _text(self.stream, self.seq, self.prev, self.time_ms, self.media_type, self.commitment)

    @property
    def hash(self) -> bytes:
        """The record hash: SHA-256(0x00 || text)."""
        return merkle.leaf_hash(self.text())


def chain_hashes(stream: str, seq: int, prev: bytes, links: Iterable[Link]) -> Iterator[bytes]:
    """The hashes of the records that follow one another in a stream, for very many of them.

    Args:
        stream: its URI.
        seq: number of the first of them.
        prev: record hash of the one before it; ``GENESIS`` if there is none.
        links: of each record its time in ms, media type, SHA-256 of the statement, and salt.

    Raises:
        IdentifierError, MalformedError: as ``Record`` and ``commit``.
    """
    Record(stream, seq, prev, 0, media.FRAME, GENESIS)
    for time_ms, media_type, statement, salt in links:
        if media_type not in media.RECORDED:
            raise MalformedError(f"a record cannot commit to a statement of type {media_type[:100]!r}")
        prev = merkle.leaf_hash(_text(stream, seq, prev, time_ms, media_type, commit(statement, salt)))
        yield prev
        seq += 1


def parse_record(text: bytes) -> Record:
    """The record in a leaf's data.

    Raises:
        MalformedError: not exactly the seven lines of a record.
    """
    lines = LineReader(text, TITLE, MAX_RECORD)
    record = Record(
        stream=lines.text(),
        seq=lines.integer(),
        prev=lines.data(),
        time_ms=parse_time(lines.text()),
        media_type=lines.text(),
        commitment=lines.data(),
    )
    lines.end(record.text())
    return record


def commit(statement_sha256: bytes, salt: bytes) -> bytes:
    """Line 7: SHA-256(salt || SHA-256(statement)), a commitment that hides the statement.

    Args:
        statement_sha256: 32 bytes.
        salt: 16 bytes that nobody can guess, kept beside the record and released with the statement.

    Raises:
        MalformedError: a wrong length.
    """
    require_size("the hash of a statement", statement_sha256, merkle.HASH_SIZE)
    require_size("a salt", salt, SALT_SIZE)
    return hashlib.sha256(salt + statement_sha256).digest()


def make_salt(key: bytes, stream: str, seq: int) -> bytes:
    """The salt of a record: what nobody can guess, and a node that kept its key can make again.

    Args:
        key: 32 bytes that the node alone has.
        stream: URI of the stream.
        seq: number in the stream.

    Returns:
        HMAC-SHA256(key, stream || "\\n" || seq in decimal), the first 16 bytes.
    """
    return hmac.digest(key, f"{stream}\n{seq}".encode("ascii"), "sha256")[:SALT_SIZE]


def check_chain(
    records: Iterable[Record], *, start_seq: int = 0, prev: bytes = GENESIS, stream: str
) -> tuple[int, bytes]:
    """Check that records follow one another in one stream.

    Args:
        records: in sequence order.
        start_seq: number that the first one must have.
        prev: record hash that the first one must point to.
        stream: URI that all of them must carry.

    Returns:
        The stream's record count and head after them: (next number, last record hash).

    Raises:
        ChainMismatchError: a record has another stream, number or previous hash, or an
            earlier time than the one before it; the message names the record.
    """
    seq, time_ms = start_seq, 0
    for record in records:
        where = f"record {seq} of {stream}"
        if record.stream != stream:
            raise ChainMismatchError(f"stream of {where}", expected=stream, got=record.stream)
        if record.seq != seq:
            raise ChainMismatchError(f"number of {where}", expected=seq, got=record.seq)
        if record.prev != prev:
            raise ChainMismatchError(f"previous hash of {where}", expected=prev, got=record.prev)
        if record.time_ms < time_ms:
            earliest, found = format_time(time_ms), format_time(record.time_ms)
            raise ChainMismatchError(f"time of {where}", expected=f"{earliest} or later", got=found)
        seq, prev, time_ms = seq + 1, record.hash, record.time_ms
    return seq, prev


def _text(stream: str, seq: int, prev: bytes, time_ms: int, media_type: str, commitment: bytes) -> bytes:
    return (
        f"{TITLE}\n{stream}\n{seq}\n{encode_base64(prev)}\n{format_time(time_ms)}\n{media_type}\n"
        f"{encode_base64(commitment)}\n"
    ).encode("ascii")


def require_stream(uri: str) -> None:
    """Refuse (IdentifierError) what cannot be a stream's URI."""
    if not _STREAM.fullmatch(uri):
        raise IdentifierError(
            f"a stream's URI has 1 to {MAX_STREAM} printable ASCII characters and no spaces: {uri[:100]!r}"
        )


@lru_cache(maxsize=1024)
def format_time(time_ms: int) -> str:
    """Milliseconds since 1970 UTC as ``YYYY-MM-DDThh:mm:ss.sssZ``.

    Raises:
        MalformedError: before 1970 or after 9999.
    """
    require_range("a time in ms", time_ms, high=MAX_TIME_MS)
    moment = _EPOCH + timedelta(milliseconds=time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> int:
    """Milliseconds since 1970 UTC of ``YYYY-MM-DDThh:mm:ss.sssZ``, exactly.

    Raises:
        MalformedError: another form, no such day or time, or before 1970.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise MalformedError(f"a time is written YYYY-MM-DDThh:mm:ss.sssZ, not {text[:100]!r}")
    year, month, day, hour, minute, second, millisecond = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, millisecond * 1000, UTC)
    except ValueError as error:
        raise MalformedError(f"no such time: {text}") from error
    time_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
    require_range("a time in ms", time_ms, high=MAX_TIME_MS)
    return time_ms
