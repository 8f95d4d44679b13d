"""What a device signs: frames of readings, and gaps where it had to drop some.

A device statement is a tagged COSE_Sign1 (RFC 9052) whose protected header is a
closed set:

    1 alg, 3 content type, 4 kid, 16 typ    RFC 9052 section 3.1, RFC 9596
    15 CWT claims (RFC 9597)                {1 iss: the device's URI, 2 sub: the stream it
                                            speaks about, 6 iat: Unix seconds}
    -65537 counter                          u64, never repeats for a device
    -65538 boot                             u32, how often the device has started
    -65539 prev                             SHA-256 of the device's previous statement, 32
                                            zero bytes for its first
    -65540 uptime                           u32, whole seconds since the boot
    -65541 clock                            0 unsynchronised, 1 RTC, 2 network, 3 GNSS
    -65542 beacon (optional)                SHA-256 of a checkpoint's text without signatures

iat is there exactly when the clock is synchronised. Labels below -65536 are for
private use (RFC 9052 section 11.1). The payload of a frame is a SenML pack (see
``senml``) whose base name is iss and a slash. That of a gap is deterministic CBOR:
an array of [first counter, last counter, reason], both ends included, ascending,
disjoint, all below the statement's own counter, and as few as possible.

The payload of a rotation is read in ``rotation``. Resume statements are parsed as far as
their header, so that a node can refuse them by name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NotRequired, TypedDict, Unpack

from traceability import media
from traceability.errors import OversizeError, ReadingsError, StatementError
from traceability.sensing import usualhead
from traceability.sensing.senml import (
    ABSOLUTE_FROM_S,
    YEAR_10000_S,
    Columns,
    Reading,
    encode_pack,
    parse_columns,
)
from traceability.signing import cbor, cose
from traceability.signing.keys import PrivateKey, PublicKey

NO_PREVIOUS: Final = bytes(32)
GAP_REASONS: Final = frozenset({"flash-full", "flash-worn", "corrupt", "receipted"})
U32, U64 = 2**32, 2**64

COUNTER, BOOT, PREV, UPTIME, CLOCK, BEACON = range(-65537, -65543, -1)
_ISS, _SUB, _IAT = 1, 2, 6
_REQUIRED: Final = frozenset(
    {cose.ALG, cose.CONTENT_TYPE, cose.KID, cose.CLAIMS, cose.TYP, COUNTER, BOOT, PREV, UPTIME, CLOCK}
)

_ISSUER_FORM: Final = re.compile(r"https://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?/device/[0-9a-f]{32}")
_STREAM_FORM: Final = re.compile(r"(?=.{1,512}\Z)https://[!-~]+")
_REASON_FORM: Final = re.compile("|".join(sorted(GAP_REASONS)))


class Clock(IntEnum):
    """What set the device's clock."""

    UNSYNCHRONISED = 0
    RTC = 1
    NETWORK = 2
    GNSS = 3


class Head(TypedDict):
    """What a device says in the protected header; keyword arguments of the encoders.

    ``uptime_s`` is in seconds, ``issued_at`` Unix time in seconds, or None without a clock.
    """

    issuer: str
    stream: str
    counter: int
    boot: int
    prev: bytes
    uptime_s: int
    clock: Clock
    issued_at: int | None
    beacon: NotRequired[bytes | None]


@dataclass(frozen=True, slots=True)
class Gap:
    """Counters that the device had to drop, both ends included, and why."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatement:
    """A device's statement as parsed; none of it is genuine before ``verify`` returns.

    ``message`` is the whole statement as received and ``sha256`` its hash.
    """

    media_type: str
    device: str
    issuer: str
    stream: str
    kid: bytes
    counter: int
    boot: int
    prev: bytes
    uptime_s: int
    clock: Clock
    issued_at: int | None
    beacon: bytes | None = None
    payload: bytes
    sha256: bytes
    message: bytes = field(repr=False)
    envelope: cose.Sign1 = field(repr=False)
    _columns: Columns | None = field(init=False, default=None, repr=False, compare=False)

    def verify(self, key: PublicKey) -> None:
        """Check that ``key`` is the one named and that it signed the message.

        Raises:
            SignatureMismatchError: it is not, or it did not.
        """
        self.envelope.verify(key)

    def columns(self) -> Columns:
        """What a frame measured, parsed once; times are uptimes when the clock is unsynchronised.

        Raises:
            StatementError: not a frame.
            EncodingError, OversizeError, ReadingsError: see ``senml.parse_columns``.
            ReadingsError: an uptime later than the statement's own.
        """
        if self._columns is not None:
            return self._columns
        if self.media_type != media.FRAME:
            raise StatementError(f"{self.media_type} holds no readings")
        absolute = self.clock != Clock.UNSYNCHRONISED
        columns = parse_columns(self.payload, base_name=f"{self.issuer}/", absolute=absolute)
        if not absolute:
            _check_measured_before(columns.at_ms, self.uptime_s)
        object.__setattr__(self, "_columns", columns)
        return columns

    def readings(self) -> tuple[Reading, ...]:
        """The same, reading by reading."""
        return self.columns().readings()

    def gaps(self) -> tuple[Gap, ...]:
        """What a gap statement declares dropped, ascending.

        Raises:
            StatementError: not a gap, or a payload outside the form.
            EncodingError: not deterministic CBOR.
        """
        if self.media_type != media.GAP:
            raise StatementError(f"{self.media_type} declares no gaps")
        return _read_gaps(cbor.decode(self.payload), self.counter)


def parse_statement(data: bytes) -> DeviceStatement:
    """A device's statement: the header checked in full, payload and signature not yet.

    Raises:
        EncodingError, OversizeError, StatementError: see ``cose.parse_sign1``.
        StatementError: a header or claim missing, unknown, of the wrong type or out of range.
    """
    usual = usualhead.split(data)
    envelope = cose.parse_sign1(data) if usual is None else usual
    if envelope.typ not in media.DEVICE_STATEMENTS:
        raise StatementError(f"{envelope.typ} is not a device statement")
    expected = media.SENML_CBOR if envelope.typ == media.FRAME else media.CBOR
    if envelope.content_type != expected:
        raise StatementError(f"content type {envelope.content_type} instead of {expected}")
    if set(envelope.protected) - {BEACON} != _REQUIRED:
        raise StatementError("the protected header is not the closed set of a device statement")
    head = _read_head(envelope.protected)
    if usual is None:
        usualhead.remember(envelope)
    return DeviceStatement(
        media_type=envelope.typ,
        device=head["issuer"][-32:],
        kid=envelope.kid,
        payload=envelope.payload,
        sha256=hashlib.sha256(data).digest(),
        message=data,
        envelope=envelope,
        **head,
    )


def encode_frame(key: PrivateKey, *, readings: Sequence[Reading], **head: Unpack[Head]) -> bytes:
    """A signed frame, within what ``parse_statement`` and ``readings`` accept.

    Raises:
        StatementError: a header outside its form.
        ReadingsError, OversizeError: see ``senml.encode_pack``.
    """
    absolute = head["clock"] != Clock.UNSYNCHRONISED
    payload = encode_pack(f"{head['issuer']}/", readings, absolute=absolute)
    if not absolute:
        _check_measured_before([reading.at_ms for reading in readings], head["uptime_s"])
    return sign_statement(key, media.FRAME, media.SENML_CBOR, head, payload)


def encode_gap(key: PrivateKey, *, gaps: Sequence[Gap], **head: Unpack[Head]) -> bytes:
    """A signed gap, within what ``parse_statement`` and ``gaps`` accept.

    Raises:
        StatementError: a header or a gap outside its form.
        OversizeError: more than 16 KiB.
    """
    rows = [[gap.first, gap.last, gap.reason] for gap in gaps]
    _read_gaps(rows, head["counter"])
    return sign_statement(key, media.GAP, media.CBOR, head, cbor.encode(rows))


def read_uint(value: object, below: int, what: str) -> int:
    """An unsigned integer smaller than ``below``; a boolean is none. Raises StatementError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < below:
        raise StatementError(f"{what} must be an unsigned integer below {below}, not {value!r}")
    return value


def read_digest(value: object, what: str) -> bytes:
    """A SHA-256 hash. Raises StatementError."""
    if not isinstance(value, bytes) or len(value) != 32:
        raise StatementError(f"{what} must be 32 bytes")
    return value


def read_text(value: object, form: re.Pattern[str], what: str) -> str:
    """Text that matches ``form`` as a whole. Raises StatementError."""
    if not isinstance(value, str) or not form.fullmatch(value):
        raise StatementError(f"{what} must match {form.pattern}")
    return value


def sign_statement(key: PrivateKey, typ: str, content_type: str, head: Head, payload: bytes) -> bytes:
    """A device's statement of any kind; ``parse_statement`` reads its header. Raises StatementError."""
    claims: dict[int, object] = {_ISS: head["issuer"], _SUB: head["stream"]}
    if head["issued_at"] is not None:
        claims[_IAT] = head["issued_at"]
    headers: dict[int, object] = {
        cose.CLAIMS: claims,
        COUNTER: head["counter"],
        BOOT: head["boot"],
        PREV: head["prev"],
        UPTIME: head["uptime_s"],
        CLOCK: int(head["clock"]),
    }
    if head.get("beacon") is not None:
        headers[BEACON] = head["beacon"]
    _read_head(headers)
    data = cose.sign1(key, typ=typ, content_type=content_type, headers=headers, payload=payload)
    if len(data) > cose.MAX_BYTES:
        raise OversizeError(f"a statement has at most {cose.MAX_BYTES} bytes, this one {len(data)}")
    return data


def _read_head(headers: Mapping[int, object]) -> Head:
    clock = Clock(read_uint(headers[CLOCK], len(Clock), "the clock state"))
    claims = headers[cose.CLAIMS]
    expected = {_ISS, _SUB} if clock == Clock.UNSYNCHRONISED else {_ISS, _SUB, _IAT}
    if not isinstance(claims, Mapping) or set(claims) != expected:
        raise StatementError("the claims are iss, sub and, exactly when the clock is synchronised, iat")
    issued_at = None
    if _IAT in claims:
        issued_at = read_uint(claims[_IAT], YEAR_10000_S, "iat")
        if issued_at < ABSOLUTE_FROM_S:
            raise StatementError(f"iat {issued_at} is older than any device")
    return Head(
        issuer=read_text(claims[_ISS], _ISSUER_FORM, "iss"),
        stream=read_text(claims[_SUB], _STREAM_FORM, "sub"),
        counter=read_uint(headers[COUNTER], U64, "the counter"),
        boot=read_uint(headers[BOOT], U32, "the boot number"),
        prev=read_digest(headers[PREV], "prev"),
        uptime_s=read_uint(headers[UPTIME], U32, "the uptime"),
        clock=clock,
        issued_at=issued_at,
        beacon=read_digest(headers[BEACON], "the beacon") if BEACON in headers else None,
    )


def _read_gaps(rows: object, counter: int) -> tuple[Gap, ...]:
    if not isinstance(rows, list) or not rows:
        raise StatementError("a gap statement holds at least one gap")
    gaps: list[Gap] = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 3:
            raise StatementError("a gap is [first, last, reason]")
        last = read_uint(row[1], counter, "a gap's last counter")
        first = read_uint(row[0], last + 1, "a gap's first counter")
        reason = read_text(row[2], _REASON_FORM, "a gap's reason")
        if gaps and first <= gaps[-1].last:
            raise StatementError("gaps must be ascending and disjoint")
        if gaps and first == gaps[-1].last + 1 and reason == gaps[-1].reason:
            raise StatementError("gaps that touch and have one reason are one gap")
        gaps.append(Gap(first, last, reason))
    return tuple(gaps)


def _check_measured_before(at_ms: Sequence[int], uptime_s: int) -> None:
    if max(at_ms) >= (uptime_s + 1) * 1000:
        raise ReadingsError(f"a reading is later than the statement's uptime of {uptime_s} s")
