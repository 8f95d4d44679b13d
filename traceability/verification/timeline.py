"""What a bundle holds of times: the checkpoints that beacons name, and where records stand to them.

    leaves     texts of the state leaves that end these checkpoints' trees, ascending
    anchors    [stream, record, index in the log]: what stood in the log before one of these leaves;
               the stream by its place in the bundle; ascending by index
    proof      of all of them in the bundle's checkpoint, see ``ledger.history``

A checkpoint's root and so its text follow from the proof. Of a stream the last record before a
leaf is enough: by the chain of hashes all records before it are as old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import Schema, fields, validate

from traceability.ledger import lines
from traceability.verification.fields import Base64, count

MAX_LEAVES: Final = 64
"""So many checkpoints a bundle proves at most; who names another one was still later than its own last."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where one record stands: ``stream`` is a place in the bundle, ``index`` one in the log."""

    stream: int
    seq: int
    index: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """As parsed; nothing in it is verified yet."""

    leaves: tuple[bytes, ...]
    anchors: tuple[Anchor, ...]
    proof: tuple[bytes, ...]


class TimelineSchema(Schema):
    leaves = fields.List(fields.String(), required=True, validate=validate.Length(1, MAX_LEAVES))
    anchors = fields.List(fields.Tuple((count(), count(), count())), required=True)
    proof = fields.List(Base64(32), required=True)


def read_timeline(loaded: Mapping[str, Any]) -> Timeline:
    """From what the schema gives."""
    leaves = tuple(text.encode("utf-8") for text in loaded["leaves"])
    return Timeline(leaves, tuple(Anchor(*a) for a in loaded["anchors"]), tuple(loaded["proof"]))


def encode_timeline(times: Timeline) -> dict[str, Any]:
    """The member of a bundle."""
    return {
        "leaves": [text.decode("ascii") for text in times.leaves],
        "anchors": [[a.stream, a.seq, a.index] for a in times.anchors],
        "proof": [lines.encode_base64(h) for h in times.proof],
    }
