"""What a witness cosigns and what it refuses: the one place that decides.

In this order, and nothing is signed before all of it holds and is on disk:

    400  the request is of the form, and its old size is not larger than the checkpoint's
    404  the origin is that of a known log
    403  a known key of that log signed it, and no signature by one is wrong
    409  the old size is that of the checkpoint that was cosigned last
    422  same size, same root; size 0, the empty tree's root; otherwise the proof holds

Two rules beside the protocol: a checkpoint that the log signed and that does not fit is
kept as evidence, and the time in a cosignature never goes back.

Source: C2SP tlog-witness (with its change 280 of July 2026: 422 for another root of the same size).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from traceability.errors import (
    ClockError,
    MalformedError,
    ProofMismatchError,
    SignatureMismatchError,
    SurroundingsError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.ledger.merkle import EMPTY_ROOT, verify_consistency
from traceability.ledger.note import COSIGNATURE_V1, Note, VerifierKey, parse_note, sign_note, verify
from traceability.signing.keys import PrivateKey
from traceability.witness.memory import Evidence, Held, Kind, Memory
from traceability.witness.protocol import (
    SIZE_TYPE,
    TEXT_TYPE,
    AddCheckpoint,
    Answer,
    encode_cosignatures,
    encode_size,
    parse_request,
)

MAX_STEP_BACK_S: Final = 300
"""A clock that went back further was wrong, now or before; verifiers allow as much ahead of theirs."""

STATUS: Final[tuple[tuple[type[TraceabilityError], int], ...]] = (
    (UnknownSubjectError, 404),
    (SignatureMismatchError, 403),
    (ProofMismatchError, 422),
    (MalformedError, 400),
    (SurroundingsError, 503),
)
"""What each refusal is over HTTP; anything else is a 500."""


class Say(Protocol):
    """One line for the operator."""

    def __call__(self, level: str, message: str, **more: object) -> None:
        """Say it, now."""


class Service:
    """A witness at work."""

    def __init__(
        self, name: str, key: PrivateKey, memory: Memory, clock: Callable[[], int], say: Say
    ) -> None:
        """
        Args:
            clock: seconds since 1970.
        """
        self.verifier = VerifierKey(name, COSIGNATURE_V1, key.public)
        self.memory = memory
        self._key = key
        self._clock = clock
        self.say = say

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer one request; never raises for what a peer sent."""
        try:
            request = parse_request(body)
            note = self._signed(request)
            if request.old_size > request.checkpoint.size:
                raise MalformedError(f"old size {request.old_size} is larger than {request.checkpoint.size}")
            return self._decide(request, note)
        except TraceabilityError as error:
            if not isinstance(error, (MalformedError, UnknownSubjectError, SignatureMismatchError)):
                self._complain(error)
            return refusal(error)

    def checkpoint(self, origin_hash: str) -> bytes | None:
        """The newest checkpoint of a log as it was cosigned, by the SHA-256 of its origin in hex."""
        for origin in self.memory.logs():
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                held = self.memory.held(origin)
                return held.note + self._cosign(held) if held.note else None
        return None

    def _signed(self, request: AddCheckpoint) -> Note:
        """The note with the signatures of its log's known keys alone, each once; they hold.

        Raises:
            UnknownSubjectError, SignatureMismatchError: see the top of this module.
        """
        known = self.memory.keys(request.checkpoint.origin)
        if not known:
            raise UnknownSubjectError(
                f"no log of this origin is watched here: {request.checkpoint.origin[:100]!r}",
                remedy="The witness's operator adds it: traceability witness trust --help.",
            )
        verify(request.note, known)
        ids = {(key.name, key.key_id) for key in known}
        own = dict.fromkeys(s for s in request.note.signatures if (s.name, s.key_id) in ids)
        return Note(request.note.text, tuple(own))

    def _decide(self, request: AddCheckpoint, note: Note) -> Answer:
        """The checks against what is held, the change of it, and the cosignature: after the commit."""
        new, encoded = request.checkpoint, note.encode()
        with self.memory.deciding(new.origin) as deciding:
            held = deciding.held()
            kind, wrong = judge(request, held)
            fits = wrong is None and request.old_size == held.size
            now = Held(new.size, new.root, encoded, self._time(held)) if fits else held
            if fits:
                deciding.advance(held, now)
            found = kind and Evidence(new.origin, kind, new.size, new.root, encoded, held.note, self._clock())
            times = deciding.keep(found, note.text) if found else 0
        if found and wrong:
            self._accuse(wrong, found, held, times)
        if request.old_size != held.size:
            return Answer(409, SIZE_TYPE, encode_size(held.size))
        return refusal(wrong) if wrong else Answer(200, TEXT_TYPE, self._cosign(now))

    def _time(self, held: Held) -> int:
        """When this cosignature is made, never before the one before it.

        Raises:
            ClockError: the clock went back too far to be believed, now or the last time.
        """
        now_s = self._clock()
        if now_s < held.time_s - MAX_STEP_BACK_S:
            raise ClockError(
                f"the last cosignature is of {held.time_s} s since 1970, and it is {now_s} s now"
            )
        return max(now_s, held.time_s)

    def _cosign(self, held: Held) -> bytes:
        """Sign what is on disk, with the time that is on disk."""
        text = parse_note(held.note).text
        return encode_cosignatures(
            [sign_note(text, self.verifier.name, self._key, COSIGNATURE_V1, held.time_s)]
        )

    def _accuse(self, wrong: ProofMismatchError, found: Evidence, held: Held, times: int) -> None:
        """Say what a log did: the first time, and then each time the count has doubled."""
        if times & (times - 1) == 0:
            self.say(
                "error",
                f"a log's checkpoint does not fit what was cosigned: {wrong}",
                origin=found.origin,
                kind=found.kind.value,
                times=times,
                size=found.size,
                root=found.root.hex(),
                held_size=held.size,
                held_root=held.root.hex(),
            )

    def _complain(self, error: TraceabilityError) -> None:
        self.say("error", str(error), code=error.code, remedy=error.remedy())


def judge(request: AddCheckpoint, held: Held) -> tuple[Kind | None, ProofMismatchError | None]:
    """Whether a signed checkpoint fits what is held: what it is evidence of, and why it is refused.

    Another root of a known size is a fork whatever old size was named. The proof counts
    only if it begins where the witness stands.
    """
    new = request.checkpoint
    roots = {held.size: held.root, 0: EMPTY_ROOT}
    if new.root != roots.get(new.size, new.root):
        return Kind.FORK, ProofMismatchError(
            f"another root than the one of {new.size} leaves", expected=roots[new.size], got=new.root
        )
    if request.old_size != held.size:
        return None, None
    if held.size in {0, new.size}:
        hashes = len(request.proof)
        wrong = ProofMismatchError("the proof has the wrong length", expected=0, got=hashes)
        return None, wrong if hashes else None
    try:
        verify_consistency(held.size, new.size, held.root, new.root, request.proof)
    except ProofMismatchError as error:
        return Kind.UNPROVEN, error
    return None, None


def refusal(error: TraceabilityError) -> Answer:
    """An error over HTTP: its sentence, code and remedy."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    return Answer(status, TEXT_TYPE, f"{error} [{error.code}]\n{error.remedy()}\n".encode())
