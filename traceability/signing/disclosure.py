"""Who may see which parts of an event statement: the tree of parts, and a party's own exceptions.

*Hidden.* What is a disclosure of its own is said by :mod:`traceability.signing.parts` and never
depends on a policy. The context of the document that an event came in is one more disclosure,
beside the event; it is treated as the event's own ``@context`` is.

*Released.* The disclosures of an audience always include the parents they need: an inner part is
never for a wider audience than the part around it. A page may show fewer: of the elements that
name batches, the one of its own batch is enough.

*Exceptions.* A party may open or close any part for its own events, but for those that are kept
and for hashes over whole events. By such a hash hidden fields could be guessed: ``eventID`` is
for those who see every other part of that very event, whatever the policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from traceability.errors import ConflictError, StatementError
from traceability.signing.digests import Path
from traceability.signing.parts import (
    Audience,
    Part,
    format_part,
    hide_event,
    kept,
    part_of,
    rule_of,
    rules_on,
)
from traceability.signing.strictjson import Json

__all__ = [
    "CONTEXT_CLAIM",
    "DEFAULT",
    "EVENT_CLAIM",
    "Audience",
    "Policy",
    "digests_for",
    "hide_claims",
    "hide_event",
    "inside",
    "kept",
    "kept_digests",
    "require_policy",
    "strictest",
]

EVENT_CLAIM: Final = "event"
"""Where the event stands among the claims of a statement; ``iss`` and ``iat`` stand beside it."""
CONTEXT_CLAIM: Final = "context"
"""Where the ``@context`` of its document stands, if it had one."""
_EVENT_ID: Final = (EVENT_CLAIM, "eventID")


@dataclass(frozen=True, slots=True)
class Policy:
    """To whom a party shows the parts of its events: the tree above with exceptions.

    Raises:
        ConflictError: an exception for a part that no policy may open or close.
        StatementError: an exception for something that is not a part of its own.
    """

    exceptions: Mapping[Part, Audience] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in self.exceptions:
            rule = rule_of(part)
            if rule.kept or rule.fixed:
                why = "is never withheld" if rule.kept else "goes to those who see every part of the event"
                raise ConflictError(
                    f"{format_part(part)} {why}: no policy changes that",
                    remedy="Open or close other parts: traceability policy show lists what can be changed.",
                )

    def audience_of(self, path: Path) -> Audience:
        """The widest audience that may see the part at ``path``."""
        audiences = (
            self.exceptions.get(part_of(path[:depth]), rule.audience)
            for depth, rule in enumerate(rules_on(path))
        )
        return max(audiences)


DEFAULT: Final = Policy()
"""What holds where a party has said nothing."""


def strictest(policies: Iterable[Policy]) -> Policy:
    """Shows a part only to those to whom every one of the policies (one or more) shows it."""
    given = tuple(policies)
    parts = {part for policy in given for part in policy.exceptions}
    return Policy(
        {part: max(p.exceptions.get(part, rule_of(part).audience) for p in given) for part in parts}
    )


@lru_cache(maxsize=4096)
def hide_claims(path: Path) -> bool:
    """The same for the claims of a statement: what :func:`traceability.signing.sdjwt.issue` asks."""
    return path == (CONTEXT_CLAIM,) or (path[:1] == (EVENT_CLAIM,) and hide_event(path[1:]))


def digests_for(audience: Audience, paths: Mapping[str, Path], policy: Policy = DEFAULT) -> frozenset[str]:
    """The digests whose disclosures an audience gets, parents included.

    Args:
        audience: who asks.
        paths: of all disclosures of one event statement, by digest, from its claims.
        policy: of the party whose statement it is.
    """
    others = {digest: inside(path) for digest, path in paths.items() if path != _EVENT_ID}
    if audience is Audience.REGULATOR:  # who sees all
        return frozenset(paths)
    seen = {digest for digest, path in others.items() if policy.audience_of(path) <= audience}
    return frozenset(paths if len(seen) == len(others) else seen)


def kept_digests(paths: Mapping[str, Path]) -> frozenset[str]:
    """The digests whose disclosures are never withheld and never erased."""
    return frozenset(digest for digest, path in paths.items() if kept(inside(path)))


def require_policy(claims: Mapping[str, Json], paths: Mapping[str, Path]) -> None:
    """Checks, before it is recorded, that a statement hides exactly what this policy hides.

    Who signs with a key of their own divides the event alone; what stands in plain then can
    never be withheld or erased.

    Args:
        claims: all of them, as revealed with every disclosure.
        paths: of those disclosures, by digest.

    Raises:
        StatementError: a part that must be a disclosure of its own is not, or the reverse.
    """
    wanted = {path for path in _places(dict(claims), ()) if hide_claims(path)}
    if differing := wanted ^ set(paths.values()):
        place = min("/".join(map(str, path)) for path in differing)
        raise StatementError(f"the policy for events and the statement differ about {place}")


def inside(path: Path) -> Path:
    """Where a disclosure of an event statement stands in the event; its context is the ``@context``.

    Raises:
        StatementError: it is no part of an event.
    """
    if path == (CONTEXT_CLAIM,):
        return ("@context",)
    if path[:1] != (EVENT_CLAIM,) or len(path) == 1:
        raise StatementError("an event statement hides parts of its event, its context, and nothing else")
    return path[1:]


def _places(value: Json, path: Path) -> Iterator[Path]:
    """The path of every member and element, inner ones too."""
    steps: list[tuple[str | int, Json]] = []
    if isinstance(value, dict):
        steps = list(value.items())
    elif isinstance(value, list):
        steps = list(enumerate(value))
    for step, item in steps:
        yield (*path, step)
        yield from _places(item, (*path, step))
