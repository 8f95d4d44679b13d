"""Proofs about the published log that anyone may ask for: of a leaf, of growth, of a stream in the state."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from traceability.errors import NotPublishedError, QueryError, UnknownSubjectError
from traceability.identifiers import parse_stream
from traceability.ledger.proof import Proof
from traceability.ledger.state import Absence, Presence, stream_hash
from traceability.operations.cosign import checkpoint_note
from traceability.operations.keptstate import kept_state
from traceability.operations.log import latest_checkpoint, read_tiles
from traceability.store import models
from traceability.store.engine import AnyRow


@dataclass(frozen=True, slots=True)
class StreamProof:
    """What the newest published state says about a stream.

    Attributes:
        leaf: text of the state leaf.
        proof: that this leaf is the last one of the newest checkpoint.
        place: that the stream is in that state, or is not.
    """

    leaf: str
    proof: Proof
    place: Presence | Absence


def prove_leaf(connection: Connection, index: int, size: int | None = None) -> Proof:
    """That a leaf is in the log.

    Args:
        size: of the published checkpoint that the proof leads to; the newest one if not given.

    Raises:
        UnknownSubjectError: no such leaf, or no published checkpoint of that size.
        NotPublishedError: there is no checkpoint yet.
    """
    checkpoint = _newest(connection) if size is None else _published(connection, size)
    if not 0 <= index < checkpoint.size:
        raise _outside(f"leaf {index}", checkpoint.size)
    return _prove(connection, index, checkpoint)


def prove_growth(connection: Connection, first: int, second: int | None = None) -> tuple[int, list[bytes]]:
    """That the tree of ``first`` leaves is the beginning of the one of ``second``.

    Args:
        second: at most the size of the newest checkpoint, which it is if not given.

    Returns:
        ``second``, and the RFC 6962 consistency proof.

    Raises:
        QueryError: not 0 < first <= second.
        UnknownSubjectError: the log has fewer leaves.
        NotPublishedError: there is no checkpoint yet.
    """
    size = _newest(connection).size
    second = size if second is None else second
    if max(first, second) > size:
        raise _outside(f"tree of {max(first, second)} leaves", size)
    if not 0 < first <= second:
        raise QueryError(
            f"no tree of {first} leaves grows into one of {second}", remedy="Ask for 0 < first <= second."
        )
    return second, read_tiles(connection).consistency_proof(first, second)


def prove_stream(connection: Connection, uri: str) -> StreamProof:
    """What the newest published state says about a stream: its count and head, or that it is not there.

    Raises:
        IdentifierError: not the URI of a stream in its one form.
        NotPublishedError: there is no checkpoint yet.
        LogConflictError: the state that is kept is not the one that was signed.
    """
    name, newest = stream_hash(parse_stream(uri).uri), _newest(connection)
    place = kept_state(connection, newest).prove(name)
    return StreamProof(newest.leaf, _prove(connection, newest.size - 1, newest), place)


def _prove(connection: Connection, index: int, checkpoint: AnyRow) -> Proof:
    hashes = read_tiles(connection).inclusion_proof(index, checkpoint.size)
    return Proof(index, tuple(hashes), checkpoint_note(connection, checkpoint))


def _newest(connection: Connection) -> AnyRow:
    latest = latest_checkpoint(connection)
    if latest is None:
        raise NotPublishedError("no checkpoint is published yet")
    return latest


def _published(connection: Connection, size: int) -> AnyRow:
    table, newest, found = models.Checkpoint, latest_checkpoint(connection), None
    if newest is not None and size <= newest.size:  # a larger one may be more than a database can compare
        found = connection.execute(select(table).where(table.size == size, table.published)).one_or_none()
    if found is None:
        raise UnknownSubjectError(
            f"no checkpoint of {size} leaves was published", remedy="Ask without a size for the newest one."
        )
    return found


def _outside(what: str, size: int) -> UnknownSubjectError:
    return UnknownSubjectError(
        f"there is no {what} in the log, which has {size} leaves",
        remedy="GET /log/checkpoint tells its size.",
    )
