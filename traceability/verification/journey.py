"""What a checked bundle says, as values that a page can be drawn from: nothing here is unverified."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from traceability.ledger.stay import StayClose, StayOpen
from traceability.sensing.channels import Role, judging
from traceability.sensing.coldchain import Limits
from traceability.supply.epcis.events import begins
from traceability.supply.notice import Notice
from traceability.supply.recall import Recall
from traceability.verification.stays import Curve
from traceability.verification.times import Bracket


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the batch.

    Attributes:
        seq: number of its record in the batch's stream.
        event: the EPCIS event as far as it is disclosed.
        recall: what it says of a recall, if it does.
        hidden: how many of its parts are withheld here.
        party: URI of who says so.
        node: name of the node that the party is enrolled on.
        custody: ``node`` if the node keeps that party's key and signed for it, else ``self``.
        happened_ms, recorded_ms: by the party's word; when the node chained it.
        suspected: whether it was recorded while misuse of its key was suspected; it stays valid.
    """

    seq: int
    event: Mapping[str, Any]
    recall: Recall | None
    hidden: int
    party: str
    node: str
    custody: str
    happened_ms: int
    recorded_ms: int
    suspected: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A notice of a document: who deposited which file about a stream. The file itself is elsewhere.

    Attributes:
        seq: number of its record in the stream that the notice names.
        statement: SHA-256 of the signed notice.
        party, custody, recorded_ms, suspected: as of a ``Happening``.
    """

    seq: int
    notice: Notice
    statement: bytes
    party: str
    custody: str
    recorded_ms: int
    suspected: bool


@dataclass(frozen=True, slots=True)
class StayView:
    """The batch's time in one monitored asset, with the curves recomputed from signed frames.

    Attributes:
        opened: the text that opens it; None for the time with a logger that is packed with the
            batch, whose frames stand in the batch's own chain.
        closed: the last close or amendment; None while the stay is open or waits for data.
        to_ms: leaving time; of an open stay the time of the state.
        missing: counters that a device used and that are neither here nor declared lost, by device.
        declared: counters that a device declared lost, by device.
        frames: how many frames of the stay's devices stand in the asset's stretch.
        suspected: how many of their statements came while misuse of the key was suspected; they stay valid.
        roles: what channels measure, by device and name, as far as the installing events say.
    """

    opened: StayOpen | None
    closed: StayClose | None
    from_ms: int
    to_ms: int
    left: bool
    curves: tuple[Curve, ...]
    missing: Mapping[str, int]
    declared: Mapping[str, int]
    frames: int
    suspected: int
    roles: Mapping[tuple[str, str], Role] = field(default_factory=dict)

    def role(self, curve: Curve) -> Role | None:
        """What a curve's channel was said to measure."""
        return self.roles.get((curve.device, curve.name))

    @property
    def judging(self) -> tuple[Curve, ...]:
        """The curves by which the goods are judged."""
        named = {(c.device, c.name): self.role(c) for c in self.curves if c.samples}
        counted = judging(named)
        return tuple(c for c in self.curves if (c.device, c.name) in counted)


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record of the bundle: where it stands, whether its statement is shown or withheld, and
    between which times that was signed.

    ``suspected``: a device's statement that came while misuse of its key was suspected; it stays valid.
    """

    stream: str
    seq: int
    recorded_ms: int
    media_type: str
    hash: bytes
    shown: bool
    bracket: Bracket
    suspected: bool


@dataclass(frozen=True, slots=True)
class Journey:
    """A whole batch.

    Attributes:
        batch: URI of its stream; ``created`` is the event that made it known.
        names: of parties and devices, by URI, in ``en`` and ``zh`` as far as there are.
        stays: in the order in which they were entered; behind them those with packed loggers.
        size, as_of_ms: tree size and time of the state that it was checked at.
        documents: of the batch, then of the assets as far as their records are shown.
    """

    batch: str
    created: Mapping[str, Any]
    limits: Limits
    happenings: tuple[Happening, ...]
    stays: tuple[StayView, ...]
    records: tuple[RecordView, ...]
    names: Mapping[str, Mapping[str, str]]
    size: int
    as_of_ms: int
    documents: tuple[Document, ...] = ()

    @property
    def recalls(self) -> tuple[tuple[Recall, Happening], ...]:
        """What is said of each recall of the batch now, and where; in the order of their beginning."""
        newest: dict[str, tuple[Recall, Happening]] = {}
        for happening in self.happenings:
            if happening.recall is not None:
                newest[happening.recall.id] = happening.recall, happening
        return tuple(newest.values())

    @property
    def makers(self) -> tuple[str, ...]:
        """The parties that say that the batch began with them, and did not take it back, by their records.

        One, or none where it is only named; more contradict each other, and ``created`` is the first.
        """
        claims = Counter[str]()
        for happening in self.happenings:
            if begins(happening.event, self.batch, happening.node):
                claims[happening.party] += -1 if "errorDeclaration" in happening.event else 1
        return tuple(party for party, count in claims.items() if count > 0)
