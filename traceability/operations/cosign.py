"""Cosignatures: the witnesses of the node's own policy are asked to sign its newest checkpoint too.

A witness says that it has seen one history only. Asking needs no trust: what comes back is checked
against the key that the policy pins, and kept beside the checkpoint. One witness that is slow, gone or
wrong keeps nothing from the others, and nothing from being published.

Source: C2SP tlog-witness; docs/witness.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, select

from traceability.errors import (
    LogConflictError,
    SettingsError,
    TraceabilityError,
    UnreachableError,
    WitnessError,
)
from traceability.ledger import note
from traceability.operations.keptstate import RECENT
from traceability.operations.log import latest_checkpoint, read_tiles
from traceability.operations.node import Node
from traceability.peer import Peer
from traceability.store import models
from traceability.store.engine import AnyRow, Store
from traceability.store.rows import insert_new
from traceability.verification.quorum import Witness
from traceability.witness import protocol

TIMEOUT_S: Final = 5.0
"""For connecting, and again for the whole answer."""
MAX_ANSWER: Final = 16_384
"""Bytes of an answer that are read: 16 cosignatures are about 3 KiB."""
WAITING_MS: Final = 10_000
"""A checkpoint waits so long for its witnesses before it is shown without them."""
OK, CONFLICT, DISPROVED = 200, 409, 422

Post = Callable[[str, bytes], tuple[int, bytes]]
"""From an address and a body to status and body of the answer; raises WitnessError."""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness signed the checkpoint of this size, at this time (seconds since 1970)."""

    witness: str
    size: int
    time_s: int


def asked(node: Node) -> tuple[Witness, ...]:
    """The witnesses that can be asked: those of the node's own policy with an address."""
    return tuple(witness for witness in node.policy.quorum.witnesses if witness.url)


def cosign(store: Store, witness: Witness, post: Post | None = None) -> Cosigned | None:
    """Ask one witness to sign the newest checkpoint; None before there is one.

    It is asked again although it signed this very checkpoint before: its newer time tells that the
    checkpoint is still the newest.

    Raises:
        WitnessError: it does not answer, refuses, or answers what is no signature of its own.
        LogConflictError: it has signed a tree that is larger than this one, or another of its size.
        StoreUnavailableError: try again.
    """
    post = post or send
    with store.reading() as connection:
        latest, old_size = latest_checkpoint(connection), _cosigned_size(connection, witness)
    if latest is None:
        return None
    address = f"{(witness.url or '').rstrip('/')}{protocol.PATH}"
    status, body = post(address, _request(store, latest, old_size))
    if status == CONFLICT:  # it knows better than we do how far it came
        size = size_in(witness, body)
        if size > latest.size or size == old_size:
            raise LogConflictError(
                f"witness {witness.name} has signed another history", expected=latest.size, got=size
            )
        status, body = post(address, _request(store, latest, size))
    said = body[:200].decode("utf-8", "replace").strip()
    if status == DISPROVED:
        raise LogConflictError(f"witness {witness.name} does not accept this history: {said!r}")
    if status != OK:
        raise WitnessError(f"witness {witness.name} refused with {status}: {said!r}")
    return _keep(store, witness, latest, body)


def checkpoint_note(connection: Connection, checkpoint: AnyRow) -> bytes:
    """A checkpoint as it is handed out: signed by the log, and by the witnesses so far."""
    table = models.Cosignature
    lines = select(table.line).where(table.size == checkpoint.size).order_by(table.witness)
    return "".join([checkpoint.note, *connection.execute(lines).scalars()]).encode("utf-8")


def shown_checkpoint(connection: Connection, node: Node, now_ms: int) -> AnyRow | None:
    """The newest checkpoint that the quorum of the node's policy has signed, or had time to sign.

    Readers are not shown one that was made this very moment, and nobody else has seen; nor does a
    witness that is away keep from them what is new.
    """
    table = models.Checkpoint
    newest = select(table).where(table.published).order_by(table.size.desc()).limit(RECENT)
    checkpoints = connection.execute(newest).all()
    quorum = node.policy.quorum
    for checkpoint in checkpoints:
        waits = 0 <= now_ms - checkpoint.time_ms < WAITING_MS
        if not (quorum.asks and waits) or quorum.as_of(_signed(connection, node, checkpoint.size)):
            return checkpoint
    return checkpoints[0] if checkpoints else None


def _signed(connection: Connection, node: Node, size: int) -> dict[str, int]:
    """When each witness of the policy signed the checkpoint of this size, in seconds."""
    table, names = models.Cosignature, {w.key.vkey(): w.name for w in node.policy.quorum.witnesses}
    query = select(table.witness, table.time_s).where(table.size == size)
    return {names[r.witness]: r.time_s for r in connection.execute(query) if r.witness in names}


def _cosigned_size(connection: Connection, witness: Witness) -> int:
    """The size of the newest checkpoint that this witness is known to have signed."""
    table = models.Cosignature
    newest = (
        select(table.size).where(table.witness == witness.key.vkey()).order_by(table.size.desc()).limit(1)
    )
    return connection.execute(newest).scalar_one_or_none() or 0


def _request(store: Store, latest: AnyRow, old_size: int) -> bytes:
    with store.reading() as connection:
        proof = read_tiles(connection).consistency_proof(old_size, latest.size) if old_size else []
    return protocol.encode_request(old_size, proof, latest.note.encode("utf-8"))


def size_in(witness: Witness, body: bytes) -> int:
    """The size in the answer of a witness that knows another one; raises WitnessError."""
    try:
        return protocol.parse_size(body)
    except TraceabilityError as error:
        raise WitnessError(f"witness {witness.name} answered with no size: {error}") from error


def checked_answer(witness: Witness, text: bytes, body: bytes) -> tuple[int, str]:
    """When a witness signed a checkpoint's text (seconds since 1970), and the line that says so.

    Raises:
        WitnessError: it did not.
    """
    try:
        signatures = protocol.parse_cosignatures(body)
        (verified,) = note.verify(note.Note(text, signatures), [witness.key])
        (own,) = (s for s in signatures if (s.name, s.key_id) == (witness.key.name, witness.key.key_id))
    except (TraceabilityError, ValueError) as error:
        raise WitnessError(f"witness {witness.name} answered without its signature: {error}") from error
    return verified.time_s or 0, own.line().decode("utf-8")


def _keep(store: Store, witness: Witness, latest: AnyRow, body: bytes) -> Cosigned:
    """Check what came, and keep it in the place of an older one of this checkpoint."""
    text = note.parse_note(latest.note.encode("utf-8")).text
    time_s, line = checked_answer(witness, text, body)
    row = {"size": latest.size, "witness": witness.key.vkey(), "time_s": time_s, "line": line}
    table = models.Cosignature
    with store.transaction() as tx:
        this = (table.size == latest.size, table.witness == row["witness"])
        tx.connection.execute(delete(table).where(*this, table.time_s < time_s))
        insert_new(tx, table, [row])
    return Cosigned(witness.name, latest.size, time_s)


def send(address: str, body: bytes) -> tuple[int, bytes]:
    """POST.

    Raises:
        WitnessError: nobody answers there, or not in time, or at too great a length.
    """
    try:
        with Peer(address, seconds=TIMEOUT_S, max_bytes=MAX_ANSWER) as peer:
            return peer.ask("POST", "", body)
    except (UnreachableError, SettingsError) as error:
        raise WitnessError(str(error)) from error
