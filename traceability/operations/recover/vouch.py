"""Where the lock database is gone too: the witnesses are asked whether they have seen anything newer.

Nobody else can say. What was signed and is forgotten here would be signed a second time, differently.
"""

from __future__ import annotations

from traceability.errors import BehindError, TraceabilityError, UnrecoverableError
from traceability.operations.cosign import CONFLICT, OK, Post, asked, checked_answer, send, size_in
from traceability.operations.node import Node
from traceability.operations.recover.restore import signed_note
from traceability.operations.recover.walk import Walked
from traceability.verification.freshness import judge
from traceability.verification.quorum import Witness
from traceability.witness import protocol


def vouch(node: Node, walked: Walked, now_ms: int, post: Post = send) -> None:
    """Ask the witnesses of the node's policy to sign the newest checkpoint as of now.

    Raises:
        BehindError: one of them has seen a larger tree.
        UnrecoverableError: not as many as the policy asks for say that there is none.
    """
    made: dict[str, list[int]] = {}
    for witness in asked(node):
        try:
            made[witness.name] = [_ask(node, walked, witness, post)]
        except BehindError:
            raise
        except TraceabilityError:
            continue  # it is among the missing
    if not node.policy.quorum.asks:
        raise UnrecoverableError(
            "lock.sqlite is gone, and the policy names no witnesses that could say what is the newest"
        )
    answer = judge(node.policy.quorum, made, now_ms)
    if answer.as_of_s is None:
        raise UnrecoverableError(f"lock.sqlite is gone, and this checkpoint is {answer.text}")


def _ask(node: Node, walked: Walked, witness: Witness, post: Post) -> int:
    """When it signed, in seconds since 1970."""
    target, note = walked.target, signed_note(node, walked.target)
    address = f"{(witness.url or '').rstrip('/')}{protocol.PATH}"
    status, body = post(address, protocol.encode_request(target.size, [], note))
    if status == CONFLICT:
        size = size_in(witness, body)
        if size > target.size:
            raise BehindError(
                f"witness {witness.name} has seen {size} leaves, and here are {target.size}",
                remedy="Find a copy of the log that reaches there.",
            )
        proof = walked.tree.consistency_proof(size, target.size) if size else []
        status, body = post(address, protocol.encode_request(size, proof, note))
    if status != OK:
        raise UnrecoverableError(f"witness {witness.name} answers with {status}")
    return checked_answer(witness, target.text(), body)[0]
