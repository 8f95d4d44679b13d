"""How well a batch kept, estimated for people: its mean kinetic temperature, and its life that is left.

Nothing here is proven: the temperatures are, what they do to the goods is a model (`sensing.profiles`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from traceability.sensing.channels import is_product
from traceability.sensing.episodes import Span, joined
from traceability.sensing.kinetics import held, mean_kinetic_milli_c, spent_ms
from traceability.sensing.profiles import PROFILES, Life, Profile
from traceability.verification.journey import Journey, StayView
from webapp.consumer.cold import Turn, relays
from webapp.consumer.corrected import creation
from webapp.i18n import show_degrees, show_duration, translate

LEAST_MS: Final = 60_000
"""Less measured time says nothing."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What was estimated when a batch was last measured; ``left_ms`` is None without a model, else >= 0."""

    mean_milli_c: int
    left_ms: int | None
    reference_milli_c: int | None


def keeping(journey: Journey) -> Keeping | None:
    """The estimate for a batch whose producer says what kind of product it is; None where there is none.

    Goods that were in two measured places at once are counted once, by a logger packed with them
    before all others. Time without data counts as the warmest that was measured.
    """
    profile = profile_of(journey)
    if profile is None:
        return None
    counted: tuple[Span, ...] = ()
    found: Counter[int] = Counter()
    for stay in sorted(journey.stays, key=lambda s: (s.opened is not None, s.from_ms)):
        found += _worst(stay, _free((stay.from_ms, stay.to_ms), counted), journey, profile.life)
        counted = joined((*counted, (stay.from_ms, stay.to_ms)))
    if sum(found.values()) < 2 * LEAST_MS:
        return None
    mean = mean_kinetic_milli_c(found)
    if profile.life is None:
        return Keeping(mean, None, None)
    began_ms = creation(journey).happened_ms
    last_ms = max(c.samples[-1].at_ms for s in journey.stays for c in s.curves if c.samples)
    found[max(found)] += max(0, 2 * (last_ms - began_ms) - sum(found.values()))
    left_ms = profile.life.at_reference_ms - spent_ms(found, profile.life.model)
    return Keeping(mean, max(0, left_ms), profile.life.model.reference_milli_c)


def keeping_sentence(journey: Journey) -> str:
    """The same in one sentence; empty if there is nothing to say."""
    kept = keeping(journey)
    if kept is None:
        return ""
    mean = show_degrees(kept.mean_milli_c)
    if kept.left_ms is None:
        return translate("Estimated, not proven: mean kinetic temperature %(mean)s.", mean=mean)
    if not kept.left_ms:
        return translate(
            "Estimated, not proven: mean kinetic temperature %(mean)s, and no shelf life was left "
            "when last measured.",
            mean=mean,
        )
    return translate(
        "Estimated, not proven: mean kinetic temperature %(mean)s, and when last measured about "
        "%(left)s of shelf life left at %(cold)s.",
        mean=mean,
        left=show_duration(kept.left_ms),
        cold=show_degrees(kept.reference_milli_c),
    )


def profile_of(journey: Journey) -> Profile | None:
    """The profile that the producer names, if this node knows it."""
    ilmd = creation(journey).event.get("ilmd")
    stated = ilmd.get("ft:temperature") if isinstance(ilmd, Mapping) else None
    name = stated.get("profile") if isinstance(stated, Mapping) else None
    return PROFILES.get(name) if isinstance(name, str) else None


def _worst(stay: StayView, windows: Sequence[Span], journey: Journey, life: Life | None) -> Counter[int]:
    """What the goods went through by the least favourable sensor: of those in the goods, if there are any."""
    sensors = relays(stay, journey.limits)
    inside = [turns for turns in sensors if is_product(turns[0].curve.name, stay.role(turns[0].curve))]
    each = [_held(turns, windows, journey.limits.max_gap_ms) for turns in inside or sensors]
    known = [temperatures for temperatures in each if temperatures]
    if not known:
        return Counter()
    if life is None:
        return max(known, key=mean_kinetic_milli_c)
    model = life.model
    return max(known, key=lambda temperatures: spent_ms(temperatures, model))


def _held(turns: Sequence[Turn], windows: Sequence[Span], max_gap_ms: int) -> Counter[int]:
    found: Counter[int] = Counter()
    for turn, (from_ms, to_ms) in product(turns, windows):
        begin_ms, end_ms = max(from_ms, turn.from_ms), min(to_ms, turn.to_ms)
        if begin_ms < end_ms:
            found += held(turn.curve.samples, max_gap_ms, begin_ms, end_ms)
    return found


def _free(span: Span, counted: Sequence[Span]) -> list[Span]:
    """The parts of a span that are in none of these, which are disjoint and in order."""
    free, from_ms = [], span[0]
    for begin_ms, end_ms in counted:
        if from_ms < min(begin_ms, span[1]):
            free.append((from_ms, min(begin_ms, span[1])))
        from_ms = max(from_ms, end_ms)
    if from_ms < span[1]:
        free.append((from_ms, span[1]))
    return free
