"""What a witness says about itself and about logs, as text for people and for copying."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from traceability.ledger.lines import encode_base64
from traceability.ledger.note import VerifierKey
from traceability.ledger.proof import Proof
from traceability.witness.evidence import Evidence, Kind
from traceability.witness.memory import Memory

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def about(verifier: VerifierKey, memory: Memory) -> list[str]:
    """Who this witness is, which logs it watches, and where they stand; a line each."""
    kind = "full witness" if memory.full else "witness"
    return [f"{kind} {verifier.name}", f"vkey {verifier.vkey()}", *_logs(memory)]


def _logs(memory: Memory) -> Iterator[str]:
    refused = memory.refused()
    for origin, keys in memory.logs().items():
        yield f"log {origin}"
        yield from (f"  vkey {key.vkey()}" for key in keys)
        held = memory.held(origin)
        if held.note:
            yield f"  size {held.size}"
            yield f"  root {encode_base64(held.root)}"
            yield f"  cosigned {format_s(held.time_s)}"
        else:
            yield "  nothing cosigned yet"
        if memory.full:
            with memory.mirror(origin) as mirror:
                yield from (f"  read at {mirror.url()}", f"  checked {mirror.reach().size}")
        for kind in Kind:
            if times := refused.get((origin, kind), 0):
                yield f"  {kind} {times}"


def evidence(memory: Memory) -> str:
    """What is kept against logs: for each note why and when, the note, and the one that was held."""
    return "".join(map(_one, memory.evidence())) or "no evidence against any log\n"


def _one(found: Evidence) -> str:
    said = f"== {found.kind}: {found.origin} at size {found.size}, refused {format_s(found.time_s)}\n"
    held = f"-- held then:\n{found.held.decode()}" if found.held else "-- nothing was held then\n"
    return f"{said}{_leaf(found)}{found.note.decode()}{held}\n"


def _leaf(found: Evidence) -> str:
    """Of an invalid checkpoint what is wrong with which leaf, and the proof that it is in the log."""
    if found.leaf is None:
        return ""
    why = f"-- {found.reason}\n"
    if not found.data:
        return why
    data = f"-- the leaf's data, in base64:\n{encode_base64(found.data)}\n"
    if not found.proof and found.size > 1:
        return why + data
    proof = Proof(found.leaf, found.proof, b"").encode().decode()
    return f"{why}{data}-- it is in the log, as a tlog-proof shows:\n{proof}"


def format_s(time_s: int) -> str:
    """Seconds since 1970 as ``YYYY-MM-DDThh:mm:ssZ``; as they are where no calendar reaches."""
    try:
        return (_EPOCH + timedelta(seconds=time_s)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{time_s} s since 1970"
