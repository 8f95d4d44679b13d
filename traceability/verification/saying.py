"""Who said what a bundle holds, in one line: the answer to ``signed``."""

from __future__ import annotations

from traceability import media
from traceability.verification.journey import Journey
from traceability.verification.signers import Signers


def who_signed(journey: Journey, signers: Signers) -> str:
    """The parties by who keeps their keys, whether makers contradict each other, and the devices."""
    names: dict[str, dict[str, None]] = {"self": {}, "node": {}}
    by = [(happening.custody, happening.party) for happening in journey.happenings]
    for custody, party in (*by, *((document.custody, document.party) for document in journey.documents)):
        names[custody][journey.names[party]["en"]] = None
    said = [f"signed by {', '.join(names['self'])}"] if names["self"] else []
    if names["node"]:
        said.append(f"entered by {', '.join(names['node'])}, signed by the node for them")
    if len(journey.makers) > 1:
        claim = ", ".join(journey.names[party]["en"] for party in journey.makers)
        said.insert(0, f"{len(journey.makers)} firms say that they made it ({claim}): the first is followed")
    suspected = sum(happening.suspected for happening in journey.happenings)
    if suspected:
        said.append(f"events under suspicion that their key was misused: {suspected}")
    messages = len({(r.stream, r.seq) for r in journey.records if r.suspected})
    if messages:
        said.append(f"messages of sensors under suspicion that their key was misused: {messages}")
    frames = sum(r.media_type == media.FRAME for r in journey.records)
    devices = len({s.subject for s in signers.by_kid.values() if s.owner is not None})
    return "; ".join([*said, f"{frames} frames signed by {devices} devices"])
