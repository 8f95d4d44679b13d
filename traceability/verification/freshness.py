"""As of when witnesses vouch for a checkpoint, and whether that is recent.

A cosignature says that, when it was made, this was the largest consistent tree that the witness
had seen of the log. So with enough of them nothing was left out as of their time, and what came
later is unknown. A witness counts with its newest cosignature; one that is more than five minutes
ahead of the verifier's clock does not count, or a witness could vouch for the future.

The verifier's clock is a value that comes in: nothing here asks for the time.

Source: C2SP tlog-cosignature, tlog-policy; docs/adr/0020.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from traceability.errors import SignatureMismatchError
from traceability.ledger import note
from traceability.ledger.record import format_time
from traceability.verification.policy import Policy
from traceability.verification.quorum import Quorum, shown

MAX_AGE_S: Final = 3_600
"""A checkpoint is fresh for an hour: long enough to hand a file on, short enough for a recall."""
MAX_AHEAD_S: Final = 300
"""How far a witness's clock may be ahead of the verifier's, in seconds."""


class FreshnessCode(StrEnum):
    """What came of it; stable, for programs."""

    FRESH = "fresh"
    STALE = "stale"
    NOT_MET = "quorum-not-met"
    NO_CLOCK = "no-clock"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The answer of a policy's quorum.

    Attributes:
        as_of_s: seconds since 1970; None where the quorum is not met, or nobody said what time it is.
        age_s: as of the verifier's clock; less than 0 where the witnesses' clocks are ahead of it.
        witnesses: names of those whose cosignatures meet the quorum as of then.
        missing: names of those that keep it from being met.
        ahead: names of those of whom only cosignatures too far ahead of the clock are there.
        complete: names of those that meet the group ``complete``, whether the quorum is met or not.
    """

    code: FreshnessCode
    as_of_s: int | None = None
    age_s: int | None = None
    witnesses: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    complete: tuple[str, ...] = ()

    @property
    def checked_by(self) -> str:
        """Who has read all of the log up to this checkpoint; "" if not as many as the policy wants."""
        return _names(self.complete)

    @property
    def text(self) -> str:
        """The answer for people; it begins with its code."""
        said = f"{self.code.value}: {self._words()}"
        if self.ahead:
            limit = f"more than {MAX_AHEAD_S // 60} min ahead of this clock"
            said += f"; {limit} and not counted: {_names(self.ahead)}"
        return said

    def to_json(self) -> dict[str, Any]:
        """The answer for programs."""
        return {
            "code": self.code.value,
            "as_of": None if self.as_of_s is None else format_time(self.as_of_s * 1000),
            "age_s": self.age_s,
            "max_age_s": MAX_AGE_S,
            "witnesses": [shown(name) for name in self.witnesses],
            "missing": [shown(name) for name in self.missing],
            "ahead": [shown(name) for name in self.ahead],
            "complete": [shown(name) for name in self.complete],
        }

    def _words(self) -> str:
        if self.code is FreshnessCode.NO_CLOCK:
            return "nobody said what time it is, and the policy asks for witnesses"
        if self.as_of_s is None or self.age_s is None:
            return f"not cosigned by as many as the policy asks for; missing: {_names(self.missing)}"
        vouched = f"complete as of {format_time(self.as_of_s * 1000)} by {_names(self.witnesses)}"
        if self.code is FreshnessCode.FRESH:
            return vouched
        age = f"{self.age_s // 3600} h {self.age_s // 60 % 60} min"
        return f"{vouched}, {age} ago; what came later is unknown"


def check_checkpoint(signed: note.Note, policy: Policy, now_ms: int | None) -> Freshness | None:
    """Check a checkpoint's signatures: the log's own, and those of the policy's witnesses.

    Args:
        now_ms: the verifier's clock, milliseconds since 1970; None if it has none.

    Returns:
        What the quorum comes to; None if the policy asks for none.

    Raises:
        SignatureMismatchError: the log did not sign, or a signature by a known key does not fit.
        MalformedError: a cosignature's time is out of range.
    """
    verified = note.verify(signed, [policy.log, *(w.key for w in policy.quorum.witnesses)])
    if not any(signature.by == policy.log for signature in verified):
        signers = [signature.by.name for signature in verified]
        raise SignatureMismatchError("no signature by the log", expected=policy.log.name, got=signers)
    if not policy.quorum.asks:
        return None
    if now_ms is None:
        return Freshness(FreshnessCode.NO_CLOCK)
    names = {witness.key: witness.name for witness in policy.quorum.witnesses}
    made: dict[str, list[int]] = {}
    for signature in verified:
        if signature.by in names and signature.time_s is not None:
            made.setdefault(names[signature.by], []).append(signature.time_s)
    return judge(policy.quorum, made, now_ms)


def judge(quorum: Quorum, made: Mapping[str, Sequence[int]], now_ms: int) -> Freshness:
    """What a quorum comes to, by the verifier's clock.

    Args:
        made: by name of witness, when its valid cosignatures were made (seconds since 1970).
    """
    latest_ms = now_ms + MAX_AHEAD_S * 1000
    counting = {name: [at for at in all_s if at * 1000 <= latest_ms] for name, all_s in made.items()}
    times = {name: max(all_s) for name, all_s in counting.items() if all_s}
    ahead = tuple(w.name for w in quorum.witnesses if made.get(w.name) and w.name not in times)
    as_of_s, complete = quorum.as_of(times), quorum.complete(times)
    if as_of_s is None:
        missing = quorum.missing(times)
        return Freshness(FreshnessCode.NOT_MET, missing=missing, ahead=ahead, complete=complete)
    age_ms = now_ms - as_of_s * 1000
    code = FreshnessCode.FRESH if age_ms <= MAX_AGE_S * 1000 else FreshnessCode.STALE
    counted = quorum.counted(times)
    return Freshness(code, as_of_s, age_ms // 1000, counted, ahead=ahead, complete=complete)


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names))
