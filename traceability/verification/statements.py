"""Checking the statements of a bundle: who signed each, and that it speaks about its stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from traceability import media
from traceability.errors import (
    BundleError,
    ChainMismatchError,
    SubjectMismatchError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.identifiers import Kind, parse_stream, party_deposits
from traceability.ledger.record import Record
from traceability.ledger.stay import StayClose, StayOpen, parse_stay_amend, parse_stay_close, parse_stay_open
from traceability.sensing.frame import DeviceStatement, parse_statement
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.strictjson import b64url_decode, json_decode
from traceability.supply.epcis.events import entered_asset, event_time_ms, streams_for
from traceability.supply.notice import read_notice
from traceability.supply.recall import recall_of
from traceability.verification.bundle import Stretch
from traceability.verification.journey import Document, Happening
from traceability.verification.signer import Signer
from traceability.verification.signers import Signers

Stay = StayOpen | StayClose
Content = Happening | Document | DeviceStatement | Stay | None
"""What stands behind a record; None where the statement is withheld."""

SMALL: Final = 8_192
"""Characters of all disclosures of an event up to which many such are remembered."""
_ALWAYS: Final = ("type", "eventTime")
_STAYS: Final[Mapping[str, Callable[[bytes], Stay]]] = {
    media.STAY_OPEN: parse_stay_open,
    media.STAY_CLOSE: parse_stay_close,
    media.STAY_AMEND: parse_stay_amend,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A stretch whose records chain and whose statements are genuine.

    ``suspected`` are the numbers of the records of devices' statements that came while misuse of
    the key was suspected; ``rotations`` are those of the devices that speak here.
    """

    stretch: Stretch
    records: tuple[Record, ...]
    contents: tuple[Content, ...]
    suspected: frozenset[int] = frozenset()
    rotations: tuple[DeviceStatement, ...] = ()

    @property
    def end(self) -> int:
        """The number after its last record."""
        return self.stretch.first + len(self.records)

    def head_at(self, count: int) -> bytes:
        """The record hash before number ``count``."""
        if count == self.stretch.first:
            return self.stretch.prev
        return self.records[count - self.stretch.first - 1].hash

    def between(self, first: int, end: int) -> tuple[Content, ...]:
        """The contents of records ``first`` up to but not including ``end``."""
        return self.contents[first - self.stretch.first : end - self.stretch.first]


def check_statements(
    stretch: Stretch,
    records: Sequence[Record],
    disclosures: Mapping[bytes, tuple[str, ...]],
    signers: Signers,
) -> Checked:
    """Check every statement of a stretch of a batch's or an asset's stream.

    Raises:
        SubjectMismatchError: a genuine statement on a stream it does not speak about.
        ChainMismatchError: a statement stands twice, or a device's own chain is broken.
        SignatureMismatchError, UnknownSignerError, MalformedError: as their names say.
    """
    seen: set[bytes] = set()
    contents: list[Content] = []
    for link, record in zip(stretch.links, records, strict=True):
        if link.sha256 in seen:
            raise ChainMismatchError(f"the statement of record {record.seq} stands twice in {stretch.uri}")
        seen.add(link.sha256)
        try:
            contents.append(open_statement(link.statement, link.sha256, record, disclosures, signers))
        except TraceabilityError as error:
            error.add_note(f"record {record.seq} of {record.stream}")
            raise
    said = [c for c in contents if isinstance(c, DeviceStatement)]
    devices = {statement.device for statement in said}
    rotations = tuple(r for r in signers.rotations if r.device in devices)
    _check_device_chains([*said, *rotations])
    doubted = _suspected(records, contents, signers)
    return Checked(stretch, tuple(records), tuple(contents), doubted, rotations)


def _suspected(records: Sequence[Record], contents: Sequence[Content], signers: Signers) -> frozenset[int]:
    pairs = zip(records, contents, strict=True)
    said = ((r, signers.by_kid[c.kid]) for r, c in pairs if isinstance(c, DeviceStatement))
    return frozenset(record.seq for record, signer in said if signer.suspected_at(record.time_ms))


def open_statement(
    body: bytes | None,
    sha256: bytes,
    record: Record,
    disclosures: Mapping[bytes, tuple[str, ...]],
    signers: Signers,
) -> Content:
    if body is None:
        return None
    if record.media_type == media.EVENT:
        return _event(body, record, disclosures.get(sha256, ()), signers)
    if record.media_type == media.NOTICE:
        return _document(body, sha256, record, disclosures.get(sha256, ()), signers)
    if record.media_type in _STAYS:
        stay = _STAYS[record.media_type](body)
        _about(record, [stay.batch])
        return stay
    if record.media_type in media.MEASURED:
        return _device_statement(body, record, signers)
    raise BundleError(f"{record.media_type} is not checked by this version")


def _event(body: bytes, record: Record, disclosures: Sequence[str], signers: Signers) -> Happening:
    signer = _party(_parsed(body), record, signers)
    revealed = reveal_event(body, tuple(disclosures))
    event: Any = revealed.claims.get(EVENT_CLAIM)
    if not isinstance(event, dict) or not _shows_enough(revealed.claims, event, disclosures):
        raise BundleError(f"record {record.seq} of {record.stream} does not show what happened when")
    node = parse_stream(signer.stream).host
    entered = entered_asset(event, node)
    _about(record, [*streams_for(event, node, signer.subject), *([entered] if entered else [])])
    return Happening(
        seq=record.seq,
        event=event,
        recall=recall_of(event),
        hidden=revealed.hidden,
        party=signer.subject,
        node=node,
        custody=signer.custody or "self",
        happened_ms=event_time_ms(event),
        recorded_ms=record.time_ms,
        suspected=signer.suspected_at(record.time_ms),
    )


def _document(
    body: bytes, sha256: bytes, record: Record, disclosures: Sequence[str], signers: Signers
) -> Document:
    statement = sdjwt.parse(body, typ=media.NOTICE)
    signer = _party(statement, record, signers)
    notice = read_notice(statement, disclosures)
    _about(record, [notice.subject])
    own = party_deposits(parse_stream(signer.stream).host, signer.subject)
    if parse_stream(notice.subject).kind is Kind.DEPOSITS and notice.subject != own:
        raise SubjectMismatchError(
            f"whose deposits record {record.seq} is among", expected=own, got=notice.subject
        )
    return Document(
        seq=record.seq,
        notice=notice,
        statement=sha256,
        party=signer.subject,
        custody=signer.custody or "self",
        recorded_ms=record.time_ms,
        suspected=signer.suspected_at(record.time_ms),
    )


def _party(statement: sdjwt.SdJwt, record: Record, signers: Signers) -> Signer:
    """The party that signed a statement of its own: with its key, and in its name."""
    signer = signers.find(statement.kid, record.time_ms)
    if signer.owner is not None:
        raise UnknownSignerError(f"record {record.seq} is a party's, but device {signer.subject} signed it")
    statement.verify(signer.key)
    if statement.iss != signer.subject:
        raise SubjectMismatchError(
            f"issuer of record {record.seq}", expected=signer.subject, got=statement.iss
        )
    return signer


def reveal_event(body: bytes, disclosures: tuple[str, ...]) -> sdjwt.Revealed:
    """What the disclosures show of an event; never to be changed: it may be remembered.

    An event stands in the stream of everything it names: of one that names a thousand things this is asked
    a thousand times, and small ones come again when many others were asked for.

    Raises:
        As ``sdjwt.parse`` and ``sdjwt.reveal``.
    """
    small = sum(map(len, disclosures)) <= SMALL
    return (_reveal_small if small else _reveal_large)(body, disclosures)


def _reveal(body: bytes, disclosures: tuple[str, ...]) -> sdjwt.Revealed:
    return sdjwt.reveal(_parsed(body).payload, disclosures)


_reveal_small: Final = lru_cache(maxsize=256)(_reveal)
_reveal_large: Final = lru_cache(maxsize=16)(_reveal)


@lru_cache(maxsize=16)
def _parsed(body: bytes) -> sdjwt.SdJwt:
    return sdjwt.parse(body, typ=media.EVENT)


def _shows_enough(claims: Mapping[str, Any], event: Mapping[str, Any], disclosures: Sequence[str]) -> bool:
    """Whether all is there that nobody may withhold: without it a stay could be left out unseen,
    a recall, or the limits that a batch must keep. Statements name it; the oldest did not."""
    if KEPT_CLAIM not in claims:
        return _shows_enough_unnamed(event, disclosures)
    named = claims[KEPT_CLAIM]
    return isinstance(named, list) and set(kept_members(event)) >= {*map(str, named), *_ALWAYS}


def _shows_enough_unnamed(event: Mapping[str, Any], disclosures: Sequence[str]) -> bool:
    if not all(isinstance(event.get(name), str) for name in ("type", "action", "eventTime", "bizStep")):
        return False
    if event["type"] in {"AggregationEvent", "AssociationEvent"}:
        return isinstance(event.get("parentID"), str)
    if (event["type"], event["action"]) == ("ObjectEvent", "ADD"):
        ilmd = event.get("ilmd")
        return isinstance(ilmd, dict) and ("ft:temperature" in ilmd or not _hides_inside("ilmd", disclosures))
    return bool(event["type"] != "TransformationEvent")


def _hides_inside(member: str, disclosures: Sequence[str]) -> bool:
    """Whether a disclosed member of an event has members of its own that are withheld."""
    given = {sdjwt.digest_of(text) for text in disclosures}
    for text in disclosures:
        match json_decode(b64url_decode(text)):
            case [_, str(name), dict(value)] if name == member:
                hidden = value.get("_sd")
                return isinstance(hidden, list) and not given.issuperset(map(str, hidden))
    return False


def _device_statement(body: bytes, record: Record, signers: Signers) -> DeviceStatement:
    statement = parse_statement(body)
    if statement.media_type != record.media_type:
        raise SubjectMismatchError(
            f"type of record {record.seq}", expected=record.media_type, got=statement.media_type
        )
    signer = signers.find(statement.kid, record.time_ms, statement.counter)
    statement.verify(signer.key)
    if statement.issuer != signer.subject:
        raise SubjectMismatchError(
            f"issuer of record {record.seq}", expected=signer.subject, got=statement.issuer
        )
    _about(record, [statement.stream])
    return statement


def _about(record: Record, named: Sequence[str]) -> None:
    if record.stream not in named:
        what = f"record {record.seq} holds a statement about something else"
        raise SubjectMismatchError(what, expected=record.stream, got=", ".join(named) or "nothing disclosed")


def _check_device_chains(statements: Sequence[DeviceStatement]) -> None:
    known: dict[tuple[str, int], DeviceStatement] = {}
    for statement in statements:
        place = (statement.device, statement.counter)
        if place in known:
            raise ChainMismatchError(f"device {statement.device} used counter {statement.counter} twice")
        known[place] = statement
    for (device, counter), statement in known.items():
        before = known.get((device, counter - 1))
        if before is not None and statement.prev != before.sha256:
            what = f"statement {counter} of device {device} does not follow the one before it"
            raise ChainMismatchError(what, expected=before.sha256, got=statement.prev)
