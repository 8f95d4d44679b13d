"""What a witness cosigns and what it refuses: the one place that decides.

In this order, and nothing is signed before all of it holds and is on disk:

    400  the request is of the form, and its old size is not larger than the checkpoint's
    404  the origin is that of a known log
    403  a known key of that log signed it, and no signature by one is wrong
    409  the old size is that of the checkpoint that was cosigned last
    422  same size, same root; size 0, the empty tree's root; otherwise the proof holds

A full witness asks two things more, and signs only what it has checked and kept itself:

    503  the log's leaves up to there are fetched; the newest state's time is not to come
    422  every leaf follows the rules of records and states (ledger/leaves.py)

Two rules beside the protocol: a checkpoint that the log signed and that does not fit is
kept as evidence, and the time in a cosignature never goes back.

Source: C2SP tlog-witness (with its change 280 of July 2026: 422 for another root of the same size).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from traceability.errors import (
    BehindError,
    ClockError,
    LeafMismatchError,
    LogConflictError,
    MalformedError,
    ProofMismatchError,
    SignatureMismatchError,
    SurroundingsError,
    TamperError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.ledger.merkle import EMPTY_ROOT, verify_consistency
from traceability.ledger.note import (
    COSIGNATURE_V1,
    Checkpoint,
    Note,
    VerifierKey,
    parse_note,
    sign_note,
    verify,
)
from traceability.ledger.tiles import TilePath
from traceability.signing.keys import PrivateKey
from traceability.witness.evidence import Evidence, Held, Kind
from traceability.witness.follower import Follower, judge_leaves
from traceability.witness.memory import Memory
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

UNAVAILABLE: Final = 503
STATUS: Final[tuple[tuple[type[TraceabilityError], int], ...]] = (
    (UnknownSubjectError, 404),
    (SignatureMismatchError, 403),
    (ProofMismatchError, 422),
    (LeafMismatchError, 422),
    (MalformedError, 400),
    (LogConflictError, UNAVAILABLE),
    (SurroundingsError, UNAVAILABLE),
)
"""What each refusal is over HTTP; anything else is a 500."""
RETRY_S: Final = 2
"""When to ask again, seconds."""
UNSAID: Final = (MalformedError, UnknownSubjectError, SignatureMismatchError, BehindError)
"""What is of no concern to the operator."""


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
        self.follower = Follower(memory)
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
            if not isinstance(error, UNSAID):
                self._complain(error)
            return refusal(error)

    def checkpoint(self, origin_hash: str) -> bytes | None:
        """The newest checkpoint of a log as it was cosigned, by the SHA-256 of its origin in hex."""
        held = self.memory.held(self._origin(origin_hash))
        return held.note + self._cosign(held) if held.note else None

    def tile(self, origin_hash: str, place: TilePath) -> bytes | None:
        """A tile or entry bundle of a log's copy; None where there is none."""
        if not self.memory.full:
            return None
        with self.memory.mirror(self._origin(origin_hash)) as mirror:
            return mirror.served(place)

    def _origin(self, origin_hash: str) -> str:
        """The origin with this hash; "" if no such log is watched."""
        hashed = {hashlib.sha256(origin.encode()).hexdigest(): origin for origin in self.memory.logs()}
        return hashed.get(origin_hash, "")

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
        broken = self._follow(request, encoded)
        with self.memory.deciding(new.origin) as deciding:
            held = deciding.held()
            before = held.note
            kind, wrong = judge(request, held)
            fits = wrong is None and request.old_size == held.size
            if fits and self.memory.full:
                wrong = broken or judge_leaves(deciding.mirror, new, self._clock())
            if wrong and fits:
                kind, before = Kind.INVALID, deciding.mirror.note() or held.note
            fits = fits and wrong is None
            now = Held(new.size, new.root, encoded, self._time(held)) if fits else held
            if fits:
                deciding.advance(held, now)
            found = kind and accusation(kind, new, encoded, before, self._clock(), wrong)
            times = deciding.keep(found, note.text) if found else 0
        if found and wrong:
            self._accuse(wrong, found, held, times)
        if request.old_size != held.size:
            return Answer(409, SIZE_TYPE, encode_size(held.size))
        return refusal(wrong) if wrong else Answer(200, TEXT_TYPE, self._cosign(now))

    def _follow(self, request: AddCheckpoint, note: bytes) -> LeafMismatchError | None:
        """Bring a full witness's copy to a checkpoint that fits; the leaf that is wrong, if one is.

        Raises:
            BehindError, UnreachableError: the copy does not reach there yet.
        """
        held = self.memory.held(request.checkpoint.origin)
        _, wrong = judge(request, held)
        if wrong or request.old_size != held.size or not self.memory.full:
            return None
        try:
            self.follower.follow(request.checkpoint, note)
        except LeafMismatchError as error:
            return error
        return None

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

    def _accuse(self, wrong: TamperError, found: Evidence, held: Held, times: int) -> None:
        """Say what a log did: the first time, and then each time the count has doubled."""
        seen = "is in it" if found.kind is Kind.INVALID else "was cosigned"
        if times & (times - 1) == 0:
            self.say(
                "error",
                f"a log's checkpoint does not fit what {seen}: {wrong}",
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


def judge(request: AddCheckpoint, held: Held) -> tuple[Kind | None, TamperError | None]:
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


def accusation(
    kind: Kind, new: Checkpoint, note: bytes, before: bytes, now_s: int, wrong: TamperError | None
) -> Evidence:
    """What is kept of a checkpoint that was refused."""
    known = Evidence(new.origin, kind, new.size, new.root, note, before, now_s)
    if not isinstance(wrong, LeafMismatchError):
        return known
    return replace(known, leaf=wrong.leaf, reason=str(wrong), data=wrong.data, proof=wrong.proof)


def refusal(error: TraceabilityError) -> Answer:
    """An error over HTTP: its sentence, code and remedy."""
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    body = f"{error} [{error.code}]\n{error.remedy()}\n".encode()
    return Answer(status, TEXT_TYPE, body, RETRY_S if status == UNAVAILABLE else None)
