"""Everything that can go wrong, as one tree; each leaf has a stable code and a remedy.

    TraceabilityError
    ├── MalformedError            bytes or text that do not parse
    │   ├── IdentifierError       a GS1 key, Digital Link or stream URI
    │   ├── EncodingError         CBOR, JSON or base64 outside the strict form
    │   ├── StatementError        a COSE or JOSE message of the wrong shape
    │   ├── ReadingsError         a SenML pack outside the profile
    │   ├── EventError            an EPCIS document that does not follow the standard
    │   ├── OversizeError         larger than a limit in this code
    │   ├── QueryError            a parameter or value that no query has
    │   ├── BundleError           a bundle or policy file of the wrong shape
    │   ├── WeakPasswordError     a password that is easily guessed
    │   ├── TraceCodeError        a label's trace code with a slip of the pen
    │   ├── LabelError            a label for which the paper has no room, or no such paper
    │   ├── PictureError          a file that is no picture of the kinds that are opened
    │   ├── ConfigError           how a device is to work, outside of what it can do
    │   └── ScenarioError         a simulator's scenario or profile of the wrong shape
    ├── TamperError               does not match what was signed, hashed or logged
    │   ├── KeyRefusedError       a public key that the strict check refuses
    │   ├── SignatureMismatchError
    │   ├── ProofMismatchError
    │   ├── ChainMismatchError
    │   ├── TimeMismatchError     times of one log that contradict one another
    │   ├── LeafMismatchError     a leaf of a log that breaks the rules of records or states
    │   ├── SubjectMismatchError  a genuine statement shown on a stream it does not speak about
    │   ├── LabelMismatchError    a chain that is not the one of a label's trace code
    │   ├── LogConflictError      store and lock disagree: signing would fork the log
    │   └── UnrecoverableError    what would be recovered is not what was signed
    ├── RefusedError              well formed and genuine, but not allowed here and now
    │   ├── UnknownSignerError
    │   ├── KeyNotInForceError    a known key, before its time, rotated away or revoked
    │   ├── ForeignTopicError
    │   ├── NotInstalledError
    │   ├── ClockAheadError
    │   ├── EquivocationError     two statements with one counter
    │   ├── BrokenDeviceChainError
    │   ├── UnsupportedStatementError
    │   ├── UnknownSubjectError   no such batch, asset, party or device
    │   ├── NotPublishedError     recorded, but not yet in the log
    │   ├── LostStatementError    in the log, but its statement was lost with a database
    │   ├── ProofTooLargeError    in the log, but more than is checked at once
    │   ├── QueryTooLargeError    more events than the query allows, or than this node sorts
    │   ├── QuotaError            more about one batch or asset than one party may record
    │   ├── TokenError            a bearer token that is unknown, expired or revoked
    │   ├── EnrolCodeError        a code of a device that is unknown, expired, used or another's
    │   ├── SignInError           a person's name, password or code that do not match, or a link that is over
    │   ├── TooOftenError         too many requests that were refused
    │   ├── FloodedError          more messages than a device may send
    │   ├── ForbiddenError        a token without the scope that this needs
    │   │   └── ForeignPrefixError  what is made or packed bears another firm's company prefix
    │   └── ConflictError         it exists already, or its state forbids it
    │       └── ScopeChangedError a recall would reach other things than its preview showed
    └── SurroundingsError         this machine, not the input
        ├── SettingsError
        ├── FileError             a file that cannot be read or written
        ├── StoreUnavailableError
        │   └── StoreFullError    its disk is full
        ├── BrokerUnavailableError
        ├── UnreachableError      another machine that was asked over HTTP
        │   └── ForeignTilesError what it serves does not lead to the root that the log signed
        ├── WitnessError          a witness that was asked and did not sign
        ├── BehindError           a witness that has not seen all leaves yet
        ├── WorkerLostError       a process of the audit that ended before its work was done
        └── ClockError            the node's own clock did not move on
            └── ClockLeapError    or is so far ahead of all that was signed that somebody must confirm it

A code, once released, never changes its meaning: it is shown to people, counted
in metrics, written into quarantine rows and receipts, and matched by scripts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one member of a document.

    Attributes:
        pointer: where it stands (RFC 6901); empty for the document itself.
        expected: what should stand there, as a phrase.
        got: what stands there, shortened.
    """

    pointer: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.pointer or '(the whole)'}: expected {self.expected}, got {self.got}"


class TraceabilityError(Exception):
    """Root of all errors of this project; ``problems`` say which members of a document are wrong."""

    code: ClassVar[str] = "error"
    advice: ClassVar[str] = "Report this: it is a defect of the program."

    def __init__(
        self, message: str = "", *, remedy: str | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        self._remedy, self.problems = remedy, tuple(problems)
        super().__init__(message)

    def remedy(self) -> str:
        """What a person can do next, as one sentence; this case's own, or that of all with its code."""
        return self._remedy or self.advice


class MalformedError(TraceabilityError):
    code = "malformed"
    advice = "Correct what the message names; docs/formats.md has the form of everything."


class IdentifierError(MalformedError):
    code = "bad-identifier"
    advice = "Compare it with the label or list that it is from; a GS1 key ends with a check digit."


class EncodingError(MalformedError):
    code = "bad-encoding"
    advice = "Encode deterministically: RFC 8949 4.2.1 for CBOR, unpadded base64url for JOSE."


class StatementError(MalformedError):
    code = "bad-statement"


class ReadingsError(MalformedError):
    code = "bad-readings"
    advice = "Send a SenML pack as docs/formats.md describes it: closed units, plausible values, times."


class EventError(MalformedError):
    code = "bad-event"
    advice = "Correct the members that the JSON pointers name, and send the document again."

    def __init__(self, problems: Sequence[Problem], *, remedy: str | None = None) -> None:
        super().__init__("; ".join(map(str, problems)), remedy=remedy, problems=problems)


class OversizeError(MalformedError):
    code = "oversize"
    advice = "Split the content: the limits are listed in docs/formats.md."


class QueryError(MalformedError):
    """What EPCIS 2.0 calls a QueryParameterException."""

    code = "bad-query"
    advice = (
        "Correct it: docs/epcis.md says what a query takes, traceability trace --help what a trace takes."
    )


class PictureError(MalformedError):
    code = "bad-picture"
    advice = "Send a JPEG, PNG or WebP of at most 16 million pixels; a JPEG may have 50 million."


class BundleError(MalformedError):
    code = "bad-bundle"
    advice = "Export the bundle again, or download it from the batch page."


class WeakPasswordError(MalformedError):
    """``reason`` is a word of ``operations.accounts.strength``; the password is never in it."""

    code = "weak-password"
    advice = "Take a longer one that nobody would try: four or five words that have nothing to do with you."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this password is easily guessed: {reason}")


class TraceCodeError(MalformedError):
    code = "bad-trace-code"
    advice = "Compare it with the label: a number, and eight groups of four letters and digits."


class LabelError(MalformedError):
    code = "bad-label"
    advice = "Choose a larger label, or another place or number: traceability label --help lists the papers."


class ConfigError(MalformedError):
    code = "bad-config"
    advice = "Take values within the bounds that the message names: traceability config set --help."


class ScenarioError(MalformedError):
    code = "bad-scenario"
    advice = "Correct what the message names; docs/simulator.md has every key with its unit."


class TamperError(TraceabilityError):
    """Something does not match; says what was expected and what came."""

    code = "tampered"
    advice = "Do not rely on it; keep the file and tell the authority that runs the node."

    def __init__(self, what: str, *, expected: object = None, got: object = None) -> None:
        self.what, self.expected, self.got = what, expected, got
        super().__init__(what)

    def __str__(self) -> str:
        if self.expected is None and self.got is None:
            return self.what
        return f"{self.what}: expected {_shown(self.expected)}, got {_shown(self.got)}"


class KeyRefusedError(TamperError):
    code = "key-refused"
    advice = "Make a new Ed25519 key; keys of small order and non-canonical keys are never accepted."


class SignatureMismatchError(TamperError):
    code = "bad-signature"


class ProofMismatchError(TamperError):
    code = "bad-proof"


class ChainMismatchError(TamperError):
    code = "bad-chain"


class TimeMismatchError(TamperError):
    code = "bad-time"


class LeafMismatchError(TamperError):
    """Names the leaf, by its index in the log; ``data`` and ``proof`` (inclusion) where they are at hand."""

    code = "bad-leaf"
    advice = "Keep the checkpoint that commits to this leaf, and tell the others who rely on this log."

    def __init__(self, leaf: int, what: str, *, expected: object = None, got: object = None) -> None:
        self.leaf = leaf
        self.data = b""
        self.proof: tuple[bytes, ...] = ()
        super().__init__(f"leaf {leaf}: {what}", expected=expected, got=got)


class SubjectMismatchError(TamperError):
    code = "wrong-subject"


class LabelMismatchError(TamperError):
    code = "label-mismatch"
    advice = (
        "See that label and lot belong together. If they do, the chain was rewritten: "
        "keep both and tell the authority that runs the node."
    )


class LogConflictError(TamperError):
    code = "log-conflict"
    advice = (
        "Nothing was signed. If the database was restored from a backup, bring it to what was signed: "
        "traceability recover --help."
    )


class UnrecoverableError(TamperError):
    code = "not-recoverable"
    advice = (
        "Nothing was changed. Restore a backup that nothing was written to since, and take a copy of the "
        "log from a witness that you trust: docs/recovery.md."
    )


class RefusedError(TraceabilityError):
    code = "refused"
    advice = "Nothing was changed."


class UnknownSignerError(RefusedError):
    code = "unknown-signer"
    advice = "Enrol the key first: traceability enrol --help."


class KeyNotInForceError(RefusedError):
    code = "key-not-in-force"
    advice = "Look at the holder's keys: traceability key list --help."


class ForeignTopicError(RefusedError):
    code = "foreign-topic"
    advice = "A device publishes only to ft/v1/{site}/{its own id}/frame."


class NotInstalledError(RefusedError):
    code = "not-installed"
    advice = "Install the device on the asset or batch it speaks about: traceability install --help."


class ClockAheadError(RefusedError):
    code = "clock-ahead"
    advice = "Set the device's clock; readings from the future are kept aside, not believed."


class EquivocationError(RefusedError):
    code = "equivocation"
    advice = "Two statements carry one counter: look for a cloned device and end its installation."


class BrokenDeviceChainError(RefusedError):
    code = "broken-device-chain"
    advice = "The device's own chain forks here: look for a cloned device or lost flash."


class UnsupportedStatementError(RefusedError):
    code = "unsupported-statement"
    advice = "This version accepts frames and gaps from devices."


class UnknownSubjectError(RefusedError):
    code = "unknown-subject"
    advice = "Check the spelling; upper and lower case count."


class NotPublishedError(RefusedError):
    code = "not-yet-in-log"
    advice = "Ask again in a few seconds; if that does not help, look whether the publisher runs."


class LostStatementError(RefusedError):
    code = "statement-lost"
    advice = (
        "It is no all-clear. Whoever has a bundle or the bytes can bring them: traceability recover --help."
    )


class ProofTooLargeError(RefusedError):
    """Nothing is wrong with what it would prove, nor is it known to be right: it was not checked."""

    code = "proof-too-large"
    advice = "It is no all-clear: keep the pack, and ask the shop or the authority that runs the node."


class QueryTooLargeError(RefusedError):
    """What EPCIS 2.0 calls a QueryTooLargeException."""

    code = "query-too-large"
    advice = "Narrow the query, for example by GE_eventTime and LT_eventTime, or raise maxEventCount."


class QuotaError(RefusedError):
    code = "quota-spent"
    advice = "Name it in smaller events; what more there is, its maker or a regulator can record."


class TokenError(RefusedError):
    code = "bad-token"
    advice = (
        "Ask the node's operator for a new one: traceability token new --help. One that traceability token "
        "list shows as unsealed is older than this version, or was not made here."
    )


class EnrolCodeError(RefusedError):
    code = "bad-enrol-code"
    advice = "Ask the node's operator for a new one: traceability enrol code --help."


class SignInError(RefusedError):
    code = "sign-in-refused"
    advice = "Type it again. Who forgot a password asks a manager, or the node's operator, for a link."


class TooOftenError(RefusedError):
    """``retry_s`` is after how many seconds it may be tried again."""

    code = "too-often"
    advice = "Wait a minute, and send what is right."

    def __init__(self, message: str = "", *, remedy: str | None = None, retry_s: int = 60) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_s = retry_s


class FloodedError(RefusedError):
    code = "flooded"
    advice = "Find out why the device sends so much, renew or revoke its password; what it keeps comes again."


class ForbiddenError(RefusedError):
    code = "forbidden"
    advice = "Use a token with that scope: traceability token new --help."


class ForeignPrefixError(ForbiddenError):
    code = "not-your-prefix"
    advice = "Use a number of your own, or ask the prefix's holder to let it be opened for you."


class ConflictError(RefusedError):
    code = "conflict"
    advice = "Nothing was changed: the message says what is in the way."


class ScopeChangedError(ConflictError):
    code = "scope-changed"
    advice = "Look at the new preview, and confirm its digest."


class SurroundingsError(TraceabilityError):
    code = "surroundings"
    advice = "Run: traceability doctor."


class SettingsError(SurroundingsError):
    code = "bad-setting"
    advice = "Correct it as the message says; README.md lists all settings."


class FileError(SurroundingsError):
    code = "bad-file"
    advice = "Check the path, and that you may read or write there."


class StoreUnavailableError(SurroundingsError):
    code = "store-unavailable"
    advice = "Start the database, or check FT_DATABASE_URL; nothing was lost."


class StoreFullError(StoreUnavailableError):
    code = "store-full"
    advice = "Make room on the disk of the database; nothing was lost, and it goes on by itself then."


class BrokerUnavailableError(SurroundingsError):
    code = "broker-unavailable"
    advice = "Start the broker, or check FT_MQTT_URL; devices keep their readings until then."


class UnreachableError(SurroundingsError):
    code = "unreachable"
    advice = "Look whether the other machine is up and the address right, and ask again."


class ForeignTilesError(UnreachableError):
    code = "foreign-tiles"
    advice = "Look whether this is the log's own address and its server is in order, and ask again."


class BehindError(SurroundingsError):
    code = "behind"
    advice = "Ask again in a few seconds: it goes on where it stopped."


class WitnessError(SurroundingsError):
    code = "witness"
    advice = "What is published stays so; the witness is asked again in a minute."


class WorkerLostError(SurroundingsError):
    code = "worker-lost"
    advice = "Nothing is known of the whole. Audit again; with --workers 1 if the machine lacks memory."


class ClockError(SurroundingsError):
    code = "clock-stuck"
    advice = "Set this machine's clock; nothing is taken or signed until it moves on."


class ClockLeapError(ClockError):
    code = "clock-leapt"
    advice = "Set this machine's clock. If it is right: traceability doctor --clock-is-right"


def _shown(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex() if len(value) <= 64 else f"{bytes(value[:32]).hex()}… ({len(value)} bytes)"
    text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"
