"""A bundle: one JSON file with everything needed to check one batch offline.

    type, version    what this is
    subject          the batch's stream
    audience         whom its disclosures were chosen for
    checkpoint       the signed tree head, a C2SP note
    state            the state leaf that ends that tree, and its inclusion proof
    streams          stretches of streams: the batch whole, the asset's part of each stay,
                     and the whole key stream of every signer
    disclosures      by SHA-256 of the statement, in hexadecimal; ascending by their own digests
    times            which checkpoints the devices' beacons name; left out where they name none

Of a record only what does not follow is written: time, type, salt, and the statement or, where
it is withheld, its SHA-256. Number, previous hash and commitment are computed, so a changed
byte changes every hash behind it. There is exactly one text for one bundle: sorted members,
no white space, canonical base64. No policy travels in it: trust never comes from a bundle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from traceability import media
from traceability.errors import BundleError, MalformedError, OversizeError
from traceability.ledger import lines
from traceability.ledger.record import SALT_SIZE, Record, commit, format_time
from traceability.ledger.state import Presence
from traceability.signing import sdjwt
from traceability.signing.disclosure import Audience
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification.fields import Base64, Time, count, hashes
from traceability.verification.timeline import Timeline, TimelineSchema, encode_timeline, read_timeline

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Link:
    """One record as a bundle carries it; ``statement`` is None where it is withheld."""

    time_ms: int
    media_type: str
    salt: bytes
    sha256: bytes
    statement: bytes | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream stands in the state tree; count and head follow from its records."""

    index: int
    bucket_size: int
    bucket_proof: tuple[bytes, ...]
    top_proof: tuple[bytes, ...]

    def presence(self, count: int, head: bytes) -> Presence:
        """The proof, once count and head are known."""
        return Presence(count, head, self.index, self.bucket_size, self.bucket_proof, self.top_proof)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive records of one stream, from number ``first`` on; ``prev`` is the hash before them."""

    uri: str
    first: int
    prev: bytes
    links: tuple[Link, ...]
    place: Place | None

    def records(self) -> list[Record]:
        """The records, with everything that follows from what is before them."""
        made: list[Record] = []
        prev = self.prev
        for number, link in enumerate(self.links, self.first):
            commitment = commit(link.sha256, link.salt)
            made.append(Record(self.uri, number, prev, link.time_ms, link.media_type, commitment))
            prev = made[-1].hash
        return made


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle; nothing in it is verified yet."""

    subject: str
    audience: Audience
    checkpoint: bytes
    state_leaf: bytes
    state_proof: tuple[bytes, ...]
    streams: tuple[Stretch, ...]
    disclosures: Mapping[bytes, tuple[str, ...]]
    times: Timeline | None = None


class _Link(Schema):
    time = Time(required=True)
    type = fields.String(required=True, validate=validate.OneOf(sorted(media.RECORDED)))
    salt = Base64(SALT_SIZE, required=True)
    statement = Base64()
    sha256 = Base64(32)


class _Place(Schema):
    index = count()
    bucket_size = count()
    bucket_proof = hashes()
    top_proof = hashes()


class _Stretch(Schema):
    uri = fields.String(required=True)
    first = count()
    prev = Base64(32, required=True)
    records = fields.List(fields.Nested(_Link), required=True)
    place = fields.Nested(_Place, required=True, allow_none=True)


class _State(Schema):
    leaf = fields.String(required=True)
    proof = hashes()


class _Bundle(Schema):
    class Meta:
        unknown = RAISE

    type = fields.String(required=True, validate=validate.Equal(media.BUNDLE))
    version = fields.Integer(required=True, strict=True, validate=validate.Equal(VERSION))
    subject = fields.String(required=True)
    audience = fields.Enum(Audience, by_value=True, required=True)
    checkpoint = fields.String(required=True)
    state = fields.Nested(_State, required=True)
    streams = fields.List(fields.Nested(_Stretch), required=True)
    disclosures = fields.Dict(
        fields.String(validate=validate.Regexp(r"[0-9a-f]{64}\Z")),
        fields.List(fields.String()),
        required=True,
    )
    times = fields.Nested(TimelineSchema)


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle.

    Raises:
        OversizeError: more than 64 MiB.
        BundleError: anything but the one text of a bundle; the message names the place.
    """
    if len(data) > MAX_BYTES:
        raise OversizeError(f"a bundle has at most {MAX_BYTES} bytes, this has {len(data)}")
    try:
        raw = json_decode(data, max_bytes=MAX_BYTES)
        if not isinstance(raw, dict):
            raise BundleError("a bundle is a JSON object")
        loaded: dict[str, Any] = _Bundle().load(raw)
        if json_encode(raw) != data:
            raise BundleError("this is not the one text of this bundle: white space, order or escapes differ")
    except (MalformedError, ValidationError) as error:
        raise BundleError(f"not a bundle: {_problem(error)}") from error
    _require_order(loaded["disclosures"])
    return Bundle(
        subject=loaded["subject"],
        audience=loaded["audience"],
        checkpoint=loaded["checkpoint"].encode("utf-8"),
        state_leaf=loaded["state"]["leaf"].encode("utf-8"),
        state_proof=tuple(loaded["state"]["proof"]),
        streams=tuple(_stretch(s) for s in loaded["streams"]),
        disclosures={bytes.fromhex(h): tuple(texts) for h, texts in loaded["disclosures"].items()},
        times=read_timeline(loaded["times"]) if "times" in loaded else None,
    )


def encode_bundle(bundle: Bundle) -> bytes:
    """The one text of a bundle."""
    times = {} if bundle.times is None else {"times": encode_timeline(bundle.times)}
    return json_encode(
        {
            "type": media.BUNDLE,
            "version": VERSION,
            "subject": bundle.subject,
            "audience": bundle.audience.value,
            "checkpoint": bundle.checkpoint.decode("utf-8"),
            "state": {
                "leaf": bundle.state_leaf.decode("ascii"),
                "proof": [lines.encode_base64(h) for h in bundle.state_proof],
            },
            "streams": [_encode_stretch(s) for s in bundle.streams],
            "disclosures": {sha256.hex(): list(texts) for sha256, texts in bundle.disclosures.items()},
        }
        | times
    )


def _require_order(disclosures: Mapping[str, list[str]]) -> None:
    for statement, texts in disclosures.items():
        digests = [sdjwt.digest_of(text) for text in texts if text.isascii()]
        if not digests or len(digests) != len(texts) or digests != sorted(set(digests)):
            raise BundleError(f"the disclosures of {statement} are not each there once, by their digests")


def _stretch(loaded: Mapping[str, Any]) -> Stretch:
    place = loaded["place"]
    if place is not None:
        proofs = tuple(place["bucket_proof"]), tuple(place["top_proof"])
        place = Place(place["index"], place["bucket_size"], *proofs)
    return Stretch(
        loaded["uri"], loaded["first"], loaded["prev"], tuple(_link(r) for r in loaded["records"]), place
    )


def _link(loaded: Mapping[str, Any]) -> Link:
    statement: bytes | None = loaded.get("statement")
    if (statement is None) == ("sha256" not in loaded):
        raise BundleError("a record has either a statement or the sha256 of one that is withheld")
    digest: bytes = loaded["sha256"] if statement is None else hashlib.sha256(statement).digest()
    return Link(loaded["time"], loaded["type"], loaded["salt"], digest, statement)


def _encode_stretch(stretch: Stretch) -> dict[str, Any]:
    place = stretch.place
    return {
        "uri": stretch.uri,
        "first": stretch.first,
        "prev": lines.encode_base64(stretch.prev),
        "records": [_encode_link(link) for link in stretch.links],
        "place": None if place is None else _encode_place(place),
    }


def _encode_place(place: Place) -> dict[str, Any]:
    return {
        "index": place.index,
        "bucket_size": place.bucket_size,
        "bucket_proof": [lines.encode_base64(h) for h in place.bucket_proof],
        "top_proof": [lines.encode_base64(h) for h in place.top_proof],
    }


def _encode_link(link: Link) -> dict[str, str]:
    withheld = link.statement is None
    return {
        "time": format_time(link.time_ms),
        "type": link.media_type,
        "salt": lines.encode_base64(link.salt),
        ("sha256" if withheld else "statement"): lines.encode_base64(link.statement or link.sha256),
    }


def _problem(error: MalformedError | ValidationError) -> str:
    """The first thing that is wrong, and where."""
    if isinstance(error, MalformedError):
        return str(error)
    place: list[str] = []
    found: Any = error.messages
    while isinstance(found, dict):
        key = next(iter(found))
        place.append(str(key))
        found = found[key]
    return f"{'/'.join(place)}: {found[0] if isinstance(found, list) else found}"
